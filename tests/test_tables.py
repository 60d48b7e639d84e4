"""Tables: every cell from exactly its runs, spread by n - 1, the paper's numbers only where it states them."""

import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.tables import PAPER_NUMBERS, cell, collect_runs, write_table

LAYOUT = {
    "name": "table2",
    "builder": "budgets",
    "tasks": ["pascal-det"],
    "columns": ["1/2"],
    "rows": [{"title": "more classes", "subsets": ["images-500"]}],
    "references": ["imagenet", "scratch"],
    "metrics": {"pascal-det": "mAP"},
    "replicates": {"pascal-det": 3},
    "paper": True,
}


def record(folder, subset, rep, value):
    path = folder / f"{subset}-{rep}.json"
    facts = {"stage": "transfer", "arch": "alexnet", "subset": subset, "task": "pascal-det", "rep": rep, "seed": rep}
    metrics = [{"metric": "mAP", "value": value, "unit": "%"}, {"metric": "AP/cat", "value": 1.0, "unit": "%"}]
    write_json(path, facts | {"metrics": metrics, "fingerprint": "f", "wall_s": 1.0, "provenance": {"commit": "c"}})
    return path


@pytest.fixture
def inputs(tmp_path):
    values = {"images-500": (56.0, 57.0, 58.5), "imagenet": (58.0, 58.3, 58.6), "scratch": (10.0, 11.0, 12.0)}
    metrics = [record(tmp_path, s, rep, v) for s, reps in values.items() for rep, v in enumerate(reps, 1)]
    manifests = []
    for subset, images in (("images-500", 500000), ("imagenet", 1281167)):
        write_json(tmp_path / f"{subset}.json", {"n_classes": 1000, "n_images": images})
        manifests.append(tmp_path / f"{subset}.json")
    return metrics, manifests


def make(tmp_path, inputs, layout=LAYOUT):
    write_table(layout, *inputs, tmp_path / "table2.csv", tmp_path / "table2.md")
    return pd.read_csv(tmp_path / "table2.csv").set_index("subset"), (tmp_path / "table2.md").read_text()


def test_a_cell_is_mean_spread_and_count():
    assert cell([1.0, 2.0, 4.0]) == {"mean": pytest.approx(7 / 3), "std": pytest.approx(1.5275252), "n": 3}
    assert cell([5.0]) == {"mean": 5.0, "std": "", "n": 1}


def test_the_table_shows_runs_and_the_papers_numbers(tmp_path, inputs):
    table, text = make(tmp_path, inputs)
    assert table.loc["images-500", ["mean", "std", "n", "paper"]].tolist() == pytest.approx(
        [57.1666667, 1.2583057, 3, 57.0]
    )
    assert table.loc["imagenet", "paper"] == 58.3
    assert pd.isna(table.loc["scratch", ["n_classes", "n_images", "paper"]]).all()
    assert "| more classes | 57.2 ± 1.3 [57.0] |" in text
    assert "| scratch | 11.0 ± 1.0 |" in text


def test_the_papers_numbers_stay_out_of_other_studies(tmp_path, inputs):
    table, text = make(tmp_path, inputs, LAYOUT | {"paper": False})
    assert table["paper"].isna().all()
    assert "[" not in text


def test_a_missing_run_is_an_error(tmp_path, inputs):
    metrics, manifests = inputs
    with pytest.raises(UserError, match="imagenet, pascal-det has 2 runs with the metric mAP instead of 3"):
        make(tmp_path, ([p for p in metrics if p.stem != "imagenet-2"], manifests))


def test_a_damaged_record_is_named(tmp_path, inputs):
    inputs[0][0].write_text('{"metrics": [')
    with pytest.raises(UserError, match=r"images-500-1\.json cannot be read"):
        collect_runs(inputs[0])


def test_the_published_numbers_are_those_of_the_protocol():
    numbers = pd.read_csv(PAPER_NUMBERS).set_index(["subset", "task"])["value"].to_dict()
    det = {"imagenet": 58.3, "images-500": 57.0, "images-250": 54.6, "pascal-removed": 57.8, "places": 53.8}
    assert numbers == {(subset, "pascal-det"): value for subset, value in det.items()}


def test_tables_1_and_3_have_a_row_a_subset(tmp_path, inputs):
    layout = LAYOUT | {"name": "table3", "builder": "transfer", "subsets": ["imagenet", "images-500"]}
    _, text = make(
        tmp_path, inputs, {key: layout[key] for key in layout if key not in ("rows", "columns", "references")}
    )
    lines = text.splitlines()
    assert lines[0] == "# Table 3"
    assert lines[2] == "| Pre-trained on | pascal-det (mAP) |"
    assert [line.split(" |")[0] for line in lines[4:6]] == ["| imagenet", "| images-500"]
