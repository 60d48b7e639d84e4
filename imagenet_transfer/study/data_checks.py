"""What the schema cannot say of a config's data: data sets, label sets and subsets."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from imagenet_transfer.data.known_layouts import ACTIONS, LAYOUTS, WNIDS
from imagenet_transfer.study.config_file import unknown_name

Config = Mapping[str, Any]
KEYS_OF_METHOD = {
    "identity": (),
    "categories": ("dataset",),
    "bottom-up": ("depth",),
    "top-down": ("round",),
    "exclusion": ("roots",),
    "minimal-split": ("depth", "half"),
    "random-split": ("size", "half"),
}
WITHOUT_WORDNET = ("categories",)  # methods whose classes need no place in WordNet
LAYOUT_OF_PART = {"voc2007": "voc", "voc2012": "voc-action"}  # of rendered parts named otherwise
RENDERED_FROM = {  # the keys of `miniature` that a rendered part depends on
    "ilsvrc": ("image_size", "train_per_class", "val_per_class"),
    "voc2007": ("voc",),
    "voc2012": ("action",),
    "sun397": ("sun",),
    "places365": ("places", "sun"),
}
KEYS_OF_DRAWS = ("label_set", "images_per_class", "classes")  # of subsets: from a data set
CODECS_OF_KEY = {"size": ("jpeg", "raw"), "quality": ("jpeg",)}
PROPOSALS_NEED = {"selective-search": "mode", "file": "path"}
PROPOSALS_LACK = {"selective-search": ("path",), "file": ("max_boxes", "min_side", "mode")}


def has_boxes(config: Config, dataset: str) -> bool:
    """Return whether a data set's images have boxes instead of one class each."""
    return dataset in config["datasets"] and LAYOUTS[layout_of(config, dataset)].has_boxes


def has_wnids(config: Config, dataset: str) -> bool:
    """Return whether a data set's classes are the study's WordNet classes."""
    return LAYOUTS[layout_of(config, dataset)].holds == WNIDS


def layout_of(config: Config, dataset: str) -> str:
    """Return the layout of a data set."""
    return config["datasets"][dataset]["layout"]


def class_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what asks for classes that the study does not have; `wnids` are those that it has."""
    if not wnids:
        yield from _without_classes(config)
        return
    number = len(wnids)
    for name, entry in config["outputs"].items():
        for wnid in entry.get("queries", []):
            if wnid not in wnids:
                yield (
                    f"outputs.{name}.queries: {wnid} is not one of the study's classes "
                    f"({config['classes']})."
                )
    for name, entry in config["label_sets"].items():
        if entry.get("size", 1) >= number:
            yield (
                f"label_sets.{name}.size is {entry['size']}, but the study has {number} classes; "
                "take fewer."
            )
    for name, entry in config["subsets"].items():
        label_set = config["label_sets"].get(entry.get("label_set"), {"method": "categories"})
        if label_set["method"] != "categories" and entry.get("classes", 0) > number:
            yield (
                f"subsets.{name}.classes is {entry['classes']}, but the study has {number} "
                "classes; take fewer."
            )


def _without_classes(config: Config) -> Iterator[str]:
    """Yield what needs the WordNet classes that a study does not name."""
    lack = (
        "needs WordNet classes: name a list or a file of them with the key `classes` of the study"
    )
    for name in config["datasets"]:
        if has_wnids(config, name):
            yield f"datasets.{name}: layout {layout_of(config, name)} {lack}."
    for name, entry in config["label_sets"].items():
        if entry["method"] not in WITHOUT_WORDNET:
            yield f"label_sets.{name}: method {entry['method']} {lack}."


# Data sets


def dataset_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the data sets."""
    for name, entry in config["datasets"].items():
        where = f"datasets.{name}"
        yield from _render_problems(config, where, entry)
        yield from _store_problems(f"{where}.store", entry["store"])
        yield from _layout_problems(where, entry)
        yield from _proposal_problems(where, entry)


def _render_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if "render" not in entry:
        return
    if "miniature" not in config:
        yield f"{where}.render needs the section `miniature`, which says what is rendered."
        return
    for key in RENDERED_FROM[entry["render"]]:
        if key not in config["miniature"]:
            yield (
                f"{where}.render: {entry['render']} needs the key `{key}` in the section "
                "`miniature`."
            )


def _store_problems(where: str, spec: Mapping[str, Any]) -> Iterator[str]:
    codec = spec["codec"]
    if codec != "original" and "size" not in spec:
        yield f"{where}: codec {codec} needs the key `size`."
    for key, codecs in CODECS_OF_KEY.items():
        if key in spec and codec not in codecs:
            yield f"{where}: codec {codec} has no use for the key `{key}`; remove it."


