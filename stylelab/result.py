"""The steps of a run, and its result."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from stylelab.errors import InputError, unknown
from stylelab.recipes import Recipe

if TYPE_CHECKING:
    from stylelab.plots import Figure

COLUMNS = ("step", "seconds", "total", "content", "style", "tv")


@dataclass(frozen=True)
class Step:
    """One step of a run.

    >>> from stylelab.result import Step
    >>> Step(1, 0.5, {"content": 0.2, "style": 0.3}, lambda: cat).image.shape
    (40, 60, 3)

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

    >>> from stylelab.result import History, Step
    >>> history = History()
    >>> history.append(Step(1, 0.5, {"content": 0.2, "style": 0.3}, lambda: cat), seconds=0.1)
    >>> history.append(Step(2, 0.4, {"content": 0.2, "style": 0.2}, lambda: cat), seconds=0.2)
    >>> history["total"]
    array([0.5, 0.4])
    >>> history
    History(2 steps, total 0.5 -> 0.4)
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


class Provenance(Protocol):
    """Where a Result comes from: `stylelab.run.provenance.Provenance`."""

    def settings(self, result: "Result") -> Any: ...
    def png_text(self, result: "Result") -> dict[str, str]: ...


@dataclass
class Result:
    """The outcome of `transfer`.

    >>> result = stylelab.transfer("cat", "fluid", size=48, steps=2)
    >>> result.image.shape, result.history["step"], result.encoder
    ((32, 48, 3), array([1, 2]), 'mini')
    >>> print(result.save("cat.png"))
    cat.png

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
        tile: side in pixels of the tiles at the last size; None for no tiles, 0 if no tiles were asked for.
        notes: sentences about anything that a user may not expect, and why it was done.
        taken: the number of steps that leads to `image`: fewer than the recipe's if the run ended early, 0 if none does.
        provenance: the run's inputs and options, from which `settings` comes; None for a Result that is not of `transfer`.
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
    provenance: Provenance | None = field(default=None, repr=False)

    @cached_property
    def settings(self) -> Any:
        """Everything that decided how the image came out, as `stylelab.run.settings.Settings`: run again, they lead to the same image.

        An image that was given as an array is embedded as it is now; one that was given by path stays there.

        Raises:
            InputError: a recipe of one's own, an image too large to be embedded, or no run of `transfer`.
        """
        if self.provenance is None:
            raise InputError("this result does not come from `transfer`, so its settings are not known")
        return self.provenance.settings(self)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Result({self.recipe.name}, {width} x {height}, {self.history!r}, {self.seconds:.1f} s on {self.device})"

    def save(self, path: "str | os.PathLike[str]") -> Path:
        """Write the image as PNG, JPEG or WebP, by the ending of `path`.

        A PNG carries the settings, without folders and without the two images: `stylelab transfer --settings` reads them.

        Raises:
            InputError: an unknown ending, or a folder that is missing or not writable.
        """
        from stylelab import images

        return images.save(self.image, path, self.provenance.png_text(self) if self.provenance else None)

    def show(self) -> "Figure":
        """The image as a matplotlib figure."""
        from stylelab import plots

        return plots.show(self.image)

    def plot_losses(self) -> "Figure":
        """The loss curves as a matplotlib figure."""
        from stylelab import plots

        return plots.loss_curves(self.history)
