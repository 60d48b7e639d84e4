"""Label sets of files and features: tables refuse those that the study does not describe."""

import json

import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_json, sha256_of, write_csv, write_json
from imagenet_transfer.labels.label_files import digest_of_labels
from imagenet_transfer.labels.label_sets import label_set_of, labels_frame, merged
from imagenet_transfer.running.draws import Expected, check_draw, expected_label_set, write_origin
from imagenet_transfer.running.provenance import digests_of
from imagenet_transfer.running.records import check_records

LABELS = {"cat": "animal", "dog": "animal", "rose": "plant"}
FILE = {"version": 1, "spec": {"method": "file"}, "labels": digest_of_labels(LABELS)}
VISUAL = {"version": 1, "spec": {"method": "visual", "classes": 2, "layer": "fc7"}}


class Visual:
    """A label set made from a network's features, next to records of the network and the store."""

    def __init__(self, folder):
        self.path = folder / "label_sets/mine.csv"
        self.origin = self.path.with_suffix(".json")
        self.network = folder / "network/metrics.json"
        self.store = folder / "store/meta.json"
        write_json(self.network, {"weights": "w1"})
        write_json(self.store, {"digest": "s1"})
        write_csv(self.path, merged([["cat", "dog"], ["rose"]]))
        write_origin(self.path, VISUAL, {"weights": "w1", "store": "s1", "digest": "f1"})

    def expected(self, settings=VISUAL):
        return expected_label_set(self.path, settings, "mine", str(self.store), str(self.network))


@pytest.fixture
def visual(tmp_path):
    return Visual(tmp_path)


def test_a_label_set_of_the_networks_features_is_what_its_origin_says(visual):
    assert visual.expected() == Expected(sha256_of(visual.path))
    assert read_json(visual.origin)["features"] == "f1"
    write_csv(visual.path, merged([["cat"], ["dog", "rose"]]))  # by hand
    assert visual.expected().digest != sha256_of(visual.path)


@pytest.mark.parametrize(
    "change, said",
    [
        (
            lambda one: write_json(one.network, {"weights": "w2"}),
            "was made with other weights than",
        ),
        (lambda one: write_json(one.store, {"digest": "s2"}), "was made with other images than"),
        (lambda one: one.origin.unlink(), "has no mine.json that says what it was made from"),
    ],
)
def test_what_it_was_made_from_must_be_there_now(visual, change, said):
    change(visual)
    assert visual.expected().wrong.startswith(said)
    assert visual.expected().wrong.endswith("is not the label set")


@pytest.mark.parametrize("spec", [{"classes": 3}, {"layer": "fc6"}, {"linkage": "ward"}])
def test_other_settings_are_another_label_set(visual, spec):
    other = {**VISUAL, "spec": {**VISUAL["spec"], **spec}}
    assert visual.expected(other).wrong == "is not the label set"


def test_what_is_missing_is_not_checked(visual):
    visual.network.unlink()
    visual.store.unlink()
    assert visual.expected() == Expected(sha256_of(visual.path))
    visual.path.unlink()
    assert visual.expected() == Expected()


def test_a_damaged_origin_is_named(visual):
    visual.origin.write_text(json.dumps({"weights": "w1"}))
    with pytest.raises(UserError, match=r"mine\.json cannot be read \(it lacks settings"):
        visual.expected()


def test_a_file_is_known_by_the_labels_that_were_made_from_it(tmp_path):
    """The file itself may be gone, or lie elsewhere."""
    path = tmp_path / "mine.csv"
    assert expected_label_set(path, FILE, "mine", "") == Expected()
    write_csv(path, labels_frame(LABELS))
    assert expected_label_set(path, FILE, "mine", "") == Expected(sha256_of(path))
    write_csv(path, labels_frame(LABELS).assign(class_name="other"))
    assert expected_label_set(path, FILE, "mine", "").digest != sha256_of(path)
    write_csv(path, labels_frame(LABELS | {"dog": "plant"}))
    assert expected_label_set(path, FILE, "mine", "").wrong == "is not the label set"


def test_random_groups_of_a_data_sets_classes_need_its_store(tmp_path):
    path = tmp_path / "mine.csv"
    store = tmp_path / "meta.json"
    settings = {"spec": {"method": "random-merge", "classes": 2}, "classes": None, "seed": 1}
    assert expected_label_set(path, settings, "mine", str(store)) == Expected()
    write_json(store, {"classes": ["c", "b", "a"]})
    write_csv(path, label_set_of(settings, "mine", ["a", "b", "c"]))
    assert expected_label_set(path, settings, "mine", str(store)).digest == sha256_of(path)


def test_a_run_that_rests_on_another_networks_label_set_is_refused(visual, tmp_path):
    """As when label sets were copied from another study: weights differ, all else is equal."""
    manifest = tmp_path / "mine.json"
    drawn = {"version": 1, "sampling": {}, "seed": 5}
    write_json(manifest, {"digest": "m1", "drawn": {**drawn, "label_set": sha256_of(visual.path)}})
    record = tmp_path / "run/metrics.json"
    facts = {"stage": "pretrain", "arch": "net", "subset": "mine", "settings": {"seed": 7}}
    write_json(record, {**facts, "inputs": {"manifest": "m1"}})
    run = {"settings": digests_of({"seed": 7}), "origin": "", "files": {}}
    made = {"settings": VISUAL, "name": "mine", "store": str(visual.store)}
    made["network"] = str(visual.network)
    expected = {
        "runs": {str(record): {**run, "inputs": {"manifest": str(manifest)}}},
        "manifests": {str(manifest): {**drawn, "label_set": str(visual.path)}},
        "label_sets": {str(visual.path): made},
    }
    check_records([record], expected)
    write_json(visual.network, {"weights": "w2"})
    with pytest.raises(UserError) as caught:
        check_records([record], expected)
    said = str(caught.value)
    assert said.startswith(
        f"{record} rests on {visual.path}, which was made with other weights than"
    )
    assert f"snakemake --force {visual.path}" in said


def test_a_manifest_of_another_label_set_is_refused(visual, tmp_path):
    manifest = tmp_path / "mine.json"
    drawn = {"version": 1, "sampling": {}, "seed": 5}
    write_json(manifest, {"digest": "m1", "drawn": {**drawn, "label_set": "of before"}})
    known = {str(visual.path): visual.expected()}
    with pytest.raises(UserError, match="which was not drawn by the label_set that"):
        check_draw("run", str(manifest), {**drawn, "label_set": str(visual.path)}, known)
