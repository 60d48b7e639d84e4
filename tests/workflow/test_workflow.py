"""The workflow as users run it: one whole study of a minute, what reruns after which change, and what they read."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest
from conftest import ROOT
from projects import Project

from imagenet_transfer.files import read_json, sha256_of
from imagenet_transfer.labels.manifests import read_manifest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that has run once; tests work on copies of it."""
    project = Project(tmp_path_factory.mktemp("finished")).create()
    project.run()
    return project


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


def test_the_table_holds_every_cell_with_its_replicates(finished):
    table = pd.read_csv(finished.folder / "results/table2.csv")
    assert list(table) == [
        "subset",
        "n_classes",
        "n_images",
        "task",
        "metric",
        "mean",
        "std",
        "n",
        "paper",
    ]
    cells = {(row.subset, row.task): row.n for row in table.itertuples()}
    subsets, tasks = ("images-4", "imagenet", "scratch"), {"pascal-det": 2, "sun-cls": 1}
    assert cells == {(subset, task): n for subset in subsets for task, n in tasks.items()}
    assert table.set_index("subset").loc["images-4", "n_images"].tolist() == [24, 24]
    assert table["paper"].isna().all()
    assert "more classes" in finished.read("table2.md").decode()
    assert (finished.folder / "results/miniature.png").stat().st_size > 10_000


def test_every_number_can_be_traced(finished):
    runs = pd.read_csv(finished.folder / "results/runs.csv")
    names = "stage arch subset task rep seed metric value unit fingerprint commit wall_s"
    assert list(runs) == names.split()
    assert runs[["seed", "fingerprint", "commit", "value"]].notna().all(axis=None)
    record = read_json(
        finished.folder / "results/transfer/pascal-det/alexnet/imagenet/rep2/metrics.json"
    )
    assert {"python", "torch", "numpy"} <= set(record["provenance"]["versions"])
    assert record["provenance"]["device"]
    mean = runs[
        (runs["task"] == "pascal-det") & (runs["subset"] == "imagenet") & (runs["metric"] == "mAP")
    ]["value"].mean()
    table = pd.read_csv(finished.folder / "results/table2.csv").set_index(["subset", "task"])
    assert table.loc[("imagenet", "pascal-det"), "mean"] == pytest.approx(mean)


def test_no_state_is_left_behind(finished):
    assert not list(finished.folder.rglob("state.pt")) + list(finished.folder.rglob("*.tmp"))


def test_a_second_run_has_nothing_to_do(project):
    assert "Nothing to be done" in project.run()


REPORTING = {"collect_runs", "compare_with_paper", "judge_findings", "write_report", "all"}
NETWORKS = {
    "coarse": 2,
    "imagenet": 2,
    "images-4": 2,
    "minimal-a": 2,
    "minimal-b": 2,
    "places": 1,
}  # as outputs need
ANALYSES = {"embed": 4, "predict": 2, "induce": 2}
DOWNSTREAM = {
    "finetune_classification": 15,
    "finetune_detection": 4,
    "finetune_action": 2,
} | ANALYSES


def test_every_output_is_there(finished):
    names = {path.name for path in (finished.folder / "results").iterdir() if path.is_file()}
    own = {
        f"{name}.{suffix}"
        for name in ("correlation", "coarse-limit")
        for suffix in ("png", "svg", "csv")
    }
    own |= {"correlation-points.csv"}
    assert own <= names
    names -= own
    figures = {f"figure{n}.{suffix}" for n in range(1, 10) for suffix in ("png", "svg")}
    figures |= {f"figure{n}.csv" for n in (1, 2, 4, 5, 6, 9)}
    figures |= {f"figure-all-layers.{suffix}" for suffix in ("png", "svg", "csv")}
    tables = {
        f"{name}.{suffix}"
        for name in ("table1", "table2", "table3", "table-context")
        for suffix in ("csv", "md")
    }
    others = {
        "runs.csv",
        "comparison.csv",
        "findings.csv",
        "power.csv",
        "report.html",
        "miniature.png",
        "config.yaml",
    }
    assert names == figures | tables | others


