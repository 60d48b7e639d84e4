"""Accuracy by neighbours: votes counted by hand, and the same classes as scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from small_material import clusters, in_file, material, rows

from imagenet_transfer.features import knn, measures
from imagenet_transfer.features.knn import vote_ranks, weights
from imagenet_transfer.training.measures import Neighbours

pytestmark = pytest.mark.usefixtures("one_thread")


def ranks(neighbours, votes, num_classes):
    """The rank of each class for one query."""
    classes = np.arange(num_classes)
    repeated = (np.tile(values, (num_classes, 1)) for values in (neighbours, votes))
    return vote_ranks(*repeated, classes, num_classes).tolist()


def test_votes_by_hand():
    # Classes 2, 0, 0, 1 from the nearest on: 0 has two votes; 2 is nearer than 1; 3 has none.
    assert ranks([2, 0, 0, 1], [1, 1, 1, 1], 4) == [0, 2, 1, 3]
    # A vote of 2.5 outweighs two of 1.
    assert ranks([2, 0, 0, 1], [2.5, 1, 1, 0.5], 4) == [1, 2, 0, 3]
    # A tie of two votes each: the class of the nearest of all wins, not the lower one.
    assert ranks([1, 0, 0, 1], [1, 1, 1, 1], 2) == [1, 0]


def test_a_class_without_a_neighbour_is_never_guessed():
    assert ranks([4], [1], 7) == [6, 6, 6, 6, 0, 6, 6]


def test_a_vote_counts_by_temperature():
    cosines = np.array([[0.9, 0.8, 0.2]], dtype=np.float32)
    found = weights(cosines, 0.1)[0]
    np.testing.assert_allclose(found, np.exp(np.array([0, -1, -7])), rtol=1e-5)
    assert weights(cosines, "none").tolist() == [[1, 1, 1]]
    assert weights(cosines, 1e-5)[0].tolist() == [1, 0, 0]  # and not 0 / 0


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_ranks_are_those_of_a_sort(data):
    classes = data.draw(st.integers(1, 6))
    k = data.draw(st.integers(1, 8))
    neighbours = data.draw(st.lists(st.integers(0, classes - 1), min_size=k, max_size=k))
    votes = data.draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=k, max_size=k))
    total = {
        c: sum(v for n, v in zip(neighbours, votes, strict=True) if n == c) for c in neighbours
    }
    order = sorted(total, key=lambda c: (-total[c], neighbours.index(c)))
    expected = [order.index(c) if c in total else classes - 1 for c in range(classes)]
    assert ranks(neighbours, votes, classes) == expected


@pytest.mark.parametrize("temperature", [0.07, "none"])
@pytest.mark.parametrize("k", [1, 7])
def test_the_same_classes_as_scikit_learn(k, temperature):
    found = material(*clusters(images=600, spread=2.0))
    tested = knn.measure(found, Neighbours(k=k, temperature=temperature)).tested

    def by_distance(distances):
        if temperature == "none":
            return np.ones_like(distances)
        return np.exp((1 - distances) / temperature)

    train, labels, queries, truth = rows(found)
    other = KNeighborsClassifier(k, metric="cosine", weights=by_distance, algorithm="brute")
    probabilities = np.sort(other.fit(train, labels).predict_proba(queries), axis=1)
    clear = probabilities[:, -1] - probabilities[:, -2] > 1e-6  # ties are broken by other rules
    assert clear.mean() > 0.6
    right = (other.predict(queries) == truth)[clear]
    assert 0.2 < right.mean() < 0.98
    assert ((tested["rank"] == 0)[clear] == right).all()


def test_accuracies_follow_from_the_ranks():
    given = material(*clusters(images=700, classes=7, spread=3.0))
    found = knn.measure(given, Neighbours(k=5))
    by_class = (found.tested["rank"] < 1).groupby(found.tested["label"]).mean()
    assert found.metrics["top1"] == pytest.approx(100 * by_class.mean())
    assert found.metrics["top1"] < found.metrics["top5"]
    assert found.history == [{"k": 5, "temperature": 0.07, "images": 462, **found.metrics}]
    assert found.tested["image"].tolist() == given.names[given.test["row"]].tolist()


def test_features_in_a_file_and_a_few_queries_at_once_give_the_same(tmp_path, monkeypatch):
    given = material(*clusters(spread=2.0))
    whole = knn.measure(given, Neighbours(k=3))
    monkeypatch.setattr(measures, "KEPT", 2 * 24 * 155)  # one image fewer than there are
    monkeypatch.setattr(knn, "QUERIES", 2 * 24 * 7)
    monkeypatch.setattr(knn, "CELLS", 6 * 5)
    parts = knn.measure(in_file(given, tmp_path / "fc7.npy"), Neighbours(k=3))
    pd.testing.assert_frame_equal(whole.tested, parts.tested)


def test_more_votes_than_training_images_are_refused():
    given = material(*clusters())
    refusal(lambda: knn.measure(given, Neighbours(k=157)), "tasks.flowers.k is 157", "are 156")
