"""Recognise how a batch is arranged: nbgrader's folders, a platform's export, a folder per student, or loose notebooks."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from stylelab.errors import InputError
from stylelab.tools.classroom.intake import gradescope
from stylelab.tools.classroom.intake.files import IncomingFile
from stylelab.tools.classroom.intake.students import (
    Student,
    clean_name,
    comparable_across_exports,
    student_from_export_name,
    student_from_file_name,
    student_named,
)

SUBMITTED = "submitted"  # nbgrader's folder: submitted/STUDENT/ASSIGNMENT/
TIMESTAMP = "timestamp.txt"  # in each of nbgrader's assignment folders
TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(\S*)")


@dataclass(frozen=True)
class StudentFile:
    """A file and the student who submitted it.

    Attributes:
        file: any file, not only a notebook.
        student: the student.
        name: where the file was found, for a table.
        submitted: time of submission.
        notes: as in `Submission`.
    """

    file: IncomingFile
    student: Student
    name: str
    submitted: datetime | None
    notes: tuple[str, ...] = ()


def assign_students(files: list[IncomingFile], title: str = "", *, zipped: bool = False) -> Iterator[StudentFile]:
    """Find the student of each file.

    Args:
        files: all files of a folder or a zip.
        title: the zip's name; empty for a folder.
        zipped: whether the files come from a zip.
    """
    for prefix, export in _split_exports(files, (title,) if title else (), zipped):
        pairs = list(_find_students(export))
        comparable = comparable_across_exports(student for _, student in pairs)
        for file, found in pairs:
            student = comparable[found]
            path = "/".join((*prefix, *file.parts))
            yield StudentFile(file, student, path, student.submitted or file.modified, student.notes)


def is_whole_class(files: list[IncomingFile]) -> bool:
    """Whether a zip among others holds the work of many students, not one student's own work."""
    exports = [files for _, files in _split_exports(files, (), True)]
    if all(_is_export(files) or _is_nbgrader(files) for files in exports):
        return True
    folders: dict[str, set[str]] = {}
    for file in (file for files in exports for file in files if file.is_notebook and len(file.parts) > 1):
        folders.setdefault(file.parts[-1], set()).add(file.parts[0])
    return any(len(owners) > 2 for owners in folders.values())  # two may be one student's two attempts


def _split_exports(
    files: list[IncomingFile], prefix: tuple[str, ...], zipped: bool
) -> Iterator[tuple[tuple[str, ...], list[IncomingFile]]]:
    """Find the exports among the files, each without the folders around it.

    Folders are treated as exports all together or not at all: a student whose files happen to be named like Canvas's is
    still one student among others.
    """
    work = _work_files(files)
    tops = {file.parts[0] for file in work}
    inner = {
        top: [replace(file, parts=file.parts[1:]) for file in group if len(file.parts) > 1]
        for top, group in groupby(sorted(files, key=lambda file: file.parts[0]), key=lambda file: file.parts[0])
    }
    all_in_folders = bool(work) and all(len(file.parts) > 1 for file in work)
    in_folders = all_in_folders and not _is_export(files) and not _is_nbgrader(files)
    if in_folders and all(_is_export(inner[top]) or _is_nbgrader(inner[top]) for top in tops):
        for top in sorted(tops):
            yield (*prefix, top), inner[top]
        return
    if in_folders and zipped and len(tops) == 1:
        (top,) = tops
        inner_work = _work_files(inner[top])
        if all(len(file.parts) > 1 for file in inner_work) and len({file.parts[0] for file in inner_work}) > 1:
            yield (*prefix, top), inner[top]  # a folder for each student
            return
    yield prefix, files


def _work_files(files: list[IncomingFile]) -> list[IncomingFile]:
    return [file for file in files if file.is_notebook or file.is_zip]


def _is_nbgrader(files: list[IncomingFile]) -> bool:
    return any(file.is_notebook and file.parts[0] == SUBMITTED and len(file.parts) > 3 for file in files)


def _is_gradescope_list(file: IncomingFile) -> bool:
    return len(file.parts) == 1 and file.parts[0] in gradescope.FILES


def _is_export(files: list[IncomingFile]) -> bool:
    work = _work_files(files)
    if any(map(_is_gradescope_list, files)):
        return any(gradescope.FOLDER.fullmatch(file.parts[0]) for file in work)
    return bool(work) and all(student_from_export_name(file.parts[0]) for file in work)


def _find_students(files: list[IncomingFile]) -> Iterator[tuple[IncomingFile, Student]]:
    """Yield each file of one export with each of its students: a group that submits together has several."""
    nbgrader = _is_nbgrader(files)
    timestamps: dict[tuple[str, ...], IncomingFile] = {
        file.parts[:-1]: file for file in files if file.parts[-1] == TIMESTAMP and len(file.parts) == 4
    }
    loose_notebooks = any(file.is_notebook and len(file.parts) == 1 for file in files)
    groups: dict[str, tuple[Student, ...]] = {}
    listed = next((file.stored for file in files if _is_gradescope_list(file)), None)
    with suppress(InputError):  # if the list cannot be read, students are named after their folders
        groups = gradescope.submitters(listed.read()) if listed else {}
    for file in files:
        if nbgrader:
            if file.parts[0] == SUBMITTED and len(file.parts) > 3 and file.parts[-1] != TIMESTAMP:
                timestamp = timestamps.get(file.parts[:3])
                yield file, replace(student_named(file.parts[1]), submitted=_read_timestamp(timestamp) if timestamp else None)
        elif group := groups.get(file.parts[0], ()):
            for student in group:
                others = ", ".join(clean_name(other.name) for other in group if other is not student)
                yield file, replace(student, notes=(f"submitted together with {others}",)) if others else student
        elif from_export := student_from_export_name(file.parts[0]):
            yield file, from_export
        elif len(file.parts) > 1:  # files of other kinds in a folder only show that a student submitted no notebook
            if file.is_notebook or file.is_zip or not loose_notebooks:
                yield file, student_named(file.parts[0])
        elif file.is_notebook or file.is_zip:
            yield file, student_from_file_name(file.parts[0])


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
