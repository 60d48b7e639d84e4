"""Records tell their settings and weights: other ones are refused, whatever Snakemake remembers."""

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import RECIPE, ROOT, TINY, Pictures, finish_run

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_json, sha256_of, write_csv, write_json
from imagenet_transfer.labels.label_sets import label_set_of
from imagenet_transfer.running.provenance import digests_of
from imagenet_transfer.running.records import (
    check_digest,
    check_features,
    check_induction,
    check_records,
    check_tested,
)
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.loop import DeadlineReachedError
from imagenet_transfer.training.tasks.classification import ClassificationTask

SETTINGS = {
    "version": 1,
    "recipe": {"lr": 0.01, "lr_steps": [3]},
    "architecture": {"width": 1},
    "seed": 7,
}

ORIGINS = {"tuned1": "network1", "tuned2": "network2", "third": "network1"}


class Records:
    """Two networks of one subset, and fine-tuning runs from them and from a random start."""

    def __init__(self, folder):
        self.folder = folder
        self.manifests = {}
        self.label_sets = {}
        for rep in (1, 2):
            self.write(
                f"network{rep}",
                stage="pretrain",
                subset="whole",
                rep=rep,
                weights=f"w{rep}",
                inputs={},
            )
            tuned = {"stage": "transfer", "subset": "whole", "task": "sun", "rep": rep}
            self.write(f"tuned{rep}", **tuned, network=rep, inputs={"weights": f"w{rep}"})
        self.write("third", **tuned | {"rep": 3}, network=1, inputs={"weights": "w1"})
        start = {"stage": "transfer", "subset": "scratch", "task": "sun", "rep": 1, "network": ""}
        self.write("start", **start, inputs={"weights": None})

    def path(self, name):
        return self.folder / f"{name}.json"

    def write(self, name, **facts):
        write_json(self.path(name), {"arch": "net", "settings": SETTINGS, **facts})

    def change(self, name, **facts):
        write_json(self.path(name), read_json(self.path(name)) | facts)

    def check(self, *left_out, settings=SETTINGS, **more):
        """Check all records except some; `more` is expected as well, {name: {key: value}}."""
        paths = [path for path in sorted(self.folder.glob("*.json")) if path.stem not in left_out]
        runs = {
            str(path): self.expected(path.stem, settings) | more.get(path.stem, {})
            for path in paths
        }
        check_records(
            paths, {"runs": runs, "manifests": self.manifests, "label_sets": self.label_sets}
        )

    def expected(self, name, settings):
        origin = str(self.path(ORIGINS[name])) if name in ORIGINS else ""
        return {"settings": digests_of(settings), "origin": origin, "inputs": {}, "files": {}}


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


def test_runs_of_the_study_pass_whatever_the_order_of_keys(records):
    records.check()
    records.check(settings=dict(reversed(SETTINGS.items())))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"recipe": {"lr": 0.02, "lr_steps": [3]}}, "recipe"),
        ({"seed": 8, "version": 2}, "seed, version"),
        ({"average_precision": "11-point"}, "average_precision"),
    ],
)
def test_other_settings_name_the_run_and_the_setting(records, change, named):
    records.change("tuned2", settings=SETTINGS | change)
    with pytest.raises(UserError) as caught:
        records.check()
    assert str(caught.value).startswith(
        f"{records.path('tuned2')} was computed with another {named} than this study's"
    )
    assert f"snakemake --force {records.path('tuned2')}" in str(caught.value)


def test_a_setting_that_a_record_lacks_is_named(records):
    records.change(
        "network1", settings={key: SETTINGS[key] for key in ("version", "recipe", "seed")}
    )
    with pytest.raises(
        UserError, match=r"network1.json was computed with another architecture than"
    ):
        records.check()


def test_of_a_given_network_it_is_the_import_that_must_have_the_studys_settings(records):
    trained = SETTINGS | {"recipe": {"lr": 9}, "seed": 1}  # elsewhere, as its record says
    records.change("network1", settings=trained, given={"settings": SETTINGS})
    records.check()
    records.change("network1", given={"settings": SETTINGS | {"architecture": {"width": 2}}})
    with pytest.raises(
        UserError, match=r"network1.json was computed with another architecture than"
    ):
        records.check()


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("tuned1", {"inputs": {"weights": "w2"}}),  # of the other replicate
        ("tuned2", {"inputs": {"weights": None}}),  # from a random start
        ("third", {"inputs": {"weights": "w9"}}),
        ("third", {"network": 2}),
    ],
)
def test_fine_tuning_that_started_from_other_weights_is_refused(records, name, facts):
    records.change(name, **facts)
    with pytest.raises(
        UserError, match=rf"{name}.json started from other weights than .* network whole has now"
    ):
        records.check()


def test_a_network_that_was_trained_again_refuses_what_started_from_the_old_one(records):
    records.change("network2", weights="w2-new")
    with pytest.raises(UserError, match=r"tuned2\.json started from other weights"):
        records.check()
    records.check("network2")  # without its record, nobody knows


