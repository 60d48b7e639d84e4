"""ILSVRC2012 as people keep it: `train/<wnid>/`, and validation images in one of four forms.

They are sorted into folders, or flat with the labels of Caffe, of the devkit or of Kaggle.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    IMAGE,
    NUMBER,
    WNID,
    LayoutError,
    Listing,
    check_folder,
    check_unique,
    class_folder_rows,
    first_names,
    found_in,
    image_files,
    labelled_rows,
    make_listing,
    read_columns,
    subfolders,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import read_wnids
from imagenet_transfer.resources import RESOURCES

DATA_FOLDERS = (".", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
LABEL_FOLDERS = (
    ".",
    "val",
    "ILSVRC2012_devkit_t12/data",
    "devkit/data",
    "data",
    "caffe_ilsvrc12",
    "data/ilsvrc12",
)
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
NUM_CLASSES = 1000  # of 1860 synsets in meta.mat; the others are inner nodes, which label no image
BOXES = r"(?:\s+-?[0-9]+){4}"
ALL_WNIDS = RESOURCES / "classes" / "ilsvrc2012.txt"


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry."""
    return read_ilsvrc(root, wnids)


def read_ilsvrc(root: Path, wnids: Sequence[str]) -> Listing:
    """Return splits train and val of the given classes (if none, of all folders in `train`)."""
    data = next(
        (root / folder for folder in DATA_FOLDERS if (root / folder / "train").is_dir()), root
    )
    train = check_folder(data / "train")
    wnids = sorted(wnids) or class_folders(train)
    if not wnids:
        raise LayoutError(
            f"{train} has no class folders like n01440764/{found_in(train)}: "
            "unpack the class archives."
        )
    rows = class_folder_rows(root, train, wnids, "train") + _validation_rows(root, data, wnids)
    return make_listing(rows, wnids)


def class_folders(folder: Path) -> list[str]:
    """Return the names of the class folders in `folder`, ascending."""
    return [name for name in subfolders(folder) if WNID.fullmatch(name)]


def _validation_rows(root: Path, data: Path, wnids: Sequence[str]) -> list[tuple]:
    val = check_folder(data / "val")
    sorted_in = class_folders(val)
    loose = [name for _, name in image_files(val)]
    if sorted_in and loose:
        raise UserError(
            f"{val} has class folders and {len(loose):,} loose images (first: "
            f"{first_names(loose)}): sorting into folders was interrupted; finish it, or unpack "
            "the validation images again."
        )
    if sorted_in:
        return class_folder_rows(root, val, wnids, "val")
    if not loose:
        raise LayoutError(
            f"{val} has no images{found_in(val)}: unpack the validation images there."
        )
    known = {*read_wnids(ALL_WNIDS), *class_folders(data / "train")}
    return labelled_rows(root, val, _flat_labels(root, data, wnids), wnids, known, "val")


def _flat_labels(root: Path, data: Path, wnids: Sequence[str]) -> dict[str, str]:
    """Return image -> wnid from the first label file that exists."""

    def find(name: str, *more: Path) -> Path | None:
        places = (base / folder / name for base in (data, root, *more) for folder in LABEL_FOLDERS)
        return next((path for path in places if path.is_file()), None)

    solution = find("LOC_val_solution.csv", root.parent)  # in Kaggle's archive next to ILSVRC/
    if solution:
        return _kaggle_labels(solution)
    truth = find(GROUND_TRUTH)
    meta = find("meta.mat")
    if truth and meta:
        return _devkit_labels(truth, meta)
    if caffe := find("val.txt"):
        return _caffe_labels(
            caffe, [sorted(wnids), class_folders(data / "train"), read_wnids(ALL_WNIDS)]
        )
    lack = f"{data / 'val'} is flat and has no labels"
    if truth:
        lack = f"{truth} needs the devkit's meta.mat next to it"
    raise LayoutError(
        f"{lack}{found_in(root)}: sort the images into val/<wnid>/, or put one of these into "
        f"{root}: Caffe's val.txt, ILSVRC2012_devkit_t12/data/ (with {GROUND_TRUTH} and meta.mat), "
        "Kaggle's LOC_val_solution.csv."
    )


