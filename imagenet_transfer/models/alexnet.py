"""AlexNet as Caffe trained it (BVLC/caffe `models/bvlc_alexnet`), its sizes as config keys."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from imagenet_transfer.keys import choice, listed, number, side, whole
from imagenet_transfer.models.geometry import Layer, Network, Part, cells, conv

if TYPE_CHECKING:
    from imagenet_transfer.models.backbone import Backbone

# Of conv1 to conv5, in Caffe's definition
CHANNELS = (96, 256, 384, 384, 256)
GROUPS = (1, 2, 1, 2, 2)
KERNELS = (None, 5, 3, 3, 3)  # conv1's is a key


def pooled(length: int) -> int:
    """Return the side after one of AlexNet's poolings: 3x3, stride 2, rounded up."""
    return cells(length, 3, 2, ceil=True) if length > 1 else 0


@dataclass(frozen=True, kw_only=True)
class AlexNet(Network):
    """AlexNet, but not torchvision's, which lacks groups and local response normalisation."""

    last: ClassVar[str] = "fc8"
    last_module: ClassVar[str] = "fc8"
    has_caffe_layers: ClassVar[bool] = True

    input_size: int = side("Side of the crop that the network sees ({default}).", 227, minimum=8)
    width: float = number(
        "Channels as a multiple of the paper's ({default}).", 1, exclusiveMinimum=0, maximum=8
    )
    fc_width: int = whole("Units of fc6 and fc7 ({default}).", 4096, maximum=65536)
    conv1_kernel: int = side("Kernel of the first layer in pixels ({default}).", 11)
    conv1_stride: int = side("Stride of the first layer in pixels ({default}).", 4)
    dropout: float = number(
        "Share of fc6's and fc7's units that are dropped in training ({default}).",
        0.5,
        training_only=True,
        minimum=0,
        exclusiveMaximum=1,
    )
    init: str = choice(
        "First values: as the paper's network, or scaled to each layer's inputs ({default}).",
        "caffe",
        "he",
        default="caffe",
        training_only=True,
    )
    pixel_mean: tuple[float, ...] = listed(
        "Blue, green, red; subtracted from 0..255 ({default}).",
        (104, 117, 123),
        items={"type": "number"},
        minItems=3,
        maxItems=3,
    )
    pixel_std: float = number("Pixels are divided by it ({default}).", 1, exclusiveMinimum=0)

    @property
    def conv_channels(self) -> list[int]:
        """Return the output channels of conv1 to conv5."""
        return [max(2, round(c * self.width / 2) * 2) for c in CHANNELS]

    def trunk(self) -> tuple[Part, ...]:
        """Return conv1 to conv5; the first two end with normalisation and pooling."""
        first = cells(self.input_size, self.conv1_kernel, self.conv1_stride)
        sides = [first, pooled(first), *[pooled(pooled(first))] * 3]
        units = self.conv_channels
        inputs = [3, *units]
        parts = []
        for i, (kernel, groups, shrunk) in enumerate(
            zip((self.conv1_kernel, *KERNELS[1:]), GROUPS, (1, 2, 4, 4, 4), strict=True)
        ):
            stride = shrunk * self.conv1_stride
            layer = conv(inputs[i] // groups, units[i], kernel, side=sides[i], stride=stride)
            parts.append(Part(f"conv{i + 1}", (f"conv{i + 1}",), (layer,)))
        return tuple(parts)

    def head(self) -> tuple[Part, ...]:
        """Return fc6 and fc7."""
        inputs = self.conv_channels[-1] * self.pooled_side**2
        fc6 = Part("fc6", ("fc6",), (Layer(self.fc_width, inputs),))
        fc7 = Part("fc7", ("fc7",), (Layer(self.fc_width, self.fc_width),))
        return fc6, fc7

    @property
    def pooled_side(self) -> int:
        """Return the side of pool5's output in cells: 6 for images of 227 pixels."""
        return pooled(pooled(pooled(cells(self.input_size, self.conv1_kernel, self.conv1_stride))))

    @property
    def mean_colour(self) -> tuple[float, ...]:
        """Return the subtracted mean, in RGB."""
        blue, green, red = self.pixel_mean
        return red, green, blue

    def build(self, num_classes: int) -> "Backbone":
        """Return the torch module."""
        from imagenet_transfer.models.alexnet_layers import CaffeAlexNet

        return CaffeAlexNet(self, num_classes)
