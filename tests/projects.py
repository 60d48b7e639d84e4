"""A small study of everything, and a copy of the code next to a folder in which it runs."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.figures.builders import FIGURES

# Dog, cat, bird, car, aeroplane, bottle
CLASSES = "n02084071 n02121620 n01503061 n02958343 n02691156 n02876657"
CODE = (
    *("Snakefile", "config.yaml", "workflow", "profiles", "envs", "resources"),
    *("imagenet_transfer", "miniature_world"),
)
PRETRAINED = {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"}


def small_study():
    """Return the default study with six classes and a few steps, and every kind of output."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config |= {"study": "small", "replicates": 2, "classes": "classes.txt"}
    shrink_data(config)
    config["label_sets"] = {
        "imagenet": {"method": "identity"},
        "coarse": {"method": "bottom-up", "depth": 9},  # mammals are one of five
        "vertebrates": {"method": "top-down", "round": 1},  # one of four
        "minimal-a": {"method": "minimal-split", "depth": 4, "half": "a"},
        "minimal-b": {"method": "minimal-split", "depth": 4, "half": "b"},
        "places": {"method": "categories", "dataset": "places"},
    }
    config["subsets"] = {
        "imagenet": PRETRAINED,
        "images-4": PRETRAINED | {"images_per_class": 4},
        "coarse": PRETRAINED | {"label_set": "coarse"},
        "minimal-a": PRETRAINED | {"label_set": "minimal-a"},
        "minimal-b": PRETRAINED | {"label_set": "minimal-b"},
        "places": PRETRAINED | {"dataset": "places", "label_set": "places"},
    }
    for recipe in config["recipes"].values():
        recipe |= {"iterations": 4, "lr_steps": [3], "evaluate_every": 2, "batch_size": 4}
    unused = ("half-random-a", "half-random-b")
    config["tasks"] = {name: entry for name, entry in config["tasks"].items() if name not in unused}
    for task in config["tasks"].values():
        task["replicates"] = 2 if task["kind"] == "detection" else 1
    set_outputs(config["outputs"])
    return config


def shrink_data(config):
    """Leave a few images of each kind."""
    objects = ["dog", "cat", "car"]
    world = config["miniature"]
    sets = config["datasets"]
    world |= {"train_per_class": 8, "val_per_class": 4}
    world["voc"] |= {"objects": objects, "trainval": 8, "test": 6}
    world["sun"] |= {"classes": 3, "train": 4, "test": 4}
    world["action"] |= {"train": 12, "val": 24}
    world["places"] |= {"classes": 3, "train": 8, "val": 2}
    sets["imagenet"]["images"] = {"train": 48, "val": 24}
    sets["voc2007"] |= {"classes": objects, "images": {"trainval": 8, "test": 6}}
    sets["sun397"]["images"] = {"train": 12, "test": 12}
    sets["voc2012-action"]["images"] = {"train": 12, "val": 24}
    sets["places"]["images"] = {"train": 24, "val": 6}


def set_outputs(outputs):
    """Let each output show few networks, so that most of them share theirs."""
    splits = {"minimal": ["minimal-a", "minimal-b"]}
    rows = [{"title": "more classes", "subsets": ["images-4"]}]
    outputs["table1"] |= {"tasks": ["pascal-act"], "subsets": ["imagenet", "scratch"]}
    outputs["table2"] |= {"columns": ["1/2"], "rows": rows, "references": ["imagenet", "scratch"]}
    outputs["table3"] |= {"tasks": ["sun-cls"], "subsets": ["imagenet", "places"]}
    outputs["figure1"] |= {
        "tasks": ["pascal-det", "sun-cls"],
        "subsets": ["scratch", "images-4", "imagenet"],
    }
    outputs["figure2"] |= {"tasks": ["sun-cls"], "subsets": ["coarse", "imagenet"]}
    outputs["figure3"] |= {"label_sets": ["coarse"], "under": "n00004258"}
    outputs["figure4"] |= {"subsets": ["coarse"]}
    outputs["figure5"] |= {
        "subsets": ["imagenet", "coarse"],
        "queries": ["n02084071", "n02958343"],
        "neighbours": 3,
    }
    outputs["figure6"] |= {"label_set": "vertebrates", "least": 2}
    outputs["figure7"]["splits"] = outputs["figure8"]["splits"] = splits
    outputs["figure8"]["images"] = 6
    outputs["figure9"]["splits"] = {"minimal": ["half-minimal-a", "half-minimal-b"]}
    outputs["correlation"] |= {"tasks": ["sun-cls"], "subsets": ["images-4", "coarse", "imagenet"]}
    outputs["coarse-limit"] |= {"tasks": ["sun-cls"], "subsets": ["scratch", "coarse", "imagenet"]}


