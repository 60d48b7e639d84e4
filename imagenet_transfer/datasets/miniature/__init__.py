"""The miniature world: real ILSVRC synsets whose look is inherited down WordNet, rendered in the layouts users have."""

from imagenet_transfer.datasets.miniature.render import render_part

__all__ = ["render_part"]
