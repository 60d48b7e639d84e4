"""A study after faults: it says what is wrong, and ends in the same results.

`make test-faults`, ten minutes.
"""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import heed_ctrl_c
from projects import Project, differences, ended, job_processes, mounted

from imagenet_transfer.files import exclusive

pytestmark = [pytest.mark.slow, pytest.mark.faults]

TARGETS = ("results/table1.csv", "results/table3.csv", "results/figure4.png")
WEIGHTS = "results/pretrain/alexnet/imagenet/rep1/weights.pt"
TUNED = "results/transfer/pascal-act/alexnet/imagenet/rep1/metrics.json"
DAY = 86_400


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study with two tables and a figure, which has run once."""
    project = Project(tmp_path_factory.mktemp("finished")).create()
    project.run(*TARGETS)
    return project


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


def remove(project, pattern):
    paths = list(project.folder.glob(pattern))
    assert paths
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class Started:
    """A workflow in a session of its own."""

    def __init__(self, project, *words):
        self.said = project.code.parent / "said.txt"
        options = {"stderr": subprocess.STDOUT, "start_new_session": True, "cwd": project.folder}
        options["preexec_fn"] = heed_ctrl_c
        with self.said.open("w") as file:
            command = project.command(*words)
            options |= {"stdout": file, "env": project.environment}
            self.process = subprocess.Popen(command, **options)

    def wait_for_job(self, *rules):
        limit = time.monotonic() + 120
        while time.monotonic() < limit and self.process.poll() is None:
            jobs = job_processes(self.process.pid)
            if set(rules) & set(jobs.values()):
                return [process for process, rule in jobs.items() if rule in rules]
            time.sleep(0.02)
        raise AssertionError(self.said.read_text()[-3000:])

    def end(self):
        """Return the exit code and the output; no job may be left."""
        code = self.process.wait(120)
        assert ended(self.process.pid, 2)
        return code, self.said.read_text()


def sentences(said):
    assert "Traceback" not in said, said[-6000:]
    return "\n".join(re.findall(r"^Error: .*", said, re.M))


# --- full disks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "removed, target, rule, left, sentence",
    [
        (
            "data/miniature/[Ii]*",
            "data/miniature/ilsvrc.json",
            "render_miniature",
            100,
            "cannot be written (the disk is full)",
        ),
        (
            "stores/imagenet",
            "stores/imagenet/meta.json",
            "pack_store",
            100,
            "stores/imagenet needs 1 MB more",
        ),
        (
            "stores/voc2012-action",
            "stores/voc2012-action/meta.json",
            "pack_store",
            40,
            "stores/voc2012-action cannot grow",
        ),
        (
            "results/pretrain/alexnet/imagenet/rep1",
            WEIGHTS,
            "pretrain",
            200,
            f"The disk is full writing {WEIGHTS}",
        ),
        (
            "results/transfer/pascal-act",
            TUNED,
            "finetune_action",
            4,
            "The disk is full writing results/transfer/",
        ),
        (
            "results/table1.csv",
            "results/table1.csv",
            "make_table",
            0,
            "The disk is full writing results/table1.",
        ),
        (
            "results/figure4.*",
            "results/figure4.png",
            "draw_induction",
            16,
            "The disk is full writing results/figure4.",
        ),
    ],
)
def test_a_disk_that_fills_is_named_and_the_same_command_completes(
    finished, tmp_path, removed, target, rule, left, sentence
):
    project = Project(tmp_path / "copy")
    shutil.copytree(finished.code, project.code)
    with mounted(project.folder, size="60m"):
        subprocess.run(["cp", "--archive", f"{finished.folder}/.", project.folder], check=True)
        remove(project, removed)
        running = Started(project, target)
        running.wait_for_job(rule)
        filler = project.folder / "filler"
        filler.write_bytes(bytes(max(0, shutil.disk_usage(project.folder).free - 1024 * left)))
        code, said = running.end()
        assert code == 1
        assert sentence in sentences(said), said[-3000:]
        assert not (project.folder / target).exists()
        filler.unlink()
        project.run(target)
        project.run(*TARGETS)
        assert differences(finished, project) == []


@pytest.mark.parametrize("name", [".", ".snakemake", "results", "logs"])
def test_a_folder_that_became_read_only_gets_a_sentence(project, name):
    with mounted(project.folder / name, read_only=True):
        said = project.run("--force", TUNED, expect=1)
    assert f"{(project.folder / name).resolve()} cannot be written (Read-only file system)" in said
    assert "Traceback" not in said


def test_a_run_whose_folder_became_read_only_gets_a_sentence(project):
    remove(project, TUNED)
    with mounted((project.folder / TUNED).parent, read_only=True):
        said = project.run(TUNED, expect=1)
    assert "Traceback" not in said
    assert "Write-protected output files" in said
    project.run(*TARGETS)


# --- lost and damaged files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost",
    [
        WEIGHTS,
        "results/manifests/imagenet.csv.gz",
        "results/label_sets/imagenet.csv",
        "stores/voc2012-action/meta.json",
        "proposals/voc2012-action",
        "embeddings/alexnet/imagenet",
        "data/miniature/*.json",
    ],
)
def test_a_lost_file_is_made_again_when_it_is_needed(finished, project, lost):
    remove(project, lost)
    assert "Nothing to be done" in project.run(*TARGETS)  # nobody needs it
    for name in ("pretrain/alexnet/imagenet", "table1.csv", "figure4.*", "induction"):
        remove(project, f"results/{name}")
    remove(project, TUNED)
    project.run(*TARGETS)
    changed = differences(finished, project)
    # Except markers of rendered images, which nobody needs
    assert [name for name in changed if not name.startswith("data/miniature/")] == []


@pytest.mark.parametrize(
    "folder, target", [("stores/imagenet", "meta.json"), ("proposals/voc2012-action", "boxes.json")]
)
def test_what_was_lost_and_is_made_by_itself_leaves_results_up_to_date(
    finished, project, folder, target
):
    remove(project, folder)
    project.run(f"{folder}/{target}")
    assert "Nothing to be done" in project.run(*TARGETS)
    assert differences(finished, project) == []


def test_a_lost_shard_is_named_and_mended(finished, project):
    for name in ("stores/voc2012-action/shard-00000.bin", TUNED, "results/table1.csv"):
        remove(project, name)
    assert "run the target `repair`" in sentences(project.run(*TARGETS, expect=1))
    project.run("repair")
    project.run(*TARGETS)
    assert differences(finished, project) == []


def test_lost_images_are_said_to_be_rendered_again_and_mend_a_store(finished, project):
    remove(project, "data/miniature/ILSVRC2012")
    (project.folder / "stores/imagenet/shard-00000.bin").unlink()
    said = sentences(project.run("repair", expect=1))
    again = re.search(r"`snakemake (--force data/miniature/ilsvrc.json)`", said)
    project.run(*again[1].split())
    project.run("repair")
    assert "Nothing to be done" in project.run(*TARGETS)
    assert differences(finished, project) == []


@pytest.mark.parametrize("damaged", ["proposals/voc2012-action/boxes.npz", WEIGHTS])
def test_a_damaged_file_gets_a_sentence(project, damaged):
    path = project.folder / damaged
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    remove(project, TUNED)
    said = sentences(project.run(TUNED, expect=1))
    assert damaged in said
    assert "delete" in said


# --- several workflows, signals, clocks -----------------------------------------------------------


def test_a_second_workflow_in_the_folder_is_refused(finished, project):
    remove(project, TUNED)
    running = Started(project, TUNED)
    (job,) = running.wait_for_job("finetune_action")
    os.kill(job, signal.SIGSTOP)
    said = project.run(TUNED, expect=1)
    os.kill(job, signal.SIGCONT)
    assert "Directory cannot be locked" in said
    assert running.end()[0] == 0
    project.run(*TARGETS)
    assert differences(finished, project) == []


def test_a_job_that_another_process_runs_is_refused(project):
    remove(project, TUNED)
    with exclusive((project.folder / TUNED).parent, "trains in"):
        said = sentences(project.run(TUNED, "--nolock", expect=1))
    assert re.search(r"Another process trains in results/transfer/.* at this moment: wait", said)
    project.run(TUNED)


@pytest.mark.parametrize(
    "signals, interrupted",
    [([signal.SIGINT], True), ([signal.SIGTERM], False), ([signal.SIGINT, signal.SIGINT], None)],
)
def test_a_stopped_workflow_leaves_no_job_and_continues(finished, project, signals, interrupted):
    """Ctrl-C reaches and ends all processes; SIGTERM to Snakemake only lets running jobs finish."""
    for name in ("results/transfer/pascal-act", "results/table1.csv"):
        remove(project, name)
    running = Started(project, TUNED)
    running.wait_for_job("finetune_action")
    time.sleep(1)
    for number in signals:
        (os.kill if number == signal.SIGTERM else os.killpg)(running.process.pid, number)
        time.sleep(0.2)
    code, said = running.end()
    assert code in ((1, -signal.SIGINT) if interrupted is None else (1,))
    if interrupted is not None:  # a second Ctrl-C may stop Snakemake in the middle of a sentence
        assert "Traceback" not in said
        assert ("Error: Interrupted." in said) == interrupted
    locks = project.folder / ".snakemake/locks"
    if locks.is_dir() and any(locks.iterdir()):
        project.run("--unlock")
    project.run(*TARGETS)
    assert differences(finished, project) == []


def shift(project, pattern, seconds):
    for path in project.folder.glob(pattern):
        if path.is_file():
            os.utime(path, (time.time() + seconds,) * 2)


@pytest.mark.parametrize(
    "pattern, seconds",
    [("stores/**/*", DAY), ("results/**/*", -DAY), (WEIGHTS, DAY), (TUNED, -DAY)],
)
def test_a_clock_that_jumped_ends_in_the_same_results(finished, project, pattern, seconds):
    shift(project, pattern, seconds)
    project.run(*TARGETS)
    assert "Nothing to be done" in project.run(*TARGETS)
    assert differences(finished, project) == []
