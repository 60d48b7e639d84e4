"""Mistakes in a config: each gets a sentence that names the key, what is wrong and what to do."""

import pytest
import yaml
from conftest import ROOT
from study_configs import SCHEMA, change

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import check_owner, read_config
from imagenet_transfer.study.study import Study

HALVES = {"builder": "splits", "splits": {"random": ["random-a", "random-b"]}, "depth": 3}


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        ("recipies", {}, "the top level has the unknown key 'recipies'. Did you mean 'recipes'?"),
        (
            "recipes.pretrain.Lr",
            0.1,
            "recipes.pretrain has the unknown key 'Lr'. Did you mean 'lr'?",
        ),
        ("recipes.pretrain.lr", ..., "recipes.pretrain lacks the key 'lr'"),
        ("recipes.pretrain.lr", "1e-3", "recipes.pretrain.lr is '1e-3', but should be a number"),
        ("recipes.pretrain.lr", -0.1, "recipes.pretrain.lr is -0.1"),
        (
            "recipes.pretrain.epochs",
            3,
            "recipes.pretrain needs either `iterations` or `epochs`, and not both",
        ),
        ("subsets.images-24.images_per_class", 0, "subsets.images-24.images_per_class is 0"),
        (
            "subsets.images-24.label_set",
            "imgnet",
            "names 'imgnet', which is not in label_sets. Did you mean 'imagenet'?",
        ),
        ("subsets.Images", {}, "names are lower-case letters"),
        (
            "subsets.scratch",
            {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"},
            "is reserved",
        ),
        (
            "outputs.table2.references",
            ["imagnet"],
            "outputs.table2 names 'imagnet', which is not in subsets",
        ),
        (
            "outputs.table2.tasks",
            ["sun"],
            "outputs.table2.tasks names 'sun', which is not in tasks",
        ),
        ("outputs.table2.columns", ["1/2"], "the row 'more classes' has 3 subsets for 1 columns"),
        ("tasks.pascal-det.recipe", "sun", "its recipe sun lacks the section `detector`"),
        ("tasks.sun-cls.recipe", "detection", "has a section `detector`"),
        ("tasks.sun-cls.metric", "mAP", "mAP is not a metric of kind classification"),
        ("tasks.sun-cls.metric", "AP/dog", "AP/dog is not a metric of kind classification"),
        ("tasks.pascal-det.metric", "top1", "top1 is not a metric of kind detection"),
        (
            "tasks.pascal-det.metric",
            "AP/",
            "is 'AP/', which is none of what is allowed there. The metric that tables",
        ),
        ("tasks.pascal-det.recipe", ..., "kind detection needs the key `recipe`"),
        ("tasks.pascal-det.replicates", 0, "tasks.pascal-det.replicates is 0"),
        ("datasets.imagenet.store.size", 32, "datasets.imagenet.store.size is 32"),
        ("datasets.sun397.partition", ..., "needs the key `partition`"),
        ("architectures.alexnet.input_size", 65, "input_size exceeds image_size"),
        ("miniature", ..., "needs the section `miniature`"),
        (
            "label_sets.imagenet.method",
            "bottomup",
            "should be one of identity, categories, bottom-up",
        ),
        ("seed", "two", "seed is 'two'"),
        ("miniature.places", ..., "places365 needs the key `places` in the section `miniature`"),
        ("datasets.voc2012-action.proposals", ..., "needs the section `proposals`"),
        (
            "datasets.voc2012-action.proposals",
            {"method": "selective-search"},
            "needs the key `mode`",
        ),
        ("datasets.voc2012-action.proposals", {"method": "file"}, "needs the key `path`"),
        (
            "datasets.voc2007.store",
            {"codec": "jpeg", "size": 64, "max_unreadable": 0},
            "is stored warped",
        ),
        ("datasets.voc2007.year", 2012, "voc2007.year: voc2007 is not rendered as the year 2012"),
        (
            "datasets.voc2007.classes",
            ["dog", "fire/truck"],
            "classes.1 is 'fire/truck', but names of classes have 1 to 100 printable characters",
        ),
        ("datasets.voc2007.classes", ["dog\n"], "'dog\\n', but names of classes have 1 to 100"),
        ("datasets.voc2007.classes", ["dog" * 40], "but names of classes have 1 to 100"),
        ("datasets.voc2007.classes", [7], "classes.0 is 7, but should be text (put it in quotes)"),
        (
            "tasks.pascal-det.metric",
            "AP/dgo",
            "AP/dgo is about none of the classes of voc2007. Did you mean 'dog'?",
        ),
        ("tasks.pascal-det.metric", "AP/a/b", "is none of what is allowed there. The metric that"),
        (
            "recipes.action.rstarcnn.secondary_iou",
            [0.75, 0.2],
            "the first limit, 0.75, exceeds the second, 0.2",
        ),
        ("subsets.images-3.recipe", "last-layer", "last-layer is for fine-tuning"),
        ("subsets.images-3.recipe", "detection", "detection is for fine-tuning"),
        ("subsets.places.label_set", "imagenet", "places has no WordNet classes"),
        (
            "subsets.imagenet.label_set",
            "places",
            "holds the categories of another data set than imagenet",
        ),
        ("replicates", 0, "replicates is 0"),
        ("datasets", ..., "lacks the key 'datasets'"),
        ("outputs.figure2.tasks", ["imagenet-cls"], "is shown as `accuracy` already"),
        (
            "outputs.figure5.subsets",
            ["imagenet", "places"],
            "features of several data sets (imagenet, places)",
        ),
        (
            "outputs.figure6.subset",
            "bottom-up-12",
            "'bottom-up-12' was not trained on fine classes",
        ),
        (
            "datasets.voc2007.proposals",
            {"method": "selective-search"},
            "has no use for `proposals`",
        ),
        (
            "label_sets.bottom-up-12.depth",
            ...,
            "label_sets.bottom-up-12: method bottom-up needs the key `depth`",
        ),
        ("label_sets.imagenet.depth", 3, "method identity has no use for the key `depth`"),
        (
            "label_sets.places.dataset",
            "place",
            "names 'place', which is not in datasets. Did you mean 'places'?",
        ),
        (
            "tasks.pascal-act.recipe",
            "detection",
            "its recipe detection lacks the section `rstarcnn`",
        ),
        (
            "tasks.pascal-act.dataset",
            "voc2007",
            "kind action needs actions, as data sets of layout voc-action have, unlike voc2007",
        ),
        (
            "tasks.pascal-det.dataset",
            "voc2012-action",
            "kind detection needs boxes, as data sets of layout voc or coco or list have, unlike ",
        ),
        (
            "tasks.sun-cls.dataset",
            "voc2007",
            "voc2007 has boxes instead of one category per image; take kind detection.",
        ),
        (
            "datasets.coco",
            {"layout": "coco", "root": "coco", "train_annotations": "../a.json"},
            "datasets.coco.train_annotations: ../a.json leads out of `root`; name a path in it",
        ),
        (
            "datasets.coco",
            {"layout": "coco", "root": "coco", "images_folder": "/"},
            "datasets.coco.images_folder: / leads out of `root`; name a path in it",
        ),
        (
            "datasets.coco",
            {"layout": "coco", "root": "coco", "year": 2017},
            "datasets.coco.year is 2017, but should be one of 2007, 2012",
        ),
        (
            "datasets.coco",
            {"layout": "coco", "root": "coco", "year": 2007},
            "datasets.coco: layout coco has no use for the key `year`; remove it",
        ),
        (
            "datasets.mine",
            {"layout": "list", "root": "mine", "boxes": False, "bad_boxes": "skip"},
            "datasets.mine: layout list has a use for the key `bad_boxes` only with `boxes: true`",
        ),
        (
            "datasets.mine",
            {"layout": "list", "root": "mine", "boxes": "boxes.csv"},
            "datasets.mine.boxes is 'boxes.csv', but should be true or false",
        ),
        (
            "datasets.sun397.bad_boxes",
            "skip",
            "datasets.sun397: layout sun397 has no use for the key `bad_boxes`; remove it",
        ),
        (
            "datasets.voc2007.bad_boxes",
            "keep",
            "datasets.voc2007.bad_boxes is 'keep', but should be one of refuse, skip",
        ),
        ("tasks.half-random-a.subset", "random-c", "names 'random-c', which is not in subsets"),
        (
            "tasks.half-random-a.dataset",
            "imagenet",
            "needs the key `dataset`, or (classification) `subset`",
        ),
        (
            "outputs.figure1.builder",
            "table",
            "outputs.figure1.builder is 'table', but should be one of",
        ),
        ("outputs.figure1.accuracy", ..., "outputs.figure1 lacks the key 'accuracy'"),
        (
            "outputs.figure1.subset",
            "imagenet",
            "outputs.figure1 has the unknown key 'subset'. Did you mean 'subsets'?",
        ),
        (
            "outputs.figure2.accuracy",
            "imagenet",
            "names 'imagenet', which is not in tasks. Did you mean 'imagenet-cls'?",
        ),
        (
            "outputs.figure3.label_sets",
            ["bottom-up-4"],
            "names 'bottom-up-4', which is not in label_sets",
        ),
        ("outputs.figure4.baseline", "scratch", "names 'scratch', which is not in subsets"),
        ("outputs.figure4.subsets", ["images-24"], "the labels of 'images-24' merge no classes"),
        ("outputs.figure5.queries", ["tiger"], "wnids are the letter n and eight digits"),
        (
            "outputs.figure9.splits.random",
            ["half-random-a", "sun-cls"],
            "should name the half as its `subset`",
        ),
        (
            "outputs.table1",
            {"builder": "splits", "splits": {}, "depth": 3},
            "outputs.table1.splits is {}",
        ),
        ("outputs.table1", HALVES, "outputs.table1: builder splits makes no table"),
        ("outputs.fig1", {"builder": "curve"}, "outputs are called table1 to table3"),
    ],
)
def test_a_mistake_gets_a_sentence(config, path, value, sentence):
    with pytest.raises(UserError) as caught:
        Study.of(change(config, path, value), SCHEMA)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("study: a\nseed: 1\nseed: 2\n", "line 3: the key 'seed' appears twice"),
        ("study: [a\n", "cannot be read as YAML"),
        ("- a\n", "should hold the keys of a study, but holds list"),
        ("study: !!python/object/apply:os.system ['echo']\n", "cannot be read as YAML"),
    ],
)
def test_yamls_own_traps(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml") as caught:
        read_config(tmp_path / "config.yaml")
    assert sentence in str(caught.value)


def test_the_schema_describes_every_key():
    def undescribed(node, path):
        for key, entry in node.get("properties", {}).items():
            if "description" not in entry and entry.get("type") != "object":
                yield f"{path}.{key}"
            yield from undescribed(entry, f"{path}.{key}")
            yield from undescribed(entry.get("items", {}), f"{path}.{key}")
        if isinstance(node.get("additionalProperties"), dict):
            yield from undescribed(node["additionalProperties"], path)

    assert not list(undescribed(yaml.safe_load(SCHEMA.read_text()), ""))
    assert "default:" not in SCHEMA.read_text()


def test_results_of_another_study_are_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("study: paper\n")
    check_owner(tmp_path / "config.yaml", "paper")
    check_owner(tmp_path / "absent.yaml", "paper")
    with pytest.raises(UserError, match="the study 'paper', not of 'miniature'"):
        check_owner(tmp_path / "config.yaml", "miniature")
