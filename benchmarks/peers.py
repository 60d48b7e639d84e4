"""The peers that the benchmarks compare with, pinned, in an environment of their own.

`python benchmarks/peers.py` makes it in `.venv-peers`, on top of the environment that runs the
script (1 GB; FFCV is compiled). A peer that cannot be installed is left out, and the tables say why.
FFCV needs a C++ compiler and, of Debian's packages, pkg-config, libturbojpeg0-dev and
libopencv-dev.
"""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venv-peers"
PYTHON = FOLDER / "bin" / "python"
PEERS = {  # what to install, by the name under which it is imported
    "faiss": ("faiss-cpu==1.15.1",),
    "nvidia.dali": ("nvidia-dali-cuda130==2.4.0",),
    "ffcv": ("ffcv==1.0.2", "numba==0.68.1"),
}


def install() -> None:
    """Make the environment, and write into it why a peer is missing."""
    venv.create(FOLDER, with_pip=True)
    site = next(FOLDER.glob("lib/python*/site-packages"))
    (site / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for module, packages in PEERS.items():
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--prefer-binary", *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        _reason_file(module).write_text(done.stderr if done.returncode else "")
        print(f"{packages[0]}: {missing(module) or 'ready'}", flush=True)


def missing(module: str) -> str | None:
    """Return why a peer cannot be used; None if it can."""
    if not PYTHON.exists():
        return "not installed: python benchmarks/peers.py"
    done = subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, text=True)
    if not done.returncode:
        return None
    file = _reason_file(module)
    lines = [*_errors(file.read_text() if file.exists() else ""), *_errors(done.stderr)]
    return lines[0] if lines else "cannot be imported"


def _reason_file(module: str) -> Path:
    return FOLDER / f"{module}.txt"


def _errors(text: str) -> Iterator[str]:
    """Yield the lines that tell what went wrong."""
    for line in map(str.strip, text.splitlines()):
        kind, _, what = line.partition("Error: ")
        if what and kind.isalpha():
            yield what[:150]


if __name__ == "__main__":
    sys.exit(install())
