"""The linear probe: scikit-learn's optimum, the choice of the penalty, features read in blocks."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refusal
from sklearn.linear_model import LogisticRegression
from small_material import clusters, in_file, material, rows

from imagenet_transfer.features import logistic, probe
from imagenet_transfer.features.logistic import LabelledRows, Scale, fit, objective
from imagenet_transfer.features.probe import held_out
from imagenet_transfer.training.measures import DECADES, Probe

pytestmark = pytest.mark.usefixtures("one_thread")


def loss_of(scores, labels, weights, l2):
    """The loss that is minimised, by its definition."""
    scores = scores - scores.max(1, keepdims=True)
    logs = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(labels)), labels]
    return logs.mean() + l2 / 2 * (weights**2).sum()


def optimum(train, labels, l2):
    """scikit-learn's regression, to a tolerance that takes it to its optimum."""
    model = LogisticRegression(C=1 / (len(train) * l2), tol=1e-7, max_iter=20_000)
    return model.fit(train, labels)


@pytest.mark.parametrize("l2", [10.0, 0.1, 1e-3])
def test_one_penalty_gives_scikit_learns_optimum(l2):
    given = material(*clusters(images=600, spread=2.0))
    train, labels, queries, truth = rows(given)
    other = optimum(train, labels, l2)
    found = probe.measure(given, Probe(l2=[l2], iterations=5000))
    fitted = found.facts["fit"]
    assert fitted["l2"] == l2 and not fitted["at_edge"]
    expected = loss_of(other.decision_function(train), labels, other.coef_, l2)
    assert fitted["loss"] == pytest.approx(expected, abs=1e-5)
    right = other.predict(queries) == truth
    by_class = pd.Series(right).groupby(truth).mean()
    assert found.metrics["top1"] == pytest.approx(100 * by_class.mean(), abs=0.1)
    assert 20 < found.metrics["top1"] < 95


@pytest.mark.parametrize("l2", [1.0, 1e-4])
def test_classes_that_can_be_told_apart_without_error(l2):
    given = material(*clusters(spread=0.05))
    train, labels, _, _ = rows(given)
    other = optimum(train, labels, l2)
    found = probe.measure(given, Probe(l2=[l2], iterations=5000))
    expected = loss_of(other.decision_function(train), labels, other.coef_, l2)
    assert found.facts["fit"]["loss"] == pytest.approx(expected, abs=1e-5)
    assert found.metrics["top1"] == 100


