"""How the class did with each exercise, each lesson and over the term: outcomes, checks passed, common mistakes, time used."""

import ast
import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from stylelab.tools.classroom.marking.anonymous import GONE, Names
from stylelab.tools.classroom.marking.model import OUTCOMES, ExerciseMark
from stylelab.tools.classroom.reports.gradebook import Gradebook, SubmissionGrade

SUBSCRIPTS = re.compile(r"[a-zA-Z. ]{0,9}(,[a-zA-Z. ]{0,9})*->[a-zA-Z. ]{0,9}")  # of einsum


@dataclass(frozen=True)
class ExerciseStatistics:
    """One exercise over all submissions that count.

    Attributes:
        students: who handed the lesson in.
        graded: those of them whose answer was graded.
        outcomes: a key of OUTCOMES -> how many students.
        passed: part of the mark -> how many of those graded have its points.
        mistakes: hint of a common mistake -> how many made it, and one answer with it that does not show whose it is; the most
            common first.
        seconds: median of the time that an answer took in the sandbox.
        helped: how many say that they used a hint or the solution.
    """

    lesson: str
    exercise: str
    students: int
    graded: int
    outcomes: Mapping[str, int]
    passed: Mapping[str, int]
    mistakes: Mapping[str, tuple[int, str]]
    seconds: float
    helped: int


@dataclass(frozen=True)
class LessonStatistics:
    """One lesson, or all: who handed it in, of all students, and what they earned of the points that were graded.

    Attributes:
        lesson: empty for all lessons together.
        mean, median: shares 0..1; None if nothing was graded.
        late: how many of them were late.
        seconds: median over students of the time that all answers took in the sandbox.
    """

    lesson: str
    students: int
    of: int
    mean: float | None
    median: float | None
    late: int
    seconds: float


def at_a_glance(book: Gradebook) -> list[ExerciseStatistics]:
    """The statistics of every exercise of the lessons that count, in their order."""
    counted = [graded for student in book.students for graded in student.counted.values()]
    names = Names((student.name for student in book.students), (graded.mark.name for graded in counted))
    found = []
    for lesson, exercises in book.lessons.items():
        of_lesson = [exercise.mark for graded in counted if graded.mark.lesson == lesson for exercise in graded.exercises]
        for name in exercises:
            found.append(_of_exercise(lesson, name, [mark for mark in of_lesson if mark.exercise == name], names))
    return found


def _of_exercise(lesson: str, name: str, marks: Sequence[ExerciseMark], names: Names) -> ExerciseStatistics:
    outcomes = Counter(mark.outcome for mark in marks)
    passed = {line.name: 0 for mark in marks for line in mark.lines}
    for line in (line for mark in marks if mark.graded for line in mark.lines):
        passed[line.name] += line.earned >= line.points
    strings = Counter(text for mark in marks for text in set(_strings(mark.source)))
    shared = {text for text, students in strings.items() if students > 1}
    mistakes = {}
    for hint, students in Counter(mark.mistake for mark in marks if mark.mistake).most_common():
        sources = (mark.source for mark in marks if mark.mistake == hint and mark.source)
        mistakes[hint] = students, _example(min(sources, key=lambda source: (len(source), source), default=""), shared, names)
    return ExerciseStatistics(
        lesson,
        name,
        len(marks),
        sum(mark.graded for mark in marks),
        {outcome: outcomes[outcome] for outcome in OUTCOMES},
        passed,
        mistakes,
        _median(mark.seconds for mark in marks if mark.seconds),
        sum(bool(mark.claims.hints or mark.claims.solution) for mark in marks),
    )


def by_lesson(book: Gradebook) -> list[LessonStatistics]:
    """A line for each lesson that counts and, if there are several, one for all of them."""
    found = []
    for lesson in book.lessons:
        graded = [student.counted[lesson] for student in book.students if lesson in student.counted]
        shares = [each.total[1] / (each.points - each.ungraded) for each in graded if each.points > each.ungraded]
        found.append(_of_lesson(lesson, [[each] for each in graded], len(book.students), shares))
    if len(found) > 1:
        counted = [list(student.counted.values()) for student in book.students]
        shares = [student.percent / 100 for student in book.students if student.percent is not None]
        found.append(_of_lesson("", [own for own in counted if own], len(book.students), shares))
    return found


def _of_lesson(lesson: str, graded: Sequence[Sequence[SubmissionGrade]], of: int, shares: Sequence[float]) -> LessonStatistics:
    """The statistics of submissions, student by student."""
    return LessonStatistics(
        lesson,
        len(graded),
        of,
        statistics.mean(shares) if shares else None,
        statistics.median(shares) if shares else None,
        sum(any(each.days for each in own) for own in graded),
        _median(sum(exercise.mark.seconds for each in own for exercise in each.exercises) for own in graded),
    )


def by_attempt(book: Gradebook) -> list[tuple[int, int, float]]:
    """(number of the release, submissions, mean share of the points) for each of several releases; nothing for a single one."""
    found: dict[int, list[float]] = {}
    for graded in (graded for student in book.students for graded in student.submissions if graded.mark.lesson in book.lessons):
        if graded.points > graded.ungraded:
            found.setdefault(graded.mark.attempt, []).append(graded.final / (graded.points - graded.ungraded))
    rows = [(attempt + 1, len(shares), statistics.mean(shares)) for attempt, shares in sorted(found.items())]
    return rows if any(number > 1 for number, _, _ in rows) else []


def _median(seconds: Iterable[float]) -> float:
    seconds = list(seconds)
    return round(statistics.median(seconds), 3) if seconds else 0.0


def _strings(source: str) -> list[str]:
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return [
            node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    return []


def _example(source: str, shared: Collection[str], names: Names) -> str:
    """An answer as an example for the class: without the class's names, and without texts that only its author wrote."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)) if text not in shared and not SUBSCRIPTS.fullmatch(text):
                    node.value = GONE
                case ast.Constant(value=bytes()):
                    node.value = b"..."
        return names.remove(ast.unparse(tree))
    return ""
