"""The whole study on one page that opens without a network: answers, tables, figures, runs."""

import base64
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from PIL import Image

from imagenet_transfer.claims.comparison import NOT_COMPARABLE
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.builders import heading
from imagenet_transfer.files import read_table, write_text
from imagenet_transfer.labels.taxonomy import Taxonomy, taxonomy_for
from imagenet_transfer.reporting.html_blocks import markdown_html, prose_html
from imagenet_transfer.reporting.page import answers as answering
from imagenet_transfer.reporting.page.charts import Chart, figure_chart
from imagenet_transfer.reporting.page.classes import class_chart, class_table, full_set
from imagenet_transfer.reporting.page.hierarchy import class_tree, places_table
from imagenet_transfer.reporting.page.runs import Run, learning_curves, read_runs
from imagenet_transfer.reporting.page.spread import replicates_chart, spread_table
from imagenet_transfer.reporting.page.timeline import read_jobs, time_by_stage, timeline
from imagenet_transfer.reporting.page.widgets import in_script, widgets
from imagenet_transfer.reporting.power_words import POWER_NOTE, power_rows
from imagenet_transfer.reporting.text import NO_COMPARISON, PAPER, sign_text
from imagenet_transfer.resources import RESOURCES
from imagenet_transfer.running.progress import duration

TEMPLATES = RESOURCES / "report"
# The browser itself refuses the network; Vega compiles its expressions, DataTables is a module.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "script-src 'unsafe-inline' 'unsafe-eval' blob:"
)
LARGEST_DOWNLOAD = 300_000  # bytes, compressed: larger files are linked, not held by the page
LARGEST_PICTURE = 600_000  # bytes: collages of photographs are larger, and are shown as WebP
WEBP_QUALITY = 90
OF_CLASSES = ("examples",)  # builders of figures that stand with the results per class
FIRST = ("table2", "figure1", "figure2")  # shown next to the answers, if the study has them


@dataclass(frozen=True)
class Picture:
    """A figure: its name in the config, its layout and caption, and its files.

    `files` are offered for download; `csv` are those with its numbers, by ending's name.
    """

    name: str
    png: Path
    caption: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    csv: Mapping[str, Path] = field(default_factory=dict)
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class Parts:
    """What the report shows: `tables` are Markdown by name, `records` all runs' metrics.json.

    `metrics` are those of tasks by name, `layouts` those of outputs, `label_sets` the CSV files by
    name, and `benchmarks` the records of jobs below `benchmark_folder`.
    """

    name: str
    seed: int
    compare: bool
    findings: pd.DataFrame
    power: pd.DataFrame
    tables: Mapping[str, str]
    figures: Sequence[Picture]
    comparison: pd.DataFrame
    runs: pd.DataFrame
    records: Sequence[Path]
    metrics: Mapping[str, str] = field(default_factory=dict)
    label_sets: Mapping[str, Path] = field(default_factory=dict)
    layouts: Mapping[str, Any] = field(default_factory=dict)
    benchmarks: Sequence[Path] = ()
    benchmark_folder: Path = Path()


def report(path: Path | str, parts: Parts) -> None:
    """Write the page: one HTML file with its style, scripts, pictures and numbers inside.

    Raises UserError if the record of a run is damaged.
    """
    write_text(path, page_html(parts, Path(path)))


def page_html(parts: Parts, path: Path) -> str:
    """Return the page, whose links lead from `path` to the files of the study."""
    runs = read_runs(parts.records, path)
    jobs = read_jobs(parts.benchmarks, parts.benchmark_folder, runs)
    classes = class_table(parts.runs)
    label_sets = {name: read_table(file) for name, file in parts.label_sets.items()}
    taxonomy = _taxonomy(label_sets)
    pictures = [_picture(picture, path) for picture in parts.figures]
    shown = {
        "learning": learning_curves(runs),
        "classes": class_chart(classes, full_set(parts.layouts)),
        "replicates": replicates_chart(parts.runs, parts.metrics),
        "timeline": timeline(jobs),
    }
    found = [picture["chart"] for picture in pictures] + list(shown.values())
    content = {
        "parts": parts,
        "paper": PAPER,
        "policy": POLICY,
        "no_comparison": NO_COMPARISON,
        "facts": facts(parts, runs),
        "answers": answering.answers(parts.findings, parts.power),
        "counts": counts(parts.findings),
        "verdict_words": answering.WORDS,
        "verdict_classes": answering.CLASSES | {"mixed": "open"},
        "comparable": "; ".join(sorted(set(parts.findings["comparable"]))),
        "power_note": POWER_NOTE,
        "power": power_rows(parts.power),
        "tables": {name: markdown_html(text, name) for name, text in parts.tables.items()},
        "first": FIRST,
        "pictures": {picture["name"]: picture for picture in pictures},
        "comparison": comparison_rows(parts.comparison),
        "tree": class_tree(_wnids(label_sets), taxonomy),
        "places": places_table(label_sets, taxonomy),
        "classes": classes,
        "spread": spread_table(parts.runs, parts.metrics),
        "stages": time_by_stage(jobs),
        "runs": runs,
        "charts": shown,
        "specs": in_script(json.dumps({one.name: one.spec for one in found if one})),
        "rules": rules_svg(),
        "widgets": widgets(),
    }
    return _environment().get_template("page.html").render(content)


