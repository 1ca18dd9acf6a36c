"""What all six images share: noise, colour ramps, light on relief, resampling."""

import numpy as np
from scipy import fft, ndimage


def colour(text):
    """The colour of a six-digit hexadecimal text, (3,) float32 in 0..1."""
    return np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def colours(text):
    """Several colours from one line of hexadecimal words, (N, 3) float32 in 0..1."""
    return np.stack([colour(word) for word in text.split()])


def ramp(stops, position):
    """Colours along evenly spaced stops.

    stops: (N, 3); position: any shape, 0 is the first stop and 1 the last. Returns position.shape + (3,).
    """
    where = np.clip(position, 0, 1) * (len(stops) - 1)
    low = np.minimum(where.astype(int), len(stops) - 2)
    part = (where - low)[..., None]
    return (stops[low] * (1 - part) + stops[low + 1] * part).astype(np.float32)


def mix(first, second, amount):
    """`first` where amount is 0, `second` where it is 1; amount has no colour axis."""
    amount = np.asarray(amount)[..., None]
    return first * (1 - amount) + second * amount


def smoothstep(low, high, value):
    """0 below low, 1 above high, and a smooth rise between them."""
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def pixels(height, width):
    """Row and column of each pixel's centre, in units of the long side: two (H, W) arrays."""
    long_side = max(height, width)
    return np.meshgrid((np.arange(height) + 0.5) / long_side, (np.arange(width) + 0.5) / long_side, indexing="ij")


def noise(rng, shape, feature, slope=2.0):
    """Fractal noise of mean 0 and standard deviation 1 that wraps around, (H, W) float32.

    feature: size of the largest blots in pixels, a number or (down, across) for streaks.
    slope: how fast finer detail fades; 3 is cloudy, 1.5 is gritty.
    """
    down, across = np.broadcast_to(feature, 2)
    spectrum = fft.rfft2(rng.standard_normal(shape).astype(np.float32))
    rows = fft.fftfreq(shape[0])[:, None] * down
    columns = fft.rfftfreq(shape[1])[None] * across
    spectrum *= (1 + rows**2 + columns**2) ** (-slope / 2)
    spectrum[0, 0] = 0
    field = fft.irfft2(spectrum, s=shape)
    return (field / (field.std() + 1e-9)).astype(np.float32)


def shade(height, strength, azimuth=135.0, gloss=0.0):
    """Light from the upper left on a relief.

    height: (H, W) in pixels. Returns (diffuse, shine): diffuse is 1 on flat ground, shine is the mirror's share.
    """
    slope_y, slope_x = np.gradient(height * strength)
    angle = np.deg2rad(azimuth)
    light = np.array([np.cos(angle), -np.sin(angle), 1.2])
    light /= np.linalg.norm(light)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) / length
    halfway = light + (0, 0, 1)
    halfway /= np.linalg.norm(halfway)
    mirror = (-slope_x * halfway[0] - slope_y * halfway[1] + halfway[2]) / length
    return facing / light[2], gloss * np.clip(mirror, 0, 1) ** 40


def shrink(image, factor):
    """Average factor x factor blocks: the anti-aliasing of images drawn larger."""
    height, width = (n // factor * factor for n in image.shape[:2])
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor, -1)
    return blocks.mean((1, 3)).reshape(height // factor, width // factor, *image.shape[2:])


def bloom(image, sigma, amount):
    """Let the light parts glow into their surroundings (a screen of the blurred image)."""
    blurred = ndimage.gaussian_filter(image, (sigma, sigma, 0))
    return 1 - (1 - image) * (1 - amount * np.clip(blurred, 0, 1) ** 2)


def sharpen(image, sigma, amount):
    """Unsharp mask, for the last bit of crispness after averaging."""
    return image + amount * (image - ndimage.gaussian_filter(image, (sigma, sigma, 0)))
