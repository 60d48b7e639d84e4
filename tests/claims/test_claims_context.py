"""The claim of the table on context: the first task sees it, the second does not."""

import pytest
from hand_results import cells, found, results


def context(*tasks):
    """Return a study with the table on context; values are 60 on `act` and 55 on `det`."""
    values = cells(("whole",), "act", 60.0) | cells(("whole",), "det", 55.0)
    layout = {"builder": "transfer", "tasks": list(tasks), "subsets": ["whole"]}
    return results(values, {"table-context": layout})


@pytest.mark.parametrize(
    ("tasks", "effect", "word"),
    [(("act", "det"), 5.0, "holds"), (("det", "act"), -5.0, "does not")],
)
def test_context_helps_if_the_first_task_is_better(tasks, effect, word):
    (one,) = found(context(*tasks), "8a")
    assert (one.effect.estimate, one.verdict) == (pytest.approx(effect), word)


def test_one_task_has_nothing_to_compare_with():
    assert not found(context("act"), "8a")
