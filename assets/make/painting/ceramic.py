"""A wall of painted tiles: stars of eight and twelve points, woven from straps.

The pattern is made by Hankin's method: tile the plane with regular 12-gons, octagons and the trapezoids left
between them; from the middle of every side send two rays inwards at one angle; where neighbours meet, they turn.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .studio import colour, colours, mix, noise, ramp, shade, shrink, smoothstep

CONTACT = np.deg2rad(64)  # between a side and its rays; steeper makes sharper stars
APOTHEM_12, APOTHEM_8 = 0.5 / np.tan(np.pi / 12), 0.5 / np.tan(np.pi / 8)
PERIOD = np.sqrt(2) * (APOTHEM_12 + APOTHEM_8)  # sides are 1 long
CELLS_ACROSS = 2.3
STRAP = 0.105  # half the width of a strap
COBALT, TURQUOISE, NAVY = colour("173a9c"), colour("1f9fae"), colour("0b1c55")
CREAM, GOLD, SAFFRON, LEAF = colour("f3ead2"), colour("d9a02f"), colour("e9b949"), colour("3f8f6a")

# Where a kind of piece lies in the folded cell (see `fold`) and the glaze on its ground.
GROUNDS = (
    ((0.00, 0.00), COBALT), ((0.38, 0.22), CREAM), ((0.41, 0.00), TURQUOISE), ((0.50, 0.11), SAFFRON),
    ((0.50, 0.50), TURQUOISE), ((0.34, 0.34), COBALT),
)  # fmt: skip


def draw(size, seed=0):
    """The picture, (size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    wide = 2 * size
    y, x = lattice_position(rng, wide)
    over, under, near_crossing = strap_distances(wide)
    straps = np.minimum(over, under) < STRAP
    pieces, _ = ndimage.label(~straps)
    glaze = paint_pieces(rng, pieces, x, y)
    glaze = paint_straps(glaze, over, under, near_crossing)
    return finish(rng, glaze, straps, x, y)


def lattice_position(rng, wide):
    """Each pixel's place in the pattern, in sides of a polygon; the hand of the painter shakes a little."""
    unit = pixels_per_side(wide)
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / unit
    shift = START * PERIOD
    return y + shift[0], x + shift[1]


START = np.array([0.33, 0.20])  # where in a cell the picture begins: no star sits in the very middle


def pixels_per_side(wide):
    return wide / CELLS_ACROSS / PERIOD


def regular(centre, sides, turn):
    """Corners of a regular polygon with sides of length 1, (sides, 2) as x, y."""
    radius = 0.5 / np.sin(np.pi / sides)
    angles = turn + np.pi / sides + 2 * np.pi * np.arange(sides) / sides
    return centre + radius * np.stack([np.cos(angles), np.sin(angles)], -1)


def cell_polygons():
    """The polygons of one cell, counter-clockwise in x, y."""
    dozen = regular(np.zeros(2), 12, np.pi / 12)
    eight = regular(np.full(2, PERIOD / 2), 8, 0)
    tip = 0.5 / np.sin(np.pi / 12)
    half, edge = PERIOD / 2, dozen[0]
    upper = edge if edge[1] > 0.1 else dozen[1]
    trapezoid = np.array([[tip, 0], [PERIOD - tip, 0], [PERIOD - upper[0], upper[1]], upper])
    quarter = np.array([[0, -1], [1, 0]])
    halves = [trapezoid, (trapezoid * [1, -1])[::-1]]
    return [dozen, eight, *halves, *(h @ quarter.T for h in halves)]


def rays(polygon):
    """Pairs (start, end, is_over) of one polygon: from each side's middle to where it meets its neighbour's ray."""
    sides = np.roll(polygon, -1, 0) - polygon
    middles = polygon + sides / 2
    heads = sides / np.linalg.norm(sides, axis=1, keepdims=True)
    cosine, sine = np.cos(CONTACT), np.sin(CONTACT)
    found = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        onward = heads[i] @ np.array([[cosine, sine], [-sine, cosine]])
        back = -heads[j] @ np.array([[cosine, -sine], [sine, cosine]])
        step = np.linalg.solve(np.stack([onward, -back], -1), middles[j] - middles[i])
        corner = middles[i] + step[0] * onward
        found += [(middles[i], corner, True), (middles[j], corner, False)]
    return found


def strap_distances(wide):
    """Distance to the straps that pass over and to those that pass under, and where under is near its crossing."""
    unit = pixels_per_side(wide)
    over = np.full((wide, wide), 9, np.float32)
    under, near = over.copy(), np.zeros((wide, wide), bool)
    cells = range(-1, int(CELLS_ACROSS) + 3)
    shift = START[::-1] * PERIOD
    for start, end, on_top in (ray for polygon in cell_polygons() for ray in rays(polygon)):
        for offset in ((PERIOD * i, PERIOD * j) for i in cells for j in cells):
            a, b = (start + offset - shift) * unit, (end + offset - shift) * unit
            low = np.maximum(np.minimum(a, b) - unit * 0.45, 0).astype(int)
            high = np.minimum(np.maximum(a, b) + unit * 0.45 + 1, wide).astype(int)
            if (low >= high).any():
                continue
            box = slice(low[1], high[1]), slice(low[0], high[0])
            far, along = segment_distance(box, a, b)
            far /= unit
            if on_top:
                np.minimum(over[box], far, out=over[box])
            else:
                near[box] = np.where(far < under[box], along < 0.5, near[box])
                np.minimum(under[box], far, out=under[box])
    return over, under, near


def segment_distance(box, a, b):
    """Distance in pixels from each pixel of the box to a segment, and how far along it (0..1) the nearest point is."""
    y = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - a[1]
    x = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None] - a[0]
    way = (b - a).astype(np.float32)
    along = np.clip((x * way[0] + y * way[1]) / (way @ way), 0, 1)
    return np.hypot(x - along * way[0], y - along * way[1]), along


