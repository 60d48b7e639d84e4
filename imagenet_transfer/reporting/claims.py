"""The paper's claims, each as a function from a study's results to the statements that it makes there."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy import stats

from imagenet_transfer.reporting.answers import (
    MissingError,
    Results,
    Statement,
    difference,
    kept,
    kept_together,
    nearest_size,
    percent,
    ratio,
    required,
    sizes,
)
from imagenet_transfer.reporting.statistics import Effect, Prior, Sample, prior_of
from imagenet_transfer.study import SCRATCH

# What Figure 6 of the paper shows at its ends.
GAINING = {"n01861778": "mammal", "n13134947": "fruit", "n01503061": "bird"}
NOT_GAINING = {"n04451818": "tool", "n03528263": "home appliance"}
FEWEST_RANKED = 5  # classes, for a rank correlation
STATED_DROP = 15  # percent below the baseline, Figure 4 with 127 classes


Judge = Callable[[Results], Iterator[Statement]]


@dataclass(frozen=True)
class Claim:
    """One statement of the paper: an id, where it is made, what it says, and what makes statements of it."""

    name: str
    section: str
    about: str
    judge: Judge


# Claims of Figure 1: images per class


def images_curve(results: Results) -> tuple[Mapping[str, Any], pd.Series]:
    """Return Figure 1's layout and its subsets by number of images."""
    frame, layout = results.find("figure1", "curve", along="images_per_class")
    return layout, sizes(frame, "n_images")


def beats_scratch(results: Results) -> Iterator[Statement]:
    """Pre-training is better than a random start."""
    full = results.full_set()
    for task in results.tasks_with_scratch():
        yield difference(
            f"{task}: pre-training on all is better than a random start",
            results.sample(full, task),
            results.sample(SCRATCH, task),
        )


def half_the_images(results: Results) -> Iterator[Statement]:
    """Half of the images per class costs little transfer."""
    layout, known = images_curve(results)
    share = results.tolerances["half"]
    half = required(nearest_size(known, 1 / 2, 0.35, 0.65), "half of the images")
    for task in layout["tasks"]:
        yield kept(results, task, half, known.index[-1], share, "half of the images per class")
    yield from kept_together(results, layout["tasks"], [half], known.index[-1], share, "half of the images per class")


def accuracy_suffers(fewest: bool) -> Judge:
    """Return what states that with fewer images more of the task's gain is left than of ImageNet accuracy.

    Both are counted from nothing learnt: the task's from a random start, accuracy (of the re-trained last layer) from
    chance.
    """

    def judge(results: Results) -> Iterator[Statement]:
        layout, known = images_curve(results)
        few = known.index[0] if fewest else required(nearest_size(known, 1 / 2, 0.35, 0.65), "half of the images")
        full, measured = known.index[-1], layout["accuracy"]
        words = f"the fewest images per class ({few})" if fewest else "half of the images per class"
        tasks = [task for task in layout["tasks"] if task != measured and results.has(SCRATCH, task)]
        for group in [*([task] for task in tasks), *([tasks] if len(tasks) > 1 else [])]:
            triples = [results.sample(name, task) for task in group for name in (few, full, SCRATCH)]
            accuracy = [results.sample(name, measured) for name in (few, full)]
            title = group[0] if len(group) == 1 else "all tasks together"
            yield Statement(
                f"{title}: with {words}, a larger share of the gain over a random start is left than of ImageNet "
                "accuracy above chance",
                share_above_accuracy(results.tasks[measured]["chance"]),
                [*triples, *accuracy],
                gains=list(zip(triples[1::3], triples[2::3], strict=True)),
                unit="percent of the gain",
            )

    return judge


def share_above_accuracy(chance: float) -> Callable[..., float]:
    """Return a function of triples (few, all, random start) and, last, two accuracies (few, all).

    It is the triples' mean share of the gain that is left, less the share of accuracy above `chance`, in percent.
    """

    def function(*means: float) -> float:
        *triples, few, full = means
        starts = range(0, len(triples), 3)
        shares = [ratio(triples[i] - triples[i + 2], triples[i + 1] - triples[i + 2]) for i in starts]
        return 100 * (sum(shares) / len(shares) - ratio(few - chance, full - chance))

    return function


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


