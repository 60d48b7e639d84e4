"""Region proposals: equal for any number of workers and interruption; users' boxes are checked."""

import json
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from helpers import folder_contents

from imagenet_transfer.data import proposals
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.proposals import propose, read_proposals, selective_search
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError

SEARCH = {"method": "selective-search", "mode": "fast", "max_boxes": 50, "min_side": 6}
PLACES = [(8, 10, 30, 40), (60, 20, 90, 44), (20, 4, 50, 60), (40, 30, 70, 62), (5, 5, 44, 30)]


def scene(number: int) -> np.ndarray:
    """Return a 64 x 96 image with one red rectangle on speckled grey."""
    pixels = np.random.default_rng(number).integers(110, 130, (64, 96, 3), dtype=np.uint8)
    x1, y1, x2, y2 = PLACES[number]
    pixels[y1:y2, x1:x2] = 200, 30, 20
    return pixels


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setattr(proposals, "PART_ROWS", 2)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(len(PLACES)):
        (source / f"{number:06}.jpg").write_bytes(
            simplejpeg.encode_jpeg(scene(number), 95, colorsubsampling="444")
        )
    rows = [("train", path.stem, "", path.name) for path in sorted(source.iterdir())]
    build_store(
        make_listing(rows, ["a"]),
        source,
        tmp_path / "store",
        {"codec": "original"},
        1,
        progress=False,
    )
    return Store(tmp_path / "store")


def test_the_object_is_among_the_regions():
    for mode, number in (("single", 4), ("fast", 0), ("quality", 1)):
        boxes = selective_search(scene(number), mode)
        assert (np.abs(boxes - PLACES[number]).max(1) <= 2).any()
        assert boxes.min() >= 0 and (boxes[:, 2] <= 96).all() and (boxes[:, 3] <= 64).all()
        assert len(np.unique(boxes, axis=0)) == len(boxes)


def test_an_empty_image_has_hardly_any_region():
    boxes = selective_search(np.full((40, 50, 3), 90, dtype=np.uint8), "fast")
    assert boxes.shape[1] == 4 and len(boxes) <= 1


def test_opencv_is_given_bgr(monkeypatch):
    seen = []

    class Search:
        setBaseImage = staticmethod(seen.append)
        switchToSelectiveSearchFast = staticmethod(lambda: None)
        process = staticmethod(lambda: [(3, 4, 10, 20)])

    segmentation = proposals.cv2.ximgproc.segmentation
    monkeypatch.setattr(segmentation, "createSelectiveSearchSegmentation", Search)
    boxes = selective_search(np.full((40, 60, 3), (250, 40, 10), dtype=np.uint8), "fast")
    assert seen[0][0, 0].tolist() == [10, 40, 250]
    assert boxes.tolist() == [[3, 4, 13, 24]]  # from corner and sides


def test_workers_change_nothing(store, tmp_path):
    for folder, workers in (("one", 1), ("again", 1), ("three", 3)):
        propose(store, tmp_path / folder, SEARCH, workers, progress=False)
    assert (
        folder_contents(tmp_path / "one")
        == folder_contents(tmp_path / "again")
        == folder_contents(tmp_path / "three")
    )
    assert list(folder_contents(tmp_path / "one")) == ["boxes.json", "boxes.npz"]


def test_boxes_are_kept_by_record(store, tmp_path):
    propose(store, tmp_path / "p", SEARCH, 2, progress=False)
    found = read_proposals(tmp_path / "p")
    assert found.facts["store"] == store.meta["digest"]
    assert found.facts["num_images"] == 5
    assert found.boxes.dtype == np.float32 and found.starts.dtype == np.int64
    assert (
        sum(len(found.of(row)) for row in range(5)) == len(found.boxes) == found.facts["num_boxes"]
    )
    for row in range(5):
        whole = selective_search(store.image(row), "fast")
        large = whole[(whole[:, 2:] - whole[:, :2]).min(1) >= 6]
        assert sorted(found.of(row).tolist()) == large.tolist()
        assert found.of(row).tolist() != large.tolist()  # shuffled: the first few are a fair draw


def test_few_boxes_are_the_first_of_many(store, tmp_path):
    propose(store, tmp_path / "many", SEARCH, 1, progress=False)
    propose(store, tmp_path / "few", SEARCH | {"max_boxes": 3}, 1, progress=False)
    many, few = (read_proposals(tmp_path / name) for name in ("many", "few"))
    for row in range(5):
        assert len(few.of(row)) == 3
        assert few.of(row).tolist() == many.of(row)[:3].tolist()


