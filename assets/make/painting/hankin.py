"""The pattern of the tiles, by Hankin's method.

Tile the plane with regular 12-gons, octagons and the trapezoids left between them; from the middle of every side
send two rays inwards at one angle; where neighbours meet, they turn. Alternate rays pass over and under.
"""

import numpy as np

CONTACT = np.deg2rad(64)  # between a side and its rays; steeper makes sharper stars
APOTHEM_12, APOTHEM_8 = 0.5 / np.tan(np.pi / 12), 0.5 / np.tan(np.pi / 8)
PERIOD = np.sqrt(2) * (APOTHEM_12 + APOTHEM_8)  # sides are 1 long
CELLS_ACROSS = 2.15
START = np.array([0.33, 0.20])  # where in a cell the image begins: no star sits in the very middle


def lattice_position(wide):
    """Each pixel's place in the pattern, y and x in sides of a polygon."""
    unit = pixels_per_side(wide)
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / unit
    shift = START * PERIOD
    return y + shift[0], x + shift[1]


def pixels_per_side(wide):
    """How long one side of a polygon is in an image `wide` pixels across."""
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
    upper = dozen[0]
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
