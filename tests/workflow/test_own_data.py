"""Users' own data sets in a study: checked, packed, trained on and mended, by Snakemake."""

import os
import subprocess
import sys

import own_sets
import pytest
import yaml
from conftest import ROOT
from helpers import write_file

pytestmark = pytest.mark.slow

CONFIG = """
study: pets
datasets:
  folder: {layout: folder, root: folder, held_out: 0.4}
  parquet: {layout: parquet, root: parquet}
  webdataset: {layout: webdataset, root: webdataset}
architectures:
  small: {model: resnet18, image_size: 32, input_size: 32}
recipes:
  short: {batch_size: 4, iterations: 2, lr: 0.01, lr_steps: [], lr_gamma: 0.1, momentum: 0.9,
    weight_decay: 0.0005, fresh_lr_factor: 1, evaluate_every: 2}
subsets:
  parquet: {dataset: parquet, recipe: short}
tasks:
  folder-cls: {kind: classification, dataset: folder, recipe: short}
outputs:
  table-pets: {builder: transfer, architecture: small, tasks: [folder-cls], subsets: [parquet]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pets")
    own_sets.make_flat_folder(folder / "folder")
    own_sets.make_parquet(folder / "parquet")
    own_sets.make_webdataset(folder / "webdataset")
    write_file(folder / "pets.yaml", CONFIG)
    return folder


def run(folder, *words, code=0):
    command = [sys.executable, "-m", "snakemake", *words, "--cores", "2", "--directory", folder]
    command += ["--snakefile", ROOT / "Snakefile", "--configfile", folder / "pets.yaml"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said[-3000:]
    return said


def test_data_sets_are_checked_each_time(folder):
    for _ in range(2):
        said = run(folder, "check")
        for name in ("folder", "parquet", "webdataset"):
            assert f"{name}: all 10 images decoded and compared; nothing is wrong." in said
    path = folder / "folder/cat/cat-val-0.png"
    sound = path.read_bytes()
    path.write_bytes(sound[:200])
    said = run(folder, "check", code=1)
    assert "Error: folder: 1 image cannot be read (cat/cat-val-0.png: " in said
    path.write_bytes(sound)
    assert not (folder / "stores").exists()


def test_a_network_is_trained_on_one_and_fine_tuned_on_another(folder):
    run(folder, "results/table-pets.md")
    assert "Nothing to be done" in run(folder, "results/table-pets.md")
    shard = folder / "stores/parquet/shard-00000.bin"
    whole = shard.read_bytes()
    for _ in range(2):
        shard.write_bytes(whole[:-9] + bytes(9))
        assert "stores/parquet: 1 images mended" in run(folder, "repair")
        assert shard.read_bytes() == whole
    config = yaml.safe_load(CONFIG)
    config["datasets"]["folder"]["held_out"] = 0.3
    write_file(folder / "pets.yaml", yaml.safe_dump(config))
    jobs = run(folder, "--dry-run", "results/table-pets.md").partition("Job stats:")[2]
    assert "pack_store " in jobs and "finetune_classification " in jobs
    assert "pretrain" not in jobs.partition("total")[0]