def coarse_classes(share: float, least: float, most: float, tolerance: str) -> Judge:
    """Return what states that labels merged into about `share` of the classes lose little transfer."""

    def judge(results: Results) -> Iterator[Statement]:
        tasks, known = merged_sets(results)
        keeps = results.tolerances[tolerance]
        for task in tasks:
            shown = known[[name for name in known.index if results.has(name, task)]]
            what = f"about {share:.3g} of the classes, merged, on {task}"
            coarse = required(nearest_size(shown, share, least, most) if len(shown) else None, what)
            words = f"pre-training on {known[coarse]:.0f} coarse classes instead of {known.iloc[-1]:.0f}"
            yield kept(results, task, coarse, known.index[-1], keeps, words)
        if tasks:
            yield from kept_together(results, tasks, [coarse], known.index[-1], keeps, words)

    return judge


def slightly_merged(results: Results) -> tuple[list[str], pd.Series, list[str]]:
    """Return Figure 2's tasks, its subsets by number of classes, and those with 70 to 99 % of the classes."""
    tasks, known = merged_sets(results)
    merged = [name for name, size in known.items() if 0.7 <= size / known.iloc[-1] < 1]
    required(next(iter(merged), None), "70 to 99 % of the classes, merged")
    return tasks, known, merged


def slightly_coarse_is_better(results: Results) -> Iterator[Statement]:
    """A few classes merged are better than all on the tasks other than detection (Section 4.2)."""
    tasks, known, merged = slightly_merged(results)
    full = known.index[-1]
    for task in tasks:
        if not results.is_detection(task):
            for name in merged:
                yield difference(
                    f"{task}: {known[name]:.0f} merged classes are better than all {known[full]:.0f}",
                    results.sample(name, task),
                    results.sample(full, task),
                )


def slightly_coarse_is_enough(results: Results) -> Iterator[Statement]:
    """A few classes merged lose next to nothing."""
    tasks, known, merged = slightly_merged(results)
    words = f"merging labels to {' or '.join(f'{known[name]:.0f}' for name in merged)} classes"
    share = 1 - results.tolerances["few_merged"]
    yield from kept_together(results, tasks, merged, known.index[-1], share, words)


# Claims of Figure 4: induction


def induction(results: Results) -> tuple[pd.DataFrame, str, list[str]]:
    """Return Figure 4's numbers, its baseline, and its networks from coarse to fine."""
    frame, layout = results.find("figure4", "induction")
    return frame, layout["baseline"], list(sizes(frame, "n_classes").drop(layout["baseline"], errors="ignore").index)


def induction_prior(frame: pd.DataFrame, baseline: str, k: int) -> Prior:
    """Return what all networks of Figure 4, and the baseline next to each, tell about the error of one accuracy."""
    subsets = dict.fromkeys(frame["subset"])
    return prior_of([sample for subset in subsets for sample in induced(frame, subset, baseline, k)])


def induced(frame: pd.DataFrame, subset: str, baseline: str, k: int) -> list[Sample]:
    """Return the accuracies of a network and of the baseline on the classes that the network never saw as labels."""
    rows = frame[(frame["subset"] == subset) & (frame["k"] == k)].sort_values("rep")
    task = f"induction, top {k}"
    names = {subset: subset, baseline: f"{baseline} on the classes unseen by {subset}"}
    return [Sample(text, task, tuple(rows.loc[rows["network"] == name, "value"])) for name, text in names.items()]


