"""Charts: what is drawn is what the frame says; equal bytes; readable in grey, at print size and with awkward data."""

import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.transforms import Bbox

from imagenet_transfer.figures.chart_parts import stagger
from imagenet_transfer.figures.coarse_gain import class_title, draw_coarse_gain, mean_gains
from imagenet_transfer.figures.curve import draw_curve, equal_spans
from imagenet_transfer.figures.induction import draw_induction
from imagenet_transfer.figures.split_accuracy import draw_split_accuracy
from imagenet_transfer.figures.style import SERIES, save_figure, styled

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


def curve_row(task, x, mean, std="", n=1, paper="", subset="some", metric=None):
    facts = {"x": x, "subset": subset, "task": task, "metric": metric or METRICS.get(task, "top1")}
    return facts | {
        "n_classes": 10,
        "n_images": 10,
        "mean": mean,
        "std": std,
        "n": n,
        "paper": paper,
    }


def curve_frame(tasks=tuple(MEANS), sizes=SIZES):
    rows = []
    for task in tasks:
        repeats = {"std": 0.4, "n": 3} if METRICS[task] == "mAP" else {}
        rows += [
            curve_row(task, x, mean, **repeats) for x, mean in zip(sizes, MEANS[task], strict=False)
        ]
    return pd.DataFrame(rows)


def induction_frame(sizes=(9, 79, 486), queries=400, replicates=1):
    rows = []
    for place, size in enumerate(sizes):
        facts = {
            "subset": f"coarse-{size}",
            "n_classes": size,
            "n_unseen": 1000 - size,
            "n_queries": queries,
        }
        for k in (1, 5):
            for rep in range(1, replicates + 1):
                value = place + 2 * rep - replicates - 1  # in the mean: place
                rows.append(
                    facts
                    | {"k": k, "network": f"coarse-{size}", "rep": rep, "value": 10.0 * k + value}
                )
                rows.append(
                    facts | {"k": k, "network": "imagenet", "rep": rep, "value": 15.0 * k + value}
                )
    return pd.DataFrame(rows)


def gain_frame(count, **changes):
    names = [f"home_appliance{i}.n.01" for i in range(count)]
    fine = np.linspace(20, 60, count)
    gain = np.linspace(30, 1, count)
    wnids = [f"n{i:08d}" for i in range(count)]
    facts = {"class_wnid": wnids, "class_name": names, "n_subclasses": range(5, 5 + count)}
    numbers = {"coarse_accuracy": fine + gain, "fine_accuracy": fine, "gain": gain}
    return pd.DataFrame(facts | numbers | changes)


def split_frame(values=(62.1, 63.8, 61.5, 63.0, 61.0, 58.9, 68.2, 66.4), std=0.4, n=3):
    keys = [(s, h, w) for s in ("random", "minimal") for h in "ab" for w in ("half", "everything")]
    rows = []
    for (split, half, network), mean in zip(keys, values, strict=False):
        facts = {
            "split": split,
            "half": half,
            "n_classes": {"a": 522, "b": 478}[half],
            "std": std,
            "n": n,
        }
        rows.append(facts | {"network": network, "mean": mean})
        if network == "half":
            rows.append(facts | {"network": "own", "mean": max(mean - 1, 0)})
    return pd.DataFrame(rows)


def with_own_accuracy():
    own = [curve_row("imagenet-cls:own", x, 30.0 + place, 0.5, 3) for place, x in enumerate(SIZES)]
    return pd.concat([curve_frame(), pd.DataFrame(own)], ignore_index=True)


def replicated_gains(count, **changes):
    """Three replicates, in the mean those of `gain_frame`, with a standard deviation of 2 points."""
    frames = [gain_frame(count, **changes).assign(rep=rep) for rep in (1, 2, 3)]
    return pd.concat(
        [frame.assign(gain=frame["gain"] + 2 * (frame["rep"] - 2)) for frame in frames]
    )


