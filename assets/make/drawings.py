"""Drawings in hundreds of styles, to train the network that paints any style: `draw(seed)` is one of them.

Each drawing is a scene (a crop of a training image or an invented one, recoloured to a random palette, with a field of
directions and a size of marks) handed to one of the painters in `PAINTERS`. All is drawn by this code, under CC0.

    python assets/make/drawings.py sheet.png --count 80
"""

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from painting.studio import colours, mix, noise, ramp, shade, shrink, smoothstep
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import exposure, segmentation

PIGMENTS = colours(
    "0d0c10 1c1a2e 2b1b14 3a2a1c 4b1d1a 14304f 1b3f9c 16502f 5b3a86 7a3b1e 8a1c24 8c5a2a c9372c e2582e e08a2e d9a02f f2c24a "
    "3f8f6a 1f9fae 4d92c9 8fc1d2 9db38a b9a27e c98f8a e6b7a9 ecdfc0 f4eedc cfd6d8 88898c d6478f a4c639 fbe795"
)


@dataclass
class Scene:
    """What a painter gets; all arrays are (W, W) or (W, W, 3) in 0..1, W being twice the side of the drawing."""

    rng: np.random.Generator
    palette: np.ndarray  # (K, 3), from dark to light
    image: np.ndarray
    tone: np.ndarray  # lightness, spread evenly over 0..1
    angle: np.ndarray  # direction of the marks, radians
    unit: float  # pixels of the canvas for each pixel of a drawing of 256

    @property
    def wide(self):
        return len(self.tone)

    def mark(self, low, high):
        """A random size of marks, given for a drawing of 256 px, in pixels of the canvas."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high)))) * self.unit

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def warp(self, feature, amount):
        """Two smooth fields of shifts in pixels, (2, W, W)."""
        return np.stack([amount * noise(self.rng, self.tone.shape, feature, 3) for _ in range(2)])


# ---- the scene ----------------------------------------------------------------------------------------------------


def draw_palette(rng):
    """3 to 8 colours from dark to light: pigments of painters, or hues in harmony, or nearly one hue."""
    count = int(rng.integers(3, 9))
    if rng.random() < 0.5:
        chosen = PIGMENTS[rng.choice(len(PIGMENTS), count, replace=False)]
    else:
        light = np.linspace(*np.sort(rng.uniform(0.02, 1.0, 2) + (-0.1, 0.1)), count) + rng.normal(0, 0.05, count)
        spread = rng.choice([0.15, 0.5, 1.2, 6.3], p=[0.2, 0.3, 0.25, 0.25])
        hue = rng.uniform(0, 2 * np.pi) + rng.uniform(-spread, spread, count) + np.pi * (rng.random(count) < 0.25)
        chroma = rng.choice([0.03, 0.15, 0.3, 0.5]) * rng.uniform(0.5, 1.2, count)
        wheel = np.cos(hue[:, None] - np.array([0, 2, 4]) * np.pi / 3)
        chosen = np.clip(light[:, None] + chroma[:, None] * wheel, 0, 1)
    chosen = chosen + rng.normal(0, 0.02, chosen.shape)
    grey = chosen @ (0.3, 0.59, 0.11)
    if np.ptp(grey) < 0.3:  # light against dark, or nothing can be seen
        chosen[grey.argmin()] *= 0.4
        chosen[grey.argmax()] = 1 - 0.4 * (1 - chosen[grey.argmax()])
    chosen = np.clip(chosen, 0, 1)
    return chosen[np.argsort(chosen @ (0.3, 0.59, 0.11))].astype(np.float32)


@cache
def photographs():
    from encoder_data import training_images  # imports torch, which the invented scenes do not need

    return training_images((640,))


def found_scene(rng, wide):
    """A random crop of a training image, (W, W, 3)."""
    photos = photographs()
    photo = photos[rng.integers(len(photos))]
    side = min(photo.size) * rng.uniform(0.4, 1)
    left, top = (rng.uniform(0, long - side) for long in photo.size)
    crop = photo.resize((wide, wide), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    image = np.asarray(crop, np.float32) / 255
    return image[:, ::-1] if rng.random() < 0.5 else image


def invented_scene(rng, wide):
    """Clouds, bands, a landscape or discs, each channel in its own way, (W, W, 3)."""
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / wide
    clouds = [noise(rng, (wide, wide), wide * rng.uniform(0.15, 0.6), rng.choice([2.2, 3])) for _ in range(3)]
    shape = rng.integers(4)
    if shape == 1:
        clouds[0] = np.sin(rng.uniform(5, 30) * (np.sin(y * 3) + np.cos(x * rng.uniform(1, 4))) + clouds[1])
    elif shape == 2:
        for _ in range(rng.integers(3, 7)):
            crest = rng.uniform(0.3, 0.95) + 0.08 * np.sin(x * rng.uniform(3, 12) + rng.uniform(0, 6)) + 0.03 * clouds[1]
            clouds = [np.where(y > crest, 0.4 * cloud + rng.normal(0, 1.5), cloud) for cloud in clouds]
    elif shape == 3:
        for _ in range(rng.integers(4, 20)):
            inside = np.hypot(x - rng.random(), y - rng.random()) < rng.uniform(0.04, 0.3)
            clouds = [np.where(inside, cloud * 0.5 + rng.normal(0, 1.5), cloud) for cloud in clouds]
    return np.stack([0.5 + 0.2 * cloud for cloud in clouds], -1).clip(0, 1).astype(np.float32)


def recolour(rng, image, tone, palette):
    """The palette laid out by lightness, and by hue in two or three rows; at times a rest of the image's own colours."""
    opponent = ndimage.gaussian_filter(image @ rng.permutation([1.0, -0.5, -0.5]), len(tone) / 100)
    hue = np.clip(0.5 + 0.4 * (opponent - opponent.mean()) / (opponent.std() + 1e-3), 0, 1)
    if len(palette) >= 4 and rng.random() < 0.7:
        image_in = mix(ramp(palette[::2], tone), ramp(palette[1::2], tone), smoothstep(0.3, 0.7, hue))
    else:
        image_in = ramp(palette, tone)
    return mix(image_in, image, rng.choice([0, 0, 0.25, 0.4]))