def _kaggle_labels(path: Path) -> dict[str, str]:
    """Return the labels of `ImageId,PredictionString` lines: the prediction's first word."""
    line = rf"([^,\s]+),\s*({WNID.pattern}){BOXES}(?:\s+{WNID.pattern}{BOXES})*"
    pairs = read_columns(
        path, rf"(?i:ImageId,PredictionString)|{line}", "ImageId,wnid xmin ymin xmax ymax ..."
    )
    return _unique(((image, wnid) for image, wnid in pairs if image), path)


def _devkit_labels(truth: Path, meta: Path) -> dict[str, str]:
    """Return the devkit's labels: line i is the id of image i, whose wnid is in meta.mat."""
    names = _devkit_wnids(meta)
    ids = [
        int(number)
        for (number,) in read_columns(truth, f"({NUMBER})", f"an id from 1 to {NUM_CLASSES}")
    ]
    unknown = [str(number) for number in ids if number not in names]
    if unknown:
        raise UserError(
            f"{truth} has ids that are not classes of {meta} ({first_names(unknown)}): "
            "unpack the devkit again."
        )
    return {
        f"ILSVRC2012_val_{number:08d}": names[label] for number, label in enumerate(ids, start=1)
    }


def _devkit_wnids(meta: Path) -> dict[int, str]:
    """Return id -> wnid of the classes; raise UserError for any file without them."""
    import numpy as np
    from scipy.io import loadmat

    try:
        synsets = np.atleast_1d(loadmat(meta, squeeze_me=True)["synsets"])
        pairs = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
        names = {
            int(number): str(wnid) for number, wnid in pairs if 1 <= int(number) <= NUM_CLASSES
        }
    except Exception as error:  # broken bytes make SciPy raise anything
        raise UserError(
            f"{meta} is not the devkit's meta.mat ({error}): unpack the devkit again."
        ) from error
    wrong = [wnid for wnid in names.values() if not WNID.fullmatch(wnid)]
    if wrong:
        raise UserError(
            f"{meta} has classes that are not wnids ({first_names(wrong)}): "
            "unpack the devkit again."
        )
    return names


def _caffe_labels(path: Path, candidates: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the labels of `file label` lines; a label is the rank of a wnid in a list of classes.

    The list is `synsets.txt` next to the file or, without it, the first candidate of the right
    length.
    """
    rows = read_columns(path, rf"({IMAGE})\s+({NUMBER})", "file label")
    pairs = [(PurePosixPath(file).stem, int(label)) for file, label in rows]
    number = 1 + max(label for _, label in pairs)
    names = _caffe_classes(path.with_name("synsets.txt"), number)
    names = names or next((names for names in candidates if len(names) == number), None)
    if names is None:
        raise UserError(
            f"{path} has labels 0 to {number - 1}, but there is no list of {number} classes: "
            "add synsets.txt."
        )
    return _unique(((image, names[label]) for image, label in pairs), path)


def _caffe_classes(path: Path, number: int) -> list[str]:
    """Return the classes in Caffe's synsets.txt; [] without such a file."""
    if not path.is_file():
        return []
    names = [wnid for (wnid,) in read_columns(path, f"({WNID.pattern})", "wnid")]
    check_unique(names, path, "wnids")
    if len(names) < number:
        raise UserError(
            f"{path} lists {len(names)} wnids for the labels 0 to {number - 1}: "
            "fetch both files again."
        )
    return names


def _unique(pairs: Iterable[tuple[str, str]], path: Path) -> dict[str, str]:
    pairs = list(pairs)
    check_unique([image for image, _ in pairs], path, "images")
    return dict(pairs)
