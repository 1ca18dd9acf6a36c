"""gradescope/: what Gradescope's autograder harness reads as /autograder/results/results.json.

Source: gradescope-autograders.readthedocs.io, "Autograder Specifications".
"""

from collections.abc import Iterator

from stylelab.tools.classroom.marking.model import STAGES
from stylelab.tools.classroom.reports.gradebook import Book, Handed, Item, Student, lesson_title
from stylelab.tools.classroom.reports.text import number, plain


def results(book: Book) -> dict[str, dict]:
    """File name of a student -> what their results.json holds."""
    return {student.file: result(student) for student in book.students}


def index(book: Book, made: dict[str, dict]) -> dict:
    """The one file for a class: `{"students": {name: the student's own object}}`."""
    students: dict[str, dict] = {}
    for student in book.students:
        name = plain(student.name)
        students[name if name not in students else f"{name} ({student.file})"] = made[student.file]
    return {"students": students}


def result(student: Student) -> dict:
    """One student's object. Points of a test are as earned; the score on top is what is left after late days."""
    counted = [each for each in student.handed if each.counts]
    return {
        "score": student.final,
        "execution_time": round(sum(each.mark.seconds for each in student.handed), 2),
        "output": "\n".join(_told(counted)) or "Nothing that was handed in could be graded.",
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"max_score": sum(each.points for each in counted), "late_days": student.days},
        "tests": [test for place, each in enumerate(counted, 1) for test in _tests(place, each)],
    }


def _told(counted: list[Handed]) -> Iterator[str]:
    for each in counted:
        late = f", {each.days} days late, {number(100 * (1 - each.factor))} % off" if each.days else ""
        yield f"{lesson_title(each.mark.lesson)}: {number(each.final)} of {each.points}{late}"
        yield from (f"  Instructor: {plain(said, 5000)}" for said in (*each.by_hand, *each.comments))
        yield from (f"  {plain(note)}" for note in each.mark.notes)


def _tests(lesson: int, handed: Handed) -> Iterator[dict]:
    for place, item in enumerate(handed.items, 1):
        yield {
            "name": f"{lesson_title(handed.mark.lesson)}: {plain(item.mark.exercise)}",
            "number": f"{lesson}.{place}",
            "score": item.earned,
            "max_score": item.mark.points,
            "status": "passed" if item.earned >= item.mark.points else "failed",
            "output": "\n".join(_lines(item)),
            "visibility": "visible",
        }


def _lines(item: Item) -> Iterator[str]:
    yield plain(item.mark.title)
    yield f"{STAGES.get(item.mark.stage, plain(item.mark.stage)).capitalize()}. {plain(item.mark.reason)}".rstrip()
    for line in item.mark.lines:
        wrong = f": {plain(line.wrong)}" if line.wrong else ""
        yield f"  {plain(line.name)}: {line.earned} of {line.points}{wrong}"
    yield from (f"  {plain(note)}" for note in item.mark.notes)
    yield from (f"Instructor: {plain(said, 5000)}" for said in (*item.by_hand, *item.comments))
