"""Intervals, p values and verdicts from few replicates: known values, properties, coverage."""

import importlib.util
import math

import numpy as np
import pytest
from conftest import ROOT
from scipy import optimize, special, stats

from imagenet_transfer.claims.prior import inverse_trigamma, prior_freedom
from imagenet_transfer.claims.statistics import (
    Answers,
    Effect,
    Prior,
    Sample,
    contrast,
    guarded,
    holm,
    image_contrast,
    interval,
    p_value,
    prior_of,
    replicates_needed,
    verdict,
)

NAMES = ("scratch", "full", "a", "b", "c", "d", "e", "f")


def samples_of(values, task="det", names=NAMES):
    """Return samples of values (cells,replicates)."""
    rows = zip(names, values, strict=False)
    return [Sample(name, task, tuple(map(float, row))) for name, row in rows]


def by_hand(covariance, freedom, names=("full", "a"), tasks=("det",), pooled=10**9, replicates=3):
    """Return a prior that is stated, not estimated, of cells that no replicate shifts."""
    size = len(tasks)
    member = np.ones((size, len(names)), dtype=bool)
    return Prior(
        tasks,
        names,
        member,
        np.array(covariance, dtype=float).reshape(size, size),
        np.full(size, float(freedom)),
        np.full(size, pooled),
        np.zeros((size, replicates)),
    )


def study(rng, n=3, cells=7, shift=0.0, tasks=("det",)):
    """Return samples whose scratch cell has mean 30 and others 50, residual sd 1."""
    found = []
    for task in tasks:
        means = np.where(np.arange(cells) == 0, 30.0, 50.0)[:, None]
        noise = rng.standard_normal((cells, n)) + shift * rng.standard_normal(n)
        found += samples_of(means + noise, task)
    return found


def difference(a, b):
    return a - b


# The prior's degrees of freedom


def test_inverse_trigamma_at_known_values():
    """trigamma(1) = pi^2/6, trigamma(1/2) = pi^2/2, trigamma(2) = pi^2/6 - 1."""
    known = np.array([math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 6 - 1])
    np.testing.assert_allclose(inverse_trigamma(known), [1, 0.5, 2], rtol=1e-10)


def test_prior_freedom_is_smyths_moment_estimate():
    """Smyth 2004, section 6.2, with the root found by bisection."""
    variances = np.array([0.1, 0.5, 1.0, 7.0, 30.0, 0.02])
    freedom = 4
    e = np.log(variances) - special.digamma(2) + np.log(2)
    spread = np.mean((e - e.mean()) ** 2 * 6 / 5 - special.polygamma(1, 2))
    root = optimize.brentq(lambda x: special.polygamma(1, x / 2) - spread, 1e-3, 1e3)
    assert float(prior_freedom(variances, freedom)) == pytest.approx(root, rel=1e-8)


def test_prior_freedom_of_equal_variances_is_infinite():
    assert prior_freedom(np.array([2.0, 2.0, 2.1]), 2) == math.inf


def test_prior_freedom_recovers_what_was_drawn():
    rng = np.random.default_rng(0)
    variances = 3.0 * 6 / rng.chisquare(6, 20000) * rng.chisquare(4, 20000) / 4
    assert float(prior_freedom(variances, 4)) == pytest.approx(6, rel=0.1)


def test_prior_variance_is_that_of_the_two_way_layout():
    values = np.random.default_rng(1).normal(size=(6, 4))
    alike = values[1:]  # scratch is set apart
    residuals = alike - alike.mean(1, keepdims=True) - alike.mean(0) + alike.mean()
    prior = prior_of(samples_of(values))
    assert prior.covariance[0, 0] == pytest.approx((residuals**2).sum() / (4 * 3))
    assert prior.pooled.tolist() == [4 * 3]
    np.testing.assert_allclose(prior.blocks[0], alike.mean(0) - alike.mean())


