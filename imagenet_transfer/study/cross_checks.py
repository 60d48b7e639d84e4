"""What the schema cannot say of a config: names that do not exist, keys that belong together, sizes that must agree."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from imagenet_transfer.study.config_file import nearest_name
from imagenet_transfer.study.training_checks import network_problems, part_problems, recipe_problems

Config = Mapping[str, Any]
SECTION_OF_KIND = {"detection": "detector", "action": "rstarcnn"}  # of a recipe
KEYS_OF_LAYOUT = {"voc": "year (2007 or 2012)", "sun397": "partition (1 is the first standard one)"}
LAYOUTS_OF_KEY = {"year": ("voc",), "partition": ("sun397",), "classes": ("voc",)}
KEYS_OF_METHOD = {
    "identity": (),
    "categories": ("dataset",),
    "bottom-up": ("depth",),
    "top-down": ("round",),
    "exclusion": ("roots",),
    "minimal-split": ("depth", "half"),
    "random-split": ("size", "half"),
}
WITH_SCRATCH = ("transfer", "budgets", "curve", "coarse-limit")  # builders that show a random start
NAMED_AFTER_BUILDER = ("correlation", "coarse-limit")  # outputs
CLASSIFIED = ("ilsvrc", "tiny-imagenet")  # layouts whose classes are wnids
LAYOUT_OF_KIND = {"detection": "voc", "action": "voc-action"}
SUBSET_KEYS = ("subset", "baseline")  # of an output, beside the list `subsets`
LAYOUT_OF_PART = {
    "voc2007": "voc",
    "voc2012": "voc-action",
}  # of rendered parts with another name than their layout
RENDERED_FROM = {  # the keys of `miniature` that a rendered part depends on
    "ilsvrc": ("image_size", "train_per_class", "val_per_class"),
    "voc2007": ("voc",),
    "voc2012": ("action",),
    "sun397": ("sun",),
    "places365": ("places", "sun"),
}


def problems_of(config: Config, wnids: Collection[str]) -> list[str]:
    """Return a sentence for everything that is wrong with a config of the right shape; `wnids` are its classes."""
    checks = (
        *(_dataset_problems, network_problems, recipe_problems),
        *(_label_set_problems, _subset_problems, _task_problems, _output_problems, _claim_problems),
        part_problems,
    )
    problems = [problem for check in checks for problem in check(config)]
    return list(dict.fromkeys([*problems, *_class_problems(config, wnids)]))


def _class_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what asks for classes that the study does not have."""
    for name, entry in config["outputs"].items():
        for wnid in entry.get("queries", []):
            if wnid not in wnids:
                yield f"outputs.{name}.queries: {wnid} is none of the study's classes ({config['classes']})."
    for name, entry in config["label_sets"].items():
        if entry.get("size", 1) >= len(wnids):
            yield f"label_sets.{name}.size is {entry['size']}, but the study has {len(wnids)} classes; take fewer."
    for name, entry in config["subsets"].items():
        of_wordnet = (
            config["label_sets"].get(entry.get("label_set"), {}).get("method", "categories")
            != "categories"
        )
        if of_wordnet and entry.get("classes", 0) > len(wnids):
            yield f"subsets.{name}.classes is {entry['classes']}, but the study has {len(wnids)} classes; take fewer."


def _unknown(config: Config, where: str, name: str, section: str, *reserved: str) -> Iterator[str]:
    if name not in config[section] and name not in reserved:
        yield f"{where} names '{name}', which is not in {section}.{nearest_name(name, config[section])}"


