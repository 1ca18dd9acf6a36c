"""Choose the tiles of a run by the memory that is free."""

from collections.abc import Mapping
from typing import NamedTuple

import torch

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


def make_plan(run: Run, widths: Mapping[str, int], device: torch.device, precision: str) -> Plan:
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
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.free_memory()
    needed = plan_memory(run.stages[-1], widths, precision)
    tile = memory.choose_tile(needed, free, shared=device.type != "cuda")  # an Apple GPU shares it too
    return Plan(tile, notes + ([memory.note(needed, tile, free)] if tile else []))
