"""Figures 3 and 7: what is drawn is what the taxonomy and the label sets say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.canvas import (
    fitted,
    inch_canvas,
    readable,
    runs,
    shortened,
    text_width,
    thumbnail,
    tint,
)
from imagenet_transfer.figures.clustering import (
    STEP,
    Tree,
    choose_leaves,
    classes_under,
    depth_y,
    draw_clustering,
    find_cuts,
)
from imagenet_transfer.figures.splits import (
    EMPTY,
    HALVES,
    Icicle,
    column_edges,
    draw_splits,
    half_of,
    order_classes,
)
from imagenet_transfer.figures.style import save_figure, styled
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.taxonomy import Taxonomy, read_classes, taxonomy_for

# entity - animal - (dog - (pug, beagle, husky), cat - (tabby)), entity - cup
PARENTS = {
    "n00000001": "",
    "n00000002": "n00000001",
    "n00000003": "n00000002",
    "n00000004": "n00000002",
    "n00000005": "n00000003",
    "n00000006": "n00000003",
    "n00000007": "n00000003",
    "n00000008": "n00000004",
    "n00000009": "n00000001",
}
NAMES = ("entity", "animal", "dog", "cat", "pug", "beagle", "husky", "tabby_cat", "cup")
ROOT, ANIMAL, DOG, CAT, PUG, BEAGLE, HUSKY, TABBY, CUP = PARENTS
LEAVES = (PUG, BEAGLE, HUSKY, TABBY, CUP)
TREE_ORDER = (PUG, BEAGLE, HUSKY, TABBY, CUP)


@pytest.fixture
def taxonomy() -> Taxonomy:
    names = {wnid: f"{name}.n.01" for wnid, name in zip(PARENTS, NAMES, strict=True)}
    return Taxonomy(names, {wnid: (above,) if above else () for wnid, above in PARENTS.items()})


def label_set(taxonomy: Taxonomy, spec: dict, wnids=LEAVES) -> pd.DataFrame:
    return build_label_set(spec, wnids, taxonomy, {}, seed=0, name="set")


def bottom_up(taxonomy: Taxonomy, *depths: int, wnids=LEAVES) -> dict[str, pd.DataFrame]:
    return {
        f"depth-{d}": label_set(taxonomy, {"method": "bottom-up", "depth": d}, wnids)
        for d in depths
    }


def drawn(figure, gid: str):
    """Return the only thing drawn under that name."""
    (artist,) = figure.findobj(lambda artist: artist.get_gid() == gid)
    return artist


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def points(figure, gid: str) -> set[tuple[float, float]]:
    return {(round(float(x), 6), round(float(y), 6)) for x, y in drawn(figure, gid).get_xydata()}


def spot(x: float, y: float) -> tuple[float, float]:
    return round(x, 6), round(y, 6)


# --- Figure 3


def test_leaves_are_dealt_out_in_pairs_over_the_branches_and_stay_in_tree_order(taxonomy):
    classes = classes_under(LEAVES, taxonomy, ROOT)
    assert classes == list(TREE_ORDER)
    assert choose_leaves(classes, taxonomy, 5) == TREE_ORDER
    assert choose_leaves(classes, taxonomy, 3) == (
        PUG,
        BEAGLE,
        CUP,
    )  # two of the larger branch, then the other one
    assert choose_leaves(classes, taxonomy, 4) == (PUG, BEAGLE, TABBY, CUP)
    assert choose_leaves(classes, taxonomy, 1) == (PUG,)
    assert classes_under(LEAVES, taxonomy, DOG) == [PUG, BEAGLE, HUSKY]


def test_a_piece_without_classes_is_refused(taxonomy):
    with pytest.raises(UserError, match="no class lies below the synset n12345678"):
        classes_under(LEAVES, taxonomy, "n12345678")


def test_a_node_stands_in_the_middle_of_its_leaves_at_its_depth(taxonomy):
    tree = Tree(taxonomy, TREE_ORDER, 0.5)
    assert tree.x(DOG) == pytest.approx(tree.x(BEAGLE))
    assert tree.x(ANIMAL) == pytest.approx((tree.x(PUG) + tree.x(TABBY)) / 2)
    assert tree.x(CAT) == tree.x(TABBY)
    assert tree.y(DOG) - tree.y(ANIMAL) == pytest.approx(STEP)
    assert tree.deepest == 3


def test_cuts_come_from_fine_to_coarse_with_the_numbers_of_the_whole_set(taxonomy):
    cuts = find_cuts(taxonomy, bottom_up(taxonomy, 1, 2), (PUG, TABBY))
    assert [(cut.name, cut.total, cut.depth, cut.classes) for cut in cuts] == [
        ("depth-2", 3, 2, (DOG, CAT)),
        ("depth-1", 2, 1, (ANIMAL, ANIMAL)),
    ]


def test_marks_and_bars_of_figure_3_are_those_of_the_label_sets(taxonomy):
    figure = draw_clustering(taxonomy, bottom_up(taxonomy, 2, 1), {"under": ROOT, "leaves": 9})
    tree = Tree(taxonomy, TREE_ORDER, 0.8)
    assert points(figure, "depth-2/made") == {
        spot(tree.x(DOG), tree.y(DOG)),
        spot(tree.x(CAT), tree.y(CAT)),
    }
    assert points(figure, "depth-2/kept") == {
        spot(tree.x(CUP), depth_y(2))
    }  # the cup ends at depth 1
    assert points(figure, "depth-1/made") == {
        spot(tree.x(ANIMAL), depth_y(1)),
        spot(tree.x(CUP), depth_y(1)),
    }
    assert drawn(figure, f"depth-2/{DOG}").get_width() == pytest.approx(3 * 0.8 - 0.02)
    assert drawn(figure, f"depth-1/{ANIMAL}").get_width() == pytest.approx(4 * 0.8 - 0.02)
    assert same_color(drawn(figure, f"depth-2/{CUP}").get_facecolor(), "white")  # it stays itself
    assert drawn(figure, f"depth-2/{CAT}").get_x() == pytest.approx(tree.x(CAT) - 0.4 + 0.01)


def test_figure_3_names_the_numbers_of_classes_and_what_is_left_out(taxonomy):
    figure = draw_clustering(taxonomy, bottom_up(taxonomy, 2, 1), {"under": ANIMAL, "leaves": 3})
    shown = texts(figure)
    assert "Drawn: 3 of the 4 classes below “animal” (1 left out)." in shown
    assert (
        shown.count("3 classes") == 2 and shown.count("2 classes") == 2
    )  # at the axis and at the bars
    assert shown.count("5 classes") == 1
    assert {"pug", "beagle", "tabby cat"} <= set(shown) and "husky" not in shown


def test_figure_3_draws_one_example_a_leaf(taxonomy):
    examples = {wnid: np.full((40, 60, 3), 90, np.uint8) for wnid in (PUG, TABBY)}
    figure = draw_clustering(
        taxonomy, bottom_up(taxonomy, 1), {"under": ROOT, "leaves": 5}, examples
    )
    tree = Tree(taxonomy, TREE_ORDER, 0.8)
    middles = [sum(image.get_extent()[:2]) / 2 for image in figure.axes[0].images]
    assert middles == pytest.approx([tree.x(PUG), tree.x(TABBY)])
    assert figure.axes[0].get_xlim() == (0, 7)


def test_a_class_that_a_label_set_lacks_has_neither_mark_nor_bar(taxonomy):
    sets = {"fine": label_set(taxonomy, {"method": "identity"})} | bottom_up(
        taxonomy, 1, wnids=(PUG, TABBY, CUP)
    )
    figure = draw_clustering(taxonomy, sets, {"under": DOG, "leaves": 9})
    bars = [
        patch for patch in figure.axes[0].patches if (patch.get_gid() or "").startswith("depth-1/")
    ]
    assert [round(bar.get_width(), 6) for bar in bars] == [
        0.78
    ]  # of three leaves the set has the first


def test_figure_3_of_a_single_class(taxonomy):
    figure = draw_clustering(taxonomy, bottom_up(taxonomy, 0), {"under": TABBY, "leaves": 1})
    assert "Drawn: the only class below “tabby cat”." in texts(figure)
    assert len(points(figure, "depth-0/made")) == 1


# --- Figure 7


def splits(taxonomy: Taxonomy) -> tuple[dict[str, pd.DataFrame], dict]:
    minimal = [{"method": "minimal-split", "depth": 2, "half": half} for half in "ab"]
    chance = [{"method": "random-split", "size": 3, "half": half} for half in "ab"]
    specs = dict(
        zip(("random-a", "random-b", "minimal-a", "minimal-b"), chance + minimal, strict=True)
    )
    layout = {
        "splits": {"random": ["random-a", "random-b"], "minimal": ["minimal-a", "minimal-b"]},
        "depth": 2,
    }
    return {name: label_set(taxonomy, spec) for name, spec in specs.items()}, layout


def rows_of(figure, gid: str, icicle: Icicle) -> set[str]:
    """Return the classes whose middle lies in one of the boxes of a half."""
    boxes = [path.get_extents() for path in drawn(figure, gid).get_paths()]
    middles = {wnid: icicle.y(place) + icicle.step / 2 for place, wnid in enumerate(icicle.classes)}
    return {wnid for wnid, y in middles.items() if any(box.y0 < y < box.y1 for box in boxes)}


def test_classes_are_ordered_with_the_largest_family_first(taxonomy):
    assert order_classes(reversed(LEAVES), taxonomy) == TREE_ORDER
    assert order_classes([CUP, TABBY, PUG, BEAGLE], taxonomy) == (PUG, BEAGLE, TABBY, CUP)


def test_every_class_has_the_colour_of_its_half_in_both_splits(taxonomy):
    sets, layout = splits(taxonomy)
    figure = draw_splits(taxonomy, sets, layout)
    icicle = Icicle(taxonomy, TREE_ORDER, 0.125)
    for split, names in layout["splits"].items():
        for half, colour, name in zip("ab", HALVES, names, strict=True):
            assert rows_of(figure, f"{split}/{half}", icicle) == set(sets[name]["wnid"])
            assert same_color(drawn(figure, f"{split}/{half}").get_facecolor()[0], colour)


def test_boxes_are_as_high_as_their_classes_and_tinted_where_one_half_has_them_all(taxonomy):
    sets, layout = splits(taxonomy)  # minimal: the dogs against the rest
    figure = draw_splits(taxonomy, sets, layout)
    assert set(sets["minimal-a"]["wnid"]) == {PUG, BEAGLE, HUSKY}
    dog, animal, cup = (drawn(figure, gid) for gid in (f"2/{DOG}", f"1/{ANIMAL}", f"1/{CUP}"))
    assert [box.get_height() for box in (dog, animal, cup)] == pytest.approx([0.375, 0.5, 0.125])
    assert same_color(dog.get_facecolor(), tint(HALVES[0], 0.28))
    assert same_color(cup.get_facecolor(), tint(HALVES[1], 0.28))
    assert same_color(animal.get_facecolor(), EMPTY)
    assert (
        drawn(figure, f"2/{CUP}").get_y() == cup.get_y()
    )  # a class that ends higher stands for itself


def test_the_split_that_cuts_fewest_nodes_is_last_whatever_the_order(taxonomy):
    sets, layout = splits(taxonomy)
    backwards = layout | {"splits": dict(reversed(layout["splits"].items()))}
    for order in (layout, backwards):
        figure = draw_splits(taxonomy, sets, order)
        columns = {
            split: drawn(figure, f"{split}/a").get_datalim(figure.axes[0].transData).x0
            for split in layout["splits"]
        }
        assert columns["random"] < columns["minimal"]
        assert any("minimal split" in text for text in texts(figure))


def test_figure_7_names_its_nodes_and_counts_its_halves(taxonomy):
    shown = texts(draw_splits(taxonomy, *splits(taxonomy)))
    assert {"entity 5", "animal 4", "dog 3", "cat 1", "random", "minimal", "tabby cat"} <= set(
        shown
    )
    assert shown.count("3") == 2  # halves of 3 and 2 in both splits
    assert any("minimal split" in text for text in shown)


def test_classes_of_neither_half_stay_white(taxonomy):
    sets, layout = splits(taxonomy)
    sets["minimal-b"] = sets["minimal-b"].query("wnid != @CUP")
    figure = draw_splits(taxonomy, sets, layout)
    icicle = Icicle(taxonomy, TREE_ORDER, 0.125)
    assert CUP not in rows_of(figure, "minimal/a", icicle) | rows_of(figure, "minimal/b", icicle)
    assert same_color(drawn(figure, f"1/{CUP}").get_facecolor(), EMPTY)


def test_figure_7_of_one_class(taxonomy):
    one = label_set(taxonomy, {"method": "identity"}, [TABBY])
    figure = draw_splits(taxonomy, {"a": one, "b": one.iloc[:0]}, {"splits": {"odd": ["a", "b"]}})
    assert rows_of(figure, "odd/a", Icicle(taxonomy, (TABBY,), 0.125)) == {TABBY}


def test_the_thousand_classes_fit_a_page_and_the_minimal_split_is_two_blocks(tmp_path):
    wnids = read_classes("ilsvrc2012")
    taxonomy = taxonomy_for(wnids)
    specs = {
        f"minimal-{half}": {"method": "minimal-split", "depth": 4, "half": half} for half in "ab"
    }
    sets = {
        name: build_label_set(spec, wnids, taxonomy, {}, 0, name) for name, spec in specs.items()
    }
    figure = draw_splits(taxonomy, sets, {"splits": {"minimal": list(sets)}})
    assert figure.get_figheight() < 9.5
    assert [len(drawn(figure, f"minimal/{half}").get_paths()) for half in "ab"] == [1, 1]
    assert {"artifact 522", "animal 398", "container 92"} <= set(texts(figure))
    save_figure(figure, tmp_path / "a.png", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 1e6


def test_columns_fill_the_width_in_order(taxonomy):
    edges = column_edges(Icicle(taxonomy, TREE_ORDER, 0.125), 2, 5.0)
    assert edges == sorted(edges) and len(edges) == 4
    assert (edges[0], edges[-1]) == pytest.approx((0.1, 5.0))


def test_half_of_wants_all_members():
    pair = (frozenset("ab"), frozenset("cd"))
    assert [half_of(members, pair) for members in ("a", "ab", "cd", "ac", "e")] == [
        0,
        0,
        1,
        None,
        None,
    ]


# --- both


@pytest.mark.parametrize("kind", ["clustering", "splits"])
def test_equal_input_gives_equal_bytes(taxonomy, tmp_path, kind):
    for name in ("first", "second"):
        if kind == "splits":
            figure = draw_splits(taxonomy, *splits(taxonomy))
        else:
            examples = {PUG: np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)}
            layout = {"under": ROOT, "leaves": 4}
            figure = draw_clustering(taxonomy, bottom_up(taxonomy, 1, 2), layout, examples)
        save_figure(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for suffix in ("png", "svg"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (
            tmp_path / f"second.{suffix}"
        ).read_bytes()


def test_runs_leave_gaps_out():
    assert runs(["a", "a", None, "a", "b"]) == [("a", 0, 2), ("a", 3, 4), ("b", 4, 5)]
    assert runs([]) == []


def test_text_is_cut_or_broken_to_fit():
    @styled
    def check():
        wide = text_width("musical instrument", 6)
        assert wide == pytest.approx(2 * text_width("musical instrument", 3))
        assert fitted("musical instrument", wide, 6) == "musical instrument"
        assert fitted("musical instrument", 0.7 * wide, 6) == "musical\ninstrument"
        assert text_width(cut := shortened("instrumentality", 0.4, 6), 6) <= 0.4 and cut.endswith(
            "…"
        )
        assert shortened("instrumentality", 0.05, 6) == ""

    check()


def test_text_is_as_wide_as_it_is_drawn():
    @styled
    def check():
        figure, axes = inch_canvas(4, 1)
        text = axes.text(0, 0.5, "instrumentality 350", fontsize=6.5)
        figure.set_dpi(720)
        extent = text.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        assert text_width("instrumentality 350", 6.5) == pytest.approx(extent.width / 720, rel=0.03)

    check()


def test_thumbnails_show_the_middle_square():
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert thumbnail(image, 8).shape == (8, 8, 3)
    assert (thumbnail(image, 8) == 200).all()
    assert thumbnail(image, 20).shape == (20, 20, 3)


def test_names_are_readable():
    assert readable("toy_terrier.n.01") == "toy terrier"
