"""AlexNet's torch module, as Caffe defines it (BVLC/caffe `models/bvlc_alexnet`).

torchvision's AlexNet is another network: it has no groups, no local response normalisation, other
widths, and dropout before the linear layers.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.models.alexnet import GROUPS, KERNELS, AlexNet
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.geometry import Part

# Caffe's constants
LRN_SIZE = 5
LRN_ALPHA = 1e-4
LRN_BETA = 0.75
BIASES = {
    **{"conv1": 0.0, "conv2": 0.1, "conv3": 0.0, "conv4": 0.1, "conv5": 0.1},
    **{"fc6": 0.1, "fc7": 0.1, "fc8": 0.0},
}
GAUSSIAN_STD = {"fc6": 0.005, "fc7": 0.005}  # of first weights; 0.01 elsewhere


def _window_sum(x: Tensor) -> Tensor:
    """Return, at each channel, the sum over the five channels around it.

    x is N,C,H,W, best in the memory format channels_last.
    """
    channel = torch.arange(x.shape[1], device=x.device)
    band = ((channel[:, None] - channel).abs() <= LRN_SIZE // 2).to(x.dtype)
    return F.linear(x.permute(0, 2, 3, 1), band).permute(0, 3, 1, 2)


class _LocalResponseNorm(torch.autograd.Function):
    """Equal to `nn.LocalResponseNorm(5)` in values and gradients.

    It does without the 3-d pooling there, which takes half of a training step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scale = _window_sum(x * x).mul_(LRN_ALPHA / LRN_SIZE).add_(1.0)
        root = scale.rsqrt()
        power = root.sqrt().mul_(root)  # scale ** -0.75
        ctx.save_for_backward(x, scale, power)
        return x * power

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, scale, power = ctx.saved_tensors
        passed = grad * power
        across = _window_sum((passed * x).div_(scale)).mul_(x)
        return passed.sub_(across, alpha=2 * LRN_ALPHA * LRN_BETA / LRN_SIZE)


def local_response_norm(x: Tensor) -> Tensor:
    """Return x normalised across channels (size 5, alpha 1e-4, beta 0.75, k 1); x is N,C,H,W.

    Mixed precision computes it in float32: next to 1, alpha times a square is below bfloat16's
    resolution.
    """
    with torch.autocast(x.device.type, enabled=False):
        return _LocalResponseNorm.apply(x.float() if x.dtype == torch.bfloat16 else x).to(x.dtype)


class CaffeAlexNet(Backbone):
    """AlexNet with `num_classes` outputs; its modules are conv1 to conv5 and fc6 to fc8."""

    def __init__(self, network: AlexNet, num_classes: int):
        super().__init__(network, {})
        mean = torch.tensor(network.pixel_mean, dtype=torch.float32)
        self.register_buffer("pixel_mean", mean, persistent=False)
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
            return F.dropout(F.relu(layer(x.flatten(1))), self.dropout, self.training)
        number = int(part.name.removeprefix("conv"))
        pad = layer.kernel_size[0] // 2 if dense or number > 1 else 0
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, layer.stride, pad, groups=layer.groups))
        if number > 2:
            return x
        return F.max_pool2d(local_response_norm(x), 3, 2, padding=int(dense), ceil_mode=True)

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