LONG = "a-task-whose-name-does-not-want-to-come-to-an-end"
AWKWARD = {
    "curve": lambda: draw_curve(curve_frame(), CURVE),
    "curve of one subset": lambda: draw_curve(curve_frame(sizes=[1000]), CURVE),
    "curve of one task": lambda: draw_curve(curve_frame(["imagenet-cls"]), CURVE | {"tasks": []}),
    "curve of zeros": lambda: draw_curve(
        pd.DataFrame([curve_row(task, x, 0.0) for task in MEANS for x in (1, 2, 3)]), CURVE
    ),
    "curve of twelve close points": lambda: draw_curve(
        pd.DataFrame([curve_row("imagenet-cls", 900 + x, 50.0 + x, 5.0, 3) for x in range(12)]),
        CURVE,
    ),
    "curve with a long name": lambda: draw_curve(
        pd.DataFrame(
            [curve_row(task, x, 50.0, 1.0, 3) for task in ("imagenet-cls", LONG) for x in (1, 10)]
        ),
        CURVE | {"tasks": [LONG]},
    ),
    "induction": lambda: draw_induction(induction_frame((9, 79, 127, 486, 753, 918)), {}),
    "induction of one subset": lambda: draw_induction(induction_frame((22,)).assign(value=0), {}),
    "gain": lambda: draw_coarse_gain(gain_frame(26, similarity=0.5), {"shown": 6}),
    "gain of one class": lambda: draw_coarse_gain(
        gain_frame(1, gain=0.0, class_name="natural_elevation_of_the_longest_name_there_is.n.01"),
        {"shown": 6},
    ),
    "gain below zero": lambda: draw_coarse_gain(
        gain_frame(3, gain=[5.0, -1.0, -20.0]), {"shown": 6}
    ),
    "curve with the networks' own accuracy": lambda: draw_curve(with_own_accuracy(), CURVE),
    "induction of replicates": lambda: draw_induction(induction_frame(replicates=3), {}),
    "gain of replicates": lambda: draw_coarse_gain(
        replicated_gains(26, similarity=0.5), {"shown": 6}
    ),
    "splits": lambda: draw_split_accuracy(split_frame(), {}),
    "splits of one run": lambda: draw_split_accuracy(split_frame(std="", n=1), {}),
    "splits at the ends": lambda: draw_split_accuracy(
        split_frame((0, 100, 0, 0, 100, 100, 0, 3)), {}
    ),
    "splits with long names": lambda: draw_split_accuracy(
        split_frame().replace({"random": LONG, "a": LONG}).assign(n_classes=522), {}
    ),
}


@styled
def drawn(draw):
    figure = draw()
    FigureCanvasAgg(figure).draw()
    return figure


def lines_of(axes):
    """The points of the lines that connect or mark data, without the caps of error bars."""
    return [
        line.get_xydata().tolist() for line in axes.lines if line.get_marker() not in ("_", "|")
    ]


def shown_label_boxes(figure, renderer):
    """The boxes of the x axes' tick labels that are in view, without the empty lines that put a label in its row."""
    boxes = []
    for axes in (
        axes
        for outer in figure.axes
        for axes in (outer, *outer.child_axes)
        if axes.xaxis.get_visible()
    ):
        low, high = axes.get_xlim()
        for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
            if text.get_text().strip() and low <= place <= high:
                box, lines = text.get_window_extent(renderer), text.get_text().count("\n") + 1
                height = box.height / lines
                top = box.y1 if text.get_text().endswith("\n") else box.y0 + height
                boxes.append(Bbox([[box.x0, top - height + 1], [box.x1, top - 1]]))
    return boxes


def label_texts(axes):
    return [text.get_text().strip() for text in axes.get_xticklabels() if text.get_text()]


# What is drawn equals the frame


def test_a_curve_shows_accuracies_left_and_map_right():
    left, right = draw_curve(curve_frame(), CURVE).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy (%)", "mAP (%)")
    for axes, tasks in ((left, ("imagenet-cls", "sun-cls")), (right, ("pascal-det", "pascal-act"))):
        points = lines_of(axes)
        for task in tasks:
            assert [[x, y] for x, y in zip(SIZES, MEANS[task], strict=True)] in points
    assert label_texts(left) == ["50", "125", "250", "1,281"]