def along_edges(tone, sigma):
    """The direction of the edges, from the structure tensor, radians (W, W)."""
    down, across = (ndimage.gaussian_filter1d(tone, 2, axis=axis, order=1) for axis in (0, 1))
    yy, xx, xy = (ndimage.gaussian_filter(v, sigma) for v in (down * down, across * across, down * across))
    return 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2


def flow(rng, tone):
    """A field of directions: along the image's edges, smooth wind, vortices, rings, waves or one direction."""
    wide = len(tone)
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / wide
    kind = rng.choice(6, p=[0.4, 0.15, 0.2, 0.08, 0.08, 0.09])
    if kind == 0:
        return along_edges(tone, wide * rng.uniform(0.008, 0.04))
    if kind == 1:
        return rng.uniform(0, np.pi) + rng.uniform(0.3, 1.5) * noise(rng, tone.shape, wide * rng.uniform(0.2, 0.6), 3)
    if kind == 2:
        stream = rng.uniform(0.2, 1) * y + 0.04 * np.sin(rng.uniform(4, 12) * x + 5 * y)
        for _ in range(rng.integers(2, 10)):
            near = (x - rng.random()) ** 2 + (y - rng.random()) ** 2
            stream = stream - rng.normal(0, 0.06) * np.log(near + 0.0008) * np.exp(-near / rng.uniform(0.02, 0.1))
        down, across = np.gradient(stream)
        return np.arctan2(-across, down)
    if kind == 3:
        return np.arctan2(y - rng.random(), x - rng.random()) + rng.choice([0, np.pi / 2, 1.0])
    if kind == 4:
        return np.sin(x * rng.uniform(5, 25) + y * rng.uniform(-9, 9)) * rng.uniform(0.3, 1) + rng.uniform(0, np.pi)
    return rng.uniform(0, np.pi) + 0.1 * noise(rng, tone.shape, wide / 4, 3)


def compose(rng, side):
    """A scene for a drawing of this side."""
    image = found_scene(rng, 2 * side) if rng.random() < 0.7 else invented_scene(rng, 2 * side)
    lightness = ndimage.gaussian_filter(image @ np.float32([0.3, 0.59, 0.11]), side / 200)
    tone = mix(lightness[..., None], exposure.equalize_hist(lightness)[..., None], 0.7)[..., 0].astype(np.float32)
    tone = np.clip(tone ** np.exp(rng.normal(0, 0.35)), 0, 1)
    palette = draw_palette(rng)
    return Scene(rng, palette, recolour(rng, image, tone, palette), tone, flow(rng, tone), 2 * side / 256)


