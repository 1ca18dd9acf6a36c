"""Great waves cut in wood: layered shapes, foam fingers, indigo lines, graded sky, grain and paper."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

from .studio import colour, colours, mix, noise, pixels, ramp, shrink, smoothstep

SCALE = 3  # drawn larger and averaged down, for smooth lines
PAPER, LINE = colour("ecdfc0"), colour("16264f")
FOAM, SHADE = colour("f4eedc"), colour("9fc0cf")
BLUES = colours("1b3a73 3f74a8 14305f 86b0c4 27528f dfe3d3 1b3a73 5f93b8")
SKY = colours("21437f 4f7fa6 a8c0b4 e6d9b4 f0c98f e99a6c e2805e")
# One wave of width 2, travelling right, y upwards: its back, its hollow front; both end in the lip.
BACK = np.array(
    [(-1.9, -0.25), (-1.25, 0.02), (-0.72, 0.36), (-0.28, 0.76), (0.16, 1.02), (0.60, 1.00), (0.86, 0.74), (0.86, 0.52)]
)
FRONT = np.array(
    [(1.45, -0.25), (0.80, -0.10), (0.34, 0.10), (0.12, 0.36), (0.16, 0.60), (0.36, 0.74), (0.62, 0.70), (0.80, 0.52)]
)
# Banks of cloud: their foot, the width and height of a lump, a shift along the sky.
CLOUDS = (
    (0.085, 0.055, 0.034, 0.3), (0.175, 0.075, 0.034, 2.2), (0.265, 0.065, 0.024, 3.2), (0.038, 0.05, 0.024, 5.5),
    (0.125, 0.06, 0.026, 4.6),
)  # fmt: skip
# Rows of foam fingers: where along the back (of 89) they begin, how many, how far they lean into the hollow.
FINGERS = ((38, 28, -0.35), (58, 20, 0.75), (76, 8, 0.2))
# x, y of the foot, size (negative mirrors it), from far to near; in units of the width.
WAVES = (
    (0.60, 0.375, 0.085), (0.42, 0.40, 0.11), (0.83, 0.395, -0.10), (0.98, 0.44, -0.14), (0.12, 0.45, 0.16),
    (0.62, 0.475, 0.15), (0.84, 0.55, -0.25), (0.26, 0.615, 0.42), (0.60, 0.64, 0.17), (0.05, 0.69, 0.21),
    (0.80, 0.715, -0.24), (0.42, 0.745, 0.22),
)  # fmt: skip


def draw(size, seed=0):
    """The image, (0.7 size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    shape = (round(0.7 * size) * SCALE, size * SCALE)
    block = Block(sky(rng, shape))
    for number, (x, y, scale) in enumerate(WAVES):
        add_swell(rng, block, y, number)
        add_wave(rng, block, x, y, scale)
    return print_on_paper(rng, block.ink())


class Block:
    """A drawing board in units of the image's width, with y downwards."""

    def __init__(self, ground):
        self.image = Image.fromarray(np.rint(np.clip(ground, 0, 1) * 255).astype(np.uint8))
        self.pen = ImageDraw.Draw(self.image)
        self.unit = self.image.width

    def fill(self, points, pigment):
        """A filled shape; points (N, 2)."""
        self.pen.polygon([tuple(p) for p in points * self.unit], fill=tuple(int(v * 255) for v in pigment))

    def brush(self, points, widths, pigment):
        """A line whose width changes along it, like one cut with a knife; widths (N,) in the same units."""
        heading = np.gradient(points, axis=0)
        side = np.stack([-heading[:, 1], heading[:, 0]], -1) / (np.linalg.norm(heading, axis=1, keepdims=True) + 1e-9)
        half = side * np.asarray(widths)[:, None] / 2
        self.fill(np.concatenate([points + half, (points - half)[::-1]]), pigment)

    def dot(self, centre, radius, pigment):
        """A disc."""
        (x, y), r = centre * self.unit, radius * self.unit
        self.pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v * 255) for v in pigment))

    def ink(self):
        """What has been drawn, (H, W, 3) float32 in 0..1."""
        return np.asarray(self.image, np.float32) / 255


def curve(points, count=90):
    """A smooth curve through the points, (count, 2)."""
    steps = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    return CubicSpline(steps / steps[-1], points)(np.linspace(0, 1, count))


