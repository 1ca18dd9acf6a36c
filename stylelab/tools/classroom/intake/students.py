"""Tell which student a file belongs to, from its folder and name. Students choose the end of a file's name, never its start."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from stylelab.errors import InputError
from stylelab.tools.classroom.intake.files import NOTEBOOK
from stylelab.tools.classroom.intake.stored_file import StoredFile
from stylelab.tools.classroom.notebooks.lessons import lesson_names

LONGEST = 80  # letters in a student's name
JOINERS = "\u200c\u200d"  # invisible, but needed to write Persian and Hindi correctly
# How learning platforms name the files they export: the matched part is theirs, the rest is the student's.
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_|$)")
CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<number>\d+)_(?:(?P<file>\d+)_(?=.)|(?:text|link)\.html$)")
ANONYMOUS = re.compile(r"(?P<late>LATE_)?(?P<name>anon_[A-Za-z0-9]+)_(?:\d+_(?=.)|(?:text|link)\.html$)")  # Canvas's, too
BLACKBOARD = re.compile(r"(?P<name>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:(?P<receipt>\.txt)$|(?=[_.]|$))")
RECEIPT = re.compile(r"\s*Name:[^\n]*\(([^()\s]+)\)\s*(?:\n|$)")  # the first line of the text that Blackboard adds


@dataclass(frozen=True)
class Student:
    """A student, as far as a file's name tells.

    Attributes:
        key: distinguishes this student from all others in the batch.
        name: as found; not yet fit to be displayed.
        number: the student's number, if the platform gives one.
        submitted: time of submission, if the name contains it.
        notes: anything else that the name tells.
    """

    key: tuple[str, ...]
    name: str
    number: str = ""
    submitted: datetime | None = None
    notes: tuple[str, ...] = ()


def student_named(name: str) -> Student:
    """A student who is known by a name alone."""
    name = unicodedata.normalize("NFC", name)
    return Student(("name", name), name)


def student_from_file_name(name: str) -> Student:
    """The student of a file such as `ada_03_style_reconstruction_torch.ipynb`: its name without the lesson's."""
    stem = NOTEBOOK.sub("", name) if NOTEBOOK.search(name) else re.sub(r"(?<=.)(?:\.tar|\.ipynb)?\.[^.]*$", "", name)
    stem = re.sub(
        r"^(?:Copy of|Kopie von|Copie de|Copia de) (?=.)", "", unicodedata.normalize("NFC", stem)
    )  # as Colab names a copy
    lessons = "|".join(re.escape(lesson).replace("_", "[_ -]") for lesson in lesson_names())  # Kaggle writes '-' for '_'
    copies = r"(?:_newer(?:_\d+)?)?(?:-Copy\d+)?(?: ?\(\d+\))?(?:-\d+(?!\d))?"
    rest = re.split(rf"(?:{lessons})(?:[_ -](?:torch|tensorflow))?{copies}", stem, maxsplit=1, flags=re.IGNORECASE)
    return student_named("_".join(filter(None, (part.strip(" _-.") for part in rest))) or stem)


def platform_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """The platform that named most of these files; of two, the one whose part ends first: a student may have made up the rest."""
    names, scores = list(names), {}
    for pattern in (MOODLE, CANVAS, ANONYMOUS, BLACKBOARD):
        matches = [match for name in names if (match := pattern.match(name))]
        # Canvas numbers each file: where most have the same numbers they are something else, such as 'hw_2026_11_'
        if matches and (
            pattern is not CANVAS or 2 * len({match.group("name", "number", "file") for match in matches}) > len(matches)
        ):
            scores[pattern] = (len(matches), -sum(match.end() for match in matches))
    return max(scores, key=scores.__getitem__, default=None)


