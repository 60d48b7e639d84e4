"""What would decide the open statements, in words and numbers for people."""

from typing import Any

import pandas as pd

from imagenet_transfer.claims.statistics import MOST_REPLICATES

POWER_NOTE = (
    "These statements are open. Needed is the number of replicates, of all networks and "
    "fine-tuning runs in the statement, that decides it with a probability of 80 % if its effect "
    "is as measured, which is itself uncertain. Runs and hours come on top of this study’s. "
    "Statements share runs, so do not add them up."
)


def power_rows(power: pd.DataFrame) -> dict[str, Any]:
    """Return the open statements and what would decide them: `devices`, and `rows` of cells."""
    columns = [name for name in power if name.startswith("hours on ")]
    rows = [
        {
            "claim": row["claim"],
            "statement": row["statement"],
            "replicates": count_text(row["replicates"]),
            "needed": needed_text(row),
            "runs": count_text(row["runs"]),
            "hours": [hours_text(row[column]) for column in columns],
        }
        for row in power.to_dict("records")
    ]
    return {"devices": [name.removeprefix("hours on ") for name in columns], "rows": rows}


def count_text(value: Any) -> str:
    """Return a whole number as text, nothing if it is missing."""
    number = pd.to_numeric(value, errors="coerce")
    return "" if pd.isna(number) else f"{int(number):,}"


def needed_text(row: dict[str, Any]) -> str:
    """Return the replicates that a statement needs, or why they are unknown."""
    if count := count_text(row["needed"]):
        return count
    if pd.isna(row["low"]):
        return "unknown: no interval"
    if row["replicates"] == 0:
        return "not a matter of replicates"
    return f"more than {MOST_REPLICATES:,}"


def hours_text(value: Any) -> str:
    """Return hours as text, with at least two digits; nothing if they are missing."""
    hours = pd.to_numeric(value, errors="coerce")
    if pd.isna(hours):
        return ""
    if 0 < hours < 0.01:
        return "< 0.01"
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
