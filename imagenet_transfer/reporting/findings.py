"""The paper's claims as inequalities, each judged from the outputs of a study.

A claim says how far one measured quantity exceeds another, with its tolerance in the statement; `effect` is that
difference with a 95 % interval, and the verdict follows from where the interval lies. Subsets are found by the builder
of an output and their order or size there, never by their names, so that every study answers the same questions.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from imagenet_transfer.reporting.answers import MissingError, Results, unanswered
from imagenet_transfer.reporting.claims import CLAIMS, Claim

COLUMNS = (
    *("claim", "section", "statement", "evidence", "effect", "low", "high", "verdict", "how_sure", "comparable"),
)
COMPARABLE = {
    True: "with the paper: its data and protocol",
    False: "within this study only: its images, classes or networks are not the paper's",
}


def findings(
    tables: Mapping[str, pd.DataFrame],
    layouts: Mapping[str, Mapping[str, Any]],
    tests: Mapping[str, int],
    compare: bool,
    kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row a claim and task, with the columns COLUMNS.

    `tables` are the tidy frames of the outputs by name, `layouts` their config entries, `tests` the number of test
    images of each task (the binomial error of a single run), `kinds` the kind of each task, `compare` whether the
    study may be compared with the paper. A claim whose output the study lacks has the verdict "cannot tell".
    """
    results = Results(tables, layouts, tests, kinds or {})
    rows = [row | {"comparable": COMPARABLE[compare]} for claim in CLAIMS for row in judged(claim, results)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judged(claim: Claim, results: Results) -> list[dict[str, Any]]:
    """Return the rows of one claim."""
    shared = {"claim": claim.name, "section": claim.section}
    rows, reason = [], "this study has no task for it"
    try:
        for row in claim.judge(results):
            rows.append(row)  # what was judged before a missing run stays
    except MissingError as missing:
        reason = str(missing)
    return [shared | row for row in rows] or [shared | unanswered(claim.about, reason)]
