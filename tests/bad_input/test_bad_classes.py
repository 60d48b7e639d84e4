"""Studies and data sets of one class, which has nothing to be told from."""

import pandas as pd
import pytest
import small_sets
import yaml
from helpers import refusal, write_file
from study_configs import MEASURES, SCHEMA

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.manifests import draw_manifest
from imagenet_transfer.labels.taxonomy import taxonomy_for
from imagenet_transfer.study.study import Study

DOG, CAT = "n02084071", "n02121620"
METHODS = [
    {"method": "identity"},
    {"method": "exclusion", "roots": "pascal"},
    {"method": "bottom-up", "depth": 1},
    {"method": "random-merge", "like": "coarse"},
    {"method": "minimal-split", "depth": 9, "half": "b"},
    {"method": "random-split", "size": 2, "half": "a"},
]


@pytest.mark.parametrize("spec", METHODS, ids=lambda spec: spec["method"])
def test_a_class_list_of_one_class_is_refused_whatever_is_made_of_it(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "classes.txt", f"{DOG}\n")
    config = yaml.safe_load(MEASURES) | {"classes": "classes.txt", "label_sets": {"all": spec}}
    config["label_sets"]["coarse"] = {"method": "bottom-up", "depth": 9}
    config["datasets"]["flowers"] = {"layout": "ilsvrc", "root": "flowers"}
    config["subsets"]["own"]["label_set"] = "all"
    said = refusal(lambda: Study.of(config, SCHEMA), "classes.txt lists only", DOG)
    assert said.count("config:") == 1
    write_file(tmp_path / "classes.txt", f"{DOG}\n{CAT}\nn01440764\n")
    assert Study.of(config, SCHEMA)


def test_a_label_set_that_merges_all_classes_into_one_is_refused():
    wnids = [DOG, CAT]
    images = pd.DataFrame({"image": ["a", "b"], "class": wnids})

    def draw(depth):
        spec = {"method": "bottom-up", "depth": depth}
        label_set = build_label_set(spec, wnids, taxonomy_for(wnids), {}, 1, "merged")
        return draw_manifest(images, label_set, {}, 1, "mine")

    refusal(lambda: draw(1), "subsets.mine", "has only the class n00001930")
    assert len(draw(12).classes) == 2


def test_a_data_set_of_one_scene_is_refused(tmp_path):
    entry = small_sets.make_sun(tmp_path)
    assert len(list_dataset(entry).classes) == 2
    lists = {"ClassName": "/a/abbey", "Training_01": "/a/abbey/sun_a.jpg"}
    for name, line in {**lists, "Testing_01": "/a/abbey/sun_b.jpg"}.items():
        write_file(tmp_path / f"Partitions/{name}.txt", f"{line}\n")
    refusal(lambda: list_dataset(entry), tmp_path, "has only the class a/abbey")


def test_labels_of_a_file_for_images_with_boxes_are_refused_in_a_dry_run(tmp_path):
    labels = write_file(tmp_path / "mine.csv", "class,label\ndog,animal\ncar,thing\n")
    config = yaml.safe_load(MEASURES)
    config["label_sets"] = {"mine": {"method": "file", "path": str(labels)}}
    config["subsets"]["own"]["label_set"] = "mine"
    assert Study.of(config, SCHEMA)
    config["datasets"]["boxed"] = {"layout": "coco", "root": "coco"}
    config["subsets"]["own"]["dataset"] = "boxed"
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    assert "subsets.own.dataset: the images of boxed have boxes" in str(caught.value)


def test_roots_above_no_class_exclude_nothing_and_are_refused():
    wnids = [DOG, CAT]

    def kept(root):
        spec = {"method": "exclusion", "roots": [root]}
        return build_label_set(spec, wnids, taxonomy_for(wnids), {}, 1, "fewer")

    assert kept(DOG)["wnid"].tolist() == [CAT]
    refusal(lambda: kept("n99999999"), "label_sets.fewer excludes nothing")


def test_a_resnet_of_fewer_than_8_channels_is_refused():
    config = yaml.safe_load(MEASURES)
    config["architectures"]["small"]["width"] = 7
    refusal(lambda: Study.of(config, SCHEMA), "small.width is 7", "crash on some processors")
