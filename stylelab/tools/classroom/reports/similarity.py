"""Whose answers are the same up to names and layout. Everything happens here: nothing is sent anywhere.

Equal forms meet in a table of forms; nearly equal ones by MinHash (Broder 1997, "On the resemblance and containment of
documents"), so that a thousand answers are never compared each with each.
"""

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice

import numpy as np

from stylelab.tools.classroom.marking.model import Mark

LONGEST = 20_000  # characters of a form that are looked at
WORDS = 5  # in a shingle: a run of so many words of a form
NEAR, NEAR_FROM = 0.75, 40  # Jaccard index from which two answers of at least so many words are nearly the same
BANDS, ROWS = 20, 4  # of MinHash: two answers with an index of 0.75 are missed once in a thousand
MOST_ALIKE = 60  # students with one form: among more, every pair would be listed for what everybody writes
MOST_LIKELY, MOST_COMPARED = 50_000, 4_000  # pairs of forms, for each exercise, by signature and then word by word
ROUGHLY = 0.6  # what a signature must say of two forms before they are compared word by word
WORD, NUMBERED = re.compile(r"\w+|[^\w\s]"), re.compile(r"\bv\d+\b")
LISTED_FROM, SMALL = 0.3, 8  # weight of a pair in a class of so many; in a larger one chance makes more pairs, and it takes more
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits all over: the order of the words in a run counts
TYPICAL = 60  # words of an answer that is no longer short


@dataclass(frozen=True)
class Form:
    """One way to write an answer, and who wrote it."""

    exercise: str
    text: str
    words: int
    students: tuple[str, ...]
    of: int

    @property
    def weight(self) -> float:
        """How much it says that two wrote this: little for a short answer and for what many write."""
        return weight(self.words, len(self.students), self.of)


@dataclass(frozen=True)
class Match:
    """One exercise in which two students wrote the same or nearly the same.

    Attributes:
        alike: 1 for the same form, else the share of word runs that both have.
        shared: how many students wrote one of the two forms, of `of` who answered.
        words: of the shorter answer.
    """

    exercise: str
    alike: float
    shared: int
    of: int
    words: int

    @property
    def weight(self) -> float:
        return self.alike * weight(self.words, self.shared, self.of)


@dataclass(frozen=True)
class Pair:
    """Two students, and what they share, the most telling first."""

    first: str
    second: str
    matches: tuple[Match, ...]

    @property
    def weight(self) -> float:
        return sum(match.weight for match in self.matches)


