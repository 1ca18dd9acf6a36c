"""The HTML pages: feedback for each student, the class overview, and the report on similar answers.

Each page is one file without scripts, and nothing is fetched. Templates escape everything that they print.
"""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stylelab.base.course import EDITIONS, chosen_course
from stylelab.base.html import with_code
from stylelab.tools.classroom.marking.model import OUTCOMES, PENDING, RIGHT, STAGES
from stylelab.tools.classroom.marking.record import HIDDEN
from stylelab.tools.classroom.reports.glance import ExerciseStatistics, by_attempt, by_lesson
from stylelab.tools.classroom.reports.gradebook import ExerciseGrade, Gradebook, Request, Student, SubmissionGrade, lesson_title
from stylelab.tools.classroom.reports.lessons import UNTOUCHED
from stylelab.tools.classroom.reports.similarity import MOST_ROWS, NEAR, Similarity
from stylelab.tools.classroom.reports.text import number, plain, plural

KINDS = {  # kind of fault in the overview's chart -> its colour and the stages that belong to it
    "not attempted": ("s0", UNTOUCHED),
    "does not finish": ("s1", ("error", "load", "lost")),
    "out of time or memory": ("s2", ("time", "memory")),
    "wrong type or shape": ("s3", ("type", "shape")),
    "wrong value": ("s4", ("value",)),
    "lacks a property": ("s5", ("property", RIGHT)),
    "no answer": ("s6", ("file", "forged")),
}
KIND_OF = {stage: kind for kind, (_, stages) in KINDS.items() for stage in stages}
LOOK_AT = (
    "file",
    "forged",
    "time",
    "memory",
    "lost",
)  # stages of an answer that a teacher should look at; the command counts them


def feedback(book: Gradebook, student: Student) -> str:
    """One student's page: points, reasons and comments, but no reference code, no inputs and no seed."""
    return _render(
        "feedback.html.j2", book=book, student=student, stages=STAGES, right=RIGHT, pending=PENDING, frameworks=EDITIONS
    )


def overview(book: Gradebook, glance: Sequence[ExerciseStatistics], similar: str = "") -> str:
    """How the class did, where it lost points, and which submissions need a look.

    Args:
        glance: as `at_a_glance` gives it.
        similar: a sentence about the similarity report, if there is one.
    """
    percents, ungraded = _percents(book), sum(student.ungraded > 0 for student in book.students)
    facts: dict[str, object] = {
        "Students": len(book.students),
        "Submissions": sum(len(student.submissions) for student in book.students),
        "Points available": book.points,
    }
    if percents:
        facts |= {"Mean": f"{statistics.mean(percents):.0f}%", "Median": f"{statistics.median(percents):.0f}%"}
        facts["Late"] = sum(submission.days > 0 for student in book.students for submission in student.submissions)
    facts |= {"Not all graded": ungraded} if ungraded else {}
    asked = [request for student in book.students for graded in student.submissions for _, request in _requests(graded)]
    if asked:
        facts["Regrade requests"] = f"{len(asked)}, {sum(not request.reply for request in asked)} open"
    if solved := sum(bool(graded.mark.solutions) for student in book.students for graded in student.submissions):
        facts["Made from the solutions"] = solved
    shares = losses(book)
    most = max((sum(kinds.values()) for kinds in shares.values()), default=0)
    top = next(step for step in (0.1, 0.25, 0.5, 1.0) if most <= step or step == 1.0)  # the right end of the scale
    rows = []
    for (lesson, exercise), kinds in shares.items():
        lost, total = {kind: share for kind, share in kinds.items() if share > 0}, sum(kinds.values())
        words = f"{plain(exercise, 60)}: {_share(total)} of the points lost"
        words += ": " + ", ".join(f"{_share(share)} {kind}" for kind, share in lost.items()) if lost else ""
        parts = [(KINDS[kind][0], share / top) for kind, share in lost.items()]
        rows.append({"lesson": lesson, "exercise": exercise, "kinds": kinds, "total": total, "words": words, "parts": parts})
    return _render(
        "overview.html.j2",
        book=book,
        similar=similar,
        course=chosen_course().title if chosen_course().folder else "",
        facts=facts,
        kinds=KINDS,
        used=[kind for kind in KINDS if any(lost[kind] for lost in shares.values())],
        top=top,
        losses=rows,
        glance=glance,
        lessons=by_lesson(book),
        releases=by_attempt(book),
        hidden=book.record.names == HIDDEN,
        outcomes=list(OUTCOMES),
        reasons=reasons(book),
        most_reasons=15,
        looks=looks(book),
        most_looks=200,
        bins=list(zip([*(f"{low} to {low + 9}%" for low in range(0, 90, 10)), "90 to 100%"], bins(book), strict=True)),
    )


def similarity_page(found: Similarity, files: Mapping[str, str]) -> str:
    """Who wrote similar answers, how rare these are, and what that does not mean.

    Args:
        files: student -> file name of the feedback page, without its ending.
    """
    groups = [group for group in found.groups if len(group) > 2][:50]
    limits = {"most_pairs": 300, "most_forms": 40, "most_rows": MOST_ROWS}
    return _render("similarity.html.j2", found=found, files=files, groups=groups, near=NEAR, **limits)


