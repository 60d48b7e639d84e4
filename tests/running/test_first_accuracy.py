"""Whether the first network is as good as it should be, by hand."""

import json

import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.running.first_network import is_made_with, judged

EXPECTED = {"subset": "imagenet", "architecture": "alexnet", "top1": 57.1, "within": 0.5}


@pytest.fixture
def metrics(tmp_path):
    """Return a function that writes a metrics.json with a top1."""

    def write(top1, metric="top1"):
        path = tmp_path / "metrics.json"
        rows = [{"metric": "top5", "value": 80.0}, {"metric": metric, "value": top1}]
        path.write_text(json.dumps({"metrics": rows}))
        return path

    return write


@pytest.mark.parametrize("top1", [56.61, 57.1, 57.6])
def test_close_enough(metrics, top1):
    path = metrics(top1)
    record = {"network": str(path), "top1": top1, "expected": 57.1, "within": 0.5}
    assert judged(path, EXPECTED) == record


@pytest.mark.parametrize("top1, within", [(56.5, "0.61"), (57.7, "0.61"), (0.1, "57.01")])
def test_too_far_off_is_said_with_a_limit_that_would_do(metrics, top1, within):
    path = metrics(top1)
    with pytest.raises(UserError, match=rf"metrics\.json: top1 is {top1:.2f} %.*to {within} or"):
        judged(path, EXPECTED)
    assert judged(path, EXPECTED | {"within": float(within)})["top1"] == top1


def test_not_a_number_does_not_pass(metrics):
    with pytest.raises(UserError, match="top1 is nan"):
        judged(metrics(float("nan")), EXPECTED)


def test_a_record_without_accuracy_is_named(metrics):
    with pytest.raises(UserError, match=r"metrics\.json holds no top1"):
        judged(metrics(1.0, "mAP"), EXPECTED)


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("{")
    with pytest.raises(UserError, match=r"metrics\.json"):
        judged(path, EXPECTED)


def test_settings_of_a_record(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"settings": {"recipe": {"lr": 0.1, "lr_steps": [3]}}}))
    assert is_made_with(path, {"recipe": {"lr_steps": [3], "lr": 0.1}})
    assert not is_made_with(path, {"recipe": {"lr_steps": [3], "lr": 0.2}})
    path.write_text("{}")
    assert not is_made_with(path, {})
