"""Figure 4: networks and their baselines on the unseen classes."""

import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_chart, label_texts, legend_texts, lines_of, whiskers

from imagenet_transfer.figures.induction import draw_induction


def induction(sizes=(9, 79, 486), replicates=1):
    """Return means of 10 k plus a subset's place, and of 15 k plus that place for the baseline."""
    rows = []
    for place, size in enumerate(sizes):
        facts = {"subset": f"coarse-{size}", "n_classes": size, "n_unseen": 1000 - size}
        for k in (1, 5):
            for rep in range(1, replicates + 1):
                offset = place + 2 * rep - replicates - 1
                facts |= {"n_queries": 400, "k": k, "rep": rep}
                rows.append(facts | {"network": f"coarse-{size}", "value": 10.0 * k + offset})
                rows.append(facts | {"network": "imagenet", "value": 15.0 * k + offset})
    return pd.DataFrame(rows)


AWKWARD = {
    "six subsets": induction((9, 79, 127, 486, 753, 918)),
    "one subset": induction((22,)).assign(value=0),
    "replicates": induction(replicates=3),
}


def test_each_network_and_its_baseline_are_drawn():
    (axes,) = draw_induction(induction(), {}).axes
    named = [line for line in axes.lines if not line.get_label().startswith("_")]
    lines = {line.get_label(): line for line in named}
    assert {label: line.get_xydata().tolist() for label, line in lines.items()} == {
        "top 5, all fine classes": [[9, 75], [79, 76], [486, 77]],
        "top 5, coarse classes": [[9, 50], [79, 51], [486, 52]],
        "top 1, all fine classes": [[9, 15], [79, 16], [486, 17]],
        "top 1, coarse classes": [[9, 10], [79, 11], [486, 12]],
    }
    assert lines["top 1, all fine classes"].get_markerfacecolor() == "white"
    assert lines["top 1, coarse classes"].get_markerfacecolor() != "white"
    assert label_texts(axes) == ["9", "79", "486"]
    (above,) = axes.child_axes
    assert label_texts(above) == ["991", "921", "514"]


def test_replicates_are_shown_by_mean_and_spread():
    one, three = (draw_induction(induction(replicates=n), {}) for n in (1, 3))
    assert lines_of(one.axes[0]) == lines_of(three.axes[0])
    assert not whiskers(one.axes[0])
    assert [[9, 48], [9, 52]] in whiskers(three.axes[0])  # 48, 50 and 52
    assert "± std of 3 runs" not in legend_texts(one)
    assert "± std of 3 runs" in legend_texts(three)


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    check_chart(draw_induction(AWKWARD[name], {}))


def test_equal_charts_have_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_induction(AWKWARD["six subsets"], {}), tmp_path)
