"""Embeddings and predictions of a small network over a small store."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from conftest import TINY, Pictures
from helpers import refusal

from imagenet_transfer.data.integrity import is_whole
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.embeddings import classify, embed, load_network, read_embeddings
from imagenet_transfer.files import sha256_of
from imagenet_transfer.models import build_model
from imagenet_transfer.training.checkpoints import load_weights, save_weights
from imagenet_transfer.versions import VERSIONS

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = ("n01", "n02", "n03", "n04")


class SmallStore(Pictures):
    """The part of a store that embeddings read: 20 images of four classes, a third of them val."""

    def __init__(self):
        super().__init__(20, 4)
        self.meta = {"size": 28, "digest": "d1"}
        splits = ["val" if row % 3 == 0 else "train" for row in range(20)]
        names = [f"image{row:02d}" for row in range(20)]
        wnids = [CLASSES[label] for label in self.labels]
        self.images = pd.DataFrame({"image": names, "split": splits, "class": wnids})

    def __len__(self):
        return 20

    def split(self, name):
        return np.flatnonzero(self.images["split"] == name)


@pytest.fixture
def store():
    return SmallStore()


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "weights.pt", build_model(TINY, 4))
    return tmp_path / "weights.pt"


def layer_by_layer(store, weights, layer, mirrored=False):
    """The layer's output for all images, from the parameters themselves."""
    network = build_model(TINY, 4).eval()
    network.load_state_dict(load_weights(weights))
    crops = store.pixels[:, 2:26, 2:26]  # 24 pixels amid 28
    crops = np.ascontiguousarray(crops[:, :, ::-1]) if mirrored else crops
    with torch.no_grad():
        x = network.preprocess(torch.from_numpy(crops))
        x = network.run_pool(network.run_trunk(x)).flatten(1)
        outputs = {"fc6": F.relu(network.fc6(x))}
        outputs["fc7"] = F.relu(network.fc7(outputs["fc6"]))
        outputs["fc8"] = network.fc8(outputs["fc7"])
    return outputs[layer].numpy()


@pytest.mark.parametrize("layer", ["fc6", "fc7", "fc8"])
def test_rows_are_the_layers_output_of_centre_crops_divided_by_its_length(
    store, weights, tmp_path, layer
):
    embed(store, weights, TINY, layer, tmp_path / "e.npy", batch=6)
    expected = layer_by_layer(store, weights, layer)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = np.load(tmp_path / "e.npy")
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_file_says_where_it_comes_from(store, weights, tmp_path):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy")
    expected = {
        "version": VERSIONS["embedding"],
        "layer": "fc7",
        "store": "d1",
        "weights": sha256_of(weights),
        "digest": sha256_of(tmp_path / "e.npy"),
        "lengths": sha256_of(tmp_path / "e-lengths.npy"),
        "shape": [20, 16],
    }
    assert json.loads((tmp_path / "e.json").read_text()) == expected
    found = read_embeddings(tmp_path / "e.npy", store)
    assert found.meta == expected
    assert found.shape == (20, 16)
    rows = np.array([4, 5, 2])
    np.testing.assert_array_equal(found.take(rows), np.load(tmp_path / "e.npy")[rows])


def test_lengths_give_the_features_back(store, weights, tmp_path):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy", batch=6)
    found = read_embeddings(tmp_path / "e.npy", store)
    assert found.lengths.dtype == np.float32
    rows = found.take(np.arange(20)).astype(np.float32)
    expected = layer_by_layer(store, weights, "fc7")
    np.testing.assert_allclose(rows * found.lengths[:, None], expected, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.lengths, np.linalg.norm(expected, axis=1), rtol=1e-5)


def test_lengths_of_other_features_are_refused(store, weights, tmp_path):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy")
    found = read_embeddings(tmp_path / "e.npy", store)
    assert is_whole(tmp_path / "e.npy")
    np.save(tmp_path / "e-lengths.npy", np.ones(20, np.float32))
    assert not is_whole(tmp_path / "e.npy")
    refusal(lambda: found.lengths, "e-lengths.npy is not what", "delete both")


