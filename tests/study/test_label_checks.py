"""Label sets in a config: files, groups and the networks behind them, and what is refused."""

import copy

import pytest
from conftest import ROOT
from helpers import write_file
from study_configs import SCHEMA, change

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import place_of_labels, read_config
from imagenet_transfer.study.plan import TOTAL, plan, read_rates
from imagenet_transfer.study.plan_jobs import jobs_of
from imagenet_transfer.study.runs import Embedding, PretrainRun, TransferRun
from imagenet_transfer.study.study import Study

VISUAL = {"method": "visual", "subset": "imagenet", "architecture": "alexnet", "classes": 12}
MERGE = {"method": "random-merge", "classes": 12}
TIGER, LION, CAR = "n02129604", "n02129165", "n04285008"
GOOD = f"class,label\n{TIGER},animal\n{LION},animal\n{CAR},thing\n"


@pytest.fixture
def config():
    """The default study with a network that learns the label set `mine`, and a table of it."""
    config = read_config(ROOT / "config.yaml")
    config["label_sets"]["mine"] = VISUAL
    config["subsets"]["mine"] = {**config["subsets"]["imagenet"], "label_set": "mine"}
    table = {**config["outputs"]["table1"], "tasks": ["sun-cls"], "subsets": ["mine"]}
    config["outputs"] = {"table-mine": table}
    return config


def with_mine(config, **entry):
    """Return a copy of a config whose label set `mine` is another one."""
    return change(config, "label_sets.mine", entry)


def complaint(config):
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    said = str(caught.value)
    assert all(line.isprintable() and line.endswith((".", "?")) for line in said.splitlines())
    return said


# What a network's features need


def test_what_is_left_out_is_the_networks_own(config):
    study = Study.of(config, SCHEMA)
    known = {"layer": "fc7", "linkage": "average", "dataset": "imagenet"}
    assert study.label_sets["mine"] == VISUAL | known
    other = Study.of(with_mine(config, **VISUAL, layer="fc6", linkage="ward"), SCHEMA)
    assert other.label_set_settings("mine") != study.label_set_settings("mine")


def test_replicate_r_is_made_with_network_r(config):
    study = Study.of(config, SCHEMA)
    assert study.is_random("mine") and study.is_drawn("mine")
    features = [study.source_of_labels("mine", rep) for rep in (1, 2, 3)]
    assert features == [Embedding("alexnet", "imagenet", r, "imagenet", "fc7") for r in (1, 2, 3)]
    assert study.source_of_labels("bottom-up-12", 1) is None
    settings = [study.label_set_settings("mine", rep) for rep in (1, 2)]
    assert settings[0] == settings[1]  # they differ by their features


def test_a_given_network_serves_all_replicates(config):
    given = {"dataset": "imagenet", "label_set": "imagenet", "weights": "given/net.pt"}
    study = Study.of(change(config, "subsets.imagenet", given), SCHEMA)
    assert not study.is_random("mine")
    assert study.source_of_labels("mine", 3).replicate == 1


def test_a_given_network_without_images_needs_a_data_set_to_be_named(config):
    config["subsets"]["imagenet"] = {"weights": "given/net.pt"}
    config["tasks"] = {"sun-cls": config["tasks"]["sun-cls"]}
    for name in [name for name in config["subsets"] if name not in ("imagenet", "mine")]:
        del config["subsets"][name]
    said = complaint(config)
    assert said.startswith(
        "config: label_sets.mine: the network imagenet has no data set of its own"
    )
    study = Study.of(with_mine(config, **VISUAL, dataset="imagenet"), SCHEMA)
    assert study.features_behind("table-mine") == [
        Embedding("alexnet", "imagenet", 1, "imagenet", "fc7")
    ]


def test_an_output_rests_on_the_networks_behind_its_labels(config):
    study = Study.of(config, SCHEMA)
    behind = [PretrainRun("alexnet", "imagenet", rep) for rep in (1, 2, 3)]
    assert study.networks_behind("table-mine") == behind
    assert study.pretrain_runs("table-mine") == [
        PretrainRun("alexnet", "mine", r) for r in (1, 2, 3)
    ]
    assert set(behind) < set(study.all_runs())
    plain = Study.of(change(config, "outputs.table-mine.subsets", ["imagenet"]), SCHEMA)
    assert plain.features_behind("table-mine") == []


