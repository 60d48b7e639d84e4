"""All comparisons with peers in one run: writes the tables into `benchmarks/README.md`.

`make benchmark` runs it (fifteen minutes on two quiet cores); PHOTOGRAPHS=FOLDER, a folder of class
folders of JPEGs, is read instead of pictures made for it. `--only step` and the like run a part
again; the other parts of the page stay.
"""

import argparse
import contextlib
import io
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import host_ceiling
import neighbour_search
import store_reading
import training_step
from rounds import ROOT, markdown

PAGE = Path(__file__).with_name("README.md")
Part = Callable[[Path | None, int], Iterator[str]]


def reading(photographs: Path | None, rounds: int) -> Iterator[str]:
    """Yield the tables of the input path."""
    one, two, note = store_reading.tables(photographs, rounds)
    yield f"{note} 227-pixel crops, batches of {store_reading.BATCH}, a warm page cache."
    yield markdown(one)
    yield markdown(two)


def ceiling(photographs: Path | None, rounds: int) -> Iterator[str]:
    """Yield the table of the loop with a step that costs nothing."""
    yield (
        f"Images per second, batches of {host_ceiling.BATCH}; the part of the reader's rate that is "
        "left in the loop."
    )
    with contextlib.redirect_stderr(io.StringIO()):  # what a job's log would have
        rows = host_ceiling.measure(photographs, rounds=rounds)
    yield markdown(rows)


def step(photographs: Path | None, rounds: int) -> Iterator[str]:
    """Yield the table of AlexNet's training step."""
    yield markdown(training_step.tables(rounds))


def counts(photographs: Path | None, rounds: int) -> Iterator[str]:
    """Yield the table of a step's launches and bytes."""
    import step_counts

    yield markdown(step_counts.tables())


def neighbours(photographs: Path | None, rounds: int) -> Iterator[str]:
    """Yield the table of the neighbour search."""
    rows, note = neighbour_search.tables(rounds)
    yield f"5,000 queries in 100,000 rows of 4096 features, two threads. {note}"
    yield markdown(rows)


PARTS: dict[str, tuple[str, Part]] = {
    "reading": ("Reading images", reading),
    "ceiling": ("The training loop with a step that costs nothing", ceiling),
    "step": ("AlexNet's training step, 227 pixels", step),
    "counts": ("What a training step asks of a GPU", counts),
    "neighbours": ("Nearest neighbours", neighbours),
}
HEAD = """# Benchmarks

`make benchmark` writes this page. Speeds are ratios from one run, in interleaved rounds with a fresh
process each: median (lowest to highest). Peers, pinned: `benchmarks/peers.py`. What the other scripts
in this folder measure: [CONTRIBUTING.md](../CONTRIBUTING.md#benchmarks).
"""


def machine() -> str:
    """Return date, processor, memory, versions and commit."""
    import torch

    processor = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", processor).group(1)
    isa = torch.backends.cpu.get_cpu_capability()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    where = f"{os.cpu_count()} × {model} ({isa}), {memory:.0f} GB"
    busy = os.getloadavg()[0]
    return f"{date.today()}, {where}, PyTorch {torch.__version__}, commit {commit}; load {busy:.1f}"


def sections(page: str) -> dict[str, str]:
    """Return the sections of the page by title."""
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))


def written(page: dict[str, str]) -> str:
    """Return the whole page."""
    titles = [title for title, _ in PARTS.values() if title in page]
    return "\n".join([HEAD, *(f"## {title}\n\n{page[title]}\n" for title in titles)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="JPEGs in folders of classes")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write")
    arguments = parser.parse_args()
    page = sections(arguments.page.read_text()) if arguments.page.exists() else {}
    for name in arguments.only:
        title, part = PARTS[name]
        start = time.perf_counter()
        said = [machine(), *part(arguments.photographs, arguments.rounds)]
        said[0] += f"; {(time.perf_counter() - start) / 60:.0f} min."
        page[title] = "\n\n".join(said)
        arguments.page.write_text(written(page))
        print(f"## {title}\n\n{page[title]}\n", flush=True)


if __name__ == "__main__":
    main()
