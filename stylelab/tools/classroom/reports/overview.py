"""overview.html: how the class did, where it lost points, what to say tomorrow, and what to look at."""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from urllib.parse import quote

from stylelab.tools.classroom.marking.model import RIGHT, STAGES
from stylelab.tools.classroom.reports.gradebook import Book, Handed, Item, Student, lesson_title
from stylelab.tools.classroom.reports.pages import bar, page, table
from stylelab.tools.classroom.reports.text import html, number, person

KINDS = {  # what is told apart in the plot -> its colour and the stages that it is made of
    "not attempted": ("s0", ("open", "missing")),
    "does not run to its end": ("s1", ("error", "load", "lost")),
    "out of time or memory": ("s2", ("time", "memory")),
    "wrong type or shape": ("s3", ("type", "shape")),
    "wrong value": ("s4", ("value",)),
    "lacks a property": ("s5", ("property", RIGHT)),
    "not gradable": ("s6", ("file", "forged")),
}
KIND_OF = {stage: kind for kind, (_, stages) in KINDS.items() for stage in stages}
LOOK_AT = ("file", "forged", "time", "memory", "lost")
MOST_REASONS, MOST_LOOKS = 15, 200


def overview(book: Book, similar: str = "") -> str:
    """The page, as text.

    Args:
        similar: a sentence about the similarity report; empty if there is none.
    """
    return page("Class overview", _body(book, similar))


def _body(book: Book, similar: str) -> Iterator[str]:
    yield "<h1>Class overview</h1>"
    yield from _facts(book)
    if similar:
        yield f'<p>{html(similar)} See the <a href="similarity.html">similarity report</a>.</p>'
    if book.warnings:
        yield "<h2>Please read</h2>\n<ul>" + "".join(f"<li>{html(each)}</li>" for each in book.warnings[:50]) + "</ul>"
    if book.students:
        yield from _lost_section(book)
        yield from _reasons(book)
        yield from _looks(book)
        yield from _distribution(book)
        yield from _students(book)


def _facts(book: Book) -> Iterator[str]:
    percents = _percents(book)
    submissions = sum(len(student.handed) for student in book.students)
    facts = {"Students": len(book.students), "Submissions": submissions, "Points in all": book.points}
    if percents:
        facts |= {"Mean": f"{statistics.mean(percents):.0f} %", "Median": f"{statistics.median(percents):.0f} %"}
        facts["Late"] = sum(each.days > 0 for student in book.students for each in student.handed)
    yield '<dl class="facts">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()) + "</dl>"
    yield f"<p>{html(book.late.sentence())} A lesson that was not handed in counts as nothing earned.</p>"


def _percents(book: Book) -> list[float]:
    return [100 * student.final / book.points if book.points else 0.0 for student in book.students]


def _counted(book: Book) -> Iterator[Handed]:
    return (each for student in book.students for each in student.handed if each.counts)


def losses(book: Book) -> dict[tuple[str, str], dict[str, float]]:
    """(lesson, exercise) -> kind of fault -> its share of the points that those who handed it in could earn."""
    lost: dict[tuple[str, str], Counter] = defaultdict(Counter)
    handed = Counter(each.mark.lesson for each in _counted(book))
    for each in _counted(book):
        for item in each.items:
            kind = KIND_OF.get(item.mark.stage, "not gradable")
            lost[each.mark.lesson, item.mark.exercise][kind] += item.mark.points - item.earned
        there = {item.mark.exercise for item in each.items}
        for exercise in book.lessons[each.mark.lesson].keys() - there:  # a file that could not be graded has none
            lost[each.mark.lesson, exercise]["not gradable"] += book.lessons[each.mark.lesson][exercise]
    return {
        (lesson, exercise): {kind: lost[lesson, exercise][kind] / max(points * handed[lesson], 1) for kind in KINDS}
        for lesson, exercises in book.lessons.items()
        for exercise, points in exercises.items()
        if handed[lesson]
    }


