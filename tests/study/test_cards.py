"""Hours on cards from their data sheets: by hand, and for the one card that was measured."""

import math

import pandas as pd
import pytest
from conftest import PAPER_ALEXNET, ROOT

from imagenet_transfer.models import network_of
from imagenet_transfer.study import cards
from imagenet_transfer.study.cards import (
    Card,
    bytes_per_image,
    estimates,
    hours,
    read_cards,
    unmeasured,
    waiting,
)
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.costs import action_regions, work_outputs
from imagenet_transfer.study.plan import Work, first_work, read_rates, work_left
from imagenet_transfer.study.plan_text import cards_text, first_text
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.recipe import Recipe

# 10 TFLOP/s, 40 of tensor cores, 1000 GB/s
CARD = Card("Made", "Made 1", 2020, 10.0, 40.0, math.nan, 1000.0, "a sheet")


@pytest.fixture(autouse=True)
def shares(monkeypatch):
    """Let shares be numbers that a person can reckon with."""
    peak = {"float32": (1.0, 0.5), "tf32": (0.5, 0.25), "bfloat16": (0.5, 0.25)}
    monkeypatch.setattr(cards, "PEAK", peak)
    monkeypatch.setattr(cards, "BANDWIDTH", (1.0, 0.5))
    monkeypatch.setattr(cards, "LAUNCH", (0.0, 0.0))
    monkeypatch.setattr(cards, "ACTIVATION_PASSES", {True: 10, False: 5})
    monkeypatch.setattr(cards, "PARAMETER_PASSES", {True: 10, False: 1})


def work(**changes):
    """Return a million images of 5 GFLOP; 40 MB of outputs and 10 MB of parameters move for each."""
    known = {"step": 100, "outputs": 1e6, "parameters": 25e6}
    return Work("train", 1e6, 2.5, **known | changes)


def test_seconds_by_hand():
    assert bytes_per_image(work(), "float32") == pytest.approx(50e6)
    assert bytes_per_image(work(), "bfloat16") == pytest.approx(30e6)  # parameters keep their size
    # 0.5 ms to compute and 0.05 ms to move, or both at half the speed
    assert CARD.seconds(work()) == pytest.approx((0.55e-3, 1.1e-3))
    assert CARD.seconds(work(), "tf32") == pytest.approx((0.3e-3, 0.6e-3))
    assert CARD.seconds(work(precision="tf32")) == CARD.seconds(work(), "tf32")
    assert hours([work(), work()], CARD) == pytest.approx((1100 / 3600, 2200 / 3600))


def test_tensor_cores_are_not_taken_where_they_are_slower():
    slow = Card("Slow", "Slow", 2020, 10.0, 10.0, math.nan, 1000.0, "a sheet")
    assert slow.seconds(work(), "tf32") == slow.seconds(work(), "float32")


def test_small_steps_take_as_long_as_their_launches(monkeypatch):
    monkeypatch.setattr(cards, "LAUNCH", (1e-5, 2e-5))
    monkeypatch.setattr(cards, "LAUNCHES", {"train": 1000})
    assert CARD.seconds(work(step=1, parameters=0)) == pytest.approx((10e-3, 20e-3))
    assert CARD.seconds(work()) == pytest.approx((0.55e-3, 1.1e-3))


def test_a_card_waits_for_images():
    read = work(reading=1000)  # 1 ms each
    assert hours([read], CARD) == pytest.approx((1000 / 3600, 1100 / 3600))
    assert waiting([read], CARD) == pytest.approx((0.0, 0.45))
    assert waiting([work()], CARD) == pytest.approx((0.0, 0.0))


def test_what_a_card_lacks_has_no_estimate(monkeypatch):
    monkeypatch.setattr(cards, "read_cards", lambda: [CARD])
    assert math.isnan(hours([work()], CARD, "bfloat16").most)
    frame = estimates([work()], ["another"])
    assert frame["precision"].tolist() == ["float32", "tf32"]
    assert frame["least"].tolist() == pytest.approx([550 / 3600, 300 / 3600])


