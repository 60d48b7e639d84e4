"""False and damaged files of weights and states get a sentence, and nothing in them is executed."""

import collections
import os
import pickle
import re
import signal
import time
import zipfile

import numpy as np
import pytest
import torch
from conftest import RECIPE, TINY, Pictures
from damages import raw
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.embeddings import load_network
from imagenet_transfer.models import build_model
from imagenet_transfer.training.checkpoints import (
    StateFile,
    copy_weights,
    load_weights,
    save_weights,
)
from imagenet_transfer.training.loop import train
from imagenet_transfer.training.tasks.classification import ClassificationTask

MODEL = build_model(TINY, 4)
STATE = {name: tensor.clone() for name, tensor in MODEL.state_dict().items()}


class Executed:
    """Something that a pickle would execute, if it could: it makes the file PWNED."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


CODE = {
    "os.system": Executed(os.system, "touch PWNED"),
    "eval": Executed(eval, "open('PWNED', 'w')"),
    "exec": Executed(exec, "open('PWNED', 'w').close()"),
    "open": Executed(open, "PWNED", "w"),
    "torch.save": Executed(torch.save, 1, "PWNED"),
    "numpy": Executed(np.save, "PWNED", 1),
}


def with_tensor(name, tensor):
    return {**STATE, name: tensor}


def without(name):
    return {key: tensor for key, tensor in STATE.items() if key != name}


def spoilt(value):
    weights = STATE["conv3.weight"].clone()
    weights.view(-1)[7] = value
    return with_tensor("conv3.weight", weights)


def bomb(path):
    """Write a file of weights in which one tensor unpacks to 30 MB."""
    torch.save({"conv1.weight": torch.zeros(4)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, bytes(3 * 10**7) if name.endswith("data/0") else data)


def script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


def cut(share):
    def write(path):
        torch.save(STATE, path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return write


def rewritten(entry, data):
    """Return a writer of a file of weights with other bytes in one entry of its archive."""

    def write(path):
        torch.save(STATE, path)
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, content in entries.items():
                archive.writestr(name, data if name.endswith(entry) else content)

    return write


def of(content, **options):
    return lambda path: torch.save(content, path, **options)


NO_TENSORS = "is not a file of plain tensors"
FILES = {
    **{f"code by {name}": (of({"conv1.weight": code}), NO_TENSORS) for name, code in CODE.items()},
    **{
        f"old code by {name}": (raw(pickle.dumps(code, 2)), NO_TENSORS)
        for name, code in CODE.items()
    },
    "code in an old file": (
        of(CODE["os.system"], _use_new_zipfile_serialization=False),
        NO_TENSORS,
    ),
    "numpy with code": (
        lambda path: np.save(path.open("wb"), np.array([CODE["os.system"]])),
        NO_TENSORS,
    ),
    "a torch.jit archive": (script, NO_TENSORS),
    "a zip bomb": (bomb, "it would unpack to 30,"),
    "an empty file": (raw(b""), NO_TENSORS),
    "text": (raw(b"weights\n"), NO_TENSORS),
    "html": (raw(b"<html>404</html>"), NO_TENSORS),
    "zeros": (raw(bytes(100_000)), NO_TENSORS),
    "an empty zip": (raw(b"PK\5\6" + bytes(18)), NO_TENSORS),
    "another zip": (lambda path: zipfile.ZipFile(path, "w").writestr("a", "b"), NO_TENSORS),
    "half of a file": (cut(0.5), NO_TENSORS),
    "nearly all of a file": (cut(0.99), NO_TENSORS),
    "a damaged pickle": (rewritten("data.pkl", b"\x80\x02}q\x00X\xff\xff"), NO_TENSORS),
    "a pickle of nothing": (rewritten("data.pkl", b""), NO_TENSORS),
    "a tensor without its data": (rewritten("data/0", b""), NO_TENSORS),
    "numpy": (lambda path: np.save(path.open("wb"), np.zeros(3)), NO_TENSORS),
    "numpy in a pickle": (of({"conv1.weight": np.zeros(3, dtype=object)}), NO_TENSORS),
    "a whole network": (of(MODEL), NO_TENSORS),
    "a list": (of([STATE["conv1.weight"]]), "is not a dictionary of tensors"),
    "a tensor": (of(STATE["conv1.weight"]), "is not a dictionary of tensors"),
    "a number": (of(3), "is not a dictionary of tensors"),
    "a dictionary of numbers": (of({"conv1.weight": 3}), "is not a dictionary of tensors"),
    "a checkpoint with its weights inside": (
        of({"model": STATE, "epoch": 3}),
        "is not a dictionary of tensors",
    ),
    "whole numbers": (
        of(with_tensor("fc6.bias", torch.zeros(16, dtype=torch.int64))),
        "values of type torch.int64",
    ),
    "true and false": (
        of(with_tensor("fc6.bias", torch.zeros(16, dtype=torch.bool))),
        "values of type torch.bool",
    ),
    "complex numbers": (
        of(with_tensor("fc6.bias", torch.zeros(16) + 1j)),
        "values of type torch.complex64",
    ),
    "a sparse tensor": (
        of(with_tensor("fc6.bias", torch.ones(16).to_sparse())),
        "fc6.bias is not a plain tensor",
    ),
    "a tensor without values": (
        of(with_tensor("fc6.bias", torch.zeros(16, device="meta"))),
        "is not a plain tensor",
    ),
    "an expanded tensor": (
        of(with_tensor("fc8.weight", torch.zeros(1).expand(10**9, 16))),
        "claims more values than",
    ),
}
NETWORKS = {  # plain tensors, but not of this network
    "nothing": (of({}), "conv1.weight should have shape"),
    "a missing layer": (
        of(without("conv4.weight")),
        "conv4.weight should have shape .* but the file holds nothing",
    ),
    "a missing bias": (
        of(without("fc7.bias")),
        "fc7.bias should have shape .* but the file holds nothing",
    ),
    "another width": (
        of(with_tensor("fc7.bias", torch.zeros(17))),
        r"fc7.bias should have shape \(16,\) but .* \(17,\)",
    ),
    "one dimension less": (
        of(with_tensor("fc7.weight", torch.zeros(256))),
        r"should have shape \(16, 16\)",
    ),
    "a number as bias": (of(with_tensor("fc7.bias", torch.zeros(()))), r"but the file holds \(\)"),
    "another layer": (
        of(with_tensor("layer4.0.conv1.weight", torch.zeros(3))),
        "the layer layer4.0.conv1.weight, so the",
    ),
    "a prefix": (
        of({f"module.{name}": tensor for name, tensor in STATE.items()}),
        "has the layer module.conv1.weight",
    ),
    "torchvision's": (
        of({"features.0.weight": torch.zeros(64, 3, 11, 11)}),
        "has the layer features.0.weight",
    ),
    "numbers as names": (
        of(dict(enumerate(STATE.values()))),
        "it has the layer 0, so the weights belong",
    ),
    "not a number": (
        of(spoilt(float("nan"))),
        "conv3.weight holds values that are infinite or not numbers",
    ),
    "infinity": (
        of(spoilt(float("inf"))),
        "conv3.weight holds values that are infinite or not numbers",
    ),
    "too large a number": (
        of(with_tensor("fc7.bias", torch.full((16,), 1e300, dtype=torch.float64))),
        "infinite or not",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_what_is_not_a_file_of_weights_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write, sentence = FILES[name]
    path = tmp_path / "weights.pt"
    write(path)
    assert sentence in refusal(lambda: load_weights(path), path)
    for work in (
        lambda: copy_weights(build_model(TINY, 4), path, ("fc8",)),
        lambda: load_network(path, TINY),
    ):
        assert sentence in refusal(work, path)
    assert list(tmp_path.iterdir()) == [path], "nothing was executed"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CODE)
def test_the_traps_of_these_tests_work(tmp_path, monkeypatch, name):
    """If it were executed, each trap would leave a file."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(CODE[name], 2))
    assert list(tmp_path.glob("PWNED*"))


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_of_another_network_are_refused(tmp_path, name):
    write, sentence = NETWORKS[name]
    path = tmp_path / "weights.pt"
    write(path)
    model = build_model(TINY, 4)
    with torch.no_grad():
        assert re.search(sentence, refusal(lambda: copy_weights(model, path, without=()), path))


