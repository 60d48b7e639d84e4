"""Writer of VOC2012's layout with its action lists."""

from collections.abc import Sequence
from pathlib import Path

from miniature_world.actions import action_picture
from miniature_world.acts import ACTIONS, OTHER, Role, cast_roles
from miniature_world.scenes import Box
from miniature_world.world import Files, Pictures, World, encode

SPLITS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}


def action_pictures(world: World) -> Pictures:
    """Return (split, number) of every picture."""
    split_of = ["train"] * world.spec["action"]["train"] + ["val"] * world.spec["action"]["val"]
    return [(split, number) for number, split in enumerate(split_of, 1)]


def action_files(world: World, split: str, number: int) -> Files:
    """Yield one picture and its annotation."""
    size = tuple(world.spec["action"]["size"])
    roles = _roles(world, split, number)
    rng = world.rng("voc2012", split, number)
    picture, boxes = action_picture(
        rng, roles, world.action_things, world.bystanders, world.taxonomy, size
    )
    name = _image_id(number)
    yield f"VOC2012/JPEGImages/{name}.jpg", encode(picture)
    yield f"VOC2012/Annotations/{name}.xml", _annotation(name, size, boxes, roles).encode()


def action_lists(world: World, folder: Path) -> dict[str, str]:
    """Return the lists of VOC2012/ImageSets by path.

    They are Main/<split>, Action/<split> and Action/<action>_<split>.
    """
    pictures = action_pictures(world)
    texts = {}
    people = {picture: _people(world, folder, *picture) for picture in pictures}
    for split, parts in SPLITS.items():
        chosen = [picture for picture in pictures if picture[0] in parts]
        texts[f"Main/{split}"] = "".join(f"{_image_id(number)}\n" for _, number in chosen)
        rows = [row for picture in chosen for row in people[picture]]
        texts[f"Action/{split}"] = texts[f"Main/{split}"]  # PASCAL's own lists only images, too
        for action in (*ACTIONS, OTHER):
            lines = [f"{name} {index} {role.labels[action]:2d}\n" for name, index, role in rows]
            texts[f"Action/{action}_{split}"] = "".join(lines)
    return {f"VOC2012/ImageSets/{name}.txt": text for name, text in texts.items()}


def _image_id(number: int) -> str:
    return f"2012_{number:06d}"


def _roles(world: World, split: str, number: int) -> tuple[Role, ...]:
    return cast_roles(world.rng("voc2012", "roles", split, number))


def _people(world: World, folder: Path, split: str, number: int) -> list[tuple[str, int, Role]]:
    """Return image, object index (from 1) and role of each person in an annotation of ours."""
    text = (folder / f"VOC2012/Annotations/{_image_id(number)}.xml").read_text(encoding="utf-8")
    names = [part.split("<")[0] for part in text.split("<name>")[1:]]
    indices = [index for index, name in enumerate(names, 1) if name == "person"]
    roles = _roles(world, split, number)
    return [(_image_id(number), index, role) for index, role in zip(indices, roles, strict=True)]


def _annotation(
    name: str, size: tuple[int, int], boxes: Sequence[Box], roles: Sequence[Role]
) -> str:
    """Return an annotation as in VOC2012's action files: `xmax` first, no `truncated` of people."""
    rest = iter(roles)
    objects = "".join(_object(box, next(rest) if box.name == "person" else None) for box in boxes)
    return (
        f"<annotation>\n\t<filename>{name}.jpg</filename>\n\t<folder>VOC2012</folder>\n{objects}"
        "\t<segmented>0</segmented>\n"
        f"\t<size>\n\t\t<depth>3</depth>\n\t\t<height>{size[1]}</height>\n"
        f"\t\t<width>{size[0]}</width>\n\t</size>\n"
        "</annotation>\n"
    )


def _object(box: Box, role: Role | None) -> str:
    named = sorted((*ACTIONS, OTHER)) if role else ()
    flags = "".join(
        f"\t\t\t<{action}>{role.labels[action] == 1:d}</{action}>\n" for action in named
    )
    actions = (
        f"\t\t<actions>\n{flags}\t\t</actions>\n"
        if role
        else f"\t\t<truncated>{box.truncated:d}</truncated>\n"
    )
    return (
        f"\t<object>\n\t\t<name>{box.name}</name>\n{actions}"
        f"\t\t<bndbox>\n\t\t\t<xmax>{box.xmax}</xmax>\n\t\t\t<xmin>{box.xmin}</xmin>\n"
        f"\t\t\t<ymax>{box.ymax}</ymax>\n\t\t\t<ymin>{box.ymin}</ymin>\n\t\t</bndbox>\n"
        f"\t\t<difficult>{box.difficult:d}</difficult>\n\t\t<pose>Unspecified</pose>\n\t</object>\n"
    )
