"""ResNet-18 (He et al. 2015) as torchvision builds it, with width and first layer as keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from imagenet_transfer.keys import side, whole
from imagenet_transfer.models.geometry import Layer, Network, Part, cells, conv

if TYPE_CHECKING:
    from torch import nn

    from imagenet_transfer.models.backbone import Backbone

STAGES = (1, 2, 3, 4)  # torchvision's layer1 to layer4, which the paper calls conv2 to conv5


@dataclass(frozen=True, kw_only=True)
class ResNet18(Network):
    """ResNet-18: conv1 to conv4 (stride 16) are the trunk, conv5 is the head."""

    last: ClassVar[str] = "fc"
    last_module: ClassVar[str] = "fc"

    width: int = whole(
        "Channels of conv1 ({default}); later parts have up to 8 times as many. With fewer than 8, "
        "PyTorch's convolutions crash on some processors.",
        64,
        minimum=8,
    )
    conv1_kernel: int = side("Kernel of the first layer in pixels ({default}).", 7)
    conv1_stride: int = side("Stride of the first layer in pixels ({default}).", 2)

    def trunk(self) -> tuple[Part, ...]:
        """Return conv1 to conv4."""
        return (self._first(), *map(self._stage, STAGES[:-1]))

    def head(self) -> tuple[Part, ...]:
        """Return conv5, averaged over its cells."""
        return (self._stage(STAGES[-1]),)

    @property
    def pooled_side(self) -> int:
        """Return the side of conv4's map, which the head takes as it is: 14 for 224 pixels."""
        return self._side(STAGES[-2])

    def _first(self) -> Part:
        kernel = self.conv1_kernel
        stride = self.conv1_stride
        length = cells(self.input_size, kernel, stride, pad=kernel // 2)
        layer = conv(3, self.width, kernel, side=length, stride=stride, others=2 * self.width)
        return Part("conv1", ("conv1", "bn1", "relu", "maxpool"), (layer,))

    def _stage(self, number: int) -> Part:
        pooling = ("avgpool", "flatten") if number == STAGES[-1] else ()
        modules = (f"layer{number}", *pooling)
        return Part(f"conv{number + 1}", modules, tuple(self._blocks(number)))

    def _blocks(self, number: int) -> Iterator[Layer]:
        """Yield the convolutions of a stage's two blocks.

        Each has two more values per channel in its normalisation.
        """
        units = self.width * 2 ** (number - 1)
        inputs = self.width if number == 1 else units // 2
        at = {"side": self._side(number), "stride": self.conv1_stride * 2**number}
        yield conv(inputs, units, 3, **at, others=2 * units)
        for _ in range(3):
            yield conv(units, units, 3, **at, others=2 * units)
        if inputs != units:
            yield conv(inputs, units, 1, **at, others=2 * units)

    def _side(self, number: int) -> int:
        """Return the side of a stage's map."""
        length = cells(
            self.input_size, self.conv1_kernel, self.conv1_stride, pad=self.conv1_kernel // 2
        )
        for _ in range(number):  # the pooling, then the first block of all stages except the first
            length = cells(length, 3, 2, pad=1) if length > 1 else 0
        return length

    def build(self, num_classes: int) -> "Backbone":
        """Return the torch module; its tensors have torchvision's names and first values."""
        from torch import nn

        from imagenet_transfer.models.backbone import Backbone

        kernel = self.conv1_kernel
        modules = {
            "conv1": nn.Conv2d(3, self.width, kernel, self.conv1_stride, kernel // 2, bias=False),
            "bn1": nn.BatchNorm2d(self.width),
            "relu": nn.ReLU(inplace=True),
            "maxpool": nn.MaxPool2d(3, 2, 1),
            **{f"layer{number}": _residual_stage(self.width, number) for number in STAGES},
            "avgpool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(self.vector_size, num_classes),
        }
        model = Backbone(self, modules)
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        return model


def _residual_stage(width: int, number: int) -> "nn.Sequential":
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    units = width * 2 ** (number - 1)
    if number == 1:
        return nn.Sequential(BasicBlock(units, units), BasicBlock(units, units))
    shortcut = nn.Sequential(
        nn.Conv2d(units // 2, units, 1, stride=2, bias=False), nn.BatchNorm2d(units)
    )
    first = BasicBlock(units // 2, units, stride=2, downsample=shortcut)
    return nn.Sequential(first, BasicBlock(units, units))
