"""grades.csv and details.csv.

UTF-8 without a byte order mark: with one, the first column would have another name for every script that does not know
of it, and every learning platform reads plain UTF-8. A spreadsheet that guesses wrong is told so on import; for eyes there
is overview.html. No cell starts a formula, and none holds a line break.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from stylelab.tools.classroom.marking.model import RIGHT, STAGES
from stylelab.tools.classroom.reports.gradebook import Book, Handed, Item, Student
from stylelab.tools.classroom.reports.text import cell

DETAILS = (
    "student", "lesson", "framework", "exercise", "points", "earned", "stage", "reason", "lost", "by_hand", "comment",
    "seconds", "notes", "file", "counts",
)  # fmt: skip


def csv_text(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Rows as the text of a CSV file, every cell made harmless."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([cell(value) for value in row] for row in rows)
    return stream.getvalue()


def grades(book: Book) -> Iterator[list[object]]:
    """A row for each student, behind a header: each exercise's points, each lesson's, and the totals.

    A lesson's own column is what was earned, before anything is taken off; empty cells were not handed in.
    """
    header = ["student"]
    for lesson, exercises in book.lessons.items():
        name = lesson or "unknown"
        header += [f"{name}/{exercise}" for exercise in exercises] + [name, f"{name}/late_days", f"{name}/final"]
    yield [*header, "earned", "late_days", "lost_late", "final", "points", "percent"]
    for student in book.students:
        yield _grades_row(book, student)


def _grades_row(book: Book, student: Student) -> list[object]:
    row: list[object] = [student.name]
    counted = student.counted
    for lesson, exercises in book.lessons.items():
        handed = counted.get(lesson)
        if handed is None:
            row += [""] * (len(exercises) + 3)
            continue
        earned = {item.mark.exercise: item.earned for item in handed.items}
        row += [earned.get(exercise, 0) for exercise in exercises] + [handed.earned, handed.days, handed.final]
    percent = 100 * student.final / book.points if book.points else 0
    return [*row, student.earned, student.days, student.earned - student.final, student.final, book.points, percent]


def details(book: Book) -> Iterator[Sequence[object]]:
    """A row for each exercise of each submission, behind a header; a submission without any has one row of its own."""
    yield DETAILS
    for student in book.students:
        for handed in student.handed:
            for item in handed.items:
                yield _details_row(handed, item)
            if handed.by_hand or handed.comments or not handed.items:
                yield _whole_row(handed)


def _details_row(handed: Handed, item: Item) -> list[object]:
    mark, each = handed.mark, item.mark
    reason = "" if each.stage == RIGHT else each.reason or STAGES.get(each.stage, each.stage)
    return [
        mark.student, mark.lesson, mark.framework, each.exercise, each.points, item.earned, each.stage, reason,
        "; ".join(f"{line.name} {line.earned} of {line.points}: {line.wrong or 'no reason given'}" for line in each.lines
                  if line.earned < line.points),
        "; ".join(item.by_hand), " / ".join(item.comments), each.seconds, " / ".join(each.notes), mark.name, _yes(handed.counts),
    ]  # fmt: skip


def _whole_row(handed: Handed) -> list[object]:
    """What is said of a whole submission: by hand, or that it could not be graded. The rows' points still add up."""
    mark, above = handed.mark, sum(item.earned for item in handed.items)
    stage, reason = ("", "") if handed.items else ("file", " / ".join(mark.notes) or STAGES["file"])
    return [
        mark.student, mark.lesson, mark.framework, "lesson", 0 if handed.items else handed.points, handed.earned - above, stage, reason, "",
        "; ".join(handed.by_hand), " / ".join(handed.comments), mark.seconds, " / ".join(mark.notes), mark.name,
        _yes(handed.counts),
    ]  # fmt: skip


def _yes(counts: bool) -> str:
    return "yes" if counts else "no"
