"""River at evening in dabs of divided colour on a primed ground."""

import numpy as np
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv

from .studio import colours, mix, noise, pixels, ramp, shade, smoothstep

SKY = colours("f9c46b f7a86a ee8f86 c58fae 8d9bcb 6aa4d6 4a86c8")
HORIZON, SUN = 0.300, (0.600, 0.218)
PRIMER = np.float32([0.90, 0.83, 0.68])
# Patches of one tree each: x, y of the crown's middle, its half width and half height, how light it is.
CROWNS = (
    (0.06, 0.06, 0.15, 0.10, 0.30), (0.17, 0.14, 0.12, 0.09, 0.62), (0.03, 0.20, 0.13, 0.10, 0.45),
    (0.12, 0.25, 0.11, 0.07, 0.75), (0.23, 0.235, 0.06, 0.06, 0.85), (0.00, 0.32, 0.08, 0.06, 0.55),
    (0.93, 0.17, 0.045, 0.15, 0.40), (0.985, 0.14, 0.04, 0.19, 0.25), (0.875, 0.215, 0.035, 0.11, 0.60),
    (0.835, 0.25, 0.03, 0.06, 0.80), (0.955, 0.28, 0.06, 0.05, 0.70),
)  # fmt: skip

# The far bank's poplars: foot and height.
POPLARS = (
    (0.30, 0.085), (0.335, 0.12), (0.365, 0.10), (0.395, 0.07), (0.425, 0.055),
    (0.745, 0.07), (0.775, 0.10), (0.80, 0.08),
)  # fmt: skip


def draw(size, seed=0):
    """The image, (0.7 size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    shape = (2 * round(0.7 * size), 2 * size)
    scene, lean = compose(rng, shape)
    paint = PRIMER * (1 + 0.03 * noise(rng, shape, 6, 1.5)[..., None])
    height = np.zeros(shape, np.float32)
    for radius, cover in ((15, 1.1), (10.5, 1.4), (7.5, 1.6), (5.6, 0.9)):
        lay_dabs(rng, paint, height, scene, lean, radius, cover)
    diffuse, shine = shade(ndimage.gaussian_filter(height, 1.0), 0.30, gloss=0.05)
    lit = np.clip(paint * diffuse[..., None] + shine[..., None], 0, 1)
    return lit.reshape(shape[0] // 2, 2, shape[1] // 2, 2, 3).mean((1, 3))


def compose(rng, shape):
    """The scene before it is divided: colours (H, W, 3) and the dabs' direction (H, W) in radians."""
    y, x = pixels(*shape)
    land = landscape(rng, x, y)
    water_y = HORIZON + 0.012
    ripples = noise(rng, shape, (shape[1] / 60, shape[1] / 7), 1.8)
    depth = np.clip(y - water_y, 0, None)
    mirror_y = np.clip(water_y - depth * 0.95 + 0.002 * ripples, 0, None)
    mirror_x = np.clip(x + (0.003 + 0.04 * depth) * ripples, 0, 1)
    look = np.stack([mirror_y, mirror_x]) * shape[1] - 0.5
    mirrored = np.stack([ndimage.map_coordinates(land[..., c], look, order=1, mode="nearest") for c in range(3)], -1)
    water = mix(mirrored * 0.92, colours("2b5f9e")[0], np.clip(0.16 + 0.35 * depth + 0.13 * ripples, 0, 0.7))
    water = add_sun_path(water, x, depth, ripples)
    scene = np.where((y > water_y)[..., None], water, land)
    lean = np.where(y > water_y, 0.0, 0.5 * noise(rng, shape, shape[1] / 6, 3))
    return add_bank(rng, scene, lean, x, y)


def landscape(rng, x, y):
    """Everything above the water: sky, sun, clouds, far hills, fields, trees."""
    height = (HORIZON - y) / HORIZON
    clouds = noise(rng, x.shape, (x.shape[1] / 14, x.shape[1] / 4), 2.2)
    far = np.hypot(x - SUN[0], (y - SUN[1]) * 1.15)
    scene = ramp(SKY, 0.95 * height + 0.10 * clouds - 0.30 * np.exp(-far / 0.16) + 0.05)
    scene = mix(scene, colours("fbd9a8")[0], 0.8 * smoothstep(0.3, 1.6, clouds + 0.5 * np.sin(14 * y)))
    scene = mix(scene, colours("ffe28a")[0], 0.85 * np.exp(-((far / 0.10) ** 2)))
    scene = mix(scene, colours("fff7d0")[0], smoothstep(0.043, 0.036, far))
    rough = noise(rng, x.shape, x.shape[1] / 12, 2)
    for base, tall, tone, lit in ((0.262, 0.024, "7c7fb8", "c99ab0"), (0.281, 0.013, "54799a", "9fae86")):
        ridge = base + tall * np.sin(9 * x + 60 * base) * np.sin(4 * x + 1) + 0.002 * rough
        body = mix(colours(tone)[0], colours(lit)[0], np.clip(0.4 + 0.35 * rough, 0, 1))
        scene = np.where((y > ridge)[..., None], body, scene)
    field = ramp(colours("8fae4e d6c25a 5d8f5a"), 0.5 + 0.3 * rough + 0.2 * np.sin(40 * x))
    scene = np.where((y > 0.293 + 0.003 * np.sin(11 * x))[..., None], field, scene)
    scene = add_poplars(rng, scene, x, y)
    return add_boat(add_trees(rng, scene, x, y), x, y)


