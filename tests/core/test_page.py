"""What a lesson displays: images with alt text, live images, sliders, a quiz, the first cell's report."""

import base64
import io
import re
import sys
import threading

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.figure import Figure
from PIL import Image

from stylelab import page
from stylelab.errors import InputError
from stylelab.result import Step

GREY = np.full((8, 12, 3), 0.5, np.float32)


@pytest.fixture
def displayed(monkeypatch):
    """A list of everything that is displayed or updated, as HTML."""
    outputs = []

    class Handle:
        def update(self, what):
            outputs.append(what._repr_mimebundle_()["text/html"])

    def display(what, display_id=None, raw=False, metadata=None):
        outputs.append(what if isinstance(what, dict) else what.html)
        return Handle()

    monkeypatch.setattr(page, "display", display)
    return outputs


def decode(html: str) -> np.ndarray:
    """The image in an `<img>` element."""
    data = html.partition("base64,")[2].partition('"')[0]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) / 255


def test_an_image_is_displayed_with_its_description(displayed):
    page.show(GREY, 'A "grey" square')
    assert 'alt="A &#34;grey&#34; square"' in displayed[0]
    np.testing.assert_allclose(decode(displayed[0])[:8, :12], GREY, atol=0.02)


def test_a_line_drawing_becomes_png_and_a_photograph_jpeg():
    drawing, photograph = Figure(), Figure()
    drawing.subplots().plot([1, 2])
    photograph.subplots().imshow(GREY)
    assert "image/png" in page.image(drawing, "A line") and "image/jpeg" in page.image(photograph, "A square")


@pytest.mark.parametrize(("size", "shown"), [(64, 384), (96, 384), (160, 320), (256, 256), (384, 384), (512, 512), (1000, 500)])
def test_an_image_is_shown_at_a_whole_number_of_pixels_of_any_screen(size, shown):
    pixels = np.random.default_rng(0).uniform(size=(8, size, 1)).repeat(3, axis=2)  # JPEG keeps less of colour
    html = page.image(pixels, "Noise")
    assert f'width="{shown}"' in html
    times = decode(html).shape[1] // size
    assert decode(html).shape == (8 * times, size * times, 3) and times * size == 2 * shown
    assert abs(decode(html)[times // 2 :: times, times // 2 :: times] - pixels).mean() < 0.05


def test_a_figure_is_sharp_on_a_high_density_screen():
    html = page.image(Figure(figsize=(2.5, 1)), "Nothing")
    assert 'width="250"' in html and decode(html).shape[:2] == (200, 500)


def steps(count: int):
    """The steps of a run whose loss falls."""
    return [Step(index, 10 / index, {}, lambda: GREY) for index in range(1, count + 1)]


def test_a_live_image_counts_the_steps_and_is_replaced_by_the_result(displayed):
    live = page.Live("Something grey", steps=3)
    for step in steps(3):
        live.show(step)
    assert '<progress value="3" max="3">' in displayed[-1] and "step 3 of 3, loss 3.33" in displayed[-1]
    live.finish(GREY, "The grey result")
    assert 'alt="The grey result"' in displayed[-2] and "<progress" not in displayed[-2]


def test_a_live_image_ends_as_it_began_since_nbval_sees_no_changes(displayed):
    live = page.Live("Something grey", steps=1)
    live.show(*steps(1))
    live.finish(GREY, "The grey result")
    assert displayed[0] == displayed[-1] == ""


def test_a_live_image_is_not_drawn_at_every_step(displayed):
    live = page.Live("Something grey", steps=1000)
    for step in steps(50):
        live.show(step)
    assert len(displayed) < 10


def test_moving_a_slider_paints_the_image_again(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append(widget))

    def paint(beta):
        yield Step(1, beta, {}, lambda: np.zeros((8, 8, 3)))

    page.try_it(paint, GREY, "A grey square", {"beta": (1, 100, 10)})
    slider, status, image = widgets[0].children
    before = image.value
    slider.value = 100.0
    assert image.value != before and status.value == "step 1, loss 100"


def test_a_slider_may_paint_an_image_at_once(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append(widget))
    page.try_it(lambda share: [np.zeros((8, 8, 3))], GREY, "A grey square", {"share": range(0, 101, 10)})
    slider, status, image = widgets[0].children
    before = image.value
    slider.value = 50
    assert image.value != before and status.value == "painted"


def test_sliders_can_have_whole_numbers_or_words(monkeypatch):
    widgets, calls = [], []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append(widget))

    def paint(**values):
        calls.append(values)
        yield Step(1, 0.0, {}, lambda: GREY)

    page.try_it(paint, GREY, "A grey square", {"layer": ["conv1_1", "conv2_1"], "filter": range(2, 32, 2), "tv": (1, 100, 10)})
    layer, number, *_ = widgets[0].children
    assert (layer.value, number.value, number.max) == ("conv1_1", 2, 30)
    layer.value = "conv2_1"
    number.value = 6
    assert calls[-1] == {"layer": "conv2_1", "filter": 6, "tv": 10.0}


def test_an_error_after_moving_a_slider_is_displayed(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append(widget))

    def paint(beta):
        raise InputError("the style weight is <too> large")

    page.try_it(paint, GREY, "A grey square", {"beta": (1, 100, 10)})
    slider, status, _ = widgets[0].children
    slider.value = 100.0
    assert status.value == "the style weight is &lt;too&gt; large"


def test_a_blind_choice_reveals_the_names_only_when_it_has_been_made(displayed, monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append((widget, html)))
    page.choose({"gram": GREY, "sliced": GREY / 2, "<wasserstein>": GREY / 4}, "Three grey squares")
    (widget, html), (figure,) = widgets[0], displayed
    choice, answer = widget.children
    assert 'alt="Three grey squares"' in figure and "gram" not in figure and answer.value == ""
    assert (choice.options, choice.value) == (("A", "B", "C"), None)
    names = dict(re.findall(r"<details><summary>(\w)</summary>(.+?)</details>", html))
    assert sorted(names.values()) == ["&lt;wasserstein&gt;", "gram", "sliced"]
    choice.value = "B"
    assert answer.value.startswith(f"You prefer <b>{names['B']}</b>.") and f" A: {names['A']}." in answer.value


def test_a_blind_choice_depends_on_its_seed_alone(displayed, monkeypatch):
    orders = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: orders.append(html))
    for seed in (0, 0, *range(1, 9)):
        page.choose({name: GREY for name in "stuv"}, "Four grey squares", seed=seed)
    assert orders[0] == orders[1] and len(set(orders)) > 3


