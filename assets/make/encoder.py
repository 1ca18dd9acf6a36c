"""Train the embedded encoder from scratch, on two CPU cores.

    python assets/make/encoder.py --objective diverse --minutes 60 -o assets/encoder-mini.safetensors

A checkpoint lies beside the output (FILE.checkpoint); `--resume` goes on from it. The learning rate
and the crop size follow the share of the budget that is used up, so a busy machine changes how many
crops are seen, never how the training ends. `--crops` counts crops instead of minutes: repeatable.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
from encoder_data import draw_views, training_windows, whole_images
from encoder_network import DEPTHS, LAYERS, Encoder, save
from encoder_objectives import OBJECTIVES
from torch import nn

PEAK = 3e-3  # learning rate of AdamW; reached after WARM_UP of the budget, then a cosine to 0
WARM_UP = 0.04
DECAY = 0.3  # with batch norm after it, a filter only forgets: about 1 / (PEAK * DECAY) = 1100 steps back
WIDTHS = "32,48,96,128,256,128,128,128,256,256,128,128,256,128,128,128"
LARGE_FROM, ZEROS_UNTIL = 0.6, 0.3  # share of the budget: 48 px crops from, zero padding (faster) until


class Run:
    """One worker's half of a training: the same network as the other's, other crops."""

    def __init__(self, options: argparse.Namespace, rank: int = 0, exchange: "Exchange | None" = None):
        self.options, self.rank, self.exchange = options, rank, exchange
        torch.manual_seed(options.seed)
        self.windows = training_windows()
        self.encoder = Encoder(options.widths, options.pooling).to(memory_format=torch.channels_last)
        self.objective = OBJECTIVES[options.objective](options.widths, len(self.windows))
        self.both = nn.ModuleList((self.encoder, self.objective))
        self.optimiser = torch.optim.AdamW(parameter_groups(self.both), lr=PEAK, betas=(0.9, 0.98))
        self.crops, self.seconds, self.curve = 0, 0.0, []
        if options.resume and options.checkpoint.exists():
            self.load(options.checkpoint)
        self.generator = torch.Generator().manual_seed(options.seed * 1000 + self.crops * 10 + rank)
        self.clock = time.monotonic()

    def used(self) -> float:
        """Share of the budget that is used up, 0..1."""
        if self.options.crops:
            return min(1.0, self.crops / self.options.crops)
        return min(1.0, self.seconds / 60 / self.options.minutes)

    def step(self) -> tuple[float, float]:
        """One batch: loss and share of right answers, seen by all workers together."""
        used = self.used()
        for group in self.optimiser.param_groups:
            group["lr"] = PEAK * min(used / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * used)) + 1e-6
        loss, right = self.backward(used)
        seconds, self.clock = time.monotonic() - self.clock, time.monotonic()
        if self.exchange:
            loss, right, seconds = self.exchange.average(self.rank, self.both, (loss, right, seconds))
        nn.utils.clip_grad_norm_(self.both.parameters(), 2.0)
        self.optimiser.step()
        self.crops += self.options.batch * self.options.workers
        self.seconds += seconds
        return loss, right

    def backward(self, used: float) -> tuple[float, float]:
        images, classes = self.draw(48 if used >= LARGE_FROM else 32)
        with torch.autocast("cpu", torch.bfloat16):
            activations = self.encoder(images, "zeros" if used < ZEROS_UNTIL else "replicate")
            loss, right = self.objective(activations, classes)
        self.optimiser.zero_grad()
        loss.backward()
        return float(loss.detach()), float(right)

    def draw(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of crops `(B, 3, size, size)` and the classes they belong to."""
        different = self.options.batch // self.objective.views
        classes = torch.randint(len(self.windows), (different,), generator=self.generator)
        classes = classes.repeat(self.objective.views)
        return draw_views(self.windows[classes], size, self.generator), classes

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.both.load_state_dict(state["both"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.crops, self.seconds, self.curve = state["crops"], state["seconds"], state["curve"]

    def write(self) -> None:
        """The checkpoint, the curve and the encoder as it stands."""
        o = self.options
        state = {"both": self.both.state_dict(), "optimiser": self.optimiser.state_dict()}
        part = o.checkpoint.with_name(o.checkpoint.name + ".part")
        torch.save(state | {"crops": self.crops, "seconds": self.seconds, "curve": self.curve}, part)
        os.replace(part, o.checkpoint)
        o.output.with_name(o.output.name + ".curve.json").write_text(json.dumps(self.curve))
        spent = f"{self.crops} crops in {self.seconds / 60:.0f} minutes"
        source = f"trained from scratch: {o.objective}, seed {o.seed}, {spent}"
        save(o.output, self.encoder, whole_images(), source)


class Exchange:
    """Where workers leave their gradients and take the mean: two processes of one thread each beat one of
    two threads by far when the cores are shared, as no thread spins while it waits for the other."""

    def __init__(self, workers: int, size: int):
        self.rows = torch.zeros(2, workers, size + 3).share_memory_()
        self.barrier = torch.multiprocessing.get_context("spawn").Barrier(workers)
        self.turn = 0

    def average(self, rank: int, module: nn.Module, numbers: tuple[float, ...]) -> list[float]:
        """Mean gradient into `module`, mean of three numbers back. Two buffers in turn: one barrier is enough."""
        rows, self.turn = self.rows[self.turn], 1 - self.turn
        parameters = [p for p in module.parameters() if p.grad is not None]
        gradients = [p.grad.flatten() for p in parameters]
        row = torch.cat([*gradients, torch.tensor(numbers)])
        rows[rank, : len(row)] = row
        self.barrier.wait()
        mean = rows[:, : len(row)].mean(0)
        sizes = [g.numel() for g in gradients]
        for parameter, gradient in zip(parameters, mean[:-3].split(sizes), strict=True):
            parameter.grad.copy_(gradient.view_as(parameter))
        return mean[-3:].tolist()


def parameter_groups(module: nn.Module) -> list[dict]:
    """Weight decay for filters and matrices; none for batch norm and biases."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    return [
        {"params": decayed, "weight_decay": DECAY},
        {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]


def train(run: Run, save_every: float = 240.0) -> None:
    """Step until the budget is used up; every four minutes worker 0 writes everything down."""
    recent, saved = [], run.seconds
    while run.used() < 1:
        recent.append(run.step())
        if run.rank == 0 and len(recent) == 50:
            note(run, recent)
            recent = []
        if run.rank == 0 and run.seconds > saved + save_every:
            run.write()
            saved = run.seconds
    if run.rank == 0:
        run.write()


def note(run: Run, recent: list[tuple[float, float]]) -> None:
    loss, right = (sum(values) / len(recent) for values in zip(*recent, strict=True))
    run.curve.append((round(run.seconds), run.crops, round(loss, 4), round(right, 4)))
    print(f"{run.seconds:7.0f} s {run.crops:8d} crops  loss {loss:.3f}  right {right:6.1%}", flush=True)


def widths(text: str) -> dict[str, int]:
    """'32,64,128,256,144' or sixteen numbers to the width of every layer."""
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) == 5:
        numbers = [width for width, depth in zip(numbers, DEPTHS, strict=True) for _ in range(depth)]
    return dict(zip(LAYERS, numbers, strict=True))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--objective", choices=sorted(OBJECTIVES), default="diverse")
    parser.add_argument("--widths", type=widths, default=widths(WIDTHS), help="channels of the 5 blocks or of all 16 layers")
    parser.add_argument("--pooling", choices=("average", "max"), default="average")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=60.0)
    budget.add_argument("--crops", type=int)
    parser.add_argument("--batch", type=int, default=64, help="crops per worker")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from OUTPUT.checkpoint if there is one")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.checkpoint = options.output.with_name(options.output.name + ".checkpoint")
    return options


def work(rank: int, options: argparse.Namespace, exchange: Exchange | None) -> None:
    """One worker, from start to end."""
    torch.set_num_threads(1)
    run = Run(options, rank, exchange)
    if rank == 0:
        parameters = sum(p.numel() for p in run.encoder.parameters())
        print(f"{len(run.windows)} windows, {parameters:,} parameters", flush=True)
    train(run)


def main() -> None:
    options = parse()
    if options.workers == 1:
        return work(0, options, None)
    size = sum(p.numel() for p in Run(options).both.parameters())
    torch.multiprocessing.spawn(work, (options, Exchange(options.workers, size)), options.workers)


if __name__ == "__main__":
    main()
