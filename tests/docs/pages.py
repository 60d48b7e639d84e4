"""The pages that a reader sees: fenced blocks, links, and what is wrong with a command."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT
from projects import CODE
from snakemake.cli import get_argument_parser

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
)
TREES = ("config.yaml,", "data/miniature/ ")  # how blocks begin that show files, not commands
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")  # [text](page#heading)
ASSIGNMENT = re.compile(r"[A-Z]+=\S*")  # of a variable, before a command
CHECKED = ("make", "snakemake", "python", "python3", "ruff", "snakefmt")  # programs


@dataclass(frozen=True)
class Block:
    """A fenced block: its language ("" for commands) and its text, without indentation."""

    language: str
    text: str


def add_code(code: Path, section: str, page: str = "docs/extending.md") -> None:
    """Add the code of a page's section to a copy of the project.

    The first line of such a block is a comment: the file's path, or "path, in NAME" where the lines
    belong after the line that starts with NAME.
    """
    text = read(page).partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    for _, _, block in FENCE.findall(text):
        first, _, lines = block.partition("\n")
        path, _, name = first.removeprefix("# ").partition(", in ")
        if not first.startswith("# ") or "/" not in path:
            continue
        if name:
            before = (code / path).read_text()
            found = re.findall(rf"^{re.escape(name)}\b.*$", before, re.M)
            assert len(found) == 1, first
            lines = before.replace(found[0], f"{found[0]}\n{lines.rstrip()}", 1)
        (code / path).write_text(lines)


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(language, re.sub(rf"^{indent}", "", text, flags=re.M))
        for indent, language, text in FENCE.findall(read(page))
    ]


def scripts(page: str) -> list[str]:
    """Return the blocks of commands of a page, without comments."""
    shown = [block.text for block in blocks(page) if not block.language]
    return [
        re.sub(r"\s+#\s.*$", "", text, flags=re.M) for text in shown if not text.startswith(TREES)
    ]


def commands(page: str) -> list[str]:
    """Return the command lines of a page, those joined by && one by one."""
    lines = "\n".join(scripts(page)).split("\n")
    return [part for line in lines if line.strip() for part in line.strip().split(" && ")]


def words_of(command: str) -> list[str]:
    """Return the program's name, without its folder or variables before it, and its words."""
    words = shlex.split(command)
    while ASSIGNMENT.fullmatch(words[0]):
        del words[0]
    return [Path(words[0]).name, *words[1:]]


def problem_of(command: str, folder: Path = ROOT) -> str:
    """Return what is wrong with a command in `folder`, as far as shows without running it."""
    name, *words = words_of(command)
    if name == "make":
        return errors_of(["make", "--dry-run", *words], folder)
    if name == "snakemake":
        return problem_of_snakemake(words, folder)
    if name in ("python", "python3") and words[0] == "-c":
        compile(words[1], "a page", "exec")
        return ""
    if name == "python" and words[0] == "-m" and importlib.util.find_spec(words[1]) is None:
        return f"there is no module {words[1]}"
    return "; ".join(problems_of_files(words, folder)) if name in CHECKED else f"{name} is unknown"


def errors_of(words: list[str], folder: Path) -> str:
    """Return what a command that only prints says on its way to failing, "" if it does not fail."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def problem_of_snakemake(words: list[str], folder: Path) -> str:
    """Return what is wrong with Snakemake's options, or with the files that they name."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            options = get_argument_parser().parse_args(words)
    except SystemExit:
        return errors.getvalue().strip().splitlines()[-1]
    named = [*(options.configfile or []), options.workflow_profile]
    absent = [str(path) for path in named if path and not (folder / path).exists()]
    return f"{', '.join(absent)} does not exist" if absent else ""


def problems_of_files(words: list[str], folder: Path) -> Iterator[str]:
    """Yield the words that are missing paths of the repository, or options a script lacks."""
    made = (ROOT / ".gitignore").read_text(encoding="utf-8").split()  # results/ of a used checkout
    rooms = [
        path.name for path in folder.iterdir() if path.is_dir() and f"/{path.name}/" not in made
    ]
    paths = [word for word in words if word.partition("/")[0] in rooms and word[-3:] != "csv"]
    yield from (f"{path} does not exist" for path in paths if not (folder / path).exists())
    if words and words[0].endswith(".py") and (folder / words[0]).exists():
        text = (folder / words[0]).read_text(encoding="utf-8")
        options = [word for word in words if word.startswith("--")]
        yield from (f"{words[0]} has no {word}" for word in options if f'"{word}"' not in text)


def copy_of_code(folder: Path) -> Path:
    """Return a copy of what the workflow needs, in which commands of the pages can run."""
    for name in (*CODE, "configs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        folder.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    return folder


def snakemake(folder: Path, *words: str) -> str:
    """Return what Snakemake prints in a copy of the code; fails if it does."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    return said


def jobs_of(said: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run lists."""
    table = said.partition("Job stats:\n")[2].partition("\ntotal")[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", read(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: str, text: str) -> list[str]:
    """Return the links of a page's text to files or headings that do not exist."""
    links = [link for link in LINK.findall(FENCE.sub("", text)) if not link[0].startswith("http")]
    return [f"{target}#{anchor}" for target, anchor in links if not leads(page, target, anchor)]


def leads(page: str, target: str, anchor: str) -> bool:
    """Tell whether a link leads somewhere."""
    path = ((ROOT / page).parent / target if target else ROOT / page).resolve()
    return path.exists() and (not anchor or anchor in anchors(str(path.relative_to(ROOT))))