@contextlib.contextmanager
def mounted(folder, size=None, read_only=False):
    """Yield a folder that is a small disk, or (without `size`) itself; read-only if asked.

    Skips the test where mounting is not permitted.
    """
    folder.mkdir(exist_ok=True)
    kind = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"] if size else ["--bind", folder]
    options = (["size=" + size] if size else ["bind"]) + ["ro"]
    done = subprocess.run(["mount", *kind, folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        if read_only:
            subprocess.run(["mount", "-o", ",".join(["remount", *options]), folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Project:
    """A copy of the code next to a folder in which a study runs."""

    def __init__(self, folder):
        self.code = folder / "code"
        self.folder = folder / "study"

    def create(self):
        for name in CODE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            self.code.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, self.code / name)
        self.folder.mkdir()
        (self.folder / "classes.txt").write_text("\n".join(sorted(CLASSES.split())) + "\n")
        self.configure(small_study())
        return self

    def copy(self, folder):
        """Return a copy, finished outputs and times of modification included."""
        shutil.copytree(self.code.parent, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
        return Project(folder)

    def configure(self, config):
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def edit(self, change):
        config = yaml.safe_load((self.folder / "study.yaml").read_text())
        change(config)
        self.configure(config)

    def command(self, *words):
        config = ("--configfile", self.folder / "study.yaml")
        options = ("--directory", self.folder, *config, "--cores", "2")
        snakefile = self.code / "Snakefile"
        return [sys.executable, "-m", "snakemake", *words, "--snakefile", snakefile, *options]

    @property
    def environment(self):
        return os.environ | {"PYTHONPATH": str(self.code), "OMP_NUM_THREADS": "1"}

    def run(self, *words, expect=0):
        """Run the workflow and return what a user reads."""
        # Not in the repository, whose package would be imported.
        options = {"cwd": self.folder, "env": self.environment}
        done = subprocess.run(self.command(*words), capture_output=True, text=True, **options)
        said = done.stdout + done.stderr
        assert done.returncode == expect, said[-6000:]
        return said

    def run_line(self, line):
        """Run a command that a user was told, all words after `snakemake`."""
        command = [sys.executable, "-m", "snakemake", *shlex.split(line)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=self.environment
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    def plan(self, *targets):
        """Return how many jobs of each rule a dry run lists."""
        said = self.run(*targets, "--dry-run")
        table = re.search(r"^Job stats:\n.*?\n-+ .*?\n(.*?)^total", said, re.M | re.S)
        jobs = re.findall(r"^(\w+) +(\d+)", table[1], re.M) if table else []
        return Counter({rule: int(number) for rule, number in jobs})

    def stages(self, *targets):
        """Return the jobs of a dry run without tables, figures and summaries."""
        reporting = {
            *("all", "make_table", "collect_runs"),
            *("compare_with_paper", "judge_findings", "write_report"),
            *(f"draw_{kind.replace('-', '_')}" for kind in FIGURES),
        }
        return {rule: n for rule, n in self.plan(*targets).items() if rule not in reporting}

    def read(self, name):
        return (self.folder / "results" / name).read_bytes()


COMPUTED = ("data", "stores", "proposals", "embeddings", "results")


def contents(project):
    """Return what a study computed, {path: content}, without times and machines of its runs."""
    files = [
        path for name in COMPUTED for path in (project.folder / name).rglob("*") if path.is_file()
    ]
    return {str(path.relative_to(project.folder)): content(path) for path in files}


TIMES_IN_REPORT = re.compile(
    rb'<section id="(?:runs|timeline)".*?</section>|"timeline": \{.*?</script>'
    rb'|<dl class="facts">.*?</dl>|<td class="number">0\.0\d</td></tr>',  # the last: hours
    re.DOTALL,
)


def content(path):
    data = path.read_bytes()
    if path.name == "metrics.json":
        return {
            key: value
            for key, value in json.loads(data).items()
            if key not in ("wall_s", "provenance")
        }
    if path.name == "runs.csv":
        return pd.read_csv(io.BytesIO(data)).drop(columns=["wall_s", "commit"]).to_csv()
    if path.name == "report.html":
        return re.sub(TIMES_IN_REPORT, b"", data)
    return data


def differences(project, other):
    """Return the files whose contents differ between two studies, or that only one has."""
    ours = contents(project)
    theirs = contents(other)
    names = ours.keys() | theirs.keys()
    return sorted(name for name in names if ours.get(name) != theirs.get(name))


def job_processes(session):
    """Return the processes that compute a workflow's jobs, forks or not, {process: rule}."""
    found = {}
    for process in processes_of(session):
        folder = Path(f"/proc/{process}")
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = (folder / "cmdline").read_bytes().split(b"\0")
            scripts = [word for word in words if b".snakemake/scripts/" in word]
            if scripts:
                name = (folder / "comm").read_text()
                computing = (
                    int(name.removeprefix("runs as ")) if name.startswith("runs as ") else process
                )
                found[computing] = rule_of(Path(os.fsdecode(scripts[0])))
    return found


def processes_of(session):
    """Return all living processes of a session, such as that of a workflow."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, belongs = stat.read_text().rpartition(")")[2].split()[:4]
            if int(belongs) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def ended(session, seconds=10):
    """Wait until nothing of a session lives; return whether that was so in time."""
    limit = time.monotonic() + seconds
    while processes_of(session) and time.monotonic() < limit:
        time.sleep(0.02)
    return not processes_of(session)


def rule_of(script):
    """Return the rule of a job's script, which holds it as the last name of a pickled object.

    Of rules that have a script of their own, it is that script's name.
    """
    shared = (
        rb"finetune_(?:classification|detection|action)|measure_(?:knn|probe|few_shot)|"
        rb"draw_(?!figure|manifest|contact)\w+"
    )
    found = re.search(shared, script.read_bytes())
    return found[0].decode() if found else script.name.split(".")[1]
