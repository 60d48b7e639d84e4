"""A SLURM of two virtual nodes with a fake GPU each, all on this machine.

The daemons are real; there is no systemd, and they talk over the loopback interface.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import yaml
from conftest import ROOT

from imagenet_transfer.running.time_limits import read_time_left

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
CLIENTS = ("srun", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
# memory limits without cgroups: jobs over their memory are killed by polling
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
# without accounting, squeue answers for finished jobs
MinJobAge=7200
KillWait=2
InactiveLimit=0
Waittime=0
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=10
CompleteWait=0
JobRequeue=1
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2
"""


def missing_programs():
    """Return what SLURM's packages would bring and this machine lacks."""
    return [name for name in DAEMONS if shutil.which(name) is None]


class Cluster:
    """Nodes n1 and n2, each with `cpus` processors, `memory` MB and one GPU; `env` reaches them."""

    nodes = ("n1", "n2")

    def __init__(self, folder, cpus=1, memory=6000):
        self.folder = Path(folder)
        self.cpus = cpus
        self.memory = memory
        self.port = free_ports(1 + len(self.nodes))
        self.daemons = {}
        self.conf = self.folder / "slurm.conf"
        path = os.pathsep.join([str(self.folder / "bin"), "/usr/sbin", os.environ["PATH"]])
        self.env = os.environ | {"SLURM_CONF": str(self.conf), "PATH": path}

    def start(self):
        """Start all daemons and wait until the nodes are idle."""
        devices = [f"dev/{node}" for node in self.nodes]
        for name in ("munge", "state", "spool", "run", "log", "bin", *devices):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        self._wrap_clients()
        self._start_munge()
        self._start("slurmctld", "slurmctld", "-D", "-c", "-f", self.conf)
        for node in self.nodes:
            self.start_node(node)
        self.wait_until(
            lambda: self.states() == ["idle"] * len(self.nodes), "the nodes are not idle", 60
        )
        return self

    def start_node(self, node):
        """Start (again) the daemon of a node."""
        (self.folder / "spool" / node).mkdir(exist_ok=True)
        self._start(f"slurmd-{node}", "slurmd", "-D", "-N", node, "-f", self.conf)

    def kill_node(self, node):
        """Let a node die at once: its daemon and every process of its jobs."""
        for job in self.ask("squeue", "-h", "-w", node, "-t", "R", "-o", "%A").split():
            for process in processes_of_job(job):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self.daemons[f"slurmd-{node}"].kill()
        self.daemons[f"slurmd-{node}"].wait()

    def stop(self):
        """Cancel all jobs and stop all daemons."""
        with suppress(Exception):
            jobs = self.jobs()
            if jobs:
                self.ask("scancel", *jobs)
                self.wait_until(lambda: not self.jobs(), "jobs are left", 15)
        for name in sorted(self.daemons, key=lambda name: ("slurmd" not in name, name == "munged")):
            process = self.daemons[name]
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def jobs(self, states="PD,R,CG,S"):
        """Return the ids of jobs that are queued or running."""
        return self.ask("squeue", "-h", "-t", states, "-o", "%A").split()

    def jobs_called(self, comment, states="all"):
        """Return the ids of the jobs of a target.

        The plugin calls it rule_RULE_wildcards_VALUE_VALUE...
        """
        lines = [
            line.split()
            for line in self.ask("squeue", "-h", "-t", states, "-o", "%A %k").splitlines()
        ]
        return sorted((words[0] for words in lines if words[1:] == [comment]), key=int)

    def ends_of_jobs(self):
        """Return job -> state of all jobs, finished ones included."""
        return dict(
            line.split()
            for line in self.ask("squeue", "-h", "-t", "all", "-o", "%A %T").splitlines()
        )

    def node_of(self, job):
        """Return the node on which a job runs."""
        return self.ask("squeue", "-h", "-j", job, "-o", "%N").strip()

    def seconds_left(self, job):
        """Return the seconds to the end of a job's time limit."""
        return 60 * read_time_left(self.ask("squeue", "-h", "-j", job, "-o", "%L"))

    def states(self):
        """Return the state of each node."""
        lines = self.ask("sinfo", "-h", "-N", "-o", "%N %T").splitlines()
        return [state for _, state in sorted({tuple(line.split()) for line in lines})]

    def ask(self, *command):
        """Return what a command of SLURM's prints."""
        command = [str(word) for word in command]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=30, check=True
        ).stdout

    def wait_until(self, condition, message, seconds):
        """Wait for a condition; fail with the daemons' last words after some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(subprocess.SubprocessError):
                if condition():
                    return
            time.sleep(0.2)
        logs = "\n".join(
            path.read_text()[-1500:] for path in sorted((self.folder / "log").iterdir())
        )
        raise TimeoutError(f"{message}\n{logs}")

    def _write_configuration(self):
        host = socket.gethostname().split(".")[0]
        lines = [CONF.format(host=host, port=self.port, folder=self.folder)]
        for number, node in enumerate(self.nodes, start=1):
            device = self.folder / "dev" / node / "nvidia0"
            if not device.exists():
                # SLURM wants a character device behind each GPU: one like /dev/null.
                os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 "
                f"Port={self.port + number} CPUs={self.cpus} CoresPerSocket={self.cpus} "
                f"ThreadsPerCore=1 RealMemory={self.memory} Gres=gpu:1"
            )
        lines.append(
            f"PartitionName=all Nodes={','.join(self.nodes)} Default=YES MaxTime=INFINITE "
            "DefMemPerCPU=300"
        )
        self.conf.write_text("\n".join(lines) + "\n")
        gpus = [
            f"NodeName={node} Name=gpu File={self.folder}/dev/{node}/nvidia0" for node in self.nodes
        ]
        (self.folder / "gres.conf").write_text("\n".join(gpus) + "\n")

    def _wrap_clients(self):
        """Put clients on the path that know the configuration.

        A job's own environment may have lost SLURM_CONF.
        """
        for name in CLIENTS:
            wrapper = self.folder / "bin" / name
            wrapper.write_text(
                f'#!/bin/sh\nSLURM_CONF={self.conf} exec {shutil.which(name)} "$@"\n'
            )
            wrapper.chmod(0o755)

    def _start_munge(self):
        key = self.folder / "munge.key"
        munge = self.folder / "munge"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        options = ("--foreground", "--force", f"--socket={munge}/socket", f"--key-file={key}")
        files = (
            f"--pid-file={munge}/pid",
            f"--log-file={self.folder}/log/munged.log",
            f"--seed-file={munge}/seed",
        )
        self._start("munged", "munged", *options, *files)
        self.wait_until(lambda: (munge / "socket").exists(), "munged does not start", 10)

    def _start(self, name, *command):
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [str(word) for word in command],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def free_ports(number):
    """Return the first of some consecutive ports that are free on loopback."""
    for first in range(26800, 30000, 10):
        with suppress(OSError):
            for port in range(first, first + number):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


def processes_of_job(job):
    """Return the processes whose environment says that they belong to a job."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"SLURM_JOB_ID={job}".encode() in (
                entry / "environ"
            ).read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def site_profile(folder, minutes=10, memory=None, grouped=0, threads=1):
    """Write profiles/slurm with this small site's values, as a user would; return its folder.

    `memory`: MB of the rules that need another amount for the test. `grouped`: fine-tuning runs
    that are one job. `threads`: those of each job; None: those of its rule.
    """
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    for rule, wanted in profile["set-resources"].items():
        profile["set-resources"][rule] = wanted | {
            "runtime": f"{minutes} * attempt",
            "mem_mb": "1500 * attempt",
        }
    for rule, megabytes in (memory or {}).items():
        profile["set-resources"][rule]["mem_mb"] = megabytes
    if threads:
        profile["set-threads"] = dict.fromkeys(profile["set-resources"], threads)
    if grouped:
        profile |= {
            "groups": [f"finetune_{kind}=short" for kind in ("classification", "detection")]
        }
        profile |= {"group-components": [f"short={grouped}"]}
    # without accounting, and with a waiting time for a disk that is not a network's
    profile |= {"slurm-no-account": True, "slurm-status-command": "squeue", "latency-wait": 10}
    profile |= {"slurm-init-seconds-before-status-checks": 2}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(profile, sort_keys=False))
    return folder
