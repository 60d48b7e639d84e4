"""Time and memory of `neighbours.nearest`, of faiss.IndexFlatIP and of scikit-learn's search.

Run `python benchmarks/neighbour_search.py` (three minutes): 5,000 queries in 100,000 × 4096 rows, in
interleaved rounds with a fresh process and two threads for each search. faiss, of
`benchmarks/peers.py`, gets the best kernel of the OpenBLAS in its wheel (OPENBLAS_CORETYPE): by
default that old version falls back to a kernel several times slower. The times are those of the
search only, without start-up and loading; memory is the most that the process held, without pages
of files. CPU time counts waiting threads too: with `--threads 1` it hardly changes when other
programs use the machine.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import peers
from rounds import (
    Reading,
    Rounds,
    Row,
    Spread,
    clocks,
    interleaved,
    print_table,
    ratios,
    since,
    values,
)

K = 5
FAISS = "faiss.IndexFlatIP, float32"
SKLEARN = "scikit-learn, brute force, cosine"
ENGINES = {
    FAISS: "whole.npy",
    SKLEARN: "whole.npy",
    "nearest, array in memory": "whole.npy",
    "nearest, file": "whole.npy",
    "nearest, float16 file": "half.npy",
}


def make_features(folder: Path, name: str, number: int, dimensions: int, seed: int) -> None:
    """Write unit vectors like features after a ReLU, none negative, as float32 and float16."""
    rng = np.random.default_rng(seed)
    files = [
        np.lib.format.open_memmap(folder / f"{name}-{kind}.npy", "w+", dtype, (number, dimensions))
        for kind, dtype in (("whole", np.float32), ("half", np.float16))
    ]
    for start in range(0, number, 5000):
        shape = (min(5000, number - start), dimensions)
        part = np.maximum(rng.standard_normal(shape, dtype=np.float32), 0)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        for file in files:
            file[start : start + len(part)] = part


def kernel() -> str:
    """Return the fastest kernel of faiss's OpenBLAS, 0.3.15, on this processor."""
    processor = Path("/proc/cpuinfo").read_text()
    without_avx512 = "Zen" if "AuthenticAMD" in processor else "Haswell"
    return "SkylakeX" if "avx512f" in processor else without_avx512


class Peak(threading.Thread):
    """Watches the memory of this process, without pages of files."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
            self.bytes = max(self.bytes, 1024 * kilobytes)
            time.sleep(0.02)


def search_of(engine: str, gallery: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the search that an engine has prepared: rows of the gallery (Q,K) for queries (Q,D)."""
    if engine == FAISS:
        import faiss

        faiss.omp_set_num_threads(threads)
        rows = np.load(gallery, mmap_mode="r")
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows)
        return lambda queries: index.search(queries, K)[1]
    if engine == SKLEARN:
        from sklearn.neighbors import NearestNeighbors

        model = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine")
        model.fit(np.load(gallery))
        return lambda queries: model.kneighbors(queries, return_distance=False)
    import torch

    from imagenet_transfer.features.neighbours import nearest

    torch.set_num_threads(threads)
    rows = np.load(gallery) if "memory" in engine else gallery
    return lambda queries: nearest(queries, rows, K).indices


def measure(engine: str, folder: Path, threads: int) -> Reading:
    """Return seconds and peak memory of a search in this process, and a checksum of its results."""
    peak = Peak()
    peak.start()
    kind = ENGINES[engine]
    queries = np.load(folder / f"queries-{kind}")
    search = search_of(engine, folder / f"gallery-{kind}", threads)
    start = clocks()
    found = search(queries)
    return since(start) | {"peak": peak.bytes, "sum": int(found.sum())}


def compare(folder: Path, rounds: int, threads: int) -> tuple[Rounds, dict[str, str]]:
    """Return what each engine measured, and why peers are missing."""
    reason = peers.missing("faiss")
    absent = {FAISS: reason} if reason else {}
    environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    options = ("--folder", str(folder), "--threads", str(threads))
    engines = [engine for engine in ENGINES if engine not in absent]
    environment["OPENBLAS_CORETYPE"] = ""  # others choose for themselves
    kernels = {FAISS: {"OPENBLAS_CORETYPE": kernel()}}
    pythons = {FAISS: peers.PYTHON}
    return interleaved(__file__, engines, rounds, options, pythons, environment, kernels), absent


def rows_of(found: Rounds, absent: dict[str, str], size: float) -> list[Row]:
    """Return the table; `size` is that of the gallery in bytes, as float32."""
    rows = []
    reference = SKLEARN if absent else FAISS
    said = f"{reference.split()[0].split('.')[0].strip(',')} / this"
    for engine in ENGINES:
        if engine in absent:
            rows.append({"search": engine, "s": absent[engine]})
            continue
        peaks = values(found, engine, "peak")
        row = {"search": engine, "s": Spread.of(values(found, engine, "seconds"))}
        row |= {f"{said}, wall": ratios(found, reference, engine, "seconds")}
        row |= {"CPU s": Spread.of(values(found, engine, "cpu"))}
        row |= {f"{said}, CPU time": ratios(found, reference, engine, "cpu")}
        row |= {"peak GB": f"{max(peaks) / 1e9:.2f}", "/ gallery": f"{max(peaks) / size:.2f}"}
        rows.append(row)
    return rows


def agreement(found: Rounds) -> str:
    """Return which engines found the rows that `nearest` found, all in float32."""
    sums = {name: set(values(found, name, "sum")) for name in found if "float16" not in name}
    others = [name for name in sums if sums[name] != sums["nearest, file"]]
    same = f"All but {' and '.join(others)}" if others else "All"
    return (
        f"{same} found the same rows in float32 (`nearest` orders by exact products). faiss's "
        f"OpenBLAS used the kernel {kernel()}."
    )


def tables(
    rounds: int = 2,
    folder: Path | None = None,
    queries: int = 5000,
    gallery: int = 100_000,
    dimensions: int = 4096,
    threads: int = 2,
) -> tuple[list[Row], str]:
    """Return the table and a note."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        make_features(Path(name), "queries", queries, dimensions, seed=0)
        make_features(Path(name), "gallery", gallery, dimensions, seed=1)
        found, absent = compare(Path(name), rounds, threads)
    return rows_of(found, absent, 4 * gallery * dimensions), agreement(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where 2.6 GB of features are kept meanwhile")
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--gallery", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(measure(arguments.variant, arguments.folder, arguments.threads)))
        return
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    options = vars(arguments)
    del options["variant"]
    rows, note = tables(**options)
    print_table(rows)
    print(note)


if __name__ == "__main__":
    main()
