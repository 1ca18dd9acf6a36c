"""Dye in turbulent water: a simulated flow of many shear layers, and the dye it has stirred."""

import numpy as np
from scipy import fft, ndimage

from .studio import colours, mix, noise, ramp, shade, sharpen, shrink, smoothstep

CELLS = 256  # grid of the flow; the dye is traced at the image's own resolution
STEPS = 130
STEP_TIME = 0.006
VISCOSITY = 2.5e-5
DYES = colours("06263f 0b4a6f 0f7a94 2fb0b4 a5dcd6 f6f4ea fbe3b5 f4a640 d9482b 7c1d2c 14355c 1d6f9e 63bfd0 eef5f1 0d5670 083148")


def draw(size, seed=0):
    """The image, (size, size, 3) float32 in 0..1."""
    rng = np.random.default_rng(seed)
    velocities = simulate(rng)
    # Traced at one and a half times and read at three times the size: thin filaments must not break into beads.
    y, x, stretch = (ndimage.zoom(field, 2, order=3) for field in trace_back(velocities, size * 3 // 2))
    return finish(initial_dye(rng, y, x, stretch), stretch)


def simulate(rng):
    """Solve the vorticity equation on a periodic square; (STEPS, 2, CELLS, CELLS) velocities, y then x."""
    y = (np.arange(CELLS) + 0.5) / CELLS
    layers = sum(a * np.sin(2 * np.pi * (k * y + p)) for k, a, p in ((4, 26, 0.1), (7, 24, 0.4), (2, 8, 0.7)))
    vorticity = layers[:, None] + 9 * noise(rng, (CELLS, CELLS), CELLS / 9, 2.2)
    waves = fft.fftfreq(CELLS, 1 / CELLS) * 2 * np.pi
    rows, columns = waves[:, None], waves[None]
    square = rows**2 + columns**2
    keep = np.exp(-VISCOSITY * square * STEP_TIME)
    square[0, 0] = 1
    history = np.empty((STEPS, 2, CELLS, CELLS), np.float32)
    for step in range(STEPS):
        stream = fft.fft2(vorticity) / square
        history[step] = fft.ifft2(-1j * columns * stream).real, fft.ifft2(1j * rows * stream).real
        carried = carry(vorticity, history[step])
        vorticity = fft.ifft2(fft.fft2(carried) * keep).real
    return history


def carry(field, velocity):
    """One semi-Lagrangian step: each cell takes the value that the flow brings to it."""
    here = np.mgrid[:CELLS, :CELLS].astype(np.float32)
    middle = here - 0.5 * STEP_TIME * CELLS * velocity
    halfway = np.stack([ndimage.map_coordinates(v, middle, order=1, mode="grid-wrap") for v in velocity])
    return ndimage.map_coordinates(field, here - STEP_TIME * CELLS * halfway, order=3, mode="grid-wrap")


def trace_back(velocities, size):
    """Where the water in each pixel was at the start, in 0..1 (unwrapped), and how much it was stretched.

    Tracing the particles instead of the dye keeps the finest filament sharp: nothing is averaged on the way.
    """
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    for velocity in velocities[::-1]:
        cell = np.stack([y, x]) * CELLS - 0.5
        y = y - STEP_TIME * ndimage.map_coordinates(velocity[0], cell, order=1, mode="grid-wrap")
        x = x - STEP_TIME * ndimage.map_coordinates(velocity[1], cell, order=1, mode="grid-wrap")
    rate = sum(g**2 for field in (y, x) for g in np.gradient(field))
    return y, x, np.sqrt(rate) * size


def initial_dye(rng, y, x, stretch):
    """The dye at the start: wavy bands, each finely veined. y, x: (H, W) positions. Returns (H, W, 3)."""

    def look_up(field):
        cell = np.stack([y, x]) * len(field) - 0.5
        return ndimage.map_coordinates(field, cell, order=1, mode="grid-wrap")

    waves = look_up(noise(rng, (512, 512), 180, 2.5))
    veins = look_up(noise(rng, (1024, 1024), 70, 2.8))
    place = y * 1.0 + 0.05 * waves + 0.012 * veins
    banded = ramp(np.concatenate([DYES, DYES[:1]]), place % 1)
    # Veins that the flow has drawn out thinner than a pixel would only flicker: let them fade before that.
    light = np.sin(2 * np.pi * (place * 26 + 0.5 * veins)) * smoothstep(11, 4, stretch)
    return np.clip(banded * (1 + 0.13 * light[..., None]) + 0.035 * light[..., None], 0, 1)


def finish(dye, stretch):
    """Shade the dye as if each filament stood a little above the next, and average down."""
    tone = ndimage.gaussian_filter(dye.mean(-1), 1.8)
    diffuse, shine = shade(tone, 7.5, gloss=0.12)
    dye = mix(dye, ndimage.gaussian_filter(dye, (3.5, 3.5, 0)), smoothstep(12, 34, stretch))
    lit = dye * (0.75 + 0.25 * diffuse[..., None]) + shine[..., None] * 0.6
    return np.clip(sharpen(shrink(lit, 3), 1.0, 0.4), 0, 1)
