"""Figures 5 and 8: the right images at the right places, marked as the frame says."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from imagenet_transfer.figures.canvas import PIXELS, thumbnail
from imagenet_transfer.figures.collages import collage, collage_columns, draw_collages, pick_images
from imagenet_transfer.figures.neighbours import RELATIONS, draw_neighbours
from imagenet_transfer.figures.style import save_figure

DOG, CAR = "n02084071", "n02958343"
SEEN = {("fine", DOG): True, ("middle", DOG): False, ("coarse", DOG): False}
SEEN |= {("fine", CAR): True, ("middle", CAR): True, ("coarse", CAR): False}
KINDS = ("fine", "coarse", "neither")
LAYOUT = {
    "subsets": ["fine", "middle", "coarse"],
    "n_classes": {"fine": 1000, "middle": 486, "coarse": 9},
    "names": {DOG: "golden_retriever.n.01", CAR: "pickup.n.01"},
}


def neighbours(neighbours: int = 3) -> pd.DataFrame:
    """Return a frame whose k-th neighbour has the k-th relation, turned by the network's place; nearest rows last."""
    rows = [
        (
            subset,
            query,
            f"{query}_q",
            rank + 1,
            f"{subset}_{query}_{rank}",
            query,
            KINDS[(rank + place) % 3],
            0.5,
            seen,
        )
        for place, subset in enumerate(LAYOUT["subsets"])
        for query in (DOG, CAR)
        for rank in reversed(range(neighbours))
        for seen in [SEEN[subset, query]]
    ]
    columns = [
        "subset",
        "query_wnid",
        "query_image",
        "rank",
        "image",
        "wnid",
        "relation",
        "similarity",
        "seen",
    ]
    return pd.DataFrame(rows, columns=columns)


def shade(name: str) -> np.ndarray:
    """Return a plain picture whose grey tells the name."""
    return np.full((20, 30, 3), 10 + sum(map(ord, name)) % 200, np.uint8)


def borders(figure) -> dict[str, object]:
    return {patch.get_gid(): patch for patch in figure.axes[0].patches if patch.get_gid()}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


# --- Figure 5


def test_each_neighbour_has_the_border_of_its_relation():
    found = borders(draw_neighbours(neighbours(), shade, LAYOUT))
    assert len(found) == 2 * 3 * 3 + 3  # and the key
    for row in neighbours().itertuples():
        border = found[f"{row.subset}/{row.query_wnid}/{row.rank}"]
        assert same_color(border.get_edgecolor(), RELATIONS[row.relation].colour)
    lines = {str(found[f"key/{kind}"].get_linestyle()) for kind in KINDS}
    assert (
        len(lines) == 3 and len({relation.mark for relation in RELATIONS.values()}) == 3
    )  # not by colour alone


def test_the_image_in_each_border_is_the_frames():
    figure = draw_neighbours(neighbours(), shade, LAYOUT)
    shown = {
        tuple(np.round(image.get_extent(), 4)): image.get_array()[0, 0, 0]
        for image in figure.axes[0].images
    }
    found = borders(figure)
    for row in neighbours().itertuples():
        box = found[f"{row.subset}/{row.query_wnid}/{row.rank}"]
        (x, y), side = box.get_xy(), box.get_width()
        extent = tuple(np.round((x, x + side, y + side, y), 4))
        assert shown[extent] == shade(row.image)[0, 0, 0]
    assert len(shown) == 2 * (1 + 9)


def test_neighbours_stand_by_rank_and_networks_in_the_layouts_order():
    found = borders(draw_neighbours(neighbours(), shade, LAYOUT))
    xs = [found[f"fine/{DOG}/{rank}"].get_x() for rank in (1, 2, 3)]
    ys = [
        found[f"{subset}/{query}/1"].get_y() for query in (DOG, CAR) for subset in LAYOUT["subsets"]
    ]
    assert xs == sorted(xs) and ys == sorted(ys)


def test_the_dotted_line_stands_where_the_class_stops_being_a_label():
    figure = draw_neighbours(neighbours(), shade, LAYOUT)
    heights = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_gid() == "break"]
    found = borders(figure)
    spans = [
        (found[f"{above}/{query}/1"].get_y(), found[f"{below}/{query}/1"].get_y())
        for query, above, below in ((DOG, "fine", "middle"), (CAR, "middle", "coarse"))
    ]
    assert len(heights) == 2
    assert all(above < y < below for y, (above, below) in zip(heights, spans, strict=True))


def test_figure_5_says_queries_and_numbers_of_classes():
    shown = texts(draw_neighbours(neighbours(), shade, LAYOUT))
    assert [text for text in shown if "Query" in text] == [
        "Query: golden retriever",
        "Query: pickup",
    ]
    assert [text for text in shown if text.endswith(" classes")] == [
        "1000 classes",
        "486 classes",
        "9 classes",
    ] * 2


def test_figure_5_without_a_break_or_names_and_with_a_network_missing():
    frame = neighbours().query("subset == 'fine'")
    figure = draw_neighbours(frame, shade, {key: LAYOUT[key] for key in ("subsets", "n_classes")})
    assert not [line for line in figure.axes[0].lines if line.get_gid() == "break"]
    assert f"Query: {DOG}" in texts(figure)


