"""Networks from elsewhere, of which a study has neither images nor labels."""

import pytest
from conftest import ROOT
from study_configs import SCHEMA, change

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.plan import plan, read_rates, subset_classes
from imagenet_transfer.study.runs import TransferRun
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.facts import with_facts

FACTS = {"classes": 365, "images": 1_803_460, "source": "a page of the web"}


@pytest.fixture
def config():
    config = read_config(ROOT / "config.yaml")
    config["subsets"]["published"] = {"weights": "published/{arch}.pth", "facts": FACTS}
    return config


def complaint(config):
    with pytest.raises(UserError) as error:
        Study.of(config, SCHEMA)
    return str(error.value)


def shown_in(config, output, key="subsets"):
    """Return the config with the published network among the subsets of an output."""
    entry = config["outputs"][output]
    named = [*entry[key], "published"] if isinstance(entry[key], list) else "published"
    return change(config, f"outputs.{output}.{key}", named)


@pytest.mark.parametrize("output", ["table1", "correlation", "coarse-limit"])
def test_tables_and_correlations_show_it(config, output):
    study = Study.of(shown_in(config, output), SCHEMA)
    runs = [run for run in study.transfer_runs(output) if run.subset == "published"]
    tasks = [*study.outputs[output]["tasks"]]
    tasks += [study.outputs[output]["accuracy"]] if output == "correlation" else []
    assert {run.task for run in runs} == set(tasks)
    assert {study.origin(run).replicate for run in runs} == {1}
    assert study.output_layout(output)["facts"] == {"published": FACTS}
    assert "facts" not in study.output_layout("table2")


@pytest.mark.parametrize(
    "output, key, builder",
    [
        ("figure1", "subsets", "curve"),
        ("figure4", "subsets", "induction"),
        ("figure4", "baseline", "induction"),
        ("figure5", "subsets", "neighbours"),
        ("figure6", "subset", "coarse-gain"),
        ("figure9", "baseline", "split-accuracy"),
    ],
)
def test_what_is_about_own_images_refuses_it(config, output, key, builder):
    said = complaint(shown_in(config, output, key))
    assert f"outputs.{output}: builder {builder} is about a network's own images" in said
    assert "subsets.published names no `dataset`" in said


def test_a_network_with_its_data_set_is_shown_everywhere(config):
    whole = {"dataset": "imagenet", "label_set": "imagenet", "weights": "published/{arch}.pth"}
    config["subsets"]["published"] = whole
    for output in ("figure1", "figure5"):
        Study.of(shown_in(config, output), SCHEMA)


@pytest.mark.parametrize(
    "entry, sentence",
    [
        ({"recipe": "pretrain"}, "subsets.published lacks the key 'dataset'."),
        (
            {"recipe": "pretrain", "dataset": "imagenet", "label_set": "imagenet", "facts": FACTS},
            "subsets.published.facts are for a network given as `weights`",
        ),
        ({"weights": "a.pth", "classes": 365}, "has no use for the key `classes`"),
        ({"weights": "a.pth", "label_set": "imagenet"}, "has no use for the key `label_set`"),
        ({"weights": "a.pth", "images_per_class": 3}, "has no use for the key `images_per_class`"),
        ({"weights": "a.pth", "facts": {}}, "subsets.published.facts is {}, but should have 1"),
        ({"weights": "a.pth", "facts": {"classes": 0}}, "facts.classes is 0, but should be 1"),
        ({"weights": "a.pth", "facts": {"clases": 9}}, "Did you mean 'classes'?"),
        ({"weights": "a.pth", "facts": {"source": "a|b"}}, "facts.source is 'a|b', but"),
        ({"facts": FACTS}, "needs either `recipe` or `weights`, and not both"),
    ],
)
def test_keys_that_do_not_go_together(config, entry, sentence):
    said = complaint(change(config, "subsets.published", entry))
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_its_labels_cannot_be_learnt(config):
    task = {"kind": "classification", "subset": "published", "recipe": "sun"}
    said = complaint(change(config, "tasks.own-cls", task))
    assert said.startswith("config: tasks.own-cls.subset: subsets.published names no `dataset`")


def test_its_classes_are_planned_with(config):
    study = Study.of(shown_in(config, "table1"), SCHEMA)
    assert subset_classes(study, "published") == 365
    rates = read_rates()
    with_it = plan(study, rates).set_index("output")
    without = plan(Study.of(config, SCHEMA), rates).set_index("output")
    assert with_it.loc["table1", "networks"] == without.loc["table1", "networks"]
    assert with_it.loc["table1", "fine_tunings"] == without.loc["table1", "fine_tunings"] + 9
    del config["subsets"]["published"]["facts"]
    assert subset_classes(Study.of(config, SCHEMA), "published") == 1000


def test_claims_know_that_its_images_are_unknown(config):
    known = Study.of(config, SCHEMA).reporting_settings()["subsets"]
    assert known["published"] == {"dataset": "", "method": "", "networks": 1, "given": True}
    assert known["imagenet"]["dataset"] == "imagenet"


def test_it_reads_no_images_and_learns_no_labels(config):
    study = Study.of(shown_in(config, "table1"), SCHEMA)
    (origin,) = {
        study.origin(run)
        for run in study.transfer_runs("table1")
        if run.subset == "published" and isinstance(run, TransferRun)
    }
    assert study.dataset_of_run(origin) is None
    assert study.learnt_by(origin) is None
    assert not study.is_fine("published", "sun-cls")


@pytest.mark.parametrize(
    "known, facts, expected",
    [
        ((365, ""), {"images": 9}, (365, 9)),
        ((365, ""), {"source": "a"}, (365, "")),
        ((365, 9), {"classes": 365, "images": 9}, (365, 9)),
        ((365, 9), {}, (365, 9)),
    ],
)
def test_facts_fill_what_is_not_known(known, facts, expected):
    sizes = dict(zip(("n_classes", "n_images"), known, strict=True))
    assert tuple(with_facts(sizes, facts, "mine", "a.pth").values()) == expected


@pytest.mark.parametrize("facts", [{"classes": 1000}, {"images": 10}])
def test_facts_that_contradict_a_file_are_refused(facts):
    ((key, value),) = facts.items()
    with pytest.raises(UserError) as error:
        with_facts({"n_classes": 365, "n_images": 9}, facts, "mine", "a.pth")
    assert f"subsets.mine.facts.{key} is {value}, but a.pth says" in str(error.value)
