"""Exact nearest neighbours by inner product in matrices larger than the memory (Section 4)."""

import math
import os
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.full_float32 import full_float32
from imagenet_transfer.running.read_ahead import read_ahead

BLOCK = 8192  # rows of the gallery in one product ...
CACHED = 1024  # ... on a CPU, which has the products in its cache then, if the queries are held
PAIRS = 2**23  # pairs of query and row in one product
GROUP = 32  # rows whose largest product is compared with what was found before
CROWDED = 1 / 8  # share of groups with a nearer row above which a block is sorted as a whole
SPARE = 8  # candidates beyond k, which tell whether rounding could have hidden a nearer row
CANDIDATES = 2**24  # pairs of query and candidate that a repeated search holds at most
PRODUCTS = 2**18  # numbers that a step of the exact comparison holds in float64
KEPT = 2**27  # bytes of queries that are held in float32


class Neighbours(NamedTuple):
    """Each query's nearest rows of the gallery, nearest first."""

    indices: np.ndarray  # rows (Q,k), int64
    similarities: np.ndarray  # their inner products (Q,k), float32


class Rows(Protocol):
    """A matrix that is read by rows."""

    shape: tuple[int, int]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows as an array (len(rows), D)."""


class ArrayRows:
    """A matrix in memory."""

    def __init__(self, array: np.ndarray):
        self.array = array
        self.shape = array.shape

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows, without a copy if they follow each other."""
        consecutive = len(runs_of(rows)) == 1
        return self.array[rows[0] : rows[-1] + 1] if consecutive else self.array[rows]


class MatrixFile:
    """A matrix in a .npy file, read by plain reads: memory maps are slow on network file systems.

    Raises UserError if the file does not hold a matrix, or ends early.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            header = np.load(path, mmap_mode="r")
        except Exception as error:  # a damaged header, read as Python, may raise anything
            raise self._damaged(" ".join(str(error).split())[:150]) from error
        if header.ndim != 2 or not header.flags.c_contiguous:
            raise self._damaged("it is not a matrix of rows")
        self.shape = header.shape
        self.dtype = header.dtype
        self._offset = header.offset
        self._file = os.open(path, os.O_RDONLY)

    def __del__(self):
        if hasattr(self, "_file"):
            os.close(self._file)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows; consecutive ones come in one read."""
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        for start, stop in runs_of(rows):
            self._read(out[start:stop].reshape(-1).view(np.uint8), int(rows[start]))
        return out

    def _read(self, out: np.ndarray, row: int) -> None:
        offset = self._offset + row * self.shape[1] * self.dtype.itemsize
        while out.size:
            count = os.preadv(self._file, [out], offset)
            if count == 0:
                raise self._damaged("it ends early")
            out = out[count:]
            offset += count

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"{self.path} cannot be read ({reason}): delete it, so that the same command computes "
            "it again."
        )


def runs_of(rows: np.ndarray) -> list[tuple[int, int]]:
    """Return the (start, stop) positions of the longest runs of consecutive row numbers."""
    if not len(rows):
        return []
    cuts = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(rows)], strict=True))


