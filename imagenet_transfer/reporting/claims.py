"""The paper's claims, each as a function from a study's results to rows that say whether it holds there."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imagenet_transfer.reporting.answers import (
    MissingError,
    Results,
    difference,
    kept,
    kept_together,
    nearest,
    row_of,
    sizes,
    some,
)
from imagenet_transfer.reporting.evidence import Value, effect_of, proportion, rank_correlation, single
from imagenet_transfer.study import SCRATCH

# What Figure 6 of the paper shows at its ends.
GAINING = {"n01861778": "mammal", "n13134947": "fruit", "n01503061": "bird"}
NOT_GAINING = {"n04451818": "tool", "n03528263": "home appliance"}


Judge = Callable[[Results], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Claim:
    """One statement of the paper: an id, where it is made, and what judges it."""

    name: str
    section: str
    about: str
    judge: Judge


# Claims of Figure 1: images per class


def images_curve(results: Results) -> tuple[pd.DataFrame, Mapping[str, Any], pd.Series]:
    """Return Figure 1's numbers, layout and subsets by number of images."""
    frame, layout = results.find("figure1", "curve", along="images_per_class")
    return frame, layout, sizes(frame, "n_images")


def beats_scratch(results: Results) -> Iterator[dict[str, Any]]:
    """Pre-training is better than a random start."""
    for task in transfer_tasks(results):
        full = results.full_set()
        yield difference(
            f"{task}: pre-training on all is better than a random start",
            results.cell(full, task),
            results.cell(SCRATCH, task),
        )


def transfer_tasks(results: Results) -> list[str]:
    """Return the tasks on which some output shows a random start, in the order of the outputs."""
    frames = [frame for frame in results.tables.values() if {"subset", "task", "mean"} <= set(frame.columns)]
    tasks = [task for frame in frames for task in frame.loc[frame["subset"] == SCRATCH, "task"]]
    if not tasks:
        raise MissingError("this study has no random start beside pre-trained networks")
    return list(dict.fromkeys(tasks))


def half_the_images(results: Results) -> Iterator[dict[str, Any]]:
    """Half of the images per class costs little transfer."""
    _, layout, known = images_curve(results)
    half = some(nearest(known, 1 / 2, 0.35, 0.65), "half of the images")
    for task in layout["tasks"]:
        yield kept(results, task, half, known.index[-1], 0.9, "half of the images per class")
    yield from kept_together(results, layout["tasks"], [half], known.index[-1], 0.9, "half of the images per class")


def accuracy_suffers(fewest: bool) -> Judge:
    """Return the judge of: with fewer images, ImageNet accuracy loses a larger share of its value than the task."""

    def judge(results: Results) -> Iterator[dict[str, Any]]:
        _, layout, known = images_curve(results)
        few = known.index[0] if fewest else some(nearest(known, 1 / 2, 0.35, 0.65), "half of the images")
        full, measured = known.index[-1], layout["accuracy"]
        words = f"the fewest images per class ({few})" if fewest else "half of the images per class"
        tasks = [task for task in layout["tasks"] if task != measured]
        for group in [*([task] for task in tasks), *([tasks] if len(tasks) > 1 else [])]:
            values = [
                results.cell(name, what, f"{name} on {what}") for what in (*group, measured) for name in (few, full)
            ]
            title = group[0] if len(group) == 1 else "all tasks together"
            statement = f"{title}: with {words}, a larger share of its value is left than of ImageNet accuracy"
            note = "the effect is in percent of the value with all images"
            yield row_of(statement, effect_of(_share_above_last, values), values, note=note)

    return judge


def _share_above_last(*means: float) -> float:
    """Return, of pairs (few, all), the mean ratio less the last one's, in percent."""
    *ratios, last = (few / everything for few, everything in zip(means[::2], means[1::2], strict=True))
    return 100 * (sum(ratios) / len(ratios) - last)


# Claims of Figure 2: classes merged in WordNet


def merged_sets(results: Results) -> tuple[list[str], pd.Series]:
    """Return Figure 2's tasks, and the subsets of Figures 2 and 4 by number of classes, the full set last."""
    frame, layout = results.find("figure2", "curve", along="classes")
    full = sizes(frame, "n_classes").index[-1]
    layouts = [entry for entry in results.layouts.values() if entry["builder"] == "induction"]
    names = {name for entry in [layout, *layouts] for name in entry["subsets"]} - {SCRATCH}
    known = results.class_counts()
    known = known[[name for name in known.index if name in names and (name == full or known[name] < known[full])]]
    return layout["tasks"], known


