"""The miniature world: ILSVRC synsets whose look is inherited down WordNet, in users' layouts."""

from imagenet_transfer.labels.taxonomy import read_pascal_roots
from miniature_world.acts import THINGS
from miniature_world.render import render_part

__all__ = ["render_part", "synsets_drawn"]


def synsets_drawn() -> list[str]:
    """Return the synsets that every study's scenes draw: PASCAL's objects, things of actions."""
    return sorted({*read_pascal_roots().values(), *THINGS.values()})
