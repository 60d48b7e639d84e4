"""The profiles: every rule of the workflow is either local or has what it needs on a cluster."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.figures.builders import BUILDERS, FIGURES
from imagenet_transfer.training.kinds import KINDS

RULES = "\n".join(
    path.read_text()
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
)


@pytest.fixture(scope="module")
def slurm():
    return yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())


def blocks():
    """Return rule -> its text, those of figures' builders and of kinds of tasks included."""
    parts = re.split(r"^(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:\n", RULES, flags=re.M)
    texts = (re.split(r"\n(?=\S)", text)[0] for text in parts[2::2])  # up to what is not indented
    found = dict(zip(parts[1::2], texts, strict=True))
    on_gpu = {kind: BUILDERS[kind].gpu for kind in FIGURES}
    drawn = {True: "gpu=gpus", False: "localrule: True"}
    for kind, gpu in on_gpu.items():
        found |= dict.fromkeys(
            [f"draw_{kind.replace('-', '_')}{end}" for end in ("", "_pdf")], drawn[gpu]
        )
    of = {name: "measure" if kind.frozen else "finetune" for name, kind in KINDS.items()}
    return found | {f"{of[name]}_{name.replace('-', '_')}": "gpu=gpus" for name in KINDS}


def local_rules():
    return {rule for rule, text in blocks().items() if "localrule: True" in text}


def test_each_rule_is_local_or_has_resources_of_its_own(slurm):
    assert local_rules().isdisjoint(slurm["set-resources"])
    assert local_rules() | set(slurm["set-resources"]) == set(blocks())


def test_rules_that_ask_for_a_gpu_get_one_and_no_others(slurm):
    asking = {rule for rule, text in blocks().items() if "gpu=gpus" in text}
    assert {rule for rule, wanted in slurm["set-resources"].items() if wanted.get("gpu")} == asking


def test_time_and_memory_grow_with_the_attempt(slurm):
    for wanted in slurm["set-resources"].values():
        for resource in ("runtime", "mem_mb"):
            asked = [
                eval(wanted[resource], {"attempt": attempt, "min": min}) for attempt in range(1, 50)
            ]
            assert asked[0] < asked[1] and asked == sorted(asked)
            assert asked[-1] == asked[-2], f"{resource} grows beyond what any cluster has"


def test_rules_on_the_login_node_are_counted_and_submitted_ones_are_not(slurm):
    assert slurm["default-resources"]["login"] == 1
    assert {wanted["login"] for wanted in slurm["set-resources"].values()} == {0}
    assert "login=2" in slurm["resources"]


def test_both_profiles_rerun_for_the_same_reasons(slurm):
    default = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert default["rerun-triggers"] == slurm["rerun-triggers"] == ["mtime", "params", "input"]
    assert default["max-checksum-file-size"] == slurm["max-checksum-file-size"]


def test_no_profile_starts_a_solver_that_fails_where_temporary_files_cannot_be_written(slurm):
    default = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert default["scheduler"] == slurm["scheduler"] == "greedy"


def dry_run(folder, *words):
    """Return rule -> what a dry run of the paper's study says of its (last) job."""
    options = ["--snakefile", ROOT / "Snakefile", "--directory", folder, "--slurm-no-account"]
    options += ["--configfile", ROOT / "configs/paper.yaml"]
    command = [sys.executable, "-m", "snakemake", "-n", *map(str, [*words, *options])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout + done.stderr
    return dict(re.findall(r"^(?:local)?rule (\w+):\n((?: .+\n)+)", said, flags=re.M))


def threads(job):
    """Return the threads of a job, of which Snakemake says nothing if it is one."""
    return int((re.findall(r"^    threads: (\d+)$", job, flags=re.M) or [1])[0])


NETWORK = "results/pretrain/alexnet/imagenet/rep1/metrics.json"
BOXES = "proposals/voc2012-action/boxes.json"


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--workflow-profile", "--profile"])
def test_snakemake_takes_it(tmp_path, option):
    job = dry_run(tmp_path, NETWORK, option, ROOT / "profiles/slurm")["pretrain"]
    assert {"mem_mb=16000", "runtime=720", "gpu=1", "login=0"} <= set(
        re.findall(r"\w+=\w+", job)
    ), job
    if option == "--workflow-profile":
        assert threads(job) == 8  # `cores` of profiles/default would cap it at the login node's


@pytest.mark.slow
def test_threads_of_one_rule_on_the_command_line_leave_those_of_the_others(tmp_path):
    words = ["--workflow-profile", ROOT / "profiles/slurm", "--set-threads", "pretrain=5"]
    jobs = dry_run(tmp_path, NETWORK, BOXES, "check", *words)
    asked = {rule: threads(job) for rule, job in jobs.items()}
    wanted = {"pretrain": 5, "pack_store": 16, "propose_regions": 16, "check": 4}
    assert {rule: asked[rule] for rule in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("executor, gpus", [("slurm", 1), ("local", 0)])
def test_submitted_jobs_ask_for_a_gpu_without_the_profile_too(tmp_path, executor, gpus):
    if any(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has a GPU, for which local jobs ask too")
    words = ["--workflow-profile", "none", "--executor", executor, "--jobs", "2", "--cores", "64"]
    job = dry_run(tmp_path, NETWORK, *words)["pretrain"]
    assert f"gpu={gpus}" in job
    assert threads(job) == (8 if gpus else 1)
