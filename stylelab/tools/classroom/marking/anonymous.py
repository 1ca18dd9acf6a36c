"""Anonymous marking: labels such as S-4f2a instead of names, and key.json, which maps them back.

Labels are drawn with the run's secret seed: who has no more than the names of the class cannot tell which label is whose, and
a lost key.json is written again as it was.
"""

import builtins
import hmac
import json
import keyword
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from stylelab.base.files import error_text, printable, write_file
from stylelab.errors import InputError
from stylelab.exercises import course_points
from stylelab.tools.classroom.marking.model import ExerciseMark, Mark, Submission
from stylelab.tools.classroom.notebooks.lessons import all_editions

NAME = "key.json"
LABEL = re.compile(r"S-[0-9a-f]{4,64}")
GONE = "…"  # in place of a name in a text
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
WORD = re.compile(r"[^\W_]+")
USER_NAME = re.compile(r"[^\W\d]+\d+\w*")  # such as al1815
QUOTED = re.compile(r"'.*'")  # from the first quote to the last one: file names, which may have quotes in them
NUMBER = re.compile(r"(?<![\d.])\d{6,}(?![\d.])")  # as long as a student's
SHORTEST, INSIDE, SHORTEST_NUMBER = 3, 5, 5  # letters of a part of a name; inside another word; digits in the name of a file
LONGEST, SHORTEST_NAME = 8, 4  # words of a name; its letters, if it is written as one word
USUAL = frozenset(map(str.casefold, [*dir(builtins), *keyword.kwlist, *dir(np)]))  # a part of a name that code needs stays: max


@dataclass(frozen=True)
class Key:
    """Who is who in a batch that is marked anonymously.

    Attributes:
        labels: student -> label.
        files: label -> name of a file as the marks have it -> its real name.
        names: what is removed from texts.
    """

    labels: Mapping[str, str]
    files: Mapping[str, Mapping[str, str]]
    names: "Names"

    @property
    def students(self) -> dict[str, str]:
        """Label -> student."""
        return {label: student for student, label in self.labels.items()}

    def conceal(self, submission: Submission) -> Submission:
        """The submission with a label instead of its student, and without names of files."""
        label = self.labels[submission.student]
        name = next(alias for alias, real in self.files[label].items() if real == submission.name)
        notes = tuple(map(self._note, submission.notes))
        return replace(
            submission,
            student=label,
            name=name,
            notes=notes,
            trouble=submission.trouble and self._note(submission.trouble),
            ids=(),
        )

    def clean(self, mark: Mark) -> Mark:
        """The mark without the names of the class in anything that a student wrote."""
        exercises = tuple(self._clean_exercise(exercise) for exercise in mark.exercises)
        return replace(mark, exercises=exercises, notes=tuple(map(self.names.remove, mark.notes)), fault=self._note(mark.fault))

    def _clean_exercise(self, mark: ExerciseMark) -> ExerciseMark:
        lines = tuple(replace(line, wrong=line.wrong and self.names.remove(line.wrong)) for line in mark.lines)
        reason, form, source = map(self.names.remove, (mark.reason, mark.form, mark.source))
        notes = tuple(map(self.names.remove, mark.notes))
        return replace(mark, lines=lines, notes=notes, reason=reason, form=form, source=source)

    def _note(self, text: str) -> str:
        return self.names.remove(QUOTED.sub(f"'{GONE}'", text))


def reveal(mark: Mark, submission: Submission) -> Mark:
    """The mark of a concealed submission with the names of the submission itself."""
    notes = (*submission.notes, *mark.notes[len(submission.notes) :])
    if submission.trouble:
        notes = (*submission.notes, f"cannot be graded: {submission.trouble}")
    return replace(mark, student=submission.student, name=submission.name, notes=notes)


