"""Faults from outside: killed workflows, full disks, read-only folders, damaged stores.

`test_recovery.py` has more.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from projects import Project, mounted

from imagenet_transfer.data import packing
from imagenet_transfer.data.integrity import damaged_images, is_whole, mend_store, reading_data
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.style import new_figure, save_figure
from imagenet_transfer.files import (
    atomic_write,
    exclusive,
    machine,
    sha256_of,
    write_json,
    write_text,
)
from imagenet_transfer.running.jobs import WORKFLOW, check_writable
from imagenet_transfer.training.checkpoints import StateFile


def started(script, *words, **options):
    """Start a Python script; return it once it has said its first line, and that line."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, words)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    return running, running.stdout.readline().strip()


def ended_within(process, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        stat = Path(f"/proc/{process}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


# --- processes ------------------------------------------------------------------------------------

HOLDER = """
    import sys, time
    from imagenet_transfer.files import exclusive
    with exclusive(sys.argv[1], "trains in"):
        print("holds", flush=True)
        time.sleep(60)
"""


def test_one_process_at_a_time_works_in_a_folder_and_a_dead_one_holds_nothing(tmp_path):
    folder = tmp_path / "run"
    running, _ = started(HOLDER, folder)
    with (
        pytest.raises(UserError, match=r"Another process trains in .*run at this moment"),
        exclusive(folder, "trains in"),
    ):
        pass
    running.kill()
    running.wait()
    with exclusive(folder, "trains in"):
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_system_without_locks_holds_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with exclusive(tmp_path, "trains in"), exclusive(tmp_path, "trains in"):
        pass


JOB = """
    import os, sys, time
    from imagenet_transfer.running.jobs import job_log
    with job_log(sys.argv[1]):
        print(os.getpid(), flush=True)
        time.sleep(60)
"""
WORKFLOW_OF = """
    import os, subprocess, sys
    os.environ["{variable}"] = str(os.getpid())
    subprocess.run(sys.argv[1], shell=True, executable="/bin/bash")
"""


@pytest.mark.parametrize("shell", ["exec {}", "{}; true"])
@pytest.mark.parametrize("before", ["", "import os; del os.pidfd_open\n"])
def test_a_job_ends_with_its_workflow(tmp_path, shell, before):
    """The shell becomes the job or stays between; not every system has `pidfd_open`."""
    script = before + textwrap.dedent(JOB)
    command = shell.format(shlex.join([sys.executable, "-c", script, str(tmp_path / "log")]))
    workflow, job = started(WORKFLOW_OF.format(variable=WORKFLOW), command)
    assert not ended_within(int(job), 0.5)
    workflow.kill()
    assert ended_within(int(job), 10)
    workflow.wait()


def test_a_terminated_job_says_that_it_was_interrupted(tmp_path):
    job, process = started(JOB, tmp_path / "log", stderr=subprocess.PIPE)
    os.kill(int(process), signal.SIGTERM)
    assert job.wait(10) == 1
    kept = "Finished files are kept; run the same command again to continue."
    assert job.stderr.read() == f"Error: Interrupted. {kept}\n"
    assert (tmp_path / "log").read_text() == f"Error: Interrupted. {kept}\n"


@pytest.mark.parametrize("shift", [-86_400, 86_400])
def test_inputs_of_the_future_get_the_present_time_and_others_keep_theirs(tmp_path, shift):
    given = tmp_path / "weights.pt"
    given.touch()
    before = time.time() + shift
    os.utime(given, (before, before))
    script = (
        "import sys\nfrom imagenet_transfer.running.jobs import job_log\n"
        "with job_log(sys.argv[1], sys.argv[2:]): pass"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "log", given], check=True)
    assert given.stat().st_mtime == pytest.approx(min(before, time.time()), abs=60)


# --- disks ----------------------------------------------------------------------------------------


def save_state(folder):
    StateFile(folder / "state.pt", "f").save({"step": 1, "weights": torch.zeros(300, 300)})


def save_array(folder):
    with atomic_write(folder / "array.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.zeros(100_000))


def save_picture(folder):
    figure = new_figure()
    figure.add_subplot().imshow(np.random.default_rng(0).random((200, 200)))
    save_figure(figure, folder / "figure.png", folder / "figure.svg")


@pytest.mark.parametrize(
    "save, name",
    [
        (save_state, "state.pt"),
        (save_array, "array.npy"),
        (save_picture, "figure.png"),
        (lambda folder: write_text(folder / "table.csv", "x" * 300_000), "table.csv"),
    ],
)
def test_a_full_disk_leaves_no_half_file_and_is_named(tmp_path, save, name):
    with mounted(tmp_path / "small", size="64k") as folder:
        with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'"):
            save(folder)
        assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_of_a_file_is_deleted_and_a_living_ones_is_not(tmp_path):
    dead, _ = started("print(1)")
    dead.wait()
    left = tmp_path / f".state.pt.{machine()}.{dead.pid}.tmp"
    living = tmp_path / f".state.pt.{machine()}.{os.getppid()}.tmp"
    # Of another machine: only that one knows which of its processes live
    elsewhere = tmp_path / f".state.pt.another.{dead.pid}.tmp"
    for path in (left, living, elsewhere):
        path.write_text("half")
    write_text(tmp_path / "state.pt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {living.name, elsewhere.name, "state.pt"}


def test_a_full_disk_keeps_the_state_that_was_saved_before(tmp_path):
    with mounted(tmp_path / "small", size="64k") as folder:
        StateFile(folder / "state.pt", "f").save({"step": 7})
        with pytest.raises(OSError, match="No space left"):
            save_state(folder)
        assert StateFile(folder / "state.pt", "f").load()[0]["step"] == 7


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"size": "64k"}, "The disk of .*small is full"),
        (
            {"size": "4m", "read_only": True},
            r"small cannot be written \(Read-only file system\).*--directory",
        ),
    ],
)
def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path, options, sentence):
    with mounted(tmp_path / "small", **options) as folder, pytest.raises(UserError, match=sentence):
        check_writable(folder)
    check_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_log_that_cannot_be_written_gets_a_sentence(tmp_path):
    with mounted(tmp_path / "small", size="1m", read_only=True) as folder:
        command = [sys.executable, "-c", textwrap.dedent(JOB), folder / "log"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .*/log may not be written .*\n", done.stderr)


# --- damaged stores -------------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """Return data, listing and store of twenty pictures in three shards."""
    monkeypatch.setattr(packing, "SHARD_ROWS", (8, 8))
    root = tmp_path / "data"
    root.mkdir()
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"p{number:02d}.png")
    names = [f"p{number:02d}" for number in range(20)]
    listing = make_listing([("train", name, "c", f"{name}.png") for name in names], ["c"])
    build_store(listing, root, tmp_path / "store", SPEC, workers=1, progress=False)
    return root, listing, tmp_path / "store"


