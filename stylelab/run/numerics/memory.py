"""How much memory a run takes, how much is free, and which tiles make it fit. No framework is imported.

The estimate adds up what a run holds at its peak, and was compared with the memory that processes really took
(docs/speed.md). It leaves out what the framework takes before a run begins.
"""

import ctypes
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from stylelab.encoders import POOL_AFTER, trunk
from stylelab.errors import InputError, MachineError
from stylelab.run.numerics import lbfgs
from stylelab.run.numerics.tiling import Stage, halo, stages, stride

SHARE = 0.7  # of the free memory that a run may use
UNASKED = 5.2e9  # most bytes of the machine's memory without an explicit `tile`: 6 GB with the framework
SIDES = range(512, 127, -16)  # of tiles, the best first: larger ones gain nothing, smaller ones are mostly halo
IMAGES = 12  # of float32 that a run holds besides the optimiser's: content, style, start, gradient, the last two ...
OPTIMISERS = {"lbfgs": 4, "adam": 4, "sgd": 1}  # images of float32, besides those of bfloat16 that L-BFGS remembers
CONTENT = 4  # target, activation, their difference, its square
PASSING, PASSING_TILE = 1, 4  # widest layers that are temporary on the way back, when deeper ones are freed
# copies of the filters: for the way forward, for the way back (four times as large in float32); those as read are forgotten, but not with tiles
FILTERS = {"bfloat16": 2, "float32": 5}
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # as in malloc.h
LOOSE = 200e6  # most bytes that the allocator holds without using them ...
LOOSE_SHARE = 0.8  # ... as a share of what is temporary


@dataclass(frozen=True)
class Run:
    """What decides how much memory a run takes.

    Attributes:
        height, width: of the image in pixels.
        whole: layers whose activations a loss needs as they are; `stylelab.recipes.Recipe.whole_layers`.
        layers: every layer that a loss looks at.
        widths: layer -> its number of filters, for the trunk at least.
        precision: of the network, 'float32' or 'bfloat16'.
        optimiser: 'lbfgs', 'adam' or 'sgd'.
        batch: images painted at once.
    """

    height: int
    width: int
    whole: Collection[str]
    layers: Collection[str]
    widths: Mapping[str, int]
    precision: str = "float32"
    optimiser: str = "lbfgs"
    batch: int = 1


def estimate(run: Run, tile: int | None = None) -> int:
    """Bytes that a run takes at its peak, whole or in tiles of that side."""
    number = 2 if run.precision == "bfloat16" else 4
    pixels = run.batch * run.height * run.width
    remembered = 2 * lbfgs.memory(3 * run.height * run.width) if run.optimiser == "lbfgs" else 0
    always: float = (12 * (IMAGES + OPTIMISERS[run.optimiser]) + 6 * remembered) * pixels
    always += 4 * CONTENT * sum(_density(run, layer) for layer in run.whole) * pixels
    parts = stages(run.layers)
    if tile is None:
        whole = Stage(trunk(run.layers), pooled=False)
        passing = _inside(run, whole, number, PASSING) * pixels
    else:
        left = [_density(run, stage.layers[-1]) / 4 for stage in parts[:-1]]
        always += (number * sum(left) + 4 * 2 * max(left, default=0)) * pixels
        passing = max(_inside(run, stage, number, PASSING_TILE) * _outer(run, stage, tile) for stage in parts)
    filters = sum(9 * width * before for before, width in _neighbours(run))
    return round(
        always + passing + min(LOOSE, LOOSE_SHARE * passing) + (FILTERS[run.precision] + (tile is not None)) * number * filters
    )


def choose_tile(run: Run, free: float, shared: bool = False) -> int | None:
    """The side of the tiles in which a run fits into its share of the free memory; None if it fits whole.

    Args:
        free: bytes.
        shared: whether it is the machine's memory, which other programs need too, rather than a GPU's. Then a run that
            would take more than `UNASKED` is tiled even if more is free.

    Raises:
        InputError: even the smallest tiles do not fit; the message names a size that would.
    """
    room = SHARE * free
    modest = min(room, UNASKED) if shared else room
    if estimate(run) <= modest:
        return None
    for most in (modest, room):
        for side in SIDES:
            if estimate(run, side) <= most:
                return side
    least = estimate(run, SIDES[-1])
    if least <= free:
        return SIDES[-1]
    raise InputError(
        f"{run.width} x {run.height} pixels need about {_gigabytes(least)} of memory even in tiles, and {_gigabytes(free)} "
        f"are free: {_advice(run, free)}"
    )


