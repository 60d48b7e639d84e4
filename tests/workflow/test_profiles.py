"""The profiles: every rule of the workflow is either local or has what it needs on a cluster."""

import re
import subprocess
import sys

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
    assert set(slurm["set-threads"]) == set(slurm["set-resources"]) | {"check", "verify", "repair"}


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


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--workflow-profile", "--profile"])
def test_snakemake_takes_it(tmp_path, option):
    target = "results/pretrain/alexnet/imagenet/rep1/metrics.json"
    words = [
        target,
        "-n",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
        "--slurm-no-account",
    ]
    words += ["--configfile", ROOT / "configs/paper.yaml", option, ROOT / "profiles/slurm"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout + done.stderr
    job = said[said.index("\nrule pretrain:") :].split("\n\n")[0]
    assert {"mem_mb=16000", "runtime=720", "gpu=1", "login=0"} <= set(
        re.findall(r"\w+=\w+", job)
    ), job
    if option == "--workflow-profile":
        assert "threads: 8" in job  # `cores` of profiles/default would cap it at the login node's
