"""Label sets from a file, from features and at random in a workflow: what reruns after a change."""

import csv

import pytest
from projects import PRETRAINED, Project

pytestmark = pytest.mark.slow
LABELS = """class,label
n01503061,animal
n02084071,animal
n02121620,animal
n02691156,vehicle
n02958343,vehicle
"""
SHOWN = ["from-file", "alike", "shuffled"]
TUNED = {"finetune_classification": 2}


def configure(config):
    """Let one table show networks that learn the three label sets; none shows the one behind."""
    network = {"subset": "imagenet", "architecture": "alexnet"}
    config["label_sets"] = {
        "imagenet": {"method": "identity"},
        "from-file": {"method": "file", "path": "labels.csv"},
        "alike": {"method": "visual", "classes": 3, **network},
        "shuffled": {"method": "random-merge", "classes": 3},
        "places-mine": {"method": "file", "path": "places.csv"},
    }
    config["subsets"] = {
        "imagenet": PRETRAINED,
        **{name: PRETRAINED | {"label_set": name} for name in SHOWN},
        "places": PRETRAINED | {"dataset": "places", "label_set": "places-mine"},
    }
    config["tasks"] = {"sun-cls": config["tasks"]["sun-cls"] | {"replicates": 2}}
    table = {"builder": "transfer", "architecture": "alexnet", "tasks": ["sun-cls"]}
    config["outputs"] = {"table-labels": table | {"subsets": SHOWN}}


@pytest.fixture(scope="module")
def finished_labels(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("labels")).create()
    (project.folder / "labels.csv").write_text(LABELS)
    (project.folder / "places.csv").write_text("class,label\na/nowhere,a\nb/bar,b\n")
    project.edit(configure)
    project.run()
    return project


@pytest.fixture
def project(finished_labels, tmp_path):
    return finished_labels.copy(tmp_path / "copy")


def rows(project, name):
    with (project.folder / f"results/label_sets/{name}.csv").open() as file:
        return {row["wnid"]: row for row in csv.DictReader(file)}


def test_the_label_sets_are_those_of_the_file_and_of_each_replicates_network(project):
    found = rows(project, "from-file")
    assert len(found) == 5  # the bottle is not listed
    assert {row["class_name"] for row in found.values()} == {"animal", "vehicle"}
    for name in ("alike", "shuffled"):
        for replicate in ("", "rep2/"):
            labels = [row["label"] for row in rows(project, replicate + name).values()]
            assert len(labels) == 6 and set(labels) == {"0", "1", "2"}
    assert "Nothing to be done" in project.run("--dry-run")
    runs = project.read("runs.csv").decode()
    assert "pretrain,alexnet,imagenet,,2," in runs  # the network behind is among the runs


def test_what_the_file_says_reruns_what_learnt_it_and_nothing_else(project):
    (project.folder / "labels.csv").write_text(LABELS + "n02876657,vehicle\n")
    assert project.stages() == {"make_label_set": 1, "draw_manifest": 1, "pretrain": 2} | TUNED


def test_where_the_file_lies_and_how_it_is_written_reruns_nothing(project):
    (project.folder / "labels.csv").unlink()
    header, *lines = LABELS.splitlines()
    text = "\ufeff" + "\r\n".join([header, *lines[::-1]])
    (project.folder / "sub").mkdir()
    (project.folder / "sub/other.csv").write_text(text)
    project.edit(lambda config: config["label_sets"]["from-file"].update(path="sub/other.csv"))
    assert "Nothing to be done" in project.run("--dry-run")


def test_another_linkage_groups_the_same_features_anew(project):
    project.edit(lambda config: config["label_sets"]["alike"].update(linkage="ward"))
    after = {"group_classes": 2, "draw_manifest": 2, "pretrain": 2}
    assert project.stages() == after | TUNED


def test_one_network_trained_again_groups_its_own_replicates_classes_anew(project):
    network = "results/pretrain/alexnet/imagenet/rep2/metrics.json"
    after = {"embed": 1, "group_classes": 1, "draw_manifest": 1, "pretrain": 2}
    tuned = {"finetune_classification": 1}
    assert project.stages("all", "--forcerun", network) == after | tuned


def test_a_fine_tuning_recipe_reruns_no_label_set(project):
    project.edit(lambda config: config["recipes"]["sun"].update(lr=0.002))
    assert project.stages() == {"finetune_classification": 6}


@pytest.mark.parametrize(
    "stage, jobs",
    [
        ("visual", {"group_classes": 2, "draw_manifest": 2, "pretrain": 2} | TUNED),
        ("embedding", {"embed": 2, "group_classes": 2, "draw_manifest": 2, "pretrain": 2} | TUNED),
    ],
)
def test_a_raised_version_reruns_its_stage(project, stage, jobs):
    path = project.code / "imagenet_transfer/versions.py"
    path.write_text(path.read_text().replace(f'"{stage}": ', f'"{stage}": 9'))
    assert project.stages() == jobs


def test_a_table_refuses_labels_of_another_network(project):
    """As after a copy from another study, of which Snakemake knows nothing."""
    path = project.folder / "results/label_sets/rep2/alike.json"
    path.write_text(path.read_text().replace('"weights": "', '"weights": "0'))
    for name in ("table-labels.csv", "table-labels.md"):
        (project.folder / "results" / name).unlink()
    said = project.run("results/table-labels.md", "--rerun-triggers", "params", expect=1)
    assert "results/label_sets/rep2/alike.csv, which was made with other weights than" in said


def test_classes_that_a_data_set_lacks_are_named_when_the_manifest_is_drawn(project):
    said = project.run("results/manifests/places.csv.gz", expect=1)
    assert "subsets.places: results/label_sets/places-mine.csv has " in said
    assert "classes that its data set does not have (a/nowhere" in said
    assert "Traceback" not in said


def test_a_circle_is_refused_before_anything_runs(project):
    project.edit(lambda config: config["label_sets"]["alike"].update(subset="alike"))
    said = project.run("--dry-run", expect=1)
    assert "label_sets.alike waits for itself: alike is made with the network alike" in said
    assert "Traceback" not in said
