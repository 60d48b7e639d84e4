"""Numbers and pictures of the figures that show what networks compute: Figures 5 and 6."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from imagenet_transfer.data.store import Store
from imagenet_transfer.features.analyses import coarse_gain, neighbours_of
from imagenet_transfer.features.descriptors import class_descriptors
from imagenet_transfer.features.embeddings import read_embeddings
from imagenet_transfer.figures.coarse_gain import draw_coarse_gain
from imagenet_transfer.figures.drawing import Material
from imagenet_transfer.figures.neighbours import draw_neighbours
from imagenet_transfer.files import read_table
from imagenet_transfer.labels.label_sets import read_label_set
from imagenet_transfer.labels.taxonomy import taxonomy_for
from imagenet_transfer.reporting.tables import subset_sizes
from imagenet_transfer.training.stages import prepare


def neighbours_numbers(material: Material) -> pd.DataFrame:
    """Return the nearest neighbours of Figure 5's queries by each network's features."""
    layout = material.layout
    files = material.files
    device = prepare(material.threads)
    store = Store(Path(files["store"]).parent)
    asked = (layout["queries"], layout["neighbours"], material.settings["seed"], device)
    networks = zip(layout["subsets"], files["features"], files["label_sets"], strict=True)
    parts = []
    for subset, path, labels in networks:
        features = read_embeddings(path, store)
        parts.append(neighbours_of(subset, features, store.images, read_label_set(labels), *asked))
    return pd.concat(parts, ignore_index=True)


def neighbours_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return Figure 5."""
    store = Store(Path(material.files["store"]).parent)
    sizes = subset_sizes(material.files["manifests"])
    shown = {
        "n_classes": {subset: size["n_classes"] for subset, size in sizes.items()},
        "names": taxonomy_for(material.layout["queries"]).names,
    }
    layout = material.layout | shown
    return draw_neighbours(frame, lambda name: store.image(store.rows([name])[0]), layout)


def coarse_gain_numbers(material: Material) -> pd.DataFrame:
    """Return Figure 6's coarse classes with their gains, for each network."""
    files = material.files
    store = Store(Path(files["store"]).parent)
    label_set = read_label_set(files["label_sets"][0])
    wnids = sorted(label_set["wnid"])
    likeness = class_descriptors(store, wnids, "train", material.settings["seed"])
    parts = []
    for rep, path in enumerate(files["predictions"], start=1):
        predictions = read_table(path, ("wnid", "predicted"))
        part = coarse_gain(predictions, label_set, material.layout["least"], likeness)
        parts.append(part.assign(rep=rep))
    return pd.concat(parts, ignore_index=True)


def coarse_gain_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return Figure 6."""
    return draw_coarse_gain(frame, material.layout)