def test_a_widget_is_displayed_below_its_static_version_which_it_hides(displayed):
    for _ in range(2):
        page.quiz("04")
    static, widget, twin, _ = displayed
    assert "<details>" in static["text/html"] and "Run the cell above to make it live." in static["text/html"]
    assert set(static) == {"text/html", "text/plain"} and set(widget) == {page.WIDGET, "text/plain"}
    name = re.search(r'<div class="(stylelab-\w+)">', static["text/html"])[1]
    assert f'"{name}"' not in twin["text/html"]  # a twin lesson's stays
    box = _instances[widget[page.WIDGET]["model_id"]]
    assert box.children[-1].value == f"<style>.{name} {{ display: none }}</style>"


def test_a_slider_stopped_on_purpose_says_where(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: widgets.append(widget))

    def paint(beta):
        yield from steps(2)
        raise KeyboardInterrupt

    page.try_it(paint, GREY, "A grey square", {"beta": (1, 100, 10)})
    slider, status, _ = widgets[0].children
    slider.value = 100.0
    assert status.value == "stopped at step 2, loss 5"


@pytest.fixture
def shell(monkeypatch):
    """A shell of IPython that looks like a kernel's."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr(shell, "kernel", True, raising=False)
    monkeypatch.setattr(page, "get_ipython", lambda: shell)
    return shell


SLOW_MODULE = "import sys, time\nsys.begun.set()\nsys.go.wait(60)\ntime.sleep(0.05)\ndone = True\n"


def test_a_slow_module_is_imported_between_cells_and_the_next_cell_waits_for_it(
    sl, framework, shell, tmp_path, monkeypatch, capsys
):
    (tmp_path / "slow_module.py").write_text(SLOW_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(page, "SLOW", {framework: "slow_module"})
    monkeypatch.setattr(page, "IDLE", 0)
    monkeypatch.setattr(sys, "begun", threading.Event(), raising=False)
    monkeypatch.setattr(sys, "go", threading.Event(), raising=False)
    shell.user_ns.update(page=page, sl=sl)
    assert shell.run_cell("setting = page.set_up(sl); during = 'slow_module' in __import__('sys').modules").success
    assert not shell.user_ns["during"] and sys.begun.wait(60)
    threading.Timer(0.05, sys.go.set).start()
    assert shell.run_cell("import slow_module; seen = slow_module.done").success and shell.user_ns["seen"]
    printed = capsys.readouterr()
    assert printed.err == "" and len(printed.out.splitlines()) == 3  # the report, and nothing else
    shell.run_cell("1")
    assert not any("_WarmUp" in str(callback) for callbacks in shell.events.callbacks.values() for callback in callbacks)
    del sys.modules["slow_module"]


def test_cells_that_follow_at_once_do_not_wait_for_a_slow_module(sl, framework, shell, monkeypatch):
    monkeypatch.setattr(page, "SLOW", {framework: "no_such_module"})
    monkeypatch.setattr(page, "IDLE", 600)
    shell.user_ns.update(page=page, sl=sl)
    assert shell.run_cell("setting = page.set_up(sl)").success and shell.run_cell("x = 1").success


def test_a_cell_stopped_on_purpose_ends_in_one_line(sl, shell, monkeypatch, capsys):
    monkeypatch.setattr(page, "SLOW", {})
    page.set_up(sl)
    capsys.readouterr()
    done = shell.run_cell("x = 1\nraise KeyboardInterrupt")
    printed = capsys.readouterr()
    assert isinstance(done.error_in_exec, KeyboardInterrupt) and printed.err == ""
    assert re.fullmatch(r"Stopped[^\n]*\. What the cell has shown so far stays; run it again to start over\.\n", printed.out)
    shell.run_cell("1 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_the_preset_is_printed_and_an_unknown_one_refused(sl, monkeypatch, capsys):
    monkeypatch.setenv("STYLELAB_PRESET", "ci")
    setting = page.set_up(sl, seed=3)
    assert (setting.preset, setting.seed) == ("ci", 3)
    assert "preset 'ci': images scaled down to 96 pixels, runs to 4% of" in capsys.readouterr().out
    monkeypatch.setenv("STYLELAB_PRESET", "cii")
    with pytest.raises(InputError, match="did you mean 'ci'"):
        page.set_up(sl)


def test_a_mistake_on_purpose_does_not_raise_even_for_nbgrader(sl, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with page.on_purpose():
        sl.check("total_cost", lambda content, style, alpha, beta: content + style)
    assert "without their weights" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="without their weights"):
        sl.check("total_cost", lambda content, style, alpha, beta: content + style)
