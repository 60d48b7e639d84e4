"""Few shots: draws nested and free of order, and the same classifiers as scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refusal
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import NearestCentroid
from small_material import clusters, in_file, material, rows

from imagenet_transfer.features import few_shot, measures
from imagenet_transfer.features.few_shot import draw_places, mixed
from imagenet_transfer.training.measures import FewShot

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(given, shots, draws=4):
    """The names of the images of each draw and class."""
    return given.names[given.train["row"].to_numpy()[draw_places(given, shots, draws)]]


def test_draws_are_of_their_class_and_nested():
    given = material(*clusters())
    one, five = (drawn(given, shots) for shots in (1, 5))
    assert five.shape == (4, 6, 5)
    label_of = dict(zip(given.names, np.arange(240) % 6, strict=True))
    for draw in range(4):
        for label in range(6):
            images = set(five[draw, label])
            assert len(images) == 5 and {label_of[name] for name in images} == {label}
            assert set(one[draw, label]) < images
    assert len({tuple(draw.ravel()) for draw in five}) == 4


def test_draws_depend_on_names_and_seed_only():
    vectors, labels, tested = clusters()
    order = np.random.default_rng(3).permutation(240)
    names = np.array([f"image{row:04d}" for row in range(240)])
    given = material(vectors, labels, tested, names=names)
    moved = material(vectors[order] + 1, labels[order], tested[order], names=names[order])
    assert set(drawn(given, 3).ravel()) == set(drawn(moved, 3).ravel())
    np.testing.assert_array_equal(drawn(given, 3), drawn(moved, 3))
    assert (drawn(given, 3) != drawn(material(vectors, labels, tested, seed=2), 3)).any()


def test_each_image_of_a_class_is_drawn_as_often():
    given = material(*clusters())
    counts = pd.Series(drawn(given, 5, draws=2000).ravel()).value_counts()
    assert len(counts) == 156  # all training images, 26 of each class
    expected = 2000 * 5 / 26  # 385, with a standard deviation of 18
    assert counts.between(expected - 90, expected + 90).all()


def test_mixing_is_one_to_one():
    assert len(np.unique(mixed(np.arange(10_000, dtype=np.uint64)))) == 10_000


def draw_of(given, shots):
    """The training vectors and labels of the first draw, of length 1, and the test's."""
    train, labels, queries, truth = rows(given)
    places = draw_places(given, shots, 1)[0].ravel()
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (train, queries)]
    return unit[0][places], labels[places], unit[1], truth


@pytest.mark.parametrize("shots", [1, 3, 12])  # 72 images are more than the 24 features
@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_ridge_is_that_of_scikit_learn(shots, l2):
    given = material(*clusters(spread=2.0))
    train, labels, queries, truth = draw_of(given, shots)
    other = RidgeClassifier(alpha=l2).fit(train, labels)
    places = torch.from_numpy(train.reshape(6, shots, -1))  # float64
    found, offsets = few_shot.ridge(places, l2)
    # scikit-learn's targets are 1 and -1: twice as far apart as 1 and 0
    np.testing.assert_allclose(2 * found.T, other.coef_, atol=1e-9)
    scores = 2 * (queries @ found.numpy() + offsets.numpy())
    difference = other.decision_function(queries) - scores
    np.testing.assert_allclose(difference - difference.mean(), 0, atol=1e-9)
    tested = few_shot.measure(given, FewShot(shots=shots, draws=1, l2=l2)).tested
    assert tested["top1"].tolist() == (other.predict(queries) == truth).astype(float).tolist()
    assert 0.2 < tested["top1"].mean() < 1


def test_prototypes_are_the_nearest_class_means():
    given = material(*clusters(spread=2.0))
    train, labels, queries, truth = draw_of(given, 3)
    means = NearestCentroid().fit(train, labels).centroids_
    nearest = (queries @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(1)
    tested = few_shot.measure(given, FewShot(shots=3, draws=1, method="prototypes")).tested
    assert tested["top1"].tolist() == (nearest == truth).astype(float).tolist()


def test_the_value_is_the_mean_over_draws_and_follows_from_the_images():
    given = material(*clusters(images=700, classes=7, spread=2.0))
    found = few_shot.measure(given, FewShot(shots=2, draws=10))
    history = pd.DataFrame(found.history)
    assert history["draw"].tolist() == list(range(1, 11))
    assert history["top1"].nunique() > 5
    for name in ("top1", "top5"):
        assert found.metrics[name] == pytest.approx(history[name].mean())
        by_class = found.tested.groupby("label")[name].mean()
        assert found.metrics[name] == pytest.approx(100 * by_class.mean())
    fewer = few_shot.measure(given, FewShot(shots=2, draws=3))
    assert fewer.history == found.history[:3]


def test_five_guesses_need_more_than_five_classes():
    given = material(*clusters(classes=4))
    assert few_shot.measure(given, FewShot(draws=2)).metrics.keys() == {"top1"}


def test_features_in_a_file_and_small_blocks_give_the_same(tmp_path, monkeypatch):
    given = material(*clusters(spread=2.0))
    whole = few_shot.measure(given, FewShot(draws=7))
    monkeypatch.setattr(measures, "KEPT", 1000)
    monkeypatch.setattr(few_shot, "CLASSIFIERS", 4 * 24 * 6 * 2)  # two draws at once
    monkeypatch.setattr(few_shot, "SCORES", 6 * 2 * 5)  # five test images
    parts = few_shot.measure(in_file(given, tmp_path / "fc7.npy"), FewShot(draws=7))
    pd.testing.assert_frame_equal(whole.tested, parts.tested)
    assert whole.history == parts.history


def test_more_shots_than_images_of_a_class_are_refused():
    vectors, labels, tested = clusters()
    labels[:3] = 5  # class 0 has one training image fewer
    given = material(vectors, labels, tested | (np.arange(240) == 6))
    few = int(given.train["label"].value_counts().min())
    refusal(
        lambda: few_shot.measure(given, FewShot(shots=few + 1)),
        f"tasks.flowers.shots is {few + 1}",
        f"a class has {few} training images",
    )