def test_a_killed_search_is_continued(store, tmp_path, monkeypatch):
    propose(store, tmp_path / "whole", SEARCH, 1, progress=False)
    searched = []

    def dying(image, mode):
        if len(searched) == 3:
            raise KeyboardInterrupt
        searched.append(1)
        return selective_search(image, mode)

    monkeypatch.setattr(proposals, "selective_search", dying)
    with pytest.raises(KeyboardInterrupt):
        propose(store, tmp_path / "parts", SEARCH, 1, progress=False)
    with pytest.raises(UserError, match="no finished proposals"):
        read_proposals(tmp_path / "parts")
    monkeypatch.setattr(
        proposals, "selective_search", lambda *a: searched.append(1) or selective_search(*a)
    )
    propose(store, tmp_path / "parts", SEARCH, 1, progress=False)
    assert (
        len(searched) == 3 + 3
    )  # the third image has to be searched again: its part was not finished
    assert folder_contents(tmp_path / "parts") == folder_contents(tmp_path / "whole")


def test_parts_of_another_search_are_not_used(store, tmp_path):
    stale = tmp_path / "p" / "parts-0123456789abcdef"
    stale.mkdir(parents=True)
    np.savez(stale / "0000000.npz", np.ones((1, 4)), np.ones((1, 4)))
    propose(store, tmp_path / "p", SEARCH, 1, progress=False)
    assert len(read_proposals(tmp_path / "p").of(0)) > 1
    assert not stale.exists()


def given(store: Store, tmp_path: Path, text: str):
    path = tmp_path / "mine.csv"
    path.write_text("image,xmin,ymin,xmax,ymax\n" + text)
    propose(store, tmp_path / "p", {"method": "file", "path": str(path)}, 1)
    return read_proposals(tmp_path / "p")


LINES = [f"{number:06},1,2,30,40.5\n" for number in range(5)]


def test_a_file_of_boxes(store, tmp_path):
    found = given(store, tmp_path, "000003,11,1,96,64\n" + "".join(LINES))
    assert found.of(3).tolist() == [[10, 0, 96, 64], [0, 1, 30, 40.5]]
    assert [len(found.of(row)) for row in range(5)] == [1, 1, 1, 2, 1]
    assert found.of(4).tolist() == [[0, 1, 30, 40.5]]
    assert str(tmp_path) not in json.dumps(dict(found.facts))  # it may move


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("".join(LINES[1:]), r"mine.csv has no box for 1 of 5 images \(first: 000000\)"),
        (
            "".join(LINES) + "000009,1,1,2,2\n",
            "1 boxes of images that the data set does not have .*000009",
        ),
        ("".join(LINES) + "000001,9,1,2,2\n", "1 boxes whose xmax or ymax is smaller .*000001"),
        ("".join(LINES) + "000001,nan,1,2,2\n", "1 boxes whose xmax or ymax is smaller .*000001"),
        ("".join(LINES) + "000001,0,1,2,2\n", "1 boxes that reach beyond their image .*000001"),
        ("".join(LINES) + "000002,1,1,97,2\n", "1 boxes that reach beyond their image .*000002"),
        ("".join(LINES) + "000002,1,1,wide,2\n", "not a table of boxes .*wide"),
        ("".join(LINES) + "000002,1,1,,2\n", "not a table of boxes"),
    ],
)
def test_wrong_boxes_are_named(store, tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        given(store, tmp_path, text)


def test_wrong_files_are_named(store, tmp_path):
    spec = {"method": "file", "path": str(tmp_path / "mine.csv")}
    with pytest.raises(UserError, match=r"mine.csv is missing"):
        propose(store, tmp_path / "p", spec, 1)
    (tmp_path / "mine.csv").write_text("image,x1\n000000,3\n")
    with pytest.raises(UserError, match="needs the columns image, xmin"):
        propose(store, tmp_path / "p", spec, 1)
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a table of boxes"):
        propose(store, tmp_path / "p", spec, 1)


def test_damage_is_noticed(store, tmp_path):
    given(store, tmp_path, "".join(LINES))
    (tmp_path / "p" / "boxes.npz").write_bytes(b"x")
    with pytest.raises(UserError, match=r"boxes.npz is damaged"):
        read_proposals(tmp_path / "p")
