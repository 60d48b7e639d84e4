"""Markdown tables and prose as HTML."""

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape

from imagenet_transfer.reporting.markdown import cells_of


def table_html(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Collection[int] = ()
) -> str:
    """Return a table from cells that are HTML already; the first cell of a row is its header.

    Columns whose places are in `numeric` are aligned to the right.
    """
    lines = []
    for row in rows:
        cells = (f"<td{_aligned(i in numeric)}>{cell}</td>" for i, cell in enumerate(row) if i)
        lines.append(f'<tr><th scope="row">{row[0]}</th>{"".join(cells)}</tr>')
    body = f"<tbody>{''.join(lines)}</tbody>"
    return f'<div class="wide"><table>{head_html(columns, numeric)}{body}</table></div>'


def head_html(columns: Sequence[str], numeric: Collection[int] = ()) -> str:
    """Return the head of a table."""
    cells = (
        f'<th scope="col"{_aligned(i in numeric)}>{cell}</th>' for i, cell in enumerate(columns)
    )
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _aligned(right: bool) -> str:
    return ' class="number"' if right else ""


def prose_html(text: str) -> str:
    """Return text as escaped HTML, with `names` as code and hyphens before numbers as minus."""
    with_signs = re.sub(r"(?<=\s)-(?=\d)", "−", escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", with_signs)


def markdown_html(text: str, name: str) -> str:
    """Return a table's Markdown (a title, tables of pipes, paragraphs) as HTML."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    first = blocks[0][0]
    title = first.removeprefix("# ") if first.startswith("# ") else name
    parts = [f'<h3 id="{escape(name)}">{escape(title)}</h3>']
    for lines in blocks:
        if lines[0].startswith("|"):
            parts.append(_pipes_html(lines))
        elif not lines[0].startswith("# "):
            parts.append(f"<p>{escape(' '.join(lines))}</p>")
    return f"<article>{''.join(parts)}</article>"


def _pipes_html(lines: Sequence[str]) -> str:
    """Return a Markdown table as HTML."""
    head, rule, *rows = map(cells_of, lines)
    numeric = [i for i, mark in enumerate(rule) if mark.endswith(":")]
    escaped = [[_emphasised(escape(cell)) for cell in row] for row in (head, *rows)]
    return table_html(escaped[0], escaped[1:], numeric)


def _emphasised(cell: str) -> str:
    """Return a cell that is bold in Markdown as bold HTML."""
    return re.sub(r"^\*\*(.+)\*\*$", r"<strong>\1</strong>", cell)