def fold(x, y):
    """The same point in one eighth of a cell, so that whatever is painted there gets the pattern's mirrors."""
    x, y = (np.abs((v / PERIOD + 0.5) % 1 - 0.5) for v in (x, y))
    return np.maximum(x, y), np.minimum(x, y)


def paint_pieces(rng, pieces, x, y):
    """Colour every piece by its place in the pattern, with vines, rosettes and a glaze of its own."""
    count = pieces.max() + 1
    index = np.arange(count)
    centre_x, centre_y = (np.asarray(ndimage.mean(v, pieces, index)) for v in (x, y))
    far, side = fold(centre_x, centre_y)
    where = np.array([place for place, _ in GROUNDS])
    kind = np.hypot(far[:, None] - where[:, 0], side[:, None] - where[:, 1]).argmin(1)
    base = np.stack([ground for _, ground in GROUNDS])[kind] * (1 + rng.normal(0, 0.06, (count, 1)))
    glaze = base[pieces].astype(np.float32)
    glaze = add_vines(rng, glaze, x, y)
    glaze = add_rosettes(glaze, x, y)
    inner = ndimage.distance_transform_edt(pieces > 0) / pixels_per_side(len(x))
    # Glaze runs off the edges and pools: paler rim, then a dark outline against the strap.
    glaze = mix(glaze, glaze * 0.78, smoothstep(0.30, 0.0, inner))
    return mix(glaze, CREAM, 0.85 * smoothstep(0.022, 0.012, np.abs(inner - 0.085)))


def add_vines(rng, glaze, x, y):
    """Scrolls and leaves: level lines of a mirrored noise."""
    fold_x, fold_y = fold(x, y)
    def look_up(feature):
        field = noise(rng, (512, 512), feature, 3)
        return ndimage.map_coordinates(field, np.stack([fold_y, fold_x]) * 900, order=1, mode="grid-wrap")

    scroll, leaf, berry = look_up(60), look_up(38), look_up(30)
    dark = glaze.mean(-1) > 0.6
    line = np.where(dark[..., None], COBALT, CREAM)
    glaze = glaze + (line - glaze) * (0.9 * smoothstep(0.13, 0.05, np.abs(scroll)))[..., None]
    glaze = mix(glaze, SAFFRON, smoothstep(1.25, 1.4, leaf))
    glaze = mix(glaze, TURQUOISE * 1.1, smoothstep(1.5, 1.62, -berry))
    return mix(glaze, NAVY, 0.8 * smoothstep(0.16, 0.04, np.abs(leaf - 1.22)))


def add_rosettes(glaze, x, y):
    """A flower in the heart of each star."""
    for points, shift, size in ((12, 0.0, 1.02), (8, 0.5, 0.58)):
        dx, dy = (((v / PERIOD - shift + 0.5) % 1 - 0.5) * PERIOD for v in (x, y))
        far, around = np.hypot(dx, dy) / size, np.arctan2(dy, dx) + (np.pi / 12 if points == 12 else 0)
        for edge, petal, dent, turn, tone in (
            (0.99, 1, 0.14, 0.0, CREAM), (0.94, 1, 0.15, 0.0, COBALT), (0.80, 1, 0.22, 0.5, SAFFRON), (0.74, 1, 0.24, 0.5, TURQUOISE),
            (0.56, 1, 0.25, 0.0, NAVY), (0.52, 1, 0.27, 0.0, CREAM), (0.36, 0.5, 0.12, 0.0, COBALT), (0.31, 0.5, 0.14, 0.0, GOLD), (0.14, 1, 0.0, 0.0, NAVY), (0.10, 1, 0, 0, CREAM),
        ):  # fmt: skip
            lobe = np.abs(np.cos(points * petal * around / 2 + np.pi * turn * petal))
            reach = edge * (1 - dent + dent * np.sqrt(lobe))
            glaze = mix(glaze, tone, smoothstep(0.012, -0.012, far - reach))
    return glaze


