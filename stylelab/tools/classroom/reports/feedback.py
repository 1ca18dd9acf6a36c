"""feedback/STUDENT.html: what a student reads. Marks, reasons and comments; no reference code, no inputs, no seed."""

from collections.abc import Iterator
from datetime import datetime

from stylelab.base.course import TITLES
from stylelab.tools.classroom.marking.model import RIGHT, STAGES
from stylelab.tools.classroom.reports.gradebook import Book, Handed, Item, Student, lesson_title
from stylelab.tools.classroom.reports.pages import bar, page, table
from stylelab.tools.classroom.reports.text import html, number, person, plain

INSTRUCTOR = 5000  # characters of a comment, which is not a stranger's


def feedback(book: Book, student: Student) -> str:
    """One student's page, as text."""
    return page(f"Feedback for {html(student.name, 120)}", _body(book, student))


def _body(book: Book, student: Student) -> Iterator[str]:
    counted = student.counted
    yield f"<h1>Feedback for {person(student.name)}</h1>"
    yield f'<p class="big">{number(student.final)} of {book.points} points{_percent(student.final, book.points)}</p>'
    yield f"<p>{html(book.late.sentence())}</p>"
    yield table(
        "Your lessons",
        ["Lesson", "Earned", "Of", "Late", "Counts"],
        [_lesson_row(place, each) for place, each in enumerate(student.handed, 1)],
        numbers=(1, 2, 3, 4),
    )
    if missing := [html(lesson_title(lesson), 120) for lesson in book.lessons if lesson not in counted]:
        yield f"<p>Not handed in: {'; '.join(missing)}.</p>"
    for place, each in enumerate(student.handed, 1):
        yield from _lesson(book, place, each, several=each.mark.lesson in counted)


def _lesson_row(place: int, each: Handed) -> list[str]:
    late = _plural(each.days, "day") if each.days else "no"
    final = number(each.final) if each.counts else "–"
    return [f'<a href="#lesson-{place}">{_title(each)}</a>', number(each.earned), str(each.points), late, final]


def _title(each: Handed) -> str:
    framework = TITLES.get(each.mark.framework, html(each.mark.framework))
    return html(lesson_title(each.mark.lesson), 120) + (f" ({framework})" if framework else "")


def _lesson(book: Book, place: int, each: Handed, several: bool) -> Iterator[str]:
    mark = each.mark
    yield f'<section aria-labelledby="lesson-{place}">'
    yield f'<h2 id="lesson-{place}">{_title(each)}: {number(each.final)} of {each.points}</h2>'
    when = f", handed in on {_moment(mark.when)}" if mark.when else ""
    ran = _seconds(sum(item.mark.seconds for item in each.items))  # of the answers: a framework's import is not theirs
    yield f'<p class="soft">File <bdi dir="auto">{html(mark.name, 200)}</bdi>{when}. Its answers ran for {ran}.</p>'
    if several and not each.counts:
        yield "<p>You handed in this lesson more than once: another submission, with as many points or more, counts.</p>"
    if each.days:
        off = number(100 * (1 - each.factor))
        yield (
            f'<p class="bad">Due on {_moment(book.late.due_for(mark.lesson))}; {_plural(each.days, "day")} late: {off} % off, '
            f"which leaves {number(each.final)} of the {number(each.earned)} points that you earned.</p>"
        )
    if not each.items:
        yield '<p class="bad">This file could not be graded.</p>'
    yield from _notes(mark.notes)
    yield from _by_hand(each.by_hand, each.comments)
    for item in each.items:
        yield from _exercise(item)
    yield "</section>"


def _moment(when: datetime) -> str:
    zone = f" ({when.tzname()})" if when.tzinfo else ""
    return html(f"{when:%d %B %Y at %H:%M}{zone}")


def _exercise(item: Item) -> Iterator[str]:
    mark, share = item.mark, item.earned / item.mark.points if item.mark.points else 1.0
    told = STAGES.get(mark.stage, html(mark.stage))
    full = share >= 1
    yield '<div class="card">'
    yield f"<h3>{html(mark.exercise, 120)}: {number(item.earned)} of {mark.points} points</h3>"
    yield bar([("s5", min(share, 1.0))], f"{number(item.earned)} of {mark.points} points").replace(
        'role="img"', 'aria-hidden="true"'
    )
    yield f'<p class="soft">{html(mark.title)}</p>'
    reason = "" if mark.stage == RIGHT else f" {html(mark.reason, 1500)}"
    yield f'<p class="{"good" if full else "bad"}"><strong>{told.capitalize()}.</strong>{reason}</p>'
    yield from _by_hand(item.by_hand, item.comments)
    if mark.lines:
        rows = list(_line_rows(item))
        yield table(
            f"How the mark for {html(mark.exercise, 120)} came about", ["Looked at", "Points", "What was found"], rows, (1,)
        )
    yield from _notes(mark.notes)
    yield f'<p class="soft">Your answer ran for {_seconds(mark.seconds)}.</p>'
    yield "</div>"


def _line_rows(item: Item) -> Iterator[list[str]]:
    """A reason that stands above, or in the row before, is not said again."""
    said = {item.mark.reason}
    for line in item.mark.lines:
        wrong = line.wrong or ("right" if line.earned >= line.points else "no reason given")
        told = "see above" if wrong in said else html(wrong, 1500)
        said.add(wrong if line.wrong else None)
        yield [html(line.name, 120), f"{line.earned} of {line.points}", told]


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield "<p>What was repaired or noticed on the way:</p>"
        yield "<ul>" + "".join(f"<li>{html(note)}</li>" for note in notes) + "</ul>"


def _by_hand(said: tuple[str, ...], comments: tuple[str, ...]) -> Iterator[str]:
    for each in said:
        yield f'<p class="said">Your instructor: {html(each)}.</p>'
    for each in comments:
        lines = "\n".join(html(line, INSTRUCTOR) for line in plain_lines(each))
        yield f'<p class="said" dir="auto"><strong>Comment:</strong> {lines}</p>'


def plain_lines(comment: str) -> list[str]:
    """A comment's own lines."""
    return [plain(line, INSTRUCTOR) for line in comment[:INSTRUCTOR].splitlines()]


def _percent(earned: float, points: float) -> str:
    return f" ({100 * earned / points:.0f} %)" if points else ""


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} seconds" if 0 < seconds < 10 else f"{seconds:.0f} seconds"
