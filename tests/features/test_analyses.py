"""Induction accuracy, neighbours of a query and coarse gain, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.analyses import (
    coarse_gain,
    induction,
    neighbours_of,
    unseen_classes,
)
from imagenet_transfer.features.neighbours import ArrayRows

# Two terriers and two cats count as dog and cat; a train is itself.
LABEL_SET = pd.DataFrame(
    {
        "wnid": ["airedale", "boxer", "persian", "siamese", "train"],
        "label": [1, 1, 0, 0, 2],
        "class_wnid": ["dog", "dog", "cat", "cat", "train"],
        "class_name": ["dog.n.01", "dog.n.01", "cat.n.01", "cat.n.01", "train.n.01"],
    }
)


def degrees(*angles):
    radians = np.deg2rad(np.array(angles, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def table(*rows):
    frame = pd.DataFrame(rows, columns=["split", "class"])
    frame.insert(0, "image", [f"i{row}" for row in range(len(frame))])
    return frame


# By angle: airedale 0, 10; train 12; boxer 20; siamese 100, persian 110.
IMAGES = table(
    ("train", "airedale"),  # i0
    ("train", "train"),
    ("train", "boxer"),
    ("train", "airedale"),
    ("train", "siamese"),
    ("train", "persian"),  # i5
    ("val", "boxer"),
    ("val", "airedale"),
    ("val", "siamese"),
    ("val", "persian"),
    ("val", "train"),  # i10
)
FEATURES = ArrayRows(degrees(0, 12, 20, 10, 100, 110, 13, 2, 108, 109, 12))


def test_unseen_classes_are_those_that_are_merged_with_others():
    assert unseen_classes(LABEL_SET) == ["airedale", "boxer", "persian", "siamese"]
    renamed = LABEL_SET.assign(class_wnid=LABEL_SET["class_wnid"].replace("train", "vehicle"))
    # The train is not merged, whatever its label is called.
    assert unseen_classes(renamed) == ["airedale", "boxer", "persian", "siamese"]


def test_induction_by_hand():
    """The train, nearest to the boxer of 13 degrees, is a training label: not in the gallery."""
    found = induction({"coarse": FEATURES}, IMAGES, LABEL_SET, top_ks=(1, 2, 3))
    # Nearest: boxer 13 -> airedale, boxer, airedale; airedale 2 -> airedale; siamese 108 ->
    # persian, siamese; persian 109 -> persian.
    assert found["k"].tolist() == [1, 2, 3]
    assert found["value"].tolist() == [50, 100, 100]
    assert found[["n_queries", "n_gallery", "n_classes"]].to_numpy().tolist() == [[4, 5, 4]] * 3


def test_induction_compares_networks_on_the_same_images():
    perfect = np.zeros((len(IMAGES), 5), dtype=np.float16)
    perfect[np.arange(len(IMAGES)), IMAGES["class"].map(sorted(set(IMAGES["class"])).index)] = 1
    found = induction({"coarse": FEATURES, "baseline": ArrayRows(perfect)}, IMAGES, LABEL_SET)
    assert found["network"].tolist() == ["coarse", "coarse", "baseline", "baseline"]
    assert found["k"].tolist() == [1, 5, 1, 5]
    assert found["value"].tolist() == [50, 100, 100, 100]
    assert found["n_gallery"].nunique() == 1


def test_induction_needs_merged_classes_with_images():
    fine = LABEL_SET.assign(class_wnid=LABEL_SET["wnid"])
    with pytest.raises(UserError, match="merges no classes"):
        induction({"a": FEATURES}, IMAGES, fine)
    sentence = r"no images of airedale, boxer, persian, \.\.\. in its split 'val'"
    with pytest.raises(UserError, match=sentence):
        induction({"a": FEATURES}, IMAGES[IMAGES["split"] == "train"], LABEL_SET)


def test_neighbours_by_hand():
    found = neighbours_of("coarse", FEATURES, IMAGES, LABEL_SET, ["boxer", "train"], k=4, seed=0)
    boxer, train = (found[found["query_wnid"] == wnid] for wnid in ("boxer", "train"))
    assert set(boxer["query_image"]) == {"i6"}
    assert boxer["rank"].tolist() == [1, 2, 3, 4]
    assert boxer["image"].tolist() == ["i1", "i3", "i2", "i0"]
    assert boxer["wnid"].tolist() == ["train", "airedale", "boxer", "airedale"]
    assert boxer["relation"].tolist() == ["neither", "coarse", "fine", "coarse"]
    np.testing.assert_allclose(boxer["similarity"], np.cos(np.deg2rad([1, 3, 7, 13])), rtol=1e-6)
    assert not boxer["seen"].any()
    assert train["seen"].all()
    assert train["relation"].tolist() == ["fine", "neither", "neither", "neither"]
    columns = "subset query_wnid query_image rank image wnid relation similarity seen"
    assert found.columns.tolist() == columns.split()


def test_classes_outside_the_label_set_are_neither():
    without = LABEL_SET[LABEL_SET["wnid"] != "train"]
    found = neighbours_of("coarse", FEATURES, IMAGES, without, ["train"], k=2, seed=0)
    assert found["relation"].tolist() == ["fine", "neither"]
    assert not found["seen"].any()


def test_the_query_depends_only_on_seed_and_class():
    more = table(*[("val", "boxer")] * 30).assign(image=[f"v{i}" for i in range(30)])
    images = pd.concat([IMAGES, more], ignore_index=True)
    features = ArrayRows(degrees(*range(len(images))))

    def query(wnids, seed, order=slice(None)):
        shuffled = images[order].reset_index(drop=True)
        found = neighbours_of("a", features, shuffled, LABEL_SET, wnids, 1, seed)
        return found.loc[found["query_wnid"] == "boxer", "query_image"].tolist()

    once = query(["boxer"], 1)
    assert query(["train", "boxer"], 1) == once
    assert query(["boxer"], 1, slice(None, None, -1)) == once
    assert len({query(["boxer"], seed)[0] for seed in range(20)}) > 5


def test_a_class_without_validation_images_is_refused():
    with pytest.raises(UserError, match="no images of tram in its split 'val'"):
        neighbours_of("a", FEATURES, IMAGES, LABEL_SET, ["tram"], 1, seed=0)


def predictions(text):
    """From "wnid: predicted predicted ..." lines."""
    rows = [(line.split(":")[0], guess) for line in text for guess in line.split(":")[1].split()]
    return pd.DataFrame(rows, columns=["wnid", "predicted"])


PREDICTIONS = predictions(
    [
        "airedale: airedale airedale boxer train",  # fine 2 of 4, dog 3 of 4
        "boxer: airedale boxer",  # fine 1 of 2, dog 2 of 2
        "persian: persian siamese",  # fine 1 of 2, cat 2 of 2
        "siamese: persian persian",  # fine 0 of 2, cat 2 of 2
        "train: train boxer",
    ]
)


def test_coarse_gain_by_hand():
    found = coarse_gain(PREDICTIONS, LABEL_SET, least=2)
    assert found["class_wnid"].tolist() == ["cat", "dog"]
    assert found["class_name"].tolist() == ["cat.n.01", "dog.n.01"]
    assert found["n_subclasses"].tolist() == [2, 2]
    assert found["coarse_accuracy"].tolist() == [100, 87.5]
    assert found["fine_accuracy"].tolist() == [25, 50]
    assert found["gain"].tolist() == [75, 37.5]
    assert found["similarity"].isna().all()


def test_coarse_gain_leaves_small_classes_out():
    found = coarse_gain(PREDICTIONS, LABEL_SET, least=1)
    assert found["class_wnid"].tolist() == ["cat", "dog", "train"]
    assert coarse_gain(PREDICTIONS, LABEL_SET, least=3).empty


def test_equal_gains_are_ordered_by_wnid():
    right = PREDICTIONS.assign(predicted=PREDICTIONS["wnid"])
    assert coarse_gain(right, LABEL_SET, least=1)["class_wnid"].tolist() == ["cat", "dog", "train"]


def test_similarity_is_the_mean_cosine_of_different_sub_classes():
    three = LABEL_SET.assign(class_wnid=["dog", "dog", "dog", "cat", "train"], class_name="x")
    means = pd.DataFrame(3 * degrees(0, 60, 90, 0, 0), index=LABEL_SET["wnid"])
    found = coarse_gain(PREDICTIONS, three, 1, means).set_index("class_wnid")["similarity"]
    mean = (np.cos(np.pi / 3) + np.cos(np.pi / 2) + np.cos(np.pi / 6)) / 3
    assert found["dog"] == pytest.approx(mean, abs=1e-6)
    assert found[["cat", "train"]].isna().all()  # nothing to compare a single class with
