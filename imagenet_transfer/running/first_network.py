"""Whether the first network is as good as it should be, before the others are trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts


def judged(metrics: Path | str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was found and expected of the network that a metrics.json is about.

    `expected` is the config's `first`. Raises UserError if top1 is further from the expected one
    than `within`.
    """
    found = _top1(metrics)
    top1, within = (expected[key] for key in ("top1", "within"))
    if not abs(found - top1) <= within:
        raise UserError(
            f"{metrics}: top1 is {found:.2f} %, but `first` in the config expects {top1:g} within "
            f"{within:g}. The other networks wait, as they would be wrong in the same way. Check "
            "the images (`snakemake check`), the recipe with its `precision`, and history.csv in "
            "the same folder. To go on anyway, raise `first.within` to "
            f"{abs(found - top1) + 0.01:.2f} or remove `first` from the config."
        )
    return {"network": str(metrics), "top1": found, "expected": top1, "within": within}


def is_made_with(metrics: Path | str, settings: Mapping[str, Any]) -> bool:
    """Return whether the run of a metrics.json was computed with these settings."""
    try:
        return read_facts(metrics, "settings")["settings"] == settings
    except UserError:  # damaged: to be made again
        return False


def _top1(metrics: Path | str) -> float:
    rows = read_facts(metrics, "metrics")["metrics"]
    found = next((row["value"] for row in rows if row["metric"] == "top1"), None)
    if found is None:
        raise UserError(f"{metrics} holds no top1: train the network again (delete the file).")
    return found
