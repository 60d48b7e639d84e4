"""Claims of Figure 6: which classes gain from being judged as one with their siblings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from scipy import stats

from imagenet_transfer.claims.results import MissingError, Results
from imagenet_transfer.claims.statement import Statement, ratio
from imagenet_transfer.claims.statistics import Effect, Sample, prior_of

# What Figure 6 of the paper shows at its ends.
GAINING = {"n01861778": "mammal", "n13134947": "fruit", "n01503061": "bird"}
NOT_GAINING = {"n04451818": "tool", "n03528263": "home appliance"}
FEWEST_RANKED = 5  # classes, for a rank correlation


def figure6(results: Results) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Return Figure 6's numbers and layout, if its classes are merged along WordNet.

    Of classes merged by what a network finds alike, it is no finding that they are confused.
    """
    frame, layout = results.find("figure6", "coarse-gain")
    if "merged_by" in layout:
        raise MissingError("the classes of this study's figure6 are not merged along WordNet")
    return frame, layout


def alike_gain(results: Results) -> Iterator[Statement]:
    """Classes whose sub-classes look alike (by their pixels) gain most from being judged as one."""
    frame, layout = figure6(results)
    ranked = frame.dropna(subset=["similarity", "gain"]).groupby("class_wnid")
    known = ranked[["similarity", "gain"]].mean()
    if len(known) < FEWEST_RANKED:
        raise MissingError("too few classes with a likeness in figure6")
    yield Statement(
        "the more alike the sub-classes of a class look by their pixels, the higher its gain: rank "
        "correlation above 0",
        float,
        (),
        unit="Spearman's rho",
        note=f"{len(known)} classes, gains averaged over the replicates",
        measured=rank_correlation(list(known["similarity"]), list(known["gain"])),
        origins=(layout["subset"],),
        source="95 % interval of Spearman's rho over the classes (Bonett & Wright 2000)",
    )


def named_gains(results: Results) -> Iterator[Statement]:
    """Mammal, fruit and bird gain more than the median class, tool and home appliance less."""
    frame, layout = figure6(results)
    names = dict(zip(frame["class_wnid"], frame["class_name"], strict=True))
    gains = frame.pivot(index="class_wnid", columns="rep", values="gain")
    above = gains - gains.median()
    samples = {
        wnid: Sample(name, "gain above the median", tuple(above.loc[wnid]))
        for wnid, name in names.items()
    }
    shared = {"prior": prior_of(list(samples.values())), "origins": (layout["subset"],)}
    for wnid, name in {**GAINING, **NOT_GAINING}.items():
        if wnid in above.index:
            sign, word = (1, "more") if wnid in GAINING else (-1, "less")
            text = f"{name} gains {word} than the median class"
            yield Statement(text, lambda x, sign=sign: sign * x, [samples[wnid]], **shared)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> Effect:
    """Return Spearman's rank correlation with Bonett and Wright's (2000) interval.

    Of constant values there is none: the estimate is NaN.
    """
    if len(set(a)) == 1 or len(set(b)) == 1:
        return Effect(math.nan)
    rho = float(stats.spearmanr(a, b).statistic)
    bounded = min(max(rho, -1 + 1e-9), 1 - 1e-9)
    error = math.sqrt((1 + bounded**2 / 2) / (len(a) - 3))
    reach = stats.norm.ppf(0.975) * error
    ends = [math.tanh(math.atanh(bounded) + side * reach) for side in (-1, 1)]
    error *= ratio(bounded, math.atanh(bounded)) if rho else 1.0
    return Effect(rho, *ends, error, math.inf)
