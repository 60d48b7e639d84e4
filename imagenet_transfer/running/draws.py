"""Checks that manifests and label sets are those that the study describes, by their records."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import csv_bytes, read_facts, sha256_of, write_json
from imagenet_transfer.labels.label_files import digest_of_labels
from imagenet_transfer.labels.label_sets import label_set_of, labels_frame, read_label_set
from imagenet_transfer.running.provenance import digests_of


@dataclass(frozen=True)
class Expected:
    """What a label set's file should be.

    `digest` is the SHA-256 that it should have, None if nobody can tell; `wrong` says what is wrong
    with the file that is there, if that is known already.
    """

    digest: str | None = None
    wrong: str = ""


OTHER = "is not the label set"


def expected_label_set(
    path: Path | str, settings: Mapping[str, Any], name: str, store: str, network: str = ""
) -> Expected:
    """Return what the label set at `path` should be.

    `settings` is its `Study.label_set_settings`, `store` the data set that it names, and `network`
    the record of the one whose features it is made from. What needs a missing store is not known,
    nor what a user's file or features say while the label set itself is missing.
    """
    method = settings["spec"]["method"]
    if method in FROM_FILES:
        return FROM_FILES[method](Path(path), settings, store, network)
    if store and not Path(store).exists():
        return Expected()
    categories = read_facts(store, "classes")["classes"] if store else ()
    return Expected(_digest(csv_bytes(label_set_of(settings, name, categories))))


def _from_user(path: Path, settings: Mapping[str, Any], store: str, network: str) -> Expected:
    """Return the label set of a user's file, which may have moved: its own labels tell."""
    if not path.exists():
        return Expected()
    found = read_label_set(path)
    labels = dict(zip(found["wnid"], found["class_wnid"], strict=True))
    if digest_of_labels(labels) != settings["labels"]:
        return Expected(wrong=OTHER)
    return Expected(_digest(csv_bytes(labels_frame(labels))))


def _from_features(path: Path, settings: Mapping[str, Any], store: str, network: str) -> Expected:
    """Return the label set that its origin describes, if that is the study's.

    The weights are those that the network has now, the images those that the store has now.
    """
    if not path.exists():
        return Expected()
    origin = _origin(path)
    if not origin.exists():
        return Expected(
            wrong=f"has no {origin.name} that says what it was made from, so it {OTHER}"
        )
    facts = read_facts(origin, "settings", "weights", "store", "label_set")
    if facts["settings"] != digests_of(settings):
        return Expected(wrong=OTHER)
    now = (("weights", "weights", network, "weights"), ("images", "store", store, "digest"))
    for what, fact, file, key in now:
        if Path(file).exists() and facts[fact] != read_facts(file, key)[key]:
            return Expected(
                wrong=f"was made with other {what} than {file} describes now, so it {OTHER}"
            )
    return Expected(facts["label_set"])


FROM_FILES = {"file": _from_user, "visual": _from_features}


def write_origin(
    path: Path | str, settings: Mapping[str, Any], features: Mapping[str, Any]
) -> None:
    """Write next to a label set what it was made from; `features` is the `meta` of embeddings."""
    facts = {key: features[key] for key in ("weights", "store")}
    facts["features"] = features["digest"]
    facts |= {"settings": digests_of(settings), "label_set": sha256_of(path)}
    write_json(_origin(Path(path)), facts)


def _origin(path: Path) -> Path:
    return path.with_suffix(".json")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_draw(
    run: str, manifest: str, expected: Mapping[str, Any], label_sets: Mapping[str, Expected]
) -> None:
    """Raise UserError, naming the run, unless its label set and manifest are those of the study.

    `expected` holds the settings of the draw and the path of its `label_set`; `label_sets` says
    what each label set should be. An old manifest whose .json does not record its draw is accepted.
    """
    label_set = expected["label_set"]
    known = label_sets[label_set]
    digest = known.digest
    if known.wrong:
        raise _other(run, label_set, known.wrong)
    if digest and Path(label_set).exists() and sha256_of(label_set) != digest:
        raise _other(run, label_set, OTHER)
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
