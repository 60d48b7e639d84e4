"""What the schema cannot say of a config's data: data sets, label sets and subsets."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from imagenet_transfer.study.config_file import unknown_name

Config = Mapping[str, Any]
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
CLASSIFIED = ("ilsvrc", "tiny-imagenet")  # layouts whose classes are wnids
WITH_BOXES = ("voc", "voc-action")  # layouts whose images have boxes instead of one category
LAYOUT_OF_PART = {"voc2007": "voc", "voc2012": "voc-action"}  # of rendered parts named otherwise
RENDERED_FROM = {  # the keys of `miniature` that a rendered part depends on
    "ilsvrc": ("image_size", "train_per_class", "val_per_class"),
    "voc2007": ("voc",),
    "voc2012": ("action",),
    "sun397": ("sun",),
    "places365": ("places", "sun"),
}
CODECS_OF_KEY = {"size": ("jpeg", "raw"), "quality": ("jpeg",)}
PROPOSALS_NEED = {"selective-search": "mode", "file": "path"}
PROPOSALS_LACK = {"selective-search": ("path",), "file": ("max_boxes", "min_side", "mode")}


def class_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what asks for classes that the study does not have; `wnids` are those that it has."""
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
    key, _, about = KEYS_OF_LAYOUT.get(layout, "layout").partition(" ")
    if key not in entry:
        yield f"{where}: layout {layout} needs the key `{key}` {about}."
    for key, layouts in LAYOUTS_OF_KEY.items():
        if key in entry and layout not in layouts:
            yield f"{where}: layout {layout} has no use for the key `{key}`; remove it."
    part = entry.get("render", layout)
    rendered = LAYOUT_OF_PART.get(part, part)
    if rendered != layout:
        yield (
            f"{where}.render: {part} is rendered in the layout {rendered}, not {layout}; "
            "change one."
        )


def _proposal_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if ("proposals" in entry) != (entry["layout"] == "voc-action"):
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
            if config["datasets"].get(dataset, {"layout": ""})["layout"] in WITH_BOXES:
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
        label_set = config["label_sets"].get(entry["label_set"])
        if label_set and entry["dataset"] in config["datasets"]:
            yield from _label_set_fits(config, where, entry["dataset"], label_set)


def _label_set_fits(
    config: Config, where: str, dataset: str, label_set: Mapping[str, Any]
) -> Iterator[str]:
    if label_set["method"] == "categories":
        if label_set.get("dataset") != dataset:
            yield f"{where}: its label set holds the categories of another data set than {dataset}."
    elif config["datasets"][dataset]["layout"] not in CLASSIFIED:
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
