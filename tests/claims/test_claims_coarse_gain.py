"""Claims of Figure 6: gains of named classes, and their rank correlation with likeness."""

import math

import numpy as np
import pandas as pd
import pytest
from hand_results import found, replicates, results
from scipy import stats

from imagenet_transfer.claims.paper.coarse_gain import rank_correlation
from imagenet_transfer.claims.statistics import p_value
from imagenet_transfer.features.analyses import coarse_gain
from imagenet_transfer.features.descriptors import descriptors

WNIDS = [f"n{i:02d}" for i in range(80)]
NAMES = [f"c{i % 20}" for i in range(80)]
COARSE = pd.DataFrame(
    {"wnid": WNIDS, "place": np.arange(80) % 20, "class_wnid": NAMES, "class_name": NAMES}
)


def gains(frame):
    """Return a study with Figure 6, whose numbers are given."""
    layout = {"builder": "coarse-gain", "subset": "whole", "label_set": "coarse"}
    return results({}, {"figure6": layout}, {"figure6": frame})


def test_gains_of_named_classes_are_compared_with_the_median_replicate_by_replicate():
    """Each replicate shifts all gains by 10 points more than the last, which tells nothing."""
    by_wnid = {"n01861778": 30.0, "n04451818": 12.0, "n1": 10.0, "n2": 8.0, "n3": 6.0}
    rows = [
        {"class_wnid": wnid, "class_name": wnid, "similarity": gain, "rep": rep}
        | {"gain": value + 10 * rep}
        for wnid, gain in by_wnid.items()
        for rep, value in enumerate(replicates(gain), start=1)
    ]
    mammal, tool = found(gains(pd.DataFrame(rows)), "7b")
    assert mammal.effect.estimate == pytest.approx(20.0, abs=0.1)
    assert mammal.verdict == "holds"
    assert tool.effect.estimate == pytest.approx(-2.0, abs=0.1)
    assert tool.verdict == "does not"
    (alike,) = found(gains(pd.DataFrame(rows)), "7a")
    assert alike.effect.estimate == pytest.approx(1.0)


def test_classes_merged_by_features_say_nothing_about_the_papers_claim():
    rows = [
        {"class_wnid": f"n{i}", "class_name": "x", "rep": 1} | dict(similarity=i, gain=i * i)
        for i in range(9)
    ]
    layout = {"builder": "coarse-gain", "subset": "whole", "label_set": "coarse"}
    frames = {"figure6": pd.DataFrame(rows)}
    assert found(results({}, {"figure6": layout}, frames), "7a")
    merged = layout | {"merged_by": ["visual"]}
    assert not found(results({}, {"figure6": merged}, frames), "7a")


def confused(rng, confusion):
    """Return predictions of 80 fine classes, 20 images each.

    Half of them are right, the others follow `confusion` (80,80).
    """
    chances = confusion / confusion.sum(1, keepdims=True) * 0.5 + np.eye(80) * 0.5
    wnids = np.array(WNIDS)
    guesses = np.tile(wnids, 80).repeat(rng.multinomial(20, chances).ravel())
    return pd.DataFrame({"wnid": wnids.repeat(20), "predicted": guesses})


def likeness(rng, shared=0.0):
    """Return standardised descriptors of 80 random images, one per class.

    As `descriptors.class_descriptors` does. `shared` is how much the images of the last coarse
    class have in common; those of the first have nothing in common.
    """
    images = rng.uniform(0, 255, (80, 4, 4, 3))
    common = rng.uniform(0, 255, (20, 4, 4, 3))
    part = (shared * np.arange(20) / 19)[:, None, None, None]
    images = (1 - part[np.arange(80) % 20]) * images + (part * common)[np.arange(80) % 20]
    found = descriptors(images.repeat(4, 1).repeat(4, 2).astype(np.uint8))
    found = pd.DataFrame(found, index=WNIDS)
    return (found - found.mean()) / found.std(ddof=0).replace(0.0, 1.0)


def verdict_of_likeness(predictions, means):
    (one,) = found(gains(coarse_gain(predictions, COARSE, 2, means).assign(rep=1)), "7a")
    return one.verdict


def test_likeness_that_knows_nothing_of_the_confusions_seldom_explains_them():
    """In at most 5 % of 200 networks with random confusions: 2.5 % of intervals are above 0."""
    rng = np.random.default_rng(1)
    networks = (confused(rng, rng.dirichlet(np.full(80, 0.3), 80)) for _ in range(200))
    verdicts = [verdict_of_likeness(network, likeness(rng)) for network in networks]
    assert verdicts.count("holds") <= 10
    assert verdicts.count("does not") <= 10


def test_likeness_that_makes_confusions_explains_them():
    rng = np.random.default_rng(2)
    means = likeness(rng, shared=0.8)
    vectors = means.to_numpy() / np.linalg.norm(means, axis=1, keepdims=True)
    assert verdict_of_likeness(confused(rng, np.exp(8 * vectors @ vectors.T)), means) == "holds"


def test_rank_correlation():
    effect = rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert effect.estimate == pytest.approx(0.8)
    reach = stats.norm.ppf(0.975) * math.sqrt((1 + 0.8**2 / 2) / 2)
    assert effect.low == pytest.approx(math.tanh(math.atanh(0.8) - reach), rel=1e-5)
    assert math.isnan(rank_correlation([1, 2, 3, 4], [1, 1, 1, 1]).low)


@pytest.mark.parametrize("n", [5, 8, 20, 67])
@pytest.mark.parametrize("seed", range(6))
def test_p_of_a_rank_correlation_is_the_level_at_which_its_interval_just_reaches_0(n, seed):
    """One end of Bonett and Wright's interval at the level 1 - p is 0."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(n)
    effect = rank_correlation(a, seed / 3 * a + rng.standard_normal(n))
    p = p_value(effect)
    rho = min(effect.estimate, 1 - 1e-9)
    z = stats.norm.isf(p / 2)
    reach = z * math.sqrt((1 + rho**2 / 2) / (n - 3))
    assert reach == pytest.approx(abs(math.atanh(rho)))
    assert (p <= 0.05) == (effect.low > 0 or effect.high < 0)


def test_p_of_no_and_of_a_perfect_rank_correlation():
    assert p_value(rank_correlation([1, 2, 3, 4, 5], [3, 1, 5, 2, 4])) < 1
    assert p_value(rank_correlation([1, 2, 3, 4, 5, 6], [3, 4, 2, 5, 3, 4])) > 0.05
    assert p_value(rank_correlation([-2, -1, 0, 1, 2], [4, 1, 0, 1, 4])) == 1.0
    assert p_value(rank_correlation(range(8), range(8))) < 1e-9
