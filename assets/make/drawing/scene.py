"""What a drawing starts from: a palette, something to paint, and a field of directions for the marks."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from painting.studio import colours, mix, noise, ramp, smoothstep
from PIL import Image
from scipy import ndimage
from skimage import exposure

PIGMENTS = colours(
    "0d0c10 1c1a2e 2b1b14 3a2a1c 4b1d1a 14304f 1b3f9c 16502f 5b3a86 7a3b1e 8a1c24 8c5a2a c9372c e2582e e08a2e d9a02f f2c24a "
    "3f8f6a 1f9fae 4d92c9 8fc1d2 9db38a b9a27e c98f8a e6b7a9 ecdfc0 f4eedc cfd6d8 88898c d6478f a4c639 fbe795"
)


@dataclass
class Scene:
    """What a painter gets; all arrays are (W, W) or (W, W, 3) in 0..1, W being twice the side of the drawing."""

    rng: np.random.Generator
    palette: np.ndarray  # (K, 3), from dark to light
    image: np.ndarray
    tone: np.ndarray  # lightness, spread evenly over 0..1
    angle: np.ndarray  # direction of the marks, radians
    unit: float  # pixels of the canvas for each pixel of a drawing of 256

    @property
    def wide(self):
        return len(self.tone)

    def mark(self, low, high):
        """A random size of marks, given for a drawing of 256 px, in pixels of the canvas."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high)))) * self.unit

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def take(self, image):
        """From now on this is what is painted."""
        self.image = np.clip(image, 0, 1).astype(np.float32)
        self.tone = np.clip(0.5 + 1.4 * (self.image @ np.float32([0.3, 0.59, 0.11]) - 0.5), 0, 1)

    def warp(self, feature, amount):
        """Two smooth fields of shifts in pixels, (2, W, W)."""
        return np.stack([amount * noise(self.rng, self.tone.shape, feature, 3) for _ in range(2)])


def draw_palette(rng):
    """3 to 8 colours from dark to light: pigments of painters, or hues in harmony, or nearly one hue."""
    count = int(rng.integers(3, 9))
    if rng.random() < 0.5:
        chosen = PIGMENTS[rng.choice(len(PIGMENTS), count, replace=False)]
    else:
        light = np.linspace(*np.sort(rng.uniform(0.02, 1.0, 2) + (-0.1, 0.1)), count) + rng.normal(0, 0.05, count)
        spread = rng.choice([0.15, 0.5, 1.2, 6.3], p=[0.2, 0.3, 0.25, 0.25])
        hue = rng.uniform(0, 2 * np.pi) + rng.uniform(-spread, spread, count) + np.pi * (rng.random(count) < 0.25)
        chroma = rng.choice([0.03, 0.15, 0.35, 0.6]) * rng.uniform(0.5, 1.2, count)
        wheel = np.cos(hue[:, None] - np.array([0, 2, 4]) * np.pi / 3)
        chosen = np.clip(light[:, None] + chroma[:, None] * wheel, 0, 1)
    chosen = chosen + rng.normal(0, 0.02, chosen.shape)
    grey = chosen @ (0.3, 0.59, 0.11)
    if np.ptp(grey) < 0.3:  # light against dark, or nothing can be seen
        chosen[grey.argmin()] *= 0.4
        chosen[grey.argmax()] = 1 - 0.4 * (1 - chosen[grey.argmax()])
    chosen = np.clip(chosen, 0, 1)
    return chosen[np.argsort(chosen @ (0.3, 0.59, 0.11))].astype(np.float32)


@cache
def photographs():
    """The training images and how often each is taken: no pages of text, few bare textures."""
    import encoder_data as data  # needs torch

    names = [*data.SKIMAGE, "motorcycle", *data.SKLEARN]
    rare = {"page": 0, "text": 0} | dict.fromkeys(("brick", "cell", "grass", "gravel", "immunohistochemistry"), 0.3)
    images = data.training_images((640,))
    share = np.array([rare.get(name, 1) for name in names] + [1] * (len(images) - len(names)))
    return images, share / share.sum()


