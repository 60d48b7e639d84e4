"""Jobs as forks of one process that has imported everything: they start in a tenth of a second.

As processes of their own they take two or three seconds. The first job of a workflow starts the
server, which imports torch and all the rest once. Each job's own process hands it its script,
folder and standard streams; the server forks a child that runs the script; the job's process waits
for the child and ends as the child has ended:

    Snakemake -> python script.py -> run_forked() ~ socket ~ server
    server -> fork -> script.py, where run_forked() returns

- A child ends with its job's process and with the server, and both end with the workflow. Jobs
  whose server is killed run again in their own processes. SIGINT and SIGTERM reach the child as
  SIGTERM.
- A server serves one workflow and one environment, as libraries read variables such as
  OMP_NUM_THREADS when they are loaded. Its socket has a secret name instead of a place in the file
  system, so nothing can be left behind.
- Jobs on a cluster, and on systems that lack what this needs, run in their own processes.
"""

import atexit
import contextlib
import gc
import hashlib
import importlib
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from imagenet_transfer.running.jobs import (
    FORKS,
    WORKFLOW,
    end_with,
    open_streams,
    sentence_of,
    workflow_process,
)

IMPORTED = (  # what jobs import, by which they import torch, pandas and matplotlib
    "imagenet_transfer.features.analyses",
    "imagenet_transfer.features.embeddings",
    "imagenet_transfer.features.few_shot",
    "imagenet_transfer.features.knn",
    "imagenet_transfer.features.probe",
    "imagenet_transfer.figures.from_features",
    "imagenet_transfer.figures.from_images",
    "imagenet_transfer.figures.from_runs",
    "imagenet_transfer.reporting.tables",
    "imagenet_transfer.training.stages",
    "imagenet_transfer.training.tasks.action",
    "imagenet_transfer.training.tasks.detection",
)
SERVER = "from imagenet_transfer.running.forks import serve; serve({})"
TRIES = 500  # at 10 ms each, while another job starts the server
# In a child, its connection: open until the child ends, so that the job's process sees its end
_job: socket.socket | None = None


def run_forked() -> None:
    """Run this process's script in a fork of the server, and end this process as the fork ends.

    Returns where the script is to run here: in the fork itself, and in a job that cannot be forked.
    """
    open_streams()  # they are handed to the fork
    workflow = int(os.environ.get(WORKFLOW, 0))
    if _job or FORKS not in os.environ or workflow_process() != workflow:
        return
    end_with(workflow)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(OSError), _connection() as server:
            code = _code_of_child(server)
            if code is not None:
                os._exit(code if code >= 0 else 128 - code)  # shells tell signals like that
    except KeyboardInterrupt as stopped:
        print(f"Error: {sentence_of(stopped)}", file=sys.stderr)
        sys.exit(1)
    print("There is no process to fork from: this job runs in one of its own.", file=sys.stderr)
    for number, handler in before.items():
        signal.signal(number, handler)


def _code_of_child(server: socket.socket) -> int | None:
    """Return the exit code of a child that runs this script; None if it and the server die."""
    asked = [Path(sys.argv[0]).resolve(), Path.cwd()]
    early: list[int] = []  # signals that came before the child's number was known
    _handle_stops(lambda number, _: early.append(number))
    socket.send_fds(server, [os.fsencode("\0".join(map(str, asked)))], [0, 1, 2])
    child = server.recv(16)
    if not child and early:
        raise KeyboardInterrupt
    if not child:
        return None
    # For `ps`, and for Snakemake's benchmarks
    Path("/proc/self/comm").write_bytes(b"runs as " + child)

    def pass_on(*_: object) -> None:
        with contextlib.suppress(OSError):  # the child has just ended
            server.send(b"stop")

    _handle_stops(pass_on)
    if early:
        pass_on()
    code = server.recv(16)
    if code == b"%d" % -signal.SIGTERM:
        raise KeyboardInterrupt  # the child was not yet able to say so
    return int(code) if code else None


