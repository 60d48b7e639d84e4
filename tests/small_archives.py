"""Small archives in the form of ILSVRC2012's, and their unpacking."""

import io
import tarfile
from pathlib import Path

import numpy as np

from imagenet_transfer.data.archives import unpack_ilsvrc

WNIDS = ["n01440764", "n01443537", "n02084071"]
LABELS = [3, 1, 2, 3]  # ids of meta.mat
DEVKIT = "ILSVRC2012_devkit_t12"


def tar_of(files: dict, **more) -> bytes:
    """Return a tar of {name: bytes}; a TarInfo instead of bytes is added as it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **more) as tar:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            member.size = member.size or len(data)
            tar.addfile(member, io.BytesIO(data) if data else None)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a member that is not a file: a link, a device, a folder."""
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


def class_tar(wnid: str, number: int = 3) -> bytes:
    """Return a class's archive of a few images, whose bytes are their class and number."""
    return tar_of({f"{wnid}_{n}.JPEG": f"{wnid} {n}".encode() for n in range(1, number + 1)})


def train_tar(wnids=WNIDS) -> bytes:
    """Return a training archive of three images per class."""
    return tar_of({f"{wnid}.tar": class_tar(wnid) for wnid in wnids})


def val_tar(number: int = 4) -> bytes:
    """Return a validation archive."""
    return tar_of({f"ILSVRC2012_val_{n:08d}.JPEG": b"val %d" % n for n in range(1, number + 1)})


def devkit_tar() -> bytes:
    """Return a devkit, not compressed, with the ids LABELS of four validation images."""
    from scipy.io import savemat

    pairs = [(1, WNIDS[1]), (2, WNIDS[2]), (3, WNIDS[0]), (1860, "n00001740")]
    synsets = np.zeros(4, dtype=[("ILSVRC2012_ID", object), ("WNID", object)])
    for row, pair in zip(synsets, pairs, strict=True):
        row["ILSVRC2012_ID"], row["WNID"] = pair
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    truth = "".join(f"{label}\n" for label in LABELS).encode()
    return tar_of(
        {
            f"{DEVKIT}/": special(f"{DEVKIT}/", tarfile.DIRTYPE),
            f"{DEVKIT}/readme.txt": b"read me",
            f"{DEVKIT}/data/meta.mat": meta.getvalue(),
            f"{DEVKIT}/data/ILSVRC2012_validation_ground_truth.txt": truth,
        }
    )


def unpack(paths: dict, root: Path, wnids=WNIDS, **images) -> None:
    """Unpack archives by part; `images` are declared numbers by split."""
    unpack_ilsvrc(paths, root, wnids, images)


def tree(root: Path) -> list[str]:
    """Return the paths of all files below a folder, sorted."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
