"""grades.csv, details.csv and similarity.csv.

UTF-8 without a byte order mark: with one, scripts that do not expect it would read a different name for the first column,
and every learning platform reads plain UTF-8. No cell starts a formula, and no cell contains a line break.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stylelab.tools.classroom.marking.model import RIGHT, STAGES
from stylelab.tools.classroom.reports.glance import ExerciseStatistics, LessonStatistics
from stylelab.tools.classroom.reports.gradebook import Gradebook, Request, SubmissionGrade
from stylelab.tools.classroom.reports.similarity import MOST_ROWS, Similarity
from stylelab.tools.classroom.reports.text import cell

DETAILS = (
    "student", "lesson", "framework", "exercise", "points", "earned", "stage", "reason", "lost", "by_hand", "comment",
    "seconds", "notes", "file", "counts", "outcome", "mistake", "hints", "solution", "help_costs", "regrade", "reply", "model_answers",
)  # fmt: skip
CLASS = ("lesson", "exercise", "what", "name", "students", "of", "share", "seconds")
SIMILARITY = ("rank", "student", "other", "weight", "same", "near", "exercises")


def csv_text(rows: Iterable[Sequence[Any]], delimiter: str = ",") -> str:
    """Rows as the text of a CSV file, every cell made safe."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([cell(value) for value in row] for row in rows)
    return stream.getvalue()


def grades(book: Gradebook) -> Iterator[list[object]]:
    """A header and a row per student: points for each exercise and each lesson, and totals.

    The column with the name of a lesson has the points before late days. Cells of missing lessons are empty, and so are those
    of what is not graded, which is left out of `points` and `percent`.
    """
    header = ["student"]
    for lesson, exercises in book.lessons.items():
        name = lesson or "unknown"
        header += [f"{name}/{exercise}" for exercise in exercises] + [name, f"{name}/late_days", f"{name}/final"]
    yield [*header, "earned", "late_days", "lost_late", "final", "points", "not_graded", "percent"]
    for student in book.students:
        row: list[object] = [student.name]
        counted = student.counted
        for lesson, exercises in book.lessons.items():
            if lesson in counted:
                graded = counted[lesson]
                earned = {exercise.mark.exercise: exercise.earned if exercise.graded else "" for exercise in graded.exercises}
                points = graded.total if graded.any_graded else ("", "")
                row += [*(earned.get(exercise, 0) for exercise in exercises), points[0], graded.days, points[1]]
            else:
                row += [""] * (len(exercises) + 3)
        lost_late, percent = student.earned - student.final, "" if student.percent is None else student.percent
        yield [*row, student.earned, student.days, lost_late, student.final, student.points, student.ungraded, percent]


def details(book: Gradebook) -> Iterator[Sequence[object]]:
    """A header and a row per exercise of each submission.

    Another row follows for what concerns a whole submission: changes by hand, comments, or that it could not be graded. The
    points of a submission's rows add up to its total.
    """
    yield DETAILS
    for graded in (graded for student in book.students for graded in student.submissions):
        for exercise in graded.exercises:
            mark = exercise.mark
            reason = "" if mark.stage == RIGHT else mark.reason or STAGES.get(mark.stage, mark.stage)
            lost = "; ".join(
                f"{line.name} {line.earned} of {line.points}: {line.wrong or 'no reason given'}"
                for line in mark.lines
                if line.earned < line.points and mark.graded
            )
            found = (mark.exercise, mark.points, exercise.earned if exercise.graded else "", mark.stage, reason, lost)
            row = _details_row(graded, found, exercise.by_hand, exercise.comments, mark.seconds, mark.notes)
            claims, costs = mark.claims, exercise.help_costs
            row += (mark.outcome, mark.mistake, claims.hints, "yes" if claims.solution else "no", costs)
            yield (*row, *_asked(exercise.requests), graded.mark.solutions)
        if graded.by_hand or graded.comments or graded.requests or not graded.exercises:
            notes, points, stage, reason = graded.mark.notes, 0, "", ""
            if not graded.exercises:
                points, stage, reason = graded.points, "file", " / ".join(notes) or STAGES["file"]
                if graded.mark.fault:
                    stage, reason = "not graded", graded.mark.fault
            extra = graded.earned - sum(exercise.earned for exercise in graded.exercises)
            earned = "" if stage == "not graded" and not graded.by_hand else extra
            found = ("lesson", points, earned, stage, reason, "")
            row = _details_row(graded, found, graded.by_hand, graded.comments, graded.mark.seconds, notes)
            yield (*row, "", "", "", "", "", *_asked(graded.requests), graded.mark.solutions)


def _details_row(
    graded: SubmissionGrade, found: tuple, by_hand: Iterable[str], comments: Iterable[str], seconds: float, notes: Iterable[str]
) -> tuple:
    mark, counts = graded.mark, "yes" if graded.counts else "no"
    said = "; ".join(by_hand), " / ".join(comments)
    return (mark.student, mark.lesson, mark.framework, *found, *said, seconds, " / ".join(notes), mark.name, counts)


def _asked(requests: Iterable[Request]) -> tuple[str, str]:
    requests = list(requests)
    return " / ".join(each.text for each in requests), " / ".join(each.reply for each in requests)


def class_rows(exercises: Iterable[ExerciseStatistics], lessons: Iterable[LessonStatistics]) -> Iterator[Sequence[object]]:
    """A header, and for each exercise a row per outcome, per check and per common mistake; then two rows per lesson, and for all."""
    yield CLASS
    for each in exercises:
        parts = {
            "outcome": (each.outcomes, each.students),
            "check passed": (each.passed, each.graded),
            "mistake": ({name: count for name, (count, _) in each.mistakes.items()}, each.graded),
        }
        for what, (counts, of) in parts.items():
            for name, count in counts.items():
                yield each.lesson, each.exercise, what, name, count, of, count / max(1, of), each.seconds
    for lesson in lessons:
        name, students = lesson.lesson or "all", lesson.students
        yield name, "", "lesson", "submitted", students, lesson.of, students / max(1, lesson.of), lesson.seconds
        for word, share in (("mean", lesson.mean), ("median", lesson.median)):
            yield name, "", "points", word, students, lesson.of, "" if share is None else share, lesson.seconds


def similarity(found: Similarity) -> Iterator[tuple]:
    """A header and a row per pair of students."""
    yield SIMILARITY
    for rank, pair in enumerate(found.pairs[:MOST_ROWS], 1):
        matches = "; ".join(match.description for match in pair.matches)
        yield rank, pair.first, pair.second, pair.weight, pair.same, pair.near, matches
