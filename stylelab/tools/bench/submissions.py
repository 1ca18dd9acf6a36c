"""Submissions made up for measuring: lessons as they are handed out, with answers typed into them."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from stylelab.base.course import find_lessons
from stylelab.errors import unknown
from stylelab.tools.classroom.handout.strip import as_bytes, strip
from stylelab.tools.classroom.marking.model_answers import library_source

OPEN = "raise NotImplementedError"
WRONG = "{exercise} = lambda *given: given[0]"
CLASS = ("right", "first", "open", "wrong")  # what students of a made-up class hand in, by turns


def lesson(number: str, framework: str) -> NotebookNode:
    """A lesson as it is handed out.

    Raises:
        InputError: no such lesson.
    """
    found = {path.name.partition("_")[0]: path for path in find_lessons(framework)}
    if number not in found:
        raise unknown("lesson", number, sorted(found))
    return strip(found[number])


def answered(notebook: NotebookNode, answer: Callable[[str], str]) -> NotebookNode:
    """A copy with `answer(exercise)` in each answer cell."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if exercise := cell.metadata.get("stylelab", {}).get("exercise"):
            cell.source = answer(exercise)
    return made


def solved(notebook: NotebookNode) -> NotebookNode:
    """A copy with the library's own answers."""
    return answered(notebook, lambda exercise: library_source(notebook.metadata.stylelab.framework, exercise))


def cut_down(notebook: NotebookNode) -> NotebookNode:
    """A copy with nothing but the set-up, the answers and the checks: what a grader needs of a lesson."""
    made = copy.deepcopy(notebook)
    made.cells = [
        cell for cell in made.cells if "nbgrader" in cell.metadata or cell.metadata.get("stylelab", {}).get("name") == "setup"
    ]
    return made


def made_up_class(folder: Path, count: int, number: str, framework: str) -> Iterator[str]:
    """Write STUDENT/LESSON.ipynb for each of so many students, no two alike; yield the students."""
    handed_out = lesson(number, framework)
    name = f"{handed_out.metadata.stylelab.lesson}_{framework}.ipynb"
    for each in range(count):
        student = f"student{each:04}"
        made = answered(handed_out, _Answers(framework, CLASS[each % len(CLASS)], student))
        (folder / student).mkdir(parents=True)
        (folder / student / name).write_bytes(as_bytes(made))
        yield student


class _Answers:
    """What one student of a kind types in; 'first' has done the first exercise alone."""

    def __init__(self, framework: str, kind: str, student: str):
        self.framework, self.kind, self.student, self.typed = framework, kind, student, 0

    def __call__(self, exercise: str) -> str:
        self.typed += 1
        text = {"open": OPEN, "wrong": WRONG.format(exercise=exercise)}.get(self.kind)
        if self.kind == "first" and self.typed > 1:
            text = OPEN
        return f"# {self.student}\n{text or library_source(self.framework, exercise)}"
