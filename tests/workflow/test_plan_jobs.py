"""The plan counts the jobs that the workflow's own graph has, in all and for each output."""

import re
import subprocess
import sys
from collections import Counter

import pytest
from conftest import ROOT
from study_configs import SCHEMA

from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.plan_jobs import jobs_of
from imagenet_transfer.study.study import Study

pytestmark = pytest.mark.slow
RULES = {  # -> the plan's kind; those of the summaries have none
    "render_miniature": "render",
    "pack_store": "store",
    "propose_regions": "proposals",
    "make_label_set": "label_set",
    "group_classes": "label_set",
    "draw_manifest": "manifest",
    "pretrain": "pretrain",
    "import_network": "import",
    "check_first_network": "first",
    "embed": "embed",
    "predict": "predict",
    "induce": "induce",
    "make_table": "draw",
}
FAMILIES = {"finetune_": "finetune", "measure_": "measure", "draw_": "draw"}
SUMMARIES = {
    *("all", "collect_runs", "compare_with_paper", "judge_findings", "write_report"),
    "draw_contact_sheet",
}


def kind_of(rule):
    """Return the plan's kind of job that a rule makes."""
    family = next((kind for start, kind in FAMILIES.items() if rule.startswith(start)), None)
    return RULES.get(rule) or family


def graph_of(folder, config, *targets):
    """Return how many jobs of each kind Snakemake would run for some targets."""
    options = ["--snakefile", ROOT / "Snakefile", "--directory", folder, "--configfile", config]
    command = [sys.executable, "-m", "snakemake", *map(str, [*targets, "-n", *options])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    table = re.search(r"^Job stats:\n.*?\n-+ .*?\n(.*?)^total", done.stdout, re.M | re.S)[1]
    jobs = re.findall(r"^(\w+) +(\d+)", table, re.M)
    counts = Counter()
    for rule, number in jobs:
        if rule not in SUMMARIES:
            counts[kind_of(rule)] += int(number)
    return counts


def planned(config, *outputs):
    """Return how many jobs of each kind the plan counts for outputs, those of all by default."""
    study = Study.of(read_config(config), SCHEMA)
    named = outputs or study.outputs
    return Counter(job[0] for job in {job for name in named for job in jobs_of(study, name)})


@pytest.mark.parametrize(
    "name, targets",
    [
        ("config.yaml", ()),
        ("config.yaml", ("table1", "figure4")),
        ("configs/paper.yaml", ()),  # whose first network the others wait for
        ("configs/paper.yaml", ("figure4",)),
        ("configs/visual.yaml", ()),
        ("configs/surface.yaml", ()),
    ],
)
def test_the_plan_has_the_jobs_of_the_graph(tmp_path, name, targets):
    files = {"table1": "results/table1.csv", "figure4": "results/figure4.png"}
    found = graph_of(tmp_path, ROOT / name, *map(files.get, targets))
    assert None not in found
    assert planned(ROOT / name, *targets) == found
