"""Claims of Figure 4: what features of coarse labels know about fine classes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imagenet_transfer.claims.results import (
    MissingError,
    Results,
    constant,
    nearest_size,
    required,
    sizes,
)
from imagenet_transfer.claims.statement import Statement, percent, ratio
from imagenet_transfer.claims.statistics import Prior, Sample, prior_of
from imagenet_transfer.labels.methods import OTHERWISE


@dataclass(frozen=True)
class Induced:
    """Accuracies at one k on the classes that a network never saw as labels.

    They are its own, the baseline's (`best`) and that of guessing (`chance`).
    """

    k: int
    own: Sample
    best: Sample
    chance: Sample

    @property
    def gain(self) -> tuple[Sample, Sample]:
        """Return what the baseline gains over guessing, as a pair."""
        return self.best, self.chance


def figure4(results: Results) -> tuple[pd.DataFrame, str, list[str]]:
    """Return Figure 4's numbers, its baseline, and its networks from coarse to fine.

    Those whose classes are merged in other ways than along WordNet are left out.
    """
    frame, layout = results.find("figure4", "induction")
    baseline = layout["baseline"]
    methods = frame["subset"].map(lambda name: results.subsets[name]["method"])
    frame = frame[~methods.isin(OTHERWISE)]
    if frame.empty:
        raise MissingError("this study's figure4 has no classes merged along WordNet")
    return frame, baseline, list(sizes(frame, "n_classes").drop(baseline, errors="ignore").index)


def network_sizes(results: Results) -> pd.Series:
    """Return the number of classes of Figure 4's networks, ascending, the baseline last."""
    frame, baseline, _ = figure4(results)
    known = sizes(frame, "n_classes").drop(baseline, errors="ignore")
    return pd.concat([known, pd.Series({baseline: frame["n_fine"].iloc[0]})])


def inductions(results: Results, subset: str) -> Iterator[tuple[Induced, Prior]]:
    """Yield, for each k of Figure 4, a network's accuracies and the prior of their errors."""
    frame, baseline, _ = figure4(results)
    for k in sorted(set(frame["k"])):
        own, best = accuracies(frame, subset, baseline, k)
        unseen = frame.loc[frame["subset"] == subset, "n_unseen"].iloc[0]
        guessed = constant(100 * (1 - (1 - 1 / unseen) ** k), own)  # k guesses, one of them right
        yield Induced(int(k), own, best, guessed), prior_at(frame, baseline, k)


def accuracies(frame: pd.DataFrame, subset: str, baseline: str, k: int) -> list[Sample]:
    """Return the accuracies of a network and of the baseline on classes the network never saw."""
    rows = frame[(frame["subset"] == subset) & (frame["k"] == k)].sort_values("rep")
    task = f"induction, top {k}"
    names = {subset: subset, baseline: f"{baseline} on the classes unseen by {subset}"}
    return [
        Sample(text, task, tuple(rows.loc[rows["network"] == name, "value"]))
        for name, text in names.items()
    ]


def prior_at(frame: pd.DataFrame, baseline: str, k: int) -> Prior:
    """Return what all networks of Figure 4, each with its baseline, tell about errors at k."""
    subsets = dict.fromkeys(frame["subset"])
    samples = [accuracies(frame, subset, baseline, k) for subset in subsets]
    return prior_of([sample for pair in samples for sample in pair])


def fine_from_coarse(results: Results) -> Iterator[Statement]:
    """Features of coarse labels tell fine classes apart nearly as well as features of fine labels.

    The paper's "about 15 % lower" is read both ways, in percent of the baseline (above chance) and
    in points; the tolerance is twice that.
    """
    _, baseline, _ = figure4(results)
    least = results.tolerances["induction"]
    known = network_sizes(results)
    eighth = nearest_size(known, 1 / 8, 1 / 16, 0.25)
    subset = required(eighth, "about an eighth of the classes in figure4")
    points = 100 * (1 - least)
    for found, prior in inductions(results, subset):
        words = (
            f"top {found.k}: features of {known[subset]:.0f} coarse classes tell apart classes "
            "that they never saw"
        )
        shared = {"gains": [found.gain], "prior": prior, "origins": (subset, baseline)}
        yield _as_well(found, words, least, known[baseline], shared)
        if found.best.mean - found.chance.mean > points:  # it could not fall by more otherwise
            yield _few_points_worse(found, words, points, known[baseline], shared)


def _as_well(
    found: Induced, words: str, least: float, fine: float, shared: dict[str, Any]
) -> Statement:
    """Return the statement that a network reaches the share `least` of the baseline."""
    chance = found.chance.mean
    share = 100 * ratio(found.own.mean - chance, found.best.mean - chance)
    return Statement(
        f"{words} at least {percent(least)} as well, counted above chance, as features of all "
        f"{fine:.0f}",
        lambda a, b: a - chance - least * (b - chance),
        (found.own, found.best),
        note=f"chance {chance:.1f}; {share:z.0f} % as well",
        **shared,
    )


def _few_points_worse(
    found: Induced, words: str, points: float, fine: float, shared: dict[str, Any]
) -> Statement:
    """Return the statement that a network is at most `points` below the baseline."""
    return Statement(
        f"{words} at most {points:.0f} points worse than features of all {fine:.0f}",
        lambda a, b: a - b + points,
        (found.own, found.best),
        note=f"{found.best.mean - found.own.mean:z.1f} points worse",
        **shared,
    )


def worse_when_coarser(results: Results) -> Iterator[Statement]:
    """The coarser the labels, the further below the baseline."""
    _, baseline, coarse = figure4(results)
    if len(coarse) < 2:
        raise MissingError("this study's figure4 has only one network")
    rough, *_, fine = coarse
    both = zip(inductions(results, fine), inductions(results, rough), strict=True)
    for (a, prior), (b, _) in both:
        yield Statement(
            f"top {a.k}: {fine} comes closer to the baseline than {rough} does, each in percent of "
            "the baseline above chance on the classes that it never saw",
            _closer(a.chance.mean, b.chance.mean),
            (a.own, a.best, b.own, b.best),
            gains=[a.gain, b.gain],
            unit="percent of the baseline",
            prior=prior,
            origins=(fine, rough, baseline),
        )


def _closer(chance: float, other: float) -> Callable[..., float]:
    """Return the difference of two shares of a baseline, in percent, as a function.

    It takes (own, baseline) of either network, each of which is counted above its own chance.
    """
    return lambda a, b, c, d: 100 * (ratio(a - chance, b - chance) - ratio(c - other, d - other))
