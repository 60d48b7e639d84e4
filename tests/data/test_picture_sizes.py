"""Pictures without the size in their annotations, such as shrunk copies, are not packed."""

from pathlib import Path

import pytest
from helpers import image_bytes
from PIL import Image
from small_sets import make_action, make_voc

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.packing import build_store
from imagenet_transfer.errors import UserError

ORIGINAL = {"codec": "original"}
STATED = (40, 30)  # small_sets.SIZE


def pictures(entry: dict, *sizes: tuple[int, int]) -> list[Path]:
    """Write pictures of these widths and heights in place of the data set's; return their paths."""
    paths = sorted(Path(entry["root"]).glob("VOC20*/JPEGImages/*"))
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(image_bytes(Image.new("RGB", size, "green")))
    return paths


def pack(entry: dict, spec: dict = ORIGINAL) -> Path:
    folder = Path(entry["root"]) / "store"
    build_store(list_dataset(entry), Path(entry["root"]), folder, spec, workers=1, progress=False)
    return folder


@pytest.fixture(params=[make_voc, make_action])
def entry(request, tmp_path) -> dict:
    return request.param(tmp_path)


def test_pictures_of_the_stated_size_are_packed(entry):
    pictures(entry, STATED, STATED)
    assert (pack(entry) / "meta.json").exists()


@pytest.mark.parametrize("size", [(20, 15), (30, 40), (40, 29), (41, 30)])
def test_another_size_is_named(entry, size):
    _, second = pictures(entry, STATED, size)
    with pytest.raises(UserError) as caught:
        pack(entry)
    said = str(caught.value)
    assert said.startswith(f"{entry['root']}: 1 of 2 images do not have the width and height")
    assert f"({second.stem}: {size[0]}×{size[1]} pixels, its annotation says 40×30)" in said
    assert not (Path(entry["root"]) / "store/meta.json").exists()


def test_all_are_counted_and_corrected_pictures_are_packed(entry):
    pictures(entry, (20, 15), (20, 15))
    with pytest.raises(UserError, match="2 of 2 images"):
        pack(entry)
    pictures(entry, STATED, STATED)
    assert (pack(entry) / "meta.json").exists()


def test_warped_pictures_have_no_size_of_their_own(tmp_path):
    entry = make_voc(tmp_path)
    pictures(entry, (20, 15), STATED)
    assert (pack(entry, {"codec": "raw", "size": 16}) / "meta.json").exists()
