"""What a lesson shows: images with alt text, an image that changes while it is painted, sliders, a quiz.

A widget is shown together with a static image or text. A reader with a kernel sees the widget; the stored notebook,
from which the builder takes the widgets out, shows the other.
"""

import base64
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import numpy as np
from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image

from stylelab import encoders
from stylelab.errors import StylelabError, unknown
from stylelab.recipes import PRESETS
from stylelab.result import Step

WIDGET = "application/vnd.jupyter.widget-view+json"
QUALITY = 82  # of the JPEGs in a notebook: a lesson with fifteen figures stays under 3 MB
PAUSE = 0.3  # seconds between two images of a live run, lest drawing takes longer than painting


@dataclass(frozen=True)
class Setting:
    """What a lesson's first cell finds out: the preset to run at, the seed, and the device."""

    preset: str
    seed: int
    device: str


def set_up(sl, seed: int = 0) -> Setting:
    """Report framework, device, encoder, preset and seed.

    Args:
        sl: `stylelab.torch` or `stylelab.tensorflow`.
        seed: for everything that is random in the lesson.

    Returns:
        Setting: the preset is $STYLELAB_PRESET, else 'ci' while nbgrader runs the notebook, else 'full' with a GPU and
            'cpu' without.

    Raises:
        InputError: $STYLELAB_PRESET is no preset.
    """
    framework = sl.__name__.rpartition(".")[2]
    device = str(sl.find_device())
    usual = "cpu" if device.startswith("cpu") else "full"
    if os.environ.get("NBGRADER_EXECUTION"):  # it allows a cell half a minute, and marks only what the checks say
        usual = "ci"
    preset = os.environ.get("STYLELAB_PRESET") or usual
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    encoder = encoders.find_encoder("auto")
    print(f"{framework} {sys.modules[framework].__version__} on {device}, {os.cpu_count()} cores; seed {seed}")
    print(f"encoder '{encoder.name}': {encoder.source}" if encoder.source else f"encoder '{encoder.name}'")
    print(f"preset '{preset}': {_preset_in_words(preset)}")
    return Setting(preset, seed, device)


def _preset_in_words(preset: str) -> str:
    largest, share = PRESETS[preset]
    if largest is None:
        return "images as large and runs as long as their authors meant"
    return f"images scaled down to {largest} pixels, runs to {share:.0%} of their authors' steps"


@contextmanager
def on_purpose() -> Iterator[None]:
    """A wrong answer inside is part of the lesson: while nbgrader runs the notebook, its check must not raise either."""
    graded = os.environ.pop("NBGRADER_EXECUTION", None)
    try:
        yield
    finally:
        if graded is not None:
            os.environ["NBGRADER_EXECUTION"] = graded


def show(what: "Figure | np.ndarray", alt: str, width: int | None = None) -> None:
    """Display a figure or an image, with its description.

    Args:
        what: a matplotlib figure, or an image `(H, W, 3)` in 0..1.
        alt: what is to be seen, for somebody who cannot see it.
        width: on the page, in pixels.
    """
    display(_Shown(image(what, alt, width), alt))


class _Shown:
    """HTML for a notebook, and its alt text where there is no HTML."""

    def __init__(self, html: str, text: str):
        self.html, self.text = html, text

    def _repr_mimebundle_(self, **_) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def image(what: "Figure | np.ndarray", alt: str, width: int | None = None) -> str:
    """An `<img>` that holds the image itself. Line drawings become PNG, images JPEG; see `show`."""
    kind, data = _encoded(what)
    sized = f' width="{width}"' if width else ""
    return f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" alt="{escape(alt)}"{sized}>'