def test_prior_of_cells_with_different_numbers_of_replicates():
    """Two-way degrees of freedom: values - cells - replicates + 1; single values say nothing.

    full-a: (-1, 2): 4.5 (1 df); full-b: (-4, -1, -2.5): 2.25 (2 df); a-b: (-3, -3): 0 (1 df).
    """
    rows = [[0, 0], [1.0, 3.0, 2.0], [2.0, 1.0], [5.0, 4.0, 4.5], [7.0]]
    prior = prior_of(samples_of(rows))
    assert prior.names == ("full", "a", "b")
    assert prior.pooled.tolist() == [8 - 3 - 3 + 1]
    assert prior.covariance[0, 0] == pytest.approx((4.5 + 2 * 2.25 + 0) / 4 / 2)


def test_prior_covariance_of_two_tasks():
    rng = np.random.default_rng(2)
    shared = rng.standard_normal((8, 400))
    shared[0] = 0
    noise = rng.standard_normal((2, 8, 400))
    samples = samples_of(shared + noise[0], "det") + samples_of(2 * shared + noise[1], "act")
    covariance = prior_of(samples).covariance
    np.testing.assert_allclose(covariance, [[2, 2], [2, 5]], rtol=0.1)


# Contrasts


def test_moderated_by_hand():
    """Differences 1, 0, 5: variance 7 on 2 degrees; the prior says 2 * 4 on 2: (14 + 16) / 4."""
    samples = [Sample("full", "det", (1, 2, 6)), Sample("a", "det", (0, 2, 1))]
    effect = contrast(difference, samples, by_hand(4, 2))
    reach = stats.t.ppf(0.975, 4) * math.sqrt(7.5 / 3)
    assert effect.estimate == pytest.approx(2)
    assert effect.error == pytest.approx(math.sqrt(7.5 / 3))
    assert effect.freedom == pytest.approx(4)
    assert (effect.low, effect.high) == pytest.approx((2 - reach, 2 + reach))


def test_infinite_freedom_is_the_pooled_error():
    samples = [Sample("full", "det", (1, 2, 6)), Sample("a", "det", (0, 2, 1))]
    effect = contrast(difference, samples, by_hand(4, math.inf, pooled=10**9))
    assert effect.error == pytest.approx(math.sqrt(8 / 3), rel=1e-6)
    assert effect.high - 2 == pytest.approx(1.96 * math.sqrt(8 / 3), rel=1e-3)


def test_freedom_never_exceeds_that_of_the_residuals():
    samples = [Sample("full", "det", (1, 2, 6)), Sample("a", "det", (0, 2, 1))]
    assert contrast(difference, samples, by_hand(4, math.inf, pooled=10)).freedom == 10


@pytest.mark.parametrize("cells", [2, 3], ids=["one alike cell", "two alike cells"])
def test_few_cells_give_the_paired_t(cells):
    samples = study(np.random.default_rng(3), cells=cells, n=4)
    expected = stats.ttest_rel(samples[-1].values, samples[-2].values).confidence_interval()
    effect = contrast(difference, [samples[-1], samples[-2]], prior_of(samples))
    assert (effect.low, effect.high) == pytest.approx(tuple(expected))


def test_gain_over_scratch_is_the_paired_t():
    samples = study(np.random.default_rng(4))
    expected = stats.ttest_rel(samples[1].values, samples[0].values).confidence_interval()
    effect = contrast(difference, [samples[1], samples[0]], prior_of(samples))
    assert (effect.low, effect.high) == pytest.approx(tuple(expected))
    assert effect.freedom == 2


def test_expected_variance_of_correlated_tasks():
    """Errors shared by two tasks: var(det - act) = 2 (1 + 1 - 2 * 0.75) of one difference."""
    tasks = ("det", "act")
    values = {"full": (1.0, 2.0, 4.0), "a": (0.0, 2.0, 1.0)}
    samples = [Sample(name, task, of_cell) for task in tasks for name, of_cell in values.items()]
    prior = by_hand([[1, 0.75], [0.75, 1]], math.inf, tasks=tasks)
    effect = contrast(lambda a, b, c, d: a - b - (c - d), samples, prior)
    assert effect.error == pytest.approx(math.sqrt(2 * (1 + 1 - 1.5) / 3), rel=1e-6)


def test_a_mean_has_the_spread_of_whole_replicates():
    """Replicates shift all cells a lot: a mean is known no better than these n shifts."""
    rng = np.random.default_rng(5)
    samples = study(rng, n=3, shift=100.0)
    effect = contrast(lambda a: a, [samples[2]], prior_of(samples))
    assert effect.freedom == pytest.approx(2, abs=0.01)
    blocks = np.mean([s.values for s in samples[1:]], axis=0)
    assert effect.error == pytest.approx(blocks.std(ddof=1) / math.sqrt(3), rel=0.01)


