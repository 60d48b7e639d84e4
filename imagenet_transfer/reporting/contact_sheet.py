"""One picture of the miniature world: its classes by coarse group, its detection scenes with boxes, its places."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from defusedxml import ElementTree
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from imagenet_transfer.errors import UserError
from imagenet_transfer.taxonomy import Taxonomy

EXAMPLES = 3  # of each class and of each scene
COLUMNS = 5  # of classes abreast
SCENES = 15
INK, PAPER, RULE = "#2b2d42", "#fbfaf7", "#c9c5ba"
# The coarse groups of the sheet: the first that is an ancestor of the class
GROUPS = {
    "n02084071": "dogs",
    "n02120997": "cats",
    "n02370806": "ungulates",
    "n01503061": "birds",
    "n02512053": "fish",
    "n01661091": "reptiles",
    "n02159955": "insects",
    "n00017222": "plants and fruit",
    "n13086908": "plants and fruit",
    "n04576211": "wheeled vehicles",
    "n04468005": "wheeled vehicles",
    "n02924116": "wheeled vehicles",
    "n03125870": "aircraft and boats",
    "n03405725": "furniture",
    "n03800933": "instruments",
    "n04531098": "vessels",
    "n03990474": "vessels",
    "n00021939": "other artefacts",
    "n00001740": "others",
}
BOX_COLOURS = ("#e63946", "#ffb703", "#06d6a0", "#118ab2", "#9b5de5", "#f15bb5")


def contact_sheet(
    ilsvrc_root: Path | str,
    voc_root: Path | str,
    sun_root: Path | str,
    taxonomy: Taxonomy,
    wnids: Sequence[str],
    path_png: Path | str,
) -> None:
    """Draw the sheet to `path_png` from the rendered files on disk. Raises UserError if one of them cannot be read."""
    groups = _grouped(wnids, taxonomy)
    class_rows = sum(1 + -(-len(members) // COLUMNS) for members in groups.values())
    scenes = _scene_folders(Path(sun_root))
    scene_rows = 1 + -(-len(scenes) // COLUMNS)
    heights = [0.66 * class_rows, 0.7 + 2.2 * -(-SCENES // COLUMNS), 0.66 * scene_rows]
    figure = Figure(figsize=(15, sum(heights) + 1.0), facecolor=PAPER)
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "text.color": INK}):
        panels = _panels(figure, heights)
        blocks = [
            (title, [(name, _examples(Path(ilsvrc_root) / "train" / wnid)) for wnid, name in members])
            for title, members in groups.items()
        ]
        _draw_blocks(panels[0], blocks)
        _draw_detection(panels[1], Path(voc_root) / "VOC2007")
        _draw_blocks(panels[2], [("scenes", [(name, _examples(folder)) for name, folder in scenes])])
        figure.savefig(path_png, dpi=110)


def _grouped(wnids: Sequence[str], taxonomy: Taxonomy) -> dict[str, list[tuple[str, str]]]:
    """Return the classes (wnid, name) of each group that has any; siblings stand side by side."""
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUPS.values()}
    for wnid in sorted(wnids, key=lambda wnid: [taxonomy.names[node] for node in taxonomy.chain(wnid)]):
        above = taxonomy.ancestors(wnid)
        title = next(title for node, title in GROUPS.items() if node in above)
        groups[title].append((wnid, taxonomy.names[wnid].split(".")[0].replace("_", " ")))
    return {title: members for title, members in groups.items() if members}


def _scene_folders(root: Path) -> list[tuple[str, Path]]:
    listing = root / "Partitions" / "ClassName.txt"
    try:
        names = listing.read_text(encoding="utf-8").split()
    except OSError as error:
        raise UserError(f"{listing} cannot be read ({error.strerror}). Render the miniature world again.") from None
    return [(name[3:].replace("_", " "), root / name[1:]) for name in names]


def _examples(folder: Path) -> list[np.ndarray]:
    paths = sorted(path for path in folder.glob("*.*") if path.is_file())[:EXAMPLES]
    if not paths:
        raise UserError(f"{folder} holds no pictures. Render the miniature world again.")
    return [_picture(path, (64, 64)) for path in paths]


def _picture(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    try:
        with Image.open(path) as image:
            image = image.convert("RGB")
            return np.asarray(image.resize(size, Image.Resampling.BICUBIC) if size else image)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}). Render the miniature world again.") from None


def _panels(figure: Figure, heights: Sequence[float]) -> list[Axes]:
    """Return one empty axes, in inches, for each height, from top to bottom."""
    width, total = figure.get_size_inches()
    top, panels = total - 0.75, []
    figure.text(0.5, 1 - 0.38 / total, "The miniature world", ha="center", va="center", fontsize=20, weight="bold")
    for height in heights:
        axes = figure.add_axes((0.4 / width, (top - height) / total, 1 - 0.8 / width, height / total))
        axes.set(xlim=(0, width - 0.8), ylim=(height, 0))
        axes.axis("off")
        panels.append(axes)
        top -= height
    return panels


def _title(axes: Axes, y: float, text: str) -> None:
    width = axes.get_xlim()[1]
    axes.text(0, y, text, fontsize=13, weight="bold", va="center")
    axes.plot([0, width], [y + 0.17, y + 0.17], color=RULE, linewidth=1)


def _draw_blocks(axes: Axes, blocks: Sequence[tuple[str, list[tuple[str, list[np.ndarray]]]]]) -> None:
    """Draw titled blocks of rows; a row holds COLUMNS classes with their name and examples."""
    step, y = axes.get_xlim()[1] / COLUMNS, 0.3
    for title, members in blocks:
        _title(axes, y, title)
        y += 0.32
        for k, (name, pictures) in enumerate(members):
            left, top = (k % COLUMNS) * step, y + 0.66 * (k // COLUMNS)
            axes.text(left + 0.92, top + 0.31, _broken(name), fontsize=8.5, ha="right", va="center", linespacing=1.05)
            for n, picture in enumerate(pictures):
                x = left + 0.99 + 0.6 * n
                axes.imshow(
                    picture, extent=(x, x + 0.58, top + 0.6, top + 0.02), aspect="auto", interpolation="lanczos"
                )
        y += 0.66 * -(-len(members) // COLUMNS) + 0.3


def _broken(name: str) -> str:
    """Break a long name at the space nearest its middle."""
    spaces = [k for k, letter in enumerate(name) if letter in " /"]
    if len(name) <= 12 or not spaces:
        return name
    middle = min(spaces, key=lambda k: abs(k - len(name) / 2))
    return name[: middle + 1].strip() + "\n" + name[middle + 1 :]


def _draw_detection(axes: Axes, root: Path) -> None:
    _title(axes, 0.3, "detection scenes")
    step = axes.get_xlim()[1] / COLUMNS
    for k, path in enumerate(sorted((root / "JPEGImages").glob("*.jpg"))[:SCENES]):
        picture = _picture(path)
        scale = min((step - 0.12) / picture.shape[1], 2.12 / picture.shape[0])
        left, top = (k % COLUMNS) * step, 0.6 + 2.2 * (k // COLUMNS)
        left += (step - 0.12 - scale * picture.shape[1]) / 2
        extent = (left, left + scale * picture.shape[1], top + scale * picture.shape[0], top)
        axes.imshow(picture, extent=extent, aspect="auto", interpolation="lanczos")
        for n, (name, box) in enumerate(_boxes(root / "Annotations" / f"{path.stem}.xml")):
            _draw_box(axes, left + scale * box[0], top + scale * box[1], scale * box[2], scale * box[3], name, n)


def _boxes(path: Path) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return name and (left, top, width, height) in pixels of the objects of an annotation."""
    boxes = []
    for thing in ElementTree.parse(path).iter("object"):
        xmin, ymin, xmax, ymax = (int(thing.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
        boxes.append((thing.findtext("name"), (xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1)))
    return boxes


def _draw_box(axes: Axes, x: float, y: float, width: float, height: float, name: str, number: int) -> None:
    colour = BOX_COLOURS[number % len(BOX_COLOURS)]
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.6))
    label = {"facecolor": colour, "edgecolor": "none", "pad": 1.2}
    axes.text(x + 0.02, y + 0.02, name, fontsize=7, color="white", va="top", weight="bold", bbox=label)
