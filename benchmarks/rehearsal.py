"""The paper's study rehearsed: all its classes, images, subsets, tasks and outputs, 32-pixel pictures, two steps a job.

    python benchmarks/rehearsal.py --folder /data/rehearsal --images 1300 --step data list pack manifests dag study plot

What it does. `data` renders ILSVRC2012's layout with 1,000 classes of `--images` training and 1 in 26 as many
validation images (1,300 and 50 are the paper's), and small VOC2007, VOC2012, SUN397 and Places365 with all their
classes. Of the training images 100 a class are distinct, the others are copies with a comment (rehearsal_world.py). The
study is configs/paper.yaml itself with other sizes, derived in `rehearsed`: store of 32-pixel JPEG, a network of a
tenth of the width, two steps a job. Its numbers mean nothing; its times and memory do.

What it prints. A line a stage with wall time, CPU time and the peak memory of the largest process (`wait4`'s, which
misses nothing), appended to FOLDER/rehearsal.csv; `plot` writes the last of each beside this file, as a figure too.

    data       the pictures: 7 minutes of CPU once for all sizes, 4 for 1.35 million files (5.5 GB, 1.35 million inodes)
    list       reading ImageNet's layout, as packing begins; 8 s of CPU at 1.35 million images
    pack       `snakemake stores`: the images of every data set decoded, warped, encoded; 500 s of CPU on two threads
    ratio      packing beside a bare loop that decodes, resizes and encodes the same files, by turns; 3 minutes
    manifests  `snakemake manifests`: all 20 subsets on two cores; 90 s of CPU
    dag        `snakemake -n` of everything; 4 s
    pretrain   `snakemake` for the network on all images: two steps and an evaluation; 20 s
    embed      `snakemake` for its features of all images; 3 minutes of CPU
    tables     `snakemake tables`
    study      `snakemake`: everything (163 jobs; Figure 4 compares 50,000 with 1.3 million images twelve times)

Each step can be run again alone. `--images 9`, `96` and `1300` make 10^4, 10^5 and 1.35 × 10^6 images; `--classes 100
--images 960` has as many as `--images 96` with fewer classes. But for `tables`
and `study`, which carry on, a step makes its outputs again, so that what was made of them is out of date.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rehearsal_world as world
import yaml

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.labels.taxonomy import read_classes

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["stage", "images", "classes", "wall_s", "cpu_s", "peak_mb"]
CORES = 2
ITERATIONS = 2
STORE = {"codec": "jpeg", "size": world.SIZE, "quality": 90, "max_unreadable": 0}
NETWORK = {
    "image_size": world.SIZE,
    "input_size": 28,
    "width": 0.1,
    "fc_width": 64,
    "conv1_kernel": 5,
}
NETWORK |= {"conv1_stride": 2, "init": "he", "pixel_std": 58}
DETECTOR = {
    "short_side": 96,
    "long_side": 160,
    "anchor_base": 12,
    "anchor_scales": [2, 3.5, 6],
    "proposal_min_side": 8,
}
LISTING = (
    "import sys, yaml; from imagenet_transfer.data.layouts import list_dataset;"
    "from imagenet_transfer.labels import taxonomy;"
    "study = yaml.safe_load(open(sys.argv[1])); names = taxonomy.read_classes(study['classes']);"
    "print(len(list_dataset(study['datasets']['imagenet'], names).images), 'images listed')"
)


@dataclass(frozen=True)
class Rehearsal:
    """One size of the study: its own folder below `folder`, which also holds what all sizes share."""

    folder: Path
    images: int
    classes: int

    @property
    def place(self) -> Path:
        """Folder of this size's study."""
        return self.folder / f"{self.classes}x{self.images}"

    @property
    def wnids(self) -> list[str]:
        """Every n-th of the 1,000 classes."""
        wnids = sorted(read_classes("ilsvrc2012"))
        return wnids[:: len(wnids) // self.classes][: self.classes]

    @property
    def numbers(self) -> dict[str, int]:
        """Images of each split."""
        validation = world.validation_images(self.images)
        return {"train": self.classes * self.images, "val": self.classes * validation}


def rehearsed(size: Rehearsal) -> dict[str, Any]:
    """Return configs/paper.yaml with small pictures, a small network, two steps a job, and the data of `size`."""
    study = yaml.safe_load((ROOT / "configs/paper.yaml").read_text(encoding="utf-8"))
    study["study"] = "rehearsal"
    if size.classes < 1000:
        _keep_what_few_classes_have(study, size)
    numbers = {
        "imagenet": (size.place / "ILSVRC2012", size.numbers),
        "voc2007": (
            size.folder / "VOCdevkit",
            {key: world.VOC[key] for key in ("trainval", "test")},
        ),
        "voc2012-action": (
            size.folder / "VOCdevkit-action",
            {key: world.ACTION[key] for key in ("train", "val")},
        ),
        "sun397": (size.folder / "SUN397", _times(world.SUN_IMAGES, world.SUN_CLASSES)),
        "places": (size.folder / "Places365", _times(world.PLACES_IMAGES, world.PLACES_CLASSES)),
    }
    for name, (root, images) in numbers.items():
        entry = study["datasets"][name]
        entry |= {"root": str(root), "images": images}
        if entry["store"]["codec"] != "original":
            entry["store"] = STORE
    study["datasets"]["voc2012-action"]["proposals"] |= {
        "mode": "single",
        "max_boxes": 200,
        "min_side": 12,
    }
    study["architectures"]["alexnet"] |= NETWORK
    for recipe in study["recipes"].values():
        recipe |= {
            "iterations": ITERATIONS,
            "evaluate_every": ITERATIONS,
            "lr": 1e-4,
            "lr_steps": [ITERATIONS // 2],
        }
        recipe["batch_size"] = min(recipe["batch_size"], 64)
    study["recipes"]["detection"]["detector"] |= DETECTOR
    for name in ("action", "rstarcnn"):
        study["recipes"][name]["rstarcnn"] |= {"short_side": 96, "long_side": 160}
    return study


def _keep_what_few_classes_have(study: dict[str, Any], size: Rehearsal) -> None:
    """Leave two subsets of all classes, for the paper's other label sets and subsets are of 1,000."""
    study["classes"] = str(size.place / "classes.txt")
    study["label_sets"] = {"imagenet": study["label_sets"]["imagenet"]}
    study["subsets"] = {name: study["subsets"][name] for name in ("imagenet", "images-50")}
    study["tasks"] = {
        name: entry for name, entry in study["tasks"].items() if "subset" not in entry
    }
    study["outputs"] = {
        "table1": study["outputs"]["table1"] | {"subsets": ["imagenet", "images-50", "scratch"]}
    }


def _times(images: Mapping[str, int], classes: int) -> dict[str, int]:
    return {split: number * classes for split, number in images.items()}


# --- measuring --------------------------------------------------------------------------------------------------------


def measured(size: Rehearsal, stage: str, command: Sequence[str | Path]) -> None:
    """Run a command in the study's folder and record wall time, CPU time of it and all its children, and peak memory.

    The peak is that of the largest single process. The command's own output goes to FOLDER/<size>/<stage>.log.
    """
    log = size.place / f"{stage.replace(' ', '-')}.log"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("w") as output:
        start = time.monotonic()
        arguments = [str(part) for part in command]
        process = subprocess.Popen(
            arguments, cwd=size.place, env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    record(size, stage, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    if process.returncode:
        sys.exit(f"'{stage}' failed with status {process.returncode}; its output is {log}.")


def record(
    size: Rehearsal, stage: str, wall: float, cpu: float, peak_mb: float | None = None
) -> None:
    """Print a measurement and append it to FOLDER/rehearsal.csv."""
    images = sum(size.numbers.values())
    memory = "" if peak_mb is None else f"{peak_mb:8,.0f} MB"
    print(f"{stage:28} {images:9,} images {wall:9.1f} s  CPU {cpu:9.1f} s {memory}", flush=True)
    path = size.folder / "rehearsal.csv"
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        peak = "" if peak_mb is None else round(peak_mb, 1)
        writer.writerow([stage, images, size.classes, round(wall, 3), round(cpu, 3), peak])


def snakemake(
    size: Rehearsal, stage: str, *targets: str, again: Sequence[str] = (), dry: bool = False
) -> None:
    """Measure Snakemake's way to some targets; the outputs of the rules `again` are made anew."""
    program = Path(sys.executable).with_name("snakemake")
    command = [
        program,
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        size.place,
        "--configfile",
        "study.yaml",
    ]
    command += [
        "--cores",
        str(CORES),
        *(["--dry-run"] if dry else []),
        *(["--forcerun", *again] if again else []),
    ]
    measured(size, stage, [*command, "--", *targets])


# --- steps ------------------------------------------------------------------------------------------------------------


def data(size: Rehearsal) -> None:
    """Render the pictures and lay out the data sets; what is there stays."""
    world.render_pool(size.folder / "pool", size.wnids)
    world.lay_out_ilsvrc(size.folder / "pool", size.place / "ILSVRC2012", size.wnids, size.images)
    world.lay_out_voc(size.folder / "VOCdevkit", "voc2007", world.voc_spec())
    world.lay_out_voc(size.folder / "VOCdevkit-action", "voc2012", {"action": world.ACTION})
    world.lay_out_sun(size.folder / "SUN397")
    world.lay_out_places(size.folder / "Places365")


def list_images(size: Rehearsal) -> None:
    measured(size, "list", [sys.executable, "-c", LISTING, "study.yaml"])


def pack(size: Rehearsal) -> None:
    shutil.rmtree(size.place / "stores", ignore_errors=True)
    snakemake(size, "pack", "stores/imagenet/meta.json")
    snakemake(size, "pack the others", "stores")


def manifests(size: Rehearsal) -> None:
    """Draw all manifests anew; label sets that are missing come first, by themselves."""
    if size.classes < 1000:  # the paper's label sets are of 1,000 classes
        snakemake(
            size, "one manifest", "results/manifests/images-50.csv.gz", again=["draw_manifest"]
        )
        return
    snakemake(size, "label sets", "label_sets")
    snakemake(size, "manifests", "manifests", again=["draw_manifest"])
    summarise(size, ["draw_manifest"])
    snakemake(size, "one manifest", "results/manifests/images-50.csv.gz", again=["draw_manifest"])


def dag(size: Rehearsal) -> None:
    snakemake(size, "dag", "all", dry=True)


def pretrain(size: Rehearsal) -> None:
    snakemake(
        size, "pretrain", "results/pretrain/alexnet/imagenet/rep1/metrics.json", again=["pretrain"]
    )


def embed(size: Rehearsal) -> None:
    snakemake(size, "embed", "embeddings/alexnet/imagenet/rep1/fc7.npy", again=["embed"])


def tables(size: Rehearsal) -> None:
    snakemake(size, "tables", "tables")


def study(size: Rehearsal) -> None:
    """Make everything, and say what the jobs of each rule took."""
    snakemake(size, "study", "all")
    summarise(size, sorted(rule.stem for rule in (size.place / "logs/benchmarks").iterdir()))


def summarise(size: Rehearsal, rules: Sequence[str]) -> None:
    """Print what the jobs of some rules took by Snakemake's own records (its samples may miss a short peak)."""
    for rule in rules:
        place = size.place / "logs/benchmarks" / rule
        paths = sorted(place.rglob("*.tsv")) if place.is_dir() else [place.with_suffix(".tsv")]
        wall, cpu, peak = (list(column) for column in zip(*map(_benchmark, paths), strict=True))
        print(
            f"  {rule:24} {len(paths):4} jobs {sum(wall):9.1f} s  CPU {sum(cpu):9.1f} s  {max(peak):8,.0f} MB"
        )


def _benchmark(path: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and peak megabytes of a job; a job shorter than a sample has no memory."""
    row = next(csv.DictReader(path.open(), delimiter="\t"))
    return tuple(
        float(row[key]) if row[key] not in ("-", "NA") else 0.0
        for key in ("s", "cpu_time", "max_rss")
    )


# --- packing beside a bare loop ---------------------------------------------------------------------------------------


def ratio(size: Rehearsal, pictures: int = 20_000, photographs: int = 512, rounds: int = 3) -> None:
    """Compare packing with bare loops on two threads and two processes: on this tree, and on photograph-like files."""
    entry = rehearsed(size)["datasets"]["imagenet"]
    listing = list_dataset(entry, size.wnids)
    step = max(1, len(listing.images) // pictures)
    chosen = type(listing)(
        listing.images.iloc[::step].head(pictures), listing.objects, listing.classes
    )
    _compare(size, "32-pixel files", chosen, Path(entry["root"]), STORE, rounds)
    folder = _photographs(size.folder / "photographs", photographs)
    from imagenet_transfer.data.layouts.listing import make_listing

    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.JPEG"))
    listing = make_listing(
        [("train", Path(name).stem, name.split("/")[0], name) for name in names], ()
    )
    _compare(size, "photographs to 256", listing, folder, STORE | {"size": 256}, rounds)


def _photographs(folder: Path, number: int) -> Path:
    if not folder.is_dir():
        from store_reading import make_pictures

        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        make_pictures(temporary, number)
        temporary.rename(folder)
    return folder


def _compare(
    size: Rehearsal, what: str, listing: Any, root: Path, spec: Mapping[str, Any], rounds: int
) -> None:
    """Print the rate of packing and of bare loops, by turns, and the ratio of the medians."""
    paths = [str(root / path) for path in listing.images.path]
    for path in paths:
        Path(path).read_bytes()  # all of them from the page cache
    rivals: dict[str, Callable[[], None]] = {
        "pack": lambda: _pack(listing, root, spec),
        "bare loop, 2 threads": lambda: _bare(ThreadPoolExecutor, paths, spec),
        "bare loop, 2 processes": lambda: _bare(ProcessPoolExecutor, paths, spec),
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, run in rivals.items():
            start = time.monotonic()
            run()
            times[name].append(time.monotonic() - start)
    rates = {
        name: len(paths) / sorted(seconds)[len(seconds) // 2] for name, seconds in times.items()
    }
    print(f"{what}, {len(paths):,} files, {rounds} rounds, images/s (median):")
    for name, rate in rates.items():
        each = ", ".join(f"{len(paths) / seconds:,.0f}" for seconds in times[name])
        print(f"  {name:24} {rate:9,.0f}   packing's share {rates['pack'] / rate:5.2f}   ({each})")


def _pack(listing: Any, root: Path, spec: Mapping[str, Any]) -> None:
    from imagenet_transfer.data.store import build_store

    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        build_store(listing, root, Path(folder), spec, workers=CORES, progress=False)


def _bare(pool: type[Executor], paths: Sequence[str], spec: Mapping[str, Any]) -> None:
    """Decode, resize and encode the files in two halves, and keep nothing."""
    with pool(CORES) as workers:
        list(workers.map(_recode, [paths[k::CORES] for k in range(CORES)], [spec] * CORES))


def _recode(paths: Sequence[str], spec: Mapping[str, Any]) -> None:
    import numpy as np
    import simplejpeg
    from PIL import Image

    shape = (spec["size"], spec["size"])
    for path in paths:
        pixels = simplejpeg.decode_jpeg(Path(path).read_bytes())
        if pixels.shape[:2] != shape:
            pixels = np.asarray(Image.fromarray(pixels).resize(shape, Image.Resampling.BILINEAR))
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), spec["quality"], "RGB", "444", fastdct=False
        )


# --- the figure -------------------------------------------------------------------------------------------------------


STAGES = {  # as they are plotted
    "study": "everything",
    "pack": "pack ImageNet",
    "embed": "features of all images",
    "manifests": "manifests of all 20 subsets",
    "pretrain": "pre-train one network, 2 steps",
    "dag": "dry run of everything",
    "list": "list ImageNet",
}
MARKS = "*osPD^v"


def plot(size: Rehearsal) -> None:
    """Draw time and memory of each stage along the number of images, as last measured."""
    import pandas as pd

    frame = pd.read_csv(size.folder / "rehearsal.csv").drop_duplicates(
        ["stage", "images", "classes"], keep="last"
    )
    frame = frame[frame["classes"] >= 100].sort_values(["stage", "classes", "images"])
    frame.to_csv(ROOT / "benchmarks/rehearsal.csv", index=False, lineterminator="\n")
    draw(frame, ROOT / "benchmarks/rehearsal.png")


def draw(frame: Any, path: Path) -> None:
    """Draw two panels of times and one of memory: a line a stage, and hollow marks for fewer classes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    titles = {
        "wall_s": "Wall time (s)",
        "cpu_s": "CPU time (s)",
        "peak_mb": "Peak memory of a process (MB)",
    }
    figure, panels = plt.subplots(1, 3, figsize=(11, 4.4), layout="constrained")
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        for number, ((stage, name), mark) in enumerate(zip(STAGES.items(), MARKS, strict=True)):
            rows = frame[frame["stage"] == stage]
            style = {"marker": mark, "markersize": 6, "color": f"C{number}"}
            whole = rows[rows["classes"] == 1000]
            fewer = rows[rows["classes"] < 1000]
            if whole.empty:
                continue
            axes.plot(whole["images"], whole[column], linewidth=1.5, label=name, **style)
            axes.plot(
                fewer["images"], fewer[column], linestyle="none", markerfacecolor="white", **style
            )
        axes.plot(
            [],
            [],
            "o",
            color="0.3",
            markerfacecolor="white",
            label="hollow: 100 classes, else 1,000",
        )
        axes.set(xscale="log", yscale="log", xlabel="Images", title=title)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(True, which="major", linewidth=0.4, alpha=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)


STEPS: dict[str, Callable[[Rehearsal], None]] = {
    "data": data,
    "list": list_images,
    "pack": pack,
    "ratio": ratio,
    "manifests": manifests,
    "dag": dag,
    "pretrain": pretrain,
    "embed": embed,
    "tables": tables,
    "study": study,
    "plot": plot,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where everything is written")
    parser.add_argument("--images", type=int, default=1300, help="training images a class")
    parser.add_argument(
        "--classes", type=int, default=1000, help="classes; 1,000 for the label sets of the paper"
    )
    parser.add_argument("--step", nargs="+", choices=list(STEPS), required=True)
    arguments = parser.parse_args()
    size = Rehearsal(arguments.folder.resolve(), arguments.images, arguments.classes)
    size.place.mkdir(parents=True, exist_ok=True)
    (size.place / "classes.txt").write_text("".join(f"{wnid}\n" for wnid in size.wnids))
    (size.place / "study.yaml").write_text(yaml.safe_dump(rehearsed(size), sort_keys=False))
    for step in arguments.step:
        STEPS[step](size)


if __name__ == "__main__":
    main()
