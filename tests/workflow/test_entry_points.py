"""The workflow is the same from the root, from workflow/Snakefile, and as a module of another."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT
from pages import jobs_of

from imagenet_transfer import __version__

MODULE = """
configfile: "config/config.yaml"
module study:
    snakefile: "{root}/workflow/Snakefile"
    config: config
use rule * from study
"""


def jobs(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return jobs_of(done.stdout)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    found = jobs(folder, "--snakefile", ROOT / "Snakefile")
    assert found["pretrain"] > 10 and found["all"] == 1
    return found


def test_from_the_folder_of_the_catalogue(expected, tmp_path):
    assert jobs(tmp_path, "--snakefile", ROOT / "workflow/Snakefile") == expected


def test_as_deployed(expected, tmp_path):
    """As snakedeploy does it: config and profiles are copied, the rest is a module."""
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(MODULE.format(root=ROOT))
    assert jobs(tmp_path) == expected


def test_as_deployed_from_a_clone(expected, tmp_path):
    """With the path that snakedeploy's provider of local repositories writes, corrected as told."""
    (tmp_path / "imagenet-transfer").symlink_to(ROOT)
    study = tmp_path / "my-study"
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, study / name)
    (study / "workflow").mkdir()
    written = MODULE.format(root=".").replace("./workflow/Snakefile", "workflow/Snakefile")
    (study / "workflow/Snakefile").write_text(written)
    page = (ROOT / "config/README.md").read_text()
    (correction,) = [line for line in page.splitlines() if line.startswith("sed ")]
    subprocess.run(["bash", "-ec", correction], cwd=tmp_path, check=True)
    assert jobs(study, "--workflow-profile", "profiles/default") == expected


def test_the_catalogue_finds_what_it_asks_for():
    entry = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    profile = entry["usage"]["mandatory-flags"]["flags"].split()[-1]
    assert (ROOT / profile / "config.yaml").exists()
    assert (ROOT / "config/README.md").exists() and (ROOT / "workflow/Snakefile").exists()
    assert entry["usage"]["software-stack-deployment"].keys() <= {
        *("conda", "apptainer", "apptainer+conda", "report"),
    }
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == __version__
    assert {"cff-version", "title", "message", "authors"} <= cited.keys()
