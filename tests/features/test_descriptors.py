"""What classes look like by their pixels: descriptors by hand, and the images that are drawn."""

import numpy as np
import pandas as pd
import pytest

from imagenet_transfer.features.descriptors import (
    DIRECTIONS,
    GRID,
    PER_CLASS,
    class_descriptors,
    descriptors,
)

CELLS = GRID * GRID
COLOURS = CELLS * 3


def split(image):
    """Return an image's colours (row, column, channel) and edges (row, column, direction)."""
    (found,) = descriptors(image[None].astype(np.uint8))
    assert found.shape == (COLOURS + CELLS * DIRECTIONS,)
    return found[:COLOURS].reshape(GRID, GRID, 3), found[COLOURS:].reshape(GRID, GRID, DIRECTIONS)


def test_a_plain_image_is_its_colour_and_has_no_edges():
    colours, edges = split(np.full((16, 16, 3), (255, 51, 0)))
    assert colours == pytest.approx(np.broadcast_to([1, 0.2, 0], (GRID, GRID, 3)))
    assert not edges.any()


def test_a_cell_has_the_mean_colour_of_its_pixels():
    image = np.zeros((16, 16, 3))
    # The cell of row 1, column 2
    image[2:4, 4:6] = [[(255, 0, 0), (0, 0, 0)], [(0, 255, 0), (0, 0, 255)]]
    colours, _ = split(image)
    assert colours[1, 2] == pytest.approx([0.25, 0.25, 0.25])
    assert np.count_nonzero(colours.any(axis=2)) == 1


def test_a_vertical_edge():
    """Black up to column 7, then white: a gradient of 0.5 to the right there, in cells 3 and 4.

    A cell has two rows of it, so 1.0 in the first direction and nothing else; what keeps the norm
    from zero makes it a bit less.
    """
    image = np.zeros((16, 16, 3))
    image[:, 8:] = 255
    _, edges = split(image)
    expected = np.zeros((GRID, GRID, DIRECTIONS))
    expected[:, 3:5, 0] = 1 / 1.001
    assert edges == pytest.approx(expected, abs=1e-6)


def test_a_horizontal_edge_has_the_middle_direction_whichever_side_is_bright():
    image = np.zeros((16, 16, 3))
    image[8:] = 255
    for turned in (image, 255 - image):
        _, edges = split(turned)
        assert edges[3:5, :, DIRECTIONS // 2] == pytest.approx(np.full((2, GRID), 1 / 1.001))
        assert np.count_nonzero(edges) == 2 * GRID


def test_a_cells_edges_have_a_norm_of_one_not_a_sum_of_one():
    """Random pixels have gradients in all directions; a cell's squared strengths add up to 1."""
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    _, edges = split(image)
    assert (edges**2).sum(axis=2) == pytest.approx(np.ones((GRID, GRID)), abs=1e-3)
    assert edges.sum(axis=2).min() > 1.5


@pytest.mark.parametrize("side", [1, 2, 5, 7])
def test_images_with_fewer_pixels_than_cells_have_descriptors(side):
    colours, edges = split(np.full((side, side, 3), (255, 51, 0)))
    assert colours == pytest.approx(np.broadcast_to([1, 0.2, 0], (GRID, GRID, 3)))
    assert not edges.any()


def test_cells_of_a_small_image_share_its_pixels():
    """Each of 4 x 4 pixels covers 2 x 2 cells; the right half is white: an edge at column 4."""
    image = np.zeros((4, 4, 3))
    image[:, 2:] = 255
    colours, edges = split(image)
    assert colours[..., 0] == pytest.approx(np.broadcast_to([0] * 4 + [1] * 4, (GRID, GRID)))
    assert set(zip(*np.nonzero(edges)[1:], strict=True)) == {(3, 0), (4, 0)}


def test_pixels_beyond_whole_cells_are_left_out():
    image = np.full((19, 19, 3), 51)
    image[16:] = image[:, 16:] = 255
    colours, edges = split(image)
    assert colours == pytest.approx(np.full((GRID, GRID, 3), 0.2))
    assert not edges.any()


class Gallery:
    """The part of a store that descriptors read: many training images of the classes a and b.

    They are grey, brighter by their number.
    """

    def __init__(self, order=slice(None)):
        count = 3 * PER_CLASS
        names = [f"{wnid}{i:03d}" for wnid in "ab" for i in range(count)]
        rows = [(name, "train", name[0]) for name in names]
        rows += [("a-val", "val", "a"), ("b-val", "val", "b")]
        images = pd.DataFrame(rows, columns=["image", "split", "class"])
        self.images = images[order].reset_index(drop=True)
        self.read = []

    def rows(self, names):
        return np.array([self.images.index[self.images["image"] == name][0] for name in names])

    def batch(self, rows):
        found = self.images["image"].iloc[rows]
        self.read += list(found)
        grey = np.array([self.grey(name) for name in found], dtype=np.uint8)
        return np.broadcast_to(grey[:, None, None, None], (len(found), 16, 16, 3))

    @staticmethod
    def grey(name):
        number = name[1:]
        return int(number) + (100 if name[0] == "b" else 0) if number.isdigit() else 0


def test_a_class_is_the_mean_of_training_images_drawn_by_name_and_seed():
    one = Gallery()
    again = Gallery()
    turned = Gallery(slice(None, None, -1))
    found = [class_descriptors(store, ["a", "b"], "train", 1) for store in (one, again, turned)]
    assert set(one.read) == set(again.read) == set(turned.read)
    assert len(one.read) == len(set(one.read)) == 2 * PER_CLASS
    assert not {"a-val", "b-val"} & set(one.read)
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)
    other = Gallery()
    class_descriptors(other, ["a", "b"], "train", 2)
    assert set(other.read) != set(one.read)


def test_descriptors_are_standardised_over_the_classes():
    found = class_descriptors(Gallery(), ["a", "b"], "train", 1)
    assert found.index.tolist() == ["a", "b"]
    colours = found.loc[:, : COLOURS - 1].to_numpy()
    assert colours == pytest.approx(np.repeat([[-1], [1]], COLOURS, axis=1))  # b is brighter
    assert not found.loc[:, COLOURS:].to_numpy().any()  # plain images have no edges


def test_the_order_of_classes_and_a_class_without_images_change_nothing():
    found = class_descriptors(Gallery(), ["b", "none", "a"], "train", 1)
    expected = class_descriptors(Gallery(), ["a", "b"], "train", 1)
    pd.testing.assert_frame_equal(found.sort_index(), expected)
