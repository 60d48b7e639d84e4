"""The paper's study rehearsed: all of it, with 32-pixel pictures and two steps per job.

    python benchmarks/rehearsal.py --folder /data/rehearsal --images 1300 --step STEP ...

`data` renders ILSVRC2012's layout with 1,000 classes of `--images` training images and 1 in 26 as
many validation images (1,300 and 50 are the paper's), and small VOC2007, VOC2012, SUN397 and
Places365 with all their classes. 100 training images per class are distinct, the others are copies
with a comment (rehearsal_world.py). The study is configs/paper.yaml itself with other sizes, made
by `rehearsed`: a store of 32-pixel JPEGs, a network of a tenth of the width, two steps per job. Its
numbers mean nothing; its times and memory do.

Each stage prints a line with wall time, CPU time and the peak memory of the largest process (from
`wait4`, which misses nothing) and appends it to FOLDER/rehearsal.csv; `plot` writes the last line
of each stage next to this file, and draws them. The steps:

    data       the pictures: 7 minutes of CPU once for all sizes, 4 for 1.35 million files (5.5 GB)
    list       reading ImageNet's layout, as packing begins; 8 s of CPU at 1.35 million images
    pack       `snakemake stores`: decode, warp and encode all images; 500 s of CPU on two threads
    ratio      packing compared with a bare loop that decodes, resizes and encodes; 3 minutes
    manifests  `snakemake manifests`: all 20 subsets on two cores; 90 s of CPU
    dag        `snakemake -n` of everything; 4 s
    pretrain   `snakemake` for the network on all images: two steps and an evaluation; 20 s
    embed      `snakemake` for its features of all images; 3 minutes of CPU
    tables     `snakemake tables`
    study      `snakemake`: everything (163 jobs; Figure 4 compares 50,000 with 1.3 million images
               twelve times)
    plot       the figure of all stages

Each step can be run again on its own. `--images 9`, `96` and `1300` make 10^4, 10^5 and 1.35 × 10^6
images; `--classes 100 --images 960` has as many as `--images 96` with fewer classes. Except
`tables` and `study`, which carry on, a step makes its outputs again, so that what was made from
them is out of date.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rehearsal_world as world
import yaml

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.listing import Listing
from imagenet_transfer.labels.taxonomy import read_classes

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["stage", "images", "classes", "wall_s", "cpu_s", "peak_mb"]
CORES = 2
ITERATIONS = 2
PICTURES = 20_000  # of the study's own, in `ratio`
STORE = {"codec": "jpeg", "size": world.SIZE, "quality": 90, "max_unreadable": 0}
NETWORK = {"image_size": world.SIZE, "input_size": 28, "width": 0.1, "fc_width": 64}
NETWORK |= {"conv1_kernel": 5, "conv1_stride": 2, "init": "he", "pixel_std": 58}
SIDES = {"short_side": 96, "long_side": 160}
DETECTOR = SIDES | {"anchor_base": 12, "anchor_scales": [2, 3.5, 6], "proposal_min_side": 8}
LISTING = (
    "import sys, yaml; from imagenet_transfer.data.layouts import list_dataset;"
    "from imagenet_transfer.labels import taxonomy;"
    "study = yaml.safe_load(open(sys.argv[1])); names = taxonomy.read_classes(study['classes']);"
    "print(len(list_dataset(study['datasets']['imagenet'], names).images), 'images listed')"
)


@dataclass(frozen=True)
class Rehearsal:
    """One size of the study, in its own folder below `folder`, which also holds what they share."""

    folder: Path
    images: int
    classes: int

    @property
    def place(self) -> Path:
        """Folder of this size's study."""
        return self.folder / f"{self.classes}x{self.images}"

    @property
    def wnids(self) -> list[str]:
        """Every nth of the 1,000 classes."""
        wnids = sorted(read_classes("ilsvrc2012"))
        return wnids[:: len(wnids) // self.classes][: self.classes]

    @property
    def numbers(self) -> dict[str, int]:
        """Images of each split."""
        validation = world.validation_images(self.images)
        return {"train": self.classes * self.images, "val": self.classes * validation}


def rehearsed(size: Rehearsal) -> dict[str, Any]:
    """Return configs/paper.yaml with a small network, two steps per job, and the data of `size`."""
    study = yaml.safe_load((ROOT / "configs/paper.yaml").read_text(encoding="utf-8"))
    study["study"] = "rehearsal"
    if size.classes < 1000:
        _keep_what_few_classes_have(study, size)
    voc = {split: world.VOC[split] for split in ("trainval", "test")}
    action = {split: world.ACTION[split] for split in ("train", "val")}
    numbers = {
        "imagenet": (size.place / "ILSVRC2012", size.numbers),
        "voc2007": (size.folder / "VOCdevkit", voc),
        "voc2012-action": (size.folder / "VOCdevkit-action", action),
        "sun397": (size.folder / "SUN397", _times(world.SUN_IMAGES, world.SUN_CLASSES)),
        "places": (size.folder / "Places365", _times(world.PLACES_IMAGES, world.PLACES_CLASSES)),
    }
    for name, (root, images) in numbers.items():
        entry = study["datasets"][name]
        entry |= {"root": str(root), "images": images}
        if entry["store"]["codec"] != "original":
            entry["store"] = STORE
    proposals = study["datasets"]["voc2012-action"]["proposals"]
    proposals |= {"mode": "single", "max_boxes": 200, "min_side": 12}
    study["architectures"]["alexnet"] |= NETWORK
    for recipe in study["recipes"].values():
        recipe |= {"iterations": ITERATIONS, "evaluate_every": ITERATIONS}
        recipe |= {"lr": 1e-4, "lr_steps": [ITERATIONS // 2]}
        recipe["batch_size"] = min(recipe["batch_size"], 64)
    study["recipes"]["detection"]["detector"] |= DETECTOR
    for name in ("action", "rstarcnn"):
        study["recipes"][name]["rstarcnn"] |= SIDES
    return study


def _keep_what_few_classes_have(study: dict[str, Any], size: Rehearsal) -> None:
    """Leave two subsets of all classes: the paper's other subsets need its 1,000."""
    study["classes"] = str(size.place / "classes.txt")
    study["label_sets"] = {"imagenet": study["label_sets"]["imagenet"]}
    study["subsets"] = {name: study["subsets"][name] for name in ("imagenet", "images-50")}
    tasks = study["tasks"].items()
    study["tasks"] = {name: entry for name, entry in tasks if "subset" not in entry}
    shown = {"subsets": ["imagenet", "images-50", "scratch"]}
    study["outputs"] = {"table1": study["outputs"]["table1"] | shown}


def _times(images: Mapping[str, int], classes: int) -> dict[str, int]:
    return {split: number * classes for split, number in images.items()}


# --- measuring ------------------------------------------------------------------------------------


def measured(size: Rehearsal, stage: str, command: Sequence[str | Path]) -> None:
    """Run a command in the study's folder; record wall time, CPU time and peak memory.

    CPU time includes its children's; the peak is that of the largest single process, and never less
    than this process's own: it must stay small. The command's output goes to
    FOLDER/<size>/<stage>.log.
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
    """Measure Snakemake making some targets; the outputs of the rules `again` are made again."""
    command = [Path(sys.executable).with_name("snakemake"), "--snakefile", ROOT / "Snakefile"]
    command += ["--directory", size.place, "--configfile", "study.yaml", "--cores", str(CORES)]
    command += ["--dry-run"] if dry else []
    command += ["--forcerun", *again] if again else []
    measured(size, stage, [*command, "--", *targets])


# --- steps ----------------------------------------------------------------------------------------


def data(size: Rehearsal) -> None:
    """Render the pictures and lay out the data sets; folders that exist stay as they are."""
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
    """Draw all manifests again, after any missing label sets, and then one on its own."""
    if size.classes == 1000:  # the paper's label sets have 1,000 classes
        snakemake(size, "label sets", "label_sets")
        snakemake(size, "manifests", "manifests", again=["draw_manifest"])
        summarise(size, ["draw_manifest"])
    snakemake(size, "one manifest", "results/manifests/images-50.csv.gz", again=["draw_manifest"])


def dag(size: Rehearsal) -> None:
    snakemake(size, "dag", "all", dry=True)


def pretrain(size: Rehearsal) -> None:
    network = "results/pretrain/alexnet/imagenet/rep1/metrics.json"
    snakemake(size, "pretrain", network, again=["pretrain"])


def embed(size: Rehearsal) -> None:
    snakemake(size, "embed", "embeddings/alexnet/imagenet/rep1/fc7.npy", again=["embed"])


def tables(size: Rehearsal) -> None:
    snakemake(size, "tables", "tables")


def study(size: Rehearsal) -> None:
    """Make everything, and print what the jobs of each rule took."""
    snakemake(size, "study", "all")
    summarise(size, sorted(rule.stem for rule in (size.place / "logs/benchmarks").iterdir()))


def summarise(size: Rehearsal, rules: Sequence[str]) -> None:
    """Print what the jobs of some rules took by Snakemake's records, which may miss short peaks."""
    for rule in rules:
        place = size.place / "logs/benchmarks" / rule
        paths = sorted(place.rglob("*.tsv")) if place.is_dir() else [place.with_suffix(".tsv")]
        wall, cpu, peak = (list(column) for column in zip(*map(_benchmark, paths), strict=True))
        times = f"{sum(wall):9.1f} s  CPU {sum(cpu):9.1f} s"
        print(f"  {rule:24} {len(paths):4} jobs {times}  {max(peak):8,.0f} MB")


def _benchmark(path: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and peak megabytes of a job; 0 if it was too short to sample."""
    row = next(csv.DictReader(path.open(), delimiter="\t"))
    return tuple(
        float(row[key]) if row[key] not in ("-", "NA") else 0.0
        for key in ("s", "cpu_time", "max_rss")
    )


def ratio(size: Rehearsal) -> None:
    """Compare packing with bare loops: on this study's images, and on photograph-like files."""
    from rehearsal_packing import compare, listing_of, photographs  # imported late, see `measured`

    entry = rehearsed(size)["datasets"]["imagenet"]
    listing = list_dataset(entry, size.wnids)
    step = max(1, len(listing.images) // PICTURES)
    images = listing.images.iloc[::step].head(PICTURES)
    chosen = Listing(images, listing.objects, listing.classes)
    compare("32-pixel files", chosen, Path(entry["root"]), STORE)
    folder = photographs(size.folder / "photographs")
    compare("photographs to 256", listing_of(folder), folder, STORE | {"size": 256})


def plot(size: Rehearsal) -> None:
    """Draw time and memory of each stage against the number of images, as last measured."""
    from rehearsal_plot import draw_last

    draw_last(size.folder / "rehearsal.csv", ROOT / "benchmarks")


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
    parser.add_argument("--images", type=int, default=1300, help="training images per class")
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