# ---- tools of the painters ----------------------------------------------------------------------------------------


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
    step = max(1.0, reach / 10)
    across, down = np.cos(angle) * step, np.sin(angle) * step
    total, edge = field.astype(np.float32), len(angle) - 1
    rows, columns = np.mgrid[: len(angle), : len(angle)].astype(np.float32)
    for sign in (-1, 1):
        y, x, turn = rows, columns, np.float32(sign)
        for _ in range(int(reach / step)):
            j, i = np.clip(y, 0, edge).astype(np.int32), np.clip(x, 0, edge).astype(np.int32)
            dx, dy = across[j, i], down[j, i]
            if np.ndim(turn):
                turn = np.where(turn_x * dx + turn_y * dy < 0, -turn_s, turn_s)
            else:
                turn = np.full(angle.shape, turn)
            turn_s = turn
            turn_x, turn_y = dx * turn, dy * turn
            y, x = y + turn_y, x + turn_x
            total = total + field[np.clip(y, 0, edge).astype(np.int32), np.clip(x, 0, edge).astype(np.int32)]
    return total / (1 + 2 * int(reach / step))


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


# ---- the painters: each takes a scene and returns (W, W, 3) ---------------------------------------------------------


def oil(scene):
    """Layers of brushes, each narrower than the one before."""
    width, rng = scene.mark(5, 44), scene.rng
    canvas, pen = start(ndimage.gaussian_filter(scene.image, (9, 9, 0)) * 0.85)
    reach, vary = rng.uniform(2, 9), rng.choice([0.04, 0.1, 0.2])
    for layer in range(3):
        size = max(width * 0.55**layer, 3)
        strokes(scene, pen, size, reach, (1.6, 1.6, 0.8)[layer], int(np.clip(size / 3, 1, 7)), vary)
    return relief(np.asarray(canvas, np.float32) / 255, rng.uniform(0.1, 0.9))


def knife(scene):
    """Few broad strokes of a palette knife, in the palette's own colours."""
    scene.image = scene.palette[np.digitize(scene.tone, np.linspace(0, 1, len(scene.palette) + 1)[1:-1])]
    canvas, pen = start(np.broadcast_to(scene.pick(*scene.palette), scene.image.shape))
    for size in (scene.mark(30, 60), scene.mark(10, 30)):
        strokes(scene, pen, size, scene.rng.uniform(1.2, 3), 1.7, 10, 0.08)
    return relief(np.asarray(canvas, np.float32) / 255, 1.2)


def swirls(scene):
    """Bands of colour along a stream of vortices, in strokes like those of an expressionist sky."""
    bands = 0.5 + 0.5 * np.sin(scene.rng.uniform(8, 40) * smear(scene.tone, scene.angle, 12 * scene.unit))
    scene.image = mix(ramp(scene.palette, bands), scene.image, 0.4)
    return oil(scene)


def hatch(scene):
    """Pen lines in up to four directions: one more where it is darker."""
    paper, pens = scene.palette[-1] * 0.3 + 0.7, scene.palette[:-1]
    picture, spacing = np.ones((*scene.tone.shape, 3), np.float32) * paper, scene.mark(2.5, 9)
    y, x = np.mgrid[: scene.wide, : scene.wide] + scene.warp(scene.wide / 5, spacing * scene.rng.uniform(0.2, 1.2))
    turn, count, first = scene.rng.uniform(0.5, 1.6), scene.rng.integers(2, 5), scene.rng.uniform(0, np.pi)
    for layer in range(count):
        direction = first + turn * layer
        ridge = np.abs(((x * np.cos(direction) + y * np.sin(direction)) / spacing + 0.5) % 1 - 0.5) * 2
        dark = 1 - scene.tone - layer / count * 0.8 + 0.05 * noise(scene.rng, scene.tone.shape, spacing * 3)
        line = smoothstep(0, 2 / spacing, np.clip(dark, 0, 0.5) - ridge * 0.9)
        picture = mix(picture, pens[layer % len(pens)], line * 0.85)
    return picture


