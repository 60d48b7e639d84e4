"""Paths of a study that can never be read: pipes, devices, folders for files, impossible names.

Reading a pipe waits and some devices never end, so a dry run looks at what each path names. What is
missing is fine here: data need not be there yet, and jobs say where they look for it. So is what
was read already: packed data sets and imported networks no longer need their files.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import why_not_a_file, why_not_a_folder
from imagenet_transfer.labels.taxonomy import class_lists
from imagenet_transfer.running.jobs import check_folder
from imagenet_transfer.study.config_file import shown
from imagenet_transfer.study.runs import PretrainRun, Runs, TransferRun

FILES_BELOW_ROOT = ("list", "train_annotations", "test_annotations", "class_names")
RECORD = "metrics.json"  # next to given weights


def check_paths(
    study: Runs,
    written: Path,
    record_of: Callable[[PretrainRun | TransferRun], str],
    store_of: Callable[[str], str],
) -> None:
    """Raise UserError for paths of the config that can never be read, and weights where jobs write.

    `written` is the folder of all outputs, in which `record_of` names the record of a network;
    `store_of` names the file that a data set has once it is packed. Their folders must not be files.
    """
    files = [*map(store_of, study.datasets), *map(record_of, study.all_runs())]
    for folder in sorted({folder for file in files for folder in Path(file).parents}):
        check_folder(folder)
    problems = [
        problem
        for dataset in study.datasets
        if not Path(store_of(dataset)).is_file()
        for problem in _problems_of_dataset(study, dataset)
    ]
    for subset in filter(study.is_given, study.subsets):
        runs = (run for arch in study.architectures for run in study.networks(arch, subset))
        for run in runs:
            imported = Path(record_of(run)).is_file()
            problems += _problems_of_weights(study, run, written, imported)
    if problems:
        raise UserError("\n".join(f"config: {problem}" for problem in dict.fromkeys(problems)))


def _problems_of_dataset(study: Runs, dataset: str) -> Iterator[str]:
    """Yield the paths of a data set that name something else than they should."""
    entry = study.datasets[dataset]
    where = f"datasets.{dataset}"
    root = Path(entry["root"])
    folders = {"root": root}
    if "images_folder" in entry:
        folders["images_folder"] = root / entry["images_folder"]
    lists = class_lists()
    files = {
        key: root / entry[key]
        for key in FILES_BELOW_ROOT
        if key in entry and entry[key] not in lists
    }
    parts = {f"archives.{part}": path for part, path in entry.get("archives", {}).items()}
    boxes = {f"proposals.{key}": path for key, path in entry.get("proposals", {}).items()}
    files |= {key: Path(path) for key, path in parts.items()}
    files |= {key: Path(path) for key, path in boxes.items() if key.endswith(".path")}
    for key, path in folders.items():
        yield from _problem(f"{where}.{key}", path, why_not_a_folder(path), "folder")
    for key, path in files.items():
        yield from _problem(f"{where}.{key}", path, why_not_a_file(path), "file")


def _problems_of_weights(
    study: Runs, run: PretrainRun, written: Path, imported: bool
) -> Iterator[str]:
    """Yield that given weights cannot be read, or lie where a job's outputs are deleted first."""
    path = study.given_path(*astuple(run))
    where = f"subsets.{run.subset}.weights"
    reason = why_not_a_file(path)
    record = path.with_name(RECORD)
    if not imported and (wrong := reason or _if_empty(path)):
        yield from _problem(where, path, wrong, "file")
    elif not imported:
        yield from _problem(f"{where}: next to it", record, why_not_a_file(record), "folder")
    if not reason and written.resolve() in path.resolve().parents:
        yield (
            f"{where}: {shown(str(path))} lies in {written}/, which the workflow writes; move the "
            f"file, for example to given/{run.architecture}/{run.subset}/, and correct the path."
        )


def _if_empty(path: Path) -> str | None:
    return "it is empty" if path.is_file() and path.stat().st_size == 0 else None


def _problem(where: str, path: Path, reason: str | None, wanted: str) -> Iterator[str]:
    if reason:
        yield f"{where}: {shown(str(path))} cannot be read ({reason}); name another {wanted}."
