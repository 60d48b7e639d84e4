"""The best ratio of classes to images per class: known peaks, every verdict, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from made_grids import (
    DET,
    MIDDLE,
    MIDDLE_RATIO,
    noisy,
    parabolas,
    powers,
    runs_on,
    sizes_of,
    two_tasks,
)
from made_runs import runs_of

from imagenet_transfer.claims.statistics import OPEN, Effect, Sample, contrast, prior_of
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.cells import Cells
from imagenet_transfer.figures.surface_fit import Budget, Cell, budgets_of, surface_of
from imagenet_transfer.figures.surface_numbers import (
    AT_LEAST,
    AT_MOST,
    BALANCE,
    CLASSES,
    COLUMNS,
    CONSTANT,
    FALLS,
    FIT_COLUMNS,
    IMAGES,
    RISES,
    range_of,
    slope_range,
    surface_frames,
    trend,
)


def frames_of(transfer, sizes=None, **more):
    sizes = sizes or sizes_of()
    return surface_frames(runs_on(transfer, sizes, **more), DET, sizes, list(sizes))


def fit_of(transfer, sizes=None, **more):
    return frames_of(transfer, sizes, **more)[1].set_index("n_images")


def grid_of(sizes):
    return [Cell(name, size["n_classes"], size["n_images"]) for name, size in sizes.items()]


# Known peaks


def test_a_row_per_cell_by_classes_and_images():
    frame, fit = frames_of(parabolas(0.5))
    assert tuple(frame.columns) == COLUMNS
    assert tuple(fit.columns) == FIT_COLUMNS
    assert frame["subset"].tolist()[:5] == ["g-8x6", "g-8x12", "g-8x24", "g-8x48", "g-16x6"]
    assert frame.loc[4, ["n_classes", "images_per_class", "n_images", "n"]].tolist() == [
        16,
        6,
        96,
        3,
    ]
    # s = -2, d = 0: 40 - 6 - 0.8 - 0.125
    assert frame["mean"][4] == pytest.approx(33.075)
    assert fit["n_images"].tolist() == [96, 192, 384, 768, 1536]  # 48 and 3072 have one ratio
    assert fit["n_subsets"].tolist() == [2, 3, 4, 3, 2]


@pytest.mark.parametrize("slope", [0.0, 0.5, -0.3])
def test_the_peak_of_every_budget_and_its_slope_are_found(slope):
    fit = fit_of(parabolas(0.4, slope))
    inside = 0
    for n_images, row in fit.iterrows():
        s = math.log2(n_images / MIDDLE)
        ratio = MIDDLE_RATIO * 2 ** (0.4 + slope * s)
        if row["least_ratio"] <= ratio <= row["most_ratio"]:
            inside += 1
            assert row["best_ratio"] == pytest.approx(ratio, rel=1e-6)
            assert row["best_classes"] * row["best_images_per_class"] == pytest.approx(n_images)
            assert row["best_classes"] / row["best_images_per_class"] == pytest.approx(ratio)
    assert inside >= 4
    assert fit["slope"].tolist() == pytest.approx([slope] * 5)
    assert fit["misfit"].iloc[0] < 1e-9


def test_peaks_have_ranges_and_the_verdict_balance():
    fit = fit_of(parabolas(0.4))
    middle = fit.loc[384]
    assert middle["low"] < middle["best_ratio"] < middle["high"]
    assert middle["verdict"] == BALANCE
    assert middle["statement"] == (
        "best with about 26 classes of 15 images: a ratio of 1.76 (95 %: "
        f"{middle['low']:.3g} to {middle['high']:.3g})"
    )
    assert fit["slope_low"].iloc[0] < 0 < fit["slope_high"].iloc[0]


@pytest.mark.parametrize("peak", [-1.5, 0.0, 2.0])
def test_equal_powers_of_both_numbers_have_one_ratio_at_all_budgets(peak):
    """A plain quadratic surface has a slope of -0.33 where the best ratio is four times the middle."""
    fit = fit_of(powers(0.5, 0.5, peak))
    assert fit["slope"].iloc[0] == pytest.approx(0, abs=0.02)
    assert fit["best_ratio"].loc[384] == pytest.approx(MIDDLE_RATIO * 2**peak, rel=0.05)


def test_unequal_powers_have_a_slope():
    """Where the best ratio goes with budget ** ((b - a) / (a + b))."""
    assert fit_of(powers(0.3, 0.6))["slope"].iloc[0] == pytest.approx(1 / 3, abs=0.03)
    assert fit_of(powers(0.6, 0.3))["slope"].iloc[0] == pytest.approx(-1 / 3, abs=0.03)


@pytest.mark.parametrize("missing", [("g-64x6",), ("g-8x48", "g-64x6", "g-32x24")])
def test_cells_may_be_missing(missing):
    sizes = {name: size for name, size in sizes_of().items() if name not in missing}
    fit = fit_of(parabolas(0.4, 0.2), sizes)
    assert fit["best_ratio"].loc[384] == pytest.approx(MIDDLE_RATIO * 2**0.4)
    assert fit["slope"].iloc[0] == pytest.approx(0.2)
    assert fit["n_subsets"].loc[384] == 4 - len({"g-8x48", "g-64x6"}.intersection(missing))


def test_classes_that_lack_images_stay_in_their_budget():
    sizes = sizes_of()
    sizes["g-64x6"] = {"n_classes": 64, "n_images": 370}
    fit = fit_of(parabolas(0.4), sizes)
    assert fit["n_subsets"].tolist() == [2, 3, 4, 3, 2]
    assert fit["best_ratio"].iloc[2] == pytest.approx(MIDDLE_RATIO * 2**0.4, rel=1e-6)


# What the budgets say


def test_the_difference_is_that_of_the_extreme_cells():
    runs = runs_on(parabolas(1.0), noise=0.5)
    sizes = sizes_of()
    _, fit = surface_frames(runs, DET, sizes, list(sizes))
    row = fit.set_index("n_images").loc[192]
    values = runs.pivot(index="subset", columns="rep", values="value")
    samples = {name: Sample(name, "pascal-det", tuple(values.loc[name])) for name in sizes}
    pair = [samples["g-32x6"], samples["g-8x24"]]
    effect = contrast(lambda a, b: a - b, pair, prior_of(list(samples.values())))
    found = row[["difference", "difference_low", "difference_high"]].tolist()
    assert found == pytest.approx([effect.estimate, effect.low, effect.high])
    assert row["difference"] == pytest.approx(0.5 * (3**2 - 1**2))  # d is 2 and -2, the peak 1
    assert row["best_measured"] in ("g-16x12", "g-32x6")  # as far from the peak


def rising(sign):
    def transfer(size):
        return 40 + sign * math.log2(size["n_classes"] ** 2 / size["n_images"])

    return transfer


@pytest.mark.parametrize("sign, verdict", [(1, CLASSES), (-1, IMAGES)])
def test_a_peak_beyond_the_grid_is_said_to_be_there(sign, verdict):
    fit = fit_of(rising(sign))
    assert set(fit["verdict"]) == set(fit["beyond"]) == {verdict}
    assert fit[["best_ratio", "best_classes", "best_images_per_class"]].isna().all(axis=None)
    known, end = ("low", "most_ratio") if sign > 0 else ("high", "least_ratio")
    assert fit[known].tolist() == fit[end].tolist()
    assert fit["high" if sign > 0 else "low"].isna().all()
    said = {1: "64 classes of 6 images (surely)", -1: "8 classes of 48 images (surely)"}[sign]
    assert fit["statement"].loc[384] == f"best with {verdict} than at {said}"
    assert (np.sign(fit["difference"]) == sign).all()
    assert fit["slope"].isna().all()
    assert set(fit["slope_verdict"]) == {OPEN}
    assert set(fit["note"]) == {"no peak among the measured ratios"}


def test_noise_without_a_surface_cannot_tell():
    sizes = sizes_of()
    rng = np.random.default_rng(5)
    open_ones = []
    for _ in range(12):
        values = noisy(lambda _: 40.0, sizes, 1.0, 3, rng)
        runs = runs_of({"pascal-det": values}, DET)
        _, fit = surface_frames(runs, DET, sizes, list(sizes))
        open_ones.append(fit[["slope_verdict", "verdict"]].eq(OPEN).mean())
    assert np.mean(open_ones, axis=0)[0] > 0.9  # slopes
    assert np.mean(open_ones, axis=0)[1] > 0.8  # ranges, which may be open on one side only


def test_equal_values_have_neither_best_ratio_nor_interval():
    fit = fit_of(lambda _: 40.0, noise=0.0)
    assert set(fit["verdict"]) == {OPEN}
    assert fit[["low", "high", "difference_low", "slope_low"]].isna().all(axis=None)
    assert (fit["misfit"] < 1e-9).all()


def test_a_valley_has_no_best_ratio():
    """The surface is higher at both ends; which one is best is open."""
    fit = fit_of(parabolas(0.0, bend=-0.5))
    assert set(fit["verdict"]) == {OPEN}
    assert fit["best_ratio"].isna().all()
    assert fit["slope"].isna().all()


def test_one_replicate_has_estimates_without_intervals():
    fit = fit_of(parabolas(0.4, 0.2), replicates=1)
    assert fit["best_ratio"].loc[384] == pytest.approx(MIDDLE_RATIO * 2**0.4)
    assert fit["slope"].iloc[0] == pytest.approx(0.2)
    assert fit[["low", "high", "slope_low", "slope_high", "noise"]].isna().all(axis=None)
    assert set(fit["verdict"]) == {OPEN}
    assert set(fit["note"]) == {"one replicate: no intervals"}
    assert fit["statement"].loc[384].endswith("(one replicate: no intervals)")


def test_misfit_is_seen_where_the_surface_is_another():
    def bumpy(size):
        return parabolas(0.4)(size) + (5 if size == {"n_classes": 16, "n_images": 192} else 0)

    fit = fit_of(bumpy)
    assert fit["misfit"].iloc[0] > 5 * fit["noise"].iloc[0]
    assert fit["noise"].iloc[0] == pytest.approx(0.2 / math.sqrt(3), rel=0.3)


def test_tasks_have_rows_of_their_own():
    sizes = sizes_of()
    runs = two_tasks(runs_on(parabolas(0.4)))
    frame, fit = surface_frames(runs, DET | {"sun-cls": "top1"}, sizes, list(sizes))
    assert frame.groupby("task").size().tolist() == [16, 16]
    assert fit.groupby("task").size().tolist() == [5, 5]
    assert set(fit.loc[fit["task"] == "sun-cls", "metric"]) == {"top1"}


# Ranges and verdicts by hand


def ranged(steepness, reach=1.0):
    """Return the range over ratios 1/4 to 4 of a steepness with intervals of +/- `reach`."""
    cells = (Cell("few", 1, 4), Cell("many", 4, 4))

    def effect(ratio):
        found = steepness(math.log2(ratio))
        return Effect(found, found - reach, found + reach)

    return range_of(Budget(4, cells), effect)


def test_a_range_is_where_the_steepness_may_be_zero():
    """It is 2 - 4 d, with an interval of +/- 1: zero from 1/4 to 3/4."""
    found = ranged(lambda d: 2 - 4 * d)
    assert [math.log2(found.low), math.log2(found.high)] == pytest.approx([0.25, 0.75], abs=1e-6)
    assert found.verdict == BALANCE


@pytest.mark.parametrize(
    "steepness, low, high, verdict",
    [
        (lambda d: 1.5 - d, 0.5, math.nan, AT_LEAST),
        (lambda d: -1.5 - d, math.nan, -0.5, AT_MOST),
        (lambda d: 0.5 * d, math.nan, math.nan, OPEN),
        (lambda d: 3 * d, math.nan, math.nan, OPEN),  # a valley: both ends may be best
        (lambda d: 4 - d, 2, math.nan, CLASSES),
        (lambda d: -4 - d, math.nan, -2, IMAGES),
    ],
)
def test_ranges_may_be_open(steepness, low, high, verdict):
    found = ranged(steepness)
    assert [found.low, found.high] == pytest.approx([2**low, 2**high], rel=1e-6, nan_ok=True)
    assert found.verdict == verdict


def test_without_an_interval_nothing_is_sure():
    found = ranged(lambda d: 2 - 4 * d, reach=math.nan)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.verdict == OPEN


@pytest.mark.parametrize(
    "low, high, verdict",
    [
        (-0.2, 0.2, CONSTANT),
        (0.05, 0.25, CONSTANT),  # surely not 0, but small
        (0.05, 0.4, RISES),
        (-0.4, -0.05, FALLS),
        (-0.4, 0.1, OPEN),
        (math.nan, math.nan, OPEN),
    ],
)
def test_what_a_slope_says(low, high, verdict):
    assert trend(low, high) == verdict


# Coverage


def studies(transfer, noise, count, seed=0):
    """Yield the surface, the cells and the means of simulated studies."""
    sizes = sizes_of()
    surface = surface_of(grid_of(sizes), "surface")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        values = noisy(transfer, sizes, noise, 3, rng)
        yield surface, Cells.of({"det": pd.DataFrame(values).T})


@pytest.mark.parametrize("transfer", [parabolas(0.4), powers(0.5, 0.5, 1.0)])
def test_intervals_at_the_true_peak_hold_zero_in_95_of_100_studies(transfer):
    exact = surface_of(grid_of(sizes_of()), "surface")
    means = np.array([transfer(size) for size in sizes_of().values()])
    truth = exact.peak(means, MIDDLE)
    held = []
    for surface, cells in studies(transfer, 0.8, 300):
        effect = cells.weighted(surface.steepness(MIDDLE, truth), "det")
        held.append(effect.low <= 0 <= effect.high)
    assert 0.91 <= np.mean(held) <= 0.985


def test_slopes_are_covered_and_known_only_with_a_sure_peak():
    found = []
    for surface, cells in studies(parabolas(0.4, 0.3), 0.5, 40):
        means = cells.means(surface.subsets, "det")
        low, high, note = slope_range("det", surface.slope(means), surface, cells)
        assert math.isnan(low) == math.isnan(high) == bool(note)
        found.append((low, high))
    known = np.array([ends for ends in found if not math.isnan(ends[0])])
    assert len(known) > 30
    held = (known[:, 0] <= 0.3) & (known[:, 1] >= 0.3)
    assert np.mean(held) >= 0.88
    assert np.median(known[:, 1] - known[:, 0]) < 2


# What is refused


def test_a_missing_run_is_named():
    sizes = sizes_of()
    runs = runs_on(parabolas(0.4))
    with pytest.raises(UserError, match="surface needs g-16x12 on pascal-det, which was not run"):
        surface_frames(runs[runs["subset"] != "g-16x12"], DET, sizes, list(sizes))


@pytest.mark.parametrize(
    "classes, images",
    [
        ((8, 16, 32), (6, 12, 24)),  # too few
        ((8, 16, 32, 64), (6, 12)),
        ((10, 30, 90, 270), (6, 12, 24, 48)),  # no number of images is shared
    ],
)
def test_a_grid_without_a_surface_is_refused(classes, images):
    sizes = sizes_of(classes, images)
    runs = runs_on(lambda _: 1.0, sizes)
    with pytest.raises(UserError, match=r"outputs\.figure-mine: the sizes .* determine no surface"):
        surface_frames(runs, DET, sizes, list(sizes), "figure-mine")


def test_budgets_are_numbers_of_images_that_several_ratios_share():
    grid = [*grid_of(sizes_of()), Cell("again", 16, 96)]
    budgets = budgets_of(grid)
    assert [round(budget.n_images) for budget in budgets] == [96, 192, 384, 768, 1536]
    assert [cell.subset for cell in budgets[1].cells] == ["g-8x24", "g-16x12", "g-32x6"]
    assert (budgets[1].least, budgets[1].most) == (8 / 24, 32 / 6)
    assert len(budgets[0].cells) == 3
