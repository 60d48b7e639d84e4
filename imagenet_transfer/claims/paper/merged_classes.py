"""Claims of Figure 2: classes merged into their ancestors in WordNet."""

import itertools
from collections.abc import Iterator

import pandas as pd

from imagenet_transfer.claims.results import Results, nearest_size, required, sizes
from imagenet_transfer.claims.statement import (
    Judge,
    Statement,
    difference,
    each,
    kept,
    kept_together,
)
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.methods import OTHERWISE


def merged_sets(results: Results) -> tuple[list[str], pd.Series]:
    """Return Figure 2's tasks, and the subsets of Figures 2 and 4 by number of classes.

    The full set is the last; other sets with as many classes or more are left out, and so are
    classes that are merged in other ways than along WordNet, which the paper is not about.
    """
    frame, layout = results.find("figure2", "curve", along="classes")
    full = sizes(frame, "n_classes").index[-1]
    layouts = [entry for entry in results.layouts.values() if entry["builder"] == "induction"]
    names = {name for entry in [layout, *layouts] for name in entry["subsets"]} - {SCRATCH}
    known = results.class_counts()
    methods = {name: results.subsets[name]["method"] for name in names}
    chosen = [name for name in known.index if name in names and methods[name] not in OTHERWISE]
    chosen = [name for name in chosen if name == full or known[name] < known[full]]
    return layout["tasks"], known[chosen]


def coarse_classes(share: float, least: float, most: float, tolerance: str) -> Judge:
    """Return a judge of whether labels merged to about `share` of the classes lose little transfer.

    It takes sets with `least` to `most` of the classes; `tolerance` is the config's name for how
    much of the gain they should keep.
    """

    def judge(results: Results) -> Iterator[Statement]:
        tasks, known = merged_sets(results)
        keeps = results.tolerances[tolerance]
        full = known.index[-1]
        coarse = {task: _coarse(results, known, task, share, least, most) for task in tasks}
        found = {task: name for task, name in coarse.items() if name}
        required(next(iter(found), None), f"about {share:.3g} of the classes, merged")

        def words(*names: str) -> str:
            numbers = " or ".join(f"{known[name]:.0f}" for name in dict.fromkeys(names))
            return f"pre-training on {numbers} coarse classes instead of {known[full]:.0f}"

        def keeps_gain(task: str) -> Statement:
            return kept(results, task, found[task], full, keeps, words(found[task]))

        yield from each(found, keeps_gain)
        yield from kept_together(results, list(found.items()), full, keeps, words(*found.values()))

    return judge


def _coarse(
    results: Results, known: pd.Series, task: str, share: float, least: float, most: float
) -> str | None:
    """Return the merged set of about `share` of the classes that has runs of a task, or None."""
    shown = known[[name for name in known.index if results.has(name, task)]]
    return nearest_size(shown, share, least, most) if len(shown) else None


def slightly_merged(results: Results) -> tuple[list[str], pd.Series, list[str]]:
    """Return what `merged_sets` does, and the subsets with 70 to 99 % of the classes."""
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
    full = known.index[-1]
    share = 1 - results.tolerances["few_merged"]
    words = f"merging labels to {' or '.join(f'{known[name]:.0f}' for name in merged)} classes"
    needed = [(pair, [pair[1], full, SCRATCH]) for pair in itertools.product(tasks, merged)]
    pairs = [pair for pair, names in needed if all(results.has(name, pair[0]) for name in names)]
    if len(pairs) == 1:
        yield from each(pairs, lambda pair: kept(results, *pair, full, share, words))
    yield from kept_together(results, pairs, full, share, words)