def engraving(scene):
    """Lines cut along the directions, broad in the dark: woodcut, engraving, linocut in one to three inks."""
    grooves = streaks(scene, scene.mark(0.5, 2.2), scene.mark(8, 30))
    light = smoothstep(-0.06, 0.06, scene.tone * 1.1 - 0.05 - grooves)
    dark, paper = scene.palette[0] * 0.7, scene.palette[-1]
    second = ramp(scene.palette[1:], scene.tone) if scene.rng.random() < 0.5 else paper
    return mix(np.broadcast_to(dark, scene.image.shape), second, light)


def scratch(scene):
    """Lines scratched through a dark layer, bright colours below."""
    canvas, pen = start(np.broadcast_to(scene.palette[0] * 0.3, scene.image.shape))
    below = mix(scene.image, ramp(scene.palette[1:], noise(scene.rng, scene.tone.shape, scene.wide / 2, 3) * 0.3 + 0.5), 0.6)
    light, width = np.clip(scene.tone * 1.3 - 0.25, 0.01, 1), max(2, scene.mark(1, 2.5))
    strokes(scene, pen, width, scene.mark(6, 20) / width, scene.rng.uniform(1, 3), 1, 0.1, below * 0.7 + 0.3, light)
    return np.asarray(canvas, np.float32) / 255


def pencil(scene):
    """Many thin strokes on paper, darker where the image is: pencil, coloured pencil, chalk on dark paper."""
    rng, dark_paper = scene.rng, scene.rng.random() < 0.3
    paper = scene.palette[0] * 0.5 if dark_paper else 1 - 0.3 * (1 - scene.palette[-1])
    pigment = scene.image if rng.random() < 0.6 else np.broadcast_to(scene.palette[-1 if dark_paper else 0], scene.image.shape)
    canvas, pen = start(np.broadcast_to(paper, scene.image.shape))
    keep = np.clip((scene.tone if dark_paper else 1 - scene.tone) ** 1.5 + 0.03, 0, 1)
    width = max(1.6, scene.mark(0.7, 2))
    strokes(scene, pen, width, scene.mark(8, 40) / width, rng.uniform(2, 5), 1, 0.1, pigment, keep)
    tooth = smoothstep(-0.9, 0.7, noise(rng, scene.tone.shape, 3 * scene.unit, 1.5))
    return mix(np.broadcast_to(paper, scene.image.shape), np.asarray(canvas, np.float32) / 255, 0.3 + 0.7 * tooth)


def charcoal(scene):
    """Smudged grey with dark accents on rough paper, at times with one colour of chalk."""
    tooth = noise(scene.rng, scene.tone.shape, 4 * scene.unit, 1.3)
    dark = 1 - smear(scene.tone, scene.angle, scene.mark(3, 15))
    accents = smoothstep(0.55, 0.9, dark + 0.15 * tooth) + 0.4 * smoothstep(0.6, 0.2, streaks(scene, 1.5, 20)) * dark
    amount = np.clip(0.75 * dark * (0.8 + 0.25 * tooth) + 0.6 * accents, 0, 1)
    grey = mix(scene.palette[0][None, None], np.float32([[[0.1, 0.1, 0.11]]]), np.float32([[0.85]]))
    paper = 0.25 * scene.palette[-1] + 0.7 * np.float32([0.98, 0.96, 0.92])
    return mix(np.broadcast_to(paper, scene.image.shape), grey, amount)


def pastel(scene):
    """Soft chalk: broad strokes that catch the tooth of the paper, two layers over a tinted ground."""
    ground = np.broadcast_to(scene.pick(*scene.palette), scene.image.shape)
    picture = np.array(ground)
    for width in (scene.mark(10, 26), scene.mark(4, 10)):
        canvas, pen = start(picture)
        strokes(scene, pen, width, scene.rng.uniform(2, 6), 1.5, 4, 0.12)
        tooth = smoothstep(-0.8, 0.5, noise(scene.rng, scene.tone.shape, 4 * scene.unit, 1.2))
        picture = mix(picture, np.asarray(canvas, np.float32) / 255, 0.25 + 0.7 * tooth)
    return picture


