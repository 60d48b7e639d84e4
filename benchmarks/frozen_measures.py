"""Time of the measures on frozen features and of scikit-learn's classifiers, side by side.

Run `pip install -e '.[test]'` and `python benchmarks/frozen_measures.py` (about a minute on two
cores; `--images 25000 --size 4096` takes ten): features like those after a ReLU, with a fifth of
the images as queries. Both sides work in this process with the same number of threads, by turns,
`--repeats` times. Ours read the features from a file, as the workflow does, scikit-learn gets them
in memory as float32. Printed are the median seconds by the clock and of CPU time (for when others
share the cores), the ratios theirs / ours with their range, and the accuracies of both; of the
probe also the loss: scikit-learn's default tolerance of 1e-4 ends it well above the optimum.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from imagenet_transfer.features import few_shot, knn, probe
from imagenet_transfer.features.embeddings import lengths_of, read_embeddings
from imagenet_transfer.features.few_shot import draw_places
from imagenet_transfer.features.measures import Material
from imagenet_transfer.files import sha256_of, write_json
from imagenet_transfer.training.measures import FewShot, Neighbours, Probe
from imagenet_transfer.versions import VERSIONS

Run = Callable[[], dict[str, float]]
RANK = 64  # directions in which the features of a class vary most


def make_features(path: Path, images: int, size: int, labels: np.ndarray, seed: int) -> np.ndarray:
    """Write an embedding of features around a centre per class; return it as float32 (N,D)."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((labels.max() + 1, size), dtype=np.float32)
    mixing = (
        draw.standard_normal((RANK, size), dtype=np.float32)
        / np.sqrt(np.arange(1, RANK + 1))[:, None]
    )
    vectors = np.empty((images, size), np.float32)
    for start in range(0, images, 5000):
        part = slice(start, start + 5000)
        shape = (len(labels[part]), RANK)
        common = draw.standard_normal(shape, dtype=np.float32) @ mixing.astype(np.float32)
        own = draw.standard_normal((shape[0], size), dtype=np.float32)
        vectors[part] = np.maximum(0.35 * centres[labels[part]] + common / 3 + own - 0.5, 0)
    lengths = np.linalg.norm(vectors, axis=1)
    unit = (vectors / lengths[:, None]).astype(np.float16)
    np.save(path, unit)
    np.save(lengths_of(path), lengths)
    meta = {"version": VERSIONS["embedding"], "store": "d", "weights": None, "layer": "fc7"}
    meta |= {"shape": list(unit.shape), "digest": sha256_of(path)}
    write_json(path.with_suffix(".json"), {**meta, "lengths": sha256_of(lengths_of(path))})
    return unit.astype(np.float32) * lengths[:, None]


