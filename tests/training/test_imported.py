"""Networks that were trained elsewhere: some are imported with their origin, others refused."""

import json
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.numbers import curve_frame
from imagenet_transfer.files import read_json, sha256_of, write_json
from imagenet_transfer.models import build_model
from imagenet_transfer.reporting.tables import given_networks, subset_sizes
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.plan import plan, read_rates
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.checkpoints import load_weights, save_weights
from imagenet_transfer.training.imported import checksums, given_model, import_network

RECORD = {
    "stage": "pretrain",
    "n_classes": 5,
    "n_images": 500,
    "seed": 7,
    "fingerprint": "0123456789abcdef",
    "wall_s": 60.0,
    "metrics": [{"metric": "top1", "value": 40.0, "unit": "%"}],
    "settings": {"architecture": TINY, "recipe": {"lr": 0.01}},
    "provenance": {
        "commit": "abc",
        "versions": {"torch": "2.4"},
        "device": "a card",
        "finished": "2026-01-01T00:00:00",
    },
}


@pytest.fixture
def network(tmp_path):
    """A file of weights of five classes, without a record."""
    path = tmp_path / "given/weights.pt"
    save_weights(path, build_model(TINY, 5))
    return path


def imported(path, architecture=TINY):
    """Import a network and return what was written."""
    folder = path.parents[1] / "imported"
    files = checksums(path, folder / "metrics.json")
    names = {"arch": "tiny", "subset": "mine"}
    import_network(path, {"architecture": architecture}, files, names, folder)
    return folder, read_json(folder / "metrics.json")


def test_weights_are_taken_over_with_their_checksum(network):
    folder, record = imported(network)
    given = load_weights(network)
    taken = load_weights(folder / "weights.pt")
    assert given.keys() == taken.keys()
    assert all(torch.equal(given[name], taken[name]) for name in given)
    assert record["inputs"] == {"weights": sha256_of(network), "record": None}
    assert record["given"]["weights"] == sha256_of(network)
    assert (record["n_classes"], record["n_images"], record["metrics"]) == (5, "", [])
    assert subset_sizes([folder / "metrics.json"]) == {"mine": {"n_classes": 5, "n_images": ""}}
    assert given_networks([folder / "metrics.json"]) == {"mine": sha256_of(network)}


def test_the_record_next_to_them_says_where_numbers_come_from(network):
    write_json(network.with_name("metrics.json"), RECORD)
    _, record = imported(network)
    for key in ("n_images", "seed", "fingerprint", "wall_s", "metrics", "settings", "provenance"):
        assert record[key] == RECORD[key]
    assert record["subset"] == "mine"
    assert record["given"]["imported"]["commit"] != "abc"
    assert record["given"]["settings"] == {"architecture": TINY}


def test_half_precision_is_taken_as_float(network):
    torch.save({name: tensor.half() for name, tensor in load_weights(network).items()}, network)
    folder, _ = imported(network)
    tensors = load_weights(folder / "weights.pt").values()
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


def test_checksums_outlive_the_file(network, tmp_path):
    folder, _ = imported(network)
    before = checksums(network, folder / "metrics.json")
    gone = network.rename(tmp_path / "elsewhere.pt").with_name("gone.pt")
    assert checksums(gone, folder / "metrics.json") == before
    assert checksums(gone, tmp_path / "nothing.json") == {"weights": None, "record": None}
    (folder / "metrics.json").write_text("[]")
    assert checksums(gone, folder / "metrics.json") == {"weights": None, "record": None}


def torchvisions(path):
    first = {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    torch.save(first | {"classifier.6.weight": torch.zeros(1000, 4096)}, path)


def caffes(path):
    path.write_bytes(b"\n\x07AlexNet\xa2\x06\x10caffemodel")


def wrapped(path):
    torch.save({"weights": load_weights(path), "epoch": 3}, path)


def wider(path):
    save_weights(path, build_model(TINY | {"fc_width": 32}, 5))


def diverged(path):
    tensors = load_weights(path)
    tensors["fc6.bias"][0] = float("nan")
    torch.save(tensors, path)


def flat(path):
    torch.save(load_weights(path) | {"fc8.weight": torch.tensor(1.0)}, path)


def whole_numbers(path):
    torch.save({name: tensor.int() for name, tensor in load_weights(path).items()}, path)


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (torchvisions, "holds torchvision's AlexNet, .* take bvlc_alexnet.caffemodel"),
        (caffes, "is not a file of plain tensors"),
        (wrapped, "not a dictionary of tensors, .* under state_dict .* the keys weights, epoch"),
        (wider, r"fc6.weight should have shape \(16, .*file holds \(32, .* `fc_width`,"),
        (diverged, "holds values that are infinite or not numbers"),
        (flat, "fc8.weight should have shape"),
        (whole_numbers, "holds values of type torch.int32"),
        (lambda path: path.unlink(), "subsets.mine.weights: there is no file"),
    ],
)
def test_what_does_not_fit_gets_a_sentence_and_nothing_is_written(network, damage, sentence):
    damage(network)
    with pytest.raises(UserError, match=sentence):
        imported(network)
    assert not (network.parents[1] / "imported").exists()


