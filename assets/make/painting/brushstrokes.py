"""Night over hills: layers of oil strokes that follow a flow with vortices."""

import numpy as np
from scipy import ndimage

from .brush import Canvas
from .studio import bloom, colours, mix, noise, pixels, ramp, smoothstep

# x, y, circulation, radius of the glow; in units of the image's width.
STARS = (
    (0.21, 0.20, 0.080, 0.105),
    (0.53, 0.31, -0.115, 0.060),
    (0.82, 0.17, 0.100, 0.118),
    (0.40, 0.08, 0.045, 0.050),
    (0.08, 0.44, -0.060, 0.055),
    (0.68, 0.45, 0.055, 0.062),
    (0.94, 0.43, -0.050, 0.048),
    (0.30, 0.42, 0.050, 0.052),
    (0.62, 0.07, -0.035, 0.040),
)
NIGHT = colours("0b1440 12236b 1b3f9c 2a64b8 4d92c9 8fc1d2 c9dfd0 3f86c0 16338a")
GLOW = colours("1d4fae 2f86b8 5fb3b0 d8d488 f2c24a ee9a2e f6cf52 fbe795 fffbe0")
ACCENTS = colours("39c2c4 7a5fd0 f3d26a e8845a cfe8f0")
HILLS = (
    colours("0d1a45 16306e 23508a 2f6d8c 1a2a66"),
    colours("0c2438 12484f 1f6a58 4f8f5c 123a58"),
    colours("2b2f1c 6c6420 b08a2a dcb548 345a3c 8a5a22"),
)


def draw(size, seed=0):
    """The image, (0.8 size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    shape = (2 * round(0.8 * size), 2 * size)
    design, angle = compose(rng, shape)
    bend = streamline_curvature(angle)
    canvas = Canvas(0.85 * ndimage.gaussian_filter(design, (9, 9, 0)), rng)
    for width, reach, cover in ((44, 4.5, 2.0), (25, 5.5, 3.2), (15, 5.0, 2.4)):
        lay_strokes(canvas, rng, design, angle, bend, width, reach, cover)
    return finish(canvas)


def compose(rng, shape):
    """What is painted where: colours (H, W, 3) and the strokes' direction (H, W) in radians."""
    y, x = pixels(*shape)
    stream = stream_function(x, y) + 0.004 * noise(rng, shape, shape[1] / 5, 3)
    down, across = np.gradient(stream)
    angle = np.arctan2(-across, down)
    bands = 0.5 + 0.5 * np.sin(stream * 62 + 0.5 * noise(rng, shape, shape[1] / 9, 3))
    design = ramp(NIGHT, bands * (0.85 - 0.25 * y / 0.8) + 0.1 * y)
    design = light_stars(design, x, y)
    for layer, stops in enumerate(HILLS):
        design, angle = add_hill(rng, design, angle, x, y, layer, stops)
    return design, angle


def stream_function(x, y):
    """Air moves along its level lines: a wavy wind plus one vortex for each star."""
    stream = 0.55 * y + 0.03 * np.sin(7 * x + 5 * y) + 0.018 * np.sin(15 * x - 9 * y + 1)
    for star_x, star_y, turn, radius in STARS:
        near = (x - star_x) ** 2 + (y - star_y) ** 2
        stream = stream - 0.5 * turn * np.log(near + (0.35 * radius) ** 2) * np.exp(-near / 0.09)
    return stream


def light_stars(design, x, y):
    """Halos whose arms wind the way their vortex turns, brightest in the middle."""
    for star_x, star_y, turn, radius in STARS:
        far = np.hypot(x - star_x, y - star_y) / radius
        around = np.arctan2(y - star_y, x - star_x)
        arms = np.sin(far * 9 - np.sign(turn) * 2 * around) * smoothstep(0.15, 0.6, far)
        design = mix(design, ramp(GLOW, 1.04 - 0.70 * far + 0.22 * arms), smoothstep(1.7, 0.8, far + 0.3 * arms))
    return design


def add_hill(rng, design, angle, x, y, layer, stops):
    """Rolling ground whose strokes run along its ridges, one layer in front of another."""
    phase, base = (0.6, 2.4, 4.4)[layer], (0.585, 0.655, 0.73)[layer]
    wave = 0.036 * np.sin(6.5 * x + phase) + 0.014 * np.sin(17 * x + 2 * phase)
    depth = y - base - wave
    slope = 0.036 * 6.5 * np.cos(6.5 * x + phase) + 0.014 * 17 * np.cos(17 * x + 2 * phase)
    wobble = noise(rng, x.shape, x.shape[1] / 8, 3)
    stripes = 0.5 + 0.5 * np.sin((depth * 150 + 9 * x + 0.9 * wobble) * (1 + 0.2 * layer))
    inside = depth > 0
    lean = np.arctan(slope * 1.1) + 0.25 * wobble - 0.35 * layer * np.sin(9 * x + phase)
    design = np.where(inside[..., None], ramp(stops, 0.1 + 0.8 * stripes), design)
    return design.astype(np.float32), np.where(inside, lean, angle)


def streamline_curvature(angle):
    """How fast the direction turns along itself, 1/pixel, (H, W)."""
    cosine, sine = (ndimage.gaussian_filter(f(angle), 3) for f in (np.cos, np.sin))
    sine_y, sine_x = np.gradient(sine)
    cosine_y, cosine_x = np.gradient(cosine)
    turn_sine, turn_cosine = cosine * sine_x + sine * sine_y, cosine * cosine_x + sine * cosine_y
    return np.clip(cosine * turn_sine - sine * turn_cosine, -0.03, 0.03)


def lay_strokes(canvas, rng, design, angle, bend, width, reach, cover):
    """Cover the canvas `cover` times with strokes of one brush, in random order."""
    rows, columns = canvas.height.shape
    for _ in range(int(cover * rows * columns / (width * width * reach))):
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        here = int(y), int(x)
        long = width * reach * rng.uniform(0.6, 1.3) / (1 + 40 * abs(bend[here]))
        first = vary(rng, design[here])
        ahead = int(np.clip(y + 0.8 * width * np.cos(angle[here]), 0, rows - 1))
        second = vary(rng, design[ahead, here[1]]) + rng.normal(0, 0.03)
        canvas.stroke(x, y, angle[here] + rng.normal(0, 0.08), bend[here], long, width * rng.uniform(0.7, 1.2),
                      first, second, 1 + 2 * rng.random() + 2 * float(first[0]), int(rng.integers(1024)))  # fmt: skip


def vary(rng, pigment):
    """No two loads of the brush are alike: lighter or darker, warmer or colder."""
    light, warm = rng.normal(0, 0.05), rng.normal(0, 0.03)
    if rng.random() < 0.05:
        pigment = 0.55 * pigment + 0.45 * ACCENTS[rng.integers(len(ACCENTS))]
    return np.clip(pigment * (1 + 1.6 * light) + light * 0.4 + np.float32([warm, 0.3 * warm, -warm]), 0, 1)


def finish(canvas):
    """Light on the relief, at twice the size, then averaged down."""
    canvas.height = ndimage.gaussian_filter(canvas.height, 0.9)
    lit = canvas.lit(0.34, 0.10)
    small = lit.reshape(lit.shape[0] // 2, 2, lit.shape[1] // 2, 2, 3).mean((1, 3))
    return np.clip(bloom(small, small.shape[1] / 90, 0.12), 0, 1)
