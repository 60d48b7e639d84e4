"""VGG-16 (Simonyan & Zisserman 2014) as torchvision builds it, with its widths as config keys."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from imagenet_transfer.keys import choice, flag, number, whole
from imagenet_transfer.models.geometry import Layer, Network, Part, conv

if TYPE_CHECKING:
    from torch import nn

    from imagenet_transfer.models.backbone import Backbone

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of conv1..5


@dataclass(frozen=True, kw_only=True)
class VGG16(Network):
    """VGG-16: conv1 to conv5 without the last pooling (stride 16) as trunk, fc6 and fc7 as head."""

    last: ClassVar[str] = "fc8"
    last_module: ClassVar[str] = "classifier.6"

    width: float = number(
        "Channels as a multiple of the paper's ({default}).", 1.0, exclusiveMinimum=0, maximum=8
    )
    fc_width: int = whole("Units of fc6 and fc7 ({default}).", 4096, maximum=65536)
    batch_norm: bool = flag(
        "Whether convolutions are normalised, as in vgg16_bn ({default}).", False
    )
    dropout: float = number(
        "Share of fc6's and fc7's units that are dropped in training ({default}).",
        0.5,
        training_only=True,
        minimum=0,
        exclusiveMaximum=1,
    )
    init: str = choice(
        "First values of linear layers: as torchvision's ({default}), or scaled to each layer's "
        "inputs.",
        "torchvision",
        "he",
        default="torchvision",
        training_only=True,
    )

    @cached_property
    def channels_of_blocks(self) -> list[int]:
        """Return the output channels of conv1 to conv5."""
        return [max(1, round(channels * self.width)) for channels, _ in BLOCKS]

    def trunk(self) -> tuple[Part, ...]:
        """Return conv1 to conv5, each with the pooling after it except the last."""
        parts = []
        first = 0  # the module's number within `features`
        inputs = 3
        for block, (units, (_, number_of)) in enumerate(
            zip(self.channels_of_blocks, BLOCKS, strict=True)
        ):
            stride = 2**block
            at = {"side": self.input_size // stride, "stride": stride}
            at["others"] = self._others(units)
            layers = [conv(inputs, units, 3, **at)]
            layers += [conv(units, units, 3, **at)] * (number_of - 1)
            last = first + number_of * self._modules_each + (block < len(BLOCKS) - 1)
            names = tuple(f"features.{i}" for i in range(first, last))
            parts.append(Part(f"conv{block + 1}", names, tuple(layers)))
            first = last
            inputs = units
        return tuple(parts)

    def head(self) -> tuple[Part, ...]:
        """Return fc6 and fc7."""
        inputs = self.channels_of_blocks[-1] * self.pooled_side**2
        fc6 = ("flatten", "classifier.0", "classifier.1", "classifier.2")
        fc7 = ("classifier.3", "classifier.4", "classifier.5")
        return (
            Part("fc6", fc6, (Layer(self.fc_width, inputs),)),
            Part("fc7", fc7, (Layer(self.fc_width, self.fc_width),)),
        )

    @property
    def pool(self) -> tuple[str, ...]:
        """Return the path of the last pooling."""
        convolutions = sum(number_of for _, number_of in BLOCKS)
        return (f"features.{convolutions * self._modules_each + len(BLOCKS) - 1}",)

    @property
    def pooled_side(self) -> int:
        """Return the side after the last pooling: 7 for 224 pixels."""
        return self.input_size // 2 ** len(BLOCKS)

    @property
    def _modules_each(self) -> int:
        return 3 if self.batch_norm else 2  # convolution, normalisation, ReLU

    def _others(self, units: int) -> int:
        """Return a convolution's biases, and its normalisation's weights and biases."""
        return 3 * units if self.batch_norm else units

    def build(self, num_classes: int) -> "Backbone":
        """Return the torch module; its tensors have torchvision's names."""
        from torch import nn
        from torchvision.models.vgg import make_layers

        from imagenet_transfer.models.backbone import Backbone

        plan = []
        for units, (_, number_of) in zip(self.channels_of_blocks, BLOCKS, strict=True):
            plan += [units] * number_of + ["M"]
        inputs = self.channels_of_blocks[-1] * self.pooled_side**2
        modules = {
            "features": make_layers(plan, self.batch_norm),
            "flatten": nn.Flatten(),
            "classifier": nn.Sequential(
                *(nn.Linear(inputs, self.fc_width), nn.ReLU(True), nn.Dropout(self.dropout)),
                *(nn.Linear(self.fc_width, self.fc_width), nn.ReLU(True), nn.Dropout(self.dropout)),
                nn.Linear(self.fc_width, num_classes),
            ),
        }
        model = Backbone(self, modules)
        for layer in model.modules():
            self._initialise(layer)
        return model

    def _initialise(self, layer: "nn.Module") -> None:
        from torch import nn

        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear) and self.init == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.zeros_(layer.bias)
