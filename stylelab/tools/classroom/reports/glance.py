"""How the class did with each exercise: outcomes, checks passed, common mistakes with an example, time used."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stylelab.tools.classroom.marking.model import OUTCOMES
from stylelab.tools.classroom.reports.gradebook import Gradebook


@dataclass(frozen=True)
class ExerciseStatistics:
    """One exercise over all submissions that count.

    Attributes:
        students: who handed the lesson in.
        outcomes: a key of OUTCOMES -> how many students.
        passed: part of the mark -> how many have its points.
        mistakes: hint of a common mistake -> how many made it, and one answer with it, without its author's name; the most common first.
        seconds: median of the time that an answer took in the sandbox.
        helped: how many say that they used a hint or the solution.
    """

    lesson: str
    exercise: str
    students: int
    outcomes: Mapping[str, int]
    passed: Mapping[str, int]
    mistakes: Mapping[str, tuple[int, str]]
    seconds: float
    helped: int


def at_a_glance(book: Gradebook) -> list[ExerciseStatistics]:
    """The statistics of every exercise of the lessons that count, in their order."""
    found = []
    counted = [graded for student in book.students for graded in student.counted.values()]
    for lesson, exercises in book.lessons.items():
        for name in exercises:
            marks = [
                exercise.mark
                for graded in counted
                if graded.mark.lesson == lesson
                for exercise in graded.exercises
                if exercise.mark.exercise == name
            ]
            outcomes = Counter(mark.outcome for mark in marks)
            lines = {line.name: 0 for mark in marks for line in mark.lines}
            for line in (line for mark in marks if mark.graded for line in mark.lines):
                lines[line.name] += line.earned >= line.points
            common = Counter(mark.mistake for mark in marks if mark.mistake).most_common()
            shortest = {
                hint: min((mark.source for mark in marks if mark.mistake == hint and mark.source), key=len, default="")
                for hint, _ in common
            }
            ran = [mark.seconds for mark in marks if mark.seconds]
            found.append(
                ExerciseStatistics(
                    lesson,
                    name,
                    len(marks),
                    {outcome: outcomes[outcome] for outcome in OUTCOMES},
                    lines,
                    {hint: (count, shortest[hint]) for hint, count in common},
                    round(statistics.median(ran), 3) if ran else 0.0,
                    sum(bool(mark.claims.hints or mark.claims.solution) for mark in marks),
                )
            )
    return found
