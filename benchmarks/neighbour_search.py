"""Time and memory of `neighbours.nearest` and of faiss.IndexFlatIP.

Run `pip install faiss-cpu` and `python benchmarks/neighbour_search.py --folder /some/disk`: 5,000
queries in 100,000 × 4096 float32 rows, in three interleaved rounds with a fresh process and two
threads for each search. faiss gets the best kernel of the OpenBLAS in its wheel
(OPENBLAS_CORETYPE): by default that old version falls back to a kernel many times slower. The times
are those of the search only, without start-up and loading, by the clock and in CPU time (for when
others share the cores); memory is the peak of the whole process (VmHWM).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

K = 5
ENGINES = {
    "nearest, array": "the gallery in memory, float32",
    "nearest, file": "read from a float32 file",
    "nearest, half file": "read from a float16 file",
    "faiss.IndexFlatIP": "its own copy of the gallery, float32",
}


def make_features(path: Path, number: int, dimensions: int, seed: int) -> None:
    """Write unit vectors like features after a ReLU, none negative, as float32 and float16."""
    shape = (number, dimensions)
    rng = np.random.default_rng(seed)
    whole = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    half = np.lib.format.open_memmap(half_of(path), "w+", np.float16, shape)
    for start in range(0, number, 5000):
        shape = (min(5000, number - start), dimensions)
        part = np.maximum(rng.standard_normal(shape, dtype=np.float32), 0)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        whole[start : start + len(part)] = part
        half[start : start + len(part)] = part


def half_of(path: Path) -> Path:
    return path.with_name(f"half-{path.name}")


def kernel() -> str:
    """Return OpenBLAS 0.3.15's kernel for this processor, or the one that the environment names."""
    processor = Path("/proc/cpuinfo").read_text()
    without_avx512 = "Zen" if "AuthenticAMD" in processor else "Haswell"
    best = "SkylakeX" if "avx512f" in processor else without_avx512
    return os.environ.get("OPENBLAS_CORETYPE", best)


def peak_mb() -> float:
    """Return the largest resident size of this process so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def clocks() -> np.ndarray:
    """Return the seconds of the clock and of CPU time."""
    return np.array([time.perf_counter(), time.process_time()])


def search(engine: str, queries: Path, gallery: Path, threads: int) -> dict[str, float]:
    """Return seconds and peak memory of a search in this process, and a checksum of its results."""
    asked = np.load(queries)
    if engine.startswith("nearest"):
        import torch

        from imagenet_transfer.features.neighbours import nearest

        torch.set_num_threads(threads)
        searched = {
            "array": lambda: np.load(gallery),
            "file": lambda: gallery,
            "half file": lambda: half_of(gallery),
        }
        rows = searched[engine.split(", ")[1]]()
        start = clocks()
        found = nearest(asked, rows, K).indices
    else:
        import faiss

        faiss.omp_set_num_threads(threads)
        index = faiss.IndexFlatIP(asked.shape[1])
        index.add(np.load(gallery, mmap_mode="r"))
        start = clocks()
        found = index.search(asked, K)[1]
    seconds, cpu = clocks() - start
    return {"seconds": seconds, "cpu": cpu, "peak": peak_mb(), "sum": int(found.sum())}


def in_a_process(engine: str, folder: Path, threads: int) -> dict[str, float]:
    """Return what `search` returns in a fresh process."""
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel()}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    command = [sys.executable, __file__, "--folder", str(folder)]
    command += ["--threads", str(threads), "--engine", engine]
    options = {"capture_output": True, "text": True, "check": True}
    return json.loads(subprocess.run(command, env=environment, **options).stdout)


def report(results: dict[str, list[dict[str, float]]], size: float) -> None:
    """Print the medians, and the ratio of faiss's time to each engine's, round by round."""
    print(f"features: {size:,.0f} MB as float32; kernel of faiss's OpenBLAS: {kernel()}")
    titles = " ".join(f"{title:>8} {'faiss / this':>20}" for title in ("seconds", "CPU s"))
    print(f"{'':20} {titles} {'peak MB':>8} {'/ features':>10}")
    for engine, rounds in results.items():
        reference = results["faiss.IndexFlatIP"]
        times = " ".join(cells(reference, rounds, key) for key in ("seconds", "cpu"))
        peak = max(one["peak"] for one in rounds)
        print(f"{engine:20} {times} {peak:8,.0f} {peak / size:10.2f}   {ENGINES[engine]}")
    whole = [engine for engine in ENGINES if "half" not in engine]
    found = {one["sum"] for engine in whole for one in results[engine]}
    print(f"{'all' if len(found) == 1 else 'not all'} on float32 found the same rows")


def cells(reference: list[dict[str, float]], rounds: list[dict[str, float]], key: str) -> str:
    """Return the median, and median and range of the ratios of the rounds."""
    ratios = [other[key] / one[key] for other, one in zip(reference, rounds, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{statistics.median(one[key] for one in rounds):8.1f} {spread:>20}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where 2.6 GB of features are kept meanwhile")
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--gallery", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        paths = [arguments.folder / name for name in ("queries.npy", "gallery.npy")]
        print(json.dumps(search(arguments.engine, *paths, arguments.threads)))
        return
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        make_features(folder / "queries.npy", arguments.queries, arguments.dimensions, seed=0)
        make_features(folder / "gallery.npy", arguments.gallery, arguments.dimensions, seed=1)
        results = {engine: [] for engine in ENGINES}
        for _ in range(arguments.rounds):
            for engine in ENGINES:
                results[engine].append(in_a_process(engine, folder, arguments.threads))
        report(results, 4 * arguments.gallery * arguments.dimensions / 1e6)


if __name__ == "__main__":
    main()
