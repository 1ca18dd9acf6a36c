"""Collect what students submitted, in whatever form. Everything is only read; nothing is unpacked to disk."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from stylelab.base.files import file_kind, printable
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.classroom.intake.files import LIMITS, IncomingFile, inspect_file, list_folder
from stylelab.tools.classroom.intake.layouts import SUBMITTED, TIMESTAMP, StudentFile, assign_students, is_whole_class
from stylelab.tools.classroom.intake.students import RESUBMISSION, clean_name, display_names, student_from_export_name
from stylelab.tools.classroom.intake.zips import list_zip
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.read import Notebook, read_notebook

LONGEST_NAME = 160  # characters of a file's name


def collect(source: Path) -> list[Submission]:
    """Find every submission.

    Args:
        source: a notebook; a folder of notebooks, of folders per student, or nbgrader's; a zip exported by Canvas, Moodle,
            Gradescope or Blackboard, or a folder of such zips. A student's own zip among them is opened too.

    Returns:
        One for each student, lesson and framework, sorted by name; those that cannot be graded have `trouble`.

    Raises:
        InputError: the file or folder does not exist, or contains no notebook.
    """
    files = list(_find_files(Path(source)))
    if not any(found.file.is_notebook or found.file.is_zip for found in files):
        raise InputError(f"no notebook in '{printable(source)}': name the folder or the zip that holds the submissions")
    names = display_names(found.student for found in files)
    by_student: dict[tuple[str, ...], list[StudentFile]] = {}
    for found in files:
        by_student.setdefault(found.student.key, []).append(found)
    submissions = [submission for key, own in by_student.items() for submission in _choose(names[key], own)]
    return sorted(submissions, key=lambda submission: (submission.student.casefold(), submission.student, submission.name))


# Find all files and their students


def _find_files(source: Path) -> Iterator[StudentFile]:
    kind = file_kind(source)
    prefix = _nbgrader_prefix(source)
    try:
        if kind == "folder":
            files = list(list_folder(source))
        elif kind:  # one file; next to a notebook, nbgrader's timestamp
            real_path = Path(os.path.realpath(source))  # a link that the teacher names is followed
            timestamp = source.with_name(TIMESTAMP)
            files = [inspect_file(real_path, (source.name,))]
            files += [inspect_file(timestamp, (TIMESTAMP,))] if prefix and timestamp.is_file() else []
        else:
            raise InputError(f"'{printable(source)}' does not exist: name a folder, a notebook or a zip")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"'{printable(source)}' cannot be read: {printable(error)}") from None
    if kind != "folder" and files[0].is_zip:
        if files[0].stored is None:
            raise InputError(f"'{printable(source)}' cannot be read: {files[0].trouble}")
        yield from _open_export(list_zip(files[0].stored), files[0])
    elif kind != "folder" and not files[0].is_notebook:
        raise InputError(f"'{printable(source)}' is not a notebook, a zip or a folder")
    else:
        prefixed = [replace(file, parts=(*prefix, *file.parts)) for file in files]
        in_nbgrader = any(file.is_notebook and len(file.parts) > 3 for file in prefixed)
        yield from _open_folder(prefixed if in_nbgrader else files)


def _nbgrader_prefix(source: Path) -> tuple[str, ...]:
    """The folders from nbgrader's `submitted` downwards, if the source is that folder or lies in it."""
    parts = Path(os.path.abspath(source)).parts
    folders = parts if source.is_dir() else parts[:-1]
    return next((folders[-count:] for count in (1, 2, 3) if folders[-count:][:1] == (SUBMITTED,)), ())


def _open_export(files: list[IncomingFile], export: IncomingFile) -> Iterator[StudentFile]:
    """The files in an export; every zip in it is one student's own."""
    for found in assign_students(files, export.parts[0], zipped=True):
        yield from _open_own_zip(replace(found, submitted=found.submitted or export.modified))


def _open_folder(files: list[IncomingFile]) -> Iterator[StudentFile]:
    """The files in a folder; zips at its top may be exports of a whole class."""
    rest = []
    for file in files:
        inside = []
        if file.is_zip and file.stored and len(file.parts) == 1 and not student_from_export_name(file.parts[0]):
            try:
                inside = list_zip(file.stored)
            except StylelabError:
                pass  # it is opened again as one student's own zip, and reported there
        if inside and is_whole_class(inside):
            yield from _open_export(inside, file)
        else:
            rest.append(file)
    for found in assign_students(rest):
        yield from _open_own_zip(found)