def _dataset_problems(config: Config) -> Iterable[str]:
    for name, entry in config["datasets"].items():
        where = f"datasets.{name}"
        if "render" in entry and "miniature" not in config:
            yield f"{where}.render needs the section `miniature`, which says what is rendered."
        for key in (
            RENDERED_FROM[entry["render"]] if "render" in entry and "miniature" in config else ()
        ):
            if key not in config["miniature"]:
                yield f"{where}.render: {entry['render']} needs the key `{key}` in the section `miniature`."
        yield from _store_problems(f"{where}.store", entry["store"])
        yield from _layout_problems(where, entry)
        if ("proposals" in entry) != (entry["layout"] == "voc-action"):
            needs = (
                "needs the section `proposals`"
                if "proposals" not in entry
                else "has no use for `proposals`"
            )
            yield f"{where}: layout {entry['layout']} {needs} (the regions that R*CNN looks at)."
        yield from _proposal_problems(where, entry.get("proposals", {}))


def _store_problems(where: str, spec: Mapping[str, Any]) -> Iterable[str]:
    codec = spec["codec"]
    if codec != "original" and "size" not in spec:
        yield f"{where}: codec {codec} needs the key `size`."
    for key, codecs in (("size", ("jpeg", "raw")), ("quality", ("jpeg",))):
        if key in spec and codec not in codecs:
            yield f"{where}: codec {codec} has no use for the key `{key}`; remove it."


