"""What is said of a job that failed: its sentence, the end of its log, how to run it again."""

import shlex

import pytest

from imagenet_transfer.running.failures import SILENT, Failure, command_for, last_lines

RUN = "results/pretrain/a/b/rep1"
OUTPUTS = [f"{RUN}/weights.pt", f"{RUN}/metrics.json", f"{RUN}/history.csv"]


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Return the log of a pre-training run, to be written."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "logs/pretrain/a/b/rep1.log"
    path.parent.mkdir(parents=True)
    return path


def failure(*more, message=""):
    return Failure("pretrain", OUTPUTS, ["logs/pretrain/a/b/rep1.log", *more], message)


@pytest.mark.parametrize(
    "text, message, sentence",
    [
        ("works\nError: The loss is nan. Lower `lr`.\n", "", "The loss is nan. Lower `lr`."),
        ("works\nError: It failed.\n", "SLURM-job '5' failed", "It failed."),
        ("step 1\n", "SLURM-job '5' failed: TIMEOUT", "SLURM-job '5' failed: TIMEOUT"),
        ("Traceback:\n  x\nZeroDivisionError: by zero\n", "", "ZeroDivisionError: by zero"),
        ("", "", SILENT),
        (None, "", SILENT),
    ],
)
def test_the_sentence_of_a_failure(log, text, message, sentence):
    if text is not None:
        log.write_text(text)
    assert failure(message=message).sentence() == sentence


def test_a_failure_in_full(log):
    log.write_text("".join(f"line {n}\n\n" for n in range(20)) + "Error: No room.\n")
    (log.parent / "slurm.log").write_text("slurmstepd: killed\n")
    assert failure("logs/pretrain/a/b/slurm.log").text("snakemake x").splitlines() == [
        "pretrain a/b rep1 failed: No room.",
        "    logs/pretrain/a/b/rep1.log ends:",
        *(f"        line {n}" for n in range(13, 20)),
        "    logs/pretrain/a/b/slurm.log ends:",
        "        slurmstepd: killed",
        "    to run only this again:",
        "        snakemake x",
    ]
    log.write_text("Error: No room.\n")
    assert failure().text("snakemake x").splitlines()[1] == "    logs/pretrain/a/b/rep1.log"


def test_what_to_ask_for():
    assert failure().target == f"{RUN}/metrics.json"
    assert Failure("make_table", ["results/a.csv", "results/a.md"], []).target == "results/a.csv"
    assert Failure("check", [], ["logs/check.log"]).target == "check"
    assert Failure("check", [], []).name == "check"


def test_interruptions_are_told_apart(log):
    log.write_text("Error: Interrupted. Finished files are kept.\n")
    assert failure().was_interrupted()
    log.write_text("Error: Disturbed.\n")
    assert not failure().was_interrupted()


def test_the_command_keeps_the_options_that_were_given():
    options = {"--cores": 2, "--jobs": None, "--directory": "my runs", "--configfile": ["a", "b"]}
    command = command_for("results/x", options)
    words = ["--cores", "2", "--directory", "my runs", "--configfile", "a", "b"]
    assert shlex.split(command) == ["snakemake", "results/x", *words]


def test_what_cannot_be_read_has_no_lines(tmp_path):
    assert last_lines(tmp_path, 3) == last_lines(tmp_path / "absent", 3) == []
    (tmp_path / "bytes").write_bytes(b"a\n\xff\n")
    assert last_lines(tmp_path / "bytes", 3) == ["a", "\N{REPLACEMENT CHARACTER}"]
