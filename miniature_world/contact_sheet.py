"""One picture of the miniature world: classes by coarse group, scenes with boxes, places."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import matplotlib
import numpy as np
from defusedxml import ElementTree
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write
from imagenet_transfer.labels.taxonomy import Taxonomy

EXAMPLES = 3  # of each class and of each place
COLUMNS = 5  # classes per row
SCENES = 15  # with boxes, per part
INK = "#2b2d42"
PAPER = "#fbfaf7"
RULE = "#c9c5ba"
# The coarse groups of the sheet: a class belongs to the first that is an ancestor of it
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


Block = tuple[str, list[tuple[str, list[np.ndarray]]]]


def contact_sheet(
    roots: Mapping[str, Path], taxonomy: Taxonomy, wnids: Sequence[str], path_png: Path | str
) -> None:
    """Draw the sheet to `path_png` from the rendered files on disk.

    `roots` holds the folder of each rendered part (as `render_part` names it); parts that a study
    lacks are left out. Raises UserError if a file cannot be read.
    """
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "text.color": INK}):
        parts = [part for part in DRAWN if part in roots]
        sections = [DRAWN[part](Path(roots[part]), taxonomy, wnids) for part in parts]
        height = sum(section.height for section in sections) + 1.0
        figure = Figure(figsize=(15, height), facecolor=PAPER)
        for axes, section in zip(_panels(figure, sections), sections, strict=True):
            section.draw(axes)
        with atomic_write(path_png) as temporary:
            figure.savefig(temporary, format="png", dpi=110)


@dataclass(frozen=True)
class Section:
    """One part's share of the sheet: its height in inches, and what draws it."""

    height: float
    draw: Callable[[Axes], None]


def _classes_section(root: Path, taxonomy: Taxonomy, wnids: Sequence[str]) -> Section:
    groups = _grouped(wnids, taxonomy).items()
    return _blocks_section(
        [
            (title, [(name, _examples(root / "train" / wnid)) for wnid, name in members])
            for title, members in groups
        ]
    )


def _detection_section(root: Path, taxonomy: Taxonomy, wnids: Sequence[str]) -> Section:
    return _pictures_section("detection scenes", root / "VOC2007", _boxes)


def _action_section(root: Path, taxonomy: Taxonomy, wnids: Sequence[str]) -> Section:
    return _pictures_section("actions", root / "VOC2012", _actors)


def _sun_section(root: Path, taxonomy: Taxonomy, wnids: Sequence[str]) -> Section:
    names = [line[1:] for line in _lines(root / "Partitions" / "ClassName.txt")]
    return _blocks_section([("scenes", [(_shown(name), _examples(root / name)) for name in names])])


def _places_section(root: Path, taxonomy: Taxonomy, wnids: Sequence[str]) -> Section:
    names = [line.split()[0][1:] for line in _lines(root / "categories_places365.txt")]
    folder = root / "data_256_standard"
    return _blocks_section(
        [("places", [(_shown(name), _examples(folder / name)) for name in names])]
    )


DRAWN = {
    "ilsvrc": _classes_section,
    "voc2007": _detection_section,
    "voc2012": _action_section,
    "sun397": _sun_section,
    "places365": _places_section,
}


def _blocks_section(blocks: Sequence[Block]) -> Section:
    rows = sum(-(-len(members) // COLUMNS) for _, members in blocks)
    return Section(0.66 * rows + 0.62 * len(blocks) + 0.05, lambda axes: _draw_blocks(axes, blocks))


def _pictures_section(
    title: str, root: Path, boxes_of: Callable[[Path], list["NamedBox"]]
) -> Section:
    """Return the section of a VOC folder's first SCENES pictures with their annotated boxes."""
    paths = sorted((root / "JPEGImages").glob("*.jpg"))[:SCENES]
    pictures = [
        (_picture(path), boxes_of(root / "Annotations" / f"{path.stem}.xml")) for path in paths
    ]
    height = 0.7 + 2.2 * -(-len(pictures) // COLUMNS)
    return Section(height, lambda axes: _draw_pictures(axes, title, pictures))


def _grouped(wnids: Sequence[str], taxonomy: Taxonomy) -> dict[str, list[tuple[str, str]]]:
    """Return the classes (wnid, name) of each group that has any, siblings next to each other."""
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUPS.values()}

    def lineage(wnid: str) -> list[str]:
        return [taxonomy.names[node] for node in taxonomy.chain(wnid)]

    for wnid in sorted(wnids, key=lineage):
        above = taxonomy.ancestors(wnid)
        title = next(title for node, title in GROUPS.items() if node in above)
        groups[title].append((wnid, taxonomy.names[wnid].split(".")[0].replace("_", " ")))
    return {title: members for title, members in groups.items() if members}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}). Render the miniature world again."
        ) from None


