"""Memory that is kept is not asked for again."""

import os
import subprocess
import sys

import pytest

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
