"""The packed store: what goes in comes out, after any kind of death, from any number of workers."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simplejpeg
from conftest import ROOT, heed_ctrl_c
from helpers import folder_contents, image_bytes, smooth_picture
from PIL import Image

from imagenet_transfer.data import packing
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError

RAW = {"codec": "raw", "size": 16}
JPEG = {"codec": "jpeg", "size": 16}
ORIGINAL = {"codec": "original"}


def make_source(root: Path, files: dict[str, bytes]):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    splits = ["train" if index % 3 else "val" for index in range(len(files))]
    rows = [
        (split, name.rpartition(".")[0], "c", name)
        for split, name in zip(splits, files, strict=True)
    ]
    return make_listing(rows, ["c"])


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    return root, make_source(
        root,
        {f"p{seed:03d}.JPEG": image_bytes(smooth_picture(seed), quality=95) for seed in range(40)},
    )


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(packing, "SHARD_ROWS", (8, 8))


def packed(source, folder: Path, spec=RAW, workers: int = 1) -> Store:
    root, listing = source
    build_store(listing, root, folder, spec, workers, progress=False)
    return Store(folder)


def test_raw_store_holds_the_warped_pixels_in_listing_order(tmp_path, source):
    store = packed(source, tmp_path / "store")
    root, listing = source
    assert store.images.equals(listing.images[["image", "split", "class"]])
    for row in (0, 17, 39):
        image = Image.open(root / listing.images.path[row]).resize(
            (16, 16), Image.Resampling.BILINEAR
        )
        assert np.array_equal(store.image(row), np.asarray(image))
    assert store.meta["num_images"] == {"train": 26, "val": 14}
    assert store.classes == ("c",)
    assert len(list((tmp_path / "store").glob("shard-*.bin"))) == 5
    assert not list((tmp_path / "store").glob("part-*"))


@pytest.mark.parametrize("spec", [RAW, JPEG])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_come_in_the_order_asked_for(tmp_path, source, spec, threads):
    packed(source, tmp_path / "store", spec)
    store = Store(tmp_path / "store", threads=threads)
    rows = np.array([39, 3, 3, 0, 20])
    batch = store.batch(rows)
    assert batch.shape == (5, 16, 16, 3) and batch.dtype == np.uint8
    assert all(
        np.array_equal(image, store.image(row)) for image, row in zip(batch, rows, strict=True)
    )
    assert store.batch([]).shape == (0, 16, 16, 3)
    names = ["p003", "p001", "p003"]
    assert list(store.images.image[store.rows(names)]) == names
    assert set(store.images.split[store.split("val")]) == {"val"}
    with pytest.raises(UserError, match="nobody"):
        store.rows(["p001", "nobody"])


def test_jpeg_store_is_close_to_the_raw_one(tmp_path, source):
    raw = packed(source, tmp_path / "raw")
    jpeg = packed(source, tmp_path / "jpeg", JPEG)
    difference = raw.batch(range(40)).astype(int) - jpeg.batch(range(40))
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("spec", [RAW, JPEG, ORIGINAL])
def test_bytes_do_not_depend_on_the_workers(tmp_path, source, spec):
    packed(source, tmp_path / "one", spec, workers=1)
    packed(source, tmp_path / "two", spec, workers=2)
    assert folder_contents(tmp_path / "one") == folder_contents(tmp_path / "two")


def test_an_image_of_the_right_size_is_not_resampled(tmp_path):
    data = image_bytes(smooth_picture(1, 16, 16), "PNG")
    store = packed((tmp_path, make_source(tmp_path, {"a.png": data})), tmp_path / "store")
    assert np.array_equal(store.image(0), np.asarray(smooth_picture(1, 16, 16)))


def odd_files() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    return {
        "cmyk.JPEG": image_bytes(smooth_picture(1).convert("CMYK")),
        "grey.JPEG": image_bytes(smooth_picture(2).convert("L")),
        "png.JPEG": image_bytes(smooth_picture(3), "PNG"),
        "alpha.JPEG": image_bytes(smooth_picture(4).convert("RGBA"), "PNG"),
        "palette.JPEG": image_bytes(smooth_picture(5).convert("P"), "GIF"),
        "exif.JPEG": image_bytes(smooth_picture(6), exif=exif),
        "progressive.JPEG": image_bytes(smooth_picture(7), progressive=True),
        "plain.JPG": image_bytes(smooth_picture(8)),
    }


@pytest.mark.parametrize("spec", [RAW, JPEG])
def test_odd_files_are_taken_as_rgb(tmp_path, spec):
    listing = make_source(tmp_path, odd_files())
    store = packed((tmp_path, listing), tmp_path / "store", spec)
    for row, path in enumerate(listing.images.path):
        wanted = (
            Image.open(tmp_path / path).convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)
        )
        assert np.abs(store.image(row).astype(int) - np.asarray(wanted)).mean() < 4, path


def test_original_keeps_baseline_jpegs_and_unturned_pixels(tmp_path):
    files = odd_files()
    store = packed((tmp_path, make_source(tmp_path, files)), tmp_path / "store", ORIGINAL)
    shard = (tmp_path / "store" / "shard-00000.bin").read_bytes()
    kept = [name for name, data in files.items() if data in shard]
    assert kept == ["grey.JPEG", "exif.JPEG", "plain.JPG"]
    for row in range(len(store)):
        assert store.image(row).shape == (
            24,
            32,
            3,
        )  # also the turned one: VOC's boxes are in stored pixels
    row = store.rows(["plain"])[0]
    assert np.array_equal(store.image(row), simplejpeg.decode_jpeg(files["plain.JPG"]))


def bomb() -> bytes:
    """Return a small file that claims 20,000×20,000 pixels."""
    data = bytearray(image_bytes(smooth_picture(0)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (20_000).to_bytes(2, "big") * 2
    return bytes(data)


def test_unreadable_images_are_named_and_left_out_if_allowed(tmp_path, capsys):
    good = image_bytes(smooth_picture(0))
    files = {f"a{i}.JPEG": good for i in range(10)}
    files |= {
        "cut.JPEG": image_bytes(smooth_picture(1, 96, 96))[:900],
        "empty.JPEG": b"",
        "text.JPEG": b"<html>",
    }
    listing = make_source(tmp_path / "source", files | {"bomb.JPEG": bomb(), "gone.JPEG": good})
    (tmp_path / "source" / "gone.JPEG").unlink()
    (tmp_path / "source" / "gone.JPEG").symlink_to(tmp_path / "nowhere")
    source = (tmp_path / "source", listing)
    folder = tmp_path / "store"
    with pytest.raises(
        UserError, match=r"5 images cannot be read and `max_unreadable` is 4 .*unreadable\.csv"
    ):
        packed(source, folder, {**RAW, "max_unreadable": 4}, workers=2)
    reasons = pd.read_csv(folder / "unreadable.csv", index_col="path").reason
    assert set(reasons.index) == {"cut.JPEG", "empty.JPEG", "text.JPEG", "bomb.JPEG", "gone.JPEG"}
    for name, word in {
        "cut": "truncated",
        "empty": "empty",
        "text": "identify",
        "bomb": "bomb",
        "gone": "No such",
    }.items():
        assert word in reasons[f"{name}.JPEG"]
    with pytest.raises(UserError, match="no finished store"):
        Store(folder)
    (tmp_path / "source" / "cut.JPEG").write_bytes(good)
    store = packed(source, folder, {**RAW, "max_unreadable": 4})
    kept = listing.images[
        ~listing.images.path.isin({"empty.JPEG", "text.JPEG", "bomb.JPEG", "gone.JPEG"})
    ]
    assert list(store.images.image) == list(kept.image)
    assert store.meta["num_unreadable"] == 4
    assert np.array_equal(store.image(store.rows(["a9"])[0]), store.image(store.rows(["cut"])[0]))
    assert "afresh" not in capsys.readouterr().err


SLOW_BUILD = """
import sys, time
from pathlib import Path
from imagenet_transfer.data import packing, sources
sys.path[:0] = {tests!r}
import test_store
packing.SHARD_ROWS = (8, 8)
read = sources.Files.read
def slow(self, path):
    time.sleep(0.03)
    return read(self, path)