def test_networks_that_outputs_share_are_trained_once(finished):
    trained = Counter(
        path.parts[-3]
        for path in finished.folder.glob("results/pretrain/alexnet/*/rep*/weights.pt")
    )
    assert trained == NETWORKS
    runs = pd.read_csv(finished.folder / "results/runs.csv").drop_duplicates(
        ["subset", "task", "rep", "stage"]
    )
    assert runs["stage"].value_counts().to_dict() == {"transfer": 25, "pretrain": 11}


def test_claims_and_the_papers_numbers_are_said_not_to_compare(finished):
    findings = pd.read_csv(finished.folder / "results/findings.csv")
    assert findings["comparable"].str.startswith("within this study only").all()
    assert set(findings["verdict"]) <= {"holds", "does not", "cannot tell"}
    comparison = pd.read_csv(finished.folder / "results/comparison.csv")
    assert comparison["difference"].isna().all()
    assert comparison["note"].str.contains("comparing makes no sense").all()
    page = finished.read("report.html").decode()
    assert all(f"Figure {n}" in page for n in range(1, 10))
    assert not re.search(r"(?:src|href)=.https?:", page)


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


def record(project, folder):
    return read_json(project.folder / "results" / folder / "metrics.json")


def test_fine_tuning_started_from_the_network_of_its_replicate(finished):
    for subset in ("imagenet", "images-4"):
        networks = [record(finished, f"pretrain/alexnet/{subset}/rep{rep}") for rep in (1, 2)]
        runs = [
            record(finished, f"transfer/pascal-det/alexnet/{subset}/rep{rep}") for rep in (1, 2)
        ]
        assert [run["inputs"]["weights"] for run in runs] == [
            network["weights"] for network in networks
        ]
        assert [run["network"] for run in runs] == [1, 2]
        files = [
            finished.folder / f"results/pretrain/alexnet/{subset}/rep{rep}/weights.pt"
            for rep in (1, 2)
        ]
        assert [sha256_of(path) for path in files] == [network["weights"] for network in networks]
        assert networks[0]["weights"] != networks[1]["weights"]
    scratch = record(finished, "transfer/pascal-det/alexnet/scratch/rep2")
    assert (scratch["inputs"]["weights"], scratch["network"]) == (None, "")


def test_replicates_learn_draws_of_their_own_where_something_is_drawn(finished):
    manifests = finished.folder / "results/manifests"
    assert sorted(path.name for path in (manifests / "rep2").iterdir()) == [
        "images-4.csv.gz",
        "images-4.json",
    ]
    draws = [
        set(read_manifest(manifests / part / "images-4.csv.gz").rows["image"])
        for part in ("", "rep2")
    ]
    assert len(draws[0]) == len(draws[1]) == 24
    assert draws[0] != draws[1]
    networks = [record(finished, f"pretrain/alexnet/images-4/rep{rep}") for rep in (1, 2)]
    digests = [read_json(manifests / part / "images-4.json")["digest"] for part in ("", "rep2")]
    assert [network["inputs"]["manifest"] for network in networks] == digests
    whole = [record(finished, f"pretrain/alexnet/imagenet/rep{rep}") for rep in (1, 2)]
    assert whole[0]["inputs"] == whole[1]["inputs"]
    assert whole[0]["seed"] != whole[1]["seed"]
    assert [network["seed"] for network in whole] == [
        network["seed"] for network in networks
    ]  # in pairs


def test_figures_have_a_row_for_each_replicate(finished):
    frames = {n: pd.read_csv(finished.folder / f"results/figure{n}.csv") for n in (4, 6)}
    assert all(sorted(set(frame["rep"])) == [1, 2] for frame in frames.values())
    assert (
        frames[6].groupby("class_wnid")["similarity"].nunique() <= 1
    ).all()  # by pixels: the same in all replicates
    bars = pd.read_csv(finished.folder / "results/figure9.csv")
    assert bars.groupby("network")["n"].unique().map(list).to_dict() == {
        "everything": [1],
        "half": [1],
        "own": [2],
    }


