"""Identify a notebook's lesson and framework. Its own metadata is believed only if there is such a lesson."""

import re
from collections import Counter

from stylelab.base.course import EDITIONS, TITLES
from stylelab.tools.classroom.notebooks.lessons import all_editions, lesson_names
from stylelab.tools.classroom.notebooks.read import Notebook

OURS = re.compile(
    r"^[ \t]*(?:import[ \t]+stylelab\.|from[ \t]+stylelab\.|from[ \t]+stylelab[ \t]+import[ \t]+)(torch|tensorflow)\b", re.M
)
THEIRS = re.compile(r"^[ \t]*(?:import|from)[ \t]+(torch|tensorflow)\b", re.M)


def identify(notebook: Notebook, name: str = "") -> tuple[str, str]:
    """Identify a notebook's lesson and framework.

    Args:
        name: its file name, used if nothing else decides.

    Returns:
        Lesson, such as '03_style_reconstruction', and 'torch' or 'tensorflow'; '' for what is unknown.

    Raises:
        InputError: no lessons come with this installation.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.kind == "code")
    return _find_lesson(notebook, code, name), _find_framework(notebook, code, name)


def _find_lesson(notebook: Notebook, code: str, name: str) -> str:
    if notebook.lesson in lesson_names():
        return notebook.lesson
    ids = {cell.id for cell in notebook.cells}
    sources = {cell.source.strip() for cell in notebook.cells}
    tags = {tag for cell in notebook.cells for tag in (cell.grade_id, cell.exercise)}
    text = "\n".join(cell.source for cell in notebook.cells)
    scores: Counter[str] = Counter()
    for (lesson, _), edition in all_editions().items():
        defined = sum(f"def {exercise}(" in text for exercise in edition.stubs)
        score = len(ids & edition.ids) + len(sources & edition.sources) + len(tags & edition.stubs.keys()) + defined
        scores[lesson] = max(scores[lesson], score)
    if list(scores.values()).count(max(scores.values())) > 1:  # all code may have been merged into one cell
        merged: Counter[str] = Counter()
        for (lesson, _), edition in all_editions().items():
            merged[lesson] = max(merged[lesson], sum(len(source) > 40 and source in code for source in edition.sources))
        scores += merged
    best = [lesson for lesson, score in scores.items() if score == max(scores.values()) > 0]
    if len(best) == 1:
        return best[0]
    in_name = [lesson for lesson in lesson_names() if lesson in name.lower()]
    return next((lesson for lesson in in_name if lesson in best or not best), "")


def _find_framework(notebook: Notebook, code: str, name: str) -> str:
    lesson = _find_lesson(notebook, code, name)
    there = [framework for framework in EDITIONS if (lesson, framework) in all_editions()] or list(TITLES)
    if notebook.framework in there:
        return notebook.framework
    if len(there) == 1:
        return there[0]
    for pattern in (OURS, THEIRS):
        if len(imported := set(pattern.findall(code))) == 1:
            return imported.pop()
    if notebook.kernel == "stylelab-tensorflow":  # the other edition's kernel, python3, tells nothing
        return "tensorflow"
    return next((framework for framework in TITLES if framework in name.lower()), "")
