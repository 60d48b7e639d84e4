"""The workflow as users run it: one whole study of a minute, what it leaves, and after a kill."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter

import pandas as pd
import pytest

from imagenet_transfer.files import read_json, sha256_of
from imagenet_transfer.labels.manifests import read_manifest

pytestmark = pytest.mark.slow
NETWORKS = {  # as outputs need
    **{"coarse": 2, "imagenet": 2, "images-4": 2, "minimal-a": 2, "minimal-b": 2},
    "places": 1,
}


def test_the_table_holds_every_cell_with_its_replicates(finished):
    table = pd.read_csv(finished.folder / "results/table2.csv")
    assert list(table) == [
        "subset",
        "n_classes",
        "n_images",
        "task",
        "metric",
        "mean",
        "std",
        "n",
        "paper",
    ]
    cells = {(row.subset, row.task): row.n for row in table.itertuples()}
    subsets = ("images-4", "imagenet", "scratch")
    tasks = {"pascal-det": 2, "sun-cls": 1}
    assert cells == {(subset, task): n for subset in subsets for task, n in tasks.items()}
    assert table.set_index("subset").loc["images-4", "n_images"].tolist() == [24, 24]
    assert table["paper"].isna().all()
    assert "more classes" in finished.read("table2.md").decode()
    assert (finished.folder / "results/miniature.png").stat().st_size > 10_000


def test_every_number_can_be_traced(finished):
    runs = pd.read_csv(finished.folder / "results/runs.csv")
    names = "stage arch subset task rep seed metric value unit fingerprint commit wall_s"
    assert list(runs) == names.split()
    assert runs[["seed", "fingerprint", "commit", "value"]].notna().all(axis=None)
    record = read_json(
        finished.folder / "results/transfer/pascal-det/alexnet/imagenet/rep2/metrics.json"
    )
    assert {"python", "torch", "numpy"} <= set(record["provenance"]["versions"])
    assert record["provenance"]["device"]
    mean = runs[
        (runs["task"] == "pascal-det") & (runs["subset"] == "imagenet") & (runs["metric"] == "mAP")
    ]["value"].mean()
    table = pd.read_csv(finished.folder / "results/table2.csv").set_index(["subset", "task"])
    assert table.loc[("imagenet", "pascal-det"), "mean"] == pytest.approx(mean)


def test_no_state_is_left_behind(finished):
    assert not list(finished.folder.rglob("state.pt")) + list(finished.folder.rglob("*.tmp"))


def test_a_second_run_has_nothing_to_do(project):
    assert "Nothing to be done" in project.run()


def test_every_output_is_there(finished):
    names = {path.name for path in (finished.folder / "results").iterdir() if path.is_file()}
    own = {
        f"{name}.{suffix}"
        for name in ("correlation", "coarse-limit", "examples-det", "examples-act")
        for suffix in ("png", "svg", "csv")
    }
    own |= {"correlation-points.csv"}
    assert own <= names
    names -= own
    figures = {f"figure{n}.{suffix}" for n in range(1, 10) for suffix in ("png", "svg")}
    figures |= {f"figure{n}.csv" for n in (1, 2, 4, 5, 6, 9)}
    figures |= {f"figure-all-layers.{suffix}" for suffix in ("png", "svg", "csv")}
    tables = {
        f"{name}.{suffix}"
        for name in ("table1", "table2", "table3", "table-context")
        for suffix in ("csv", "md")
    }
    others = {
        "runs.csv",
        "comparison.csv",
        "findings.csv",
        "power.csv",
        "report.html",
        "miniature.png",
        "config.yaml",
    }
    assert names == figures | tables | others


def test_networks_that_outputs_share_are_trained_once(finished):
    trained = Counter(
        path.parts[-3]
        for path in finished.folder.glob("results/pretrain/alexnet/*/rep*/weights.pt")
    )
    assert trained == NETWORKS
    runs = pd.read_csv(finished.folder / "results/runs.csv").drop_duplicates(
        ["subset", "task", "rep", "stage"]
    )
    assert runs["stage"].value_counts().to_dict() == {"transfer": 25, "pretrain": 11}


def test_claims_and_the_papers_numbers_are_said_not_to_compare(finished):
    findings = pd.read_csv(finished.folder / "results/findings.csv")
    assert findings["comparable"].str.startswith("within this study only").all()
    assert set(findings["verdict"]) <= {"holds", "does not", "cannot tell"}
    comparison = pd.read_csv(finished.folder / "results/comparison.csv")
    assert comparison["difference"].isna().all()
    assert comparison["note"].str.contains("comparing makes no sense").all()
    page = finished.read("report.html").decode()
    assert all(f"Figure {n}" in page for n in range(1, 10))
    assert not re.search(r"(?:src|href)=.https?:", page)


def record(project, folder):
    return read_json(project.folder / "results" / folder / "metrics.json")


def test_fine_tuning_started_from_the_network_of_its_replicate(finished):
    for subset in ("imagenet", "images-4"):
        networks = [record(finished, f"pretrain/alexnet/{subset}/rep{rep}") for rep in (1, 2)]
        runs = [
            record(finished, f"transfer/pascal-det/alexnet/{subset}/rep{rep}") for rep in (1, 2)
        ]
        assert [run["inputs"]["weights"] for run in runs] == [
            network["weights"] for network in networks
        ]
        assert [run["network"] for run in runs] == [1, 2]
        files = [
            finished.folder / f"results/pretrain/alexnet/{subset}/rep{rep}/weights.pt"
            for rep in (1, 2)
        ]
        assert [sha256_of(path) for path in files] == [network["weights"] for network in networks]
        assert networks[0]["weights"] != networks[1]["weights"]
    scratch = record(finished, "transfer/pascal-det/alexnet/scratch/rep2")
    assert (scratch["inputs"]["weights"], scratch["network"]) == (None, "")


def test_replicates_learn_draws_of_their_own_where_something_is_drawn(finished):
    manifests = finished.folder / "results/manifests"
    assert sorted(path.name for path in (manifests / "rep2").iterdir()) == [
        "images-4.csv.gz",
        "images-4.json",
    ]
    draws = [
        set(read_manifest(manifests / part / "images-4.csv.gz").rows["image"])
        for part in ("", "rep2")
    ]
    assert len(draws[0]) == len(draws[1]) == 24
    assert draws[0] != draws[1]
    networks = [record(finished, f"pretrain/alexnet/images-4/rep{rep}") for rep in (1, 2)]
    digests = [read_json(manifests / part / "images-4.json")["digest"] for part in ("", "rep2")]
    assert [network["inputs"]["manifest"] for network in networks] == digests
    whole = [record(finished, f"pretrain/alexnet/imagenet/rep{rep}") for rep in (1, 2)]
    assert whole[0]["inputs"] == whole[1]["inputs"]
    assert whole[0]["seed"] != whole[1]["seed"]
    assert [network["seed"] for network in whole] == [
        network["seed"] for network in networks
    ]  # in pairs


def test_figures_have_a_row_for_each_replicate(finished):
    frames = {n: pd.read_csv(finished.folder / f"results/figure{n}.csv") for n in (4, 6)}
    assert all(sorted(set(frame["rep"])) == [1, 2] for frame in frames.values())
    assert (
        frames[6].groupby("class_wnid")["similarity"].nunique() <= 1
    ).all()  # by pixels: the same in all replicates
    bars = pd.read_csv(finished.folder / "results/figure9.csv")
    assert bars.groupby("network")["n"].unique().map(list).to_dict() == {
        "everything": [1],
        "half": [1],
        "own": [2],
    }


def test_a_killed_workflow_continues_to_the_same_table(project):
    table = project.read("table2.csv")
    runs = project.read("runs.csv")
    shutil.rmtree(project.folder / "results")
    running = subprocess.Popen(
        project.command("results/table2.csv", "results/runs.csv"),
        env=project.environment,
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    weights = project.folder / "results/pretrain/alexnet/imagenet/rep1/weights.pt"
    limit = time.monotonic() + 120
    while not weights.exists() and time.monotonic() < limit:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (project.folder / "results/table2.csv").exists()
    project.run("--unlock")
    project.run("results/table2.csv", "results/runs.csv")
    assert project.read("table2.csv") == table
    values = [
        pd.read_csv(project.folder / "results/runs.csv"),
        pd.read_csv(pd.io.common.BytesIO(runs)),
    ]
    assert values[0].drop(columns="wall_s").equals(values[1].drop(columns="wall_s"))
