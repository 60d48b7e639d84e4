"""A plan as people read it: an aligned table, and where its numbers come from."""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import pandas as pd

from imagenet_transfer.study.cards import PRECISIONS, estimates
from imagenet_transfer.study.plan import (
    COLUMNS,
    DECODED_PIXELS,
    READERS,
    TOTAL,
    Work,
    first_work,
    hours,
)
from imagenet_transfer.study.study import Study

TITLES = {  # of the columns that are shown
    "output": "output",
    "networks": "networks",
    "fine_tunings": "fine-tunings",
    "other": "other jobs",
    "shared": "shared",
    "done": "done",
    "disk_gb": "GB",
}
WIDTH = 96
ALTERNATIVES = """\
`replicates` says how many networks a subset has. With 3, every task is taken in at least 3
replicates, one per network: only then do intervals describe the subset, not one network."""
DONE = """\
What is there ('done') is not counted, except in the rows with other numbers of networks. It is
known by its files; `snakemake -n` also knows which of them a changed config makes again."""
COUNTING = """\
A job that several outputs need is counted with the first; 'shared' says how many jobs an output
takes from those above it. Other jobs are packing, label sets, features, measures and drawing;
the summaries at the end are not among them. Hours (h) are of training and embedding one after
the other, at these rates; evaluation, packing and measures of frozen features come on top:"""
SCALING = """\
Other work is scaled from these by multiply-adds. That gives too few hours for detection, where
choosing and sorting out boxes takes time but no multiply-adds, and for networks much smaller than
the measured one. While a network trains, its saved state takes twice its weights on disk as well.
'?': the config does not declare `images`."""
ESTIMATED = """\
Not measured, but estimated from data sheets: hours (h) of all outputs on one card, if all recipes
had this `precision`, and in brackets how much of that it waits for images:"""
ASSUMED = """\
The two numbers assume that a card reaches much of its peak and bandwidth, or little (the shares are
in imagenet_transfer/study/cards.py). Measure yours: benchmarks/training_rate.py, docs/cluster.md."""
STARTS = """\
Start with the target results/first.json: it trains {network} ({hours}) and checks that its top-1
accuracy is {top1:g}, give or take {within:g}. All other networks and fine-tunings wait for that."""
IDLE = 0.05  # of the time: less is not worth a word


def plan_text(
    frame: pd.DataFrame,
    rates: pd.DataFrame,
    others: pd.DataFrame | None = None,
    notes: Iterable[str] = (),
) -> str:
    """Return a plan as aligned text, with the sources of its rates.

    `others` are further rows, shown below the total (see `alternatives`), `notes` the last lines.
    """
    devices = [name for name in frame.columns if name not in COLUMNS]
    columns = [name for name in TITLES if name != "done" or frame["done"].any()]
    shown = frame if others is None else pd.concat([frame, others.assign(done=0)])
    titles = [TITLES[name] for name in columns]
    titles += [f"h ({_letter(i)})" for i in range(len(devices))]
    values = shown[columns + devices].itertuples(index=False)
    head, *rows = _aligned([titles, *([_text(value) for value in line] for line in values)])
    total = len(frame) - 1
    parts = [head, *rows[:total], "-" * len(head), *rows[total:], ""]
    parts += [DONE] if "done" in columns else []
    parts += [ALTERNATIVES] if others is not None else []
    return "\n".join([*parts, COUNTING, *_sources(devices, rates), SCALING, *notes]) + "\n"


def first_text(study: Study, rates: pd.DataFrame) -> list[str]:
    """Return what to run first, in lines, if the study has a network that the others wait for."""
    if not study.first:
        return []
    work = [first_work(study)]
    known = {device: hours(work, rates, device) for device in rates["device"].unique()}
    times = ", ".join(f"{_text(value)} h ({_letter(i)})" for i, value in enumerate(known.values()))
    network = f"{study.first['architecture']}/{study.first['subset']}"
    text = STARTS.format(network=network, hours=times, **study.first)
    return ["", *textwrap.wrap(text, WIDTH)]


def cards_text(work: Iterable[Work], rates: pd.DataFrame) -> list[str]:
    """Return the hours of some runs on cards that were not measured, in lines; none of no work."""
    work = list(work)
    frame = estimates(work, rates["device"].unique())
    if frame.empty or not frame["most"].max() >= 1:
        return []
    cells = {(row.card, row.precision): _range(row) for row in frame.itertuples()}
    cards = frame.drop_duplicates("card")
    titles = ["card", *(f"h, {precision}" for precision in PRECISIONS)]
    lines = [
        [f"{card.card} ({card.year})", *(cells.get((card.card, p), "-") for p in PRECISIONS)]
        for card in cards.itertuples()
    ]
    reading = (
        f"Reading: {READERS} threads, {DECODED_PIXELS / 256**2:.0f} JPEG of 256x256 a second each"
    )
    sheets = "; ".join(f"{card.card}: {card.source}" for card in cards.itertuples())
    return [
        *("", ESTIMATED, *_aligned([titles, *lines])),
        *(f"{reading}, measured.", ASSUMED),
        *textwrap.wrap(f"Data sheets: {sheets}.", WIDTH),
    ]


def _range(row: Any) -> str:
    least, most = (_text(value) for value in (row.least, row.most))
    hours = least if least == most else f"{least}-{most}"
    if row.most_waiting < IDLE:
        return hours
    waits = [f"{100 * share:.0f}" for share in (row.least_waiting, row.most_waiting)]
    return f"{hours} ({'-'.join(dict.fromkeys(waits))} %)"


def _aligned(lines: list[list[str]]) -> list[str]:
    """Return lines of cells as text, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *others in lines:
        texts.append("  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]))
    return [text.rstrip() for text in texts]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace(f"{TOTAL}, ", "  ")
    if math.isnan(value):
        return "?"
    if 0 < value < 0.01:
        return "<0.01"
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.2g}"


def _sources(devices: Iterable[str], rates: pd.DataFrame) -> list[str]:
    """Return the devices by their letters, each with its rates."""
    lines = []
    for i, column in enumerate(devices):
        device = column.removeprefix("hours on ")
        lines.append(f"({_letter(i)}) {device}")
        for measured in rates[rates["device"] == device].itertuples():
            speed = f"{measured.work}: {measured.images_per_s:g} images/s ({measured.source})"
            indents = {"initial_indent": " " * 4, "subsequent_indent": " " * 8}
            lines += textwrap.wrap(speed, WIDTH, **indents)
    return lines


def _letter(number: int) -> str:
    return chr(ord("a") + number)
