"""The paper's numbers next to ours: each once, differences by hand, none in other studies."""

import math

import pandas as pd
import pytest

from imagenet_transfer.claims.comparison import COLUMNS, NO_RUN, comparison, read_paper_numbers
from imagenet_transfer.reporting.tables import PAPER_NUMBERS, published

MEANS = {
    ("imagenet", "pascal-det"): (58.0, 0.3, 3),
    ("images-500", "pascal-det"): (57.0, 0.4, 3),
    ("bottom-up-918", "sun-cls"): (53.0, math.nan, 1),
    ("imagenet", "sun-cls"): (52.5, math.nan, 1),
    ("imagenet", "imagenet-cls"): (57.4, math.nan, 1),
}


def tables():
    """Return the frames of a study with some of the paper's runs."""
    metric = {"pascal-det": "mAP", "sun-cls": "top1", "imagenet-cls": "top1"}
    rows = [
        {"subset": s, "task": t, "metric": metric[t], "mean": m, "std": sd, "n": n}
        for (s, t), (m, sd, n) in MEANS.items()
    ]
    own = {"stage": "pretrain", "subset": "imagenet"}
    values = (("top1", 1, 55.0), ("top1", 2, 57.0), ("top5", 1, 79.0), ("top5", 2, 81.0))
    runs = [own | {"metric": metric, "rep": rep, "value": value} for metric, rep, value in values]
    induction = {"top-down-127": (30.0, 32.0), "imagenet": (42.0, 46.0)}
    figure4 = [
        {"subset": "top-down-127", "k": 5, "network": name, "rep": rep, "value": value}
        for name, of_network in induction.items()
        for rep, value in enumerate(of_network, start=1)
    ]
    gains = {1: [20.0, 3.0, 5.0], 2: [24.0, 3.0, 9.0]}  # above the median: 15 points twice
    wnids = ("n01861778", "n04451818", "n1")
    figure6 = [
        {"class_wnid": wnid, "rep": rep, "gain": gain}
        for rep, of_rep in gains.items()
        for wnid, gain in zip(wnids, of_rep, strict=True)
    ]
    halves = [("own", 57.0, 0.2), ("half", 60.0, 0.3), ("everything", 58.5, 0.4)]
    half = {"split": "minimal", "half": "a", "n": 2}
    figure9 = [half | {"network": name, "mean": mean, "std": std} for name, mean, std in halves]
    frames = {"figure4": figure4, "figure6": figure6, "figure9": figure9}
    frames |= {"runs": runs, "table1": rows}
    return {name: pd.DataFrame(content) for name, content in frames.items()}


def compared(compare=True, frames=None):
    """Return the comparison of these frames, by default those of `tables`."""
    frame = comparison(read_paper_numbers(), tables() if frames is None else frames, compare)
    assert tuple(frame.columns) == COLUMNS
    return frame


