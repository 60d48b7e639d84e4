"""What networks that judge regions share: a trunk on whole images, RoI pooling and a head.

The method is that of Fast R-CNN (Girshick 2015).
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.operators import roi_pool
from imagenet_transfer.models.region_configs import RegionConfig

KEPT_BYTES = 1 << 28  # of frozen layers' activations, on the network's device


class View(NamedTuple):
    """Images of one size as the network sees them."""

    features: Tensor  # the trunk's map
    size: tuple[int, int]  # height and width in pixels, resized
    factor: float  # of resizing


def resize_factor(height: int, width: int, short_side: int, long_side: int) -> float:
    """Return the factor that makes the short side `short_side`, unless the long one got too long.

    Then it is the factor that makes the long side `long_side`.
    """
    factor = short_side / min(height, width)
    longest = max(height, width)
    return long_side / longest if round(factor * longest) > long_side else factor


def new_layer(layer: nn.Module, std: float) -> nn.Module:
    """Return the layer with Gaussian weights and biases of zero."""
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


class RegionNetwork(nn.Module):
    """A network's trunk on whole images and its head on regions; it drops the last layer."""

    def __init__(self, backbone: Backbone, config: RegionConfig):
        super().__init__()
        backbone.drop_last()
        self.trunk = backbone
        self._sides = config.short_side, config.long_side
        backbone.freeze(*config.frozen)
        parts = backbone.network.trunk()
        trained = (i for i, part in enumerate(parts) if part.name not in config.frozen)
        first = next(trained, len(parts))
        self._frozen_parts = parts[:first]
        self._trained_parts = parts[first:]
        # As Caffe's, RoI pooling includes the last pixel.
        last_pixel = torch.tensor([0.0, 0.0, 1.0, 1.0])
        self.register_buffer("last_pixel", last_pixel, persistent=False)
        self._kept: dict[Hashable, Tensor] = {}
        self._kept_bytes = 0

    def view(self, images: Tensor, keys: Sequence[Hashable] | None = None) -> View:
        """Return what the network sees of uint8 RGB images N,H,W,3 of one size.

        With `keys`, one per distinct image, the output of frozen parts is computed only once.
        """
        height, width = images.shape[1:3]
        factor = resize_factor(height, width, *self._sides)
        size = round(height * factor), round(width * factor)
        if keys is None or not self._frozen_parts:
            x = self._through_frozen(images, size)
        else:
            single = zip(keys, images.split(1), strict=True)
            x = torch.cat([self._remembered(key, image, size) for key, image in single])
        return View(self.trunk.run_trunk(x, dense=True, parts=self._trained_parts), size, factor)

    def _through_frozen(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the last frozen part's output for images resized to `size`."""
        x = self.trunk.preprocess(images)
        if x.shape[2:] != size:
            x = F.interpolate(x, size, mode="bilinear")
        return self.trunk.run_trunk(x, dense=True, parts=self._frozen_parts)

    def _remembered(self, key: Hashable, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the last frozen part's output for one image, and keep it if `KEPT_BYTES` allow.

        Images go through one by one, as rounding depends on the batch: an output that is computed
        again has the same bits.
        """
        if key in self._kept:
            return self._kept[key]
        x = self._through_frozen(image, size)
        if self._kept_bytes + x.nbytes <= KEPT_BYTES:
            self._kept[key] = x
            self._kept_bytes += x.nbytes
        return x

    def region_features(self, features: Tensor, rois: Sequence[Tensor]) -> Tensor:
        """Return the head's vectors (sum of RoIs, vector_size) of each image's RoIs (R,4).

        RoIs are in pixels of the resized images.
        """
        network = self.trunk.network
        numbers = [len(image) for image in rois]
        boxes = (torch.cat(list(rois)) - self.last_pixel).split(numbers)
        pooled = roi_pool(features.float(), boxes, network.pooled_side, 1 / network.stride)
        return self.trunk.run_head(pooled)
