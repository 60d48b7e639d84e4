"""Fill what a run of the default study gave into README.md, and compose its picture.

Run `python docs/fill_in.py` in the repository after `make all`, or name another results folder.
The text between `<!-- NAME -->` and `<!-- end -->` is replaced.
"""

import re
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs/miniature.png"
BACKGROUND = (250, 249, 245)  # that of the contact sheet
WIDTH = 1260  # of the picture, in pixels
# Pieces of results/miniature.png (left, top, right, bottom): classes, detection scenes, actions.
PIECES = (
    (30, 100, 1282, 290),
    (30, 312, 1282, 435),
    (30, 2362, 1282, 2648),
    (30, 3166, 1282, 3448),
)


def table2(results: Path) -> str:
    """Return Table 2 without its title and without the sizes of the sets, as Markdown."""
    text = (results / "table2.md").read_text(encoding="utf-8")
    return text.partition("\n")[2].partition("\nPre-training sets:")[0].strip()


def findings(results: Path) -> str:
    """Return how many statements have which verdict, as a Markdown table."""
    frame = pd.read_csv(results / "findings.csv")
    lines = ["| | holds | does not | cannot tell |", "| --- | ---: | ---: | ---: |"]
    titles = {
        "verdict": f"of {len(frame)} statements, by their own 95 % intervals",
        "adjusted": "after Holm's correction for their number",
    }
    for column, title in titles.items():
        counts = [(frame[column] == verdict).sum() for verdict in ("holds", "does not")]
        counts.append(len(frame) - sum(counts))
        lines.append(f"| {title} | {counts[0]} | {counts[1]} | {counts[2]} |")
    return "\n".join(lines)


def filled(page: str, name: str, text: str) -> str:
    """Return a page with `text` between the marks of `name`; ValueError if it has none."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marks.search(page):
        raise ValueError(f"the page has no mark <!-- {name} -->")
    return marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)


def picture(results: Path) -> Image.Image:
    """Return what the world looks like next to Figure 1."""
    sheet = Image.open(results / "miniature.png").convert("RGB")
    pieces = [sheet.crop(box) for box in PIECES]
    height = sum(piece.height for piece in pieces)
    world = Image.new("RGB", (pieces[0].width, height), BACKGROUND)
    top = 0
    for piece in pieces:
        world.paste(piece, (0, top))
        top += piece.height
    figure = Image.open(results / "figure1.png").convert("RGB")
    common = round(WIDTH / (world.width / world.height + figure.width / figure.height))
    left = world.resize((round(world.width * common / world.height), common), Image.LANCZOS)
    right = figure.resize((WIDTH - left.width, common), Image.LANCZOS)
    both = Image.new("RGB", (WIDTH, common), BACKGROUND)
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both.quantize(256, dither=Image.Dither.NONE)  # a third of the bytes


def main(results: Path) -> None:
    """Fill in README.md and write the picture."""
    page = README.read_text(encoding="utf-8")
    for name, text in {"table2": table2(results), "findings": findings(results)}.items():
        page = filled(page, name, text)
    README.write_text(page, encoding="utf-8")
    picture(results).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "results"))
