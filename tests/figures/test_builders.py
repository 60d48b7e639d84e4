"""The table of builders: what it names is there, and reading it is quick."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from matplotlib.figure import Figure

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures import builders, drawing
from imagenet_transfer.figures.builders import (
    BUILDERS,
    FIGURES,
    KINDS,
    SETTINGS,
    TABLES,
    caption,
    function_of,
)
from imagenet_transfer.figures.drawing import Material, draw_output

NO_RUNS = {"runs": {}, "manifests": {}, "label_sets": {}}


def test_tables_and_figures_are_told_apart():
    assert TABLES == ("transfer", "budgets", "networks")
    assert all(callable(function_of(BUILDERS[name].table)) for name in TABLES)
    assert set(TABLES) | set(FIGURES) == set(BUILDERS)


@pytest.mark.parametrize("name", FIGURES)
def test_what_a_builder_names_is_there(name):
    builder = BUILDERS[name]
    assert set(builder.inputs) <= set(KINDS)
    assert set(builder.settings) <= set(SETTINGS)
    assert callable(function_of(builder.picture))
    assert not builder.numbers or callable(function_of(builder.numbers))
    assert builder.numbers or not builder.more


def test_every_builder_has_keys_in_the_schema():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    for name in BUILDERS:
        assert schema["$defs"][name]["required"], name


@pytest.mark.parametrize("name", BUILDERS)
def test_every_kind_of_output_has_a_caption(name):
    keys = {"layer": "fc7", "label_set": "coarse"}
    keys |= dict.fromkeys(("accuracy", "baseline", "subset", "full"), "whole")
    layout = {"builder": name, "along": "classes", "tasks": ["det"], "splits": {"random": []}}
    layout |= {"task": "det"}
    text = caption(layout | keys)
    assert len(text) > 40
    assert "{" not in text
    assert text.endswith(".")


def test_a_dry_run_reads_the_table_without_what_draws_and_learns():
    said = "import sys, imagenet_transfer.figures.builders; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "imagenet_transfer.figures.builders" in loaded
    assert loaded.isdisjoint({"torch", "matplotlib", "pandas", "numpy"})


def two_frames(material):
    frame = pd.DataFrame({"seed": [material.settings["seed"]]})
    return frame, frame + 1


def picture(material, *frames):
    assert [frame["seed"].item() for frame in frames] == [7, 8]
    return Figure(figsize=(1, 1))


def table_with(monkeypatch, **changes):
    """Let the builder `mine` be one of this file's functions."""
    made = replace(
        BUILDERS["correlation"],
        numbers=f"{__name__}:two_frames",
        picture=f"{__name__}:picture",
        **changes,
    )
    monkeypatch.setattr(builders, "BUILDERS", {"mine": made})
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def outputs(folder):
    names = {"csv": "a.csv", "points": "a-points.csv", "png": "a.png", "svg": "a.svg"}
    return {key: folder / name for key, name in names.items()}


def test_a_figure_is_written_with_the_numbers_that_it_shows(monkeypatch, tmp_path):
    table_with(monkeypatch)
    material = Material({"builder": "mine"}, {}, {"seed": 7}, threads=1)
    draw_output(material, NO_RUNS, outputs(tmp_path))
    assert (tmp_path / "a.csv").read_text() == "seed\n7\n"
    assert (tmp_path / "a-points.csv").read_text() == "seed\n8\n"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    "files, check",
    [
        ({"metrics": ["m"], "networks": ["n"]}, "check_records"),
        ({"features": ["f"], "networks": ["n"]}, "check_features"),
        ({"predictions": ["p"], "networks": ["n"]}, "check_features"),
        ({"induction": ["i"], "induced": ["n"], "baselines": ["b"]}, "check_induction"),
        ({"tested": ["t"], "metrics": ["m"], "networks": []}, "check_tested"),
    ],
)
def test_nothing_is_written_from_files_of_another_study(monkeypatch, tmp_path, files, check):
    def refuse(*found):
        lists = [[part] if isinstance(part, str) else part for part in found]
        assert sorted(path for part in lists if isinstance(part, list) for path in part) == sorted(
            path for paths in files.values() for path in paths
        )
        raise UserError("computed otherwise")

    for name in ("check_records", "check_features", "check_tested", "check_induction"):
        monkeypatch.setattr(drawing, name, refuse if name == check else lambda *_: None)
    table_with(monkeypatch)
    with pytest.raises(UserError, match="computed otherwise"):
        draw_output(Material({"builder": "mine"}, files, {"seed": 7}, 1), {}, outputs(tmp_path))
    assert not list(tmp_path.iterdir())
