"""What the table of layouts says of a config's data sets."""

import pytest

from imagenet_transfer.data.known_layouts import (
    BOXES,
    CLASSES,
    LAYOUTS,
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


def test_a_key_may_say_that_images_have_boxes():
    assert content_of({"layout": "list"}) == CLASSES
    assert content_of({"layout": "list", "boxes": False}) == CLASSES
    assert content_of({"layout": "list", "boxes": True}) == BOXES
    assert "list" in layouts_with(BOXES) and "list" in layouts_with(CLASSES)
