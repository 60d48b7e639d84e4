"""From a figure's files to its numbers and its picture, whichever builder makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_transfer.figures.builders import builder_of
from imagenet_transfer.figures.style import save_figure, save_pdf
from imagenet_transfer.files import write_csv
from imagenet_transfer.running.records import (
    check_features,
    check_induction,
    check_records,
    check_tested,
)

Files = Mapping[str, Any]


@dataclass(frozen=True)
class Material:
    """What a figure is made from.

    `layout` is what the study says of it (`Study.output_layout`); `files` are its paths by kind
    (`builders.KINDS`): a list, or one path for a store; `settings` what else it depends on
    (`Study.figure_settings`); `threads` how many it may use.
    """

    layout: Mapping[str, Any]
    files: Files
    settings: Mapping[str, Any]
    threads: int

    @property
    def runs(self) -> list[str]:
        """The records of all runs that the figure shows or rests on."""
        return runs_in(self.files)


def runs_in(files: Files) -> list[str]:
    """Return the records of runs among a figure's files."""
    return [*files.get("metrics", ()), *files.get("networks", ())]


def draw_output(
    material: Material, expected: Mapping[str, Any], outputs: Mapping[str, Path | str]
) -> None:
    """Write a figure as PNG and SVG, and its numbers as CSV; UserError if its runs are others.

    `expected` is what the runs should say of themselves (`records.check_records`); `outputs` are
    the paths of `png`, `svg` and the builder's CSV files.
    """
    builder = builder_of(material.layout)
    check_files(material.files, expected)
    frames = builder.frames(material)
    for name, frame in zip(builder.csv_files(), frames, strict=True):
        write_csv(outputs[name], frame)
    figure = builder.draw(material, *frames)
    save_figure(figure, Path(outputs["png"]), Path(outputs["svg"]))


def draw_pdf(material: Material, expected: Mapping[str, Any], pdf: Path | str) -> None:
    """Write a figure as PDF; UserError if its runs are others than `expected`."""
    builder = builder_of(material.layout)
    check_files(material.files, expected)
    save_pdf(builder.draw(material, *builder.frames(material)), pdf)


def check_files(files: Files, expected: Mapping[str, Any]) -> None:
    """Raise UserError unless runs, and what was computed from their weights, are the study's."""
    check_records(runs_in(files), expected)
    for kind in ("features", "predictions"):
        if kind in files:
            check_features(files[kind], files["networks"])
    if "tested" in files:
        for path, record in zip(files["tested"], files["metrics"], strict=True):
            check_tested(path, record)
    if "induction" in files:
        check_induction(files["induction"], files["induced"], files["baselines"])


def by_stem(paths: Sequence[Path | str], read: Any) -> dict[str, Any]:
    """Return what `read` returns of each path, by the file's name without its ending."""
    return {Path(path).stem: read(path) for path in paths}
