"""Figure 9: three networks on each half of each split."""

import numpy as np
import pandas as pd
import pytest
from conftest import check_equal_bytes
from drawn import check_chart, label_texts, legend_texts, whiskers

from imagenet_transfer.figures.split_accuracy import draw_split_accuracy


def splits(values=(62.1, 63.8, 61.5, 63.0, 61.0, 58.9, 68.2, 66.4), std=0.4, n=3):
    keys = [(s, h, w) for s in ("random", "minimal") for h in "ab" for w in ("half", "everything")]
    rows = []
    for (split, half, network), mean in zip(keys, values, strict=True):
        facts = {"split": split, "half": half, "n_classes": {"a": 522, "b": 478}[half]}
        facts |= {"std": std, "n": n}
        rows.append(facts | {"network": network, "mean": mean})
        if network == "half":
            rows.append(facts | {"network": "own", "mean": max(mean - 1, 0)})
    return pd.DataFrame(rows)


LONG = "a-split-whose-name-does-not-want-to-come-to-an-end"
AWKWARD = {
    "two splits": splits(),
    "one run": splits(std="", n=1),
    "0 and 100 %": splits((0, 100, 0, 0, 100, 100, 0, 3)),
    "long names": splits().replace({"random": LONG, "a": LONG}).assign(n_classes=522),
}


def test_halves_against_everything():
    figure = draw_split_accuracy(splits(), {})
    random, minimal = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["random split", "minimal split"]
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in random.patches]
    assert sorted(bars) == [
        (pytest.approx(-0.21), 62.1),
        (pytest.approx(0.21), 63.8),
        (pytest.approx(0.79), 61.5),
        (pytest.approx(1.21), 63.0),
    ]
    assert [text.get_text() for text in minimal.texts] == ["61.0", "68.2", "58.9", "66.4"]
    assert label_texts(random) == ["a\n(522)", "b\n(478)"]
    assert random.get_ylim()[0] == 0
    (crosses,) = [line for line in random.lines if line.get_marker() == "x"]
    assert crosses.get_ydata().tolist() == pytest.approx([61.1, 60.5])
    assert np.array(whiskers(random))[:, :, 1].tolist()[0] == pytest.approx([61.7, 62.5])
    assert legend_texts(figure)[2:] == ["half, as pre-trained", "± std of 3 runs"]


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_leaves_the_page_or_covers_a_neighbour(name):
    check_chart(draw_split_accuracy(AWKWARD[name], {}))


def test_equal_charts_have_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_split_accuracy(AWKWARD["two splits"], {}), tmp_path)