def fine_from_coarse(results: Results) -> Iterator[Statement]:
    """Features of coarse labels tell fine classes apart nearly as well as features of fine labels.

    The paper's "about 15 % lower" is read both ways: in percent of the baseline, and in points.
    """
    frame, baseline, coarse = induction(results)
    known, least = results.class_counts(), results.tolerances["induction"]
    fine = known[required(baseline if baseline in known else None, f"the number of classes of {baseline}")]
    subset = min(coarse, key=lambda name: abs(math.log(known[name] / fine * 8)))
    for k in sorted(set(frame["k"])):
        own, best = induced(frame, subset, baseline, k)
        prior = induction_prior(frame, baseline, k)
        words = f"top {k}: features of {known[subset]:.0f} coarse classes tell apart classes that they never saw"
        yield Statement(
            f"{words} at least {percent(least)} as well as features of all {fine:.0f}",
            lambda a, b: a - least * b,
            (own, best),
            note=f"{100 * own.mean / (best.mean or math.nan):.0f} % as well",
            prior=prior,
        )
        if best.mean > STATED_DROP:  # it could not fall by more otherwise
            yield Statement(
                f"{words} at most {STATED_DROP} points worse than features of all {fine:.0f}",
                lambda a, b: a - b + STATED_DROP,
                (own, best),
                note=f"{best.mean - own.mean:.1f} points worse",
                prior=prior,
            )


def worse_when_coarser(results: Results) -> Iterator[Statement]:
    """The coarser the labels, the further below the baseline."""
    frame, baseline, coarse = induction(results)
    if len(coarse) < 2:
        raise MissingError("this study's figure4 has one network only")
    for k in sorted(set(frame["k"])):
        samples = [sample for name in (coarse[-1], coarse[0]) for sample in induced(frame, name, baseline, k)]
        text = f"top {k}: {coarse[-1]} comes closer to the baseline, in percent of it, than {coarse[0]} does"
        yield Statement(
            text,
            lambda a, b, c, d: 100 * (ratio(a, b) - ratio(c, d)),
            samples,
            unit="percent of the baseline",
            prior=induction_prior(frame, baseline, k),
        )


# Claims of Tables 2, 3 and of the table on context


@dataclass(frozen=True)
class Budget:
    """One column of Table 2 on a task: fewer images of more classes against more images of fewer."""

    task: str
    title: str
    classes: Sample
    images: Sample


def budgets(results: Results) -> list[Budget]:
    """Return the columns of Table 2, task by task."""
    frame, layout = results.find("table2", "budgets")
    if len(layout["rows"]) != 2:
        raise MissingError("this study's table2 has not two rows to compare")
    counts = sizes(frame, "n_classes")
    pairs = list(zip(*(row["subsets"] for row in layout["rows"]), strict=True))
    found = []
    for task in layout["tasks"]:
        for column, pair in zip(layout["columns"], pairs, strict=True):
            classes, images = (results.sample(name, task) for name in sorted(pair, key=lambda name: -counts[name]))
            found.append(Budget(task, column, classes, images))
    return found


def comparable_budgets(results: Results) -> Iterator[Statement]:
    """At one budget, more classes and more images per class are comparable."""
    for budget in budgets(results):
        yield alike(results, budget.task, f"budget {budget.title}", [budget])


def alike(results: Results, task: str, words: str, compared: list[Budget]) -> Statement:
    """Return the statement that the mean difference of budgets lies within the tolerance, counted in the gain."""
    most = 100 * results.tolerances["comparable"]
    full, start = results.sample(results.full_set(), task), results.sample(SCRATCH, task)

    def function(f: float, s: float, *means: float) -> float:
        return 100 * ratio((sum(means[::2]) - sum(means[1::2])) / len(compared), f - s)

    return Statement(
        f"{task}, {words}: more images per class and more classes differ by at most {most:g} % of the gain over a "
        "random start",
        function,
        [full, start, *(sample for budget in compared for sample in (budget.images, budget.classes))],
        -most,
        most,
        gains=[(full, start)],
        unit="percent of the gain",
    )


def over_all_budgets(results: Results) -> Iterator[Statement]:
    """Over all budgets, more images per class are slightly better for detection and comparable elsewhere (Table 2)."""
    found = budgets(results)
    for task in dict.fromkeys(budget.task for budget in found):
        own = [budget for budget in found if budget.task == task]
        if not results.is_detection(task):
            yield alike(results, task, "in the mean of the budgets", own)
            continue
        yield Statement(
            f"{task}: in the mean of the budgets, more images per class are better",
            lambda *means: 2 * (sum(means[::2]) - sum(means[1::2])) / len(means),
            [sample for budget in own for sample in (budget.images, budget.classes)],
        )