SPEC = {"codec": "jpeg", "size": 16}


def flip_bit(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 16
    path.write_bytes(data)


def cut(path):
    os.truncate(path, path.stat().st_size - 10)


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


@pytest.mark.parametrize(
    "damage, named",
    [
        (lambda shard: flip_bit(shard, 100), ["p08"]),
        (cut, ["p15"]),
        (Path.unlink, [f"p{number:02d}" for number in range(8, 16)]),
        (lengthen, ["bytes behind the last image"]),
    ],
)
def test_damaged_records_are_found_and_mended_in_place(packed, damage, named):
    root, listing, folder = packed
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    shard = folder / "shard-00001.bin"
    assert damaged_images(folder, 2) == []
    damage(shard)
    assert damaged_images(folder, 2) == [(name, str(shard)) for name in named]
    mend_store(folder, listing, root, SPEC, 2)
    assert damaged_images(folder, 2) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in after if after[name] != times[name]} == {"shard-00001.bin"}


def test_reading_a_damaged_or_incomplete_store_names_the_target_that_repairs_it(packed):
    shard = packed[2] / "shard-00001.bin"
    flip_bit(shard, 100)
    with pytest.raises(
        UserError, match=r"image p08 is damaged in .*shard-00001.bin: run the target `repair`"
    ):
        Store(packed[2]).batch([8])
    shard.unlink()
    with pytest.raises(UserError, match=r"shard-00001.bin is missing .*`repair`"):
        Store(packed[2])


