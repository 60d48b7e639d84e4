"""What the schema cannot say of a config: names that do not exist, keys that belong together, sizes that must agree."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imagenet_transfer.config_file import nearest_name

Config = Mapping[str, Any]
SECTION_OF_KIND = {"detection": "detector", "action": "rstarcnn"}  # of a recipe
KEYS_OF_LAYOUT = {"voc": "year (2007 or 2012)", "sun397": "partition (1 is the first standard one)"}
KEYS_OF_METHOD = {
    "identity": (),
    "categories": ("dataset",),
    "bottom-up": ("depth",),
    "top-down": ("round",),
    "exclusion": ("roots",),
    "minimal-split": ("depth", "half"),
    "random-split": ("size", "half"),
}
CLASSIFIED = ("ilsvrc", "tiny-imagenet")  # layouts whose classes are wnids
LAYOUT_OF_KIND = {"detection": "voc", "action": "voc-action"}
SUBSET_KEYS = ("subset", "baseline")  # of an output, beside the list `subsets`
RENDERED_FROM = {  # the keys of `miniature` that a rendered part depends on
    "ilsvrc": ("image_size", "train_per_class", "val_per_class"),
    "voc2007": ("voc",),
    "voc2012": ("action",),
    "sun397": ("sun",),
    "places365": ("places", "sun"),
}


def problems_of(config: Config) -> list[str]:
    """Return a sentence for everything that is wrong with a config of the right shape."""
    checks = (_dataset_problems, _label_set_problems, _subset_problems, _task_problems, _output_problems)
    return [problem for check in checks for problem in check(config)]


def _unknown(config: Config, where: str, name: str, section: str, *reserved: str) -> Iterator[str]:
    if name not in config[section] and name not in reserved:
        yield f"{where} names '{name}', which is not in {section}.{nearest_name(name, config[section])}"


def _dataset_problems(config: Config) -> Iterable[str]:
    for name, entry in config["datasets"].items():
        where = f"datasets.{name}"
        if "render" in entry and "miniature" not in config:
            yield f"{where}.render needs the section `miniature`, which says what is rendered."
        for key in RENDERED_FROM[entry["render"]] if "render" in entry and "miniature" in config else ():
            if key not in config["miniature"]:
                yield f"{where}.render: {entry['render']} needs the key `{key}` in the section `miniature`."
        if entry["store"]["codec"] != "original" and "size" not in entry["store"]:
            yield f"{where}.store: codec {entry['store']['codec']} needs the key `size`."
        key, _, about = KEYS_OF_LAYOUT.get(entry["layout"], "layout").partition(" ")
        if key not in entry:
            yield f"{where}: layout {entry['layout']} needs the key `{key}` {about}."
        if ("proposals" in entry) != (entry["layout"] == "voc-action"):
            needs = "needs the section `proposals`" if "proposals" not in entry else "has no use for `proposals`"
            yield f"{where}: layout {entry['layout']} {needs} (the regions that R*CNN looks at)."
        yield from _proposal_problems(where, entry.get("proposals", {}))
    for name, entry in config["architectures"].items():
        if entry["input_size"] > entry["image_size"]:
            yield f"architectures.{name}: input_size exceeds image_size ({entry['image_size']})."


def _proposal_problems(where: str, spec: Mapping[str, Any]) -> Iterable[str]:
    needed = {"selective-search": "mode", "file": "path"}.get(spec.get("method"))
    if needed and needed not in spec:
        yield f"{where}.proposals: method {spec['method']} needs the key `{needed}`."


def _label_set_problems(config: Config) -> Iterable[str]:
    for name, entry in config["label_sets"].items():
        needed, given = KEYS_OF_METHOD[entry["method"]], set(entry) - {"method"}
        for key in needed:
            if key not in given:
                yield f"label_sets.{name}: method {entry['method']} needs the key `{key}`."
        for key in sorted(given.difference(needed)):
            yield f"label_sets.{name}: method {entry['method']} has no use for the key `{key}`; remove it."
        if "dataset" in entry:
            yield from _unknown(config, f"label_sets.{name}.dataset", entry["dataset"], "datasets")


def _subset_problems(config: Config) -> Iterable[str]:
    if "scratch" in config["subsets"]:
        yield "subsets.scratch: the name is reserved for a random start, which is not pre-trained; rename it."
    for name, entry in config["subsets"].items():
        for key, section in (("dataset", "datasets"), ("label_set", "label_sets"), ("recipe", "recipes")):
            yield from _unknown(config, f"subsets.{name}.{key}", entry[key], section)
        recipe, label_set = config["recipes"].get(entry["recipe"], {}), config["label_sets"].get(entry["label_set"])
        if recipe.get("layers") == "last" or not set(SECTION_OF_KIND.values()).isdisjoint(recipe):
            yield f"subsets.{name}.recipe: {entry['recipe']} is for fine-tuning; pre-training needs one of all layers."
        if label_set and entry["dataset"] in config["datasets"]:
            yield from _label_set_fits(config, name, entry["dataset"], label_set)


def _label_set_fits(config: Config, name: str, dataset: str, label_set: Mapping[str, Any]) -> Iterable[str]:
    if label_set["method"] == "categories":
        if label_set.get("dataset") != dataset:
            yield f"subsets.{name}: its label set holds the categories of another data set than {dataset}."
    elif config["datasets"][dataset]["layout"] not in CLASSIFIED:
        yield f"subsets.{name}: {dataset} has no WordNet classes; give it a label set of method categories."


def _task_problems(config: Config) -> Iterable[str]:
    for name, entry in config["tasks"].items():
        where = f"tasks.{name}"
        for key, section in (("dataset", "datasets"), ("subset", "subsets"), ("recipe", "recipes")):
            if key in entry:
                yield from _unknown(config, f"{where}.{key}", entry[key], section)
        yield from _kind_problems(config, where, entry)


def _kind_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    kind, recipe = entry["kind"], config["recipes"].get(entry["recipe"])
    for of_kind, section in SECTION_OF_KIND.items() if recipe else ():
        if of_kind == kind and section not in recipe:
            yield f"{where}: its recipe {entry['recipe']} lacks the section `{section}`."
        if of_kind != kind and section in recipe:
            yield f"{where}: its recipe {entry['recipe']} has a section `{section}`, which is for {of_kind}."
    finds = kind in SECTION_OF_KIND
    if finds and "average_precision" not in entry:
        yield f"{where}: kind {kind} needs the key `average_precision` (11-point is VOC2007's)."
    if finds != (entry["metric"] == "mAP"):
        yield f"{where}.metric: {entry['metric']} is no metric of kind {kind}."
    if ("subset" in entry) == ("dataset" in entry) or (finds and "subset" in entry):
        yield f"{where} needs the key `dataset`, or (classification) `subset`, and not both."
    dataset = config["datasets"].get(entry.get("dataset"))
    if finds and dataset:
        if dataset["layout"] != LAYOUT_OF_KIND[kind] or dataset.get("year", 2007) != 2007:
            layout = "voc of the year 2007" if kind == "detection" else LAYOUT_OF_KIND[kind]
            yield f"{where}: kind {kind} needs a data set of layout {layout}, and {entry['dataset']} is none."
        if dataset["store"]["codec"] != "original":
            yield f"{where}: {entry['dataset']} is stored warped, which moves its boxes; set its codec to original."
    low, high = (recipe or {}).get("rstarcnn", {}).get("secondary_iou", (0, 1))
    if low > high:
        yield f"recipes.{entry['recipe']}.rstarcnn.secondary_iou: the first limit, {low}, exceeds the second, {high}."


def _output_problems(config: Config) -> Iterable[str]:
    for name, entry in config["outputs"].items():
        where = f"outputs.{name}"
        if name.startswith("table") != (entry["builder"] in ("transfer", "budgets")):
            yield f"{where}: builder {entry['builder']} makes no {name.partition('-')[0].rstrip('0123456789')}."
        if "architecture" in entry:
            yield from _unknown(config, f"{where}.architecture", entry["architecture"], "architectures")
        for task in [*entry.get("tasks", []), *([entry["accuracy"]] if "accuracy" in entry else [])]:
            yield from _unknown(config, f"{where}.tasks", task, "tasks")
        for subset in _subsets_named(entry):
            reserved = ("scratch",) if entry["builder"] in ("transfer", "budgets", "curve") else ()
            yield from _unknown(config, where, subset, "subsets", *reserved)
        yield from _builder_problems(config, where, entry)
        yield from _size_problems(config, entry)


def _subsets_named(entry: Mapping[str, Any]) -> list[str]:
    rows = [name for row in entry.get("rows", []) for name in row["subsets"]]
    return [*rows, *entry.get("references", []), *entry.get("subsets", []), *_values(entry, SUBSET_KEYS)]


def _values(entry: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    return [entry[key] for key in keys if key in entry]


def _builder_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    for row in entry.get("rows", []):
        if len(row["subsets"]) != len(entry["columns"]):
            count = len(entry["columns"])
            yield f"{where}: the row '{row['title']}' has {len(row['subsets'])} subsets for {count} columns."
    for label_set in [*entry.get("label_sets", []), *_values(entry, ["label_set"])]:
        yield from _unknown(config, where, label_set, "label_sets")
    for half in [half for halves in entry.get("splits", {}).values() for half in halves]:
        yield from _unknown(config, where, half, "tasks" if entry["builder"] == "split-accuracy" else "label_sets")
        if entry["builder"] == "split-accuracy" and "subset" not in config["tasks"].get(half, {"subset": ""}):
            yield f"{where}: the task '{half}' should name the half as its `subset`."
    if "dataset" in entry:
        yield from _unknown(config, f"{where}.dataset", entry["dataset"], "datasets")
    sets = {config["subsets"][name]["dataset"] for name in _subsets_named(entry) if name in config["subsets"]}
    if "layer" in entry and len(sets) > 1:
        yield f"{where} compares features of several data sets ({', '.join(sorted(sets))}); take networks of one."
    if "accuracy" in entry:
        yield from _accuracy_problems(config, where, entry)
    if entry["builder"] == "coarse-gain" and entry["subset"] in config["subsets"]:
        label_set = config["label_sets"].get(config["subsets"][entry["subset"]]["label_set"], {"method": "identity"})
        if label_set["method"] != "identity":
            yield f"{where}.subset: '{entry['subset']}' was not trained on fine classes, so none can be told apart."
    if entry["builder"] == "induction":
        for subset in entry["subsets"]:
            label_set = config["subsets"].get(subset, {}).get("label_set")
            method = config["label_sets"].get(label_set, {}).get("method", "bottom-up")
            if method not in ("bottom-up", "top-down"):
                yield f"{where}: the labels of '{subset}' merge no classes, so none is left to induce; remove it."


def _accuracy_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    task = config["tasks"].get(entry["accuracy"])
    if task and task["replicates"] != 1:
        yield f"{where}.accuracy: {entry['accuracy']} needs replicates: 1, like the networks' own accuracy beside it."
    if entry["accuracy"] in entry["tasks"]:
        yield f"{where}.tasks names {entry['accuracy']}, which is shown as `accuracy` already; remove it."


def _size_problems(config: Config, entry: Mapping[str, Any]) -> Iterable[str]:
    """Yield the classification sets that are not stored at the size that the output's architecture reads."""
    size = config["architectures"].get(entry.get("architecture"), {}).get("image_size")
    subsets, tasks = config["subsets"], config["tasks"]
    sets = [subsets[name]["dataset"] for name in _subsets_named(entry) if name in subsets]
    used = [tasks[name] for name in entry.get("tasks", []) if name in tasks]
    sets += [task["dataset"] for task in used if task["kind"] == "classification" and "dataset" in task]
    for name in sorted(set(sets) & set(config["datasets"])):
        stored = config["datasets"][name]["store"].get("size")
        if size and stored != size:
            yield (
                f"datasets.{name}.store.size is {stored}, but architectures.{entry['architecture']}.image_size "
                f"is {size}: make them equal."
            )
