"""Networks that were trained elsewhere: a file of weights and its metrics.json, if there is one."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_json, sha256_of, why_not_a_file, write_json
from imagenet_transfer.keys import schema_of, training_only
from imagenet_transfer.models import network_class, network_of
from imagenet_transfer.running.provenance import fingerprint_of, provenance
from imagenet_transfer.training.facts import with_facts
from imagenet_transfer.training.metrics import check_finite

RECORD = "metrics.json"  # next to the weights, if a run of this project made them
TEXT = {"type": "string"}
NUMBER = {"type": "number"}
TABLE = {"type": "object"}
INTEGER_IF_KNOWN = {"anyOf": [{"type": "integer"}, {"const": ""}]}  # "": imported without record
KEYS = {
    "n_classes": {"type": "integer"},
    "n_images": INTEGER_IF_KNOWN,
    "seed": INTEGER_IF_KNOWN,
    "fingerprint": TEXT,
    "wall_s": NUMBER,
    "metrics": {
        "type": "array",
        "items": {
            "required": ["metric", "value", "unit"],
            "properties": {"metric": TEXT, "value": NUMBER},
        },
    },
    "settings": {
        "type": "object",
        "required": ["architecture"],
        "properties": {"architecture": TABLE},
    },
    "provenance": {
        "type": "object",
        "required": ["commit", "versions", "device", "finished"],
        "properties": {"commit": TEXT, "versions": TABLE, "device": TEXT, "finished": TEXT},
    },
}
CLASSES = {  # what newer records also have, in the order of the outputs
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": TEXT, "name": TEXT},
        "additionalProperties": False,
    },
}
RECORD_SCHEMA = {
    "type": "object",
    "required": list(KEYS),
    "properties": {**KEYS, "classes": CLASSES},
}


def checksums(weights: Path | str, imported: Path | str) -> dict[str, str | None]:
    """Return the SHA-256 of a given file of weights and of the record next to it (None: no record).

    If the file cannot be read, they come from `imported`, the metrics.json of its import: a network
    that was imported no longer needs its file. Without that, both are None.
    """
    try:
        record = Path(weights).with_name(RECORD)
        return {"weights": _sha256(weights), "record": _sha256(record) if record.exists() else None}
    except OSError:
        return _imported_checksums(imported)


_sha256 = lru_cache(maxsize=None)(sha256_of)  # the workflow asks more than once


def _imported_checksums(path: Path | str) -> dict[str, str | None]:
    try:
        inputs = read_json(path)["inputs"]
        return {key: inputs[key] for key in ("weights", "record")}
    except (OSError, ValueError, KeyError, TypeError):
        return {"weights": None, "record": None}


def import_network(
    weights: Path,
    settings: Mapping[str, Any],
    files: Mapping[str, str | None],
    names: Mapping[str, Any],
    folder: Path,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Check a given network and write its weights.pt and metrics.json into `folder`.

    `settings` holds the architecture that it must fit and `files` the checksums of the given files;
    `names` (arch, subset, rep) goes into metrics.json. Metrics, seed, settings and provenance come
    from the record next to the weights; the key `given` says what was imported, with which settings
    and versions. Raises UserError if files are missing or do not fit, or if they contradict the
    config's `facts`, which are not written: tables take them from the config.
    """
    # Loads torch, which the workflow itself does not need: it only asks for checksums.
    from imagenet_transfer.training.checkpoints import save_weights

    _check_files(weights, files, names["subset"], folder)
    record = read_record(weights.with_name(RECORD), settings["architecture"])
    model, num_classes = given_model(weights, settings["architecture"])
    if record and record["n_classes"] != num_classes:
        raise UserError(
            f"{weights} has {num_classes} classes, but the {RECORD} next to it says "
            f"{record['n_classes']}: it is that of other weights; take it away, or put the right "
            "one there."
        )
    unknown = {"n_images": "", "seed": "", "metrics": [], "wall_s": 0}
    trained = {"n_classes": num_classes, **unknown, **record}
    with_facts(trained, facts or {}, names["subset"], weights)
    save_weights(folder / "weights.pt", model)
    here = provenance("cpu")
    content = {"settings": settings, "inputs": files}
    names = {**names, "weights": sha256_of(folder / "weights.pt")}
    given = {"file": str(weights), **files, "settings": settings, "imported": here}
    facts = {"stage": "pretrain", **names, "given": given}
    origin = {"fingerprint": fingerprint_of(content), "provenance": here} | trained
    write_json(folder / RECORD, {**content, **origin, **facts})


