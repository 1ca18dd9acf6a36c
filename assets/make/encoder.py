"""Train the embedded encoder from scratch, on two CPU cores.

    python assets/make/encoder.py --objective diverse --minutes 60 -o assets/encoder-mini.safetensors

The checkpoint FILE.checkpoint is written next to the output; `--resume` continues from it. The learning rate and the crop
size depend on the share of the budget that has been used, so a busy machine changes the number of crops but not the schedule.
With `--crops` the budget is a number of crops instead of minutes, and the result can be repeated.
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

PEAK = 3e-3  # AdamW's learning rate: it rises during WARM_UP of the budget, then follows a cosine to 0
WARM_UP = 0.04
DECAY = (
    0.3  # batch norm undoes the change of scale, so decay only limits a filter's memory to some 1 / (PEAK * DECAY) = 1100 steps
)
WIDTHS = "32,48,96,128,256,128,128,128,256,256,128,128,256,128,128,128"
LARGE_FROM, ZEROS_UNTIL = 0.6, 0.3  # shares of the budget: when 48 px crops begin, and when zero padding (faster) ends


class Run:
    """One worker's part of a training: all workers have the same network and different crops."""

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
            state = torch.load(options.checkpoint, weights_only=True)
            self.both.load_state_dict(state["both"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.crops, self.seconds, self.curve = state["crops"], state["seconds"], state["curve"]
        self.generator = torch.Generator().manual_seed(options.seed * 1000 + self.crops * 10 + rank)
        self.clock = time.monotonic()

    def used(self) -> float:
        """Share of the budget that has been used, 0..1."""
        if self.options.crops:
            return min(1.0, self.crops / self.options.crops)
        return min(1.0, self.seconds / 60 / self.options.minutes)

    def step(self) -> tuple[float, float]:
        """Train on one batch; returns the loss and the share of correct answers, averaged over the workers."""
        used = self.used()
        for group in self.optimiser.param_groups:
            group["lr"] = PEAK * min(used / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * used)) + 1e-6
        # A batch of crops `(B, 3, size, size)`, several views of each window, and the windows that they show.
        classes = torch.randint(len(self.windows), (self.options.batch // self.objective.views,), generator=self.generator)
        classes = classes.repeat(self.objective.views)
        images = draw_views(self.windows[classes], 48 if used >= LARGE_FROM else 32, self.generator)
        with torch.autocast("cpu", torch.bfloat16):
            activations = self.encoder(images, "zeros" if used < ZEROS_UNTIL else "replicate")
            loss, correct = self.objective(activations, classes)
        self.optimiser.zero_grad()
        loss.backward()
        loss, correct = float(loss.detach()), float(correct)
        seconds, self.clock = time.monotonic() - self.clock, time.monotonic()
        if self.exchange:
            loss, correct, seconds = self.exchange.average(self.rank, self.both, (loss, correct, seconds))
        nn.utils.clip_grad_norm_(self.both.parameters(), 2.0)
        self.optimiser.step()
        self.crops += self.options.batch * self.options.workers
        self.seconds += seconds
        return loss, correct

    def write(self) -> None:
        """Write the checkpoint, the training curve and the encoder in its present state."""
        options = self.options
        state = {"both": self.both.state_dict(), "optimiser": self.optimiser.state_dict()}
        part = options.checkpoint.with_name(options.checkpoint.name + ".part")
        torch.save(state | {"crops": self.crops, "seconds": self.seconds, "curve": self.curve}, part)
        os.replace(part, options.checkpoint)
        options.output.with_name(options.output.name + ".curve.json").write_text(json.dumps(self.curve))
        spent = f"{self.crops} crops in {self.seconds / 60:.0f} minutes"
        source = f"trained from scratch: {options.objective}, seed {options.seed}, {spent}"
        save(options.output, self.encoder, whole_images(), source)


class Exchange:
    """Shared memory through which workers average their gradients.

    Two processes of one thread each are much faster than one of two threads when other programs use the cores too, because
    no thread spins while it waits for the other.
    """

    def __init__(self, workers: int, size: int):
        self.rows = torch.zeros(2, workers, size + 3).share_memory_()
        self.barrier = torch.multiprocessing.get_context("spawn").Barrier(workers)
        self.turn = 0

    def average(self, rank: int, module: nn.Module, numbers: tuple[float, ...]) -> list[float]:
        """Put the mean gradient into `module`, and return the means of the numbers. Two buffers alternate, so one barrier
        is enough."""
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
    """Weight decay for filters and matrices, none for batch norm and biases."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    return [
        {"params": decayed, "weight_decay": DECAY},
        {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]


def train(run: Run, save_every: float = 240.0) -> None:
    """Step until the budget is used up; worker 0 prints a line every 50 steps, and writes its files every four minutes."""
    recent, saved = [], run.seconds
    while run.used() < 1:
        recent.append(run.step())
        if run.rank == 0 and len(recent) == 50:
            loss, correct = (sum(values) / len(recent) for values in zip(*recent, strict=True))
            run.curve.append((round(run.seconds), run.crops, round(loss, 4), round(correct, 4)))
            print(f"{run.seconds:7.0f} s {run.crops:8d} crops  loss {loss:.3f}  correct {correct:6.1%}", flush=True)
            recent = []
        if run.rank == 0 and run.seconds > saved + save_every:
            run.write()
            saved = run.seconds
    if run.rank == 0:
        run.write()


def widths(text: str) -> dict[str, int]:
    """The width of every layer, from five numbers ('32,64,128,256,144') or sixteen."""
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) == 5:
        numbers = [width for width, depth in zip(numbers, DEPTHS, strict=True) for _ in range(depth)]
    return dict(zip(LAYERS, numbers, strict=True))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
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
    parser.add_argument("--resume", action="store_true", help="continue from OUTPUT.checkpoint if it exists")
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
