"""What a run tells while it goes on, and what it returns at the end."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from stylelab.errors import InputError, unknown
from stylelab.recipes import Recipe

if TYPE_CHECKING:
    from stylelab.plots import Figure
    from stylelab.run.provenance import Asked
    from stylelab.run.settings import Settings

COLUMNS = ("step", "seconds", "total", "content", "style", "tv")


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        index: 1 for the first step.
        loss: the total that this step started from.
        parts: its parts, weighted, so that they add up to `loss`.
        image: `(H, W, 3)` float32 in 0..1, after the step; copied from the device when it is first read.
    """

    index: int
    loss: float
    parts: dict[str, float]
    read: Callable[[], np.ndarray] = field(repr=False)

    @cached_property
    def image(self) -> np.ndarray:
        return self.read()


class History:
    """A table with a row for each step: `history["total"]` is a column, `history[0]` the first row, len() the rows.

    `seconds` counts from the start of the run; `content`, `style` and `tv` are weighted and add up to `total`.
    """

    columns = COLUMNS

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []

    def append(self, step: Step, seconds: float) -> None:
        parts = (step.parts.get(name, 0.0) for name in COLUMNS[3:])
        self._rows.append((step.index, seconds, step.loss, *parts))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return (dict(zip(COLUMNS, row, strict=True)) for row in self._rows)

    def __contains__(self, column: object) -> bool:
        return column in COLUMNS

    def keys(self) -> tuple[str, ...]:
        return COLUMNS

    @overload
    def __getitem__(self, key: str) -> np.ndarray: ...
    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    def __getitem__(self, key: "str | int") -> "np.ndarray | dict[str, float]":
        if isinstance(key, str):
            if key not in COLUMNS:
                raise unknown("column", key, COLUMNS)
            return np.array([row[COLUMNS.index(key)] for row in self._rows], dtype=int if key == "step" else float)
        return dict(zip(COLUMNS, self._rows[key], strict=True))

    def __repr__(self) -> str:
        ends = f", total {self._rows[0][2]:.4g} -> {self._rows[-1][2]:.4g}" if self._rows else ""
        return f"History({len(self)} steps{ends})"


@dataclass
class Result:
    """What `transfer` returns.

    Attributes:
        image: `(H, W, 3)` float32 in 0..1.
        history: a `History`, columns step, seconds, total, content, style, tv.
        snapshots: `{step: image}`, some on the way and the last.
        seconds: wall clock of the steps alone.
        device, encoder: their names.
        recipe: the `Recipe` as it was run.
        stopped: None, or a sentence that says why the run ended early.
        precision: of the network, 'float32' or 'bfloat16'.
        scales: the long sides in pixels at which it was painted, smallest first.
        tile: side in pixels of the tiles that the last size was worked on in; None for the whole at once, 0 where that was
            asked for.
        notes: sentences about what was done otherwise than one would expect, and why.
        taken: after how many steps `image` is what it is, fewer than were asked for if the run ended early; 0 if no number
            of steps leads there.
        asked: a `stylelab.run.provenance.Asked`, from which `settings` comes.
    """

    image: np.ndarray
    history: History
    snapshots: dict[int, np.ndarray]
    seconds: float
    device: str
    recipe: Recipe
    encoder: str
    stopped: str | None = None
    precision: str = "float32"
    scales: tuple[int, ...] = ()
    tile: int | None = None
    notes: tuple[str, ...] = ()
    taken: int = 0
    asked: "Asked | None" = field(default=None, repr=False)

    @cached_property
    def settings(self) -> "Settings":
        """All that decided how this came out, as `stylelab.run.settings.Settings`: saved, it can be run again to the same image.

        An image that was given as an array is embedded as it is now; one that was given by path stays there.

        Raises:
            InputError: a recipe of one's own, an image too large to be embedded, or no run of `transfer`.
        """
        if self.asked is None:
            raise InputError("this result is not of `transfer`: there is nothing to say of its settings")
        return self.asked.settings(self)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Result({self.recipe.name}, {width} x {height}, {self.history!r}, {self.seconds:.1f} s on {self.device})"

    def save(self, path: "str | os.PathLike[str]") -> Path:
        """Write the image as PNG, JPEG or WebP, by the ending of `path`. A PNG carries the settings, without folders and
        without the two images: `stylelab transfer --settings` reads them.

        Raises:
            InputError: an unknown ending, or a folder that is missing or not writable.
        """
        from stylelab import images

        return images.save(self.image, path, self._text())

    def _text(self) -> dict[str, str]:
        from stylelab.run.settings_file import KEYWORD

        try:
            return {KEYWORD: self.settings.bare().text()}
        except InputError:
            return {}

    def show(self) -> "Figure":
        """The image as a matplotlib figure."""
        from stylelab import plots

        return plots.show(self.image)

    def plot_losses(self) -> "Figure":
        """The loss curves as a matplotlib figure."""
        from stylelab import plots

        return plots.loss_curves(self.history)