def test_fine_tuning_and_features_refuse_them_too(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(spoilt(float("nan")), path)
    pictures = Pictures(8, 4)
    table = pictures.table()
    said = refusal(
        lambda: ClassificationTask(pictures, table, table, 4, TINY, RECIPE, 1, weights=path), path
    )
    assert "conv3.weight holds values" in said
    assert "conv3.weight holds values" in refusal(lambda: load_network(path, TINY), path)


def test_weights_that_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "folder.pt").mkdir()
    started = time.monotonic()
    signal.alarm(60)  # a pipe would be waited for
    try:
        for name, sentence in {
            "pipe": "not a regular file",
            "folder": "not a regular file",
            "none": "No such file",
        }.items():
            path = tmp_path / f"{name}.pt"
            assert sentence in refusal(lambda path=path: load_weights(path), path)
    finally:
        signal.alarm(0)
    assert time.monotonic() - started < 30


def test_halves_and_doubles_are_fine(tmp_path):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        torch.save(
            collections.OrderedDict((name, tensor.to(dtype)) for name, tensor in STATE.items()),
            tmp_path / "w.pt",
        )
        model = build_model(TINY, 4)
        with torch.no_grad():
            copy_weights(model, tmp_path / "w.pt", without=())
        assert torch.allclose(model.conv3.weight, MODEL.conv3.weight, atol=1e-2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_weights_are_refused_or_plain_tensors(tmp_path_factory, data):
    """Bits flipped or bytes cut off anywhere: a sentence, or tensors of the right shapes."""
    path = tmp_path_factory.getbasetemp() / "weights.pt"
    save_weights(path, MODEL)
    content = bytearray(path.read_bytes())
    ends = st.one_of(st.integers(0, 600), st.integers(len(content) - 4000, len(content) - 1))
    for at in data.draw(st.lists(ends, min_size=1, max_size=4)):
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(
        content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]
    )
    try:
        with torch.no_grad():
            copy_weights(build_model(TINY, 4), path, without=())
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)


