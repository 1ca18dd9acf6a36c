"""A window: a rose for the sun, a wind of rays, a tree, hills, a river and poppies, all in lead."""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import label as connected

from .studio import bloom, colours, mix, noise, pixels, ramp, shade, shrink, smoothstep

SUN = (0.615, 0.335)  # x, y in units of the image's side
ROSE = (0.040, 0.098, 0.160, 0.196)  # radii of its rings
POPPIES = ((0.50, 0.90, 0.080), (0.70, 0.835, 0.062), (0.88, 0.925, 0.085), (0.335, 0.80, 0.050))
CROWN = (
    (0.10, 0.30, 0.13), (0.22, 0.20, 0.11), (0.25, 0.38, 0.10), (0.06, 0.46, 0.09),
    (0.10, 0.12, 0.10), (0.18, 0.50, 0.06),
)  # fmt: skip
SKY = colours("fff0a0 ffd23c ff9a2a f0552f d22a62 8a2a9c 4a35b8 2448c8 1560c4 0f3a92 122c74")
ROSE_TONES = colours("fffbe0 e8262c ffcf33 1a4fc4 f7902a d21f52 2fa6d8 ffe27a 7a1fa0")
LEAVES = colours("0d4f3a 1c7a3f 48a53a 9cc63a e0cf3f f0a534")
HILLS = (
    colours("3b3aa8 5a58c8 7a7ad8 2a6ab0"),
    colours("0f6a6a 1e8f74 58b06a 14806a"),
    colours("1f7a34 58a832 a8c83c 2c8f3e d0c444"),
)
WATER = colours("0f4fb0 1c86d0 4fc0e0 b8ecf0 2a9ad0 1560c0")
PETALS = colours("c8102e e8322c f2542c b00c3a f57a3a")


def draw(size, seed=0):
    """The image, (size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    shape = (2 * size, 2 * size)
    y, x = pixels(*shape)
    y = y + 0.0035 * noise(rng, shape, shape[0] / 10, 3)
    x = x + 0.0035 * noise(rng, shape, shape[0] / 10, 3)
    ids, tint = cut(rng, x, y)
    pieces = merge_slivers(ids, 260 * (size / 1024) ** 2)
    glass = stain(rng, pieces, tint, x, y)
    return set_in_lead(rng, pieces, glass, x, y)


class Cutter:
    """Collects pieces, later ones in front: `.ids` (H, W) int and `.tint` (H, W, 3)."""

    def __init__(self, shape):
        self.ids = np.zeros(shape, np.int64)
        self.tint = np.zeros((*shape, 3), np.float32)
        self.layers = 0

    def add(self, inside, ids, tint):
        """Put pieces numbered `ids` and coloured `tint` over what is there, where `inside`."""
        self.layers += 1
        self.ids = np.where(inside, self.layers * 10_000_000 + ids, self.ids)
        self.tint = np.where(inside[..., None], tint, self.tint)


def bricks(rng, along, across, length):
    """Rows of unequal bricks: row number from `across`, joints shifted from row to row; one id per brick."""
    row = np.floor(across).astype(int)
    row -= row.min()
    shift = rng.uniform(0, 10, row.max() + 1)[row]
    place = along / length + shift
    column = np.floor(place + 0.22 * np.sin(2.4 * place + 7 * row)).astype(int)
    return row * 1000 + column % 1000


def pick(rng, stops, ids):
    """A random position on the ramp for every id, the same wherever the id occurs."""
    known, inverse = np.unique(ids, return_inverse=True)
    return ramp(stops, rng.random(len(known)))[inverse].reshape(*ids.shape, 3)


def cut(rng, x, y):
    """The cartoon: every piece's number and the colour of its glass."""
    window = Cutter(x.shape)
    add_rays(rng, window, x, y)
    add_hills(rng, window, x, y)
    add_tree(rng, window, x, y)
    add_rose(window, x, y)
    for poppy in POPPIES:
        add_poppy(rng, window, x, y, *poppy)
    return window.ids, window.tint


def add_rays(rng, window, x, y):
    """Bent rays around the sun, cut across at growing distances: warm near it, blue far away."""
    far = np.hypot(x - SUN[0], y - SUN[1]) + 1e-6
    around = np.arctan2(y - SUN[1], x - SUN[0]) / (2 * np.pi) + 0.11 * np.log(far / 0.2)
    sector = np.floor((around % 1) * 30).astype(int)
    ids = bricks(rng, np.log(far), sector, 0.27)
    band = 0.5 + 0.5 * (sector % 2)
    known, inverse = np.unique(ids, return_inverse=True)
    shift = rng.normal(0, 0.05, len(known))[inverse].reshape(ids.shape)
    position = 1.75 * (far - 0.20) + 0.20 * (band - 0.75) + shift
    window.add(np.ones(x.shape, bool), ids, ramp(SKY, position))


