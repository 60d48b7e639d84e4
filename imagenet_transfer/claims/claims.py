"""The paper's claims, each as a function from a study's results to the statements that it makes there."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pandas as pd
from scipy import stats

from imagenet_transfer.claims.results import (
    MissingError,
    Results,
    Statement,
    constant,
    difference,
    kept,
    kept_together,
    nearest_size,
    percent,
    ratio,
    required,
    sizes,
)
from imagenet_transfer.claims.statistics import Effect, Prior, Sample, prior_of
from imagenet_transfer.labels.manifests import SCRATCH

# What Figure 6 of the paper shows at its ends.
GAINING = {"n01861778": "mammal", "n13134947": "fruit", "n01503061": "bird"}
NOT_GAINING = {"n04451818": "tool", "n03528263": "home appliance"}
FEWEST_RANKED = 5  # classes, for a rank correlation


Judge = Callable[[Results], Iterator[Statement]]
Made = TypeVar("Made")


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

    def better(task: str) -> Statement:
        whole, start = (results.sample(name, task) for name in (full, SCRATCH))
        return difference(
            f"{task}: pre-training on all is better than a random start", whole, start
        )

    yield from each(results.tasks_with_scratch(), better)


def each(items: Iterable[Any], made: Callable[[Any], Made]) -> Iterator[Made]:
    """Yield what is made of each item (a statement about it) for which the study has all runs."""
    for item in items:
        with contextlib.suppress(MissingError):
            yield made(item)


def half_the_images(results: Results) -> Iterator[Statement]:
    """Half of the images per class costs little transfer."""
    layout, known = images_curve(results)
    share, words, full = results.tolerances["half"], "half of the images per class", known.index[-1]
    half = required(nearest_size(known, 1 / 2, 0.35, 0.65), "half of the images")
    yield from each(layout["tasks"], lambda task: kept(results, task, half, full, share, words))
    yield from kept_together(
        results, [(task, half) for task in layout["tasks"]], full, share, words
    )


def accuracy_suffers(fewest: bool) -> Judge:
    """Return what states that with fewer images more of the task's gain is left than of ImageNet accuracy.

    Both are counted from nothing learnt: the task's from a random start, accuracy (of the re-trained last layer) from
    chance.
    """

    def judge(results: Results) -> Iterator[Statement]:
        layout, known = images_curve(results)
        few = (
            known.index[0]
            if fewest
            else required(nearest_size(known, 1 / 2, 0.35, 0.65), "half of the images")
        )
        full, measured = known.index[-1], layout["accuracy"]
        required(few if few != full else None, "fewer images than all")
        words = f"the fewest images per class ({few})" if fewest else "half of the images per class"
        tasks = [
            task for task in layout["tasks"] if task != measured and results.has(SCRATCH, task)
        ]
        groups = [*([task] for task in tasks), *([tasks] if len(tasks) > 1 else [])]
        yield from each(
            groups,
            lambda group: _share_against_accuracy(results, group, (few, full), measured, words),
        )

    return judge


def _share_against_accuracy(
    results: Results, tasks: Sequence[str], subsets: tuple[str, str], measured: str, words: str
) -> Statement:
    """Return the statement that `subsets` (few, all images) keep more of the tasks' gain than of accuracy."""
    triples = [results.sample(name, task) for task in tasks for name in (*subsets, SCRATCH)]
    accuracy = [results.sample(name, measured) for name in subsets]
    chance = results.chance(measured, accuracy[1])
    title = tasks[0] if len(tasks) == 1 else "all tasks together"
    return Statement(
        f"{title}: with {words}, a larger share of the gain over a random start is left than of ImageNet accuracy "
        "above chance",
        share_above_accuracy(chance.mean),
        [*triples, *accuracy],
        gains=[*zip(triples[1::3], triples[2::3], strict=True), (accuracy[1], chance)],
        unit="percent of the gain",
    )


def share_above_accuracy(chance: float) -> Callable[..., float]:
    """Return a function of triples (few, all, random start) and, last, two accuracies (few, all).

    It is the triples' mean share of the gain that is left, less the share of accuracy above `chance`, in percent.
    """

    def function(*means: float) -> float:
        *triples, few, full = means
        starts = range(0, len(triples), 3)
        shares = [
            ratio(triples[i] - triples[i + 2], triples[i + 1] - triples[i + 2]) for i in starts
        ]
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
    known = known[
        [
            name
            for name in known.index
            if name in names and (name == full or known[name] < known[full])
        ]
    ]
    return layout["tasks"], known


