"""The chart of the limit of coarse labels: gains, limits, their titles and its page."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_apart, check_page, lines_of, rendered
from made_runs import runs_with_gains

from imagenet_transfer.figures.coarse_limit import draw_coarse_limit, limit_text
from imagenet_transfer.figures.coarse_limit_numbers import coarse_limit_frame

SIZES = {f"set-{size}": size for size in (3, 12, 22, 32, 48, 55, 64)}
LONG = "a-task-with-a-very-long-name-indeed"


def invented(tasks=3, replicates=3, lift=0.0, sizes=SIZES):
    rng = np.random.default_rng(1)
    metrics = dict([("pascal-det", "mAP"), (LONG, "mAP"), ("sun-cls", "top1")][:tasks])
    runs = []
    for place, (task, metric) in enumerate(metrics.items()):
        start = 10 + rng.normal(0, 0.5, replicates)
        centres = {name: (2 + place) * math.log(size / 6) + lift for name, size in sizes.items()}
        gains = {name: centre + rng.normal(0, 0.7, replicates) for name, centre in centres.items()}
        runs.append(runs_with_gains(gains, start, task, metric))
    return coarse_limit_frame(pd.concat(runs), metrics, sizes)


AWKWARD = {
    "three tasks": invented,
    "one replicate": lambda: invented(replicates=1),
    "one task": lambda: invented(tasks=1),
    "all better": lambda: invented(lift=20),
    "none better": lambda: invented(lift=-20),
    "one label set": lambda: invented(sizes={"all": 1000}),
    "large numbers": lambda: invented(sizes={f"s{n}": n for n in (9, 79, 486, 753, 918, 1000)}),
}


def test_what_is_drawn_is_what_the_frame_says():
    frame = invented()
    figure = draw_coarse_limit(frame)
    assert len(figure.axes) == 3
    for axes, (_, rows) in zip(figure.axes, frame.groupby("task", sort=False), strict=True):
        marks = [line.get_xydata() for line in axes.lines if line.get_marker() == "o"]
        points = sorted(np.concatenate(marks).tolist())
        assert points == sorted(rows[["n_classes", "gain"]].to_numpy().tolist())
        curve = rows.groupby("n_classes")["gain"].mean()
        assert [list(point) for point in curve.items()] in lines_of(axes)
        (bars,) = axes.containers
        ends = [segment[:, 1].tolist() for segment in bars.lines[2][0].get_segments()]
        assert np.allclose(ends, rows[["low", "high"]].to_numpy())
        dashed = [line for line in axes.lines if line.get_color() == "#D55E00"]
        assert [line.get_xdata()[0] for line in dashed] == [rows["limit"].iloc[0]]
        assert axes.get_xscale() == "log"


def test_marks_are_filled_where_the_interval_excludes_zero():
    frame = invented(tasks=1)
    (axes,) = draw_coarse_limit(frame).axes
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    hollow = [line for line in marks if line.get_markerfacecolor() == "white"]
    unsure = frame[(frame["low"] <= 0) & (frame["high"] >= 0)]
    assert 0 < len(unsure) < len(frame)
    assert hollow[0].get_xdata().tolist() == unsure["n_classes"].tolist()


def test_the_range_is_shaded_to_the_edge_where_it_is_open():
    frame = invented(tasks=1)
    for low, high in ((4.0, 20.0), (math.nan, 20.0), (4.0, math.nan)):
        figure = draw_coarse_limit(frame.assign(limit_low=low, limit_high=high))
        (axes,) = figure.axes
        box = axes.patches[0].get_extents().transformed(axes.transData.inverted())
        left, right = axes.get_xlim()
        expected = [left if math.isnan(low) else low, right if math.isnan(high) else high]
        assert [box.x0, box.x1] == pytest.approx(expected)


def test_without_replicates_neither_bars_nor_range_are_drawn():
    figure = draw_coarse_limit(invented(replicates=1))
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert not axes.patches
        assert all(not len(bars.lines[2][0].get_segments()) for bars in axes.containers)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["gain (one replicate)", "limit"]


def test_titles_say_the_limit_and_its_range():
    def titles(**found):
        unknown = dict.fromkeys(("limit", "limit_low", "limit_high"), math.nan)
        return limit_text(invented(tasks=1).assign(**unknown | found))

    assert titles(limit=8.24, limit_low=5.1, limit_high=21.3) == "limit 8.2 classes [5.1, 21]"
    assert titles(limit=8.0, limit_high=21.3) == "limit 8 classes [< 3, 21]"
    assert titles(limit=8.0, limit_low=5.0) == "limit 8 classes [5, > 64]"
    assert titles(limit_high=3) == "limit < 3 classes [< 3]"
    assert titles(limit_high=4.5) == "limit < 3 classes [< 3, 4.5]"
    worse = invented(tasks=1, lift=-20)
    assert limit_text(worse) == "limit > 64 classes [> 64]"
    assert limit_text(invented(tasks=1, replicates=1)).endswith(" classes")


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    figure = rendered(draw_coarse_limit(AWKWARD[name]()))
    renderer = figure.canvas.get_renderer()
    check_page(figure)
    tight = [axes.get_tightbbox(renderer).padded(-1) for axes in figure.axes]
    assert len(tight) in (1, 3)
    check_apart(tight)
    legend = figure.legends[0].get_window_extent(renderer)
    assert not any(legend.overlaps(box) for box in tight)


@pytest.mark.parametrize("name", ["three tasks", "one replicate", "one task"])
def test_equal_charts_have_equal_bytes_whatever_the_users_settings(name, tmp_path):
    check_equal_bytes(lambda: draw_coarse_limit(AWKWARD[name]()), tmp_path)


def test_the_chart_can_be_drawn_from_its_csv(tmp_path):
    frame = invented()
    frame.to_csv(tmp_path / "coarse-limit.csv", index=False)
    read = draw_coarse_limit(pd.read_csv(tmp_path / "coarse-limit.csv"))
    for one, other in zip(read.axes, draw_coarse_limit(frame).axes, strict=True):
        assert [text.get_text() for text in one.texts] == [text.get_text() for text in other.texts]
        for line, same in zip(lines_of(one), lines_of(other), strict=True):
            assert np.allclose(line, same)