def _layout_problems(where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    layout = entry["layout"]
    key, _, about = KEYS_OF_LAYOUT.get(layout, "layout").partition(" ")
    if key not in entry:
        yield f"{where}: layout {layout} needs the key `{key}` {about}."
    for key, layouts in LAYOUTS_OF_KEY.items():
        if key in entry and layout not in layouts:
            yield f"{where}: layout {layout} has no use for the key `{key}`; remove it."
    rendered = LAYOUT_OF_PART.get(entry.get("render", layout), entry.get("render", layout))
    if rendered != layout:
        yield f"{where}.render: {entry['render']} is rendered in the layout {rendered}, not {layout}; change one."


def _proposal_problems(where: str, spec: Mapping[str, Any]) -> Iterable[str]:
    method = spec.get("method")
    needed = {"selective-search": "mode", "file": "path"}.get(method)
    if needed and needed not in spec:
        yield f"{where}.proposals: method {method} needs the key `{needed}`."
    unused = {"selective-search": {"path"}, "file": {"mode", "max_boxes", "min_side"}}.get(
        method, set()
    )
    for key in sorted(unused & set(spec)):
        yield f"{where}.proposals: method {method} has no use for the key `{key}`; remove it."


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
            if config["datasets"].get(entry["dataset"], {"layout": ""})["layout"] in (
                "voc",
                "voc-action",
            ):
                yield f"label_sets.{name}.dataset: the images of {entry['dataset']} have boxes instead of one category."


def _subset_problems(config: Config) -> Iterable[str]:
    if "scratch" in config["subsets"]:
        yield "subsets.scratch: the name is reserved for a random start, which is not pre-trained; rename it."
    for name, entry in config["subsets"].items():
        for key, section in (
            ("dataset", "datasets"),
            ("label_set", "label_sets"),
            ("recipe", "recipes"),
        ):
            if key in entry:
                yield from _unknown(config, f"subsets.{name}.{key}", entry[key], section)
        recipe, label_set = (
            config["recipes"].get(entry.get("recipe"), {}),
            config["label_sets"].get(entry["label_set"]),
        )
        if recipe.get("layers") == "last" or not set(SECTION_OF_KIND.values()).isdisjoint(recipe):
            yield f"subsets.{name}.recipe: {entry['recipe']} is for fine-tuning; pre-training needs one of all layers."
        if label_set and entry["dataset"] in config["datasets"]:
            yield from _label_set_fits(config, name, entry["dataset"], label_set)


def _label_set_fits(
    config: Config, name: str, dataset: str, label_set: Mapping[str, Any]
) -> Iterable[str]:
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
    if not finds and "average_precision" in entry:
        yield f"{where}: kind {kind} has no use for the key `average_precision`; remove it."
    if finds != (entry["metric"].partition("/")[0] in ("mAP", "AP")):
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
    elif dataset and dataset["layout"] in ("voc", "voc-action"):
        yield f"{where}: {entry['dataset']} has boxes instead of one category an image; take kind detection or action."


def _output_problems(config: Config) -> Iterable[str]:
    for name, entry in config["outputs"].items():
        where = f"outputs.{name}"
        if name.startswith("table") != (entry["builder"] in ("transfer", "budgets")):
            yield f"{where}: builder {entry['builder']} makes no {name.partition('-')[0].rstrip('0123456789')}."
        if name in NAMED_AFTER_BUILDER and entry["builder"] != name:
            yield f"{where}: builder {entry['builder']} makes another figure; call it figure-anything, or take {name}."
        if "architecture" in entry:
            yield from _unknown(
                config, f"{where}.architecture", entry["architecture"], "architectures"
            )
        for task in [
            *entry.get("tasks", []),
            *([entry["accuracy"]] if "accuracy" in entry else []),
        ]:
            yield from _unknown(config, f"{where}.tasks", task, "tasks")
        for subset in _subsets_named(entry):
            reserved = ("scratch",) if entry["builder"] in WITH_SCRATCH else ()
            yield from _unknown(config, where, subset, "subsets", *reserved)
        yield from _builder_problems(config, where, entry)
        yield from _size_problems(config, entry)


def _subsets_named(entry: Mapping[str, Any]) -> list[str]:
    rows = [name for row in entry.get("rows", []) for name in row["subsets"]]
    return [
        *rows,
        *entry.get("references", []),
        *entry.get("subsets", []),
        *_values(entry, SUBSET_KEYS),
    ]


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
        yield from _unknown(
            config, where, half, "tasks" if entry["builder"] == "split-accuracy" else "label_sets"
        )
        if entry["builder"] == "split-accuracy" and "subset" not in config["tasks"].get(
            half, {"subset": ""}
        ):
            yield f"{where}: the task '{half}' should name the half as its `subset`."
    if "dataset" in entry:
        yield from _unknown(config, f"{where}.dataset", entry["dataset"], "datasets")
    sets = {
        config["subsets"][name]["dataset"]
        for name in _subsets_named(entry)
        if name in config["subsets"]
    }
    if "layer" in entry and len(sets) > 1:
        yield f"{where} compares features of several data sets ({', '.join(sorted(sets))}); take networks of one."
    yield from _wordnet_problems(config, where, entry)
    if "accuracy" in entry:
        yield from _accuracy_problems(config, where, entry)
    if entry["builder"] == "coarse-limit":
        yield from _limit_problems(where, entry["subsets"])
    if (
        entry["builder"] == "correlation"
        and f"{where}-points".removeprefix("outputs.") in config["outputs"]
    ):
        yield f"{where}-points: the numbers of {where} are written under this name; rename it."
    if entry["builder"] == "coarse-gain" and entry["subset"] in config["subsets"]:
        label_set = config["label_sets"].get(
            config["subsets"][entry["subset"]]["label_set"], {"method": "identity"}
        )
        if label_set["method"] != "identity":
            yield f"{where}.subset: '{entry['subset']}' was not trained on fine classes, so none can be told apart."
    if entry["builder"] == "induction":
        for subset in entry["subsets"]:
            label_set = config["subsets"].get(subset, {}).get("label_set")
            method = config["label_sets"].get(label_set, {}).get("method", "bottom-up")
            if method not in ("bottom-up", "top-down"):
                yield f"{where}: the labels of '{subset}' merge no classes, so none is left to induce; remove it."


def _limit_problems(where: str, subsets: Sequence[str]) -> Iterable[str]:
    if "scratch" not in subsets:
        yield f"{where}.subsets lacks scratch, the random start that gains are counted from; add it."
    if set(subsets) <= {"scratch"}:
        yield f"{where}.subsets names no network that is compared with the random start; add one."


def _wordnet_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """Yield what an output that is about WordNet's classes names that has none."""
    names = [*entry.get("label_sets", []), *_values(entry, ["label_set"])]
    if entry["builder"] in ("splits", "collages"):
        names += [half for halves in entry["splits"].values() for half in halves]
    for name in names:
        if config["label_sets"].get(name, {}).get("method") == "categories":
            yield f"{where}: the label set '{name}' holds categories, which have no place in WordNet; take another one."
    sets = _values(entry, ["dataset"])
    if "layer" in entry:
        sets += [
            config["subsets"][name]["dataset"]
            for name in _subsets_named(entry)
            if name in config["subsets"]
        ]
    for name in dict.fromkeys(sets):
        if config["datasets"].get(name, {"layout": CLASSIFIED[0]})["layout"] not in CLASSIFIED:
            yield f"{where}: {name} has no WordNet classes, which builder {entry['builder']} needs; take another one."


def _accuracy_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    task = config["tasks"].get(entry["accuracy"])
    if task and task["kind"] != "classification":
        yield f"{where}.accuracy: {entry['accuracy']} is of kind {task['kind']}; accuracy needs kind classification."
    if entry["accuracy"] in entry["tasks"]:
        yield f"{where}.tasks names {entry['accuracy']}, which is shown as `accuracy` already; remove it."


def _claim_problems(config: Config) -> Iterable[str]:
    """Yield what is wrong with the user's own claims, each about runs that some output shows."""
    shown = set(_cells_shown(config))
    for name, entry in config.get("claims", {}).items():
        where = f"claims.{name}"
        if "least" not in entry and "most" not in entry:
            yield f"{where} needs `least`, `most` or both: what the contrast should be."
        if entry.get("least", -math.inf) > entry.get("most", math.inf):
            yield f"{where}: least, {entry['least']}, exceeds most, {entry['most']}."
        if abs(sum(entry["contrast"].values())) > 1e-9:
            yield f"{where}.contrast: the weights add up to {sum(entry['contrast'].values()):g}; they should cancel."
        for task in entry["tasks"]:
            yield from _unknown(config, f"{where}.tasks", task, "tasks")
            for subset in entry["contrast"]:
                if task in config["tasks"] and (subset, task) not in shown:
                    yield f"{where}: no output shows {subset} on {task}; add them to a table, so that they are run."
            if (
                entry["unit"] == "gain"
                and task in config["tasks"]
                and ("scratch", task) not in shown
            ):
                yield f"{where}.unit: no output shows scratch on {task}, which a gain is counted from; take points."


def _cells_shown(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the subsets and tasks that outputs show together."""
    for entry in config["outputs"].values():
        names = _subsets_named(entry)
        yield from itertools.product(names, entry.get("tasks", []))
        if "accuracy" in entry:  # of networks: a random start has no last layer to re-train
            yield from ((name, entry["accuracy"]) for name in names if name != "scratch")
        if entry["builder"] == "split-accuracy":
            for half in itertools.chain(*entry["splits"].values()):
                yield entry["baseline"], half
                yield config["tasks"].get(half, {}).get("subset", ""), half


def _size_problems(config: Config, entry: Mapping[str, Any]) -> Iterable[str]:
    """Yield the classification sets that are not stored at the size that the output's architecture reads."""
    size = config["architectures"].get(entry.get("architecture"), {}).get("image_size")
    subsets, tasks = config["subsets"], config["tasks"]
    sets = [subsets[name]["dataset"] for name in _subsets_named(entry) if name in subsets]
    used = [tasks[name] for name in entry.get("tasks", []) if name in tasks]
    sets += [
        task["dataset"] for task in used if task["kind"] == "classification" and "dataset" in task
    ]
    for name in sorted(set(sets) & set(config["datasets"])):
        spec = config["datasets"][name]["store"]
        stored = spec.get("size")
        if size and spec["codec"] == "original":
            yield f"datasets.{name}.store: codec original keeps every size; networks read jpeg or raw of size {size}."
        elif size and stored != size:
            yield (
                f"datasets.{name}.store.size is {stored}, but architectures.{entry['architecture']}.image_size "
                f"is {size}: make them equal."
            )
