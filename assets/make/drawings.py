"""Drawings in hundreds of styles, to train the network that paints any style: `draw(seed)` is one of them.

Each drawing is a scene (a crop of a training image or an invented one, recoloured to a random palette, and a field of
directions for the marks) handed to one of the painters in `PAINTERS`: those of drawing/lines.py work in strokes, lines and
dots, those of drawing/areas.py in areas. What the code draws is CC0; no image but those of encoder_data.py is painted after.

    python assets/make/drawings.py sheet.png --count 80
"""

import argparse
from pathlib import Path

import numpy as np
from drawing import areas, lines
from drawing.scene import compose
from painting.studio import noise, shrink
from PIL import Image

PAINTERS = (
    lines.oil, lines.hatch, areas.areas, areas.marbled, lines.pastel, lines.points, lines.engraving, lines.swirls,
    areas.mosaic, areas.watercolour, lines.oil, lines.pencil, areas.facets, areas.tiles, areas.glazes, lines.knife,
    lines.charcoal, areas.shapes, lines.scratch, lines.oil, areas.contours, lines.halftone, lines.drips, areas.stitches,
)  # fmt: skip
# What may lie below another painter's marks: a pattern painted in oil, facets in pastel, marbling in dots.
DESIGNS = (areas.areas, areas.contours, areas.facets, areas.marbled, areas.shapes, areas.tiles, areas.watercolour)


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
    for attempt in range(9):
        rng = np.random.default_rng([seed, attempt])
        scene = compose(rng, side)
        if rng.random() < 0.2:
            scene.take(DESIGNS[rng.integers(len(DESIGNS))](scene))
        drawing = finish(scene, PAINTERS[seed % len(PAINTERS)](scene))
        if drawing.std((0, 1)).max() > 0.06:  # anything to be seen?
            break
    return drawing


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
