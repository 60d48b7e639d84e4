"""Tables as LaTeX: the numbers of the Markdown, marks that are explained, and TeX that compiles."""

import re

import pandas as pd
from helpers import compiled

from imagenet_transfer.claims.marks import compare_rows
from imagenet_transfer.figures.builders import BUILDERS
from imagenet_transfer.reporting.latex import study_latex, table_latex
from imagenet_transfer.reporting.markdown import table_markdown
from imagenet_transfer.reporting.tables import Made, cell

BUDGETS = {
    "name": "table2",
    "builder": "budgets",
    "architecture": "alexnet",
    "tasks": ["det", "sun"],
    "columns": ["1/2", "10 %"],
    "rows": [
        {"title": "[more] classes & more_", "subsets": ["many", "few"]},
        {"title": "*more* images × 2 — 犬", "subsets": ["wide", "thin"]},
    ],
    "references": ["full", "scratch"],
    "metrics": {"det": "mAP", "sun": "top1"},
    "replicates": {"det": 3, "sun": 3},
}
SUBSETS = ["full", "many", "few", "wide", "thin"]
MEANS = dict(zip((*SUBSETS, "scratch"), (50.0, 49.9, 41.0, 50.2, 55.0, 10.0), strict=True))
STEPS = [(0.3, -0.1, -0.2), (-0.1, 0.2, -0.1), (0.0, 0.3, -0.3)]
STEPS += [(0.2, -0.2, 0.0), (-0.2, 0.1, 0.1), (0.3, 0.0, -0.3)]
STUDY = {"name": "a_b", "seed": 3, "compare": False}


def values_of(number=3):
    """Return the values of each subset and task by replicate."""
    return {
        (subset, task): [mean + step for step in STEPS[(i + j) % len(STEPS)][:number]]
        for i, (subset, mean) in enumerate(MEANS.items())
        for j, task in enumerate(BUDGETS["tasks"])
    }


def material(layout, values, paper=None, archs=("alexnet",)):
    """Return a table and what its cells are compared by."""
    cells = [
        {"architecture": arch, "subset": subset, "n_classes": 10, "n_images": 100, "task": task}
        | {"metric": layout["metrics"][task]}
        | cell(of_cell)
        | {"paper": (paper or {}).get((subset, task), "")}
        for arch in archs
        for (subset, task), of_cell in values.items()
    ]
    runs = [
        ("transfer", one["architecture"], one["subset"], one["task"], rep, one["metric"], value)
        for one in cells
        for rep, value in enumerate(values[one["subset"], one["task"]], start=1)
    ]
    columns = ["stage", "arch", "subset", "task", "rep", "metric", "value"]
    frame = pd.DataFrame(cells)
    made = Made(frame if len(archs) > 1 else frame.drop(columns="architecture"), {}, {}, [])
    entry = {"dataset": "d", "method": "identity", "networks": 3, "given": False}
    tasks = {name: {"metric": metric} for name, metric in layout["metrics"].items()}
    settings = {
        "study": STUDY,
        "tasks": tasks,
        "subsets": dict.fromkeys(SUBSETS, entry),
        "outputs": {layout["name"]: layout},
    }
    return made, compare_rows(layout, pd.DataFrame(runs, columns=columns), settings), settings


def table(layout=BUDGETS, number=3, **more):
    made, compared, settings = material(layout, values_of(number), **more)
    return table_latex(layout, made, compared, settings)


def rows_of(tex):
    """Return the lines of a table by their titles, cells without what spans columns."""
    lines = [line.removesuffix(r" \\").split(" & ") for line in tex.splitlines() if " & " in line]
    span = re.compile(r"\\multicolumn\{\d\}\{c\}\{(.*)\}$")
    return {title: [span.sub(r"\1", one) for one in cells] for title, *cells in lines}


def numbers_of(text):
    return re.findall(r"\d+\.\d", text)


def test_numbers_are_those_of_the_markdown():
    made, compared, settings = material(BUDGETS, values_of())
    markdown = table_markdown(made.frame, BUDGETS).partition("In percent")[0]
    tex = table_latex(BUDGETS, made, compared, settings).partition(r"\bottomrule")[0]
    ours = numbers_of(tex.partition(r"\midrule")[2])
    assert ours == numbers_of(markdown) and len(ours) == 24


