"""The figure of examples in a finished study, and in one whose runs did not keep their boxes."""

import json

import pandas as pd
import pytest

from imagenet_transfer.files import sha256_of, write_csv
from imagenet_transfer.running.records import read_tested

pytestmark = pytest.mark.slow

RUN = "results/transfer/pascal-det/alexnet/imagenet/rep1"
FIGURE = "results/examples-det.png"


def forget_boxes(project):
    """Leave a run as it was written before detections were kept with their boxes."""
    folder = project.folder / RUN
    found = read_tested(folder / "images.csv.gz")
    write_csv(folder / "images.csv.gz", found[["image", "class", "score", "outcome"]])
    record = json.loads((folder / "metrics.json").read_text())
    record["images"] = sha256_of(folder / "images.csv.gz")
    (folder / "metrics.json").write_text(json.dumps(record))


def test_runs_without_boxes_are_kept_and_the_figure_says_what_to_run(project):
    shown = pd.read_csv(project.folder / "results/examples-det.csv")
    assert set(shown["subset"]) == {"imagenet", "scratch"}
    forget_boxes(project)
    assert project.plan(FIGURE) == {"draw_examples": 1}  # nothing is trained
    project.run(FIGURE)
    assert set(pd.read_csv(project.folder / "results/examples-det.csv")["subset"]) == {"scratch"}
    command = f"snakemake --force {RUN}/metrics.json"
    assert command in (project.folder / "logs/draw_examples/examples-det.log").read_text()
    assert "finetune_detection" not in project.stages()
    project.run_line(
        command.removeprefix("snakemake ")
        + f" --cores 2 --directory {project.folder} --snakefile {project.code / 'Snakefile'}"
        + f" --configfile {project.folder / 'study.yaml'}"
    )
    project.run(FIGURE)
    assert pd.read_csv(project.folder / "results/examples-det.csv").equals(shown)
    page = project.read("report.html").decode()
    assert "Examples from the test images of pascal-det" in page
    assert 'data-file="examples-act.csv"' in page
