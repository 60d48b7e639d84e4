"""Results that are not this study's are refused where Snakemake does not know that they changed."""

import json
import os
import re
import shutil

import pandas as pd
import pytest

pytestmark = pytest.mark.slow


def give_other_weights(project, subset):
    """Let the record of a network name other weights, as if it was trained again elsewhere."""
    network = project.folder / f"results/pretrain/alexnet/{subset}/rep2/metrics.json"
    record = json.loads(network.read_text())
    before = network.stat()
    network.write_text(json.dumps(record | {"weights": "0" * 64}))
    os.utime(network, (before.st_atime, before.st_mtime))


def forget(project):
    """Delete what Snakemake remembers, as a copy of results only lacks it, and one table."""
    shutil.rmtree(project.folder / ".snakemake")
    (project.folder / "results/table2.csv").unlink()


def test_runs_of_other_settings_are_refused_where_snakemake_does_not_know(project):
    forget(project)
    project.edit(lambda config: config["recipes"]["sun"].update(lr=0.002))
    said = project.run("results/table2.csv", expect=1)
    assert re.search(
        r"transfer/sun-cls/alexnet/\S+/rep1/metrics.json was computed with another recipe", said
    )
    assert not (project.folder / "results/table2.csv").exists()


OTHERS = {  # what a run rests on -> the output that shows it, what is changed, what is said
    "images": (
        "table2",
        lambda config: config["subsets"]["images-4"].update(images_per_class=3),
        "images-4/rep1/metrics.json rests on results/manifests/images-4.json, which was not drawn "
        "by the images_per_class that this study's config asks for",
    ),
    "labels": (
        "figure2",
        lambda config: config["label_sets"]["coarse"].update(depth=8),
        "coarse/rep1/metrics.json rests on results/label_sets/coarse.csv, which is not the label "
        "set that",
    ),
    "network": (
        "table2",
        lambda config: config.update(replicates=1),
        r"pascal-det/alexnet/\S+/rep2/metrics.json started from other weights than those that "
        "replicate 1",
    ),
}


@pytest.mark.parametrize("target, change, sentence", OTHERS.values(), ids=OTHERS)
def test_what_runs_rest_on_is_checked_where_snakemake_does_not_know(
    project, target, change, sentence
):
    forget(project)
    (project.folder / f"results/{target}.csv").unlink(missing_ok=True)
    project.edit(change)
    said = project.run(f"results/{target}.csv", expect=1)
    assert re.search(sentence, said), said[-3000:]


def test_a_draw_that_was_refused_is_made_again_with_what_depends_on_it(project):
    forget(project)
    project.edit(lambda config: config["subsets"]["images-4"].update(images_per_class=3))
    said = project.run("results/table2.csv", expect=1)
    for draw in ("", "rep2/"):
        project.run("--force", f"results/manifests/{draw}images-4.json")
    assert "snakemake --force results/manifests/images-4.json, then run the same command" in said
    project.run("results/table2.csv")
    table = pd.read_csv(project.folder / "results/table2.csv").set_index("subset")
    assert table.loc["images-4", "n_images"].tolist() == [18, 18]


def test_induction_of_other_weights_is_refused_where_snakemake_does_not_know(project):
    forget(project)
    (project.folder / "results/figure4.csv").unlink()
    give_other_weights(project, "imagenet")
    said = project.run("results/figure4.csv", expect=1)
    table = "induction/alexnet/coarse/rep2/imagenet-fc7.csv"
    assert f"{table} was computed from other weights than those of" in said


def test_runs_from_other_weights_are_refused_where_snakemake_does_not_know(project):
    forget(project)
    give_other_weights(project, "images-4")
    said = project.run("results/table2.csv", expect=1)
    assert (
        "transfer/pascal-det/alexnet/images-4/rep2/metrics.json started from other weights" in said
    )


@pytest.mark.parametrize("target, part", [("figure6", "predictions"), ("figure4", "embeddings")])
def test_analyses_of_other_weights_are_refused_where_snakemake_does_not_know(project, target, part):
    forget(project)
    for suffix in ("csv", "png", "svg"):
        (project.folder / f"results/{target}.{suffix}").unlink()
    shutil.rmtree(project.folder / "results/induction")
    give_other_weights(project, "imagenet")
    said = project.run(f"results/{target}.csv", expect=1)
    assert re.search(rf"{part}/alexnet/imagenet/rep2\S* was computed from other weights", said)