def note(run: Run, tile: int, free: float) -> str:
    """One sentence on why there are tiles."""
    whole = estimate(run)
    why = f", and {_gigabytes(free)} are free" if whole > SHARE * free else "; tile 0 asks for that"
    return (
        f"painted in tiles of {tile} pixels: whole, {run.width} x {run.height} pixels would take about "
        f"{_gigabytes(whole)} of memory{why}"
    )


def free_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may still take: the machine's free memory, or its container's if that is less."""
    limits = [psutil.virtual_memory().available]
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux
        return limits[0]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _remaining(groups, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            limits += _remaining(groups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return max(0, min(limits))


def keep_freed() -> None:
    """Let the C library keep freed memory for reuse, until `give_back`.

    glibc returns every block of 32 MB or more to the system at once, and the system clears its pages for the next one:
    65 000 page faults and 5 to 10 % of a step at 512 pixels.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if adjust:
        adjust(M_MMAP_MAX, 0)
        adjust(M_TRIM_THRESHOLD, 2**31 - 1)


def give_back() -> None:
    """Return freed memory to the system, if the C library keeps it (glibc does)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


def _remaining(root: Path, path: str, limit: str, usage: str, cached: str) -> list[int]:
    """What is left of each limit, from a control group up to the root. Unchanged file pages count as free."""
    remaining, folder = [], root / path.lstrip("/")
    for group in (folder, *folder.parents):
        if root not in (group, *group.parents):
            break
        try:
            most = (group / limit).read_text().strip()
            taken = int((group / usage).read_text())
            statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most.isdigit():
            remaining.append(int(most) - taken + int(statistics.get(cached, 0)))
    return remaining


def _density(run: Run, layer: str) -> float:
    """Numbers that a layer has for each pixel of the image."""
    return run.widths[layer] / stride(layer) ** 2


def _inside(run: Run, stage: Stage, number: int, passing: int) -> float:
    """Bytes for each pixel read: a stage's activations, the positions of its maxima (4 bytes), temporaries."""
    kept = sum(_density(run, layer) for layer in stage.layers)
    maxima = sum(_density(run, layer) / 4 for layer in stage.layers[:-1] if layer in POOL_AFTER)
    widest = max(_density(run, layer) for layer in stage.layers)
    return number * (kept + maxima + passing * widest) + 4 * maxima


def _outer(run: Run, stage: Stage, tile: int) -> int:
    """Pixels of a stage's largest tile, with its halo."""
    sides = (min(length, stage.wider * tile + 2 * halo(stage.layers)) for length in (run.height, run.width))
    return run.batch * next(sides) * next(sides)


def _neighbours(run: Run) -> Iterator[tuple[int, int]]:
    widths = [3, *(run.widths[layer] for layer in trunk(run.layers))]
    return zip(widths[:-1], widths[1:], strict=True)


def _advice(run: Run, free: float) -> str:
    """The largest size that fits, of this shape."""
    long = max(run.height, run.width)
    for side in range(long - long % 16, 15, -16):
        smaller = replace(run, height=max(16, run.height * side // long), width=max(16, run.width * side // long))
        if estimate(smaller, SIDES[-1]) <= free:
            return f"choose a size of {side} or less"
    return "no size fits: free some memory"


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"


OUT_OF_MEMORY = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}  # Python's and NumPy's, PyTorch's, TensorFlow's

NO_MEMORY = ("can't allocate memory", "MPS backend out of memory", "Invalid buffer size")  # PyTorch of a CPU, of Apple's GPU

TOO_LARGE = {"error": "not enough memory: choose a smaller size", "exit_status": MachineError.exit_status, "memory": True}


def out_of_memory(error: Exception) -> bool:
    """Whether a framework ran out of memory. No framework is imported."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(OUT_OF_MEMORY & names) or any(words in str(error) for words in NO_MEMORY)
