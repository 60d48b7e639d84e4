"""Pack a finished study as an RO-Crate: its results with who made them, when, how and from what.

crate results study-crate/
crate runs/paper/results paper.zip --agent "Ada Lovelace"

The crate has tables, figures, findings, the report, the config as it was used, the record of each run
(metrics.json), the Snakefile and the workflow's rules and scripts. ro-crate-metadata.json describes
them in the profile Workflow Run Crate, with a CreateAction for each run, table and figure. Weights and
lists of images are left out unless --large; stores are never in it. The times of tables and figures are
those of their files, so copy results with their times (cp -p, rsync -t).
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_transfer.errors import UserError

if TYPE_CHECKING:
    from imagenet_transfer.study.study import Study

ABOUT = "a finished study as an RO-Crate, to publish or archive"
CLONE = Path(__file__).parents[2]  # of the repository, unless it is an installed wheel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the results, what to write, and who ran the study."""
    parser.add_argument("results", help="the folder results/ of the study")
    parser.add_argument("out", help="a new folder, or a file that ends in .zip")
    parser.add_argument("--agent", default="", help="who ran it (the authors in CITATION.cff)")
    parser.add_argument(
        "--workflow", default=CLONE, help="the folder of the Snakefile (%(default)s)"
    )
    parser.add_argument("--large", action="store_true", help="also weights and lists of images")


def run(arguments: argparse.Namespace) -> None:
    """Write the crate and say how large it is."""
    from imagenet_transfer.reporting.crate import Origin, write_crate
    from imagenet_transfer.reporting.finished import CONFIG, FinishedStudy
    from imagenet_transfer.study.config_file import read_config
    from imagenet_transfer.training.kinds import KINDS

    results, workflow = Path(arguments.results), Path(arguments.workflow)
    for path in (results / CONFIG, workflow / "Snakefile", workflow / "CITATION.cff"):
        if not path.is_file():
            raise UserError(
                f"{path} is missing: name the folder of results, and with --workflow a clone of "
                "the repository."
            )
    config = read_config(results / CONFIG)
    study = _study(config, results, workflow)
    outputs = {name: _runs(study, name) for name in study.outputs}
    finished = FinishedStudy(results, study.outputs, outputs, study.tables())
    frozen = [name for name, task in study.tasks.items() if KINDS[task["kind"]].frozen]
    origin = Origin(results, config, workflow, arguments.agent)
    number = write_crate(finished, origin, frozen, Path(arguments.out), arguments.large)
    print(f"{arguments.out}: {number:,} files and ro-crate-metadata.json.")


def _study(config: Mapping[str, Any], results: Path, workflow: Path) -> "Study":
    """Return the study of a saved config, whose relative paths start next to the results."""
    from imagenet_transfer.study.config_file import place_of_classes, place_of_labels
    from imagenet_transfer.study.study import Study

    beside = [results.resolve().with_name("config.yaml")]
    placed = dict(config)
    if "classes" in config:
        placed["classes"] = place_of_classes(config["classes"], beside)
    if "label_sets" in config:
        placed["label_sets"] = place_of_labels(config, beside)
    return Study.of(placed, workflow / "workflow/schemas/config.schema.yaml")


def _runs(study: "Study", output: str) -> list[tuple[str, str, str, int]]:
    """Return the runs that an output shows, as records name them."""
    return [
        (run.architecture, run.subset, getattr(run, "task", ""), run.replicate)
        for run in study.runs_of(output)
    ]
