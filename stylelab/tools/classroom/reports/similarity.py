"""Which students' answers are equal up to names and layout, or nearly so. Everything is compared here; nothing is sent anywhere."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from stylelab.base.course import EDITIONS
from stylelab.exercises import course_points
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.marking.model_answers import library_source, model_answer
from stylelab.tools.classroom.reports.text import plural
from stylelab.tools.classroom.sandbox.inside.form import canonical

MAX_LENGTH = 20_000  # characters of a form that are compared
RUN = 5  # words in a run, within one line; two answers are compared by the runs that they share
COMMON, COMMON_FROM = 0.1, 5  # a run that this share of the class wrote says nothing; in a small class, one that five wrote
NEAR, NEAR_FROM = 0.75, 25  # Jaccard index and number of words from which two answers are nearly the same
MOST_STUDENTS = 60  # who share a form; when more share it, they all wrote the obvious answer, and no pairs are listed
MOST_COMPARED = 4_000  # pairs of nearly equal forms per exercise, the most similar ones
BLOCK = 512  # rows of the matrix of shared runs that are in memory at a time
LISTED_FROM, SMALL, LESSON = 0.5, 8, 3  # least weight of a listed pair, in a class of 8 with 3 exercises: more match by chance
LARGE = 64  # students; in a larger class, what matches by chance is common
TYPICAL = 60  # words; the weight of a match with far fewer rare words is small
MOST_ROWS = 20_000  # of similarity.csv
WORD, NUMBERED = re.compile(r"\w+|[^\w\s]"), re.compile(r"\bv\d+\b")
Names = tuple[str, str]
Run = tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """One way to write an answer, and the students who wrote it, out of `of` who answered.

    Attributes:
        says: run of words -> its `rarity`.
    """

    exercise: str
    text: str
    words: int
    says: Mapping[Run, float]
    students: tuple[str, ...]
    of: int

    @property
    def rare(self) -> float:
        """How many of its words are rare in this class."""
        return self.words * sum(self.says.values()) / max(len(self.says), 1)

    @property
    def weight(self) -> float:
        return weight(self.rare, len(self.students), self.of)


@dataclass(frozen=True)
class Match:
    """One exercise in which two students wrote the same or nearly the same.

    Attributes:
        alike: 1 for the same form, else the share of word runs that the two have in common.
        shared: how many students wrote one of the two forms, out of `of` who answered.
        words: of the shorter answer.
        rare: how many of the words that the two have in common are rare in this class.
    """

    exercise: str
    alike: float
    shared: int
    of: int
    words: int
    rare: float

    @property
    def weight(self) -> float:
        return self.alike * weight(self.rare, self.shared, self.of)

    @property
    def description(self) -> str:
        how = "same" if self.alike == 1 else f"{100 * self.alike:.0f} % the same"
        return f"{self.exercise} ({how}, {self.words} words, {self.rare:.0f} of them rare, written by {self.shared} of {self.of})"


@dataclass(frozen=True)
class Pair:
    """Two students and the exercises in which their answers match, the largest weight first."""

    first: str
    second: str
    matches: tuple[Match, ...]

    @property
    def weight(self) -> float:
        return sum(match.weight for match in self.matches)

    @property
    def same(self) -> int:
        """How many answers are the same."""
        return sum(match.alike == 1 for match in self.matches)

    @property
    def near(self) -> int:
        """How many answers are nearly the same."""
        return len(self.matches) - self.same


@dataclass(frozen=True)
class Similarity:
    """The whole report.

    Attributes:
        pairs: the largest weight first.
        groups: students who are linked by pairs, the largest group first.
        forms: forms that several students wrote, the largest weight first.
        answered: exercise -> how many students answered it.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    forms: tuple[Form, ...]
    answered: Mapping[str, int]

    def sentence(self) -> str:
        """The result in one sentence."""
        if not self.pairs:
            return "No two students share an answer that is long and rare enough to be worth a look."
        return f"{plural(len(self.pairs), 'pair')} of students share answers that are long and rare enough to be worth a look."


def weight(rare: float, shared: int, of: int) -> float:
    """How surprising it is, in bits, that two of `of` students wrote what `shared` of them wrote; less for few rare words."""
    return (1 - math.exp(-rare / TYPICAL)) * (1 + math.log2(max(of, 1) / max(shared, 1)))


def compare(marks: Iterable[Mark]) -> Similarity:
    """Find answers that are equal up to names and layout, or nearly so, exercise by exercise.

    Args:
        marks: the `form` of each exercise is compared; one that was not attempted has none. Two submissions of one student
            are never compared.
    """
    forms = _forms(marks)
    matches: dict[Names, dict[str, Match]] = defaultdict(dict)
    for of_exercise in forms.values():
        equal: list[tuple[Names, Match]] = []
        for form in of_exercise:
            if len(form.students) <= MOST_STUDENTS:
                match = Match(form.exercise, 1.0, len(form.students), form.of, form.words, form.rare)
                equal += [(names, match) for names in combinations(form.students, 2)]
        for names, match in (*equal, *_near(of_exercise)):
            before = matches[names].get(match.exercise)
            if before is None or match.weight > before.weight:
                matches[names][match.exercise] = match
    students = {student for of_exercise in forms.values() for form in of_exercise for student in form.students}
    grown = math.log2(max(min(len(students), LARGE) / SMALL, 1)) + 0.7 * math.log2(max(len(forms) / LESSON, 1))
    least = LISTED_FROM * (1 + grown)
    pairs = [
        Pair(*names, tuple(sorted(shared.values(), key=lambda match: (-match.weight, match.exercise))))
        for names, shared in matches.items()
    ]
    pairs = sorted((pair for pair in pairs if pair.weight >= least), key=lambda pair: (-pair.weight, pair.first, pair.second))
    common = [form for of_exercise in forms.values() for form in of_exercise if len(form.students) > 1]
    common.sort(key=lambda form: (-form.weight, form.exercise, form.text))
    answered = {name: of_exercise[0].of for name, of_exercise in forms.items()}
    return Similarity(tuple(pairs), _groups(pairs), tuple(common), answered)


