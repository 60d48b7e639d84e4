"""Where images are kept: which place, that all give the same results, and what is left behind."""

import errno
import mmap
import os

import numpy as np
import pandas as pd
import pytest
import simplejpeg
from conftest import RECIPE, TINY
from helpers import image_bytes, smooth_picture
from small_tasks import check_same_tensors

from imagenet_transfer.data.kept import FileSpace, KeptImages, MemorySpace, bytes_of
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.training import tiers
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import train
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tiers import GB, Budget, keep_images

pytestmark = pytest.mark.usefixtures("one_thread")

NUMBER = 20
BYTES = NUMBER * 28 * 28 * 3
ROOM = {
    "device": {"device": BYTES},
    "host": {"host": BYTES},
    "disk": {"disk": BYTES},
    "store": {"device": BYTES - 1, "host": BYTES - 1, "disk": BYTES - 1},
}


@pytest.fixture
def folders(tmp_path):
    """Return the folders of stores of the same pictures by codec."""
    rows = []
    for i in range(NUMBER):
        (tmp_path / f"p{i:02}.JPEG").write_bytes(image_bytes(smooth_picture(i), quality=95))
        rows.append(("train" if i % 4 else "val", f"p{i:02}", f"c{i % 4}", f"p{i:02}.JPEG"))
    listing = make_listing(rows, [f"c{i}" for i in range(4)])
    for codec in ("jpeg", "raw", "original"):
        spec = {"codec": codec} | ({} if codec == "original" else {"size": 28})
        build_store(listing, tmp_path, tmp_path / codec, spec, 1, progress=False)
    return {codec: tmp_path / codec for codec in ("jpeg", "raw", "original")}


def task_on(folder, threads=1):
    table = pd.DataFrame({"row": np.arange(NUMBER), "label": np.arange(NUMBER) % 4})
    store = Store(folder, threads=threads)
    return ClassificationTask(store, table[table.row % 4 > 0], table[::4], 4, TINY, RECIPE, seed=7)


def trained(task, path):
    outcome = train(task, RECIPE, 7, StateFile(path, "f"))
    return outcome.history, task.tested()