def coarse_classes(share: float, least: float, most: float, tolerance: str) -> Judge:
    """Return what states that labels merged into about `share` of the classes lose little transfer."""

    def judge(results: Results) -> Iterator[Statement]:
        tasks, known = merged_sets(results)
        keeps, full = results.tolerances[tolerance], known.index[-1]
        coarse = {task: _coarse(results, known, task, share, least, most) for task in tasks}
        found = {task: name for task, name in coarse.items() if name}
        required(next(iter(found), None), f"about {share:.3g} of the classes, merged")

        def words(*names: str) -> str:
            numbers = " or ".join(f"{known[name]:.0f}" for name in dict.fromkeys(names))
            return f"pre-training on {numbers} coarse classes instead of {known[full]:.0f}"

        yield from each(
            found, lambda task: kept(results, task, found[task], full, keeps, words(found[task]))
        )
        yield from kept_together(results, list(found.items()), full, keeps, words(*found.values()))

    return judge


def _coarse(
    results: Results, known: pd.Series, task: str, share: float, least: float, most: float
) -> str | None:
    """Return the merged set of about `share` of the classes that has runs of a task, if there is one."""
    shown = known[[name for name in known.index if results.has(name, task)]]
    return nearest_size(shown, share, least, most) if len(shown) else None


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

    def better(pair: tuple[str, str]) -> Statement:
        task, name = pair
        text = f"{task}: {known[name]:.0f} merged classes are better than all {known[full]:.0f}"
        return difference(text, results.sample(name, task), results.sample(full, task))

    others = [task for task in tasks if not results.is_detection(task)]
    yield from each(itertools.product(others, merged), better)


def slightly_coarse_is_enough(results: Results) -> Iterator[Statement]:
    """A few classes merged lose next to nothing."""
    tasks, known, merged = slightly_merged(results)
    full, share = known.index[-1], 1 - results.tolerances["few_merged"]
    words = f"merging labels to {' or '.join(f'{known[name]:.0f}' for name in merged)} classes"
    needed = [(pair, [pair[1], full, SCRATCH]) for pair in itertools.product(tasks, merged)]
    pairs = [pair for pair, names in needed if all(results.has(name, pair[0]) for name in names)]
    if len(pairs) == 1:
        yield from each(pairs, lambda pair: kept(results, *pair, full, share, words))
    yield from kept_together(results, pairs, full, share, words)


# Claims of Figure 4: induction


def induction(results: Results) -> tuple[pd.DataFrame, str, list[str]]:
    """Return Figure 4's numbers, its baseline, and its networks from coarse to fine."""
    frame, layout = results.find("figure4", "induction")
    return (
        frame,
        layout["baseline"],
        list(sizes(frame, "n_classes").drop(layout["baseline"], errors="ignore").index),
    )


def induction_prior(frame: pd.DataFrame, baseline: str, k: int) -> Prior:
    """Return what all networks of Figure 4, and the baseline next to each, tell about the error of one accuracy."""
    subsets = dict.fromkeys(frame["subset"])
    return prior_of(
        [sample for subset in subsets for sample in induced(frame, subset, baseline, k)]
    )


def induced(frame: pd.DataFrame, subset: str, baseline: str, k: int) -> list[Sample]:
    """Return the accuracies of a network and of the baseline on the classes that the network never saw as labels."""
    rows = frame[(frame["subset"] == subset) & (frame["k"] == k)].sort_values("rep")
    task = f"induction, top {k}"
    names = {subset: subset, baseline: f"{baseline} on the classes unseen by {subset}"}
    return [
        Sample(text, task, tuple(rows.loc[rows["network"] == name, "value"]))
        for name, text in names.items()
    ]


@dataclass(frozen=True)
class Induced:
    """A network's accuracy on classes that it never saw as labels, the baseline's, and that of guessing, at one k."""

    k: int
    own: Sample
    best: Sample
    chance: Sample

    @property
    def gain(self) -> tuple[Sample, Sample]:
        """Return what the baseline gains over guessing, as a pair."""
        return self.best, self.chance


