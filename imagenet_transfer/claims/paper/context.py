"""The claim of R*CNN (Gkioxari et al. 2015): what is around a person tells the action."""

from collections.abc import Iterator

from imagenet_transfer.claims.results import MissingError, Results
from imagenet_transfer.claims.statement import Statement, difference, each


def context_helps(results: Results) -> Iterator[Statement]:
    """An action is recognised better with a region of context than from the person only.

    The first task of table-context sees the context, the second does not.
    """
    _, layout = results.named("table-context")
    if len(layout["tasks"]) < 2:
        raise MissingError("this study's table-context has only one task")
    with_context, person = layout["tasks"][:2]

    def better(subset: str) -> Statement:
        text = f"{subset}: {with_context} (with a region of context) is better than {person}"
        seen, unseen = (results.sample(subset, task) for task in (with_context, person))
        return difference(text, seen, unseen)

    yield from each(layout["subsets"], better)
