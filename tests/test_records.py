"""Records know which settings and weights they are of: a table of others is refused, whatever Snakemake remembers."""

import re

import pytest
from conftest import RECIPE, TINY, Pictures

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_json, write_json
from imagenet_transfer.provenance import digests_of
from imagenet_transfer.reporting.records import check_digest, check_features, check_records
from imagenet_transfer.stages import run
from imagenet_transfer.tasks.classification import ClassificationJob
from imagenet_transfer.training import DeadlineReachedError

SETTINGS = {"version": 1, "recipe": {"lr": 0.01, "lr_steps": [3]}, "architecture": {"width": 1}, "seed": 7}


class Records:
    """Two networks of one subset, and fine-tuning runs from them and from a random start."""

    def __init__(self, folder):
        self.folder = folder
        for rep in (1, 2):
            self.write(f"network{rep}", stage="pretrain", subset="whole", rep=rep, weights=f"w{rep}", inputs={})
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

    def check(self, *left_out, settings=SETTINGS):
        paths = [path for path in sorted(self.folder.glob("*.json")) if path.stem not in left_out]
        check_records(paths, {str(path): digests_of(settings) for path in paths})


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
    assert str(caught.value).startswith(f"{records.path('tuned2')} was computed with another {named} than this study's")
    assert f"snakemake --force {records.path('tuned2')}" in str(caught.value)


def test_a_setting_that_a_record_lacks_is_named(records):
    records.change("network1", settings={key: SETTINGS[key] for key in ("version", "recipe", "seed")})
    with pytest.raises(UserError, match=r"network1.json was computed with another architecture than"):
        records.check()


def test_of_a_given_network_it_is_the_import_that_must_have_the_studys_settings(records):
    trained = SETTINGS | {"recipe": {"lr": 9}, "seed": 1}  # elsewhere, as its record says
    records.change("network1", settings=trained, given={"settings": SETTINGS})
    records.check()
    records.change("network1", given={"settings": SETTINGS | {"architecture": {"width": 2}}})
    with pytest.raises(UserError, match=r"network1.json was computed with another architecture than"):
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
    with pytest.raises(UserError, match=rf"{name}.json started from other weights than .* network whole has now"):
        records.check()


def test_a_network_that_was_trained_again_refuses_what_started_from_the_old_one(records):
    records.change("network2", weights="w2-new")
    with pytest.raises(UserError, match=r"tuned2\.json started from other weights"):
        records.check()
    records.check("network2")  # without its record, nobody knows


def test_features_and_predictions_of_other_weights_are_refused(records, tmp_path):
    networks = [records.path("network1"), records.path("network2")]
    for suffix in ("npy", "csv.gz"):
        files = [tmp_path / f"rep{rep}.{suffix}" for rep in (1, 2)]
        for rep in (1, 2):
            write_json(tmp_path / f"rep{rep}.json", {"weights": f"w{rep}"})
        check_features(files, networks)
        with pytest.raises(UserError, match=re.escape(f"rep2.{suffix} was computed from other weights than those of")):
            check_features(files[::-1], networks)
        write_json(tmp_path / "rep1.json", {"weights": "old"})
        with pytest.raises(UserError, match=re.escape(f"snakemake --force {files[0]}")):
            check_features(files, networks)
    with pytest.raises(UserError, match="was computed from other weights"):
        check_digest(tmp_path / "x.npy", "w2", networks[0])


def test_digests_tell_which_part_of_the_settings_differs():
    other = SETTINGS | {"recipe": {"lr": 0.01, "lr_steps": [4]}}
    digests = digests_of(SETTINGS), digests_of(other)
    assert {key for key in SETTINGS if digests[0][key] != digests[1][key]} == {"recipe"}
    assert digests_of(dict(reversed(SETTINGS.items()))) == digests[0]


@pytest.mark.usefixtures("one_thread")
def test_a_run_that_another_commit_continued_names_both(tmp_path, monkeypatch):
    def attempt(commit, minutes):
        for module in ("training", "provenance"):
            monkeypatch.setattr(f"imagenet_transfer.{module}.commit", lambda: commit)
        pictures = Pictures(20, 4)
        job = ClassificationJob(pictures, pictures.table(), pictures.table(), 4, TINY, RECIPE, seed=7)
        settings = {"recipe": RECIPE, "seed": 7}
        run(job, settings, {}, {"stage": "transfer"}, tmp_path, "cpu", minutes, keep_weights=False)

    for commit in ("first", "second"):
        with pytest.raises(DeadlineReachedError):
            attempt(commit, 1e-9)
    attempt("second", None)
    made_by = read_json(tmp_path / "metrics.json")["provenance"]
    assert made_by["commits"] == ["first", "second"]
    assert made_by["commit"] == "second"
    attempt("third", None)  # from the beginning: the state went with the finished run
    assert read_json(tmp_path / "metrics.json")["provenance"]["commits"] == ["third"]