def row(frame, **keys):
    """Return the one row with these values."""
    for key, value in keys.items():
        frame = frame[frame[key] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_every_number_of_the_protocol_is_there():
    frame = compared()
    keys = frame[["subset", "reference", "task", "metric", "kind"]].apply(tuple, axis=1)
    assert keys.is_unique
    stated = {
        (r.subset, r.task): float(r.paper)
        for r in frame[frame["kind"] == "difference"].itertuples()
    }
    assert stated == {
        ("images-500", "pascal-det"): -1.5,
        ("top-down-127", "pascal-det"): -2.8,
        ("bottom-up-486", "pascal-det"): -1.7,
        ("bottom-up-486", "sun-cls"): -0.8,
        ("bottom-up-486", "pascal-act"): 0.6,
        ("top-down-127", "induction"): -15.0,
    }
    values = frame[frame["kind"] == "value"]
    assert [float(v) for v in values["paper"]] == [58.3, 57.0, 54.6, 57.8, 53.8, 57.1, 80.2]
    assert values["where"].str.contains("not the paper").tolist() == [False] * 5 + [True] * 2
    assert (frame["kind"] == "sign").sum() == 19


def test_cells_and_differences_by_hand():
    frame = compared()
    whole = row(frame, subset="imagenet", task="pascal-det", kind="value")
    numbers = whole[["paper", "paper_std", "ours", "ours_std", "n"]].tolist()
    assert numbers == [58.3, 0.3, 58.0, 0.3, 3]
    assert whole["difference"] == pytest.approx(-0.3)
    half = row(frame, subset="images-500", kind="difference")
    assert half["ours"] == pytest.approx(-1.0)
    assert half["ours_std"] == pytest.approx(0.5)  # of 0.3 and 0.4
    assert half["difference"] == pytest.approx(0.5)
    top5 = row(frame, subset="imagenet", metric="top5")  # from its pre-training runs: 79 and 81
    assert top5[["ours", "ours_std", "n"]].tolist() == [80.0, pytest.approx(math.sqrt(2)), 2]


def test_the_recipes_accuracy_is_put_next_to_the_networks_own_not_to_re_trained_last_layers():
    """The re-trained last layers are at 57.4."""
    keys = {"subset": "imagenet", "metric": "top1", "kind": "value", "task": "imagenet-cls"}
    top1 = row(compared(), **keys)
    assert top1[["paper", "ours", "n"]].tolist() == ["57.1", 56.0, 2]
    retrained = tables()["table1"]
    own = retrained.assign(task=retrained["task"].replace("imagenet-cls", "imagenet-cls:own"))
    assert row(compared(frames={"figure1": own}), **keys)["ours"] == 57.4
    assert math.isnan(row(compared(frames={"table1": retrained}), **keys)["ours"])


def test_signs_that_agree_are_said():
    frame = compared()
    better = row(frame, subset="bottom-up-918", task="sun-cls")
    assert better["ours"] == pytest.approx(0.5)
    assert math.isnan(better["difference"])
    assert better["note"].startswith("the same sign")
    assert "one run: without its spread" in better["note"]
    assert "was never published" in better["note"]
    mammal = row(frame, reference="n01861778")
    tool = row(frame, reference="n04451818")
    assert mammal[["ours", "ours_std", "n"]].tolist() == [15.0, 0.0, 2]
    assert tool["ours"] == pytest.approx(-4.0)  # below the medians of 5 and 9
    assert tool["note"].startswith("the same sign")
    minimal = row(frame, subset="minimal-a")
    assert minimal[["ours", "ours_std", "n"]].tolist() == pytest.approx([1.5, 0.5, 2])


@pytest.mark.parametrize(
    ("ours", "words"),
    [(53.0, "the same sign"), (52.0, "not the same sign"), (52.5, "not the same sign")],
)
def test_a_sign_that_is_not_the_papers_is_said(ours, words):
    """All labels are at 52.5, and the paper found 918 classes better."""
    frames = tables()
    chosen = frames["table1"]["subset"] == "bottom-up-918"
    frames["table1"].loc[chosen, "mean"] = ours
    found = row(compared(frames=frames), subset="bottom-up-918", task="sun-cls")
    assert found["note"].startswith(words)


def test_no_difference_is_not_a_minus():
    """Tools gain as much as the median class, in the paper less."""
    frames = tables()
    tools = frames["figure6"]["class_wnid"] == "n04451818"
    medians = frames["figure6"].groupby("rep")["gain"].transform("median")
    frames["figure6"].loc[tools, "gain"] = medians
    found = row(compared(frames=frames), reference="n04451818")
    assert (found["paper"], found["ours"]) == ("-", 0.0)
    assert found["note"].startswith("not the same sign")


def test_induction_is_in_points_below_the_baseline():
    """By 12 and 14 points."""
    found = row(compared(), subset="top-down-127", metric="top5")
    numbers = found[["ours", "ours_std", "n", "difference"]].tolist()
    assert numbers == pytest.approx([-13.0, math.sqrt(2), 2, 2.0])
    assert row(compared(), subset="top-down-127", metric="top1")["note"] == NO_RUN


def test_what_was_not_run_stays_empty():
    frame = compared(frames={})
    assert frame["ours"].isna().all()
    assert set(frame["note"]) == {NO_RUN}


def test_other_studies_are_not_compared():
    frame = compared(compare=False)
    assert frame["note"].str.contains("comparing makes no sense").all()
    assert frame["difference"].isna().all()
    assert frame["paper"].tolist() == compared()["paper"].tolist()


def test_differences_are_not_cells_of_tables():
    numbers = pd.read_csv(PAPER_NUMBERS)
    assert published(numbers, "bottom-up-486", "pascal-det", "mAP") == ""
    assert published(numbers, "images-500", "pascal-det", "mAP") == 57.0
    assert published(numbers, "images-500", "pascal-det", "AP/dog") == ""


def test_a_table_of_several_architectures_is_not_compared():
    """Its first row of a subset need not be of the paper's network."""
    frames = tables()
    networks = frames["table1"].assign(architecture="resnet18", mean=1.0)
    frames = {"table-networks": networks, **frames}
    assert compared(frames=frames).equals(compared())
    alone = compared(frames={"table-networks": networks, "runs": frames["runs"].iloc[:0]})
    assert set(alone["note"]) == {NO_RUN}
