"""What a lesson displays: images with alt text, an image that changes during a run, sliders, a quiz.

A widget is displayed below a static image or text, which it hides. Without a kernel, or after the kernel has ended, the reader
sees the static version.
"""

import base64
import importlib
import io
import os
import re
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import display
from jinja2 import Template
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from stylelab import encoders
from stylelab.base.html import with_code
from stylelab.errors import StylelabError, unknown
from stylelab.exercises.checking import record
from stylelab.languages import html_direction, say
from stylelab.plots import PAGE, SHARP, page_width, side_by_side
from stylelab.recipes import PRESETS
from stylelab.result import Step

SLOW = {"torch": "torch._dynamo"}  # imported at the first use of an optimiser or of torch.func, which takes 3 to 20 seconds
IDLE = 1.0  # seconds after a cell until it is imported
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDTH = 384  # a small image is enlarged on the page, so that it can be seen, to this many pixels at most
# of the JPEGs in a notebook, in which each pixel of an image is at least twice as wide: a lesson with fifteen figures stays
# under 3 MB. Pixels that are much wider take less room as a PNG, which is tried from LARGE bytes on.
QUALITY, LARGE = 65, 150_000
PAUSE = 0.3  # seconds at least between two updates of a live image: drawing must not take longer than the run
IMAGE = Template(
    '<img src="data:image/{{ kind }};base64,{{ data }}" alt="{{ alt }}" width="{{ width }}">',
    autoescape=True,
)
# in JupyterLab the next output is the widget. Without its kernel it has a line of text and no element, or a broken link for each part
STATIC = Template(
    """<style>
.jp-OutputArea-child:has(.{{ name }}) + .jp-OutputArea-child .jupyter-widgets:not(button, :has(*)),
.jp-OutputArea-child:has(.{{ name }}) + .jp-OutputArea-child:has(.jupyter-widgets-disconnected) { display: none }
.jp-OutputArea-child:has(+ .jp-OutputArea-child .jupyter-widgets-disconnected) .{{ name }} { display: block }
</style><div class="{{ name }}"{{ direction }}>{{ html }}<p class="stylelab-run">{{ say('Run the cell above to make it live.') }}</p></div>""",
    autoescape=True,
)
CHOICE = Template(
    "<p><b>{{ say('Which do you prefer?') }}</b></p>"
    "{% for letter, name in names.items() %}<details><summary>{{ letter }}</summary>{{ name }}</details>{% endfor %}",
    autoescape=True,
)
CHOSEN = Template(
    "{{ say('You prefer') }} <b>{{ names[letter] }}</b>.{% for letter, name in names.items() %} {{ letter }}: {{ name }}.{% endfor %}",
    autoescape=True,
)
PREDICTION = Template(
    "<p>{{ with_code(question) }}</p>{% if choices %}<ul>{% for each in choices %}<li>{{ with_code(each) }}</li>{% endfor %}</ul>{% endif %}"
    "{% if guess %}<p>{{ guess }}</p>{% endif %}",
    autoescape=True,
)
MOST_LETTERS = 300  # of a guess
PROGRESS = Template('<progress value="{{ done }}" max="{{ steps }}"></progress> {{ status }}', autoescape=True)


@dataclass(frozen=True)
class Setting:
    """What a lesson's first cell finds out: the preset, the seed and the device."""

    preset: str
    seed: int
    device: str


