"""Judge a generated image by the real VGG-19: errors of its Gram matrices to the style, and of conv3_1 to the content.

    python tests/core/judge.py GENERATED.npy CONTENT.jpg STYLE.jpg      # with the short side of GENERATED

The filters are not part of the project (shared/weights, next to the checkout): tests are skipped without them. Filters up to
conv3_1 see texture but no objects, and noise can lower the errors, so look at the image as well.
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
    """The real filters, up to conv3_1."""
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
    """Layer -> `(C, H, W)` of VGG-19 up to conv3_1, with zero padding and max pooling, as it was trained."""
    blue_green_red = torch.from_numpy(np.ascontiguousarray(image[..., ::-1], np.float32)) * 255
    x = (blue_green_red - torch.tensor(CAFFE_MEAN)).permute(2, 0, 1)[None]
    result = {}
    for name in LAYERS:
        x = F.relu(F.conv2d(x, weights()[f"{name}.weight"], weights()[f"{name}.bias"], padding=1))
        result[name] = x[0]
        if name in ("conv1_2", "conv2_2"):
            x = F.max_pool2d(x, 2)
    return result


def gram(features: torch.Tensor) -> torch.Tensor:
    """`(C, H, W)` -> `(C, C)`, divided by H W, so that images of different sizes can be compared."""
    flat = features.flatten(1)
    return flat @ flat.T / flat.shape[1]


def relative(value: torch.Tensor, target: torch.Tensor) -> float:
    """Relative squared error."""
    return float((value - target).square().sum() / target.square().sum())


def judge(image: np.ndarray, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """Relative squared errors of a generated image; 0 is perfect.

    Args:
        image: `(H, W, 3)` in 0..1, not rounded to 8 bits.
        content: the content image, of the same size.
        style: the style image as the run used it, of any size.

    Returns:
        `conv1_1`, `conv2_1`, `conv3_1`: sum (G - A)^2 / sum A^2 of the Gram matrices;
        `content`: sum (F - P)^2 / sum P^2 at conv3_1.
    """
    if image.shape != content.shape:
        raise ValueError(f"image and content must have one size; got {image.shape} and {content.shape}")
    generated, of_content, of_style = (activations(each) for each in (image, content, style))
    errors = {name: relative(gram(generated[name]), gram(of_style[name])) for name in STYLE_LAYERS}
    return errors | {"content": relative(generated["conv3_1"], of_content["conv3_1"])}


def main() -> None:
    """Print the errors as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("generated", type=Path, help=".npy (float, not rounded), or an image file")
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    options = parser.parse_args()
    if options.generated.suffix == ".npy":
        generated = np.load(options.generated).astype(np.float32)
    else:
        generated = np.asarray(Image.open(options.generated).convert("RGB"), np.float32) / 255
    side = min(generated.shape[:2])
    errors = judge(generated, open_short(options.content, side), open_short(options.style, side))
    print(json.dumps({name: round(value, 4) for name, value in errors.items()}))


if __name__ == "__main__":
    main()
