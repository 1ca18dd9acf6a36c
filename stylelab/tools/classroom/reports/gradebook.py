"""The final marks: with changes by hand and late days, and with the one submission per lesson that counts."""

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stylelab.base.course import Help, chosen_course
from stylelab.tools.classroom.marking.model import ExerciseMark, Mark
from stylelab.tools.classroom.marking.record import Record
from stylelab.tools.classroom.reports.late import Late, lateness
from stylelab.tools.classroom.reports.lessons import counted_lessons
from stylelab.tools.classroom.reports.manual import Entry
from stylelab.tools.classroom.reports.text import file_names, name_key, number, plain

ATTEMPTS = ("best", "last", "average")


@dataclass(frozen=True)
class Term:
    """How several lessons, and several submissions of one, make a total.

    Attributes:
        attempts: which submission of a lesson counts: one of ATTEMPTS. The average is that of all submissions, each with its late days.
        weights: lesson -> its weight in the percentage; empty if each counts by its points, and then a lesson without one counts 0.
    """

    attempts: str = "best"
    weights: Mapping[str, float] = field(default_factory=dict)

    def sentence(self) -> str:
        """For a report."""
        which = {"best": "the one with the most points", "last": "the last one", "average": "the average of those graded"}[
            self.attempts
        ]
        weights = ", ".join(f"{lesson.partition('_')[0]}: {weight:g}" for lesson, weight in self.weights.items())
        return f"Of several submissions of a lesson {which} counts." + (f" Weights of the lessons: {weights}." if weights else "")


Lessons = Mapping[str, Mapping[str, int]]  # lesson -> exercise -> points


@dataclass(frozen=True)
class Request:
    """A student's request to look at a mark again, and the instructor's reply; an empty one is still to come."""

    text: str
    reply: str = ""


@dataclass(frozen=True)
class ExerciseGrade:
    """The grader's mark for one exercise, the points after changes by hand, these changes in words, and the comments.

    Attributes:
        help_costs: points taken off for hints and for the solution.
        requests: to look at it again.
    """

    mark: ExerciseMark
    earned: float
    by_hand: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    help_costs: float = 0
    requests: tuple[Request, ...] = ()

    @property
    def graded(self) -> bool:
        """Whether the grader or the instructor has graded it."""
        return self.mark.graded or bool(self.by_hand)


@dataclass(frozen=True)
class SubmissionGrade:
    """The final mark for one submission.

    Attributes:
        earned: points before late days.
        points: the maximum for its lesson.
        days: how many days late.
        factor: share of `earned` that is left after late days, 0..1.
        by_hand, comments: changes and comments for the whole submission.
        ungraded: how many of these points are not graded, for a reason that is not the student's.
        counts: whether this is the submission of its lesson that counts: with `attempts="best"` the one with the most points in
            the end, if everything not graded were right.
        requests: to look at the whole submission again.
        average: of several submissions of the lesson, if that is what counts: points before and after late days.
    """

    mark: Mark
    exercises: tuple[ExerciseGrade, ...]
    earned: float
    points: int
    days: int = 0
    factor: float = 1.0
    by_hand: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    ungraded: int = 0
    counts: bool = False
    requests: tuple[Request, ...] = ()
    average: tuple[float, float] | None = None

    @property
    def final(self) -> float:
        """What is left of its own points after late days."""
        return round(self.earned * self.factor, 2)

    @property
    def total(self) -> tuple[float, float]:
        """What counts for its lesson: points before and after late days."""
        return self.average or (self.earned, self.final)

    @property
    def graded(self) -> bool:
        """Whether nothing of it waits for the instructor."""
        return not self.ungraded and not (self.mark.fault and not self.exercises and not self.by_hand)

    @property
    def any_graded(self) -> bool:
        """Whether any of its points are graded."""
        return self.graded or self.ungraded < self.points

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts a student's submissions of one lesson: final points if everything not graded were right, then final points as they are."""
        return round((self.earned + self.ungraded) * self.factor, 2), self.final