def _handle_stops(handler: Callable) -> None:
    """Let `handler` deal with SIGINT and SIGTERM, unless they are ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _connection() -> socket.socket:
    """Return a connection to the server of this workflow and environment; start it if needed."""
    environment = repr((sys.executable, sorted(os.environ.items())))  # with the workflow's secret
    name = f"\0imagenet-transfer-{hashlib.sha256(environment.encode()).hexdigest()}"
    for _ in range(TRIES):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(name)
        except ConnectionRefusedError:
            connection.close()
            _start_server(name)
        else:
            if _is_own(connection):
                return connection
            break
    raise OSError("no server of this user's")


def _is_own(connection: socket.socket) -> bool:
    """Return whether the process at the other end is of the same user."""
    size = struct.calcsize("3i")  # process, user, group
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", credentials)
    return user == os.geteuid()


def _start_server(name: str) -> None:
    """Start the server, which jobs can ask while it imports.

    If another job is starting it, only wait a moment.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        try:
            listener.bind(name)
        except OSError:
            time.sleep(0.01)
            return
        listener.listen(128)
        command = [sys.executable, "-P", "-c", SERVER.format(listener.fileno())]
        silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        # Soon over: the server is a fork of this.
        subprocess.run(command, pass_fds=[listener.fileno()], **silent)


def serve(listener: int) -> None:
    """Import everything and fork a child for each job that asks, until the workflow ends.

    In a child, run the job.
    """
    if os.fork():
        # The server must not be a child of its first job, whose benchmark would count its work.
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Sent to the whole group, they are meant for the jobs.
        signal.signal(number, signal.SIG_IGN)
    end_with(int(os.environ[WORKFLOW]))
    codes: list[int] = []
    atexit.register(_leave, codes)  # registered first, it is called last
    environment = dict(os.environ)
    for name in IMPORTED:
        importlib.import_module(name)
    os.environ.clear()  # of what OpenCV sets
    os.environ.update(environment)
    gc.freeze()  # collections in the children would copy these pages
    script = _Server(socket.socket(fileno=listener)).script()
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).parent))
    codes.append(_run(script))


def _leave(codes: list[int]) -> None:
    """End a child without taking apart all that is imported, which takes longer than the fork."""
    if codes:
        with contextlib.suppress(OSError):  # nobody reads it, or the disk is full
            sys.stdout.flush()
        os._exit(codes[0])


def _run(script: str) -> int:
    """Run a script as the interpreter would; return its exit code."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


class _Server:
    """Waits for jobs, for what their processes send, and for the ends of children."""

    def __init__(self, listener: socket.socket):
        self.events = selectors.PollSelector()
        self.wait_for(listener, self.accept)

    def wait_for(self, source: socket.socket | int, then: Callable) -> None:
        """Call `then` with `source` whenever it has something to read."""
        self.events.register(source, selectors.EVENT_READ, then)

    def script(self) -> str:
        """Return, in every child, the script that it runs."""
        script = None
        while not script:
            event = self.events.select()[0][0]  # one at a time: each may close what others use
            script = event.data(event.fileobj)
        return script

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, if it is the same user's."""
        job, _ = listener.accept()
        if _is_own(job):
            self.wait_for(job, self.fork)

    def fork(self, job: socket.socket) -> str | None:
        """Fork a child for a job and tell the job's process; return, in the child, the script."""
        self.events.unregister(job)
        asked, streams, *_ = socket.recv_fds(job, 2**16, 3)
        server = os.getpid()
        child = os.fork() if asked else None
        if child == 0:
            return self.become(job, server, streams, *os.fsdecode(asked).split("\0"))
        for stream in streams:
            os.close(stream)
        if child:
            self.wait_for(job, partial(self.hear, child))
            self.wait_for(os.pidfd_open(child), partial(self.bury, child, job))
            job.send(b"%d" % child)
        return None

    def become(
        self, job: socket.socket, server: int, streams: list[int], script: str, folder: str
    ) -> str:
        """Turn a fresh fork into the job, without anything of the other jobs; return the script.

        It gets the job's streams, folder, name and signals.
        """
        global _job
        _job = job
        for event in list(self.events.get_map().values()):
            os.close(event.fd) if isinstance(event.fileobj, int) else event.fileobj.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
        os.chdir(folder)
        # The rule's script, for `top`
        Path("/proc/self/comm").write_text(Path(script).stem.rpartition(".")[2])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with(server)
        return script

    def hear(self, child: int, job: socket.socket) -> None:
        """Pass on that a job is to stop; kill the child if the job's process has ended."""
        try:
            said = job.recv(16)
        except ConnectionError:
            said = b""
        os.kill(child, signal.SIGTERM if said else signal.SIGKILL)
        if not said:
            self.events.unregister(job)

    def bury(self, child: int, job: socket.socket, ended: int) -> None:
        """Tell the job's process how the child has ended."""
        self.events.unregister(ended)
        os.close(ended)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(KeyError):
            self.events.unregister(job)
        with contextlib.suppress(OSError):
            job.send(b"%d" % code)
        job.close()