def inductions(results: Results, subset: str) -> Iterator[tuple[Induced, Prior]]:
    """Yield, for each k of Figure 4, what is known of a network, and the prior of its numbers."""
    frame, baseline, _ = induction(results)
    for k in sorted(set(frame["k"])):
        own, best = induced(frame, subset, baseline, k)
        unseen = frame.loc[frame["subset"] == subset, "n_unseen"].iloc[0]
        guessed = constant(100 * (1 - (1 - 1 / unseen) ** k), own)  # k guesses, one of them right
        yield Induced(int(k), own, best, guessed), induction_prior(frame, baseline, k)


def fine_from_coarse(results: Results) -> Iterator[Statement]:
    """Features of coarse labels tell fine classes apart nearly as well as features of fine labels.

    The paper's "about 15 % lower" is read both ways, in percent of the baseline (above chance) and in points; the
    tolerance is twice that.
    """
    _, baseline, _ = induction(results)
    least, known = results.tolerances["induction"], induction_sizes(results)
    subset = required(
        nearest_size(known, 1 / 8, 1 / 16, 0.25), "about an eighth of the classes in figure4"
    )
    points, fine = 100 * (1 - least), known[baseline]
    for found, prior in inductions(results, subset):
        own, best, chance = found.own, found.best, found.chance.mean
        words = f"top {found.k}: features of {known[subset]:.0f} coarse classes tell apart classes that they never saw"
        shared = {"gains": [found.gain], "prior": prior, "origins": (subset, baseline)}
        share = 100 * ratio(own.mean - chance, best.mean - chance)
        yield Statement(
            f"{words} at least {percent(least)} as well, counted above chance, as features of all {fine:.0f}",
            lambda a, b, chance=chance: a - chance - least * (b - chance),
            (own, best),
            note=f"chance {chance:.1f}; {share:z.0f} % as well",
            **shared,
        )
        if best.mean - chance > points:  # it could not fall by more otherwise
            yield Statement(
                f"{words} at most {points:.0f} points worse than features of all {fine:.0f}",
                lambda a, b: a - b + points,
                (own, best),
                note=f"{best.mean - own.mean:z.1f} points worse",
                **shared,
            )


def induction_sizes(results: Results) -> pd.Series:
    """Return the number of classes of Figure 4's networks, ascending, the baseline last."""
    frame, baseline, _ = induction(results)
    known = sizes(frame, "n_classes").drop(baseline, errors="ignore")
    return pd.concat([known, pd.Series({baseline: frame["n_fine"].iloc[0]})])


def worse_when_coarser(results: Results) -> Iterator[Statement]:
    """The coarser the labels, the further below the baseline."""
    _, baseline, coarse = induction(results)
    if len(coarse) < 2:
        raise MissingError("this study's figure4 has one network only")
    fine, rough = coarse[-1], coarse[0]
    for (a, prior), (b, _) in zip(
        inductions(results, fine), inductions(results, rough), strict=True
    ):
        yield Statement(
            f"top {a.k}: {fine} comes closer to the baseline than {rough} does, each in percent of the baseline above "
            "chance on the classes that it never saw",
            _closer(a.chance.mean, b.chance.mean),
            (a.own, a.best, b.own, b.best),
            gains=[a.gain, b.gain],
            unit="percent of the baseline",
            prior=prior,
            origins=(fine, rough, baseline),
        )


def _closer(chance: float, other: float) -> Callable[..., float]:
    """Return the difference of two shares of a baseline, (own, baseline) each above its own chance, in percent."""
    return lambda a, b, c, d: 100 * (ratio(a - chance, b - chance) - ratio(c - other, d - other))


# Claims of Tables 2, 3 and of the table on context


@dataclass(frozen=True)
class Budget:
    """One column of Table 2 on a task: fewer images of more classes against more images of fewer."""

    task: str
    title: str
    classes: Sample
    images: Sample


