"""What a run leaves in its folder, whatever it measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.files import sha256_of, write_csv, write_json
from imagenet_transfer.running.progress import report
from imagenet_transfer.running.provenance import fingerprint_of, provenance
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import Outcome
from imagenet_transfer.training.precision import FLOAT32, arithmetic

UNITS = {"top1": "%", "top5": "%", "mAP": "%", "AP": "%"}


@dataclass(frozen=True)
class RunFiles:
    """The files of one run: history.csv, images.csv.gz (each test image's result), metrics.json.

    Its numbers depend only on `settings` and `inputs` (digests).
    """

    folder: Path
    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    device: str

    @cached_property
    def fingerprint(self) -> str:
        """Return the fingerprint of settings and inputs."""
        return fingerprint_of({"settings": self.settings, "inputs": self.inputs})

    @cached_property
    def state_file(self) -> StateFile:
        """Return the file that an interrupted run continues from."""
        return StateFile(self.folder / "state.pt", self.fingerprint)

    def write(self, facts: Mapping[str, Any], outcome: Outcome, tested: pd.DataFrame) -> None:
        """Write the files, metrics.json last; then remove the saved state.

        `facts` are the first entries of metrics.json.
        """
        write_csv(self.folder / "history.csv", pd.DataFrame(outcome.history))
        write_csv(self.folder / "images.csv.gz", tested)
        record = {
            **facts,
            "seed": self.settings["seed"],
            "metrics": [metric_row(name, value) for name, value in outcome.metrics.items()],
            "fingerprint": self.fingerprint,
            "inputs": self.inputs,
            "settings": self.settings,
            "images": sha256_of(self.folder / "images.csv.gz"),
            "wall_s": round(outcome.seconds, 2),
            "provenance": provenance(self.device, outcome.commits) | self._arithmetic(),
        }
        write_json(self.folder / "metrics.json", record)
        self.state_file.remove()
        report(main_metric(outcome.metrics))

    def _arithmetic(self) -> dict[str, dict[str, str]]:
        precision = self.settings.get("recipe", {}).get("precision", FLOAT32)
        return {"arithmetic": arithmetic(precision, self.device)}


def main_metric(metrics: Mapping[str, float]) -> str:
    """Return the first metric in words, such as `top1 31.2`; those of single classes come later."""
    return next((f"{name} {value:.1f}" for name, value in metrics.items()), "")


def metric_row(name: str, value: float) -> dict[str, Any]:
    """Return a metric's entry in metrics.json."""
    return {"metric": name, "value": value, "unit": UNITS.get(name.split("/")[0], "")}