def coarse_classes(share: float, least: float, most: float, keeps: float) -> Judge:
    """Return the judge of: merged into about `share` of the classes, labels lose little transfer."""

    def judge(results: Results) -> Iterator[dict[str, Any]]:
        tasks, known = merged_sets(results)
        for task in tasks:
            shown = known[[name for name in known.index if results.has(name, task)]]
            coarse = some(nearest(shown, share, least, most), f"about {share:.3g} of the classes, merged, on {task}")
            words = f"pre-training on {known[coarse]:.0f} coarse classes instead of {known.iloc[-1]:.0f}"
            yield kept(results, task, coarse, known.index[-1], keeps, words)
        if tasks:
            yield from kept_together(results, tasks, [coarse], known.index[-1], keeps, words)

    return judge


def slightly_coarse(results: Results) -> Iterator[dict[str, Any]]:
    """A few classes merged: not worse than all on the tasks other than detection."""
    tasks, known = merged_sets(results)
    full = known.index[-1]
    merged = [name for name, size in known.items() if 0.7 <= size / known[full] < 1]
    some(next(iter(merged), None), "70 to 99 % of the classes, merged")
    for task in tasks:
        if results.kinds.get(task) != "detection":
            for name in merged:
                values = [results.cell(name, task), results.cell(full, task)]
                statement = f"{task}: {known[name]:.0f} merged classes are at most 1 % of the value worse than all"
                yield row_of(statement, effect_of(lambda a, b: a - 0.99 * b, values), values)
    words = f"merging labels to {' or '.join(f'{known[name]:.0f}' for name in merged)} classes"
    yield from kept_together(results, tasks, merged, full, 0.8, words)


# Claims of Figure 4: induction


def induction_ratio(frame: pd.DataFrame, subset: str, baseline: str, k: int) -> list[Value]:
    """Return the induction accuracy of a network and of the baseline on the classes that the network never saw."""
    rows = frame[(frame["subset"] == subset) & (frame["k"] == k)].set_index("network")
    return [proportion(name, rows.loc[name, "value"], rows.loc[name, "n_queries"]) for name in (subset, baseline)]


def induction(results: Results) -> tuple[pd.DataFrame, str, list[str]]:
    """Return Figure 4's numbers, its baseline, and its networks from coarse to fine."""
    frame, layout = results.find("figure4", "induction")
    return frame, layout["baseline"], list(sizes(frame, "n_classes").drop(layout["baseline"], errors="ignore").index)


def fine_from_coarse(results: Results) -> Iterator[dict[str, Any]]:
    """Features of coarse labels tell fine classes apart nearly as well as features of fine labels."""
    frame, baseline, coarse = induction(results)
    known = results.class_counts()
    fine = known[some(baseline if baseline in known else None, f"the number of classes of {baseline}")]
    subset = min(coarse, key=lambda name: abs(math.log(known[name] / fine * 8)))
    for k in sorted(set(frame["k"])):
        values = induction_ratio(frame, subset, baseline, k)
        effect = effect_of(lambda a, b: a - 0.7 * b, values)
        statement = (
            f"top {k}: features of {known[subset]:.0f} coarse classes tell apart classes that they never saw as labels "
            f"at least 70 % as well as features of all {fine:.0f}"
        )
        share = f"{100 * values[0].mean / (values[1].mean or math.nan):.0f} % as well"
        yield row_of(statement, effect, values, note=share)


def worse_when_coarser(results: Results) -> Iterator[dict[str, Any]]:
    """The coarser the labels, the further below the baseline."""
    frame, baseline, coarse = induction(results)
    if len(coarse) < 2:
        raise MissingError("this study's figure4 has one network only")
    for k in sorted(set(frame["k"])):
        values = [value for name in (coarse[-1], coarse[0]) for value in induction_ratio(frame, name, baseline, k)]
        effect = effect_of(lambda a, b, c, d: 100 * (a / b - c / d), values)
        statement = f"top {k}: {coarse[-1]} comes closer to the baseline, in percent of it, than {coarse[0]} does"
        yield row_of(statement, effect, values)