@pytest.mark.parametrize("count", [1, 8, 20])
def test_figure_5_stays_on_its_page(count):
    figure = draw_neighbours(neighbours(count), shade, LAYOUT)
    assert all(box.get_x() + box.get_width() < 7 for box in borders(figure).values())
    assert figure.get_figheight() < 6


# --- Figure 8


def images_of(counts: dict[str, int], split: str = "train") -> pd.DataFrame:
    rows = [(f"{wnid}_{k}", split, wnid) for wnid, number in counts.items() for k in range(number)]
    return pd.DataFrame(rows, columns=["image", "split", "class"])


def label_set(*wnids: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"wnid": wnids, "label": range(len(wnids)), "class_wnid": wnids, "class_name": wnids}
    )


def test_classes_take_equal_shares():
    images = images_of({"a": 9, "b": 9, "c": 9, "d": 9})
    picked = pick_images(images, label_set("a", "b", "c"), 8, seed=1)
    assert len(set(picked)) == 8
    shares = Counter(name[0] for name in picked)
    assert set(shares) == set("abc") and max(shares.values()) - min(shares.values()) <= 1


def test_more_classes_than_images_are_taken_at_even_steps():
    images = images_of({f"{number:02d}": 2 for number in range(20)})
    picked = pick_images(images, label_set(*(f"{number:02d}" for number in range(20))), 5, seed=1)
    assert sorted(name[:2] for name in picked) == ["00", "04", "08", "12", "16"]


def test_a_small_class_is_made_up_for_by_others_and_only_training_images_count():
    images = pd.concat([images_of({"a": 1, "b": 9}), images_of({"c": 9}, "val")])
    assert Counter(
        name[0] for name in pick_images(images, label_set("a", "b", "c"), 6, seed=1)
    ) == {"a": 1, "b": 5}
    assert len(pick_images(images, label_set("a", "b"), 99, seed=1)) == 10
    assert pick_images(images, label_set("z"), 4, seed=1) == []


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_rows():
    images, chosen = images_of({"a": 50, "b": 50}), label_set("a", "b")
    assert pick_images(images, chosen, 9, 1) == pick_images(images[::-1], chosen, 9, 1)
    assert pick_images(images, chosen, 9, 1) != pick_images(images, chosen, 9, 2)


def test_a_collage_holds_its_images_row_by_row():
    tiles = [np.full((12, 12, 3), shade, np.uint8) for shade in (10, 60, 110)]
    picture = collage(tiles, columns=2, side=5)
    assert picture.shape == (10, 10, 3)
    assert [picture[2, 2, 0], picture[2, 7, 0], picture[7, 2, 0], picture[7, 7, 0]] == [
        10,
        60,
        110,
        255,
    ]
    assert (picture[4] == 255).all()  # a white edge between rows


def test_collages_are_about_four_to_three():
    assert [collage_columns(number) for number in (1, 2, 12, 48)] == [1, 2, 4, 8]


HALVES = {
    "splits": {"random": ["ra", "rb"], "minimal": ["ma", "mb"]},
    "n_classes": dict(ra=522, rb=478, ma=521, mb=3),
}


def halves(count: int) -> dict[tuple[str, str], list[np.ndarray]]:
    shades = {
        ("minimal", "b"): 200,
        ("minimal", "a"): 150,
        ("random", "b"): 100,
        ("random", "a"): 50,
    }
    return {key: [np.full((9, 12, 3), grey, np.uint8)] * count for key, grey in shades.items()}


def test_figure_8_has_four_collages_with_their_numbers_of_classes():
    figure = draw_collages(halves(12), HALVES)
    assert len(figure.axes[0].images) == 4
    assert [int(image.get_array()[1, 1, 0]) for image in figure.axes[0].images] == [
        50,
        100,
        150,
        200,
    ]
    assert [text for text in texts(figure) if "classes" in text] == [
        f"{n} classes" for n in (522, 478, 521, 3)
    ]
    assert [text for text in texts(figure) if "half" in text][-1] == "minimal split, half b"


def test_figure_8_of_halves_of_unequal_and_single_images():
    unequal = halves(1) | {("random", "a"): [np.zeros((9, 9, 3), np.uint8)] * 5}
    left, right, top, bottom = 0, 7, 0, draw_collages(unequal, HALVES).get_figheight()
    for image in draw_collages(unequal, HALVES).axes[0].images:
        x0, x1, y1, y0 = image.get_extent()
        assert left <= x0 < x1 <= right and top <= y0 < y1 <= bottom


# --- both


@pytest.mark.parametrize("kind", ["neighbours", "collages"])
def test_equal_input_gives_equal_bytes(tmp_path, kind):
    for name in ("first", "second"):
        figure = (
            draw_neighbours(neighbours(), shade, LAYOUT)
            if kind == "neighbours"
            else draw_collages(halves(4), HALVES)
        )
        save_figure(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for suffix in ("png", "svg"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (
            tmp_path / f"second.{suffix}"
        ).read_bytes()


def test_many_images_together_take_no_more_pixels_than_an_svg_should_hold():
    number = 200
    pictures = draw_collages(halves(number), HALVES).axes[0].images
    assert (
        sum(image.get_array().shape[0] * image.get_array().shape[1] for image in pictures)
        <= 1.05 * PIXELS
    )
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    assert thumbnail(noise, 80).shape == (80, 80, 3)
