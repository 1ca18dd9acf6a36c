"""Figures have titles, labels and the right content, and none of them stays open."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from stylelab import plots
from stylelab.errors import InputError
from stylelab.result import History, Step


def image(value=0.5, height=20, width=30):
    """A grey image."""
    return np.full((height, width, 3), value, np.float32)


def history(steps=5, tv=0.0):
    """The history of a run whose losses fall."""
    table = History()
    for index in range(1, steps + 1):
        parts = {"content": 1.0 / index, "style": 100.0 / index**2, "tv": tv}
        table.append(Step(index, sum(parts.values()), parts, image), index * 0.1)
    return table


def drawn(figure) -> bytes:
    """Draw the figure as PNG, without any warning."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="error"):
        figure.savefig(buffer, dpi=40)
    return buffer.getvalue()


def titles(figure):
    """The titles in a figure, without the empty ones."""
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def arrays_of(figure):
    """The images in a figure."""
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def test_a_notebook_displays_a_figure_as_png():
    data, metadata = DisplayFormatter().format(plots.show(image()))
    assert data["image/png"].startswith(b"\x89PNG") and metadata["image/png"] == {"width": 240}


def test_no_figure_stays_open_in_pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    plots.show(image()), plots.loss_curves(history()), plots.filmstrip({1: image()})
    assert pyplot.get_fignums() == before


def test_show_draws_the_image_under_its_title():
    figure = plots.show(image(0.25), "A grey one")
    assert titles(figure) == ["A grey one"]
    np.testing.assert_array_equal(arrays_of(figure)[0], image(0.25))


def test_side_by_side_keeps_order_and_titles():
    figure = plots.side_by_side({"a": image(0.1), "b": image(0.2), "c": image(0.3)}, columns=2)
    assert titles(figure) == ["a", "b", "c"]
    assert [float(array[0, 0, 0]) for array in arrays_of(figure)] == pytest.approx([0.1, 0.2, 0.3])
    assert len(figure.axes) == 4  # two rows of two, the last cell empty
    drawn(figure)


def test_rows_have_nearly_equal_lengths():
    def grid(count, **options):
        spec = plots.side_by_side({str(i): image() for i in range(count)}, **options).axes[0].get_gridspec()
        return spec.nrows, spec.ncols

    assert [grid(count) for count in (1, 3, 4, 5, 8)] == [(1, 1), (1, 3), (1, 4), (2, 3), (2, 4)]
    assert grid(5, columns=5) == (1, 5)


@pytest.mark.parametrize(
    ("size", "columns"), [(30, 4), (64, 4), (96, 4), (128, 3), (160, 2), (256, 3), (384, 4), (512, 3), (900, 2)]
)
def test_by_default_images_are_as_many_in_a_row_as_can_be_seen_and_at_most_four(size, columns):
    figure = plots.side_by_side({str(index): image(height=20, width=size) for index in range(12)})
    assert figure.axes[0].get_gridspec().ncols == columns and plots.page_width(figure) <= plots.PAGE
    assert all(plots.page_width(figure) * axis.get_position().width > 170 for axis in figure.axes)


def noisy(height, width):
    return np.random.default_rng(width).integers(0, 256, (height, width, 3)) / 255