def budgets(results: Results) -> list[Budget]:
    """Return the columns of Table 2, task by task; a task that lacks a run is left out."""
    frame, layout = results.find("table2", "budgets")
    if len(layout["rows"]) != 2:
        raise MissingError("this study's table2 has not two rows to compare")
    counts = sizes(frame, "n_classes")
    pairs = list(zip(*(row["subsets"] for row in layout["rows"]), strict=True))
    if any(counts[one] == counts[other] for one, other in pairs):
        raise MissingError("a column of this study's table2 has two sets of as many classes")

    def of_task(task: str) -> list[Budget]:
        sorted_pairs = [sorted(pair, key=lambda name: -counts[name]) for pair in pairs]
        samples = [[results.sample(name, task) for name in pair] for pair in sorted_pairs]
        return [
            Budget(task, column, *pair)
            for column, pair in zip(layout["columns"], samples, strict=True)
        ]

    return list(itertools.chain(*each(layout["tasks"], of_task)))


def comparable_budgets(results: Results) -> Iterator[Statement]:
    """At one budget, more classes and more images per class are comparable."""
    yield from each(
        budgets(results), lambda one: alike(results, one.task, f"budget {one.title}", [one])
    )


def alike(results: Results, task: str, words: str, compared: list[Budget]) -> Statement:
    """Return the statement that the mean difference of budgets lies within the tolerance, counted in the gain."""
    most = 100 * results.tolerances["comparable"]
    text = f"more images per class and more classes differ by at most {most:g} % of the gain over a random start"
    return _budget_difference(results, task, f"{task}, {words}: {text}", compared, (-most, most))


def slightly_better(results: Results, task: str, compared: list[Budget]) -> Statement:
    """Return the statement that more images per class are better over the budgets, but within the tolerance."""
    most = 100 * results.tolerances["comparable"]
    text = (
        f"more images per class are better, by at most {most:g} % of the gain over a random start"
    )
    return _budget_difference(
        results, task, f"{task}, in the mean of the budgets: {text}", compared, (0, most)
    )


def _budget_difference(
    results: Results, task: str, text: str, compared: list[Budget], bounds: tuple[float, float]
) -> Statement:
    full, start = results.sample(results.full_set(), task), results.sample(SCRATCH, task)

    def function(f: float, s: float, *means: float) -> float:
        return 100 * ratio((sum(means[::2]) - sum(means[1::2])) / len(compared), f - s)

    pairs = [sample for budget in compared for sample in (budget.images, budget.classes)]
    samples = [full, start, *pairs]
    return Statement(
        text, function, samples, *bounds, gains=[(full, start)], unit="percent of the gain"
    )


def over_all_budgets(results: Results) -> Iterator[Statement]:
    """Over all budgets, more images per class are slightly better for detection and comparable elsewhere (Table 2)."""
    found = budgets(results)

    def statement(task: str) -> Statement:
        own = [budget for budget in found if budget.task == task]
        if results.is_detection(task):
            return slightly_better(results, task, own)
        return alike(results, task, "in the mean of the budgets", own)

    yield from each(dict.fromkeys(budget.task for budget in found), statement)


def other_data(results: Results) -> tuple[Mapping[str, Any], str, list[str]]:
    """Return Table 3's layout, its full set and its other pre-trained subsets."""
    _, layout = results.named("table3")
    full, *others = [name for name in layout["subsets"] if name != SCRATCH] or [None]
    return layout, required(full, "pre-training in table3"), others


def without_target_classes(results: Results) -> Iterator[Statement]:
    """Pre-training without the target's classes costs little."""
    layout, full, others = other_data(results)
    without = [name for name in others if results.subsets[name]["method"] == "exclusion"]
    removed = required(next(iter(without), None), "classes left out, in table3")
    count = results.image_counts()
    known = (
        f", {count[removed]:,.0f} of {count[full]:,.0f} images"
        if {removed, full} <= set(count.index)
        else ""
    )
    words, share = (
        f"pre-training without the target's classes ({removed}{known})",
        results.tolerances["half"],
    )
    yield from each(layout["tasks"], lambda task: kept(results, task, removed, full, share, words))


def scenes_are_worse(results: Results) -> Iterator[Statement]:
    """Places is worse than ImageNet for detection."""
    layout, full, others = other_data(results)
    elsewhere = [
        name
        for name in others
        if results.subsets[name]["dataset"] != results.subsets[full]["dataset"]
    ]
    other = required(next(iter(elsewhere), None), "images of another data set, in table3")

    def better(task: str) -> Statement:
        start = (
            f"random start {results.sample(SCRATCH, task).mean:.1f}"
            if results.has(SCRATCH, task)
            else ""
        )
        whole, scenes = (results.sample(name, task) for name in (full, other))
        return difference(f"{task}: {full} is better than {other}", whole, scenes, note=start)

    yield from each([task for task in layout["tasks"] if results.is_detection(task)], better)


