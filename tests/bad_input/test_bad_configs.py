"""Configs that are wrong: each mistake ends in a sentence that names the key or the line, whatever it is."""

import copy
import os
import random
import re

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDIES = [
    ROOT / name for name in ("config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml")
]
CONFIG = read_config(STUDIES[0])
REMOVED = object()


def changed(path, value, config=CONFIG):
    """Return a copy with the value at a dotted path set, or removed."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return config


def complaint_about(config):
    """Return the sentences about a config, after a look at their form."""
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    return checked_sentences(str(caught.value))


def checked_sentences(said):
    for line in said.splitlines():
        assert len(line) < 700, line
        assert line.endswith((".", "?", ")")), line
    assert len(set(said.splitlines())) == len(said.splitlines()), said
    return said


PRETRAIN, DETECTOR, STORE = (
    "recipes.pretrain",
    "recipes.detection.detector",
    "datasets.imagenet.store",
)
ALEXNET, ACTION = "architectures.alexnet", "datasets.voc2012-action.proposals"

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
        "precision is 'float16', but should be one of float32, bfloat16",
    ),
    (f"{DETECTOR}.frozen", ["fc8"], "frozen.0 is 'fc8', but should be one of conv1"),
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
    "path", [".".join((a, b)) for a in ("tasks", "recipes") for b in list(CONFIG[a])[:1]] + ["seed"]
)
def test_missing_keys(path):
    config = changed(path, {} if "." in path else REMOVED)
    assert "lacks the key" in complaint_about(config)


def test_every_missing_key_is_named_once():
    said = complaint_about({"study": "a"})
    assert re.findall(r"lacks the key '(\w+)'", said) == [
        *(
            "seed",
            "replicates",
            "compare_with_paper",
            "classes",
            "datasets",
            "label_sets",
            "subsets",
        ),
        *("architectures", "recipes", "tasks", "tolerances", "outputs"),
    ]


ENTRY = {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"}
NAMES = [
    *(
        "a/b",
        "../up",
        "..",
        ".",
        "a.b",
        "a b",
        "a\nb",
        "a\n",
        " a",
        "-a",
        "a-",
        "a--b",
        "A",
        "{subset}",
        "*",
        "é",
        "a_b",
    ),
    *("ナ", "x" * 65, "x" * 100_000, "a\x00b", "~", "$HOME", "`id`", "", "1.0"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize(
    "section", ["subsets", "label_sets", "recipes", "datasets", "architectures", "tasks"]
)
def test_names_that_are_no_names(section, name):
    config = copy.deepcopy(CONFIG)
    config[section][name] = next(iter(config[section].values()))
    assert f"{section} has the name" in complaint_about(config)


@pytest.mark.parametrize("name", [1, True, None, 2.5, ("a",)])
def test_names_that_are_no_text(name):
    config = copy.deepcopy(CONFIG)
    config["subsets"][name] = ENTRY
    assert "subsets has the name" in complaint_about(config)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "runs",
            "report",
            "config",
            "comparison",
            "findings",
            "table4",
            "figure0",
            "figure10",
            "table-",
            "table-a\n",
        ),
        *("figure-a/b", "table--a", "tablet", "table-A", "scratch", "miniature", "label_sets"),
    ],
    ids=ascii,
)
def test_names_of_outputs_that_are_no_names(name):
    said = complaint_about(changed("outputs", {name: CONFIG["outputs"]["table1"]}))
    assert "outputs are called table1 to table3" in said


WRONG_TOGETHER = [
    ("study", "a/b", "study is 'a/b', but"),
    (
        f"{PRETRAIN}.lr_steps",
        [920, 760],
        "recipes.pretrain.lr_steps: 920, 760 do not ascend; put them in order",
    ),
    (
        f"{PRETRAIN}.lr_steps",
        [760, 1500],
        "lr_steps: 1500 lies beyond the end of the training, 1500 iterations",
    ),
    (
        f"{PRETRAIN}.iterations",
        500,
        "lr_steps: 1380 lies beyond the end of the training, 500 iterations",
    ),
    (
        f"{ALEXNET}.input_size",
        8,
        "input_size is 8, too small for conv1_kernel 7 and conv1_stride 3",
    ),
    (f"{ALEXNET}.conv1_kernel", 60, "input_size is 52, too small for conv1_kernel 60"),
    (
        f"{ALEXNET}.conv1_stride",
        50,
        "input_size is 52, too small for conv1_kernel 7 and conv1_stride 50",
    ),
    (f"{ALEXNET}.image_size", 50, "input_size exceeds image_size (50)"),
    (f"{DETECTOR}.short_side", 200, "detector: short_side, 200, exceeds long_side, 128"),
    (
        f"{DETECTOR}.rpn_negative_iou",
        0.9,
        "detector: rpn_negative_iou, 0.9, exceeds rpn_positive_iou, 0.7",
    ),
    (
        f"{DETECTOR}.background_iou",
        [0.5, 0.1],
        "background_iou: the first limit, 0.5, exceeds the second, 0.1",
    ),
    (f"{STORE}.quality", 90, "datasets.imagenet.store: codec raw has no use for the key `quality`"),
    (
        "datasets.voc2007.store.size",
        64,
        "datasets.voc2007.store: codec original has no use for the key `size`",
    ),
    (
        "datasets.imagenet.year",
        2007,
        "datasets.imagenet: layout ilsvrc has no use for the key `year`",
    ),
    (
        "datasets.imagenet.partition",
        1,
        "datasets.imagenet: layout ilsvrc has no use for the key `partition`",
    ),
    (
        "datasets.sun397.classes",
        ["dog"],
        "datasets.sun397: layout sun397 has no use for the key `classes`",
    ),
    ("datasets.imagenet.render", "sun397", "sun397 is rendered in the layout sun397, not ilsvrc"),
    (f"{ACTION}.path", "x.csv", "method selective-search has no use for the key `path`"),
    (
        ACTION,
        {"method": "file", "path": "x.csv", "mode": "fast"},
        "method file has no use for the key `mode`",
    ),
    (
        "label_sets.places.dataset",
        "voc2007",
        "the images of voc2007 have boxes instead of one category",
    ),
    (
        "label_sets.random-a.size",
        64,
        "label_sets.random-a.size is 64, but the study has 64 classes; take fewer",
    ),
    (
        "subsets.classes-32.classes",
        65,
        "subsets.classes-32.classes is 65, but the study has 64 classes; take fewer",
    ),
    ("subsets.imagenet.dataset", "voc2007", "subsets.imagenet: voc2007 has no WordNet classes"),
    ("subsets.imagenet.label_set", "images-24", "names 'images-24', which is not in label_sets"),
    ("subsets.imagenet.recipe", "imagenet", "names 'imagenet', which is not in recipes"),
    ("subsets.imagenet.dataset", "subsets", "names 'subsets', which is not in datasets"),
    ("tasks.half-random-a.subset", "scratch", "names 'scratch', which is not in subsets"),
    (
        "tasks.half-random-a.subset",
        "half-random-a",
        "names 'half-random-a', which is not in subsets",
    ),
    ("tasks.sun-cls.dataset", "voc2007", "voc2007 has boxes instead of one category per image"),
    (
        "tasks.sun-cls.average_precision",
        "11-point",
        "kind classification has no use for the key `average_precision`",
    ),
    (
        "outputs.figure1.accuracy",
        "pascal-det",
        "pascal-det is of kind detection; accuracy needs kind classification",
    ),
    (
        "outputs.figure3.dataset",
        "voc2007",
        "voc2007 has no WordNet classes, which builder clustering needs",
    ),
    ("outputs.figure3.label_sets", ["places"], "the label set 'places' holds categories"),
    (
        "outputs.figure7.splits.random",
        ["places", "random-a"],
        "the label set 'places' holds categories",
    ),
    (
        "outputs.figure8.dataset",
        "places",
        "places has no WordNet classes, which builder collages needs",
    ),
    (
        "outputs.figure5.subsets",
        ["places"],
        "places has no WordNet classes, which builder neighbours needs",
    ),
    (
        "outputs.figure5.queries",
        ["n99999999"],
        "n99999999 is not one of the study's classes (miniature)",
    ),
    ("outputs.figure6.label_set", "places", "the label set 'places' holds categories"),
    ("outputs.figure6.subset", "scratch", "names 'scratch', which is not in subsets"),
    (
        "outputs.table1.architecture",
        "vgg",
        "names 'vgg', which is not in architectures. It has: alexnet.",
    ),
    ("outputs.table1.subsets", ["Scratch"], "subsets.0 is 'Scratch', but names are lower-case"),
    ("outputs.table1.subsets", ["table1"], "names 'table1', which is not in subsets"),
    ("outputs.table1.tasks", ["table1"], "names 'table1', which is not in tasks"),
    ("outputs.figure9.baseline", "half", "names 'half', which is not in subsets"),
    ("tasks", {}, "which is not in tasks. It has: nothing."),
]


@pytest.mark.parametrize("path, value, sentence", WRONG_TOGETHER)
def test_what_does_not_go_together(path, value, sentence):
    assert sentence in complaint_about(changed(path, value))


def test_an_action_recipe_s_default_limits_count_too():
    said = complaint_about(changed("recipes.action.rstarcnn", {"short_side": 2000}))
    assert "rstarcnn: short_side, 2000, exceeds long_side, 1000" in said


# Lists of classes


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("", "the class list is empty"),
        ("\n \n", "the class list is empty"),
        ("dog\n", "'dog' is no wnid"),
        ("n02084071, n02121620\n", "'n02084071,' is no wnid"),
        ("n02084071\nn02084071\n", "the class list has n02084071 twice; remove one"),
        ("n0208407१\n", "is no wnid"),
        ("\ufeffn02084071\n", "is no wnid"),
        ("x" * 10_000, "is no wnid"),
        (b"\xff\xfe\x00", "as it is not text"),
        (bytes(2**22 + 1), "it has more than 4,194,304 bytes"),
    ],
    ids=range(10),
)
def test_lists_of_classes(tmp_path, content, sentence):
    path = tmp_path / "mine.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert sentence in complaint_about(changed("classes", str(path)))


def test_lists_of_classes_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, sentence in {
        "": "it is no regular file",
        "pipe": "it is no regular file",
        "dangling": "No such file",
        "none": "neither a list of the workflow (ilsvrc2012, miniature, tiny-imagenet) nor a file",
        "x" * 5000: "neither a list of the workflow",
        "a\x00b": "neither a list of the workflow",
    }.items():
        assert sentence in complaint_about(changed("classes", str(tmp_path / name)))
    assert "it is no regular file" in complaint_about(changed("classes", "/dev/zero"))
    assert "neither a list of the workflow" in complaint_about(
        changed("classes", "../classes/miniature")
    )


# Properties

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["scratch", "imagenet", "n02084071", "fc7", "../x", "1e-3", "a\n", "{arch}", "x" * 300]
    ),
    st.dates(),
    st.binary(max_size=4),
    st.lists(
        st.one_of(st.integers(-2, 300), st.sampled_from(["imagenet", "sun-cls", "n02084071"])),
        max_size=4,
    ),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def places_of(node, path=()):
    """Yield the place of every value in nested dictionaries and lists."""
    entries = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in entries:
        yield (*path, key)
        yield from places_of(value, (*path, key))


ALL = {path.name: (read_config(path), list(places_of(read_config(path)))) for path in STUDIES}


def mutate(config, place, how, value):
    """Return a copy of a config with the value at a place replaced, removed, or renamed."""
    config = copy.deepcopy(config)
    *parents, last = place
    around = config
    for key in parents:
        around = around[key]
    if how == "replace":
        around[last] = value
    elif how == "remove":
        del around[last]
    elif isinstance(around, list):
        around.append(value)
    else:
        around[value if value.__hash__ else str(value)] = around.pop(last)
    return config


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_any_mutation_is_a_study_or_gets_a_sentence(data):
    name = data.draw(st.sampled_from(sorted(ALL)))
    config, places = ALL[name]
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places))
        how, value = (
            data.draw(st.sampled_from(["replace", "replace", "remove", "rename"])),
            data.draw(junk),
        )
        try:
            config = mutate(config, place, how, value)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # the first change took the place of the second away
    try:
        study = Study.of(config, SCHEMA)
    except UserError as error:
        checked_sentences(str(error))
        return
    for output in study.outputs:
        study.output_layout(output), study.pretrain_runs(output), study.embeddings(output)
    for dataset in study.datasets:
        study.store_settings(dataset)
    study.reporting_settings()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(STUDIES))
def test_a_damaged_file_is_a_study_or_gets_a_sentence(tmp_path_factory, seed, source):
    draw = random.Random(seed)
    text = bytearray(source.read_bytes())
    for _ in range(draw.randint(1, 3)):
        at, length = draw.randrange(len(text)), draw.choice([0, 1, 1, 5, 200])
        text[at : at + length] = draw.choice(
            [b"", b"\t", b"{", b"]", b":", b"\xff", b"&a ", b"*a", b"\n", b"- ", b"|", b"0"]
        )
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(text)
    try:
        Study.of(read_config(path), SCHEMA)
    except UserError as error:
        checked_sentences(str(error))


def test_the_miniature_s_classes_are_a_list_of_the_workflow():
    assert len(read_classes("miniature")) == 64
