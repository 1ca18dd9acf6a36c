"""Choose the tiles of a run by the memory that is free."""

import math
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from stylelab.run.numerics import memory
from stylelab.run.prepare import Run, plan_memory


class Plan(NamedTuple):
    """How a run fits into memory.

    Attributes:
        tile: side in pixels; None for no tiles, 0 if no tiles were asked for.
        notes: why there are tiles, if they were not asked for, and why not the precision that was.
    """

    tile: int | None
    notes: list[str]

    @property
    def side(self) -> int | None:
        """Of the tiles to work in; None for no tiles."""
        return self.tile or None


def make_plan(run: Run, widths: Mapping[str, int], device: str, precision: str) -> Plan:
    """The tiles asked for, or else the largest that fit into memory; none if the whole image fits.

    Args:
        run, device, precision: what is painted, where, and how.
        widths: number of filters of each layer.

    Raises:
        InputError: the image does not fit into memory even in the smallest tiles.
    """
    if run.keeper and run.keeper.found:  # as it was begun: other tiles add up in another order
        return Plan(run.keeper.found.about["tile"], run.keeper.found.about["notes"])
    notes = [f"painted in float32: {device} does not compute in bfloat16"] if run.precision == "bfloat16" != precision else []
    if run.options.tile is not None:
        return Plan(run.options.tile, notes)
    on_cpu = device.startswith("cpu")
    free = memory.free_memory() if on_cpu else _free_gpu_memory(device)
    needed = plan_memory(run.stages[-1], widths, precision)
    tile = memory.choose_tile(needed, free, shared=on_cpu)
    return Plan(tile, notes + ([memory.note(needed, tile, free)] if tile else []))


def _free_gpu_memory(device: str) -> float:
    """Bytes, from the GPU's driver, as TensorFlow does not say. Infinite where the driver does not say either."""
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", device.partition(":")[2]]
    try:
        return int(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return math.inf