# Claims of Tables 2, 3 and of the table on context


def budgets(results: Results) -> Iterator[tuple[str, str, Value, Value]]:
    """Yield task, title of the budget, and the values of fewer and of more images per class at one budget."""
    frame, layout = results.find("table2", "budgets")
    if len(layout["rows"]) != 2:
        raise MissingError("this study's table2 has not two rows to compare")
    counts = sizes(frame, "n_classes")
    for task in layout["tasks"]:
        for column, pair in zip(
            layout["columns"], zip(*(r["subsets"] for r in layout["rows"]), strict=True), strict=True
        ):
            many_classes, many_images = sorted(pair, key=lambda name: -counts[name])
            yield task, column, results.cell(many_classes, task), results.cell(many_images, task)


def comparable_budgets(results: Results) -> Iterator[dict[str, Any]]:
    """At one budget, more classes and more images per class are comparable."""
    for task, column, classes, images in budgets(results):
        full = results.cell(results.full_set(), task)
        effect = effect_of(lambda i, c, f: 100 * (i - c) / f, [images, classes, full])
        statement = (
            f"{task}, budget {column}: more images per class and more classes differ by at most 10 % of the full set's "
            "value"
        )
        yield row_of(statement, effect, [images, classes, full], -10, 10)


def more_images_not_worse(results: Results) -> Iterator[dict[str, Any]]:
    """Over all budgets, more images per class are slightly better than more classes."""
    pairs: dict[str, list[tuple[Value, Value]]] = {}
    for task, _, classes, images in budgets(results):
        pairs.setdefault(task, []).append((images, classes))
    for task, found in pairs.items():
        values = [value for pair in found for value in pair]
        effect = effect_of(
            lambda *means: sum(means[::2]) / (len(means) / 2) - sum(means[1::2]) / (len(means) / 2), values
        )
        yield row_of(f"{task}: in the mean of the budgets, more images per class are better", effect, values)


def other_data(results: Results) -> tuple[Mapping[str, Any], list[str]]:
    """Return Table 3's layout and its pre-trained subsets: all, without the target's classes, other data."""
    _, layout = results.named("table3")
    return layout, [name for name in layout["subsets"] if name != SCRATCH]


def without_target_classes(results: Results) -> Iterator[dict[str, Any]]:
    """Pre-training without the target's classes costs little."""
    layout, (full, removed, *_) = other_data(results)
    for task in layout["tasks"]:
        yield kept(results, task, removed, full, 0.9, f"pre-training without the target's classes ({removed})")


def scenes_are_worse(results: Results) -> Iterator[dict[str, Any]]:
    """Places is worse than ImageNet for detection."""
    layout, subsets = other_data(results)
    other = some(next(iter(subsets[2:]), None), "other data (a third one in table3)")
    for task in layout["tasks"]:
        if results.is_detection(task):
            values = [results.cell(name, task) for name in (subsets[0], other)]
            yield difference(f"{task}: {subsets[0]} is better than {other}", *values)


def context_helps(results: Results) -> Iterator[dict[str, Any]]:
    """An action is recognised better with a region of context than by the person alone.

    The first task of table-context sees the context, the second does not.
    """
    _, layout = results.named("table-context")
    with_context, alone = layout["tasks"][:2]
    for subset in layout["subsets"]:
        values = [results.cell(subset, task, f"{subset} on {task}") for task in (with_context, alone)]
        yield difference(f"{subset}: {with_context} (with a region of context) is better than {alone}", *values)


# Claims of Figures 6 and 9


def split_accuracy(split: str) -> Judge:
    """Return the judge of: half against everything, on the half's own classes, for "minimal" or "random"."""

    def judge(results: Results) -> Iterator[dict[str, Any]]:
        frame, _ = results.find("figure9", "split-accuracy")
        for letter, rows in frame[frame["split"] == split].groupby("half", sort=False):
            half, found = f"{split} half {letter}", rows.set_index("network")
            alone, everything = (
                proportion(f"{half}, {name}", found.loc[name, "value"], found.loc[name, "n_test"])
                for name in ("half", "everything")
            )
            if split == "minimal":
                yield difference(
                    f"{half}: trained on its classes alone is better than on everything", alone, everything
                )
            else:
                yield difference(
                    f"{half}: trained on everything is better than on its classes alone", everything, alone
                )

    return judge