def _open_own_zip(found: StudentFile) -> Iterator[StudentFile]:
    """The notebooks in a student's own zip; any other file as it is. Names and times in such a zip are not trusted."""
    if not found.file.is_zip:
        yield found
        return
    try:
        inside = [file for file in (list_zip(found.file.stored) if found.file.stored else []) if file.is_notebook]
        if sum(file.stored.size for file in inside if file.stored) > LIMITS.unpacked:
            raise InputError(f"the notebooks in the zip have more than {LIMITS.unpacked:,} bytes together")
    except InputError as error:
        yield replace(found, file=replace(found.file, stored=None, trouble=str(error)))
        return
    except MachineError:  # there may be a notebook in it: reading it fails again when it is marked, which is reported then
        yield replace(found, file=replace(found.file, parts=(*found.file.parts, "*.ipynb")), name=f"{found.name}/*.ipynb")
        return
    if not inside:
        yield found
    for file in inside:
        yield replace(found, file=file, name=f"{found.name}/{'/'.join(file.parts)}")


# Choose which of one student's files count


def _choose(student: str, files: list[StudentFile]) -> list[Submission]:
    """The newest notebook of each lesson and framework, and files in trouble; at least one submission.

    Args:
        student: the name for tables.
    """
    notebooks = sorted((found for found in files if found.file.is_notebook), key=_age, reverse=True)
    kept = notebooks[: LIMITS.notebooks]
    chosen = _newest_of_each([_submission(student, found) for found in kept])
    chosen += [_submission(student, found) for found in files if found.file.trouble and found.file.is_zip]
    if chosen and len(notebooks) > len(kept):
        note = f"{len(notebooks):,} notebooks were submitted: only the newest {len(kept)} were read"
        chosen = [replace(submission, notes=(*submission.notes, note)) for submission in chosen]
    if not chosen:
        newest = _submission(student, max(files, key=_age))
        chosen = [replace(newest, data=b"", trouble="no notebook was submitted, only other files")]
    return chosen


def _age(found: StudentFile) -> tuple[datetime, int, str]:
    """Sorts older files first. Platforms count resubmissions upwards, and their zips may have one time for all files."""
    resubmission = RESUBMISSION.search(found.file.parts[-1])
    return found.submitted or datetime.min.replace(tzinfo=UTC), int(resubmission[1]) if resubmission else 0, found.name


def _submission(student: str, found: StudentFile) -> Submission:
    data = b"" if found.file.trouble or found.file.stored is None else found.file.stored
    name = "/".join(clean_name(part, LONGEST_NAME) for part in found.name.split("/"))
    if len(name) > LONGEST_NAME:  # keep the end, where the lesson is
        name = f"...{name[3 - LONGEST_NAME :]}"
    return Submission(student, name, data, found.submitted, found.notes, found.file.trouble)


def _newest_of_each(newest_first: list[Submission]) -> list[Submission]:
    """The newest submission of each lesson and framework. A single notebook is not even opened."""
    if len(newest_first) < 2:
        return newest_first
    chosen: dict[object, Submission] = {}
    for submission in newest_first:
        notebook = Notebook()
        if not submission.trouble:
            try:
                notebook = read_notebook(submission.read())
            except InputError as error:
                submission = replace(submission, data=b"", trouble=str(error))
            except MachineError:
                pass  # its name has to tell what it is; it is read again when it is marked
        edition = identify(notebook, submission.name)
        # a file that cannot be graded is reported, unless its name shows that a newer one replaced it
        known = edition in chosen or (edition[0] and not submission.trouble)
        key = edition if known else (submission.name, len(chosen))
        if key in chosen:
            newest = chosen[key]
            note = f"submitted more than once: '{newest.name}'{_dated(newest)} counts, '{submission.name}'{_dated(submission)} does not"
            submission = replace(newest, notes=(*newest.notes, note))
        chosen[key] = submission
    return list(chosen.values())


def _dated(submission: Submission) -> str:
    return f" of {submission.when:%Y-%m-%d %H:%M}" if submission.when else ""