@pytest.mark.parametrize("l2", [1e-2, 1e-6])
def test_features_that_leave_directions_without_any_image(l2):
    """Fewer images than features, some of which are equal and one of which is constant."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(24, 60)).astype(np.float32)
    features[:, 30:] = features[:, :30]
    features[:, 0] = 3
    labels = np.arange(24) % 3
    rows_of = LabelledRows(lambda which: torch.tensor(features[which]), np.arange(24), labels)
    other = optimum(features, labels, l2)
    products = logistic.products_of([rows_of], 3)
    found = fit([rows_of], torch.zeros(3, 61, dtype=torch.float64), l2, 10_000, products)
    expected = loss_of(other.decision_function(features), labels, other.coef_, l2)
    assert found.loss == pytest.approx(expected, abs=1e-4)


def test_rounding_that_makes_a_curvature_negative_is_raised_above_zero():
    sound = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    factor = logistic.factor_of(sound, 0.5)
    torch.testing.assert_close(factor @ factor.T, sound + 0.5 * torch.eye(3), atol=1e-5, rtol=0)
    rounded = torch.diag(torch.tensor([1.0, 2.0, -1e-4], dtype=torch.float64))
    factor = logistic.factor_of(rounded, 1e-9)
    added = (factor @ factor.T - rounded).diagonal()
    assert added.min() > 1e-4 and added.max() < 2e-3


def test_the_slope_is_that_of_the_loss():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(40, 5, generator=draw)
    labels = np.arange(40) % 3
    sets = [LabelledRows(lambda rows: features[rows].clone(), np.arange(40), labels)]
    values = torch.randn(3, 6, generator=draw, dtype=torch.float64).requires_grad_()
    scores = features.double() @ values[:, :-1].T + values[:, -1]
    loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))
    loss = loss + 0.3 / 2 * values[:, :-1].square().sum()
    (expected,) = torch.autograd.grad(loss, values)
    found, slope = objective(sets, values.detach(), 0.3)
    assert found == pytest.approx(loss.item(), abs=1e-6)
    torch.testing.assert_close(slope, expected, atol=1e-6, rtol=0)


def test_scaled_features_have_no_mean_and_a_mean_square_of_one():
    vectors = torch.from_numpy(clusters()[0]).float()
    rows = np.arange(240)
    scale = Scale.of(lambda rows: vectors[rows].clone(), rows)
    scaled = scale.scaled(lambda rows: vectors[rows].clone())(rows)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(24), atol=1e-6, rtol=0)
    assert float(scaled.square().sum(1).mean()) == pytest.approx(1, abs=1e-5)
    same = Scale.of(lambda rows: torch.ones(len(rows), 3), rows)
    assert same.size == 1  # dead features stay zeros


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_features_of_another_unit_are_the_same_problem(factor):
    vectors, labels, tested = clusters(images=600, spread=2.0)
    keys = Probe(l2=[0.1 * factor**2], iterations=5000)
    found = probe.measure(material(vectors * factor, labels, tested), keys)
    other = probe.measure(material(vectors, labels, tested), Probe(l2=[0.1], iterations=5000))
    assert found.facts["fit"]["loss"] == pytest.approx(other.facts["fit"]["loss"], abs=1e-5)


# The choice of the penalty


def test_a_fifth_of_each_class_is_held_out_by_name():
    vectors, labels, tested = clusters()
    given = material(vectors, labels, tested)
    part = held_out(given, 0.2)
    held = set(given.names[given.train["row"]][part])
    assert given.train["label"][part].value_counts().tolist() == [5] * 6  # of 26
    order = np.random.default_rng(5).permutation(240)
    moved = material(vectors[order], labels[order], tested[order], names=given.names[order])
    assert set(moved.names[moved.train["row"]][held_out(moved, 0.2)]) == held
    assert set(given.names[given.train["row"]][held_out(given, 0.4)]) > held
    other = material(vectors, labels, tested, seed=2)
    assert set(other.names[other.train["row"]][held_out(other, 0.2)]) != held
    assert not held_out(given, 0.0).any()


def test_of_two_images_one_is_held_out_and_of_one_none():
    labels = np.array([0, 0, 1, 0, 1, 2])
    tested = np.array([False, False, False, True, True, False])
    vectors = np.eye(6)
    assert held_out(material(vectors, labels, tested), 0.2)[:2].sum() == 1
    few = material(vectors, np.array([0, 1, 2, 0, 1, 2]), np.array([False] * 3 + [True] * 3))
    refusal(lambda: held_out(few, 0.2), "tasks.flowers: no class has two training images")
    assert probe.measure(few, Probe(l2=[1.0])).metrics.keys() == {"top1"}


def test_the_penalty_is_the_best_of_those_held_out_and_the_fit_is_to_all():
    given = material(*clusters(images=900, spread=3.0))
    found = probe.measure(given, Probe())
    *search, last = found.history
    tried = pd.DataFrame(search)
    best = tried.sort_values(["held_out_top1", "held_out_loss"], ascending=[False, True]).iloc[0]
    assert last["l2"] == found.facts["fit"]["l2"] == best["l2"]
    assert tried["l2"].tolist() == [l2 for l2 in DECADES if l2 >= tried["l2"].min()]
    assert (
        last["images"] == len(given.train) == tried["images"].iloc[0] + held_out(given, 0.2).sum()
    )
    assert last["top1"] == found.metrics["top1"]
    train, labels, _, _ = rows(given)
    part = held_out(given, 0.2)
    expected = optimum(train[~part], labels[~part], best["l2"])
    right = expected.predict(train[part]) == labels[part]
    assert best["held_out_top1"] == pytest.approx(
        100 * pd.Series(right).groupby(labels[part]).mean().mean(), abs=1.0
    )


def test_the_search_ends_two_decades_below_the_best():
    given = material(*clusters(images=900, spread=3.0))
    found = probe.measure(given, Probe())
    assert found.history[-2]["l2"] == pytest.approx(found.facts["fit"]["l2"] / 100)
    assert not found.facts["fit"]["at_edge"]


@pytest.mark.parametrize("l2", [(1e6, 1e5), (1e-3, 3e-4)])
def test_a_penalty_at_the_edge_is_said(l2):
    given = material(*clusters(images=900, spread=3.0))
    assert probe.measure(given, Probe(l2=l2)).facts["fit"]["at_edge"]


def test_an_unfinished_fit_is_said():
    found = probe.measure(material(*clusters(spread=2.0)), Probe(l2=[1e-4], iterations=3))
    assert found.facts["fit"]["iterations"] == 3 and not found.facts["fit"]["converged"]
    done = probe.measure(material(*clusters(spread=2.0)), Probe(l2=[1.0]))
    assert done.facts["fit"]["converged"]


# Features larger than the memory


def test_features_read_anew_for_each_step_give_the_same_bits(tmp_path, monkeypatch):
    given = material(*clusters(images=600, spread=2.0))
    monkeypatch.setattr(logistic, "BLOCK", 64)
    kept = probe.measure(given, Probe())
    monkeypatch.setattr(probe, "KEPT", 1000)
    read = []
    filed = in_file(given, tmp_path / "fc7.npy")
    take = type(filed.features).take
    monkeypatch.setattr(
        type(filed.features), "take", lambda self, rows: read.append(len(rows)) or take(self, rows)
    )
    streamed = probe.measure(filed, Probe())
    pd.testing.assert_frame_equal(kept.tested, streamed.tested)
    assert pd.DataFrame(kept.history).equals(pd.DataFrame(streamed.history))
    assert max(read) == 64 and sum(read) > 100 * 64


def test_blocks_change_the_rounding_only(monkeypatch):
    given = material(*clusters(images=600, spread=2.0))
    whole = probe.measure(given, Probe(l2=[0.01]))
    monkeypatch.setattr(logistic, "BLOCK", 37)
    parts = probe.measure(given, Probe(l2=[0.01]))
    assert parts.facts["fit"]["loss"] == pytest.approx(whole.facts["fit"]["loss"], abs=1e-6)


def test_a_start_nearby_saves_iterations():
    vectors = torch.from_numpy(clusters(images=600, spread=2.0)[0]).float()
    vectors = (vectors - vectors.mean(0)) / 10
    sets = [LabelledRows(lambda rows: vectors[rows].clone(), np.arange(600), np.arange(600) % 6)]
    zeros = torch.zeros(6, 25, dtype=torch.float64)
    cold = fit(sets, zeros, 1e-3, 1000)
    warm = fit(sets, fit(sets, zeros, 2e-3, 1000).values, 1e-3, 1000)
    assert warm.loss == pytest.approx(cold.loss, abs=1e-7)
    assert warm.iterations < cold.iterations