def test_surely_different_cells_are_marked_and_the_marks_explained():
    tex = table()
    rows = rows_of(tex)
    assert rows["full"] == [r"50.0 $\pm$ 0.3\rlap{$^{\ast}$}", r"50.0 $\pm$ 0.2\rlap{$^{\ast}$}"]
    assert rows["scratch"] == [r"10.0 $\pm$ 0.3", r"10.0 $\pm$ 0.3"]
    more = rows[r"{[}more{]} classes \& more\_"]
    assert [one.partition(r"\rlap")[2] for one in more[:2]] == [
        r"{$^{\ast}$}",
        r"{$^{\dagger\ast}$}",
    ]
    other = rows[r"{*}more{*} images $\times$ 2 --- {[}U+72AC{]}"]
    assert [one.partition(r"\rlap")[2] for one in other[:2]] == [
        r"{$^{\ast}$}",
        r"{$^{\ddagger\ast}$}",
    ]
    assert r"$\dagger$ surely below full; $\ddagger$ surely above full; $\ast$ surely above" in tex
    assert "no mark: cannot tell. Each cell is compared with full and with the random start" in tex
    assert (
        "tests on the replicates (det: n = 3, sun: n = 3)" in tex
        and r"sure at 5 \% after Holm's" in tex
    )
    assert "for the 18 tests of this table" in tex


def test_one_run_has_no_marks_and_the_note_says_why():
    tex = table(number=1)
    assert "rlap" not in tex and r"\pm" not in tex.partition(r"\bottomrule")[0]
    assert "No cell is marked as different from another: one run has no spread; raise" in tex


def test_the_papers_numbers_are_on_a_line_of_their_own():
    tex = table(paper={("full", "det"): 58.3, ("few", "det"): 54.6})
    lines = [line for line in tex.splitlines() if line.startswith(r"\quad as published")]
    first, last = ([cell.strip() for cell in line[:-3].split("&")][1:] for line in lines)
    assert first == ["", "54.6", "", ""]
    assert last == [r"\multicolumn{2}{c}{58.3}", r"\multicolumn{2}{c}{}"]
    assert "As published: what the paper states" in tex
    assert "published" not in table()


def networks():
    layout = {key: BUDGETS[key] for key in ("tasks", "metrics", "replicates")}
    return layout | {
        "name": "table-networks",
        "builder": "networks",
        "architectures": ["small", "large"],
        "subsets": ["full", "few", "scratch"],
    }


def test_networks_have_two_titles_and_bold_cells():
    made, compared, settings = material(networks(), values_of(), archs=("small", "large"))
    made = Made(made.frame.drop(columns="paper"), {}, {}, [], {("large few", "sun")})
    tex = table_latex(networks(), made, compared, settings)
    assert r"\begin{tabular}{llrr}" in tex
    (line,) = [line for line in tex.splitlines() if line.startswith("large & few")]
    assert line.endswith(r"\textbf{41.0 $\pm$ 0.2}\rlap{$^{\dagger\ast}$} \\")
    assert "compared with small full and with the random start of its architecture" in tex
    assert "Bold: better than every other network" in tex


def test_the_document_compiles_with_any_text_in_it(tmp_path):
    """Every ASCII sign and all Latin letters, where a table or a caption may have them."""
    letters = " ".join(map(chr, [*range(0x21, 0x7F), *range(0xA1, 0x180)]))
    titled = BUDGETS | {"columns": [letters, "1/8"]}
    outputs = {"table2": titled, "table-networks": networks()}
    made, compared, settings = material(titled, values_of(), {("full", "det"): 1.0})
    (tmp_path / "table2.tex").write_text(table_latex(titled, made, compared, settings))
    made, compared, settings = material(networks(), values_of(), archs=("small", "large"))
    tex = table_latex(networks(), made, compared, settings)
    (tmp_path / "table-networks.tex").write_text(tex)
    settings |= {"outputs": outputs, "study": STUDY | {"name": letters}}
    (tmp_path / "study.tex").write_text(study_latex(settings, outputs, []))
    assert "Overfull" not in compiled(tmp_path)


def test_the_document_numbers_tables_and_figures_as_the_study_does():
    layout = {"builder": "curve", "tasks": ["det"], "along": "classes"}
    outputs = {"table2": BUDGETS, "figure9": layout, "figure-mine": layout}
    text = study_latex({"study": STUDY, "outputs": outputs}, ["table2"], ["figure9", "figure-mine"])
    assert re.findall(r"\\the(?:table|figure)\}\{([\w-]+)\}", text) == ["2", "9", "mine"]
    assert r"\input{table2.tex}" in text and r"\drawing{figure-mine.pdf}" in text
    words = BUILDERS["budgets"].caption.format(tasks="det, sun", equal="equal")
    assert rf"\caption{{{words}}}" in text
    assert "not with the paper" in text