def add_poplars(rng, scene, x, y):
    """A row of poplars on the far bank, each a flame of green with one side in the sun."""
    ragged = noise(rng, x.shape, x.shape[1] / 40, 1.7)
    for foot, tall in POPLARS:
        up = (HORIZON + 0.004 - y) / tall
        wide = 0.20 * tall * np.clip(up, 0, 1) ** 0.35 * np.sqrt(np.clip(1.02 - up, 0, 1)) * (1 + 0.25 * ragged)
        lit = 0.45 + 0.35 * np.sign(SUN[0] - foot) * (x - foot) / (0.15 * tall) + 0.1 * ragged
        inside = (np.abs(x - foot) < wide) & (up > 0) & (up < 1.05)
        scene = np.where(inside[..., None], ramp(colours("27406e 2c6a5a 6f9f3f e6c850"), lit), scene)
    return scene


def add_boat(scene, x, y):
    """A boat with two sails; the water mirrors it with the rest."""
    left, foot = 0.475, HORIZON + 0.010
    for lean, tall, wide, tone in ((1, 0.105, 0.040, "fff0d2"), (-1, 0.080, 0.026, "f08a4b")):
        up, out = (foot - 0.010 - y) / tall, lean * (x - left - 0.002 * lean)
        inside = (up > 0) & (up < 1) & (out > 0) & (out < wide * np.clip(1 - up, 0, 1) ** 0.8)
        scene = np.where(inside[..., None], colours(tone)[0], scene)
    narrowing = 0.046 - 1.2 * np.clip(y - foot + 0.010, 0, 1)
    hull = (np.abs(x - left - 0.006) < narrowing) & (y > foot - 0.010) & (y < foot + 0.004)
    return np.where(hull[..., None], colours("5a2440")[0], scene)


def add_trees(rng, scene, x, y):
    """Crowns as lumpy ellipses, lit from the sun's side, in front of one another."""
    leaves = noise(rng, x.shape, x.shape[1] / 22, 1.7)
    stops = colours("12204f 1d3f5e 1f6048 3f8a3e 86b13f dccb4c f3dc7a")
    for trunk_x in (0.105, 0.052, 0.935, 0.985):
        near = np.abs(x - trunk_x - 0.01 * np.sin(18 * y)) < 0.006
        scene = np.where((near & (y > 0.1) & (y < HORIZON + 0.012))[..., None], colours("3a2350")[0], scene)
    for crown_x, crown_y, wide, tall, light in CROWNS:
        across, down = (x - crown_x) / wide, (y - crown_y) / tall
        inside = np.hypot(across, down) + 0.17 * leaves < 1
        towards = np.sign(SUN[0] - crown_x)
        tone = 0.16 + 0.42 * light + 0.24 * towards * across - 0.16 * down + 0.15 * leaves
        scene = np.where(inside[..., None], ramp(stops, tone), scene)
    return scene


def add_sun_path(water, x, depth, ripples):
    """The sun's broken track on the water, wider towards us."""
    width = 0.022 + 0.13 * depth
    near = np.exp(-(((x - SUN[0]) / width) ** 2))
    glint = smoothstep(0.25, 0.7, near * (0.75 + 0.45 * ripples))
    return mix(water, ramp(colours("ffdf82 ffb65c f98b5d"), depth / 0.3), 0.9 * glint)


def add_bank(rng, scene, lean, x, y):
    """The near bank: grass with flowers, running down to the lower left and right."""
    rough = noise(rng, x.shape, x.shape[1] / 16, 1.8)
    edge = 0.60 - 0.17 * np.exp(-((x / 0.34) ** 2)) - 0.07 * np.exp(-(((x - 1.02) / 0.2) ** 2)) + 0.006 * rough
    inside = y > edge + 0.02 * np.sin(8 * x + 1)
    depth = np.clip((y - edge) / 0.2, 0, 1)
    grass = ramp(colours("e3c95a a5b545 5f9a45 2f7a4e 205a5c 253f6e"), 0.15 + 0.75 * depth + 0.16 * rough)
    scene = np.where(inside[..., None], grass, scene)
    for tone in ("e8573f", "f6d04a", "f4eef0", "b06ad0"):
        spots = noise(rng, x.shape, x.shape[1] / 95, 3) + 0.5 * noise(rng, x.shape, x.shape[1] / 10, 3)
        scene = np.where((inside & (spots > 2.0) & (depth > 0.1))[..., None], colours(tone)[0], scene)
    return scene.astype(np.float32), np.where(inside, 1.25 + 0.3 * rough, lean)


