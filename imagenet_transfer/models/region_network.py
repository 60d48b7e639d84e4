"""What networks that judge regions share: AlexNet over whole images, RoI pooling, fc6 and fc7 (Girshick 2015)."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.errors import UserError
from imagenet_transfer.models.alexnet import AlexNet
from imagenet_transfer.models.operators import roi_pool

KEPT_BYTES = 1 << 28  # of frozen layers' activations, on the network's device


@dataclass(frozen=True)
class RegionConfig:
    """The part of a recipe that says how regions are seen; the defaults are the paper's."""

    SECTION: ClassVar[str]  # the recipe's key

    short_side: int = 600  # images are resized to this short side, in pixels,
    long_side: int = 1000  # unless their long side would exceed this
    copy_fc: bool = True  # start fc6 and fc7 from the pre-trained weights too
    frozen: Sequence[str] = ()  # layers of the trunk that are not trained, such as conv1

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the configuration of this section of a recipe; `UserError` if it has an unknown key."""
        known = [field.name for field in fields(cls)]
        for key in mapping:
            if key not in known:
                raise UserError(
                    f"The recipe's {cls.SECTION} has the unknown key {key!r}; the known ones: {', '.join(known)}."
                )
        return cls(**mapping)


class View(NamedTuple):
    """Images of one size as the network sees them: conv5's map, height and width, the factor of their resizing."""

    features: Tensor
    size: tuple[int, int]
    factor: float


def resize_factor(height: int, width: int, short_side: int, long_side: int) -> float:
    """Return the factor that makes the short side `short_side`, or a smaller one that keeps to `long_side`."""
    factor = short_side / min(height, width)
    return (
        long_side / max(height, width) if round(factor * max(height, width)) > long_side else factor
    )


def new_layer(layer: nn.Module, std: float) -> nn.Module:
    """Return the layer with Gaussian weights and biases of zero."""
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


class RegionNetwork(nn.Module):
    """The layers of `trunk` but for fc8, which it drops: conv1..conv5 of whole images, fc6 and fc7 of regions."""

    def __init__(self, trunk: AlexNet, config: RegionConfig):
        super().__init__()
        del trunk.fc8
        self.trunk = trunk
        self._sides = config.short_side, config.long_side
        for name in config.frozen:
            trunk.get_submodule(name).requires_grad_(False)
        self._num_frozen = next(
            i for i in range(6) if f"conv{i + 1}" not in config.frozen
        )  # layers from conv1 on
        self._kept: dict[Hashable, Tensor] = {}
        self._kept_bytes = 0

    def view(self, images: Tensor, keys: Sequence[Hashable] | None = None) -> View:
        """Return what the network sees of uint8 RGB images N,H,W,3 of one size.

        `keys`, which tell the images apart, allow to keep what frozen layers make of them: they are computed once.
        """
        height, width = images.shape[1:3]
        factor = resize_factor(height, width, *self._sides)
        size = round(height * factor), round(width * factor)
        if keys is None or self._num_frozen == 0:
            x = self._first_layers(images, size)
        else:
            parts = zip(keys, images.split(1), strict=True)
            x = torch.cat([self._remembered(key, image, size) for key, image in parts])
        features = self.trunk.convolutions(x, dense=True, layers=range(self._num_frozen + 1, 6))
        return View(features, size, factor)

    def _first_layers(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the last frozen layer's activations of images resized to `size`."""
        x = self.trunk.preprocess(images)
        if x.shape[2:] != size:
            x = F.interpolate(x, size, mode="bilinear")
        return self.trunk.convolutions(x, dense=True, layers=range(1, self._num_frozen + 1))

    def _remembered(self, key: Hashable, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the last frozen layer's activations of one image, kept while `KEPT_BYTES` last.

        Always of one image at a time, as rounding depends on the batch: what is computed again has the same bits.
        """
        if key in self._kept:
            return self._kept[key]
        x = self._first_layers(image, size)
        if self._kept_bytes + x.nbytes <= KEPT_BYTES:
            self._kept[key] = x
            self._kept_bytes += x.nbytes
        return x

    def region_features(self, features: Tensor, rois: Sequence[Tensor]) -> Tensor:
        """Return fc7's activations (sum of RoIs, fc_width) of each image's RoIs (R,4), in resized pixels."""
        last_pixel = rois[0].new_tensor(
            [0, 0, 1, 1]
        )  # the operation counts the last pixel in, as Caffe's
        cells = self.trunk.pool5_size
        pooled = roi_pool(
            features.float(), [boxes - last_pixel for boxes in rois], cells, 1 / self.trunk.stride
        )
        return self.trunk.fully_connected(pooled.flatten(1))
