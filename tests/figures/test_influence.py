"""The chart of what parts do for transfer: order, marks, names and its page."""

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_apart, check_page, legend_texts, rendered
from made_runs import runs_of
from matplotlib.collections import LineCollection

from imagenet_transfer.figures.influence import count_text, draw_influence
from imagenet_transfer.figures.influence_numbers import HARMS, HELPS, influence_frame
from imagenet_transfer.figures.style import BLUE, VERMILLION

METRICS = {"pascal-det": "mAP", "a-task-with-a-very-long-name-indeed": "top1", "sun-cls": "top1"}
PARTS = {"dogs": 8, "wheeled-vehicles": 16, "birds": 6, "fruit": 3, "furniture": 4}
MANY = {f"part-{number}": number for number in range(2, 30)}
LONG = {f"a-part-with-a-name-that-does-not-want-to-end-{number}": 100 for number in range(4)}


def invented(tasks=2, replicates=3, parts=PARTS, controls=True, seed=0):
    rng = np.random.default_rng(seed)
    metrics = dict(list(METRICS.items())[:tasks])
    without = {name: f"no-{name}" for name in parts}
    control = {f"no-{name}": f"random-{n}" for name, n in list(parts.items())[:-1]}
    control = control if controls else {}
    cells = {}
    for task in metrics:
        shift = rng.normal(0, 1, replicates)
        centres = {
            name: rng.normal(40, 2) for name in ("full", *without.values(), *control.values())
        }
        cells[task] = {
            name: centre + shift + rng.normal(0, 0.6, replicates)
            for name, centre in centres.items()
        }
    sizes = {"full": {"n_classes": 200, "n_images": 2000}}
    sizes |= {f"no-{p}": {"n_classes": 200 - n, "n_images": 2000 - 9 * n} for p, n in parts.items()}
    return influence_frame(runs_of(cells, metrics), metrics, sizes, "full", without, control)


AWKWARD = {
    "two tasks": invented,
    "three tasks": lambda: invented(tasks=3),
    "one task": lambda: invented(tasks=1),
    "one replicate": lambda: invented(replicates=1),
    "no controls": lambda: invented(controls=False),
    "one part": lambda: invented(parts={"dogs": 8}),
    "many parts": lambda: invented(parts=MANY),
    "long names": lambda: invented(parts=LONG),
}


def marks(axes, colour):
    """Return {row: (effect, filled)} of the marks of a colour."""
    found = {}
    for line in axes.lines:
        if line.get_linestyle() == "None" and line.get_color() == colour:
            filled = line.get_markerfacecolor() == colour
            found |= {round(y): (x, filled) for x, y in line.get_xydata().tolist()}
    return found


def bars(axes, colour):
    """Return {row: [low, high]} of the intervals of a colour."""
    found = {}
    for lines in axes.collections:
        if isinstance(lines, LineCollection) and lines.get_color()[0].tolist()[:3] == rgb(colour):
            found |= {round(s[0][1]): s[:, 0].tolist() for s in lines.get_segments()}
    return found


def rgb(colour):
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def test_what_is_drawn_is_what_the_frame_says():
    frame = invented()
    figure = draw_influence(frame)
    assert len(figure.axes) == 2
    verdicts = set()
    for axes, (_, rows) in zip(figure.axes, frame.groupby("task", sort=False), strict=True):
        rows = rows.reset_index()
        sure = rows["verdict"].isin([HELPS, HARMS])
        verdicts |= set(sure)
        assert marks(axes, BLUE) == {i: (rows["effect"][i], sure[i]) for i in rows.index}
        assert bars(axes, BLUE) == {i: rows.loc[i, ["low", "high"]].tolist() for i in rows.index}
        known = rows[rows["control"] != ""]
        sure = known["control_verdict"].isin([HELPS, HARMS])
        expected = {i: (known["against_control"][i], sure[i]) for i in known.index}
        assert marks(axes, VERMILLION) == expected
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert names == [
            f"{name.replace('-', ' ')} ({n})"
            for name, n in zip(rows["name"], rows["n_classes_left_out"], strict=True)
        ]
        bottom, top = axes.get_ylim()
        assert bottom > top  # the first row is on top
    assert verdicts == {True, False}


def test_rows_descend_from_what_helps_most():
    for axes in draw_influence(invented()).axes:
        effects = [effect for _, (effect, _) in sorted(marks(axes, BLUE).items())]
        assert effects == sorted(effects, reverse=True)


def test_the_legend_names_what_is_drawn():
    full, random, hollow = legend_texts(draw_influence(invented()))
    assert full == "full set − set without the classes"
    assert random == "random set of equal size − set without the classes"
    assert hollow.startswith("hollow")
    assert legend_texts(draw_influence(invented(controls=False))) == [full, hollow]
    assert legend_texts(draw_influence(invented(replicates=1, controls=False))) == [full]


def test_without_replicates_no_intervals_are_drawn():
    figure = draw_influence(invented(replicates=1))
    for axes in figure.axes:
        assert bars(axes, BLUE) == bars(axes, VERMILLION) == {}
        assert all(filled for _, filled in marks(axes, BLUE).values())


def test_titles_count_what_is_sure():
    rows = invented(tasks=1)
    verdicts = [HELPS, HELPS, "cannot tell", "cannot tell", HARMS]
    assert count_text(rows.assign(verdict=verdicts)) == "of 5 parts, surely 2 help and 1 harm"
    assert count_text(invented(tasks=1, replicates=1)) == "5 parts, no intervals"


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    figure = rendered(draw_influence(AWKWARD[name]()))
    renderer = figure.canvas.get_renderer()
    check_page(figure)
    tight = [axes.get_tightbbox(renderer).padded(-1) for axes in figure.axes]
    assert len(tight) in (1, 2, 3)
    check_apart(tight)
    legend = figure.legends[0].get_window_extent(renderer)
    assert not any(legend.overlaps(box) for box in tight)
    for axes in figure.axes:
        names = [label.get_window_extent(renderer) for label in axes.get_yticklabels()]
        assert names
        check_apart(names)


@pytest.mark.parametrize("name", ["two tasks", "one replicate", "no controls"])
def test_equal_charts_have_equal_bytes_whatever_the_users_settings(name, tmp_path):
    check_equal_bytes(lambda: draw_influence(AWKWARD[name]()), tmp_path)


@pytest.mark.parametrize("name", ["two tasks", "one replicate", "no controls"])
def test_the_chart_can_be_drawn_from_its_csv(name, tmp_path):
    frame = AWKWARD[name]()
    frame.to_csv(tmp_path / "influence.csv", index=False)
    read = draw_influence(pd.read_csv(tmp_path / "influence.csv"))
    for one, other in zip(read.axes, draw_influence(frame).axes, strict=True):
        assert [text.get_text() for text in one.texts] == [text.get_text() for text in other.texts]
        assert bars(one, BLUE).keys() == bars(other, BLUE).keys()
        for colour in (BLUE, VERMILLION):
            expected = marks(other, colour)
            found = marks(one, colour)
            assert found.keys() == expected.keys()
            assert all(found[row] == pytest.approx(expected[row]) for row in expected)
