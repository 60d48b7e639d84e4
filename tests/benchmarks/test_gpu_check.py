"""The check of a GPU, rehearsed on the CPU with little work."""

import json
import sys

import pandas as pd
import pytest
import torch
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import gpu_check
from gpu_check import Check, check_gpu, precisions, run_tests, summary

from imagenet_transfer.study.plan import read_rates


@pytest.fixture
def check(tmp_path):
    small = {"batch": 2, "rounds": 1, "pictures": 16}
    tests = ("tests/gpu/test_card_kernels.py::test_windows_bit_for_bit",)
    return Check("cpu", str(ROOT / "config.yaml"), tmp_path / "out", **small, tests=tests)


def test_without_a_gpu_one_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--output", str(tmp_path / "out")])
    gpu_check.main()
    assert capsys.readouterr().out.strip() == gpu_check.NO_GPU
    assert not (tmp_path / "out").exists()


def small_alexnet():
    layers = (torch.nn.Conv2d(3, 4, 11, 16), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 1000))


@pytest.mark.slow
def test_a_rehearsal_leaves_all_files(check, capsys, monkeypatch):
    monkeypatch.setattr("torchvision.models.alexnet", small_alexnet)
    assert check_gpu(check)
    text = (check.folder / "summary.md").read_text()
    assert "1 tests on the device, all passed." in text
    speeds = pd.read_csv(check.folder / "speeds.csv")
    ways = ["step", "ceiling", "loop", "torchvision"]
    ways += ["step, fused_lrn", "step, fused_lrn and cuda_graph"]
    assert speeds["what"].tolist() == ways * len(precisions())
    assert (speeds["images_per_s"] > 0).all()
    assert len(read_rates(check.folder / "rates.csv")) > len(read_rates())
    rates = pd.read_csv(check.folder / "rates.csv")
    own = rates[rates["source"].str.contains("2 images per step")]
    works = ["train"] * len(precisions()) + ["last-layer", "embed"]
    assert own["work"].tolist() == works
    assert "summary.md" in capsys.readouterr().out


def test_failed_tests_are_named(check, tmp_path):
    wrong = tmp_path / "test_wrong.py"
    wrong.write_text(
        "import os\n\ndef test_it():\n    assert os.environ['GPU_CHECK_DEVICE'] == 'x'\n"
    )
    check.folder.mkdir()
    failing = Check(**{**vars(check), "tests": (str(wrong),)})
    assert run_tests(failing) == {"number": 1, "failed": ["test_it"]}


def test_what_cannot_be_measured_does_not_hide_the_rest(check, monkeypatch):
    def rows(check):
        yield {"work": "train", "precision": "float32", "images_per_s": 1.0}
        raise RuntimeError("no memory")

    monkeypatch.setattr(gpu_check, "rates_of", rows)
    monkeypatch.setattr(gpu_check, "speeds_of", lambda check: iter(()))
    monkeypatch.setattr(gpu_check, "run_tests", lambda check: {"number": 0, "failed": []})
    assert not check_gpu(check)
    text = (check.folder / "summary.md").read_text()
    assert "| train | float32 | 1 |" in text
    assert "Not measured: what comes after 1 rows (RuntimeError: no memory)" in text


def test_the_summary_by_hand():
    rates = [{"work": "train", "precision": "tf32", "images_per_s": 12345.6}]
    speeds = [{"what": "step", "precision": "tf32", "images_per_s": 9.0, "note": "a batch"}]
    tests = {"number": 30, "failed": ["test_x"], "facts": {"resumed": "bit for bit"}}
    text = summary({"device": "Made"}, tests, {"rates": rates, "speeds": speeds})
    assert text.startswith("# GPU check: Made\n")
    assert "30 tests on the device, 1 failed: test_x." in text
    assert "- resumed: bit for bit" in text
    assert "| train | tf32 | 12345.6 |" in text
    assert "| step | tf32 | 9 | a batch |" in text


def test_facts_are_noted_only_for_a_check(tmp_path, monkeypatch):
    from gpu_tasks import RESULTS, note

    monkeypatch.delenv(RESULTS, raising=False)
    note("a", 1)
    monkeypatch.setenv(RESULTS, str(tmp_path))
    note("b", 2)
    note("c", 3)
    assert json.loads((tmp_path / "facts.json").read_text()) == {"b": 2, "c": 3}
