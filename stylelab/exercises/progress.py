"""How far a student is, read from the notebooks themselves: which exercises are right, which guesses were made, what is next."""

import json
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from stylelab.base.course import EDITIONS
from stylelab.base.files import printable
from stylelab.base.html import with_code
from stylelab.errors import InputError
from stylelab.exercises.checking import record
from stylelab.exercises.checking.check import COULD_NOT_RUN, OPEN, PARTLY, RIGHT, WRONG, show
from stylelab.languages import html_direction, say

STAGES = {stage.name: stage for stage in (RIGHT, PARTLY, WRONG, COULD_NOT_RUN, OPEN)}
LARGEST = 50_000_000  # bytes of a notebook that is read
LONGEST = 300  # letters of a question or a guess
GUESS = "guess_"  # how the name of a cell begins that asks for a prediction
AS_SAVED = "This is what the notebooks said when they were last saved: save first (Ctrl+S)."
PAGE = Template(
    """<div{{ direction }}>
<p><b>{{ say("Next:") }}</b> {{ next }}<br>{{ say(as_saved) }}</p>
<table>
<thead><tr><th>{{ say("Lesson") }}</th><th>{{ say("Exercises") }}</th><th>{{ say("Predictions") }}</th></tr></thead>
<tbody>{% for lesson in lessons %}<tr style="vertical-align: top">
<th scope="row" style="text-align: start">{{ lesson.title }}<br><code>{{ lesson.file }}</code></th>
<td style="text-align: start">{% for exercise in lesson.exercises %}<div style="white-space: nowrap">
<span aria-hidden="true" style="color: {{ stages[exercise.outcome].colour }}">{{ stages[exercise.outcome].icon }}</span>
<code>{{ exercise.name }}</code> {{ exercise.summary }}</div>{% endfor %}</td>
<td style="text-align: start">{% if lesson.predictions %}<details><summary>{{ lesson.summary }}</summary><ul>
{% for each in lesson.predictions %}<li>{{ with_code(each.question or each.name) }} <b>{{ each.summary }}</b></li>{% endfor %}
</ul></details>{% endif %}</td>
</tr>{% endfor %}</tbody>
</table></div>""",
    autoescape=True,
)


@dataclass(frozen=True)
class ExerciseProgress:
    """One exercise: the outcome of its last check, a key of STAGES, and the help that was asked for."""

    name: str
    outcome: str = OPEN.name
    hints: int = 0
    solution: bool = False

    @property
    def summary(self) -> str:
        """The outcome and the help in words."""
        hints = [say(f"{self.hints} hints" if self.hints > 1 else "1 hint")] if self.hints else []
        return ", ".join([say(self.outcome), *hints, *([say("solution seen")] if self.solution else [])])


@dataclass(frozen=True)
class PredictionProgress:
    """One prediction: its question, the guess, '' before there is one, and whether the student would rather not guess."""

    name: str
    question: str = ""
    guess: str = ""
    skipped: bool = False

    @property
    def summary(self) -> str:
        """What became of it in words."""
        return say(self.guess or ("skipped" if self.skipped else "no guess yet"))


@dataclass(frozen=True)
class LessonProgress:
    """One notebook."""

    file: str
    title: str
    exercises: tuple[ExerciseProgress, ...]
    predictions: tuple[PredictionProgress, ...]

    @property
    def begun(self) -> bool:
        """Whether anything was checked, guessed or skipped."""
        outcomes = any(each.outcome != OPEN.name for each in self.exercises)
        return outcomes or any(each.guess or each.skipped for each in self.predictions)

    @property
    def summary(self) -> str:
        """How many predictions were made, in words; empty in a lesson without any."""
        made = sum(bool(each.guess) for each in self.predictions)
        return say(f"{made} of {len(self.predictions)} guessed") if self.predictions else ""

    def next(self, right: Container[str]) -> str:
        """The first exercise that is not among those that are right; empty if all are."""
        return next((each.name for each in self.exercises if each.name not in right), "")


def read_progress(folder: Path) -> list[LessonProgress]:
    """The lessons in a folder, sorted by file name. Other notebooks, and files that cannot be read, are left out.

    Of a lesson in two frameworks, that in the framework in which nothing was begun is left out too, unless nothing was begun at all.
    """
    lessons = [lesson for path in sorted(folder.glob("*.ipynb")) if (lesson := _read(path))]
    begun = {_edition(lesson) for lesson in lessons if lesson.begun}
    return [lesson for lesson in lessons if not begun or _edition(lesson) in begun]


