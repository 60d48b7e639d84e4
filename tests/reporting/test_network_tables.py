"""Tables of networks: a row per architecture and subset, bold only where it is clear."""

import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_json
from imagenet_transfer.reporting.html_blocks import markdown_html
from imagenet_transfer.reporting.network_tables import COLUMNS
from imagenet_transfer.reporting.tables import write_table

LAYOUT = {
    "name": "table-networks",
    "builder": "networks",
    "architectures": ["resnet18", "vgg16"],
    "subsets": ["published", "own", "scratch"],
    "tasks": ["sun-cls", "det"],
    "metrics": {"sun-cls": "top1", "det": "mAP"},
    "replicates": {"sun-cls": 3, "det": 1},
    "paper": False,
    "facts": {"published": {"classes": 365, "images": 1000, "source": "a page"}},
}
MEANS = {
    ("resnet18", "published"): (70.0, 50.0),
    ("resnet18", "own"): (60.0, 51.0),
    ("resnet18", "scratch"): (30.0, 5.0),
    ("vgg16", "published"): (61.0, 58.0),
    ("vgg16", "own"): (59.0, 49.0),
    ("vgg16", "scratch"): (31.0, 4.0),
}
STEPS = {"published": (0.1, -0.2, 0.1), "own": (0.2, 0.0, -0.2), "scratch": (-0.1, 0.1, 0.0)}
FACTS = {"seed": 1, "fingerprint": "f", "wall_s": 1.0, "provenance": {"commit": "c"}}


def record(folder, arch, subset, task, rep, value):
    path = folder / f"{arch}-{subset}-{task}-{rep}.json"
    metrics = [{"metric": LAYOUT["metrics"][task], "value": value, "unit": "%"}]
    run = {"stage": "transfer", "arch": arch, "subset": subset, "task": task, "rep": rep}
    write_json(path, FACTS | run | {"metrics": metrics})
    return path


@pytest.fixture
def files(tmp_path):
    """Records of runs, and what tells the sizes of the subsets: a given network and a manifest."""
    metrics = []
    for (arch, subset), (sun, det) in MEANS.items():
        for rep, step in enumerate(STEPS[subset], start=1):
            metrics.append(record(tmp_path, arch, subset, "sun-cls", rep, sun + step))
        metrics.append(record(tmp_path, arch, subset, "det", 1, det))
    manifests = [tmp_path / "own.json"]
    write_json(manifests[0], {"n_classes": 64, "n_images": 3072})
    for arch in LAYOUT["architectures"]:
        manifests.append(tmp_path / f"given-{arch}.json")
        known = {"arch": arch, "subset": "published", "n_classes": 365, "n_images": ""}
        write_json(manifests[-1], known | {"given": {"weights": f"{arch}0123456789"}})
    return metrics, manifests


def made(folder, files, layout=LAYOUT):
    paths = (folder / "table.csv", folder / "table.md")
    write_table(layout, *files, *map(str, paths))
    return pd.read_csv(paths[0]), paths[1].read_text()


def test_a_row_per_cell(tmp_path, files):
    frame, _ = made(tmp_path, files)
    assert list(frame.columns) == list(COLUMNS)
    assert list(zip(frame["architecture"], frame["subset"], strict=True))[::2] == list(MEANS)
    first = frame.iloc[0]
    assert (first["n_classes"], first["n_images"], first["n"]) == (365, 1000, 3)
    assert first["mean"] == pytest.approx(70.0)
    assert frame[frame["subset"] == "scratch"]["n_classes"].isna().all()
    assert frame[frame["task"] == "det"]["std"].isna().all()


def test_the_markdown_names_network_and_set(tmp_path, files):
    _, text = made(tmp_path, files)
    lines = text.splitlines()
    assert lines[0] == "# Table: networks"
    assert lines[2] == "| Network | Pre-trained on | sun-cls (top1) | det (mAP) |"
    assert lines[3] == "| --- | --- | ---: | ---: |"
    assert lines[4] == "| resnet18 | published | **70.0 ± 0.2** | 50.0 |"
    assert lines[7] == "| vgg16 | published | 61.0 ± 0.2 | 58.0 |"  # one run: never bold
    assert "Bold: better than every other network of its column" in text
    assert "estimated from the 4 networks of this table" in text
    assert "published: 365 classes, 1,000 images" in text
    assert "resnet18 published (SHA-256 resnet180123, a page)" in text
    assert "vgg16 published (SHA-256 vgg160123456, a page)" in text


def test_sizes_that_depend_on_the_architecture_name_it(tmp_path, files):
    record = {"arch": "vgg16", "subset": "published", "n_classes": 10, "n_images": ""}
    write_json(files[1][2], record | {"given": {"weights": "c"}})
    with pytest.raises(
        UserError, match=r"subsets\.published\.facts\.classes is 365, but .* says 10"
    ):
        made(tmp_path, files)
    _, text = made(tmp_path, files, LAYOUT | {"facts": {}})
    assert "resnet18 published: 365 classes, an unknown number of images" in text
    assert "images; own: 64 classes, 3,072 images; vgg16 published: 10 classes, an" in text


def test_nothing_is_bold_where_the_best_is_not_clear(tmp_path, files):
    """Two networks within the noise of each other: neither is called best."""
    metrics, manifests = files
    for rep, value in enumerate((70.3, 69.6, 70.2), start=1):
        record(tmp_path, "vgg16", "own", "sun-cls", rep, value)
    _, text = made(tmp_path, (metrics, manifests))
    assert "**" not in text
    assert "No network is clearly the best of a column" in text


def test_a_missing_run_is_an_error(tmp_path, files):
    metrics, manifests = files
    metrics = [path for path in metrics if path.stem != "vgg16-own-sun-cls-2"]
    with pytest.raises(
        UserError, match="own, sun-cls has 2 runs with the metric top1 instead of 3"
    ):
        made(tmp_path, (metrics, manifests))


def test_the_report_shows_bold_cells(tmp_path, files):
    _, text = made(tmp_path, files)
    html = markdown_html(text, "table-networks")
    assert '<td class="number"><strong>70.0 ± 0.2</strong></td>' in html
    assert "**" not in html
    assert markdown_html("| **<b>** |\n| --- |\n", "t").count("<strong>&lt;b&gt;</strong>") == 1
