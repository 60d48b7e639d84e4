"""The sections of the report: hand-worked numbers, and charts that Vega-Lite accepts."""

import json
import math
import os

import numpy as np
import pandas as pd
import pytest
import vl_convert

from imagenet_transfer.labels.taxonomy import Taxonomy, taxonomy_for
from imagenet_transfer.reporting.page.charts import CHARTS, figure_chart
from imagenet_transfer.reporting.page.classes import class_chart, class_table, full_set
from imagenet_transfer.reporting.page.hierarchy import class_tree, places_table
from imagenet_transfer.reporting.page.intervals import Interval, intervals_svg
from imagenet_transfer.reporting.page.runs import Run, learning_curves, main_metric
from imagenet_transfer.reporting.page.spread import components, replicates_chart, spread_table
from imagenet_transfer.reporting.page.timeline import Job, lanes, read_jobs, time_by_stage, timeline
from imagenet_transfer.reporting.page.widgets import in_script
from imagenet_transfer.reporting.text import sentence, sign_text
from imagenet_transfer.running.progress import duration

NONE = float("nan")


def drawn(chart):
    """Return the chart as SVG, as Vega draws it; an invalid specification is an error."""
    return vl_convert.vegalite_to_svg(dict(chart.spec) | {"width": 400})


# Timeline


def job(rule, start, end, name="x"):
    return Job(rule, name, end, end - start, 1.0, 100.0)


def test_jobs_at_the_same_time_have_lanes_of_their_own():
    jobs = [job("pretrain", *times) for times in ((0, 10), (1, 5), (6, 8), (7, 9), (10, 12))]
    assert lanes(jobs) == [0, 1, 1, 2, 0]


def test_jobs_are_read_from_their_records(tmp_path):
    file = tmp_path / "benchmarks/finetune_detection/det/net/set/rep2.tsv"
    file.parent.mkdir(parents=True)
    file.write_text("s\th:m:s\tmax_rss\tcpu_time\n8.5\t0:00:08\t123.0\t7.25\n")
    os.utime(file, (1000.0, 1000.0))
    broken = file.with_name("rep3.tsv")
    broken.write_text("")
    (found,) = read_jobs([file, broken], tmp_path / "benchmarks")
    assert (found.rule, found.name) == ("finetune_detection", "det/net/set/rep2")
    assert (found.start, found.end, found.cpu_seconds, found.memory) == (991.5, 1000.0, 7.25, 123.0)
    assert found.stage == "transfer"


def test_every_rule_with_a_record_belongs_to_a_part():
    stages = {
        "pretrain": "pre-training",
        "pack_store": "data",
        "embed": "features",
        "finetune_action": "transfer",
        "draw_curve": "tables and figures",
        "draw_manifest": "data",
    }
    assert {rule: job(rule, 0, 1).stage for rule in stages} == stages


def test_the_timeline_has_a_row_per_lane_and_sums_the_time_of_each_rule():
    jobs = [job("pretrain", 0, 60), job("pretrain", 0, 30), job("make_table", 70, 71)]
    chart = timeline(jobs)
    text = drawn(chart)
    assert all(
        name in text for name in ("pre-training 1", "pre-training 2", "tables and figures 1")
    )
    table = time_by_stage(jobs).set_index("rule")
    assert table.loc["pretrain", ["jobs", "seconds", "cpu_seconds"]].tolist() == [2, 90, 2]
    assert timeline([]) is None


# Spread


def test_components_of_variance_are_those_that_made_the_numbers():
    generator = np.random.default_rng(3)
    shared, own = 3.0, 1.0
    values = 50 + shared * generator.normal(size=400) + own * generator.normal(size=(30, 400))
    found = components(values)
    assert found == pytest.approx((shared, own), rel=0.1)


def test_components_of_a_worked_case():
    """Residuals are ±1/2 twice; the replicates' means 1 and 4 vary by 4.5, of which 1/2 is noise."""
    shared, own = components(np.array([[0.0, 4.0], [2.0, 4.0]]))
    assert own == pytest.approx(1.0)  # four residuals of 1/2 on one degree of freedom
    assert shared == pytest.approx(math.sqrt(4.5 - 0.5))
    assert all(math.isnan(value) for value in components(np.ones((1, 3))))
    assert components(np.array([[0.0, 1.0], [1.0, 0.0]]))[0] == 0  # a negative variance


def runs_of(values, task="det", metric="mAP"):
    rows = [
        ("transfer", "net", subset, task, rep, metric, value, 1)
        for subset, cells in values.items()
        for rep, value in enumerate(cells, 1)
    ]
    names = ["stage", "arch", "subset", "task", "rep", "metric", "value", "seed"]
    return pd.DataFrame(rows, columns=names)


