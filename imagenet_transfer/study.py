"""The config as a checked object: names, cross-references, seeds, and the part of it that each stage consumes."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from imagenet_transfer.errors import UserError
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.versions import VERSIONS

SCRATCH = "scratch"  # the reserved name of a random start
CLASSIFIED = ("ilsvrc", "tiny-imagenet")  # layouts whose classes are wnids


@dataclass(frozen=True)
class PretrainRun:
    """One network to pre-train."""

    architecture: str
    subset: str


@dataclass(frozen=True)
class TransferRun:
    """One fine-tuning run."""

    task: str
    architecture: str
    subset: str
    replicate: int


@dataclass(frozen=True)
class Study:
    """A valid config. Sections are plain dictionaries, as the config's author wrote them."""

    name: str
    seed: int
    compare_with_paper: bool
    classes: str
    miniature: Mapping[str, Any] | None
    datasets: Mapping[str, Any]
    label_sets: Mapping[str, Any]
    subsets: Mapping[str, Any]
    architectures: Mapping[str, Any]
    recipes: Mapping[str, Any]
    tasks: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @classmethod
    def of(cls, config: Mapping[str, Any], schema_path: Path | str) -> "Study":
        """Check a config against the schema and its names against each other; raise UserError with what is wrong."""
        check_schema(config, schema_path)
        study = cls(name=config["study"], miniature=config.get("miniature"), **_sections(config))
        problems = list(study._problems())
        if problems:
            raise UserError("\n".join(f"config: {problem}" for problem in problems))
        return study

    # Which runs an output needs

    def subsets_of(self, output: str) -> list[str]:
        """Return the subsets of a table in the order of its rows."""
        entry = self.outputs[output]
        return [name for row in entry["rows"] for name in row["subsets"]] + list(entry["references"])

    def transfer_runs(self, output: str) -> list[TransferRun]:
        """Return the fine-tuning runs that an output shows."""
        entry = self.outputs[output]
        return [
            TransferRun(task, entry["architecture"], subset, replicate)
            for task in entry["tasks"]
            for subset in self.subsets_of(output)
            for replicate in range(1, self.tasks[task]["replicates"] + 1)
        ]

    def pretrain_runs(self, output: str) -> list[PretrainRun]:
        """Return the pre-training runs that an output rests on."""
        architecture = self.outputs[output]["architecture"]
        return [PretrainRun(architecture, subset) for subset in self.subsets_of(output) if subset != SCRATCH]

    # What each stage consumes: sorted plain dictionaries, tracked by the workflow as a rule's params

    def render_slice(self, part: str) -> dict[str, Any]:
        """Return what the rendering of one part of the miniature world depends on."""
        sizes = {"ilsvrc": ("image_size", "train_per_class", "val_per_class"), "voc2007": ("voc",), "sun397": ("sun",)}
        spec = {key: self.miniature[key] for key in sizes[part]}
        return _slice("render", seed=self.seed, classes=self.classes, spec=spec)

    def store_slice(self, dataset: str) -> dict[str, Any]:
        """Return what a packed store depends on: its entry less the folder, so that data may move."""
        entry = {key: value for key, value in self.datasets[dataset].items() if key not in ("root", "render")}
        return _slice("store", entry=entry, classes=self.classes if entry["layout"] in CLASSIFIED else None)

    def label_set_slice(self, label_set: str) -> dict[str, Any]:
        """Return what a label set depends on."""
        spec = self.label_sets[label_set]
        seed = self.seed if spec["method"] == "random-split" else None
        return _slice("label_set", spec=spec, classes=self.classes, seed=seed)

    def manifest_slice(self, subset: str) -> dict[str, Any]:
        """Return what a manifest depends on; training parameters stay out, lest a changed one re-draws images."""
        entry = self.subsets[subset]
        sampling = {key: entry[key] for key in ("classes", "images_per_class") if key in entry}
        return _slice("manifest", sampling=sampling, seed=seed_of(self.seed, "manifest", entry["dataset"]))

    def pretrain_slice(self, architecture: str, subset: str) -> dict[str, Any]:
        """Return what a pre-training run depends on beside its manifest and images."""
        return _slice(
            "classification",
            architecture=self.architectures[architecture],
            recipe=self.recipes[self.subsets[subset]["recipe"]],
            seed=seed_of(self.seed, "pretrain", architecture, subset),
        )

    def transfer_slice(self, task: str, architecture: str, subset: str, replicate: int) -> dict[str, Any]:
        """Return what a fine-tuning run depends on beside its first weights and images."""
        entry = self.tasks[task]
        return _slice(
            entry["kind"],
            architecture=self.architectures[architecture],
            recipe=self.recipes[entry["recipe"]],
            average_precision=entry.get("average_precision"),
            seed=seed_of(self.seed, "transfer", task, architecture, subset, replicate),
        )

    def table_slice(self, output: str) -> dict[str, Any]:
        """Return what a table shows and how."""
        metrics = {task: self.tasks[task]["metric"] for task in self.outputs[output]["tasks"]}
        replicates = {task: self.tasks[task]["replicates"] for task in metrics}
        shown = {"metrics": metrics, "replicates": replicates, "paper": self.compare_with_paper}
        return canonical({**self.outputs[output], **shown})

    # Cross-checks

    def _problems(self) -> Iterable[str]:
        yield from self._data_problems()
        yield from self._reference_problems()
        for name in self.outputs:
            yield from self._table_problems(name)

    def _data_problems(self) -> Iterable[str]:
        for name, entry in self.datasets.items():
            if "render" in entry and self.miniature is None:
                yield f"datasets.{name}.render needs the section `miniature`, which says what is rendered."
            if entry["store"]["codec"] != "original" and "size" not in entry["store"]:
                yield f"datasets.{name}.store: codec {entry['store']['codec']} needs the key `size`."
            if entry["layout"] == "voc" and "year" not in entry:
                yield f"datasets.{name}: layout voc needs the key `year` (2007 or 2012)."
            if entry["layout"] == "sun397" and "partition" not in entry:
                yield f"datasets.{name}: layout sun397 needs the key `partition` (1 is the first standard one)."
        for name, entry in self.architectures.items():
            if entry["input_size"] > entry["image_size"]:
                yield f"architectures.{name}: input_size exceeds image_size ({entry['image_size']})."

    def _reference_problems(self) -> Iterable[str]:
        if SCRATCH in self.subsets:
            yield f"subsets.{SCRATCH}: the name is reserved for a random start, which is not pre-trained; rename it."
        for name, entry in self.subsets.items():
            yield from _unknown(f"subsets.{name}.dataset", entry["dataset"], self.datasets, "datasets")
            yield from _unknown(f"subsets.{name}.label_set", entry["label_set"], self.label_sets, "label_sets")
            yield from _unknown(f"subsets.{name}.recipe", entry["recipe"], self.recipes, "recipes")
        for name, entry in self.tasks.items():
            yield from _unknown(f"tasks.{name}.dataset", entry["dataset"], self.datasets, "datasets")
            yield from _unknown(f"tasks.{name}.recipe", entry["recipe"], self.recipes, "recipes")
            yield from self._task_problems(name, entry)

    def _task_problems(self, name: str, entry: Mapping[str, Any]) -> Iterable[str]:
        detects = entry["kind"] == "detection"
        recipe = self.recipes.get(entry["recipe"], {})
        if recipe and detects != ("detector" in recipe):
            needs = "lacks the section `detector`" if detects else "has a section `detector`, which is for detection"
            yield f"tasks.{name}: its recipe {entry['recipe']} {needs}."
        if detects and "average_precision" not in entry:
            yield f"tasks.{name}: kind detection needs the key `average_precision` (11-point is VOC2007's)."
        if detects != (entry["metric"] == "mAP"):
            yield f"tasks.{name}.metric: {entry['metric']} is no metric of kind {entry['kind']}."

    def _table_problems(self, output: str) -> Iterable[str]:
        entry = self.outputs[output]
        where = f"outputs.{output}"
        known = {**self.subsets, SCRATCH: None}
        yield from _unknown(f"{where}.architecture", entry["architecture"], self.architectures, "architectures")
        for task in entry["tasks"]:
            yield from _unknown(f"{where}.tasks", task, self.tasks, "tasks")
        for subset in self.subsets_of(output):
            yield from _unknown(where, subset, known, "subsets")
        for row in entry["rows"]:
            if len(row["subsets"]) != len(entry["columns"]):
                count = len(entry["columns"])
                yield f"{where}: the row '{row['title']}' has {len(row['subsets'])} subsets for {count} columns."
        yield from self._size_problems(output)

    def _size_problems(self, output: str) -> Iterable[str]:
        """Yield the classification sets that are not stored at the size that the output's architecture reads."""
        entry = self.outputs[output]
        size = self.architectures.get(entry["architecture"], {}).get("image_size")
        sets = [self.subsets[s]["dataset"] for s in self.subsets_of(output) if s in self.subsets]
        tasks = [self.tasks[t] for t in entry["tasks"] if t in self.tasks]
        sets += [task["dataset"] for task in tasks if task["kind"] == "classification"]
        for name in sorted(set(sets) & set(self.datasets)):
            stored = self.datasets[name]["store"].get("size")
            if size and stored != size:
                yield (
                    f"datasets.{name}.store.size is {stored}, but architectures.{entry['architecture']}.image_size "
                    f"is {size}: make them equal."
                )