@pytest.mark.parametrize("codec", ["jpeg", "raw"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_is_the_same_wherever_its_images_are_kept(codec, threads, folders, tmp_path):
    expected = task_on(folders[codec])
    history, tested = trained(expected, tmp_path / "state.pt")
    for tier, room in ROOM.items():
        task = task_on(folders[codec], threads)
        assert keep_images(task, task.store, Budget(**room, folder=tmp_path)) == tier
        found, images = trained(task, tmp_path / f"{tier}.pt")
        assert found == history
        assert images.equals(tested)
        check_same_tensors(task.model, expected.model)


@pytest.mark.parametrize("tier", ROOM)
def test_images_are_decoded_once_where_they_are_kept(tier, folders, tmp_path, monkeypatch):
    decoded = []

    def decode(data, buffer):
        decoded.append(data)
        return decode_jpeg(data, buffer=buffer)

    decode_jpeg = simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", decode)
    task = task_on(folders["jpeg"])
    keep_images(task, task.store, Budget(**ROOM[tier], folder=tmp_path))
    for step in range(8):
        task.prepared(task.load(step))
    if tier == "store":
        assert len(decoded) == 64
    else:
        assert len(decoded) == len(set(decoded)) == 15


def test_a_batch_that_was_loaded_but_never_taken_is_not_taken_for_kept(folders, tmp_path):
    task = task_on(folders["jpeg"])
    keep_images(task, task.store, Budget(**ROOM["device"]))
    expected, _ = task_on(folders["jpeg"]).load(0)
    task.load(0)  # such as the last batch before a stop
    assert (task.prepared(task.load(0))[0] == expected).all()


def test_the_file_of_pixels_has_no_name_even_while_it_is_used(folders, tmp_path):
    (tmp_path / "scratch").mkdir()
    task = task_on(folders["jpeg"])
    room = Budget(**ROOM["disk"], folder=tmp_path / "scratch")
    assert keep_images(task, task.store, room) == "disk"
    task.load(0)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert os.fstat(task.store._kept.space.file.fileno()).st_size == BYTES


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_costs_nothing_but_time(folders, tmp_path, monkeypatch, capsys):
    expected, _ = task_on(folders["jpeg"]).load(0)
    task = task_on(folders["jpeg"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        room = Budget(**ROOM["disk"], folder=tmp_path)
        assert keep_images(task, task.store, room) == "store"
    said = capsys.readouterr().err
    assert f"{tmp_path} cannot keep the images (No space left on device): they are decoded" in said
    assert (task.load(0)[0] == expected).all()
    # The same when it is found to be full later, as on file systems that promise too much
    assert keep_images(task, task.store, room) == "disk"
    monkeypatch.setattr(os, "pwrite", full)
    capsys.readouterr()
    assert (task.load(0)[0] == expected).all()
    assert (task.load(0)[0] == expected).all()
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_folder_that_is_not_there_is_said(folders, tmp_path, capsys):
    task = task_on(folders["jpeg"])
    room = Budget(**ROOM["disk"], folder=tmp_path / "gone")
    assert keep_images(task, task.store, room) == "store"
    assert "gone cannot keep the images (No such file or directory)" in capsys.readouterr().err


def test_the_log_says_which_place_and_why(folders, capsys):
    task = task_on(folders["jpeg"])
    keep_images(task, task.store, Budget(host=2 * GB))
    assert capsys.readouterr().err == (
        "Input: 20 images, 0.0 GB of pixels, kept in memory "
        "(room: GPU 0.0 GB, memory 2.0 GB, disk 0.0 GB).\n"
    )


def test_raw_pixels_are_kept_in_memory_only_if_the_config_says_so(folders):
    task = task_on(folders["raw"])
    assert keep_images(task, task.store, Budget(host=GB, host_is_given=False)) == "store"
    assert keep_images(task, task.store, Budget(host=GB)) == "host"


@pytest.mark.parametrize("space", ["memory", "file"])
def test_images_of_all_sizes_are_kept(space, folders, tmp_path):
    store, plain = Store(folders["original"]), Store(folders["original"])
    rows = np.array([1, 3, 4, 19])
    size = int(bytes_of(store.index, rows).sum())
    room = MemorySpace(size) if space == "memory" else FileSpace(size, tmp_path)
    store.keep(KeptImages(store.index, rows, room, pytest.fail))
    for _ in range(2):
        for row in range(NUMBER):
            image = store.image(row)
            assert np.array_equal(image, plain.image(row))
            image[...] = 0  # is the caller's
    assert store._kept.there.nonzero()[0].tolist() == rows.tolist()


HALF = 32 * GB  # of the available memory


@pytest.mark.parametrize(
    ("section", "mem_mb", "threads", "host"),
    [
        ({}, None, 1, HALF / 8),
        ({}, None, 4, HALF / 2),
        ({}, None, 16, HALF),  # more threads than processors
        ({}, 16_000, 8, 8 * GB),
        ({}, 10_000, 8, 2 * GB),
        ({}, 32_000, 8, 16 * GB),  # a second attempt: twice as much for everything else, too
        ({"host_gb": 30}, 32_000, 8, 24 * GB),
        ({}, 4_000, 8, 0),
        ({"host_gb": 3}, 16_000, 8, 3 * GB),
        ({"host_gb": 30}, 16_000, 8, 8 * GB),
        ({"host_gb": 30}, None, 1, 30 * GB),
        ({"host_gb": 0}, None, 1, 0),
    ],
)
def test_the_memory_of_a_job(section, mem_mb, threads, host, monkeypatch):
    monkeypatch.setattr(tiers, "available_memory", lambda: 2 * HALF)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert Budget.of_job(section, mem_mb, threads).host == pytest.approx(host)


def test_other_places_are_used_only_if_the_config_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCH_OF_JOB", str(tmp_path))
    nothing = Budget.of_job({}, None, 1)
    assert nothing.device == nothing.disk == 0
    section = {"device_gb": 1, "disk_gb": 0.5, "folder": "$SCRATCH_OF_JOB/pixels"}
    given = Budget.of_job(section, None, 1)
    assert (given.device, given.disk) == (GB, GB / 2)
    assert given.folder == f"{tmp_path}/pixels"


def test_a_cpu_has_no_memory_of_its_own():
    assert Budget(device=GB, host=GB).on("cpu") == Budget(host=GB)
    assert Budget(device=GB, host=GB).on("cuda") == Budget(device=GB, host=GB)


def test_no_memory_after_all(folders, monkeypatch, capsys):
    def nothing(*_):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    task = task_on(folders["jpeg"])
    monkeypatch.setattr(mmap, "mmap", nothing)
    assert keep_images(task, task.store, Budget(host=GB)) == "store"
    assert "The memory cannot keep the images (Cannot allocate memory)" in capsys.readouterr().err