def test_a_mirrored_crop_counts_as_much_as_the_crop(store, weights, tmp_path):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy", augmentation="mirror")
    both = [layer_by_layer(store, weights, "fc7", mirrored) for mirrored in (False, True)]
    expected = np.mean(both, axis=0)
    lengths = np.linalg.norm(expected, axis=1)
    assert np.abs(both[0] - both[1]).max() > 0.1
    found = read_embeddings(tmp_path / "e.npy", store)
    np.testing.assert_allclose(found.take(np.arange(20)), expected / lengths[:, None], atol=1e-3)
    np.testing.assert_allclose(found.lengths, lengths, rtol=1e-5)
    assert found.meta["augmentation"] == "mirror"


def test_a_random_start_is_drawn_by_its_seed(store, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        embed(store, None, TINY, "fc7", tmp_path / f"{name}.npy", seed=seed)
    a, b, c = (read_embeddings(tmp_path / f"{name}.npy", store) for name in "abc")
    rows = np.arange(20)
    assert a.meta == b.meta and a.meta["weights"] is None and a.meta["seed"] == 1
    np.testing.assert_array_equal(a.take(rows), b.take(rows))
    assert not np.allclose(a.take(rows), c.take(rows), atol=0.1)
    assert a.take(rows).any(axis=1).all()


def test_features_of_zeros_stay_zeros(store, tmp_path):
    network = build_model(TINY, 4)
    torch.nn.init.constant_(network.fc7.bias, -1e6)
    save_weights(tmp_path / "dead.pt", network)
    embed(store, tmp_path / "dead.pt", TINY, "fc7", tmp_path / "e.npy")
    assert not np.load(tmp_path / "e.npy").any()


def test_an_interrupted_file_is_not_there(store, weights, tmp_path, monkeypatch):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy")
    before = (tmp_path / "e.npy").read_bytes()

    def damaged(rows):
        raise UserError("damaged")

    monkeypatch.setattr(store, "batch", damaged)
    with pytest.raises(UserError, match="damaged"):
        embed(store, weights, TINY, "fc8", tmp_path / "e.npy")
    assert (tmp_path / "e.npy").read_bytes() == before
    left = ["e-lengths.npy", "e.npy", "weights.pt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    with pytest.raises(UserError, match="not finished"):
        read_embeddings(tmp_path / "e.npy", store)


@pytest.mark.parametrize(
    ("change", "sentence"), [({"version": 0}, "format 0"), ({"shape": [3, 3]}, "its shape is")]
)
def test_files_that_do_not_belong_together_are_refused(store, weights, tmp_path, change, sentence):
    embed(store, weights, TINY, "fc7", tmp_path / "e.npy")
    meta = json.loads((tmp_path / "e.json").read_text())
    (tmp_path / "e.json").write_text(json.dumps(meta | change))
    with pytest.raises(UserError, match=sentence):
        read_embeddings(tmp_path / "e.npy", store)


def test_predictions_of_the_validation_images(store, weights):
    tensors = load_weights(weights)  # with the mean scores taken away, no class wins everywhere
    tensors["fc8.bias"] -= torch.from_numpy(layer_by_layer(store, weights, "fc8").mean(axis=0))
    torch.save(tensors, weights)
    found = classify(store, weights, TINY, CLASSES, batch=3)
    rows = store.split("val")
    expected = layer_by_layer(store, weights, "fc8")[rows].argmax(axis=1)
    assert found.columns.tolist() == ["image", "wnid", "predicted"]
    assert found["image"].tolist() == [f"image{row:02d}" for row in rows]
    assert found["wnid"].tolist() == [CLASSES[row % 4] for row in rows]
    assert found["predicted"].tolist() == [CLASSES[label] for label in expected]
    assert len(set(expected)) > 1


def test_weights_of_something_else_are_refused(store, weights, tmp_path):
    with pytest.raises(UserError, match="4 outputs, not 3"):
        classify(store, weights, TINY, CLASSES[:3])
    with pytest.raises(UserError, match="another architecture"):
        load_network(weights, TINY | {"fc_width": 8})
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="no layer fc8"):
        load_network(tmp_path / "other.pt", TINY)
