"""A wall of cut and painted tiles: stars of eight and twelve points, woven from straps."""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .hankin import PERIOD, fold, lattice_position, pixels_per_side, strap_distances
from .studio import colour, colours, mix, noise, ramp, shade, shrink, smoothstep

STRAP = 0.105  # half the width of a strap
COBALT, TURQUOISE, NAVY = colour("173a9c"), colour("1f9fae"), colour("0b1c55")
CREAM, GOLD, SAFFRON, LEAF = colour("f3ead2"), colour("d9a02f"), colour("e9b949"), colour("3f8f6a")

# Where a kind of piece lies in the folded cell (see `fold`), the glaze of its ground, its line and its flower.
GROUNDS = (
    ((0.00, 0.00), TURQUOISE, CREAM, CREAM), ((0.38, 0.22), CREAM, COBALT, COBALT),
    ((0.41, 0.00), COBALT, CREAM, TURQUOISE), ((9.00, 9.00), TURQUOISE, NAVY, CREAM),
    ((0.50, 0.11), SAFFRON, NAVY, COBALT), ((0.50, 0.50), COBALT, SAFFRON, CREAM),
    ((0.34, 0.34), COBALT, COBALT, COBALT),
)  # fmt: skip
# A star's rosette from outside in: radius, depth of the lobes, turn in half petals, colour.
ROSETTE = (
    (1.00, 0.12, 0.0, CREAM), (0.95, 0.13, 0.0, COBALT), (0.84, 0.20, 0.5, NAVY), (0.80, 0.22, 0.5, SAFFRON),
    (0.74, 0.00, 0.0, NAVY), (0.57, 0.20, 0.0, CREAM), (0.53, 0.24, 0.0, COBALT), (0.35, 0.16, 0.5, CREAM),
    (0.31, 0.18, 0.5, GOLD), (0.17, 0.00, 0.0, NAVY), (0.12, 0.0, 0.0, CREAM),
)  # fmt: skip


def draw(size, seed=0):
    """The image, (size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    wide = 2 * size
    y, x = lattice_position(wide)
    over, under, near_crossing = strap_distances(wide)
    nearest = np.minimum(over, under)
    pieces, _ = ndimage.label(nearest >= STRAP)
    glaze = paint_pieces(rng, pieces, x, y)
    glaze = paint_straps(glaze, over, under, near_crossing)
    return finish(rng, glaze, nearest, pieces, x, y)


def paint_pieces(rng, pieces, x, y):
    """Colour every piece by its place in the pattern, with scrolls, flowers and a glaze of its own."""
    index = np.arange(pieces.max() + 1)
    centre = np.stack([ndimage.mean(v, pieces, index) for v in (x, y)], -1)
    folded = np.stack(fold(*centre.T), -1)
    kind = np.linalg.norm(folded[:, None] - [place for place, *_ in GROUNDS], axis=-1).argmin(1)
    beside = (np.abs((centre / PERIOD + 0.5) % 1 - 0.5) @ [1, -1]) > 0
    kind = np.where((kind == 1) & beside, 3, kind)  # the kites come in two colours, to the sides and above
    base, line, flower = (np.stack([row[k] for row in GROUNDS])[kind] for k in (1, 2, 3))
    base = base * (1 + rng.normal(0, 0.07, (len(index), 1)))
    glaze = base[pieces].astype(np.float32)
    glaze = add_scrolls(rng, glaze, x, y)
    glaze = add_stars(glaze, x, y)
    inner = ndimage.distance_transform_edt(pieces > 0) / pixels_per_side(len(x))
    glaze = add_flowers(glaze, pieces, inner, centre, flower, line, x, y)
    # Glaze runs off the edges and pools: darker towards the strap, with a painted line inside.
    glaze = mix(glaze, glaze * 0.75, smoothstep(0.16, 0.0, inner))
    ring = (inner > 0.01) * smoothstep(0.018, 0.009, np.abs(inner - 0.065))
    return glaze + (line[pieces] - glaze) * (0.9 * ring)[..., None].astype(np.float32)


def add_scrolls(rng, glaze, x, y):
    """Tendrils in a deeper or lighter tone of the ground: level lines, evenly wide, of a mirrored noise."""
    field = noise(rng, (512, 512), 44, 3)
    slope = np.hypot(*np.gradient(field))
    thick = noise(rng, (512, 512), 24, 3)
    place = np.stack(fold(x, y)[::-1]) * 760
    away, swell = (ndimage.map_coordinates(f, place, order=1, mode="grid-wrap") for f in (np.abs(field) / slope, thick))
    width = 1.5 + 3.2 * smoothstep(0.6, 1.4, swell)
    tone = np.where((glaze.mean(-1) > 0.55)[..., None], glaze * np.float32([0.80, 0.86, 0.95]), glaze * 0.62 + 0.30)
    return mix(glaze, tone, smoothstep(width + 0.8, width - 0.8, away))


def add_stars(glaze, x, y):
    """A rosette in the heart of each star, and a drop in each of its points."""
    for points, shift, size, drop in ((12, 0.0, 1.06, (1.32, 0.25, 0.075)), (8, 0.5, 0.60, (0.86, 0.17, 0.06))):
        dx, dy = (((v / PERIOD - shift + 0.5) % 1 - 0.5) * PERIOD for v in (x, y))
        far, around = np.hypot(dx, dy), np.arctan2(dy, dx) + (np.pi / 12 if points == 12 else 0)
        beside = ((around * points / (2 * np.pi) + 0.5) % 1 - 0.5) * 2 * np.pi / points * far
        in_drop = np.hypot((far - drop[0]) / drop[1], beside / (drop[2] * (1.25 - 0.8 * (far - drop[0]) / drop[1])))
        for edge, tone in ((1.0, NAVY), (0.86, CREAM), (0.55, SAFFRON)):
            glaze = mix(glaze, tone, smoothstep(0.04, -0.04, in_drop - edge) * (far < drop[0] + drop[1]))
        for edge, dent, turn, tone in ROSETTE:
            reach = size * edge * (1 - dent + dent * np.sqrt(np.abs(np.cos(points * around / 2 + np.pi * turn))))
            glaze = mix(glaze, tone, smoothstep(0.010, -0.010, far - reach))
        for radius, tone in ((0.66, CREAM), (0.43, GOLD)):
            pearl = np.hypot(far - size * radius, beside) / (size * 0.035)
            glaze = mix(glaze, tone, smoothstep(1.15, 0.85, pearl))
    return glaze


def add_flowers(glaze, pieces, inner, centre, flower, line, x, y):
    """A five-petalled flower in each small piece, as large as the piece allows, growing towards its star."""
    room = ndimage.maximum(inner, pieces, np.arange(len(centre)))
    room = np.where(room < 0.45, room, 0)[pieces] + 1e-6
    dx, dy = x - centre[pieces, 0], y - centre[pieces, 1]
    upright = np.arctan2(*(((centre / PERIOD * 2 + 0.5) % 1 - 0.5).T[::-1]))
    far, around = np.hypot(dx, dy) / room, np.arctan2(dy, dx) - upright[pieces]
    lobe = np.sqrt(np.abs(np.cos(2.5 * around)))
    between = np.hypot(far - 0.62, ((around * 5 / (2 * np.pi)) % 1 - 0.5) * 2 * np.pi / 5 * far)
    for amount, tone in (
        (far - 0.66 * (0.55 + 0.45 * lobe), line[pieces]), (far - 0.60 * (0.52 + 0.48 * lobe), flower[pieces]),
        (far - 0.34 * (0.6 + 0.4 * lobe), CREAM), (far - 0.22, GOLD), (far - 0.09, NAVY), (between - 0.085, LEAF),
    ):  # fmt: skip
        cover = smoothstep(0.03, -0.03, amount) * (room > 0.05)
        glaze = glaze + (tone - glaze) * cover[..., None]
    return glaze.astype(np.float32)


def paint_straps(glaze, over, under, near_crossing):
    """Cream straps with a gold thread and cobalt edges; the upper one's joint cuts the lower."""
    nearest = np.minimum(over, under)
    hidden = near_crossing & (over > STRAP) & (over < STRAP + 0.035) & (under < STRAP)
    # Over a crossing only the upper strap counts; at a corner the two are one strap.
    distance = np.where(near_crossing & (over < STRAP), over, nearest)
    tone = mix(CREAM, COBALT, smoothstep(STRAP - 0.038, STRAP - 0.026, distance))
    tone = mix(tone, GOLD, smoothstep(0.028, 0.018, distance))
    tone = mix(tone, NAVY, 0.85 * smoothstep(STRAP + 0.035, STRAP + 0.02, np.where(hidden, over, 9)))
    return mix(glaze, tone, smoothstep(STRAP + 0.006, STRAP - 0.006, nearest))