def set_up(sl: ModuleType, seed: int = 0) -> Setting:
    """Print the framework, device, encoder, preset and seed that a lesson uses.

    >>> import stylelab.torch as sl
    >>> page.set_up(sl, seed=1).seed
    torch ... on ..., ... cores; seed 1
    encoder 'mini': ...
    preset '...': images ...
    1

    Args:
        sl: `stylelab.torch` or `stylelab.tensorflow`.
        seed: for everything random in the lesson.

    Returns:
        The preset, seed and device. The preset is $STYLELAB_PRESET; without it, 'ci' while nbgrader runs the notebook,
        else 'full' on a GPU and 'cpu' otherwise.

    Raises:
        InputError: $STYLELAB_PRESET is not a preset.
    """
    framework = sl.__name__.rpartition(".")[2]
    device = str(sl.find_device())
    default = "cpu" if device.startswith("cpu") else "full"
    grading = bool(os.environ.get("NBGRADER_EXECUTION"))
    if grading:  # nbgrader allows half a minute for a cell, and only the checks are marked
        default = "ci"
    preset = os.environ.get("STYLELAB_PRESET") or default
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    largest, share, least = PRESETS[preset]
    scaled = f"images scaled down to {largest} pixels, runs to {share:.0%} of their authors' steps, but at least {least}"
    encoder = encoders.find_encoder("auto")
    print(say(f"{framework} {sys.modules[framework].__version__} on {device}, {os.cpu_count()} cores; seed {seed}"))
    print(say(f"encoder '{encoder.name}': {encoder.source}" if encoder.source else f"encoder '{encoder.name}'"))
    print(say(f"preset '{preset}': {scaled if largest else 'images as large and runs as long as their authors meant'}"))
    if hasattr(shell := get_ipython(), "kernel") and grading:
        shell.events.register("pre_run_cell", partial(_name_missing_answers, shell.user_ns))
    elif hasattr(shell, "kernel"):
        shell.set_custom_exc((KeyboardInterrupt,), _report_stop)
        if framework in SLOW:
            _WarmUp(shell, SLOW[framework])
    return Setting(preset, seed, device)


