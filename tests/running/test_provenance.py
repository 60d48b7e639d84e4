"""The commit that numbers come from, whoever owns the checkout."""

import os
import subprocess

import pytest
from conftest import ROOT
from helpers import write_file

from imagenet_transfer.running import provenance

NOBODY = 65534


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a repository whose file is the module that asks, and its commit."""
    write_file(tmp_path / "package/module.py", "x = 1\n")
    (tmp_path / "link").symlink_to("package")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "package/module.py"))
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return tmp_path, done.stdout.strip()


def test_a_commit_tells_whether_files_differ(checkout):
    folder, commit = checkout
    assert provenance.commit() == commit
    write_file(folder / "package/module.py", "x = 2\n")
    assert provenance.commit() == f"{commit}+changes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_checkout_of_another_user_is_read_without_running_its_programs(checkout):
    folder, commit = checkout
    for name in ("core.fsmonitor", "filter.x.clean", "diff.external", "alias.rev-parse"):
        command = ["git", "-C", folder, "config", name, f"touch {folder}/PWNED; cat"]
        subprocess.run(command, check=True)
    write_file(folder / ".git/info/attributes", "* filter=x\n")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    assert provenance.commit() == commit
    write_file(folder / "package/module.py", "x = 3\n")
    assert provenance.commit() == f"{commit}+changes"
    assert not (folder / "PWNED").exists()


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "package/module.py"))
    (tmp_path / "package").mkdir()
    assert provenance.commit() == "unknown"
    monkeypatch.setattr(provenance, "__file__", str(ROOT / "imagenet_transfer/files.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit() == "unknown"
