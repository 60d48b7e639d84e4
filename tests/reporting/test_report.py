"""The report: one page that holds everything, escaped, and asks the network for nothing."""

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from PIL import Image

from imagenet_transfer.claims.comparison import comparison, read_paper_numbers
from imagenet_transfer.claims.findings import COLUMNS, COMPARABLE, POWER_COLUMNS
from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.findings_html import effect_html, hours_text, p_text, tally
from imagenet_transfer.reporting.html_blocks import markdown_html, prose_html
from imagenet_transfer.reporting.report import (
    Parts,
    Picture,
    heading,
    report,
)

TABLE = (
    "# Table 1\n\n| Pre-trained on | det (mAP) |\n| --- | ---: |\n| a < b | 58.1 ± 0.3 |\n\n"
    "In percent & so on.\n"
)
VOID = {"meta", "img", "br"}
POINTS = "points"
GAIN = "percent of the gain"
NONE = float("nan")
OPEN = "cannot tell"
SEVERAL = "whole 60.0 ± 1.0 (3 runs)"
FINDINGS = pd.DataFrame(  # of claims 1a, 1b, and one of the user's own
    [
        (
            *("1a", "introduction", "det: pre-training <helps>", SEVERAL, 12.3, 8.0, 16.6, POINTS),
            *(0.0004, "holds", "holds", "holds", "3 replicates"),
        ),
        (
            *("1a", "introduction", "sun: pre-training <helps>", SEVERAL, 4.0, 0.5, 7.5, POINTS),
            *(0.03, "holds", OPEN, OPEN, "3 replicates"),
        ),
        (
            *("1b", "Figure 1", "det: half is enough", "keeps -12 %", -30.0, -50.0, -10.0, GAIN),
            *(0.01, "does not", "does not", OPEN, "3 replicates"),
        ),
        (
            *("mine & yours", "this study", "act: a < b", "a 1.0 (1 run)", -4.06, NONE, NONE),
            *(POINTS, NONE, OPEN, OPEN, OPEN, "no interval; raise `replicates`"),
        ),
    ],
    columns=list(COLUMNS[:-1]),
).assign(comparable=COMPARABLE[False])
HOURS = ["hours on a <card>", "hours on one core"]
POWER = pd.DataFrame(
    [
        ("1b", "det: <half>", 0.1, -3.9, 4.0, POINTS, 3, 348, 1038, 1234.5, 0.004),
        ("mine & yours", "act: a < b", -4.06, NONE, NONE, POINTS, 1, NONE, NONE, NONE, NONE),
        ("6c", "equal", 0.0, -2.0, 2.0, POINTS, 3, NONE, NONE, NONE, NONE),
        ("7a", "rank", 0.1, -0.2, 0.4, "rho", 0, NONE, NONE, NONE, NONE),
    ],
    columns=[
        *POWER_COLUMNS[:2],
        *("effect", "low", "high", "unit", "replicates", "needed", "runs"),
        *HOURS,
    ],
)