def material_in(folder: Path, arguments: argparse.Namespace) -> tuple[Material, np.ndarray]:
    """Return what measures are made from, in a file, and the same features in memory."""
    labels = np.arange(arguments.images + arguments.images // 5) % arguments.classes
    vectors = make_features(folder / "fc7.npy", len(labels), arguments.size, labels, seed=0)
    tested = np.arange(len(labels)) >= arguments.images
    tables = [
        pd.DataFrame({"row": np.flatnonzero(of), "label": labels[of]}) for of in (~tested, tested)
    ]
    store = SimpleNamespace(meta={"digest": "d"}, folder=folder)
    features = read_embeddings(folder / "fc7.npy", store)
    names = np.array([f"image{row:07d}" for row in range(len(labels))])
    return Material(features, names, *tables, arguments.classes, "benchmark", seed=1), vectors


def pairs(
    material: Material, vectors: np.ndarray, arguments: argparse.Namespace
) -> dict[str, tuple[Run, Run]]:
    """Return ours and theirs by what is measured; each returns what it found."""
    train, test = (vectors[table["row"]] for table in (material.train, material.test))
    labels, truth = (table["label"].to_numpy() for table in (material.train, material.test))
    k, l2, shots = 20, arguments.l2, 5

    def accuracy(predicted: np.ndarray) -> dict[str, float]:
        return {"top1": 100 * float((predicted == truth).mean())}

    def their_neighbours() -> dict[str, float]:
        options = {"metric": "cosine", "algorithm": "brute"}
        model = KNeighborsClassifier(k, weights=lambda d: np.exp((1 - d) / 0.07), **options)
        return accuracy(model.fit(train, labels).predict(test))

    def their_probe() -> dict[str, float]:
        model = LogisticRegression(C=1 / (len(train) * l2), tol=arguments.tol, max_iter=5000)
        found = accuracy(model.fit(train, labels).predict(test))
        scores = torch.from_numpy(train.astype(np.float64) @ model.coef_.T + model.intercept_)
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(labels))
        weights = float((model.coef_.astype(np.float64) ** 2).sum())
        return found | {
            "loss": float(loss) + l2 / 2 * weights,
            "iterations": float(model.n_iter_[0]),
        }

    def their_shots() -> dict[str, float]:
        unit, queries = (
            part / np.linalg.norm(part, axis=1, keepdims=True) for part in (train, test)
        )
        found = []
        for places in draw_places(material, shots, arguments.draws):
            drawn = places.ravel()
            model = RidgeClassifier(alpha=1.0).fit(unit[drawn], labels[drawn])
            found.append(accuracy(model.predict(queries))["top1"])
        return {"top1": float(np.mean(found))}

    def our_probe() -> dict[str, float]:
        found = probe.measure(material, Probe(l2=(l2,), iterations=5000))
        fit = found.facts["fit"]
        return found.metrics | {"loss": fit["loss"], "iterations": float(fit["iterations"])}

    few = FewShot(shots=shots, draws=arguments.draws)
    return {
        "knn": (lambda: knn.measure(material, Neighbours(k=k)).metrics, their_neighbours),
        "probe": (our_probe, their_probe),
        "few-shot": (lambda: few_shot.measure(material, few).metrics, their_shots),
    }


def timed(run: Run) -> tuple[np.ndarray, dict[str, float]]:
    """Return the seconds of the clock and of CPU time, and what was found."""
    start = np.array([time.perf_counter(), time.process_time()])
    found = run()
    return np.array([time.perf_counter(), time.process_time()]) - start, found


def report(name: str, rounds: list[tuple[np.ndarray, np.ndarray]], found: list[dict]) -> None:
    """Print a measure's line: seconds of both, ratios round by round, what both found."""
    cells = []
    for clock, title in enumerate(("s", "CPU s")):
        ours, theirs = ([times[side][clock] for times in rounds] for side in (0, 1))
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        medians = f"{statistics.median(ours):.2f} and {statistics.median(theirs):.2f} {title}"
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        cells.append(f"{medians}, ratio {spread}")
    said = [", ".join(f"{key} {value:.6g}" for key, value in side.items()) for side in found]
    print(f"{name}: {'; '.join(cells)}\n    ours: {said[0]}\n    theirs: {said[1]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the features are kept meanwhile")
    parser.add_argument("--images", type=int, default=10_000, help="training images")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--l2", type=float, default=0.001, help="penalty of the probe")
    parser.add_argument("--tol", type=float, default=1e-6, help="scikit-learn's tolerance")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=["knn", "probe", "few-shot"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        threadpool_limits(arguments.threads),
    ):
        material, vectors = material_in(Path(folder), arguments)
        print(f"{arguments.images:,} x {arguments.size} features, {arguments.classes} classes")
        for name, sides in pairs(material, vectors, arguments).items():
            if name in arguments.only:
                rounds = [[timed(run) for run in sides] for _ in range(arguments.repeats)]
                times = [tuple(times for times, _ in both) for both in rounds]
                report(name, times, [found for _, found in rounds[-1]])


if __name__ == "__main__":
    main()