def points(scene):
    """Dots of pure colour whose mixture is the image's, large ones first."""
    rng, size = scene.rng, scene.mark(3, 14)
    canvas, pen = start(np.broadcast_to(scene.pick(*scene.palette), scene.image.shape))
    for radius in (size * 0.6, size * 0.45):
        places = rng.uniform(0, scene.wide, (int(np.clip(1.6 * scene.wide**2 / (4 * radius**2), 50, 9000)), 2))
        loads = at(scene.image, places) + rng.normal(0, rng.choice([0.06, 0.15, 0.25]), (len(places), 3))
        for (y, x), load, r in zip(places, loads, radius * rng.uniform(0.6, 1.2, len(places)), strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=ink(load))
    return relief(np.asarray(canvas, np.float32) / 255, rng.choice([0, 0.5]))


def halftone(scene):
    """Dots or lines of a printing screen, one for each of two or three inks."""
    picture = np.ones((*scene.tone.shape, 3), np.float32) * (0.5 + 0.5 * scene.palette[-1])
    spacing, (y, x) = scene.mark(4, 16), np.mgrid[: scene.wide, : scene.wide]
    for number, pigment in enumerate(scene.palette[: scene.rng.integers(1, 4)]):
        turn = 0.3 + 0.55 * number
        u, v = (x * np.cos(turn) + y * np.sin(turn)) / spacing, (y * np.cos(turn) - x * np.sin(turn)) / spacing
        wave = 0.5 + 0.25 * (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v))
        dark = 1 - 0.6 * scene.tone - 0.4 * scene.image[..., number]
        picture = mix(picture, pigment, smoothstep(-0.08, 0.08, dark - 1 + wave))
    return picture


def areas(scene):
    """Flat areas with dark outlines: cloisonné, poster, coloured woodcut."""
    smooth = ndimage.gaussian_filter(scene.image, (2 * scene.unit, 2 * scene.unit, 0))
    small = smooth[::2, ::2]
    count = int(np.clip((256 / (scene.mark(10, 50) / scene.unit)) ** 2, 12, 500))
    labels = segmentation.slic(small, count, compactness=scene.pick(0.05, 0.3, 2), sigma=1, start_label=1, channel_axis=-1)
    labels = ndimage.zoom(labels, 2, order=0)[: scene.wide, : scene.wide]
    means = np.stack([ndimage.mean(smooth[..., c], labels, np.arange(labels.max() + 1)) for c in range(3)], -1)
    means = np.nan_to_num(means) + scene.rng.normal(0, 0.05, means.shape)
    if scene.rng.random() < 0.5:  # only the palette's own colours
        means = scene.palette[np.argmin(((means[:, None] - scene.palette) ** 2).sum(-1), 1)]
    picture = means[labels].astype(np.float32)
    edges = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        edges |= np.abs(picture - np.roll(picture, 1, axis)).sum(-1) > 0.02
    line = scene.mark(0.5, 3)
    far = ndimage.distance_transform_edt(~edges) + 0.4 * noise(scene.rng, labels.shape, 20) * min(1, line / 3)
    return mix(picture, scene.pick(scene.palette[0] * 0.4, scene.palette[-1]), smoothstep(line + 1, line - 1, far))


def facets(scene):
    """Cubist planes: straight cuts across the image, each piece shifted and shaded from one side."""
    rng, (y, x) = scene.rng, np.mgrid[: scene.wide, : scene.wide] / scene.wide
    code, light = np.zeros(scene.tone.shape, np.int64), np.zeros(scene.tone.shape)
    for number in range(rng.integers(6, 16)):
        turn = rng.uniform(0, np.pi)
        far = (x - rng.random()) * np.cos(turn) + (y - rng.random()) * np.sin(turn)
        near = rng.random() < 0.6  # most cuts end somewhere
        local = ((x - rng.random()) ** 2 + (y - rng.random()) ** 2 < rng.uniform(0.05, 0.3)) | ~near
        code += ((far > 0) & local).astype(np.int64) << number
        light += np.sign(far) * np.exp(-np.abs(far) * rng.uniform(6, 20)) * rng.uniform(0, 0.12) * local
    _, piece = np.unique(code, return_inverse=True)
    piece = piece.reshape(code.shape)
    shift = (rng.normal(0, 0.06, (2, piece.max() + 1)) * scene.wide)[:, piece]
    grid = np.clip(np.mgrid[: scene.wide, : scene.wide] + shift, 0, scene.wide - 1).astype(int)
    own = ramp(scene.palette, rng.random(piece.max() + 1))[piece]
    flat = mix(ndimage.gaussian_filter(scene.image, (4, 4, 0))[grid[0], grid[1]], own, rng.uniform(0.2, 0.6))
    picture = flat * (1 + light[..., None] * 2.5)
    return np.clip(picture * (0.93 + 0.14 * streaks(scene, 1, 14)[..., None]), 0, 1)


