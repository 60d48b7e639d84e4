"""Figure 6: which classes are drawn, in which order, with which numbers."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_chart, texts, whiskers

from imagenet_transfer.figures.coarse_gain import class_title, draw_coarse_gain, mean_gains


def gains(count, **changes):
    """Return classes with gains from 30 points down to 1."""
    fine = np.linspace(20, 60, count)
    gain = np.linspace(30, 1, count)
    facts = {
        "class_wnid": [f"n{i:08d}" for i in range(count)],
        "class_name": [f"home_appliance{i}.n.01" for i in range(count)],
        "n_subclasses": range(5, 5 + count),
    }
    numbers = {"coarse_accuracy": fine + gain, "fine_accuracy": fine, "gain": gain}
    return pd.DataFrame(facts | numbers | changes)


def replicated(count, **changes):
    """Return three replicates with the means of `gains` and a standard deviation of 2 points."""
    frames = [gains(count, **changes).assign(rep=rep) for rep in (1, 2, 3)]
    return pd.concat([one.assign(gain=one["gain"] + 2 * (one["rep"] - 2)) for one in frames])


LONG = "natural_elevation_of_the_longest_name_there_is.n.01"
AWKWARD = {
    "26 classes": gains(26, similarity=0.5),
    "one class": gains(1, gain=0.0, class_name=LONG),
    "below zero": gains(3, gain=[5.0, -1.0, -20.0]),
    "replicates": replicated(26, similarity=0.5),
}


def names_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_means_over_replicates_are_drawn():
    frame = replicated(4, similarity=0.5)
    means = mean_gains(frame)
    assert means["gain"].tolist() == pytest.approx(gains(4)["gain"].tolist())
    assert means["std"].tolist() == pytest.approx([2.0] * 4)
    left = draw_coarse_gain(frame, {"shown": 2}).axes[0]
    assert [bar.get_width() for bar in left.patches] == pytest.approx(list(np.linspace(30, 1, 4)))
    assert np.array(whiskers(left)[0])[:, 0] == pytest.approx([28, 32])
    assert not whiskers(draw_coarse_gain(gains(4), {"shown": 2}).axes[0])


def test_the_first_and_last_classes_are_drawn():
    frame = gains(9).sample(frac=1, random_state=1)
    figure = draw_coarse_gain(frame, {"shown": 2})
    left, right = figure.axes
    gain = np.linspace(30, 1, 9)[[0, 1, 7, 8]]
    assert [bar.get_width() for bar in left.patches] == pytest.approx(gain)
    kept = ((0, 5), (1, 6), (7, 12), (8, 13))
    assert names_of(left) == [f"home appliance{place} ({count})" for place, count in kept]
    assert any("5 more classes" in text for text in texts(figure))
    fine, coarse = (line.get_xdata() for line in right.lines)
    assert list(coarse - fine) == pytest.approx(gain)


def test_few_classes_are_all_drawn():
    figure = draw_coarse_gain(gains(4), {"shown": 2})
    assert len(figure.axes[0].patches) == 4
    assert not any("more class" in text for text in texts(figure))


def test_similarities_are_printed_where_given():
    figure = draw_coarse_gain(gains(3, similarity=[0.25, math.nan, -0.5]), {"shown": 2})
    assert [text.get_text() for text in figure.axes[2].texts] == ["similarity", "0.25", "−0.50"]
    assert len(draw_coarse_gain(gains(3, similarity=math.nan), {"shown": 2}).axes) == 2


def test_equal_gains_are_ordered_by_synset():
    left, *_ = draw_coarse_gain(gains(3, gain=1.0).iloc[::-1], {"shown": 3}).axes
    assert [name[:15] for name in names_of(left)] == [f"home appliance{i}" for i in range(3)]


def test_names_of_synsets_are_printed_as_words():
    assert class_title("home_appliance.n.01", 12) == "home appliance (12)"
    assert class_title("st._bernard.n.01", 2) == "st. bernard (2)"
    long = class_title("a_name_that_goes_on_and_on_and_on_and_on.n.02", 1218)
    assert long == "a name that goes on and on an… (1,218)"


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    check_chart(draw_coarse_gain(AWKWARD[name], {"shown": 6}), legends=0)


def test_equal_charts_have_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_coarse_gain(AWKWARD["26 classes"], {"shown": 6}), tmp_path)