def _layout_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    layout = entry["layout"]
    known = LAYOUTS[layout]
    for key, about in known.needs.items():
        if key not in entry:
            yield f"{where}: layout {layout} needs the key `{key}` {about}."
    own = {key for other in LAYOUTS.values() for key in other.keys}
    for key in sorted(own.difference(known.keys).intersection(entry)):
        yield f"{where}: layout {layout} has no use for the key `{key}`; remove it."
    part = entry.get("render", layout)
    rendered = LAYOUT_OF_PART.get(part, part)
    if rendered != layout:
        yield (
            f"{where}.render: {part} is rendered in the layout {rendered}, not {layout}; "
            "change one."
        )


def _proposal_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if ("proposals" in entry) != (LAYOUTS[entry["layout"]].holds == ACTIONS):
        needs = "has no use for" if "proposals" in entry else "needs the section"
        yield (
            f"{where}: layout {entry['layout']} {needs} `proposals` (the regions that R*CNN "
            "looks at)."
        )
    spec = entry.get("proposals", {})
    method = spec.get("method")
    needed = PROPOSALS_NEED.get(method)
    if needed and needed not in spec:
        yield f"{where}.proposals: method {method} needs the key `{needed}`."
    for key in PROPOSALS_LACK.get(method, ()):
        if key in spec:
            yield f"{where}.proposals: method {method} has no use for the key `{key}`; remove it."


# Label sets and subsets


def label_set_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the label sets."""
    for name, entry in config["label_sets"].items():
        where = f"label_sets.{name}"
        method = entry["method"]
        needed = KEYS_OF_METHOD[method]
        for key in needed:
            if key not in entry:
                yield f"{where}: method {method} needs the key `{key}`."
        for key in sorted(set(entry).difference(needed, ["method"])):
            yield f"{where}: method {method} has no use for the key `{key}`; remove it."
        if "dataset" in entry:
            dataset = entry["dataset"]
            yield from unknown_name(config, f"{where}.dataset", dataset, "datasets")
            if has_boxes(config, dataset):
                yield (
                    f"{where}.dataset: the images of {dataset} have boxes instead of one category."
                )


def subset_problems(config: Config, sections_of_tasks: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the subsets; a recipe with `sections_of_tasks` is not for them."""
    if "scratch" in config["subsets"]:
        yield (
            "subsets.scratch: the name is reserved for a random start, which is not pre-trained; "
            "rename it."
        )
    sections = {"dataset": "datasets", "label_set": "label_sets", "recipe": "recipes"}
    for name, entry in config["subsets"].items():
        where = f"subsets.{name}"
        for key, section in sections.items():
            if key in entry:
                yield from unknown_name(config, f"{where}.{key}", entry[key], section)
        recipe = config["recipes"].get(entry.get("recipe"), {})
        if recipe.get("layers") == "last" or not recipe.keys().isdisjoint(sections_of_tasks):
            yield (
                f"{where}.recipe: {entry['recipe']} is for fine-tuning; pre-training needs one of "
                "all layers."
            )
        yield from _origin_problems(where, entry)
        label_set = config["label_sets"].get(entry.get("label_set"))
        if label_set and entry.get("dataset") in config["datasets"]:
            yield from _label_set_fits(config, where, entry["dataset"], label_set)


def _origin_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield which keys of a subset do not go with its being trained or given."""
    given = "weights" in entry
    if not given and "facts" in entry:
        yield f"{where}.facts are for a network given as `weights`; remove them."
    if "dataset" in entry:
        return
    if not given:
        yield f"{where} lacks the key 'dataset'. One of datasets."
        return
    for key in KEYS_OF_DRAWS:
        if key in entry:
            yield (
                f"{where}: without a `dataset`, a given network has no use for the key `{key}`; "
                "remove it, or say under `facts` what the network was trained on."
            )


def is_without_data(config: Config, subset: str) -> bool:
    """Return whether a subset is a given network whose own data set the study does not have."""
    entry = config["subsets"].get(subset, {})
    return "weights" in entry and "dataset" not in entry


def _label_set_fits(
    config: Config, where: str, dataset: str, label_set: Mapping[str, Any]
) -> Iterator[str]:
    if label_set["method"] == "categories":
        if label_set.get("dataset") != dataset:
            yield f"{where}: its label set holds the categories of another data set than {dataset}."
    elif not has_wnids(config, dataset):
        yield (
            f"{where}: {dataset} has no WordNet classes; give it a label set of method categories."
        )


def size_problems(config: Config, names: Iterable[str], architecture: str) -> Iterator[str]:
    """Yield which data sets are not stored at the size that an architecture reads."""
    size = config["architectures"].get(architecture, {}).get("image_size")
    for name in sorted(set(names) & set(config["datasets"])):
        spec = config["datasets"][name]["store"]
        stored = spec.get("size")
        where = f"datasets.{name}.store"
        if size and spec["codec"] == "original":
            yield (
                f"{where}: codec original keeps every size; networks read jpeg or raw of size "
                f"{size}."
            )
        elif size and stored != size:
            yield (
                f"{where}.size is {stored}, but architectures.{architecture}.image_size is {size}: "
                "make them equal."
            )