def _edition(lesson: LessonProgress) -> str:
    """The framework that a lesson's name ends with, or its beginning if it has one edition alone."""
    return next((edition for edition in EDITIONS if f"_{edition}" in lesson.file), "")


def _read(path: Path) -> LessonProgress | None:
    plain = None
    with suppress(OSError, ValueError, RecursionError):
        if path.is_file() and path.stat().st_size < LARGEST:
            plain = json.loads(path.read_text(encoding="utf-8"))
    cells = [_Cell(cell) for cell in _list(_dict(plain).get("cells")) if isinstance(cell, dict)]
    exercises, predictions = tuple(_exercises(cells)), tuple(_predictions(cells))
    if not exercises and not predictions:
        return None
    titles = (line for cell in cells if cell.is_text for line in cell.text.strip().splitlines()[:1] if line.startswith("# "))
    return LessonProgress(printable(path.name), printable(next(titles, path.stem).lstrip("# ")), exercises, predictions)


class _Cell:
    """One cell of a notebook, which may hold anything."""

    def __init__(self, plain: dict):
        self.is_text = plain.get("cell_type") == "markdown"
        self.text = _text(plain.get("source"))
        self.marks = _dict(_dict(plain.get("metadata")).get("stylelab"))  # what the lesson says about the cell
        self.outputs = [] if self.is_text else [output for output in _list(plain.get("outputs")) if isinstance(output, dict)]
        self.said = [_dict(_dict(output.get("metadata")).get(record.KEY)) for output in self.outputs]  # by our functions


def _exercises(cells: list[_Cell]) -> Iterator[ExerciseProgress]:
    """The exercises that a lesson checks, with what the last check and all hints have said."""
    for name in dict.fromkeys(name for cell in cells if isinstance(name := cell.marks.get("check"), str)):
        said = [ours for cell in cells for ours in cell.said if ours.get("exercise") == name]
        outcomes = [outcome for ours in said if isinstance(outcome := ours.get("outcome"), str) and outcome in STAGES]
        hints = max((count for ours in said if type(count := ours.get("hints")) is int), default=0)
        seen = any(ours.get("solution") is True for ours in said)
        yield ExerciseProgress(printable(name), outcomes[-1] if outcomes else OPEN.name, min(max(hints, 0), 3), seen)


def _predictions(cells: list[_Cell]) -> Iterator[PredictionProgress]:
    """The predictions that a lesson asks for, with the last guess."""
    for cell in cells:
        name = cell.marks.get("name")
        if not cell.is_text and isinstance(name, str) and name.startswith(GUESS):
            guesses = [guess for ours in cell.said if isinstance(guess := ours.get("guess"), str)]
            skipped = any(ours.get("skipped") is True for ours in cell.said)
            questions = (_text(_dict(output.get("data")).get("text/plain")).strip() for output in cell.outputs)
            question = next(filter(None, questions), "")
            guess = printable(guesses[-1], LONGEST) if guesses else ""
            yield PredictionProgress(name.removeprefix(GUESS), printable(question, LONGEST), guess, skipped and not guess)


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A text as a notebook stores it: whole, or line by line."""
    return "".join(part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str))


def progress(folder: Path) -> None:
    """Show how far a student is, in a notebook or a terminal; see `stylelab.progress`.

    Raises:
        InputError: no lesson is in the folder.
    """
    lessons = read_progress(folder)
    if not lessons:
        raise InputError(f"'{printable(folder)}' has no lessons: go to the folder that `stylelab start` made")
    right = {each.name for lesson in lessons for each in lesson.exercises if each.outcome == RIGHT.name}
    upcoming = next((lesson for lesson in lessons if lesson.next(right)), None)
    following = f"{upcoming.title}: {upcoming.next(right)}" if upcoming else say("all exercises are right")
    lines = [f"{say('Next:')} {following}"]
    for lesson in lessons:
        lines.append(f"{lesson.file}: {lesson.summary}" if lesson.summary else lesson.file)
        lines += [f"  {STAGES[each.outcome].icon} {each.name}: {each.summary}" for each in lesson.exercises]
    lines.append(say(AS_SAVED))
    html = PAGE.render(
        lessons=lessons,
        next=following,
        as_saved=AS_SAVED,
        stages=STAGES,
        say=say,
        with_code=with_code,
        direction=Markup(html_direction()),
    )
    show("\n".join(lines), html)