def context_helps(results: Results) -> Iterator[Statement]:
    """An action is recognised better with a region of context than by the person only.

    The first task of table-context sees the context, the second does not.
    """
    _, layout = results.named("table-context")
    if len(layout["tasks"]) < 2:
        raise MissingError("this study's table-context has one task only")
    with_context, person = layout["tasks"][:2]

    def better(subset: str) -> Statement:
        text = f"{subset}: {with_context} (with a region of context) is better than {person}"
        return difference(
            text, results.sample(subset, with_context), results.sample(subset, person)
        )

    yield from each(layout["subsets"], better)


# Claims of Figures 6 and 9


@dataclass(frozen=True)
class Half:
    """One half of a split: its letter, number of classes, and the samples of its own network and of everything's."""

    letter: str
    n_classes: int
    own: Sample
    everything: Sample


def halves(results: Results, split: str, layers: str) -> list[Half]:
    """Return the halves of the split of that name, whose `layers` ("last" or "all") were re-trained on the half.

    A half that lacks a run is left out.
    """
    for name, layout in results.layouts.items():
        matches = (
            layout["builder"] == "split-accuracy"
            and layout["layers"] == layers
            and split in layout["splits"]
        )
        if matches and name in results.tables:
            counts = (
                results.tables[name].query("split == @split").groupby("half")["n_classes"].first()
            )
            places = zip("ab", layout["splits"][split], strict=True)
            return list(each(places, partial(_half, results, layout, counts)))
    raise MissingError(f"this study trains no {layers} layers on the halves of a {split} split")


def _half(
    results: Results, layout: Mapping[str, Any], counts: pd.Series, place: tuple[str, str]
) -> Half:
    letter, task = place
    own, everything = (
        results.sample(name, task) for name in (layout["halves"][task], layout["baseline"])
    )
    return Half(letter, int(counts[letter]), own, everything)


def split_accuracy(split: str) -> Judge:
    """Return what compares a half's network with everything, on the half's own classes, both last layers re-trained."""

    def judge(results: Results) -> Iterator[Statement]:
        for half in halves(results, split, "last"):
            words = f"{split} half {half.letter}: "
            if split == "minimal":
                text = f"{words}pre-training on its classes only is better than on all"
                yield difference(text, half.own, half.everything)
            else:
                text = f"{words}pre-training on all is better than on its classes only"
                yield difference(text, half.everything, half.own)

    return judge


def all_layers(results: Results) -> Iterator[Statement]:
    """With all layers trained on, a minimal split's first half gains from the other, and the other does not (6)."""
    for half in halves(results, "minimal", "all"):
        words = f"minimal half {half.letter}, all layers trained on: pre-training on all is"
        if half.letter == "a":
            yield difference(f"{words} better than on its classes only", half.everything, half.own)
        else:
            guesses = 5 if results.tasks[half.own.task]["metric"] == "top5" else 1
            yield _no_gain(half, words, results.tolerances["few_merged"], guesses)


def _no_gain(half: Half, words: str, share: float, guesses: int) -> Statement:
    """Return the statement that everything's network is not better than the half's by more than next to nothing."""
    chance = constant(100 * min(1.0, guesses / half.n_classes), half.own)
    return Statement(
        f"{words} better by at most {percent(share)} of the accuracy above chance than on its classes only",
        lambda everything, own: 100 * ratio(everything - own, own - chance.mean),
        (half.everything, half.own),
        -math.inf,
        100 * share,
        gains=[(half.own, chance)],
        unit="percent of the accuracy above chance",
    )


