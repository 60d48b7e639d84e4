"""Write the locked environments: envs/lock.txt for pip and containers, envs/locked.yaml for conda.

The versions are those of the environment that runs this script, `.venv` after `make test`, so what is
locked is what was tested. uv resolves pyproject.toml with all extras within them, for all platforms
and Python versions that it admits; it is installed into a folder of its own. Needs a network.

    make lock
"""

import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "envs/lock.txt"
LOCKED = ROOT / "envs/locked.yaml"
OLDEST = "3.11"  # as in pyproject.toml; conda's environment has it
HEAD = """\
# Every package of pyproject.toml and its extras, at the version that was tested. Made by `make lock`.
#     pip install --constraint envs/lock.txt --editable .
# PyTorch's builds for CPUs and for each CUDA have the same version: the index that pip asks decides.
"""
HEAD_OF_CONDA = """\
# An environment to run the whole workflow in: conda env create --file envs/locked.yaml, then
# `conda activate imagenet-transfer` and `pip install --no-deps --editable .`. Made by `make lock`.
# For jobs in environments of their own (--sdm conda), see envs/workflow.yaml.
"""


def tested_versions() -> list[str]:
    """Return name==version of all packages of this environment, without local builds (+cpu)."""
    found = importlib.metadata.distributions()
    versions = {of.metadata["Name"].lower(): of.version.partition("+")[0] for of in found}
    return [f"{name}=={version}" for name, version in sorted(versions.items())]


def resolved(tested: list[str]) -> list[str]:
    """Return the lines of the lock, a package per line."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "tested.txt")
        constraints.write_text("\n".join([*tested, ""]))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "uv"]
        subprocess.run(pip, check=True)
        options = ["--universal", "--all-extras", "--python-version", OLDEST]
        quiet = ["--quiet", "--no-header", "--no-annotate"]
        uv = [f"{folder}/bin/uv", "pip", "compile", "pyproject.toml", *options, *quiet]
        done = subprocess.run(
            [*uv, "--constraints", str(constraints)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
    return done.stdout.split("\n")[:-1]


def conda_environment(lines: list[str]) -> str:
    """Return the environment of conda that has the packages of the lock, by pip."""
    packages = [f"python ={OLDEST}", "pip", {"pip": lines}]
    content = {
        "name": "imagenet-transfer",
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": packages,
    }
    return HEAD_OF_CONDA + yaml.safe_dump(content, sort_keys=False, width=1000)


if __name__ == "__main__":
    lines = resolved(tested_versions())
    LOCK.write_text(HEAD + "\n".join([*lines, ""]))
    LOCKED.write_text(conda_environment(lines))
    print(f"{LOCK}: {len(lines)} packages")
