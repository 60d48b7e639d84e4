"""Configs of the wrong shape: unknown, missing and misnamed keys, wrong types and sizes."""

import copy
import re

import pytest
from config_changes import (
    ACTION,
    ALEXNET,
    CONFIG,
    DETECTOR,
    PRETRAIN,
    REMOVED,
    STORE,
    changed,
    complaint_about,
)

UNKNOWN_KEYS = [  # at every level, the nearest key named
    ("sead", "the top level has the unknown key 'sead'. Did you mean 'seed'?"),
    (
        "miniature.image_sise",
        "miniature has the unknown key 'image_sise'. Did you mean 'image_size'?",
    ),
    ("miniature.voc.testt", "miniature.voc has the unknown key 'testt'. Did you mean 'test'?"),
    ("miniature.sun.klasses", "Did you mean 'classes'?"),
    ("miniature.action.sizes", "Did you mean 'size'?"),
    ("miniature.places.trains", "Did you mean 'train'?"),
    ("datasets.imagenet.rot", "datasets.imagenet has the unknown key 'rot'. Did you mean 'root'?"),
    (
        f"{STORE}.codek",
        "datasets.imagenet.store has the unknown key 'codek'. Did you mean 'codec'?",
    ),
    (f"{ACTION}.maxboxes", "Did you mean 'max_boxes'?"),
    ("label_sets.imagenet.methods", "Did you mean 'method'?"),
    ("subsets.imagenet.images_per_clas", "Did you mean 'images_per_class'?"),
    (f"{ALEXNET}.conv1_strides", "Did you mean 'conv1_stride'?"),
    (f"{PRETRAIN}.learning_rate", "has the unknown key 'learning_rate'."),
    (f"{DETECTOR}.anchor_scale", "Did you mean 'anchor_scales'?"),
    ("recipes.action.rstarcnn.primarys", "Did you mean 'primaries'?"),
    ("tasks.sun-cls.replicate", "Did you mean 'replicates'?"),
    ("outputs.table1.task", "outputs.table1 has the unknown key 'task'. Did you mean 'tasks'?"),
    ("outputs.figure3.leafs", "Did you mean 'leaves'?"),
]


@pytest.mark.parametrize("path, sentence", UNKNOWN_KEYS)
def test_unknown_keys(path, sentence):
    assert sentence in complaint_about(changed(path, 1))


