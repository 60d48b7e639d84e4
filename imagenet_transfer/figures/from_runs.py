"""Numbers and pictures of the figures that show finished runs: Figures 1, 2, 4, 9 and our own."""

import pandas as pd
from matplotlib.figure import Figure

from imagenet_transfer.figures.coarse_limit import draw_coarse_limit
from imagenet_transfer.figures.coarse_limit_numbers import coarse_limit_frame
from imagenet_transfer.figures.correlation import draw_correlation
from imagenet_transfer.figures.correlation_numbers import correlation_frame, points_frame
from imagenet_transfer.figures.curve import draw_curve
from imagenet_transfer.figures.drawing import Material
from imagenet_transfer.figures.induction import draw_induction
from imagenet_transfer.figures.influence import draw_influence
from imagenet_transfer.figures.influence_numbers import influence_frame
from imagenet_transfer.figures.numbers import curve_frame, induction_frame, split_frame
from imagenet_transfer.figures.split_accuracy import draw_split_accuracy
from imagenet_transfer.figures.surface import draw_surface
from imagenet_transfer.figures.surface_numbers import surface_frames
from imagenet_transfer.reporting.tables import collect_runs, subset_sizes


def curve_numbers(material: Material) -> pd.DataFrame:
    """Return the points of Figure 1 or 2."""
    return curve_frame(material.layout, material.runs, material.files["sizes"])


def curve_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return Figure 1 or 2."""
    return draw_curve(frame, material.layout)


def induction_numbers(material: Material) -> pd.DataFrame:
    """Return the points of Figure 4."""
    files = material.files
    return induction_frame(material.layout, files["induction"], files["manifests"])


def induction_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return Figure 4."""
    return draw_induction(frame, material.layout)


def split_accuracy_numbers(material: Material) -> pd.DataFrame:
    """Return the bars of Figure 9."""
    return split_frame(material.layout, material.runs, material.files["manifests"])


def split_accuracy_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return Figure 9."""
    return draw_split_accuracy(frame, material.layout)


def correlation_numbers(material: Material) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the correlations of transfer with the `accuracy` of the networks, and the points."""
    layout = material.layout
    accuracy = layout["accuracy"]
    metrics = {task: layout["metrics"][task] for task in [accuracy, *layout["tasks"]]}
    chosen = (collect_runs(material.files["metrics"]), accuracy, metrics, layout["subsets"])
    return correlation_frame(*chosen), points_frame(*chosen)


def correlation_picture(material: Material, frame: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Return a chart of each task's points with their correlation."""
    return draw_correlation(frame, points, material.layout["accuracy"])


def coarse_limit_numbers(material: Material) -> pd.DataFrame:
    """Return the gains of merged labels over a random start, with the limit of each task."""
    layout = material.layout
    metrics = metrics_shown(material)
    sizes = subset_sizes(material.files["sizes"], material.layout.get("facts"))
    n_classes = {name: sizes[name]["n_classes"] for name in layout["subsets"] if name in sizes}
    return coarse_limit_frame(collect_runs(material.files["metrics"]), metrics, n_classes)


def coarse_limit_picture(_: Material, frame: pd.DataFrame) -> Figure:
    """Return a chart of each task's gains with its limit."""
    return draw_coarse_limit(frame)


def surface_numbers(material: Material) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cells of a grid of classes and images per class, and the best ratios."""
    layout = material.layout
    subsets = list(dict.fromkeys([layout["full"], *layout["subsets"]]))
    sizes = subset_sizes(material.files["sizes"])
    runs = collect_runs(material.files["metrics"])
    return surface_frames(runs, metrics_shown(material), sizes, subsets, layout["name"])


def surface_picture(_: Material, frame: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Return a map of each task's grid, and its best ratios."""
    return draw_surface(frame, fit)


def influence_numbers(material: Material) -> pd.DataFrame:
    """Return the effects of parts of the full set on transfer."""
    layout = material.layout
    sets = (layout["full"], layout["without"], layout.get("controls", {}))
    runs = collect_runs(material.files["metrics"])
    sizes = subset_sizes(material.files["sizes"])
    return influence_frame(runs, metrics_shown(material), sizes, *sets)


def influence_picture(_: Material, frame: pd.DataFrame) -> Figure:
    """Return a chart of each task's effects in order."""
    return draw_influence(frame)


def metrics_shown(material: Material) -> dict[str, str]:
    """Return the metric of each task that a figure shows, in its order."""
    layout = material.layout
    return {task: layout["metrics"][task] for task in layout["tasks"]}
