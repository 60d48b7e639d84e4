"""The picture of the workflow: every rule has a stage, and page and picture show today's rules."""

import html
import re
import shutil
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import make_rule_graph
from make_rule_graph import STAGES, mermaid, ordered, stage_graph, stage_of

from imagenet_transfer.figures.builders import FIGURES
from imagenet_transfer.training.kinds import KINDS

FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]


def declared():
    """Return the names of all rules of the workflow."""
    text = "\n".join(path.read_text() for path in FILES)
    families = [f"draw_{kind.replace('-', '_')}" for kind in FIGURES]
    families += [
        f"{'measure' if kind.frozen else 'finetune'}_{name.replace('-', '_')}"
        for name, kind in KINDS.items()
    ]
    return {*re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", text, re.M), *families}


def test_every_rule_has_a_stage_and_every_stage_a_rule():
    stages = {stage_of(rule) for rule in declared()}
    assert stages - {None} == set(STAGES)
    with pytest.raises(ValueError, match="no stage has the rule polish"):
        stage_of("polish")


def test_stages_by_hand():
    edges = {
        ("pack_store", "draw_manifest"),
        ("make_label_set", "draw_manifest"),
        ("pack_store", "pretrain"),  # also by way of the manifest
        ("draw_manifest", "pretrain"),
        ("pretrain", "all"),
    }
    arrows = {("stores", "label sets, manifests"), ("label sets, manifests", "pre-training")}
    assert stage_graph(edges) == arrows
    assert mermaid(arrows).split("\n") == [
        "```mermaid",
        "flowchart LR",
        '    s1["stores"]',
        '    s3["label sets, manifests"]',
        '    s4["pre-training"]',
        "    s1 --> s3",
        "    s3 --> s4",
        "```",
    ]


@pytest.mark.slow
def test_page_and_picture_show_the_workflows_graph():
    rules, edges = make_rule_graph.rule_graph()
    assert {"pretrain", "embed", "write_report", "all"} <= rules <= declared()
    arrows = stage_graph(edges)
    assert mermaid(arrows) in make_rule_graph.PAGE.read_text(encoding="utf-8"), "run make graph"
    picture = make_rule_graph.PICTURE.read_text(encoding="utf-8")
    drawn = re.findall(r"<title>(.*?)->(.*?)</title>", html.unescape(picture))
    assert sorted(drawn) == sorted(ordered(arrows)), "run make graph"


def test_without_graphviz_the_page_is_written_and_it_is_said(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- rules -->\nold\n<!-- end -->\n")
    edges = {("pack_store", "pretrain")}
    monkeypatch.setattr(make_rule_graph, "rule_graph", lambda: ({"pack_store", "pretrain"}, edges))
    monkeypatch.setattr(make_rule_graph, "PAGE", page)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="install Graphviz"):
        make_rule_graph.main()
    assert "s1 --> s4" in page.read_text()