def _forms(marks: Iterable[Mark]) -> dict[str, list[Form]]:
    """Exercise -> its forms. An answer that was not attempted has no form."""
    students: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for mark in marks:
        for exercise in mark.exercises:
            if text := exercise.form[:MAX_LENGTH].strip():
                students[exercise.exercise][text].add(mark.student)
    forms = {}
    for name, texts in sorted(students.items()):
        of, runs = len(set().union(*texts.values())), {text: runs_of(text) for text in texts}
        wrote: dict[Run, set[str]] = defaultdict(set)
        for text, names in texts.items():
            for run in runs[text]:
                wrote[run] |= names
        says = {run: rarity(len(names), of) for run, names in wrote.items()} | dict.fromkeys(_obvious(name), 0.0)
        forms[name] = [
            Form(name, text, len(words_of(text)), {run: says[run] for run in runs[text]}, tuple(sorted(names)), of)
            for text, names in sorted(texts.items())
        ]
    return forms


def _obvious(exercise: str) -> frozenset[Run]:
    """The runs of the library's own answers, which any student may find."""
    sources = []
    if exercise in course_points():
        for edition in EDITIONS:
            with suppress(LookupError):
                sources += [library_source(edition, exercise), model_answer(edition, exercise)]
    return frozenset(run for source in sources for run in runs_of(canonical(source)))


def rarity(shared: int, of: int) -> float:
    """How much it says that two of `of` students wrote what `shared` of them wrote: 1 if no one else did, 0 if it is common.

    >>> [round(rarity(shared, 13), 1) for shared in (2, 3, 4, 5, 13)]
    [1.0, 0.6, 0.2, 0.0, 0.0]
    """
    common = min(max(COMMON * of, COMMON_FROM), of)
    return 1.0 if shared <= 2 else max(0.0, 1 - math.log(shared / 2) / math.log(common / 2))


def words_of(form: str) -> list[str]:
    """Words and punctuation. Numbered names become one word, because one more line changes all later numbers."""
    return WORD.findall(NUMBERED.sub("v", form))


def runs_of(form: str) -> frozenset[Run]:
    """The runs of RUN words in each line, or shorter lines as a whole: the order of lines makes no difference."""
    lines = [words_of(line) for line in form.splitlines()]
    return frozenset(tuple(line[start : start + RUN]) for line in lines for start in range(max(len(line) - RUN, 0) + 1) if line)


def _near(forms: Iterable[Form]) -> Iterator[tuple[Names, Match]]:
    long = [form for form in forms if form.words >= NEAR_FROM and len(form.students) <= MOST_STUDENTS]
    for i, j, alike in nearly_equal([form.text for form in long]):
        one, other = long[i], long[j]
        together = len({*one.students, *other.students})
        if together <= MOST_STUDENTS:
            words = min(one.words, other.words)
            rare = words * sum(one.says[run] for run in one.says.keys() & other.says) / max(len(one.says), len(other.says))
            # the same lines in another order are not the same form
            match = Match(one.exercise, min(alike, 0.99), together, one.of, words, rare)
            names = ((first, second) for first in one.students for second in other.students if first != second)
            yield from (((min(pair), max(pair)), match) for pair in names)


def nearly_equal(texts: Sequence[str]) -> list[tuple[int, int, float]]:
    """(i, j, Jaccard index of their word runs) for texts that are nearly the same, the MOST_COMPARED most similar ones.

    A sparse matrix X has a row per text and a column per run: X @ X.T counts the runs that each two texts share.
    """
    columns: dict[Run, int] = {}
    rows = [[columns.setdefault(run, len(columns)) for run in runs_of(text)] for text in texts]
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.array([column for row in rows for column in row], dtype=np.int64)
    x = sparse.csr_array((np.ones(len(indices), np.int32), indices, starts), shape=(len(texts), len(columns)))
    best = np.empty((0, 3))
    for start in range(0, len(texts), BLOCK):
        shared = sparse.triu(x[start : start + BLOCK] @ x.T, k=start + 1, format="coo")
        i, j = shared.row + start, shared.col
        alike = shared.data / (sizes[i] + sizes[j] - shared.data)
        near = alike >= NEAR
        best = np.concatenate([best, np.stack([i[near], j[near], alike[near]], axis=1)])
        best = best[np.lexsort((best[:, 1], best[:, 0], -best[:, 2]))[:MOST_COMPARED]]
    return [(int(i), int(j), float(alike)) for i, j, alike in best]


def _groups(pairs: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    """Students who are linked directly or through others."""
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    index = {name: i for i, name in enumerate(names)}
    links = [index[pair.first] for pair in pairs], [index[pair.second] for pair in pairs]
    graph = sparse.coo_array((np.ones(len(pairs)), links), shape=(len(names), len(names)))
    groups = defaultdict(list)
    for name, label in zip(names, connected_components(graph, directed=False)[1] if names else (), strict=True):
        groups[label].append(name)
    return tuple(sorted(map(tuple, groups.values()), key=lambda group: (-len(group), group)))
