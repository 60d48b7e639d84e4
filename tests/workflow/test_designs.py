"""surface and influence in a whole small study: runs, numbers, pictures, report and claims."""

import pandas as pd
import pytest
from projects import PRETRAINED

pytestmark = pytest.mark.slow

CLASSES = {2: {"classes": 2}, 3: {"classes": 3}, 4: {"classes": 4}, 6: {}}
IMAGES = {2: {"images_per_class": 2}, 4: {"images_per_class": 4}, 8: {}}
SHARED = {"architecture": "alexnet", "full": "imagenet"}
CLAIM = {
    "about": "mammals matter more than two random classes",
    "tasks": ["pascal-det"],
    "contrast": {"random-4": 1, "no-mammals": -1},
    "least": 0,
    "unit": "points",
}


def add_designs(config):
    """Add a grid of which two cells are there already, and one part with a control."""
    grid = {f"grid-{k}x{n}": PRETRAINED | CLASSES[k] | IMAGES[n] for k in CLASSES for n in IMAGES}
    del grid["grid-6x8"], grid["grid-6x4"]
    config["subsets"] |= grid
    subsets = ["images-4", *grid]
    config["outputs"]["surface"] = SHARED | {
        "builder": "surface",
        "subsets": subsets,
        "tasks": ["sun-cls"],
    }
    roots = ["n01861778"]  # mammals: a dog and a cat
    config["label_sets"] |= {
        "no-mammals": {"method": "exclusion", "roots": roots},
        "random-4": {"method": "random-split", "size": 4, "half": "a"},
    }
    for name in ("no-mammals", "random-4"):
        config["subsets"][name] = PRETRAINED | {"label_set": name}
    config["outputs"]["influence"] = SHARED | {
        "builder": "influence",
        "without": {"mammals": "no-mammals"},
        "controls": {"no-mammals": "random-4"},
        "tasks": ["pascal-det"],
    }
    config["claims"] = {"mammals-matter": CLAIM}


def test_designs_are_run_drawn_and_reported(project):
    project.edit(add_designs)
    plan = project.plan()
    assert plan["pretrain"] == 10 + 2 * 2  # scenes are learnt once, from the first network
    assert plan["finetune_classification"] == 10
    assert plan["finetune_detection"] == 2 * 2
    project.run()
    results = project.folder / "results"
    cells = pd.read_csv(results / "surface.csv")
    assert cells["n_images"].tolist() == [k * n for k in sorted(CLASSES) for n in sorted(IMAGES)]
    fit = pd.read_csv(results / "surface-fit.csv")
    assert fit["n_images"].tolist() == [8, 12, 16, 24]
    assert set(fit["verdict"]) == {"cannot tell"}  # of one replicate
    effects = pd.read_csv(results / "influence.csv")
    assert effects[["name", "control", "n_classes_left_out", "n_images_left_out", "n"]].iloc[
        0
    ].tolist() == ["mammals", "random-4", 2, 16, 2]
    runs = pd.read_csv(results / "runs.csv")
    chosen = runs[(runs["task"] == "pascal-det") & (runs["metric"] == "mAP")]
    means = chosen.groupby("subset")["value"].mean()
    assert effects["effect"][0] == pytest.approx(means["imagenet"] - means["no-mammals"])
    assert effects["against_control"][0] == pytest.approx(means["random-4"] - means["no-mammals"])
    for name in ("surface", "influence"):
        for suffix in ("png", "svg"):
            assert (results / f"{name}.{suffix}").exists()
    page = project.read("report.html").decode()
    assert "More classes or more images of each?" in page
    assert "What parts of imagenet do for pascal-det" in page
    assert 'data-file="surface.csv"' in page
    findings = pd.read_csv(results / "findings.csv").set_index("claim")
    assert findings.loc["mammals-matter", "verdict"] in ("holds", "does not", "cannot tell")
    assert "Nothing to be done" in project.run()
