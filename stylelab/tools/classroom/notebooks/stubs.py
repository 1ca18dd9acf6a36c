"""What each lesson hands out, in both editions: its exercises, their stubs, and every cell as it was given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stylelab.base.course import find_lessons
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, unknown
from stylelab.tools.classroom.notebooks.read import Notebook, read_notebook


@dataclass(frozen=True)
class Given:
    """One edition of one lesson as it was handed out.

    Attributes:
        lesson: such as '03_style_reconstruction'.
        framework: 'torch' or 'tensorflow'.
        stubs: exercise id -> the source of its cell, in the lesson's order.
        sources: of all cells but the exercises', without blanks at the ends.
        ids: Jupyter's names of the cells.
    """

    lesson: str
    framework: str
    stubs: Mapping[str, str]
    sources: frozenset[str]
    ids: frozenset[str]

    @property
    def exercises(self) -> tuple[str, ...]:
        """Ids, in the lesson's order."""
        return tuple(self.stubs)


@cache
def handed_out() -> Mapping[tuple[str, str], Given]:
    """Every edition: (lesson, framework) -> what it hands out. Read once.

    Raises:
        InputError: there are no lessons, or one of them cannot be read.
    """
    return {(each.lesson, each.framework): each for each in map(_given, find_lessons())}


def find_given(lesson: str, framework: str) -> Given:
    """One edition of one lesson.

    Raises:
        InputError: no such lesson; the nearest name is suggested.
    """
    editions = handed_out()
    if (lesson, framework) not in editions:
        raise unknown("lesson", f"{lesson}_{framework}", [f"{lesson}_{framework}" for lesson, framework in editions])
    return editions[lesson, framework]


def lesson_names() -> tuple[str, ...]:
    """Such as '03_style_reconstruction', in order."""
    return tuple(sorted({lesson for lesson, _ in handed_out()}))


def _given(path: Path) -> Given:
    try:
        notebook = read_notebook(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read lesson '{printable(path)}': {error_text(error)}; fetch the repository again") from None
    if notebook.trouble:
        raise InputError(f"cannot read lesson '{printable(path)}': {notebook.trouble}; fetch the repository again")
    lesson, _, framework = path.stem.rpartition("_")
    return given_by(notebook, lesson, framework)


def given_by(notebook: Notebook, lesson: str, framework: str) -> Given:
    """What a notebook hands out."""
    stubs = {cell.exercise: cell.source for cell in notebook.cells if cell.exercise}
    rest: Iterable[str] = (cell.source.strip() for cell in notebook.cells if not cell.exercise)
    return Given(lesson, framework, stubs, frozenset(rest) - {""}, frozenset(cell.id for cell in notebook.cells if cell.id))
