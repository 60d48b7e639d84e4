"""ILSVRC2012 as people keep it: `train/<wnid>/` and validation in four forms (folders, Caffe, devkit, Kaggle)."""

import re
from collections.abc import Sequence
from pathlib import Path

from imagenet_transfer.datasets.listing import (
    Listing,
    check_folder,
    class_folder_rows,
    first_names,
    image_files,
    labelled_rows,
    make_listing,
    read_lines,
    subfolders,
)
from imagenet_transfer.errors import UserError

WNID = re.compile(r"n\d{8}")
DATA_FOLDERS = (".", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
LABEL_FOLDERS = (".", "val", "ILSVRC2012_devkit_t12/data", "devkit/data", "data", "caffe_ilsvrc12", "data/ilsvrc12")
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
ALL_WNIDS = Path(__file__).parents[2] / "resources" / "classes" / "ilsvrc2012.txt"


def read_ilsvrc(root: Path, wnids: Sequence[str]) -> Listing:
    """Return splits train and val of the given classes (all class folders of `train` if none are given)."""
    data = next((root / folder for folder in DATA_FOLDERS if (root / folder / "train").is_dir()), root)
    train = check_folder(data / "train")
    wnids = sorted(wnids) or [name for name in subfolders(train) if WNID.fullmatch(name)]
    rows = class_folder_rows(root, train, wnids, "train") + _validation_rows(root, data, wnids)
    return make_listing(rows, wnids)


def _validation_rows(root: Path, data: Path, wnids: Sequence[str]) -> list[tuple]:
    val = check_folder(data / "val")
    sorted_in = [name for name in subfolders(val) if WNID.fullmatch(name)]
    loose = [name for _, name in image_files(val)]
    if sorted_in and loose:
        raise UserError(
            f"{val} holds class folders and {len(loose):,} loose images (first: {first_names(loose)}): "
            "the sorting into folders was interrupted; finish it, or unpack the validation images again."
        )
    if sorted_in:
        return class_folder_rows(root, val, wnids, "val")
    return labelled_rows(root, val, _flat_labels(root, data, wnids), wnids, "val")


def _flat_labels(root: Path, data: Path, wnids: Sequence[str]) -> dict[str, str]:
    """Return image -> wnid from the first label file that is there."""

    def find(name: str) -> Path | None:
        places = (base / folder / name for base in (data, root) for folder in LABEL_FOLDERS)
        return next((path for path in places if path.is_file()), None)

    if solution := find("LOC_val_solution.csv"):
        return _kaggle_labels(solution)
    truth, meta = find(GROUND_TRUTH), find("meta.mat")
    if truth and meta:
        return _devkit_labels(truth, meta)
    if caffe := find("val.txt"):
        return _caffe_labels(caffe, [sorted(wnids), subfolders(data / "train"), read_lines(ALL_WNIDS)])
    lack = f"{truth} needs the devkit's meta.mat beside it" if truth else f"{data / 'val'} is flat and has no labels"
    raise UserError(
        f"{lack}: sort the images into val/<wnid>/, or put one of these into {root}: Caffe's val.txt, "
        f"ILSVRC2012_devkit_t12/data/ (with {GROUND_TRUTH} and meta.mat), Kaggle's LOC_val_solution.csv."
    )


def _kaggle_labels(path: Path) -> dict[str, str]:
    """Return the labels of `ImageId,PredictionString` lines: the class is the prediction's first word."""
    pairs = [re.split(r"[,\s]+", line, maxsplit=2)[:2] for line in read_lines(path)[1:]]
    wrong = [pair for pair in pairs if len(pair) < 2 or not WNID.fullmatch(pair[1])]
    if wrong:
        raise UserError(f"{path} has a line without a wnid ({','.join(wrong[0])}): fetch the file again.")
    return dict(pairs)


def _devkit_labels(truth: Path, meta: Path) -> dict[str, str]:
    """Return the devkit's labels: line i is the ILSVRC2012_ID of image i, and meta.mat knows the wnid of an id."""
    names = _devkit_wnids(meta)
    try:
        wnids = [names[int(line)] for line in read_lines(truth)]
    except (ValueError, KeyError) as error:
        raise UserError(f"{truth} holds an id that {meta} does not know ({error}): unpack the devkit again.") from None
    return {f"ILSVRC2012_val_{number:08d}": wnid for number, wnid in enumerate(wnids, start=1)}


def _devkit_wnids(meta: Path) -> dict[int, str]:
    import numpy as np
    from scipy.io import loadmat

    try:
        synsets = np.atleast_1d(loadmat(meta, squeeze_me=True)["synsets"])
        return {int(number): str(wnid) for number, wnid in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)}
    except Exception as error:  # SciPy raises whatever the broken bytes lead to
        raise UserError(f"{meta} is not the devkit's meta.mat ({error}): unpack the devkit again.") from error


def _caffe_labels(path: Path, candidates: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the labels of `file label` lines; a label is the rank of the wnid among all classes of the file.

    Those classes are listed in `synsets.txt` beside it, or are the first candidate with as many wnids as labels.
    """
    pairs = [line.split() for line in read_lines(path)]
    wrong = [pair for pair in pairs if len(pair) != 2 or not pair[1].isdigit()]
    if wrong:
        raise UserError(f"{path} has a line that is not `file label` ({' '.join(wrong[0])}): fetch the file again.")
    number = 1 + max(int(label) for _, label in pairs)
    synsets = path.with_name("synsets.txt")
    candidates = [read_lines(synsets)] if synsets.is_file() else candidates
    names = next((names for names in candidates if len(names) == number), None)
    if names is None:
        raise UserError(
            f"{path} has labels 0 to {number - 1}, but no such number of classes is known: add synsets.txt."
        )
    return {file.rpartition("/")[2].rpartition(".")[0]: names[int(label)] for file, label in pairs}
