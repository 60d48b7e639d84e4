"""A new figure: a module, an entry in the table, its keys in the schema, a config and this test."""

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

MODULE = '''
"""How many images the networks of a figure were trained on."""

import pandas as pd
from matplotlib.figure import Figure

from imagenet_transfer.reporting.tables import subset_sizes


def numbers(material):
    """Return a row per subset."""
    sizes = subset_sizes(material.files["sizes"])
    rows = [(name, sizes[name]["n_images"]) for name in material.layout["subsets"]]
    return pd.DataFrame(rows, columns=["subset", "n_images"])


def picture(material, frame):
    """Return bars."""
    figure = Figure(figsize=(3, 2))
    figure.subplots().bar(frame["subset"], frame["n_images"], color=material.layout["colour"])
    return figure
'''
TABLE = "BUILDERS: Mapping[str, Builder] = {"
ENTRY = f"""{TABLE}
    "sizes": Builder(
        inputs=("networks", "sizes"),
        numbers="imagenet_transfer.figures.mine:numbers",
        picture="imagenet_transfer.figures.mine:picture",
        own_accuracy=True,
        caption="Images of {{subsets}}, in {{colour}}.",
    ),"""
KEYS = """$defs:
  sizes:
    description: "How many images the networks were trained on."
    additionalProperties: false
    required: [architecture, subsets, colour]
    properties:
      architecture: {$ref: "#/$defs/name", description: "One of architectures."}
      subsets: {$ref: "#/$defs/names", description: "Which of subsets."}
      colour: {enum: [green, blue], description: "Colour of the bars."}"""
MINE = {"builder": "sizes", "architecture": "alexnet", "subsets": ["imagenet", "images-4"]}


def replace_in(path, before, after):
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def add_figure(project):
    """Touch what a new figure takes: three files of code, and the config."""
    (project.code / "imagenet_transfer/figures/mine.py").write_text(MODULE)
    replace_in(project.code / "imagenet_transfer/figures/builders.py", TABLE, ENTRY)
    replace_in(project.code / "workflow/schemas/config.schema.yaml", "\n$defs:", f"\n{KEYS}")
    entry = MINE | {"colour": "green"}
    project.edit(lambda config: config["outputs"].update({"figure-mine": entry}))


def test_a_new_figure_is_drawn_checked_and_reported(project):
    add_figure(project)
    plan = project.plan()
    assert plan["draw_sizes"] == 1
    assert set(plan) <= {
        *("draw_sizes", "compare_with_paper", "judge_findings", "collect_runs"),
        *("write_report", "all"),
    }
    project.run()
    frame = pd.read_csv(project.folder / "results/figure-mine.csv")
    assert frame.to_dict("list") == {"subset": ["imagenet", "images-4"], "n_images": [48, 24]}
    for suffix in ("png", "svg"):
        assert (project.folder / f"results/figure-mine.{suffix}").exists()
    page = project.read("report.html").decode()
    assert "in green." in page
    assert "Numbers: results/figure-mine.csv." in page


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            {"colour": "red"},
            "outputs.figure-mine.colour is 'red', but should be one of green, blue",
        ),
        ({"subsets": ["scratch"]}, "outputs.figure-mine names 'scratch', which is not in subsets"),
        ({"depth": 3}, "outputs.figure-mine has the unknown key 'depth'"),
    ],
)
def test_its_mistakes_get_sentences(project, change, sentence):
    add_figure(project)
    project.edit(lambda config: config["outputs"]["figure-mine"].update(change))
    assert sentence in project.run("--dry-run", expect=1)
