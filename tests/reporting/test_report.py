"""The report: one page that holds everything, escaped, and asks the network for nothing."""

import base64
import gzip
import io
import re
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from imagenet_transfer.claims.comparison import comparison, read_paper_numbers
from imagenet_transfer.claims.findings import COLUMNS, COMPARABLE, POWER_COLUMNS
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.builders import heading
from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.html_blocks import markdown_html, prose_html
from imagenet_transfer.reporting.power_words import hours_text
from imagenet_transfer.reporting.report import Parts, Picture, p_text, report

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
INFINITE = float("inf")
HELPS = "pre-training helps"
FINDINGS = pd.DataFrame(  # of claims 1a, 1b, and one of the user's own
    [
        (
            *("1a", "introduction", "det: pre-training <helps>", SEVERAL, 12.3, 8.0, 16.6, POINTS),
            *(0.0004, "holds", "holds", "holds", "3 replicates", COMPARABLE[False]),
            *(HELPS, 0.0, INFINITE),
        ),
        (
            *("1a", "introduction", "sun: pre-training <helps>", SEVERAL, 4.0, 0.5, 7.5, POINTS),
            *(0.03, "holds", OPEN, OPEN, "3 replicates", COMPARABLE[False], HELPS, 0.0, INFINITE),
        ),
        (
            *("1b", "Figure 1", "det: half is enough", "keeps -12 %", -30.0, -50.0, -10.0, GAIN),
            *(0.01, "does not", "does not", OPEN, "3 replicates", COMPARABLE[False]),
            *("half is enough", -5.0, 5.0),
        ),
        (
            *("mine & yours", "this study", "act: a < b", "a 1.0 (1 run)", -4.06, NONE, NONE),
            *(POINTS, NONE, OPEN, OPEN, OPEN, "no interval; raise `replicates`"),
            *(COMPARABLE[False], "a is <less> than b", -INFINITE, 0.0),
        ),
    ],
    columns=list(COLUMNS),
)
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


