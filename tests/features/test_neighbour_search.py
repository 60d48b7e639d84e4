"""Nearest neighbours: by hand, and as an exact search with ties, blocks, halves, selections."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.errors import UserError
from imagenet_transfer.features import neighbours
from imagenet_transfer.features.neighbours import MatrixFile, nearest, rounding, runs_of

pytestmark = pytest.mark.usefixtures("one_thread")


def vectors(number, dimensions=16, seed=0, dtype=np.float32):
    drawn = np.random.default_rng(seed).standard_normal((number, dimensions))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(dtype)


def with_ties(number, seed=0, dtype=np.float32):
    """Vectors of small whole numbers, so that many products are exactly equal."""
    return np.random.default_rng(seed).integers(-1, 2, (number, 4)).astype(dtype)


def brute_force(queries, gallery, k, rows=None):
    """Sort all rows by (product, row)."""
    rows = np.arange(len(gallery)) if rows is None else rows
    products = (queries[:, None].astype(np.float64) * gallery[rows].astype(np.float64)).sum(-1)
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return rows[order], np.take_along_axis(products, order, 1).astype(np.float32)


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.indices, expected[0])
    np.testing.assert_array_equal(found.similarities, expected[1])


def test_by_hand():
    gallery = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0], [0.6, 0.8]], dtype=np.float32)
    found = nearest(np.array([[0, 1], [1, 0]], dtype=np.float32), gallery, k=3)
    assert found.indices.tolist() == [[1, 2, 4], [0, 2, 4]]
    np.testing.assert_allclose(found.similarities, [[1, 0.8, 0.8], [1, 0.6, 0.6]], rtol=1e-7)
    assert (found.indices.dtype, found.similarities.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("block", [1, 7, 100, 1000])
@pytest.mark.parametrize("make", [vectors, with_ties])
def test_it_is_the_exact_search(make, block, dtype):
    queries = make(30, seed=1, dtype=dtype)
    gallery = make(300, seed=2, dtype=dtype)
    assert_equal(nearest(queries, gallery, 5, block=block), brute_force(queries, gallery, 5))


@pytest.mark.parametrize("make", [vectors, with_ties])
def test_a_mask_and_row_numbers_search_part_of_the_gallery(make):
    queries = make(30, seed=1)
    gallery = make(300, seed=2)
    mask = np.random.default_rng(0).random(300) < 0.4
    expected = brute_force(queries, gallery, 5, np.flatnonzero(mask))
    assert_equal(nearest(queries, gallery, 5, rows=mask, block=32), expected)
    assert_equal(nearest(queries, gallery, 5, rows=np.flatnonzero(mask), block=32), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_file_is_searched_like_an_array(tmp_path, dtype):
    queries = vectors(30, seed=1, dtype=dtype)
    gallery = vectors(300, seed=2, dtype=dtype)
    np.save(tmp_path / "gallery.npy", gallery)
    for rows in (None, np.arange(50, 250, 3)):
        expected = brute_force(queries, gallery, 5, rows)
        assert_equal(nearest(queries, tmp_path / "gallery.npy", 5, rows=rows, block=64), expected)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("crowded", [0, 1])
@pytest.mark.parametrize("make", [vectors, with_ties])
def test_the_way_of_multiplying_and_of_choosing_does_not_matter(
    monkeypatch, make, crowded, onednn, held
):
    """Neither do the parts of the queries; 0: blocks are sorted, 1: only nearer rows are."""
    monkeypatch.setattr(neighbours, "CROWDED", crowded)
    monkeypatch.setattr(neighbours, "PAIRS", 500)
    monkeypatch.setattr(neighbours, "KEPT", 2**20 if held else 0)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
    queries = make(30, seed=1)
    gallery = make(700, seed=2)
    assert_equal(nearest(queries, gallery, 5, block=64), brute_force(queries, gallery, 5))


@pytest.mark.parametrize("ascending", [True, False])
def test_a_gallery_in_the_order_of_its_products(ascending):
    gallery = np.zeros((3000, 3), np.float32)
    gallery[:, 0] = np.arange(3000)[:: 1 if ascending else -1]
    queries = np.float32([[1, 0, 0], [0.5, 0, 0], [-1, 0, 0]])
    assert_equal(nearest(queries, gallery, 7, block=256), brute_force(queries, gallery, 7))


def test_no_queries_have_no_neighbours():
    found = nearest(vectors(0), vectors(100), k=3, block=32)
    assert found.indices.shape == (0, 3)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    number=st.integers(1, 60),
    k=st.integers(1, 8),
    blocks=st.lists(st.integers(1, 70), min_size=2, max_size=2),
    make=st.sampled_from([vectors, with_ties]),
)
def test_the_block_size_does_not_matter(seed, number, k, blocks, make):
    queries = make(9, seed=seed)
    gallery = make(number, seed=seed + 1)
    expected = brute_force(queries, gallery, k)
    for block in blocks:
        assert_equal(nearest(queries, gallery, k, block=block), expected)


def test_copies_of_a_row_come_in_ascending_order_wherever_they_lie():
    gallery = vectors(500, 64)
    copies = np.array([3, 77, 78, 250, 311, 312, 313, *range(400, 409), 499])
    gallery[copies] = gallery[3]
    found = nearest(gallery[3:4], gallery, k=6, block=97)
    assert found.indices.tolist() == [copies[:6].tolist()]


def test_rows_that_float32_cannot_tell_apart_are_ordered_exactly():
    """Products 1 - i·2^-30 of 40 rows, more than SPARE, all round to one number in float32."""
    number = 40
    order = np.random.default_rng(0).permutation(number)
    gallery = np.zeros((number, 2), np.float32)
    gallery[:, 0] = 1
    gallery[:, 1] = -order * 2.0**-30
    found = nearest(np.ones((1, 2), np.float32), gallery, k=5, block=16)
    assert found.indices.tolist() == [np.argsort(order)[:5].tolist()]


@pytest.fixture
def searches(monkeypatch):
    """The numbers of queries of all searches."""
    found = []
    search = neighbours._search

    def counted(queries, *others):
        found.append(len(queries))
        return search(queries, *others)

    monkeypatch.setattr(neighbours, "_search", counted)
    return found


def test_a_search_that_rounding_could_spoil_is_repeated_in_portions(monkeypatch, searches):
    monkeypatch.setattr(neighbours, "CANDIDATES", 200)
    queries = with_ties(50, seed=1)
    gallery = with_ties(2000, seed=2)
    assert_equal(nearest(queries, gallery, 3, block=512), brute_force(queries, gallery, 3))
    first, *again = searches
    assert first == 50
    assert len(again) > 1
    assert max(again) < 10


def test_a_query_of_zeros_has_the_first_rows_as_neighbours_after_one_search(searches):
    query = np.zeros((1, 16), np.float32)
    found = nearest(query, vectors(5000), k=3, rows=np.arange(10, 5000), block=1024)
    assert found.indices.tolist() == [[10, 11, 12]]
    assert found.similarities.tolist() == [[0, 0, 0]]
    assert len(searches) == 1


def test_fewer_rows_than_k_are_all_returned():
    queries = vectors(4, seed=1)
    gallery = vectors(3, seed=2)
    assert_equal(nearest(queries, gallery, 10), brute_force(queries, gallery, 3))


@pytest.mark.parametrize("dimensions", [1, 37, 4096])
def test_products_in_float32_err_less_than_is_allowed_for(dimensions):
    a = vectors(40, dimensions, seed=1)
    b = vectors(40, dimensions, seed=2)
    exact = (a[:, None].astype(np.float64) * b.astype(np.float64)).sum(-1)
    for by_onednn in (True, False):
        part = neighbours._Part(torch.from_numpy(b), held=True)
        if not by_onednn:
            part = neighbours._Part(torch.from_numpy(b), held=False)
            part.by_onednn = False
        products = part.products(torch.from_numpy(a)).numpy()
        assert np.abs(products - exact).max() < rounding(dimensions) / 2


def test_exact_products_are_exact():
    a = vectors(3, 100, seed=1)
    b = vectors(4, 100, seed=2)
    rows = np.array([[0, 3], [2, 2], [1, 0]])
    asked = np.array([[True, True], [False, True], [True, True]])
    products = neighbours._exact_products(a, neighbours.ArrayRows(b), rows, asked)
    assert products[1, 0] == -np.inf
    for query, row in np.argwhere(asked):
        pairs = zip(a[query].tolist(), b[rows[query, row]].tolist(), strict=True)
        true = sum(Fraction(x) * Fraction(y) for x, y in pairs)
        assert abs(Fraction(products[query, row]) - true) < Fraction(1, 10**15)


def test_runs_of_rows():
    assert runs_of(np.array([4, 5, 6, 9, 3, 4])) == [(0, 3), (3, 4), (4, 6)]
    assert runs_of(np.array([7])) == [(0, 1)]
    assert runs_of(np.array([], dtype=int)) == []


def test_matrix_files_take_rows_in_any_order(tmp_path):
    matrix = vectors(20, 8, dtype=np.float16)
    np.save(tmp_path / "m.npy", matrix)
    file = MatrixFile(tmp_path / "m.npy")
    rows = np.array([5, 6, 7, 2, 19, 19, 0])
    np.testing.assert_array_equal(file.take(rows), matrix[rows])
    assert file.shape == (20, 8)


@pytest.mark.parametrize("damage", ["short", "text", "absent", "vector"])
def test_damaged_files_are_named(tmp_path, damage):
    path = tmp_path / "m.npy"
    if damage != "absent":
        np.save(path, vectors(20, 8) if damage != "vector" else np.zeros(3))
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-1])
    if damage == "text":
        path.write_text("not a matrix")
    with pytest.raises(UserError, match=r"m\.npy cannot be read"):
        MatrixFile(path)


PEAKS = """
import sys
from pathlib import Path
import numpy as np
from imagenet_transfer.features.neighbours import nearest

