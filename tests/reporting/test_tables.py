"""Tables: cells of exactly their runs, spread by n - 1, the paper's numbers where it has any."""

import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.html_blocks import markdown_html
from imagenet_transfer.reporting.markdown import cells_of
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
    """Write the metrics.json of a run, whose AP of cats is 1; return its path."""
    path = folder / f"{subset}-{rep}.json"
    facts = {"stage": "transfer", "arch": "alexnet", "subset": subset, "task": "pascal-det"}
    facts |= {"rep": rep, "seed": rep, "fingerprint": "f", "wall_s": 1.0}
    values = {"mAP": value, "AP/cat": 1.0}
    metrics = [{"metric": name, "value": number, "unit": "%"} for name, number in values.items()]
    write_json(path, facts | {"metrics": metrics, "provenance": {"commit": "c"}})
    return path


VALUES = {
    "images-500": (56.0, 57.0, 58.5),
    "imagenet": (58.0, 58.3, 58.6),
    "scratch": (10.0, 11.0, 12.0),
}


@pytest.fixture
def inputs(tmp_path):
    metrics = [
        record(tmp_path, subset, rep, value)
        for subset, of_subset in VALUES.items()
        for rep, value in enumerate(of_subset, start=1)
    ]
    manifests = []
    for subset, images in (("images-500", 500000), ("imagenet", 1281167)):
        write_json(tmp_path / f"{subset}.json", {"n_classes": 1000, "n_images": images})
        manifests.append(tmp_path / f"{subset}.json")
    return metrics, manifests


def make(tmp_path, inputs, layout=LAYOUT):
    """Return a table's frame by subset, and its Markdown."""
    csv = tmp_path / "table2.csv"
    markdown = tmp_path / "table2.md"
    write_table(layout, *inputs, csv, markdown)
    return pd.read_csv(csv).set_index("subset"), markdown.read_text()


def transfer(*subsets):
    """Return the layout of a table with one row per subset."""
    dropped = ("rows", "columns", "references")
    layout = {key: value for key, value in LAYOUT.items() if key not in dropped}
    return layout | {"name": "table3", "builder": "transfer", "subsets": list(subsets)}


def test_a_cell_is_mean_spread_and_count():
    found = cell([1.0, 2.0, 4.0])
    assert found == {"mean": pytest.approx(7 / 3), "std": pytest.approx(1.5275252), "n": 3}
    assert cell([5.0]) == {"mean": 5.0, "std": "", "n": 1}


def test_the_table_shows_runs_and_the_papers_numbers(tmp_path, inputs):
    table, text = make(tmp_path, inputs)
    half = table.loc["images-500", ["mean", "std", "n", "paper"]].tolist()
    assert half == pytest.approx([57.1666667, 1.2583057, 3, 57.0])
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
    metrics = [path for path in metrics if path.stem != "imagenet-2"]
    refusal = "imagenet, pascal-det has 2 runs with the metric mAP instead of 3"
    with pytest.raises(UserError, match=refusal):
        make(tmp_path, (metrics, manifests))


def test_a_damaged_record_is_named(tmp_path, inputs):
    inputs[0][0].write_text('{"metrics": [')
    with pytest.raises(UserError, match=r"images-500-1\.json cannot be read"):
        collect_runs(inputs[0])


def test_the_published_numbers_are_those_of_the_protocol():
    numbers = pd.read_csv(PAPER_NUMBERS).set_index(["subset", "task"])["value"].to_dict()
    det = {"imagenet": 58.3, "images-500": 57.0, "images-250": 54.6}
    det |= {"pascal-removed": 57.8, "places": 53.8}
    assert numbers == {(subset, "pascal-det"): value for subset, value in det.items()}


def test_tables_1_and_3_have_one_row_per_subset(tmp_path, inputs):
    _, text = make(tmp_path, inputs, transfer("imagenet", "images-500"))
    lines = text.splitlines()
    assert lines[0] == "# Table 3"
    assert lines[2] == "| Pre-trained on | pascal-det (mAP) |"
    assert [line.split(" |")[0] for line in lines[4:6]] == ["| imagenet", "| images-500"]
    assert lines[6] == ""


def test_titles_move_no_cells(tmp_path, inputs):
    title = r"more | classes \ \| of" + "\n| all\n\nkinds"
    rows = [{"title": title, "subsets": ["images-500"]}]
    _, text = make(tmp_path, inputs, LAYOUT | {"columns": ["1|2"], "rows": rows})
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [len(cells_of(line)) for line in lines] == [2] * 7
    assert cells_of(lines[0]) == ["At the same number of images", "pascal-det (mAP), 1|2"]
    assert cells_of(lines[2]) == [" ".join(title.split()), "57.2 ± 1.3 [57.0]"]
    header = f'<th scope="row">{" ".join(title.split())}</th>'
    html = markdown_html(text, "table2")
    assert f'{header}<td class="number">57.2 ± 1.3 [57.0]</td></tr>' in html


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_metric_that_is_not_finite_is_named(tmp_path, inputs, value):
    path = inputs[0][0]
    path.write_text(path.read_text().replace("56.0", value))
    refusal = r"images-500-1\.json: the metric mAP is (nan|inf)\. Check .*; then delete the file"
    with pytest.raises(UserError, match=refusal):
        make(tmp_path, inputs)


