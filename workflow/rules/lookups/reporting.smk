"""Everything that a study declares, and what its runs cost."""

SUMMARIES = [
    f"results/{name}"
    for name in ("runs.csv", "comparison.csv", "findings.csv", "power.csv", "report.html")
]


def table_files():
    """Return the tables that the study declares, as CSV and as Markdown."""
    return [f"results/{name}.{suffix}" for name in study.tables() for suffix in ("csv", "md")]


def all_outputs():
    """Return everything that the study declares."""
    numbers = number_files() + further_files()
    pictures = ["results/miniature.png"] if study.miniature else []
    return [*table_files(), *figure_files(), *numbers, *SUMMARIES, *pictures]


def hours_of_runs(wildcards):
    """Return what a run of each architecture and task costs on devices whose rates are known."""
    # Loads pandas, which a dry run can do without.
    from imagenet_transfer.study.plan import read_rates, run_hours

    rates = read_rates("rates.csv")
    return {name: run_hours(study, rates, name) for name in study.architectures}