def _shown(name: str) -> str:
    """Return a class name like 'a/amusement_park' as it is shown."""
    return name.partition("/")[2].replace("_", " ")


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
        raise UserError(
            f"{path} cannot be read ({error}). Render the miniature world again."
        ) from None


def _panels(figure: Figure, sections: Sequence[Section]) -> list[Axes]:
    """Return one empty axes, in inches, for each section, from top to bottom."""
    width, total = figure.get_size_inches()
    top = total - 0.75
    panels = []
    heading = {"ha": "center", "va": "center", "fontsize": 20, "weight": "bold"}
    figure.text(0.5, 1 - 0.38 / total, "The miniature world", **heading)
    for height in (section.height for section in sections):
        place = (0.4 / width, (top - height) / total, 1 - 0.8 / width, height / total)
        axes = figure.add_axes(place)
        axes.set(xlim=(0, width - 0.8), ylim=(height, 0))
        axes.axis("off")
        panels.append(axes)
        top -= height
    return panels


def _title(axes: Axes, y: float, text: str) -> None:
    width = axes.get_xlim()[1]
    axes.text(0, y, text, fontsize=13, weight="bold", va="center")
    axes.plot([0, width], [y + 0.17, y + 0.17], color=RULE, linewidth=1)


LABEL = {"fontsize": 8.5, "ha": "right", "va": "center", "linespacing": 1.05}


def _draw_blocks(axes: Axes, blocks: Sequence[Block]) -> None:
    """Draw titled blocks of rows; a row holds COLUMNS classes with their name and examples."""
    step = axes.get_xlim()[1] / COLUMNS
    y = 0.3
    for title, members in blocks:
        _title(axes, y, title)
        y += 0.32
        for k, (name, pictures) in enumerate(members):
            left, top = (k % COLUMNS) * step, y + 0.66 * (k // COLUMNS)
            axes.text(left + 0.92, top + 0.31, _broken(name), **LABEL)
            for n, picture in enumerate(pictures):
                x = left + 0.99 + 0.6 * n
                extent = (x, x + 0.58, top + 0.6, top + 0.02)
                axes.imshow(picture, extent=extent, aspect="auto", interpolation="lanczos")
        y += 0.66 * -(-len(members) // COLUMNS) + 0.3


def _broken(name: str) -> str:
    """Break a long name at the space nearest its middle."""
    spaces = [k for k, letter in enumerate(name) if letter in " /"]
    if len(name) <= 12 or not spaces:
        return name
    middle = min(spaces, key=lambda k: abs(k - len(name) / 2))
    return name[: middle + 1].strip() + "\n" + name[middle + 1 :]


def _draw_pictures(
    axes: Axes, title: str, pictures: Sequence[tuple[np.ndarray, list["NamedBox"]]]
) -> None:
    _title(axes, 0.3, title)
    step = axes.get_xlim()[1] / COLUMNS
    for k, (picture, boxes) in enumerate(pictures):
        scale = min((step - 0.12) / picture.shape[1], 2.12 / picture.shape[0])
        left, top = (k % COLUMNS) * step, 0.6 + 2.2 * (k // COLUMNS)
        left += (step - 0.12 - scale * picture.shape[1]) / 2
        extent = (left, left + scale * picture.shape[1], top + scale * picture.shape[0], top)
        axes.imshow(picture, extent=extent, aspect="auto", interpolation="lanczos")
        for n, (name, box) in enumerate(boxes):
            x, y, width, height = (scale * side for side in box)
            _draw_box(axes, left + x, top + y, width, height, name, n, room=y)


NamedBox = tuple[str, tuple[int, int, int, int]]  # left, top, width, height in pixels


def _boxes(path: Path) -> list[NamedBox]:
    """Return the objects of an annotation by their class."""
    return [
        (thing.findtext("name"), _box(thing)) for thing in ElementTree.parse(path).iter("object")
    ]


def _actors(path: Path) -> list[NamedBox]:
    """Return the people of an annotation by what they do."""
    things = ElementTree.parse(path).iter("object")
    people = [thing for thing in things if thing.find("actions") is not None]
    return [
        (" + ".join(flag.tag for flag in who.find("actions") if flag.text == "1"), _box(who))
        for who in people
    ]


def _box(thing: Element) -> tuple[int, int, int, int]:
    xmin, ymin, xmax, ymax = (
        int(thing.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1


def _draw_box(
    axes: Axes, x: float, y: float, width: float, height: float, name: str, number: int, room: float
) -> None:
    """Draw a named box, with the name above it where there is `room`, else inside."""
    colour = BOX_COLOURS[number % len(BOX_COLOURS)]
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.6))
    label = {"facecolor": colour, "edgecolor": "none", "pad": 1.2}
    side = "bottom" if room > 0.16 else "top"
    axes.text(
        x + 0.02, y + 0.02, name, fontsize=7, color="white", va=side, weight="bold", bbox=label
    )