def rules_svg() -> str:
    """Return the drawing of the workflow's rules as it stands in HTML, without XML's prologue."""
    text = (TEMPLATES / "rules.svg").read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    filters = {"number": _number, "prose": _prose, "duration": duration, "p": p_text}
    environment.filters |= filters
    return environment


def _number(value: Any, digits: int = 1) -> str:
    return "" if pd.isna(value) else sign_text(float(value), digits)


def _prose(text: str) -> Markup:
    return Markup(prose_html(text))


def p_text(p: float) -> str:
    """Return a p value with as many digits as it takes; nothing for NaN."""
    if pd.isna(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.{2 if p >= 0.1 else 3}f}"


# Figures


def _picture(picture: Picture, page: Path) -> dict[str, Any]:
    """Return what the page shows of a figure: its picture, interactive twin and downloads."""
    frames = {name: read_table(file) for name, file in picture.csv.items()}
    interactive: Chart | None = None
    if frames and picture.layout:
        interactive = figure_chart(f"{picture.name}-chart", frames, picture.layout, picture.caption)
    return {
        "name": picture.name,
        "title": heading(picture.name),
        "of_classes": picture.layout.get("builder") in OF_CLASSES,
        "caption": picture.caption,
        "shown": shown_picture(picture.png),
        "held": picture.png.stat().st_size <= LARGEST_PICTURE,
        "file": picture.png.name,
        "chart": interactive,
        "downloads": [_download(file) for file in picture.files],
    }


def shown_picture(png: Path) -> str:
    """Return a PNG as a data URI: as it is, or as WebP of high quality if it is large."""
    data, kind = png.read_bytes(), "png"
    if len(data) > LARGEST_PICTURE:
        packed = io.BytesIO()
        with Image.open(png) as image:
            image.convert("RGB").save(packed, "WEBP", quality=WEBP_QUALITY)
        data, kind = packed.getvalue(), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _download(file: Path) -> dict[str, str]:
    """Return a file that the page holds compressed, or only its name if it is large."""
    packed = gzip.compress(file.read_bytes(), mtime=0)
    held = len(packed) <= LARGEST_DOWNLOAD
    data = base64.b64encode(packed).decode() if held else ""
    return {"name": file.name, "kind": file.suffix[1:].upper(), "data": data}


# Facts


def facts(parts: Parts, runs: Sequence[Run]) -> dict[str, str]:
    """Return which study this is, and what computed it."""
    versions = {f"{name} {number}" for run in runs for name, number in run.versions.items()}
    networks = sum(run.stage == "pretrain" for run in runs)
    hours = sum(run.seconds for run in runs)
    return {
        "Study": f"{parts.name}, seed {parts.seed}",
        "Runs": f"{networks} networks and {len(runs) - networks} transfer runs, finished "
        f"{_span(run.finished for run in runs)}; {duration(hours)} of training and testing in all",
        "Devices": "; ".join(sorted({run.device for run in runs})),
        "Commits": "; ".join(sorted({run.commit for run in runs})),
        "Versions": ", ".join(sorted(versions)),
    }


def _span(times: Iterable[str]) -> str:
    """Return the first and the last day of times in ISO 8601, or "never"."""
    days = sorted({time[:10] for time in times})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"


def counts(findings: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return how many statements have each verdict, by their own interval and after Holm."""
    return {
        verdict: tuple(int((findings[key] == verdict).sum()) for key in ("verdict", "adjusted"))
        for verdict in answering.WORDS
    }


# Numbers of the paper


def comparison_rows(comparison: pd.DataFrame) -> list[dict[str, Any]]:
    """Return every number of the paper next to ours."""
    return [
        {
            "statement": row.statement,
            "where": row.where,
            "of": row.subset + (f" {sign_of(row.task)} {row.reference}" if row.reference else ""),
            "task": f"{row.task} ({row.metric})",
            "paper": with_spread(row.paper, row.paper_std),
            "ours": with_spread(row.ours, row.ours_std),
            "difference": _number(row.difference),
            "note": own_note(row.note),
        }
        for row in comparison.fillna({"reference": "", "note": ""}).itertuples()
    ]


def own_note(note: str) -> str:
    """Return a number's note without what the page says once, above the table."""
    return note.replace(NOT_COMPARABLE, "").rstrip("; ")


def sign_of(task: str) -> str:
    """Return what links subset and reference: a class of Figure 6 is not subtracted."""
    return "on" if task == "coarse-gain" else "−"


def with_spread(mean: Any, std: Any) -> str:
    """Return a number with its standard deviation, or a sign as it is."""
    try:
        number = float(mean)
    except ValueError:
        return str(mean).replace("-", "−")
    return _number(number) + ("" if pd.isna(std) else f" ± {_number(float(std))}")


# Classes


def _wnids(label_sets: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the fine classes of the label set with most of them."""
    largest = max(label_sets.values(), key=len, default=pd.DataFrame({"wnid": []}))
    return list(largest["wnid"].astype(str))


def _taxonomy(label_sets: Mapping[str, pd.DataFrame]) -> Taxonomy:
    """Return what is known of the classes in WordNet: nothing for classes of other names."""
    try:
        return taxonomy_for(_wnids(label_sets))
    except UserError:
        return Taxonomy({}, {})
