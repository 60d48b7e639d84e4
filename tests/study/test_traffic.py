"""The bytes of a training step, counted as it runs, are about those that estimates reckon with."""

import sys
from dataclasses import replace

from conftest import RECIPE, ROOT
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from imagenet_transfer.models import network_of
from imagenet_transfer.study.cards import ACTIVATION_PASSES, FLOAT32, PARAMETER_PASSES
from imagenet_transfer.study.costs import work_outputs
from imagenet_transfer.training.recipe import Recipe

sys.path.insert(0, str(ROOT / "benchmarks"))
from made_tasks import steps_of

VIEWS = {
    *("view", "_unsafe_view", "t", "transpose", "permute", "expand", "slice", "select", "split"),
    *("unsqueeze", "squeeze", "detach", "alias", "as_strided", "unbind", "lift_fresh", "unfold"),
    *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "reshape"),
    *("_reshape_alias", "split_with_sizes", "unflatten"),
}
# AlexNet's normalisation goes other ways on a GPU (models/normalisation.py): there, a step makes 40
# passes, 22 of them in it, or 22 if it is fused; VGG-16 makes 11.
ARCHITECTURE = {"model": "resnet18", "image_size": 72, "input_size": 64}
TIMES = 2.5  # the model is about a factor


class Traffic(TorchDispatchMode):
    """Counts the bytes of all tensors that operations read and write, views left out."""

    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function.overloadpacket.__name__ not in VIEWS:
            tensors = [one for one in tree_leaves((args, kwargs, out)) if isinstance(one, Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in tensors)
        return out


def traffic(architecture, batch):
    """Return the bytes of a step on a number of images."""
    recipe = replace(Recipe.of(RECIPE), batch_size=batch)
    with steps_of("train", architecture, recipe, "cpu") as step:
        step()
        with Traffic() as counted:
            step()
    return counted.bytes


def test_passes_over_outputs_and_parameters():
    network = network_of(ARCHITECTURE)
    few, more = (traffic(ARCHITECTURE, batch) for batch in (2, 4))
    outputs = FLOAT32 * work_outputs("train", network, None)
    parameters = FLOAT32 * network.parameters(1000)
    per_image = (more - few) / 2
    passes = per_image / outputs
    once = (few - 2 * per_image) / parameters
    assert ACTIVATION_PASSES[True] / TIMES < passes < ACTIVATION_PASSES[True] * TIMES
    assert PARAMETER_PASSES[True] / TIMES < once < PARAMETER_PASSES[True] * TIMES
