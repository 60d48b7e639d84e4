"""The map of classes and images per class, and its best ratios: what is drawn, and its page."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_apart, check_page, legend_texts, rendered
from made_grids import DET, parabolas, runs_on, sizes_of
from matplotlib.patches import Rectangle

from imagenet_transfer.figures.surface import (
    draw_surface,
    levels_of,
    ratio_text,
    ratio_ticks,
    slope_text,
)
from imagenet_transfer.figures.surface_numbers import CLASSES, surface_frames

LONG = "a-task-with-a-very-long-name-indeed"
METRICS = DET | {LONG: "mAP", "sun-cls": "top1"}


def invented(transfer=None, tasks=3, sizes=None, **more):
    sizes = sizes or sizes_of()
    metrics = dict(list(METRICS.items())[:tasks])
    runs = [
        runs_on(transfer or parabolas(0.4 - place, 0.1), sizes, seed=place, **more).assign(
            task=task, metric=metric
        )
        for place, (task, metric) in enumerate(metrics.items())
    ]
    return surface_frames(pd.concat(runs), metrics, sizes, list(sizes))


def few_cells():
    return {name: size for name, size in sizes_of().items() if name not in ("g-8x6", "g-32x24")}


AWKWARD = {
    "three tasks": invented,
    "one replicate": lambda: invented(replicates=1),
    "one task": lambda: invented(tasks=1),
    "two tasks": lambda: invented(tasks=2),
    "a peak beyond": lambda: invented(parabolas(5.0)),
    "no peak": lambda: invented(parabolas(0.0, bend=-0.5)),
    "equal values": lambda: invented(lambda _: 40.0, noise=0.0),
    "cells missing": lambda: invented(sizes=few_cells()),
    "large numbers": lambda: invented(
        sizes=sizes_of((63, 125, 250, 500, 1000), (80, 160, 320, 640, 1280))
    ),
}


def pairs(figure):
    return list(zip(figure.axes[::2], figure.axes[1::2], strict=True))


def cells_in(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def numbers_in(axes):
    return [text for text in axes.texts if text.get_text().replace(".", "").isdecimal()]


def diamonds(axes):
    (line,) = [line for line in axes.lines if line.get_marker() == "D"]
    return line.get_xydata()


def test_every_cell_is_drawn_with_its_mean_where_its_size_is():
    frame, fit = invented()
    for (axes, _), (task, rows) in zip(
        pairs(draw_surface(frame, fit)), frame.groupby("task", sort=False), strict=True
    ):
        boxes = cells_in(axes)
        texts = numbers_in(axes)
        assert len(boxes) == len(texts) == len(rows) == 16
        shown = {}
        for box, text, row in zip(boxes, texts, rows.itertuples(), strict=True):
            x, y = box.get_xy()
            assert x < row.n_classes < x + box.get_width()
            assert y < row.images_per_class < y + box.get_height()
            assert text.get_text() == f"{row.mean:.1f}"
            assert text.xy == (x, y)
            shown[row.subset] = (text.get_fontweight(), box.get_facecolor())
        bold = {name for name, (weight, _) in shown.items() if weight == "bold"}
        assert bold == set(fit.loc[fit["task"] == task, "best_measured"])
        darkest = min(shown, key=lambda name: sum(shown[name][1][:3]))
        assert darkest == rows.loc[rows["mean"].idxmax(), "subset"]


def test_lines_join_equal_numbers_of_images_and_diamonds_lie_on_them():
    frame, fit = invented(tasks=1)
    ((upper, lower),) = pairs(draw_surface(frame, fit))
    lines = [line.get_xydata() for line in upper.lines if line.get_marker() != "D"]
    products = [sorted(set(np.round(np.prod(line, axis=1)))) for line in lines]
    assert products == [[n] for n in fit["n_images"]]
    known = fit[fit["best_ratio"].notna()]
    marks = diamonds(upper)
    marks = marks[~np.isnan(marks).any(axis=1)]
    assert np.prod(marks, axis=1) == pytest.approx(known["n_images"].to_numpy())
    assert marks[:, 0] / marks[:, 1] == pytest.approx(known["best_ratio"].to_numpy())
    below = diamonds(lower)
    assert below[~np.isnan(below).any(axis=1)].tolist() == pytest.approx(
        known[["n_images", "best_ratio"]].to_numpy()
    )
    assert len(known) == 5


def test_ranges_reach_the_edge_of_what_was_measured_where_they_are_open():
    frame, fit = invented(tasks=1)
    fit.loc[1, "low"] = fit.loc[2, "high"] = math.nan
    ((_, axes),) = pairs(draw_surface(frame, fit))
    upright = [line.get_xydata() for line in axes.lines if line.get_linewidth() == 1.2]
    ends = {line[0][0]: line[:, 1].tolist() for line in upright if line[0][0] == line[-1][0]}
    assert ends[192] == [fit.loc[1, "least_ratio"], fit.loc[1, "high"]]
    assert ends[384] == [fit.loc[2, "low"], fit.loc[2, "most_ratio"]]
    caps = {
        line.get_xdata()[0]: line.get_ydata().tolist()
        for line in axes.lines
        if line.get_marker() == "_"
    }
    assert caps[192] == [fit.loc[1, "high"]]
    assert caps[768] == fit.loc[3, ["low", "high"]].tolist()


def test_a_peak_beyond_is_a_triangle_at_the_edge():
    frame, fit = invented(parabolas(5.0), tasks=1)
    assert set(fit["beyond"]) == {CLASSES}
    figure = draw_surface(frame, fit)
    ((upper, lower),) = pairs(figure)
    up = [line.get_xydata()[0].tolist() for line in lower.lines if line.get_marker() == "^"]
    assert up == fit[["n_images", "most_ratio"]].to_numpy().tolist()
    assert np.isnan(diamonds(upper)).all()
    assert "beyond what was measured" in legend_texts(figure)
    assert "slope" not in legend_texts(figure)


def test_without_replicates_no_range_is_drawn():
    figure = draw_surface(*invented(replicates=1, tasks=1))
    assert "95 % range" not in legend_texts(figure)
    assert not [line for line in figure.axes[1].lines if line.get_marker() == "_"]
    assert "95 % range" in legend_texts(draw_surface(*invented(tasks=1)))


def test_titles_say_the_slope():
    fit = invented(tasks=1)[1]

    def title(**found):
        return slope_text(fit.assign(**found))

    assert title(slope=0.104, slope_low=-0.3, slope_high=0.5) == "slope 0.10 [−0.30, 0.50]"
    unknown = {"slope": -0.5, "slope_low": math.nan, "slope_high": math.nan}
    assert title(**unknown, note="no sure peak") == "slope −0.50 (no sure peak)"
    assert title(**unknown, note="one replicate: no intervals") == "slope −0.50 (one replicate)"
    assert title(slope=math.nan) == "no peak on the grid"


def test_ticks_of_ratios_are_few_powers():
    fit = pd.DataFrame({"least_ratio": [0.3], "most_ratio": [5.0]})
    assert ratio_ticks(fit) == [0.5, 1, 2, 4]
    assert ratio_ticks(fit.assign(most_ratio=11)) == [0.5, 1, 2, 4, 8]
    assert ratio_ticks(fit.assign(least_ratio=0.1, most_ratio=11)) == [0.25, 1, 4]
    wide = fit.assign(least_ratio=0.00005, most_ratio=9e4)
    assert ratio_ticks(wide) == pytest.approx([0.0001, 0.01, 1, 100, 1e4])
    assert [ratio_text(ratio) for ratio in (0.0625, 0.5, 1, 4)] == ["1/16", "1/2", "1", "4"]


def test_sizes_that_count_as_equal_share_a_level():
    levels = levels_of([8, 16, 15.5, 32])
    assert levels.sizes == [8, 15.75, 32]
    assert levels.cell(15.5) == levels.cell(16)
    assert levels.edges[0] < 8 < levels.edges[1] < 15.5
    assert levels_of([5]).cell(5) == pytest.approx((5 / math.sqrt(2), 5 * math.sqrt(2)))


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    figure = rendered(draw_surface(*AWKWARD[name]()))
    renderer = figure.canvas.get_renderer()
    check_page(figure)
    tight = [axes.get_tightbbox(renderer).padded(-1) for axes in figure.axes]
    assert len(tight) in (2, 4, 6)
    check_apart(tight)
    legend = figure.legends[0].get_window_extent(renderer)
    assert not any(legend.overlaps(box) for box in tight)
    for upper, _ in pairs(figure):
        texts = [text.get_window_extent(renderer) for text in numbers_in(upper)]
        assert texts
        check_apart(texts)
        for box, text in zip(cells_in(upper), texts, strict=True):
            cell = box.get_window_extent(renderer)
            assert all(cell.contains(*corner) for corner in text.corners())


@pytest.mark.parametrize("name", ["three tasks", "one replicate", "one task"])
def test_equal_charts_have_equal_bytes_whatever_the_users_settings(name, tmp_path):
    check_equal_bytes(lambda: draw_surface(*AWKWARD[name]()), tmp_path)


@pytest.mark.parametrize("name", ["three tasks", "one replicate", "a peak beyond"])
def test_the_chart_can_be_drawn_from_its_csv(name, tmp_path):
    frames = AWKWARD[name]()
    for place, frame in enumerate(frames):
        frame.to_csv(tmp_path / f"{place}.csv", index=False)
    read = draw_surface(*(pd.read_csv(tmp_path / f"{place}.csv") for place in range(2)))
    for one, other in zip(read.axes, draw_surface(*frames).axes, strict=True):
        assert [text.get_text() for text in one.texts] == [text.get_text() for text in other.texts]
        for line, same in zip(one.lines, other.lines, strict=True):
            assert np.allclose(line.get_xydata(), same.get_xydata(), equal_nan=True)
