"""A training recipe: its keys and the only defaults, without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagenet_transfer.keys import choice, flag, from_mapping, key, listed, number, schema_of, whole
from imagenet_transfer.models.region_configs import DetectorConfig, RegionConfig, RStarConfig

SECTIONS: Mapping[str, type[RegionConfig]] = {
    config.SECTION: config for config in (DetectorConfig, RStarConfig)
}
IMAGES = 1_000_000  # more than any batch


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; `iterations` or `epochs` gives its length and lr_steps' unit."""

    batch_size: int = whole("Images per batch.", maximum=IMAGES)
    accumulate: int = whole(
        "Batches whose gradients are averaged for one iteration ({default}).", 1, maximum=IMAGES
    )
    iterations: int | None = whole("Length in iterations; lr_steps count iterations too.", None)
    epochs: float | None = number(
        "Length in epochs; lr_steps count epochs too.", None, exclusiveMinimum=0, maximum=IMAGES
    )
    lr: float = number("First learning rate; biases learn twice as fast.", exclusiveMinimum=0)
    lr_steps: Sequence[float] = listed(
        "When the rate is multiplied by lr_gamma ({default}).",
        (),
        items={"type": "number", "exclusiveMinimum": 0},
        uniqueItems=True,
    )
    lr_gamma: float = number(
        "Factor of the learning rate at each step ({default}).",
        0.1,
        exclusiveMinimum=0,
        maximum=1,
    )
    momentum: float = number("Momentum of SGD ({default}).", 0.9, minimum=0, exclusiveMaximum=1)
    weight_decay: float = number(
        "L2 decay of weights; biases have none ({default}).", 0.0005, minimum=0
    )
    fresh_lr_factor: float = number(
        "Factor of the rate in layers that replace pre-trained ones ({default}).",
        1,
        exclusiveMinimum=0,
    )
    evaluate_every: int | None = whole(
        "Iterations between evaluations (rows of history.csv); without it, only at the end.", None
    )
    precision: str = choice(
        "Arithmetic of convolutions and matrix products on a GPU: float32; tf32, its faster and "
        "coarser form; or bfloat16, automatic mixed precision ({default}). Normalisation, losses "
        "and the solver always use float32. A CPU takes float32 for tf32.",
        "float32",
        "tf32",
        "bfloat16",
        default="float32",
    )
    fused_lrn: bool = flag(
        "On a GPU, AlexNet's normalisation as one kernel of Triton, which moves a sixth of the "
        "memory ({default}).",
        False,
    )
    compile: bool = flag(
        "classification: the network is compiled by torch.compile, which takes minutes at the start "
        "of each job and needs a C++ compiler ({default}).",
        False,
    )
    cuda_graph: bool = flag(
        "classification, on a GPU: steps are recorded once and repeated as a CUDA graph, for small "
        "networks that the processor cannot keep up with ({default}).",
        False,
    )
    layers: str = choice(
        "classification: train every layer, or only the last on frozen features ({default}).",
        "all",
        "last",
        default="all",
    )
    detector: DetectorConfig | None = key(
        "detection: every switch of Faster R-CNN.", None, **schema_of(DetectorConfig)
    )
    rstarcnn: RStarConfig | None = key(
        "action: every switch of R*CNN.", None, **schema_of(RStarConfig)
    )

    @classmethod
    def of(cls, recipe: "Recipe | Mapping[str, Any]") -> "Recipe":
        """Return the recipe of a part of the config; a recipe stays as it is.

        Raises UserError if it has an unknown key.
        """
        if isinstance(recipe, Recipe):
            return recipe
        sections = {
            name: config.from_mapping(recipe[name])
            for name, config in SECTIONS.items()
            if recipe.get(name) is not None
        }
        return from_mapping(cls, {**recipe, **sections}, "The recipe")

    @property
    def images_per_iteration(self) -> int:
        """Return the number of images in one step of the solver."""
        return self.batch_size * self.accumulate

    def images(self, num_images: float) -> float:
        """Return how many images a training on a set of `num_images` sees."""
        if self.iterations is not None:
            return self.iterations * self.images_per_iteration
        return self.epochs * num_images

    @property
    def work(self) -> str:
        """Return which kind of work it is: train, last-layer, detection or action."""
        if self.detector is not None:
            return "detection"
        if self.rstarcnn is not None:
            return "action"
        return "last-layer" if self.layers == "last" else "train"


def recipe_schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe."""
    lengths = [{"required": ["iterations"]}, {"required": ["epochs"]}]
    return {**schema_of(Recipe), "oneOf": lengths}
