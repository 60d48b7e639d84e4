import neighbour_search
import numpy as np
import peers
import pytest
import store_reading
from PIL import Image
from run import PARTS, sections, written
from store_reading import BARE, ONE_THREAD, prepare, records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading")
    photographs = folder / "photographs"
    draw = np.random.default_rng(0)
    for row in range(2):
        path = photographs / f"class{row}" / f"{row}.jpg"
        path.parent.mkdir(parents=True)
        Image.fromarray(draw.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    prepare(photographs, folder)
    return folder


def test_all_readers_have_the_same_images(folder):
    assert len(list((folder / "source").rglob("*.JPEG"))) == 20
    assert len(records(folder / "jpeg")) == 20
    assert len(records(folder / "raw")) == 20
    written = [path.read_bytes() for path in sorted((folder / "records").iterdir())]
    assert written == records(folder / "jpeg")


@pytest.mark.parametrize("reader", ["store, JPEG", "store, raw", BARE, "torchvision, float32"])
def test_readers_yield_batches(folder, reader, monkeypatch):
    monkeypatch.setattr(store_reading, "BATCH", 4)
    batches = ONE_THREAD[reader](folder)
    assert [next(batches), next(batches)] == [4, 4]


def test_engines_find_the_same_rows(tmp_path):
    neighbour_search.make_features(tmp_path, "queries", 20, 16, seed=0)
    neighbour_search.make_features(tmp_path, "gallery", 300, 16, seed=1)
    engines = [name for name in neighbour_search.ENGINES if "faiss" not in name]
    found = {name: [neighbour_search.measure(name, tmp_path, 1)] for name in engines}
    assert "All found the same rows" in neighbour_search.agreement(found)


def test_a_missing_peer_is_named_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    monkeypatch.setattr(peers, "PYTHON", tmp_path / "python")
    assert "peers.py" in peers.missing("ffcv")
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "ffcv.txt").write_text("  RuntimeError: Could not find package opencv4.\n")
    assert peers.missing("ffcv") == "Could not find package opencv4."


def test_a_part_that_runs_again_leaves_the_others():
    titles = [title for title, _ in PARTS.values()]
    page = {title: f"what {title} says\n\n| a |" for title in titles[1:3]}
    again = sections(written(page)) | {titles[0]: "new"}
    assert sections(written(again)) == {titles[0]: "new", **page}


def test_counts_of_a_step():
    pytest.importorskip("emulated_gpu")
    import torch
    from emulated_gpu import DEVICE, emulated_gpu
    from step_counts import Traffic

    with emulated_gpu(), Traffic() as traffic:
        numbers = torch.zeros(10).to(DEVICE)
        traffic.counts[:] = 0
        (numbers.view(2, 5) + 1).T.sum()
    assert traffic.counts.tolist() == [2, (10 + 10) * 4 + (10 + 1) * 4]
