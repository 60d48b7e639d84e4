"""Rates are of the training loop's own steps, in the recipe's batches and precision."""

import re
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import made_tasks
import training_rate
from made_tasks import PREPARED, made_task, steps_of, works_of
from training_rate import images_per_second, measure, merged

from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.plan import RATE_COLUMNS, RATES, read_rates
from imagenet_transfer.training import loop
from imagenet_transfer.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
OPTIONS = SimpleNamespace(device="cpu", name="made", config="config.yaml", rounds=1)


@pytest.fixture(scope="module")
def works():
    """Return the kinds of work of the default study, two images at once."""
    known = works_of(read_config(ROOT / "config.yaml"), 2)
    return {work: (architecture, recipe) for work, architecture, recipe in known}


def test_every_kind_of_work_is_measured(works):
    assert list(works) == ["train", "last-layer", "detection", "action", "embed"]
    rows = [measure(work, *settings, OPTIONS) for work, settings in works.items()]
    frame = pd.DataFrame(rows)
    assert list(frame) == list(RATE_COLUMNS)
    assert (frame["images_per_s"] > 0).all()
    assert frame["precision"].unique().tolist() == ["float32"]
    assert "2 images per step, 1 thread(s)" in frame["source"][0]


def test_the_step_is_the_loops_in_the_recipes_precision(works, monkeypatch):
    taken = []
    own = loop._Trainer.take_step

    def take_step(trainer, batches):
        taken.append(trainer.recipe.precision)
        own(trainer, batches)

    monkeypatch.setattr(loop._Trainer, "take_step", take_step)
    architecture, recipe = works["train"]
    recipe = replace(recipe, precision="bfloat16")
    row = measure("train", architecture, recipe, OPTIONS)
    assert row["precision"] == "bfloat16"
    assert taken == ["bfloat16"] * (training_rate.WARM_UP["cpu"] + 1)


@pytest.mark.parametrize("work", ["train", "detection", "action"])
def test_batches_are_prepared_before_time_is_taken(works, work, monkeypatch):
    made = made_tasks.TASKS[work]
    loaded = []

    def slow(*settings):
        task = made(*settings)
        load = task.load

        def loading(step):
            loaded.append(step)
            return load(step)

        task.load = loading
        return task

    monkeypatch.setitem(made_tasks.TASKS, work, slow)
    with steps_of(work, *works[work], "cpu") as step:
        for _ in range(PREPARED + 2):
            step()
    assert loaded == list(range(PREPARED))


def test_prepared_batches_are_those_of_the_task(works):
    architecture, recipe = works["detection"]
    task = made_task("detection", architecture, recipe, "cpu")
    own = made_tasks.TASKS["detection"](architecture, recipe, "cpu")
    for step in (0, PREPARED + 1):
        for found, expected in zip(task.load(step), own.load(step % PREPARED), strict=True):
            assert found.key == expected.key
            assert found.image.equal(expected.image)
            assert found.objects.boxes.equal(expected.objects.boxes)


def test_the_median_of_rounds_after_a_warm_up(monkeypatch):
    seconds = iter([0, 2.0, 10, 11.0, 20, 24.0])  # rounds of 2, 1 and 4 seconds
    monkeypatch.setattr(training_rate, "now", lambda device: next(seconds))
    steps = []
    assert images_per_second(lambda: steps.append(1), 8, 3, "cpu") == 4.0
    assert len(steps) == training_rate.WARM_UP["cpu"] + 3


def test_time_of_a_cpu_is_what_it_computed():
    assert images_per_second(lambda: time.sleep(0.05), 1, 1, "cpu") > 100


def test_new_rates_replace_their_own_kind_only(tmp_path):
    path = tmp_path / "rates.csv"
    old = pd.DataFrame(
        [("made", "train", 1.0, 5.0, "old"), ("made", "embed", 1.0, 6.0, "old")],
        columns=[name for name in RATE_COLUMNS if name != "precision"],
    )
    old.to_csv(path, index=False)
    new = pd.DataFrame(
        [
            ("made", "train", 1.0, 7.0, "new", "float32"),
            ("made", "train", 1.0, 9.0, "new", "bfloat16"),
        ],
        columns=list(RATE_COLUMNS),
    )
    found = merged(path, new)
    assert found["images_per_s"].tolist() == [6.0, 7.0, 9.0]
    assert found["precision"].tolist() == ["float32", "float32", "bfloat16"]
    assert merged(tmp_path / "none.csv", new) is new


def test_rates_on_record_are_of_the_steps_that_studies_take():
    """Of the shipped studies as they are now; classification may have been measured in less."""
    rates = read_rates()
    for name in ("config.yaml", "configs/paper.yaml"):
        batches = {work: recipe for work, _, recipe in works_of(read_config(ROOT / name))}
        own = rates[rates["source"].str.contains(f"training_rate.py, {name},")]
        assert set(own["work"]) == set(batches)
        for row in own.itertuples():
            images = int(re.search(r"(\d+) images per step", row.source)[1])
            expected = batches[row.work].images_per_iteration
            assert images == (64 if name != "config.yaml" and expected > 40 else expected), row
    assert RATES.read_text().count("training_rate.py, config.yaml") == 5


def test_a_recipe_is_timed_as_the_config_has_it():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    first = {work: recipe for work, _, recipe in works_of(config)}
    assert first["train"] == Recipe.of(config["recipes"]["pretrain"])
    assert first["detection"] == Recipe.of(config["recipes"]["detection"])
    assert first["action"] == Recipe.of(config["recipes"]["action"])