def make_key(folder: Path, seed: str, submissions: Iterable[Submission]) -> Key:
    """Write key.json with mode 0600, and return what is in it. Labels that it has already are kept.

    Raises:
        InputError: the folder cannot be written, or its key.json is not a key.
    """
    submissions = list(submissions)
    labels = {student: label for label, (student, _) in _read(folder / NAME).items()}
    digests = {student: _digest(seed, "student", student) for student in {each.student for each in submissions}}
    for student, digest in sorted(digests.items(), key=lambda item: item[1]):
        if student not in labels:
            taken = set(labels.values())
            labels[student] = next(label for end in range(4, 65) if (label := f"S-{digest[:end]}") not in taken)
    files: dict[str, dict[str, str]] = {label: {} for label in labels.values()}
    for submission in submissions:
        label = labels[submission.student]
        digest = _digest(seed, "file", f"{submission.student}\0{submission.name}")
        files[label]["_".join([f"{label}-{digest[:6]}", *_hints(submission.name)]) + ".ipynb"] = submission.name
    plain = {label: {"student": student, "files": files[label]} for student, label in sorted(labels.items())}

    def write(stream) -> None:
        os.chmod(stream.name, 0o600)  # before anything is in it
        stream.write((json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode(errors="replace"))

    write_file(folder / NAME, write)
    return Key(labels, files, Names(labels, [text for each in submissions for text in (each.name, *each.ids)]))


def _read(path: Path) -> dict[str, tuple[str, Mapping]]:
    """Label -> student and files."""
    try:
        plain: Any = json.loads(path.read_bytes())
        found = {label: (each["student"], each["files"]) for label, each in plain.items()}
        if all(LABEL.fullmatch(label) and isinstance(student, str) for label, (student, _) in found.items()):
            return found
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"cannot read '{printable(path)}': {error_text(error)}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise InputError(f"'{printable(path)}' is not the key of an anonymous run: move it elsewhere, and it is written again")


def _digest(seed: str, what: str, text: str) -> str:
    return hmac.digest(bytes.fromhex(seed), f"{what}\0{text}".encode(errors="replace"), "sha256").hex()


def _hints(name: str) -> list[str]:
    """What a file's name tells about its lesson and framework, which the grader needs where the notebook does not say it."""
    name = name.lower()
    lessons = [lesson for lesson, _ in all_editions() if lesson in name]
    return [
        *lessons[:1],
        *(framework for framework in dict.fromkeys(edition for _, edition in all_editions()) if framework in name),
    ]


class Names:
    """Finds the names of a class in a text: whole names, their parts, and what else belongs to an account."""

    def __init__(self, students: Iterable[str], texts: Iterable[str]):
        """`texts` are names of files and whatever else the platform calls a student."""
        usual = USUAL | {word for exercise in course_points() for word in exercise.split("_")}
        usual |= {word for lesson, framework in all_editions() for word in (*lesson.split("_"), framework)}
        self._words: set[str] = set()
        self._names: dict[str, set[tuple[str, ...]]] = defaultdict(set)  # first word -> all words of a name
        students = list(students)
        for student in students:
            name = tuple(WORD.findall(_folded(re.sub(r" \([^()]*\)$", "", student))))
            self._words |= {word for word in name if len(word) >= SHORTEST or not word.isascii()}
            for order in (name, name[::-1]) if 1 < len(name) <= LONGEST else ():
                self._names[order[0]].add(order)
                self._words.add("".join(order))
        for words in map(WORD.findall, map(_folded, [*students, *texts])):
            self._words |= {
                word for word in words if word.isdecimal() and len(word) >= SHORTEST_NUMBER or USER_NAME.fullmatch(word)
            }
        self._words -= usual
        self._inside = [word for word in self._words if len(word) >= (INSIDE if word.isascii() else 2)]
        self._letters = {"".join(sorted(word)) for word in self._words}
        self._longest = max(map(len, self._words), default=0)
        self._known: dict[str, bool] = {}
        self.digest = sha256("\0".join(sorted([*self._words, *map(" ".join, chain(*self._names.values()))])).encode()).hexdigest()

    def remove(self, text: str) -> str:
        """The text with GONE for each name, each address, and each number as long as a student's."""
        text = NUMBER.sub(GONE, ADDRESS.sub(GONE, unicodedata.normalize("NFC", text)))
        words = list(WORD.finditer(text))
        folded = [_folded(word[0]) for word in words]
        kept, end = "", 0
        for index, word in enumerate(words):
            if word.start() >= end and (length := self._length(folded[index : index + LONGEST])):
                kept += text[end : word.start()] + GONE
                end = words[index + length - 1].end()
        return kept + text[end:]

    def _length(self, words: list[str]) -> int:
        """How many of these words, from the first one, are a name."""
        names = [name for name in self._names.get(words[0], ()) if tuple(words[: len(name)]) == name]
        joined = words[0]
        for count, word in enumerate(words[1:], 2):
            joined += word
            if len(joined) > self._longest:
                break
            names += [tuple(words[:count])] if self._turned(joined) else []
        return max(map(len, names), default=int(self._tells(words[0])))

    def _tells(self, word: str) -> bool:
        if word not in self._known:
            known = word in self._words or word.rstrip("0123456789") in self._words or self._turned(word)
            self._known[word] = known or any(name in word for name in self._inside)
        return self._known[word]

    def _turned(self, word: str) -> bool:
        """Whether it is a name as Canvas writes it, in one word: it puts the last name first."""
        possible = len(word) >= SHORTEST_NAME and "".join(sorted(word)) in self._letters  # rarely, and that is quick
        return possible and any(word[start:] + word[:start] in self._words for start in range(len(word)))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