def add_hills(rng, window, x, y):
    """Three ridges of long bricks, and a river that winds down between them."""
    for layer, (stops, base) in enumerate(zip(HILLS, (0.60, 0.67, 0.76), strict=True)):
        depth = y - base - 0.040 * np.sin(6.3 * x + 2.2 * layer + 0.5) - 0.015 * np.sin(15 * x + layer)
        ids = bricks(rng, x + 0.3 * depth, depth / (0.030 + 0.010 * layer), 0.11 + 0.015 * layer)
        window.add(depth > 0, ids, pick(rng, stops, ids))
    depth = np.clip(y - 0.665, 0, None)
    middle = 0.52 + 0.10 * np.sin(15 * depth**0.8 + 2.2) - 0.75 * depth
    wide = 0.022 + 0.44 * depth
    ids = bricks(rng, (x - middle) / wide, depth**0.7 / 0.042, 1.1)
    window.add((np.abs(x - middle) < wide) & (y > 0.70), ids, pick(rng, WATER, ids))


def add_tree(rng, window, x, y):
    """A trunk of upright staves, boughs, and a crown of leaf-shaped pieces."""
    middle = 0.135 + 0.05 * np.sin(4.5 * (y - 0.2)) + 0.02 * np.sin(14 * y)
    wide = 0.020 + 0.075 * smoothstep(0.72, 1.05, y)
    crown = np.min([np.hypot(x - cx, y - cy) / r for cx, cy, r in CROWN], axis=0)
    # Seeds on a shaken lattice: none so near its neighbour that the leaf between them is all lead.
    lattice = np.stack(np.mgrid[-0.02:0.44:0.034, -0.02:0.64:0.036], -1).reshape(-1, 2)
    points = lattice + rng.uniform(-0.012, 0.012, lattice.shape)
    # Leaves are longer than wide: measure distance in a squeezed, turned frame.
    turn = np.array([[1.35, 0.75], [-0.75, 1.0]])
    leaf = cKDTree(points @ turn).query(np.stack([x, y], -1).reshape(-1, 2) @ turn)[1].reshape(x.shape)
    light = 0.45 + 2.2 * (points[:, 0] - 0.15) - 1.2 * (points[:, 1] - 0.3) + rng.normal(0, 0.2, len(points))
    staves = bricks(rng, y, (x - middle) / wide * 1.5 + 10, 0.12)
    trunk = (np.abs(x - middle) < wide) & (y > 0.40)
    window.add(trunk, staves, pick(rng, colours("3a1a4a 6a2f3f 8f4a2f 4a2a5f"), staves))
    window.add(crown < 1, leaf, ramp(LEAVES, light)[leaf])


def add_rose(window, x, y):
    """Rings of petals around the sun's heart; each ring has twice the petals of the one inside."""
    far, around = np.hypot(x - SUN[0], y - SUN[1]), np.arctan2(y - SUN[1], x - SUN[0]) / (2 * np.pi)
    for ring, count in ((3, 32), (2, 16), (1, 8)):
        place = around * count + 0.5 * (ring == 2)
        reach = ROSE[ring] * (1 + 0.07 * (np.abs(np.cos(np.pi * (place % 1 - 0.5))) - 0.6) * (ring < 3))
        petal = np.floor(place).astype(int) % count
        tones = ROSE_TONES[[3 * ring - 2 + v for v in (0, 1)]] if ring < 3 else ROSE_TONES[[3, 7]]
        window.add(far < reach, petal, tones[petal % 2])
        outwards = (far - ROSE[ring - 1]) / (ROSE[ring] - ROSE[ring - 1])
        core = np.hypot(place % 1 - 0.5, outwards - 0.5) < 0.24
        if ring < 3:
            window.add(core & (far < reach), petal, ROSE_TONES[[7, 3][ring - 1]])
    window.add(far < ROSE[0], np.zeros(x.shape, int), ROSE_TONES[0])


def add_poppy(rng, window, x, y, centre_x, centre_y, radius):
    """Five wavy petals, each of two panes, around a dark heart, on two leaves."""
    dx, dy = (x - centre_x) / radius, (y - centre_y) / radius
    far, around = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi) + rng.random()
    leaf = np.minimum(np.hypot(dx - 0.9, (dy - 0.75) * 2.2), np.hypot(dx + 0.95, (dy - 0.6) * 2.2)) < 0.75
    window.add(leaf, (dy * 6 + dx * 3 > 4.2).astype(int), LEAVES[2])
    place = around * 5
    edge = 0.80 + 0.20 * np.abs(np.sin(np.pi * place)) + 0.02 * np.sin(12 * np.pi * place)
    petal = np.floor(place).astype(int) % 5 + 5 * (far > 0.62)
    window.add(far < edge, petal, PETALS[petal % 5] * np.where(petal > 4, 1.0, 0.72)[..., None])
    window.add(far < 0.30, np.floor(place * 0.6).astype(int) % 3, colours("2a1450")[0])
    window.add(far < 0.13, np.zeros(x.shape, int), colours("f4c93a")[0])


