"""Figure 8: which images are chosen, and where they are drawn."""

from collections import Counter

import numpy as np
import pandas as pd
from conftest import check_equal_bytes
from drawn import texts

from imagenet_transfer.figures.canvas import PIXELS
from imagenet_transfer.figures.collages import (
    collage,
    collage_columns,
    draw_collages,
    pick_images,
)


def images_of(counts, split="train"):
    rows = [(f"{wnid}_{k}", split, wnid) for wnid, number in counts.items() for k in range(number)]
    return pd.DataFrame(rows, columns=["image", "split", "class"])


def label_set(*wnids):
    facts = {"wnid": wnids, "label": range(len(wnids)), "class_wnid": wnids, "class_name": wnids}
    return pd.DataFrame(facts)


def test_classes_have_equal_shares():
    images = images_of({"a": 9, "b": 9, "c": 9, "d": 9})
    picked = pick_images(images, label_set("a", "b", "c"), 8, seed=1)
    assert len(set(picked)) == 8
    shares = Counter(name[0] for name in picked)
    assert set(shares) == set("abc")
    assert max(shares.values()) - min(shares.values()) <= 1


def test_more_classes_than_images_are_taken_at_even_steps():
    wnids = [f"{number:02d}" for number in range(20)]
    picked = pick_images(images_of(dict.fromkeys(wnids, 2)), label_set(*wnids), 5, seed=1)
    assert sorted(name[:2] for name in picked) == ["00", "04", "08", "12", "16"]


def test_other_classes_make_up_for_a_small_one_and_only_training_images_count():
    images = pd.concat([images_of({"a": 1, "b": 9}), images_of({"c": 9}, "val")])
    picked = pick_images(images, label_set("a", "b", "c"), 6, seed=1)
    assert Counter(name[0] for name in picked) == {"a": 1, "b": 5}
    assert len(pick_images(images, label_set("a", "b"), 99, seed=1)) == 10
    assert pick_images(images, label_set("z"), 4, seed=1) == []


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_rows():
    images = images_of({"a": 50, "b": 50})
    chosen = label_set("a", "b")
    assert pick_images(images, chosen, 9, 1) == pick_images(images[::-1], chosen, 9, 1)
    assert pick_images(images, chosen, 9, 1) != pick_images(images, chosen, 9, 2)


def test_a_collage_holds_its_images_row_by_row():
    tiles = [np.full((12, 12, 3), grey, np.uint8) for grey in (10, 60, 110)]
    picture = collage(tiles, columns=2, side=5)
    assert picture.shape == (10, 10, 3)
    found = [picture[y, x, 0] for y, x in ((2, 2), (2, 7), (7, 2), (7, 7))]
    assert found == [10, 60, 110, 255]
    assert (picture[4] == 255).all()  # a white edge between rows


def test_collages_are_about_four_to_three():
    assert [collage_columns(number) for number in (1, 2, 12, 48)] == [1, 2, 4, 8]


HALVES = {
    "splits": {"random": ["ra", "rb"], "minimal": ["ma", "mb"]},
    "n_classes": {"ra": 522, "rb": 478, "ma": 521, "mb": 3},
}
SHADES = {("minimal", "b"): 200, ("minimal", "a"): 150, ("random", "b"): 100, ("random", "a"): 50}


def halves(count):
    return {key: [np.full((9, 12, 3), grey, np.uint8)] * count for key, grey in SHADES.items()}


def places(figure):
    """Return (left, right, top, bottom) of each collage in inches, by the grey of its images."""
    found = {}
    for image in figure.axes[0].images:
        left, right, bottom, top = image.get_extent()
        found[int(image.get_array()[1, 1, 0])] = (left, right, top, bottom)
    return found


def test_each_half_has_a_collage_at_its_place_with_its_number_of_classes():
    figure = draw_collages(halves(12), HALVES)
    found = places(figure)
    assert sorted(found) == sorted(SHADES.values())
    for a, b in ((50, 100), (150, 200)):  # the halves of a split are next to each other
        assert found[a][1] < found[b][0]
        assert found[a][2:] == found[b][2:]
    assert found[50][3] < found[150][2]  # the second split is below the first
    shown = texts(figure)
    numbers = [text for text in shown if "classes" in text]
    assert numbers == ["522 classes", "478 classes", "521 classes", "3 classes"]
    titles = [text for text in shown if "half" in text]
    assert titles[0] == "random split, half a"
    assert titles[-1] == "minimal split, half b"


def test_halves_of_unequal_and_single_images_stay_on_the_page():
    unequal = halves(1) | {("random", "a"): [np.full((9, 9, 3), 50, np.uint8)] * 5}
    figure = draw_collages(unequal, HALVES)
    found = places(figure)
    assert sorted(found) == sorted(SHADES.values())
    width, height = figure.get_size_inches()
    for left, right, top, bottom in found.values():
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    assert found[50][3] < found[150][2]  # the taller collage does not reach into the next row


def test_many_images_together_take_no_more_pixels_than_an_svg_should_hold():
    images = draw_collages(halves(200), HALVES).axes[0].images
    assert len(images) == 4
    heights, widths = zip(*(image.get_array().shape[:2] for image in images), strict=True)
    assert 0.5 * PIXELS < np.dot(heights, widths) <= 1.05 * PIXELS


def test_equal_input_gives_equal_bytes_whatever_the_users_settings(tmp_path):
    check_equal_bytes(lambda: draw_collages(halves(4), HALVES), tmp_path)