def test_facts_are_checked_and_not_written(network):
    files = checksums(network, "none")
    folder = network.parents[1] / "imported"

    def run(facts):
        names = {"arch": "tiny", "subset": "mine"}
        import_network(network, {"architecture": TINY}, files, names, folder, facts)

    with pytest.raises(
        UserError, match=r"subsets.mine.facts.classes is 6, but .*weights.pt says 5"
    ):
        run({"classes": 6})
    assert not folder.exists()
    run({"classes": 5, "images": 900, "source": "a page"})
    record = read_json(folder / "metrics.json")
    assert record["n_images"] == "" and "a page" not in str(record)
    write_json(network.with_name("metrics.json"), RECORD)
    files = checksums(network, "none")
    with pytest.raises(UserError, match=r"facts.images is 900, but .* says 500"):
        run({"images": 900})


def test_a_record_of_other_weights_is_refused(network):
    write_json(network.with_name("metrics.json"), RECORD | {"n_classes": 6})
    with pytest.raises(UserError, match=r"has 5 classes, but the metrics.json next to it says 6"):
        imported(network)


def test_a_folder_is_not_a_file(network):
    network.unlink()
    network.mkdir()
    with pytest.raises(UserError, match=r"subsets.mine.weights: .* but a folder.*: name a file"):
        imported(network)


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("{", "is not the metrics.json of a pre-training run"),
        ("[]", "is not the metrics.json of a pre-training run"),
        (json.dumps({"n_classes": 5}), "'n_images' is a required property"),
        (
            json.dumps(RECORD | {"settings": {"architecture": TINY | {"pixel_std": 1}}}),
            "pixel_std 1, but .* says 58",
        ),
    ],
)
def test_a_record_of_something_else_gets_a_sentence(network, content, sentence):
    network.with_name("metrics.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        imported(network)


def test_dropout_and_first_values_may_differ(network):
    trained = TINY | {"dropout": 0.1, "init": "caffe"}
    write_json(network.with_name("metrics.json"), RECORD | {"settings": {"architecture": trained}})
    assert imported(network)[1]["seed"] == 7


def test_a_curve_says_what_it_misses_of_a_given_network(network):
    folder, _ = imported(network)
    pretrained = [folder / "metrics.json"]
    layout = {"name": "figure1", "subsets": ["mine"], "tasks": [], "paper": False, "own": {}}
    layout |= {"along": "images_per_class", "accuracy": "imagenet-cls"}
    layout |= {"replicates": {"imagenet-cls": 1}, "metrics": {"imagenet-cls": "top1"}}
    sentence = r"figure1: the network 'mine' was given without its metrics\.json"
    with pytest.raises(UserError, match=sentence):
        curve_frame(layout, pretrained, pretrained)
    write_json(network.with_name("metrics.json"), RECORD)
    folder, _ = imported(network)
    # Its last layer, trained again here
    fitted = {"stage": "transfer", "arch": "alexnet", "subset": "mine", "task": "imagenet-cls"}
    fitted |= {"rep": 1, "metrics": [RECORD["metrics"][0] | {"value": 45.0}]}
    write_json(folder / "fitted.json", RECORD | fitted)
    frame = curve_frame(layout, [*pretrained, folder / "fitted.json"], pretrained)
    assert frame[["x", "task", "mean"]].values.tolist() == [[100, "imagenet-cls", 45.0]]


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


def test_a_subset_is_trained_or_given(config):
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    entry = config["subsets"]["images-24"]
    entry["weights"] = "given/{arch}/images-24/weights.pt"
    sentence = r"subsets\.images-24 needs either `recipe` or `weights`, and not both"
    with pytest.raises(UserError, match=sentence):
        Study.of(config, schema)
    del entry["recipe"]
    study = Study.of(config, schema)
    assert [name for name in study.subsets if study.is_given(name)] == ["images-24"]
    assert study.given_path("alexnet", "images-24") == Path("given/alexnet/images-24/weights.pt")


def test_a_given_network_costs_no_training(config):
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    trained = plan(Study.of(config, schema), read_rates()).set_index("output")
    config["subsets"]["images-24"]["weights"] = "given/weights.pt"
    del config["subsets"]["images-24"]["recipe"]
    given = plan(Study.of(config, schema), read_rates()).set_index("output")
    assert given.loc["all outputs", "networks"] == trained.loc["all outputs", "networks"] - 3
    assert given.loc["all outputs", "fine_tunings"] == trained.loc["all outputs", "fine_tunings"]


def test_weights_of_torchvision_are_imported(tmp_path):
    """Files of older releases lack the counters of normalised batches."""
    import torchvision

    architecture = {"model": "resnet18", "image_size": 256, "input_size": 224}
    trained = torchvision.models.resnet18(num_classes=5).state_dict()
    older = {name: tensor for name, tensor in trained.items() if tensor.is_floating_point()}
    assert len(older) < len(trained)
    for number, tensors in enumerate((trained, older)):
        path = tmp_path / f"{number}.pt"
        torch.save(tensors, path)
        model, num_classes = given_model(path, architecture)
        assert num_classes == 5
        for name, tensor in trained.items():
            assert torch.equal(model.state_dict()[name], tensor), name