def mosaic(scene):
    """Small stones or panes of glass in mortar or lead."""
    size = scene.mark(6, 40)
    number, border, middles = cells(scene, size, scene.rng.choice([0, 0.5, 0.9]))
    loads = at(scene.image, middles) * (1 + scene.rng.normal(0, 0.12, (len(middles), 1)))
    gap = size * scene.rng.uniform(0.03, 0.12)
    stones = loads[number] * (1 + 0.06 * noise(scene.rng, scene.tone.shape, size)[..., None])
    stones = stones * shade(np.minimum(border, gap * 3), scene.rng.uniform(0, 0.6))[0][..., None]
    return mix(stones, scene.pick(scene.palette[0] * 0.4, scene.palette[-1], np.float32([0.5, 0.48, 0.45])), smoothstep(gap + 1, gap - 1, border))


def marbled(scene):
    """Colours floating on water, drawn out by stirring and combing."""
    rng, wide = scene.rng, scene.wide
    y, x = np.mgrid[:wide, :wide].astype(np.float32)
    for scale in (0.5, 0.25, 0.12):
        shift = scene.warp(wide * scale, wide * scale * rng.uniform(0.1, 0.5))
        y, x = y + shift[0], x + shift[1]
    if rng.random() < 0.4:
        comb = scene.mark(12, 60)
        y = y + comb * 1.5 * np.abs((x / comb) % 2 - 1)
    drops = noise(rng, (wide, wide), scene.mark(25, 110), rng.choice([2.5, 3.5]))
    drops = ndimage.map_coordinates(drops, [y, x], order=1, mode="grid-wrap")
    bands = drops * rng.uniform(0.5, 3) + 0.6 * scene.tone
    order = rng.permutation(scene.palette)
    where = (bands * len(order) / 2) % len(order)
    low, sharp = where.astype(int) % len(order), rng.uniform(0.55, 0.97)
    picture = mix(order[low], order[(low + 1) % len(order)], smoothstep(sharp, 1.0, where % 1))
    vein = smoothstep(0.06, 0.0, np.abs(where % 1 - sharp)) * rng.choice([0, 0.7])
    return mix(picture, scene.pick(*scene.palette), vein)


def watercolour(scene):
    """Transparent washes with dark rims that bleed into each other, on grained paper."""
    rng, wide = scene.rng, scene.wide
    picture = np.ones((*scene.tone.shape, 3), np.float32) * np.float32([0.98, 0.97, 0.94])
    size = scene.mark(25, 120)
    for layer in range(rng.integers(3, 7)):
        wet = noise(rng, scene.tone.shape, size, 2.4) * rng.uniform(0.15, 0.5)
        depth = 0.9 - scene.tone * 1.3 + wet - layer * 0.08
        soft = rng.choice([0.03, 0.1, 0.3])
        cover = smoothstep(0, soft, depth)
        rim = np.exp(-((depth / 0.04) ** 2)) * 0.35 * (soft < 0.2)
        pool = 0.45 + 0.15 * noise(rng, scene.tone.shape, size * 1.5, 2) + rim
        wash = mix(scene.image, scene.pick(*scene.palette), np.full(scene.tone.shape, 0.7))
        picture = picture * (1 - np.clip(cover * pool, 0, 0.85)[..., None] * (1 - wash))
    return picture * (1 + 0.035 * noise(rng, scene.tone.shape, 5 * scene.unit, 1.3)[..., None])


