"""Which lesson a notebook is, and in which framework: what it says of itself is believed only where it can be so."""

import re
from collections import Counter

from stylelab.base.course import TITLES
from stylelab.tools.classroom.notebooks.read import Notebook
from stylelab.tools.classroom.notebooks.stubs import handed_out, lesson_names

OURS = re.compile(
    r"^[ \t]*(?:import[ \t]+stylelab\.|from[ \t]+stylelab\.|from[ \t]+stylelab[ \t]+import[ \t]+)(torch|tensorflow)\b", re.M
)
THEIRS = re.compile(r"^[ \t]*(?:import|from)[ \t]+(torch|tensorflow)\b", re.M)


def find_edition(notebook: Notebook, name: str = "") -> tuple[str, str]:
    """Which lesson and which framework a notebook is.

    Args:
        name: what its file was called, which counts where nothing else tells.

    Returns:
        Lesson, such as '03_style_reconstruction', and 'torch' or 'tensorflow'; '' for what cannot be told.

    Raises:
        InputError: no lessons come with this installation.
    """
    return _lesson(notebook, name), _framework(notebook, name)


def _lesson(notebook: Notebook, name: str) -> str:
    if notebook.lesson in lesson_names():
        return notebook.lesson
    scores = _scores(notebook)
    if list(scores.values()).count(max(scores.values())) > 1:  # all in one cell, maybe
        scores += _inside(notebook)
    best = [lesson for lesson, score in scores.items() if score == max(scores.values()) > 0]
    named = [lesson for lesson in lesson_names() if lesson in name.lower()]
    if len(best) == 1:
        return best[0]
    return next((lesson for lesson in named if lesson in best or not best), "")


def _scores(notebook: Notebook) -> Counter:
    """How much of each lesson is there: cells by name, cells as they were given, exercises by name."""
    ids = {cell.id for cell in notebook.cells}
    sources = {cell.source.strip() for cell in notebook.cells}
    tags = {tag for cell in notebook.cells for tag in (cell.grade_id, cell.exercise)}
    text = "\n".join(cell.source for cell in notebook.cells)
    scores = Counter()
    for (lesson, _), given in handed_out().items():
        defined = sum(f"def {exercise}(" in text for exercise in given.stubs)
        score = len(ids & given.ids) + len(sources & given.sources) + len(tags & given.stubs.keys()) + defined
        scores[lesson] = max(scores[lesson], score)
    return scores


def _inside(notebook: Notebook) -> Counter:
    """How many cells of each lesson stand somewhere inside the notebook's code."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.kind == "code")
    scores = Counter()
    for (lesson, _), given in handed_out().items():
        scores[lesson] = max(scores[lesson], sum(len(source) > 40 and source in code for source in given.sources))
    return scores


def _framework(notebook: Notebook, name: str) -> str:
    if notebook.framework in TITLES:
        return notebook.framework
    code = "\n".join(cell.source for cell in notebook.cells if cell.kind == "code")
    for pattern in (OURS, THEIRS):
        if len(found := set(pattern.findall(code))) == 1:
            return found.pop()
    if notebook.kernel == "stylelab-tensorflow":  # the other edition's kernel, python3, says nothing
        return "tensorflow"
    return next((framework for framework in TITLES if framework in name.lower()), "")