def test_spread_sets_random_starts_apart():
    values = {"a": [1.0, 3.0], "b": [2.0, 6.0], "c": [0.0, 3.0], "scratch": [0.0, 10.0]}
    (row,) = spread_table(runs_of(values), {"det": "mAP"}).to_dict("records")
    assert (row["cells"], row["replicates"]) == (3, 2)
    assert row["scratch"] == pytest.approx(10 / math.sqrt(2))
    assert row["least"] > 0
    assert "text" in drawn(replicates_chart(runs_of(values), {"det": "mAP"}))
    assert replicates_chart(runs_of(values), {}) is None


# Classes


def test_results_per_class_are_means_over_replicates():
    runs = pd.concat([runs_of({"a": [10.0, 20.0]}, metric="AP/cat"), runs_of({"a": [1.0, 2.0]})])
    (row,) = class_table(runs).to_dict("records")
    assert (row["class"], row["subset"], row["mean"], row["n"]) == ("cat", "a", 15.0, 2)
    assert "cat" in drawn(class_chart(class_table(runs), "a"))
    three = pd.concat([runs, runs_of({"b": [5.0], "c": [6.0], "scratch": [1.0]}, metric="AP/cat")])
    chart = class_chart(class_table(three), "a")
    bound = [one["bind"]["options"] for one in chart.spec["params"] if one["name"] == "other_set"]
    assert bound == [["b", "c"]]
    assert class_chart(class_table(runs_of({"a": [1.0]})), "a") is None


def test_the_full_set_is_the_one_that_most_outputs_name():
    layouts = {"a": {"references": ["scratch"]}, "b": {"baseline": "all"}, "c": {"full": "all"}}
    assert full_set(layouts) == "all"
    assert full_set({"a": {}}) is None


def label_set(**classes):
    """Return a label set from wnid=class pairs."""
    frame = pd.DataFrame({"wnid": list(classes), "class_name": list(classes.values())})
    return frame.assign(label=frame["class_name"].rank(method="dense"), class_wnid="n0")


def test_a_class_is_placed_in_every_label_set():
    fine = label_set(n02084071="dog.n.01", n02121620="cat.n.01", n02958343="car.n.01")
    coarse = label_set(n02084071="mammal.n.01", n02121620="mammal.n.01")
    other = label_set(kitchen="kitchen")
    sets = {"coarse": coarse, "fine": fine, "places": other}
    table = places_table(sets, taxonomy_for(fine["wnid"])).set_index("class")
    assert list(table) == ["wnid", "coarse", "fine"]
    assert table.loc["dog"].tolist() == ["n02084071", "mammal (2)", "itself"]
    assert table.loc["car", "coarse"] == ""
    assert places_table({"places": other}, Taxonomy({}, {}))["class"].tolist() == ["kitchen"]


def test_the_tree_skips_what_does_not_branch():
    wnids = ["n02084071", "n02121620", "n02958343"]  # dog, cat, car
    (root,) = class_tree([*wnids, "kitchen"], taxonomy_for(wnids))
    assert (root.name, root.classes) == ("whole", 3)
    assert [child.name for child in root.children] == ["carnivore", "car"]
    assert [leaf.name for leaf in root.children[0].children] == ["cat", "dog"]


# Runs


def run_with(folder, history, metric="mAP"):
    folder.mkdir(parents=True)
    if history:
        (folder / "history.csv").write_text(history)
    facts = ("run", "transfer", "net", "set", "det", 1, metric, 1.0, "%", 1, "f", "c", {}, "d", "t")
    return Run(*facts, 1.0, folder / "metrics.json", "link")


def test_learning_curves_end_with_the_last_value_however_long(tmp_path):
    lines = [f"{i},0.1,{1000 - i},{i / 10}" for i in range(1, 501)]
    run = run_with(tmp_path / "a", "iteration,lr,loss,mAP\n" + "\n".join(lines))
    none = run_with(tmp_path / "b", "")
    chart = learning_curves([run, none])
    (values,) = chart.spec["datasets"].values()
    losses = {row["iteration"]: row["value"] for row in values if row["measure"] == "loss"}
    assert 50 <= len(losses) <= 60
    assert losses[500] == 500
    assert learning_curves([none]) is None


def test_a_runs_main_metric_is_map_or_top1():
    entries = [{"metric": name} for name in ("AP/cat", "top5", "top1")]
    assert main_metric(entries) == {"metric": "top1"}
    assert main_metric([{"metric": "mAP"}, *entries]) == {"metric": "mAP"}
    assert main_metric([]) == {}


