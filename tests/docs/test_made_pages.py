"""What scripts write into the pages: every key of a config, and what a run gave."""

import sys

import pandas as pd
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import fill_in
import make_config_page

TABLE = """\
# Table 2

| a | b |
| --- | ---: |
| x | 1.0 |

In percent.

Pre-training sets: x: 1 class.
"""


@pytest.fixture(scope="module")
def schema():
    return make_config_page.read_schema()


def keys(entry):
    """Yield every key that a schema describes."""
    if isinstance(entry, dict):
        yield from entry.get("properties", {})
        for value in entry.values():
            yield from keys(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from keys(value)


def test_the_page_of_keys_is_up_to_date(schema):
    written = make_config_page.PAGE.read_text(encoding="utf-8")
    assert written == make_config_page.page(schema), "run python docs/make_config_page.py"


def test_the_page_has_every_key(schema):
    page = make_config_page.page(schema)
    assert len(set(keys(schema))) > 100
    for key in set(keys(schema)):
        assert any(f"{before}{key}`" in page for before in ("`", ".")), key


def test_values_in_words(schema):
    lines = make_config_page.page(schema).split("\n")
    cells = {line.split(" | ")[0][2:]: line.split(" | ")[1] for line in lines if line[:3] == "| `"}
    assert cells["`<name>.lr_gamma`"] == "number > 0, ≤ 1"
    assert cells["`voc.size`*"] == "list of 2: whole number ≥ 1"
    assert cells["`<name>.roots`"] == "`pascal` or list of wnid"
    assert "Exactly one of `iterations` and `epochs` is required." in lines


@pytest.fixture
def results(tmp_path):
    (tmp_path / "table2.md").write_text(TABLE, encoding="utf-8")
    verdicts = ["holds", "holds", "does not", "cannot tell"]
    frame = pd.DataFrame({"verdict": verdicts, "adjusted": ["holds", *["cannot tell"] * 3]})
    frame.to_csv(tmp_path / "findings.csv", index=False)
    return tmp_path


def test_a_run_is_filled_in(results):
    table = fill_in.table2(results)
    assert table == "| a | b |\n| --- | ---: |\n| x | 1.0 |\n\nIn percent."
    counts = fill_in.findings(results).split("\n")[2:]
    assert [line.split(" | ")[1:] for line in counts] == [["2", "1", "1 |"], ["1", "0", "3 |"]]
    page = "a\n<!-- table2 -->\nold\n<!-- end -->\nb\n<!-- findings -->\n<!-- end -->\n"
    once = fill_in.filled(page, "table2", table)
    assert once == page.replace("old", table)
    assert fill_in.filled(once, "table2", table) == once


def test_a_page_without_the_mark_is_refused():
    with pytest.raises(ValueError, match="no mark <!-- findings -->"):
        fill_in.filled("a page", "findings", "")


def test_readme_has_the_marks():
    page = fill_in.README.read_text(encoding="utf-8")
    for name in ("table2", "findings"):
        assert fill_in.filled(page, name, "new") != page
