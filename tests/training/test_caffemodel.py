"""Caffe's files of weights: both versions, packed or not, and what is written is Caffe's format."""

import numpy as np
import pytest
from caffe_files import PACKED, UNPACKED, blob_that_claims
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.training.caffemodel import CaffeLayer, read_caffemodel, write_caffemodel
from imagenet_transfer.training.protobuf import Damaged, fields, packed, varint, varints, written


@pytest.fixture
def file(tmp_path):
    def of(content):
        (tmp_path / "a.caffemodel").write_bytes(content)
        return tmp_path / "a.caffemodel"

    return of


@pytest.mark.parametrize("content", [PACKED, UNPACKED])
def test_what_protobuf_writes_is_read(file, content):
    conv1, norm1, pool1, fc6 = read_caffemodel(file(content))
    assert (conv1.name, conv1.kind) == ("conv1", "Convolution")
    assert np.array_equal(conv1.blobs[0], np.reshape([0.5, -1, 2, 3, 4, 5], (2, 1, 1, 3)))
    assert conv1.blobs[1].tolist() == [[[[7, 8]]]]
    assert [norm1.kind, pool1.kind, fc6.kind] == ["LRN", "Pooling", "InnerProduct"]
    assert norm1.blobs == pool1.blobs == ()
    assert fc6.blobs[0].tolist() == [[[[1, 2], [3, 4]]]]


def test_the_bytes_of_a_layer_are_those_of_caffe_proto(tmp_path):
    """LayerParameter is field 100, name 1, type 2, blobs 7; BlobProto: data 5, shape 7 (dim 1)."""
    layer = CaffeLayer("ip", "InnerProduct", (np.float32([[1, 2]]),))
    write_caffemodel(tmp_path / "a.caffemodel", "Net", [layer])
    blob = "2a08 0000803f 00000040 3a04 0a020102"
    inside = f"0a02 6970 120c 496e6e657250726f64756374 3a10 {blob}"
    assert (tmp_path / "a.caffemodel").read_bytes() == bytes.fromhex(
        f"0a03 4e6574 a206 24 {inside}"
    )


def test_what_is_written_is_read_back(tmp_path):
    draw = np.random.default_rng(0)
    shapes = [(96, 3, 11, 11), (300,), ()]
    layer = CaffeLayer("conv1", "Convolution", tuple(np.float32(draw.random(s)) for s in shapes))
    write_caffemodel(tmp_path / "a.caffemodel", "Net", [layer, CaffeLayer("é", "ReLU")])
    first, second = read_caffemodel(tmp_path / "a.caffemodel")
    assert all(map(np.array_equal, first.blobs, layer.blobs))
    assert [blob.shape for blob in first.blobs] == shapes
    assert second == CaffeLayer("é", "ReLU")


def test_double_precision_is_read(file):
    blob = written(8, np.float64([1, 2]).tobytes()) + written(7, written(1, packed([2])))
    (layer,) = read_caffemodel(file(written(100, written(1, b"a") + written(7, blob))))
    assert layer.blobs[0].tolist() == [1, 2]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=9))
def test_numbers_are_packed_and_unpacked(values):
    assert list(varints(memoryview(packed(values)))) == values


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 15), st.integers(1, 40)), max_size=6))
def test_runs_of_numbers_that_are_not_packed(runs):
    """Equal keys next to each other are one run; none is lost where the key changes."""
    numbers = [number for number, length in runs for _ in range(length)]
    message = b"".join(bytes([n << 3 | 5]) + np.float32(i).tobytes() for i, n in enumerate(numbers))
    found = [
        (number, float(value))
        for number, data in fields(memoryview(message))
        for value in np.frombuffer(data, "<f4")
    ]
    assert found == [(number, float(i)) for i, number in enumerate(numbers)]


@pytest.mark.parametrize("content", [PACKED, UNPACKED])
def test_every_truncation_is_refused_or_has_fewer_layers(file, content):
    """A file may end after a whole layer, which no one can tell from a smaller file."""
    whole = len(read_caffemodel(file(content)))
    refused = 0
    for size in range(len(content)):
        try:
            assert len(read_caffemodel(file(content[:size]))) < whole
        except UserError as error:
            assert "is not a whole file of Caffe's weights" in str(error)
            refused += 1
    assert refused > 0.95 * len(content)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_bytes_end_in_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.caffemodel"
    content = bytearray(data.draw(st.sampled_from([PACKED, UNPACKED])))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read_caffemodel(path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)


FILES = {
    "text": (b"<html>404</html>", "no field begins before byte 1"),
    "zeros": (bytes(1000), "no field begins at byte 0"),
    "a pickle": (b"\x80\x02}q\x00.", "a field of 8 bytes has only 2"),
    "no layers": (written(1, b"AlexNet"), "it has no layers"),
    "2^40 values": (blob_that_claims(2**20, 2**20), "claims 1,099,511,627,776 values but has 3"),
    "beyond 64 bits": (blob_that_claims(2**63, 2**63), "claims too many values but has 3"),
    "fewer values": (blob_that_claims(2), "a blob of conv1 claims 2 values but has 3"),
    "33 axes": (blob_that_claims(*[1] * 33), "a blob has more than 32 axes"),
    "an endless number": (b"\xff" * 20, "no number"),
    "a long field": (b"\x0a\xff\xff\xff\xff\x7f", "a field of 34,359,738,367 bytes has only 0"),
    "a number as layer": (written(100, 3), "a number stands where a message should"),
    "a name that is no text": (written(100, written(1, b"\xff")), "the name of a layer is not"),
    "of 2013": (written(2, written(1, b"")), "upgrade it with Caffe's upgrade_net_proto_binary"),
    "many layers": (written(100, b"") * 10_001, "it has more than 10,000 layers"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_such_a_file_gets_a_sentence(file, name):
    content, sentence = FILES[name]
    path = file(content)
    refusal(lambda: read_caffemodel(path), path, sentence, "copy or download it again")


def test_fields_are_counted(monkeypatch):
    monkeypatch.setattr("imagenet_transfer.training.protobuf.MOST_FIELDS", 3)
    assert len(list(fields(memoryview(written(1, 2) * 2)))) == 2
    with pytest.raises(Damaged, match="more than 3 fields"):
        list(fields(memoryview(written(1, 2) * 4)))


def test_numbers_at_the_edge():
    for value in (0, 1, 127, 128, 2**14, 2**32, 2**63):
        assert varint(memoryview(packed([value])), 0) == (value, len(packed([value])))