# Charts of figures

SIZES = {"subset": ["a", "b", "scratch"], "task": ["t", "t", "t"], "metric": "top1", "n": 2}
BOUNDS = {"low": [0.0, 1.0], "high": [2.0, 3.0]}
FRAMES = {
    "curve": {
        "csv": SIZES
        | {"x": [10, 20, 0], "mean": [1.0, 2.0, 0.5], "std": 0.1, "paper": [1.5, NONE, NONE]}
    },
    "induction": {
        "csv": {
            "subset": ["a", "a"],
            "n_classes": 4,
            "k": 1,
            "network": ["a", "full"],
            "value": [1.0, 2.0],
        }
    },
    "coarse-gain": {
        "csv": {
            **{"class_name": ["x", "y"], "n_subclasses": 3, "coarse_accuracy": 2.0},
            **{"fine_accuracy": 1.0, "gain": [1.0, 2.0], "similarity": [0.1, 0.2]},
        }
    },
    "split-accuracy": {
        "csv": {
            "split": "m",
            "half": ["a", "b"],
            "network": "own",
            "mean": [1.0, 2.0],
            "std": 0.1,
            "n": 2,
        }
    },
    "correlation": {
        "points": {
            **{"task": "t", "subset": ["a", "b"], "accuracy": [1.0, 2.0]},
            **{"transfer": [1.0, 3.0], "transfer_std": 0.1},
        }
    },
    "coarse-limit": {
        "csv": {
            "task": "t",
            "subset": ["a", "b"],
            "n_classes": [2, 4],
            "gain": [1.0, 2.0],
            **BOUNDS,
        }
    },
    "surface": {
        "csv": {
            **{"task": "t", "subset": ["a", "b"], "n_classes": [2, 4], "images_per_class": [4, 2]},
            **{"n_images": 8, "mean": [1.0, 2.0], "std": 0.1, "n": 2},
        }
    },
    "influence": {
        "csv": {
            **{"task": "t", "name": ["x", "y"], "effect": [1.0, 2.0], "verdict": "helps"},
            **{"n_classes_left_out": 3, **BOUNDS},
        }
    },
}


@pytest.mark.parametrize("builder", CHARTS)
def test_figures_with_numbers_have_a_chart_that_vega_draws(builder):
    frames = {name: pd.DataFrame(content) for name, content in FRAMES[builder].items()}
    layout = {"builder": builder, "along": "classes", "baseline": "full", "accuracy": "cls"}
    chart = figure_chart("one", frames, layout, "what is seen")
    assert "<svg" in drawn(chart) and chart.spec["description"] == "what is seen"
    empty = {name: frame.iloc[:0] for name, frame in frames.items()}
    assert figure_chart("one", empty, layout, "words") is None


def test_a_figure_without_numbers_has_no_chart():
    assert figure_chart("one", {}, {"builder": "collages"}, "words") is None


# Pictures of effects


def interval(**changes):
    facts = {"name": "det", "effect": 1.0, "low": 0.5, "high": 1.5, "least": 0.0}
    facts |= {"most": math.inf, "verdict": "holds", "unit": "points"}
    return Interval(**facts | changes)


def test_units_have_axes_of_their_own_and_unmeasured_effects_no_row():
    svg = intervals_svg(
        [interval(), interval(unit="rho", name="r"), interval(effect=NONE, name="no")]
    )
    assert all(f">{word}<" in svg for word in ("det", "points", "r", "rho"))
    assert ">no<" not in svg
    assert intervals_svg([interval(effect=NONE)]) == ""


def test_verdicts_differ_in_shape_or_filling():
    looks = [
        intervals_svg([interval(verdict=word)]) for word in ("holds", "does not", "cannot tell")
    ]
    assert len(set(looks)) == 3
    assert 'fill="none"' in looks[2].split("mark-symbol")[1][:400]


# Words


def test_words_and_numbers():
    assert sentence("half is enough") == "Half is enough."
    assert sentence("Is it?") == "Is it?"
    assert (sign_text(-1.26), sign_text(-0.04), sign_text(NONE)) == ("−1.3", "0.0", "")
    assert [duration(s) for s in (48, 720, 12240, 181440)] == [
        "48 s",
        "12 min",
        "3.4 h",
        "2.1 days",
    ]


def test_text_inside_a_script_cannot_end_it():
    assert in_script("a</Script><b>") == r"a<\/Script><b>"
    assert json.loads(in_script(json.dumps("</script><!--"))) == "</script><!--"
