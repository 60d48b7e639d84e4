"""The wheel, installed by itself, holds both packages and the resources that they read."""

import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

READ = """
import imagenet_transfer.labels.taxonomy as taxonomy, miniature_world
print(taxonomy.__file__, miniature_world.__file__, sep="\\n")
print(len(taxonomy.taxonomy_for(["n02084071"]).names))
"""


def pip(*words):
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_wheel_reads_its_own_resources(tmp_path):
    installed = [] if importlib.util.find_spec("hatchling") is None else ["--no-build-isolation"]
    pip("wheel", "--quiet", "--no-deps", *installed, "--wheel-dir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("imagenet_transfer-*.whl")
    pip("install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    done = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=tmp_path,  # not the repository, whose package would be imported
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    taxonomy, world, synsets = done.stdout.split()
    assert taxonomy == str(tmp_path / "site/imagenet_transfer/labels/taxonomy.py")
    assert world == str(tmp_path / "site/miniature_world/__init__.py")
    assert int(synsets) == len((ROOT / "resources/taxonomy.csv").read_text().splitlines()) - 1