class Page(HTMLParser):
    """The page as a browser reads it: its elements and text; every element is closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.words = []
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def text(self):
        return " ".join(self.words)


def record(path, commit="c0ffee", device="a <card>", day=23, torch="2"):
    """Write a metrics.json that says what computed the run; return its path."""
    origin = {"commit": commit, "device": device, "finished": f"2026-11-{day}T10:00:00+00:00"}
    write_json(path, {"provenance": origin | {"versions": {"torch": torch}}})
    return path


def parts(tmp_path, **changes):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "figure1.png")
    runs = pd.DataFrame(
        [("pretrain", "net", "s", "", rep, m, 3600.0) for rep in (1, 2) for m in ("top1", "top5")]
        + [("transfer", "net", "s", "det", rep, "mAP", 1800.0) for rep in (1, 2, 3)]
        + [("transfer", "net", "other", "det", 1, "mAP", 1800.0)],
        columns=["stage", "arch", "subset", "task", "rep", "metric", "wall_s"],
    )
    content = {
        "name": "minia<ture",
        "seed": 2016,
        "compare": False,
        "findings": FINDINGS,
        "power": POWER,
        "tables": {"table1": TABLE},
        "figures": [
            Picture("figure1", tmp_path / "figure1.png", 'what "is" seen', "results/figure1.csv")
        ],
        "comparison": comparison(read_paper_numbers(), {}, False),
        "runs": runs,
        "records": [record(tmp_path / "metrics.json")],
    }
    return Parts(**content | changes)


def written(tmp_path, **changes):
    """Return the page that is written of these parts."""
    report(tmp_path / "report.html", parts(tmp_path, **changes))
    return (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def html(tmp_path):
    return written(tmp_path)


@pytest.fixture
def page(html):
    return Page(html)


SECTIONS = ["findings", "power", "tables", "figures", "comparison", "runs"]


def test_everything_is_there(page):
    text = page.text()
    assert "the study minia<ture" in text
    for words in ("seed 2016", "c0ffee", "a <card>", "torch 2", "2026-11-23"):
        assert words in text
    for words in ("58.1 ± 0.3", "a < b", "In percent & so on.", "57.1", "results/figure1.csv"):
        assert words in text
    for words in (
        "this study has no such run",
        "cannot tell",
        "The numbers of this study are not about the paper's images",
    ):
        assert words in text
    assert [attrs["id"] for attrs in page.all("section")] == SECTIONS
    assert "compare its rows with each other, not with the paper" in text
    assert "comparing makes no sense" not in text  # in each row


def test_nothing_is_asked_of_the_network(page, html):
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?\s*(https?:|//|file:)", html)
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed"})
    assert [attrs["href"] for attrs in page.all("a")] == [f"#{key}" for key in SECTIONS]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert policy in [attrs.get("content") for attrs in page.all("meta")]


def test_pictures_are_inside_and_described(page, tmp_path):
    (image,) = page.all("img")
    assert image["alt"] == 'what "is" seen'
    data = image["src"].removeprefix("data:image/png;base64,")
    assert base64.b64decode(data) == (tmp_path / "figure1.png").read_bytes()


def test_headers_say_what_they_head(page):
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row", "rowgroup"}
    assert page.all("html") == [{"lang": "en"}]


def test_runs_are_counted_once(page):
    text = " ".join(page.text().split())
    assert "pretrain 2 1 2 2.00" in text  # two networks of an hour each, with two metrics each
    assert "transfer det 4 2 1–3 2.00" in text  # of two subsets, with three replicates and one
    assert "all 6 2 1–3 4.00" in text


def said(html):
    """Return the text of HTML, tags replaced by spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def cells(html, section):
    """Return the text of each row of a section's tables."""
    part = re.search(rf'<section id="{section}">(.*?)</section>', html, re.S)[1]
    return [said(row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.S)]


def test_each_claim_shows_its_verdicts_before_and_after_holm(html):
    rows = cells(html, "findings")
    (first,) = [row for row in rows if row.startswith("1a") and "introduction" in row]
    assert first.endswith("introduction holds × 2 holds cannot tell holds cannot tell")
    (own,) = [row for row in rows if row.startswith("mine &amp; yours this study")]
    assert own.endswith("cannot tell cannot tell cannot tell")


def test_every_verdict_is_counted_in_a_tile_of_its_own(html):
    tiles = re.findall(r"<li><span.*?</li>", html)
    assert [said(tile) for tile in tiles] == [
        "holds 2 1 after Holm, in the study",
        "does not 1 0 after Holm, in the study",
        "cannot tell 1 3 after Holm, in the study",
    ]
    assert html.index('class="scores"') < html.index("Claim, and where")


def test_statements_have_effect_unit_and_p(html):
    rows = cells(html, "findings")
    (sun,) = [row for row in rows if row.startswith("sun: pre-training")]
    assert "&lt;helps&gt;" in sun
    assert "4.0 [0.5, 7.5] points holds p = 0.030 cannot tell in the study: cannot tell" in sun
    (half,) = [row for row in rows if row.startswith("det: half")]
    assert "keeps −12 %" in half
    assert "−30.0 [−50.0, −10.0] percent of the gain does not p = 0.010 does not" in half
    (act,) = [row for row in rows if row.startswith("act: a &lt; b")]
    assert "−4.1 points, no interval cannot tell cannot tell in the study: cannot tell" in act
    assert "raise <code>replicates</code>" in html


