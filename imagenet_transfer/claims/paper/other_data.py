"""Claims of Table 3: pre-training without the target's classes, and on scenes (Places)."""

from collections.abc import Iterator, Mapping
from typing import Any

from imagenet_transfer.claims.results import Results, required
from imagenet_transfer.claims.statement import Statement, difference, each, kept
from imagenet_transfer.labels.manifests import SCRATCH


def table3(results: Results) -> tuple[Mapping[str, Any], str, list[str]]:
    """Return Table 3's layout, its full set and its other pre-trained subsets."""
    _, layout = results.named("table3")
    full, *others = [name for name in layout["subsets"] if name != SCRATCH] or [None]
    return layout, required(full, "pre-training in table3"), others


def without_target_classes(results: Results) -> Iterator[Statement]:
    """Pre-training without the target's classes costs little."""
    layout, full, others = table3(results)
    without = [name for name in others if results.subsets[name]["method"] == "exclusion"]
    removed = required(next(iter(without), None), "classes left out, in table3")
    share = results.tolerances["half"]
    words = (
        f"pre-training without the target's classes ({removed}{_images(results, removed, full)})"
    )
    yield from each(layout["tasks"], lambda task: kept(results, task, removed, full, share, words))


def _images(results: Results, subset: str, full: str) -> str:
    """Return as text how many images a subset has of the full set's; empty if not known."""
    count = results.image_counts()
    if not {subset, full} <= set(count.index):
        return ""
    return f", {count[subset]:,.0f} of {count[full]:,.0f} images"


def scenes_are_worse(results: Results) -> Iterator[Statement]:
    """Places is worse than ImageNet for detection."""
    layout, full, others = table3(results)
    known = {name: results.subsets[name]["dataset"] for name in (full, *others)}
    own = required(known[full] or None, "a data set of its own, in table3")
    elsewhere = [name for name in others if known[name] not in ("", own)]
    other = required(next(iter(elsewhere), None), "images of another data set, in table3")

    def better(task: str) -> Statement:
        whole, scenes = (results.sample(name, task) for name in (full, other))
        note = ""
        if results.has(SCRATCH, task):
            note = f"random start {results.sample(SCRATCH, task).mean:.1f}"
        return difference(f"{task}: {full} is better than {other}", whole, scenes, note=note)

    yield from each([task for task in layout["tasks"] if results.is_detection(task)], better)