def tiles(scene):
    """A painted tile, mirrored and repeated into a pattern."""
    rng, cell = scene.rng, scene.mark(24, 110)
    y, x = (np.mgrid[: scene.wide, : scene.wide] + 0.5) / cell
    turn = rng.choice([0, np.pi / 4, rng.uniform(0, np.pi)])
    y, x = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    x = x + 0.5 * (np.floor(y) % 2) * rng.choice([0, 1])
    u, v = np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5)
    if rng.random() < 0.7:
        u, v = np.minimum(u, v), np.maximum(u, v)
    radius, around = np.hypot(u, v), np.arctan2(u, v)
    picture = np.ones((*u.shape, 3), np.float32) * scene.pick(*scene.palette)
    for _ in range(rng.integers(4, 10)):
        a, b, c = rng.uniform(0, 0.6, 3)
        form = scene.pick(radius - a, np.abs(radius - a) - b / 6, u + v - a, np.abs(u - a * v) - b / 8, v - a - b * u,
                          np.hypot(u - a, v - b) - c / 2, radius * (1 + 0.3 * np.cos(8 * around)) - a,
                          np.abs(np.hypot(u - a, v - b) - c) - 0.03)  # fmt: skip
        edge = 0.8 / cell
        picture = mix(picture, scene.pick(*scene.palette), smoothstep(edge, -edge, form))
    worn = 1 + 0.06 * noise(rng, scene.tone.shape, cell / 2, 2) + rng.choice([0, 0.25]) * (scene.tone - 0.5)
    return picture * worn[..., None]


def shapes(scene):
    """Discs, bars, arcs and triangles thrown over a ground: abstract painting and paper cut-outs."""
    rng, wide = scene.rng, scene.wide
    canvas, pen = start(np.broadcast_to(scene.pick(*scene.palette), scene.image.shape))
    for _ in range(rng.integers(15, 90)):
        x, y = rng.uniform(-0.1, 1.1, 2) * wide
        r, fill, kind = scene.mark(4, 60), ink(scene.pick(*scene.palette)), rng.integers(5)
        box, width = (x - r, y - r, x + r, y + r), int(max(1, scene.mark(1, 6)))
        if kind == 0:
            pen.ellipse(box, fill, ink(scene.palette[0]) if rng.random() < 0.4 else None, width)
        elif kind == 1:
            pen.arc(box, rng.uniform(0, 360), rng.uniform(360, 700), fill, width)
        elif kind == 2:
            pen.line([x, y, *(rng.normal(0, 3 * r, 2) + (x, y))], fill, width)
        else:
            corners = rng.uniform(0, 2 * np.pi) + np.sort(rng.uniform(0, 2 * np.pi, kind)) if kind == 3 else (
                rng.uniform(0, np.pi) + np.array([0.4, 2.74, 3.54, 5.88]))  # fmt: skip
            pen.polygon([(x + r * np.cos(t), y + r * np.sin(t)) for t in corners], fill)
    picture = np.asarray(canvas, np.float32) / 255
    return picture * (0.9 + 0.2 * streaks(scene, 1, 12))[..., None]


def drips(scene):
    """Thrown paint: long looping lines, thick and thin, and spatter."""
    rng, wide = scene.rng, scene.wide
    canvas, pen = start(scene.pick(scene.image, np.broadcast_to(scene.pick(*scene.palette), scene.image.shape)))
    for _ in range(rng.integers(25, 90)):
        steps = rng.integers(20, 70)
        turn = rng.uniform(0, 6.3) + ndimage.gaussian_filter1d(rng.normal(0, 6, steps), 4).cumsum() * 0.3
        line = rng.uniform(0, wide, 2) + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], -1) * scene.mark(3, 9), 0)
        thick, fill = scene.mark(0.8, 5) * (1 + 0.6 * np.sin(np.arange(steps) * rng.uniform(0.1, 0.6))), ink(scene.pick(*scene.palette))
        for first, second, width in zip(line, line[1:], thick, strict=False):
            pen.line([*first, *second], fill, max(1, int(width)))
            pen.ellipse([*(second - width / 2), *(second + width / 2)], fill)
        for x, y in line[rng.integers(0, steps, 8)] + rng.normal(0, 9 * scene.unit, (8, 2)):
            r = scene.mark(0.5, 3)
            pen.ellipse((x - r, y - r, x + r, y + r), fill)
    return relief(np.asarray(canvas, np.float32) / 255, 0.5)


