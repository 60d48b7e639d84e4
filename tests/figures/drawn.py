"""What the tests of figures read from a drawn figure."""

import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.transforms import Bbox

from imagenet_transfer.figures.style import styled


@styled
def rendered(figure):
    """Return the figure after drawing it, which places what its layout engine moves."""
    FigureCanvasAgg(figure).draw()
    return figure


def check_page(figure, slack=0.0):
    """Check that a rendered figure's content lies on its page, give or take `slack` pixels."""
    content = figure.get_tightbbox(figure.canvas.get_renderer())
    content = content.transformed(figure.dpi_scale_trans)
    assert content.x0 >= -slack
    assert content.y0 >= -slack
    assert content.x1 <= figure.bbox.x1 + slack
    assert content.y1 <= figure.bbox.y1 + slack


def check_chart(figure, legends=1):
    """Check that a chart fits its page and that neither legends nor tick labels cover anything."""
    rendered(figure)
    check_page(figure, slack=0.5)
    assert len(figure.legends) == legends
    renderer = figure.canvas.get_renderer()
    for legend, axes in itertools.product(figure.legends, figure.axes):
        box = legend.get_window_extent(renderer)
        assert not box.overlaps(axes.get_tightbbox(renderer))
    labels = tick_label_boxes(figure)
    assert labels
    check_apart(labels)


def check_apart(boxes):
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def tick_label_boxes(figure):
    """Return the boxes of the visible labels below and above x axes, each without empty lines."""
    renderer = figure.canvas.get_renderer()
    boxes = []
    for axes in itertools.chain(*((outer, *outer.child_axes) for outer in figure.axes)):
        low, high = axes.get_xlim()
        for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
            shown = axes.xaxis.get_visible() and label.get_text().strip()
            if shown and low <= place <= high:
                boxes.append(_box_without_empty_lines(label, renderer))
    return boxes


def _box_without_empty_lines(label, renderer):
    """Return the box of a label that empty lines move to its row."""
    box = label.get_window_extent(renderer)
    height = box.height / (label.get_text().count("\n") + 1)
    top = box.y1 if label.get_text().endswith("\n") else box.y0 + height
    return Bbox([[box.x0, top - height + 1], [box.x1, top - 1]])


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def label_texts(axes):
    return [text.get_text().strip() for text in axes.get_xticklabels() if text.get_text()]


def lines_of(axes):
    """Return the points of the lines that connect or mark data, without caps of error bars."""
    lines = [line for line in axes.lines if line.get_marker() not in ("_", "|")]
    return [line.get_xydata().tolist() for line in lines]


def whiskers(axes):
    """Return the ends of the error bars that are drawn, a list of [x, y] pairs for each."""
    bars = [bar for bar in axes.containers if isinstance(bar, ErrorbarContainer)]
    groups = [group.get_segments() for bar in bars for group in bar.lines[2]]
    ends = [segment.tolist() for segments in groups for segment in segments]
    return [segment for segment in ends if segment and np.isfinite(segment).all()]


def artist(figure, gid):
    """Return the only artist with this name."""
    (found,) = figure.findobj(lambda one: one.get_gid() == gid)
    return found