WRONG_TYPES = [
    ("study", 5, "study is 5, but should be text (put it in quotes)"),
    ("study", None, "study is empty, but should be text"),
    ("seed", "1", "seed is '1', but should be a whole number"),
    ("seed", True, "seed is True, but should be a whole number"),
    ("seed", 3.0, "seed is 3.0, but should be a whole number (write 3)"),
    ("compare_with_paper", 1, "compare_with_paper is 1, but should be true or false"),
    ("compare_with_paper", "no", "compare_with_paper is 'no', but should be true or false"),
    ("classes", ["n02084071"], "classes is ['n02084071'], but should be text"),
    ("classes", "", "classes is '', but should have 1 or more characters"),
    ("miniature", [], "miniature is [], but should be keys with values"),
    ("miniature.voc.size", 128, "miniature.voc.size is 128, but should be a list"),
    ("miniature.voc.size", [128, 96, 3], "should have 2 entries or fewer"),
    (
        "miniature.voc.objects",
        ["dog", "dragon"],
        "objects.1 is 'dragon', but should be one of aeroplane",
    ),
    ("datasets", [], "datasets is [], but should be keys with values"),
    ("datasets", {}, "datasets is {}, but should have 1 or more keys"),
    ("datasets", None, "datasets is empty, but should be keys with values"),
    (
        "datasets.imagenet",
        "ilsvrc",
        "datasets.imagenet is 'ilsvrc', but should be keys with values",
    ),
    ("datasets.imagenet.root", 7, "datasets.imagenet.root is 7, but should be text"),
    (
        "datasets.imagenet.root",
        "",
        "datasets.imagenet.root is '', but should have 1 or more characters",
    ),
    (
        "datasets.imagenet.layout",
        "imagenet",
        "layout is 'imagenet', but should be one of ilsvrc, tiny-imagenet",
    ),
    (
        "datasets.imagenet.images",
        3072,
        "datasets.imagenet.images is 3072, but should be keys with values",
    ),
    (
        "datasets.imagenet.images",
        {"training": 1},
        "datasets.imagenet.images has the name 'training', but should be",
    ),
    (
        "datasets.imagenet.images.train",
        0,
        "datasets.imagenet.images.train is 0, but should be 1 or more",
    ),
    (
        "datasets.voc2007.classes",
        [],
        "datasets.voc2007.classes is [], but should have 1 or more entries",
    ),
    (
        "datasets.voc2007.classes",
        ["dog", "dog"],
        "datasets.voc2007.classes has 'dog' twice; remove one",
    ),
    (
        "datasets.voc2007.year",
        2008,
        "datasets.voc2007.year is 2008, but should be one of 2007, 2012",
    ),
    ("datasets.sun397.partition", 11, "datasets.sun397.partition is 11, but should be 10 or less"),
    (f"{STORE}.max_unreadable", -1, "max_unreadable is -1, but should be 0 or more"),
    (f"{STORE}.max_unreadable", False, "max_unreadable is False, but should be a whole number"),
    (f"{STORE}.size", 70000, "datasets.imagenet.store.size is 70000, but should be 10000 or less"),
    (f"{STORE}.size", 64.5, "datasets.imagenet.store.size is 64.5, but should be a whole number"),
    (f"{STORE}.codec", "png", "codec is 'png', but should be one of jpeg, raw, original"),
    (f"{ACTION}.mode", "slow", "mode is 'slow', but should be one of single, fast, quality"),
    (f"{ACTION}.max_boxes", 0, "max_boxes is 0, but should be 1 or more"),
    (
        "label_sets.pascal-removed.roots",
        "voc",
        "roots is 'voc', which is none of what is allowed there. exclusion:",
    ),
    ("label_sets.pascal-removed.roots", [], "roots is [], which is none of what is allowed there"),
    (
        "label_sets.pascal-removed.roots",
        ["n1"],
        "roots is ['n1'], which is none of what is allowed there",
    ),
    ("label_sets.minimal-a.half", "c", "half is 'c', but should be one of a, b"),
    ("label_sets.top-down-22.round", 0, "round is 0, but should be 1 or more"),
    ("subsets.classes-8.classes", 1, "subsets.classes-8.classes is 1, but should be 2 or more"),
    ("subsets.imagenet", None, "subsets.imagenet is empty, but should be keys with values"),
    (f"{ALEXNET}.pixel_mean", [1, 2], "pixel_mean is [1, 2], but should have 3 or more entries"),
    (f"{ALEXNET}.pixel_mean", 128, "pixel_mean is 128, but should be a list, as in [a, b]"),
    (f"{ALEXNET}.pixel_std", 0, "pixel_std is 0, but should be more than 0"),
    (f"{ALEXNET}.width", 100, "width is 100, but should be 8 or less"),
    (f"{ALEXNET}.width", "0127", "width is '0127', but should be a number"),
    (f"{ALEXNET}.dropout", 1, "dropout is 1, but should be less than 1"),
    (f"{ALEXNET}.fc_width", 10**12, "fc_width is 1000000000000, but should be 65536 or less"),
    (f"{PRETRAIN}.lr", float("nan"), "recipes.pretrain.lr is nan, but should be a number"),
    (f"{PRETRAIN}.lr", float("inf"), "recipes.pretrain.lr is inf, but should be a number"),
    (f"{PRETRAIN}.lr", 0, "recipes.pretrain.lr is 0, but should be more than 0"),
    (f"{PRETRAIN}.lr", "1e-3", "(YAML reads 1e-3 as text, write 0.001 or 1.0e-3; and no quotes)"),
    (f"{PRETRAIN}.lr", [0.1], "recipes.pretrain.lr is [0.1], but should be a number"),
    (f"{PRETRAIN}.lr_gamma", 2, "recipes.pretrain.lr_gamma is 2, but should be 1 or less"),
    (f"{PRETRAIN}.momentum", 1.0, "recipes.pretrain.momentum is 1.0, but should be less than 1"),
    (
        f"{PRETRAIN}.weight_decay",
        -0.1,
        "recipes.pretrain.weight_decay is -0.1, but should be 0 or more",
    ),
    (f"{PRETRAIN}.iterations", 0, "recipes.pretrain.iterations is 0, but should be 1 or more"),
    (
        f"{PRETRAIN}.iterations",
        10**30,
        "iterations is 1000000000000000000000000000000, but should be 1000000000",
    ),
    (f"{PRETRAIN}.batch_size", -24, "recipes.pretrain.batch_size is -24, but should be 1 or more"),
    (f"{PRETRAIN}.lr_steps", 760, "recipes.pretrain.lr_steps is 760, but should be a list"),
    (f"{PRETRAIN}.lr_steps", ["x"], "recipes.pretrain.lr_steps.0 is 'x', but should be a number"),
    (f"{PRETRAIN}.lr_steps", [760, 760], "recipes.pretrain.lr_steps has 760 twice; remove one"),
    (
        f"{PRETRAIN}.precision",
        "float16",
        "precision is 'float16', but should be one of float32, tf32, bfloat16",
    ),
    (f"{DETECTOR}.frozen", ["fc8"], "frozen: fc8 is not a part of architecture alexnet"),
    (
        f"{DETECTOR}.background_iou",
        [0.1],
        "background_iou is [0.1], but should have 2 or more entries",
    ),
    ("recipes.action.rstarcnn.primary_iou", 1.5, "primary_iou is 1.5, but should be 1 or less"),
    ("recipes.action-person.rstarcnn.context", 0, "context is 0, but should be true or false"),
    ("tasks.pascal-det.replicates", 10**9, "replicates is 1000000000, but should be 1000 or less"),
    ("tasks.pascal-det.replicates", 2.5, "replicates is 2.5, but should be a whole number"),
    (
        "tasks.pascal-det.kind",
        "segmentation",
        "kind is 'segmentation', but should be one of classification",
    ),
    ("tasks", "pascal-det", "tasks is 'pascal-det', but should be keys with values"),
    (
        "outputs.table1.builder",
        "graph",
        "outputs.table1.builder is 'graph', but should be one of transfer",
    ),
    (
        "outputs.table1.builder",
        None,
        "outputs.table1.builder is empty, but should be one of transfer",
    ),
    ("outputs.table1", [], "outputs.table1 is [], but should be keys with values"),
    (
        "outputs.table1.subsets",
        "imagenet",
        "outputs.table1.subsets is 'imagenet', but should be a list",
    ),
    (
        "outputs.table1.subsets",
        [],
        "outputs.table1.subsets is [], but should have 1 or more entries",
    ),
    (
        "outputs.table1.subsets",
        ["imagenet", "imagenet"],
        "outputs.table1.subsets has 'imagenet' twice; remove one",
    ),
    ("outputs.table2.rows", [{"title": "a"}], "outputs.table2.rows.0 lacks the key 'subsets'"),
    ("outputs.figure5.queries", ["n02129604", "n02129604"], "queries has 'n02129604' twice"),
    (
        "outputs.figure5.neighbours",
        21,
        "outputs.figure5.neighbours is 21, but should be 20 or less",
    ),
    (
        "outputs.figure7.splits.random",
        ["random-a", "random-a"],
        "splits.random has 'random-a' twice",
    ),
    (
        "outputs.figure7.splits.random",
        ["random-a"],
        "splits.random is ['random-a'], but should have 2 or more",
    ),
    ("outputs.figure9.splits", [], "outputs.figure9.splits is [], but should be keys with values"),
]