@dataclass(frozen=True)
class Similarity:
    """The whole report.

    Attributes:
        pairs: the most telling first.
        groups: students who are linked by pairs, the largest group first.
        forms: forms that several students wrote, the most telling first.
        answered: exercise -> how many students answered it.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    forms: tuple[Form, ...]
    answered: Mapping[str, int]

    def sentence(self) -> str:
        """What was found, in a line."""
        if not self.pairs:
            return "No two students share an answer that is long or rare enough to be worth a look."
        pairs = "1 pair" if len(self.pairs) == 1 else f"{len(self.pairs)} pairs"
        return f"{pairs} of students share answers that are long or rare enough to be worth a look."


def weight(words: int, shared: int, of: int) -> float:
    """Bits of surprise that two of `of` students share what `shared` of them wrote, less for a short answer."""
    return (1 - math.exp(-words / TYPICAL)) * (1 + math.log2(max(of, 1) / max(shared, 1)))


def compare(marks: Iterable[Mark]) -> Similarity:
    """Look for answers that are the same up to names and layout, each exercise by itself.

    Args:
        marks: their exercises' `form` is what is compared; open answers have none. A student's own are never compared.
    """
    forms = _forms(marks)
    found: dict[tuple[str, str], dict[str, Match]] = defaultdict(dict)
    for exercise in forms.values():
        for pair, match in (*_equal(exercise), *_near(exercise)):
            before = found[pair].get(match.exercise)
            if before is None or match.weight > before.weight:
                found[pair][match.exercise] = match
    least = LISTED_FROM * (1 + math.log2(max(len(_students(forms)) / SMALL, 1)))
    pairs = [Pair(*names, tuple(sorted(each.values(), key=_telling))) for names, each in found.items()]
    listed = sorted((pair for pair in pairs if pair.weight >= least), key=_telling_pair)
    shared = sorted((form for each in forms.values() for form in each if len(form.students) > 1), key=_telling)
    answered = {name: exercise[0].of for name, exercise in forms.items()}
    return Similarity(tuple(listed), _groups(listed), tuple(shared), answered)


def _students(forms: Mapping[str, Iterable[Form]]) -> set[str]:
    return {student for exercise in forms.values() for form in exercise for student in form.students}


def _telling(each: "Form | Match"):
    return -each.weight, each.exercise, getattr(each, "text", "")


def _telling_pair(pair: Pair):
    return -pair.weight, pair.first, pair.second


def _forms(marks: Iterable[Mark]) -> dict[str, list[Form]]:
    """Exercise -> its forms. An answer without words, such as one that is still open, has none."""
    students: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for mark in marks:
        for each in mark.exercises:
            if text := each.form[:LONGEST].strip():
                students[each.exercise][text].add(mark.student)
    made = {}
    for exercise, forms in sorted(students.items()):
        of = len(set().union(*forms.values()))
        made[exercise] = [
            Form(exercise, text, len(words_of(text)), tuple(sorted(who)), of) for text, who in sorted(forms.items())
        ]
    return made


def words_of(form: str) -> list[str]:
    """The words and signs of a form; its numbered names are all one, for one line more gives all of them other numbers."""
    return WORD.findall(NUMBERED.sub("v", form))


def _equal(forms: Iterable[Form]) -> Iterator[tuple[tuple[str, str], Match]]:
    for form in forms:
        if len(form.students) <= MOST_ALIKE:
            match = Match(form.exercise, 1.0, len(form.students), form.of, form.words)
            yield from ((pair, match) for pair in combinations(form.students, 2))


def _near(forms: Sequence[Form]) -> Iterator[tuple[tuple[str, str], Match]]:
    long = [form for form in forms if form.words >= NEAR_FROM and len(form.students) <= MOST_ALIKE]
    shingles = [_shingles(form.text) for form in long]
    for one, other in _candidates(shingles):
        common = len(shingles[one] & shingles[other])
        alike = common / (len(shingles[one]) + len(shingles[other]) - common)
        if alike >= NEAR:
            yield from _near_pairs(long[one], long[other], alike)


def _near_pairs(one: Form, other: Form, alike: float) -> Iterator[tuple[tuple[str, str], Match]]:
    together = set(one.students) | set(other.students)
    if len(together) > MOST_ALIKE:
        return
    match = Match(one.exercise, alike, len(together), one.of, min(one.words, other.words))
    for first in one.students:
        yield from ((tuple(sorted((first, second))), match) for second in other.students if first != second)


def _shingles(form: str) -> frozenset[int]:
    codes = np.fromiter(map(_code, words_of(form)), np.uint64)
    runs = len(codes) - WORDS + 1
    return frozenset(
        sum(codes[start : start + runs] * MIX ** np.uint64(start) for start in range(WORDS)).tolist() if runs > 0 else ()
    )


@lru_cache(maxsize=100_000)
def _code(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace"))


def _candidates(shingles: Sequence[frozenset[int]]) -> list[tuple[int, int]]:
    """Places of answers that may be nearly the same: their signatures agree in a band, and roughly as a whole."""
    if len(shingles) < 2:
        return []
    signatures = np.stack([_signature(each) for each in shingles])
    found = np.array(sorted(_in_one_bucket(signatures)), dtype=np.intp)
    one, other = np.divmod(found, len(shingles))
    roughly = (signatures[one] == signatures[other]).mean(axis=1)
    likeliest = np.argsort(-roughly, kind="stable")[:MOST_COMPARED]
    return [(int(one[place]), int(other[place])) for place in likeliest if roughly[place] >= ROUGHLY]


def _in_one_bucket(signatures: np.ndarray) -> set[int]:
    """Pairs of places that agree in one band, as one * how many there are + other."""
    found: set[int] = set()
    for band in range(BANDS):
        buckets = defaultdict(list)
        for place, row in enumerate(signatures[:, band * ROWS : (band + 1) * ROWS]):
            buckets[row.tobytes()].append(place)
        for bucket in buckets.values():
            pairs = (one * len(signatures) + other for one, other in combinations(bucket, 2))
            found.update(islice(pairs, MOST_LIKELY - len(found)))
    return found


# multipliers and summands of the hash functions, the same in every run; products run over 64 bits, which is what mixes
_MULTIPLY, _ADD = np.random.default_rng(0).integers(2**32, 2**64, (2, BANDS * ROWS, 1), dtype=np.uint64) | np.uint64(1)


def _signature(shingles: frozenset[int]) -> np.ndarray:
    hashes = np.fromiter(shingles, np.uint64, len(shingles))
    return (hashes * _MULTIPLY + _ADD).min(axis=1)


def _groups(pairs: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """Students who are linked, directly or through others."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for pair in pairs:
        leader[find(pair.first)] = find(pair.second)
    groups = defaultdict(list)
    for name in leader:
        groups[find(name)].append(name)
    return tuple(sorted((tuple(sorted(group)) for group in groups.values()), key=lambda group: (-len(group), group)))


def count_alike(pair: Pair) -> Counter:
    """How many of a pair's answers are 'same' and how many 'near'."""
    return Counter("same" if match.alike == 1 else "near" for match in pair.matches)