def lay_dabs(rng, paint, height, scene, lean, radius, cover):
    """Cover the ground `cover` times with dabs of one size, in random order."""
    rows, columns = height.shape
    stamps = make_stamps(rng, radius)
    count = int(cover * rows * columns / (np.pi * radius * radius * 0.7))
    ys, xs = rng.integers(0, rows, count), rng.integers(0, columns, count)
    pigments = divide(rng, scene[ys, xs])
    turns = np.rint((lean[ys, xs] + rng.normal(0, 0.25, count)) / np.pi * len(stamps)).astype(int) % len(stamps)
    kinds, lifts = rng.integers(0, 4, count), rng.uniform(1.2, 3.2, count)
    for y, x, pigment, turn, kind, lift in zip(ys, xs, pigments, turns, kinds, lifts, strict=True):
        press(paint, height, stamps[turn][kind], y, x, pigment, lift)


def divide(rng, local):
    """Split each local colour as the eye would mix it: itself, its neighbours, light, shade, complement."""
    count = len(local)
    hue, full, light = rgb2hsv(local[None])[0].T
    part = rng.choice(5, count, p=(0.46, 0.22, 0.13, 0.12, 0.07))
    hue = hue + rng.normal(0, 0.025, count) + np.where(part == 1, rng.choice((-0.07, 0.07), count), 0)
    # Light is always tinted with the sun's yellow-orange, shade with blue-violet, whatever the thing's own colour.
    sun, shadow = 0.11 + rng.normal(0, 0.02, count), 0.66 + rng.normal(0, 0.04, count)
    hue = np.where(part == 2, sun, np.where(part == 3, shadow, hue))
    hue = np.where(part == 4, hue + 0.5, hue)
    full = np.clip(full * 1.12 + np.where(part >= 2, 0.08, 0.06) + rng.normal(0, 0.05, count), 0.12, 0.95)
    # A complement much darker than its ground would be a hole: blue and violet weigh more, so lift them.
    heavy = (part >= 3) & (hue % 1 > 0.5) & (hue % 1 < 0.85) & (light > 0.6)
    full = np.where(heavy, 0.55 * full, full)
    light = light * np.where(part == 3, 0.84, 1) + np.where(part == 2, 0.14, 0.01) + rng.normal(0, 0.05, count)
    return hsv2rgb(np.stack([hue % 1, full, np.clip(light, 0.12, 1)], -1)[None])[0].astype(np.float32)


def make_stamps(rng, radius, turns=16, kinds=4):
    """Shapes of a dab, slightly long and uneven: turns x kinds of (cover, thickness) patches."""
    reach = int(np.ceil(radius * 1.5)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    return [[make_stamp(rng, radius, x, y, np.pi * turn / turns) for _ in range(kinds)] for turn in range(turns)]


def make_stamp(rng, radius, x, y, angle):
    """One dab: an ellipse with a wobbling edge and a rim of paint."""
    around = np.arctan2(y, x)
    wobble = sum(rng.normal(0, 0.05) * np.cos(k * around + rng.uniform(0, 6.3)) for k in (2, 3, 5))
    long, short = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    far = np.hypot(long / 1.25, short / 0.85) / radius * (1 + wobble)
    cover = np.clip((1 - far) * radius / 1.6, 0, 1)
    return cover.astype(np.float32), (0.6 + 0.8 * far**3 - 0.2 * short / radius).astype(np.float32)


def press(paint, height, stamp, y, x, pigment, lift):
    """Put one dab on the canvas; what hangs over the edge is cut off."""
    cover, thick = stamp
    reach = len(cover) // 2
    top, left = max(0, y - reach), max(0, x - reach)
    bottom, right = min(height.shape[0], y + reach + 1), min(height.shape[1], x + reach + 1)
    inside = slice(top - y + reach, bottom - y + reach), slice(left - x + reach, right - x + reach)
    cover, thick = cover[inside], thick[inside]
    patch, relief = paint[top:bottom, left:right], height[top:bottom, left:right]
    patch += cover[..., None] * (pigment - patch)
    relief += cover * (0.25 * relief + lift * thick - relief)
