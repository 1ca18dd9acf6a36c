"""Collect what students submitted, in whatever form. Everything is only read; nothing is unpacked to disk."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from stylelab.base.files import file_kind, printable
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.classroom.intake.files import LIMITS, IncomingFile, inspect_file, list_folder
from stylelab.tools.classroom.intake.layouts import (
    SUBMITTED,
    TIMESTAMP,
    Export,
    StudentFile,
    assign_students,
    by_folder,
    has_one_notebook_in_three_folders,
    is_export,
    split_exports,
)
from stylelab.tools.classroom.intake.students import clean_name, display_names
from stylelab.tools.classroom.intake.zips import list_zip
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.read import Notebook, read_notebook

LONGEST_NAME = 160  # characters of a file's name
UNREAD = re.compile(r"\.(?:py|zip|rar|7z|tar|t?gz|t?bz2|t?xz|zst)$", re.I)  # may hold an answer


def say(sentence: str) -> None:
    """Tell the teacher something, on stderr."""
    print(f"stylelab: {sentence}", file=sys.stderr)


def collect(source: Path, tell: Callable[[str], object] = say) -> list[Submission]:
    """Find every submission.

    Args:
        source: a notebook; a folder of notebooks, of folders per student, or nbgrader's; a zip exported by Canvas, Moodle,
            Gradescope or Blackboard, or a folder of nothing but such exports. A student's own zip among others is opened
            too: everything in it is that student's, submitted when the zip was.
        tell: called with each sentence that the teacher should read: what was assumed, and what was left out.

    Returns:
        One for each student, lesson and framework, sorted by name; those that cannot be graded have `trouble`.

    Raises:
        InputError: the file or folder does not exist, or contains no notebook.
    """
    files = list(_find_files(Path(source), tell))
    if not any(found.file.is_work for found in files):
        raise InputError(f"no notebook in '{printable(source)}': name the folder or the zip that holds the submissions")
    names = display_names(found.student for found in files)
    by_student: dict[tuple[str, ...], list[StudentFile]] = {}
    for found in files:
        by_student.setdefault(found.student.key, []).append(found)
    submissions = [submission for key, own in by_student.items() for submission in _choose(names[key], own)]
    return sorted(submissions, key=lambda submission: (submission.student.casefold(), submission.student, submission.name))


# Find all files and their students


def _find_files(source: Path, tell: Callable[[str], object]) -> Iterator[StudentFile]:
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
    left_out: list[str] = []
    if kind != "folder" and files[0].is_zip:
        if files[0].stored is None:
            raise InputError(f"'{printable(source)}' cannot be read: {files[0].trouble}")
        exports = split_exports(_list_export(files[0]), (source.name,), zipped=True)
    elif kind != "folder" and not files[0].is_notebook:
        raise InputError(f"'{printable(source)}' is not a notebook, a zip or a folder")
    else:
        work = {file.parts[0] for file in files if file.is_work}
        left_out = sorted({file.parts[0] for file in files if file.parts[1:] == ("record.json",)} - work)  # earlier marks
        files = [file for file in files if file.parts[0] not in left_out]
        prefixed = [replace(file, parts=(*prefix, *file.parts)) for file in files]
        in_nbgrader = any(file.may_be_work and len(file.parts) > 3 for file in prefixed)
        exports = _exports_in_folder(prefixed if prefix and in_nbgrader else files, left_out, tell)
    for export in exports:
        for found in assign_students(export, left_out.append):
            yield from _open_own_zip(found)
    if left_out:
        tell(f"left out, because they belong to no student: {_listed(left_out)}")


def _nbgrader_prefix(source: Path) -> tuple[str, ...]:
    """The folders from nbgrader's `submitted` downwards, if the source is that folder or lies in it."""
    parts = Path(os.path.abspath(source)).parts
    folders = parts if source.is_dir() else parts[:-1]
    return next((folders[-count:] for count in (1, 2, 3) if folders[-count:][:1] == (SUBMITTED,)), ())


def _list_export(export: IncomingFile) -> list[IncomingFile]:
    """The files in an export; those without a time get the export's."""
    inside = list_zip(export.stored) if export.stored else []
    return [replace(file, modified=file.modified or export.modified) for file in inside]


