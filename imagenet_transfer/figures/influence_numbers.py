"""What classes do for transfer: the full set compared with the same set without some of them.

Jain et al. (2023, "A data-based perspective on transfer learning", arXiv 2207.05739) estimate the
influence of each ImageNet class on a task, and find classes whose absence improves it. Here whole
parts of WordNet are left out, one at a time. A smaller set may also be worse just because it is
smaller; a control, from which as many classes were left out at random, tells the two apart.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from imagenet_transfer.claims.statistics import LEVEL, OPEN, Effect, holm, p_value
from imagenet_transfer.figures.cells import Cells, complete
from imagenet_transfer.figures.correlation_numbers import values_of

COLUMNS = (
    *("task", "metric", "name", "subset", "n_classes_left_out", "n_images_left_out", "n"),
    *("effect", "low", "high", "p", "adjusted", "verdict"),
    *("control", "against_control", "control_low", "control_high", "control_p"),
    *("control_adjusted", "control_verdict"),
)
WHAT = "influence"
HELPS = "helps"
HARMS = "harms"

Sizes = Mapping[str, Mapping[str, int]]


def influence_frame(
    runs: pd.DataFrame,
    metrics: Mapping[str, str],
    sizes: Sizes,
    full: str,
    without: Mapping[str, str],
    controls: Mapping[str, str],
) -> pd.DataFrame:
    """Return one row per task and part that is left out, by descending effect (COLUMNS).

    `runs` is the result of `collect_runs` for one architecture, `metrics` the metric of each task,
    and `sizes` gives n_classes and n_images of each subset. `without` names the subset of each part
    and `controls` the control of some of these subsets.

    - effect: the full set minus the subset, in percentage points: positive if the part helps.
    - against_control: the control minus the subset: positive if the part helps more than as many
      random classes. Empty without a control.
    - low, high: 95 % intervals, each for itself; p, and adjusted by Holm over the parts of a task,
      effects and comparisons with controls separately.
    - verdict: HELPS or HARMS if the adjusted p is at most 0.05, otherwise OPEN.

    Raises UserError for a missing run.
    """
    subsets = list(dict.fromkeys([full, *without.values(), *controls.values()]))
    values = {
        task: complete(values_of(runs, task, metric), task, subsets, WHAT)
        for task, metric in metrics.items()
    }
    cells = Cells.of(values)
    frames = []
    for task, metric in metrics.items():
        rows = [
            {"task": task, "metric": metric, "name": name, "subset": subset}
            | size_facts(sizes, full, subset)
            | effect_facts(cells, task, full, subset, controls.get(subset, ""))
            for name, subset in without.items()
        ]
        frames.append(_adjusted(pd.DataFrame(rows)).sort_values("effect", ascending=False))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def size_facts(sizes: Sizes, full: str, subset: str) -> dict[str, int]:
    """Return how many classes and images are left out."""
    keys = ("n_classes", "n_images")
    return {f"{key}_left_out": sizes[full][key] - sizes[subset][key] for key in keys}


def effect_facts(cells: Cells, task: str, full: str, subset: str, control: str) -> dict[str, Any]:
    """Return a part's effect and that against its control, if there is one, with p values."""
    effect = cells.weighted({full: 1.0, subset: -1.0}, task)
    against = Effect(math.nan)
    if control:
        against = cells.weighted({control: 1.0, subset: -1.0}, task)
    return {
        "n": cells.replicates(task),
        **{"effect": effect.estimate, "low": effect.low, "high": effect.high},
        "p": p_value(effect),
        **{"control": control, "against_control": against.estimate},
        **{"control_low": against.low, "control_high": against.high},
        "control_p": p_value(against),
    }


def _adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a task's rows with adjusted p values and verdicts."""
    adjusted = holm(rows["p"])
    against = holm(rows["control_p"])
    return rows.assign(
        adjusted=adjusted,
        verdict=verdicts(rows["effect"], adjusted),
        control_adjusted=against,
        control_verdict=verdicts(rows["against_control"], against),
    )


def verdicts(effects: Sequence[float], adjusted: Sequence[float]) -> list[str]:
    """Return a verdict per effect; "" where there is none, as without a control."""
    return [verdict_of(effect, p) for effect, p in zip(effects, adjusted, strict=True)]


def verdict_of(effect: float, adjusted: float) -> str:
    """Return what an effect and its adjusted p value say; NaN is undecided."""
    if math.isnan(effect):
        return ""
    if adjusted <= LEVEL:
        return HELPS if effect > 0 else HARMS
    return OPEN
