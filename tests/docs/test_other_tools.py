"""docs/recovery.md: what is copied from it puts every run of runs.csv into MLflow and into W&B."""

import contextlib
import sys
from types import SimpleNamespace

import pytest
from pages import blocks

ROWS = """\
stage,arch,subset,task,rep,seed,metric,value,unit,fingerprint,commit,wall_s
pretrain,net,half,,1,11,top1,31.25,%,a,c1,9.5
pretrain,net,half,,1,11,top5,60.5,%,a,c1,9.5
transfer,net,half,voc,1,12,mAP,20.5,%,b,c2,3.5
transfer,net,half,voc,1,12,AP/dog,10.5,%,b,c2,3.5
transfer,net,scratch,voc,1,12,mAP,8.5,%,d,c2,3.5
"""
PRETRAINED = ("pretrain net half 1", {"top1": 31.25, "top5": 60.5}, ("half", "", "1", "11", "c1"))
RUNS = [
    PRETRAINED,
    ("transfer net half voc 1", {"mAP": 20.5, "AP/dog": 10.5}, ("half", "voc", "1", "12", "c2")),
    ("transfer net scratch voc 1", {"mAP": 8.5}, ("scratch", "voc", "1", "12", "c2")),
]
KEPT = ("subset", "task", "rep", "seed", "commit")


class Recorder:
    """Takes the place of MLflow and of W&B: notes names, numbers and settings of runs."""

    def __init__(self):
        self.runs = []

    @contextlib.contextmanager
    def start(self, name, config=None):
        self.name, self.config = name, config
        yield SimpleNamespace(log=self.log)

    def log(self, numbers):
        self.runs.append((self.name, numbers, tuple(self.config[key] for key in KEPT)))

    def set_config(self, config):
        self.config = config


def modules(recorder):
    """Return stand-ins of both modules, {name: module}."""
    mlflow = SimpleNamespace(
        set_experiment=lambda name: None,
        start_run=lambda run_name: recorder.start(run_name),
        log_params=recorder.set_config,
        log_metrics=recorder.log,
    )
    wandb = SimpleNamespace(init=lambda project, name, config: recorder.start(name, config))
    return {"mlflow": mlflow, "wandb": wandb}


@pytest.mark.parametrize("tool", ["mlflow", "wandb"])
def test_runs_go_to_other_tools(tool, tmp_path, monkeypatch):
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, tool, modules(recorder)[tool])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/runs.csv").write_text(ROWS)
    texts = [block.text for block in blocks("docs/recovery.md") if block.language == "python"]
    (text,) = (text for text in texts if f"import {tool}" in text)
    exec(compile(text, "docs/recovery.md", "exec"), {})
    assert recorder.runs == RUNS
