"""Figures for lessons and the command line. Each function returns a matplotlib Figure and displays nothing itself.

The figures do not use pyplot, so a notebook shows each only once and none stays open.
The colours are those of Okabe and Ito, "Color universal design" (2008), which colour-blind readers can tell apart.
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
STYLES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}  # so that lines differ in black and white too
NAMES = {"total": "total", "content": "content", "style": "style", "tv": "total variation"}
# black, blue, vermilion, green, purple, sky blue, orange of Okabe and Ito, each with its own dashes
LINES = (
    ("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."), ("#009E73", ":"),
    ("#CC79A7", (0, (5, 1))), ("#56B4E9", (0, (3, 1, 1, 1))), ("#E69F00", (0, (1, 1))),
)  # fmt: skip
INCHES = 3.0  # width of an image in a row of images


class Columns(Protocol):
    """Columns by name: `Result.history`, or a dict of lists."""

    def __getitem__(self, name: str, /) -> Any: ...


class Figure(PlainFigure):
    """A figure that a notebook can display although pyplot has not been imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def show(image: np.ndarray, title: str | None = None) -> Figure:
    """One image as a figure, without axes.

    >>> plots.show(cat, "A cat").axes[0].get_title()
    'A cat'

    Args:
        image: `(H, W, 3)` in 0..1.
        title: a line above it.
    """
    return side_by_side({title or "": image}, width=5.0)