def forget(project):
    """Delete what Snakemake remembers, as if results had been copied here without it, and what is to be made again."""
    shutil.rmtree(project.folder / ".snakemake")
    (project.folder / "results/table2.csv").unlink()


def test_runs_of_other_settings_are_refused_where_snakemake_does_not_know(project):
    forget(project)
    project.edit(lambda config: config["recipes"]["sun"].update(lr=0.002))
    said = project.run("results/table2.csv", expect=1)
    assert re.search(
        r"transfer/sun-cls/alexnet/\S+/rep1/metrics.json was computed with another recipe", said
    )
    assert not (project.folder / "results/table2.csv").exists()


@pytest.mark.parametrize(
    "target, change, sentence",
    [
        (
            "table2",
            lambda c: c["subsets"]["images-4"].update(images_per_class=3),
            r"images-4/rep1/metrics.json rests on results/manifests/images-4.json, which was not drawn by the "
            "images_per_class that this study's config asks for",
        ),
        (
            "figure2",
            lambda c: c["label_sets"]["coarse"].update(depth=8),
            r"coarse/rep1/metrics.json rests on results/label_sets/coarse.csv, which is not the label set that",
        ),
        (
            "table2",
            lambda c: c.update(replicates=1),
            r"pascal-det/alexnet/\S+/rep2/metrics.json started from other weights than those that replicate 1",
        ),
    ],
)
def test_what_runs_rest_on_is_checked_where_snakemake_does_not_know(
    project, target, change, sentence
):
    forget(project)
    (project.folder / f"results/{target}.csv").unlink(missing_ok=True)
    project.edit(change)
    said = project.run(f"results/{target}.csv", expect=1)
    assert re.search(sentence, said), said[-3000:]


def test_a_draw_that_was_refused_is_made_again_with_what_depends_on_it(project):
    forget(project)
    project.edit(lambda config: config["subsets"]["images-4"].update(images_per_class=3))
    said = project.run("results/table2.csv", expect=1)
    for draw in ("", "rep2/"):
        project.run("--force", f"results/manifests/{draw}images-4.json")
    assert (
        "snakemake --force results/manifests/images-4.json, and then call the same command" in said
    )
    project.run("results/table2.csv")
    table = pd.read_csv(project.folder / "results/table2.csv").set_index("subset")
    assert table.loc["images-4", "n_images"].tolist() == [18, 18]


def test_induction_of_other_weights_is_refused_where_snakemake_does_not_know(project):
    forget(project)
    (project.folder / "results/figure4.csv").unlink()
    network = project.folder / "results/pretrain/alexnet/imagenet/rep2/metrics.json"
    changed, before = json.loads(network.read_text()), network.stat()
    network.write_text(json.dumps(changed | {"weights": "0" * 64}))
    os.utime(network, (before.st_atime, before.st_mtime))
    said = project.run("results/figure4.csv", expect=1)
    assert (
        "induction/alexnet/coarse/rep2/imagenet-fc7.csv was computed from other weights than those of"
        in said
    )


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


def test_runs_from_other_weights_are_refused_where_snakemake_does_not_know(project):
    forget(project)
    network = project.folder / "results/pretrain/alexnet/images-4/rep2/metrics.json"
    changed, before = json.loads(network.read_text()), network.stat()
    network.write_text(
        json.dumps(changed | {"weights": "0" * 64})
    )  # it was trained again elsewhere
    os.utime(network, (before.st_atime, before.st_mtime))
    said = project.run("results/table2.csv", expect=1)
    assert (
        "transfer/pascal-det/alexnet/images-4/rep2/metrics.json started from other weights" in said
    )


