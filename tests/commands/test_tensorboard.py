"""`python -m imagenet_transfer tensorboard`: the curves that TensorBoard reads, and mistakes."""

import sys

import pytest

from imagenet_transfer.commands.commands import main

RUN = "transfer/pascal-det/net/half/rep2"


@pytest.fixture
def results(tmp_path):
    """Return results of a fine-tuning run and of a measure."""
    curve = tmp_path / "results" / RUN / "history.csv"
    search = tmp_path / "results/transfer/near/net/half/rep1/history.csv"
    for path in (curve, search):
        path.parent.mkdir(parents=True)
    curve.write_text("iteration,lr,loss,mAP,AP/dog\n2,0.01,2.5,10.5,\n4,0.001,2.25,20.5,3.5\n")
    search.write_text("l2,accuracy\n0.1,30\n")
    return tmp_path / "results"


def read(folder):
    """Return the points that TensorBoard finds in a folder, {curve: [(step, value)]}."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulators.EventAccumulator(str(folder)).Reload()
    points = {tag: found.Scalars(tag) for tag in found.Tags()["scalars"]}
    return {tag: [(one.step, one.value) for one in each] for tag, each in points.items()}


def test_curves_are_those_of_the_histories(results, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    assert main(["tensorboard", str(results), str(tmp_path / "curves")]) == 0
    assert capsys.readouterr().out.startswith("1 learning curves: ")
    files = [path for path in (tmp_path / "curves").rglob("*") if path.is_file()]
    assert [str(path.parent.relative_to(tmp_path / "curves")) for path in files] == [RUN]
    found = read(files[0].parent)
    assert {tag: [step for step, _ in points] for tag, points in found.items()} == {
        "lr": [2, 4],
        "loss": [2, 4],
        "mAP": [2, 4],
        "AP/dog": [4],  # without what was not measured
    }
    assert found["mAP"] == [(2, 10.5), (4, 20.5)]
    assert found["AP/dog"] == [(4, 3.5)]


def refused(capsys, *words):
    assert main(["tensorboard", *map(str, words)]) == 1
    return capsys.readouterr().err


def test_mistakes_are_sentences_and_nothing_is_written(results, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    new = tmp_path / "curves"
    assert "has no history.csv" in refused(capsys, tmp_path / "none", new)
    (results / RUN / "history.csv").write_bytes(b"\0\xff")
    assert f"{RUN}/history.csv cannot be read" in refused(capsys, results, new)
    assert "is not an empty folder" in refused(capsys, results, results)
    assert "is not an empty folder" in refused(capsys, results, results / RUN / "history.csv")
    assert not new.exists()


def test_it_needs_tensorboard(results, tmp_path, capsys, monkeypatch):
    for name in ("tensorboard", "tensorboard.compat.proto"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "`pip install tensorboard`" in refused(capsys, results, tmp_path / "curves")
    assert not (tmp_path / "curves").exists()