def kept(x, s, f):
    return (x - s) / (f - s)


@pytest.mark.parametrize("function", [kept, lambda x, s, f: x - s - 0.9 * (f - s)])
def test_what_a_replicate_shifts_cancels(function):
    samples = study(np.random.default_rng(6))
    shifted = [Sample(s.name, s.task, tuple(np.add(s.values, (5, -3, -2)))) for s in samples]
    found = [
        contrast(function, [group[2], group[0], group[1]], prior_of(group))
        for group in (samples, shifted)
    ]
    assert found[0].error == pytest.approx(found[1].error, rel=1e-6)
    assert found[0].freedom == pytest.approx(found[1].freedom, rel=1e-6)


def test_order_of_replicates_matters_only_between_cells():
    samples = study(np.random.default_rng(7), n=5)
    turned = [Sample(s.name, s.task, s.values[::-1]) for s in samples]
    one = [samples[0], turned[1], *samples[2:]]
    errors = [
        contrast(kept, [group[2], group[0], group[1]], prior_of(group)).error
        for group in (samples, turned, one)
    ]
    assert errors[0] == pytest.approx(errors[1])
    assert errors[0] != pytest.approx(errors[2], rel=1e-3)


def test_common_replicates_are_paired():
    """Of 3 and 5 replicates the first 3 are used, for the estimate and its error."""
    samples = study(np.random.default_rng(8), n=5)
    short = [Sample(s.name, s.task, s.values[:3]) for s in samples[1:3]]
    prior = prior_of(samples)
    assert contrast(difference, [short[0], samples[2]], prior) == contrast(difference, short, prior)


def test_no_interval_without_replicates_or_spread():
    prior = prior_of([])
    one = contrast(difference, [Sample("a", "det", (3.0,)), Sample("b", "det", (1.0,))], prior)
    same = [Sample(name, "det", (2.0, 2.0, 2.0)) for name in "abcd"]
    equal = contrast(difference, same[:2], prior_of(same))
    for effect in (one, equal):
        assert math.isnan(effect.low) and math.isnan(effect.high)
        assert verdict(effect) == "cannot tell"
        assert math.isnan(p_value(effect))
        assert replicates_needed(effect, 3) is None
    assert (one.estimate, equal.estimate) == (2, 0)


@pytest.mark.parametrize(
    "function", [difference, lambda a, b: 100 * (a - b) / a, lambda a, b: a - 0.7 * b]
)
def test_replicates_that_agree_exactly_have_no_interval(function):
    """Numeric slopes are not exact, and their rounding is not an error of the runs."""
    pairs = [((51, 51, 51), (21, 21, 21))]
    pairs += [((51, 52, 53), (21, 22, 23))] * (function is difference)
    for a, b in pairs:
        effect = contrast(function, [Sample("a", "det", a), Sample("b", "det", b)], prior_of([]))
        assert effect.estimate == pytest.approx(function(np.mean(a), np.mean(b)))
        assert math.isnan(effect.low) and math.isnan(effect.high) and math.isnan(effect.error)


def test_a_small_spread_is_one():
    samples = [Sample("a", "det", (51, 52, 53.001)), Sample("b", "det", (21, 22, 23))]
    effect = contrast(difference, samples, prior_of([]))
    assert effect.error == pytest.approx(np.std([30, 30, 30.001], ddof=1) / math.sqrt(3), rel=1e-4)


def test_a_cell_set_apart_that_a_claim_names_twice_is_one():
    """Half of it is added twice: its weights are summed before they are squared."""
    samples = study(np.random.default_rng(14), n=4)
    prior = prior_of(samples)
    scratch, full, part, *_ = samples
    once = contrast(lambda x, f, s: x - 0.9 * f - 0.1 * s, [part, full, scratch], prior)
    named = [part, full, scratch, scratch]
    twice = contrast(lambda x, f, s, t: x - s - 0.9 * (f - t), named, prior)
    assert twice.error == pytest.approx(once.error, rel=1e-6)
    assert twice.freedom == pytest.approx(once.freedom, rel=1e-6)
    assert once.freedom > 4  # moderated, and not the paired t