@pytest.mark.parametrize("path, value, sentence", WRONG_TYPES)
def test_wrong_types_and_sizes(path, value, sentence):
    assert sentence in complaint_about(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("tasks.pascal-det", {}, "tasks.pascal-det lacks the key 'kind'"),
        (PRETRAIN, {}, "recipes.pretrain lacks the key 'batch_size'"),
        ("datasets", REMOVED, "the top level lacks the key 'datasets'"),
    ],
)
def test_missing_keys(path, value, sentence):
    assert sentence in complaint_about(changed(path, value))


def test_every_missing_key_is_named_once():
    said = complaint_about({"seed": 1})
    assert re.findall(r"lacks the key '(\w+)'", said) == ["study", "datasets"]


NAMES = [
    *("a/b", "../up", "..", ".", "a.b", "a b", "a\nb", "a\n", " a", "-a", "a-", "a--b", "A"),
    *("{subset}", "*", "é", "a_b", "ナ", "x" * 65, "x" * 100_000, "a\x00b", "~", "$HOME", "`id`"),
    *("", "1.0"),
]


SECTIONS = ("subsets", "label_sets", "recipes", "datasets", "architectures", "tasks")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("section", SECTIONS)
def test_text_that_is_not_a_name(section, name):
    config = copy.deepcopy(CONFIG)
    config[section][name] = next(iter(config[section].values()))
    assert f"{section} has the name" in complaint_about(config)


@pytest.mark.parametrize("name", [1, True, None, 2.5, ("a",)])
@pytest.mark.parametrize("section", [*SECTIONS, "outputs"])
def test_names_that_are_not_text(section, name):
    config = copy.deepcopy(CONFIG)
    config[section][name] = next(iter(config[section].values()))
    assert f"{section} has the name" in complaint_about(config)


NAMES_OF_OUTPUTS = [
    *("runs", "report", "config", "comparison", "findings", "table4", "figure0", "figure10"),
    *("table-", "table-a\n", "figure-a/b", "table--a", "tablet", "table-A", "scratch"),
    *("miniature", "label_sets"),
]


@pytest.mark.parametrize("name", NAMES_OF_OUTPUTS, ids=ascii)
def test_text_that_is_not_the_name_of_an_output(name):
    said = complaint_about(changed("outputs", {name: CONFIG["outputs"]["table1"]}))
    assert "outputs are called table1 to table3" in said
