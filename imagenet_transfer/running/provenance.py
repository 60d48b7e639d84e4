"""Where a number comes from: commit, versions, device, time, and a fingerprint of its settings."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    """Return the code's commit, with "+changes" if files differ, or "unknown" without git."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        options = {"cwd": folder, "capture_output": True, "text": True, "check": True}
        return subprocess.run(["git", *words], **options).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


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