def test_how_verdicts_are_made_is_said_with_where_to_read_on(page):
    text = " ".join(page.text().split())
    assert "if the whole 95 % interval of its effect lies within its bounds" in text
    assert "docs/statistics.md" in text


def test_what_it_would_take(html):
    head, *rows = cells(html, "power")
    assert head == "Statement Replicates now Needed Runs to add Hours (a) Hours (b)"
    assert rows == [
        "1b det: &lt;half&gt; 3 348 1,038 1,234 &lt; 0.01",
        "mine &amp; yours act: a &lt; b 1 unknown: no interval",
        "6c equal 3 more than 1,000",
        "7a rank 0 not a matter of replicates",
    ]
    assert "(a) a &lt;card&gt;; (b) one core." in html


def test_nothing_is_needed_where_all_is_decided(tmp_path):
    assert "every statement is decided" in written(tmp_path, power=POWER.iloc[:0])


def test_power_as_a_script_reads_it_looks_the_same(html, tmp_path):
    """`power` leaves cells empty, and reading turns them into NaN."""
    columns = ["needed", "runs", *HOURS]
    made = POWER.astype(dict.fromkeys(columns, object)).fillna(dict.fromkeys(columns, ""))
    made.to_csv(tmp_path / "power.csv", index=False)
    for power in (made, pd.read_csv(tmp_path / "power.csv")):
        assert written(tmp_path, power=power) == html


def test_numbers_as_text():
    assert p_text(0.0004) == "p &lt; 0.001"
    assert (p_text(0.0321), p_text(0.5), p_text(1.0)) == ("p = 0.032", "p = 0.50", "p = 1.00")
    assert p_text(NONE) == ""
    hours = [hours_text(value) for value in (0, 0.004, 0.25, 3.14, 2500, "", NONE)]
    assert hours == ["0", "&lt; 0.01", "0.25", "3.1", "2,500", "", ""]
    assert effect_html(NONE, NONE, NONE, POINTS) == ""
    small = '<div class="small">&lt;points&gt;</div>'
    assert effect_html(1, 0, 2, "<points>") == f"1.0 [0.0, 2.0]{small}"
    assert prose_html("a-1 is -2 <b> `c`") == "a-1 is −2 &lt;b&gt; <code>c</code>"


def test_a_tally_has_the_verdicts_in_one_order():
    verdicts = pd.Series(["cannot tell", "does not", "cannot tell", "holds"])
    assert said(tally(verdicts)) == "holds does not cannot tell × 2"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("figure1", "Figure 1"),
        ("figure-all-layers", "All layers"),
        ("coarse-limit", "Coarse limit"),
    ],
)
def test_figures_have_titles_that_people_read(name, title):
    assert heading(name) == title


def test_the_page_does_not_depend_on_the_order_of_the_records(tmp_path):
    """Nor on that of a set, which differs from process to process."""
    letters = "abcdefgh"
    records = [
        record(tmp_path / f"{letter}.json", f"commit-{letter}", f"device-{letter}", day, letter)
        for day, letter in enumerate(letters, 10)
    ]
    html = written(tmp_path, records=records)
    assert written(tmp_path, records=records[::-1]) == html
    assert f"<dd>{'; '.join(f'device-{letter}' for letter in letters)}</dd>" in html
    assert f"<dd>{'; '.join(f'commit-{letter}' for letter in letters)}</dd>" in html
    assert f"<dd>{', '.join(f'torch {letter}' for letter in letters)}</dd>" in html
    assert "<dd>8, finished 2026-11-10 to 2026-11-17</dd>" in html


def test_a_study_without_runs_or_figures(tmp_path):
    nothing = {"findings": FINDINGS.iloc[:0], "power": POWER.iloc[:0]}
    nothing |= {"runs": parts(tmp_path).runs.iloc[:0], "figures": [], "tables": {}, "records": []}
    text = Page(written(tmp_path, compare=True, **nothing)).text()
    assert "finished never" in text
    assert "This study has runs for none of the claims" in text


def test_markdown_tables_keep_their_alignment():
    html = markdown_html(TABLE, "table1")
    assert '<th scope="col" class="number">det (mAP)</th>' in html
    assert '<th scope="row">a &lt; b</th><td class="number">58.1 ± 0.3</td>' in html
