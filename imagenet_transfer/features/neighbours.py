"""Exact nearest neighbours by inner product in matrices larger than the memory (Section 4)."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.full_float32 import full_float32

BLOCK = 8192  # rows of the gallery in one product, with at most an eighth as many queries
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


def read_ahead(load: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield load(item) for each item; a thread loads the next one while the caller works."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            loading = pool.submit(load, item)
            if waiting is not None:
                yield waiting.result()
            waiting = loading
        if waiting is not None:
            yield waiting.result()


def nearest(
    queries: np.ndarray,
    gallery: np.ndarray | Rows | Path | str,
    k: int,
    rows: np.ndarray | None = None,
    device: str = "cpu",
    block: int = BLOCK,
) -> Neighbours:
    """Return the `k` rows of the gallery with the largest inner products.

    They are cosines if the vectors have length 1. queries (Q,D) and gallery (N,D) are float16 or
    float32; the gallery may be a .npy file. `rows`, a mask or ascending row numbers, limits the
    search without copying the gallery. With fewer than `k` rows, all are returned.

    The order is that of the exact products (float64), the lower row first among equals: it depends
    neither on `block` nor on threads or device. The memory beyond queries and result does not grow
    with the gallery: three blocks of `block` rows and the products of one with `block / 8` queries,
    0.5 GB at D = 4096; few queries are held in float32 as well.
    """
    matrix = _open(gallery)
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
    candidates, lowest, longest = _candidates(queries, matrix, chosen, k + spare, device, block)
    products = _exact_products(queries, matrix, chosen[candidates])
    order = np.lexsort((candidates, -products), axis=-1)[:, :k]
    places, exact = (np.take_along_axis(values, order, axis=1) for values in (candidates, products))
    lengths = _lengths(queries)
    settled = lowest + rounding(queries.shape[1]) * lengths * longest < exact[:, -1]
    settled |= candidates.shape[1] == len(chosen)
    zero = lengths == 0
    places[zero] = np.arange(k)
    settled[zero] = True
    return places, exact, settled


def rounding(dimensions: int) -> float:
    """Return the error of an inner product of unit vectors summed in float32.

    It is sqrt(D) u (Higham and Mary 2019) for one running sum; matrix products sum in pieces and
    err about ten times less.
    """
    return dimensions**0.5 * 2.0**-24


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("qd,qd->q", vectors, vectors, dtype=np.float64))


@torch.inference_mode()
@full_float32()
def _candidates(
    queries: np.ndarray, matrix: Rows, chosen: np.ndarray, number: int, device: str, block: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the largest products' places (Q,number), the lowest of them (Q) and the longest row.

    Products are computed in float32.
    """
    kept = torch.float32 if 4 * queries.size <= KEPT else None  # else each product converts them
    parts = torch.from_numpy(queries).split(max(1, block // 8))
    parts = [part.to(device, kept) for part in parts]
    empty = [part.new_empty((len(part), 0), dtype=torch.float32) for part in parts]
    best = [(values, values.long()) for values in empty]
    longest = 0.0
    starts = range(0, len(chosen), block)
    blocks = read_ahead(lambda at: matrix.take(chosen[at : at + block]), starts)
    for start, rows in zip(starts, blocks, strict=True):
        vectors = torch.from_numpy(rows).to(device).float()
        longest = max(longest, float(torch.linalg.vector_norm(vectors, dim=1).max()))
        for index, part in enumerate(parts):
            best[index] = _merge(*best[index], part.float() @ vectors.T, start, number)
    values, places = (torch.cat(column).cpu().numpy() for column in zip(*best, strict=True))
    return places, values.min(axis=1), longest


def _merge(
    values: Tensor, places: Tensor, scores: Tensor, start: int, number: int
) -> tuple[Tensor, Tensor]:
    """Return the `number` largest of `values` at `places` and of `scores` of rows at `start`."""
    new_values, new_places = scores.topk(min(number, scores.shape[1]), sorted=False)
    values = torch.cat([values, new_values], 1)
    places = torch.cat([places, new_places + start], 1)
    values, kept = values.topk(min(number, values.shape[1]), sorted=False)
    return values, places.gather(1, kept)


def _exact_products(queries: np.ndarray, matrix: Rows, rows: np.ndarray) -> np.ndarray:
    """Return the products (Q,c), in float64, of queries (Q,D) and their rows (Q,c)."""
    number = rows.shape[1]
    products = np.empty(rows.size)
    step = max(1, PRODUCTS // queries.shape[1])
    for start in range(0, rows.size, step):
        pairs = np.arange(start, min(start + step, rows.size))
        needed, which = np.unique(rows.ravel()[pairs], return_inverse=True)
        terms = _terms(matrix.take(needed)[which], queries[pairs // number])
        terms.sum(axis=1, out=products[start : start + step])
    return products.reshape(rows.shape)


def _terms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the exact products of numbers, in float64.

    Those of two float16 have 22 bits at most, for which float32 has room; NumPy's conversion of
    float16 takes longer than all the rest.
    """
    if a.dtype != np.float16 or b.dtype != np.float16:
        return np.multiply(a, b, dtype=np.float64)
    return torch.from_numpy(a).float().mul_(torch.from_numpy(b).float()).double().numpy()
