"""Figures for lessons and the command line. Each function returns a matplotlib Figure and displays nothing itself.

The figures do not use pyplot, so a notebook shows each only once and none stays open.
The colours are those of Okabe and Ito, "Color universal design" (2008), which colour-blind readers can tell apart.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Protocol

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as PlainFigure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from stylelab.base.values import check_axes, instance, numbers, whole
from stylelab.errors import InputError

COLOURS = {"total": "#000000", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73"}
STYLES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}  # so that lines differ in black and white too
NAMES = {"total": "total", "content": "content", "style": "style", "tv": "total variation"}
# black, blue, vermilion, green, purple, sky blue, orange of Okabe and Ito, each with its own dashes
LINES = (
    ("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."), ("#009E73", ":"),
    ("#CC79A7", (0, (5, 1))), ("#56B4E9", (0, (3, 1, 1, 1))), ("#E69F00", (0, (1, 1))),
)  # fmt: skip
# in pixels of the page, of which a figure has 100 to an inch: a row of images, the space around one, the space above it
PAGE, GAP, TITLE = 792, 8, 26
INCHES = 3.2  # width of an image at most
MOST, LEAST = 4, 176  # images in a row at most, and pixels of the page that one should have at least
SHARP = 200  # dots per inch of a file: two for each pixel of the page, as high-density screens have them


class Columns(Protocol):
    """Columns by name: `Result.history`, or a dict of lists."""

    def __getitem__(self, name: str, /) -> Any: ...


class Figure(PlainFigure):
    """A figure that a notebook can display although pyplot has not been imported."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SHARP)
        return buffer.getvalue(), {"width": page_width(self)}


def page_width(figure: PlainFigure) -> int:
    """A figure's width on a page, in the page's pixels.

    >>> plots.page_width(plots.show(cat))
    240
    """
    return round(100 * figure.get_figwidth())


def show(image: np.ndarray, title: str | None = None) -> Figure:
    """One image as a figure, without axes.

    >>> plots.show(cat, "A cat").axes[0].get_title()
    'A cat'

    Args:
        image: `(H, W, 3)` in 0..1.
        title: a line above it.
    """
    (image,) = _checked({title or "": image}).values()
    return side_by_side({title or "": image}, width=max(image.shape[1], 256) / 100)


def _checked(images: Mapping[str, Any], maps: bool = False) -> dict[str, np.ndarray]:
    """Images by title as arrays `(H, W, 3)`, or `(H, W)` where maps are allowed.

    Raises:
        InputError: something else.
    """
    found = {}
    for title, image in instance("images", images, Mapping, words="a dict of title -> image").items():
        found[title] = array = numbers(image, f"image '{title}'")
        if not (maps and array.ndim == 2):
            check_axes(array.shape, f"image '{title}'", "(H, W, 3)")
        if not array.size:
            raise InputError(f"image '{title}' is empty")
    return found


def side_by_side(images: Mapping[str, np.ndarray], columns: int | None = None, *, width: float = INCHES) -> Figure:
    """Images in rows, each with a title.

    One pixel of an image becomes a whole number of pixels of the page if there is room for that, so it is as sharp as it was
    painted, also on a high-density screen.

    >>> figure = plots.side_by_side({"content": cat, "style": painting})
    >>> [axis.get_title() for axis in figure.axes]
    ['content', 'style']

    Args:
        images: title -> `(H, W, 3)` in 0..1.
        columns: images in a row; by default as many as there is room for, at most four, in rows of nearly equal length.
        width: of one image at most, in inches.

    Raises:
        InputError: no image.
    """
    if not (images := _checked(images)):
        raise InputError("no image to show: give at least one")
    columns = _columns(images.values(), len(images), 100 * width) if columns is None else whole("columns", columns, 1)
    entries = list(images.items())
    rows = [entries[start : start + columns] for start in range(0, len(entries), columns)]
    return _rows_of_images(rows, columns, min(_room(columns), 100 * width))


