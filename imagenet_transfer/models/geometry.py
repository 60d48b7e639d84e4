"""What a network is, without torch: its config keys, parts, sides, channels and costs.

A plan, the checks of a config and the network itself share these descriptions. Each network has its
own, a subclass of `Network` in its own module; `models.NETWORKS` lists them.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from imagenet_transfer.keys import side

if TYPE_CHECKING:
    from imagenet_transfer.models.backbone import Backbone

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in 0..1, as torchvision's weights were trained
IMAGENET_STD = (0.229, 0.224, 0.225)


def cells(length: int, kernel: int, stride: int = 1, pad: int = 0, ceil: bool = False) -> int:
    """Return how many places a window has along a side of `length` pixels or cells."""
    room = length + 2 * pad - kernel
    if room < 0:
        return 0
    return (-(-room // stride) if ceil else room // stride) + 1


@dataclass(frozen=True)
class Layer:
    """A layer with weights, as its costs need it."""

    units: int  # output channels
    inputs: int  # weights of one unit
    side: int = 1  # of its output in cells, for an image (or region) of the network's own size
    stride: int = 1  # pixels per cell of its output in whole images
    others: int | None = None  # parameters besides the weights; None: a bias per unit

    @property
    def weights(self) -> int:
        """Return the number of weights, which are the multiply-adds per cell of its output."""
        return self.units * self.inputs

    @property
    def parameters(self) -> int:
        """Return the number of weights, biases and other parameters."""
        return self.weights + (self.units if self.others is None else self.others)


def conv(channels: int, units: int, kernel: int, **more: int | None) -> Layer:
    """Return a square convolution of `channels` input channels; `more`: side, stride, others."""
    return Layer(units, kernel**2 * channels, **more)


@dataclass(frozen=True)
class Part:
    """A piece of a network that is frozen, copied or looked at as one."""

    name: str
    modules: tuple[str, ...]  # paths in the torch module, in the order in which they run
    layers: tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True)
class Network:
    """The contract for networks: what stages may ask without torch.

    A network is a trunk of parts over whole images, `pool`, a head of parts that turns a pooled map
    (of an image or of a region) into a vector, and a last layer of class scores. A subclass adds
    its config keys as fields and defines what stands above "What follows from these".
    """

    model: str
    image_size: int = side(
        "Side of the stored images: `store.size` of the data sets it classifies ({default}).",
        256,
        minimum=8,
    )
    input_size: int = side("Side of the crop that the network sees ({default}).", 224, minimum=8)

    last: ClassVar[str]  # the last layer's name ...
    last_module: ClassVar[str]  # ... and its path in the torch module
    pool: ClassVar[tuple[str, ...]] = ()  # paths of the modules that pool a whole image's map
    has_caffe_layers: ClassVar[bool] = False  # whether layers and channels are Caffe's AlexNet's

    def trunk(self) -> tuple[Part, ...]:
        """Return the parts over whole images, in order."""
        raise NotImplementedError

    def head(self) -> tuple[Part, ...]:
        """Return the parts over a pooled map, in order."""
        raise NotImplementedError

    @property
    def pooled_side(self) -> int:
        """Return the side of the head's pooled map in cells; 0 if images are too small."""
        raise NotImplementedError

    @property
    def mean_colour(self) -> tuple[float, ...]:
        """Return the colour (RGB, 0..255) that the network sees as zero."""
        return tuple(255 * channel for channel in IMAGENET_MEAN)

    def build(self, num_classes: int) -> "Backbone":
        """Return the torch module, its first values drawn from torch's generator."""
        raise NotImplementedError

    # What follows from these

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return all parts except the last layer."""
        return (*self.trunk(), *self.head())

    @cached_property
    def channels(self) -> int:
        """Return the channels of the trunk's map."""
        return self.trunk()[-1].layers[-1].units

    @cached_property
    def stride(self) -> int:
        """Return the pixels per cell of the trunk's map of whole images."""
        return self.trunk()[-1].layers[-1].stride

    @cached_property
    def vector_size(self) -> int:
        """Return the size of the head's vector."""
        return self.head()[-1].layers[-1].units

    @property
    def feature_layer(self) -> str:
        """Return the layer whose features are measured by default: the last of the head."""
        return self.head()[-1].name

    def feature_sizes(self, num_classes: int) -> dict[str, int]:
        """Return the layers that features can be taken from, with their sizes."""
        return {part.name: part.layers[-1].units for part in self.head()} | {self.last: num_classes}

    def paths(self, *names: str) -> tuple[str, ...]:
        """Return the paths of the torch modules of some parts (or of the last layer)."""
        of = {part.name: part.modules for part in self.parts} | {self.last: (self.last_module,)}
        return tuple(itertools.chain.from_iterable(of[name] for name in names))

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each size that does not fit, starting with its key."""
        if self.input_size > self.image_size:
            yield f"input_size exceeds image_size ({self.image_size})."
        if self.pooled_side < 1:
            yield (
                f"input_size is {self.input_size}, too small for this {self.model}: nothing is "
                f"left after the last pooling; take {self.least_input()} or more."
            )

    def least_input(self) -> int:
        """Return the smallest input size that leaves something after the last pooling."""
        sizes = itertools.count(1)
        return next(size for size in sizes if replace(self, input_size=size).pooled_side > 0)

    # Costs

    def parameters(self, num_classes: int) -> int:
        """Return the number of parameters: 60,965,224 for the paper's AlexNet with 1000 classes."""
        last = Layer(num_classes, self.vector_size)
        layers = [layer for part in self.parts for layer in part.layers]
        return sum(layer.parameters for layer in [*layers, last])

    def image_macs(self, num_classes: int = 1000) -> float:
        """Return the multiply-adds of a forward pass of one image of the input size."""
        layers = [layer for part in self.trunk() for layer in part.layers]
        trunk = sum(layer.side**2 * layer.weights for layer in layers)
        return trunk + self.head_macs() + self.vector_size * num_classes

    def trunk_macs(self, pixels: float) -> float:
        """Return the multiply-adds of the trunk on a whole image of `pixels` pixels."""
        layers = [layer for part in self.trunk() for layer in part.layers]
        return sum(pixels / layer.stride**2 * layer.weights for layer in layers)

    def head_macs(self) -> int:
        """Return the multiply-adds of the head on one pooled map."""
        layers = [layer for part in self.head() for layer in part.layers]
        return sum(layer.side**2 * layer.weights for layer in layers)