for path in sys.argv[1:]:
    nearest(np.eye(4, 1024, dtype=np.float32), path, 2, block=512)
    lines = Path("/proc/self/status").read_text().splitlines()
    print(*(line.split()[1] for line in lines if "VmHWM" in line))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_memory_does_not_grow_with_the_gallery(tmp_path):
    paths = [str(tmp_path / name) for name in ("small.npy", "large.npy")]
    for path, number in zip(paths, (2000, 20000), strict=True):
        matrix = np.random.default_rng(0).random((number, 1024), np.float32)
        np.save(path, matrix.astype(np.float16))
    small, large = map(int, subprocess.check_output([sys.executable, "-c", PEAKS, *paths]).split())
    assert large - small < 15_000  # KB; the larger file has 36,000 more


def test_products_of_halves_are_exact():
    """Subnormal and largest numbers of float16, random bits, and both signs."""
    bits = np.random.default_rng(0).integers(0, 2**16, (2, 50, 64), dtype=np.uint16)
    a, b = (np.nan_to_num(part.view(np.float16), posinf=0, neginf=0) for part in bits)
    a[0, :4] = np.array([2.0**-24, 65504, -(2.0**-24), -65504])
    b[0, :4] = np.array([2.0**-24, 65504, 2.0**-24, 65504])
    found = neighbours._terms(a, b)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, a.astype(np.float64) * b.astype(np.float64))
