"""Train the decoders of the embedded encoder: from an activation of one layer back to the image.

    python assets/make/decoder.py conv3_1 --steps 1200 -o assets/decoder-conv3_1.safetensors

The images are those of encoder_data.py, in crops. What is decoded is compared with the crop, and so are its activations with the
crop's. The checkpoint FILE.checkpoint is written every 100 steps; `--resume` continues from it to the same result.
"""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from encoder_data import recolour, training_images
from torch import Tensor
from torch.nn import functional as F

from stylelab.encoders.decoder import DECODERS, write_decoder
from stylelab.torch.decoders import Decoder
from stylelab.torch.features import load_encoder

PEAK = 2e-3  # Adam's learning rate: it rises during the first 3 % of the steps, then follows a cosine to 0
PIXELS, ACTIVATIONS = 30.0, 1.0  # weights of the mean squared error of pixels, and of relative errors of activations
SIZES = (1024, 512, 256)  # long sides at which every image is used


def first_weights(layer: str, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """He's initialisation; the image begins gray."""
    rng, weights = np.random.default_rng(seed), {}
    for name, (out, into) in DECODERS[layer].items():
        kernel = rng.standard_normal((out, into, 3, 3)) * np.sqrt(2 / (9 * into))
        weights[name] = kernel.astype(np.float32), np.zeros(out, np.float32)
    kernel, bias = weights[name]
    weights[name] = 0.1 * kernel, bias + np.float32(0.5)
    return weights


def crops(images: list[Tensor], count: int, side: int, generator: torch.Generator) -> Tensor:
    """Random squares of random images, turned, mirrored, and half of them recoloured: `(count, 3, side, side)` in 0..1."""
    chosen = []
    while len(chosen) < count:
        image = images[int(torch.randint(len(images), (1,), generator=generator))]
        if min(image.shape[1:]) < side:
            continue
        top, left = (int(torch.randint(length - side + 1, (1,), generator=generator)) for length in image.shape[1:])
        crop = image[:, top : top + side, left : left + side].float() / 255
        turns = int(torch.randint(8, (1,), generator=generator))
        crop = torch.rot90(crop, turns % 4, (1, 2))
        chosen.append(crop.flip(2) if turns > 3 else crop)
    batch = torch.stack(chosen)
    batch[count // 2 :] = recolour(batch[count // 2 :], generator)
    return batch[torch.randperm(count, generator=generator)]


class Run:
    """A training: its decoder, its optimiser, its random numbers, and how far it is."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.step_index = options, 0
        self.decoder = Decoder(options.layer, first_weights(options.layer, options.seed)).requires_grad_(True)
        self.layers = [layer for layer in ("conv1_1", "conv2_1", "conv3_1") if layer <= options.layer]
        self.encoder = load_encoder("mini", self.layers, device="cpu")
        self.optimiser = torch.optim.Adam(self.decoder.parameters(), lr=PEAK, betas=(0.9, 0.98))
        self.generator = torch.Generator().manual_seed(options.seed)
        arrays = [np.asarray(image) for image in training_images(SIZES)]
        self.images = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
        if options.resume and options.checkpoint.exists():
            state = torch.load(options.checkpoint, weights_only=True)
            self.decoder.load_state_dict(state["decoder"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.generator.set_state(state["generator"])
            self.step_index = state["step"]

    def step(self) -> dict[str, float]:
        """Train on one batch, and return the parts of its loss."""
        used = self.step_index / self.options.steps
        for group in self.optimiser.param_groups:
            group["lr"] = PEAK * min((used + 1e-3) / 0.03, 0.5 + 0.5 * math.cos(math.pi * used))
        parts = self.losses()
        self.optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        self.step_index += 1
        return {name: float(part.detach()) for name, part in parts.items()}

    def losses(self) -> dict[str, Tensor]:
        """How far decoded crops are from the crops, and their activations from the crops'."""
        images = crops(self.images, self.options.batch, self.options.side, self.generator)
        with torch.no_grad():
            wanted = self.encoder(images)
        decoded = self.decoder(wanted[self.options.layer])
        again = self.encoder(decoded)
        errors = [relative(again[layer], wanted[layer]) for layer in self.layers]
        return {"pixels": PIXELS * F.mse_loss(decoded, images), "activations": ACTIVATIONS * torch.stack(errors).mean()}

    def write(self) -> None:
        """Write the checkpoint and the decoder in its present state."""
        options = self.options
        state = {"decoder": self.decoder.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step_index}
        part = options.checkpoint.with_name(options.checkpoint.name + ".part")
        torch.save(state | {"generator": self.generator.get_state()}, part)
        os.replace(part, options.checkpoint)
        weights = {
            name: (self.decoder.kernels[name].detach().numpy(), self.decoder.biases[name].detach().numpy())
            for name in self.decoder.names
        }
        spent = f"seed {options.seed}, {self.step_index} of {options.steps} steps of {options.batch} crops of {options.side} px"
        write_decoder(options.output, options.layer, weights, f"trained from scratch: {spent}")


def relative(value: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over each channel's own variance, so that all channels count alike."""
    variance = target.var((0, 2, 3), correction=0).detach() + 0.05
    return ((value - target).square().mean((0, 2, 3)) / variance).mean()


def main() -> None:
    """Read the command line, train, and print a line every 50 steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("layer", choices=tuple(DECODERS))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--side", type=int, default=96, help="pixels of a crop")
    parser.add_argument(
        "--moved-from", type=float, default=0.4, help="share of the steps after which activations are moved as well"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="continue from OUTPUT.checkpoint if it exists")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.checkpoint = options.output.with_name(options.output.name + ".checkpoint")
    run, recent, start = Run(options), [], time.monotonic()
    while run.step_index < options.steps:
        recent.append(run.step())
        if run.step_index % 50 == 0:
            means = "  ".join(f"{name} {sum(parts[name] for parts in recent) / len(recent):.4f}" for name in recent[0])
            print(f"{run.step_index:6d}  {time.monotonic() - start:6.0f} s  {means}", flush=True)
            recent = []
        if run.step_index % 100 == 0 or run.step_index == options.steps:
            run.write()


if __name__ == "__main__":
    main()