def test_networks_behind_networks_are_found(config):
    """`second` is made with a network that learns `mine`, which is made with `imagenet`."""
    config["label_sets"]["second"] = VISUAL | {"subset": "mine", "classes": 6}
    config["subsets"]["second"] = {**config["subsets"]["mine"], "label_set": "second"}
    config["outputs"]["table-mine"]["subsets"] = ["second"]
    study = Study.of(config, SCHEMA)
    found = study.networks_behind("table-mine")
    assert {(run.subset, run.replicate) for run in found} == {
        (name, rep) for name in ("mine", "imagenet") for rep in (1, 2, 3)
    }


def test_a_label_set_that_only_a_figure_names_is_the_first_replicates(config):
    figure = {"builder": "coarse-gain", "architecture": "alexnet", "subset": "imagenet"}
    config["outputs"] = {"figure6": figure | {"label_set": "mine", "least": 2, "shown": 3}}
    study = Study.of(config, SCHEMA)
    assert study.features_behind("figure6") == [
        Embedding("alexnet", "imagenet", 1, "imagenet", "fc7")
    ]


def test_a_half_learns_labels_too(config):
    task = {"kind": "classification", "subset": "mine", "recipe": "last-layer"}
    config["tasks"]["mine-cls"] = task
    config["outputs"]["table-mine"] |= {"tasks": ["mine-cls"], "subsets": ["images-24"]}
    study = Study.of(config, SCHEMA)
    assert TransferRun("mine-cls", "alexnet", "images-24", 2) in study.all_runs()
    assert [run.subset for run in study.networks_behind("table-mine")] == ["imagenet"] * 3


def test_the_plan_counts_the_networks_and_their_features(config):
    rates = read_rates()
    total = plan(Study.of(config, SCHEMA), rates).set_index("output").loc[TOTAL]
    assert (total["networks"], total["fine_tunings"]) == (6, 3)
    both = change(config, "outputs.table-mine.subsets", ["imagenet", "mine"])
    total = plan(Study.of(both, SCHEMA), rates).set_index("output").loc[TOTAL]
    assert (total["networks"], total["fine_tunings"]) == (6, 6)
    for given in (config, both):
        jobs = jobs_of(Study.of(given, SCHEMA), "table-mine")
        assert len([job for job in jobs if job[0] == "embed"]) == 3
    row = plan(Study.of(both, SCHEMA), rates).set_index("output").loc["table-mine"]
    assert row["shared"] == 0


