"""Pictures of the figures that show classes and their images: Figures 3, 7 and 8."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from imagenet_transfer.data.store import Store
from imagenet_transfer.figures.clustering import choose_leaves, classes_under, draw_clustering
from imagenet_transfer.figures.collages import draw_collages, pick_images
from imagenet_transfer.figures.drawing import Material, by_stem
from imagenet_transfer.figures.splits import draw_splits
from imagenet_transfer.labels.label_sets import check_wnids, read_label_set
from imagenet_transfer.labels.taxonomy import Taxonomy, read_classes, taxonomy_for


def clustering_picture(material: Material) -> Figure:
    """Return Figure 3, with a training image of each class."""
    taxonomy = _taxonomy(material)
    label_sets = by_stem(material.files["label_sets"], read_label_set)
    examples = _examples(material, taxonomy)
    return draw_clustering(taxonomy, label_sets, material.layout, examples)


def _examples(material: Material, taxonomy: Taxonomy) -> dict[str, np.ndarray]:
    """Return the first training image of each class that Figure 3 draws."""
    layout = material.layout
    store = Store(Path(material.files["store"]).parent)
    wnids = read_classes(material.settings["classes"])  # a store may have more
    check_wnids(store.classes, wnids, "outputs")
    trained = store.images[(store.images["split"] == "train") & store.images["class"].isin(wnids)]
    firsts = trained.drop_duplicates("class").reset_index().set_index("class")
    below = classes_under(firsts.index, taxonomy, layout["under"])
    leaves = choose_leaves(below, taxonomy, layout["leaves"])
    return {wnid: store.image(row) for wnid, row in firsts["index"].loc[list(leaves)].items()}


def splits_picture(material: Material) -> Figure:
    """Return Figure 7."""
    label_sets = by_stem(material.files["label_sets"], read_label_set)
    return draw_splits(_taxonomy(material), label_sets, material.layout)


def _taxonomy(material: Material) -> Taxonomy:
    return taxonomy_for(read_classes(material.settings["classes"]))


def collages_picture(material: Material) -> Figure:
    """Return Figure 8."""
    layout = material.layout
    label_sets = by_stem(material.files["label_sets"], read_label_set)
    store = Store(Path(material.files["store"]).parent)
    images = store.images[store.images["split"] == "train"]
    seed = material.settings["seed"]
    halves = {}
    sizes = {}
    for split, pair in layout["splits"].items():
        for half, name in zip("ab", pair, strict=True):
            check_wnids(store.classes, label_sets[name]["wnid"], f"label_sets.{name}")
            chosen = pick_images(images, label_sets[name], layout["images"], seed)
            halves[split, half] = [store.image(row) for row in store.rows(chosen)]
            sizes[name] = len(label_sets[name])
    return draw_collages(halves, layout | {"n_classes": sizes})
