"""Objects: a look posed, rasterised at twice the size, patterned, shaded, and laid on a picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from miniature_world import animals, artefacts, plants, vehicles
from miniature_world.looks import Individual, Look, oklch_to_rgb
from miniature_world.patterns import pattern_of
from miniature_world.shapes import (
    ACCENT,
    BODY,
    DARK,
    FAR,
    GLASS,
    LEAF,
    LIGHT,
    LINE,
    METAL,
    SECOND,
    SKIN,
    WOOD,
    Drawing,
)

SUPERSAMPLING = 2
LIVING = (*animals.PLANS, *plants.PLANS)  # their parts grow together: no outlines between them
PLANS = {plan.__name__: plan for plan in (*LIVING, *vehicles.PLANS, *artefacts.PLANS)}
FLYING = ("aircraft", "butterfly")


@dataclass(frozen=True)
class Pose:
    """How a picture shows its object: size in pixels and departures from the plan's own pose."""

    size: float
    mirror: bool = False
    angle: float = 0.0
    aspect: float = 1.0
    wobble: float = 1.0  # of the parts


def random_pose(rng: np.random.Generator, size: float) -> Pose:
    """Return a pose in which the object's longer side takes about `size` pixels."""
    angle = float(np.clip(rng.normal(0, 0.10), -0.3, 0.3))
    return Pose(
        size,
        rng.random() < 0.5,
        angle,
        float(np.exp(rng.normal(0, 0.10))),
        float(rng.uniform(0.5, 1.6)),
    )


@dataclass(frozen=True)
class Sprite:
    """An object ready to be laid on a picture.

    `rgb` (H, W, 3) is float32 in 0..255 and premultiplied by `alpha` (H, W) in [0, 1].
    """

    rgb: np.ndarray
    alpha: np.ndarray


def draw_object(look: Look, pose: Pose, rng: np.random.Generator) -> Sprite:
    """Return one individual of the look in the pose, its departures drawn from `rng`."""
    look = Individual(look, rng)
    drawing = Drawing(lambda scale: float(rng.normal()) * scale * pose.wobble)
    plan = PLANS[look.plan]
    plan(look, drawing)
    matrix, (height, width) = _placement(drawing, pose)
    index = _rasterised(drawing, matrix, height, width, seamless=plan in LIVING)
    image = _coloured(look, index, matrix, rng)
    return _shrunk(_shaded(image, index), index > 0)


def draw_figure(drawing: Drawing, colours: np.ndarray, scale: float) -> tuple[Sprite, np.ndarray]:
    """Return a drawing in the RGB colours (13, 3) of its materials, and its origin (x, y) there.

    A unit of the drawing takes `scale` pixels.
    """
    points = np.concatenate([points for _, points in drawing.parts]) * scale
    margin = 2
    origin = margin - np.floor(points.min(0))
    width, height = (np.ceil(points.max(0)) + origin + margin).astype(int).tolist()
    matrix = SUPERSAMPLING * np.column_stack([np.eye(2) * scale, origin])
    index = _rasterised(
        drawing, matrix, SUPERSAMPLING * height, SUPERSAMPLING * width, seamless=True
    )
    image = colours.astype(np.float32)[index & 127]
    image[index > 127] *= 0.66
    return _shrunk(_shaded(image, index), index > 0), origin


