"""AlexNet's torch module, as Caffe defines it (BVLC/caffe `models/bvlc_alexnet`).

torchvision's AlexNet is another network: it has no groups, no local response normalisation, other
widths, and dropout before the linear layers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.models.alexnet import GROUPS, KERNELS, AlexNet
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.geometry import Part
from imagenet_transfer.models.normalisation import band_of, local_response_norm

# Caffe's first biases and standard deviations of first weights
BIASES = {
    **{"conv1": 0.0, "conv2": 0.1, "conv3": 0.0, "conv4": 0.1, "conv5": 0.1},
    **{"fc6": 0.1, "fc7": 0.1, "fc8": 0.0},
}
GAUSSIAN_STD = {"fc6": 0.005, "fc7": 0.005}  # of first weights; 0.01 elsewhere


class CaffeAlexNet(Backbone):
    """AlexNet with `num_classes` outputs; its modules are conv1 to conv5 and fc6 to fc8."""

    def __init__(self, network: AlexNet, num_classes: int):
        super().__init__(network, {})
        mean = torch.tensor(network.pixel_mean, dtype=torch.float32)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.register_buffer("band", band_of(max(network.conv_channels[:2])), persistent=False)
        self.fused_lrn = False
        self.dropout = network.dropout
        for number in range(1, 6):
            self.add_module(f"conv{number}", _convolution(network, number))
        width = network.fc_width
        self.fc6 = nn.Linear(network.channels * network.pooled_side**2, width)
        self.fc7 = nn.Linear(width, width)
        self.fc8 = nn.Linear(width, num_classes)
        for name in BIASES:
            initialise(name, getattr(self, name), network.init)

    def preprocess(self, images: Tensor) -> Tensor:
        """Return float BGR images N,3,H,W less the channel mean, from uint8 RGB images N,H,W,3."""
        bgr = images.flip(3).to(self.pixel_mean.dtype)
        bgr = bgr.sub_(self.pixel_mean).div_(self.network.pixel_std)
        return bgr.permute(0, 3, 1, 2)  # channels_last without a copy

    def run_part(self, part: Part, x: Tensor, dense: bool = False) -> Tensor:
        """Return a part's output, after its ReLU, dropout, normalisation and pooling.

        `dense` pads conv1 and both pools, as py-faster-rcnn does: a cell of conv5 then stands for
        `stride` pixels.
        """
        layer = self.get_submodule(part.name)
        if isinstance(layer, nn.Linear):
            return F.dropout(F.relu_(layer(x.flatten(1))), self.dropout, self.training)
        number = int(part.name.removeprefix("conv"))
        pad = layer.kernel_size[0] // 2 if dense or number > 1 else 0
        x = F.relu_(F.conv2d(x, layer.weight, layer.bias, layer.stride, pad, groups=layer.groups))
        if number > 2:
            return x
        x = local_response_norm(x, self.band, self.fused_lrn)
        return F.max_pool2d(x, 3, 2, padding=int(dense), ceil_mode=True)

    def run_pool(self, x: Tensor) -> Tensor:
        """Return conv5's map pooled: `pooled_side` cells per side for images of the input size."""
        return F.max_pool2d(x, 3, 2, ceil_mode=True)


def _convolution(network: AlexNet, number: int) -> nn.Conv2d:
    inputs, units = (3, *network.conv_channels)[number - 1 : number + 1]
    if number == 1:
        return nn.Conv2d(inputs, units, network.conv1_kernel, network.conv1_stride)
    kernel = KERNELS[number - 1]
    return nn.Conv2d(inputs, units, kernel, padding=kernel // 2, groups=GROUPS[number - 1])


def initialise(name: str, layer: nn.Module, method: str) -> None:
    """Give a layer its first values: `caffe` as in the paper, `he` for much smaller networks.

    With Caffe's values the signal fades by a factor of about 4 per layer, and training starts
    slowly: a network of a quarter of the width that trains for minutes learns nothing. `he` keeps
    the variance (He et al. 2015, eq. 10).
    """
    if method == "caffe":
        nn.init.normal_(layer.weight, std=GAUSSIAN_STD.get(name, 0.01))
        nn.init.constant_(layer.bias, BIASES[name])
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if name == "fc8" else "relu")
        nn.init.zeros_(layer.bias)
