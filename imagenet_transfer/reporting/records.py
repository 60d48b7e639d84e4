"""Whether the runs that a table shows are those that the study describes: settings, and the networks they started from.

Snakemake remembers by which parameters a file was made, but that memory can be lost (results copied without it). The
records know for themselves, so every table, figure and summary asks them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table
from imagenet_transfer.provenance import digests_of

Expected = Mapping[str, Mapping[str, str]]  # by metrics.json: digests of the parts of a run's settings


def check_records(paths: Iterable[Path | str], expected: Expected) -> None:
    """Raise UserError, naming the run and the setting, unless every run was computed as the study says.

    `expected` comes from `provenance.digests_of`. A fine-tuning run must have started from the weights that its
    pre-training run left, if that run is among the paths too. Of a given network, it is its import that was computed.
    """
    records = {str(path): read_facts(path, "stage", "arch", "subset", "settings") for path in paths}
    for path, record in records.items():
        _check_settings(path, record.get("given", record).get("settings", {}), expected[path])
    weights = {_key(record, "rep"): record["weights"] for record in records.values() if "weights" in record}
    for path, record in records.items():
        _check_origin(path, record, weights)


def _check_settings(path: str, settings: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    found = digests_of(settings)
    changed = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if changed:
        raise UserError(
            f"{path} was computed with another {', '.join(changed)} than this study's config says, and Snakemake did "
            f"not know it. Compute it again: snakemake --force {path} (or delete the file), or restore the config."
        )


def _key(record: Mapping[str, Any], replicate: str) -> tuple[str, ...]:
    return (record["arch"], record["subset"], str(record.get(replicate, 1)))


def _check_origin(path: str, record: Mapping[str, Any], weights: Mapping[tuple[str, ...], str]) -> None:
    if record["stage"] != "transfer":
        return
    left = weights.get(_key(record, "network"))
    started = record["inputs"].get("weights")
    if left is not None and started != left:
        raise UserError(
            f"{path} started from other weights than those that the network {record['subset']} has now. Compute it "
            f"again: snakemake --force {path} (or delete the file)."
        )


def read_tested(path: Path | str) -> pd.DataFrame:
    """Return a run's images.csv.gz: the columns of `tested` of its job."""
    return read_table(path, ("image",), dtype={"image": str, "class": str}, keep_default_na=False)


def check_digest(path: Path | str, made_from: str, network: Path | str) -> None:
    """Raise UserError if features or predictions in `path` are not of the weights that a network's record names."""
    if made_from != read_facts(network, "weights")["weights"]:
        raise UserError(
            f"{path} was computed from other weights than those of {Path(network).parent} now: compute it again: "
            f"snakemake --force {path} (or delete the file)."
        )


def check_features(features: Sequence[Path | str], networks: Sequence[Path | str]) -> None:
    """Raise UserError unless the features (or predictions) are those of the networks, pair by pair.

    Each file has a .json next to it that holds the checksum of the `weights` it was computed from.
    """
    for path, network in zip(features, networks, strict=True):
        meta = Path(str(path).removesuffix(".npy").removesuffix(".csv.gz") + ".json")
        check_digest(path, read_facts(meta, "weights")["weights"], network)