def _encoded(what: "Figure | np.ndarray") -> tuple[str, bytes]:
    buffer = io.BytesIO()
    if isinstance(what, Figure):
        photographs = any(axis.images for axis in what.axes)
        kind = "jpeg" if photographs else "png"
        options = {"pil_kwargs": {"quality": QUALITY}} if photographs else {"metadata": {"Software": None}}
        what.savefig(buffer, format=kind, dpi=100, **options)
        return kind, buffer.getvalue()
    pixels = (np.clip(what, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=QUALITY)
    return "jpeg", buffer.getvalue()


class Live:
    """An image that changes while it is painted, with a progress bar over it.

    Args:
        alt: what is being painted.
        steps: how many there will be in all, over all runs that are shown here.
        width: on the page, in pixels.
    """

    def __init__(self, alt: str, steps: int, width: int = 384):
        self.alt, self.steps, self.width = alt, steps, width
        self.done, self.drawn = 0, -np.inf
        self.place = display(HTML(self._bar("starting")), display_id=True)

    def show(self, step: Step) -> None:
        """Take notice of a step; its image is drawn unless the last one was drawn just now."""
        self.done += 1
        if time.monotonic() - self.drawn < PAUSE and self.done < self.steps:
            return
        self.drawn = time.monotonic()
        said = f"step {self.done} of {self.steps}, loss {step.loss:.3g}"
        self._update(self._bar(said) + "<br>" + image(step.image, self.alt, self.width))

    def finish(self, what: "Figure | np.ndarray", alt: str) -> None:
        """Put the result in the place of bar and image."""
        self.alt = alt
        self._update(image(what, alt, None if isinstance(what, Figure) else self.width))

    def _bar(self, said: str) -> str:
        return f'<progress value="{self.done}" max="{self.steps}"></progress> {escape(said)}'

    def _update(self, html: str) -> None:
        self.place and self.place.update(_Shown(html, self.alt))  # outside a notebook there is no place


def try_it(
    paint: Callable[..., Iterable[Step]],
    start: np.ndarray,
    alt: str,
    sliders: Mapping[str, "tuple[float, float, float] | range | list[str]"],
    width: int = 384,
):
    """Sliders over an image that is painted anew, step by step, when one of them is moved.

    Args:
        paint: called with the sliders' values by name; gives Steps, such as `optimise(...)` does.
        start: the image to begin with, `(H, W, 3)` in 0..1; without a kernel it is all there is.
        alt: what it shows.
        sliders: name -> (lowest, highest, first) value, apart by quarters of a power of ten; or a `range`, for whole
            numbers from its first; or a list of words, such as layers, from its first.
    """
    import ipywidgets

    knobs = {name: _knob(name, values) for name, values in sliders.items()}
    said, panel = ipywidgets.HTML("move a slider"), ipywidgets.HTML(image(start, alt, width))

    def repaint(_) -> None:
        values = {name: knob.value for name, knob in knobs.items()}
        try:
            for step in paint(**values):
                panel.value = image(step.image, alt, width)
                said.value = f"step {step.index}, loss {step.loss:.3g}"
        except StylelabError as error:
            said.value = escape(str(error))

    for knob in knobs.values():
        knob.observe(repaint, "value")
    _display(ipywidgets.VBox([*knobs.values(), said, panel]), image(start, alt, width), alt)


def _knob(name: str, values: "tuple[float, float, float] | range | list[str]"):
    import ipywidgets

    common = {"description": name, "continuous_update": False}
    if isinstance(values, range):
        return ipywidgets.IntSlider(values[0], values[0], values[-1], values.step, **common)
    if isinstance(values, list):
        return ipywidgets.SelectionSlider(options=values, **common)
    low, high, first = values
    return ipywidgets.FloatLogSlider(first, min=np.log10(low), max=np.log10(high), step=0.25, readout_format=".2g", **common)


def quiz(lesson: str) -> None:
    """The self-marking questions at the end of a lesson; without a kernel, the same ones to unfold.

    Args:
        lesson: its number, such as '04'.

    Raises:
        InputError: a lesson without a quiz.
    """
    from stylelab.exercises.quizzes import find_quiz, form, unfolded

    questions = find_quiz(lesson)
    _display(form(questions), unfolded(questions), f"{len(questions)} questions")


def _display(widget, html: str, text: str) -> None:
    """A widget, and what stands in its place where no kernel runs."""
    bundle = widget._repr_mimebundle_() or {}
    display({**bundle, "text/html": html, "text/plain": text}, raw=True)
