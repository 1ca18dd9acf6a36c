"""Recognise how a class is arranged: nbgrader's folders, a platform's export, a folder per student, or loose notebooks.

Only what the teacher names is looked at here. What a student packed into it is that student's, whatever it looks like.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from stylelab.errors import InputError
from stylelab.tools.classroom.intake import gradescope
from stylelab.tools.classroom.intake.files import IncomingFile
from stylelab.tools.classroom.intake.students import (
    CANVAS,
    Student,
    clean_name,
    comparable_across_exports,
    platform_of,
    student_from_file_name,
    student_named,
    students_from_export_names,
)
from stylelab.tools.classroom.notebooks.lessons import lesson_names

SUBMITTED = "submitted"  # nbgrader's folder: submitted/STUDENT/ASSIGNMENT/
NBGRADER = {SUBMITTED, "source", "release", "autograded", "feedback", "downloaded"}
TIMESTAMP = "timestamp.txt"  # in each of nbgrader's assignment folders
TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(\S*)")
CONFIG = "nbgrader_config.py"  # next to a course's folders


@dataclass(frozen=True)
class StudentFile:
    """A file and the student who submitted it.

    Attributes:
        file: any file, not only a notebook.
        student: the student.
        name: where the file was found, for a table.
        submitted: time of submission.
        again: how often a file of this name was submitted before, as far as the platform says.
    """

    file: IncomingFile
    student: Student
    name: str
    submitted: datetime | None
    again: int = 0


Export = tuple[tuple[str, ...], list[IncomingFile]]  # folders around an export, and the files in it


def split_exports(files: list[IncomingFile], prefix: tuple[str, ...] = (), *, zipped: bool = False) -> list[Export]:
    """Find the exports among the files, each without the folders around it.

    Folders are treated as exports all together or not at all: a student whose files happen to be named like Canvas's is
    still one student among others.

    Args:
        files: all files of a folder or a zip.
        prefix: the zip's name, if it is one.
        zipped: whether the files come from a zip.
    """
    work = [file for file in files if file.may_be_work]
    if work and all(len(file.parts) > 1 for file in work) and not is_export(files):
        inner = by_folder(files)
        one_folder = zipped and len(inner) == 1
        if all(is_export(group) or (one_folder and _names_several(group)) for group in inner.values()):
            return [((*prefix, top), group) for top, group in sorted(inner.items())]
    return [(prefix, files)]


def by_folder(files: list[IncomingFile]) -> dict[str, list[IncomingFile]]:
    """Return folder -> the files in it, as seen from there. Folders without anything that may be work are left out."""
    inner: dict[str, list[IncomingFile]] = {file.parts[0]: [] for file in files if file.may_be_work and len(file.parts) > 1}
    for file in files:
        if file.parts[0] in inner:
            inner[file.parts[0]].append(replace(file, parts=file.parts[1:]))
    return inner


def is_export(files: list[IncomingFile]) -> bool:
    """Whether a platform or nbgrader arranged these files: their names alone say whose they are."""
    tops = {file.parts[0] for file in files if file.may_be_work}
    named = students_from_export_names(tops)
    # two numbers in a name can be a coincidence: one student's files named like Canvas's are not an export
    canvas_alone = platform_of(tops) is CANVAS and len({student.key for student in named.values()}) < 2
    return _is_nbgrader(files) or _is_gradescope(files) or (bool(tops) and named.keys() == tops and not canvas_alone)


def has_one_notebook_in_three_folders(files: list[IncomingFile]) -> bool:
    """Whether folders may be students: two may be one student's two attempts."""
    found = {(file.parts[-1], file.parts[0]) for file in files if file.is_notebook and len(file.parts) > 1}
    return any(count > 2 for count in Counter(name for name, _ in found).values())


def assign_students(export: Export, left_out: Callable[[str], object] = str) -> Iterator[StudentFile]:
    """Find the student of each file of an export.

    Args:
        export: one of `split_exports`.
        left_out: called with the name of each file that belongs to no student.
    """
    prefix, files = export
    pairs = list(_find_students(files))
    comparable = comparable_across_exports(student for _, student in pairs if student)
    for file, found in pairs:
        path = "/".join((*prefix, *file.parts))
        if found is None:
            left_out(path)
        else:
            again = re.search(r"-(\d{1,4})(?=\.\w+$)", file.parts[-1])  # Canvas adds a counter to a file submitted again
            submitted = found.submitted or file.modified
            yield StudentFile(file, comparable[found], path, submitted, int(again[1]) if again else 0)


