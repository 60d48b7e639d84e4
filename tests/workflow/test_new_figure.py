"""The figure of docs/extending.md: a module, its entry in the table, keys, a config and a test."""

import pages
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

MINE = {"builder": "sizes", "architecture": "alexnet", "subsets": ["imagenet", "images-4"]}


def add_figure(project):
    """Touch what a new figure takes: three files of code, and the config."""
    before = files_of(project.code)
    pages.add_code(project.code, "A figure")
    assert len(files_of(project.code) - before) == 3  # with config and test: five
    entry = MINE | {"colour": "green"}
    project.edit(lambda config: config["outputs"].update({"figure-mine": entry}))


def files_of(folder):
    """Return the files of a folder with their contents."""
    return {(path, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_a_new_figure_is_drawn_checked_and_reported(project):
    add_figure(project)
    plan = project.plan()
    assert plan["draw_sizes"] == 1
    assert set(plan) <= {
        *("draw_sizes", "compare_with_paper", "judge_findings", "collect_runs"),
        *("write_report", "all"),
    }
    project.run()
    frame = pd.read_csv(project.folder / "results/figure-mine.csv")
    assert frame.to_dict("list") == {"subset": ["imagenet", "images-4"], "n_images": [48, 24]}
    for suffix in ("png", "svg"):
        assert (project.folder / f"results/figure-mine.{suffix}").exists()
    page = project.read("report.html").decode()
    assert "in green." in page
    assert 'data-file="figure-mine.csv"' in page


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            {"colour": "red"},
            "outputs.figure-mine.colour is 'red', but should be one of green, blue",
        ),
        ({"subsets": ["scratch"]}, "outputs.figure-mine names 'scratch', which is not in subsets"),
        ({"depth": 3}, "outputs.figure-mine has the unknown key 'depth'"),
    ],
)
def test_its_mistakes_get_sentences(project, change, sentence):
    add_figure(project)
    project.edit(lambda config: config["outputs"]["figure-mine"].update(change))
    assert sentence in project.run("--dry-run", expect=1)
