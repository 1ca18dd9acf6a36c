"""What a lesson shows: images with alt text, a run that changes before one's eyes, sliders, the set-up report."""

import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stylelab import page
from stylelab.errors import InputError
from stylelab.result import Step

GREY = np.full((8, 12, 3), 0.5, np.float32)


@pytest.fixture
def displayed(monkeypatch):
    """Everything that is displayed, or put in the place of what was displayed, as HTML."""
    seen = []

    class Place:
        def update(self, what):
            seen.append(what._repr_mimebundle_()["text/html"])

    def display(what, display_id=None, raw=False):
        seen.append(what if isinstance(what, dict) else getattr(what, "html", None) or what.data)
        return Place()

    monkeypatch.setattr(page, "display", display)
    return seen


def decoded(html: str) -> np.ndarray:
    data = html.partition("base64,")[2].partition('"')[0]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) / 255


def test_an_image_is_shown_as_it_is_with_its_description(displayed):
    page.show(GREY, 'A "grey" square')
    assert 'alt="A &quot;grey&quot; square"' in displayed[0]
    np.testing.assert_allclose(decoded(displayed[0]), GREY, atol=0.02)


def test_a_line_drawing_becomes_png_and_a_photograph_jpeg():
    drawing, photograph = Figure(), Figure()
    drawing.subplots().plot([1, 2])
    photograph.subplots().imshow(GREY)
    assert "image/png" in page.image(drawing, "A line") and "image/jpeg" in page.image(photograph, "A square")


def steps(count: int):
    return [Step(index, 10 / index, {}, lambda: GREY) for index in range(1, count + 1)]


def test_a_live_image_counts_its_steps_and_ends_with_the_result(displayed):
    live = page.Live("Something grey", steps=3)
    for step in steps(3):
        live.show(step)
    assert '<progress value="3" max="3">' in displayed[-1] and "step 3 of 3, loss 3.33" in displayed[-1]
    live.finish(GREY, "The grey result")
    assert 'alt="The grey result"' in displayed[-1] and "<progress" not in displayed[-1]


def test_a_live_image_is_not_drawn_more_often_than_one_can_see(displayed):
    live = page.Live("Something grey", steps=1000)
    for step in steps(50):
        live.show(step)
    assert len(displayed) < 10


def test_a_slider_paints_the_image_anew(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "_display", lambda widget, html, text: widgets.append(widget))

    def paint(beta):
        yield Step(1, beta, {}, lambda: np.zeros((8, 8, 3)))

    page.try_it(paint, GREY, "A grey square", {"beta": (1, 100, 10)})
    knob, said, image = widgets[0].children
    before = image.value
    knob.value = 100.0
    assert image.value != before and said.value == "step 1, loss 100"


def test_whole_numbers_and_words_have_sliders_too(monkeypatch):
    widgets, painted = [], []
    monkeypatch.setattr(page, "_display", lambda widget, html, text: widgets.append(widget))

    def paint(**values):
        painted.append(values)
        yield Step(1, 0.0, {}, lambda: GREY)

    page.try_it(paint, GREY, "A grey square", {"layer": ["conv1_1", "conv2_1"], "filter": range(2, 32, 2), "tv": (1, 100, 10)})
    layer, number, *_ = widgets[0].children
    assert (layer.value, number.value, number.max) == ("conv1_1", 2, 30)
    layer.value = "conv2_1"
    number.value = 6
    assert painted[-1] == {"layer": "conv2_1", "filter": 6, "tv": 10.0}


def test_a_slider_that_leads_to_an_error_says_so(monkeypatch):
    widgets = []
    monkeypatch.setattr(page, "_display", lambda widget, html, text: widgets.append(widget))

    def paint(beta):
        raise InputError("the style weight is <too> large")

    page.try_it(paint, GREY, "A grey square", {"beta": (1, 100, 10)})
    knob, said, _ = widgets[0].children
    knob.value = 100.0
    assert said.value == "the style weight is &lt;too&gt; large"


def test_a_widget_is_shown_with_what_stands_in_its_place(displayed):
    page.quiz("04")
    assert "<details>" in displayed[0]["text/html"] and page.WIDGET in displayed[0]


def test_the_preset_is_told_and_an_unknown_one_refused(sl, monkeypatch, capsys):
    monkeypatch.setenv("STYLELAB_PRESET", "ci")
    setting = page.set_up(sl, seed=3)
    assert (setting.preset, setting.seed) == ("ci", 3)
    assert "preset 'ci': images scaled down to 96 pixels, runs to 4% of" in capsys.readouterr().out
    monkeypatch.setenv("STYLELAB_PRESET", "cii")
    with pytest.raises(InputError, match="did you mean 'ci'"):
        page.set_up(sl)


def test_a_mistake_on_purpose_raises_not_even_for_nbgrader(sl, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with page.on_purpose():
        sl.check("total_cost", lambda content, style, alpha, beta: content + style)
    assert "without their weights" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="without their weights"):
        sl.check("total_cost", lambda content, style, alpha, beta: content + style)
