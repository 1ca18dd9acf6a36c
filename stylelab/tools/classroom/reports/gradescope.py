"""gradescope/: the results.json that Gradescope's autograder reads.

Source: gradescope-autograders.readthedocs.io, "Autograder Specifications".
"""

from collections.abc import Iterable

from stylelab.tools.classroom.marking.model import STAGES
from stylelab.tools.classroom.reports.gradebook import Gradebook, Request, Student, lesson_title
from stylelab.tools.classroom.reports.text import number, plain, plural


def results(book: Gradebook) -> dict[str, dict]:
    """Path inside gradescope/ -> its contents.

    results.json of one student is that student's result; of a class it is `{"students": {name: result}}`, and each student has
    a results.json in a folder. A student with something that is not graded is left out: Gradescope would take it for zero points.
    """
    graded = [student for student in book.students if not student.ungraded]
    results = {student.file: _result(student) for student in graded}
    if len(book.students) == 1:
        return {"results.json": results[graded[0].file]} if graded else {}
    students: dict[str, dict] = {}
    for student in graded:
        name = plain(student.name)
        students[name if name not in students else f"{name} ({student.file})"] = results[student.file]
    return {f"{file}/results.json": result for file, result in results.items()} | {"results.json": {"students": students}}


def _result(student: Student) -> dict:
    """Each test has the points before late days, the score on top the points after them."""
    counted = list(student.counted.values())
    lines, tests = [], []
    for lesson, graded in enumerate(counted, 1):
        title = lesson_title(graded.mark.lesson)
        late = f", {plural(graded.days, 'day')} late, minus {number(100 * (1 - graded.factor))}%" if graded.days else ""
        lines.append(f"{title}: {number(graded.final)} of {graded.points}{late}")
        lines += [f"  The average of your submissions counts: {number(graded.average[1])}"] if graded.average else []
        lines += [f"  {text}" for text in _answers(graded.requests)]
        lines += [f"  Instructor: {plain(text, 5000)}" for text in (*graded.by_hand, *graded.comments)]
        lines += [f"  {plain(note)}" for note in graded.mark.notes]
        for place, exercise in enumerate(graded.exercises, 1):
            mark = exercise.mark
            output = [plain(mark.title)]
            output.append(f"{STAGES.get(mark.stage, plain(mark.stage)).capitalize()}. {plain(mark.reason)}".rstrip())
            for line in mark.lines:
                wrong = f": {plain(line.wrong)}" if line.wrong else ""
                output.append(f"  {plain(line.name)}: {line.earned} of {line.points}{wrong}")
            output += [f"  {plain(note)}" for note in mark.notes]
            output += [f"Instructor: {plain(text, 5000)}" for text in (*exercise.by_hand, *exercise.comments)]
            output += _answers(exercise.requests)
            tests.append({
                "name": f"{title}: {plain(mark.exercise)}",
                "number": f"{lesson}.{place}",
                "score": exercise.earned,
                "max_score": mark.points,
                "status": "passed" if exercise.earned >= mark.points else "failed",
                "output": "\n".join(output),
                "visibility": "visible",
            })  # fmt: skip
    return {
        "score": student.final,
        "execution_time": round(sum(graded.mark.seconds for graded in student.submissions), 2),
        "output": "\n".join(lines) or "None of the submissions could be graded.",
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"max_score": sum(graded.points for graded in counted), "late_days": student.days},
        "tests": tests,
    }


def _answers(requests: Iterable[Request]) -> list[str]:
    return [f"Regrade request: {plain(each.text, 5000)} Reply: {plain(each.reply or 'not yet', 5000)}" for each in requests]
