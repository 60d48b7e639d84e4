"""Correlation of ImageNet accuracy with transfer: hand-worked values, awkward data, its chart."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.correlation import draw_correlation
from imagenet_transfer.figures.correlation_numbers import (
    COLUMNS,
    POINT_COLUMNS,
    correlation_frame,
    fisher_interval,
    log_odds,
    noise_free,
    pearson,
    points_frame,
    spearman,
)
from imagenet_transfer.figures.label_places import label_places
from imagenet_transfer.figures.style import styled

METRICS = {"imagenet-cls": "top1", "pascal-det": "mAP", "sun-cls": "top1"}
TWO = {"imagenet-cls": "top1", "pascal-det": "mAP"}


def runs_of(values):
    """Runs from {task: {subset: replicates' values}}, as `collect_runs` returns them."""
    rows = [
        ("transfer", "alexnet", subset, task, rep, METRICS[task], value)
        for task, cells in values.items()
        for subset, replicates in cells.items()
        for rep, value in enumerate(replicates, 1)
    ]
    columns = ["stage", "arch", "subset", "task", "rep", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def simple(x=(10, 20, 30, 40), y=(20, 10, 40, 30)):
    """One replicate of as many sets as there are values."""
    names = "abcdefghijklmnop"
    cells = [{s: [v] for s, v in zip(names, values, strict=False)} for values in (x, y)]
    return runs_of({"imagenet-cls": cells[0], "pascal-det": cells[1]})


def row_of(runs, metrics=TWO, task="pascal-det", **options):
    frame = correlation_frame(runs, "imagenet-cls", metrics, **options)
    return frame.set_index("task").loc[task]


# Statistics


def test_pearson_and_spearman_by_hand():
    # Deviations -1.5, -0.5, 0.5, 1.5 and -0.5, -1.5, 1.5, 0.5: products sum to 3, squares to 5 each
    assert pearson([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(3 / 5)
    # Ranks 1, 2, 3.5, 3.5 and 1, 2, 3, 4: products of deviations sum to 4.5, squares to 4.5 and 5
    assert spearman([1, 5, 9, 9], [0, 1, 2, 30]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_fishers_interval_by_hand():
    # atanh(0.6) = ln 2 = 0.6931; with 4 pairs the standard error is 1: 0.6931 - 1.9600 and + 1.9600
    low, high = fisher_interval(0.6, 4)
    assert low == pytest.approx(math.tanh(math.log(2) - 1.959964), abs=1e-6)
    assert high == pytest.approx(math.tanh(math.log(2) + 1.959964), abs=1e-6)
    assert np.diff(np.arctanh(fisher_interval(0.6, 103)))[0] == pytest.approx(2 * 0.1959964)
    assert np.isnan(fisher_interval(0.6, 3)).all()
    assert np.isnan(fisher_interval(1.0, 9)).all()


def test_log_odds_of_percentages():
    odds = log_odds(pd.Series([50, 100 / (1 + math.exp(-2)), 0, 100]))
    assert odds[:2].tolist() == pytest.approx([0, 2])
    assert odds[2:].isna().all()


def test_noise_is_taken_out_of_the_correlation():
    rng = np.random.default_rng(0)
    sets, replicates = 20_000, 3
    x = rng.normal(size=sets)
    y = 0.6 * x + 0.8 * rng.normal(size=sets)
    shared = rng.normal(size=(sets, replicates))  # of the network that both start from
    noisy_x = x[:, None] + 0.6 * shared + 0.8 * rng.normal(size=(sets, replicates)) + [5, 0, -5]
    noisy_y = y[:, None] + 0.6 * shared + 0.8 * rng.normal(size=(sets, replicates)) + [3, 9, 0]
    measured = pearson(noisy_x.mean(axis=1), noisy_y.mean(axis=1))
    assert measured == pytest.approx((0.6 + 0.36 / 3) / (1 + 1 / 3), abs=0.02)
    assert noise_free(pd.DataFrame(noisy_x), pd.DataFrame(noisy_y)) == pytest.approx(0.6, abs=0.02)


def test_without_noise_nothing_is_taken_out():
    x, y = (pd.DataFrame({1: values, 2: values}) for values in ([1, 2, 3, 4], [2, 1, 4, 3]))
    assert noise_free(x, y) == pytest.approx(0.6)
    assert noise_free(x, y.add([7, 0])) == pytest.approx(0.6)  # as much in every set


def test_noise_needs_the_same_replicates_and_sets_that_differ():
    x = pd.DataFrame({1: [1.0, 2, 3], 2: [1.0, 2, 3]})
    assert math.isnan(noise_free(x, x[[1]]))
    assert math.isnan(noise_free(x[[1]], x[[1]]))
    assert math.isnan(noise_free(x, pd.DataFrame({1: [1.0, 2, 3], 2: [3.0, 2, 1]})))


# The frame


def test_a_row_has_the_correlation_and_its_interval():
    row = row_of(simple())
    assert (row["metric"], row["n_sets"], row["n_replicates"]) == ("mAP", 4, 1)
    assert row["r"] == pytest.approx(0.6)
    assert row["rho"] == pytest.approx(0.6)
    assert [row["low"], row["high"]] == pytest.approx(fisher_interval(0.6, 4))
    x, y = (np.array(v) / 100 for v in ([10, 20, 30, 40], [20, 10, 40, 30]))
    expected = np.corrcoef(np.log(x / (1 - x)), np.log(y / (1 - y)))[0, 1]
    assert row["r_logit"] == pytest.approx(expected)
    assert [row["low_logit"], row["high_logit"]] == pytest.approx(fisher_interval(expected, 4))
    assert row["sets"] == "a; b; c; d"
    assert row["note"] == "one replicate: its noise is unknown"


def test_replicates_are_averaged_whatever_the_order_of_runs():
    accuracies = {"c": [30, 32, 28], "a": [9, 10, 11], "b": [20, 22, 18], "d": [40] * 3}
    transfer = {"a": [20] * 3, "b": [9, 10, 11], "c": [38, 40, 42], "d": [30] * 3}
    runs = runs_of({"imagenet-cls": accuracies, "pascal-det": transfer})
    frame = correlation_frame(runs, "imagenet-cls", TWO)
    assert tuple(frame.columns) == COLUMNS
    row = frame.iloc[0]
    assert row["r"] == pytest.approx(0.6)
    assert (row["n_replicates"], row["sets"], row["note"]) == (3, "a; b; c; d", "")
    assert 0.6 < row["r_noise_free"] < 1
    shuffled = runs.sample(frac=1, random_state=0)
    assert correlation_frame(shuffled, "imagenet-cls", TWO).equals(frame)


def test_points_are_means_and_sample_deviations():
    cells = {"imagenet-cls": {"b": [20, 22, 24], "a": [30]}, "pascal-det": {"a": [5], "b": [1, 3]}}
    points = points_frame(runs_of(cells), "imagenet-cls", TWO)
    assert tuple(points.columns) == POINT_COLUMNS
    first, second = points.to_dict("records")
    assert first == {
        **{"task": "pascal-det", "metric": "mAP", "subset": "b"},
        **{"accuracy": 22, "accuracy_std": 2, "accuracy_n": 3},
        **{"transfer": 2, "transfer_std": pytest.approx(math.sqrt(2)), "transfer_n": 2},
    }
    assert (second["subset"], second["accuracy_n"]) == ("a", 1)
    assert math.isnan(second["accuracy_std"])
    assert math.isnan(second["transfer_std"])


def test_a_random_start_is_left_out_unless_asked_for():
    runs = simple().replace({"d": "scratch"})
    assert row_of(runs)["sets"] == "a; b; c"
    assert row_of(runs, subsets=["scratch", "a", "b", "c"])["n_sets"] == 3
    assert row_of(runs, with_scratch=True)["sets"] == "a; b; c; scratch"


def test_accuracies_of_pre_training_are_another_measure():
    runs = simple()
    own = runs[runs["task"] == "imagenet-cls"].assign(stage="pretrain", value=99.0)
    assert row_of(pd.concat([own, runs]))["r"] == pytest.approx(0.6)


def test_sets_measured_on_one_only_are_left_out_but_not_those_asked_for():
    runs = simple()
    runs = runs[~((runs["subset"] == "d") & (runs["task"] == "imagenet-cls"))]
    assert row_of(runs)["sets"] == "a; b; c"
    with pytest.raises(UserError, match="needs d on imagenet-cls, which was not run"):
        row_of(runs, subsets=["a", "b", "c", "d"])
    runs = simple()
    runs = runs[~((runs["subset"] == "b") & (runs["task"] == "pascal-det"))]
    with pytest.raises(UserError, match="needs b on pascal-det"):
        row_of(runs, subsets=["a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("x", "y", "r", "note"),
    [
        ((10, 20, 30), (20, 10, 40), 0.6547, "no interval: it takes at least 4 sets"),
        ((10, 20), (20, 10), math.nan, "no correlation: it takes at least 3 sets"),
        ((10, 20, 30, 40), (5, 5, 5, 5), math.nan, "no correlation: transfer values are equal"),
        ((7, 7, 7, 7), (1, 2, 3, 4), math.nan, "no correlation: accuracies are equal"),
        ((10, 20, 30, 40), (0, 10, 20, 30), 1, "no logit: 0 and 100 % have none"),
    ],
)
def test_what_is_missing_has_a_reason(x, y, r, note):
    row = row_of(simple(x, y))
    assert row["r"] == pytest.approx(r, abs=1e-4, nan_ok=True)
    assert note in row["note"].split("; ")
    if "no interval" in note or "no correlation" in note:
        assert row[["low", "high", "low_logit", "high_logit"]].isna().all()
    if "no correlation" in note:
        assert row[["rho", "r_logit", "r_without"]].isna().all()
    if "no logit" in note:
        assert math.isnan(row["r_logit"])


def test_one_point_that_carries_it_all_is_named():
    row = row_of(simple((10, 20, 30, 90), (30, 20, 10, 90)))
    assert row["r"] > 0.8
    assert row["r_without"] == pytest.approx(-1)
    assert row["without"] == "d"


def test_all_tasks_are_averaged_as_log_odds():
    odds, noise = np.array([-2, -1, 0, 1.5]), np.array([0.5, -0.5, -0.5, 0.5])
    percent = {
        "imagenet-cls": 100 / (1 + np.exp(-odds)),
        "pascal-det": 100 / (1 + np.exp(-odds - noise)),
        "sun-cls": 100 / (1 + np.exp(1 - odds + noise)),
    }
    cells = {task: dict(zip("abcd", ps[:, None], strict=True)) for task, ps in percent.items()}
    frame = correlation_frame(runs_of(cells), "imagenet-cls", METRICS).set_index("task")
    assert list(frame.index) == ["pascal-det", "sun-cls", "all tasks"]
    assert frame.loc["pascal-det", "r_logit"] < 0.99
    together = frame.loc["all tasks"]
    assert together["r_logit"] == pytest.approx(1)
    assert together["rho"] == pytest.approx(1)
    assert math.isnan(together["r"])
    assert (together["metric"], together["n_sets"]) == ("mean log odds", 4)
    assert together["sets"] == "a; b; c; d"


def test_all_tasks_have_the_sets_that_each_has():
    cells = {task: {s: [10.0 + 3 * i] for i, s in enumerate("abcde")} for task in METRICS}
    cells["pascal-det"] |= {"b": [1.0]}
    del cells["sun-cls"]["c"]
    frame = correlation_frame(runs_of(cells), "imagenet-cls", METRICS).set_index("task")
    assert frame["n_sets"].to_dict() == {"pascal-det": 5, "sun-cls": 4, "all tasks": 4}
    assert frame.loc["all tasks", "sets"] == "a; b; d; e"


# The chart


def invented(sets=15, replicates=3, tasks=("pascal-det", "sun-cls"), name="set-{}", seed=0):
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(5, 45, sets)
    names = [name.format(i) for i in range(sets)]
    cells = {}
    for place, task in enumerate(["imagenet-cls", *tasks]):
        centre = accuracy * (1, 0.25, 0.4)[place] + (0, 3, 30)[place]
        spread = rng.normal(0, 0.8, (sets, replicates))
        cells[task] = dict(zip(names, centre[:, None] + spread, strict=True))
    metrics = {task: METRICS[task] for task in cells}
    runs = runs_of(cells)
    options = (runs, "imagenet-cls", metrics)
    return correlation_frame(*options), points_frame(*options)


LONG = "a-pre-training-set-whose-name-does-not-want-to-come-to-an-end-and-goes-on-and-on-number-{}"
AWKWARD = {
    "two tasks": invented,
    "one replicate": lambda: invented(replicates=1),
    "one task": lambda: invented(tasks=["pascal-det"]),
    "long names": lambda: invented(name=LONG),
    "long names in one column": lambda: invented(name=LONG, tasks=["pascal-det"]),
    "twenty sets": lambda: invented(sets=20, seed=3),
    "two sets": lambda: invented(sets=2),
}


@styled
def drawn(frames):
    figure = draw_correlation(*frames)
    FigureCanvasAgg(figure).draw()
    return figure


def numbers_in(axes):
    return [text for text in axes.texts if text.get_text().isdecimal()]


def texts_of(figure):
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_what_is_drawn_is_what_the_frames_say():
    frame, points = invented()
    figure = draw_correlation(frame, points)
    assert len(figure.axes) == 2
    order = list(points.groupby("subset")["accuracy"].mean().sort_values().index)
    for axes, (_, rows) in zip(figure.axes, points.groupby("task"), strict=True):
        marks = next(line for line in axes.lines if line.get_marker() == "o")
        assert marks.get_xydata().tolist() == rows[["accuracy", "transfer"]].to_numpy().tolist()
        numbers = [str(order.index(subset) + 1) for subset in rows["subset"]]
        assert [text.get_text() for text in numbers_in(axes)] == numbers
    key = " ".join(text.get_text().replace("\u2007", "") for text in figure.texts)
    assert all(f"{number}  {subset}" in key for number, subset in enumerate(order, 1))


def test_titles_say_r_and_its_interval():
    frame, points = invented()
    frame.loc[0, ["r", "low", "high"]] = [0.5, -0.25, 0.9]
    frame.loc[1, ["r", "low", "high"]] = [0.9912, 0.95, 0.9987]
    titles = [texts[:2] for texts in texts_of(draw_correlation(frame, points))]
    assert titles == [
        ["PASCAL-DET", "r = 0.50 [−0.25, 0.90]"],
        ["SUN-CLS", "r = 0.991 [0.950, 0.999]"],
    ]
    few = [texts[1] for texts in texts_of(draw_correlation(*invented(sets=2)))]
    assert few == ["no correlation"] * 2


def test_bars_are_drawn_where_there_are_replicates():
    def bars(frames):
        figure = draw_correlation(*frames)
        notes = " ".join(text.get_text() for text in figure.texts)
        segments = [c.get_segments() for c in figure.axes[0].containers[0].lines[2]]
        return segments, "± standard deviation of 3 replicates" in notes

    frame, points = invented()
    (across, upwards), said = bars((frame, points))
    row = points.iloc[0]
    assert upwards[0][:, 1].tolist() == pytest.approx(
        [row["transfer"] - row["transfer_std"], row["transfer"] + row["transfer_std"]]
    )
    assert np.ptp(across[0][:, 0]) == pytest.approx(2 * row["accuracy_std"])
    assert said
    segments, said = bars(invented(replicates=1))
    assert all(np.ptp(segment, axis=0).max() == 0 for lines in segments for segment in lines)
    assert not said


@pytest.mark.parametrize("name", AWKWARD)
def test_labels_touch_neither_each_other_nor_marks_and_stay_on_the_page(name):
    figure = drawn(AWKWARD[name]())
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [text.get_window_extent(renderer).padded(-1) for text in numbers_in(axes)]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        marks = next(line for line in axes.lines if line.get_marker() == "o").get_xydata()
        for x, y in axes.transData.transform(marks):
            assert not any(box.contains(x, y) for box in boxes)
        corners = [corner for box in boxes for corner in box.corners()]
        assert all(axes.bbox.padded(1).contains(*corner) for corner in corners)
    outer = figure.get_tightbbox(renderer).transformed(figure.dpi_scale_trans)
    assert outer.x0 >= 0
    assert outer.y0 >= 0
    assert outer.x1 <= figure.bbox.x1
    assert outer.y1 <= figure.bbox.y1
    texts = [text.get_window_extent(renderer).padded(-1) for text in figure.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))


def test_long_names_keep_the_end_that_tells_them_apart():
    figure = draw_correlation(*AWKWARD["long names in one column"]())
    entries = [text.get_text() for text in figure.texts if "…" in text.get_text()]
    assert len({entry.split("…")[1] for entry in entries}) == 15
    assert all(entry.split("  ")[1].startswith("a-pre-training-set") for entry in entries)


def test_labels_of_equal_points_stand_apart():
    anchors = np.array([[1.0, 1.0]] * 6)
    centres = label_places(anchors, np.zeros((6, 2)), [0.08] * 6, (2, 2))
    gaps = [np.abs(a - b) for a, b in itertools.combinations(centres, 2)]
    assert all(gap[0] >= 0.08 or gap[1] >= 6 / 72 for gap in gaps)


def test_labels_cover_no_mark_of_a_dense_crowd():
    grid = np.array([[1 + 0.11 * i, 1 + 0.09 * j] for i in range(4) for j in range(4)])
    centres = label_places(grid, np.zeros((16, 2)), [0.09] * 16, (3, 3))
    covered = np.abs(centres[:, None] - grid[None]) < [0.045, 3 / 72]
    assert not covered.all(axis=2).any()


def test_labels_keep_off_bars():
    def offset(reach):
        return label_places(np.array([[1.0, 1.0]]), np.array([reach]), [0.05], (2, 2))[0] - 1

    assert abs(offset([0, 0.5])[0]) > 0.03
    assert abs(offset([0.5, 0])[1]) > 0.03


@pytest.mark.parametrize("name", ["two tasks", "one replicate", "one task"])
def test_equal_charts_have_equal_bytes_whatever_the_users_settings(name, tmp_path):
    check_equal_bytes(lambda: draw_correlation(*AWKWARD[name]()), tmp_path)


def test_the_chart_can_be_drawn_from_its_csv(tmp_path):
    frame, points = invented()
    for name, content in (("frame", frame), ("points", points)):
        content.to_csv(tmp_path / f"{name}.csv", index=False)
    read = [pd.read_csv(tmp_path / f"{name}.csv") for name in ("frame", "points")]
    assert texts_of(draw_correlation(*read)) == texts_of(draw_correlation(frame, points))