def _exports_in_folder(files: list[IncomingFile], left_out: list[str], tell: Callable[[str], object]) -> list[Export]:
    """The exports in a folder. A zip in it is an export only if all else there is one, too: otherwise it is a student's own."""
    zips: set[str] = set()
    opened: list[IncomingFile] = []
    for file in files:
        inside = [file]
        if file.is_zip and len(file.parts) == 1:
            with suppress(StylelabError):  # it is opened again as one student's own zip, and reported there
                inside = [replace(each, parts=(*file.parts, *each.parts)) for each in _list_export(file)]
                zips.add(file.parts[0])
        opened += inside if any(each.may_be_work for each in inside) else [file]
    exports = split_exports(opened)
    if all(tops := ["/".join(prefix) for prefix, _ in exports]):
        own = "a student's own zip belongs in a folder named after the student"
        tell(f"read as exports of a whole class, because nothing else is there: {_listed(tops)}; {own}")
        left_out += sorted({file.parts[0] for file in files}.difference(tops))
        return exports
    if not is_export(files):
        inner = by_folder(opened).items()
        tops = [top for top, own in inner if is_export(own) or (top in zips and has_one_notebook_in_three_folders(own))]
        if tops:
            tell(
                f"read as one student's work, although it looks like a class: {_listed(tops)}; if it is a class, grade it on its own"
            )
    return split_exports(files)


def _open_own_zip(found: StudentFile) -> Iterator[StudentFile]:
    """What is in a student's own zip; any other file as it is. Names and times in such a zip tell nothing."""
    if not found.file.is_zip:
        yield found
        return
    try:
        inside = [file for file in (list_zip(found.file.stored) if found.file.stored else []) if file.may_be_work]
        if sum(file.stored.size for file in inside if file.stored and file.is_notebook) > LIMITS.unpacked:
            raise InputError(f"the notebooks in the zip have more than {LIMITS.unpacked:,} bytes together")
    except InputError as error:
        yield replace(found, file=replace(found.file, stored=None, trouble=str(error)))
        return
    except MachineError:  # there may be a notebook in it: reading it fails again when it is marked, which is reported then
        yield replace(found, file=replace(found.file, parts=(*found.file.parts, "*.ipynb")), name=f"{found.name}/*.ipynb")
        return
    for file in inside:
        yield replace(found, file=file, name=f"{found.name}/{'/'.join(file.parts)}")
    if not inside:
        yield found


def _listed(names: Iterable[str]) -> str:
    """Up to three names in quotation marks, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(f"'{printable(clean_name(name, LONGEST_NAME))}'" for name in names[:3]) + more


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
    others = [found.file.parts[-1] for found in files if not found.file.is_notebook and not found.file.trouble]
    if not chosen:
        newest = _submission(student, max(files, key=_age))
        trouble = f"no notebook was submitted, only {_listed(others)}: submit the file that ends in .ipynb"
        return [replace(newest, data=b"", trouble=newest.trouble or trouble)]
    note = ""
    if len(notebooks) > len(kept):
        note = f"{len(notebooks):,} notebooks were submitted: only the newest {len(kept)} were read"
    elif unread := [name for name in others if UNREAD.search(name)]:
        note = f"only notebooks are graded, so these were not read: {_listed(unread)}"
    return [replace(submission, notes=(*submission.notes, note)) for submission in chosen] if note else chosen


def _age(found: StudentFile) -> tuple[datetime, int, str]:
    """Sorts older files first. Platforms count resubmissions upwards, and their zips may have one time for all files."""
    return found.submitted or datetime.min.replace(tzinfo=UTC), found.again, found.name


def _submission(student: str, found: StudentFile) -> Submission:
    data = b"" if found.file.trouble or found.file.stored is None else found.file.stored
    name = "/".join(clean_name(part, LONGEST_NAME) for part in found.name.split("/"))
    if len(name) > LONGEST_NAME:  # keep the end, where the lesson is
        name = f"...{name[3 - LONGEST_NAME :]}"
    ids = (found.student.name, found.student.number, *found.student.key[1:])
    return Submission(student, name, data, found.submitted, found.student.notes, found.file.trouble, ids=ids)


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
