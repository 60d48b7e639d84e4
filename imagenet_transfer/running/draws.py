"""Checks that manifests and label sets are those that the study describes, by their records."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import csv_bytes, read_facts, sha256_of
from imagenet_transfer.labels.label_sets import label_set_of


def digest_of_label_set(settings: Mapping[str, Any], name: str, store: str) -> str | None:
    """Return the SHA-256 of the CSV file that a study's label set should be.

    `settings` is its `Study.label_set_settings`. None if the label set is a data set's own
    categories and its `store` is missing.
    """
    if store and not Path(store).exists():
        return None
    categories = read_facts(store, "classes")["classes"] if store else ()
    return hashlib.sha256(csv_bytes(label_set_of(settings, name, categories))).hexdigest()


def check_draw(
    run: str, manifest: str, expected: Mapping[str, Any], label_sets: Mapping[str, str | None]
) -> None:
    """Raise UserError, naming the run, unless its label set and manifest are those of the study.

    `expected` holds the settings of the draw and the path of its `label_set`; `label_sets` gives
    the digest that each label set should have. An old manifest whose .json does not record its
    draw is accepted.
    """
    label_set = expected["label_set"]
    digest = label_sets[label_set]
    if digest and Path(label_set).exists() and sha256_of(label_set) != digest:
        raise _other(run, label_set, "is not the label set")
    drawn = read_facts(manifest, "digest").get("drawn") if Path(manifest).exists() else None
    if drawn is None:
        return
    found = _flat(drawn)
    wanted = _flat({**expected, "label_set": digest or drawn.get("label_set")})
    changed = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if changed:
        raise _other(run, manifest, f"was not drawn by the {', '.join(changed)}")


def _flat(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a draw, those of its sampling on the same level."""
    settings = {key: value for key, value in drawn.items() if key != "sampling"}
    return settings | drawn["sampling"]


def _other(run: str, file: str, what: str) -> UserError:
    return UserError(
        f"{run} rests on {file}, which {what} that this study's config asks for, and Snakemake did "
        f"not know it. Make it again: snakemake --force {file}, then run the same command, which "
        "makes everything that depends on it again; or restore the config."
    )