def other_data(results: Results) -> tuple[Mapping[str, Any], list[str]]:
    """Return Table 3's layout and its pre-trained subsets: all, without the target's classes, other data."""
    _, layout = results.named("table3")
    return layout, [name for name in layout["subsets"] if name != SCRATCH]


def without_target_classes(results: Results) -> Iterator[Statement]:
    """Pre-training without the target's classes costs little."""
    layout, (full, removed, *_) = other_data(results)
    count = results.image_counts()
    known = f", {count[removed]:,.0f} of {count[full]:,.0f} images" if {removed, full} <= set(count.index) else ""
    for task in layout["tasks"]:
        words = f"pre-training without the target's classes ({removed}{known})"
        yield kept(results, task, removed, full, results.tolerances["half"], words)


def scenes_are_worse(results: Results) -> Iterator[Statement]:
    """Places is worse than ImageNet for detection."""
    layout, subsets = other_data(results)
    other = required(next(iter(subsets[2:]), None), "other data (a third one in table3)")
    for task in layout["tasks"]:
        if results.is_detection(task):
            full, scenes = (results.sample(name, task) for name in (subsets[0], other))
            start = results.sample(SCRATCH, task) if results.has(SCRATCH, task) else None
            note = f"random start {start.mean:.1f}" if start else ""
            yield difference(f"{task}: {subsets[0]} is better than {other}", full, scenes, note=note)


def context_helps(results: Results) -> Iterator[Statement]:
    """An action is recognised better with a region of context than by the person only.

    The first task of table-context sees the context, the second does not.
    """
    _, layout = results.named("table-context")
    with_context, person = layout["tasks"][:2]
    for subset in layout["subsets"]:
        yield difference(
            f"{subset}: {with_context} (with a region of context) is better than {person}",
            results.sample(subset, with_context),
            results.sample(subset, person),
        )


# Claims of Figures 6 and 9


def halves(results: Results, split: str, layers: str) -> Iterator[tuple[str, Sample, Sample]]:
    """Yield, of a split, each half's letter and the samples of its own network and of the one trained on everything.

    `layers` says whether the last layer was re-trained on the half, or all of them.
    """
    for layout in results.layouts.values():
        if layout["builder"] == "split-accuracy" and layout["layers"] == layers and split in layout["splits"]:
            for letter, task in zip("ab", layout["splits"][split], strict=True):
                names = (layout["halves"][task], layout["baseline"])
                yield (letter, *(results.sample(name, task) for name in names))
            return
    raise MissingError(f"this study trains no {layers} layers on the halves of a {split} split")


def split_accuracy(split: str) -> Judge:
    """Return what compares a half's network with everything, on the half's own classes, both last layers re-trained."""

    def judge(results: Results) -> Iterator[Statement]:
        for letter, half, everything in halves(results, split, "last"):
            words = f"{split} half {letter}: "
            if split == "minimal":
                yield difference(f"{words}pre-training on its classes only is better than on all", half, everything)
            else:
                yield difference(f"{words}pre-training on all is better than on its classes only", everything, half)

    return judge


def all_layers(results: Results) -> Iterator[Statement]:
    """With all layers trained on, a minimal split's first half gains from the other, and the other does not (6)."""
    for letter, half, everything in halves(results, "minimal", "all"):
        words = f"minimal half {letter}, all layers trained on: pre-training on all is"
        if letter == "a":
            yield difference(f"{words} better than on its classes only", everything, half)
        else:
            yield difference(f"{words} not better than on its classes only", half, everything)


def alike_gain(results: Results) -> Iterator[Statement]:
    """Classes whose sub-classes look alike (by their pixels) gain most from being judged as one."""
    frame, _ = results.find("figure6", "coarse-gain")
    known = frame.dropna(subset=["similarity", "gain"]).groupby("class_wnid")[["similarity", "gain"]].mean()
    if len(known) < FEWEST_RANKED:
        raise MissingError("too few classes with a likeness in figure6")
    yield Statement(
        "the more alike the sub-classes of a class look by their pixels, the higher its gain: rank correlation above 0",
        float,
        (),
        unit="Spearman's rho",
        note=f"{len(known)} classes, gains averaged over the replicates",
        measured=rank_correlation(list(known["similarity"]), list(known["gain"])),
        source="95 % interval of Spearman's rho over the classes (Bonett & Wright 2000)",
    )