def _names_several(files: list[IncomingFile]) -> bool:
    """Whether there are folders, or files such as ada_x.ipynb and bob_x.ipynb, that differ only in a student's name."""
    names = {file.parts[0]: file.parts[0] for file in files if file.is_work}
    names |= {
        file.parts[0]: student_from_file_name(file.parts[0]).name for file in files if file.is_work and len(file.parts) == 1
    }
    rests = Counter(re.sub(r"\.\w+$", "", top.replace(name, "", 1)) for top, name in names.items())
    return max(rests.values(), default=0) > 1 and not any(name.startswith(lesson_names()) for name in names.values())


def _is_nbgrader(files: list[IncomingFile]) -> bool:
    """Whether `submitted` is nbgrader's: nothing next to it may be another student's."""
    tops = {file.parts[0] for file in files if file.is_work or (file.may_be_work and len(file.parts) > 1)}
    deep = any(file.may_be_work and file.parts[0] == SUBMITTED and len(file.parts) > 3 for file in files)
    return deep and (tops <= NBGRADER or (CONFIG,) in {file.parts for file in files})


def _is_gradescope(files: list[IncomingFile]) -> bool:
    listed = any(len(file.parts) == 1 and file.parts[0] in gradescope.FILES for file in files)
    return listed and any(gradescope.FOLDER.fullmatch(file.parts[0]) for file in files)


def _find_students(files: list[IncomingFile]) -> Iterator[tuple[IncomingFile, Student | None]]:
    """Yield each file of one export with each of its students: a group that submits together has several, others None."""
    if _is_nbgrader(files):
        yield from _nbgrader_students([file for file in files if file.parts[0] == SUBMITTED])
        return
    named: dict[str, tuple[Student, ...]] = {}
    if _is_gradescope(files):
        listed = next(file for file in files if file.parts[0] in gradescope.FILES)
        files = [file for file in files if file is not listed]
        with suppress(InputError):  # if the list cannot be read, students are named after their folders
            groups = gradescope.submitters(listed.stored.read()) if listed.stored else {}
            named = {folder: people for folder, people in groups.items() if gradescope.FOLDER.fullmatch(folder)}
    else:
        loose = {file.parts[0]: file.stored for file in files if len(file.parts) == 1 and file.stored}
        found = students_from_export_names({file.parts[0] for file in files}, loose)
        named = {top: (student,) for top, student in found.items()}
    for file in files:
        for student in named.get(file.parts[0], ()):
            others = ", ".join(clean_name(other.name) for other in named[file.parts[0]] if other is not student)
            yield file, replace(student, notes=(f"submitted together with {others}",)) if others else student
    yield from _folders_and_loose_files([file for file in files if not named.get(file.parts[0])])


def _nbgrader_students(files: list[IncomingFile]) -> Iterator[tuple[IncomingFile, Student | None]]:
    timestamps: dict[tuple[str, ...], IncomingFile] = {
        file.parts[:3]: file for file in files if file.parts[-1] == TIMESTAMP and len(file.parts) == 4
    }
    for file in files:
        if len(file.parts) < 3:
            yield file, student_from_file_name(file.parts[-1]) if file.may_be_work else None
        elif timestamps.get(file.parts[:3]) is not file:
            when = _read_timestamp(timestamps[file.parts[:3]]) if file.parts[:3] in timestamps else None
            yield file, replace(student_named(file.parts[1]), submitted=when)


def _folders_and_loose_files(files: list[IncomingFile]) -> Iterator[tuple[IncomingFile, Student | None]]:
    """Folders and loose files belong to the students they are named after, except what a teacher put there."""
    folders = any(file.is_work and len(file.parts) > 1 for file in files)
    loose = any(file.is_work and len(file.parts) == 1 for file in files)
    for file in files:
        top = file.parts[0]
        if len(file.parts) > 1:
            yield file, student_named(top) if folders or not loose else None
        else:
            theirs = file.is_work or (file.may_be_work and (loose or not folders))
            yield file, student_from_file_name(top) if theirs else None


def _read_timestamp(file: IncomingFile) -> datetime | None:
    """The time in nbgrader's timestamp.txt: UTC if it names no zone, local if the zone is unknown."""
    try:
        text = file.stored.read()[:200].decode("utf-8", "replace") if file.stored else ""
        if not (match := TIME.match(text)):
            return None
        when, zone = datetime.fromisoformat(f"{match[1]} {match[2]}"), match[3]
        if zone in ("", "Z", "UTC", "GMT"):
            when = when.replace(tzinfo=UTC)
        elif re.fullmatch(r"[+-]\d\d:?\d\d", zone):
            when = datetime.fromisoformat(f"{when.isoformat()}{zone}")
        else:
            with suppress(ValueError, KeyError, OSError):
                when = when.replace(tzinfo=ZoneInfo(zone))
        return when.astimezone()
    except (InputError, ValueError, OverflowError, OSError):
        return None
