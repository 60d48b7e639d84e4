"""Forked jobs say and do what jobs in their own processes do, and end with what they belong to."""

import contextlib
import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, heed_ctrl_c

from imagenet_transfer.running import time_limits
from imagenet_transfer.running.forks import IMPORTED
from imagenet_transfer.running.jobs import (
    FORKS,
    WITHOUT_THREADS,
    WORKFLOW,
    prepare_environment,
)

SCRIPT = """
import os, sys, time
from imagenet_transfer.errors import UserError
from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log
run_forked()
with job_log("log"):
    {statement}
"""
SLEEP = "print(os.getpid(), flush=True); time.sleep(60)"
INTERRUPTED = (
    "Error: Interrupted. Finished files are kept; run the same command again to continue.\n"
)


class Workflow:
    """This process as the workflow of jobs, which share a server."""

    def __init__(self):
        self.secret = secrets.token_hex(16)
        self.environment = os.environ | {
            WORKFLOW: str(os.getpid()),
            FORKS: self.secret,
            "PYTHONPATH": str(ROOT),
            **WITHOUT_THREADS,
        }

    def start(self, folder, statement, **options):
        """Start a job in a folder; `env` replaces the environment, in which jobs are forked."""
        script = folder / "tmp1234.work.py"
        script.write_text(SCRIPT.format(statement=textwrap.indent(statement, "    ").strip()))
        options = {
            "env": self.environment,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        } | options
        options["preexec_fn"] = heed_ctrl_c
        return subprocess.Popen([sys.executable, script], cwd=folder, text=True, **options)

    def servers(self):
        """Return the processes of the server and its children."""
        found = processes_with(self.secret)
        return [process for process in found if b"import serve" in command_of(process)]

    def wait_for_server(self):
        limit = time.monotonic() + 20
        while not self.servers():
            assert time.monotonic() < limit, "no server"
            time.sleep(0.01)

    def end(self):
        for process in self.servers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def processes_with(secret):
    """Return the living processes whose environment holds a secret."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if secret.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def command_of(process):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def gone(processes, seconds=10):
    """Wait until processes have ended; return whether they did in time."""
    limit = time.monotonic() + seconds
    while any(map(command_of, processes)) and time.monotonic() < limit:
        time.sleep(0.02)
    return not any(map(command_of, processes))


@pytest.fixture(scope="module")
def shared():
    """A workflow whose server the tests of this file share."""
    workflow = Workflow()
    yield workflow
    workflow.end()


@pytest.fixture
def workflow():
    """A workflow that has no server yet."""
    workflow = Workflow()
    yield workflow
    workflow.end()


def without_forks(environment):
    return {name: value for name, value in environment.items() if name != FORKS}


@pytest.mark.parametrize(
    "statement, code",
    [
        ("print('out'); print('err', file=sys.stderr)", 0),
        ("raise UserError('data/x is missing: unpack it.')", 1),
        ("1 / 0", 1),
        ("sys.exit(3)", 3),
        ("sys.exit('a word')", 1),
        (
            "import threading\n"
            "threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()",
            0,
        ),
        ("import atexit; atexit.register(print, 'last')", 0),
        ("os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_a_fork_says_and_returns_what_a_process_of_its_own_does(shared, tmp_path, statement, code):
    said = []
    parents = []
    for name, environment in {
        "fork": shared.environment,
        "own": without_forks(shared.environment),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        parent = "open('parent', 'w').write(str(os.getppid()))"
        job = shared.start(folder, f"{parent}\n{statement}", env=environment)
        out, err = job.communicate(timeout=60)
        ended = job.returncode if job.returncode >= 0 else 128 - job.returncode
        said.append((ended, out, last(err), last((folder / "log").read_text())))
        parents.append(int((folder / "parent").read_text()))
    assert said[0] == said[1]
    assert said[0][0] == code
    assert parents[0] in shared.servers()
    assert parents[1] == os.getpid()


def last(text):
    """Return the last line: tracebacks before it name the files that called."""
    return text.splitlines()[-1:]


STATE = """
import json, random, signal, threading
state = {
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "arguments": sys.argv,
    "path": sys.path,
    "name": __name__,
    "threads": threading.active_count(),
    "tasks": len(os.listdir("/proc/self/task")),
    "umask": os.umask(0o22),
    "files": sorted(os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)),
}
import torch
state |= {
    "torch threads": torch.get_num_threads(),
    "between": torch.get_num_interop_threads(),
    "cuda": torch.cuda.is_initialized(),
    "type": str(torch.get_default_dtype()),
    "deterministic": torch.are_deterministic_algorithms_enabled(),
}
print(json.dumps(state))
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_fork_has_the_state_of_a_process_of_its_own(shared, tmp_path, threads):
    """The same holds for threads that libraries count when loaded: each setting has a server."""
    states = []
    for environment in (shared.environment, without_forks(shared.environment)):
        environment = environment | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": "1"}
        streams = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        out, _ = shared.start(tmp_path, STATE, env=environment, **streams).communicate(timeout=60)
        states.append(json.loads(out))
    fork, own = states
    assert fork["environment"].pop(FORKS) == shared.secret
    for state in states:  # names of pipes
        state["files"] = [name.split(":")[0] for name in state["files"]]
    for key in ("threads", "tasks"):
        fork[key] -= 1  # one waits for the server's end
    assert {key: fork[key] for key in fork if fork[key] != own[key]} == {}
    assert own["torch threads"] == int(threads)


