"""Painters who work in strokes, lines and dots: each takes a scene and returns (W, W, 3)."""

import numpy as np
from painting.studio import mix, noise, ramp, smoothstep
from scipy import ndimage

from .marks import at, ink, relief, smear, start, streaks, strokes, trace


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
    paper = np.broadcast_to(0.25 * scene.palette[-1] + 0.7 * np.float32([0.98, 0.96, 0.92]), scene.image.shape)
    if scene.rng.random() < 0.3:
        chalk = smoothstep(0.5, 0.8, scene.tone + 0.2 * tooth) * 0.7
        paper = mix(paper * scene.rng.uniform(0.5, 1), scene.pick(*scene.palette[1:]), chalk)
    return mix(paper, 0.15 * scene.palette[0] + np.float32([0.085, 0.085, 0.09]), amount)


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
    rng, size, in_rows = scene.rng, scene.mark(3, 14), scene.rng.random() < 0.35
    canvas, pen = start(np.broadcast_to(scene.pick(*scene.palette), scene.image.shape))
    for radius in (size * 0.6, size * 0.45):
        count = int(np.clip(1.6 * scene.wide**2 / (4 * radius**2), 50, 9000))
        places = rng.uniform(0, scene.wide, (count, 2))
        if in_rows:
            places = trace(scene, places[: count // 8], 22 * radius, 9)[..., ::-1].reshape(-1, 2)
        loads = at(scene.image, places) + rng.normal(0, rng.choice([0.06, 0.15, 0.25]), (len(places), 3))
        for (y, x), load, r in zip(places, loads, radius * rng.uniform(0.6, 1.2, len(places)), strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=ink(load))
    return relief(np.asarray(canvas, np.float32) / 255, rng.choice([0, 0.5]))


def halftone(scene):
    """Dots or lines of a printing screen, one for each of two or three inks."""
    picture = np.ones((*scene.tone.shape, 3), np.float32) * (0.5 + 0.5 * scene.palette[-1])
    spacing, (y, x), lined = scene.mark(4, 16), np.mgrid[: scene.wide, : scene.wide], scene.rng.random() < 0.3
    for number, pigment in enumerate(scene.palette[: scene.rng.integers(1, 4)]):
        turn = 0.3 + 0.55 * number
        u, v = (x * np.cos(turn) + y * np.sin(turn)) / spacing, (y * np.cos(turn) - x * np.sin(turn)) / spacing
        wave = 0.5 + 0.25 * (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * (u if lined else v)))
        dark = 1 - 0.6 * scene.tone - 0.4 * scene.image[..., number]
        picture = mix(picture, pigment, smoothstep(-0.08, 0.08, dark - 1 + wave))
    return picture


def drips(scene):
    """Thrown paint: long looping lines, thick and thin, and spatter."""
    rng, wide = scene.rng, scene.wide
    canvas, pen = start(scene.pick(scene.image, np.broadcast_to(scene.pick(*scene.palette), scene.image.shape)))
    for _ in range(rng.integers(50, 200)):
        steps = rng.integers(20, 70)
        turn = rng.uniform(0, 6.3) + ndimage.gaussian_filter1d(rng.normal(0, 6, steps), 4).cumsum() * 0.3
        line = rng.uniform(0, wide, 2) + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], -1) * scene.mark(3, 9), 0)
        thick = scene.mark(0.8, 6) * (1 + 0.6 * np.sin(np.arange(steps) * rng.uniform(0.1, 0.6)))
        fill = ink(scene.pick(*scene.palette))
        for first, second, width in zip(line, line[1:], thick, strict=False):
            pen.line([*first, *second], fill, max(1, int(width)))
            pen.ellipse([*(second - width / 2), *(second + width / 2)], fill)
        for x, y in line[rng.integers(0, steps, 8)] + rng.normal(0, 9 * scene.unit, (8, 2)):
            r = scene.mark(0.5, 3)
            pen.ellipse((x - r, y - r, x + r, y + r), fill)
    return relief(np.asarray(canvas, np.float32) / 255, 0.5)
