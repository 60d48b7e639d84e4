"""Tables as LaTeX with booktabs, and a document that shows them with the figures.

Numbers are those of the Markdown; marks say which cells surely differ from the reference row and
from a random start.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.claims.marks import Comparisons, Row, compare_rows
from imagenet_transfer.figures.builders import caption
from imagenet_transfer.files import read_table, write_text
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.reporting.escapes import latex_text
from imagenet_transfer.reporting.markdown import (
    bold_notes,
    column_title,
    measure_notes,
    set_notes,
)
from imagenet_transfer.reporting.tables import Made, made_table
from imagenet_transfer.reporting.text import NO_COMPARISON, PAPER

BELOW = r"\dagger"  # the reference row
ABOVE = r"\ddagger"
BETTER = r"\ast"  # than a random start
WORSE = r"\circ"
MEANINGS = {BELOW: "below {0}", ABOVE: "above {0}", BETTER: "above {1}", WORSE: "below {1}"}
PUBLISHED = r"\quad as published"
# Down to the width of the line or the height of a page, never up
SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
TABLE = r"""% Table of the study {study}: needs \usepackage{{booktabs,graphicx}} and T1 fonts.
\begingroup\small\centering\setlength{{\tabcolsep}}{{8pt}}
{shrunk}
\begin{{tabular}}{{{columns}}}
\toprule
{head}
\midrule
{body}
\bottomrule
\end{{tabular}}}}
\par\smallskip
\begin{{minipage}}{{\linewidth}}\footnotesize\raggedright
{notes}
\end{{minipage}}
\par\endgroup
"""
DOCUMENT = r"""\documentclass[a4paper]{{article}}
\usepackage[T1]{{fontenc}}
\usepackage[utf8]{{inputenc}}
\usepackage{{lmodern}}
\usepackage[margin=16mm]{{geometry}}
\usepackage{{booktabs,float,graphicx}}
\setlength{{\belowcaptionskip}}{{6pt}}
\setlength{{\belowcaptionskip}}{{6pt}}
\newsavebox{{\drawn}}
\newcommand{{\smaller}}[1]{{\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{{#1}}}}
\newcommand{{\drawing}}[1]{{\sbox{{\drawn}}{{\includegraphics{{#1}}}}%
  \ifdim\wd\drawn>\linewidth\smaller{{#1}}\else
  \ifdim\ht\drawn>0.8\textheight\smaller{{#1}}\else\usebox{{\drawn}}\fi\fi}}
\title{{{title}}}
\author{{}}
\date{{}}
\begin{{document}}
\maketitle
\noindent {about}

{floats}
\end{{document}}
"""
FLOAT = r"""\begin{{{kind}}}[H]
\centering
\renewcommand{{\the{kind}}}{{{number}}}
{content}
\end{{{kind}}}
"""


def write_latex_table(
    layout: Mapping[str, Any],
    metrics: Iterable[Path | str],
    sizes: Sequence[Path],
    runs: Path | str,
    settings: Mapping[str, Any],
    tex: Path | str,
) -> None:
    """Write a table as LaTeX.

    `layout`, `metrics` and `sizes` are as of `made_table`, `runs` is runs.csv, `settings` the
    study's `reporting_settings`.
    """
    made = made_table(layout, metrics, sizes)
    compared = compare_rows(layout, read_table(runs), settings)
    write_text(tex, table_latex(layout, made, compared, settings))


def table_latex(
    layout: Mapping[str, Any],
    made: Made,
    compared: Comparisons,
    settings: Mapping[str, Any],
) -> str:
    """Return a table with its notes below, as wide as the line at most."""
    cells = _cells(layout, made, compared)
    head, body, columns = (_budgets if layout["builder"] == "budgets" else _rows)(layout, cells)
    published = any(line.startswith(PUBLISHED) for line in body)
    first = [
        *measure_notes(made.frame, layout),
        *(["As published: what the paper states, where it does."] if published else []),
        *(bold_notes(layout, made.bold) if made.bold else []),
    ]
    last = filter(None, set_notes(made.frame, layout, made.given, made.short))
    notes = [
        " ".join(map(latex_text, first)),
        mark_note(layout, compared, settings["subsets"]),
        " ".join(map(latex_text, last)),
    ]
    return TABLE.format(
        study=latex_text(settings["study"]["name"]),
        shrunk=SHRUNK,
        columns=columns,
        head="\n".join(head),
        body="\n".join(body),
        notes="\n\n".join(filter(None, notes)),
    )


# Cells

Cell = tuple[str, str]  # our number, and the paper's if it is shown


def _cells(
    layout: Mapping[str, Any], made: Made, compared: Comparisons
) -> dict[tuple[Row, str], Cell]:
    """Return the cells by row and task."""
    cells = {}
    for one in made.frame.itertuples():
        row = (getattr(one, "architecture", layout.get("architecture", "")), one.subset)
        bold = (" ".join(row), one.task) in made.bold
        paper = getattr(one, "paper", "")
        marks = marks_of(compared, row, one.task)
        cells[row, one.task] = (
            cell_latex(one.mean, one.std, marks, bold),
            "" if paper == "" else number(paper),
        )
    return cells


def cell_latex(mean: float, std: float | str, marks: Sequence[str], bold: bool = False) -> str:
    """Return mean and standard deviation, with marks that take no room."""
    spread = "" if std == "" else rf" $\pm$ {number(float(std))}"
    text = number(mean) + spread
    text = rf"\textbf{{{text}}}" if bold else text
    return text + (rf"\rlap{{$^{{{''.join(marks)}}}$}}" if marks else "")


def number(value: float) -> str:
    """Return a number with one digit, as Markdown has it."""
    return f"{float(value):.1f}".replace("-", "$-$")


def marks_of(compared: Comparisons, row: Row, task: str) -> list[str]:
    """Return the marks of a cell: how it differs from the reference, then from a random start."""
    found = []
    for one in compared.sure(row, task):
        better = one.effect.estimate > 0
        with_start = one.other[1] == SCRATCH
        found.append((WORSE, BETTER)[better] if with_start else (BELOW, ABOVE)[better])
    return found


# Rows


def _rows(
    layout: Mapping[str, Any], cells: Mapping[tuple[Row, str], Cell]
) -> tuple[list[str], list[str], str]:
    """Return head, lines and columns of a table of subsets, or of networks, and tasks."""
    tasks = layout["tasks"]
    several = "architectures" in layout
    architectures = layout["architectures"] if several else [layout["architecture"]]
    titles = ["Network", "Pre-trained on"] if several else ["Pre-trained on"]
    head = [_line([*map(latex_text, titles), *(_centred(1, task, layout) for task in tasks)])]
    body = []
    for row in itertools.product(architectures, layout["subsets"]):
        named = row if several else row[1:]
        found = [cells[row, task] for task in tasks]
        body += _lines(list(map(latex_text, named)), found)
    return head, body, "l" * len(titles) + "r" * len(tasks)


def _budgets(
    layout: Mapping[str, Any], cells: Mapping[tuple[Row, str], Cell]
) -> tuple[list[str], list[str], str]:
    """Return the same of Table 2: a column per task and budget, and references across budgets."""
    tasks = layout["tasks"]
    width = len(layout["columns"])
    first = (
        "At different numbers of images" if layout.get("unequal") else "At equal numbers of images"
    )
    rules = [rf"\cmidrule(lr){{{2 + i * width}-{1 + (i + 1) * width}}}" for i in range(len(tasks))]
    titles = [rf"\multicolumn{{1}}{{c}}{{{latex_text(name)}}}" for name in layout["columns"]]
    head = [
        _line(["", *(_centred(width, task, layout) for task in tasks)]),
        "".join(rules),
        _line([first, *titles * len(tasks)]),
    ]
    of = {subset: (layout["architecture"], subset) for subset in _subsets(layout)}
    body = []
    for row in layout["rows"]:
        found = [cells[of[name], task] for task in tasks for name in row["subsets"]]
        body += _lines([latex_text(row["title"])], found)
    body += [r"\midrule"] if layout["references"] else []
    for name in layout["references"]:
        body += _lines([latex_text(name)], [cells[of[name], task] for task in tasks], width)
    return head, body, "l" + "r" * width * len(tasks)


def _subsets(layout: Mapping[str, Any]) -> list[str]:
    return [*layout["references"], *(name for row in layout["rows"] for name in row["subsets"])]


def _centred(width: int, task: str, layout: Mapping[str, Any]) -> str:
    return rf"\multicolumn{{{width}}}{{c}}{{{latex_text(column_title(task, layout))}}}"


def _lines(titles: list[str], cells: Sequence[Cell], width: int = 1) -> list[str]:
    """Return a row's line, and one of the paper's numbers if it has any; cells span `width`."""
    ours, paper = ([_spanning(cell[i], width) for cell in cells] for i in (0, 1))
    lines = [_line([*titles, *ours])]
    if any(cell[1] for cell in cells):
        lines.append(_line([PUBLISHED, *titles[1:], *paper]))
    return lines


def _spanning(cell: str, width: int) -> str:
    return cell if width == 1 else rf"\multicolumn{{{width}}}{{c}}{{{cell}}}"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


# Notes


def mark_note(
    layout: Mapping[str, Any], compared: Comparisons, subsets: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return what the marks of a table mean and how they were found, or why there are none.

    `subsets` is that of the study's `reporting_settings`.
    """
    if not compared.compared:
        return ""
    several = "architectures" in layout
    reference = "" if compared.reference is None else _name(compared.reference, several)
    start = "the random start of its architecture" if several else f"the random start ({SCRATCH})"
    if not compared.tested:
        return latex_text(f"No cell is marked as different from another: {_reason(compared)}.")
    others = [reference] if reference else []
    if any(one.other[1] == SCRATCH for one in compared.compared):
        others.append(start)
    found = {mark for one in compared.compared for mark in marks_of(compared, one.row, one.task)}
    meanings = [
        f"${mark}$ surely {latex_text(words.format(reference, start))}"
        for mark, words in MEANINGS.items()
        if mark in found
    ]
    said = "; ".join([*meanings, "no mark: cannot tell"]) if found else "No difference is sure"
    return f"{said}. {latex_text(_method(compared, ' and with '.join(others), subsets))}"


def _method(compared: Comparisons, others: str, subsets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return in words which test was made, on how many values, and how it was corrected."""
    tested = {one.task for one in compared.compared if one.adjusted >= 0}
    known = [task for task in compared.counts if task in tested]
    counts = ", ".join(f"{task}: n = {_span(compared.counts[task])}" for task in known)
    words = [
        f"Each cell is compared with {others}: two-sided paired t tests on the replicates "
        f"({counts}), sure at 5 % after Holm's correction for the {compared.tested} tests of this "
        "table."
    ]
    if compared.reference:
        words.append(
            "Variances of differences between pre-trained networks are moderated by all cells of "
            "the study (as in limma)."
        )
    if untested := [task for task in compared.counts if task not in tested]:
        words.append(f"Nothing is tested on {', '.join(untested)}: {_reason(compared, untested)}.")
    rows = dict.fromkeys(one.row[1] for one in compared.compared)
    if once := [name for name in rows if name in subsets and subsets[name]["networks"] == 1]:
        words.append(f"The tests are about these networks; {', '.join(once)}: pre-trained once.")
    return " ".join(words)


def _reason(compared: Comparisons, tasks: Iterable[str] = ()) -> str:
    """Return why cells of these tasks, or of all, are not tested."""
    fewest = max(compared.counts[task][0] for task in (tasks or compared.counts))
    if fewest < 2:
        return "one run has no spread; raise `replicates`, the study's and the tasks'"
    return "the replicates agree exactly"


def _name(row: Row, several: bool) -> str:
    return " ".join(row) if several else row[1]


def _span(counts: tuple[int, int]) -> str:
    return " to ".join(dict.fromkeys(map(str, counts)))


# The document


def study_latex(settings: Mapping[str, Any], tables: Iterable[str], figures: Iterable[str]) -> str:
    """Return a document with all tables and figures of a study, next to which their files lie.

    `settings` are the study's `reporting_settings`, `tables` and `figures` names of outputs.
    """
    study = settings["study"]
    seed = f"After {PAPER}. Seed {study['seed']}."
    about = seed if study["compare"] else f"{seed} {NO_COMPARISON}"
    outputs = settings["outputs"]
    floats = [
        _float("table", name, _caption(outputs[name]), rf"\input{{{name}.tex}}") for name in tables
    ]
    floats += [
        _float("figure", name, rf"\drawing{{{name}.pdf}}", _caption(outputs[name]))
        for name in figures
    ]
    title = latex_text(f"Transfer learning from ImageNet: the study {study['name']}")
    return DOCUMENT.format(title=title, about=latex_text(about), floats="\n".join(floats))


def _float(kind: str, name: str, *content: str) -> str:
    """Return a float that is numbered as the study calls it: 2 for table2, context."""
    called = name.removeprefix(kind).removeprefix("-")
    return FLOAT.format(kind=kind, number=latex_text(called), content="\n".join(content))


def _caption(layout: Mapping[str, Any]) -> str:
    return rf"\caption{{{latex_text(caption(layout))}}}"