def _lost_section(book: Book) -> Iterator[str]:
    shares = losses(book)
    most = max((sum(kinds.values()) for kinds in shares.values()), default=0)
    top = next(step for step in (0.1, 0.25, 0.5, 1.0) if most <= step or step == 1.0)
    yield '<section aria-labelledby="lost"><h2 id="lost">Where the class lost points</h2>'
    yield "<p>For each exercise, the share of its points that was lost by those who handed it in. The colours say how.</p>"
    used = [kind for kind in KINDS if any(kinds[kind] for kinds in shares.values())]
    keys = (f"<li>{bar([(KINDS[kind][0], 1)], kind).replace(IMAGE, HIDDEN)}{kind}</li>" for kind in used)
    yield f'<ul class="key">{"".join(keys)}</ul>'
    yield '<div class="bars">'
    yield f'<span></span><span class="scale">{_scale(top)}</span><span></span>'
    for (_, exercise), kinds in shares.items():
        parts = [(KINDS[kind][0], share / top) for kind, share in kinds.items() if share > 0]
        yield f"<span>{html(exercise, 60)}</span>{bar(parts, _in_words(exercise, kinds))}<span>{_share(sum(kinds.values()))}</span>"
    yield "</div>"
    rows = [[html(exercise, 60), html(_short(lesson)), *map(_share, kinds.values()), _share(sum(kinds.values()))]
            for (lesson, exercise), kinds in shares.items()]  # fmt: skip
    yield table("Share of the points lost, by exercise and kind", ["Exercise", "Lesson", *KINDS, "all"], rows, range(1, 10))
    yield "</section>"


def _heading(lesson: str) -> str:
    """'Lesson 3' of '03_style_reconstruction'."""
    return lesson_title(lesson).partition(":")[0]


def _short(lesson: str) -> str:
    """'3' of '03_style_reconstruction'."""
    return _heading(lesson).removeprefix("Lesson ")


IMAGE, HIDDEN = 'role="img"', 'aria-hidden="true"'


def _scale(top: float) -> str:
    return "".join(f"<span>{100 * top * step / 2:g} %</span>" for step in range(3))


def _share(share: float) -> str:
    percent = 100 * share
    return "0" if percent == 0 else "under 1 %" if percent < 1 else f"{percent:.0f} %"


def _in_words(exercise: str, kinds: dict[str, float]) -> str:
    said = ", ".join(f"{_share(share)} {kind}" for kind, share in kinds.items() if share > 0)
    return f"{html(exercise, 60)}: {_share(sum(kinds.values()))} of the points lost{': ' + said if said else ''}"