def paint_straps(glaze, over, under, near_crossing):
    """Cream straps with a gold thread and cobalt edges; the upper one casts its edge on the lower."""
    soft = 0.012
    for distance, hidden in ((under, near_crossing & (over < STRAP + 0.05)), (over, np.zeros_like(near_crossing))):
        band = smoothstep(STRAP + soft, STRAP - soft, distance)
        tone = mix(CREAM, NAVY, smoothstep(STRAP - 0.045, STRAP - 0.02, distance))
        tone = mix(tone, GOLD, smoothstep(0.035, 0.02, distance))
        shaded = np.where(hidden[..., None], NAVY, tone)
        glaze = mix(glaze, shaded, band)
        if distance is under:
            joined = under
    # Where two straps meet at a corner they are one strap: redraw it by the nearer of the two.
    corner = ~near_crossing & (np.abs(over - joined) < 9)
    both = np.minimum(over, under)
    tone = mix(CREAM, NAVY, smoothstep(STRAP - 0.045, STRAP - 0.02, both))
    tone = mix(tone, GOLD, smoothstep(0.035, 0.02, both))
    return np.where((corner & (both < STRAP))[..., None], tone, glaze)


def finish(rng, glaze, straps, x, y):
    """Relief, kiln marks, cracks, tile joints and light."""
    shape = straps.shape
    unit = pixels_per_side(len(x))
    inner = ndimage.distance_transform_edt(~straps) / unit
    height = unit * (0.06 * np.sqrt(np.clip(inner, 0, 0.16)) + 0.02 * straps)
    height = ndimage.gaussian_filter(height + 0.25 * noise(rng, shape, 24, 2.2) + 0.8 * noise(rng, shape, 160, 3), 1.5)
    pooled = noise(rng, shape, 90, 1.7)
    glaze = glaze * (1 + 0.085 * pooled + 0.02 * noise(rng, shape, 9, 2))[..., None]
    glaze = mix(glaze, colour("5b4a3a"), 0.30 * cracks(rng, shape))
    glaze, height = lay_tiles(rng, glaze, height, x, y)
    diffuse, shine = shade(height, 0.5, gloss=0.25)
    lit = glaze * (0.35 + 0.65 * diffuse[..., None]) + shine[..., None] * 0.35
    return np.clip(shrink(lit, 2), 0, 1).astype(np.float32)


def cracks(rng, shape):
    """The fine net in an old glaze, 0..1: sides of a Voronoi diagram."""
    points = rng.uniform(-20, shape[0] + 20, (1500, 2))
    y, x = np.mgrid[: shape[0], : shape[1]]
    where = np.stack([y, x], -1) + 3 * np.stack([noise(rng, shape, 30), noise(rng, shape, 30)], -1)
    near = cKDTree(points).query(where.reshape(-1, 2), k=2)[0].reshape(*shape, 2)
    return smoothstep(2.2, 0.6, near[..., 1] - near[..., 0])


def lay_tiles(rng, glaze, height, x, y):
    """Cut the wall into square tiles: each fired a little differently and set a little askew."""
    step = PERIOD / 2  # joints beside the stars, never through their hearts
    row, column = (y / step + 0.5).astype(int), (x / step + 0.5).astype(int)
    tone, tilt_x, tilt_y = (rng.normal(0, s, (32, 32))[row, column] for s in (0.055, 0.05, 0.05))
    in_y, in_x = (y / step + 0.5) % 1 - 0.5, (x / step + 0.5) % 1 - 0.5
    joint = (0.5 - np.maximum(np.abs(in_y), np.abs(in_x))) * step + 0.004 * noise(rng, x.shape, 20, 1.5)
    unit = pixels_per_side(len(x))
    height = height + unit * (tilt_x * in_x + tilt_y * in_y) - 0.07 * unit * smoothstep(0.05, 0.01, joint)
    grout = ramp(colours("8d8069 b5a98c"), 0.5 + 0.3 * noise(rng, x.shape, 5, 1.2))
    return mix(glaze * (1 + tone[..., None]), grout, smoothstep(0.026, 0.016, joint)), height
