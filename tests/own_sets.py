"""The same small data set of users' own pictures in each of the layouts for those."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import small_sets
from helpers import image_bytes, write_file
from PIL import Image

CLASSES = ("cat", "dog")
SPLITS = {"train": 3, "val": 2}  # images of each class


def picture(seed: int, side: int = 12) -> bytes:
    """Return a PNG of noise, which differs from that of any other seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return image_bytes(Image.fromarray(pixels), "PNG")


def samples(classes=CLASSES, splits=SPLITS) -> list[tuple[str, str, str, bytes]]:
    """Return (split, class, name without suffix, PNG) of each image; no two names are the same."""
    wanted = [
        (split, name, number)
        for split, count in splits.items()
        for name in classes
        for number in range(count)
    ]
    return [
        (split, name, f"{name}-{split}-{number}", picture(seed))
        for seed, (split, name, number) in enumerate(wanted)
    ]


def make_folder(root: Path, **of) -> dict:
    for split, label, name, data in samples(**of):
        write_file(root / split / label / f"{name}.png", data)
    return {"layout": "folder", "root": str(root)}


def make_flat_folder(root: Path, **of) -> dict:
    for _, label, name, data in samples(**of):
        write_file(root / label / f"{name}.png", data)
    return {"layout": "folder", "root": str(root), "held_out": 0.4}


def make_list(root: Path, **of) -> dict:
    lines = ["image,label,split"]
    for split, label, name, data in samples(**of):
        write_file(root / "pictures" / f"{name}.png", data)
        lines.append(f"pictures/{name}.png,{label},{split}")
    write_file(root / "list.csv", "\n".join([*lines, ""]))
    return {"layout": "list", "root": str(root)}


def hugging_face(names, label: str = "label") -> dict[bytes, bytes]:
    """Return the metadata of a data set of Hugging Face with these names of classes."""
    feature = {"names": list(names), "_type": "ClassLabel"}
    info = {"info": {"features": {"image": {"_type": "Image"}, label: feature}}}
    return {b"huggingface": json.dumps(info).encode()}


def table(rows, labels, metadata=None, kind=None) -> pa.Table:
    """Return a table of (name, bytes) rows with labels, as Hugging Face writes it."""
    images = [
        {"bytes": data, "path": None if name is None else f"{name}.png"} for name, data in rows
    ]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array(images, struct), "label": pa.array(labels, kind)}
    return pa.table(columns).replace_schema_metadata(metadata)


def parquet_bytes(content: pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(content, buffer, **options)
    return buffer.getvalue()


def make_parquet(root: Path, rows_per_group: int = 2, **of) -> dict:
    names = of.get("classes", CLASSES)
    found = samples(**of)
    for split in dict.fromkeys(split for split, *_ in found):
        chosen = [(label, name, data) for other, label, name, data in found if other == split]
        content = table(
            [(name, data) for _, name, data in chosen],
            [names.index(label) for label, *_ in chosen],
            hugging_face(names),
        )
        file = {"val": "validation"}.get(split, split)
        data = parquet_bytes(content, row_group_size=rows_per_group)
        write_file(root / "data" / f"{file}-00000-of-00001.parquet", data)
    return {"layout": "parquet", "root": str(root)}


def tar_bytes(members: dict[str, bytes] | list, **options) -> bytes:
    """Return a tar of files by name, or of (TarInfo, bytes) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for name, data in members.items() if isinstance(members, dict) else members:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            if isinstance(name, str):
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_webdataset(root: Path, **of) -> dict:
    members: dict[str, dict[str, bytes]] = {}
    for split, label, name, data in samples(**of):
        shard = members.setdefault(split, {})
        shard[f"{name}.png"] = data
        shard[f"{name}.cls"] = label.encode()
    for split, shard in members.items():
        write_file(root / f"{split}-0000.tar", tar_bytes(shard))
    return {"layout": "webdataset", "root": str(root)}


MAKERS = (make_folder, make_list, make_parquet, make_webdataset)


SMALL_SETS = {  # what makes one of each layout, by its name
    "ilsvrc": small_sets.make_caffe,
    "tiny-imagenet": small_sets.make_tiny,
    "voc": small_sets.make_voc,
    "coco": small_sets.make_coco,
    "voc-action": small_sets.make_action,
    "sun397": small_sets.make_sun,
    "places365": small_sets.make_places365,
    "places205": small_sets.make_places205,
    "folder": make_folder,
    "list": make_list,
    "parquet": make_parquet,
    "webdataset": make_webdataset,
}