def merge_slivers(ids, least):
    """Number the connected pieces from 0; those smaller than `least` pixels join their nearest neighbour."""
    pieces = connected(ids, connectivity=1)
    small = np.bincount(pieces.ravel())[pieces] < least
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return np.unique(pieces[tuple(nearest)], return_inverse=True)[1].reshape(ids.shape)


def stain(rng, pieces, tint, x, y):
    """Colour of each piece, with its own streaks, seeds and thickness, and daylight behind it."""
    count, shape = pieces.max() + 1, pieces.shape
    area = np.bincount(pieces.ravel())
    base = np.stack([np.bincount(pieces.ravel(), tint[..., c].ravel()) / area for c in range(3)], -1)
    base = np.clip(base * rng.normal(1, 0.10, (count, 1)) + rng.normal(0, 0.02, (count, 3)), 0, 1)
    glass = base[pieces].astype(np.float32)
    streak = np.choose(rng.integers(0, 4, count)[pieces], [streaks(rng, shape, turn) for turn in (0.2, 1.0, 1.8, 2.6)])
    glass = np.clip(glass, 0.02, 1) ** (1 - 0.22 * np.clip(streak, -2.2, 2.2)[..., None])
    glass = mix(glass, np.float32([1, 0.97, 0.9]), np.clip(0.13 * streak - 0.10, 0, 0.4))
    sun = np.exp(-(((x - SUN[0]) ** 2 + (y - SUN[1]) ** 2) / 0.16))
    return glass * (0.92 + 0.20 * sun)[..., None]


def streaks(rng, shape, turn):
    """Wisps as in rolled glass, drawn out along one direction and wavering, (H, W) of deviation about 1."""
    field = noise(rng, shape, (shape[0] / 45, shape[0] / 5), 2.2)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    waver = noise(rng, shape, shape[0] / 7, 3) * shape[0] / 90
    place = np.stack([y * np.cos(turn) - x * np.sin(turn) + waver, x * np.cos(turn) + y * np.sin(turn)])
    return ndimage.map_coordinates(field, place, order=1, mode="grid-wrap")


def set_in_lead(rng, pieces, glass, x, y):
    """Lay rounded lead along every joint, light it, and let the glass glow over it."""
    shape, unit = pieces.shape, pieces.shape[0] / 2048
    gap, joint = joints(pieces)
    wide = unit * (5.3 + 0.5 * noise(rng, shape, shape[0] / 20, 2))
    knot = smoothstep(13 * unit, 8 * unit, joint)
    wide = wide + 4 * unit * knot
    inner = np.clip((gap - wide) / (30 * unit), 0, 1)
    glass = glass * (0.70 + 0.30 * inner**0.5)[..., None]
    ripple = noise(rng, shape, shape[0] / 50, 2.9) * 1.6 + bubbles(rng, shape) * 1.8
    diffuse, shine = shade(ripple * unit * 1.6, 0.5, gloss=0.10)
    glass = glass * (0.55 + 0.45 * diffuse[..., None]) + 0.5 * shine[..., None]
    round_top = np.sqrt(np.clip(1 - (gap / wide) ** 2, 0, 1)) * wide
    surface = ndimage.gaussian_filter(round_top, 1.0) + 0.3 * noise(rng, shape, 9, 1.5)
    lead_light, lead_shine = shade(surface, 0.8, gloss=0.35)
    lead = np.float32([0.13, 0.13, 0.15]) * lead_light[..., None] + lead_shine[..., None] * 0.5
    window = mix(np.clip(lead, 0, 1), glass, smoothstep(-1.0, 1.0, gap - wide))
    return np.clip(bloom(shrink(np.clip(window, 0, 1), 2), shape[0] / 160, 0.22), 0, 1)


def joints(pieces):
    """Distance in pixels to the nearest joint between pieces, and to the nearest point where three meet."""
    edge = np.zeros(pieces.shape, bool)
    edge[:, 1:] |= pieces[:, 1:] != pieces[:, :-1]
    edge[1:] |= pieces[1:] != pieces[:-1]
    corners = np.stack([pieces[:-1, :-1], pieces[:-1, 1:], pieces[1:, :-1], pieces[1:, 1:]])
    corners.sort(0)
    meeting = np.zeros(pieces.shape, bool)
    meeting[1:, 1:] = (np.diff(corners, axis=0) > 0).sum(0) >= 2
    distance = ndimage.distance_transform_edt(~edge)
    return ndimage.gaussian_filter(distance, 0.8), ndimage.distance_transform_edt(~meeting)


def bubbles(rng, shape):
    """Seeds of air in the glass: little domes at random places, (H, W) in 0..1."""
    seeds = np.zeros(shape, np.float32)
    count = shape[0] * shape[1] // 6000
    seeds[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = rng.uniform(0.3, 1, count)
    dome = ndimage.gaussian_filter(seeds, 2.6)
    return dome / (dome.max() + 1e-9)