def found_scene(rng, wide):
    """A random crop of a training image, (W, W, 3)."""
    photos, share = photographs()
    photo = photos[rng.choice(len(photos), p=share)]
    side = min(photo.size) * rng.uniform(0.45, 1)
    left, top = (rng.uniform(0, long - side) for long in photo.size)
    crop = photo.resize((wide, wide), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    image = np.asarray(crop, np.float32) / 255
    return image[:, ::-1] if rng.random() < 0.5 else image


def invented_scene(rng, wide):
    """Clouds, bands, a landscape or discs, each channel in its own way, (W, W, 3)."""
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / wide
    clouds = [noise(rng, (wide, wide), wide * rng.uniform(0.15, 0.6), rng.choice([2.2, 3])) for _ in range(3)]
    shape = rng.integers(4)
    if shape == 1:
        clouds[0] = np.sin(rng.uniform(5, 30) * (np.sin(y * 3) + np.cos(x * rng.uniform(1, 4))) + clouds[1])
    elif shape == 2:
        for _ in range(rng.integers(3, 7)):
            crest = rng.uniform(0.3, 0.95) + 0.08 * np.sin(x * rng.uniform(3, 12) + rng.uniform(0, 6)) + 0.03 * clouds[1]
            clouds = [np.where(y > crest, 0.4 * cloud + rng.normal(0, 1.5), cloud) for cloud in clouds]
    elif shape == 3:
        for _ in range(rng.integers(4, 20)):
            inside = np.hypot(x - rng.random(), y - rng.random()) < rng.uniform(0.04, 0.3)
            clouds = [np.where(inside, cloud * 0.5 + rng.normal(0, 1.5), cloud) for cloud in clouds]
    return np.stack([0.5 + 0.2 * cloud for cloud in clouds], -1).clip(0, 1).astype(np.float32)


def recolour(rng, image, tone, palette):
    """The palette laid out by lightness, and by hue in two or three rows; at times a rest of the image's own colours."""
    opponent = ndimage.gaussian_filter(image @ rng.permutation([1.0, -0.5, -0.5]), len(tone) / 100)
    hue = np.clip(0.5 + 0.4 * (opponent - opponent.mean()) / (opponent.std() + 1e-3), 0, 1)
    if len(palette) >= 4 and rng.random() < 0.7:
        image_in = mix(ramp(palette[::2], tone), ramp(palette[1::2], tone), smoothstep(0.3, 0.7, hue))
    else:
        image_in = ramp(palette, tone)
    return mix(image_in, image, rng.choice([0, 0, 0.25, 0.4]))


def along_edges(tone, sigma):
    """The direction of the edges, from the structure tensor, radians (W, W)."""
    down, across = (ndimage.gaussian_filter1d(tone, 2, axis=axis, order=1) for axis in (0, 1))
    yy, xx, xy = (ndimage.gaussian_filter(v, sigma) for v in (down * down, across * across, down * across))
    return 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2


def flow(rng, tone):
    """A field of directions: along the image's edges, smooth wind, vortices, rings, waves or one direction."""
    wide = len(tone)
    y, x = np.mgrid[:wide, :wide].astype(np.float32) / wide
    kind = rng.choice(6, p=[0.4, 0.15, 0.2, 0.08, 0.08, 0.09])
    if kind == 0:
        return along_edges(tone, wide * rng.uniform(0.008, 0.04))
    if kind == 1:
        return rng.uniform(0, np.pi) + rng.uniform(0.3, 1.5) * noise(rng, tone.shape, wide * rng.uniform(0.2, 0.6), 3)
    if kind == 2:
        stream = rng.uniform(0.2, 1) * y + 0.04 * np.sin(rng.uniform(4, 12) * x + 5 * y)
        for _ in range(rng.integers(2, 10)):
            near = (x - rng.random()) ** 2 + (y - rng.random()) ** 2
            stream = stream - rng.normal(0, 0.06) * np.log(near + 0.0008) * np.exp(-near / rng.uniform(0.02, 0.1))
        down, across = np.gradient(stream)
        return np.arctan2(-across, down)
    if kind == 3:
        return np.arctan2(y - rng.random(), x - rng.random()) + rng.choice([0, np.pi / 2, 1.0])
    if kind == 4:
        return np.sin(x * rng.uniform(5, 25) + y * rng.uniform(-9, 9)) * rng.uniform(0.3, 1) + rng.uniform(0, np.pi)
    return rng.uniform(0, np.pi) + 0.1 * noise(rng, tone.shape, wide / 4, 3)


def compose(rng, side):
    """A scene for a drawing of this side."""
    image = found_scene(rng, 2 * side) if rng.random() < 0.7 else invented_scene(rng, 2 * side)
    lightness = ndimage.gaussian_filter(image @ np.float32([0.3, 0.59, 0.11]), side / 200)
    tone = mix(lightness[..., None], exposure.equalize_hist(lightness)[..., None], 0.7)[..., 0].astype(np.float32)
    tone = np.clip(tone ** np.exp(rng.normal(0, 0.35)), 0, 1)
    palette = draw_palette(rng)
    return Scene(rng, palette, recolour(rng, image, tone, palette), tone, flow(rng, tone), 2 * side / 256)
