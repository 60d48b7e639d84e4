"""Classes merged by the likeness of their features: four classes by hand, exact numbers, ties."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.features import class_groups
from imagenet_transfer.features.class_groups import class_means, groups_of, visual_label_set
from imagenet_transfer.features.neighbours import ArrayRows

LINKAGES = ("average", "complete", "ward")


def on_circle(*degrees):
    """Return unit vectors in these directions."""
    return np.array([(math.cos(math.radians(d)), math.sin(math.radians(d))) for d in degrees])


# Four classes at 0, 10, 50 and 85 degrees: a and b merge first. Then b is nearer to c than d is by
# the mean distance of a and b (1 - cos 50 + 1 - cos 40) / 2 = 0.296 and by Ward's, but c and d are
# 1 - cos 35 = 0.181 apart. With d at 105: c to d are 1 - cos 55 = 0.426.
@pytest.mark.parametrize("linkage", LINKAGES)
def test_four_classes_by_hand(linkage):
    near = on_circle(0, 10, 50, 85)
    assert groups_of(near, 3, linkage) == [[0, 1], [2], [3]]
    assert groups_of(near, 2, linkage) == [[0, 1], [2, 3]]
    far = on_circle(0, 10, 50, 105)
    assert groups_of(far, 3, linkage) == [[0, 1], [2], [3]]
    assert groups_of(far, 2, linkage) == [[0, 1, 2], [3]]


def test_linkages_differ_where_they_should():
    """Three classes close together, one at 40 degrees from their middle and one at 81.

    Cosine distances of the fourth to the three are 0.305, 0.234 and 0.171, 0.237 on average; to the
    fifth it is 0.245. Ward counts sizes: 3 / 4 of the squared distance to the three's mean, 0.466,
    is more than 1 / 2 of that to the fifth, 0.491.
    """
    means = on_circle(-6, 0, 6, 40, 81)
    assert groups_of(means, 2, "average") == [[0, 1, 2, 3], [4]]
    assert groups_of(means, 2, "complete") == [[0, 1, 2], [3, 4]]
    assert groups_of(means, 2, "ward") == [[0, 1, 2], [3, 4]]
    near = on_circle(-6, 0, 6, 40, 87)  # 0.318 to the fifth: more than the largest of the others
    assert groups_of(near, 2, "complete") == [[0, 1, 2, 3], [4]]
    assert groups_of(near, 2, "ward") == [[0, 1, 2], [3, 4]]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 999), st.sampled_from(LINKAGES))
def test_there_are_exactly_as_many_groups_as_asked_for_and_they_are_nested(classes, seed, linkage):
    means = np.random.default_rng(seed).normal(size=(classes, 4))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    levels = [groups_of(means, number, linkage) for number in range(1, classes + 1)]
    for number, groups in enumerate(levels, start=1):
        assert len(groups) == number
        assert sorted(itertools.chain(*groups)) == list(range(classes))
        assert groups == sorted(groups)
    for coarse, fine in itertools.pairwise(levels):
        assert all(any(set(group) <= set(whole) for whole in coarse) for group in fine)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_ties_give_the_number_asked_for(linkage):
    """A threshold on the distance would merge all of these at once, or none."""
    means = on_circle(0, 90, 180, 270)
    assert [len(groups_of(means, number, linkage)) for number in (1, 2, 3)] == [1, 2, 3]
    same = on_circle(*[30] * 5)
    assert [len(groups_of(same, number, linkage)) for number in (1, 2, 3, 4)] == [1, 2, 3, 4]


def images_of(*classes, split="train"):
    return pd.DataFrame({"class": classes, "split": split})


def test_means_are_of_training_images_and_have_length_1():
    features = np.array([[1, 0], [0, 1], [0, 1], [0.6, 0.8], [1, 0]], dtype=np.float16)
    images = images_of("b", "b", "a", "a", "a")
    images.loc[4, "split"] = "val"
    means = class_means(ArrayRows(features), images, ["a", "b"], "mine")
    # Half precision knows 0.6 as 0.60009765625 and 0.8 as 0.7998046875.
    a = np.array([0.60009765625, 1.7998046875])
    assert means == pytest.approx(np.array([a / np.hypot(*a), [0.5**0.5] * 2]), abs=1e-15)


def test_neither_blocks_nor_the_order_of_images_change_a_bit(monkeypatch):
    draw = np.random.default_rng(0)
    features = draw.normal(size=(500, 16)).astype(np.float16)
    images = images_of(*draw.choice(list("abcde"), 500))
    classes = list("abcde")
    found = class_means(ArrayRows(features), images, classes, "mine")
    monkeypatch.setattr(class_groups, "BLOCK", 7)
    order = draw.permutation(500)
    again = class_means(ArrayRows(features[order]), images.iloc[order], classes, "mine")
    assert found.tobytes() == again.tobytes()


def test_a_class_without_training_images_or_features_is_named():
    features = ArrayRows(np.array([[1, 0], [0, 0], [0, 1]], dtype=np.float16))
    images = images_of("a", "b", "c")
    refusal(
        lambda: class_means(features, images, ["a", "b", "c"], "mine"),
        "label_sets.mine: 1 classes have no features to be compared by (first: b)",
    )
    images.loc[2, "split"] = "val"
    refusal(
        lambda: class_means(features, images, ["a", "c"], "mine"),
        "label_sets.mine: 1 classes have no images to be compared by (first: c)",
    )
    features.array[0] = np.nan
    refusal(lambda: class_means(features, images, ["a"], "mine"), "no features", "first: a")


def label_set(features, images, number, **more):
    spec = {"method": "visual", "classes": number, "linkage": "average"}
    classes = sorted(set(images["class"]))[::-1]
    return visual_label_set(ArrayRows(features), images, classes, {"spec": spec, **more}, "mine")


def test_the_label_set_of_a_data_sets_own_classes():
    features = on_circle(0, 4, 90, 97, 180, 2).astype(np.float16)
    images = images_of("rose", "rose", "cat", "dog", "house", "daisy")
    frame = label_set(features, images, 3)
    assert frame["wnid"].tolist() == ["cat", "daisy", "dog", "house", "rose"]
    assert frame["class_wnid"].tolist() == ["cat", "daisy", "cat", "house", "daisy"]
    assert frame["label"].tolist() == [0, 1, 0, 2, 1]
    names = ["cat + 1 more", "daisy + 1 more", "cat + 1 more", "house", "daisy + 1 more"]
    assert frame["class_name"].tolist() == names
    refusal(
        lambda: label_set(features, images, 5), "label_sets.mine asks for 5 merged classes of 5"
    )


def test_groups_of_wnids_are_named_after_synsets():
    tiger, lion, car = "n02129604", "n02129165", "n02958343"
    features = on_circle(0, 4, 90).astype(np.float16)
    frame = label_set(features, images_of(tiger, lion, car), 2, taxonomy="a checksum")
    assert frame["wnid"].tolist() == [lion, tiger, car]
    assert frame["class_wnid"].tolist() == [lion, lion, car]
    assert frame["class_name"].tolist() == ["big_cat.n.01", "big_cat.n.01", "car.n.01"]
