"""What the table of layouts says of a config's data sets."""

import pytest

from imagenet_transfer.data import known_layouts
from imagenet_transfer.data.known_layouts import (
    BOXES,
    CLASSES,
    LAYOUTS,
    Layout,
    content_of,
    layouts_with,
    reader_of,
)
from imagenet_transfer.training.kinds import KINDS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_its_reader(layout):
    assert callable(reader_of(layout))


def test_every_kind_has_layouts():
    assert all(layouts_with(kind.holds or CLASSES) for kind in KINDS.values())


def test_a_key_may_say_that_images_have_boxes(monkeypatch):
    table = Layout("a:b", CLASSES, takes=("corners",), holds_with={"corners": BOXES})
    monkeypatch.setattr(known_layouts, "LAYOUTS", {**LAYOUTS, "table": table})
    assert content_of({"layout": "table"}) == CLASSES
    assert content_of({"layout": "table", "corners": "boxes.csv"}) == BOXES
    assert "table" in layouts_with(BOXES) and "table" in layouts_with(CLASSES)