def test_the_study_says_which_network_a_run_starts_from_not_only_its_record(records):
    """Replicate 2 started from network 1, as its record says; then `replicates: 1` became 2."""
    records.change("tuned2", network=1, inputs={"weights": "w1"})
    sentence = "started from other weights than those that replicate 2 of the network whole has now"
    with pytest.raises(UserError, match=rf"tuned2\.json {sentence}"):
        records.check()


def test_a_random_start_that_started_from_weights_is_refused(records):
    records.change("start", inputs={"weights": "w1"})
    with pytest.raises(
        UserError, match=r"start\.json started from weights, where this study says a random start"
    ):
        records.check()


@pytest.mark.parametrize("name", ["store", "manifest"])
def test_runs_from_images_that_are_others_now_are_refused(records, tmp_path, name):
    file = tmp_path / "files" / f"{name}.json"
    records.change("network1", inputs={"store": "s1", "manifest": "m1"})
    expected = {"inputs": {name: str(file)}}
    if name == "manifest":
        describe(records, str(file), {"images_per_class": 24})
    records.check(network1=expected)  # the file is not there
    write_json(file, {"digest": f"{name[0]}1"})
    records.check(network1=expected)
    write_json(file, {"digest": "other"})
    with pytest.raises(
        UserError,
        match=rf"network1\.json was computed from another {name} than {file} describes now",
    ):
        records.check(network1=expected)


def test_an_import_from_other_files_is_refused(records):
    records.change(
        "network1", given={"settings": SETTINGS}, inputs={"weights": "f1", "record": None}
    )
    records.check(network1={"files": {"weights": "f1", "record": None}})
    with pytest.raises(
        UserError, match=r"network1\.json was imported from other files .* \(other record\)"
    ):
        records.check(network1={"files": {"weights": "f1", "record": "r2"}})
    with pytest.raises(
        UserError, match=r"network1\.json was imported from other files .* \(other weights\)"
    ):
        records.check(network1={"files": {"weights": "f2", "record": None}})


def label_set_settings(**spec):
    """Return the settings of a label set of the default study that is made otherwise."""
    config = read_config(ROOT / "config.yaml")
    config["label_sets"]["mine"] = spec
    return Study.of(config, ROOT / "workflow/schemas/config.schema.yaml").label_set_settings("mine")


def describe(records, manifest, sampling, **spec):
    """Let the study ask for a manifest of a label set; return the label set's path."""
    label_set = str(records.folder / "files/mine.csv")
    settings = label_set_settings(**(spec or {"method": "identity"}))
    records.manifests = {
        manifest: {"version": 1, "sampling": sampling, "seed": 5, "label_set": label_set}
    }
    records.label_sets = {label_set: {"settings": settings, "name": "mine", "store": ""}}
    return Path(label_set)


@pytest.fixture
def drawn(records):
    """Let network 1 learn 24 images per class of coarse labels; return the manifest's path."""
    manifest = records.folder / "files/mine.json"
    label_set = describe(
        records, str(manifest), {"images_per_class": 24}, method="bottom-up", depth=6
    )
    write_csv(label_set, label_set_of(label_set_settings(method="bottom-up", depth=6), "mine"))
    facts = {
        "version": 1,
        "sampling": {"images_per_class": 24},
        "seed": 5,
        "label_set": sha256_of(label_set),
    }
    write_json(manifest, {"digest": "m1", "drawn": facts})
    records.change("network1", inputs={"manifest": "m1"})
    records.check(network1={"inputs": {"manifest": str(manifest)}})
    return str(manifest)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"images_per_class": 20}, "images_per_class"),
        ({"images_per_class": 24, "classes": 8}, "classes"),
        ({}, "images_per_class"),
    ],
)
def test_a_manifest_that_was_drawn_otherwise_is_refused(records, drawn, asked, named):
    records.manifests[drawn]["sampling"] = asked
    sentence = f"which was not drawn by the {named} that this study's config asks for"
    with pytest.raises(UserError, match=rf"network1\.json rests on {drawn}, {sentence}"):
        records.check(network1={"inputs": {"manifest": drawn}})


def test_a_manifest_of_another_seed_is_refused(records, drawn):
    records.manifests[drawn]["seed"] = 6
    with pytest.raises(UserError, match="was not drawn by the seed that"):
        records.check(network1={"inputs": {"manifest": drawn}})


def test_a_label_set_of_another_rule_is_refused_and_what_was_drawn_from_it(records, drawn):
    label_set = describe(records, drawn, {"images_per_class": 24}, method="bottom-up", depth=7)
    with pytest.raises(
        UserError,
        match=rf"network1\.json rests on {label_set}, which is not the label set that this",
    ):
        records.check(network1={"inputs": {"manifest": drawn}})
    write_csv(label_set, label_set_of(label_set_settings(method="bottom-up", depth=7), "mine"))
    with pytest.raises(
        UserError, match=rf"rests on {drawn}, which was not drawn by the label_set that"
    ):
        records.check(network1={"inputs": {"manifest": drawn}})