def _check_files(weights: Path, files: Mapping[str, str | None], subset: str, folder: Path) -> None:
    """Raise UserError if a subset's given files are missing or not those with the checksums."""
    if reason := why_not_a_file(weights):
        raise UserError(
            f"subsets.{subset}.weights: {weights} cannot be read ({reason}): name a file of weights."
        )
    if not weights.is_file():
        raise UserError(
            f"subsets.{subset}.weights: there is no file {weights}; put it there or correct the "
            "path."
        )
    if checksums(weights, folder / RECORD) != files:
        raise UserError(
            f"{weights} or its {RECORD} has changed since the workflow began: run the same command "
            "again."
        )


def given_model(path: Path, architecture: Mapping[str, Any]) -> tuple[Any, int]:
    """Return a network with the weights of a file, and its number of classes.

    The file is one of `weight_files.read_weights`. It may hold further modules, such as heads.
    Raises UserError if it does not fit.
    """
    from imagenet_transfer.training.fitting import check_modules, fitted, number_of_classes
    from imagenet_transfer.training.misfits import shapes_of
    from imagenet_transfer.training.weight_files import read_weights

    network = network_of(architecture)
    tensors = read_weights(path, network)
    num_classes = number_of_classes(path, network, tensors)
    wanted = shapes_of(network, num_classes)
    check_modules(path, network, tensors, wanted)
    taken = dict(fitted(path, network, tensors, wanted))
    model = network.build(num_classes)
    model.load_state_dict(taken, strict=False)  # some lack counters
    return model, num_classes


def check_recorded(path: Path, record: Mapping[str, Any]) -> None:
    """Raise UserError unless a run's record describes a network and its classes as runs do."""
    try:
        jsonschema.validate(record.get("classes", []), CLASSES)
        jsonschema.validate(record, {"properties": {"settings": KEYS["settings"]}})
        architecture = record["settings"]["architecture"]
        known = schema_of(network_class(str(architecture.get("model"))))
        known["properties"]["model"] = TEXT
        jsonschema.validate(architecture, known)
        json.dumps(architecture, allow_nan=False)
    except (UserError, ValueError, jsonschema.ValidationError) as error:
        reason = ascii(" ".join(str(getattr(error, "message", error)).split())[:150])[1:-1]
        raise UserError(
            f"{path} does not describe a network ({reason}): take the one that was "
            "written with the weights."
        ) from error


def read_record(path: Path, architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record next to given weights says about their training; {} without a record.

    Raises UserError if it is not a record of this project, or is of another architecture.
    """
    if not path.is_file():
        return {}
    try:
        record = read_json(path)
        jsonschema.validate(record, RECORD_SCHEMA)
    except (OSError, ValueError, jsonschema.ValidationError) as error:
        reason = getattr(error, "message", error)
        raise UserError(
            f"{path} is not the metrics.json of a pre-training run ({str(reason)[:100]}): take the "
            "one that was written with the weights, or put the weights into a folder without it."
        ) from error
    measured = {entry["metric"]: entry["value"] for entry in record["metrics"]}
    then = "train the network again, or put the weights into a folder without the record"
    check_finite(measured, path, then)
    _check_architecture(path, record["settings"]["architecture"], architecture)
    return {key: record[key] for key in RECORD_SCHEMA["properties"] if key in record}


def _check_architecture(
    path: Path, trained_as: Mapping[str, Any], architecture: Mapping[str, Any]
) -> None:
    """Raise UserError if a record's architecture differs in a key that matters after training."""
    for_training = training_only(network_class(architecture["model"]))
    for key, value in architecture.items():
        if key not in for_training and trained_as.get(key) != value:
            raise UserError(
                f"{path}: the network was trained with {key} {trained_as.get(key)}, but the "
                f"config's architecture says {value}: make them equal."
            )
