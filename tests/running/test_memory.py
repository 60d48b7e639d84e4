"""Memory that is kept is not asked for again."""

import os
import subprocess
import sys

import pytest

from imagenet_transfer.running.memory import available_memory

CODE = """
import resource, sys
import numpy as np
from imagenet_transfer.running.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(20):
    sizes = [1 << 18] * 40 + [1 << 23]  # 2 MB and 64 MB, freed before the next ones are made
    blocks = [np.ones(size) for size in sizes]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are left as they are")
def test_freed_memory_is_used_again_without_the_system():
    words = [sys.executable, "-c", CODE]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    said = [subprocess.check_output([*words, how], env=environment) for how in ("usual", "kept")]
    usual, kept = map(int, said)
    assert kept < usual / 4


def test_available_memory_is_what_system_and_control_groups_leave(tmp_path):
    assert available_memory(tmp_path) == 0  # it does not say
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 99 kB\nMemAvailable:   64000 kB\n")
    assert available_memory(tmp_path) == 64000 * 1024
    (tmp_path / "proc/self/cgroup").write_text("0::/slurm/job_7\n")
    group = tmp_path / "sys/fs/cgroup/slurm/job_7"
    group.mkdir(parents=True)
    for folder, limit, used in ((group, "max", "5"), (group.parent, "50000000", "20000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    assert available_memory(tmp_path) == 30_000_000
    (group / "memory.max").write_text("3\n")
    assert available_memory(tmp_path) == 0
    assert available_memory() > 0