def reasons(book: Book) -> list[tuple[int, str, str]]:
    """(how many students, exercise, a reason as one of them read it), the commonest first; numbers are not told apart."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in _counted(book):
        for item in each.items:
            if item.mark.stage != RIGHT and item.earned < item.mark.points:
                reason = item.mark.reason or STAGES.get(item.mark.stage, item.mark.stage)
                alike[item.mark.exercise, re.sub(r"[-+]?[\d.]+(e[-+]?\d+)?", "0", reason)].append(reason)
    told = [(len(said), exercise, Counter(said).most_common(1)[0][0]) for (exercise, _), said in alike.items()]
    return sorted(told, key=lambda each: (-each[0], each[1:]))


def _reasons(book: Book) -> Iterator[str]:
    found = reasons(book)
    yield '<section aria-labelledby="reasons"><h2 id="reasons">What to say tomorrow</h2>'
    if not found:
        yield "<p>Nobody lost a point.</p></section>"
        return
    more = f" {len(found) - MOST_REASONS} more are in details.csv." if len(found) > MOST_REASONS else ""
    yield f"<p>The commonest reasons for which points were lost, as one of the students reads them.{more}</p>"
    rows = [[html(reason, 400), html(exercise, 60), str(count)] for count, exercise, reason in found[:MOST_REASONS]]
    yield table("The commonest reasons", ["Reason", "Exercise", "Students"], rows, (2,))
    yield "</section>"


def looks(book: Book) -> Iterator[tuple[Student, Handed, str, str]]:
    """Submissions that a person should look at: (student, submission, exercise or '', why)."""
    for student in book.students:
        for each in student.handed:
            if not each.items:
                yield student, each, "", " / ".join(each.mark.notes) or STAGES["file"]
            told = set()
            for item in each.items:
                if item.mark.stage in LOOK_AT and item.mark.reason not in told:
                    told.add(item.mark.reason)
                    yield student, each, item.mark.exercise, _why(item)


def _why(item: Item) -> str:
    return f"{STAGES[item.mark.stage].capitalize()}. {item.mark.reason}".strip()


def _looks(book: Book) -> Iterator[str]:
    found = list(looks(book))
    yield '<section aria-labelledby="look"><h2 id="look">What to look at</h2>'
    if found:
        yield "<p>Files that could not be graded, answers that ran out of time or memory, ended early, or sent no answer.</p>"
        rows = [[_link(student), html(each.mark.name, 100), html(exercise, 60), html(why, 300)]
                for student, each, exercise, why in found[:MOST_LOOKS]]  # fmt: skip
        yield table(f"{len(found)} to look at", ["Student", "File", "Exercise", "Why"], rows)
        if len(found) > MOST_LOOKS:
            yield f"<p>{len(found) - MOST_LOOKS} more are in details.csv.</p>"
    else:
        yield "<p>Nothing: every file could be graded, and every answer came back.</p>"
    yield "</section>"


def _link(student: Student) -> str:
    return f'<a href="feedback/{html(quote(student.file, errors="replace"))}.html">{person(student.name)}</a>'


def bins(book: Book) -> list[int]:
    """How many students have 0 to 9 percent, 10 to 19, ..., 90 to 100."""
    counts = Counter(min(max(int(percent // 10), 0), 9) for percent in _percents(book))
    return [counts[place] for place in range(10)]


def _distribution(book: Book) -> Iterator[str]:
    counts, names = bins(book), [f"{low} to {low + 9} %" for low in range(0, 90, 10)] + ["90 to 100 %"]
    yield '<section aria-labelledby="totals"><h2 id="totals">How the totals are spread</h2>'
    yield "<p>Students by the percentage of all points. Each column is ten percent wide: 70 stands for 70 to 79.</p>"
    yield '<div class="columns">'
    for place, count in enumerate(counts):
        height = 10 * count / max(counts)
        title = f"<title>{names[place]}: {_students_said(count)}</title>"
        drawn = f'<rect width="10" height="{height:.3f}" y="{10 - height:.3f}" fill="var(--s3)"/><rect y="9.9" width="10" height=".1" fill="var(--soft)"/>'
        yield f'<div>{count}<svg viewBox="0 0 10 10" preserveAspectRatio="none" role="img">{title}{drawn}</svg>{10 * place}</div>'
    yield "</div>"
    yield table(
        "Students by percentage", ["Percentage", "Students"], [[names[i], str(count)] for i, count in enumerate(counts)], (1,)
    )
    yield "</section>"


def _students_said(count: int) -> str:
    return "1 student" if count == 1 else f"{count} students"


def _students(book: Book) -> Iterator[str]:
    yield '<section aria-labelledby="students"><h2 id="students">Every student</h2>'
    yield "<p>The names lead to each student's page of feedback. A dash: not handed in.</p>"
    lessons = list(book.lessons)
    head = ["Student", *(html(_heading(lesson), 40) for lesson in lessons), "Late days", "Total", "Percent"]
    rows = [_student_row(book, student, lessons) for student in book.students]
    yield table("Points in the end", head, rows, range(1, len(head)))
    yield "</section>"


def _student_row(book: Book, student: Student, lessons: list[str]) -> list[str]:
    counted = student.counted
    marks = [number(counted[lesson].final) if lesson in counted else "–" for lesson in lessons]
    percent = f"{100 * student.final / book.points:.0f}" if book.points else "–"
    return [_link(student), *marks, str(student.days), number(student.final), percent]
