"""What a user sees of a run: a line for each job, and of failures how to run only these again."""

import re
import shutil

import pytest

from imagenet_transfer.running.progress import name_of

pytestmark = pytest.mark.slow
RUN = "results/transfer/sun-cls/alexnet/imagenet/rep1"
NAME = "finetune_classification sun-cls/alexnet/imagenet rep1"
STORE = "stores/sun397/meta.json"


def logs(project):
    """Return the logs of all jobs, {name: text}."""
    folder = project.folder
    files = [path.relative_to(folder) for path in folder.glob("logs/**/*.log")]
    with_job = {name_of(path): (folder / path).read_text() for path in files}
    assert len(with_job) == len(files)
    return with_job


def again(said, name):
    """Return the command, without `snakemake`, that is said to run a failed job again."""
    text = said[said.rindex(f"\n{name} failed: ") :]
    return re.search(r"to run only this again:\n +snakemake (.*)\n", text)[1]


def test_logs_are_whole_lines_that_end_with_the_job_and_its_result(finished):
    found = logs(finished)
    assert NAME in found
    for name, text in found.items():
        assert "\r" not in text and "\x1b" not in text
        assert re.match(rf"{re.escape(name)} done in \d+:\d\d(:|$)", text.splitlines()[-1]), name
    place, first, *history, last = found[NAME].splitlines()
    assert place.startswith("Input: 24 images, 0.0 GB of pixels, read from the store as raw pixels")
    assert first.startswith("Starts from the beginning")
    evaluated = [line.split("  ")[0] for line in history if line.startswith("iteration")]
    assert evaluated == ["iteration 2", "iteration 4"]
    assert re.search(r": top1 \d+\.\d$", last)


def test_the_terminal_has_a_line_for_each_job(project):
    shutil.rmtree(project.folder / RUN)
    for name in ("table2.csv", "label_sets/coarse.csv"):
        (project.folder / "results" / name).unlink()
    targets = ("results/table2.csv", "results/label_sets/coarse.csv")
    planned = project.plan(*targets)
    said = project.run(*targets)
    ended = re.findall(r"^\[(\d)/(\d)\] (.*)$", said, re.M)
    number = sum(planned.values())
    assert [int(count) for count, _, _ in ended] == list(range(1, number + 1))
    assert {total for _, total, _ in ended} == {str(number)}
    names = {text.partition(" done in ")[0] for _, _, text in ended}
    assert names == {NAME, "make_label_set coarse", "make_table table2"}
    assert re.search(rf"\] {NAME} done in 0:\d\d: top1 \d", said)
    assert "Job stats:" in said  # what will run
    under_way = re.findall(r"^.* rep\d+  \d+/\d+  .*$", said, re.M)  # on slow machines
    assert len(said.splitlines()) - len(under_way) <= number + len(planned) + 12
    full = max((project.folder / ".snakemake/log").iterdir()).read_text()
    assert f"rule {NAME.split()[0]}:" in full and "reason: " in full


@pytest.mark.parametrize("option", ["--printshellcmds", "--verbose"])
def test_snakemakes_own_messages_can_be_had(project, option):
    (project.folder / "results/label_sets/coarse.csv").unlink()
    said = project.run("results/label_sets/coarse.csv", option)
    assert "localrule make_label_set:" in said and "Finished jobid" in said
    assert "] make_label_set" not in said


def failed(project, target, name, word):
    """Let a target fail; return the command that is said to repeat only the job that failed."""
    said = project.run(target, expect=1)
    assert re.search(rf"^Error: .*{word}", said, re.M)  # by the job itself, at once
    assert re.search(rf"^{name} failed$", said, re.M)
    assert re.search(rf"^{name} failed: .*{word}", said, re.M), said[-3000:]
    assert f"\n    logs/{name.replace(' ', '/')}.log" in said
    assert "Traceback" not in said and "CalledProcessError" not in said
    assert len(said.splitlines()) < 40
    return again(said, name)


def run_only(project, command, target):
    """Run a command that was said, which makes the target by a single job."""
    assert command.split()[0] == target
    assert len(re.findall(r"^\[1/1\] ", project.run_line(command), re.M)) == 1
    assert (project.folder / target).exists()


def test_a_job_in_a_process_of_its_own_fails(project):
    image = next((project.folder / "data/miniature/SUN397").rglob("*.jpg"))
    whole = image.read_bytes()
    image.write_bytes(b"\xff\xd8\xff")
    (project.folder / STORE).unlink()
    command = failed(project, STORE, "pack_store sun397", "cannot be read")
    image.write_bytes(whole)
    run_only(project, command, STORE)


def test_a_forked_job_fails(project):
    record = project.folder / RUN / "metrics.json"
    whole = record.read_text()
    record.write_text("{")
    (project.folder / "results/table2.csv").unlink()
    command = failed(project, "results/table2.csv", "make_table table2", "cannot be read")
    record.write_text(whole)
    run_only(project, command, "results/table2.csv")