def alike_gain(results: Results) -> Iterator[Statement]:
    """Classes whose sub-classes look alike (by their pixels) gain most from being judged as one."""
    frame, layout = results.find("figure6", "coarse-gain")
    known = (
        frame.dropna(subset=["similarity", "gain"])
        .groupby("class_wnid")[["similarity", "gain"]]
        .mean()
    )
    if len(known) < FEWEST_RANKED:
        raise MissingError("too few classes with a likeness in figure6")
    yield Statement(
        "the more alike the sub-classes of a class look by their pixels, the higher its gain: rank correlation above 0",
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
    frame, layout = results.find("figure6", "coarse-gain")
    names = dict(zip(frame["class_wnid"], frame["class_name"], strict=True))
    gains = frame.pivot(index="class_wnid", columns="rep", values="gain")
    above = gains - gains.median()
    samples = {
        wnid: Sample(name, "gain above the median", tuple(above.loc[wnid]))
        for wnid, name in names.items()
    }
    prior = prior_of(list(samples.values()))
    for wnid, name in {**GAINING, **NOT_GAINING}.items():
        if wnid in above.index:
            sign, word = (1, "more") if wnid in GAINING else (-1, "less")
            text = f"{name} gains {word} than the median class"
            origin = (layout["subset"],)
            yield Statement(
                text, lambda x, sign=sign: sign * x, [samples[wnid]], prior=prior, origins=origin
            )


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> Effect:
    """Return Spearman's rank correlation with Bonett and Wright's (2000) interval; none of constant values."""
    if len(set(a)) == 1 or len(set(b)) == 1:
        return Effect(math.nan)
    rho = float(stats.spearmanr(a, b).statistic)
    bounded = min(max(rho, -1 + 1e-9), 1 - 1e-9)
    error = math.sqrt((1 + bounded**2 / 2) / (len(a) - 3))
    ends = [
        math.tanh(math.atanh(bounded) + side * stats.norm.ppf(0.975) * error) for side in (-1, 1)
    ]
    return Effect(
        rho, *ends, error * ratio(bounded, math.atanh(bounded)) if rho else error, math.inf
    )


CLAIMS = (
    Claim("1a", "introduction", "pre-training is better than a random start", beats_scratch),
    Claim("1b", "Figure 1", "half of the images per class cost little transfer", half_the_images),
    Claim(
        "1c",
        "Figure 1",
        "half of the images cost more ImageNet accuracy than transfer",
        accuracy_suffers(False),
    ),
    Claim(
        "1d",
        "Figure 1",
        "ImageNet accuracy grows faster with images than transfer",
        accuracy_suffers(True),
    ),
    Claim(
        "2a",
        "Figure 2",
        "an eighth of the classes, merged, costs little",
        coarse_classes(1 / 8, 1 / 16, 0.25, "eighth"),
    ),
    Claim(
        "2b",
        "Figure 2",
        "half of the classes, merged, cost little",
        coarse_classes(1 / 2, 0.35, 0.65, "half"),
    ),
    Claim(
        "2c",
        "Figure 2",
        "labels with a few classes merged are better than all",
        slightly_coarse_is_better,
    ),
    Claim(
        "2d",
        "Figure 2",
        "labels with a few classes merged transfer as well as all",
        slightly_coarse_is_enough,
    ),
    Claim("3a", "Figure 4", "fine distinctions are learnt from coarse labels", fine_from_coarse),
    Claim("3b", "Figure 4", "coarser labels teach fewer fine distinctions", worse_when_coarser),
    Claim(
        "4a", "Table 2", "more images per class and more classes are comparable", comparable_budgets
    ),
    Claim(
        "4b",
        "Table 2",
        "more images per class: slightly better for detection, else comparable",
        over_all_budgets,
    ),
    Claim("5a", "Table 3", "the target's own classes are hardly needed", without_target_classes),
    Claim("5b", "Table 3", "Places is worse than ImageNet for detection", scenes_are_worse),
    Claim(
        "6a",
        "Figure 9",
        "a minimal split's half is better on its own than with everything",
        split_accuracy("minimal"),
    ),
    Claim(
        "6b",
        "Figure 9",
        "a random split's half is better with everything than on its own",
        split_accuracy("random"),
    ),
    Claim(
        "6c",
        "Section 6",
        "all layers trained: minimal half A gains from B, B does not from A",
        all_layers,
    ),
    Claim("7a", "Figure 6", "classes whose sub-classes look alike gain most", alike_gain),
    Claim("7b", "Figure 6", "mammal, fruit, bird gain; tool, home appliance do not", named_gains),
    Claim(
        "8a", "R*CNN (Gkioxari et al. 2015)", "context helps to recognise actions", context_helps
    ),
)
