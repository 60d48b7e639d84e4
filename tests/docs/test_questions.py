"""The pages that answer one question each: their config is short, and their commands are run."""

import json
import re

import cv2
import numpy as np
import pages
import pytest
import yaml

QUESTIONS = ("my-folder", "my-imagenet-in-parquet", "which-network", "coarse-labels")
FLOWERS = ("daisy", "rose", "oak", "birch")
MOST_LINES = 15  # of a config, so that a question is asked in a minute


def config_of(question):
    (block,) = [one for one in pages.blocks(f"docs/{question}.md") if one.language == "yaml"]
    return block.text


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return pages.copy_of_code(tmp_path_factory.mktemp("questions") / "code")


def ask(code, question, name, **changes):
    """Write a page's config into a copy of the code, and run the page's commands.

    `changes` shorten what a test has no time for: sections of the config that are replaced.
    """
    config = yaml.safe_load(config_of(question)) | changes
    (code / name).write_text(yaml.safe_dump(config, sort_keys=False))
    return [
        pages.snakemake(code, *command.split()[1:])
        for command in pages.commands(f"docs/{question}.md")
        if command.startswith("snakemake")
    ]


def picture(draw, side=70):
    return draw.integers(0, 255, (side, side, 3), dtype=np.uint8)


def paint(root, classes, train=10, test=4):
    """Write class folders of noise, each class a little brighter than the one before."""
    draw = np.random.default_rng(0)
    for place, name in enumerate(classes):
        for split, number in (("train", train), ("test", test)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for image in range(number):
                pixels = picture(draw) // 4 * (place + 1)
                assert cv2.imwrite(str(folder / f"{image}.jpg"), pixels)


def publish(path, num_classes=10):
    """Write first values of torchvision's ResNet-18 as a file of weights."""
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(num_classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(resnet18(num_classes=num_classes).state_dict(), path)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_takes_few_lines(question):
    lines = config_of(question).strip().split("\n")
    assert len(lines) <= MOST_LINES
    text = pages.read("README.md") + pages.read("docs/extending.md") + pages.read("docs/data.md")
    assert f"({question}.md" in text or f"(docs/{question}.md" in text


@pytest.mark.slow
def test_my_folder(code):
    paint(code / "runs/flowers/flowers", FLOWERS)
    publish(code / "runs/flowers/resnet18.pth", 1000)
    short = {"short": {"batch_size": 8, "iterations": 2, "lr": 0.005, "fresh_lr_factor": 10}}
    said, _ = ask(code, "my-folder", "flowers.yaml", recipes=short)
    assert re.search(r"flowers +train +40\b", said)
    table = (code / "runs/flowers/results/table-flowers.md").read_text()
    for column in ("flowers-knn", "flowers-5-shot", "flowers-cls"):
        assert column in table
    assert "| imagenet |" in table and "| scratch |" in table


@pytest.mark.slow
def test_which_network(code):
    paint(code / "runs/choice/pictures", FLOWERS)
    publish(code / "runs/choice/resnet18-imagenet.pth", 1000)
    publish(code / "runs/choice/resnet18-places365.pth", 365)
    ask(code, "which-network", "choice.yaml")
    table = (code / "runs/choice/results/table-choice.md").read_text()
    assert all(name in table for name in ("imagenet", "places", "scratch", "1000 classes"))


@pytest.mark.slow
def test_coarse_labels(code):
    paint(code / "runs/coarse/pictures", FLOWERS)
    (labels,) = [
        one.text for one in pages.blocks("docs/coarse-labels.md") if one.text.startswith("class,")
    ]
    (code / "runs/coarse/coarse.csv").write_text(labels)
    short = {"pretrain": {"batch_size": 8, "iterations": 2, "lr": 0.05}}
    ask(code, "coarse-labels", "coarse.yaml", recipes=short)
    results = code / "runs/coarse/results"
    summary = json.loads((results / "manifests/coarse.json").read_text())
    assert summary["classes"] == ["flower", "tree"]
    assert "± " in (results / "table-labels.md").read_text()


@pytest.mark.slow
def test_my_imagenet_in_parquet(code):
    """All thousand classes, with two tiny pictures each."""
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    draw = np.random.default_rng(0)
    data = code / "runs/paper/imagenet-1k/data"
    data.mkdir(parents=True)
    for split, number in (("train", 2000), ("validation", 1000)):
        images = [cv2.imencode(".jpg", picture(draw, 16))[1].tobytes() for _ in range(number)]
        names = [f"{split}_{row}.JPEG" for row in range(number)]
        rows = [{"bytes": data, "path": name} for data, name in zip(images, names, strict=True)]
        labels = [row % 1000 for row in range(number)]
        table = pyarrow.table({"image": rows, "label": labels})
        parquet.write_table(table, data / f"{split}-00000-of-00001.parquet", row_group_size=100)
    datasets = yaml.safe_load(config_of("my-imagenet-in-parquet"))["datasets"]
    datasets["imagenet"] |= {"images": {"train": 2000, "val": 1000}, "store": {"size": 256}}
    _, planned = ask(code, "my-imagenet-in-parquet", "parquet.yaml", datasets=datasets)
    store = json.loads((code / "runs/paper/stores/imagenet/meta.json").read_text())
    assert store["classes"][0] == "n01440764" and len(store["classes"]) == 1000
    jobs = pages.jobs_of(planned)
    assert (jobs["pretrain"], jobs["check_first_network"]) == (2, 1)
