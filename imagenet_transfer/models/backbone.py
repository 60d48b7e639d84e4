"""The contract for networks, in torch: what stages do with any network."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from imagenet_transfer.models.geometry import IMAGENET_MEAN, IMAGENET_STD, Network, Part


class Backbone(nn.Module):
    """A network whose modules have the paths that `network.paths` returns."""

    def __init__(self, network: Network, modules: Mapping[str, nn.Module]):
        super().__init__()
        self.network = network
        self._trunk = network.trunk()  # kept, as each step asks for them
        self._head = network.head()
        self._kept: list[nn.Module] = []  # normalisation layers whose statistics do not change
        mean = torch.tensor(IMAGENET_MEAN).mul_(255)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.register_buffer("pixel_std", torch.tensor(IMAGENET_STD).mul_(255), persistent=False)
        for name, module in modules.items():
            self.add_module(name, module)

    def preprocess(self, images: Tensor) -> Tensor:
        """Return float RGB images N,3,H,W, normalised by channel, from uint8 RGB images N,H,W,3."""
        pixels = images.to(self.pixel_mean.dtype).sub_(self.pixel_mean).div_(self.pixel_std)
        return pixels.permute(0, 3, 1, 2)  # channels_last without a copy

    def run_part(self, part: Part, x: Tensor, dense: bool = False) -> Tensor:
        """Return a part's output.

        With `dense`, a cell of the trunk's map stands for `network.stride` pixels of a whole image.
        """
        return self._through(part.modules, x)

    def _through(self, paths: Iterable[str], x: Tensor) -> Tensor:
        for path in paths:
            x = self.get_submodule(path)(x)
        return x

    def run_trunk(
        self, x: Tensor, dense: bool = False, parts: Sequence[Part] | None = None
    ) -> Tensor:
        """Return the map N,channels,H,W of preprocessed images, or the output of some parts."""
        for part in self._trunk if parts is None else parts:
            x = self.run_part(part, x, dense)
        return x

    def run_pool(self, x: Tensor) -> Tensor:
        """Return the trunk's map of images of the input size, pooled for the head."""
        return self._through(self.network.pool, x)

    def run_head(self, pooled: Tensor, upto: str | None = None) -> Tensor:
        """Return the vectors N,vector_size of pooled maps, or the output of the part `upto`."""
        x = pooled
        for part in self._head:
            x = self.run_part(part, x)
            if part.name == upto:
                break
        return x

    def activations(self, images: Tensor, layer: str) -> Tensor:
        """Return a layer's features N,D of uint8 RGB images N,H,W,3 of the input size.

        `layer` is one of `network.feature_sizes`.
        """
        pooled = self.run_pool(self.run_trunk(self.preprocess(images)))
        if layer == self.network.last:
            return self.last(self.run_head(pooled))
        return self.run_head(pooled, upto=layer)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores N,num_classes of uint8 RGB images N,H,W,3 of the input size."""
        return self.activations(images, self.network.last)

    @property
    def last(self) -> nn.Linear:
        """Return the last layer, which gives the class scores."""
        return self.get_submodule(self.network.last_module)

    def drop_last(self) -> None:
        """Remove the last layer: networks that judge regions have their own."""
        parent, _, name = self.network.last_module.rpartition(".")
        delattr(self.get_submodule(parent), name)

    def freeze(self, *parts: str) -> None:
        """Freeze some parts: neither their parameters nor their statistics change."""
        for path in self.network.paths(*parts):
            module = self.get_submodule(path).requires_grad_(False)
            self._kept += norms_of(module)
        self.train(self.training)

    def keep_statistics(self) -> None:
        """Keep the statistics of all normalisation layers, as is usual for training on regions."""
        self._kept = norms_of(self)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Set training mode; normalisation layers of frozen parts stay in evaluation mode."""
        super().train(mode)
        for layer in self._kept:
            layer.eval()
        return self


def norms_of(module: nn.Module) -> list[nn.Module]:
    """Return a module's normalisation layers that have statistics."""
    kind = nn.modules.batchnorm._BatchNorm
    return [layer for layer in module.modules() if isinstance(layer, kind)]
