"""A loaded brush: strokes that bend, carry two colours and leave ridges of paint."""

import numpy as np

from .studio import noise, shade


class Canvas:
    """Wet paint: `.paint` (H, W, 3) in 0..1 and `.height` (H, W), the thickness of the paint in pixels."""

    def __init__(self, ground, rng):
        self.paint = np.array(ground, np.float32)
        self.height = np.zeros(self.paint.shape[:2], np.float32)
        # Rows run along a stroke and columns across it: long streaks, one or two columns wide.
        self.bristles = noise(rng, (256, 1024), (120, 3.5), 2.2)

    def stroke(self, x, y, angle, bend, length, width, first, second, lift=1.0, which=0):
        """One stroke centred at (x, y) pixels.

        angle: radians, 0 is to the right; bend: curvature in 1/pixel; first, second: the two colours on the brush;
        lift: how thick the paint is; which: picks the bristles.
        """
        box = self._box(x, y, angle, bend, length, width)
        if box is None:
            return
        along, across = _stroke_coordinates(box, x, y, angle, bend)
        along, across = along / (length / 2), across / (width / 2)
        rows = np.clip((along + 1) * 100, 0, 255).astype(np.int16)
        spread = max(6.0, min(width, 40.0))
        columns = (which + (across + 1.2) * spread).astype(np.int32) & 1023
        streak = self.bristles[rows, columns]
        ragged = self.bristles[128, columns]
        side = np.clip((1 - np.abs(across) + 0.08 * streak) * width / 3, 0, 1)
        # The brush lands full and leaves dry: its far end is more ragged than the near one.
        start = np.clip((1 + along - 0.04 - 0.05 * ragged) * length / 4, 0, 1)
        end = np.clip((1 - along - 0.12 + 0.13 * ragged) * length / 5, 0, 1)
        dry = np.clip(1.9 - 0.9 * along + 0.8 * streak, 0, 1)
        cover = side * start * end * dry
        self._lay(box, cover, streak, across, first, second, lift)

    def _lay(self, box, cover, streak, across, first, second, lift):
        share = np.clip(0.35 + 0.32 * streak, 0, 1)[..., None]
        pigment = first * (1 - share) + second * share
        patch = self.paint[box]
        patch += cover[..., None] * (pigment - patch)
        # Paint is pushed to the sides of the stroke, where it stands highest.
        ridge = lift * (0.75 + 0.3 * streak + 0.45 * across**4)
        relief = self.height[box]
        relief += cover * (0.35 * relief + ridge - relief)

    def _box(self, x, y, angle, bend, length, width):
        steps = np.linspace(-0.5, 0.5, 7) * length
        turned = angle + bend * steps / 2
        xs, ys = x + steps * np.cos(turned), y + steps * np.sin(turned)
        pad = width / 2 + 2
        height_px, width_px = self.height.shape
        top, bottom = max(0, int(ys.min() - pad)), min(height_px, int(ys.max() + pad) + 1)
        left, right = max(0, int(xs.min() - pad)), min(width_px, int(xs.max() + pad) + 1)
        return None if top >= bottom or left >= right else (slice(top, bottom), slice(left, right))

    def lit(self, strength, gloss):
        """The painting under a lamp at the upper left, (H, W, 3) in 0..1."""
        diffuse, shine = shade(self.height, strength, gloss=gloss)
        return np.clip(self.paint * diffuse[..., None] + shine[..., None], 0, 1)


def _stroke_coordinates(box, x, y, angle, bend):
    """Distance along and across a circular arc, for each pixel of the box, in pixels."""
    dy = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - y
    dx = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None] - x
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    forward, left = dx * cosine + dy * sine, dy * cosine - dx * sine
    if abs(bend) < 1e-4:
        return forward, left
    radius, sign = np.float32(1 / abs(bend)), np.float32(np.sign(bend))
    inward = radius - sign * left
    return radius * np.arctan2(forward, inward), sign * (radius - np.hypot(forward, inward))