def test_a_measured_card_is_not_estimated():
    names = [card.name for card in read_cards()]
    left = unmeasured(read_cards(), ["NVIDIA H100 80GB HBM3", "Tesla V100-SXM2-16GB", "a core"])
    assert [card.name for card in left] == [n for n in names if n not in ("H100", "V100")]


def test_outputs_of_alexnet_by_hand():
    # conv1 96 of 55x55, conv2 256 of 27x27, then 384, 384 and 256 of 13x13, fc6 and fc7
    maps = 96 * 55**2 + 256 * 27**2 + (384 + 384 + 256) * 13**2
    assert work_outputs("train", PAPER_ALEXNET, None) == maps + 2 * 4096
    detector = {"batch_size": 1, "epochs": 1, "lr": 1.0, "detector": {"rois": 10}}
    pixels = 600 * 800
    dense = pixels * (96 / 16 + 256 / 64 + (384 + 384 + 256) / 256)
    found = work_outputs("detection", PAPER_ALEXNET, detector)
    assert found == pytest.approx(dense + 10 * 8192)
    recipe = Recipe.of({"batch_size": 1, "epochs": 1, "lr": 1.0, "rstarcnn": {}})
    both = work_outputs("action", PAPER_ALEXNET, recipe)
    assert both == pytest.approx(dense + action_regions(recipe.rstarcnn) * 8192)


class TestTheShippedCards:
    """With the shares as they are."""

    @pytest.fixture(autouse=True)
    def shares(self, shares, monkeypatch):
        monkeypatch.undo()

    def test_the_model_covers_the_card_that_was_measured(self):
        rates = read_rates().set_index(["device", "work"])["images_per_s"]
        k40 = next(card for card in read_cards() if card.name == "K40")
        device = next(name for name, _ in rates.index if "K40" in name)
        network = network_of(PAPER_ALEXNET)
        known = {
            "outputs": work_outputs("train", network, None),
            "parameters": network.parameters(1000),
        }
        for kind, gmacs in (("train", 2.1732), ("embed", 0.7244)):
            fast, slow = k40.seconds(Work(kind, 1, gmacs, **known))
            assert fast < 1 / rates[device, kind] < slow

    def test_peaks_are_in_order_and_have_sources(self):
        for card in read_cards():
            assert card.source.startswith("NVIDIA")
            assert not card.tf32 < card.float32
            assert not card.bfloat16 < card.tf32
            assert 100 < card.memory < 10_000

    def test_the_paper_on_cards(self):
        study = Study.of(
            read_config(ROOT / "configs/paper.yaml"), ROOT / "workflow/schemas/config.schema.yaml"
        )
        frame = estimates(work_left(study), read_rates()["device"].unique())
        assert (frame["least"] < frame["most"]).all()
        assert (frame["most"] < 5 * frame["least"]).all()
        h100 = frame[frame["card"] == "H100 SXM"].set_index("precision")
        assert h100["least"].is_monotonic_decreasing
        assert h100.loc["bfloat16", "most_waiting"] > 0.1  # for eight threads of JPEG
        assert h100.loc["float32", "most_waiting"] < 0.01
        text = "\n".join(cards_text(work_left(study), read_rates()))
        assert "estimated from data sheets" in text
        assert max(map(len, text.splitlines())) <= 100
        assert "K40" not in text  # it was measured
        assert first_work(study).images == 450_000 * 256
        said = " ".join(first_text(study, read_rates()))
        assert "trains alexnet/imagenet" in said
        assert "57.1, give or take 0.5" in said

    def test_a_study_of_minutes_names_no_cards(self):
        study = Study.of(
            read_config(ROOT / "config.yaml"), ROOT / "workflow/schemas/config.schema.yaml"
        )
        assert cards_text(work_left(study), read_rates()) == []
        assert first_text(study, read_rates()) == []
        assert cards_text([], pd.DataFrame(columns=["device"])) == []
