"""The canvas of drawn pictures: text as wide as measured, middle squares, runs of equal values."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from imagenet_transfer.figures.canvas import (
    fitted,
    inch_canvas,
    readable,
    runs,
    shortened,
    text_width,
    thumbnail,
)
from imagenet_transfer.figures.style import styled


def test_runs_leave_gaps_out():
    assert runs(["a", "a", None, "a", "b"]) == [("a", 0, 2), ("a", 3, 4), ("b", 4, 5)]
    assert runs([]) == []


@styled
def test_text_is_cut_or_broken_to_fit():
    text = "musical instrument"
    wide = text_width(text, 6)
    assert wide == pytest.approx(2 * text_width(text, 3))
    assert fitted(text, wide, 6) == text
    assert fitted(text, 0.7 * wide, 6) == "musical\ninstrument"
    cut = shortened("instrumentality", 0.4, 6)
    assert cut.endswith("…")
    assert 0.3 < text_width(cut, 6) <= 0.4
    assert shortened("instrumentality", 0.05, 6) == ""


@styled
def test_text_is_as_wide_as_it_is_drawn():
    figure, axes = inch_canvas(4, 1)
    text = axes.text(0, 0.5, "instrumentality 350", fontsize=6.5)
    figure.set_dpi(720)
    extent = text.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert text_width("instrumentality 350", 6.5) == pytest.approx(extent.width / 720, rel=0.03)


def test_thumbnails_show_the_middle_square():
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert thumbnail(image, 8).shape == (8, 8, 3)
    assert (thumbnail(image, 8) == 200).all()
    assert thumbnail(image, 20).shape == (20, 20, 3)
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    assert thumbnail(noise, 80).shape == (80, 80, 3)


def test_names_are_readable():
    assert readable("toy_terrier.n.01") == "toy terrier"
    assert readable("st._bernard.n.01") == "st. bernard"
