"""Train the two embedded networks that paint in one pass: 'six', for the built-in styles, and 'any', for every other style image.

    python assets/make/networks.py six -o assets/network-six.safetensors
    python assets/make/networks.py any --network assets/network-six.safetensors -o assets/network-any.safetensors

Either is stopped at any time with Ctrl-C, and continues with the same command. `--network FILE` starts from the filters of
another file, and 'any' from all of a file of 'any'. Nothing is seen but the images of `encoder_data.py` and, for 'any', the drawings of `drawings.py`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from drawings import drawings
from encoder_data import SKIMAGE, SKLEARN, open_image, training_images
from torch.nn import functional as F

from stylelab import images
from stylelab.networks import STYLE_LAYERS, Network, Weights, colours_of
from stylelab.networks.file import load_weights
from stylelab.networks.spec import COLOURS
from stylelab.networks.training import FROM_NOTHING, Crops, TrainingState, TrainingStep, practice, start_of
from stylelab.run.options import TrainingOptions
from stylelab.torch.features import load_encoder
from stylelab.torch.networks import Painter, style_numbers, waves
from stylelab.torch.tensors import find_precision, to_tensor
from stylelab.torch.training import array, lower, painting_loss, style_targets, train

NOT_SCENES = ("colorwheel", "page", "text", "cell", "horse")
READER = tuple(f"{layer}.{part}" for layer in ("white", "hidden", "codes") for part in ("weight", "bias"))
SEEN, HIDDEN = 96, 128  # how many numbers of a style image the network sees, and the width of the layer after
CROPS = {"photographs": 200, "styles": 300}  # as styles for 'any', besides the drawings


def photographs() -> list[np.ndarray]:
    """What both networks practise on."""
    names = [name for name in (*SKIMAGE, "motorcycle", *SKLEARN) if name not in NOT_SCENES]
    return [images.open_image(open_image(name)) for name in names]


def any_style(options: TrainingOptions, count: int) -> Iterator[TrainingStep]:
    """Train the filters, and what reads a code from the statistics of a style image."""
    styles = style_images(count, options.seed)
    kept = TrainingState(options, {"count": np.full((1, 1, 3), count, np.float32)})
    encoder = load_encoder("mini", STYLE_LAYERS, precision=find_precision("auto", None, options.size**2))
    with torch.no_grad():
        numbers = torch.cat([style_numbers(load_encoder("mini", STYLE_LAYERS), to_tensor(style)) for style in styles])
    targets = [style_targets(encoder, style, options.scales) for style in styles]
    network, weights = start_of({"first": styles[0]}, options)
    known = {} if options.network in FROM_NOTHING else load_weights(options.network)[1]
    reader = {name: torch.tensor(known[name]) for name in READER if name in known}
    reader = reader or reader_of(numbers, weights["codes"][0, :-COLOURS], options.seed)
    painter = Painter(network, weights)
    seen = whiten(numbers, reader["white.weight"], reader["white.bias"])
    colours = torch.tensor(np.stack([colours_of(style) for style in styles]))
    learned = {name: reader[name] for name in reader if not name.startswith("white")}
    crops = Crops(practice(photographs()), options.size, options.seed)
    network = Network("any", network.shape, source="trained by assets/make/networks.py")

    def loss(step: int) -> dict[str, torch.Tensor]:
        own = torch.from_numpy(crops.draw(step, options.batch)).permute(0, 3, 1, 2)
        chosen = crops.choose(step, options.batch, len(styles))
        hidden = F.relu(seen[chosen] @ learned["hidden.weight"].T + learned["hidden.bias"])
        codes = torch.cat([hidden @ learned["codes.weight"].T + learned["codes.bias"], colours[chosen]], 1)
        painted = painter(own, codes, waves(network.shape, options.size, options.size, crops.start(step)))
        return painting_loss(encoder, painted, own, [targets[i] for i in chosen], options.content_weight)

    def read() -> Weights:
        filters = {f"{name}.weight": array(kernel) for name, kernel in painter.kernels.items()}
        return {**filters, **{name: array(value) for name, value in reader.items()}}

    for index, parts in lower({**dict(painter.kernels.items()), **learned}, loss, options, kept):
        yield TrainingStep(index, sum(parts.values()), parts, kept.clock(), network, read)


def style_images(count: int, seed: int) -> list[np.ndarray]:
    """Drawings, the six built-in styles, and crops of these and of the training images, in other colours."""
    random = np.random.default_rng(seed)
    photographs = [np.asarray(image, np.float32) / 255 for image in training_images((448, 320))]
    styles = [images.open_image(name) for name in images.style_names()]
    crops = [recoloured_crop(photographs, 0.2, random) for _ in range(CROPS["photographs"])]
    crops += [recoloured_crop(styles, 0.5, random) for _ in range(CROPS["styles"])]
    return [*drawings(count, seed), *styles, *crops]


def recoloured_crop(sources: list[np.ndarray], tint: float, random: np.random.Generator) -> np.ndarray:
    """A square of one of these images, turned by some right angles, its colours mixed with that deviation."""
    source = sources[random.integers(len(sources))]
    side = min(random.integers(128, 257), *source.shape[:2])
    top, left = (random.integers(length - side + 1) for length in source.shape[:2])
    crop = np.rot90(source[top : top + side, left : left + side], random.integers(4))
    mixture = np.eye(3) + tint * random.normal(size=(3, 3))
    return np.clip((crop - 0.5) @ mixture + 0.5, 0, 1).astype(np.float32)


def reader_of(numbers: torch.Tensor, middle: np.ndarray, seed: int) -> dict[str, torch.Tensor]:
    """Weights that turn a style's numbers into a code: first their principal parts, which stay as they are; then two layers to be
    trained, which begin with nearly the same code for every style."""
    torch.manual_seed(seed)
    mean = numbers.mean(0)
    _, sizes, parts = torch.linalg.svd(numbers - mean, full_matrices=False)
    deviations = sizes[:SEEN] / len(numbers) ** 0.5
    white = parts[:SEEN] / deviations.clamp(min=0.02 * float(deviations[0]))[:, None]
    return {
        "white.weight": white,
        "white.bias": -white @ mean,
        "hidden.weight": torch.randn(HIDDEN, SEEN) / SEEN**0.5,
        "hidden.bias": torch.zeros(HIDDEN),
        "codes.weight": 0.3 * torch.randn(len(middle), HIDDEN) / HIDDEN**0.5,
        "codes.bias": torch.tensor(middle),
    }


def whiten(numbers: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """What the network sees of styles: `(styles, SEEN)`."""
    return numbers @ weight.T + bias


def main() -> None:
    """Train, and print the mean losses of every 50 steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("which", choices=("six", "any"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--network", default="small", help="whose filters to start from")
    parser.add_argument("--drawings", type=int, default=600)
    for name, default in (("steps", 24000), ("size", 192), ("batch", 1), ("scales", 3), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("learning-rate", 2.4e-3), ("content-weight", 0.13)):
        parser.add_argument(f"--{name}", type=float, default=default)
    given = vars(parser.parse_args())
    which, out, count = (given.pop(name) for name in ("which", "out", "drawings"))
    given |= {"whole": True, "resume": f"{out}.state"}
    steps = any_style(TrainingOptions(**given), count) if which == "any" else train(images.style_names(), photographs(), **given)
    parts, began, last = [], time.monotonic(), None
    try:
        for step in steps:
            parts.append(step.parts)
            if step.index % 50 == 0:
                means = "  ".join(f"{name} {np.mean([one[name] for one in parts]):.4f}" for name in step.parts)
                print(f"{step.index}  {means}  {(time.monotonic() - began) / len(parts):.3f} s", flush=True)
                parts, began = [], time.monotonic()
            if step.index % 500 == 0:
                step.save(out)
            last = step
    except KeyboardInterrupt:
        sys.exit("stopped: the same command continues")
    if last:
        last.save(out)


if __name__ == "__main__":
    main()