def _sections(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("study", "miniature")}


def _unknown(where: str, name: str, known: Mapping[str, Any], section: str) -> Iterable[str]:
    if name not in known:
        yield f"{where} names '{name}', which is not in {section}.{_nearest(name, known)}"


def _nearest(name: Any, known: Iterable[str]) -> str:
    spelling = {key.lower(): key for key in sorted(known)}
    close = difflib.get_close_matches(str(name).lower(), spelling, n=1)
    return f" Did you mean '{spelling[close[0]]}'?" if close else f" It has: {', '.join(spelling.values())}."


def _slice(stage: str, **content: Any) -> dict[str, Any]:
    return canonical({"version": VERSIONS[stage], **content})


def canonical(value: Any) -> Any:
    """Return nested plain dictionaries with sorted keys: equal content, equal text, in whatever order written."""
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


# Checks that belong to the file rather than to its meaning


def check_schema(config: Mapping[str, Any], schema_path: Path | str) -> None:
    """Raise UserError, with one line a problem, if the config does not have the shape that the schema describes."""
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.path)))
    if errors:
        raise UserError("\n".join(f"config: {_sentence(error)}" for error in errors))


def _sentence(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        unknown = [key for key in error.instance if key not in known]
        return f"{where} has the unknown key '{unknown[0]}'.{_nearest(unknown[0], known)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        about = error.schema.get("properties", {}).get(missing[0], {}).get("description", "")
        return f"{where} lacks the key '{missing[0]}'. {about}".rstrip()
    if error.validator == "oneOf":
        keys = " or ".join(f"`{option['required'][0]}`" for option in error.validator_value)
        return f"{where} needs either {keys}, and not both."
    return f"{where} is {error.instance!r}, {_expectation(error)}"


def _expectation(error: jsonschema.ValidationError) -> str:
    about = error.schema.get("description", "")
    if error.validator in ("type", "minimum", "exclusiveMinimum") and _is_number(error.instance):
        wanted = f"but should be a number ({error.message})"
        return f"{wanted}; YAML reads 1e-3 as text, write 0.001 or 1.0e-3. {about}".rstrip()
    if error.validator == "enum":
        return f"but should be one of {', '.join(map(str, error.validator_value))}. {about}".rstrip()
    if error.validator == "pattern":
        return "but names are lower-case letters, digits and single hyphens (wnids: n and eight digits)."
    return f"but should not be: {error.message}. {about}".rstrip()


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses the later of two equal keys, which would silently win."""


def _strict_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, str) and key in seen:
            line = key_node.start_mark.line + 1
            raise UserError(f"{node.start_mark.name}, line {line}: the key '{key}' stands there twice; remove one.")
        seen.add(str(key))
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _strict_mapping)


def read_config(path: Path | str) -> dict[str, Any]:
    """Return a YAML file's content; raise UserError for what YAML cannot read or would read as something else."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            config = yaml.load(file, Loader=_StrictLoader)  # a SafeLoader
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} should hold the keys of a study, but holds {type(config).__name__}; see config.yaml.")
    return config


def check_owner(path: Path | str, name: str) -> None:
    """Raise UserError if the results beside `path` (a saved config) are those of another study than `name`."""
    path = Path(path)
    if not path.exists():
        return
    owner = read_config(path).get("study")
    if owner != name:
        raise UserError(
            f"{path.parent}/ holds the results of the study '{owner}', not of '{name}': run this study in a folder "
            f"of its own, with `snakemake --directory runs/{name} ...`."
        )
