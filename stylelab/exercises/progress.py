"""How far a student is, read from the notebooks themselves: which exercises are right, which guesses were made, what is next."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.exercises.checking import record
from stylelab.exercises.checking.check import COULD_NOT_RUN, OPEN, PARTLY, RIGHT, WRONG, show
from stylelab.languages import html_direction, say

STAGES = {stage.name: stage for stage in (RIGHT, PARTLY, WRONG, COULD_NOT_RUN, OPEN)}
LARGEST = 50_000_000  # bytes of a notebook that is read
PAGE = Template(
    """<div{{ direction }}><h2>{{ say("Your progress") }}</h2>
{% if next %}<p><b>{{ say("Next:") }}</b> {{ next }}</p>{% endif %}
<table><thead><tr><th>{{ say("Lesson") }}</th><th>{{ say("Exercises") }}</th><th>{{ say("Predictions") }}</th></tr></thead><tbody>
{% for lesson in lessons %}<tr><th scope="row" style="text-align: start">{{ lesson.title }}<br><code>{{ lesson.file }}</code></th>
<td style="text-align: start">{% for exercise in lesson.exercises %}<span style="white-space: nowrap; margin-inline-end: 1em">\
<span aria-hidden="true" style="color: {{ stages[exercise.outcome].colour }}">{{ stages[exercise.outcome].icon }}</span> <code>{{ exercise.name }}</code> \
{{ say(exercise.outcome) }}{% if exercise.hints %}, {{ say("hints: " ~ exercise.hints) }}{% endif %}{% if exercise.solution %}, {{ say("solution seen") }}{% endif %}\
</span> {% endfor %}</td>
<td style="text-align: start">{% if lesson.predictions %}{% set made = lesson.predictions|selectattr("guess")|list %}{{ say(made|length ~ " of " ~ lesson.predictions|length) }}\
{% if made %}<details><summary>{{ say("Your guesses") }}</summary><ul>{% for each in made %}<li>{{ each.question }} <b>{{ each.guess }}</b></li>{% endfor %}</ul></details>{% endif %}{% endif %}</td></tr>
{% endfor %}</tbody></table></div>""",
    autoescape=True,
)


@dataclass(frozen=True)
class ExerciseProgress:
    """One exercise: the outcome of its last check, a key of STAGES, and the help that was asked for."""

    name: str
    outcome: str = OPEN.name
    hints: int = 0
    solution: bool = False


@dataclass(frozen=True)
class PredictionProgress:
    """One prediction: its question, and the guess; '' before there is one."""

    name: str
    question: str = ""
    guess: str = ""


@dataclass(frozen=True)
class LessonProgress:
    """One notebook."""

    file: str
    title: str
    exercises: tuple[ExerciseProgress, ...]
    predictions: tuple[PredictionProgress, ...]

    @property
    def next(self) -> str:
        """The first exercise that is not right; empty if all are."""
        return next((each.name for each in self.exercises if each.outcome != RIGHT.name), "")


def read_progress(folder: Path) -> list[LessonProgress]:
    """The lessons in a folder, sorted by file name. Other notebooks, and files that cannot be read, are left out."""
    return [lesson for path in sorted(folder.glob("*.ipynb")) if (lesson := _read(path))]


def _read(path: Path) -> LessonProgress | None:
    plain = None
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size < LARGEST:
            plain = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in _list(_dict(plain).get("cells")) if isinstance(cell, dict)]
    exercises = tuple(_exercises(cells))
    predictions = tuple(_predictions(cells))
    if not exercises and not predictions:
        return None
    titles = (_text(cell).strip().splitlines() for cell in cells if cell.get("cell_type") == "markdown")
    title = next((lines[0].lstrip("# ") for lines in titles if lines and lines[0].startswith("# ")), path.stem)
    return LessonProgress(printable(path.name), printable(title), exercises, predictions)


def _exercises(cells: list[dict]) -> Iterator[ExerciseProgress]:
    for cell in cells:
        name = _dict(_dict(cell.get("metadata")).get("stylelab")).get("check")
        if isinstance(name, str):
            said = next((ours for ours in reversed(_ours(cell)) if ours.get("exercise") == name), {})
            outcome = str(said.get("outcome"))
            hints = said.get("hints", 0)
            yield ExerciseProgress(
                printable(name),
                outcome if outcome in STAGES else OPEN.name,
                hints if type(hints) is int else 0,
                said.get("solution") is True,
            )


def _predictions(cells: list[dict]) -> Iterator[PredictionProgress]:
    for cell in cells:
        name = str(_dict(_dict(cell.get("metadata")).get("stylelab")).get("name", ""))
        if cell.get("cell_type") == "code" and name.startswith("guess_"):
            said = next((ours for ours in reversed(_ours(cell)) if "prediction" in ours), {})
            guess = said.get("guess")
            plain = [_joined(_dict(output.get("data")).get("text/plain", "")) for output in _outputs(cell)]
            question = next((text for text in plain if text.strip()), "")
            yield PredictionProgress(
                name.removeprefix("guess_"), printable(question, 300), printable(guess, 300) if isinstance(guess, str) else ""
            )


def _outputs(cell: dict) -> list[dict]:
    return [output for output in _list(cell.get("outputs")) if isinstance(output, dict)]


def _ours(cell: dict) -> list[dict]:
    """What our functions have left in the metadata of a cell's outputs."""
    return [_dict(_dict(output.get("metadata")).get(record.KEY)) for output in _outputs(cell)]


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _text(cell: dict) -> str:
    return _joined(cell.get("source", ""))


def _joined(text: Any) -> str:
    return (
        "".join(line for line in text if isinstance(line, str))
        if isinstance(text, list)
        else text
        if isinstance(text, str)
        else ""
    )


def progress(folder: Path) -> None:
    """Show how far a student is, in a notebook or a terminal; see `stylelab.progress`.

    Raises:
        InputError: no lesson is in the folder.
    """
    lessons = read_progress(folder)
    if not lessons:
        raise InputError(f"'{printable(folder)}' has no lessons: go to the folder that `stylelab start` made")
    upcoming = next((lesson for lesson in lessons if lesson.next), None)
    following = f"{upcoming.title}: {upcoming.next}" if upcoming else say("all exercises are right")
    lines = []
    for lesson in lessons:
        right = sum(each.outcome == RIGHT.name for each in lesson.exercises)
        made = sum(bool(each.guess) for each in lesson.predictions)
        counts = say(f"exercises {right} of {len(lesson.exercises)}, predictions {made} of {len(lesson.predictions)}")
        lines.append(f"{lesson.file}: {counts}")
        lines += [f"  {STAGES[each.outcome].icon} {each.name}: {say(each.outcome)}" for each in lesson.exercises]
    text = "\n".join([*lines, f"{say('Next:')} {following}"])
    show(text, PAGE.render(lessons=lessons, next=following, stages=STAGES, say=say, direction=html_direction()))