def record(path, commit="c0ffee", device="a <card>", day=23, torch="2", **facts):
    """Write a metrics.json that says what computed the run; return its path."""
    origin = {"commit": commit, "device": device, "finished": f"2026-11-{day}T10:00:00+00:00"}
    content = {
        "stage": "transfer",
        "arch": "net",
        "subset": "s<1>",
        "task": "det",
        "rep": 2,
        "seed": 7,
        "fingerprint": "abc",
        "wall_s": 90.0,
        "metrics": [
            {"metric": "AP/cat", "value": 1.0, "unit": "%"},
            {"metric": "mAP", "value": 41.257, "unit": "%"},
        ],
        "provenance": origin | {"versions": {"torch": torch}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content | facts)
    return path


def parts(tmp_path, **changes):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "figure1.png")
    svg = tmp_path / "figure1.svg"
    svg.write_text("<svg>drawn</svg>")
    values = {("s", 1): 40.0, ("s", 2): 42.0, ("other", 1): 30.0, ("other", 2): 34.0}
    runs = pd.DataFrame(
        [("pretrain", "net", "s", "", rep, m, 50.0, 1) for rep in (1, 2) for m in ("top1", "top5")]
        + [
            ("transfer", "net", subset, "det", rep, metric, value, rep)
            for (subset, rep), value in values.items()
            for metric in ("mAP", "AP/cat")
        ],
        columns=["stage", "arch", "subset", "task", "rep", "metric", "value", "seed"],
    )
    content = {
        "name": "minia<ture",
        "seed": 2016,
        "compare": False,
        "findings": FINDINGS,
        "power": POWER,
        "tables": {"table1": TABLE},
        "figures": [Picture("figure1", tmp_path / "figure1.png", 'what "is" seen', files=[svg])],
        "comparison": comparison(read_paper_numbers(), {}, False),
        "runs": runs,
        "records": [record(tmp_path / "transfer/det/metrics.json")],
        "metrics": {"det": "mAP"},
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


SECTIONS = (
    *("answers", "tables", "figures", "statistics", "labels", "per-class", "learning"),
    *("comparison", "runs", "timeline", "rules"),
)


def test_everything_is_there(page):
    text = page.text()
    assert "minia<ture" in text
    for words in ("seed 2016", "c0ffee", "a <card>", "torch 2", "2026-11-23"):
        assert words in text
    for words in ("58.1 ± 0.3", "a < b", "In percent & so on.", "57.1"):
        assert words in text
    for words in (
        "this study has no such run",
        "cannot tell",
        "The numbers of this study are not about the paper's images",
    ):
        assert words in text
    assert tuple(attrs["id"] for attrs in page.all("section")) == SECTIONS
    assert "compare its rows with each other, not with the paper" in text
    assert "comparing makes no sense" not in text  # in each row


def test_nothing_is_asked_of_the_network(page):
    """Links lead to files of the study; the libraries inside the page name addresses only in text."""
    attributes = [(tag, attrs) for tag, attrs in page.elements]
    for tag, attrs in attributes:
        for key in ("src", "href"):
            assert not re.match(r"\s*(https?:|//|file:)", attrs.get(key) or ""), (tag, attrs)
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"link", "iframe", "object", "embed"})
    (policy,) = [attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "connect-src" not in policy and "https" not in policy


def test_pictures_are_inside_and_described(page, tmp_path):
    (image,) = [attrs for attrs in page.all("img") if attrs.get("id") == "png-figure1"]
    assert image["alt"] == 'what "is" seen'
    data = image["src"].removeprefix("data:image/png;base64,")
    assert base64.b64decode(data) == (tmp_path / "figure1.png").read_bytes()


def test_files_of_a_figure_are_held_for_download_unless_they_are_large(page, tmp_path, monkeypatch):
    (button,) = [attrs for attrs in page.all("button") if attrs.get("data-file") == "figure1.svg"]
    assert gzip.decompress(base64.b64decode(button["data-gzip"])) == b"<svg>drawn</svg>"
    monkeypatch.setattr("imagenet_transfer.reporting.report.LARGEST_DOWNLOAD", 5)
    linked = Page(written(tmp_path))
    assert not [attrs for attrs in linked.all("button") if "data-gzip" in attrs]
    assert "figure1.svg" in [attrs["href"] for attrs in linked.all("a")]


def test_a_large_picture_is_shown_in_less_space_and_linked(tmp_path, monkeypatch):
    monkeypatch.setattr("imagenet_transfer.reporting.report.LARGEST_PICTURE", 10)
    page = Page(written(tmp_path))
    (image,) = [attrs for attrs in page.all("img") if attrs.get("id") == "png-figure1"]
    data = base64.b64decode(image["src"].removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(data)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (4, 3))
    assert "figure1.png" in [attrs["href"] for attrs in page.all("a")]
    assert not [attrs for attrs in page.all("button") if "data-png" in attrs]


def test_examples_stand_with_the_results_per_class(tmp_path):
    figures = parts(tmp_path).figures
    examples = replace(figures[0], name="examples-det", layout={"builder": "examples"})
    html = written(tmp_path, figures=[*figures, examples])
    sections = {
        key: html.index(f'<section id="{key}"') for key in ("figures", "per-class", "learning")
    }
    assert sections["figures"] < html.index('<figure id="figure1">') < sections["per-class"]
    assert sections["per-class"] < html.index('<figure id="examples-det">') < sections["learning"]


def test_headers_say_what_they_head(page):
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row", "rowgroup"}
    assert page.all("html") == [{"lang": "en"}]


def test_every_run_is_a_row_that_leads_to_its_record(html, page):
    (row,) = [row for row in cells(html, "runs") if row.startswith("transfer det net s&lt;1&gt;")]
    assert row.endswith("2 41.26 mAP 90.0 2026-11-23T10:00:00 a &lt;card&gt; c0ffee 7 abc")
    assert "transfer/det/metrics.json" in [attrs["href"] for attrs in page.all("a")]


def test_a_damaged_record_is_named(tmp_path):
    broken = record(tmp_path / "broken.json", provenance={"commit": "c"})
    with pytest.raises(UserError, match=r"broken\.json does not say what computed the run"):
        written(tmp_path, records=[broken])


def said(html):
    """Return the text of HTML, tags replaced by spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def cells(html, section):
    """Return the text of each row of a section's tables."""
    part = re.search(rf'<section id="{section}"[^>]*>(.*?)</section>', html, re.S)[1]
    return [said(row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.S)]


def answers_of(html):
    """Return the text of each answer."""
    part = re.search(r'<ol class="answers">(.*?)</ol>', html, re.S)[1]
    return [said(item) for item in re.findall(r"<li>(.*?)</li>", part, re.S)]


def test_claims_are_answered_in_sentences_with_one_verdict_or_several(html):
    helps, half, own = answers_of(html)
    assert helps.startswith("Pre-training helps. holds for all 2 Claim 1a, introduction; 1 of 2")
    assert half.startswith("Half is enough. does not hold Claim 1b")
    assert "about 348 replicates would decide" in half
    assert own.startswith("A is &lt;less&gt; than b. cannot tell Claim mine &amp; yours")
    mixed = FINDINGS.assign(verdict=["holds", OPEN, "does not", OPEN])
    assert "holds for det; cannot tell for sun." in answers_of(written_with(mixed))[0]


def written_with(findings):
    with tempfile.TemporaryDirectory() as folder:
        return written(Path(folder), findings=findings)


def test_effects_are_drawn_against_the_bounds_and_described(page):
    (helps, half, own) = [a["aria-label"] for a in page.all("div") if a.get("class") == "effect"]
    assert helps == ("det: 12.3 [8.0, 16.6] points, holds; sun: 4.0 [0.5, 7.5] points, holds")
    assert half == "det: −30.0 [−50.0, −10.0] percent of the gain, does not hold"
    assert own == "act: −4.1, no interval, points, cannot tell"


def test_every_verdict_is_counted_in_a_tile_of_its_own(html):
    tiles = re.search(r'<ul class="scores".*?</ul>', html, re.S)[0]
    assert [said(tile) for tile in re.findall(r"<li>.*?</li>", tiles, re.S)] == [
        "2 holds 1 after Holm’s correction",
        "1 does not hold 0 after Holm’s correction",
        "1 cannot tell 3 after Holm’s correction",
    ]
    assert html.index('class="scores"') < html.index('class="answers"')


def test_statements_have_effect_unit_and_p(html):
    rows = cells(html, "statistics")
    (sun,) = [row for row in rows if row.startswith("sun: pre-training")]
    assert "&lt;helps&gt;" in sun
    assert "4.0 [0.5, 7.5] points holds p = 0.030 cannot tell in the study: cannot tell" in sun
    (half,) = [row for row in rows if row.startswith("det: half")]
    assert "keeps −12 %" in half
    assert "−30.0 [−50.0, −10.0] percent of the gain does not hold p = 0.010" in half
    (act,) = [row for row in rows if row.startswith("act: a &lt; b")]
    assert "−4.1 points, no interval cannot tell cannot tell in the study: cannot tell" in act
    assert "raise <code>replicates</code>" in html


def test_how_verdicts_are_made_is_said_with_where_to_read_on(page):
    text = " ".join(page.text().split())
    assert "if the whole 95 % interval of its effect lies within its bounds" in text
    assert "docs/statistics.md" in text


def test_what_it_would_take(html):
    table = re.search(r'<table data-sort="Statements">.*?</table>', html, re.S)[0]
    head, *rows = cells(f'<section id="power">{table}</section>', "power")
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
    assert p_text(0.0004) == "p < 0.001"
    assert (p_text(0.0321), p_text(0.5), p_text(1.0)) == ("p = 0.032", "p = 0.50", "p = 1.00")
    assert p_text(NONE) == ""
    hours = [hours_text(value) for value in (0, 0.004, 0.25, 3.14, 2500, "", NONE)]
    assert hours == ["0", "< 0.01", "0.25", "3.1", "2,500", "", ""]
    assert prose_html("a-1 is -2 <b> `c`") == "a-1 is −2 &lt;b&gt; <code>c</code>"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("figure1", "Figure 1"),
        ("figure-all-layers", "All layers"),
        ("coarse-limit", "Coarse limit"),
        ("table2", "Table 2"),
        ("table-context", "Context"),
    ],
)
def test_outputs_have_titles_that_people_read(name, title):
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
    assert "finished 2026-11-10 to 2026-11-17" in html


def test_a_study_without_runs_or_figures(tmp_path):
    nothing = {"findings": FINDINGS.iloc[:0], "power": POWER.iloc[:0]}
    nothing |= {"runs": parts(tmp_path).runs.iloc[:0], "figures": [], "tables": {}, "records": []}
    text = Page(written(tmp_path, compare=True, **nothing)).text()
    assert "finished never" in text
    assert "No run of this study has a history" in text
    assert "No task of this study has results per class" in text
    assert "This study has runs for none of the claims" in text


def test_markdown_tables_keep_their_alignment():
    html = markdown_html(TABLE, "table1")
    assert '<th scope="col" class="number">det (mAP)</th>' in html
    assert '<th scope="row">a &lt; b</th><td class="number">58.1 ± 0.3</td>' in html
