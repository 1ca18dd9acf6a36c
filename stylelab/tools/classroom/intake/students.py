"""Tell which student a file belongs to, from its folder and name. Students choose the end of a file's name, never its start."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stylelab.tools.classroom.notebooks.lessons import lesson_names

LONGEST = 80  # letters in a student's name
JOINERS = "\u200c\u200d"  # invisible, but needed to write Persian and Hindi correctly
# How learning platforms name the files they export: the matched part is theirs, the rest is the student's.
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)")
CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<number>\d+)_\d+_(?=.)")
BLACKBOARD = re.compile(r"(?P<head>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?=[_.]|$)")
RESUBMISSION = re.compile(r"-(\d{1,4})(?=\.\w+$)")  # Canvas adds a counter to a file that is submitted again


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
    stem = name.rpartition(".")[0] or name
    lessons = "|".join(map(re.escape, lesson_names()))
    copies = r"(?:_newer(?:_\d+)?)?(?:-Copy\d+)?(?: ?\(\d+\))?(?:-\d+(?!\d))?"
    pattern = rf"(?:{lessons})(?:_(?:torch|tensorflow))?{copies}"
    rest = re.split(pattern, unicodedata.normalize("NFC", stem), maxsplit=1, flags=re.IGNORECASE)
    return student_named("_".join(filter(None, (part.strip(" _-.") for part in rest))) or stem)


def student_from_export_name(name: str) -> Student | None:
    """The student of a file that Canvas, Moodle or Blackboard named; None if none of them did.

    Of several matching patterns, the one that ends first is the platform's: the student may have made up the rest.
    """
    matches = [match for pattern in (MOODLE, CANVAS, BLACKBOARD) if (match := pattern.match(name))]
    if not matches:
        return None
    match = min(matches, key=lambda match: match.end())
    if match.re is BLACKBOARD:
        try:
            submitted = datetime.strptime(match["time"], "%Y-%m-%d-%H-%M-%S").astimezone()
        except (ValueError, OverflowError, OSError):
            submitted = None
        return Student(("blackboard", match["head"]), match["head"].rpartition("_")[2], submitted=submitted)
    student_name = unicodedata.normalize("NFC", match["name"])
    if match.re is MOODLE:
        return Student(("name", student_name, match["number"]), student_name, match["number"])
    notes = ("submitted late, as marked by Canvas",) if match["late"] else ()
    return Student(("canvas", match["number"], student_name), student_name, match["number"], notes=notes)


def comparable_across_exports(students: Iterable[Student]) -> dict[Student, Student]:
    """Map one export's students to ones with the same key in every export.

    Numbers and titles that change from assignment to assignment are dropped from the key, unless two students would then
    become one.
    """
    students = list(students)
    count = Counter(name for name, _ in {(student.name, student.key) for student in students})
    comparable = {}
    for student in students:
        unique, kind = count[student.name] == 1, student.key[0]
        if unique and (kind == "blackboard" or (kind == "name" and len(student.key) == 3)):
            comparable[student] = replace(student, key=("name", student.name))
        elif kind == "blackboard":
            comparable[student] = replace(student, name=student.key[1])
        else:
            comparable[student] = student
    return comparable


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
