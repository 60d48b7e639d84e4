"""`python -m imagenet_transfer caffe`: what is written, and mistakes as sentences."""

from conftest import TINY

from imagenet_transfer.commands.commands import main
from imagenet_transfer.files import write_json
from imagenet_transfer.models import build_model
from imagenet_transfer.training.checkpoints import save_weights


def test_weights_and_layers_are_written(tmp_path, capsys):
    save_weights(tmp_path / "weights.pt", build_model(TINY, 3))
    write_json(tmp_path / "metrics.json", {"settings": {"architecture": TINY}, "n_classes": 3})
    assert main(["caffe", str(tmp_path), str(tmp_path / "a.caffemodel")]) == 0
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.caffemodel", "a.prototxt"}
    assert main(["caffe", str(tmp_path), str(tmp_path / "b.model")]) == 1
    assert main(["caffe", str(tmp_path / "none"), str(tmp_path / "b.caffemodel")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Error: ") and "should end in .caffemodel" in first
    assert second.startswith("Error: There is no ")
    assert not list(tmp_path.glob("b.*"))
