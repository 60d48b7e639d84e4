"""Tiny ImageNet as it is unpacked: 200 of the ILSVRC classes at 64×64 pixels."""

from collections.abc import Sequence
from pathlib import Path

from imagenet_transfer.datasets.listing import Listing, class_folder_rows, labelled_rows, make_listing, read_lines
from imagenet_transfer.errors import UserError


def read_tiny_imagenet(root: Path, wnids: Sequence[str]) -> Listing:
    """Return splits train and val of the given classes (those of wnids.txt if none); the test set has no labels."""
    data = next((path for path in (root, root / "tiny-imagenet-200") if (path / "train").is_dir()), root)
    wnids = sorted(wnids or read_lines(data / "wnids.txt"))
    rows = class_folder_rows(root, data / "train", wnids, "train", inner="images/")
    labels = _annotations(data / "val" / "val_annotations.txt")
    return make_listing(rows + labelled_rows(root, data / "val" / "images", labels, wnids, "val"), wnids)


def _annotations(path: Path) -> dict[str, str]:
    """Return image -> wnid of the `file wnid xmin ymin xmax ymax` lines."""
    pairs = [line.split()[:2] for line in read_lines(path)]
    wrong = [pair for pair in pairs if len(pair) < 2]
    if wrong:
        raise UserError(f"{path} has a line without a wnid ({wrong[0][0]}): unpack the data set again.")
    return {name.rpartition(".")[0]: wnid for name, wnid in pairs}