def test_the_server_has_imported_what_jobs_need_and_its_jobs_share_it(shared, tmp_path):
    modules = ("torch", "pandas", "matplotlib")
    words = f"print(os.getppid(), *[name in sys.modules for name in {modules}])"
    said = {shared.start(tmp_path, words).communicate(timeout=60)[0] for _ in range(2)}
    assert len(said) == 1
    server, *imported = said.pop().split()
    assert int(server) in shared.servers()
    assert imported == ["True"] * 3
    tasks = list(Path(f"/proc/{server}/task").iterdir())
    assert len(tasks) == 2  # one waits for the workflow's end
    assert all(map(importlib.util.find_spec, IMPORTED))


def test_first_jobs_that_start_at_once_start_one_server(workflow, tmp_path):
    jobs = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        jobs.append(workflow.start(tmp_path / str(number), "print(os.getppid())"))
    servers = {job.communicate(timeout=60)[0].strip() for job in jobs}
    assert [str(server) for server in workflow.servers()] == list(servers)


def test_other_workflows_and_submitted_jobs_have_no_server(workflow, tmp_path):
    """A job that is not a descendant of the workflow in its environment runs by itself."""
    other = subprocess.Popen(["sleep", "60"])
    environment = workflow.environment | {WORKFLOW: str(other.pid)}
    job = workflow.start(tmp_path, "print(os.getpid())", env=environment)
    assert int(job.communicate(timeout=60)[0]) == job.pid
    other.kill()
    other.wait()
    assert not workflow.servers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_job_says_that_it_was_interrupted(shared, tmp_path, number):
    job = shared.start(tmp_path, SLEEP)
    child = int(job.stdout.readline())
    assert child != job.pid
    os.kill(job.pid, number)
    assert job.wait(10) == 1
    assert job.stderr.read() == (tmp_path / "log").read_text() == INTERRUPTED
    assert gone([child])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_group_that_is_stopped_says_it_once_and_keeps_its_server(workflow, tmp_path, number):
    job = workflow.start(tmp_path, SLEEP, start_new_session=True)
    child = int(job.stdout.readline())
    os.killpg(job.pid, number)
    assert job.wait(10) == 1
    assert job.stderr.read() == INTERRUPTED
    assert gone([child])
    assert len(workflow.servers()) == 1


def test_a_job_that_is_stopped_before_its_fork_says_so(workflow, tmp_path):
    job = workflow.start(tmp_path, SLEEP)
    workflow.wait_for_server()
    os.kill(job.pid, signal.SIGTERM)  # the server takes seconds to import
    assert job.wait(10) == 1
    assert job.stderr.read() == INTERRUPTED


def test_a_killed_job_takes_its_fork_along(shared, tmp_path):
    job = shared.start(tmp_path, SLEEP)
    child = int(job.stdout.readline())
    job.kill()
    assert gone([child])


