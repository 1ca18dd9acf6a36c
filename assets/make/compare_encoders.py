"""Run one pair of images with several encoders at the same settings, and let the real VGG-19 judge the results.

    python assets/make/compare_encoders.py a.safetensors b.safetensors random -o out/ [--steps 150]

Prints one row of the model card's table per encoder, and saves each image as a PNG. The judge's filters and the images
of the table are not part of the repository (see tests/core/judge.py).
"""

import argparse
import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import stylelab.torch as sl
from stylelab.encoders import layer_name
from stylelab.recipes import Gram, SquaredError, TotalVariation, Weights, find_recipe

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_STYLE = {"conv1_1": 0.1, "conv1_2": 0.1, "conv2_1": 0.2, "conv2_2": 0.2, "conv3_1": 0.4}


def layer_weight(text: str) -> tuple[str, float]:
    """'conv3_1=0.4' -> ('conv3_1', 0.4)."""
    layer, _, weight = text.partition("=")
    return layer_name(layer), float(weight or 1)


def generate(encoder: str, content: np.ndarray, style: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """One run from the content image; `(H, W, 3)` in 0..1, not rounded.

    Squared differences are averaged, and Gram matrices are per position, so that the losses do not depend on the size.
    """
    recipe = replace(
        find_recipe("gatys"), content=dict(options.content_layers), content_loss=SquaredError("mean"),
        style=dict(options.style_layers), style_loss=Gram("per_location"), tv=TotalVariation("l2"),
    )  # fmt: skip
    trunk = sl.load_encoder(encoder, recipe.layers, normalised=True, device="cpu")
    start, target = sl.to_tensor(content), sl.to_tensor(style)
    weights = Weights(options.content_weight, 1.0, options.tv_weight)
    loss = sl.transfer_loss(trunk, start, target, recipe, weights)
    for step in sl.optimise(start, loss, steps=options.steps):
        last = step
    return last.image


def row(name: str, errors: dict[str, float], seconds: float) -> str:
    """One row of the table, in Markdown."""
    style = " ".join(f"{errors[layer]:.4f}" for layer in ("conv1_1", "conv2_1", "conv3_1"))
    return f"| {name} | {style} | {errors['content']:.2f} | {seconds:.0f} s |"


def main() -> None:
    """Read the command line, and print a row for each encoder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoders", nargs="+", help="files, or names such as mini and random")
    parser.add_argument("--content", type=Path, default=ROOT.parent / "shared/pictures/content/tubingen.jpg")
    parser.add_argument("--style", type=Path, default=ROOT.parent / "shared/pictures/style/starry_night.jpg")
    parser.add_argument("--side", type=int, default=192, help="short side of both images, px")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--content-layers", type=layer_weight, nargs="+", default=[("conv3_1", 1.0)])
    parser.add_argument("--style-layers", type=layer_weight, nargs="+", default=list(DEFAULT_STYLE.items()))
    parser.add_argument("--content-weight", type=float, default=0.001)
    parser.add_argument("--tv-weight", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("judge", ROOT / "tests" / "core" / "judge.py")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    torch.set_num_threads(options.threads)
    content, style = (judge.open_short(path, options.side) for path in (options.content, options.style))
    options.output.mkdir(parents=True, exist_ok=True)
    print(row("nothing", judge.judge(content, content, style), 0))
    for encoder in options.encoders:
        began = time.monotonic()
        image = generate(encoder, content, style, options)
        name = f"{Path(encoder).stem}-{options.content.stem}-{options.style.stem}"
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(options.output / f"{name}.png")
        print(row(name, judge.judge(image, content, style), time.monotonic() - began), flush=True)


if __name__ == "__main__":
    main()