def side_by_side(images: Mapping[str, np.ndarray], columns: int | None = None, *, width: float = INCHES) -> Figure:
    """Images in rows, each with a title.

    >>> figure = plots.side_by_side({"content": cat, "style": painting})
    >>> [axis.get_title() for axis in figure.axes]
    ['content', 'style']

    Args:
        images: title -> `(H, W, 3)` in 0..1.
        columns: images in a row; by default up to four, in rows of nearly equal length.
        width: of one image, in inches.

    Raises:
        InputError: no image.
    """
    if not images:
        raise InputError("no image to show: give at least one")
    rows = -(-len(images) // (columns or 4))
    columns = columns or -(-len(images) // rows)  # five images become three and two, not four and one
    tallest = max(image.shape[0] / image.shape[1] for image in images.values())
    figure, axes = _grid(rows, columns, width, width * tallest + 0.35)
    for axis, (title, image) in zip(axes.flat, images.items(), strict=False):
        _draw(axis, image, title)
    return figure


def _grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns empty cells of `width` by `height` inches."""
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def _draw(axis: "Axes", image: np.ndarray, title: str = "", fontsize: int = 10) -> None:
    axis.imshow(np.clip(image, 0, 1), interpolation="nearest")
    axis.set_title(title, fontsize=fontsize)


def loss_curves(history: Columns) -> Figure:
    """The total loss and its weighted parts against the step, on a logarithmic axis. Parts that stay 0 are left out.

    >>> history = {"step": [1, 2], "total": [3, 2], "content": [1, 1], "style": [2, 1], "tv": [0, 0]}
    >>> [line.get_label() for line in plots.loss_curves(history).axes[0].lines]
    ['total', 'content', 'style']

    Args:
        history: a `Result.history`, or a dict of lists, with the columns 'step', 'total', 'content', 'style' and 'tv'.

    Raises:
        InputError: the history has no step.
    """
    steps = np.asarray(history["step"])
    if steps.size == 0:
        raise InputError("the run has no steps, so there is no loss to plot")
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axis = figure.subplots()
    for name, colour in COLOURS.items():
        values = np.asarray(history[name], dtype=float)
        if (values > 0).any():
            positive = np.where(values > 0, values, np.nan)
            marker = "o" if steps.size == 1 else None
            axis.plot(steps, positive, STYLES[name], color=colour, label=NAMES[name], marker=marker)
    axis.set(yscale="log", xlabel="step", ylabel="loss (weighted, no unit)")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    return figure


def filmstrip(snapshots: Mapping[int, np.ndarray]) -> Figure:
    """The images of a run, in the order of their steps.

    >>> figure = plots.filmstrip({100: painting, 1: cat})
    >>> [axis.get_title() for axis in figure.axes]
    ['step 1', 'step 100']

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
    """Every content image in every style: content images down the side, style images along the top.

    >>> figure = plots.pair_grid({"cat": cat}, {"fluid": painting}, {("cat", "fluid"): cat})
    >>> [axis.get_title() for axis in figure.axes]
    ['', 'fluid', 'cat', '']

    Args:
        contents: name -> `(H, W, 3)` in 0..1, one row each.
        styles: name -> `(H, W, 3)` in 0..1, one column each.
        images: (content name, style name) -> `(H, W, 3)` in 0..1; pairs may be missing.

    Raises:
        InputError: no content image or no style image.
    """
    if not contents or not styles:
        raise InputError("no pair to show: give at least one content image and one style image")
    figure, axes = _grid(len(contents) + 1, len(styles) + 1, 2.2, 2.0)
    for column, (name, image) in enumerate(styles.items(), 1):
        _draw(axes[0, column], image, name)
    for row, (name, image) in enumerate(contents.items(), 1):
        _draw(axes[row, 0], image, name)
        for column, style in enumerate(styles, 1):
            if (name, style) in images:
                _draw(axes[row, column], images[name, style])
    return figure


def lines(panels: Mapping[str, Mapping[str, tuple]], ylabel: str, *, log: bool = False) -> Figure:
    """One quantity against one or several others, in panels next to each other. A name has the same colour in all panels.

    >>> figure = plots.lines({"step": {"Adam": ([1, 2, 3], [9, 3, 1])}}, "loss (no unit)", log=True)
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yscale()
    ('step', 'log')

    Args:
        panels: label of the x axis, with its unit -> {name: (x, y)}, sequences of one length.
        ylabel: label of the y axis, which all panels share, with its unit.
        log: whether that axis is logarithmic.

    Raises:
        InputError: no line, or there are more than seven names.
    """
    figure, axes = _line_panels(list(panels.values()), share_y=True)
    for axis, xlabel in zip(axes, panels, strict=True):
        axis.set(xlabel=xlabel, yscale="log" if log else "linear")
    axes[0].set_ylabel(ylabel)
    return figure


def against_depth(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Measures of a network's layers, from the first layer to the deepest. Each measure has its own panel and scale.

    >>> figure = plots.against_depth({"PSNR (dB)": {"image": {"conv1_1": 30.0, "conv5_1": 10.0}}})
    >>> figure.axes[0].get_ylabel()
    'PSNR (dB)'

    Args:
        panels: measure, with its unit -> {name of the line: {layer: value}}, layers in order of depth.

    Raises:
        InputError: no line, or there are more than seven names.
    """
    curves = [{name: (list(values), list(values.values())) for name, values in panel.items()} for panel in panels.values()]
    figure, axes = _line_panels(curves, share_y=False, marker="o")
    for axis, measure in zip(axes, panels, strict=True):
        axis.set(xlabel="layer, from shallow to deep", ylabel=measure)
    return figure


def _line_panels(panels: Sequence[Mapping[str, tuple]], share_y: bool, marker: str | None = None) -> tuple[Figure, np.ndarray]:
    names = list(dict.fromkeys(name for curves in panels for name in curves))
    if not 0 < len(names) <= len(LINES):
        raise InputError(f"{len(names)} lines to plot: give 1 to {len(LINES)}")
    figure = Figure(figsize=(max(6, 4.5 * len(panels)), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=share_y, squeeze=False)[0]
    for axis, curves in zip(axes, panels, strict=True):
        for name, (x, y) in curves.items():
            colour, dashes = LINES[names.index(name)]
            axis.plot(x, y, color=colour, linestyle=dashes, marker=marker, label=name)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    return figure, axes


def heat_maps(
    tables: Mapping[str, tuple], label: str, *, number: str = ".2f", log: bool = False, width: float = INCHES
) -> Figure:
    """Tables of numbers as coloured cells, next to each other, with one colour scale that all readers can tell apart.

    >>> figure = plots.heat_maps({"G": ([[1, 2], [2, 5]], ["a", "b"], ["a", "b"])}, "Gram matrix (no unit)", number=".0f")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '2', '2', '5']

    Args:
        tables: title -> (values `(R, C)`, names of the R rows, names of the C columns).
        label: what the numbers are, with their unit; it is written along the colour scale.
        number: how a number is written into its cell, such as '.2f' or '.0%'; '' to leave it out.
        log: whether the colour scale is logarithmic.
        width: of one table, in inches.

    Raises:
        InputError: no table, or the names do not fit the values.
    """
    if not tables:
        raise InputError("no table to show: give at least one")
    arrays = [np.asarray(values, dtype=float) for values, _, _ in tables.values()]
    numbers = np.concatenate([array.ravel() for array in arrays])
    norm = Normalize(numbers.min(), numbers.max())
    if log:
        norm = LogNorm(numbers[numbers > 0].min(), numbers.max(), clip=True)
    tallest = max(max(array.shape[0], 2) / array.shape[1] for array in arrays)
    figure = Figure(figsize=(width * len(arrays) + 2, min(width * tallest, 6.0) + 0.6), layout="compressed")
    axes = figure.subplots(1, len(arrays), squeeze=False)[0]
    for axis, values, (title, (_, rows, columns)) in zip(axes, arrays, tables.items(), strict=True):
        if values.shape != (len(rows), len(columns)):
            raise InputError(f"'{title}' has {values.shape} values but {len(rows)} row and {len(columns)} column names")
        cells = axis.pcolormesh(values, norm=norm, cmap="cividis", edgecolors="white", linewidth=0.5 if number else 0)
        axis.set(aspect="equal" if values.shape[0] > 1 else "auto")
        axis.set_title(title, fontsize=10)
        axis.invert_yaxis()  # the first row at the top, as in a table
        axis.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=30 if max(map(len, columns)) > 8 else 0, fontsize=8)
        axis.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8)
        axis.tick_params(length=0)
        for (row, column), value in np.ndenumerate(values) if number else ():
            colour = "white" if float(norm(value)) < 0.5 else "black"  # the colour scale runs from dark to light
            axis.text(column + 0.5, row + 0.5, format(value, number), ha="center", va="center", fontsize=9, color=colour)
    figure.colorbar(cells, ax=list(axes), label=label, shrink=0.85)
    return figure


def image_rows(rows: Mapping[str, Mapping[str, np.ndarray]], *, width: float = 1.5) -> Figure:
    """Rows of small images and maps, such as one row for each layer. A row's name is at its left, titles are above.

    >>> figure = plots.image_rows({"conv1_1": {"filter 0": np.eye(4), "filter 1": np.eye(4)}})
    >>> [axis.get_title() for axis in figure.axes]
    ['filter 0', 'filter 1']

    Args:
        rows: name -> {title: image `(H, W, 3)` in 0..1, or map `(H, W)` of any range}. A map is drawn in grey, from black
            at 0 or less to white at its own largest number, so the brightness of two maps cannot be compared.
        width: of one image, in inches.

    Raises:
        InputError: no row, or a row has no images.
    """
    if not rows or not all(rows.values()):
        raise InputError("no image to show: give every row at least one")
    tallest = max(image.shape[0] / image.shape[1] for row in rows.values() for image in row.values())
    figure, axes = _grid(len(rows), max(map(len, rows.values())), width, width * tallest + 0.3)
    for row_axes, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, (title, image) in zip(row_axes, row.items(), strict=False):
            if image.ndim == 2:
                image = np.repeat((image / max(image.max(), 1e-12))[..., None], 3, axis=2)
            _draw(axis, image, title, fontsize=8)
        first = row_axes[0]
        first.text(-0.08, 0.5, name, transform=first.transAxes, rotation=90, ha="right", va="center", fontsize=9)
    return figure


def squares(image: np.ndarray, sides: Mapping[str, int], centre: tuple[int, int]) -> Figure:
    """An image with named squares around one pixel, such as the receptive fields of layers.

    >>> figure = plots.squares(cat, {"conv1_1": 3, "conv2_1": 10}, centre=(20, 30))
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['conv1_1: 3', 'conv2_1: 10']

    Args:
        image: `(H, W, 3)` in 0..1.
        sides: name -> side in pixels. A square that is wider than the image is cut off at its edge.
        centre: (row, column) of the pixel.

    Raises:
        InputError: no square, or there are more than seven.
    """
    if not 0 < len(sides) <= len(LINES):
        raise InputError(f"{len(sides)} squares to draw: give 1 to {len(LINES)}")
    height, width = image.shape[:2]
    figure, axes = _grid(1, 1, 6.5, 5.0 * height / width)
    axis = axes[0, 0]
    _draw(axis, image)
    white = withStroke(linewidth=4, foreground="white")  # an outline, which keeps a dark line visible on a dark image
    for (name, side), (colour, dashes) in zip(sides.items(), LINES, strict=False):
        corner = (centre[1] - side / 2, centre[0] - side / 2)
        style: dict[str, Any] = {"edgecolor": colour, "linestyle": dashes, "linewidth": 2, "path_effects": [white]}
        axis.add_patch(Rectangle(corner, side, side, fill=False, label=f"{name}: {side}", **style))
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.legend(title="side in pixels", loc="outside right center", frameon=False)
    return figure