FIGURES = {
    "four of 48": lambda: plots.side_by_side({str(index): noisy(40, 48) for index in range(4)}),
    "three of 128": lambda: plots.side_by_side({str(index): noisy(85, 128) for index in range(3)}),
    "sizes that differ": lambda: plots.side_by_side({"a": noisy(107, 160), "b": noisy(160, 133)}),
    "three of 256": lambda: plots.filmstrip({index: noisy(171, 256) for index in range(3)}),
    "four of 512": lambda: plots.side_by_side({str(index): noisy(50, 512) for index in range(4)}),
    "one": lambda: plots.show(noisy(171, 256), "One"),
    "layers": lambda: plots.image_rows({"one": {"x": noisy(64, 64), "y": noisy(63, 61)}, "two": {"x": noisy(7, 16)}}),
    "pairs": lambda: plots.pair_grid({"a": noisy(107, 160)}, {"b": noisy(119, 160)}, {("a", "b"): noisy(107, 159)}),
    "squares": lambda: plots.squares(noisy(170, 256), {"field": 9}, (300, 300)),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_pixel_of_an_image_is_a_whole_number_of_pixels_of_a_high_density_screen(figure):
    figure = figure()
    shown = np.asarray(Image.open(io.BytesIO(figure._repr_png_()[0])).convert("RGB"))
    assert shown.shape[1] == 2 * plots.page_width(figure)
    for axis in (axis for axis in figure.axes if axis.images):
        original = (np.asarray(axis.images[0].get_array()) * 255).round()
        box = axis.get_position()
        left, right = (round(x * shown.shape[1]) for x in (box.x0, box.x1))
        top, bottom = (round((1 - y) * shown.shape[0]) for y in (box.y1, box.y0))
        times = (right - left) // original.shape[1]
        assert times >= 1 and (bottom - top, right - left) == (times * original.shape[0], times * original.shape[1])
        np.testing.assert_allclose(shown[top:bottom, left:right], original.repeat(times, 0).repeat(times, 1), atol=1)


def test_a_large_image_is_scaled_down_to_the_page():
    figure = plots.show(noisy(20, 3000))
    assert plots.page_width(figure) == plots.PAGE and drawn(figure)


def test_a_row_of_more_than_four_continues_below():
    figure = plots.image_rows({"one": {f"map {index}": np.eye(4) for index in range(6)}, "two": {"map": np.eye(4)}})
    spec = figure.axes[0].get_gridspec()
    assert (spec.nrows, spec.ncols) == (3, 3)  # three, three and one
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["one", "two"]


def test_a_few_strong_responses_do_not_leave_the_rest_of_a_map_black():
    weak = np.full((50, 50), 0.2)
    weak[25, 25] = 9
    (shown,) = arrays_of(plots.image_rows({"": {"map": weak}}))
    assert shown.min() == 1 and arrays_of(plots.image_rows({"": {"map": -weak}}))[0].max() == 0


def test_side_by_side_needs_an_image():
    with pytest.raises(InputError, match="no image to show"):
        plots.side_by_side({})


def test_loss_curves_leave_out_a_part_that_is_always_0():
    lines = {line.get_label(): line for line in plots.loss_curves(history()).axes[0].lines}
    assert list(lines) == ["total", "content", "style"]
    np.testing.assert_allclose(lines["style"].get_ydata(), 100 / np.arange(1, 6) ** 2)
    assert "total variation" in {line.get_label() for line in plots.loss_curves(history(tv=2.0)).axes[0].lines}


def test_loss_curves_are_logarithmic_and_label_their_axes():
    axis = plots.loss_curves(history()).axes[0]
    assert axis.get_yscale() == "log" and axis.get_xlabel() == "step" and "loss" in axis.get_ylabel()


def test_loss_curves_differ_even_without_colour():
    lines = plots.loss_curves(history(tv=1.0)).axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == len(lines) == 4


def test_a_loss_of_0_or_nan_can_be_drawn():
    columns = {name: np.array([1.0, 0.0, np.nan, 2.0]) for name in ("total", "content", "style", "tv")}
    drawn(plots.loss_curves(columns | {"step": np.arange(1, 5)}))


def test_one_step_is_a_visible_point():
    assert plots.loss_curves(history(steps=1)).axes[0].lines[0].get_marker() == "o"


def test_loss_curves_need_a_step():
    with pytest.raises(InputError, match="the run has no steps"):
        plots.loss_curves(History())


def test_a_filmstrip_is_in_the_order_of_the_steps():
    figure = plots.filmstrip({30: image(0.3), 1: image(0.1), 10: image(0.2)})
    assert titles(figure) == ["step 1", "step 10", "step 30"]
    drawn(figure)


def test_a_pair_grid_has_content_images_down_the_side_and_style_images_along_the_top():
    contents, styles = {"cat": image(0.1), "cup": image(0.2)}, {"fluid": image(0.3)}
    figure = plots.pair_grid(contents, styles, {("cat", "fluid"): image(0.4)})
    assert titles(figure) == ["fluid", "cat", "cup"]
    assert [round(float(array[0, 0, 0]), 1) for array in arrays_of(figure)] == [0.3, 0.1, 0.4, 0.2]
    drawn(figure)


def test_a_pair_grid_needs_content_and_style_images():
    with pytest.raises(InputError, match="no pair to show"):
        plots.pair_grid({}, {"fluid": image()}, {})


def test_plots_import_no_framework():
    code = "import sys, stylelab.plots; sys.exit(bool({'torch', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lines_give_a_name_one_colour_in_every_panel_and_label_both_axes():
    curves = {"Adam": ([1, 2, 3], [3.0, 2.0, 1.0]), "SGD": ([1, 2, 3], [3.0, 2.5, 2.0])}
    figure = plots.lines({"step": curves, "time (s)": dict(reversed(curves.items()))}, "loss (no unit)", log=True)
    left, right = figure.axes
    assert [axis.get_xlabel() for axis in figure.axes] == ["step", "time (s)"]
    assert left.get_ylabel() == "loss (no unit)" and left.get_yscale() == "log"
    colours = [{line.get_label(): line.get_color() for line in axis.lines} for axis in (left, right)]
    assert colours[0] == colours[1] and len(set(colours[0].values())) == 2
    np.testing.assert_array_equal(left.lines[1].get_ydata(), curves["SGD"][1])
    assert drawn(figure)


def test_no_lines_and_too_many_lines_are_refused():
    with pytest.raises(InputError, match="0 lines to plot: give 1 to 7"):
        plots.lines({}, "loss")
    with pytest.raises(InputError, match="8 lines to plot"):
        plots.lines({"step": {str(number): ([0], [0]) for number in range(8)}}, "loss")


def test_a_heat_map_has_each_number_in_its_cell_and_the_first_row_at_the_top():
    figure = plots.heat_maps({"F": ([[1, 2, 3], [4, 5, 6]], ("a", "b"), ("x", "y", "z"))}, "response", number=".1f")
    axis = figure.axes[0]
    written = {text.get_text(): text.get_position() for text in axis.texts}
    assert written["3.0"] == (2.5, 0.5) and written["4.0"] == (0.5, 1.5) and axis.yaxis_inverted()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert figure.axes[-1].get_ylabel() == "response"
    drawn(figure)


def test_arrows_of_a_cloud_lead_from_where_its_points_were():
    figure = plots.clouds({"moved": ([1, 2], [3, 3])}, "filter 1", "filter 2", start=([0, 0], [1, 2]))
    (arrows,) = [each for each in figure.axes[0].collections if hasattr(each, "U")]
    assert arrows.U.tolist() == [1, 2] and arrows.V.tolist() == [2, 1] and arrows.XY.tolist() == [[0, 1], [0, 2]]
    drawn(figure)


def test_heat_maps_share_one_scale_and_numbers_contrast_with_their_cells():
    tables = {name: ([[low, high]], ("",), ("", "")) for name, low, high in (("one", 0, 1), ("two", 2, 4))}
    figure = plots.heat_maps(tables, "loss", number=".0f")
    assert all(axis.collections[0].get_clim() == (0, 4) for axis in figure.axes[:2])
    assert [text.get_color() for axis in figure.axes[:2] for text in axis.texts] == ["white", "white", "black", "black"]


def test_a_logarithmic_heat_map_accepts_0_and_can_leave_out_the_numbers():
    figure = plots.heat_maps({"loss": ([[0, 0.01], [0.1, 1]], ("", ""), ("", ""))}, "loss", number="", log=True)
    assert figure.axes[0].collections[0].get_clim() == (0.01, 1) and not figure.axes[0].texts
    drawn(figure)


def test_long_names_of_rows_are_not_cut_off():
    names = [f"to conv{block}_1" for block in range(1, 6)]
    shares = np.geomspace(1e-3, 1, 25).reshape(5, 5)
    figure = plots.heat_maps({"losses": (shares, names, [name[3:] for name in names])}, "loss (share)", log=True, width=6)
    figure.draw_without_rendering()
    assert min(label.get_window_extent().x0 for label in figure.axes[0].get_yticklabels()) > 1


def test_a_heat_map_needs_a_name_for_each_row_and_column():
    with pytest.raises(InputError, match=r"'F' has \(1, 2\) values but 1 row and 3 column names"):
        plots.heat_maps({"F": ([[1, 2]], ("a",), ("x", "y", "z"))}, "response")
    with pytest.raises(InputError, match="no table to show"):
        plots.heat_maps({}, "response")


def test_measures_against_depth_keep_the_order_of_the_layers_and_have_separate_scales():
    depth = {"conv1_1": 30.0, "conv3_1": 20.0, "conv5_1": 10.0}
    similar = {layer: value / 30 for layer, value in depth.items()}
    noise = dict.fromkeys(depth, 7.0)
    figure = plots.against_depth({"PSNR (dB)": {"image": depth, "noise": noise}, "similarity (no unit)": {"image": similar}})
    left, right = figure.axes
    assert [axis.get_ylabel() for axis in figure.axes] == ["PSNR (dB)", "similarity (no unit)"]
    assert list(left.lines[0].get_xdata(orig=True)) == list(depth)
    np.testing.assert_allclose(left.lines[0].get_ydata(), [30, 20, 10])
    assert left.get_ylim()[1] > 20 > 2 > right.get_ylim()[1]
    assert left.lines[0].get_color() == right.lines[0].get_color() != left.lines[1].get_color()
    assert left.lines[0].get_linestyle() != left.lines[1].get_linestyle()
    drawn(figure)


@pytest.mark.parametrize("curves", [{}, {str(name): {"conv1_1": 1.0} for name in range(8)}], ids=["none", "eight"])
def test_no_lines_and_too_many_lines_against_depth_are_refused(curves):
    with pytest.raises(InputError, match=r"[08] lines to plot: give 1 to 7"):
        plots.against_depth({"PSNR (dB)": curves})


def test_maps_are_grey_and_white_at_their_own_largest_number():
    maps = {"filter 0": np.eye(4) * 9, "filter 3": np.eye(4) / 5, "silent": np.zeros((4, 4))}
    figure = plots.image_rows({"conv1_1": maps, "conv2_1": {"filter 7": image(0.3)}})
    loud, quiet, silent, coloured = arrays_of(figure)
    np.testing.assert_allclose([loud, quiet], np.repeat([np.eye(4)[..., None]] * 2, 3, axis=3))
    assert silent.max() == 0 and coloured.mean().round(3) == 0.3
    assert titles(figure) == ["filter 0", "filter 3", "silent", "filter 7"]
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["conv1_1", "conv2_1"]
    drawn(figure)


@pytest.mark.parametrize("rows", [{}, {"conv1_1": {}}])
def test_rows_without_images_are_refused(rows):
    with pytest.raises(InputError, match="give every row at least one"):
        plots.image_rows(rows)


def test_squares_surround_their_pixel_and_differ():
    figure = plots.squares(image(height=40, width=60), {"conv1_1": 3, "conv2_1": 10}, centre=(20, 30))
    drawn(figure)
    inner, outer = figure.axes[0].patches
    assert inner.get_bbox().bounds == (28.5, 18.5, 3, 3) and outer.get_bbox().bounds == (25, 15, 10, 10)
    assert inner.get_edgecolor() != outer.get_edgecolor() and inner.get_linestyle() != outer.get_linestyle()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["conv1_1: 3", "conv2_1: 10"]


def test_squares_larger_than_the_image_do_not_widen_it():
    figure = plots.squares(image(height=40, width=60), {"conv5_1": 156}, centre=(20, 30))
    assert figure.axes[0].get_xlim() == (-0.5, 59.5) and figure.axes[0].get_ylim() == (39.5, -0.5)


def test_squares_need_a_side():
    with pytest.raises(InputError, match="0 squares to draw"):
        plots.squares(image(), {}, centre=(5, 5))
