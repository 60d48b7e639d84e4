"""Draw the workflow's rules, gathered into stages, from Snakemake's own graph of the default study.

Run `make graph` (or `python docs/make_rule_graph.py`) after a change of rules: it writes the
Mermaid block of docs/design.md, and resources/report/rules.svg, for which Graphviz's `dot` must be installed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fill_in import filled

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/design.md"
PICTURE = ROOT / "resources/report/rules.svg"
STAGES = {  # title: the rules in it, or how their names start (with *)
    "data sets": ("render_miniature", "unpack_*"),
    "stores": ("pack_store",),
    "region proposals": ("propose_regions",),
    "label sets, manifests": ("make_label_set", "group_classes", "draw_manifest"),
    "pre-training": ("pretrain", "check_first_network", "import_network"),
    "features, predictions": ("embed", "predict", "induce"),
    "transfer": ("finetune_*", "measure_*"),
    "tables, figures": ("make_table", "draw_*"),
    "findings, comparison": ("collect_runs", "judge_findings", "compare_with_paper"),
    "report": ("write_report", "write_latex_*"),
}
TARGETS = (  # rules without a stage: they only name others' files, or make none
    *(
        "all",
        "tables",
        "figures",
        "label_sets",
        "manifests",
        "stores",
        "pretrain_all",
        "paper_tables",
    ),
    *("check", "verify", "repair", "plan"),
)
NODE = re.compile(r"^\s*(\w+)\[(\w+)\]", re.M)  # id1[make_table]
EDGE = re.compile(r"^\s*(\w+) --> (\w+)", re.M)  # id2 --> id1

Edges = set[tuple[str, str]]


def rule_graph() -> tuple[set[str], Edges]:
    """Return the rules of the default study and which rule's files another reads."""
    words = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config.yaml"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js"]
        command += [*map(str, words), "--directory", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = dict(NODE.findall(done.stdout))
    return set(names.values()), {(names[a], names[b]) for a, b in EDGE.findall(done.stdout)}


def stage_of(rule: str) -> str | None:
    """Return the stage of a rule, None of a target; ValueError if the stages above lack it."""
    if rule in TARGETS:
        return None
    named = [stage for stage, rules in STAGES.items() if rule in rules]
    starts = [
        stage
        for stage, rules in STAGES.items()
        if any(name.endswith("*") and rule.startswith(name[:-1]) for name in rules)
    ]
    if not named + starts:
        raise ValueError(f"docs/make_rule_graph.py: no stage has the rule {rule}")
    return (named + starts)[0]


def stage_graph(edges: Edges) -> Edges:
    """Return the arrows between stages, without those that others lead to anyway."""
    stages = {(stage_of(a), stage_of(b)) for a, b in edges}
    arrows = {(a, b) for a, b in stages if a and b and a != b}
    return {(a, b) for a, b in arrows if not leads(a, b, arrows - {(a, b)})}


def leads(start: str, end: str, arrows: Edges) -> bool:
    """Return whether arrows lead from one stage to another."""
    reached = {start}
    while more := {b for a, b in arrows if a in reached} - reached:
        reached |= more
    return end in reached


def ordered(arrows: Edges) -> list[tuple[str, str]]:
    """Return arrows in the order of the stages."""
    return sorted(arrows, key=lambda arrow: [list(STAGES).index(stage) for stage in arrow])


def mermaid(arrows: Edges) -> str:
    """Return the graph as a Mermaid block."""
    names = {stage: f"s{number}" for number, stage in enumerate(STAGES)}
    boxes = [f'    {names[stage]}["{stage}"]' for stage in shown(arrows)]
    lines = [f"    {names[a]} --> {names[b]}" for a, b in ordered(arrows)]
    return "\n".join(["```mermaid", "flowchart LR", *boxes, *lines, "```"])


def shown(arrows: Edges) -> Iterable[str]:
    """Return the stages that arrows touch, in their order."""
    return [stage for stage in STAGES if any(stage in arrow for arrow in arrows)]


def dot(arrows: Edges) -> str:
    """Return the graph in Graphviz's language."""
    style = 'rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif", fontsize=12];'
    boxes = [f'"{stage}";' for stage in shown(arrows)]
    lines = [f'"{a}" -> "{b}";' for a, b in ordered(arrows)]
    return "\n".join(["digraph rules {", style, *boxes, *lines, "}"])


def main() -> None:
    """Write the block of the page, and the picture if Graphviz is installed."""
    arrows = stage_graph(rule_graph()[1])
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(page, "rules", mermaid(arrows)), encoding="utf-8")
    if shutil.which("dot") is None:
        sys.exit(f"{PICTURE.name} is as it was: install Graphviz, whose `dot` draws it.")
    subprocess.run(["dot", "-Tsvg", "-o", PICTURE], input=dot(arrows), text=True, check=True)


if __name__ == "__main__":
    main()