def losses(book: Gradebook) -> dict[tuple[str, str], dict[str, float]]:
    """(lesson, exercise) -> kind of fault -> share of the points lost, of those that the students who handed it in could earn."""
    lost: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    available: Counter[tuple[str, str]] = Counter()
    for graded in _counted(book):
        lesson = graded.mark.lesson
        grades = {exercise.mark.exercise: exercise for exercise in graded.exercises}
        for name, points in book.lessons[lesson].items():
            exercise = grades.get(name)
            if exercise is None or exercise.graded:
                available[lesson, name] += points
                kind = KIND_OF.get(exercise.mark.stage, "no answer") if exercise else "no answer"
                lost[lesson, name][kind] += exercise.mark.points - exercise.earned if exercise else points
    return {
        (lesson, exercise): {kind: lost[lesson, exercise][kind] / available[lesson, exercise] for kind in KINDS}
        for lesson, exercises in book.lessons.items()
        for exercise in exercises
        if available[lesson, exercise]
    }


def reasons(book: Gradebook) -> list[tuple[int, str, str]]:
    """(number of students, exercise, reason in one student's words), most common first. Reasons that differ only in numbers are one."""
    similar: dict[tuple[str, str], list[str]] = defaultdict(list)
    for graded in _counted(book):
        for exercise in graded.exercises:
            mark = exercise.mark
            if mark.stage != RIGHT and exercise.graded and exercise.earned < mark.points:
                reason = mark.reason or STAGES.get(mark.stage, mark.stage)
                similar[mark.exercise, re.sub(r"[-+]?[\d.]+(e[-+]?\d+)?", "0", reason)].append(reason)
    counted = [(len(words), exercise, Counter(words).most_common(1)[0][0]) for (exercise, _), words in similar.items()]
    return sorted(counted, key=lambda row: (-row[0], row[1:]))


def looks(book: Gradebook) -> list[tuple[Student, SubmissionGrade, str, str]]:
    """Submissions that a teacher should look at: (student, submission, exercise or '', why). First, what is not graded, then what
    students ask for."""
    found, ungraded, asked, solved = [], [], [], []
    for student in book.students:
        for graded in student.submissions:
            asked += [
                (student, graded, exercise, f"Regrade request without a reply. {request.text}")
                for exercise, request in _requests(graded)
                if not request.reply
            ]
            if graded.mark.solutions:
                why = f"Made from the edition with the solutions: {graded.mark.solutions}. The marks are as they are."
                solved.append((student, graded, "", why))
            if graded.mark.fault:
                ungraded += [] if graded.graded else [(student, graded, "", f"Not graded, look at it. {graded.mark.fault}")]
                continue
            if not graded.exercises:
                found.append((student, graded, "", " / ".join(graded.mark.notes) or STAGES["file"]))
            seen = set()
            for exercise in graded.exercises:
                mark = exercise.mark
                if not (mark.graded or exercise.graded or graded.graded):  # the last two: by hand
                    ungraded.append((student, graded, mark.exercise, f"Not graded, look at it. {mark.reason}"))
                elif mark.stage in LOOK_AT and mark.reason not in seen:
                    seen.add(mark.reason)
                    found.append((student, graded, mark.exercise, f"{STAGES[mark.stage].capitalize()}. {mark.reason}".strip()))
    return ungraded + asked + solved + found


def _requests(graded: SubmissionGrade) -> Iterator[tuple[str, Request]]:
    """(exercise, or '' for the lesson, request) of a submission that counts; of another one, the same lines were read again."""
    if graded.counts or graded.mark.lesson == "":
        yield from (("", request) for request in graded.requests)
        yield from ((exercise.mark.exercise, request) for exercise in graded.exercises for request in exercise.requests)


def bins(book: Gradebook) -> list[int]:
    """How many students have 0 to 9 percent, 10 to 19, ..., 90 to 100 of what was graded."""
    counts = Counter(min(max(int(percent // 10), 0), 9) for percent in _percents(book))
    return [counts[decile] for decile in range(10)]


def _percents(book: Gradebook) -> list[float]:
    return [student.percent for student in book.students if student.percent is not None]


def _counted(book: Gradebook) -> Iterator[SubmissionGrade]:
    return (graded for student in book.students for graded in student.counted.values())


# how templates print


def _printed(value: object) -> object:
    """Every value that a template prints: numbers with two digits at most, text on one line without control characters."""
    if hasattr(value, "__html__"):  # markup made by a template
        return value
    return number(value) if isinstance(value, int | float) else plain(value, 10_000)


def _share(share: float) -> str:
    percent = 100 * share
    return "0" if percent == 0 else "under 1%" if percent < 1 else f"{percent:.0f}%"


def _lines(graded: ExerciseGrade) -> Iterator[tuple[object, str]]:
    """The lines of a mark and what was found; a reason that the page has shown already is not repeated."""
    shown = {graded.mark.reason}
    for line in graded.mark.lines:
        words = line.wrong or ("right" if line.earned >= line.points else "no reason given")
        yield line, "see above" if words in shown else words
        if line.wrong:
            shown.add(words)


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    finalize=_printed,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "code": with_code,
    "lesson_title": lesson_title,
    "lines": _lines,
    "moment": lambda when: f"{when:%d %B %Y at %H:%M}" + (f" ({when.tzname()})" if when.tzinfo else ""),
    "number": number,
    "plural": plural,
    "seconds": lambda seconds: f"{seconds:.2g} seconds" if 0 < seconds < 10 else f"{seconds:.0f} seconds",
    "share": _share,
    "short": plain,
}


def _render(name: str, **values: object) -> str:
    return TEMPLATES.get_template(name).render(values)