def alike_gain(results: Results) -> Iterator[dict[str, Any]]:
    """Classes whose sub-classes look alike gain most from being judged as one."""
    frame, _ = results.find("figure6", "coarse-gain")
    if "similarity" not in frame or frame["similarity"].isna().all():
        raise MissingError("this study's figure6 has no similarity")
    known = frame.dropna(subset=["similarity", "gain"])
    effect = rank_correlation(list(known["similarity"]), list(known["gain"]))
    row = row_of("the more alike the sub-classes of a class, the higher its gain: rank correlation above 0", effect, [])
    few = math.isnan(effect.low)
    sure = "no interval: fewer than 5 classes" if few else "95 % interval of Spearman's rho (Bonett & Wright 2000)"
    yield row | {"evidence": f"{len(known)} classes with at least as many sub-classes as set", "how_sure": sure}


def named_gains(results: Results) -> Iterator[dict[str, Any]]:
    """Mammal, fruit and bird gain more than the median class, tool and home appliance less."""
    frame, layout = results.find("figure6", "coarse-gain")
    per_class = images_per_class(results, layout)
    median = float(frame["gain"].median())
    for wnid, name in {**GAINING, **NOT_GAINING}.items():
        for row in frame[frame["class_wnid"] == wnid].itertuples():
            label = f"{name} ({row.n_subclasses})"
            number = per_class * row.n_subclasses if per_class else None
            value = proportion(label, row.gain, number) if number else single(label, row.gain)
            sign, word = (1, "more") if wnid in GAINING else (-1, "less")
            effect = effect_of(lambda gain, sign=sign: sign * (gain - median), [value])
            statement = f"{name} gains {word} than the median class"
            yield row_of(statement, effect, [value], note=f"median {median:.1f}, taken as exact")


def images_per_class(results: Results, layout: Mapping[str, Any]) -> float | None:
    """Return the validation images of a fine class, from an ImageNet accuracy that the study measures too."""
    accuracies = [entry["accuracy"] for entry in results.layouts.values() if entry.get("accuracy") in results.tests]
    counts = results.class_counts()
    known = accuracies and layout["subset"] in counts
    return results.tests[accuracies[0]] / counts[layout["subset"]] if known else None


CLAIMS = (
    Claim("1a", "introduction", "pre-training is better than a random start", beats_scratch),
    Claim("1b", "Figure 1", "half of the images per class cost little transfer", half_the_images),
    Claim("1c", "Figure 1", "half of the images cost more ImageNet accuracy than transfer", accuracy_suffers(False)),
    Claim("1d", "Figure 1", "ImageNet accuracy grows faster with images than transfer", accuracy_suffers(True)),
    Claim("2a", "Figure 2", "an eighth of the classes, merged, costs little", coarse_classes(1 / 8, 1 / 16, 0.25, 0.8)),
    Claim("2b", "Figure 2", "half of the classes, merged, cost little", coarse_classes(1 / 2, 0.35, 0.65, 0.9)),
    Claim("2c", "Figure 2", "labels with a few classes merged transfer as well as all", slightly_coarse),
    Claim("3a", "Figure 4", "fine distinctions are learnt from coarse labels", fine_from_coarse),
    Claim("3b", "Figure 4", "coarser labels teach fewer fine distinctions", worse_when_coarser),
    Claim("4a", "Table 2", "more images per class and more classes are comparable", comparable_budgets),
    Claim("4b", "Table 2", "more images per class are slightly better", more_images_not_worse),
    Claim("5a", "Table 3", "the target's own classes are hardly needed", without_target_classes),
    Claim("5b", "Table 3", "Places is worse than ImageNet for detection", scenes_are_worse),
    Claim("6a", "Figure 9", "a minimal split's half is better alone than with everything", split_accuracy("minimal")),
    Claim("6b", "Figure 9", "a random split's half is better with everything than alone", split_accuracy("random")),
    Claim("7a", "Figure 6", "classes whose sub-classes look alike gain most", alike_gain),
    Claim("7b", "Figure 6", "mammal, fruit, bird gain; tool, home appliance do not", named_gains),
    Claim("8a", "R*CNN (Gkioxari et al. 2015)", "context helps to recognise actions", context_helps),
)
