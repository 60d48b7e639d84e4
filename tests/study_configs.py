"""Configs for tests: those that are shipped, and one with a change."""

import copy

from conftest import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDIES = ["config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml"]
# A network of the study's own, a given one and a random start: fine-tuned and measured as they are
MEASURES = """
study: flowers
replicates: 3
datasets:
  flowers: {layout: sun397, root: flowers, partition: 1, images: {train: 60, test: 40}}
architectures:
  small: {model: resnet18, image_size: 64, input_size: 56}
recipes:
  short: {batch_size: 4, iterations: 2, lr: 0.1, lr_steps: [], lr_gamma: 0.1, momentum: 0.9,
    weight_decay: 0, fresh_lr_factor: 10, evaluate_every: 2}
subsets:
  own: {dataset: flowers, recipe: short}
  bought: {dataset: flowers, weights: "given/{arch}.pt"}
tasks:
  tuned: {kind: classification, dataset: flowers, recipe: short}
  near: {kind: knn, dataset: flowers}
  probed: {kind: probe, dataset: flowers}
  one: {kind: few-shot, dataset: flowers, shots: 1}
  ten: {kind: few-shot, subset: own, shots: 10, method: prototypes}
outputs:
  table-flowers:
    builder: transfer
    architecture: small
    tasks: [tuned, near, probed, one, ten]
    subsets: [own, bought, scratch]
"""


def change(config, path, value):
    """Return a copy with the value at a dotted path set, or removed if it is `...`."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config