def students_from_export_names(names: Iterable[str], stored: Mapping[str, StoredFile] | None = None) -> dict[str, Student]:
    """The students of files that Canvas, Moodle or Blackboard named; other names are left out.

    Args:
        names: of all files and folders of an export.
        stored: name -> file, for the texts that Blackboard adds.
    """
    matches: dict[str, re.Match[str]] = {}
    names = set(names)
    while platform := platform_of(names - matches.keys()):  # two, if two exports were mixed
        matches |= {name: match for name in names - matches.keys() if (match := platform.match(name))}
    attempts = {name: match for name, match in matches.items() if match.re is BLACKBOARD}
    logins = _logins(attempts, stored or {})
    students = {name: _student(match) for name, match in matches.items() if name not in attempts}
    for name, match in attempts.items():
        try:
            submitted = datetime.strptime(match["time"], "%Y-%m-%d-%H-%M-%S").astimezone()
        except (ValueError, OverflowError, OSError):
            submitted = None
        students[name] = replace(student_named(logins[match["name"]]), submitted=submitted)
    return students


def _student(match: re.Match[str]) -> Student:
    """The student of a name that Moodle or Canvas made."""
    name, number = unicodedata.normalize("NFC", match["name"]), match.groupdict().get("number", "")
    if match.re is MOODLE:
        return Student(("name", name, number), name, number)
    notes = ("submitted late, as marked by Canvas",) if match["late"] else ()
    return Student(("canvas", number, name), name, number, notes=notes)


def _logins(attempts: Mapping[str, re.Match[str]], stored: Mapping[str, StoredFile]) -> dict[str, str]:
    """Split Blackboard's names 'title_login', either of which may contain '_': return name -> login.

    Blackboard's own texts name the login. If there are none, what all names have in common is the title; for a single one
    it ends at the first '_' after the last space, so that a login is never cut short.
    """
    heads = sorted({match["name"] for match in attempts.values()})
    logins: dict[str, str] = {}
    for name, match in attempts.items():
        if match["receipt"] and name in stored:
            with suppress(InputError):
                said = RECEIPT.match(stored[name].read()[:1000].decode("utf-8-sig", "replace"))
                if said and match["name"].endswith(f"_{said[1]}"):
                    logins[match["name"]] = said[1]
    titles = sorted({head.removesuffix(f"_{login}") for head, login in logins.items()}, key=len, reverse=True)
    if not titles and len(heads) > 1:
        titles = list(filter(None, [os.path.commonprefix(heads).rpartition("_")[0]]))
    for head in heads:
        after_title = (head[len(title) + 1 :] for title in (*titles, *lesson_names()) if head.startswith(f"{title}_"))
        logins.setdefault(head, next(after_title, "") or head.rpartition(" ")[2].partition("_")[2] or head)
    return logins


def comparable_across_exports(students: Iterable[Student]) -> dict[Student, Student]:
    """Map one export's students to ones with the same key in every export.

    Moodle's numbers change from assignment to assignment: they are dropped from the key, unless two students would then
    become one.
    """
    students = list(students)
    count = Counter(name for name, _ in {(student.name, student.key) for student in students})
    return {
        student: replace(student, key=student.key[:2]) if student.key[0] == "name" and count[student.name] == 1 else student
        for student in students
    }


def display_names(students: Iterable[Student]) -> Mapping[tuple[str, ...], str]:
    """Return key -> a name for tables. No two students get names that look alike, in whatever script."""
    by_key = {student.key: student for student in sorted(students, key=lambda student: (student.key, student.name), reverse=True)}
    count = Counter(_appearance(clean_name(student.name)) for student in by_key.values())
    names: dict[tuple[str, ...], str] = {}
    used: Counter[str] = Counter()
    for key, student in sorted(by_key.items()):
        name = clean_name(student.name)
        if count[_appearance(name)] > 1 and student.number:
            name = f"{name} ({student.number})"
        base = name
        while used[_appearance(name)]:
            used[_appearance(base)] += 1
            name = f"{base} ({used[_appearance(base)]})"
        used[_appearance(name)] += 1
        names[key] = name
    return names


def clean_name(name: str, longest: int = LONGEST) -> str:
    """Shorten a name, and remove characters that are invisible or change the direction of the line."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = "".join(" " if letter.isspace() else letter for letter in name)
    name = "".join(letter for letter in name if letter in JOINERS or unicodedata.category(letter)[0] != "C")
    return " ".join(name.split())[:longest].strip() or "no name"


def _appearance(name: str) -> str:
    """Equal for two names that a reader, or a file system, would take for the same."""
    name = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in name if unicodedata.category(letter)[0] not in "CZ")
