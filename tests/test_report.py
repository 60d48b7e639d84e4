"""The report: everything is in one page, escaped, and it asks the network for nothing."""

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hand_results import cells, results
from PIL import Image

from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.comparison import comparison, read_paper_numbers
from imagenet_transfer.reporting.findings import findings, judge_all
from imagenet_transfer.reporting.report import CAPTIONS, Parts, Picture, caption, markdown_html, report

TABLE = "# Table 1\n\n| Pre-trained on | det (mAP) |\n| --- | ---: |\n| a < b | 58.1 ± 0.3 |\n\nIn percent & so on.\n"
VOID = {"meta", "img", "br"}
TABLES = {"table1": {"builder": "transfer", "tasks": ["det", "act"], "subsets": ["a<b", "scratch"]}}
STUDY = results(
    cells(("a<b", "scratch"), "det", 58.1, 40.0) | cells(("a<b", "scratch"), "act", 50.0, 50.1, spread=2.0), TABLES
)


class Page(HTMLParser):
    """The page as a browser reads it: its elements, its text, and whether every element is closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
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


def parts(tmp_path, **changes):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "figure1.png")
    proven = {
        "commit": "c0ffee",
        "device": "a <card>",
        "finished": "2026-11-23T10:00:00+00:00",
        "versions": {"torch": "2"},
    }
    write_json(tmp_path / "metrics.json", {"provenance": proven})
    runs = pd.DataFrame(
        [("pretrain", "net", "s", "", "", m, 3600.0) for m in ("top1", "top5")]
        + [("transfer", "net", "s", "det", 1, "mAP", 1800.0)],
        columns=["stage", "arch", "subset", "task", "rep", "metric", "wall_s"],
    )
    content = {
        "name": "minia<ture",
        "seed": 2016,
        "compare": False,
        "findings": findings(judge_all(STUDY), STUDY, False),
        "tables": {"table1": TABLE},
        "figures": [Picture("figure1", tmp_path / "figure1.png", 'what "is" seen', "results/figure1.csv")],
        "comparison": comparison(read_paper_numbers(), {}, False),
        "runs": runs,
        "records": [tmp_path / "metrics.json"],
    }
    return Parts(**content | changes)


@pytest.fixture
def page(tmp_path):
    report(tmp_path / "report.html", parts(tmp_path))
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_everything_is_there(page):
    text = page.text()
    assert "the study minia<ture" in text
    for words in (
        "seed 2016",
        "c0ffee",
        "a <card>",
        "torch 2",
        "2026-11-23",
        "58.1 ± 0.3",
        "a < b",
        "In percent & so on.",
    ):
        assert words in text
    for words in (
        "det: pre-training on all is better than a random start",
        "a<b 58.1 ± 0.1 (3 runs)",
        "18.1",
        "holds",
        "cannot tell",
        "3 replicates, in pairs",
        "comparing makes no sense",
        "57.1",
        "results/figure1.csv",
    ):
        assert words in text
    assert [attrs["id"] for attrs in page.all("section")] == ["findings", "tables", "figures", "comparison", "runs"]
    assert "compare its rows with each other, not with the paper" in text


def test_nothing_is_asked_of_the_network(page, tmp_path):
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?\s*(https?:|//|file:)", text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed"})
    assert all(attrs["href"].startswith("#") for attrs in page.all("a"))
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {attrs["href"][1:] for attrs in page.all("a")} <= ids


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
    assert "pretrain 1 1 1.00" in text  # one run of an hour with two metrics
    assert "transfer det 1 1 0.50" in text
    assert "all 2 1 1.50" in text


def test_the_page_is_the_same_every_time(tmp_path):
    given = parts(tmp_path)
    report(tmp_path / "one.html", given)
    report(tmp_path / "two.html", given)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_study_without_runs_or_figures(tmp_path):
    nothing = findings([], results({}), True)
    empty = parts(tmp_path, figures=[], tables={}, records=[], compare=True, findings=nothing)
    report(tmp_path / "report.html", empty)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text()
    assert "finished never" in text
    assert "This study has runs for none of the claims" in text


def test_markdown_tables_keep_their_alignment():
    html = markdown_html(TABLE, "table1")
    assert '<th scope="col" class="number">det (mAP)</th>' in html
    assert '<th scope="row">a &lt; b</th><td class="number">58.1 ± 0.3</td>' in html


def test_every_kind_of_figure_has_a_caption():
    layout = {"layer": "fc7", "baseline": "whole", "subset": "whole", "label_set": "coarse", "splits": {"random": []}}
    for builder in CAPTIONS:
        text = caption({"builder": builder, "along": "classes", "tasks": ["det"], **layout})
        assert "{" not in text
        assert text.endswith(".")