def test_equal_values_by_chance_get_the_error_of_the_others():
    samples = study(np.random.default_rng(9), cells=8)
    samples[2] = Sample("a", "det", samples[1].values)
    effect = contrast(difference, [samples[1], samples[2]], prior_of(samples))
    assert effect.estimate == 0
    assert effect.high > 0.3


def test_undefined_function_has_no_interval():
    samples = samples_of([[1, 2, 3], [1, 2, 3], [2, 2, 4]])
    effect = contrast(lambda a, b: 1 / (a - b), samples[:2], prior_of(samples))
    assert math.isnan(effect.estimate) and math.isnan(effect.low)


@pytest.fixture(scope="module")
def coverage():
    """Return whether 1,000 intervals hold the truth, and their widths relative to the error's."""
    rng = np.random.default_rng(10)
    held = []
    widths = []
    error = math.sqrt((1 + 0.81 + 0.01) / 3)
    for _ in range(1000):
        samples = study(rng, n=3, cells=9, shift=3.0)
        scratch, full, part, *_ = samples
        of_share = [part, scratch, full]
        effect = contrast(lambda x, s, f: x - s - 0.9 * (f - s), of_share, prior_of(samples))
        held.append(effect.low <= 2 <= effect.high)
        widths.append((effect.high - effect.low) / (2 * error))
    return np.mean(held), np.mean(widths)


def test_intervals_hold_the_truth_as_often_as_they_say(coverage):
    assert 0.93 <= coverage[0] <= 0.97


def test_intervals_are_narrower_than_paired_t_and_than_unpaired(coverage):
    """A paired t interval would be 4.30 * 0.886 = 3.8 errors wide, an unpaired one above 7."""
    assert 1.96 < coverage[1] < 2.5


def mean_kept(*means):
    """Return the mean share that is kept, of triples (random start, full set, part)."""
    return sum(kept(means[j + 2], means[j], means[j + 1]) for j in (0, 3, 6)) / 3


def test_the_simulation_computes_what_contrast_does(monkeypatch):
    path = ROOT / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("interval_coverage", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    monkeypatch.setattr(benchmark, "STUDIES", 3)
    rng = np.random.default_rng(11)
    values = benchmark.simulate(rng, 3, 6, "log-normal 0.6", 1.0, 0.5)
    values = values + benchmark.true_means(6, "measured")[:, :, None]
    assert len(values) == 3
    estimate, slopes = benchmark.CLAIMS["mean share, 90 %"](values.mean(3))
    prior = benchmark.study_prior(values)
    variance, freedom = benchmark.errors_of(values, slopes, prior)["moderated"]
    for i, one in enumerate(values):
        tasks = ["det", "act", "sun", "acc"]
        samples = [s for task, rows in zip(tasks, one, strict=True) for s in samples_of(rows, task)]
        chosen = [s for task in tasks[:3] for s in samples if s.task == task]
        used = [s for s in chosen if s.name in ("scratch", "full", "a")]
        effect = contrast(mean_kept, used, prior_of(samples))
        assert effect.estimate == pytest.approx(estimate[i])
        assert effect.error == pytest.approx(math.sqrt(variance[i] / 3), rel=1e-4)
        assert effect.freedom == pytest.approx(freedom[i], rel=1e-4)


def test_guard():
    effect = interval(0.9, 0.01, 5)
    clear = Effect(20, 10, 30, 2.0, 5)
    close = Effect(3, 1, 5, 1.0, 5)
    assert guarded(effect, [clear, clear]) == effect
    assert verdict(guarded(effect, [clear, close]), 0.5) == "cannot tell"
    assert verdict(guarded(effect, [Effect(9.0)]), 0.5) == "cannot tell"


# Single runs


def test_two_networks_have_mcnemars_variance():
    """Of 100 images only a gets 15 right, only b 5: 10 points, (20 - 10^2 / 100) / (100 * 99)."""
    a = np.repeat([1, 0, 1, 0], [15, 5, 50, 30])
    b = np.repeat([0, 1, 1, 0], [15, 5, 50, 30])
    labels = np.zeros(100, dtype=int)
    answers = [Answers("a", "s", a, labels), Answers("b", "s", b, labels)]
    effect = image_contrast(difference, answers)
    assert effect.estimate == pytest.approx(10)
    assert effect.error == pytest.approx(100 * math.sqrt((20 - 1) / (100 * 99)))


def test_image_variance_is_that_within_classes():
    """Of 40 images 30 are right, of 20 none: the classes differ, which is not an error."""
    labels = np.repeat([5, 9], [40, 20])
    right = np.repeat([1, 0, 0], [30, 10, 20])
    effect = image_contrast(lambda a: a, [Answers("a", "s", right, labels)])
    assert effect.estimate == pytest.approx(100 * 0.75 / 2)
    assert effect.error == pytest.approx(100 * math.sqrt(40 * 0.75 * 0.25 / 39 / 40 / 4))
    assert effect.freedom == 58


def test_equal_networks_are_not_certainly_equal():
    labels = np.repeat([0, 1], 50)
    answers = [Answers(name, "s", np.arange(100) % 3 == 0, labels) for name in "ab"]
    assert image_contrast(difference, answers).error == pytest.approx(1)


def test_tasks_have_independent_images():
    rng = np.random.default_rng(12)
    labels = np.repeat(np.arange(4), 25)
    answers = [Answers("a", task, rng.random(100) < 0.6, labels) for task in ("s", "t")]
    errors = [image_contrast(lambda a: a, [one]).error for one in answers]
    assert image_contrast(difference, answers).error == pytest.approx(math.hypot(*errors))


# Verdicts


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0, 1, "holds"), (-1, 1, "cannot tell"), (-2, -1, "does not"), (1.5, 3, "cannot tell")],
)
def test_verdict_within_zero_and_two(low, high, word):
    assert verdict(Effect((low + high) / 2, low, high, 1, 5), 0, 2) == word