@dataclass(frozen=True)
class Student:
    """A student's submissions, by lesson.

    Attributes:
        file: the name as part of a file name.
        points: the maximum in what was graded: in all lessons, without what is not graded.
        ungraded: how many points are not graded.
        weighted: the share in percent, if lessons have weights and anything was graded.
    """

    name: str
    file: str
    submissions: tuple[SubmissionGrade, ...]
    points: int = 0
    ungraded: int = 0
    weighted: float | None = None

    @property
    def counted(self) -> dict[str, SubmissionGrade]:
        """Lesson -> the submission that counts."""
        return {submission.mark.lesson: submission for submission in self.submissions if submission.counts}

    @property
    def earned(self) -> float:
        return sum(submission.total[0] for submission in self.counted.values())

    @property
    def final(self) -> float:
        return round(sum(submission.total[1] for submission in self.counted.values()), 2)

    @property
    def days(self) -> int:
        return sum(submission.days for submission in self.counted.values())

    @property
    def percent(self) -> float | None:
        """The share of what was graded, in percent; None if nothing was."""
        if self.weighted is not None:
            return self.weighted
        return 100 * self.final / self.points if self.points else None


@dataclass(frozen=True)
class Gradebook:
    """Everything that the reports show.

    Attributes:
        students: sorted by name.
        lessons: lesson -> exercise -> points, of the lessons that count.
        warnings: messages for the instructor, one line each.
    """

    students: tuple[Student, ...]
    lessons: Lessons
    record: Record
    late: Late
    warnings: tuple[str, ...] = ()
    term: Term = field(default_factory=Term)

    @property
    def points(self) -> int:
        """The maximum over all lessons."""
        return sum(map(self.points_of, self.lessons))

    def points_of(self, lesson: str) -> int:
        return sum(self.lessons.get(lesson, {}).values())


def lesson_title(lesson: str) -> str:
    """The title of a lesson, from its file name.

    >>> lesson_title("03_style_reconstruction")
    'Lesson 3: Style reconstruction'
    """
    digits, _, words = lesson.partition("_")
    if not digits.isdecimal() or not words:
        return plain(lesson) if lesson else "Unknown lesson"
    return f"Lesson {int(digits)}: {words.replace('_', ' ').capitalize()}"


def make_gradebook(
    marks: Sequence[Mark],
    record: Record,
    entries: Iterable[Entry] = (),
    late: Late | None = None,
    chosen: Collection[str] | None = None,
    term: Term | None = None,
) -> Gradebook:
    """Combine marks, changes by hand and late days. The same input in any order gives the same gradebook.

    Args:
        marks: one per submission.
        entries: the lines of manual.csv.
        late: the late policy; None deducts nothing.
        chosen: the lessons that count; None leaves out those that hardly anyone submitted.
        term: how submissions and lessons make a total.
    """
    term = term or Term()
    late, lessons = late or Late(), _lessons(marks, record)
    prices = chosen_course().help
    warnings: list[str] = []
    counted = counted_lessons(marks, chosen, warnings)
    by_student = defaultdict(list)
    for mark in marks:
        by_student[mark.student].append(mark)
    files = file_names(sorted(by_student))
    entries_of = _by_student(entries, by_student, warnings)
    students = [
        _student(
            Student(name, files[name], ()), by_student[name], entries_of[name], lessons, counted, late, term, prices, warnings
        )
        for name in sorted(by_student, key=lambda name: (name.casefold(), name))
    ]
    if undated := [mark for mark in marks if mark.when is None and mark.lesson in counted and late.due_for(mark.lesson)]:
        names = sorted({plain(mark.student, 60) for mark in undated})
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        warnings.append(f"{len(undated)} submissions have no date and count as on time: {', '.join(names[:5])}{more}")
    counting = {lesson: exercises for lesson, exercises in lessons.items() if lesson in counted}
    if idle := [lesson for lesson, weight in term.weights.items() if weight and lesson not in counted]:
        numbers = ", ".join(lesson.partition("_")[0] for lesson in idle)
        warnings.append(f"the weight of lesson {numbers} has no effect: no submission of it counts")
    if term.weights and (missing := [lesson for lesson in counting if lesson not in term.weights]):
        numbers = ", ".join(lesson.partition("_")[0] for lesson in missing)
        warnings.append(f"lesson {numbers} has no weight and adds nothing to the percentage: to change that, add it to --weights")
    alike = defaultdict(list)
    for name in by_student:
        alike[name_key(name)].append(plain(name, 60))
    warnings += [
        f"'{names[0]}' and '{names[1]}' are marked as two students: if they are one, rename the files of one of the releases"
        for names in alike.values()
        if len(names) > 1 and any(mark.attempt for mark in marks)  # within one release, no two names look alike
    ]
    return Gradebook(tuple(students), counting, record, late, tuple(warnings), term)


