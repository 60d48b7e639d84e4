"""The chart of transfer against ImageNet accuracy: its points, their labels and its key."""

import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_apart, check_page, rendered
from made_runs import METRICS, runs_of

from imagenet_transfer.figures.correlation import draw_correlation
from imagenet_transfer.figures.correlation_numbers import correlation_frame, points_frame
from imagenet_transfer.figures.label_places import label_places


def invented(sets=15, replicates=3, tasks=("pascal-det", "sun-cls"), name="set-{}", seed=0):
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(5, 45, sets)
    names = [name.format(i) for i in range(sets)]
    cells = {}
    for place, task in enumerate(["imagenet-cls", *tasks]):
        centre = accuracy * (1, 0.25, 0.4)[place] + (0, 3, 30)[place]
        spread = rng.normal(0, 0.8, (sets, replicates))
        cells[task] = dict(zip(names, centre[:, None] + spread, strict=True))
    asked = (runs_of(cells), "imagenet-cls", {task: METRICS[task] for task in cells})
    return correlation_frame(*asked), points_frame(*asked)


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
    key = {text.get_text().replace("\u2007", "") for text in figure.texts}
    assert len(order) == 15
    assert key >= {f"{number}  {subset}" for number, subset in enumerate(order, 1)}


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
    assert [len(lines) for lines in segments] == [15, 15]
    assert all(np.ptp(segment, axis=0).max() == 0 for lines in segments for segment in lines)
    assert not said


@pytest.mark.parametrize("name", AWKWARD)
def test_labels_touch_neither_each_other_nor_marks_and_stay_on_the_page(name):
    figure = rendered(draw_correlation(*AWKWARD[name]()))
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [text.get_window_extent(renderer).padded(-1) for text in numbers_in(axes)]
        check_apart(boxes)
        marks = next(line for line in axes.lines if line.get_marker() == "o").get_xydata()
        assert len(boxes) == len(marks) > 0
        for x, y in axes.transData.transform(marks):
            assert not any(box.contains(x, y) for box in boxes)
        corners = [corner for box in boxes for corner in box.corners()]
        assert all(axes.bbox.padded(1).contains(*corner) for corner in corners)
    check_page(figure)
    assert figure.texts
    check_apart([text.get_window_extent(renderer).padded(-1) for text in figure.texts])


def test_long_names_keep_the_end_that_tells_them_apart():
    figure = draw_correlation(*AWKWARD["long names in one column"]())
    entries = [text.get_text() for text in figure.texts if "…" in text.get_text()]
    assert len({entry.split("…")[1] for entry in entries}) == 15
    assert all(entry.split("  ")[1].startswith("a-pre-training-set") for entry in entries)


def test_labels_of_equal_points_are_apart():
    anchors = np.array([[1.0, 1.0]] * 6)
    centres = label_places(anchors, np.zeros((6, 2)), [0.08] * 6, (2, 2))
    assert centres.shape == (6, 2)
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