sources.Files.read = slow
root = Path({root!r})
files = {{path.name: path.read_bytes() for path in sorted(root.iterdir())}}
listing = test_store.make_source(root, files)
packing.build_store(listing, root, Path({folder!r}), test_store.RAW, 2, progress=False)
"""


def start_slow_build(root: Path, folder: Path) -> subprocess.Popen:
    code = SLOW_BUILD.format(
        tests=[str(Path(__file__).parent), str(ROOT / "tests")], root=str(root), folder=str(folder)
    )
    options = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": heed_ctrl_c}
    process = subprocess.Popen([sys.executable, "-c", code], **options)
    deadline = time.monotonic() + 20
    while not list(folder.glob("part-*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def test_a_killed_build_is_continued_to_the_same_bytes(tmp_path, source, capsys):
    folder = tmp_path / "store"
    process = start_slow_build(source[0], folder)
    process.kill()
    process.communicate()
    assert not (folder / "meta.json").exists()
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*.bin")}
    assert 1 <= len(finished) < 5
    packed(source, folder)
    assert any(path.stat().st_mtime_ns == time_ns for path, time_ns in finished.items())
    packed(source, tmp_path / "whole")
    assert folder_contents(folder) == folder_contents(tmp_path / "whole")
    assert not capsys.readouterr().err


def test_ctrl_c_ends_a_build_at_once(tmp_path, source):
    process = start_slow_build(source[0], tmp_path / "store")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode != 0
    assert err.count("Traceback") == 1 and err.rstrip().endswith("KeyboardInterrupt")
    assert not list((tmp_path / "store").glob(".*.tmp"))


def test_the_same_pixels_by_another_library_are_the_same_store(tmp_path, source, monkeypatch):
    packed(source, tmp_path / "laptop")
    monkeypatch.setattr(packing, "libraries", lambda: {"pillow": "another"})
    packed(source, tmp_path / "cluster")
    laptop = folder_contents(tmp_path / "laptop")
    cluster = folder_contents(tmp_path / "cluster")
    assert {name for name in laptop if laptop[name] != cluster[name]} == {"packed.json"}


def test_other_settings_start_afresh_and_say_so(tmp_path, source, capsys):
    packed(source, tmp_path / "store")
    before = folder_contents(tmp_path / "store")
    packed(source, tmp_path / "store")
    assert folder_contents(tmp_path / "store") == before
    assert not capsys.readouterr().err
    packed(source, tmp_path / "store", JPEG)
    assert "starting afresh" in capsys.readouterr().err
    packed(source, tmp_path / "jpeg", JPEG)
    assert folder_contents(tmp_path / "store") == folder_contents(tmp_path / "jpeg")


def test_a_full_disk_gets_a_sentence_and_finished_shards_are_kept(tmp_path, source, monkeypatch):
    folder = tmp_path / "store"
    fsync = os.fsync
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with (
        monkeypatch.context() as patch,
        pytest.raises(UserError, match=r"cannot grow \(No space left.*MB.*kept"),
    ):
        patch.setattr(os, "fsync", full)
        packed(source, folder, workers=2)
    kept = sorted(path.name for path in folder.glob("part-*.json"))
    assert kept and not list(folder.glob(".*.tmp"))
    packed(source, folder)
    packed(source, tmp_path / "whole")
    assert folder_contents(folder) == folder_contents(tmp_path / "whole")


def test_raw_rows_that_cannot_fit_are_refused_beforehand(tmp_path, source, monkeypatch):
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda folder: _Disk)
    with pytest.raises(UserError, match="codec: jpeg"):
        packed(source, tmp_path / "store")


class _Disk:
    free = 100


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path, source):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        packed(source, tmp_path / "file" / "store")


@pytest.mark.parametrize("spec", [RAW, JPEG])
def test_a_flipped_bit_is_found(tmp_path, source, spec):
    store = packed(source, tmp_path / "store", spec)
    assert store.verify() == []
    shard = tmp_path / "store" / "shard-00001.bin"
    data = bytearray(shard.read_bytes())
    data[int(store.index["offset"][10]) + 100] ^= 1
    shard.write_bytes(data)
    store = Store(tmp_path / "store")
    assert store.verify() == [(10, store.images.image[10])]
    with pytest.raises(
        UserError,
        match=f"{store.images.image[10]} is damaged in .*shard-00001.bin: run the target `repair`",
    ):
        store.batch([3, 10])
    assert len(store.batch([3, 11])) == 2


def test_stores_that_are_not_whole_are_refused(tmp_path, source):
    folder = tmp_path / "store"
    with pytest.raises(UserError, match="no finished store"):
        Store(folder)
    packed(source, folder)
    meta = (folder / "meta.json").read_text()
    (folder / "meta.json").write_text(meta.replace('"version": 1', '"version": 0'))
    with pytest.raises(UserError, match="version 0"):
        Store(folder)
    (folder / "meta.json").write_text(meta)
    shard = folder / "shard-00004.bin"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"shard-00004.bin is missing or does not have its"):
        Store(folder)


def test_objects_are_kept(tmp_path):
    files = {
        "000005.jpg": image_bytes(smooth_picture(0)),
        "000007.jpg": image_bytes(smooth_picture(1)),
    }
    images = make_source(tmp_path, files).images
    rows = [(path.partition(".")[0], path) for path in images.path]
    box = ("000005", 1, "dog", 1.0, 2.0, 8.0, 9.5, 0)
    listing = make_listing([("test", name, "", path) for name, path in rows], ["dog"], [box])
    store = packed((tmp_path, listing), tmp_path / "store", ORIGINAL)
    assert [tuple(row) for row in store.objects.itertuples(index=False)] == [box]
    assert list(store.images.image) == ["000005", "000007"] and list(store.images["class"]) == [
        "",
        "",
    ]
