"""`python -m imagenet_transfer embed`: features of a folder are those of the study."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from helpers import folder_contents, image_bytes, smooth_picture, write_file
from pages import commands

import imagenet_transfer
from imagenet_transfer.commands.commands import main
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.features.embeddings import embed, read_embeddings
from imagenet_transfer.features.pictures import embed_pictures
from imagenet_transfer.files import write_json
from imagenet_transfer.models import build_model
from imagenet_transfer.training.checkpoints import save_weights

FORMS = ("PNG", "JPEG", "WEBP", "BMP")
NAMES = ["B.jpg", "a/c.PNG", "a/d.webp", "a.jpeg", "e.bmp", "f/g/h.png", "i.jpg"]
WRONG = {
    "none --weights RUN": "none is not a folder",
    "RUN --weights RUN": "has no pictures (",
    "PICTURES --weights none": "There is no none/weights.pt",
    "PICTURES --weights RUN/metrics.json": "metrics.json is not the weights.pt of a run",
    "PICTURES --weights RUN --layer fc9": "'fc9' is unknown: this alexnet has features of fc6, fc7",
    "PICTURES --weights RUN --out a.npz": "should end in .npy",
    "PICTURES --weights RUN --batch 0": "--batch is 0",
    "PICTURES --weights RUN --device gpu": "--device gpu cannot be used (",
    "PICTURES --weights RUN --device cuda:99": "--device cuda:99 cannot be used (",
    "PICTURES --weights RUN --out /proc/none/a.npy": "Error: /proc/none",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a network."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    save_weights(folder / "weights.pt", build_model(TINY, 3))
    write_json(folder / "metrics.json", {"settings": {"architecture": TINY}, "n_classes": 3})
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures of several kinds, with files that are not pictures of it."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, (name, form) in enumerate(zip(NAMES, itertools.cycle(FORMS))):
        write_file(folder / name, image_bytes(smooth_picture(seed, 30 + seed, 40), form))
    for name in (".hidden.png", ".cache/x.png", "notes.txt", "a/png"):
        write_file(folder / name, image_bytes(smooth_picture(99), "PNG"))
    return folder


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_features_are_those_of_the_study(run, pictures, tmp_path, one_thread):
    """What is stored in float16, divided by its length, equals what the command writes."""
    listing = make_listing([("train", name, "cat", name) for name in NAMES], ["cat"])
    spec = {"codec": "raw", "size": TINY["image_size"]}
    build_store(listing, pictures, tmp_path / "store", spec, workers=1, progress=False)
    store = Store(tmp_path / "store")
    for layer in ("fc6", "fc7", "fc8"):
        out = tmp_path / f"{layer}.npy"
        words = [str(pictures), "--weights", str(run / "weights.pt"), "--layer", layer]
        assert main(["embed", *words, "--out", str(out)]) == 0
        embed(store, run / "weights.pt", TINY, layer, tmp_path / "study.npy")
        study = read_embeddings(tmp_path / "study.npy", store)
        found = np.load(out)
        order = [list(store.images["image"]).index(name) for name in sorted(NAMES)]
        assert found.dtype == np.float32 and found.shape[0] == len(NAMES)
        lengths = np.linalg.norm(found, axis=1)
        assert lengths.min() > 0
        np.testing.assert_allclose(lengths, study.lengths[order], rtol=1e-5)
        stored = study.take(np.arange(len(NAMES)))[order]
        np.testing.assert_allclose(found / lengths[:, None], stored, atol=2**-11, rtol=0)
    crops = store.batch(np.array(order))[:, 2:26, 2:26]
    network = imagenet_transfer.load(run)
    expected = network.model(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "fc8.npy"), expected, atol=1e-5, rtol=1e-5)


def test_rows_are_in_the_order_of_paths_whatever_the_batch(run, pictures, tmp_path):
    network = imagenet_transfer.load(run)
    for batch in (1, 3, 7):
        path = tmp_path / f"{batch}.npy"
        assert embed_pictures(pictures, network, "fc7", path, batch=batch) == (7, 16)
        expected = [["row", "image"], *([str(n), name] for n, name in enumerate(sorted(NAMES)))]
        assert rows_of(path.with_suffix(".csv")) == expected
    one, three, seven = (np.load(tmp_path / f"{batch}.npy") for batch in (1, 3, 7))
    np.testing.assert_allclose(one, seven, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(three, seven, rtol=1e-4, atol=1e-6)


def test_unreadable_pictures_are_named_and_left_out_if_asked(run, pictures, tmp_path, capsys):
    copy = tmp_path / "copy"
    for name in NAMES:
        write_file(copy / name, (pictures / name).read_bytes())
    for name in ("0.jpg", "b.png", "x/y.gif", "z.jpg"):
        write_file(copy / name, b"text" if name != "b.png" else b"")
    (tmp_path / "out").mkdir()
    out = tmp_path / "out/features.npy"
    words = ["embed", str(copy), "--weights", str(run), "--out", str(out)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "copy: 4 pictures cannot be read (0.jpg: cannot identify" in said
    assert "b.png: empty file; x/y.gif: " in said and "; ...)" in said and "z.jpg" not in said
    assert "--skip-unreadable" in said and not list((tmp_path / "out").iterdir())
    assert main([*words, "--batch", "2", "--skip-unreadable"]) == 0
    assert "4 pictures cannot be read" in capsys.readouterr().err
    assert [row[1] for row in rows_of(out.with_suffix(".csv"))[1:]] == sorted(NAMES)
    embed_pictures(pictures, imagenet_transfer.load(run), "fc7", tmp_path / "whole.npy")
    np.testing.assert_allclose(np.load(out), np.load(tmp_path / "whole.npy"), rtol=1e-4, atol=1e-6)


def test_nothing_but_unreadable_files_is_an_error(run, tmp_path, capsys):
    write_file(tmp_path / "in/a.jpg", b"text")
    words = [str(tmp_path / "in"), "--weights", str(run), "--out", str(tmp_path / "a.npy")]
    assert main(["embed", *words, "--skip-unreadable"]) == 1
    assert "which are all that there are" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_older_features_stay_if_new_ones_fail(run, pictures, tmp_path, monkeypatch):
    network = imagenet_transfer.load(run)
    embed_pictures(pictures, network, "fc7", tmp_path / "a.npy")
    before = folder_contents(tmp_path)
    given = []

    def fails(*arguments):
        given.append(arguments)
        if len(given) > 1:
            raise KeyboardInterrupt
        return torch.zeros(2, 16)

    monkeypatch.setattr("imagenet_transfer.features.pictures.activations", fails)
    with pytest.raises(KeyboardInterrupt):
        embed_pictures(pictures, network, "fc7", tmp_path / "a.npy", batch=2)
    assert folder_contents(tmp_path) == before


def test_the_example_of_the_page(run, pictures, tmp_path, monkeypatch):
    (line,) = [line for line in commands("docs/extending.md") if "imagenet_transfer embed" in line]
    (tmp_path / "pictures").symlink_to(pictures)
    network = tmp_path / "results/pretrain/alexnet/ours/rep1"
    network.parent.mkdir(parents=True)
    network.symlink_to(run)
    monkeypatch.chdir(tmp_path)
    assert main(line.split()[3:]) == 0
    assert np.load("pictures.npy").shape == (7, 16)
    assert len(rows_of(Path("pictures.csv"))) == 8


@pytest.mark.parametrize("words", WRONG)
def test_mistakes_get_a_sentence(words, run, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = words.replace("RUN", str(run)).replace("PICTURES", str(pictures))
    assert main(["embed", *line.split()]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and WRONG[words] in said
    assert not list(tmp_path.iterdir())


def test_links_in_a_circle_and_names_that_are_not_text_are_refused(run, tmp_path, capsys):
    folder = tmp_path / "in"
    write_file(folder / "a/b.png", image_bytes(smooth_picture(1), "PNG"))
    words = ["embed", str(folder), "--weights", str(run), "--out", str(tmp_path / "a.npy")]
    (folder / "a/again").symlink_to(folder)
    assert main(words) == 1
    (folder / "a/again").unlink()
    (folder / "caf\udce9.jpg").write_bytes(b"x")
    assert main(words) == 1
    circle, name = capsys.readouterr().err.splitlines()
    assert "is a link to a folder that it lies in" in circle
    assert f"{folder}: 1 file names are not UTF-8" in name