def sky(rng, shape):
    """Graded from the horizon's warm light to indigo (bokashi), with a sun and banks of curling cloud."""
    y, x = pixels(*shape)
    tone = ramp(SKY, y / 0.44 + 0.02 * noise(rng, shape, shape[1] / 6, 3))
    tone = mix(tone, colour("c9372c"), smoothstep(0.0985, 0.0975, np.hypot(x - 0.70, y - 0.20)))
    for base, wide, tall, lean in CLOUDS:
        lumps = np.abs(np.sin(np.pi * (x + 0.1 * lean) / wide)) ** 0.7 * tall * (0.6 + 0.4 * np.sin(9 * x + lean))
        reach = (np.sin(4.3 * x + lean) > -0.15) * 1.0
        reach = ndimage.uniform_filter1d(reach, max(3, shape[1] // 12), axis=1)
        over = y - (base - lumps * reach)
        inside = (over > 0) & (y < base + 0.014 * reach - 0.004) & (reach > 0.05)
        ring = (over / 0.0065) % 1
        cloud = mix(PAPER, colour("d8b79a"), np.clip(over / tall, 0, 1))
        body = np.where((ring < 0.22)[..., None], colour("54749a"), cloud)
        tone = np.where(inside[..., None], body, tone)
    return tone


def add_swell(rng, block, base, number):
    """A band of sea behind the next wave: long striped billows across the whole sheet."""
    x = np.linspace(-0.02, 1.02, 300)
    crest = base - 0.018 - 0.016 * np.sin(11 * x + 2.3 * number) - 0.006 * np.sin(27 * x + number)
    tall = 0.16
    for stripe in range(14):
        sink = tall * (stripe / 14) ** 1.25
        top = crest + sink + 0.005 * np.sin(19 * x + stripe + number)
        outline = np.concatenate([np.stack([x, top], -1), [[1.02, 0.75], [-0.02, 0.75]]])
        block.fill(outline, BLUES[(3 * number + stripe * 3) % len(BLUES)])
        block.brush(np.stack([x, top], -1), 0.0022 + 0.001 * np.sin(13 * x + stripe), LINE if stripe % 3 else FOAM)


def place(points, x, y, scale):
    """From the wave's own axes to the sheet's."""
    return np.stack([x + points[:, 0] * scale, y - points[:, 1] * abs(scale)], -1)


def add_wave(rng, block, x, y, scale):
    """One breaking wave: striped body, outline, foam along back and lip, spray."""
    wobble = rng.normal(0, 0.02, BACK.shape)
    back, front = (place(curve(p + wobble), x, y, scale) for p in (BACK, FRONT))
    size = abs(scale)
    edges = (np.r_[0, np.cumsum([1.2, 0.5, 1.0, 0.45, 0.9, 0.5, 0.8, 0.45, 0.7, 0.4, 0.6, 0.35, 0.5])]) / 8.35
    ribs = [back * (1 - e) + front * e for e in edges]
    for number, (near, far) in enumerate(zip(ribs[:-1], ribs[1:], strict=True)):
        block.fill(np.concatenate([near, far[::-1]]), BLUES[number % len(BLUES)])
    for number, rib in enumerate(ribs):
        taper = np.linspace(1.2, 0.25, len(rib))
        block.brush(rib, size * 0.016 * taper + 0.0009, LINE if number % 4 else FOAM)
    block.brush(back, np.full(len(back), size * 0.022 + 0.001), LINE)
    block.brush(front, np.full(len(front), size * 0.022 + 0.001), LINE)
    add_foam(rng, block, back, np.sign(scale), size)


def add_foam(rng, block, back, side, size):
    """White crest with fingers that reach out and hook down, drawn first wide in line colour, then white."""
    fingers = []
    for first, count, lean in FINGERS:
        for where in np.linspace(first, 89, count).astype(int):
            heading = back[min(where + 1, 89)] - back[where - 1]
            angle = np.arctan2(heading[1], heading[0]) + side * lean + rng.normal(0, 0.22)
            long = size * (0.05 + 0.13 * (where - first) / (89 - first)) * rng.uniform(0.8, 1.3)
            fingers += finger(rng, back[where], angle, long, side * rng.uniform(6, 10) / (10 * long), 2)
    swell = 0.085 * (np.arange(68) / 67) ** 0.8 * (1 - 0.4 * np.clip(np.arange(68) / 67 - 0.72, 0, 1) / 0.28)
    crest = [(back[k + 22], size * swell[k] * rng.uniform(0.85, 1.12)) for k in range(68)]
    for pigment, extra in ((LINE, 0.0016 + 0.012 * size), (FOAM, 0.0)):
        block.brush(np.stack([centre for centre, _ in crest]), [2 * (radius + extra) for _, radius in crest], pigment)
        for centre, radius in crest[8:]:
            block.dot(centre, radius + extra, pigment)
        for number, hook in enumerate(fingers):
            # A thin line around one hook in five tells it from the foam behind it.
            if pigment is FOAM and number % 5 == 0:
                draw_hook(block, *hook, 0.0008 + 0.003 * size, LINE)
            draw_hook(block, *hook, extra, pigment)
    for points, width in fingers[::2]:
        block.brush(points[2:9], width[2:9] * 0.28, SHADE)
    add_ripples(rng, block, crest)
    add_spray(rng, block, back[60:], side, size)


def draw_hook(block, points, width, extra, pigment):
    """One finger with a round end, `extra` wider on every side."""
    block.brush(points, width + 2 * extra, pigment)
    block.dot(points[-1], width[-1] / 2 + extra, pigment)


def add_ripples(rng, block, crest):
    """Scales of foam inside the crest: two nested arcs here and there, opening downwards."""
    taper = np.sin(np.linspace(0.1, np.pi - 0.1, 24))
    for centre, radius in crest[14::4]:
        middle = centre + rng.uniform(-0.45, 0.45, 2) * radius
        around = rng.normal(-np.pi / 2, 0.5) + np.linspace(-1.4, 1.4, 24)
        arc = np.stack([np.cos(around), np.sin(around)], -1)
        for share, pigment in ((0.62, LINE), (0.38, SHADE)):
            block.brush(middle + share * radius * arc, radius * 0.11 * taper, pigment)


def finger(rng, start, angle, long, bend, depth):
    """A tapering hook, splitting into smaller ones at its end: list of (points (N, 2), widths (N,))."""
    steps = np.linspace(0, long, 12)
    turned = angle + bend * steps
    points = start + np.cumsum(np.stack([np.cos(turned), np.sin(turned)], -1) * steps[1], 0)
    found = [(points, long * np.linspace(0.36, 0.15, 12))]
    if depth:
        for spread in (-0.75, 0.1, 0.85):
            away = turned[-3] + spread + rng.normal(0, 0.15)
            found += finger(rng, points[-3], away, long * 0.5, bend * 1.7, depth - 1)
    return found


def add_spray(rng, block, crest, side, size):
    """Drops thrown ahead of the lip."""
    for _ in range(int(26 + 60 * size)):
        away = np.array([side * rng.gamma(1.6, 0.16), rng.normal(-0.02, 0.16)]) * size
        centre = crest[rng.integers(len(crest))] + away
        radius = size * rng.uniform(0.006, 0.016) + 0.0006
        block.dot(centre, radius + 0.0011, LINE)
        block.dot(centre, radius, FOAM)


def print_on_paper(rng, ink):
    """Press the block on paper: grain of the plank, uneven ink, fibres, then average down."""
    shape = ink.shape[:2]
    y, x = pixels(*shape)
    bend = noise(rng, shape, (shape[0] / 3, shape[1] / 1.5), 3)
    rings = np.sin(2 * np.pi * (y * 46 + 2.6 * bend + 1.6 * np.sin(3 * x + 2)))
    fibre = noise(rng, shape, (5, shape[1] / 9), 1.6)
    grain = 0.55 * rings + 0.75 * fibre
    depth = 1 - ink.mean(-1)
    ink = ink + (0.055 + 0.05 * depth[..., None]) * (0.5 * grain[..., None]) * (PAPER - 0.25 * ink)
    mottled = np.clip(0.12 + 0.06 * noise(rng, shape, 26, 1.5) + 0.07 * noise(rng, shape, shape[1] / 5, 2.5), 0.02, 0.4)
    ink = mix(ink, PAPER, mottled * 0.8)
    small = shrink(ink * PAPER / PAPER.max(), SCALE)
    return np.clip(small * (1 + 0.022 * noise(rng, small.shape[:2], 4, 1.2)[..., None]), 0, 1)