@pytest.mark.parametrize("bounds", [(0, math.inf), (-1, 1.5), (2.5, 9), (-9, 0.2)])
def test_p_value_is_the_level_at_which_the_interval_decides(bounds):
    effect = interval(1.0, 0.4, 6)
    p = p_value(effect, *bounds)
    for level, decided in ((p * 1.001, True), (p * 0.999, False)):
        reach = stats.t.ppf(1 - level / 2, 6) * 0.4
        found = verdict(Effect(1.0, 1 - reach, 1 + reach), *bounds) != "cannot tell"
        assert found is decided
    assert (p <= 0.05) == (verdict(effect, *bounds) != "cannot tell")


def test_p_value_against_zero_is_the_t_tests():
    values = np.array([1.2, 0.3, 2.2, 1.9])
    effect = interval(values.mean(), values.std(ddof=1) / 2, 3)
    assert p_value(effect) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_holms_example():
    """Four p values, as R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_has_no_p_value():
    adjusted = holm([0.02, math.nan, 0.9])
    assert adjusted[::2] == pytest.approx([0.04, 0.9])
    assert math.isnan(adjusted[1])
    assert holm([]) == []


def test_replicates_needed_is_the_t_tests_sample_size():
    """Half a standard deviation, two-sided 5 %, power 80 %: 34 (G*Power, one-sample t)."""
    assert replicates_needed(interval(0.5, 1 / math.sqrt(3), 2), 3) == 34


def test_replicates_needed_between_two_bounds():
    """In the middle of two bounds both must be excluded; one bound is easier."""
    effect = interval(0.5, 1 / math.sqrt(3), 2)
    both = replicates_needed(effect, 3, 0, 1)
    assert both > 34
    rng = np.random.default_rng(13)
    draws = 0.5 + rng.standard_normal((20000, both))
    reach = stats.t.ppf(0.975, both - 1) * draws.std(1, ddof=1) / math.sqrt(both)
    held = (draws.mean(1) - reach >= 0) & (draws.mean(1) + reach <= 1)
    assert held.mean() == pytest.approx(0.8, abs=0.015)


def test_no_number_of_replicates_decides_at_a_bound():
    assert replicates_needed(interval(0.0, 1.0, 2), 3) is None
    assert replicates_needed(interval(0.01, 1.0, 2), 3) is None
