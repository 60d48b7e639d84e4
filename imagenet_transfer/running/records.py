"""Checks that the runs a table shows are those that the study describes.

Snakemake remembers the parameters that made a file, but that memory can be lost (results copied
without it). Each run's record holds its settings, images and first weights, so every table, figure
and summary asks the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table, sha256_of
from imagenet_transfer.running.draws import check_draw, expected_label_set
from imagenet_transfer.running.provenance import digests_of

Records = Mapping[str, Mapping[str, Any]]  # what metrics.json files hold, by path


def check_records(paths: Iterable[Path | str], expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError, naming run and difference, unless all were computed as the study says.

    `expected` holds three tables by path:

    - `runs`, by metrics.json: `settings` (their digests, see `provenance.digests_of`), `origin`
      (the metrics.json of the network that a fine-tuning run starts from; empty for a random
      start), `inputs` (the files whose `digest` tells which `store` and `manifest` it read) and
      `files` (an imported network's checksums);
    - `manifests`, by the manifest's .json: the settings of its draw and its `label_set`'s path;
    - `label_sets`, by CSV: their `settings`, their `name`, the `store` of the data set that they
      name, and the record of the `network` whose features they are made from.

    Of an imported network, the settings of its import count. Missing files are not checked:
    results may have been copied without stores. Only records among `paths` tell which weights a
    network has.
    """
    records = {
        str(path): read_facts(path, "stage", "arch", "subset", "settings", "inputs")
        for path in paths
    }
    label_sets = {
        path: expected_label_set(path, **entry) for path, entry in expected["label_sets"].items()
    }
    for path, record in records.items():
        run = expected["runs"][path]
        _check_settings(path, record.get("given", record).get("settings", {}), run["settings"])
        _check_files(path, record["inputs"], run["files"])
        if "manifest" in run["inputs"]:
            check_draw(
                path,
                run["inputs"]["manifest"],
                expected["manifests"][run["inputs"]["manifest"]],
                label_sets,
            )
        _check_inputs(path, record["inputs"], run["inputs"])
        _check_origin(path, record, run["origin"], records)


def _check_settings(path: str, settings: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    found = digests_of(settings)
    changed = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if changed:
        raise UserError(
            f"{path} was computed with another {', '.join(changed)} than this study's config says, "
            f"and Snakemake did not know it. Compute it again: snakemake --force {path} (or delete "
            "the file), or restore the config."
        )


def _check_files(path: str, imported: Mapping[str, Any], files: Mapping[str, str | None]) -> None:
    """Compare the checksums of the imported weights and record with those of the given files."""
    changed = [name for name, checksum in files.items() if imported.get(name) != checksum]
    if changed:
        raise UserError(
            f"{path} was imported from other files than are given now (other "
            f"{' and '.join(changed)}). Import them again: snakemake --force {path} (or delete the "
            "file), or put the old ones back."
        )


def _check_inputs(path: str, read: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Compare the digests of what a run read with those of the files as they are now."""
    for name, file in files.items():
        if Path(file).exists() and read.get(name) != read_facts(file, "digest")["digest"]:
            raise UserError(
                f"{path} was computed from another {name} than {file} describes now. Compute it "
                f"again: snakemake --force {path} (or delete the file)."
            )


def _check_origin(path: str, record: Mapping[str, Any], origin: str, records: Records) -> None:
    """Check that fine-tuning started from the weights of the network that the study names."""
    if record["stage"] != "transfer":
        return
    started = (record.get("network", ""), record["inputs"].get("weights"))
    again = f"Compute it again: snakemake --force {path} (or delete the file)."
    if not origin and started[1] is not None:
        raise UserError(
            f"{path} started from weights, where this study says a random start. {again}"
        )
    network = records.get(origin)
    if network is not None and started != (network["rep"], network.get("weights")):
        raise UserError(
            f"{path} started from other weights than those that replicate {network['rep']} of the "
            f"network {record['subset']} has now. {again}"
        )


def read_tested(path: Path | str) -> pd.DataFrame:
    """Return a run's images.csv.gz: one row per test image, with the columns of its task."""
    return read_table(path, ("image",), dtype={"image": str, "class": str}, keep_default_na=False)


def check_tested(path: Path | str, record: Path | str) -> None:
    """Raise UserError if a run's images.csv.gz is not the one its record names.

    Old records do not name one.
    """
    named = read_facts(record).get("images")
    if named is not None and named != sha256_of(path):
        raise UserError(
            f"{path} is not of the run that {record} describes: the files were copied from "
            "different places, or one of them was changed. Compute both again: snakemake --force "
            f"{record} (or delete them)."
        )


def check_digest(path: Path | str, made_from: str, network: Path | str) -> None:
    """Raise UserError unless `path` was made from the weights that a network's record names."""
    if made_from != read_facts(network, "weights")["weights"]:
        raise UserError(
            f"{path} was computed from other weights than those of {Path(network).parent} now. "
            f"Compute it again: snakemake --force {path} (or delete the file)."
        )


def check_features(features: Sequence[Path | str], networks: Sequence[Path | str]) -> None:
    """Raise UserError unless each file of features (or predictions) is of its network.

    The .json next to a file holds the checksum of the `weights` it was computed from.
    """
    for path, network in zip(features, networks, strict=True):
        meta = Path(str(path).removesuffix(".npy").removesuffix(".csv.gz") + ".json")
        check_digest(path, read_facts(meta, "weights")["weights"], network)


def check_induction(
    tables: Sequence[Path | str], networks: Sequence[Path | str], baselines: Sequence[Path | str]
) -> None:
    """Raise UserError unless each table of `analyses.induction` is of its network and baseline.

    The .json next to a table holds the checksums of their weights, `subset` and `baseline`.
    """
    for path, network, baseline in zip(tables, networks, baselines, strict=True):
        weights = read_facts(Path(path).with_suffix(".json"), "subset", "baseline")
        check_digest(path, weights["subset"], network)
        check_digest(path, weights["baseline"], baseline)