def _lessons(marks: Iterable[Mark], record: Record) -> dict[str, dict[str, int]]:
    """Lesson -> exercise -> points, over all submissions, because a single one may lack cells."""
    lessons: dict[str, dict[str, int]] = {}
    for mark in marks:
        if mark.lesson or mark.exercises:
            exercises = lessons.setdefault(mark.lesson, {})
            for exercise in mark.exercises:
                exercises[exercise.exercise] = max(exercises.get(exercise.exercise, 0), exercise.points)
    order = {exercise: index for index, exercise in enumerate(record.exercises)}
    return {
        lesson: dict(sorted(lessons[lesson].items(), key=lambda item: order.get(item[0], len(order))))
        for lesson in sorted(lessons, key=lambda lesson: (not lesson, lesson))
    }


def _by_student(entries: Iterable[Entry], students: Iterable[str], warnings: list[str]) -> dict[str, list[Entry]]:
    """Student -> lines of manual.csv, by the exact name, or by the only name that differs in nothing but case and spaces."""
    similar = defaultdict(list)
    for name in students:
        similar[name_key(name)].append(name)
    entries_of = defaultdict(list)
    for entry in entries:
        key = name_key(entry.student)
        names = [entry.student] if entry.student in students else similar.get(key, [])
        if len(names) == 1:
            entries_of[names[0]].append(entry)
        else:
            why = "several students have this name" if names else f"no such student{_did_you_mean(key, similar)}"
            warnings.append(f"manual.csv, line {entry.line}: '{plain(entry.student, 80)}': {why}; the line is ignored")
    return entries_of


