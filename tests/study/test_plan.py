"""The plan: costs of networks by their definition, hours and bytes by hand, shared runs once."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from conftest import PAPER_ALEXNET, RECIPE, ROOT, TINY
from study_configs import MEASURES, SCHEMA

from imagenet_transfer.errors import UserError
from imagenet_transfer.models import build_model, network_of
from imagenet_transfer.models.region_configs import RegionConfig
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.costs import image_gmacs, region_gmacs, work_gmacs
from imagenet_transfer.study.plan import (
    TOTAL,
    alternatives,
    hours_on,
    plan,
    rate,
    read_rates,
    run_hours,
    subset_classes,
    subset_images,
    with_networks,
)
from imagenet_transfer.study.plan_text import plan_text
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.recipe import Recipe

IN_EPOCHS = {name: value for name, value in RECIPE.items() if name != "iterations"}
RATES = pd.DataFrame(
    [
        ("card", "train", 2.0, 100.0, "a page"),
        ("card", "embed", 1.0, 400.0, "a page"),
        ("old", "train", 2.0, 10.0, "b"),
    ],
    columns=["device", "work", "gmacs", "images_per_s", "source"],
)


@pytest.mark.parametrize("architecture", [PAPER_ALEXNET, TINY])
def test_parameters_are_those_of_the_network(architecture):
    model = build_model(architecture, 7)
    assert network_of(architecture).parameters(7) == sum(p.numel() for p in model.parameters())


def test_the_papers_network():
    assert network_of(PAPER_ALEXNET).parameters(1000) == 60_965_224
    # In millions: conv1 105.4, conv2 223.9, conv3 149.5, conv4 112.1, conv5 74.8, fc6 37.7, fc7
    # 16.8, fc8 4.1
    assert image_gmacs(PAPER_ALEXNET) == pytest.approx(0.7244, abs=1e-4)


def test_regions_cost_fc6_and_fc7_each():
    none, hundred = (region_gmacs(PAPER_ALEXNET, RegionConfig(), n) for n in (0, 100))
    assert hundred - none == pytest.approx(100 * (9216 * 4096 + 4096 * 4096) / 1e9)
    conv3_to_5 = 884_736 + 663_552 + 442_368
    cells = {34_848: 150 * 200, 307_200: 75 * 100, conv3_to_5: 37.5 * 50}  # by weights per cell
    assert none == pytest.approx(sum(weights * number for weights, number in cells.items()) / 1e9)


def test_kinds_of_work():
    sections = ({}, {"layers": "last"}, {"detector": {}}, {"rstarcnn": {}})
    kinds = [Recipe.of(RECIPE | section).work for section in sections]
    assert kinds == ["train", "last-layer", "detection", "action"]
    training = work_gmacs("train", PAPER_ALEXNET, RECIPE)
    assert training == pytest.approx(3 * image_gmacs(PAPER_ALEXNET))
    person = work_gmacs("action", PAPER_ALEXNET, RECIPE | {"rstarcnn": {"context": False}})
    both = work_gmacs("action", PAPER_ALEXNET, RECIPE | {"rstarcnn": {}})
    assert both - person == pytest.approx(3 * 150 * (9216 * 4096 + 4096 * 4096) / 1e9)


def test_rates_are_scaled_from_the_nearest_of_the_kind():
    card = RATES[RATES["device"] == "card"]
    assert rate(card, "train", 4.0) == pytest.approx(50.0)
    assert rate(card, "last-layer", 0.5) == pytest.approx(800.0)  # like embedding
    assert rate(card, "detection", 20.0) == pytest.approx(10.0)  # like training
    assert rate(RATES[RATES["device"] == "old"], "embed", 1.0) == pytest.approx(20.0)
    smaller = pd.DataFrame([("card", "train", 0.1, 500.0, "c")], columns=card.columns)
    more = pd.concat([card, smaller])
    assert rate(more, "train", 0.2) == pytest.approx(250.0)


# Two outputs over one data set that share a network, a fine-tuning run and two stores
JOBS = {
    "table1": [
        ("store", "imagenet"),
        ("store", "sun"),
        ("pretrain", "net", "whole", 1),
        ("finetune", "scenes", "net", "whole", 1),
        ("draw", "table1"),
    ],
    "figure4": [
        ("store", "imagenet"),
        ("store", "sun"),
        ("pretrain", "net", "whole", 1),
        ("pretrain", "net", "half", 1),
        ("finetune", "scenes", "net", "whole", 1),
        ("finetune", "scenes", "net", "half", 1),
        ("embed", "net", "half", 1, "imagenet", "fc7", "none"),
        ("draw", "figure4"),
    ],
}


@pytest.fixture
def by_hand(monkeypatch):
    """Let a study have the jobs above."""
    monkeypatch.setattr("imagenet_transfer.study.plan.jobs_of", lambda study, output: JOBS[output])
    return study()


def study():
    """What the jobs below say of data, networks and recipes."""
    return SimpleNamespace(
        name="hand",
        classes="miniature",
        miniature=None,
        outputs=dict.fromkeys(JOBS),
        is_frozen=lambda task: False,
        dataset_of=lambda task: "sun",
        architectures={"net": PAPER_ALEXNET},
        recipes={
            "pretrain": RECIPE | {"batch_size": 256, "iterations": 1000},
            "finetune": IN_EPOCHS | {"batch_size": 10, "accumulate": 2, "epochs": 3},
        },
        subsets={
            "whole": {"dataset": "imagenet", "recipe": "pretrain"},
            "half": {"dataset": "imagenet", "recipe": "pretrain", "images_per_class": 500},
        },
        tasks={"scenes": {"dataset": "sun", "recipe": "finetune", "kind": "classification"}},
        datasets={
            "imagenet": {
                "images": {"train": 64000, "val": 6400},
                "store": {"codec": "jpeg", "size": 256},
            },
            "sun": {"images": {"train": 1000, "test": 1000}, "store": {"codec": "raw", "size": 64}},
        },
    )


def test_the_plan_by_hand(by_hand):
    frame = plan(by_hand, RATES).set_index("output")
    counts = ["networks", "fine_tunings", "other", "shared", "done"]
    assert frame.loc["table1", counts].tolist() == [1, 1, 3, 0, 0]
    assert frame.loc["figure4", counts].tolist() == [1, 1, 2, 4, 0]
    assert frame.loc[TOTAL, counts].tolist() == [2, 2, 5, 0, 0]
    assert frame.loc["table1", "images_millions"] == pytest.approx((256_000 + 3000) / 1e6)
    gmacs = 3 * image_gmacs(PAPER_ALEXNET)
    hours = (256_000 + 3000) * gmacs / (100 * 2) / 3600
    assert frame.loc["table1", hours_on("card")] == pytest.approx(hours)
    assert frame.loc["table1", hours_on("old")] == pytest.approx(10 * hours)
    embedding = 70_400 * image_gmacs(PAPER_ALEXNET) / 400 / 3600
    assert frame.loc[TOTAL, hours_on("card")] == pytest.approx(2 * hours + embedding)


def test_what_is_there_is_not_counted(by_hand):
    done = JOBS["table1"][1:4]
    frame = plan(by_hand, RATES, done).set_index("output")
    counts = ["networks", "fine_tunings", "other", "shared", "done"]
    assert frame.loc["table1", counts].tolist() == [0, 0, 2, 0, 3]
    assert frame.loc["figure4", counts].tolist() == [1, 1, 2, 4, 0]
    assert frame.loc["table1", hours_on("card")] == 0
    assert frame.loc["table1", "disk_gb"] == pytest.approx(70_400 * 26_500 / 1e9)
    text = plan_text(frame.reset_index(), RATES)
    assert text.split("\n")[0].split() == [
        *("output", "networks", "fine-tunings", "other", "jobs", "shared", "done", "GB"),
        *("h", "(a)", "h", "(b)"),
    ]
    assert "snakemake -n" in text
    everything = plan(by_hand, RATES, [job for jobs in JOBS.values() for job in jobs])
    assert everything.iloc[-1, 1:4].tolist() == [0, 0, 0]


def test_the_disk_by_hand(by_hand):
    frame = plan(by_hand, RATES).set_index("output")
    weights = 4 * network_of(PAPER_ALEXNET).parameters(64)
    # Stores count with the first output that needs them.
    first = weights + 70_400 * 26_500 + 2000 * 64 * 64 * 3
    assert frame.loc["table1", "disk_gb"] == pytest.approx(first / 1e9)
    features = 70_400 * (4096 * 2 + 4)  # and their lengths
    assert frame.loc["figure4", "disk_gb"] == pytest.approx((weights + features) / 1e9)
    assert frame.loc[TOTAL, "disk_gb"] == pytest.approx(frame["disk_gb"].iloc[:2].sum())


def test_drawn_classes_count_by_their_images():
    given = study()
    given.subsets["few"] = {"dataset": "imagenet", "recipe": "pretrain", "classes": 16}
    given.subsets["few-small"] = given.subsets["few"] | {"images_per_class": 100}
    given.subsets["scenes"] = {"dataset": "sun", "recipe": "pretrain", "images_per_class": 10}
    given.datasets["sun"]["num_classes"] = 20
    counts = {name: subset_images(given, name) for name in given.subsets}
    expected = {"whole": 64_000, "half": 32_000, "few": 16_000, "few-small": 1600, "scenes": 200}
    assert counts == expected
    classes = [subset_classes(given, name) for name in ("whole", "few-small", "scenes")]
    assert classes == [64, 16, 20]


TINY_IMAGENET = ROOT / "configs/tiny-imagenet.yaml"


@pytest.mark.parametrize("path", [ROOT / "config.yaml", ROOT / "configs/paper.yaml", TINY_IMAGENET])
def test_the_budgets_of_shipped_studies_are_equal(path):
    given = Study.of(read_config(path), ROOT / "workflow/schemas/config.schema.yaml")
    if path == TINY_IMAGENET:
        given.datasets["imagenet"]["images"] = {"train": 200 * 500}
    rows = [row["subsets"] for row in given.outputs["table2"]["rows"]]
    for more_classes, more_images in zip(*rows, strict=True):
        assert subset_images(given, more_classes) == subset_images(given, more_images)


def test_tiny_imagenet_does_not_depend_on_the_number_of_images():
    config = read_config(TINY_IMAGENET)
    assert all(entry["images_per_class"] <= 150 for entry in config["subsets"].values())
    own = [task for task in config["tasks"].values() if task.get("dataset") in (None, "imagenet")]
    assert own and all("subset" in task for task in own)


def test_what_is_not_declared_is_not_guessed(by_hand):
    given = by_hand
    del given.datasets["imagenet"]["images"]
    frame = plan(given, RATES).set_index("output")
    assert math.isnan(frame.loc["table1", "disk_gb"])
    assert math.isnan(frame.loc[TOTAL, hours_on("card")])
    assert frame.loc[TOTAL, "networks"] == 2
    lines = plan_text(frame.reset_index(), RATES).splitlines()
    rows = {name: next(line for line in lines if line.startswith(name)) for name in frame.index}
    shown = {name: row.removeprefix(name).split() for name, row in rows.items()}
    assert shown["table1"] == ["1", "1", "3", "0", "?", "0.78", "7.8"]  # iterations, not epochs
    assert shown[TOTAL][-3:] == ["?", "?", "?"]


def test_the_text_is_aligned_and_says_where_rates_are_from(by_hand):
    lines = plan_text(plan(by_hand, RATES), RATES).splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[0].startswith("output")
    assert lines[4].startswith(TOTAL)
    assert any("train: 100 images/s (a page)" in line for line in lines)


def test_a_users_rates_replace_those_of_the_same_device(tmp_path):
    path = tmp_path / "rates.csv"
    assert len(read_rates(path)) == len(read_rates())
    known = read_rates()["device"].iloc[0]
    mine = RATES.assign(device=[known, known, "mine"])
    mine.to_csv(path, index=False)
    found = read_rates(path)
    assert found[found["device"] == known]["source"].tolist() == ["a page", "a page"]
    assert "mine" in set(found["device"])
    path.write_text("device,speed\nx,1\n")
    sentence = r"rates\.csv lacks the columns gmacs, images_per_s, source, work"
    with pytest.raises(UserError, match=sentence):
        read_rates(path)


@pytest.mark.parametrize(
    "name", ["config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml"]
)
def test_every_study_has_a_plan(name):
    given = Study.of(read_config(ROOT / name), ROOT / "workflow/schemas/config.schema.yaml")
    rates = read_rates()
    frame = plan(given, rates).set_index("output")
    text = plan_text(frame.reset_index(), rates, alternatives(given, rates))
    assert max(map(len, text.splitlines())) <= 100
    runs = {run for output in given.outputs for run in given.pretrain_runs(output)}
    assert frame.loc[TOTAL, "networks"] == len(runs)
    assert frame.index.tolist() == [*given.outputs, TOTAL]


PAPER = ROOT / "configs/paper.yaml"


def paper():
    return Study.of(read_config(PAPER), ROOT / "workflow/schemas/config.schema.yaml")


def test_each_replicate_of_a_network_is_counted_and_fine_tuned():
    """By hand for Table 1 of the paper: two networks and a random start on three tasks."""
    given = paper()
    three = with_networks(given, 3)
    once, thrice = (plan(one, RATES).set_index("output").loc["table1"] for one in (given, three))
    assert (once["networks"], thrice["networks"]) == (2, 6)
    assert once["fine_tunings"] == 3 * (3 + 3 + 1)  # sun-cls has one replicate
    assert thrice["fine_tunings"] == 3 * (3 + 3 + 3)
    pretraining = 450_000 * 256 / 1e6
    scenes = 50_000 * 50 / 1e6
    more = thrice["images_millions"] - once["images_millions"]
    assert more == pytest.approx(4 * pretraining + 6 * scenes)
    assert three.replicates == 3
    assert given.replicates == 1  # the given study stays as it is
    assert given.tasks["sun-cls"]["replicates"] == 1


def test_what_one_and_three_networks_would_cost():
    given = paper()
    frame = plan(given, RATES)
    others = alternatives(given, RATES)
    one, three = (others.iloc[place] for place in (0, 1))
    names = ["all outputs, 1 network per subset", "all outputs, 3 networks per subset"]
    assert others["output"].tolist() == names
    total = frame.iloc[-1].drop("output")
    pd.testing.assert_series_equal(one.drop("output"), total, check_names=False)
    assert (one["networks"], three["networks"]) == (20, 60)
    runs = [run for output in given.outputs for run in given.transfer_runs(output)]
    assert three["fine_tunings"] == 3 * len({(run.task, run.subset) for run in runs})
    lines = plan_text(frame, RATES, others).splitlines()
    total = next(i for i, line in enumerate(lines) if line.startswith(f"{TOTAL} "))
    assert set(lines[total - 1]) == {"-"}
    shown = ["  1 network per subset", "  3 networks per subset"]
    assert [line[:23].rstrip() for line in lines[total + 1 : total + 3]] == shown
    assert len({len(line) for line in lines[: total + 3]}) == 1
    assert "at least 3 replicates" in " ".join(lines)


def test_a_study_of_three_networks_says_what_one_would_cost():
    given = with_networks(paper(), 3)
    others = alternatives(given, RATES)
    assert others["networks"].tolist() == [20, 60]
    assert others["fine_tunings"].nunique() == 1  # tasks keep the replicates that they have


def test_measures_cost_their_features_once_per_network():
    """Three own networks, a given one and three random starts; 100 images of 512 numbers."""
    given = Study.of(yaml.safe_load(MEASURES), SCHEMA)
    only = plan(given, RATES).set_index("output").loc["table-flowers"]
    assert only["fine_tunings"] == 3 * 3  # of the task `tuned`
    measures = 4 * (3 + 1 + 3)  # of own and given networks and of random starts
    more = ["store", "label set", "manifest", "import", "table"]
    assert only["other"] == 7 + measures + len(more)
    without = yaml.safe_load(MEASURES)
    without["outputs"]["table-flowers"]["tasks"] = ["tuned"]
    less = plan(Study.of(without, SCHEMA), RATES).set_index("output").loc["table-flowers"]
    assert only["images_millions"] == less["images_millions"]
    features = 7 * 100 * (512 * 2 + 4)
    assert only["disk_gb"] - less["disk_gb"] == pytest.approx(features / 1e9)
    hours = 7 * 100 * image_gmacs(given.architectures["small"]) / 400 / 3600
    more = only[hours_on("card")] - less[hours_on("card")]
    assert more == pytest.approx(hours)
    assert run_hours(given, RATES, "small")["card"]["near"] == pytest.approx(hours / 7)


def test_a_mirror_image_costs_as_much_as_the_image():
    config = yaml.safe_load(MEASURES)
    config["tasks"]["near"]["augmentation"] = "mirror"
    given = Study.of(config, SCHEMA)
    hours = run_hours(given, RATES, "small")["card"]
    assert hours["near"] == pytest.approx(2 * hours["probed"])