@pytest.mark.parametrize(
    "entry, sentence",
    [
        (
            {**VISUAL, "subset": "imagnet"},
            "label_sets.mine.subset names 'imagnet', which is not in",
        ),
        ({**VISUAL, "subset": "scratch"}, "names 'scratch', which is not in subsets"),
        ({**VISUAL, "architecture": "alex"}, "names 'alex', which is not in architectures"),
        ({**VISUAL, "layer": "conv5"}, "layer: conv5 is not a layer of architecture alexnet that"),
        ({**VISUAL, "linkage": "single"}, "should be one of average, complete, ward"),
        ({**VISUAL, "classes": 64}, "classes is 64, but there are only 64 classes to merge"),
        ({**VISUAL, "classes": 1}, "classes is 1, but should be 2 or more"),
        ({**VISUAL, "dataset": "voc2007"}, "the images of voc2007 have boxes"),
        ({**VISUAL, "dataset": "sun397"}, "has the classes of sun397, not those of imagenet"),
        ({**VISUAL, "dataset": "moon"}, "label_sets.mine.dataset names 'moon'"),
        ({**VISUAL, "depth": 3}, "method visual has no use for the key `depth`"),
        ({"method": "visual", "subset": "imagenet"}, "method visual needs the key `architecture`"),
        ({"method": "visual", "subset": "imagenet"}, "method visual needs the key `classes`"),
        ({"method": "random-merge"}, "needs either `classes` or `like`, and not both"),
        ({**MERGE, "like": "bottom-up-12"}, "needs either `classes` or `like`, and not both"),
        (
            {"method": "random-merge", "like": "random-a"},
            "random-a is of method random-split; take",
        ),
        ({"method": "random-merge", "like": "none"}, "names 'none', which is not in label_sets"),
        ({**MERGE, "classes": 99}, "classes is 99, but there are only 64 classes to merge"),
        ({**MERGE, "dataset": "sun397"}, "has the classes of sun397, not those of imagenet"),
        ({"method": "file"}, "method file needs the key `path`"),
        ({"method": "file", "path": ""}, "should have 1 or more characters"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(config, entry, sentence):
    assert sentence in complaint(with_mine(config, **entry))


def test_a_name_that_promises_another_number_is_refused(config):
    for entry in (VISUAL, MERGE):
        renamed = copy.deepcopy(config)
        renamed["label_sets"]["mine-10"] = entry
        assert "label_sets.mine-10 promises 10 classes by its name but has 12" in complaint(renamed)


def test_images_of_another_size_than_the_network_reads_are_refused(config):
    config["architectures"]["other"] = config["architectures"]["alexnet"] | {"image_size": 72}
    said = complaint(with_mine(config, **{**VISUAL, "architecture": "other"}))
    assert "datasets.imagenet.store.size is 64, but architectures.other.image_size is 72" in said


def test_a_data_set_of_its_own_classes_is_merged_by_its_own_images(config):
    config["datasets"]["places"]["num_classes"] = 24
    config["subsets"]["mine"]["dataset"] = "places"
    assert Study.of(with_mine(config, **VISUAL, dataset="places"), SCHEMA)
    random = with_mine(config, **MERGE, dataset="places")
    assert Study.of(random, SCHEMA).label_sets_without_images().count("mine") == 0
    said = complaint(with_mine(config, **{**MERGE, "classes": 24}, dataset="places"))
    assert "classes is 24, but there are only 24 classes to merge" in said
    said = complaint(with_mine(config, **MERGE))
    assert "subsets.mine: places has no WordNet classes; name it as the `dataset`" in said
    said = complaint(with_mine(config, **VISUAL))
    assert "subsets.mine: its label set has the classes of imagenet, not those of places" in said


def test_without_wordnet_classes_random_groups_need_a_data_set(config):
    del config["classes"]
    said = complaint(with_mine(config, **MERGE))
    assert "label_sets.mine: method random-merge needs WordNet classes" in said
    assert "label_sets.mine" not in complaint(with_mine(config, **MERGE, dataset="places"))


# Circles


def test_labels_of_a_network_that_learns_them_are_refused(config):
    config["label_sets"]["mine"] = VISUAL | {"subset": "mine"}
    assert complaint(config) == (
        "config: label_sets.mine waits for itself: mine is made with the network mine, which learns "
        "mine. Name a network that learns other labels."
    )


def test_a_circle_of_several_is_named_once_with_all_its_steps(config):
    names = ["ant", "bee", "mine"]
    for name, behind in zip(names, ["bee", "mine", "ant"], strict=True):
        config["label_sets"][name] = VISUAL | {"subset": f"on-{behind}"}
        config["subsets"][f"on-{name}"] = {**config["subsets"]["imagenet"], "label_set": name}
    config["label_sets"]["outside"] = VISUAL | {"subset": "on-bee"}  # leads into the circle
    assert complaint(config) == (
        "config: label_sets.ant waits for itself: ant is made with the network on-bee, which learns "
        "bee; bee is made with the network on-mine, which learns mine; mine is made with the "
        "network on-ant, which learns ant. Name a network that learns other labels."
    )


def test_a_given_network_waits_for_nothing(config):
    config["label_sets"]["mine"] = VISUAL | {"subset": "mine"}
    given = {"dataset": "imagenet", "label_set": "mine", "weights": "given/net.pt"}
    assert Study.of(change(config, "subsets.mine", given), SCHEMA)


# Files


@pytest.fixture
def file_study(config, tmp_path):
    """Return a function: the config whose label set `mine` is a file of this content."""
    return lambda content=GOOD, **more: with_mine(
        config, method="file", path=str(write_file(tmp_path / "mine.csv", content)), **more
    )


def test_a_file_counts_by_what_it_says_not_by_where_it_lies(file_study, tmp_path):
    config = file_study()
    before = Study.of(config, SCHEMA).label_set_settings("mine")
    moved = tmp_path / "elsewhere/other.csv"
    write_file(moved, GOOD.replace("\n", "\r\n"))
    assert (
        Study.of(change(config, "label_sets.mine.path", str(moved)), SCHEMA).label_set_settings(
            "mine"
        )
        == before
    )
    (tmp_path / "mine.csv").write_text(GOOD.replace("thing", "car"))
    study = Study.of(config, SCHEMA)
    assert study.label_set_settings("mine") != before
    assert study.label_set_settings("mine", 2) == study.label_set_settings("mine")
    assert not study.is_random("mine") and "mine" in study.label_sets_without_images()


@pytest.mark.parametrize(
    "content, sentence",
    [
        (GOOD.replace(",", ";"), "mine.csv is separated by semicolons"),
        (GOOD + f"{TIGER},thing\n", f"mine.csv, line 5, lists the class '{TIGER}' again"),
        (GOOD + "n00000007,thing\n", "mine.csv has 1 of 4 classes that the study does not have"),
        (GOOD + "tiger,thing\n", "first: tiger): correct them, or leave them out"),
    ],
)
def test_a_file_is_read_before_anything_runs(file_study, content, sentence):
    said = complaint(file_study(content))
    assert said.startswith("config: label_sets.mine: ") and sentence in said


def test_a_file_must_be_there(file_study, tmp_path):
    config = file_study()
    (tmp_path / "mine.csv").unlink()
    assert "mine.csv cannot be read (No such file or directory)" in complaint(config)


def test_a_file_of_other_classes_fits_their_data_set(file_study):
    own = "class,label\na/abbey,old\nb/bar,new\n"
    assert "2 of 2 classes that the study does not have" in complaint(file_study(own))
    places = change(file_study(own), "subsets.mine.dataset", "places")
    assert Study.of(places, SCHEMA)
    named = change(file_study(own, dataset="places"), "subsets.mine.dataset", "places")
    assert "mine" not in Study.of(named, SCHEMA).label_sets_without_images()
    said = complaint(file_study(own, dataset="places"))
    assert "its label set has the classes of places, not those of imagenet" in said


def test_a_files_name_may_not_promise_another_number(file_study):
    config = file_study()
    config["label_sets"]["mine-3"] = config["label_sets"]["mine"]
    assert "label_sets.mine-3 promises 3 classes by its name but has 2" in complaint(config)


def test_a_file_is_looked_up_where_the_study_runs_and_then_next_to_its_config(
    tmp_path, monkeypatch
):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    config = {"label_sets": {"mine": {"method": "file", "path": "mine.csv"}, "odd": 3}}
    there = tmp_path / "studies/mine.yaml"
    write_file(there.with_name("mine.csv"), GOOD)
    found = place_of_labels(config, [there])
    assert found == {"mine": {"method": "file", "path": "../studies/mine.csv"}, "odd": 3}
    write_file(tmp_path / "run/mine.csv", GOOD)
    assert place_of_labels(config, [there]) == config["label_sets"]
    with pytest.raises(UserError) as caught:
        place_of_labels({"label_sets": {"mine": {"path": "none.csv"}}}, [there])
    said = str(caught.value)
    assert "label_sets.mine.path is 'none.csv', which is not a file in" in said
    assert f"{tmp_path}/run and {tmp_path}/studies" in said and said.endswith(".")


@pytest.mark.parametrize("odd", [None, 3, ["a"], {"mine": {"path": 3}}, {"mine": None}])
def test_what_is_not_a_path_is_left_to_the_checks(odd):
    assert place_of_labels({"label_sets": odd}, []) == odd


# Figures


@pytest.mark.parametrize("entry", [VISUAL, MERGE])
def test_figures_on_wordnet_refuse_groups(config, entry):
    shipped = read_config(ROOT / "config.yaml")["outputs"]
    config = with_mine(config, **entry)
    for name, keys in (
        ("figure3", {"label_sets": ["mine"]}),
        ("figure7", {"splits": {"mine": ["mine", "random-a"]}}),
        ("figure8", {"splits": {"mine": ["mine", "random-a"]}}),
    ):
        config["outputs"] = {name: shipped[name] | keys}
        assert "which have no place in WordNet; take another one" in complaint(config)


def test_figures_on_merged_classes_take_groups_and_files(file_study, config):
    shipped = read_config(ROOT / "config.yaml")["outputs"]
    for found in (with_mine(config, **VISUAL), with_mine(config, **MERGE), file_study()):
        found["outputs"] = {
            "figure4": shipped["figure4"] | {"subsets": ["mine"]},
            "figure6": shipped["figure6"] | {"label_set": "mine"},
        }
        assert Study.of(found, SCHEMA)
    found["outputs"]["figure6"]["label_set"] = "places"
    assert "'places' holds categories, which have no place in WordNet" in complaint(found)


# The shipped study


def test_three_ways_of_merging_are_compared_with_the_default_studys_parts():
    shipped = read_config(ROOT / "configs/visual.yaml")
    default = read_config(ROOT / "config.yaml")
    for section in ("miniature", "datasets", "architectures", "recipes"):
        for name, entry in shipped[section].items():
            assert entry == default[section][name], name
    study = Study.of(shipped, SCHEMA)
    sets = study.label_sets
    for number in (3, 12, 32):
        assert sets[f"visual-{number}"]["classes"] == number
        assert sets[f"random-{number}"]["like"] == f"bottom-up-{number}"
    for entry in shipped["claims"].values():
        assert sum(entry["contrast"].values()) == pytest.approx(0)
        assert sum(weight for weight in entry["contrast"].values() if weight > 0) > 0.99
