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
    blocks = [np.ones(1 << 18) for _ in range(40)]  # 80 MB, freed before the next ones are made
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are left as they are")
def test_freed_memory_is_used_again_without_the_system():
    words = [sys.executable, "-c", CODE]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    said = [subprocess.check_output([*words, how], env=environment) for how in ("usual", "kept")]
    usual, kept = map(int, said)
    assert kept < usual / 2