def named_gains(results: Results) -> Iterator[Statement]:
    """Mammal, fruit and bird gain more than the median class, tool and home appliance less."""
    frame, _ = results.find("figure6", "coarse-gain")
    names = dict(zip(frame["class_wnid"], frame["class_name"], strict=True))
    gains = frame.pivot(index="class_wnid", columns="rep", values="gain")
    above = gains - gains.median()
    samples = {wnid: Sample(name, "gain above the median", tuple(above.loc[wnid])) for wnid, name in names.items()}
    prior = prior_of(list(samples.values()))
    for wnid, name in {**GAINING, **NOT_GAINING}.items():
        if wnid in above.index:
            sign, word = (1, "more") if wnid in GAINING else (-1, "less")
            text = f"{name} gains {word} than the median class"
            yield Statement(text, lambda x, sign=sign: sign * x, [samples[wnid]], prior=prior)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> Effect:
    """Return Spearman's rank correlation with Bonett and Wright's (2000) interval; none of constant values."""
    if len(set(a)) == 1 or len(set(b)) == 1:
        return Effect(math.nan)
    rho = float(stats.spearmanr(a, b).statistic)
    bounded = min(max(rho, -1 + 1e-9), 1 - 1e-9)
    error = math.sqrt((1 + bounded**2 / 2) / (len(a) - 3))
    ends = [math.tanh(math.atanh(bounded) + side * 1.96 * error) for side in (-1, 1)]
    return Effect(rho, *ends, error * (1 - bounded**2), math.inf)


CLAIMS = (
    Claim("1a", "introduction", "pre-training is better than a random start", beats_scratch),
    Claim("1b", "Figure 1", "half of the images per class cost little transfer", half_the_images),
    Claim("1c", "Figure 1", "half of the images cost more ImageNet accuracy than transfer", accuracy_suffers(False)),
    Claim("1d", "Figure 1", "ImageNet accuracy grows faster with images than transfer", accuracy_suffers(True)),
    Claim(
        "2a",
        "Figure 2",
        "an eighth of the classes, merged, costs little",
        coarse_classes(1 / 8, 1 / 16, 0.25, "eighth"),
    ),
    Claim("2b", "Figure 2", "half of the classes, merged, cost little", coarse_classes(1 / 2, 0.35, 0.65, "half")),
    Claim("2c", "Figure 2", "labels with a few classes merged are better than all", slightly_coarse_is_better),
    Claim("2d", "Figure 2", "labels with a few classes merged transfer as well as all", slightly_coarse_is_enough),
    Claim("3a", "Figure 4", "fine distinctions are learnt from coarse labels", fine_from_coarse),
    Claim("3b", "Figure 4", "coarser labels teach fewer fine distinctions", worse_when_coarser),
    Claim("4a", "Table 2", "more images per class and more classes are comparable", comparable_budgets),
    Claim("4b", "Table 2", "more images per class: slightly better for detection, else comparable", over_all_budgets),
    Claim("5a", "Table 3", "the target's own classes are hardly needed", without_target_classes),
    Claim("5b", "Table 3", "Places is worse than ImageNet for detection", scenes_are_worse),
    Claim(
        "6a", "Figure 9", "a minimal split's half is better on its own than with everything", split_accuracy("minimal")
    ),
    Claim(
        "6b", "Figure 9", "a random split's half is better with everything than on its own", split_accuracy("random")
    ),
    Claim("6c", "Section 6", "all layers trained: minimal half A gains from B, B does not from A", all_layers),
    Claim("7a", "Figure 6", "classes whose sub-classes look alike gain most", alike_gain),
    Claim("7b", "Figure 6", "mammal, fruit, bird gain; tool, home appliance do not", named_gains),
    Claim("8a", "R*CNN (Gkioxari et al. 2015)", "context helps to recognise actions", context_helps),
)
