"""A finished study as an RO-Crate: what is in it, and that validators accept it."""

import csv
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from helpers import write_file
from study_configs import MEASURES

from imagenet_transfer.commands.commands import main
from imagenet_transfer.reporting import finished
from imagenet_transfer.study.defaults import completed
from imagenet_transfer.study.study import Study

pytest.importorskip("rocrate", reason="rocrate is not installed (the extra crate)")

VERSIONS = {"imagenet-transfer": "0.5.0", "python": "3.11.7", "torch": "2.14.1", "scipy": "absent"}
SUMMARIES = ("runs.csv", "comparison.csv", "findings.csv", "power.csv", "report.html")


def record_of(run) -> dict:
    """Return what a run's metrics.json holds, as far as a crate reads it."""
    task = getattr(run, "task", "")
    provenance = {"commit": "c0ffee", "versions": VERSIONS, "finished": "2026-11-29T12:00:00+00:00"}
    return {
        "stage": "transfer" if task else "pretrain",
        "arch": run.architecture,
        "subset": run.subset,
        "rep": run.replicate,
        "wall_s": 90.5,
        "settings": {"seed": 2**62 + 1, "recipe": {"lr": 0.1}},
        "provenance": provenance,
        **({"task": task, "network": run.replicate} if task else {}),
        **({"given": {}} if run.subset == "bought" and not task else {}),
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of results of a small study, made by hand."""
    folder = tmp_path_factory.mktemp("study") / "results"
    config = completed(yaml.safe_load(MEASURES))
    study = Study.of(config, ROOT / "workflow/schemas/config.schema.yaml")
    for run in study.all_runs():
        stage = "/".join(filter(None, ("transfer", getattr(run, "task", ""))))
        stage = stage if hasattr(run, "task") else "pretrain"
        place = folder / stage / run.architecture / run.subset / f"rep{run.replicate}"
        write_file(place / "metrics.json", json.dumps(record_of(run)))
        write_file(place / "history.csv", "iteration,loss\n")
        write_file(place / ("images.csv.gz" if hasattr(run, "task") else "weights.pt"))
    for name in ("table-flowers.csv", "table-flowers.md", *SUMMARIES):
        os.utime(write_file(folder / name), (1.8e9, 1.8e9))
    write_file(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    return folder


def graph(crate: Path) -> dict[str, dict]:
    """Return the entities of a crate by identifier."""
    content = json.loads((crate / "ro-crate-metadata.json").read_text())
    return {entity["@id"]: entity for entity in content["@graph"]}


def ids(value) -> set[str]:
    return {entry["@id"] for entry in (value if isinstance(value, list) else [value])}


@pytest.fixture(scope="module")
def crate(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("crates") / "crate"
    assert main(["crate", str(results), str(out), "--agent", "Ada Lovelace"]) == 0
    return out


def test_it_has_what_was_found_and_how(crate, results):
    entities = graph(crate)
    files = {str(path.relative_to(crate)) for path in crate.rglob("*") if path.is_file()}
    described = {key for key, entity in entities.items() if "File" in entity["@type"]}
    assert files - {"ro-crate-metadata.json"} == described
    for path in results.rglob("*.json"):
        assert f"results/{path.relative_to(results)}" in files
    assert {"results/table-flowers.md", "results/config.yaml", "results/report.html"} <= files
    assert {"Snakefile", "workflow/rules/reporting.smk", "workflow/scripts/pretrain.py"} <= files
    assert not any(name.endswith((".pt", ".gz", ".pyc")) for name in files)


def test_the_workflow_is_the_main_entity(crate):
    entities = graph(crate)
    root = entities["./"]
    workflow = entities[root["mainEntity"]["@id"]]
    assert workflow["@id"] == "Snakefile" and "ComputationalWorkflow" in workflow["@type"]
    assert entities[workflow["programmingLanguage"]["@id"]]["name"] == "Snakemake"
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert entities[workflow["creator"]["@id"]]["name"] == cited["authors"][0]["name"]
    assert entities[root["license"]["@id"]]["name"] == "MIT licence"
    assert entities[root["author"]["@id"]]["name"] == "Ada Lovelace"
    names = {entities[key]["name"] for key in ids(workflow["softwareRequirements"])}
    assert names == {"python", "torch"}


def test_tables_have_their_runs_times_and_settings(crate):
    entities = graph(crate)
    action = entities["#step-table-flowers"]
    assert ids(action["result"]) == {"results/table-flowers.csv", "results/table-flowers.md"}
    assert action["instrument"]["@id"] == "workflow/scripts/make_table.py"
    assert entities[action["agent"]["@id"]]["name"] == "Ada Lovelace"
    assert action["endTime"] == "2027-01-15T08:00:00+00:00"
    used = ids(action["object"])
    records = {key for key in used if key.endswith("metrics.json")}
    assert records == {key for key in entities if key.endswith("metrics.json")}
    assert entities["#table-flowers-builder"]["value"] == "transfer"
    assert json.loads(entities["#table-flowers-subsets"]["value"]) == ["own", "bought", "scratch"]


def test_each_run_has_its_script_network_and_hours(crate):
    entities = graph(crate)
    scripts = {"tuned": "finetune", "near": "measure", "probed": "measure"}
    for task, script in scripts.items():
        action = entities[f"#step-{task}-small-own-rep2"]
        assert action["instrument"]["@id"] == f"workflow/scripts/{script}.py"
        assert "results/pretrain/small/own/rep2/metrics.json" in ids(action["object"])
        assert action["startTime"] == "2026-11-29T11:58:29+00:00"
        assert action["endTime"] == "2026-11-29T12:00:00+00:00"
    assert entities["#step-pretrain-small-own-rep2"]["instrument"]["@id"].endswith("/pretrain.py")
    imported = entities["#step-pretrain-small-bought-rep1"]
    assert imported["instrument"]["@id"].endswith("/import_network.py")
    assert entities["#tuned-small-own-rep2-seed"]["value"] == str(2**62 + 1)
    assert not any(
        key.endswith("metrics.json")
        for key in ids(entities["#step-tuned-small-scratch-rep1"]["object"])
    )


def test_a_zip_with_everything(results, tmp_path):
    out = tmp_path / "crate.zip"
    assert main(["crate", str(results), str(out), "--large"]) == 0
    assert main(["crate", str(results), str(out), "--large"]) == 0
    names = zipfile.ZipFile(out).namelist()
    assert "results/pretrain/small/own/rep1/weights.pt" in names
    assert "ro-crate-metadata.json" in names and [path.name for path in tmp_path.iterdir()] == [
        "crate.zip"
    ]


WRONG = {
    "none": "none/config.yaml is missing",
    "unfinished": "lacks 2 things that its config declares (first: small own tuned 1, power.csv)",
    "there": "is there already: name a new folder",
    "wheel": "Snakefile is missing: name the folder of results, and with --workflow",
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_get_a_sentence(case, results, tmp_path, capsys, monkeypatch):
    shutil.copytree(results, tmp_path / "results")
    words = ["results", "out"]
    if case == "none":
        words = ["none", "out"]
    if case == "unfinished":
        (tmp_path / "results/power.csv").unlink()
        (tmp_path / "results/transfer/tuned/small/own/rep1/metrics.json").unlink()
    if case == "there":
        (tmp_path / "out").mkdir()
    if case == "wheel":
        words += ["--workflow", "."]
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert main(["crate", *words]) == 1
    assert WRONG[case] in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_summaries_and_scripts_are_those_of_the_workflow():
    rules = (ROOT / "workflow/rules/reporting.smk").read_text()
    lookups = (ROOT / "workflow/rules/lookups/reporting.smk").read_text()
    for file, script in finished.SUMMARIES.items():
        assert f'"{file}"' in lookups
        rule = rules.partition(f"rule {script}:")[2].partition("\nrule ")[0]
        assert f"results/{file}" in rule and f"../scripts/{script}.py" in rule
    (names,) = re.findall(r"SUMMARIES = \[.*?in \((.*?)\)", lookups, re.S)
    assert set(re.findall(r'"(.*?)"', names)) == finished.SUMMARIES.keys()


# --- the validator --------------------------------------------------------------------------------


def context_of_1_1() -> dict:
    """Return the terms of RO-Crate 1.1, made from those that rocrate carries, of a later version.

    The ones that differ are as https://w3id.org/ro/crate/1.1/context has them.
    """
    import rocrate

    carried = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    bioschemas = "https://bioschemas.org"
    return json.loads(carried.read_text())["@context"] | {
        "ComputationalWorkflow": f"{bioschemas}/ComputationalWorkflow",
        "FormalParameter": f"{bioschemas}/FormalParameter",
        "input": f"{bioschemas}/ComputationalWorkflow#input",
        "output": f"{bioschemas}/ComputationalWorkflow#output",
    }


def answer_of_the_context(*_, **__):
    """Return the answer of the server that has the terms."""
    import requests

    answer = requests.Response()
    answer.status_code = 200
    answer.headers["Content-Type"] = "application/ld+json"
    answer._content = json.dumps({"@context": context_of_1_1()}).encode()
    return answer


def problems(crate: Path, profile: str, monkeypatch, tmp_path: Path) -> list[str]:
    """Return what the validator requires and misses, without a network."""
    services = pytest.importorskip(
        "rocrate_validator.services", reason="roc-validator is not installed"
    )
    from rocrate_validator.utils.http import HttpRequester

    monkeypatch.setattr(HttpRequester, "get", answer_of_the_context, raising=False)
    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier=profile,
        requirement_severity="REQUIRED",
        offline=True,
        cache_path=tmp_path / "cache",
    )
    return [issue.message for issue in services.validate(settings).get_issues()]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["ro-crate-1.1", "workflow-ro-crate", "workflow-run-crate"])
def test_the_validator_accepts_it(profile, crate, monkeypatch, tmp_path):
    assert problems(crate, profile, monkeypatch, tmp_path) == []


@pytest.mark.slow
def test_the_validator_would_say_what_is_missing(crate, monkeypatch, tmp_path):
    shutil.copytree(crate, tmp_path / "crate")
    path = tmp_path / "crate/ro-crate-metadata.json"
    content = json.loads(path.read_text())
    for entity in content["@graph"]:
        entity.pop("instrument", None)
    path.write_text(json.dumps(content))
    found = problems(tmp_path / "crate", "workflow-run-crate", monkeypatch, tmp_path)
    assert any("instrument" in message for message in found)


@pytest.mark.slow
def test_a_study_that_ran(request, tmp_path, monkeypatch):
    """All outputs of the small study, with its class list next to its config."""
    results = request.getfixturevalue("finished").folder / "results"
    assert main(["crate", str(results), str(tmp_path / "crate")]) == 0
    entities = graph(tmp_path / "crate")
    with (results / "runs.csv").open(newline="") as file:
        runs = {
            tuple(row[key] for key in ("arch", "subset", "task", "rep"))
            for row in csv.DictReader(file)
        }
    steps = [key for key in entities if key.startswith("#step-") and "-rep" in key]
    assert len(steps) == len(runs) > 10
    assert ids(entities["#step-figure1"]["result"]) >= {
        "results/figure1.png",
        "results/figure1.csv",
    }
    assert problems(tmp_path / "crate", "workflow-run-crate", monkeypatch, tmp_path) == []
