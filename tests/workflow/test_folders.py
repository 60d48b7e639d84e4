"""Before the study is read: files and links in folders' places, stores of others, odd numbers."""

import subprocess
import sys

import pytest
from conftest import ROOT
from projects import CLASSES, Project, small_study

from imagenet_transfer.files import write_json

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    """A study that has not run, of the code as it is."""
    project = Project(tmp_path)
    project.code = ROOT
    project.folder.mkdir()
    (project.folder / "classes.txt").write_text("\n".join(sorted(CLASSES.split())) + "\n")
    project.configure(small_study())
    return project


@pytest.mark.parametrize(
    "name", [".snakemake", ".snakemake/metadata", "results/label_sets", "logs", "data"]
)
def test_a_file_where_a_folder_belongs_is_named(project, name):
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    said = project.run("label_sets", expect=1)
    assert f"{path} is a file, but a study has a folder of that name" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["stores", "stores/imagenet"])
def test_a_link_that_leads_nowhere_is_named(project, name):
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/mnt/gone")
    said = project.run("-n", expect=1)
    assert f"{path} is a link to /mnt/gone, which is not there: mount or make" in said


def packed(folder, **store):
    """Write what is needed of a store that another study has packed."""
    folder.mkdir(parents=True)
    write_json(folder / "meta.json", store)


def test_a_store_of_another_study_is_no_output_of_this_one(project, tmp_path):
    """Snakemake deletes outputs before their job, and after one that fails."""
    packed(tmp_path / "other/imagenet", codec="raw", size=64)
    (project.folder / "stores").symlink_to("../other")
    said = project.run("-n", "--forceall", "stores")
    assert "stores/voc2007/meta.json" in said
    assert "output: stores/imagenet/meta.json" not in said
    said = project.run("--force", "stores/imagenet/meta.json", expect=1)
    assert f"stores/imagenet leads to {tmp_path}/other/imagenet, which is finished" in said
    assert (tmp_path / "other/imagenet/meta.json").exists()


def test_a_store_of_another_study_with_other_settings_is_refused(project, tmp_path):
    packed(tmp_path / "other/imagenet", codec="raw", size=32)
    (project.folder / "stores").symlink_to("../other")
    said = project.run("--forceall", "stores", expect=1)
    assert "made from other settings (size: 32 there, 64 here)" in said
    assert (tmp_path / "other/imagenet/meta.json").exists()


def test_a_data_set_without_region_proposals_has_no_rule_for_them(project):
    said = project.run("-n", "proposals/imagenet/boxes.json", expect=1)
    assert "No rule to produce proposals/imagenet/boxes.json" in said
    assert "KeyError" not in said


@pytest.mark.parametrize(
    "option", ["--cores 0", "--cores -1", "--max-threads 0", "--set-threads make_label_set=0"]
)
def test_numbers_with_which_no_job_could_run_are_refused(project, option):
    """With --cores 0, Snakemake would wait for ever."""
    line = f"label_sets --snakefile {ROOT}/Snakefile --configfile study.yaml --cores 1 {option}"
    command = [sys.executable, "-m", "snakemake", *line.split()]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    name, _, number = option.replace("=", " ").rpartition(" ")
    assert f"{name} is {number}: no job could run. Give 1 or more." in said
    assert "Traceback" not in said
