"""What students handed in, however it was collected. Everything is only read, and nothing is unpacked to the disk."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.tools.classroom.intake import folders
from stylelab.tools.classroom.intake.incoming import LIMITS, File
from stylelab.tools.classroom.intake.layouts import SUBMITTED, Handed, is_class, laid_out
from stylelab.tools.classroom.intake.newest import pick
from stylelab.tools.classroom.intake.students import of_export, shown_names
from stylelab.tools.classroom.intake.zips import entries
from stylelab.tools.classroom.marking.model import Submission

__all__ = ["LIMITS", "collect"]


def collect(source: Path) -> list[Submission]:
    """Find every submission.

    Args:
        source: a notebook; a folder of notebooks, of folders per student, or nbgrader's; a zip as Canvas, Moodle,
            Gradescope or Blackboard export it, or a folder of such. A student's own zip among them is looked into.

    Returns:
        One for each student, lesson and framework, in the order of names; those that cannot be graded have `trouble`.

    Raises:
        InputError: there is no such file or folder, or no notebook in it.
    """
    handed = list(_handed(Path(source)))
    if not any(each.file.is_notebook or each.file.is_zip for each in handed):
        raise InputError(f"no notebook in '{printable(source)}': name the folder or the zip that holds what was handed in")
    names = shown_names(each.owner for each in handed)
    by_student: dict[tuple[str, ...], list[Handed]] = {}
    for each in handed:
        by_student.setdefault(each.owner.key, []).append(each)
    found = [each for key in by_student for each in pick(names[key], by_student[key])]
    return sorted(found, key=lambda each: (each.student.casefold(), each.student, each.name))


def _handed(source: Path) -> Iterator[Handed]:
    files, before = _listed(source), _nbgrader(source)
    if files and files[0].is_zip and not source.is_dir():
        yield from _opened(entries(_place(files[0], source)), files[0])
    elif files and not source.is_dir() and not files[0].is_notebook:
        raise InputError(f"'{printable(source)}' is neither a notebook, a zip nor a folder")
    else:
        deeper = [replace(file, parts=(*before, *file.parts)) for file in files]
        in_place = any(file.is_notebook and len(file.parts) > 3 for file in deeper)
        yield from _unzipped(deeper if in_place else files)


def _listed(source: Path) -> list[File]:
    """The files that there are; of a single one, what nbgrader lays beside it too."""
    try:
        if source.is_dir():
            return list(folders.files(source))
        if source.exists():
            stamp = source.with_name("timestamp.txt")
            beside = [folders.file(stamp, (stamp.name,))] if _nbgrader(source) and stamp.is_file() else []
            real = Path(os.path.realpath(source))  # a link that the teacher names is followed
            return [folders.file(real, (source.name,)), *beside]
    except (OSError, ValueError) as error:
        raise InputError(f"'{printable(source)}' cannot be read: {printable(error)}") from None
    raise InputError(f"'{printable(source)}' does not exist: name a folder, a notebook or a zip")


def _nbgrader(source: Path) -> tuple[str, ...]:
    """The folders from nbgrader's `submitted` on, when the source lies in it or is it."""
    parts = Path(os.path.abspath(source)).parts
    inside = parts if source.is_dir() else parts[:-1]
    return next((inside[-count:] for count in (1, 2, 3) if inside[-count:][:1] == (SUBMITTED,)), ())


def _place(file: File, source: Path):
    if file.place is None:
        raise InputError(f"'{printable(source)}' cannot be read: {file.trouble}")
    return file.place


def _opened(files: list[File], export: File) -> Iterator[Handed]:
    """What is in an export: every zip inside is a student's own."""
    for each in laid_out(files, export.parts[0], zipped=True):
        dated = replace(each, when=each.when or export.when)
        yield from _own(dated) if each.file.is_zip else (dated,)


def _unzipped(files: list[File]) -> Iterator[Handed]:
    """What is in a folder: zips side by side may be exports."""
    rest = []
    for file in files:
        inside = _class(file) if file.is_zip and len(file.parts) == 1 and not of_export(file.parts[0]) else None
        if inside is None:
            rest.append(file)
        else:
            yield from _opened(inside, file)
    for each in laid_out(rest):
        yield from _own(each) if each.file.is_zip else (each,)


def _class(file: File) -> list[File] | None:
    """What is in the zip, if it is the work of a class."""
    try:
        inside = entries(file.place) if file.place else []
    except InputError:
        return None  # it is opened once more as one student's, and what is wrong is said there
    return inside if inside and is_class(inside) else None


def _own(zipped: Handed) -> Iterator[Handed]:
    """What is in a student's own zip. Its names and times are the student's: they say neither who nor when."""
    try:
        inside = entries(zipped.file.place) if zipped.file.place else []
        if sum(file.place.size for file in inside if file.is_notebook and file.place) > LIMITS.unpacked:
            raise InputError(f"the notebooks in the zip have more than {LIMITS.unpacked:,} bytes together")
    except InputError as error:
        yield replace(zipped, file=replace(zipped.file, place=None, trouble=str(error)))
        return
    if not any(file.is_notebook for file in inside):
        yield zipped
    for file in inside:
        if file.is_notebook:
            yield replace(zipped, file=file, name=f"{zipped.name}/{'/'.join(file.parts)}")
