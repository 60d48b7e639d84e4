"""What users read: mistakes in config and data, the plan, and what needs no data."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]


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


def of_the_paper(folder, *words):
    """Return what Snakemake prints about the paper's study in an empty folder."""
    options = ["--directory", folder, "--configfile", ROOT / "configs/paper.yaml"]
    done = subprocess.run([*SNAKEMAKE, *words, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_papers_dry_run_needs_no_data(tmp_path):
    said = of_the_paper(tmp_path, "--dry-run")
    tuned = {"finetune_classification": 37, "finetune_detection": 51, "finetune_action": 36}
    for rule, count in {"pretrain": 20, "embed": 7, **tuned}.items():
        assert re.search(rf"^{rule} +{count}$", said, re.M)


def test_the_papers_label_sets_need_no_data(tmp_path):
    said = of_the_paper(tmp_path, "label_sets", "--dry-run")
    assert re.search(r"^make_label_set +27$", said, re.M)
    assert "pack_store" not in said


def test_the_plan_is_printed_without_data(tmp_path):
    lines = of_the_paper(tmp_path, "plan", "--cores", "1").splitlines()
    total = next(line.split() for line in lines if line.startswith("all outputs"))
    assert total[2:4] == ["20", "124"]
    assert max(map(len, lines)) <= 100
    assert not (tmp_path / "results").exists()


def make_plan(folder, config):
    """Return the exit code of `make plan`, and what it prints to stdout and stderr."""
    words = ["make", "--dry-run", "plan", f"CONFIG={config}", f"DIRECTORY={folder}"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = next(line for line in said.splitlines() if "snakemake plan" in line)
    command = [sys.executable, "-m", "snakemake", *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_make_plan_prints_the_plan(tmp_path):
    code, said, _ = make_plan(tmp_path, ROOT / "configs/paper.yaml")
    assert code == 0
    assert said.startswith("output ")
    assert "all outputs" in said


@pytest.mark.parametrize(
    "before, after, sentence",
    [
        ("recipes:", "recipies:", "unknown key 'recipies'. Did you mean 'recipes'?"),
        ("study: paper", "study: [paper", "Config file is not valid JSON or YAML"),
    ],
)
def test_make_plan_says_what_is_wrong_with_a_config(tmp_path, before, after, sentence):
    text = (ROOT / "configs/paper.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace(f"\n{before}", f"\n{after}"))
    code, _, said = make_plan(tmp_path, tmp_path / "mine.yaml")
    assert code == 1
    assert sentence in said


@pytest.mark.parametrize("words", [["--quiet", "all", "--cores", "1"], ["--cores", "1"], ["-n"]])
def test_a_mistake_is_said_once_however_quiet_snakemake_is_to_be(project, words):
    project.edit(lambda config: config.update(recipies={}))
    said = project.run(*words, expect=1)
    assert said.count("unknown key 'recipies'") == 1


def test_a_class_list_next_to_the_config_is_found(project):
    """Also by the jobs, which read the config again."""
    studies = project.folder.parent / "studies"
    studies.mkdir()
    for name in ("classes.txt", "study.yaml"):
        (project.folder / name).rename(studies / name)
    shutil.rmtree(project.folder / "results/label_sets")
    words = ["--snakefile", project.code / "Snakefile", "--configfile", studies / "study.yaml"]
    target = "results/label_sets/coarse.csv"
    project.run_line(shlex.join(map(str, [target, *words, "--cores", "1"])))
    assert (project.folder / target).exists()
    (studies / "classes.txt").unlink()
    command = [sys.executable, "-m", "snakemake", "-n", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=project.folder, env=project.environment
    )
    assert done.returncode == 1
    assert f"nor a file in {project.folder} and {studies}:" in done.stdout + done.stderr
