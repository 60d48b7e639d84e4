"""What reruns after which change, and what does not."""

import json

import pytest
from projects import Project

pytestmark = pytest.mark.slow
REPORTING = {"collect_runs", "compare_with_paper", "judge_findings", "write_report", "all"}
ANALYSES = {"embed": 4, "predict": 2, "induce": 2}
TUNING = {"finetune_classification": 15, "finetune_detection": 4, "finetune_action": 2}
DOWNSTREAM = TUNING | ANALYSES


def test_a_second_run_has_nothing_to_do(project):
    assert "Nothing to be done" in project.run()


def test_where_images_are_kept_reruns_nothing_and_changes_no_number(project):
    run = "transfer/pascal-det/alexnet/imagenet/rep1"
    log = project.folder / f"logs/finetune_detection/{run.removeprefix('transfer/')}.log"
    files = [project.folder / f"results/{run}" / name for name in ("history.csv", "images.csv.gz")]
    before = [file.read_bytes() for file in files]
    assert "kept in memory" in log.read_text()  # in a part of what is available
    project.edit(lambda config: config.update(input={"host_gb": 0, "disk_gb": 1}))
    assert "Nothing to be done" in project.run()
    project.run(f"results/{run}/metrics.json", "--forcerun", f"results/{run}/metrics.json")
    assert "kept on disk (room: GPU 0.0 GB, memory 0.0 GB, disk 1.0 GB)" in log.read_text()
    assert [file.read_bytes() for file in files] == before


def test_a_fine_tuning_recipe_reruns_its_task_alone(project):
    project.edit(lambda config: config["recipes"]["sun"].update(lr=0.002))
    assert project.stages() == {"finetune_classification": 5}


def test_a_pre_training_recipe_reruns_networks_but_no_manifest(project):
    project.edit(lambda config: config["recipes"]["pretrain"].update(momentum=0.8))
    assert project.stages() == {"pretrain": 11} | DOWNSTREAM


def test_a_subset_added_to_figure_1_adds_its_own_jobs(project):
    def add(config):
        config["subsets"]["images-2"] = {**config["subsets"]["imagenet"], "images_per_class": 2}
        config["outputs"]["figure1"]["subsets"].append("images-2")

    project.edit(add)
    own = {"draw_manifest": 2, "pretrain": 2, "finetune_classification": 2, "finetune_detection": 2}
    assert project.stages() == own
    assert set(project.plan()) == set(own) | REPORTING | {"draw_curve"}


def test_an_added_replicate_of_a_task_adds_its_runs(project):
    project.edit(lambda config: config["tasks"]["pascal-det"].update(replicates=3))
    assert project.stages() == {"finetune_detection": 3}


def test_an_added_replicate_of_the_study_adds_its_networks_and_draws(project):
    project.edit(lambda config: config.update(replicates=3))
    assert project.stages() == {
        "draw_manifest": 1,
        "pretrain": 5,
        "embed": 2,
        "predict": 1,
        "induce": 1,
    }


def test_with_fewer_networks_fine_tuning_starts_from_those_that_are_left(project):
    project.edit(lambda config: config.update(replicates=1))
    assert project.stages() == {
        "finetune_detection": 2
    }  # replicate 2 of both subsets, from network 1


def test_one_network_can_be_trained_again_with_what_depends_on_it(project):
    target = "results/pretrain/alexnet/imagenet/rep2/metrics.json"
    assert project.plan("--force", target) == {"pretrain": 1}
    after = {"finetune_detection": 1, "embed": 1, "predict": 1, "induce": 1}
    assert project.stages("all", "--forcerun", target) == {"pretrain": 1} | after


def test_induction_of_unknown_weights_is_measured_again(project):
    """As a version before these were written down left it, when the figure is drawn again."""
    (project.folder / "results/figure4.csv").unlink()
    for path in (project.folder / "results/induction").rglob("*.json"):
        path.unlink()
    assert project.stages() == {"induce": 2}


def test_a_task_that_no_output_shows_needs_no_store(tmp_path):
    project = Project(tmp_path).create()
    project.edit(lambda config: config.update(outputs={"table3": config["outputs"]["table3"]}))
    said = project.run("results/findings.csv", "--dry-run")
    assert "stores/sun397/meta.json" in said
    assert "stores/voc2007/meta.json" not in said


def test_one_replicate_can_be_rerun_and_changes_what_depends_on_it(project):
    target = "results/transfer/pascal-det/alexnet/images-4/rep2/metrics.json"
    before = (project.folder / target).read_bytes()
    assert project.plan("--force", target) == {"finetune_detection": 1}
    project.run("--force", target)
    values = [
        json.loads(data)["metrics"] for data in (before, (project.folder / target).read_bytes())
    ]
    assert values[0] == values[1]
    assert project.plan() == {rule: 1 for rule in [*REPORTING, "make_table", "draw_curve"]}


def test_touched_and_edited_code_reruns_nothing(project):
    for path in project.code.glob("workflow/scripts/*.py"):
        path.write_text(path.read_text() + "\n# reformatted\n")
    for name in ("training/loop.py", "training/stages.py", "models/alexnet.py", "data/store.py"):
        path = project.code / "imagenet_transfer" / name
        path.write_text(path.read_text() + "\n# reformatted\n")
    (project.code / "Snakefile").touch()
    assert "Nothing to be done" in project.run("--dry-run")


def test_reordered_keys_and_moved_data_rerun_nothing(project):
    def shuffle(config):
        config["recipes"] = {
            name: dict(reversed(entry.items()))
            for name, entry in reversed(config["recipes"].items())
        }
        config["datasets"]["sun397"]["root"] = "data/../data/miniature/SUN397"

    project.edit(shuffle)
    assert "Nothing to be done" in project.run("--dry-run")


@pytest.mark.parametrize(
    "stage, jobs",
    [
        ("detection", {"finetune_detection": 6}),
        ("action", {"finetune_action": 3}),
        ("embedding", ANALYSES),
        ("proposals", {"propose_regions": 1, "finetune_action": 3}),
        ("classification", {"pretrain": 11} | DOWNSTREAM | {"finetune_classification": 16}),
        ("manifest", {"draw_manifest": 7, "pretrain": 11} | DOWNSTREAM),
    ],
)
def test_a_raised_version_reruns_its_stage(project, stage, jobs):
    path = project.code / "imagenet_transfer/versions.py"
    path.write_text(path.read_text().replace(f'"{stage}": ', f'"{stage}": 9'))
    assert project.stages() == jobs