def _placement(drawing: Drawing, pose: Pose) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the affine map (2, 3) from unit coordinates to fine pixels, and the size it fills."""
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([pose.aspect, 1 / pose.aspect])
    if pose.mirror:
        linear = np.diag([-1.0, 1.0]) @ linear
    points = np.concatenate([points for _, points in drawing.parts]) @ linear.T
    low, high = points.min(0), points.max(0)
    scale = SUPERSAMPLING * pose.size / (high - low).max()
    margin = 2 * SUPERSAMPLING
    width, height = (
        np.ceil((high - low) * scale / SUPERSAMPLING).astype(int) * SUPERSAMPLING + 2 * margin
    ).tolist()
    return np.column_stack([linear * scale, margin - low * scale]), (height, width)


def _rasterised(
    drawing: Drawing, matrix: np.ndarray, height: int, width: int, seamless: bool
) -> np.ndarray:
    """Return the material of every fine pixel, plus 128 on outlines.

    A `seamless` body has no outlines between its parts.
    """
    index = np.zeros((height, width), np.uint8)
    for material, points in drawing.parts:
        pixels = np.round((points @ matrix[:, :2].T + matrix[:, 2]) * 16).astype(np.int32)
        cv2.fillPoly(index, [pixels], int(material), shift=4)
        outlined = not (seamless and material in (BODY, FAR))
        if material and outlined and np.ptp(pixels, axis=0).min() > 80:
            cv2.polylines(index, [pixels], True, int(material) + 128, 1, shift=4)
    return index


def _material_colours(look: Look, rng: np.random.Generator) -> np.ndarray:
    """Return the RGB colours (13, 3) of the materials, with this picture's jitter."""
    shift = rng.normal(0, (0.03, 0.008, 5.0))
    body, second, accent = (look.colours[name] + shift for name in ("body", "second", "accent"))
    table = np.zeros((13, 3))
    table[BODY] = body
    table[FAR] = body - (0.09, 0.005, -6)
    table[SECOND] = second
    table[ACCENT] = accent
    table[DARK] = (0.30, 0.02, body[2])
    table[LIGHT] = (0.95, 0.02, 90)
    table[GLASS] = (0.83, 0.05, 225)
    table[METAL] = (0.74, 0.01, 250)
    table[LINE] = (0.25, 0.02, body[2])
    table[SKIN] = (0.76, 0.08, 60)
    table[LEAF] = (0.62, 0.12, 140)
    table[WOOD] = (0.56, 0.08, 60)
    return oklch_to_rgb(table).astype(np.float32)


def _coloured(
    look: Look, index: np.ndarray, matrix: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the fine picture (H, W, 3): materials' colours, the body's pattern, dark outlines."""
    colours = _material_colours(look, rng)
    material = index & 127
    image = colours[material]
    on_body = (material == BODY) | (material == FAR)
    if look.pattern != "plain" and on_body.any():
        rows, columns = np.nonzero(on_body)
        inverse = np.linalg.inv(matrix[:, :2])
        points = (np.stack([columns, rows], 1) - matrix[:, 2]) @ inverse.T
        weight = pattern_of(look, points.astype(np.float32), rng)[:, None]
        weight = weight * look.between("contrast", 0.45, 1.0)
        base = image[rows, columns]
        fainter = np.where(material[rows, columns] == FAR, 0.85, 1)[:, None]
        image[rows, columns] = base + weight * (colours[SECOND] - base) * fainter
    image[index > 127] *= 0.66
    return image


def _shaded(image: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the picture lit softly from above left, as a body that bulges in its middle."""
    alpha = np.where(index > 0, np.float32(1), np.float32(0))
    reach = max(3, min(index.shape) // 6) | 1
    height = cv2.blur(cv2.blur(alpha, (reach, reach)), (reach, reach))
    step = max(1, reach // 2)
    light = np.zeros_like(height)
    light[step:, step:] = height[step:, step:] - height[:-step, :-step]
    return image * (1 + 0.42 * np.clip(light, -0.6, 0.45))[..., None]


def _shrunk(image: np.ndarray, inside: np.ndarray) -> Sprite:
    alpha = inside.astype(np.float32)
    height, width = alpha.shape
    size = (width // SUPERSAMPLING, height // SUPERSAMPLING)
    rgb = cv2.resize(
        image.astype(np.float32) * alpha[..., None], size, interpolation=cv2.INTER_AREA
    )
    return Sprite(rgb, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))


def lay(picture: np.ndarray, sprite: Sprite, left: int, top: int, light: float = 1.0) -> np.ndarray:
    """Lay a sprite on a float32 picture (H, W, 3), in place; return its alpha (H, W) there."""
    covered = np.zeros(picture.shape[:2], np.float32)
    height, width = sprite.alpha.shape
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + height, picture.shape[0]), min(left + width, picture.shape[1])
    if y1 <= y0 or x1 <= x0:
        return covered
    alpha = sprite.alpha[y0 - top : y1 - top, x0 - left : x1 - left]
    region = picture[y0:y1, x0:x1]
    region *= 1 - alpha[..., None]
    region += light * sprite.rgb[y0 - top : y1 - top, x0 - left : x1 - left]
    covered[y0:y1, x0:x1] = alpha
    return covered


def lay_shadow(picture: np.ndarray, x: float, y: float, width: float, strength: float) -> None:
    """Darken a soft ellipse on the ground, in place."""
    shadow = np.zeros(picture.shape[:2], np.float32)
    axes = (max(1, round(width / 2)), max(1, round(width / 9)))
    cv2.ellipse(shadow, (round(x), round(y)), axes, 0, 0, 360, 1.0, -1)
    reach = max(3, round(width / 6)) | 1
    picture *= (1 - strength * cv2.blur(shadow, (reach, reach)))[..., None]
