"""Painters who work in areas: flat, broken, flowing or repeated. Each takes a scene and returns (W, W, 3)."""

import numpy as np
from painting.studio import mix, noise, ramp, shade, smoothstep
from scipy import ndimage
from skimage import segmentation

from .marks import at, cells, ink, smear, start, streaks, strokes


def areas(scene):
    """Flat areas with dark outlines: cloisonné, poster, coloured woodcut."""
    smooth = ndimage.gaussian_filter(scene.image, (2 * scene.unit, 2 * scene.unit, 0))
    small = smooth[::2, ::2]
    count = int(np.clip((256 / (scene.mark(10, 50) / scene.unit)) ** 2, 12, 500))
    labels = segmentation.slic(small, count, compactness=scene.pick(0.05, 0.3, 2), sigma=1, start_label=1, channel_axis=-1)
    labels = ndimage.zoom(labels, 2, order=0)[: scene.wide, : scene.wide]
    flat = labels.ravel()
    means = np.stack([np.bincount(flat, smooth[..., c].ravel()) for c in range(3)], -1)
    means = means / np.maximum(np.bincount(flat), 1)[:, None] + scene.rng.normal(0, 0.05, means.shape)
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
    edges = (piece != np.roll(piece, 1, 0)) | (piece != np.roll(piece, 1, 1))
    line = smoothstep(3, 1, ndimage.distance_transform_edt(~edges)) * rng.choice([0, 0.4, 0.9])
    scene.take(mix(flat * (1 + light[..., None] * 2.5), scene.palette[0] * 0.5, line))
    scene.angle = rng.uniform(0, np.pi, piece.max() + 1)[piece]
    canvas, pen = start(scene.image)
    strokes(scene, pen, scene.mark(4, 16), 3, rng.choice([0.9, 1.6]), 4, 0.06)
    return np.asarray(canvas, np.float32) / 255


def mosaic(scene):
    """Small stones or panes of glass in mortar or lead."""
    size = scene.mark(6, 40)
    number, border, middles = cells(scene, size, scene.rng.choice([0, 0.5, 0.9]))
    loads = at(scene.image, middles) * (1 + scene.rng.normal(0, 0.12, (len(middles), 1)))
    gap = size * scene.rng.uniform(0.03, 0.12)
    stones = loads[number] * (1 + 0.06 * noise(scene.rng, scene.tone.shape, size)[..., None])
    stones = stones * shade(np.minimum(border, gap * 3), scene.rng.uniform(0, 0.6))[0][..., None]
    return mix(
        stones,
        scene.pick(scene.palette[0] * 0.4, scene.palette[-1], np.float32([0.5, 0.48, 0.45])),
        smoothstep(gap + 1, gap - 1, border),
    )


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
    drops = noise(rng, (wide, wide), scene.mark(40, 160), rng.choice([3, 4]))
    drops = ndimage.map_coordinates(drops, [y, x], order=1, mode="grid-wrap")
    bands = drops * rng.uniform(0.4, 1.5) + 0.6 * scene.tone
    order = rng.permutation(scene.palette)
    where = (bands * len(order) / 2) % len(order)
    low, sharp = where.astype(int) % len(order), rng.uniform(0.55, 0.97)
    picture = mix(order[low], order[(low + 1) % len(order)], smoothstep(sharp, 1.0, where % 1))
    vein = smoothstep(0.06, 0.0, np.abs(where % 1 - sharp)) * rng.choice([0, 0.7])
    return mix(picture, scene.pick(*scene.palette), vein)


def watercolour(scene):
    """Transparent washes with dark rims that bleed into each other, on grained paper."""
    rng = scene.rng
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
    for _ in range(rng.integers(30, 120)):
        x, y = rng.uniform(-0.1, 1.1, 2) * wide
        r, fill, kind = scene.mark(5, 70), ink(scene.pick(*scene.palette)), rng.integers(5)
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
    return mix(
        order[where.astype(int) % len(order)],
        scene.pick(scene.palette[0] * 0.5, scene.palette[-1]),
        smoothstep(line + 1, line - 1, near),
    )


def glazes(scene):
    """Soft old paint: smeared along its forms, under brown varnish, at times with fine cracks."""
    picture = smear(scene.image, scene.angle, scene.mark(2, 8))
    picture = picture * (0.92 + 0.16 * streaks(scene, 1, 10)[..., None])
    if scene.rng.random() < 0.5:
        _, border, _ = cells(scene, scene.mark(5, 20), 0)
        picture = picture * (1 - 0.35 * smoothstep(1.6, 0.4, border + 0.3 * noise(scene.rng, border.shape, 9)))[..., None]
    return picture * mix(np.ones((1, 1, 3)), np.float32([[[1, 0.86, 0.6]]]), np.float32([[scene.rng.choice([0, 0.6])]]))