# Saved states


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_a_false_state_starts_the_run_afresh(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    FILES[name][0](tmp_path / "state.pt")
    state, sentence = StateFile(tmp_path / "state.pt", "f").load()
    assert state is None
    assert (
        sentence.startswith("Starts afresh: ")
        and str(tmp_path / "state.pt") in sentence
        and "\n" not in sentence
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "state.pt"], "nothing was executed"


@pytest.mark.parametrize(
    "content", [{}, {"fingerprint": "f"}, {"fingerprint": "other", "step": 3}, {"step": 3}]
)
def test_a_state_without_its_parts_starts_the_run_afresh(tmp_path, content):
    torch.save(content, tmp_path / "state.pt")
    state, sentence = StateFile(tmp_path / "state.pt", "f").load()
    assert state is None and sentence.startswith("Starts afresh: ")


def test_a_run_with_a_damaged_state_ends_like_one_without(tmp_path, one_thread, capsys):
    pictures = Pictures(20, 4)
    table = pictures.table()

    def losses(path):
        job = ClassificationTask(pictures, table, table, 4, TINY, RECIPE, 1)
        return [row["loss"] for row in train(job, RECIPE, 1, StateFile(path, "f")).history]

    (tmp_path / "state.pt").write_bytes(b"junk" * 1000)
    assert losses(tmp_path / "state.pt") == losses(tmp_path / "none.pt")
    assert "Starts afresh: the saved state" in capsys.readouterr().err


def flip(path, name="conv3.weight"):
    """Flip one bit of a tensor's value in a saved file."""
    data = bytearray(path.read_bytes())
    place = data.index(STATE[name].numpy().tobytes()[:64])
    data[place + 5] ^= 4
    path.write_bytes(data)


def test_a_flipped_bit_in_weights_is_found(tmp_path):
    save_weights(tmp_path / "weights.pt", MODEL)
    flip(tmp_path / "weights.pt")
    with pytest.raises(
        UserError, match=r"checksum of .* differs: the file is damaged.*delete it so that it is"
    ):
        load_weights(tmp_path / "weights.pt")


def test_a_flipped_bit_in_a_state_starts_the_run_afresh(tmp_path):
    StateFile(tmp_path / "state.pt", "f").save({"model": STATE, "step": 3})
    assert StateFile(tmp_path / "state.pt", "f").load()[0]["step"] == 3
    flip(tmp_path / "state.pt")
    state, sentence = StateFile(tmp_path / "state.pt", "f").load()
    assert state is None and "the file is damaged" in sentence