def test_the_average_precision_of_a_class_is_drawn_like_map():
    frame = curve_frame()
    frame["metric"] = frame["metric"].replace("mAP", "AP/dog")
    left, right = draw_curve(frame, CURVE).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy (%)", "AP (%)")
    assert left.get_xscale() == "log"


def test_both_axes_of_a_curve_span_equally_many_points():
    left, right = draw_curve(curve_frame(), CURVE).axes
    assert np.ptp(left.get_ylim()) == pytest.approx(np.ptp(right.get_ylim()))


def test_a_curve_of_accuracy_alone_has_one_axis():
    figure = draw_curve(curve_frame(["imagenet-cls"]), CURVE | {"tasks": []})
    assert len(figure.axes) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ImageNet-CLS"]


def test_a_curve_shows_the_networks_own_accuracy_as_a_line_of_its_own():
    figure = draw_curve(with_own_accuracy(), CURVE)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "as pre-trained (left)" in labels
    points = lines_of(figure.axes[0])
    assert [[x, 30.0 + place] for place, x in enumerate(SIZES)] in points
    assert [[x, y] for x, y in zip(SIZES, MEANS["imagenet-cls"], strict=True)] in points
    without = [text.get_text() for text in draw_curve(curve_frame(), CURVE).legends[0].get_texts()]
    assert not any("as pre-trained" in label for label in without)


def test_points_of_a_curve_come_in_the_order_of_x():
    frame = curve_frame(["imagenet-cls"]).sample(frac=1, random_state=3)
    assert lines_of(draw_curve(frame, CURVE).axes[0])[0] == [
        [x, y] for x, y in zip(SIZES, MEANS["imagenet-cls"], strict=True)
    ]


def test_spread_is_drawn_where_there_are_several_runs():
    frame = pd.DataFrame(
        [curve_row("pascal-det", 1, 50.0, 2.0, 3), curve_row("pascal-det", 10, 60.0, "", 1)]
    )
    figure = draw_curve(frame, CURVE)
    (container,) = [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]
    assert [segment.tolist() for segment in container.lines[2][0].get_segments()] == [
        [[1, 48], [1, 52]]
    ]
    assert "± std of 3 runs" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_random_start_is_a_dotted_line_and_no_point():
    frame = pd.concat(
        [curve_frame(["sun-cls"]), pd.DataFrame([curve_row("sun-cls", 0, 12.5, subset="scratch")])]
    )
    figure = draw_curve(frame, CURVE)
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [list(line.get_ydata()) for line in dotted] == [[12.5, 12.5]]
    assert "0" not in label_texts(figure.axes[0])
    assert figure.axes[0].get_ylim()[0] < 12.5
    assert "random start" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_papers_numbers_are_hollow_marks_of_their_own():
    frame = curve_frame(["pascal-det"])
    frame["paper"] = [57.0 if x == 250 else "" for x in frame["x"]]
    figure = draw_curve(frame, CURVE)
    (hollow,) = [
        line
        for line in figure.axes[0].lines
        if line.get_markerfacecolor() == "none" and len(line.get_xdata())
    ]
    assert hollow.get_xydata().tolist() == [[250, 57.0]]
    assert "the paper's number" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "the paper's number" not in [
        text.get_text() for text in draw_curve(curve_frame(), CURVE).legends[0].get_texts()
    ]


def test_a_curve_takes_a_frame_as_read_from_its_csv(tmp_path):
    curve_frame().to_csv(tmp_path / "figure1.csv", index=False)
    read = draw_curve(pd.read_csv(tmp_path / "figure1.csv"), CURVE)
    assert lines_of(read.axes[0]) == lines_of(draw_curve(curve_frame(), CURVE).axes[0])