def nearest(
    queries: np.ndarray,
    gallery: np.ndarray | Rows | Path | str,
    k: int,
    rows: np.ndarray | None = None,
    device: str = "cpu",
    block: int | None = None,
) -> Neighbours:
    """Return the `k` rows of the gallery with the largest inner products.

    They are cosines if the vectors have length 1. queries (Q,D) and gallery (N,D) are float16 or
    float32; the gallery may be a .npy file. `rows`, a mask or ascending row numbers, limits the
    search without copying the gallery. With fewer than `k` rows, all are returned.

    The order is that of the exact products (float64), the lower row first among equals: it depends
    neither on `block`, the rows in one product, nor on threads or device. The memory beyond queries
    and result does not grow with the gallery: three blocks of rows, the products of one with
    `PAIRS / block` queries, and few queries in float32. At D = 4096 it is 0.2 GB for 5,000 queries
    on a CPU, 0.5 GB for many queries or on a GPU.
    """
    matrix = _open(gallery)
    block = block or (CACHED if device == "cpu" and _held(queries) else BLOCK)
    chosen = _chosen(rows, matrix.shape[0])
    k = min(k, len(chosen))
    spare = SPARE
    places, exact, settled = _search(queries, matrix, chosen, k, spare, device, block)
    while not settled.all():
        spare *= 8
        again = np.flatnonzero(~settled)[: max(1, CANDIDATES // min(k + spare, len(chosen)))]
        found = _search(queries[again], matrix, chosen, k, spare, device, block)
        places[again], exact[again], settled[again] = found
    return Neighbours(chosen[places], exact.astype(np.float32))


def _open(gallery: np.ndarray | Rows | Path | str) -> Rows:
    if isinstance(gallery, np.ndarray):
        return ArrayRows(gallery)
    return MatrixFile(gallery) if isinstance(gallery, str | Path) else gallery


def _chosen(rows: np.ndarray | None, number: int) -> np.ndarray:
    """Return the row numbers that a mask, row numbers or None (all) stand for."""
    if rows is None:
        return np.arange(number)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)


def _search(
    queries: np.ndarray,
    matrix: Rows,
    chosen: np.ndarray,
    k: int,
    spare: int,
    device: str,
    block: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places in `chosen` (Q,k), exact products (Q,k), and which queries (Q) are settled.

    A query is settled if no row outside the candidates can be as near as its k-th neighbour, judged
    by its product in float32 plus the error of that. A query of zeros is equally near to all rows,
    so the first rows are its neighbours.
    """
    candidates, values, longest = _candidates(queries, matrix, chosen, k + spare, device, block)
    lengths = _lengths(queries)
    error = rounding(queries.shape[1]) * lengths * longest
    least = np.partition(values, -k, axis=1)[:, -k] - 2 * error  # no lower one is among the k
    products = _exact_products(queries, matrix, chosen[candidates], values >= least[:, None])
    order = np.lexsort((candidates, -products), axis=-1)[:, :k]
    places, exact = (np.take_along_axis(found, order, axis=1) for found in (candidates, products))
    settled = values.min(axis=1) + error < exact[:, -1]
    settled |= candidates.shape[1] == len(chosen)
    zero = lengths == 0
    places[zero] = np.arange(k)
    settled[zero] = True
    return places, exact, settled


def rounding(dimensions: int) -> float:
    """Return the error of an inner product of unit vectors summed in float32.

    It is sqrt(D) u (Higham and Mary 2019) for one running sum; matrix products sum in pieces and
    err less: a twelfth of it with MKL, a tenth with OpenBLAS, a quarter with oneDNN.
    """
    return dimensions**0.5 * 2.0**-24


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("qd,qd->q", vectors, vectors, dtype=np.float64))


def _held(queries: np.ndarray) -> bool:
    """Return whether the queries are few enough to be held in float32."""
    return 4 * queries.size <= KEPT


@torch.inference_mode()
@full_float32()
def _candidates(
    queries: np.ndarray, matrix: Rows, chosen: np.ndarray, number: int, device: str, block: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the largest products' places and values (Q,number) and the length of the longest row.

    Products are computed in float32.
    """
    parts = torch.from_numpy(queries).split(max(1, PAIRS // block))
    parts = [_Part(part.to(device), _held(queries)) for part in parts]
    longest = 0.0
    starts = range(0, len(chosen), block)
    blocks = read_ahead(lambda at: matrix.take(chosen[at : at + block]), starts)
    for start, rows in zip(starts, blocks, strict=True):
        vectors = torch.from_numpy(rows).to(device).float()
        longest = max(longest, float(torch.linalg.vector_norm(vectors, dim=1).max()))
        for part in parts:
            part.compare(vectors, start, number)
    places, values = (
        torch.cat([getattr(part, name) for part in parts]).cpu().numpy()
        for name in ("places", "values")
    )
    return places, values, longest


def has_onednn() -> bool:
    """Return whether this PyTorch has oneDNN's product, which it does not document."""
    wanted = ("_reorder_linear_weight", "_linear_pointwise")
    there = (hasattr(torch.ops.mkldnn, name) for name in wanted)
    return torch.backends.mkldnn.is_available() and all(there)


class _Part:
    """Some queries, and their largest products so far.

    On a CPU, oneDNN multiplies: it is as fast on all processors, where the library behind `@` uses
    half of what a processor of another maker can do.
    """

    def __init__(self, queries: Tensor, held: bool):
        on_cpu = queries.device.type == "cpu"
        self.by_onednn = on_cpu and len(queries) > 0 and has_onednn()
        self.queries = queries.float() if held else queries
        if held and self.by_onednn:
            self.queries = torch.ops.mkldnn._reorder_linear_weight(self.queries)
        self.values = torch.empty((len(queries), 0), device=queries.device)
        self.places = self.values.long()

    def products(self, vectors: Tensor) -> Tensor:
        """Return the products (N,Q) with vectors (N,D), in float32."""
        queries = self.queries if self.queries.is_mkldnn else self.queries.float()
        if self.by_onednn:
            return torch.ops.mkldnn._linear_pointwise(vectors, queries, None, "none", [], "")
        return (queries @ vectors.T).T

    def compare(self, vectors: Tensor, start: int, number: int) -> None:
        """Take in the products with the rows at `start` (N,D), so that the `number` largest stay."""
        products = self.products(vectors)
        few = self.by_onednn and self.values.shape[1] == number
        if not (few and self._merge_few(products, start)):
            self._merge(products.T, start, number)

    def _merge(self, scores: Tensor, start: int, number: int) -> None:
        """Take in the products (Q,N) with the rows at `start` by sorting them."""
        values, places = scores.topk(min(number, scores.shape[1]), sorted=False)
        values = torch.cat([self.values, values], 1)
        places = torch.cat([self.places, places + start], 1)
        self.values, kept = values.topk(min(number, values.shape[1]), sorted=False)
        self.places = places.gather(1, kept)

    def _merge_few(self, scores: Tensor, start: int) -> bool:
        """Take in those products (N,Q) that are larger than a query's lowest so far.

        Return False, and change nothing, if there are too many for that to be fast.
        """
        size = math.gcd(len(scores), GROUP)
        groups = scores.view(-1, size, scores.shape[1])
        lowest = self.values.amin(1)
        nearer = groups.amax(1) > lowest
        if nearer.count_nonzero() > CROWDED * nearer.numel():
            return False
        group, query = nearer.nonzero().unbind(1)
        near = groups[group, :, query]
        which, row = (near > lowest[query, None]).nonzero().unbind(1)
        places = start + group[which] * size + row
        query, order = query[which].sort()
        self._add(query, near[which, row][order], places[order])
        return True

    def _add(self, query: Tensor, values: Tensor, places: Tensor) -> None:
        """Take in products of queries in ascending order, each perhaps several times."""
        changed, which, counts = query.unique_consecutive(return_inverse=True, return_counts=True)
        column = torch.arange(len(query)) - (counts.cumsum(0) - counts)[which]
        width = int(counts.max()) if len(counts) else 0
        new = values.new_full((len(changed), width), -math.inf)
        new[which, column] = values
        new_places = places.new_zeros(new.shape)
        new_places[which, column] = places
        number = self.values.shape[1]
        best, kept = torch.cat([self.values[changed], new], 1).topk(number, sorted=False)
        self.values[changed] = best
        self.places[changed] = torch.cat([self.places[changed], new_places], 1).gather(1, kept)


def _exact_products(
    queries: np.ndarray, matrix: Rows, rows: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Return the products (Q,c), in float64, of queries (Q,D) and their rows (Q,c).

    They are -inf where they are not `asked` for.
    """
    query, _ = np.nonzero(asked)
    row = rows[asked]
    found = np.empty(len(row))
    step = max(1, PRODUCTS // queries.shape[1])
    for start in range(0, len(row), step):
        pairs = slice(start, start + step)
        needed, which = np.unique(row[pairs], return_inverse=True)
        terms = _terms(matrix.take(needed)[which], queries[query[pairs]])
        terms.sum(axis=1, out=found[pairs])
    products = np.full(rows.shape, -np.inf)
    products[asked] = found
    return products


def _terms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the exact products of numbers, in float64.

    Those of two float16 have 22 bits at most, for which float32 has room; NumPy's conversion of
    float16 takes longer than all the rest.
    """
    if a.dtype != np.float16 or b.dtype != np.float16:
        return np.multiply(a, b, dtype=np.float64)
    return torch.from_numpy(a).float().mul_(torch.from_numpy(b).float()).double().numpy()