def _did_you_mean(word: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f", did you mean '{plain(near[0], 80)}'?" if near else ""


def _student(
    student: Student,
    marks: list[Mark],
    entries: list[Entry],
    lessons: Lessons,
    counted: Collection[str],
    late: Late,
    term: Term,
    prices: Help,
    warnings: list[str],
) -> Student:
    """The student with final marks for all submissions. Of `lessons`, only those in `counted` count."""
    marked = {exercise.exercise for mark in marks for exercise in mark.exercises}
    for entry in entries:
        if entry.target not in marked and not any(_concerns_lesson(entry, mark) for mark in marks):
            known = {name for lesson, exercises in lessons.items() for name in (lesson, *exercises)}
            numbers = {lesson.partition("_")[0].lstrip("0") for lesson in lessons}
            target = plain(entry.target, 80)
            if entry.target in known or entry.target.lstrip("0") in numbers:
                why = f"'{plain(entry.student, 80)}' submitted nothing for '{target}'"
            else:
                why = f"no such exercise or lesson: '{target}'{_did_you_mean(entry.target, known)}"
            warnings.append(f"manual.csv, line {entry.line}: {why}; the line is ignored")
    marks = sorted(marks, key=lambda mark: (not mark.lesson, mark.lesson, mark.framework, mark.name))
    submissions = []
    for mark in marks:
        exercises = []
        for exercise in mark.exercises:
            own = [entry for entry in entries if entry.target == exercise.exercise]
            claims = exercise.claims
            costs = min(exercise.earned, claims.hints * prices.hint_costs + claims.solution * prices.solution_costs)
            earned, by_hand, comments = _changed(exercise.earned - costs, exercise.points, own, warnings)
            exercises.append(ExerciseGrade(exercise, earned, by_hand, comments, costs, _requests(own)))
        whole = [entry for entry in entries if _concerns_lesson(entry, mark)]
        points = sum(lessons.get(mark.lesson, {}).values())
        earned, by_hand, comments = _changed(sum(exercise.earned for exercise in exercises), points, whole, warnings)
        days, factor = lateness(mark.when, late, mark.lesson) if mark.lesson in counted else (0, 1.0)
        decided = any(entry.sets is not None for entry in whole)
        ungraded = sum(exercise.mark.points for exercise in exercises if not exercise.graded and not decided)
        graded = SubmissionGrade(mark, tuple(exercises), earned, points, days, factor, by_hand, comments, ungraded)
        submissions.append(replace(graded, requests=_requests(whole)))
    best: dict[str, int] = {}  # lesson -> index of the submission that counts
    for index, submission in enumerate(submissions):
        lesson = submission.mark.lesson
        if lesson in counted and (lesson not in best or _order(term, submission) > _order(term, submissions[best[lesson]])):
            best[lesson] = index
    for lesson, index in best.items():
        of_lesson = [each for each in submissions if each.mark.lesson == lesson and each.graded]
        average = _average(of_lesson) if term.attempts == "average" and len(of_lesson) > 1 else None
        submissions[index] = replace(submissions[index], counts=True, average=average)
    student = replace(student, submissions=tuple(submissions))
    available = {lesson: sum(lessons[lesson].values()) for lesson in counted}
    ungraded = sum(submission.ungraded for submission in student.counted.values())
    if any(not submission.graded and submission.mark.lesson not in lessons for submission in submissions):
        # one of unknown lesson: it may be any that the student has not submitted
        ungraded += sum(available[lesson] for lesson in available.keys() - student.counted.keys())
    shares = {
        lesson: student.counted[lesson].total[1] / max(1, available[lesson] - student.counted[lesson].ungraded)
        if lesson in student.counted
        else 0
        for lesson in available
        if term.weights.get(lesson) and (lesson not in student.counted or student.counted[lesson].any_graded)
    }
    weighted = None
    if shares:
        weighted = (
            100
            * sum(term.weights[lesson] * share for lesson, share in shares.items())
            / sum(map(term.weights.__getitem__, shares))
        )
    return replace(student, points=sum(available.values()) - ungraded, ungraded=ungraded, weighted=weighted)


def _order(term: Term, submission: SubmissionGrade) -> tuple:
    """Sorts a student's submissions of one lesson: the one that counts comes last."""
    if term.attempts == "best":
        return submission.rank
    when = submission.mark.when.timestamp() if submission.mark.when else 0.0
    return submission.mark.attempt, when, submission.mark.name


def _average(graded: Sequence[SubmissionGrade]) -> tuple[float, float]:
    """Points before and after late days, each submission with its own."""
    earned, final = (sum(points) / len(graded) for points in zip(*((each.earned, each.final) for each in graded), strict=True))
    return round(earned, 2), round(final, 2)


def _requests(entries: Iterable[Entry]) -> tuple[Request, ...]:
    return tuple(Request(entry.regrade, entry.reply) for entry in entries if entry.regrade or entry.reply)


def _concerns_lesson(entry: Entry, mark: Mark) -> bool:
    digits = mark.lesson.partition("_")[0]
    same_number = entry.target.isdecimal() and digits.isdecimal() and int(entry.target) == int(digits)
    return entry.target.lower() == "lesson" or same_number or entry.target == mark.lesson != ""


def _changed(
    earned: float, most: float, entries: list[Entry], warnings: list[str]
) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
    """The points after each line in turn, these changes in words, and the comments."""
    by_hand = []
    for entry in entries:
        if entry.sets is None and not entry.adds:
            continue
        before, earned = earned, entry.change(earned, most)
        by_hand.append(f"set by hand from {number(before)} to {number(earned)}")
        if abs(earned - (before + entry.adds if entry.sets is None else entry.sets)) > 1e-9:
            warnings.append(
                f"manual.csv, line {entry.line}: '{plain(entry.student, 80)}', '{plain(entry.target, 80)}': "
                f"limited to {number(earned)}; the maximum is {number(most)} points"
            )
    return earned, tuple(by_hand), tuple(entry.comment for entry in entries if entry.comment)
