"""Configs whose values do not go together, or not with the list of classes that they name."""

import os

import pytest
from config_changes import ACTION, ALEXNET, DETECTOR, PRETRAIN, STORE, changed, complaint_about

from imagenet_transfer.labels.taxonomy import read_classes

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
        "recipes.detection.cuda_graph",
        True,
        "recipes.detection.cuda_graph: only classification has steps of one shape, but this recipe is",
    ),
    (
        "recipes.detection.compile",
        True,
        "recipes.detection.compile: only classification has steps of one shape, but this recipe is",
    ),
    (
        f"{PRETRAIN}.iterations",
        500,
        "lr_steps: 1380 lies beyond the end of the training, 500 iterations",
    ),
    (
        f"{ALEXNET}.input_size",
        8,
        "input_size is 8, too small for this alexnet",
    ),
    (f"{ALEXNET}.conv1_kernel", 60, "input_size is 52, too small for this alexnet"),
    (
        f"{ALEXNET}.conv1_stride",
        50,
        "input_size is 52, too small for this alexnet",
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
        "first",
        {"subset": "imagnet", "top1": 57.1, "within": 0.5},
        "first.subset names 'imagnet', which is not in subsets. Did you mean 'imagenet'?",
    ),
    (
        "first",
        {"subset": "imagenet", "architecture": "alex", "top1": 57.1, "within": 0.5},
        "first.architecture names 'alex', which is not in architectures",
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


def test_default_limits_of_an_action_recipe_count_too():
    said = complaint_about(changed("recipes.action.rstarcnn", {"short_side": 2000}))
    assert "rstarcnn: short_side, 2000, exceeds long_side, 1000" in said


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("", "the class list is empty"),
        ("\n \n", "the class list is empty"),
        ("dog\n", "'dog' is not a wnid"),
        ("n02084071, n02121620\n", "'n02084071,' is not a wnid"),
        ("n02084071\nn02084071\n", "the class list has n02084071 twice; remove one"),
        ("n0208407१\n", "is not a wnid"),
        ("\ufeffn02084071\n", "is not a wnid"),
        ("x" * 10_000, "is not a wnid"),
        (b"\xff\xfe\x00", "as it is not text"),
        (bytes(2**22 + 1), "it has more than 4,194,304 bytes"),
    ],
    ids=range(10),
)
def test_lists_of_classes(tmp_path, content, sentence):
    path = tmp_path / "mine.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert sentence in complaint_about(changed("classes", str(path)))


def test_lists_of_classes_that_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, sentence in {
        "": "it is not a regular file",
        "pipe": "it is not a regular file",
        "dangling": "No such file",
        "none": "neither a list of the workflow (ilsvrc2012, miniature, tiny-imagenet) nor a file",
        "x" * 5000: "neither a list of the workflow",
        "a\x00b": "neither a list of the workflow",
    }.items():
        assert sentence in complaint_about(changed("classes", str(tmp_path / name)))
    assert "it is not a regular file" in complaint_about(changed("classes", "/dev/zero"))
    assert "neither a list of the workflow" in complaint_about(
        changed("classes", "../classes/miniature")
    )


def test_the_miniatures_classes_are_a_list_of_the_workflow():
    assert len(read_classes("miniature")) == 64
