"""How a batch is laid out: nbgrader's folders, an LMS's export, a folder per student, or notebooks side by side."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

from stylelab.errors import InputError
from stylelab.tools.classroom.intake import gradescope
from stylelab.tools.classroom.intake.incoming import File
from stylelab.tools.classroom.intake.students import Owner, clean, named, of_export, of_stem, settled
from stylelab.tools.classroom.intake.timestamp import time_of

SUBMITTED = "submitted"  # nbgrader's folder: submitted/STUDENT/ASSIGNMENT/
STAMP = "timestamp.txt"  # in each of nbgrader's assignments


@dataclass(frozen=True)
class Handed:
    """A file and whose it is.

    Attributes:
        file: what was handed in; perhaps no notebook.
        owner: the student.
        name: where it was found, for a table.
        when: when it was handed in.
        notes: as in `Submission`.
    """

    file: File
    owner: Owner
    name: str
    when: datetime | None
    notes: tuple[str, ...] = field(default=())


def laid_out(files: list[File], title: str = "", *, zipped: bool = False) -> Iterator[Handed]:
    """Say of each file whose it is.

    Args:
        files: all files of a folder or a zip.
        title: the zip's name, if it is one.
    """
    for before, container in _containers(files, (title,) if title else (), zipped):
        found = list(_Batch(container).owned())
        owners = settled(owner for _, owner in found)
        for file, owner in found:
            who = owners[owner]
            yield Handed(file, who, "/".join((*before, *file.parts)), who.when or file.when, who.notes)


def is_class(files: list[File]) -> bool:
    """Whether a zip among others holds the work of many, and is not one student's own."""
    containers = [files for _, files in _containers(files, (), True)]
    if all(_is_export(files) or _is_nbgrader(files) for files in containers):
        return True
    folders = {}
    for file in (file for files in containers for file in files if file.is_notebook and len(file.parts) > 1):
        folders.setdefault(file.parts[-1], set()).add(file.parts[0])
    return any(len(having) > 2 for having in folders.values())  # two may be one student's two attempts


def _wanted(files: list[File]) -> list[File]:
    return [file for file in files if file.is_notebook or file.is_zip]


def _containers(files: list[File], before: tuple[str, ...], zipped: bool) -> Iterator[tuple[tuple[str, ...], list[File]]]:
    """The exports among the files, each without the folders around it. Folders are taken for exports together or not
    at all: a student who calls the files in a folder like Canvas does is still one among students."""
    wanted = _wanted(files)
    inner = {top: [_without(file, 1) for file in group if len(file.parts) > 1] for top, group in _by_folder(files)}
    in_folders = (
        bool(wanted) and all(len(file.parts) > 1 for file in wanted) and not _is_export(files) and not _is_nbgrader(files)
    )
    tops = {file.parts[0] for file in wanted}
    if in_folders and all(_is_export(inner[top]) or _is_nbgrader(inner[top]) for top in tops):
        for top in sorted(tops):
            yield (*before, top), inner[top]
    elif in_folders and zipped and len(tops) == 1 and _is_per_student(inner[top := tops.pop()]):
        yield (*before, top), inner[top]
    else:
        yield before, files


def _by_folder(files: list[File]) -> Iterator[tuple[str, list[File]]]:
    ordered = sorted(files, key=lambda file: file.parts[0])
    return ((top, list(group)) for top, group in groupby(ordered, key=lambda file: file.parts[0]))


def _without(file: File, count: int) -> File:
    return replace(file, parts=file.parts[count:])


def _is_nbgrader(files: list[File]) -> bool:
    return any(file.is_notebook and file.parts[0] == SUBMITTED and len(file.parts) > 3 for file in files)


def _is_export(files: list[File]) -> bool:
    wanted = _wanted(files)
    if any(file.parts in ((name,) for name in gradescope.FILES) for file in files):
        return any(gradescope.FOLDER.fullmatch(file.parts[0]) for file in wanted)
    return bool(wanted) and all(of_export(file.parts[0]) for file in wanted)


def _is_per_student(files: list[File]) -> bool:
    wanted = _wanted(files)
    return all(len(file.parts) > 1 for file in wanted) and len({file.parts[0] for file in wanted}) > 1


class _Batch:
    """The files of one container, and what some of them tell of others."""

    def __init__(self, files: list[File]):
        self.files, self.is_nbgrader = files, _is_nbgrader(files)
        self.stamps = {file.parts[:-1]: file for file in files if file.parts[-1] == STAMP and len(file.parts) == 4}
        self.is_flat = any(file.is_notebook and len(file.parts) == 1 for file in files)
        self.people = next((_people(file) for file in files if file.parts in ((name,) for name in gradescope.FILES)), {})

    def owned(self) -> Iterator[tuple[File, Owner]]:
        """Each file with each of its owners: those who hand in together are several."""
        for file in self.files:
            if self.is_nbgrader:
                yield from self._of_nbgrader(file)
            elif together := self.people.get(file.parts[0], ()):
                yield from ((file, _one_of(together, owner)) for owner in together)
            elif owner := self._alone(file):
                yield file, owner

    def _of_nbgrader(self, file: File) -> Iterator[tuple[File, Owner]]:
        if file.parts[0] == SUBMITTED and len(file.parts) > 3 and file.parts[-1] != STAMP:
            stamp = self.stamps.get(file.parts[:3])
            yield file, replace(named(file.parts[1]), when=stamp and _stamped(stamp))

    def _alone(self, file: File) -> Owner | None:
        """A folder is a student's, and so is a file. Files of other kinds only tell that a student handed in no notebook;
        beside notebooks that lie side by side, a folder of them is no student's."""
        is_work = file.is_notebook or file.is_zip
        if owner := of_export(file.parts[0]):
            return owner
        if len(file.parts) > 1:
            return named(file.parts[0]) if is_work or not self.is_flat else None
        return of_stem(file.parts[0]) if is_work else None


def _one_of(together: tuple[Owner, ...], owner: Owner) -> Owner:
    others = ", ".join(clean(other.name) for other in together if other is not owner)
    return replace(owner, notes=(f"handed in together with {others}",)) if others else owner


def _people(file: File) -> dict[str, tuple[Owner, ...]]:
    """Gradescope's list; without one that can be read, a student goes by the folder's name."""
    try:
        return gradescope.submitters(file.place.read()) if file.place else {}
    except InputError:
        return {}


def _stamped(file: File) -> datetime | None:
    try:
        return time_of(file.place.read()[:200].decode("utf-8", "replace")) if file.place else None
    except InputError:
        return None
