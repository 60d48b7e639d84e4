"""Records, summaries and stores that were edited by hand: values of other types than they had."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from damages import edited, pipe
from helpers import image_bytes, refusal, smooth_picture, write_file

import imagenet_transfer
from imagenet_transfer.data.integrity import damaged_images
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.files import read_facts, write_json
from imagenet_transfer.labels.manifests import read_manifest
from imagenet_transfer.models import network_of
from imagenet_transfer.reporting.event_files import export_events
from imagenet_transfer.training.checkpoints import save_weights

META = [
    *[{"shard_bytes": ["x"]}, {"shard_bytes": [-1]}, {"num_images": {"train": "1"}}],
    *[{"num_images": {"train": None}}, {"classes": [1]}, {"version": "a\0"}, {"size": "8"}],
    *[{"size": None}, {"codec": 3}, {"digest": []}, {"num_images": {"train": 1.5}}],
]


@pytest.mark.parametrize("changes", META, ids=str)
def test_a_store_whose_meta_has_other_types_is_damaged(tmp_path, changes):
    write_file(tmp_path / "in/a.png", image_bytes(smooth_picture(1), "PNG"))
    listing = make_listing([("train", "a", "c", "a.png")], ["c"])
    spec = {"codec": "raw", "size": 8}
    build_store(listing, tmp_path / "in", tmp_path / "out", spec, 1, progress=False)
    assert len(Store(tmp_path / "out")) == 1
    edited(**changes)(tmp_path / "out/meta.json")
    refusal(lambda: Store(tmp_path / "out"), "is damaged", "no longer the record of a store")


ARCHITECTURES = [
    *[{"pixel_mean": {"a": 1}}, {"pixel_mean": [None] * 3}, {"width": "1"}, {"fc_width": -4}],
    *[
        {"model": []},
        {"model": "x\0"},
        {"dropout": float("nan")},
        {"input_size": 10**30},
        {"new": 1},
    ],
]


@pytest.mark.parametrize("changes", ARCHITECTURES, ids=str)
def test_a_network_whose_record_has_other_types_is_refused(tmp_path, changes):
    save_weights(tmp_path / "weights.pt", network_of(TINY).build(3))
    record = {"n_classes": 3, "settings": {"architecture": TINY}}
    write_json(tmp_path / "metrics.json", record)
    assert imagenet_transfer.load(tmp_path)
    record["settings"]["architecture"] = TINY | changes
    write_json(tmp_path / "metrics.json", record)
    refusal(lambda: imagenet_transfer.load(tmp_path), "metrics.json does not describe a network")


def test_classes_of_a_record_that_are_not_pairs_are_refused(tmp_path):
    save_weights(tmp_path / "weights.pt", network_of(TINY).build(3))
    record = {"n_classes": 3, "settings": {"architecture": TINY}, "classes": [1.5]}
    write_json(tmp_path / "metrics.json", record)
    refusal(lambda: imagenet_transfer.load(tmp_path), "metrics.json does not describe a network")


def test_a_pipe_in_place_of_a_shard_is_not_waited_for(tmp_path):
    write_file(tmp_path / "in/a.png", image_bytes(smooth_picture(1), "PNG"))
    listing = make_listing([("train", "a", "c", "a.png")], ["c"])
    build_store(listing, tmp_path / "in", tmp_path / "out", {"codec": "original"}, 1, False)
    pipe(tmp_path / "out/shard-00000.bin")
    assert damaged_images(tmp_path / "out", 1) == [("a", str(tmp_path / "out/shard-00000.bin"))]


@pytest.mark.parametrize("key", ["classes", "short"])
def test_a_summary_of_a_draw_with_other_types_is_refused(tmp_path, key):
    for value in (1.5, None, "x", {}):
        summary = {"digest": "x", "classes": [], "short": []} | {key: value}
        write_json(tmp_path / "a.json", summary)
        pd.DataFrame({"image": ["a"], "label": [0]}).to_csv(tmp_path / "a.csv.gz", index=False)
        refusal(lambda: read_manifest(tmp_path / "a.csv.gz"), "no longer the summary of a draw")


@pytest.mark.parametrize("step", ["", "inf", "nan", "-1", "1.5", "x", "1e400", "9" * 40])
def test_a_history_whose_steps_are_not_iterations_is_refused(tmp_path, step):
    pytest.importorskip("tensorboard")
    path = write_file(tmp_path / "in/history.csv", f"iteration,loss\n1,2.0\n{step},1.0\n")
    refusal(lambda: export_events(tmp_path / "in", tmp_path / "out"), path, "whole number from 0")
    assert not (tmp_path / "out").exists()


def test_halves_of_letters_in_json_are_damage_and_pairs_of_them_are_not(tmp_path):
    path = write_file(tmp_path / "a.json", '{"a": "\\ud83d\\ude00"}')
    assert read_facts(path, "a")["a"] == "\U0001f600"
    refusal(lambda: read_facts(write_file(path, '{"a": "\\ud83d"}'), "a"), "cannot be read")
    assert np.isnan(json.loads("NaN")), "which other checks are for"
