"""The profiles: every rule is either local or has what it needs on a cluster."""

import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

RULES = "\n".join(
    path.read_text()
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
)


@pytest.fixture(scope="module")
def slurm():
    return yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())


def named(pattern):
    return set(re.findall(pattern, RULES, re.M))


def blocks():
    """Return rule -> its text, rules that inherit included."""
    parts = re.split(r"^(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:\n", RULES, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def local_rules():
    """Return the rules that are listed as local or say so themselves."""
    listed = re.findall(r"^localrules:\n((?:    \w+,\n)+)", RULES, re.M)
    named = {rule for rule, text in blocks().items() if re.search(r"localrule:\s+True\b", text)}
    return set(re.findall(r"\w+", "".join(listed))) | named


def test_each_rule_is_local_or_has_resources_of_its_own(slurm):
    assert local_rules()
    assert local_rules().isdisjoint(slurm["set-resources"])
    assert local_rules() | set(slurm["set-resources"]) == set(blocks())
    assert set(slurm["set-threads"]) == set(slurm["set-resources"]) | {"verify", "repair"}


def test_rules_that_ask_for_a_gpu_get_one_and_no_others(slurm):
    asking = {rule for rule, text in blocks().items() if "gpu=gpus" in text}
    asking |= {"finetune_detection", "finetune_action"}  # which inherit it
    resources = slurm["set-resources"].items()
    assert {rule for rule, wanted in resources if wanted.get("gpu")} == asking


def test_time_and_memory_grow_with_the_attempt(slurm):
    for wanted in slurm["set-resources"].values():
        for resource in ("runtime", "mem_mb"):
            names = [{"attempt": attempt, "min": min} for attempt in range(1, 50)]
            asked = [eval(wanted[resource], given) for given in names]
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
    words = [target, "-n", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    words += ["--slurm-no-account", "--configfile", ROOT / "configs/paper.yaml"]
    words += [option, ROOT / "profiles/slurm"]
    command = [sys.executable, "-m", "snakemake", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout + done.stderr
    job = said[said.index("\nrule pretrain:") :].split("\n\n")[0]
    resources = set(re.findall(r"\w+=\w+", job))
    assert {"mem_mb=16000", "runtime=720", "gpu=1", "login=0"} <= resources, job
    if option == "--workflow-profile":
        assert "threads: 8" in job  # `cores` of profiles/default would limit it to the login node's
