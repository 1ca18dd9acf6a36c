"""The marks as they stand in the end: what was set by hand, what being late costs, and which submission counts."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stylelab.tools.classroom.marking.model import ExerciseMark, Mark
from stylelab.tools.classroom.marking.record import Record
from stylelab.tools.classroom.reports.late import Late, lateness
from stylelab.tools.classroom.reports.manual import Entry
from stylelab.tools.classroom.reports.text import file_names, number, plain, same


@dataclass(frozen=True)
class Item:
    """One exercise's mark after what was set by hand; `by_hand` says what that was, `comments` are the instructor's."""

    mark: ExerciseMark
    earned: float
    by_hand: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handed:
    """One submission's mark in the end.

    Attributes:
        items: its exercises.
        earned: before anything is taken off for being late.
        points: what there was to earn in its lesson.
        days, factor: how many days late, and what `earned` is multiplied with.
        by_hand, comments: for the whole submission.
        counts: whether it is the one of its lesson that counts: the one with the most points in the end.
    """

    mark: Mark
    items: tuple[Item, ...]
    earned: float
    points: int
    days: int = 0
    factor: float = 1.0
    by_hand: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    counts: bool = False

    @property
    def final(self) -> float:
        return round(self.earned * self.factor, 2)


@dataclass(frozen=True)
class Student:
    """A student's submissions, in the lessons' order; `file` is fit for a file name."""

    name: str
    file: str
    handed: tuple[Handed, ...]

    @property
    def counted(self) -> dict[str, Handed]:
        """Lesson -> the submission that counts."""
        return {each.mark.lesson: each for each in self.handed if each.counts}

    @property
    def earned(self) -> float:
        return sum(each.earned for each in self.handed if each.counts)

    @property
    def final(self) -> float:
        return round(sum(each.final for each in self.handed if each.counts), 2)

    @property
    def days(self) -> int:
        return sum(each.days for each in self.handed if each.counts)


@dataclass(frozen=True)
class Book:
    """All that the reports say.

    Attributes:
        students: by name.
        lessons: lesson -> exercise -> points that there are; what nobody handed in is no part of it.
        warnings: what the instructor should know, one line each.
    """

    students: tuple[Student, ...]
    lessons: Mapping[str, Mapping[str, int]]
    record: Record
    late: Late
    warnings: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """What there was to earn in all lessons."""
        return sum(sum(exercises.values()) for exercises in self.lessons.values())

    def points_of(self, lesson: str) -> int:
        return sum(self.lessons.get(lesson, {}).values())


def lesson_title(lesson: str) -> str:
    """'Lesson 3: Style reconstruction' of '03_style_reconstruction'."""
    digits, _, words = lesson.partition("_")
    if not digits.isdecimal() or not words:
        return plain(lesson) if lesson else "Unknown lesson"
    return f"Lesson {int(digits)}: {words.replace('_', ' ').capitalize()}"


def make_book(marks: Sequence[Mark], record: Record, entries: Sequence[Entry] = (), late: Late | None = None) -> Book:
    """Put everything together. No mark is changed: the same marks and entries always give the same book.

    Args:
        marks: one for each submission, in any order.
        entries: the lines of manual.csv.
        late: the policy; None takes nothing off.
    """
    late, lessons = late or Late(), _lessons(marks, record)
    by_student = defaultdict(list)
    for mark in marks:
        by_student[mark.student].append(mark)
    files, warnings = file_names(sorted(by_student)), []
    applied = _by_student(entries, by_student, warnings)
    students = [
        _student(name, files[name], by_student[name], applied.get(name, ()), lessons, late, warnings)
        for name in sorted(by_student, key=lambda name: (name.casefold(), name))
    ]
    unknown = [mark for mark in marks if mark.when is None and late.due_for(mark.lesson)]
    if unknown:
        warnings.append(
            f"{len(unknown)} submissions have no time of handing in and count as on time: "
            f"{_some(mark.student for mark in unknown)}"
        )
    return Book(tuple(students), lessons, record, late, tuple(warnings))


def _lessons(marks: Iterable[Mark], record: Record) -> dict[str, dict[str, int]]:
    """Lesson -> exercise -> points, from the marks: a submission in which a cell is missing hides nothing in the others."""
    lessons: dict[str, dict[str, int]] = {}
    for mark in marks:
        if mark.lesson or mark.exercises:
            exercises = lessons.setdefault(mark.lesson, {})
            for each in mark.exercises:
                exercises[each.exercise] = max(exercises.get(each.exercise, 0), each.points)
    order = {exercise: place for place, exercise in enumerate(record.exercises)}
    return {
        lesson: dict(sorted(lessons[lesson].items(), key=lambda item: order.get(item[0], len(order))))
        for lesson in sorted(lessons, key=lambda lesson: (not lesson, lesson))
    }


def _by_student(entries: Iterable[Entry], students: Iterable[str], warnings: list[str]) -> dict[str, list[Entry]]:
    """Whose each line is: by the exact name, or by the only one that differs in case and spaces alone."""
    alike = defaultdict(list)
    for name in students:
        alike[same(name)].append(name)
    found = defaultdict(list)
    for entry in entries:
        names = [entry.student] if entry.student in students else alike.get(same(entry.student), [])
        if len(names) == 1:
            found[names[0]].append(entry)
        else:
            why = "there are several of that name" if names else f"no such student{_near(same(entry.student), alike)}"
            warnings.append(f"manual.csv, line {entry.line}: '{plain(entry.student, 80)}': {why}; the line is left out")
    return found


def _near(word: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f", did you mean '{plain(near[0], 80)}'?" if near else ""


def _student(name, file, marks, entries, lessons, late, warnings) -> Student:
    _check_targets(marks, entries, lessons, warnings)
    handed = [
        _handed(mark, [entry for entry in entries if _meant(entry, mark)], lessons, late, warnings)
        for mark in sorted(marks, key=lambda mark: (not mark.lesson, mark.lesson, mark.framework, mark.name))
    ]
    best: dict[str, Handed] = {}
    for each in handed:
        if each.mark.lesson in lessons and (each.mark.lesson not in best or each.final > best[each.mark.lesson].final):
            best[each.mark.lesson] = each
    counted = {id(each) for each in best.values()}
    return Student(name, file, tuple(replace(each, counts=id(each) in counted) for each in handed))


def _check_targets(marks: Sequence[Mark], entries: Iterable[Entry], lessons: Mapping, warnings: list[str]) -> None:
    for entry in entries:
        if any(_meant(entry, mark) for mark in marks):
            continue
        known = {name for lesson, exercises in lessons.items() for name in (lesson, *exercises)}
        numbers = {lesson.partition("_")[0].lstrip("0") for lesson in lessons}
        if entry.target in known or entry.target.lstrip("0") in numbers:
            why = f"'{plain(entry.student, 80)}' handed in nothing for '{plain(entry.target, 80)}'"
        else:
            why = f"no such exercise or lesson: '{plain(entry.target, 80)}'{_near(entry.target, known)}"
        warnings.append(f"manual.csv, line {entry.line}: {why}; the line is left out")


def _meant(entry: Entry, mark: Mark) -> bool:
    return _is_lesson(entry, mark) or any(entry.target == each.exercise for each in mark.exercises)


def _is_lesson(entry: Entry, mark: Mark) -> bool:
    digits = mark.lesson.partition("_")[0]
    number_meant = entry.target.isdecimal() and digits.isdecimal() and int(entry.target) == int(digits)
    return entry.target.lower() == "lesson" or number_meant or entry.target == mark.lesson != ""


def _handed(mark: Mark, entries: Sequence[Entry], lessons: Mapping, late: Late, warnings: list[str]) -> Handed:
    items = tuple(_item(each, [entry for entry in entries if entry.target == each.exercise], warnings) for each in mark.exercises)
    whole = [entry for entry in entries if _is_lesson(entry, mark)]
    points = sum(lessons.get(mark.lesson, {}).values())
    earned, by_hand = _changed(sum(item.earned for item in items), points, whole, warnings)
    days, factor = lateness(mark.when, late, mark.lesson)
    comments = tuple(entry.comment for entry in whole if entry.comment)
    return Handed(mark, items, earned, points, days, factor, by_hand, comments)


def _item(mark: ExerciseMark, entries: Sequence[Entry], warnings: list[str]) -> Item:
    earned, by_hand = _changed(float(mark.earned), mark.points, entries, warnings)
    return Item(mark, earned, by_hand, tuple(entry.comment for entry in entries if entry.comment))


def _changed(earned: float, most: float, entries: Iterable[Entry], warnings: list[str]) -> tuple[float, tuple[str, ...]]:
    """The points after each line in turn, and what happened to them in words."""
    said = []
    for entry in entries:
        if entry.sets is None and not entry.adds:
            continue
        before, earned = earned, entry.change(earned, most)
        said.append(f"set by hand from {number(before)} to {number(earned)}")
        if abs(earned - (before + entry.adds if entry.sets is None else entry.sets)) > 1e-9:
            warnings.append(
                f"manual.csv, line {entry.line}: '{plain(entry.student, 80)}', '{plain(entry.target, 80)}': "
                f"kept to {number(earned)}, for there are {number(most)} points"
            )
    return earned, tuple(said)


def _some(names: Iterable[str], most: int = 5) -> str:
    names = sorted({plain(name, 60) for name in names})
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
