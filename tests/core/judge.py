"""How good is a painted image, by the real VGG-19? Gram errors to the style, conv3_1 error to the content.

    python tests/core/judge.py PAINTED.npy CONTENT.jpg STYLE.jpg      # short side as PAINTED's

The filters lie beside the checkout (shared/weights) and are not part of the project: without them
nothing can be judged, and tests skip. Filters this short see texture up to conv3_1 and no objects: the
number can be bought with noise, so look at the image too.
"""

import argparse
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

SHARED = Path(__file__).resolve().parents[3] / "shared"
WEIGHTS = SHARED / "weights" / "vgg19-normalised-to-conv3_1.safetensors"
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1")
CAFFE_MEAN = (103.939, 116.779, 123.680)  # BGR, 0..255


def available() -> bool:
    """Whether the real filters are on this machine."""
    return WEIGHTS.is_file()


@cache
def weights() -> dict[str, torch.Tensor]:
    return load_file(WEIGHTS)


def open_short(path: Path, side: int) -> np.ndarray:
    """An image with its short side `side` px: `(H, W, 3)` float32 in 0..1, bilinear."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    scale = side / min(image.size)
    size = [round(length * scale) for length in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32) / 255


@torch.no_grad()
def activations(image: np.ndarray) -> dict[str, torch.Tensor]:
    """VGG-19 up to conv3_1, zero padding and max pooling as it was trained: layer to `(C, H, W)`."""
    blue_green_red = torch.from_numpy(np.ascontiguousarray(image[..., ::-1], np.float32)) * 255
    x = (blue_green_red - torch.tensor(CAFFE_MEAN)).permute(2, 0, 1)[None]
    found = {}
    for name in LAYERS:
        x = F.relu(F.conv2d(x, weights()[f"{name}.weight"], weights()[f"{name}.bias"], padding=1))
        found[name] = x[0]
        if name in ("conv1_2", "conv2_2"):
            x = F.max_pool2d(x, 2)
    return found


def gram(features: torch.Tensor) -> torch.Tensor:
    """`(C, H, W)` to `(C, C)`, per location: images of two sizes can be compared."""
    flat = features.flatten(1)
    return flat @ flat.T / flat.shape[1]


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())


def judge(image: np.ndarray, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """Relative squared errors of a painted image; 0 is perfect.

    Args:
        image: `(H, W, 3)` in 0..1, before it was rounded to 8 bits.
        content: the content image, same size. style: the style image as the run saw it, any size.

    Returns:
        `conv1_1`, `conv2_1`, `conv3_1`: sum (G - A)^2 / sum A^2 of the Gram matrices;
        `content`: sum (F - P)^2 / sum P^2 at conv3_1.
    """
    if image.shape != content.shape:
        raise ValueError(f"image and content must have one size; got {image.shape} and {content.shape}")
    painted, before, wanted = (activations(p) for p in (image, content, style))
    errors = {name: relative(gram(painted[name]), gram(wanted[name])) for name in STYLE_LAYERS}
    return errors | {"content": relative(painted["conv3_1"], before["conv3_1"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("painted", type=Path, help=".npy (float, not rounded), or an image file")
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    options = parser.parse_args()
    if options.painted.suffix == ".npy":
        painted = np.load(options.painted).astype(np.float32)
    else:
        painted = np.asarray(Image.open(options.painted).convert("RGB"), np.float32) / 255
    side = min(painted.shape[:2])
    errors = judge(painted, open_short(options.content, side), open_short(options.style, side))
    print(json.dumps({name: round(value, 4) for name, value in errors.items()}))


if __name__ == "__main__":
    main()
