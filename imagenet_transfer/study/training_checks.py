"""Checks of networks and recipes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.models import network_of
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.study.outputs import architectures_named, subsets_named, values
from imagenet_transfer.training.recipe import SECTIONS, Recipe

Config = Mapping[str, Any]


def network_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the sizes of architectures."""
    for name, entry in config["architectures"].items():
        for problem in network_of(entry).problems():
            yield f"architectures.{name}.{problem}"


def recipe_problems(config: Config) -> Iterable[str]:
    """Yield what is wrong with recipes: steps out of order, limits the wrong way round."""
    for name, entry in config["recipes"].items():
        recipe = Recipe.of(entry)
        yield from _step_problems(f"recipes.{name}", recipe)
        yield from _speed_problems(f"recipes.{name}", recipe)
        for section in SECTIONS:
            if (switches := getattr(recipe, section)) is not None:
                yield from _switch_problems(f"recipes.{name}.{section}", switches)


def _step_problems(where: str, recipe: Recipe) -> Iterator[str]:
    unit = "iterations" if recipe.iterations is not None else "epochs"
    length = getattr(recipe, unit)
    steps = list(recipe.lr_steps)
    if sorted(steps) != steps:
        yield f"{where}.lr_steps: {_listed(steps)} do not ascend; put them in order."
    elif steps and steps[-1] >= length:
        yield (
            f"{where}.lr_steps: {steps[-1]} lies beyond the end of the training, {length} {unit}; "
            "remove it."
        )


def _speed_problems(where: str, recipe: Recipe) -> Iterator[str]:
    """Yield switches of the step that do not go with the rest of the recipe."""
    for key in ("compile", "cuda_graph"):
        if getattr(recipe, key) and recipe.work in ("detection", "action"):
            yield (
                f"{where}.{key}: only classification has steps of one shape, but this recipe is for "
                f"{recipe.work}; set it to false."
            )
    if recipe.cuda_graph and recipe.compile:
        yield f"{where}: cuda_graph and compile do not go together; keep one of them."
    if recipe.cuda_graph and recipe.accumulate > 1:
        yield (
            f"{where}.cuda_graph: a recorded step has one batch, but accumulate is "
            f"{recipe.accumulate}; set cuda_graph to false."
        )


def _switch_problems(where: str, switches: Any) -> Iterator[str]:
    """Yield the limits of a detector or of R*CNN that are the wrong way round."""
    for low, high in (("short_side", "long_side"), ("rpn_negative_iou", "rpn_positive_iou")):
        first = getattr(switches, low, 0)
        second = getattr(switches, high, first)
        if first > second:
            yield f"{where}: {low}, {first}, exceeds {high}, {second}."
    for key in ("background_iou", "secondary_iou"):
        first, second = getattr(switches, key, (0, 1))
        if first > second:
            yield f"{where}.{key}: the first limit, {first}, exceeds the second, {second}."


def part_problems(config: Config) -> Iterator[str]:
    """Yield parts that recipes freeze and layers that outputs ask for, but that networks lack."""
    for name, entry in config["outputs"].items():
        for architecture in architectures_named(entry):
            yield from _part_problems(config, name, entry, architecture)


def _part_problems(
    config: Config, name: str, entry: Mapping[str, Any], architecture: str
) -> Iterator[str]:
    network = _network(config, architecture)
    if network is None:
        return
    for task in _tasks_of(entry):
        yield from _frozen_problems(config, architecture, network, task)
    for where, layer in _layers_of(config, name, entry):
        if layer not in network.feature_sizes(1):
            yield (
                f"{where}: {layer} is not a layer of architecture {architecture} that "
                f"features are taken from; take one of {_listed(network.feature_sizes(1))}."
            )
        elif layer == network.last and where.startswith("tasks."):
            yield from _score_problems(where, name, entry, layer)


def _layers_of(config: Config, name: str, output: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the layers that an output, or a measure that it shows, asks for, and their keys."""
    if "layer" in output:
        yield f"outputs.{name}.layer", output["layer"]
    for task in [*_tasks_of(output), *values(output, "accuracy")]:
        if "layer" in config["tasks"].get(task, {}):
            yield f"tasks.{task}.layer", config["tasks"][task]["layer"]


def _score_problems(where: str, name: str, output: Mapping[str, Any], layer: str) -> Iterator[str]:
    """Yield that a random start has no class scores whose features could be measured."""
    if SCRATCH in subsets_named(output):
        yield (
            f"{where}: {layer} holds the scores of the classes that a network was trained on, which "
            f"the random start in outputs.{name} has none of; take an earlier layer."
        )


def _frozen_problems(
    config: Config, architecture: str, network: Network, task: str
) -> Iterator[str]:
    name = config["tasks"].get(task, {}).get("recipe")
    recipe = config["recipes"].get(name, {})
    parts = [part.name for part in network.parts]
    for section in SECTIONS:
        for part in recipe.get(section, {}).get("frozen", ()):
            if part not in parts:
                yield (
                    f"recipes.{name}.{section}.frozen: {part} is not a part of architecture "
                    f"{architecture} that can be frozen; take some of {_listed(parts)}."
                )


def _tasks_of(output: Mapping[str, Any]) -> list[str]:
    """Return the tasks that an output's networks are fine-tuned for."""
    halves = [half for pair in output.get("splits", {}).values() for half in pair]
    return [*output.get("tasks", []), *halves]


def _network(config: Config, architecture: str) -> Network | None:
    """Return the description of an architecture; None if it is missing or not valid."""
    try:
        return network_of(config["architectures"][architecture])
    except (KeyError, UserError):
        return None


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
