"""How much memory a run will take, how much there is, and which tiles make it fit. No framework is imported here.

The figures are sums over what a run holds at its fullest, and were compared with the memory that processes really took
(docs/speed.md). They leave out what the framework takes before an image is in sight.
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

SHARE = 0.7  # of the free memory that a run may plan with
UNASKED = 5.2e9  # bytes of the machine's own memory that a run takes at most unless it is told to: 6 GB with the framework
SIDES = range(512, 127, -16)  # of tiles, the best first: larger ones gain nothing, smaller ones are mostly halo
IMAGES = 12  # of float32 that a run holds beside the optimiser's: content, style, start, gradient, the last two ...
OPTIMISERS = {"lbfgs": 4, "adam": 4, "sgd": 1}  # images of float32, beside what L-BFGS remembers
CONTENT = 4  # target, activation, their difference, its square
PASSING, PASSING_TILE = 1, 4  # widest layers that come and go on the way back, when nothing deeper is held any more
# copies of the filters: as read, as the way forward likes them, as the way back does, which is four times as large in float32
FILTERS = {"bfloat16": 3, "float32": 6}
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # as in malloc.h
LOOSE = 200e6  # bytes at most that the allocator holds and does not use ...
LOOSE_SHARE = 0.8  # ... of what comes and goes


@dataclass(frozen=True)
class Run:
    """What decides how much memory a run takes.

    Attributes:
        height, width: of the image in pixels.
        whole: layers whose activations a loss needs as they are; `stylelab.recipes.Recipe.whole_layers`.
        layers: all that a loss looks at.
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
    """Bytes that a run takes at its fullest, whole or in tiles of that side."""
    number = 2 if run.precision == "bfloat16" else 4
    pixels = run.batch * run.height * run.width
    remembered = 2 * lbfgs.memory(3 * run.height * run.width) if run.optimiser == "lbfgs" else 0
    always: float = 12 * (IMAGES + OPTIMISERS[run.optimiser] + remembered) * pixels
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
    return round(always + passing + min(LOOSE, LOOSE_SHARE * passing) + FILTERS[run.precision] * number * filters)


def choose_tile(run: Run, free: float, shared: bool = False) -> int | None:
    """The side of the tiles in which a run fits into its share of the free memory; None if it fits whole.

    Args:
        free: bytes.
        shared: it is the machine's memory, where other programs want to live too, and not a GPU's: then a run that would
            take more than `UNASKED` goes in tiles also where there is more.

    Raises:
        InputError: the smallest tiles do not fit into all of it; the size that would is said.
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
    """Bytes that this process may still take: of the machine's, or of its container's if they are fewer."""
    rooms = [psutil.virtual_memory().available]
    try:
        lines = own.read_text().splitlines()
    except OSError:  # no Linux
        return rooms[0]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            rooms += _rooms(groups, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            rooms += _rooms(groups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return max(0, min(rooms))


def keep_freed() -> None:
    """Let the C library keep what is freed for the next who asks, until `give_back`.

    glibc hands every block of 32 MB or more back to the system at once, and the system clears its pages anew for the next
    one: 65 000 page faults and 5 to 10 % of a step at 512 pixels.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if adjust:
        adjust(M_MMAP_MAX, 0)
        adjust(M_TRIM_THRESHOLD, 2**31 - 1)


def give_back() -> None:
    """Hand the memory that was freed back to the system, where the C library keeps it (glibc does)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


def _rooms(root: Path, path: str, limit: str, usage: str, cached: str) -> list[int]:
    """What is left below each limit on the way up from a control group. Files read but not changed count as free."""
    rooms, folder = [], root / path.lstrip("/")
    for each in (folder, *folder.parents):
        if root not in (each, *each.parents):
            break
        try:
            most = (each / limit).read_text().strip()
            taken = int((each / usage).read_text())
            statistics = dict(line.split() for line in (each / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most.isdigit():
            rooms.append(int(most) - taken + int(statistics.get(cached, 0)))
    return rooms


def _density(run: Run, layer: str) -> float:
    """Numbers that a layer has for each pixel of the image."""
    return run.widths[layer] / stride(layer) ** 2


def _inside(run: Run, stage: Stage, number: int, passing: int) -> float:
    """Bytes for each pixel looked at: a stage's activations, where its maxima stood (8 bytes), what comes and goes."""
    kept = sum(_density(run, layer) for layer in stage.layers)
    maxima = sum(_density(run, layer) / 4 for layer in stage.layers[:-1] if layer in POOL_AFTER)
    widest = max(_density(run, layer) for layer in stage.layers)
    return number * (kept + maxima + passing * widest) + 8 * maxima


def _outer(run: Run, stage: Stage, tile: int) -> int:
    """Pixels of a stage's largest tile, halo and all."""
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

TOO_LARGE = {"error": "not enough memory: choose a smaller size", "exit_status": MachineError.exit_status, "memory": True}


def out_of_memory(error: Exception) -> bool:
    """Whether a framework means that; none of them is imported to ask."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(OUT_OF_MEMORY & names) or "can't allocate memory" in str(error)  # as PyTorch says it of a CPU's