@pytest.mark.parametrize("target, part", [("figure6", "predictions"), ("figure4", "embeddings")])
def test_analyses_of_other_weights_are_refused_where_snakemake_does_not_know(project, target, part):
    forget(project)
    for suffix in ("csv", "png", "svg"):
        (project.folder / f"results/{target}.{suffix}").unlink()
    shutil.rmtree(project.folder / "results/induction")
    network = project.folder / "results/pretrain/alexnet/imagenet/rep2/metrics.json"
    changed, before = json.loads(network.read_text()), network.stat()
    network.write_text(json.dumps(changed | {"weights": "0" * 64}))
    os.utime(network, (before.st_atime, before.st_mtime))
    said = project.run(f"results/{target}.csv", expect=1)
    assert re.search(rf"{part}/alexnet/imagenet/rep2\S* was computed from other weights", said)


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


def test_a_killed_workflow_continues_to_the_same_table(project):
    table, runs = project.read("table2.csv"), project.read("runs.csv")
    shutil.rmtree(project.folder / "results")
    running = subprocess.Popen(
        project.command("results/table2.csv", "results/runs.csv"),
        env=project.environment,
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    weights = project.folder / "results/pretrain/alexnet/imagenet/rep1/weights.pt"
    limit = time.monotonic() + 120
    while not weights.exists() and time.monotonic() < limit:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (project.folder / "results/table2.csv").exists()
    project.run("--unlock")
    project.run("results/table2.csv", "results/runs.csv")
    assert project.read("table2.csv") == table
    values = [
        pd.read_csv(project.folder / "results/runs.csv"),
        pd.read_csv(pd.io.common.BytesIO(runs)),
    ]
    assert values[0].drop(columns="wall_s").equals(values[1].drop(columns="wall_s"))


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda c: c.update(recipies={}), "unknown key 'recipies'. Did you mean 'recipes'?"),
        (
            lambda c: c["outputs"]["table2"]["references"].append("imagnet"),
            "names 'imagnet', which is not in subsets",
        ),
        (
            lambda c: c.update(study="other"),
            "holds the results of the study 'small', not of 'other'",
        ),
    ],
)
def test_mistakes_in_the_config_are_said_before_anything_runs(project, change, sentence):
    project.edit(change)
    said = project.run("--dry-run", expect=1)
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda root: shutil.rmtree(root), "ILSVRC2012"),
        (lambda root: shutil.rmtree(next((root / "train").iterdir())), "train"),
        (lambda root: next(root.glob("train/*/*.JPEG")).unlink(), "48"),
        (lambda root: next(root.glob("train/*/*.JPEG")).write_bytes(b"\xff\xd8\xff"), "unreadable"),
    ],
)
def test_damaged_data_get_a_sentence(project, damage, sentence):
    root = project.folder / "data/miniature/ILSVRC2012"
    damage(root)
    (project.folder / "stores/imagenet/meta.json").unlink()
    said = project.run("stores/imagenet/meta.json", expect=1)
    error = re.search(r"^Error: .*", said, re.M)
    assert error and sentence in error[0], said[-3000:]
    assert "Traceback" not in said
    assert not (project.folder / "stores/imagenet/meta.json").exists()


def test_the_papers_dry_run_needs_no_data(tmp_path):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
    ]
    done = subprocess.run(
        [*command, "--configfile", ROOT / "configs/paper.yaml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tuned = {"finetune_classification": 37, "finetune_detection": 51, "finetune_action": 36}
    for rule, count in {"pretrain": 20, "embed": 7, **tuned}.items():
        assert re.search(rf"^{rule} +{count}$", done.stdout, re.M)


def test_the_papers_label_sets_need_no_data(tmp_path):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "label_sets",
        "--dry-run",
        "--snakefile",
        ROOT / "Snakefile",
    ]
    options = ["--directory", tmp_path, "--configfile", ROOT / "configs/paper.yaml"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^make_label_set +27$", done.stdout, re.M)
    assert "pack_store" not in done.stdout


def test_the_plan_is_printed_without_data(tmp_path):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "plan",
        "--cores",
        "1",
        "--snakefile",
        ROOT / "Snakefile",
    ]
    options = ["--directory", tmp_path, "--configfile", ROOT / "configs/paper.yaml"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    total = next(
        line.split() for line in done.stdout.splitlines() if line.startswith("all outputs")
    )
    assert total[2:5] == ["20", "124", "7"]
    assert not (tmp_path / "results/plan.csv").exists()
