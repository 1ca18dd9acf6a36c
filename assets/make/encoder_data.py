"""The images that the embedded encoder is trained on, and how a batch of crops is drawn from them.

Nothing is downloaded: every image is part of scikit-image or scikit-learn, or was drawn by this project (assets/style).
lfw_subset, logos, test cards and images smaller than 100 px are left out.
"""

from pathlib import Path

import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_image

STYLE_FOLDER = Path(__file__).resolve().parents[1] / "style"
SKIMAGE = (
    "astronaut", "brick", "camera", "cell", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass",
    "gravel", "horse", "hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
SKLEARN = ("china.jpg", "flower.jpg")
WINDOW = 96  # px per class: a 48 px crop, enlarged 1.4 times and rotated, just fits


def open_image(name: str) -> Image.Image:
    """One image of scikit-image or scikit-learn, in RGB."""
    if name in SKLEARN:
        return Image.fromarray(load_sample_image(name))
    if name == "motorcycle":
        return Image.fromarray(skimage.data.stereo_motorcycle()[0])
    array = np.asarray(getattr(skimage.data, name)())
    if array.dtype == bool:  # the horse's silhouette
        array = array * np.uint8(255)
    return Image.fromarray(array.astype(np.uint8)).convert("RGB")


def shrink(image: Image.Image, long_side: int) -> Image.Image:
    """The image with its long side at most `long_side` px; never enlarged."""
    scale = min(1.0, long_side / max(image.size))
    return image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)


def training_images(sides: tuple[int, ...] = (640, 256)) -> list[Image.Image]:
    """Every image at two sizes, so that a 48 px crop shows a detail or half an object."""
    images = [open_image(name) for name in (*SKIMAGE, "motorcycle", *SKLEARN)]
    images += [Image.open(path).convert("RGB") for path in sorted(STYLE_FOLDER.glob("*.jpg"))]
    return [shrink(image, side) for image in images for side in sides]


def whole_images(side: int = 192) -> list[torch.Tensor]:
    """The same images as a whole: `(1, 3, H, W)` each, in 0..1."""
    arrays = [np.asarray(image, np.float32) / 255 for image in training_images((side,))]
    return [torch.from_numpy(array).permute(2, 0, 1)[None] for array in arrays]


def windows_of(image: np.ndarray, most: int) -> list[np.ndarray]:
    """Of the half-overlapping `WINDOW`-sized windows of `(H, W, 3)` uint8, the `most` with the most contrast."""
    margin = [(max(0, WINDOW - side), 0) for side in image.shape[:2]]
    image = np.pad(image, (*margin, (0, 0)), mode="reflect")
    height, width = image.shape[:2]
    rows, columns = (np.linspace(0, side - WINDOW, max(1, side // 48 - 1)).astype(int) for side in (height, width))
    windows = [image[y : y + WINDOW, x : x + WINDOW] for y in rows for x in columns]
    # Only the middle counts: the rest is there for rotations.
    busy = sorted(windows, key=lambda window: -window[24:72, 24:72].std(axis=(0, 1)).mean())
    return [window for window in busy[:most] if window[24:72, 24:72].std() > 6]


def training_windows(most: int = 48) -> torch.Tensor:
    """All classes: `(K, 3, WINDOW, WINDOW)` uint8; class k is the content of window k."""
    windows = [w for image in training_images() for w in windows_of(np.asarray(image), most)]
    return torch.from_numpy(np.stack(windows)).permute(0, 3, 1, 2).contiguous()


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Uniform random numbers."""
    return low + (high - low) * torch.rand(*shape, generator=generator)


def warp(windows: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Rotate by up to 45 degrees, zoom by 0.7 to 1.4, shift by up to 10 px, mirror: `(B, 3, size, size)`."""
    count = len(windows)
    angle = uniform(generator, -torch.pi / 4, torch.pi / 4, count)
    zoom = torch.exp(uniform(generator, -0.35, 0.35, count)) * size / WINDOW
    mirror = uniform(generator, -1, 1, count).sign()
    shift = uniform(generator, -0.2, 0.2, 2, count)
    row_x = torch.stack((zoom * angle.cos() * mirror, -zoom * angle.sin(), shift[0]), 1)
    row_y = torch.stack((zoom * angle.sin() * mirror, zoom * angle.cos(), shift[1]), 1)
    grid = F.affine_grid(torch.stack((row_x, row_y), 1), [count, 3, size, size], align_corners=False)
    return F.grid_sample(windows.float().div(255), grid, padding_mode="reflection", align_corners=False)


def recolour(crops: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mix the channels a little, and change contrast and brightness, so that colour alone does not identify a window."""
    count = len(crops)
    mix = torch.eye(3) + 0.15 * torch.randn(count, 3, 3, generator=generator)
    crops = torch.einsum("bij,bjhw->bihw", mix, crops - 0.5)
    contrast = uniform(generator, 0.6, 1.4, count, 1, 1, 1)
    brightness = uniform(generator, -0.2, 0.2, count, 1, 1, 1)
    return (crops * contrast + brightness + 0.5).clamp(0, 1)


def roughen(crops: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur or sharpen, and add a little noise."""
    count = len(crops)
    smooth = F.avg_pool2d(F.pad(crops, (1, 1, 1, 1), mode="replicate"), 3, 1)
    crops = crops + uniform(generator, -0.4, 0.8, count, 1, 1, 1) * (smooth - crops)
    noise = torch.randn(crops.shape, generator=generator) * uniform(generator, 0, 0.03, count, 1, 1, 1)
    return (crops + noise).clamp(0, 1)


def draw_views(windows: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """One augmented view of each window, `(B, 3, size, size)` in 0..1."""
    return roughen(recolour(warp(windows, size, generator), generator), generator)
