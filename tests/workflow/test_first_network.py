"""The first network is checked before the others are trained, if the config says so."""

import json
import shutil

import pytest
from projects import Project

pytestmark = pytest.mark.slow
FIRST = "results/pretrain/alexnet/imagenet/rep1/metrics.json"
OTHER = "results/pretrain/alexnet/images-4/rep1/metrics.json"
CHECK = "results/first.json"
HOPELESS = {"subset": "imagenet", "top1": 99.5, "within": 0.5}  # after four steps


def set_first(**changes):
    return lambda config: config.update(first=HOPELESS | changes)


def one_table(config):
    """Leave one table: two networks and a random start, fine-tuned once on scenes."""
    table = config["outputs"]["table3"] | {"subsets": ["imagenet", "images-4", "scratch"]}
    config.update(outputs={"table3": table}, replicates=1)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Return a study that its check stopped, and what it said."""
    project = Project(tmp_path_factory.mktemp("stopped")).create()
    project.edit(one_table)
    project.edit(set_first())
    return project, project.run(expect=1)


@pytest.fixture(scope="module")
def passed(stopped, tmp_path_factory):
    """Return that study after the limit was raised, finished."""
    project = stopped[0].copy(tmp_path_factory.mktemp("passed") / "copy")
    project.edit(set_first(within=99.9))
    assert project.stages() == {
        "check_first_network": 1,
        "pretrain": 1,
        "finetune_classification": 3,
    }
    project.run()
    return project


@pytest.fixture
def done(passed, tmp_path):
    return passed.copy(tmp_path / "copy")


def test_a_failed_check_stops_the_rest(stopped):
    project, said = stopped
    trained = [path.parent.parent.name for path in project.folder.rglob("weights.pt")]
    assert trained == ["imagenet"]
    assert not list(project.folder.glob("results/transfer/*"))
    assert not (project.folder / CHECK).exists()
    top1 = next(row["value"] for row in read(project, FIRST)["metrics"] if row["metric"] == "top1")
    sentence = f"{FIRST}: top1 is {top1:.2f} %, but `first` in the config expects 99.5 within 0.5."
    assert sentence in " ".join(said.split())
    assert "raise `first.within`" in said
    assert "Traceback" not in said


def read(project, name):
    return json.loads((project.folder / name).read_text())


def test_a_passed_check_lets_the_rest_go_on(passed):
    record = read(passed, CHECK)
    assert record["network"] == FIRST
    assert (record["expected"], record["within"]) == (99.5, 99.9)
    assert (passed.folder / OTHER).exists()
    assert "Nothing to be done" in passed.run("--dry-run")


def test_other_limits_ask_nothing_again(done):
    done.edit(set_first())
    assert "Nothing to be done" in done.run("--dry-run")


def test_a_check_made_again_makes_nothing_else_again(done):
    assert done.stages("all", "--forcerun", "check_first_network") == {"check_first_network": 1}
    done.run("all", "--forcerun", "check_first_network")
    assert not done.stages()


def test_a_lost_check_makes_nothing_again(done):
    (done.folder / CHECK).unlink()
    assert "Nothing to be done" in done.run("--dry-run")


def test_the_first_network_trained_again_is_checked_again(done):
    again = {"pretrain": 1, "check_first_network": 1, "finetune_classification": 1}
    assert done.stages("all", "--forcerun", FIRST) == again


def test_another_recipe_trains_the_first_network_before_the_others(done):
    done.edit(lambda config: config["recipes"]["pretrain"].update(momentum=0.8))
    done.edit(set_first())  # which it will not reach
    again = {"pretrain": 2, "check_first_network": 1, "finetune_classification": 2}
    assert done.stages() == again
    before = read(done, OTHER)
    done.run(expect=1)
    assert read(done, OTHER) == before


def test_single_targets_wait_except_the_first_network(tmp_path):
    project = Project(tmp_path).create()
    project.edit(one_table)
    project.edit(set_first())
    assert "check_first_network" not in project.stages(FIRST)
    other = project.stages(OTHER)
    assert (other["check_first_network"], other["pretrain"]) == (1, 2)
    scratch = "results/transfer/sun-cls/alexnet/scratch/rep1/metrics.json"
    assert project.stages(scratch)["check_first_network"] == 1
    project.edit(lambda config: config.update(replicates=2))
    second = project.stages(FIRST.replace("rep1", "rep2"))  # the first replicate decides
    assert (second["check_first_network"], second["pretrain"]) == (1, 2)


def test_the_key_added_to_a_finished_study_makes_nothing_again(project):
    project.edit(set_first())
    assert "Nothing to be done" in project.run("--dry-run")
    new = {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"}

    def add(config):
        config["subsets"]["images-2"] = new | {"images_per_class": 2}
        config["outputs"]["figure1"]["subsets"].append("images-2")

    project.edit(add)
    assert project.stages() == {
        "check_first_network": 1,
        "draw_manifest": 2,
        "pretrain": 2,
        "finetune_classification": 2,
        "finetune_detection": 2,
    }


def test_the_key_removed_makes_nothing_again(done):
    done.edit(lambda config: config.pop("first"))
    assert "Nothing to be done" in done.run("--dry-run")


def test_submitted_groups_wait_too(stopped):
    if shutil.which("sbatch") is None:
        pytest.skip("needs SLURM's commands")
    project, _ = stopped
    groups = ("--groups", "finetune_classification=short", "--group-components", "short=4")
    said = project.run("--executor", "slurm", "--jobs", "2", *groups, "--dry-run")
    assert "check_first_network" in said