def test_a_store_is_not_mended_from_other_images(packed):
    root, listing, folder = packed
    flip_bit(folder / "shard-00001.bin", 100)
    (root / "p08.png").write_bytes((root / "p01.png").read_bytes())
    damaged = (folder / "shard-00001.bin").read_bytes()
    with pytest.raises(UserError, match=r"p08.png is no longer what was packed as p08"):
        mend_store(folder, listing, root, SPEC, 1)
    (root / "p08.png").unlink()
    with pytest.raises(UserError, match=r"p08.png cannot be read"):
        mend_store(folder, listing, root, SPEC, 1)
    assert (folder / "shard-00001.bin").read_bytes() == damaged
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("table", ["images.csv.gz", "objects.csv.gz", "index.npy"])
def test_damaged_tables_of_a_store_get_a_sentence(packed, table):
    path = packed[2] / table
    flip_bit(path, path.stat().st_size - 6)
    with pytest.raises(UserError, match=r"tables of .*store .* are damaged: delete"):
        damaged_images(packed[2], 1)


def test_a_file_is_whole_if_it_has_the_digest_next_to_it(tmp_path):
    path = tmp_path / "fc7.npy"
    path.write_bytes(b"features")
    write_json(path.with_suffix(".json"), {"digest": sha256_of(path)})
    assert is_whole(path)
    flip_bit(path, 3)
    assert not is_whole(path)
    write_json(path.with_suffix(".json"), {"shape": [1, 8]})
    assert is_whole(path)  # written before digests were


def test_rendered_images_that_are_gone_are_said_to_be_rendered_again():
    with (
        pytest.raises(UserError, match=r"gone\. These .*--force data/miniature/voc.json`"),
        reading_data("data/miniature/voc.json"),
    ):
        raise UserError("gone.")
    with pytest.raises(UserError, match=r"gone\.$"), reading_data(None):
        raise UserError("gone.")


# --- as users meet it -----------------------------------------------------------------------------

STORE = "stores/places/meta.json"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A study with one packed store."""
    project = Project(tmp_path_factory.mktemp("stored")).create()
    project.run(STORE)
    return project


@pytest.mark.slow
def test_verify_names_damaged_images_and_the_command_that_mends_them(stored):
    folder = stored.folder / "stores/places"
    flip_bit(folder / "shard-00000.bin", 5000)
    said = stored.run("verify", expect=1)
    assert "stores/places: 1 images are damaged" in said
    assert "stores/imagenet: not packed yet" in said
    assert "Traceback" not in said
    sentence = r"^Error: 1 packed images are damaged \((\S+) in (\S+)\)\. .* again: snakemake (.*)$"
    error = re.search(sentence, said, re.M)
    assert error[2] == "stores/places/shard-00000.bin"
    assert stored.run_line(error[3]).count("stores/places: 1 images mended") == 1
    assert "stores/places: whole" in stored.run("verify")
    assert "Nothing to be done" in stored.run(STORE)


@pytest.mark.slow
def test_a_read_only_study_gets_a_sentence(stored):
    with mounted(stored.folder, read_only=True):
        said = stored.run(STORE, expect=1)
    assert "study cannot be written (Read-only file system)" in said
    assert "Traceback" not in said
