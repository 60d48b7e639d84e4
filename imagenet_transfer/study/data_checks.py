"""What the schema cannot say of a config's data: data sets, label sets and subsets."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from imagenet_transfer.data.known_layouts import (
    ACTIONS,
    KEYS_OF_BOXES,
    LAYOUTS,
    WITH_BOXES,
    WNIDS,
    content_of,
)
from imagenet_transfer.labels.methods import METHODS
from imagenet_transfer.models import network_of
from imagenet_transfer.study.config_file import shown, unknown_name

Config = Mapping[str, Any]
LAYOUT_OF_PART = {"voc2007": "voc", "voc2012": "voc-action"}  # of rendered parts named otherwise
RENDERED_FROM = {  # the keys of `miniature` that a rendered part depends on
    "ilsvrc": ("image_size", "train_per_class", "val_per_class"),
    "voc2007": ("voc",),
    "voc2012": ("action",),
    "sun397": ("sun",),
    "places365": ("places", "sun"),
}
PATHS_BELOW_ROOT = ("train_annotations", "test_annotations", "images_folder")
KEYS_OF_DRAWS = ("label_set", "images_per_class", "classes")  # of subsets: from a data set
CODECS_OF_KEY = {"size": ("jpeg", "raw"), "quality": ("jpeg",)}
PROPOSALS_NEED = {"selective-search": "mode", "file": "path"}
PROPOSALS_LACK = {"selective-search": ("path",), "file": ("max_boxes", "min_side", "mode")}


def has_boxes(config: Config, dataset: str) -> bool:
    """Return whether a data set's images have boxes instead of one class each."""
    return dataset in config["datasets"] and content_of(config["datasets"][dataset]) in WITH_BOXES


def has_wnids(config: Config, dataset: str) -> bool:
    """Return whether a data set's classes are the study's WordNet classes."""
    return content_of(config["datasets"][dataset]) == WNIDS


def may_have_wnids(config: Config, dataset: str) -> bool:
    """Return whether a data set's classes may be WordNet's: its images show if they are."""
    return LAYOUTS[layout_of(config, dataset)].may_hold_wnids and not has_boxes(config, dataset)


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
        if entry.get("size", 0) >= number:
            yield (
                f"label_sets.{name}.size is {entry['size']}, but the study has {number} classes; "
                "take fewer."
            )
    for name, entry in config["subsets"].items():
        label_set = config["label_sets"].get(entry.get("label_set"), {"method": "categories"})
        in_wordnet = METHODS[label_set["method"]].in_wordnet
        if in_wordnet and entry.get("classes", 0) > number:
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
        needs = METHODS[entry["method"]].in_wordnet or entry["method"] == "random-merge"
        if needs and "dataset" not in entry:
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
    if content_of(entry) not in WITH_BOXES:
        for key in sorted(known.keys.intersection(KEYS_OF_BOXES).intersection(entry)):
            yield f"{where}: layout {layout} has a use for the key `{key}` only with `boxes: true`."
    for key in PATHS_BELOW_ROOT:
        path = PurePath(entry.get(key, ""))
        if path.is_absolute() or ".." in path.parts:
            yield f"{where}.{key}: {shown(entry[key])} leads out of `root`; name a path in it."
    part = entry.get("render", layout)
    rendered = LAYOUT_OF_PART.get(part, part)
    if rendered != layout:
        yield (
            f"{where}.render: {part} is rendered in the layout {rendered}, not {layout}; "
            "change one."
        )
    elif (
        "render" in entry and "year" in known.keys and not part.endswith(f"{entry.get('year', '')}")
    ):
        yield f"{where}.year: {part} is not rendered as the year {entry['year']}; change one."


def _proposal_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if ("proposals" in entry) != (content_of(entry) == ACTIONS):
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


# Subsets


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


def size_problems(config: Config, names: Iterable[str], architecture: str) -> Iterator[str]:
    """Yield which data sets are not stored at the size that an architecture reads."""
    known = config["architectures"].get(architecture)
    size = network_of(known).image_size if known else None
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
