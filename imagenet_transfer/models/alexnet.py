"""AlexNet as Caffe trained it (BVLC/caffe `models/bvlc_alexnet`), with size, width and first layer as parameters.

It is not torchvision's AlexNet, which has neither groups nor local response normalisation, other widths, and dropout
before the linear layers.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LRN_SIZE, LRN_ALPHA, LRN_BETA = 5, 1e-4, 0.75  # k = 1 [caffe]

# Output channels, input channels, kernel and groups of conv2..conv5, and the initial biases of all layers [caffe].
CONV_CHANNELS = (96, 256, 384, 384, 256)
KERNELS = (None, 5, 3, 3, 3)
GROUPS = (1, 2, 1, 2, 2)
BIASES = {
    "conv1": 0.0,
    "conv2": 0.1,
    "conv3": 0.0,
    "conv4": 0.1,
    "conv5": 0.1,
    "fc6": 0.1,
    "fc7": 0.1,
    "fc8": 0.0,
}
GAUSSIAN_STD = {"fc6": 0.005, "fc7": 0.005}  # 0.01 elsewhere


def _window_sum(x: Tensor) -> Tensor:
    """Return, at each channel, the sum over the five channels around it; x is N,C,H,W, best channels_last."""
    channel = torch.arange(x.shape[1], device=x.device)
    band = ((channel[:, None] - channel).abs() <= LRN_SIZE // 2).to(x.dtype)
    return F.linear(x.permute(0, 2, 3, 1), band).permute(0, 3, 1, 2)


class _LocalResponseNorm(torch.autograd.Function):
    """`nn.LocalResponseNorm(5)` in values and gradients, without its 3-d pooling, which is half of a training step."""

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

    Mixed precision computes it in float32: alpha times a square is below the resolution of bfloat16 beside 1.
    """
    with torch.autocast(x.device.type, enabled=False):
        return _LocalResponseNorm.apply(x.float() if x.dtype == torch.bfloat16 else x).to(x.dtype)


class AlexNet(nn.Module):
    """AlexNet with `num_classes` outputs; `config` is an architecture of the study (keys: see `workflow/schemas`)."""

    def __init__(self, config: Mapping[str, Any], num_classes: int):
        super().__init__()
        self.input_size: int = config["input_size"]
        self.stride: int = 4 * config["conv1_stride"]
        channels = [max(2, round(c * config["width"] / 2) * 2) for c in CONV_CHANNELS]
        self.conv5_channels: int = channels[-1]
        self.fc_width: int = config["fc_width"]
        self.pixel_std: float = config["pixel_std"]
        self.dropout: float = config["dropout"]
        self.register_buffer(
            "pixel_mean", torch.tensor(config["pixel_mean"], dtype=torch.float32), persistent=False
        )

        kernel1, stride1 = config["conv1_kernel"], config["conv1_stride"]
        self.conv1 = nn.Conv2d(3, channels[0], kernel1, stride1)
        for i in range(1, 5):
            kernel, groups = KERNELS[i], GROUPS[i]
            layer = nn.Conv2d(
                channels[i - 1], channels[i], kernel, padding=kernel // 2, groups=groups
            )
            setattr(self, f"conv{i + 1}", layer)
        self.pool5_size: int = self._pool5_size()
        self.fc6 = nn.Linear(channels[-1] * self.pool5_size**2, self.fc_width)
        self.fc7 = nn.Linear(self.fc_width, self.fc_width)
        self.fc8 = nn.Linear(self.fc_width, num_classes)
        for name in BIASES:
            initialise(name, getattr(self, name), config["init"])

    def _pool5_size(self) -> int:
        """Return the side of pool5's output in cells: 6 for 227-pixel images."""
        side = (self.input_size - self.conv1.kernel_size[0]) // self.conv1.stride[0] + 1
        for _ in range(3):  # 3x3 pools of stride 2 that round up
            side = -(-(side - 3) // 2) + 1
        return side

    def preprocess(self, images: Tensor) -> Tensor:
        """Return float BGR images N,3,H,W less the channel mean, from uint8 RGB images N,H,W,3."""
        bgr = images.flip(3).to(self.pixel_mean.dtype).sub_(self.pixel_mean).div_(self.pixel_std)
        return bgr.permute(0, 3, 1, 2)  # channels_last without a copy

    def convolutions(
        self, x: Tensor, dense: bool = False, layers: Iterable[int] = range(1, 6)
    ) -> Tensor:
        """Return the activations after some of conv1..conv5, those of conv1 and conv2 normalised and pooled.

        `dense` pads conv1 and both pools so that a cell of conv5 is `stride` pixels [frcnn].
        """
        for number in layers:
            layer = self.get_submodule(f"conv{number}")
            pad = layer.kernel_size[0] // 2 if dense or number > 1 else 0
            x = F.relu(
                F.conv2d(x, layer.weight, layer.bias, layer.stride, pad, groups=layer.groups)
            )
            if number <= 2:
                x = F.max_pool2d(local_response_norm(x), 3, 2, padding=int(dense), ceil_mode=True)
        return x

    def pool5(self, x: Tensor) -> Tensor:
        """Return conv5's activations pooled: N, channels, pool5_size, pool5_size for images of `input_size`."""
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def fully_connected(self, flat: Tensor) -> Tensor:
        """Return fc7's activations N,fc_width from pooled features flattened in the order C,H,W."""
        x = F.dropout(F.relu(self.fc6(flat)), self.dropout, self.training)
        return F.dropout(F.relu(self.fc7(x)), self.dropout, self.training)

    def embed(self, images: Tensor) -> Tensor:
        """Return fc7's activations N,fc_width of uint8 RGB images N,H,W,3 of `input_size`."""
        return self.fully_connected(
            self.pool5(self.convolutions(self.preprocess(images))).flatten(1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores N,num_classes of uint8 RGB images N,H,W,3 of `input_size`."""
        return self.fc8(self.embed(images))


def initialise(name: str, layer: nn.Module, method: str) -> None:
    """Give a layer its first values: `caffe` as the paper's network [caffe], `he` for networks much smaller than it.

    With Caffe's values the signal fades over the layers (by about 4 each) and training takes off late; a network of a
    quarter of the width, trained for minutes, would never do so. `he` keeps the variance (He et al. 2015, eq. 10).
    """
    if method == "caffe":
        nn.init.normal_(layer.weight, std=GAUSSIAN_STD.get(name, 0.01))
        nn.init.constant_(layer.bias, BIASES[name])
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if name == "fc8" else "relu")
        nn.init.zeros_(layer.bias)