def test_a_manifest_from_before_draws_were_written_down_is_accepted(records, drawn):
    write_json(Path(drawn), {"digest": "m1"})
    records.manifests[drawn]["sampling"] = {}
    records.check(network1={"inputs": {"manifest": drawn}})


def test_categories_of_a_data_set_need_its_store(records, drawn):
    store = records.folder / "files/store.json"
    label_set = records.folder / "files/mine.csv"
    settings = label_set_settings(method="categories", dataset="places")
    records.label_sets = {
        str(label_set): {"settings": settings, "name": "mine", "store": str(store)}
    }
    expected = {"network1": {"inputs": {"manifest": drawn}}}
    records.check(**expected)  # nobody knows the classes
    write_json(store, {"classes": ["b", "a"]})
    with pytest.raises(
        UserError, match="which is not the label set that this study's config asks for"
    ):
        records.check(**expected)
    label_set.write_text("wnid,label,class_wnid,class_name\na,0,a,a\nb,1,b,b\n")
    with pytest.raises(UserError, match="was not drawn by the label_set that"):
        records.check(**expected)


def test_features_and_predictions_of_other_weights_are_refused(records, tmp_path):
    networks = [records.path("network1"), records.path("network2")]
    for suffix in ("npy", "csv.gz"):
        files = [tmp_path / f"rep{rep}.{suffix}" for rep in (1, 2)]
        for rep in (1, 2):
            write_json(tmp_path / f"rep{rep}.json", {"weights": f"w{rep}"})
        check_features(files, networks)
        with pytest.raises(
            UserError,
            match=re.escape(f"rep2.{suffix} was computed from other weights than those of"),
        ):
            check_features(files[::-1], networks)
        write_json(tmp_path / "rep1.json", {"weights": "old"})
        with pytest.raises(UserError, match=re.escape(f"snakemake --force {files[0]}")):
            check_features(files, networks)
    with pytest.raises(UserError, match="was computed from other weights"):
        check_digest(tmp_path / "x.npy", "w2", networks[0])


def test_induction_of_other_networks_is_refused(records, tmp_path):
    table = tmp_path / "files/table.csv"
    write_json(table.with_suffix(".json"), {"subset": "w1", "baseline": "w2"})
    one = records.path("network1")
    two = records.path("network2")
    check_induction([table], [one], [two])
    for pair in (([two], [two]), ([one], [one])):
        with pytest.raises(
            UserError, match=rf"{table} was computed from other weights than those of"
        ):
            check_induction([table], *pair)


def test_results_of_test_images_belong_to_their_record(records, tmp_path):
    images = tmp_path / "files/images.csv.gz"
    write_csv(images, pd.DataFrame({"image": ["a"], "rank": [0]}))
    check_tested(images, records.path("tuned1"))  # a record from before it named them
    records.change("tuned1", images=sha256_of(images))
    check_tested(images, records.path("tuned1"))
    write_csv(images, pd.DataFrame({"image": ["a"], "rank": [1]}))
    with pytest.raises(
        UserError, match=rf"{images} is not of the run that \S+tuned1\.json describes"
    ):
        check_tested(images, records.path("tuned1"))


def test_digests_tell_which_part_of_the_settings_differs():
    other = SETTINGS | {"recipe": {"lr": 0.01, "lr_steps": [4]}}
    digests = digests_of(SETTINGS), digests_of(other)
    assert {key for key in SETTINGS if digests[0][key] != digests[1][key]} == {"recipe"}
    assert digests_of(dict(reversed(SETTINGS.items()))) == digests[0]


@pytest.mark.usefixtures("one_thread")
def test_a_run_that_another_commit_continued_names_both(tmp_path, monkeypatch):
    def attempt(commit, minutes):
        for module in ("training.loop", "running.provenance"):
            monkeypatch.setattr(f"imagenet_transfer.{module}.commit", lambda: commit)
        pictures = Pictures(20, 4)
        job = ClassificationTask(
            pictures, pictures.table(), pictures.table(), 4, TINY, RECIPE, seed=7
        )
        settings = {"recipe": RECIPE, "seed": 7}
        finish_run(job, settings, tmp_path, minutes)

    for commit in ("first", "second"):
        with pytest.raises(DeadlineReachedError):
            attempt(commit, 1e-9)
    attempt("second", None)
    record = read_json(tmp_path / "metrics.json")
    check_tested(tmp_path / "images.csv.gz", tmp_path / "metrics.json")
    assert record["images"] == sha256_of(tmp_path / "images.csv.gz")
    made_by = record["provenance"]
    assert made_by["commits"] == ["first", "second"]
    assert made_by["commit"] == "second"
    attempt("third", None)  # from the beginning: the state went with the finished run
    assert read_json(tmp_path / "metrics.json")["provenance"]["commits"] == ["third"]
