"""Files that may not be read, and files where folders belong."""

import errno
import os

import pytest
from helpers import image_bytes, refusal, smooth_picture, write_file

from imagenet_transfer.data.integrity import damaged_images
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.running.jobs import sentence_of

FILES = ["shard-00000.bin", "index.npy", "meta.json", "images.csv.gz", "objects.csv.gz"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_store_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, name):
    write_file(tmp_path / "in/a.png", image_bytes(smooth_picture(1), "PNG"))
    listing = make_listing([("train", "a", "c", "a.png")], ["c"])
    build_store(listing, tmp_path / "in", tmp_path / "out", {"codec": "original"}, 1, False)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path.name != name and may(path, how))

    def use():
        store = Store(tmp_path / "out")
        return [*store.images.index, *store.objects.index]

    said = refusal(use, tmp_path / "out" / name, "permission denied", "chmod")
    assert "damaged" not in said
    if name.endswith(("bin", "npy", "json")):
        refusal(lambda: damaged_images(tmp_path / "out", 1), "permission denied")


@pytest.mark.parametrize("number", [errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP])
def test_what_is_in_the_way_of_a_job_is_named(number):
    said = sentence_of(OSError(number, os.strerror(number), "results/a"))
    assert "results/a is in the way" in said


def test_a_failing_disk_is_not_the_programs_fault():
    assert "(Input/output error)" in sentence_of(OSError(errno.EIO, os.strerror(errno.EIO)))
    assert sentence_of(FileNotFoundError(errno.ENOENT, "gone", "x")) is None
