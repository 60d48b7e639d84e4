"""Where a number comes from: commit, versions, device, time, and a fingerprint of its settings."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "imagenet-transfer",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "opencv-contrib-python-headless",
    "simplejpeg",
    "pillow",
)


def fingerprint_of(content: Any) -> str:
    """Return 16 hexadecimal digits for nested plain dictionaries, whatever their keys' order."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digests_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return a short digest of each part of a run's settings: equal settings, equal digests."""
    return {key: fingerprint_of(value)[:8] for key, value in sorted(settings.items())}


def commit() -> str:
    """Return the code's commit, with "+changes" if files differ, or "unknown" without git.

    git refuses a checkout of another user, whose settings may name programs that are then run. Of
    such a one only the names and contents of files are asked, which runs none.
    """
    folder = Path(__file__).resolve().parent
    try:
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        return _git(folder, "rev-parse", "HEAD").strip() + ("+changes" if changed else "")
    except subprocess.CalledProcessError as error:
        return _commit_of_other(folder) if "safe.directory" in error.stderr else "unknown"
    except (OSError, ValueError):
        return "unknown"


def _git(folder: Path, *words: str, **environment: str) -> str:
    options = {"capture_output": True, "text": True, "check": True}
    environment = {**os.environ, "LC_ALL": "C", **environment}
    return subprocess.run(["git", *words], cwd=folder, env=environment, **options).stdout


def _commit_of_other(folder: Path) -> str:
    """Return the commit of a checkout whose owner is another user."""
    root = next((above for above in folder.parents if (above / ".git").exists()), folder)
    # As if in the user's own settings: git takes this one neither from -c nor from a repository.
    safe = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(root),
    }
    try:
        head = _git(root, "rev-parse", "HEAD", **safe).strip()
        files = _git(root, "ls-tree", "-r", "-z", "HEAD", **safe).split("\0")
        return head + ("+changes" if any(map(partial(_differs, root), files[:-1])) else "")
    except (OSError, ValueError, subprocess.CalledProcessError):
        return "unknown"


def _differs(root: Path, entry: str) -> bool:
    """Return whether a file is not as git's tree has it: "mode blob checksum, tab, name"."""
    about, _, name = entry.partition("\t")
    mode, kind, checksum = about.split()
    path = root / name
    if kind != "blob":
        return False
    try:
        data = os.fsencode(path.readlink()) if mode == "120000" else path.read_bytes()
    except OSError:
        return True
    digest = hashlib.new("sha1" if len(checksum) == 40 else "sha256")
    digest.update(b"blob %d\0" % len(data) + data)
    return digest.hexdigest() != checksum


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def device_name(device: str) -> str:
    """Return the name of the GPU or the processor that computed."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def provenance(device: str, commits: Sequence[str] = ()) -> dict[str, Any]:
    """Return commit, versions, device and time of completion (UTC).

    `commits` are those of all attempts; without any, the present one.
    """
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    made_by = {"commit": commit(), "commits": list(commits) or [commit()]}
    return made_by | {"versions": versions(), "device": device_name(device), "finished": finished}
