"""Figure 3: what is drawn is what the taxonomy and the label sets say."""

import numpy as np
import pytest
from conftest import check_equal_bytes
from drawn import artist, texts
from matplotlib.colors import same_color
from small_tree import (
    ANIMAL,
    BEAGLE,
    CAT,
    CUP,
    DOG,
    HUSKY,
    LEAVES,
    PUG,
    ROOT,
    TABBY,
    TAXONOMY,
    label_set,
)

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.clustering import (
    STEP,
    Tree,
    choose_leaves,
    classes_under,
    depth_y,
    draw_clustering,
    find_cuts,
)


def bottom_up(*depths, wnids=LEAVES):
    specs = {f"depth-{depth}": {"method": "bottom-up", "depth": depth} for depth in depths}
    return {name: label_set(spec, wnids) for name, spec in specs.items()}


def clustering(label_sets, under=ROOT, leaves=9, examples=None):
    return draw_clustering(TAXONOMY, label_sets, {"under": under, "leaves": leaves}, examples)


def points(figure, gid):
    return {(round(float(x), 6), round(float(y), 6)) for x, y in artist(figure, gid).get_xydata()}


def spot(x, y):
    return round(x, 6), round(y, 6)


def test_leaves_are_dealt_out_in_pairs_over_the_branches_and_stay_in_tree_order():
    classes = classes_under(reversed(LEAVES), TAXONOMY, ROOT)
    assert classes == list(LEAVES)
    assert choose_leaves(classes, TAXONOMY, 5) == LEAVES
    # Two of the larger branch, then the other one
    assert choose_leaves(classes, TAXONOMY, 3) == (PUG, BEAGLE, CUP)
    assert choose_leaves(classes, TAXONOMY, 4) == (PUG, BEAGLE, TABBY, CUP)
    assert choose_leaves(classes, TAXONOMY, 1) == (PUG,)
    assert classes_under(LEAVES, TAXONOMY, DOG) == [PUG, BEAGLE, HUSKY]


def test_a_part_without_classes_is_refused():
    with pytest.raises(UserError, match="no class lies below the synset n12345678"):
        classes_under(LEAVES, TAXONOMY, "n12345678")


def test_a_node_is_in_the_middle_of_its_leaves_at_its_depth():
    tree = Tree(TAXONOMY, LEAVES, 0.5)
    assert tree.x(DOG) == pytest.approx(tree.x(BEAGLE))
    assert tree.x(ANIMAL) == pytest.approx((tree.x(PUG) + tree.x(TABBY)) / 2)
    assert tree.x(CAT) == tree.x(TABBY)
    assert tree.y(DOG) - tree.y(ANIMAL) == pytest.approx(STEP)
    assert tree.deepest == 3


def test_cuts_come_from_fine_to_coarse_with_the_numbers_of_the_whole_set():
    cuts = find_cuts(TAXONOMY, bottom_up(1, 2), (PUG, TABBY))
    assert [(cut.name, cut.total, cut.depth, cut.classes) for cut in cuts] == [
        ("depth-2", 3, 2, (DOG, CAT)),
        ("depth-1", 2, 1, (ANIMAL, ANIMAL)),
    ]
    assert cuts[0].look != cuts[1].look


def test_marks_and_bars_are_those_of_the_label_sets():
    figure = clustering(bottom_up(2, 1))
    tree = Tree(TAXONOMY, LEAVES, 0.8)
    dog, cat = (spot(tree.x(node), tree.y(node)) for node in (DOG, CAT))
    assert points(figure, "depth-2/made") == {dog, cat}
    assert points(figure, "depth-2/kept") == {spot(tree.x(CUP), depth_y(2))}  # ends at depth 1
    animal, cup = (spot(tree.x(node), depth_y(1)) for node in (ANIMAL, CUP))
    assert points(figure, "depth-1/made") == {animal, cup}
    assert artist(figure, f"depth-2/{DOG}").get_width() == pytest.approx(3 * 0.8 - 0.02)
    assert artist(figure, f"depth-1/{ANIMAL}").get_width() == pytest.approx(4 * 0.8 - 0.02)
    assert same_color(artist(figure, f"depth-2/{CUP}").get_facecolor(), "white")  # stays itself
    assert artist(figure, f"depth-2/{CAT}").get_x() == pytest.approx(tree.x(CAT) - 0.4 + 0.01)


def test_numbers_of_classes_and_what_is_left_out_are_printed():
    shown = texts(clustering(bottom_up(2, 1), ANIMAL, leaves=3))
    assert "Drawn: 3 of the 4 classes below “animal” (1 left out)." in shown
    for number in (2, 3):
        assert shown.count(f"{number} classes") == 2  # next to the axis and to the bars
    assert shown.count("5 classes") == 1
    assert {"pug", "beagle", "tabby cat"} <= set(shown)
    assert "husky" not in shown


def test_each_leaf_has_its_own_example():
    shades = {PUG: 90, TABBY: 160}
    examples = {wnid: np.full((40, 60, 3), grey, np.uint8) for wnid, grey in shades.items()}
    (axes,) = clustering(bottom_up(1), leaves=5, examples=examples).axes
    tree = Tree(TAXONOMY, LEAVES, 0.8)
    assert len(axes.images) == 2
    for image, (leaf, grey) in zip(axes.images, shades.items(), strict=True):
        left, right, *_ = image.get_extent()
        assert (left + right) / 2 == pytest.approx(tree.x(leaf))
        assert (image.get_array() == grey).all()
    assert axes.get_xlim() == (0, 7)


def test_a_class_that_a_label_set_lacks_has_neither_mark_nor_bar():
    sets = {"fine": label_set({"method": "identity"})} | bottom_up(1, wnids=(PUG, TABBY, CUP))
    figure = clustering(sets, DOG)
    names = [patch.get_gid() or "" for patch in figure.axes[0].patches]
    (bar,) = [name for name in names if name.startswith("depth-1/")]
    assert artist(figure, bar).get_width() == pytest.approx(0.78)  # only the first of three leaves
    assert points(figure, "depth-1/made") == {
        spot(Tree(TAXONOMY, LEAVES[:3], 0.8).x(ANIMAL), depth_y(1))
    }


def test_a_single_class_can_be_drawn():
    figure = clustering(bottom_up(0), TABBY, leaves=1)
    assert "Drawn: the only class below “tabby cat”." in texts(figure)
    assert len(points(figure, "depth-0/made")) == 1


def test_equal_input_gives_equal_bytes_whatever_the_users_settings(tmp_path):
    examples = {PUG: np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)}
    check_equal_bytes(lambda: clustering(bottom_up(1, 2), ROOT, 4, examples), tmp_path)