def test_tables_show_the_metric_that_is_asked_for(tmp_path, inputs):
    table, text = make(tmp_path, inputs, LAYOUT | {"metrics": {"pascal-det": "AP/cat"}})
    assert table["mean"].tolist() == [1.0] * 3
    assert table["paper"].isna().all()  # the paper's numbers are those of another metric
    assert "pascal-det (AP/cat)" in text
    refusal = "images-500, pascal-det have no metric 'AP/dog', but AP/cat, mAP: change `metric`"
    with pytest.raises(UserError, match=refusal):
        make(tmp_path, inputs, LAYOUT | {"metrics": {"pascal-det": "AP/dog"}})


def two_rows(tmp_path, inputs, images):
    """Return the inputs and the layout of a table with a second row of `images` images."""
    metrics, manifests = inputs
    metrics += [record(tmp_path, "classes-500", rep, 50.0 + rep) for rep in (1, 2, 3)]
    numbers = {"n1": 990, "n2": 732}
    short = [{"class": key, "wanted": 1000, "available": n} for key, n in numbers.items()]
    summary = tmp_path / "classes-500.json"
    write_json(summary, {"n_classes": 500, "n_images": images, "short": short})
    rows = [*LAYOUT["rows"], {"title": "more images", "subsets": ["classes-500"]}]
    return (metrics, [*manifests, summary]), LAYOUT | {"rows": rows}


@pytest.mark.parametrize("images", [640_000, 505_001, 495_049])
def test_budgets_that_differ_by_more_than_a_hundredth_are_refused(tmp_path, inputs, images):
    inputs, layout = two_rows(tmp_path, inputs, images)
    with pytest.raises(UserError) as caught:
        make(tmp_path, inputs, layout)
    said = str(caught.value)
    assert "outputs.table2: the subsets of the column '1/2' have different" in said
    assert f"(images-500: 500,000; classes-500: {images:,})" in said
    assert "`unequal: true`" in said
    assert not (tmp_path / "table2.md").exists()


def test_budgets_that_are_meant_to_be_unequal_show_their_numbers(tmp_path, inputs):
    inputs, layout = two_rows(tmp_path, inputs, 640_000)
    _, text = make(tmp_path, inputs, layout | {"unequal": True})
    assert "same number" not in text
    assert "| more classes (500,000) | 57.2" in text
    assert "| more images (640,000) | 52.0" in text


@pytest.mark.parametrize("images", [499_722, 505_000, 495_050])
def test_budgets_may_differ_by_a_hundredth_and_say_which_classes_fall_short(
    tmp_path, inputs, images
):
    given, layout = two_rows(tmp_path, inputs, images)
    _, text = make(tmp_path, given, layout)
    assert "| At the same number of images |" in text
    assert "(classes-500: 2 of them with fewer than 1,000, 278 images short in all)" in text
    assert "differ in size" not in text


def test_sets_of_different_size_are_said_to_be(tmp_path, inputs):
    _, text = make(tmp_path, inputs, transfer("imagenet", "images-500", "scratch"))
    assert "Pre-training sets: imagenet: 1000 classes, 1,281,167 images; images-500: " in text
    assert "images-500: 1000 classes, 500,000 images." in text
    assert "The sets differ in size: 500,000 to 1,281,167 images." in text
    _, text = make(tmp_path, inputs, transfer("imagenet", "scratch"))
    assert "differ in size" not in text


def test_a_random_start_has_no_pretraining_set(tmp_path, inputs):
    _, text = make(tmp_path, inputs, transfer("scratch"))
    assert "re-training sets" not in text
    assert "| scratch | 11.0 ± 1.0 |" in text
    assert text.endswith("pascal-det: too few cells to tell the noise of a difference.\n")


def test_a_cell_may_be_known_to_have_fewer_runs(tmp_path, inputs):
    metrics, manifests = inputs
    once = [path for path in metrics if path.stem not in ("imagenet-2", "imagenet-3")]
    layout = LAYOUT | {"fewer": {"pascal-det": {"imagenet": 1}}}
    frame, text = make(tmp_path, (once, manifests), layout)
    assert frame.loc[["images-500", "imagenet"], "n"].tolist() == [3, 1]
    assert "over replicates (pascal-det: 3)" in text
    assert "give one number per network, and there is one network of imagenet." in text
    with pytest.raises(UserError, match="imagenet, pascal-det has 1 runs"):
        make(tmp_path, (once, manifests))
    with pytest.raises(UserError, match="imagenet, pascal-det has 3 runs"):
        make(tmp_path, inputs, layout)