def stitches(scene):
    """Woven or embroidered: one colour for each stitch."""
    size = max(4, round(scene.mark(3, 12)))
    y, x = np.mgrid[: scene.wide, : scene.wide]
    rows, columns = y // size, (x + scene.pick(0, 1) * (y // size % 2) * size // 2) // size
    middles = np.clip(np.stack([rows, columns]) * size + size // 2, 0, scene.wide - 1)
    tint = scene.image[middles[0], middles[1]] * (1 + 0.12 * scene.rng.standard_normal((999, 999))[rows, columns][..., None])
    u, v = x / size % 1, y / size % 1
    thread = scene.pick(np.abs(np.sin(np.pi * (u + v))), np.maximum(1 - 2 * np.abs(u - v), 1 - 2 * np.abs(u + v - 1)),
                        np.sin(np.pi * np.where((rows + columns) % 2, u, v)))  # fmt: skip
    return tint * (0.55 + 0.5 * np.clip(thread, 0, 1))[..., None]


def contours(scene):
    """Bands along the levels of lightness, each with its line: agate, maps, psychedelic posters."""
    field = ndimage.gaussian_filter(scene.tone, scene.mark(2, 8)) * scene.rng.uniform(1, 4)
    field = field + 0.3 * noise(scene.rng, scene.tone.shape, scene.wide * scene.rng.uniform(0.15, 0.5), 3)
    where = field * scene.rng.uniform(3, 9)
    order = scene.rng.permutation(scene.palette)
    slope = np.hypot(*np.gradient(where)) + 1e-3
    near = np.abs((where + 0.5) % 1 - 0.5) / slope  # pixels to the next border
    line = scene.mark(0.5, 2.5)
    return mix(order[where.astype(int) % len(order)], scene.pick(scene.palette[0] * 0.5, scene.palette[-1]), smoothstep(line + 1, line - 1, near))


def glazes(scene):
    """Soft old paint: smeared along its forms, under brown varnish, at times with fine cracks."""
    picture = smear(scene.image, scene.angle, scene.mark(2, 8))
    picture = picture * (0.92 + 0.16 * streaks(scene, 1, 10)[..., None])
    if scene.rng.random() < 0.5:
        _, border, _ = cells(scene, scene.mark(5, 20), 0)
        picture = picture * (1 - 0.35 * smoothstep(1.6, 0.4, border + 0.3 * noise(scene.rng, border.shape, 9)))[..., None]
    return picture * mix(np.ones((1, 1, 3)), np.float32([[[1, 0.86, 0.6]]]), np.float32([[scene.rng.choice([0, 0.6])]]))


PAINTERS = (
    oil, hatch, areas, marbled, pastel, points, engraving, swirls, mosaic, watercolour, oil, pencil, facets, tiles, glazes,
    knife, charcoal, shapes, scratch, oil, contours, halftone, drips, stitches,
)  # fmt: skip


def finish(scene, picture):
    """Weave or paper grain, at times a vignette; then down to the side of the drawing."""
    rng, tone = scene.rng, np.zeros(scene.tone.shape, np.float32)
    kind = rng.integers(4)
    if kind == 1:
        tone = noise(rng, tone.shape, scene.mark(2, 6), 1.3) * rng.uniform(0.01, 0.05)
    elif kind == 2:
        y, x = np.mgrid[: scene.wide, : scene.wide] * (2 * np.pi / scene.mark(2.5, 5))
        tone = (np.sin(x) * np.sin(y) + 0.3 * noise(rng, tone.shape, 20)) * rng.uniform(0.02, 0.06)
    return np.clip(shrink(picture * (1 + tone[..., None]), 2), 0, 1).astype(np.float32)


def draw(seed, side=256):
    """The drawing of this seed, `(side, side, 3)` float32 in 0..1; seeds in a row go through the painters."""
    rng = np.random.default_rng([seed, 17])
    scene = compose(rng, side)
    return finish(scene, PAINTERS[seed % len(PAINTERS)](scene))


def drawings(count, seed=0, side=256):
    """`count` drawings, those of the seeds from `seed` on."""
    return [draw(seed + number, side) for number in range(count)]


def contact_sheet(images, columns=10, gap=6):
    """All images on one grey sheet, uint8."""
    side, rows = len(images[0]) + gap, -(-len(images) // columns)
    sheet = np.full((rows * side, columns * side, 3), 128, np.uint8)
    for number, image in enumerate(images):
        y, x = number // columns * side, number % columns * side
        sheet[y : y + side - gap, x : x + side - gap] = np.rint(image * 255)
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sheet", type=Path, help="the PNG to write")
    parser.add_argument("--count", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    Image.fromarray(contact_sheet(drawings(options.count, options.seed, options.side), 12)).save(options.sheet)


if __name__ == "__main__":
    main()
