"""Data sets whose classes may be WordNet's: the checks let label sets of WordNet apply to them."""

import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
ENTRIES = {
    "folder": {"held_out": 0.2},
    "list": {"list": "mine.csv", "held_out": 0.1},
    "parquet": {"image_column": "img", "label_column": "fine", "class_names": "ilsvrc2012"},
    "webdataset": {"label_key": "fine", "class_names": "names.txt"},
}
CONFIG = """
study: pets
classes: miniature
datasets: {}
label_sets:
  all: {method: identity}
  merged: {method: bottom-up, depth: 6}
  left: {method: random-split, size: 20, half: a}
  right: {method: random-split, size: 20, half: b}
architectures:
  small: {model: resnet18, image_size: 64, input_size: 56}
recipes:
  short: {batch_size: 4, iterations: 2, lr: 0.1, lr_steps: [], lr_gamma: 0.1, momentum: 0.9,
    weight_decay: 0, fresh_lr_factor: 10, evaluate_every: 2}
subsets:
  all: {dataset: pets, label_set: all, recipe: short}
  merged: {dataset: pets, label_set: merged, recipe: short}
tasks:
  pets-cls: {kind: classification, dataset: pets, recipe: short}
outputs:
  figure3: {builder: clustering, dataset: pets, under: n00001740, leaves: 8, label_sets: [merged]}
  figure5: {builder: neighbours, architecture: small, layer: conv5, subsets: [all, merged],
    queries: [n02129604], neighbours: 3}
  figure8: {builder: collages, dataset: pets, images: 4, splits: {random: [left, right]}}
"""


def study_of(entry: dict, **changes) -> Study:
    config = yaml.safe_load(CONFIG) | changes
    config["datasets"] = {"pets": {"root": "pets", **entry}}
    return Study.of({key: value for key, value in config.items() if value is not None}, SCHEMA)


def complaint(entry: dict, **changes) -> str:
    with pytest.raises(UserError) as caught:
        study_of(entry, **changes)
    return str(caught.value)


@pytest.fixture(params=ENTRIES)
def entry(request):
    return {"layout": request.param, **ENTRIES[request.param]}


def test_label_sets_and_figures_of_wordnet_apply(entry):
    stored = study_of(entry).store_settings("pets")
    assert stored["classes"] is None  # all classes are packed, whatever the study's are
    assert {key: stored["entry"][key] for key in entry} == entry


@pytest.mark.parametrize(
    "layout, sentence",
    [
        ("sun397", "pets has no WordNet classes; give it a label set of method categories"),
        ("voc", "the images of pets have boxes instead of one category"),
    ],
)
def test_they_do_not_apply_to_sets_that_cannot_have_wnids(layout, sentence):
    said = complaint({"layout": layout, "partition": 1, "year": 2007})
    assert sentence in said
    assert "outputs.figure8: pets has no WordNet classes, which builder collages needs" in said


def test_a_study_without_classes_is_asked_for_them(entry):
    said = complaint(entry, classes=None, outputs={})
    assert "label_sets.merged: method bottom-up needs WordNet classes" in said
    assert "datasets.pets" not in said


def test_its_own_classes_need_no_wordnet(entry):
    own = {"subsets": {"own": {"dataset": "pets", "recipe": "short"}}, "label_sets": None}
    study = study_of(entry, classes=None, outputs={}, **own)
    assert study.label_sets == {"pets": {"method": "categories", "dataset": "pets"}}


def test_where_it_lies_changes_no_store(entry):
    other = entry | {"root": "/elsewhere", "num_classes": 9, "images": {"test": 7}}
    assert study_of(entry, outputs={}).store_settings("pets") == study_of(
        other, outputs={}
    ).store_settings("pets")


@pytest.mark.parametrize(
    "entry, sentence",
    [
        ({"layout": "ilsvrc", "held_out": 0.2}, "ilsvrc has no use for the key `held_out`; remove"),
        ({"layout": "folder", "list": "x.csv"}, "layout folder has no use for the key `list`"),
        ({"layout": "list", "class_names": "x"}, "list has no use for the key `class_names`"),
        ({"layout": "webdataset", "label_column": "x"}, "no use for the key `label_column`"),
        ({"layout": "parquet", "classes": ["dog"]}, "parquet has no use for the key `classes`"),
        ({"layout": "folder", "held_out": 0}, "held_out is 0, but should be more than 0"),
        ({"layout": "folder", "held_out": 1}, "held_out is 1, but should be less than 1"),
        ({"layout": "folder", "held_out": "a fifth"}, "but should be a number"),
        ({"layout": "folder", "held_out": float("nan")}, "but should be a number"),
        ({"layout": "list", "list": ""}, "but should have 1 or more characters"),
        ({"layout": "parquet", "class_names": ["a"]}, "class_names is ['a'], but should be text"),
        ({"layout": "folders"}, "layout is 'folders', but should be one of ilsvrc,"),
    ],
)
def test_keys_of_layouts_are_checked(entry, sentence):
    assert sentence in complaint(entry)
