"""Paths of a config that name pipes, devices, folders, circles or what no file is called."""

import os
import socket
from pathlib import Path

import pytest
import yaml
from helpers import refusal, write_file
from study_configs import MEASURES, SCHEMA

from imagenet_transfer.files import read_small_text, sha256_of, why_not_a_file
from imagenet_transfer.study.path_checks import check_paths
from imagenet_transfer.study.study import Study

PLACES = {  # what is there, and why it is not a file
    "pipe": "not a regular file but a pipe",
    "folder": "not a regular file but a folder",
    "socket": "not a regular file but a socket",
    "circle": "symbolic links",
    "/dev/zero": "not a regular file but a device",
    "x" * 5000: "name too long",
    "a\0b": "characters that no file's can have",
    "\ud800": "characters that no file's can have",
    "file/below": "Not a directory",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Work in a folder that has one of everything that is not a file."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    Path("circle").symlink_to("circle")
    write_file(Path("file"))


def check(weights="missing.pt", **dataset):
    """Check the paths of a study with these weights and keys of its data set, as a dry run does."""
    config = yaml.safe_load(MEASURES)
    config["subsets"]["bought"]["weights"] = weights
    if dataset:
        config["datasets"]["flowers"] = {"layout": "list", "root": ".", **dataset}
    study = Study.of(config, SCHEMA)
    check_paths(study, Path("results"), lambda run: "record.json", lambda name: f"{name}.json")


@pytest.mark.parametrize("path", PLACES, ids=range(len(PLACES)))
def test_what_is_not_a_file_is_refused_in_a_dry_run(path):
    check()
    refusal(lambda: check(path), "subsets.bought.weights", PLACES[path])
    refusal(lambda: check(list=path, held_out=0.5), "datasets.flowers.list", PLACES[path])
    assert why_not_a_file(path)


def test_weights_that_are_empty_or_whose_record_is_not_a_file_are_refused():
    write_file(Path("given/small.pt"), "x")
    check("given/{arch}.pt")
    Path("given/metrics.json").mkdir()
    refusal(lambda: check("given/{arch}.pt"), "next to it", "but a folder")
    refusal(lambda: check(write_file(Path("none.pt"), "").name), "none.pt", "it is empty")


@pytest.mark.parametrize("path", ["pipe", "file", "socket", "circle", "/dev/null", "a\0b"])
def test_a_root_that_is_not_a_folder_is_refused_in_a_dry_run(path):
    check(root="not there yet", held_out=0.5)
    refusal(lambda: check(root=path, held_out=0.5), "datasets.flowers.root", "name another folder")


def test_what_was_read_already_may_become_anything():
    write_file(Path("record.json"))
    check("pipe")
    write_file(Path("flowers.json"))
    check(root="pipe", held_out=0.5)


def test_files_without_permission_are_named_unless_they_were_read(monkeypatch):
    write_file(Path("mine.pt"), "x")
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("mine.pt"))
    refusal(lambda: check("mine.pt"), "Permission denied")
    write_file(Path("record.json"))
    check("mine.pt")


def test_pipes_are_not_waited_for_and_files_of_the_system_not_read():
    for read in (sha256_of, lambda path: read_small_text(path, 9)):
        for path in ("pipe", "/dev/zero", "a\0b"):
            with pytest.raises(OSError):
                read(path)
    assert read_small_text("/proc/version", 9999) == "", "it claims to have 0 bytes"


@pytest.mark.parametrize("path", ["results/pretrain/small", "stores/flowers", "stores"])
def test_a_file_in_place_of_a_folder_that_jobs_fill_is_named(path):
    study = Study.of(yaml.safe_load(MEASURES), SCHEMA)

    def checked():
        check_paths(
            study,
            Path("results"),
            lambda run: f"results/pretrain/{run.architecture}/metrics.json",
            lambda name: f"stores/{name}/meta.json",
        )

    checked()
    write_file(Path(path))
    refusal(checked, f"{path} is a file")
