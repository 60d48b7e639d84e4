"""Folders in a wrong layout: told what was expected, what is there and where to read about it."""

import own_sets
import pytest
from conftest import ROOT
from helpers import refusal, write_file
from own_sets import SMALL_SETS

from imagenet_transfer.data.layouts import LAYOUTS, list_dataset, looks_like

MORE = {"voc": {"year": 2007}, "sun397": {"partition": 1}}
FIRST_EXPECTED = {
    "ilsvrc": "train is missing",
    "tiny-imagenet": "wnids.txt is missing",
    "voc": "VOC2007 is missing",
    "coco": "annotations is missing",
    "voc-action": "VOC2012 is missing",
    "sun397": "Partitions is missing",
    "places365": "categories_places365.txt is missing",
    "places205": "trainvalsplit_places205 is missing",
    "folder": "has no folder train",
    "list": "list.csv is missing",
    "parquet": "has no files train-*.parquet",
    "webdataset": "the_data.tar.gz is compressed",
}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_wrong_layout_is_told_what_was_expected_and_found(tmp_path, layout):
    entry = {"layout": layout, "root": str(tmp_path / "set"), **MORE.get(layout, {})}

    def said() -> str:
        return refusal(lambda: list_dataset(entry), longest=1000)

    row = f"docs/data.md, row `{layout}`, shows what belongs where."
    assert f"set is missing ({tmp_path} is empty)" in said() and said().endswith(row)
    write_file(tmp_path / "set", "an archive, perhaps")
    assert "set is a file where a folder is expected" in said()
    (tmp_path / "set").unlink()
    write_file(tmp_path / "set" / "the_data.tar.gz")
    write_file(tmp_path / "set" / "images" / "x.jpg")
    assert FIRST_EXPECTED[layout] in said() and said().endswith(row)
    assert f"({tmp_path}/set holds the_data.tar.gz, still packed, images/)" in said()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wrong_layout_is_told_which_one_it_looks_like(tmp_path, layout):
    SMALL_SETS[layout](tmp_path)
    assert looks_like(tmp_path) == [layout]
    for other in sorted(set(LAYOUTS) - {layout}):
        entry = {"layout": other, "root": str(tmp_path), **MORE.get(other, {})}
        said = refusal(lambda entry=entry: list_dataset(entry), longest=1000)
        told = f" The folder looks like layout {layout}. docs/data.md, row `{other}`"
        assert told in said, said


def test_class_folders_by_themselves_look_like_folder(tmp_path):
    own_sets.make_flat_folder(tmp_path)
    write_file(tmp_path / "ILSVRC2012_img_train.tar")
    assert looks_like(tmp_path) == ["folder"]
    assert looks_like(tmp_path / "cat") == looks_like(tmp_path / "none") == []


def test_the_docs_have_the_rows_that_errors_name():
    page = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert all(f"\n| `{layout}` |" in page for layout in LAYOUTS)


def test_long_listings_of_a_folder_are_cut_short(tmp_path):
    for number in range(30):
        write_file(tmp_path / f"{number:02d}{'x' * 200}\n.jpg")
    entry = {"layout": "voc", "year": 2007, "root": str(tmp_path)}
    refusal(lambda: list_dataset(entry), "x..., 01x", longest=1000)
