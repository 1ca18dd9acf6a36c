"""Figures for lessons and the command line. Each function returns a matplotlib Figure and shows nothing by itself.

The figures are made without pyplot, so a notebook shows one only once and none is left open behind it.
Colours are those of Okabe and Ito, "Color universal design" (2008), which colour-blind readers can tell apart.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as PlainFigure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from stylelab.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"total": "#000000", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73"}
STYLES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}  # told apart in black and white too
NAMES = {"total": "total", "content": "content", "style": "style", "tv": "total variation"}
INCHES = 3.0  # width of one image in a row of images


class Columns(Protocol):
    """Columns by name: `Result.history`, or a dict of lists."""

    def __getitem__(self, name: str, /) -> Any: ...


class Figure(PlainFigure):
    """A figure that a notebook shows even before anybody has imported pyplot, which is what teaches it to."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def show(image: np.ndarray, title: str | None = None) -> Figure:
    """One image as a figure, without axes.

    Args:
        image: `(H, W, 3)` in 0..1.
        title: a line above it.
    """
    return side_by_side({title or "": image}, width=5.0)


def side_by_side(images: Mapping[str, np.ndarray], columns: int | None = None, *, width: float = INCHES) -> Figure:
    """Images in rows, each under its title.

    Args:
        images: title -> `(H, W, 3)` in 0..1.
        columns: how many in a row; by default up to four, as even as can be.
        width: of one image, in inches.

    Raises:
        InputError: no image.
    """
    if not images:
        raise InputError("no image to show: give at least one")
    rows = -(-len(images) // (columns or 4))
    columns = columns or -(-len(images) // rows)  # five are three and two, not four and one
    tallest = max(image.shape[0] / image.shape[1] for image in images.values())
    figure, axes = _grid(rows, columns, width, width * tallest + 0.35)
    for axis, (title, image) in zip(axes.flat, images.items(), strict=False):
        _draw(axis, image, title)
    return figure


def _grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns empty places of `width` by `height` inches."""
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def _draw(axis: "Axes", image: np.ndarray, title: str = "") -> None:
    axis.imshow(np.clip(image, 0, 1), interpolation="nearest")
    axis.set_title(title, fontsize=10)


def loss_curves(history: Columns) -> Figure:
    """The total loss and its weighted parts against the step, on a logarithmic axis. Parts that stay 0 are left out.

    Args:
        history: columns 'step', 'total', 'content', 'style', 'tv', by name: a `History`, or a dict of lists.

    Raises:
        InputError: no step was made.
    """
    steps = np.asarray(history["step"])
    if steps.size == 0:
        raise InputError("no step was made, so there is no loss to plot")
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axis = figure.subplots()
    for name, colour in COLOURS.items():
        values = np.asarray(history[name], dtype=float)
        if (values > 0).any():
            marker = "o" if steps.size == 1 else None
            axis.plot(
                steps,
                np.where(values > 0, values, np.nan),
                STYLES[name],
                color=colour,
                label=NAMES[name],
                marker=marker,
            )
    axis.set(yscale="log", xlabel="step", ylabel="loss (weighted, no unit)")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    return figure


def filmstrip(snapshots: Mapping[int, np.ndarray]) -> Figure:
    """Images from along a run, in order of their steps.

    Args:
        snapshots: step -> `(H, W, 3)` in 0..1.

    Raises:
        InputError: no image.
    """
    return side_by_side({f"step {step}": snapshots[step] for step in sorted(snapshots)}, width=2.4)


def pair_grid(
    contents: Mapping[str, np.ndarray],
    styles: Mapping[str, np.ndarray],
    images: Mapping[tuple[str, str], np.ndarray],
) -> Figure:
    """Every content image in every style: contents down the side, styles along the top.

    Args:
        contents: name -> `(H, W, 3)` in 0..1, a row each.
        styles: name -> `(H, W, 3)` in 0..1, a column each.
        images: (content name, style name) -> `(H, W, 3)` in 0..1; a pair may be missing.

    Raises:
        InputError: no content or no style image.
    """
    if not contents or not styles:
        raise InputError("no pair to show: give at least one content and one style image")
    figure, axes = _grid(len(contents) + 1, len(styles) + 1, 2.2, 2.0)
    for column, (name, image) in enumerate(styles.items(), 1):
        _draw(axes[0, column], image, name)
    for row, (name, image) in enumerate(contents.items(), 1):
        _draw(axes[row, 0], image, name)
        for column, style in enumerate(styles, 1):
            if (name, style) in images:
                _draw(axes[row, column], images[name, style])
    return figure


# black, blue, vermilion, green, purple, sky, orange of Okabe and Ito, each with dashes of its own
LINES = (
    ("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."), ("#009E73", ":"),
    ("#CC79A7", (0, (5, 1))), ("#56B4E9", (0, (3, 1, 1, 1))), ("#E69F00", (0, (1, 1))),
)  # fmt: skip


def lines(panels: Mapping[str, Mapping[str, tuple]], ylabel: str, *, log: bool = False) -> Figure:
    """The same quantity against one thing or several, in panels beside each other. A name has one colour in all.

    Args:
        panels: label of the x axis, with its unit -> {name: (x, y)}, sequences of one length.
        ylabel: label of the y axis, which all panels share, with its unit.
        log: whether that axis is logarithmic.

    Raises:
        InputError: no panel, or more than seven lines in one.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    if not 0 < len(names) <= len(LINES):
        raise InputError(f"{len(names)} lines to plot: give 1 to {len(LINES)}")
    figure = Figure(figsize=(max(6, 4.5 * len(panels)), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (xlabel, curves) in zip(axes, panels.items(), strict=True):
        for name, (x, y) in curves.items():
            colour, dashes = LINES[names.index(name)]
            axis.plot(x, y, color=colour, linestyle=dashes, label=name)
        axis.set(xlabel=xlabel, yscale="log" if log else "linear")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(ylabel)
    axes[0].legend(frameon=False)
    return figure


def heat_maps(
    tables: Mapping[str, tuple], label: str, *, number: str = ".2f", log: bool = False, width: float = INCHES
) -> Figure:
    """Tables of numbers as coloured cells, beside each other, on one scale of colours that everybody can tell apart.

    Args:
        tables: title -> (values `(R, C)`, names of the R rows, names of the C columns).
        label: what the numbers are, with their unit, along the scale.
        number: how a number is written into its cell, such as '.2f' or '.0%'; '' for not at all.
        log: whether the scale of colours is logarithmic.
        width: of one table, in inches.

    Raises:
        InputError: no table, or names that do not fit its values.
    """
    if not tables:
        raise InputError("no table to show: give at least one")
    arrays = [np.asarray(values, dtype=float) for values, _, _ in tables.values()]
    norm = _norm(np.concatenate([array.ravel() for array in arrays]), log)
    tallest = max(max(array.shape[0], 2) / array.shape[1] for array in arrays)
    figure = Figure(figsize=(width * len(arrays) + 2, min(width * tallest, 6.0) + 0.6), layout="compressed")
    axes = figure.subplots(1, len(arrays), squeeze=False)[0]
    for axis, values, (title, (_, rows, columns)) in zip(axes, arrays, tables.items(), strict=True):
        if values.shape != (len(rows), len(columns)):
            raise InputError(f"'{title}' has {values.shape} values but {len(rows)} row and {len(columns)} column names")
        cells = axis.pcolormesh(values, norm=norm, cmap="cividis", edgecolors="white", linewidth=0.5 if number else 0)
        _name_cells(axis, values, title, rows, columns)
        if number:
            _write_numbers(axis, values, norm, number)
    figure.colorbar(cells, ax=list(axes), label=label, shrink=0.85)
    return figure


def _norm(values: np.ndarray, log: bool) -> Normalize:
    if log:
        positive = values[values > 0]
        return LogNorm(positive.min(), positive.max(), clip=True)
    return Normalize(values.min(), values.max())


def _name_cells(axis: "Axes", values: np.ndarray, title: str, rows: Sequence[str], columns: Sequence[str]) -> None:
    axis.set(title=title, aspect="equal" if values.shape[0] > 1 else "auto")
    axis.title.set_fontsize(10)
    axis.invert_yaxis()  # the first row on top, as a table is read
    axis.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=30 if max(map(len, columns)) > 8 else 0, fontsize=8)
    axis.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8)
    axis.tick_params(length=0)


def _write_numbers(axis: "Axes", values: np.ndarray, norm: Normalize, number: str) -> None:
    for (row, column), value in np.ndenumerate(values):
        dark = float(norm(value)) < 0.5
        axis.text(column + 0.5, row + 0.5, format(value, number), ha="center", va="center", fontsize=9,
                  color="white" if dark else "black")  # fmt: skip


def against_depth(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Measures of a network's layers, from the first layer to the deepest; each measure has a panel and a scale of its own.

    Args:
        panels: measure, with its unit -> {name of the line: {layer: value}}, layers in order of depth.

    Raises:
        InputError: no measure, or more than seven lines in one.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    if not 0 < len(names) <= len(LINES):
        raise InputError(f"{len(names)} lines to plot: give 1 to {len(LINES)}")
    figure = Figure(figsize=(max(6, 4.5 * len(panels)), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (measure, curves) in zip(axes, panels.items(), strict=True):
        for name, values in curves.items():
            colour, dashes = LINES[names.index(name)]
            axis.plot(list(values), list(values.values()), color=colour, linestyle=dashes, marker="o", label=name)
        axis.set(xlabel="layer, from shallow to deep", ylabel=measure)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    return figure


def image_rows(rows: Mapping[str, Mapping[str, np.ndarray]], *, width: float = 1.5) -> Figure:
    """Small images and maps in rows, such as a layer in each; the row's name stands at its left, each image's above it.

    Args:
        rows: name -> {title: image `(H, W, 3)` in 0..1, or map `(H, W)` of any range}. A map is drawn in grey, black
            for 0 or less and white for its own largest number, so that each can be read and no two can be compared.
        width: of one image, in inches.

    Raises:
        InputError: no row, or a row without images.
    """
    if not rows or not all(rows.values()):
        raise InputError("no image to show: give every row at least one")
    tallest = max(image.shape[0] / image.shape[1] for row in rows.values() for image in row.values())
    figure, axes = _grid(len(rows), max(map(len, rows.values())), width, width * tallest + 0.3)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, (title, image) in zip(line, row.items(), strict=False):
            _draw(axis, image if image.ndim == 3 else _grey(image))
            axis.set_title(title, fontsize=8)
        line[0].text(-0.08, 0.5, name, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=9)
    return figure


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat((values / max(values.max(), 1e-12))[..., None], 3, axis=2)


def squares(image: np.ndarray, sides: Mapping[str, int], centre: tuple[int, int]) -> Figure:
    """An image with squares round one pixel, each with its name, such as the receptive fields of layers.

    Args:
        image: `(H, W, 3)` in 0..1.
        sides: name -> side in pixels. What is wider than the image is cut off at its edge.
        centre: (row, column) of the pixel.

    Raises:
        InputError: no square, or more than seven.
    """
    if not 0 < len(sides) <= len(LINES):
        raise InputError(f"{len(sides)} squares to draw: give 1 to {len(LINES)}")
    height, width = image.shape[:2]
    figure, axes = _grid(1, 1, 6.5, 5.0 * height / width)
    axis = axes[0, 0]
    _draw(axis, image)
    for (name, side), (colour, dashes) in zip(sides.items(), LINES, strict=False):
        corner = (centre[1] - side / 2, centre[0] - side / 2)
        white = withStroke(linewidth=4, foreground="white")  # below it, or a dark line is lost on dark places
        axis.add_patch(
            Rectangle(
                corner, side, side, fill=False, path_effects=[white], edgecolor=colour, linestyle=dashes, linewidth=2,
                label=f"{name}: {side}",
            )
        )  # fmt: skip
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.legend(title="side in pixels", loc="outside right center", frameon=False)
    return figure
