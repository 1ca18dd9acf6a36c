"""Which lessons count: those that the instructor names, or else all but those that hardly anyone submitted."""

import re
from collections import Counter
from collections.abc import Collection, Iterable

from stylelab.errors import InputError, unknown
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.notebooks.lessons import lesson_names
from stylelab.tools.classroom.reports.text import plain, plural

UNTOUCHED = ("open", "missing")  # stages of an exercise that was not attempted
WEIGHT = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
ONE_IN, HANDFUL = 10, 5  # left out: at most one in ten, and fewer than five
ALONE_AMONG = 4  # or a single student, if at least four submitted another lesson
FEW = 3  # at most a third: counted, with a warning


def parse_lessons(text: str | None) -> tuple[str, ...] | None:
    """Read a choice such as '03', '3, 04' or '03_style_reconstruction'; None, for no choice, stays None.

    Returns:
        Names such as '03_style_reconstruction', sorted.

    Raises:
        InputError: no such lesson.
    """
    if text is None:
        return None
    chosen = set()
    for word in text.replace(",", " ").split() or [text]:
        number, _, title = re.sub("_(torch|tensorflow)$", "", word).partition("_")
        found = [name for name in lesson_names() if number and name.startswith(f"{number.zfill(2)}_{title}")]
        if len(found) != 1:
            raise unknown("lesson", plain(word, 80), lesson_names())
        chosen.add(found[0])
    return tuple(sorted(chosen))


def parse_weights(text: str | None) -> dict[str, float]:
    """Read weights such as '03=2, 04=1'; empty for none.

    Raises:
        InputError: no such lesson, or not a weight.
    """
    weights = {}
    for part in (text or "").replace(",", " ").split():
        name, _, weight = part.partition("=")
        if not WEIGHT.fullmatch(weight):
            raise InputError(f"'{plain(part, 80)}' is not a weight: write 03=2, with a number that is not negative")
        for lesson in parse_lessons(name) or ():
            if lesson in weights:
                raise InputError(f"lesson {plain(name, 80)} has two weights: write one, such as 03=2")
            weights[lesson] = float(weight)
    if weights and not any(weights.values()):
        raise InputError("all weights are 0: nothing would count")
    return weights


def counted_lessons(marks: Iterable[Mark], chosen: Collection[str] | None, warnings: list[str]) -> set[str]:
    """The lessons that count. A warning says which others were submitted, and how to count them.

    Without a choice, one stray notebook must not change everybody's percentage: a lesson counts if enough students attempted
    it, compared with the lesson that most attempted. An untouched notebook does not count as an attempt, unless all are untouched.

    Args:
        marks: one per submission.
        chosen: the names of the lessons that count.
    """
    marks = [mark for mark in marks if mark.lesson or mark.exercises]
    students = _students(marks)
    if chosen is not None:
        if others := [mark for mark in marks if mark.lesson not in chosen]:
            names = sorted({plain(mark.student, 60) for mark in others})
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            numbers = _numbers(mark.lesson for mark in others)
            warnings.append(
                f"not counted: {plural(len(others), 'notebook')} of other lessons ({numbers}), from {', '.join(names[:5])}{more}"
            )
        warnings += [f"no one submitted lesson {_numbers([name])}: it does not count" for name in chosen if name not in students]
        return {lesson for lesson in students if lesson in chosen}
    attempted = _students(mark for mark in marks if _attempted(mark)) or students
    most = max(attempted.values(), default=0)
    counted = {lesson for lesson, number in attempted.items() if not _stray(number, most)}
    for lesson in sorted(students):
        number = attempted[lesson]
        of = f"{number} of {max(most, students[lesson])} students"
        if lesson not in counted:
            did = f"{of} submitted it" if number == students[lesson] else f"{of} attempted it, {students[lesson]} submitted it"
            count = f"; to count it: --lessons {_numbers([*counted, lesson])}" if lesson else ""
            warnings.append(f"lesson {_numbers([lesson])} is left out of all points and percentages: {did}{count}")
        elif number * FEW <= most:
            leave = _numbers(name for name in counted - {lesson} if name)
            warnings.append(f"lesson {_numbers([lesson])} counts, although only {of} attempted it; without it: --lessons {leave}")
    return counted


def _students(marks: Iterable[Mark]) -> Counter[str]:
    """Lesson -> how many students have one of the marks."""
    return Counter(lesson for lesson, _ in {(mark.lesson, mark.student) for mark in marks})


def _attempted(mark: Mark) -> bool:
    return bool(mark.fault) or any(exercise.stage not in UNTOUCHED for exercise in mark.exercises)


def _stray(number: int, most: int) -> bool:
    """Whether so few students submitted a lesson that it must be a mistake."""
    return number < HANDFUL and number * ONE_IN <= most or number == 1 and most >= ALONE_AMONG


def _numbers(lessons: Iterable[str]) -> str:
    return ",".join(sorted({plain(lesson.partition("_")[0], 20) or "unknown" for lesson in lessons}))
