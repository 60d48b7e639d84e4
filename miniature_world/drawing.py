"""Objects: a look posed, rasterised at twice the size, patterned, shaded, and laid on a picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from imagenet_transfer.seeds import seed_of
from miniature_world import animals, artefacts, plants, vehicles
from miniature_world.looks import Individual, Look, oklch_to_rgb
from miniature_world.shapes import BODY, FAR, Drawing

SUPERSAMPLING = 2
LIVING = (*animals.PLANS, *plants.PLANS)  # their parts grow together: no outlines between them
PLANS = {plan.__name__: plan for plan in (*LIVING, *vehicles.PLANS, *artefacts.PLANS)}
FLYING = ("aircraft", "butterfly")


@dataclass(frozen=True)
class Pose:
    """How one picture shows its object: size in pixels and the way it departs from the plan's own pose."""

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
    """An object ready to be laid on a picture: RGB (H, W, 3) premultiplied float32, alpha (H, W) in [0, 1]."""

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
    """Return a drawing in the RGB colours (13, 3) of its materials, and where in the sprite its origin is (x, y).

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
    """Return the affine map (2, 3) from unit coordinates to fine pixels, and the fine canvas that it fills."""
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
    """Return the material of every fine pixel, plus 128 on outlines; a `seamless` body has none between its parts."""
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
    hue = body[2]
    table = [
        (0, 0, 0),
        body,
        body - (0.09, 0.005, -6),
        second,
        accent,
        (0.30, 0.02, hue),
        (0.95, 0.02, 90),
    ]
    table += [
        (0.83, 0.05, 225),
        (0.74, 0.01, 250),
        (0.25, 0.02, hue),
        (0.76, 0.08, 60),
        (0.62, 0.12, 140),
    ]
    table += [(0.56, 0.08, 60)]
    return oklch_to_rgb(np.array(table, float)).astype(np.float32)


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
        weight = _pattern(look, points.astype(np.float32), rng)[:, None] * look.between(
            "contrast", 0.45, 1.0
        )
        base = image[rows, columns]
        image[rows, columns] = (
            base
            + weight
            * (colours[3] - base)
            * np.where(material[rows, columns] == FAR, 0.85, 1)[:, None]
        )
    image[index > 127] *= 0.66
    return image


def _soft(value: np.ndarray, sharpness: float = 9.0) -> np.ndarray:
    return np.clip(value * sharpness + 0.5, 0, 1)


def _pattern(look: Look, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how much of the second colour (0..1) the points (N, 2) of the body take."""
    u, v = points[:, 0], points[:, 1]
    waves = np.random.default_rng(seed_of("waves", look.wnid)).uniform(
        0, 2 * np.pi, 4
    ) + rng.normal(0, 0.25, 4)
    often = look.between("frequency", 6, 13)
    amount = look.between("amount", -0.25, 0.25)
    warp = 0.9 * np.sin(3.1 * v + waves[0]) + 0.6 * np.sin(2.3 * u + waves[1])
    slant = look.between("slant", -0.6, 0.6)
    match look.pattern:
        case "stripes":
            return _soft(
                np.sin(1.7 * often * (u * np.cos(slant) + v * np.sin(slant)) + warp)
                - 0.25
                + amount,
                3,
            )
        case "bands":
            axis = v if look.plan in ("vessel", "ball", "garment", "building", "device") else u
            return _soft(np.sin(0.95 * often * axis + waves[2]) - 0.2 + amount, 5)
        case "spots":
            return _soft(
                np.sin(1.6 * often * u + waves[0]) * np.sin(1.6 * often * v + waves[1] + u)
                - 0.35
                + 0.7 * amount,
                5,
            )
        case "patches":
            field = (
                np.sin(4.2 * u + waves[0] + 1.3 * v)
                + np.sin(5.1 * v + waves[1] - u)
                + np.sin(2.7 * u - 3.3 * v + waves[2])
            )
            return _soft(field - 0.3 + 2 * amount, 6)
        case "veins":
            radius = np.hypot(u, v)
            turn = np.arctan2(v, np.abs(u))
            return np.maximum(
                _soft(np.sin(11 * turn) - 0.72, 6),
                _soft(radius - 0.78 + 0.1 * np.sin(20 * turn), 12),
            )
        case "checker":
            return _soft(
                np.where(np.abs(v - 0.1) < 0.09, np.sin(18 * u) * np.sin(34 * (v - 0.1)), -1), 9
            )
        case "saddle":
            return _soft(-v - 0.02 + amount + 0.06 * warp, 9) * _soft(0.55 - u, 9)
        case "belly" | "wing":
            return _soft(v - 0.08 + 0.7 * amount + 0.03 * warp, 9)
        case "bib":
            return _soft(u + 0.6 * v - 0.02 + 0.4 * amount, 9) * _soft(v + 0.30, 9)
        case "hood":
            return _soft(-v - 0.22 + 0.3 * u + 0.4 * amount, 9)
        case "points":
            return np.maximum(
                _soft(u - 0.62, 5), np.maximum(_soft(v - 0.42, 5), _soft(-u - 0.72, 5))
            )
        case "strata":
            return _soft(np.sin(often * 1.5 * v + warp), 2) * 0.6
        case _:
            return np.zeros(len(u), np.float32)


def _shaded(image: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the picture lit softly from above left, as a body that bulges where its outline is far."""
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
    """Lay a sprite on a float32 picture (H, W, 3), in place; return the alpha (H, W) that it covers there."""
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
    cv2.ellipse(
        shadow,
        (round(x), round(y)),
        (max(1, round(width / 2)), max(1, round(width / 9))),
        0,
        0,
        360,
        1.0,
        -1,
    )
    reach = max(3, round(width / 6)) | 1
    picture *= (1 - strength * cv2.blur(shadow, (reach, reach)))[..., None]