def test_a_killed_server_takes_its_forks_along_and_the_job_runs_by_itself(workflow, tmp_path):
    held = "from imagenet_transfer.files import exclusive\nwith exclusive('folder', 'trains in'):\n"
    job = workflow.start(tmp_path, f"{held}    print(os.getpid(), flush=True); time.sleep(3)")
    child = int(job.stdout.readline())
    (server,) = set(workflow.servers()) - {child}
    os.kill(server, signal.SIGKILL)
    assert int(job.stdout.readline()) == job.pid
    assert gone([child, server], 0)
    assert job.wait(20) == 0
    assert "this job runs in one of its own" in job.stderr.read()
    out, _ = workflow.start(tmp_path, "print(os.getppid())").communicate(timeout=60)
    assert int(out) in set(workflow.servers()) - {server}


STARTER = """
import os, subprocess, sys
os.environ["{variable}"] = str(os.getpid())
subprocess.run([sys.executable, sys.argv[1]])
"""


def test_nothing_outlives_a_killed_workflow(workflow, tmp_path):
    script = tmp_path / "tmp1234.work.py"
    script.write_text(SCRIPT.format(statement=SLEEP))
    command = [sys.executable, "-c", STARTER.format(variable=WORKFLOW), script]
    options = {
        "env": workflow.environment,
        "cwd": tmp_path,
        "stdout": subprocess.PIPE,
        "text": True,
    }
    running = subprocess.Popen(command, **options)
    child = int(running.stdout.readline())
    processes = processes_with(workflow.secret)
    assert {child, running.pid} < set(processes)
    assert len(processes) == 4  # and the job's own process and the server
    running.kill()
    running.wait()
    assert gone(processes)


def test_a_server_that_still_imports_ends_with_its_workflow(workflow, tmp_path):
    script = tmp_path / "tmp1234.work.py"
    script.write_text(SCRIPT.format(statement=SLEEP))
    command = [sys.executable, "-c", STARTER.format(variable=WORKFLOW), script]
    running = subprocess.Popen(command, env=workflow.environment, cwd=tmp_path)
    workflow.wait_for_server()
    time.sleep(0.3)
    processes = processes_with(workflow.secret)
    assert set(workflow.servers()) & set(processes)
    running.kill()
    running.wait()
    assert gone(processes, 1)


def test_systems_that_cannot_tell_the_end_of_a_process_fork_no_jobs(monkeypatch):
    for name in (WORKFLOW, FORKS, "PYTHONPATH"):
        monkeypatch.setenv(name, "")
    prepare_environment(forks=True)
    assert os.environ[FORKS]
    prepare_environment()
    assert FORKS not in os.environ
    monkeypatch.delattr("os.pidfd_open")
    prepare_environment(forks=True)
    assert FORKS not in os.environ


def test_minutes_count_from_the_fork(monkeypatch):
    monkeypatch.setattr(time_limits, "_STARTED", time.monotonic() - 600)
    child = os.fork()
    if not child:
        os._exit(round(time_limits.minutes_left(20)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 20


SNAKEFILE = """
from imagenet_transfer.running.jobs import prepare_environment
prepare_environment(forks=True)
include: "{root}/workflow/rules/benchmarks.smk"
rule work:
    output: "done"
    benchmark: "benchmark.tsv"
    script: "work.py"
"""
WORK = """
limit = time.process_time() + 3
    while time.process_time() < limit: sum(range(10_000))
    open(snakemake.output[0], "w").write(str(os.getppid()))
"""


@pytest.mark.slow
def test_snakemakes_benchmark_tells_what_the_fork_computed(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(root=ROOT))
    (tmp_path / "work.py").write_text(SCRIPT.format(statement=WORK.strip()))
    environment = without_forks(os.environ) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", tmp_path]
    done = subprocess.run(
        [*command, "-s", tmp_path / "Snakefile"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    record = pd.read_table(tmp_path / "benchmark.tsv").iloc[0]
    assert 2 < record["cpu_time"] < 4  # without the server, which the job has started
    assert record["max_rss"] > 200  # of torch, which the job's own process does not import
    assert gone([int((tmp_path / "done").read_text())])
