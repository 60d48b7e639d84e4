"""A world of eight classes and a few pictures."""

from pathlib import Path

from imagenet_transfer.labels.taxonomy import RESOURCES, read_wnids, taxonomy_for
from miniature_world import render_part

CLASSES = read_wnids(RESOURCES / "classes" / "miniature.txt")
ALL_CLASSES = read_wnids(RESOURCES / "classes" / "ilsvrc2012.txt")
TAXONOMY = taxonomy_for(ALL_CLASSES)
SPEC = {
    "image_size": 64,
    "train_per_class": 2,
    "val_per_class": 1,
    "voc": {"objects": ["bird", "car", "cow", "dog"], "trainval": 5, "test": 4, "size": [128, 96]},
    "sun": {"classes": 3, "train": 2, "test": 3, "size": 64},
    "action": {"train": 7, "val": 5, "size": [128, 96]},
    "places": {"classes": 2, "train": 3, "val": 2, "size": 64},
}


def render(part: str, root: Path, seed: int = 1, workers: int = 1, classes=CLASSES[::8]) -> dict:
    return render_part(part, root, SPEC, classes, TAXONOMY, seed, workers)


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