def test_induction_shows_each_network_and_its_baseline():
    figure = draw_induction(induction_frame(), {})
    lines = {
        line.get_label(): line
        for line in figure.axes[0].lines
        if not line.get_label().startswith("_")
    }
    assert {label: line.get_xydata().tolist() for label, line in lines.items()} == {
        "top 5, all fine classes": [[9, 75], [79, 76], [486, 77]],
        "top 5, coarse classes": [[9, 50], [79, 51], [486, 52]],
        "top 1, all fine classes": [[9, 15], [79, 16], [486, 17]],
        "top 1, coarse classes": [[9, 10], [79, 11], [486, 12]],
    }
    assert lines["top 1, all fine classes"].get_markerfacecolor() == "white"
    assert label_texts(figure.axes[0]) == ["9", "79", "486"]
    (above,) = figure.axes[0].child_axes
    assert label_texts(above) == ["991", "921", "514"]


def whiskers(axes):
    """The ends of the error bars that are drawn, one list of [x, y] pairs each; without those of length NaN."""
    bars = [c for c in axes.containers if isinstance(c, ErrorbarContainer)]
    segments = [
        segment.tolist()
        for bar in bars
        for group in bar.lines[2]
        for segment in group.get_segments()
    ]
    return [segment for segment in segments if segment and np.isfinite(segment).all()]


def test_induction_shows_means_and_spread_of_replicates():
    one, three = (draw_induction(induction_frame(replicates=n), {}) for n in (1, 3))
    assert lines_of(one.axes[0]) == lines_of(three.axes[0])
    assert not whiskers(one.axes[0])
    assert [[9, 48], [9, 52]] in whiskers(three.axes[0])  # 48, 50 and 52
    labels = [
        [text.get_text() for text in figure.legends[0].get_texts()] for figure in (one, three)
    ]
    assert ["± std of 3 runs" in texts for texts in labels] == [False, True]


def test_gains_are_means_over_replicates():
    frame = replicated_gains(4, similarity=0.5)
    means = mean_gains(frame)
    assert means["gain"].tolist() == pytest.approx(gain_frame(4)["gain"].tolist())
    assert means["std"].tolist() == pytest.approx([2.0] * 4)
    left = draw_coarse_gain(frame, {"shown": 2}).axes[0]
    assert [bar.get_width() for bar in left.patches] == pytest.approx(list(np.linspace(30, 1, 4)))
    assert np.array(whiskers(left)[0])[:, 0] == pytest.approx([28, 32])
    assert not whiskers(draw_coarse_gain(gain_frame(4), {"shown": 2}).axes[0])


def test_gains_of_the_first_and_last_classes():
    frame = gain_frame(9).sample(frac=1, random_state=1)
    left, right = draw_coarse_gain(frame, {"shown": 2}).axes
    gains = np.linspace(30, 1, 9)
    assert [bar.get_width() for bar in left.patches] == pytest.approx(
        [gains[0], gains[1], gains[7], gains[8]]
    )
    assert [text.get_text() for text in left.get_yticklabels()] == [
        *(
            "home appliance0 (5)",
            "home appliance1 (6)",
            "home appliance7 (12)",
            "home appliance8 (13)",
        ),
    ]
    assert any("5 more classes" in text.get_text() for text in left.texts)
    fine, coarse = (line.get_xdata() for line in right.lines)
    assert list(coarse - fine) == pytest.approx([gains[0], gains[1], gains[7], gains[8]])


def test_all_gains_where_there_are_few_classes():
    left, *_ = draw_coarse_gain(gain_frame(4), {"shown": 2}).axes
    assert len(left.patches) == 4
    assert not any("more class" in text.get_text() for text in left.texts)


def test_similarities_are_printed_where_given():
    figure = draw_coarse_gain(gain_frame(3, similarity=[0.25, math.nan, -0.5]), {"shown": 2})
    assert [text.get_text() for text in figure.axes[2].texts] == ["similarity", "0.25", "−0.50"]
    assert len(draw_coarse_gain(gain_frame(3, similarity=math.nan), {"shown": 2}).axes) == 2


def test_equal_gains_come_in_the_order_of_their_synsets():
    left, *_ = draw_coarse_gain(gain_frame(3, gain=1.0).iloc[::-1], {"shown": 3}).axes
    assert [text.get_text()[:15] for text in left.get_yticklabels()] == [
        f"home appliance{i}" for i in range(3)
    ]


