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
SHORTEST, SHORTEST_NUMBER = 3, 5  # letters of a part of a name, digits of a number, that are looked for
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
            submission, student=label, name=name, notes=notes, trouble=submission.trouble and self._note(submission.trouble)
        )

    def clean(self, mark: Mark) -> Mark:
        """The mark without the names of the class in anything that a student wrote."""
        exercises = tuple(self._clean_exercise(exercise) for exercise in mark.exercises)
        return replace(mark, exercises=exercises, notes=tuple(map(self.names.remove, mark.notes)), fault=self._note(mark.fault))

    def _clean_exercise(self, mark: ExerciseMark) -> ExerciseMark:
        lines = tuple(replace(line, wrong=line.wrong and self.names.remove(line.wrong)) for line in mark.lines)
        texts = {name: self.names.remove(getattr(mark, name)) for name in ("reason", "form", "source")}
        return replace(mark, lines=lines, notes=tuple(map(self.names.remove, mark.notes)), **texts)

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
    return Key(labels, files, Names(labels, submissions))


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
    """Finds the names of a class in a text: whole names, their parts, and the numbers and user names in the names of files."""

    def __init__(self, students: Iterable[str], submissions: Iterable[Submission | Mark]):
        usual = USUAL | {word for exercise in course_points() for word in exercise.split("_")}
        usual |= {word for lesson, framework in all_editions() for word in (*lesson.split("_"), framework)}
        self.words: set[str] = set()
        self.names: dict[str, set[tuple[str, ...]]] = defaultdict(set)  # first word -> all words of a name
        for student in students:
            name = tuple(WORD.findall(_folded(re.sub(r" \([^()]*\)$", "", student))))
            self.words |= {word for word in name if len(word) >= SHORTEST or not word.isascii()}
            for order in (name, name[::-1]) if len(name) > 1 else ():
                self.names[order[0]].add(order)
                self.words.add("".join(order))
        for submission in submissions:
            words = WORD.findall(_folded(f"{submission.student}/{submission.name}"))
            self.words |= {word for word in words if word.isdecimal() and len(word) >= SHORTEST_NUMBER}
            self.words |= {word for word in words if USER_NAME.fullmatch(word)}
        self.words -= usual
        self.foreign = [word for word in self.words if not word.isascii() and len(word) > 1]

    def remove(self, text: str) -> str:
        """The text with GONE for each name."""
        text = ADDRESS.sub(GONE, text)
        words = list(WORD.finditer(text))
        folded = [_folded(word[0]) for word in words]
        kept, end = "", 0
        for index, word in enumerate(words):
            lengths = [
                len(name) for name in self.names.get(folded[index], ()) if tuple(folded[index : index + len(name)]) == name
            ]
            known = folded[index] in self.words or any(
                name in folded[index] for name in self.foreign if not folded[index].isascii()
            )
            if word.start() >= end and (length := max(lengths, default=int(known))):
                kept += text[end : word.start()] + GONE
                end = words[index + length - 1].end()
        return kept + text[end:]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