def finish(rng, glaze, nearest, pieces, x, y):
    """Kiln marks, cracks, plaster joints, relief and light."""
    shape, unit = pieces.shape, pixels_per_side(len(x))
    dome = np.sqrt(np.clip(np.abs(nearest - STRAP), 0, 0.12) / 0.12)
    height = unit * (0.032 * dome + tilt(rng, pieces, x, y))
    height = height + 0.12 * noise(rng, shape, 30, 2.6) + 0.7 * noise(rng, shape, 160, 3)
    glaze = glaze * (1.03 + 0.07 * noise(rng, shape, 90, 1.7) + 0.02 * noise(rng, shape, 9, 2))[..., None]
    glaze = mix(glaze, colour("5b4a3a"), 0.28 * cracks(rng, shape))
    joint = np.abs(nearest - STRAP) + 0.003 * noise(rng, shape, 20, 1.5)
    plaster = ramp(colours("6f6350 b9ab8c"), 0.5 + 0.3 * noise(rng, shape, 5, 1.2))
    glaze = mix(glaze, plaster, smoothstep(0.015, 0.007, joint))
    height = ndimage.gaussian_filter(height - 0.03 * unit * smoothstep(0.03, 0.008, joint), 1.4)
    diffuse, shine = shade(height, 0.6, gloss=0.30)
    lit = glaze * (0.52 + 0.48 * diffuse[..., None]) + shine[..., None] * 0.35
    return np.clip(shrink(lit, 2), 0, 1).astype(np.float32)


def tilt(rng, pieces, x, y):
    """Every cut piece lies a little askew in its plaster, so each one catches the light differently."""
    lean_x, lean_y = rng.normal(0, 0.045, (2, pieces.max() + 1))
    lean_x[0] = lean_y[0] = 0
    index = np.arange(len(lean_x))
    centre_x, centre_y = (np.asarray(ndimage.mean(v, pieces, index)) for v in (x, y))
    return lean_x[pieces] * (x - centre_x[pieces]) + lean_y[pieces] * (y - centre_y[pieces])


def cracks(rng, shape):
    """The fine net in an old glaze, 0..1: sides of a Voronoi diagram."""
    points = rng.uniform(-20, shape[0] + 20, (1500, 2))
    y, x = np.mgrid[: shape[0], : shape[1]]
    where = np.stack([y, x], -1) + 3 * np.stack([noise(rng, shape, 30), noise(rng, shape, 30)], -1)
    near = cKDTree(points).query(where.reshape(-1, 2), k=2)[0].reshape(*shape, 2)
    return smoothstep(2.2, 0.6, near[..., 1] - near[..., 0])
