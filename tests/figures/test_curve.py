"""Figures 1 and 2: what is drawn is what the frame says, and it is readable with awkward data."""

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_chart, label_texts, legend_texts, lines_of, whiskers

from imagenet_transfer.figures.curve import draw_curve, equal_spans

CURVE = {
    "along": "images_per_class",
    "tasks": ["pascal-det", "pascal-act", "sun-cls"],
    "accuracy": "imagenet-cls",
}
METRICS = {"imagenet-cls": "top1", "pascal-det": "mAP", "pascal-act": "mAP", "sun-cls": "top1"}
MEANS = {
    "imagenet-cls": [22.0, 35.0, 43.5, 57.1],
    "pascal-det": [46.1, 51.0, 54.6, 58.3],
    "pascal-act": [53.0, 58.0, 60.5, 63.4],
    "sun-cls": [38.0, 44.0, 48.0, 52.2],
}
SIZES = [50, 125, 250, 1281.167]


def row_of(task, x, mean, std="", n=1, subset="some"):
    facts = {"x": x, "subset": subset, "task": task, "metric": METRICS.get(task, "top1")}
    return facts | {"n_classes": 10, "n_images": 10, "mean": mean, "std": std, "n": n, "paper": ""}


def curve(tasks=tuple(MEANS), sizes=SIZES):
    rows = []
    for task in tasks:
        repeats = {"std": 0.4, "n": 3} if METRICS[task] == "mAP" else {}
        points = zip(sizes, MEANS[task], strict=False)
        rows += [row_of(task, x, mean, **repeats) for x, mean in points]
    return pd.DataFrame(rows)


def points_of(task):
    return [[x, y] for x, y in zip(SIZES, MEANS[task], strict=True)]


def with_own_accuracy():
    own = [row_of("imagenet-cls:own", x, 30.0 + place, 0.5, 3) for place, x in enumerate(SIZES)]
    return pd.concat([curve(), pd.DataFrame(own)], ignore_index=True)


LONG = "a-task-whose-name-does-not-want-to-come-to-an-end"
ZEROS = [row_of(task, x, 0.0) for task in MEANS for x in (1, 2, 3)]
CLOSE = [row_of("imagenet-cls", 900 + x, 50.0 + x, 5.0, 3) for x in range(12)]
NAMED = [row_of(task, x, 50.0, 1.0, 3) for task in ("imagenet-cls", LONG) for x in (1, 10)]
AWKWARD = {
    "all tasks": (curve(), CURVE),
    "one subset": (curve(sizes=[1000]), CURVE),
    "one task": (curve(["imagenet-cls"]), CURVE | {"tasks": []}),
    "zeros": (pd.DataFrame(ZEROS), CURVE),
    "twelve close points": (pd.DataFrame(CLOSE), CURVE),
    "a long name": (pd.DataFrame(NAMED), CURVE | {"tasks": [LONG]}),
    "the networks' own accuracy": (with_own_accuracy(), CURVE),
}


def test_accuracies_are_on_the_left_and_map_on_the_right():
    left, right = draw_curve(curve(), CURVE).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy (%)", "mAP (%)")
    for axes, tasks in ((left, ("imagenet-cls", "sun-cls")), (right, ("pascal-det", "pascal-act"))):
        lines = lines_of(axes)
        assert all(points_of(task) in lines for task in tasks)
    assert label_texts(left) == ["50", "125", "250", "1,281"]


def test_the_average_precision_of_a_class_is_drawn_like_map():
    frame = curve()
    frame["metric"] = frame["metric"].replace("mAP", "AP/dog")
    left, right = draw_curve(frame, CURVE).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy (%)", "AP (%)")
    assert points_of("pascal-det") in lines_of(right)
    assert left.get_xscale() == "log"


def test_both_axes_span_equally_many_points():
    left, right = draw_curve(curve(), CURVE).axes
    assert np.ptp(left.get_ylim()) == pytest.approx(np.ptp(right.get_ylim()))


def test_accuracy_on_its_own_has_one_axis():
    figure = draw_curve(curve(["imagenet-cls"]), CURVE | {"tasks": []})
    assert len(figure.axes) == 1
    assert legend_texts(figure) == ["ImageNet-CLS"]


def test_the_networks_own_accuracy_is_a_line_of_its_own():
    figure = draw_curve(with_own_accuracy(), CURVE)
    assert "as pre-trained (left)" in legend_texts(figure)
    lines = lines_of(figure.axes[0])
    assert [[x, 30.0 + place] for place, x in enumerate(SIZES)] in lines
    assert points_of("imagenet-cls") in lines
    without = legend_texts(draw_curve(curve(), CURVE))
    assert not any("as pre-trained" in label for label in without)


def test_points_come_in_the_order_of_x():
    frame = curve(["imagenet-cls"]).sample(frac=1, random_state=3)
    assert lines_of(draw_curve(frame, CURVE).axes[0])[0] == points_of("imagenet-cls")


def test_spread_is_drawn_where_there_are_several_runs():
    rows = [row_of("pascal-det", 1, 50.0, 2.0, 3), row_of("pascal-det", 10, 60.0, "", 1)]
    figure = draw_curve(pd.DataFrame(rows), CURVE)
    assert whiskers(figure.axes[0]) == [[[1, 48], [1, 52]]]
    assert "± std of 3 runs" in legend_texts(figure)


def test_a_random_start_is_a_dotted_line_and_not_a_point():
    start = pd.DataFrame([row_of("sun-cls", 0, 12.5, subset="scratch")])
    figure = draw_curve(pd.concat([curve(["sun-cls"]), start]), CURVE)
    (axes,) = figure.axes
    dotted, drawn = (
        [line for line in axes.lines if (line.get_linestyle() == ":") == is_dotted]
        for is_dotted in (True, False)
    )
    assert [list(line.get_ydata()) for line in dotted] == [[12.5, 12.5]]
    assert [line.get_xydata().tolist() for line in drawn] == [points_of("sun-cls")]
    assert label_texts(axes) == ["50", "125", "250", "1,281"]
    assert axes.get_ylim()[0] < 12.5
    assert "random start" in legend_texts(figure)


def test_the_papers_numbers_are_hollow_marks_of_their_own():
    frame = curve(["pascal-det"])
    frame["paper"] = [57.0 if x == 250 else "" for x in frame["x"]]
    figure = draw_curve(frame, CURVE)
    (hollow,) = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert hollow.get_xydata().tolist() == [[250, 57.0]]
    assert "the paper's number" in legend_texts(figure)
    assert "the paper's number" not in legend_texts(draw_curve(curve(), CURVE))


def test_a_frame_read_from_its_csv_gives_the_same_chart(tmp_path):
    curve().to_csv(tmp_path / "figure1.csv", index=False)
    read = draw_curve(pd.read_csv(tmp_path / "figure1.csv"), CURVE)
    for one, other in zip(read.axes, draw_curve(curve(), CURVE).axes, strict=True):
        assert lines_of(one) == lines_of(other)


def test_equal_spans_cover_their_data_on_multiples_of_one_step():
    assert equal_spans([(22, 57.1), (46.1, 63.4)]) == (10, [(20, 60), (40, 80)])
    assert equal_spans([(0, 0)]) == (0.5, [(0, 1)])
    assert equal_spans([(96, 99), (10, 30)]) == (5, [(80, 100), (10, 30)])


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    check_chart(draw_curve(*AWKWARD[name]))


def test_equal_charts_have_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_curve(*AWKWARD["all tasks"]), tmp_path)
