"""Caffe's solver: stochastic gradient descent with momentum, decay and rate of each layer."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from imagenet_transfer.training.recipe import Recipe


class CaffeSGD:
    """Caffe's solver: v <- momentum v + rate (gradient + decay w); w <- w - v.

    Each tensor has its own factors of rate and decay; those with the same ones change together, in
    four operations. `torch.optim.SGD` keeps the rate out of v, which differs for some steps after
    each change of the rate. Its first step also imports torch's compiler, which takes 1.5 seconds
    of every fine-tuning run.
    """

    def __init__(
        self, model: nn.Module, fresh: tuple[str, ...], recipe: Recipe | Mapping[str, Any]
    ):
        recipe = Recipe.of(recipe)
        self.momentum = recipe.momentum
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.velocity = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        self.groups: dict[tuple[float, float], list[str]] = defaultdict(list)
        for name in self.parameters:
            self.groups[solver_factors(name, fresh, recipe)].append(name)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Change the parameters by their gradients at learning rate `lr`."""
        for (factor, decay), names in self.groups.items():
            trained = [name for name in names if self.parameters[name].grad is not None]
            if not trained:
                continue
            parameters = [self.parameters[name] for name in trained]
            velocities = [self.velocity[name] for name in trained]
            gradients = [parameter.grad for parameter in parameters]
            if decay:
                torch._foreach_add_(gradients, parameters, alpha=decay)
            torch._foreach_mul_(velocities, self.momentum)
            torch._foreach_add_(velocities, gradients, alpha=lr * factor)
            torch._foreach_sub_(parameters, velocities)

    def load(self, velocity: Mapping[str, Tensor]) -> None:
        """Take up saved velocities."""
        for name, tensor in self.velocity.items():
            tensor.copy_(velocity[name])


def solver_factors(name: str, fresh: tuple[str, ...], recipe: Recipe) -> tuple[float, float]:
    """Return a parameter's factor of the rate, and its decay.

    As in Caffe's definitions of AlexNet, biases learn twice as fast and do not decay.
    """
    factor = recipe.fresh_lr_factor if fresh and name.startswith(fresh) else 1.0
    return (2.0 * factor, 0.0) if name.endswith("bias") else (factor, recipe.weight_decay)
