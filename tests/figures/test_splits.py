"""Figure 7: what is drawn is what the taxonomy and the halves say."""

import pytest
from conftest import check_equal_bytes
from drawn import artist, texts
from matplotlib.colors import same_color
from small_tree import ANIMAL, BEAGLE, CUP, DOG, HUSKY, LEAVES, PUG, TABBY, TAXONOMY, label_set

from imagenet_transfer.figures.canvas import tint
from imagenet_transfer.figures.splits import (
    EMPTY,
    HALVES,
    Icicle,
    column_edges,
    draw_splits,
    half_of,
    order_classes,
)
from imagenet_transfer.figures.style import save_figure
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for

LAYOUT = {
    "splits": {"random": ["random-a", "random-b"], "minimal": ["minimal-a", "minimal-b"]},
    "depth": 2,
}
ICICLE = Icicle(TAXONOMY, LEAVES, 0.125)


def halves():
    """Return the label sets of LAYOUT; the minimal split is the dogs against the rest."""
    kinds = {
        "random": {"method": "random-split", "size": 3},
        "minimal": {"method": "minimal-split", "depth": 2},
    }
    specs = {
        f"{kind}-{half}": spec | {"half": half} for kind, spec in kinds.items() for half in "ab"
    }
    return {name: label_set(spec) for name, spec in specs.items()}


def classes_in(figure, gid, icicle=ICICLE):
    """Return the classes whose middle is in one of the boxes of a half."""
    boxes = [path.get_extents() for path in artist(figure, gid).get_paths()]
    middles = {wnid: icicle.y(place) + icicle.step / 2 for place, wnid in enumerate(icicle.classes)}
    return {wnid for wnid, y in middles.items() if any(box.y0 < y < box.y1 for box in boxes)}


def test_classes_are_ordered_with_the_largest_family_first():
    assert order_classes(reversed(LEAVES), TAXONOMY) == LEAVES
    assert order_classes([CUP, TABBY, PUG, BEAGLE], TAXONOMY) == (PUG, BEAGLE, TABBY, CUP)


def test_every_class_has_the_colour_of_its_half_in_both_splits():
    sets = halves()
    figure = draw_splits(TAXONOMY, sets, LAYOUT)
    for split, names in LAYOUT["splits"].items():
        for half, colour, name in zip("ab", HALVES, names, strict=True):
            assert classes_in(figure, f"{split}/{half}") == set(sets[name]["wnid"])
            assert same_color(artist(figure, f"{split}/{half}").get_facecolor()[0], colour)


def test_boxes_are_as_high_as_their_classes_and_tinted_where_one_half_has_them_all():
    sets = halves()
    figure = draw_splits(TAXONOMY, sets, LAYOUT)
    assert set(sets["minimal-a"]["wnid"]) == {PUG, BEAGLE, HUSKY}
    dog, animal, cup = (artist(figure, gid) for gid in (f"2/{DOG}", f"1/{ANIMAL}", f"1/{CUP}"))
    assert [box.get_height() for box in (dog, animal, cup)] == pytest.approx([0.375, 0.5, 0.125])
    assert same_color(dog.get_facecolor(), tint(HALVES[0], 0.28))
    assert same_color(cup.get_facecolor(), tint(HALVES[1], 0.28))
    assert same_color(animal.get_facecolor(), EMPTY)
    assert artist(figure, f"2/{CUP}").get_y() == cup.get_y()  # a class that ends higher is its own


def test_the_split_that_cuts_fewest_nodes_is_last_whatever_the_order():
    sets = halves()
    backwards = LAYOUT | {"splits": dict(reversed(LAYOUT["splits"].items()))}
    for order in (LAYOUT, backwards):
        figure = draw_splits(TAXONOMY, sets, order)
        random, minimal = (
            artist(figure, f"{split}/a").get_datalim(figure.axes[0].transData)
            for split in ("random", "minimal")
        )
        assert random.x1 < minimal.x0
        assert any("minimal split" in text for text in texts(figure))


def test_nodes_are_named_and_halves_counted():
    shown = texts(draw_splits(TAXONOMY, halves(), LAYOUT))
    named = {"entity 5", "animal 4", "dog 3", "cat 1", "random", "minimal", "tabby cat"}
    assert named <= set(shown)
    assert shown.count("3") == 2  # halves of 3 and 2 in both splits
    assert any("minimal split" in text for text in shown)


def test_classes_of_neither_half_stay_white():
    sets = halves()
    sets["minimal-b"] = sets["minimal-b"].query("wnid != @CUP")
    figure = draw_splits(TAXONOMY, sets, LAYOUT)
    coloured = classes_in(figure, "minimal/a") | classes_in(figure, "minimal/b")
    assert coloured == set(LEAVES) - {CUP}
    assert same_color(artist(figure, f"1/{CUP}").get_facecolor(), EMPTY)


def test_a_single_class_can_be_drawn():
    one = label_set({"method": "identity"}, [TABBY])
    figure = draw_splits(TAXONOMY, {"a": one, "b": one.iloc[:0]}, {"splits": {"odd": ["a", "b"]}})
    assert classes_in(figure, "odd/a", Icicle(TAXONOMY, (TABBY,), 0.125)) == {TABBY}


def test_the_thousand_classes_fit_a_page_and_the_minimal_split_is_two_blocks(tmp_path):
    wnids = read_classes("ilsvrc2012")
    taxonomy = taxonomy_for(wnids)
    sets = {}
    for half in "ab":
        spec = {"method": "minimal-split", "depth": 4, "half": half}
        sets[half] = build_label_set(spec, wnids, taxonomy, {}, 0, half)
    figure = draw_splits(taxonomy, sets, {"splits": {"minimal": list(sets)}})
    assert figure.get_figheight() < 9.5
    assert [len(artist(figure, f"minimal/{half}").get_paths()) for half in "ab"] == [1, 1]
    assert {"artifact 522", "animal 398", "container 92"} <= set(texts(figure))
    save_figure(figure, tmp_path / "a.png", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 1e6


def test_columns_fill_the_width_in_order():
    edges = column_edges(ICICLE, 2, 5.0)
    assert edges == sorted(edges)
    assert len(edges) == 4
    assert (edges[0], edges[-1]) == pytest.approx((0.1, 5.0))


def test_half_of_wants_all_members():
    pair = (frozenset("ab"), frozenset("cd"))
    found = [half_of(members, pair) for members in ("a", "ab", "cd", "ac", "e")]
    assert found == [0, 0, 1, None, None]


def test_equal_input_gives_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_splits(TAXONOMY, halves(), LAYOUT), tmp_path)
