"""What painters share: strokes, streaks along the directions, cells, and the light on thick paint."""

import numpy as np
from painting.studio import shade
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import exposure


def start(ground):
    """A canvas and its pen: colours (W, W, 3) in 0..1 to begin with."""
    canvas = Image.fromarray((np.clip(ground, 0, 1) * 255).astype(np.uint8))
    return canvas, ImageDraw.Draw(canvas)


def ink(pigment):
    return tuple(int(v) for v in np.clip(pigment, 0, 1) * 255)


def trace(scene, places, length, steps):
    """Follow the field from each of the places (N, 2) as (x, y): `(N, steps, 2)`."""
    points, heading = [places], 0
    for _ in range(steps - 1):
        x, y = np.clip(points[-1], 0, scene.wide - 1).astype(int).T
        ahead = np.stack([np.cos(scene.angle[y, x]), np.sin(scene.angle[y, x])], -1)
        if points[1:]:  # a direction is a line: never turn back on it
            ahead *= np.where((ahead * heading).sum(-1, keepdims=True) < 0, -1, 1)
        heading = ahead
        points.append(points[-1] + ahead * np.reshape(length, (-1, 1)) / (steps - 1))
    return np.stack(points, 1)


def strokes(scene, pen, width, reach, cover, bristles, vary, pigment=None, keep=None):
    """Cover the canvas `cover` times with strokes of this width, `reach` times as long, made of `bristles` lines.

    vary: how far colours differ from the image; pigment: (W, W, 3) instead of the image; keep: share kept, (W, W).
    """
    rng, wide = scene.rng, scene.wide
    count = int(np.clip(cover * wide**2 / (width**2 * reach), 30, 9000 / bristles))
    places = rng.uniform(0, wide, (count, 2))
    x, y = places.astype(int).T
    if keep is not None:
        places = places[rng.random(count) < keep[y, x]]
        x, y = places.astype(int).T
    length = width * reach * rng.uniform(0.5, 1.3, len(places))
    paths = trace(scene, places, length, int(np.clip(reach * 2, 3, 14)))
    heading = np.gradient(paths, axis=1)
    side = np.stack([-heading[..., 1], heading[..., 0]], -1) / (np.linalg.norm(heading, axis=-1, keepdims=True) + 1e-6)
    loads = (scene.image if pigment is None else pigment)[y, x]
    loads = loads * (1 + rng.normal(0, vary, (len(x), 1))) + rng.normal(0, vary / 2, (len(x), 3))
    offsets = (np.arange(bristles) + 0.5) / bristles - 0.5
    thick = max(1, round(width / bristles * (1.3 if bristles > 1 else 1)))
    for path, across, load in zip(paths, side, loads, strict=True):
        for offset, light in zip(offsets, rng.normal(0, 0.09 * (bristles > 1), bristles), strict=True):
            line = path + across * (offset * width) + rng.normal(0, 0.04 * width, 2)
            pen.line(line.ravel().tolist(), ink(load + light), thick, joint="curve" if thick > 5 else None)


def smear(field, angle, reach):
    """Average a field (W, W) or (W, W, 3) along the directions, `reach` pixels either way."""
    steps, edge, total = int(np.clip(reach, 1, 10)), len(angle) - 1, field.astype(np.float32)
    ahead = np.stack([np.sin(angle), np.cos(angle)]).astype(np.float32) * reach / steps
    for sign in (-1, 1):
        place, heading = np.mgrid[: len(angle), : len(angle)].astype(np.float32), sign * ahead
        for _ in range(steps):
            place = place + heading
            y, x = np.clip(place, 0, edge).astype(np.int32)
            total = total + field[y, x]
            turned = ahead[:, y, x]
            heading = np.where((turned * heading).sum(0) < 0, -turned, turned)
    return total / (1 + 2 * steps)


def streaks(scene, grain, reach):
    """Noise drawn out along the directions: even over 0..1, (W, W)."""
    gritty = ndimage.gaussian_filter(scene.rng.standard_normal(scene.tone.shape).astype(np.float32), grain)
    return exposure.equalize_hist(smear(gritty, scene.angle, reach)).astype(np.float32)


def relief(image, strength):
    """Paint that stands up where it is light, under a lamp, (W, W, 3)."""
    grey = image @ np.float32([0.3, 0.59, 0.11])
    height = ndimage.gaussian_filter(grey, 1) - ndimage.gaussian_filter(grey, 8)
    return image * shade(height * 30, strength)[0][..., None]


def cells(scene, size, regular):
    """Cells around jittered points: number of the cell, distance to its border in pixels, points (N, 2) as (y, x)."""
    count = int(np.ceil(scene.wide / size)) + 1
    points = np.stack(np.mgrid[:count, :count], -1).reshape(-1, 2).astype(float)
    points[:, 1] += 0.5 * (points[:, 0] % 2) * scene.pick(0, 1)
    points = (points + scene.rng.uniform(-0.5, 0.5, points.shape) * (1 - regular)) * size
    grid = np.stack(np.mgrid[: scene.wide, : scene.wide], -1).reshape(-1, 2)
    (near, far), number = (v.T for v in cKDTree(points).query(grid, 2))
    gap = np.linalg.norm(points[number[0]] - points[number[1]], axis=1)
    border = (far**2 - near**2) / (2 * gap + 1e-6)
    return number[0].reshape(scene.tone.shape), border.reshape(scene.tone.shape), points


def at(field, points):
    """The field's values at points (N, 2) as (y, x)."""
    y, x = np.clip(points, 0, len(field) - 1).astype(int).T
    return field[y, x]