def _columns(images: Iterable[np.ndarray], count: int, width: float) -> int:
    """How many of `count` images there are in a row: the most for which each is large enough and a whole number of times its size."""
    widest = max(image.shape[1] for image in images)
    zooms = {columns: _zoom(widest, min(_room(columns), width)) for columns in range(min(MOST, count), 0, -1)}
    fitting = [columns for columns, zoom in zooms.items() if zoom % 0.5 == 0 and zoom * widest >= LEAST]
    columns = fitting[0] if fitting else min(2, count)
    return -(-count // -(-count // columns))  # five images become three and two, not four and one


def _room(columns: int) -> float:
    """The width of each of so many images in a row, in pixels of the page."""
    return (PAGE - GAP * (columns - 1)) / columns


def _zoom(width: int, room: float) -> float:
    """How many pixels of the page a pixel of an image of this width gets: a whole number or, of a large image, half a one.

    Where half would leave much of the room empty, the image is scaled down to fill it.
    """
    whole, half = room // width, width / 2
    return whole or (0.5 if 0.6 * room <= half <= room else room / width)


def _rows_of_images(rows: Sequence[Sequence[tuple[str, Any]]], columns: int, room: float, names: Sequence[str] = ()) -> Figure:
    """A figure of rows of (title, image or None), with the rows' names at the left."""
    images = [[(_zoom(image.shape[1], room), image) for _, image in row if image is not None] for row in rows]
    cell = ceil(max(zoom * image.shape[1] for row in images for zoom, image in row))
    heights = [ceil(max((zoom * image.shape[0] for zoom, image in row), default=0)) for row in images]
    left = 3 * GAP if any(names) else 0
    width = left + columns * (cell + GAP) - GAP
    height = sum(heights) + len(rows) * (TITLE + GAP)
    figure = Figure(figsize=((width + 1e-3) / 100, (height + 1e-3) / 100))  # a file's size is rounded down
    axes, bottom = figure.subplots(len(rows), columns, squeeze=False), height
    for axis in axes.flat:
        axis.set_axis_off()
    for index, (row, tall) in enumerate(zip(rows, heights, strict=True)):
        bottom -= tall + TITLE + GAP
        for column, (title, image) in enumerate(row):
            axis = axes[index, column]
            axis.set_title(title, fontsize=10 if cell > LEAST else 8)
            if image is None:
                continue
            zoom = _zoom(image.shape[1], room)
            high, wide = zoom * image.shape[0], zoom * image.shape[1]
            start, base = left + column * (cell + GAP) + (cell - wide) // 2, bottom + GAP + (tall - high) // 2
            axis.set_position((start / width, base / height, wide / width, high / height))
            sampling = "nearest" if zoom % 0.5 == 0 else "antialiased"
            axis.imshow(np.clip(image, 0, 1), interpolation=sampling, aspect="auto")
        if names and names[index]:
            middle = (bottom + GAP + tall / 2) / height
            placing: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "transform": figure.transFigure}
            axes[index, 0].text(GAP / width, middle, names[index], fontsize=9, **placing)
    return figure


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
    steps = sorted(instance("snapshots", snapshots, Mapping, words="a dict of step -> image"))
    return side_by_side({f"step {step}": snapshots[step] for step in steps})


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
    contents, styles = _checked(contents), _checked(styles)
    if not contents or not styles:
        raise InputError("no pair to show: give at least one content image and one style image")
    rows = [[("", None), *styles.items()]]
    rows += [[(name, image), *(("", images.get((name, style))) for style in styles)] for name, image in contents.items()]
    return _rows_of_images(rows, len(styles) + 1, max(_room(len(styles) + 1), LEAST))


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
    figure = Figure(figsize=(6 if len(panels) == 1 else max(PAGE / 100, 3 * len(panels)), 3.5), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=share_y, squeeze=False)[0]
    for axis, curves in zip(axes, panels, strict=True):
        for name, (x, y) in curves.items():
            colour, dashes = LINES[names.index(name)]
            axis.plot(x, y, color=colour, linestyle=dashes, marker=marker, label=name)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    return figure, axes


