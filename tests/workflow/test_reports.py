"""Snakemake's report and the files for a paper, of a finished study and without running it again."""

import re
import shutil
import zipfile

import pytest
from helpers import compiled

from imagenet_transfer.figures.builders import caption
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

pytestmark = pytest.mark.slow


def layout_of(project, output):
    schema = project.code / "workflow/schemas/config.schema.yaml"
    config = read_config(project.folder / "study.yaml")
    config["classes"] = str(project.folder / config["classes"])
    return Study.of(config, schema).output_layout(output)


def test_one_table_is_reported_with_its_words(project, tmp_path):
    page = tmp_path / "table2.html"
    project.run("results/table2.csv", "--report", page)
    text = page.read_text()
    assert caption(layout_of(project, "table2")) in text
    assert '"Tables"' in text and '"Table 2"' in text and '"Figures"' not in text
    assert "data:text/csv;charset=utf8;filename=table2.csv;base64," in text
    assert "results/figure1.png" not in text
    assert not re.search(r"(?:src|href)=.https?:", text)  # opens without a network


def test_everything_is_reported_from_the_folder_of_the_catalogue(project, tmp_path):
    where = f"--directory {project.folder} --configfile {project.folder}/study.yaml --cores 1"
    snakefile = project.code / "workflow/Snakefile"
    project.run_line(f"--report {tmp_path}/all.zip --snakefile {snakefile} {where}")
    with zipfile.ZipFile(tmp_path / "all.zip") as report:
        names = {name.rpartition("/")[2]: name for name in report.namelist()}
        text = report.read("all/report.html").decode()
        assert report.read(names["table2.csv"]) == project.read("table2.csv")
    for output in ("table1", "figure1", "figure9", "coarse-limit"):
        assert caption(layout_of(project, output)) in text
    for category in ("Tables", "Figures", "Findings", "Study"):
        assert f'"{category}"' in text
    assert "What makes ImageNet good for transfer learning?" in text
    assert "compare its rows with each other, not with the paper" in text
    assert {"figure1.svg", "correlation-points.csv", "findings.csv", "power.csv"} <= names.keys()


def test_a_missing_output_is_named(project, tmp_path):
    (project.folder / "results/figure7.svg").unlink()
    said = project.run("--report", tmp_path / "all.html", expect=1)
    assert "results/figure7.svg marked for report but does not exist" in said
    assert not (tmp_path / "all.html").exists()


def test_tables_and_figures_for_a_paper(project, tmp_path):
    assert not any(rule.endswith("pdf") or "latex" in rule for rule in project.plan())
    project.run("paper_tables")
    paper = project.folder / "results/paper"
    layouts = {name: layout_of(project, name) for name in ("table2", "figure1")}
    written = {path.name for path in paper.iterdir()}
    assert {"study.tex", "table1.tex", "table-context.tex", "figure5.pdf", "figure7.pdf"} <= written
    table = (paper / "table2.tex").read_text()
    markdown = project.read("table2.md").decode().partition("In percent")[0]
    numbers = re.findall(r"\d+\.\d", table.partition(r"\midrule")[2].partition(r"\bottomrule")[0])
    assert numbers == re.findall(r"\d+\.\d", markdown)
    assert "Nothing is tested on sun-cls: one run has no spread" in table
    assert caption(layouts["figure1"]) in (paper / "study.tex").read_text()
    assert "Nothing to be done" in project.run("paper_tables")
    assert project.plan() == {}

    before = {name: (paper / name).read_bytes() for name in ("figure1.pdf", "figure8.pdf")}
    project.run("--force", *(f"results/paper/{name}" for name in before))
    for name, drawn in before.items():
        assert (paper / name).read_bytes() == drawn
        assert b"CreationDate" not in drawn
        assert b"/Type3" not in drawn and b"/FontFile2" in drawn
    shutil.copytree(paper, tmp_path / "paper")
    compiled(tmp_path / "paper")