def _report_stop(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> None:
    """One line for a cell that was stopped on purpose, which is not an error. No cell after it runs all the same."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if "ipykernel_" in frame.filename]
    where = f" at line {lines[0]}" if lines else ""
    print(say(f"Stopped{where}. What the cell has shown so far stays; run it again to start over."))


def _name_missing_answers(names: dict[str, Any], cell: Any) -> None:
    """Before a check of something that does not exist, as after a cell with a syntax error: let it be None, which can be checked."""
    for name in re.findall(r'^(\w+) = sl\.check\("\1", \1\)', cell.raw_cell, re.MULTILINE):
        names.setdefault(name, None)


class _WarmUp:
    """Import a slow module while the reader reads, so that the first check which needs it does not wait.

    A cell that starts meanwhile waits until it is there: two threads that import from one package at a time can get half of it.
    """

    def __init__(self, shell: Any, module: str):
        self.shell, self.module, self.tried, self.timer = shell, module, False, threading.Timer(0, str)
        shell.events.register("post_run_cell", self._start)
        shell.events.register("pre_run_cell", self._wait)

    def _start(self, _: Any) -> None:
        if self.tried or self.module in sys.modules:
            self.shell.events.unregister("post_run_cell", self._start)
            self.shell.events.unregister("pre_run_cell", self._wait)
            return
        self.timer = threading.Timer(IDLE, self._load)
        self.timer.daemon = True
        self.timer.start()

    def _load(self) -> None:
        with suppress(Exception):  # the cell that needs it will show the error
            importlib.import_module(self.module)
        self.tried = True

    def _wait(self, _: Any) -> None:
        self.timer.cancel()
        if self.timer.is_alive():
            self.timer.join()


@contextmanager
def on_purpose() -> Iterator[None]:
    """Allow a wrong answer that is part of the lesson: its check does not raise, even while nbgrader runs the notebook, nor count.

    >>> import os
    >>> os.environ["NBGRADER_EXECUTION"] = "autograde"
    >>> with page.on_purpose():
    ...     print("NBGRADER_EXECUTION" in os.environ)
    False
    """
    grading = os.environ.pop("NBGRADER_EXECUTION", None)
    try:
        with record.off():
            yield
    finally:
        if grading is not None:
            os.environ["NBGRADER_EXECUTION"] = grading


def show(what: "Figure | np.ndarray", alt: str, width: int = WIDTH) -> None:
    """Display a figure or an image with its description.

    >>> page.show(cat, "A cat")
    A cat

    Args:
        what: a matplotlib figure, or an image `(H, W, 3)` in 0..1.
        alt: what it shows, for readers who cannot see it.
        width: of a small image on the page, in pixels: it is enlarged by a whole number, to at most this width.
    """
    display(_Html(image(what, alt, width), say(alt)))


class _Html:
    """HTML for a notebook, and text for anything that cannot display HTML."""

    def __init__(self, html: str, text: str):
        self.html, self.text = html, text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def image(what: "Figure | np.ndarray", alt: str, width: int = WIDTH) -> str:
    """An `<img>` element that contains the image, as JPEG, or as PNG for line drawings.

    Its file has two pixels for each pixel of the page: high-density screens show those as they are, and nothing is blurred.

    >>> cat.shape, page.image(cat, "A cat")[:27], page.image(cat, "A cat", width=200)[-25:]
    ((40, 60, 3), '<img src="data:image/jpeg;b', ' alt="A cat" width="180">')

    Args:
        what, alt, width: as for `show`.
    """
    kind = "jpeg"
    if isinstance(what, Figure):
        shown, kind = page_width(what), kind if any(axis.images for axis in what.axes) else "png"
        stream = io.BytesIO()
        what.savefig(stream, format="png", dpi=SHARP)
        picture = Image.open(stream).convert("RGB")
    else:
        times = 2 * max(1, width // what.shape[1]) if what.shape[1] <= PAGE else 1  # a large image is shown at half its size
        shown = times * what.shape[1] // 2
        pixels = (np.clip(what, 0, 1) * 255 + 0.5).astype(np.uint8)
        picture = Image.fromarray(pixels.repeat(times, 0).repeat(times, 1))
    data = _encoded(picture, kind)
    if len(data) > LARGE and len(smaller := _encoded(picture, "png")) < len(data):
        kind, data = "png", smaller
    return IMAGE.render(kind=kind, data=base64.b64encode(data).decode(), alt=say(alt), width=shown)


def _encoded(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, quality=QUALITY)
    return stream.getvalue()


class Live:
    """An image that changes during a run, below a progress bar.

    >>> live = page.Live("A cat as it is painted", steps=10)
    A cat as it is painted

    Args:
        alt: what is being painted.
        steps: how many steps there will be, in all runs that are shown here.
        width: as for `show`.
    """

    def __init__(self, alt: str, steps: int, width: int = WIDTH):
        alt = say(alt)
        self.alt, self.steps, self.width = alt, steps, width
        self.done, self.drawn = 0, -np.inf
        self.display = display(_Html("", alt), display_id=True)
        self._update(self._progress("starting"))

    def show(self, step: Step) -> None:
        """Count a step, and draw its image unless another has just been drawn."""
        self.done += 1
        if time.monotonic() - self.drawn < PAUSE and self.done < self.steps:
            return
        self.drawn = time.monotonic()
        progress = self._progress(f"step {self.done} of {self.steps}, loss {step.loss:.3g}")
        self._update(progress + "<br>" + image(step.image, self.alt, self.width))

    def finish(self, what: "Figure | np.ndarray", alt: str) -> None:
        """Display the result in place of the progress bar and the image.

        It is an output of its own, and the changing one ends as empty as it began: nbval, which compares what a cell displays
        with the stored notebook, sees no changes.
        """
        show(what, alt, self.width)
        self._update("")

    def _progress(self, status: str) -> str:
        return PROGRESS.render(done=self.done, steps=self.steps, status=say(status))

    def _update(self, html: str) -> None:
        if self.display:  # None outside a notebook
            self.display.update(_Html(html, self.alt))


def try_it(
    paint: "Callable[..., Iterable[Step | np.ndarray]]",
    start: np.ndarray,
    alt: str,
    sliders: Mapping[str, "tuple[float, float, float] | range | list[str]"],
    width: int = WIDTH,
) -> None:
    """Sliders above an image that is painted again, step by step, when one of them is moved.

    Args:
        paint: called with the sliders' values by name; yields Steps, as `optimise(...)` does, or images.
        start: the first image, `(H, W, 3)` in 0..1; without a kernel, the only one.
        alt: what it shows.
        sliders: name -> (lowest, highest, first) for numbers in steps of a quarter of a power of ten; or a `range` of whole
            numbers; or a list of words, such as layers. The last two start at their first value.
        width: as for `show`.
    """
    import ipywidgets

    def slider(name: str, values: "tuple[float, float, float] | range | list[str]") -> Any:
        options = {"description": name, "continuous_update": False}
        if isinstance(values, range):
            return ipywidgets.IntSlider(values[0], values[0], values[-1], values.step, **options)
        if isinstance(values, list):
            return ipywidgets.SelectionSlider(options=values, **options)
        low, high, first = values
        low, high = np.log10(low), np.log10(high)
        return ipywidgets.FloatLogSlider(first, min=low, max=high, step=0.25, readout_format=".2g", **options)

    widgets = {name: slider(name, values) for name, values in sliders.items()}
    status, panel = ipywidgets.HTML(say("move a slider")), ipywidgets.HTML(image(start, alt, width))

    def repaint(_: Any) -> None:
        try:
            for step in paint(**{name: widget.value for name, widget in widgets.items()}):
                if isinstance(step, np.ndarray):
                    panel.value, status.value = image(step, alt, width), say("painted")
                else:
                    panel.value, status.value = image(step.image, alt, width), say(f"step {step.index}, loss {step.loss:.3g}")
        except StylelabError as error:
            status.value = with_code(str(error))
        except KeyboardInterrupt:
            status.value = say(f"stopped at {status.value}")

    for widget in widgets.values():
        widget.observe(repaint, "value")
    display_widget(ipywidgets.VBox([*widgets.values(), status, panel]), image(start, alt, width), say(alt))


def quiz(lesson: str) -> None:
    """Display the questions at the end of a lesson, which mark themselves; without a kernel, their answers unfold.

    Args:
        lesson: its number, such as '04'.

    Raises:
        InputError: the lesson has no quiz.
    """
    from stylelab.exercises.quizzes import find_quiz, form, unfolded

    questions = find_quiz(lesson)
    display_widget(form(questions), unfolded(questions), say(f"{len(questions)} questions"))


def predict(name: str, question: str, choices: Sequence[str] = (), *, unit: str | None = None) -> None:
    """Ask for a guess before the next cell shows the answer. It is kept in the notebook, and it is not graded.

    Args:
        name: of the prediction, different from all others of the lesson.
        question: what to guess, in a sentence.
        choices: to choose from; without any, the guess is a number or a few words.
        unit: of a number, such as 'dB'; '' for a number without one; None for words.
    """
    import ipywidgets

    key = f"prediction {name}: {question}"  # the lessons in a folder have one record, and each may have a prediction of this name
    known = record.read().get(key, {})
    asked, told = ipywidgets.HTML(str(with_code(say(question)))), ipywidgets.HTML(_told(known))
    if choices:
        plain = [(say(each).replace("`", "'"), each) for each in choices]
        field = ipywidgets.RadioButtons(options=plain, value=None, layout={"width": "max-content"})
    else:
        hint = say("in a few words" if unit is None else "a number")
        field = ipywidgets.Text(description=say(unit) if unit else "", placeholder=hint)
    commit, skip = (ipywidgets.Button(description=say(text)) for text in ("This is my guess", "Skip"))
    box = ipywidgets.VBox([asked, told] if known else [asked, field, ipywidgets.HBox([commit, skip]), told])
    box.add_class("stylelab-quiz")

    def static() -> tuple[str, dict[str, Any]]:
        """What is stored in the notebook: the question with the guess, and the guess for who reads it from the file."""
        listed = [say(each) for each in choices]
        html = PREDICTION.render(question=say(question), choices=listed, guess=_told(known), with_code=with_code)
        return html, {record.KEY: {"prediction": name, **known}}

    def keep(guess: str | None) -> None:
        if guess is not None and not re.search(r"\w" if unit is None else r"\d", guess):
            wanted = (
                "Choose one, or skip it."
                if choices
                else "Write something, or skip it."
                if unit is None
                else "Write a number, or skip it."
            )
            told.value = str(escape(say(wanted)))
            return
        known.update(guess=None if guess is None else guess[:MOST_LETTERS], skipped=guess is None)
        record.save(key, known)
        shown(*static())  # first: once the guess is seen, the notebook may be saved with it
        told.value = _told(known)
        box.children = [asked, told]

    commit.on_click(lambda _: keep(field.value or ""))
    skip.on_click(lambda _: keep(None))
    html, metadata = static()
    shown = display_widget(box, html, say(question), metadata)


def _told(known: Mapping[str, Any]) -> Markup:
    """What was guessed, as HTML; empty before that."""
    if not known:
        return Markup("")
    if known.get("guess") is None:
        return escape(say("Skipped. Run the next cell."))
    return (
        escape(say("Your guess:"))
        + Markup(" <b>{}</b> ").format(say(str(known["guess"])))
        + escape(say("Now run the next cell."))
    )


def choose(images: Mapping[str, np.ndarray], alt: str, seed: int = 0) -> None:
    """Images under letters, in an order drawn at random, and a question: which do you prefer? Only the answer reveals their names.

    Args:
        images: name -> `(H, W, 3)` in 0..1, at most eight.
        alt: what they show, without saying which is which.
        seed: of the order.
    """
    import ipywidgets

    order = np.random.default_rng(seed).permutation(list(images))
    names = dict(zip("ABCDEFGH", order.tolist(), strict=False))
    show(side_by_side({letter: images[name] for letter, name in names.items()}), alt)
    choice = ipywidgets.RadioButtons(options=[*names], value=None, description=say("I prefer"))
    answer = ipywidgets.HTML()

    def reveal(_: Any) -> None:
        answer.value = CHOSEN.render(letter=choice.value, names=names, say=say)

    choice.observe(reveal, "value")
    text = say(f"A choice of {len(names)} images")
    display_widget(ipywidgets.VBox([choice, answer]), CHOICE.render(names=names, say=say), text)


def display_widget(widget: Any, html: str, text: str, metadata: Mapping[str, Any] | None = None) -> Callable[..., None]:
    """Display a widget, and what replaces it without a kernel.

    JupyterLab shows an error for a widget whose kernel has ended, even if its output has HTML too. So the HTML is an output of
    its own, which the widget hides as long as it is there.

    Args:
        widget: of ipywidgets or anywidget.
        html: what replaces it, already escaped.
        text: the same for a terminal.
        metadata: of the static version's output; without it, that output cannot be changed later.

    Returns:
        A function (html, metadata) that changes the static version; it does nothing if no `metadata` was given.
    """
    import ipywidgets

    name = f"stylelab-{uuid.uuid4().hex[:8]}"  # another one in a twin lesson stays as it is

    def bundle(html: str) -> dict[str, str]:
        static = STATIC.render(name=name, html=Markup(html), say=say, direction=Markup(html_direction()))
        return {"text/html": static, "text/plain": text}

    to_change: dict[str, Any] = {} if metadata is None else {"metadata": dict(metadata), "display_id": True}
    handle = display(bundle(html), raw=True, **to_change)
    hide = ipywidgets.HTML(f"<style>.{name} {{ display: none }}</style>")
    live = ipywidgets.VBox([widget, hide])._repr_mimebundle_()
    display({WIDGET: live[WIDGET], "text/plain": ""}, raw=True)
    return lambda html, metadata: handle and handle.update(bundle(html), raw=True, metadata=dict(metadata))