def clouds(
    panels: Mapping[str, tuple], xlabel: str, ylabel: str, *, behind: tuple | None = None, start: tuple | None = None
) -> Figure:
    """Clouds of points next to each other, on the same axes. The more points there are in a place, the darker it is.

    >>> figure = plots.clouds({"F": ([0, 1, 2], [2, 1, 0])}, "filter 1", "filter 2")
    >>> figure.axes[0].get_title(), figure.axes[0].get_xlabel()
    ('F', 'filter 1')

    Args:
        panels: title -> (x, y), sequences of one length. Up to four are in a row.
        xlabel, ylabel: labels of the axes.
        behind: (x, y) of another cloud, drawn behind each of them in small crosses of another colour.
        start: (x, y) of where the points of each cloud come from: an arrow leads from there to each point.

    Raises:
        InputError: no cloud.
    """
    if not panels:
        raise InputError("no cloud to show: give at least one")
    rows = ceil(len(panels) / MOST)
    columns = ceil(len(panels) / rows)
    tall = 3.8 if len(panels) <= 2 else PAGE / 100 / columns + 0.3
    figure = Figure(figsize=(PAGE / 100, rows * tall), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for index, (title, (x, y)) in enumerate(panels.items()):
        axis = axes.flat[index]
        if behind is not None:
            axis.scatter(*behind, s=9, marker="x", color=COLOURS["style"], alpha=0.35, linewidths=0.7)
        if start is not None:
            way = [np.subtract(there, here) for there, here in zip((x, y), start, strict=True)]
            units: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
            axis.quiver(*start, *way, color=COLOURS["content"], alpha=0.45, **units)
        axis.scatter(x, y, s=9, color=COLOURS["content"], alpha=0.25, linewidths=0)
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
        if index % columns == 0:
            axis.set_ylabel(ylabel)
        if index + columns >= len(panels):  # nothing below it
            axis.set_xlabel(xlabel)
            axis.tick_params(labelbottom=True)
    return figure


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


def image_rows(rows: Mapping[str, Mapping[str, np.ndarray]], *, width: float = INCHES) -> Figure:
    """Rows of images and maps, such as one row for each layer. A row's name is at its left, titles are above.

    A row with more images than there is room for, four at most, continues below.

    >>> figure = plots.image_rows({"conv1_1": {"filter 0": np.eye(4), "filter 1": np.eye(4)}})
    >>> [axis.get_title() for axis in figure.axes]
    ['filter 0', 'filter 1']

    Args:
        rows: name -> {title: image `(H, W, 3)` in 0..1, or map `(H, W)` of any range}. A map is drawn in grey, from black
            at 0 or less to white at its own strongest responses, the top hundredth of those above 0, so the brightness of
            two maps cannot be compared.
        width: of one image at most, in inches.

    Raises:
        InputError: no row, or a row has no images.
    """
    rows = {name: _checked(row, maps=True) for name, row in instance("rows", rows, Mapping, words="a dict of rows").items()}
    if not rows or not all(rows.values()):
        raise InputError("no image to show: give every row at least one")
    columns = _columns((image for row in rows.values() for image in row.values()), max(map(len, rows.values())), 100 * width)
    lines: list[list[tuple[str, Any]]] = []
    names: list[str] = []
    for name, row in rows.items():
        entries = [(title, _as_grey(image) if image.ndim == 2 else image) for title, image in row.items()]
        lines += [entries[start : start + columns] for start in range(0, len(entries), columns)]
        names += [name] + [""] * (len(lines) - len(names) - 1)
    return _rows_of_images(lines, columns, min(_room(columns), 100 * width), names)


def _as_grey(values: np.ndarray) -> np.ndarray:
    """A map `(H, W)` as an image: the rare largest responses of a map would leave the rest of it black."""
    white = np.percentile(values[values > 0], 99) if (values > 0).any() else 1
    return np.repeat(np.clip(values / white, 0, 1)[..., None], 3, axis=2)


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
    (image,) = _checked({"": image}).values()
    height, width = image.shape[:2]
    figure = _rows_of_images([[("", image)]], 1, 5.2 * 100)
    axis, drawn = figure.axes[0], page_width(figure)
    figure.set_figwidth((drawn + 180) / 100)
    box = axis.get_position()
    axis.set_position((0, box.y0, drawn / (drawn + 180), box.height))
    white = withStroke(linewidth=4, foreground="white")  # an outline, which keeps a dark line visible on a dark image
    for (name, side), (colour, dashes) in zip(sides.items(), LINES, strict=False):
        corner = (centre[1] - side / 2, centre[0] - side / 2)
        style: dict[str, Any] = {"edgecolor": colour, "linestyle": dashes, "linewidth": 2, "path_effects": [white]}
        axis.add_patch(Rectangle(corner, side, side, fill=False, label=f"{name}: {side}", **style))
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    anchor = (drawn / (drawn + 180), 0.5)
    figure.legend(title="side in pixels", loc="center left", bbox_to_anchor=anchor, frameon=False)
    return figure