def test_halves_against_everything():
    figure = draw_split_accuracy(split_frame(), {})
    random, minimal = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["random split", "minimal split"]
    assert [bar.get_height() for bar in random.patches] == [62.1, 61.5, 63.8, 63.0]
    assert [text.get_text() for text in minimal.texts] == ["61.0", "68.2", "58.9", "66.4"]
    assert label_texts(random) == ["a\n(522)", "b\n(478)"]
    assert random.get_ylim()[0] == 0
    crosses = [
        line.get_xydata()[:, 1].tolist() for line in random.lines if line.get_marker() == "x"
    ]
    assert crosses == [pytest.approx([61.1, 60.5])]
    assert np.array(whiskers(random))[:, :, 1].tolist()[0] == pytest.approx([61.7, 62.5])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2:] == ["half, as pre-trained", "± std of 3 runs"]


# Hand-worked helpers


def test_equal_spans_cover_their_data_on_multiples_of_one_step():
    assert equal_spans([(22, 57.1), (46.1, 63.4)]) == (10, [(20, 60), (40, 80)])
    assert equal_spans([(0, 0)]) == (0.5, [(0, 1)])
    assert equal_spans([(96, 99), (10, 30)]) == (5, [(80, 100), (10, 30)])


def test_labels_that_would_touch_take_other_rows():
    assert stagger({10: "10", 100: "100", 1000: "1,000"}, 1) == {10: 0, 100: 0, 1000: 0}
    assert stagger({10: "10", 753: "753", 918: "918", 1000: "1,000"}, 1) == {
        10: 0,
        1000: 0,
        918: 1,
        753: 2,
    }


def test_a_label_without_room_is_left_out():
    rows = stagger({x: str(x) for x in range(1000, 1006)}, 1)
    assert sorted(rows.values()) == [0, 1, 2]
    assert {1000, 1005} <= set(rows)


def test_names_of_synsets_are_printed_as_words():
    assert class_title("home_appliance.n.01", 12) == "home appliance (12)"
    assert (
        class_title("a_name_that_goes_on_and_on_and_on_and_on.n.02", 1218)
        == "a name that goes on and on an… (1,218)"
    )


# The look


def lightness(colour):
    """CIE L* of "#rrggbb"."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_lines_are_told_apart_without_colour():
    assert len({look.mark for look in SERIES}) == len(SERIES)
    assert len({look.line for look in SERIES}) == len(SERIES)
    first = sorted(lightness(look.colour) for look in SERIES[:4])
    assert np.diff(first).min() >= 10


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    figure = drawn(AWKWARD[name])
    renderer = figure.canvas.get_renderer()
    page, content = figure.bbox, figure.get_tightbbox(renderer).transformed(figure.dpi_scale_trans)
    assert content.x0 >= -0.5
    assert content.y0 >= -0.5
    assert content.x1 <= page.x1 + 0.5
    assert content.y1 <= page.y1 + 0.5
    for legend in figure.legends:
        assert not any(
            legend.get_window_extent(renderer).overlaps(axes.get_tightbbox(renderer))
            for axes in figure.axes
        )
    boxes = shown_label_boxes(figure, renderer)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("name", ["curve", "induction", "gain", "splits"])
def test_equal_figures_have_equal_bytes_whatever_the_users_settings(name, tmp_path):
    save_figure(AWKWARD[name](), tmp_path / "a.png", tmp_path / "a.svg")
    with matplotlib.rc_context(
        {"font.size": 20, "axes.grid": True, "savefig.facecolor": "red", "svg.hashsalt": None}
    ):
        save_figure(AWKWARD[name](), tmp_path / "b.png", tmp_path / "b.svg")
    for kind in ("png", "svg"):
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content == (tmp_path / f"b.{kind}").read_bytes()
        assert not any(word in content for word in (b"matplotlib.org", b"Matplotlib v", b"dc:date"))
    assert len(list(tmp_path.iterdir())) == 4  # nothing unfinished is left
