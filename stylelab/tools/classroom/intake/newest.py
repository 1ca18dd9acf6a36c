"""Which of one student's files are to be graded: the newest of each lesson and framework, and what is in trouble."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from stylelab.errors import InputError
from stylelab.tools.classroom.intake.incoming import LIMITS
from stylelab.tools.classroom.intake.layouts import Handed
from stylelab.tools.classroom.intake.students import AGAIN, clean
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.notebooks.identify import find_edition
from stylelab.tools.classroom.notebooks.read import Notebook, read_notebook

LONGEST = 160  # letters of a file's name


def pick(student: str, handed: list[Handed]) -> Iterator[Submission]:
    """What counts of all that one student handed in.

    Args:
        student: the name for tables.

    Returns:
        Submissions; at least one, with `trouble`, for a student who handed in something that is no notebook.
    """
    notebooks = sorted((each for each in handed if each.file.is_notebook), key=_newest, reverse=True)
    kept = notebooks[: LIMITS.notebooks]
    chosen = list(_counting([_submission(student, each) for each in kept]))
    chosen += [_submission(student, each) for each in handed if each.file.trouble and each.file.is_zip]
    if chosen and len(notebooks) > len(kept):
        note = f"{len(notebooks):,} notebooks were handed in: only the newest {len(kept)} were looked at"
        chosen = [replace(each, notes=(*each.notes, note)) for each in chosen]
    yield from chosen or _nothing(student, handed)


def _nothing(student: str, handed: list[Handed]) -> Iterator[Submission]:
    newest = max(handed, key=_newest)
    yield replace(_submission(student, newest), data=b"", trouble="no notebook was handed in, only other files")


def _newest(each: Handed) -> tuple[datetime, int, str]:
    """A system that renames what is handed in again counts upwards; its zip has one time for all."""
    again = AGAIN.search(each.file.parts[-1])
    return each.when or datetime.min.replace(tzinfo=UTC), int(again[1]) if again else 0, each.name


def _submission(student: str, each: Handed) -> Submission:
    data = b"" if each.file.trouble else each.file.place
    return Submission(student, _shown(each.name), data, each.when, each.notes, each.file.trouble)


def _shown(name: str) -> str:
    """A file's name in one line; of a long one, the end, where the lesson is."""
    name = "/".join(clean(part, LONGEST) for part in name.split("/"))
    return name if len(name) <= LONGEST else f"...{name[3 - LONGEST :]}"


def _counting(newest_first: list[Submission]) -> Iterable[Submission]:
    """Of each lesson and framework, the newest. A single notebook is not even opened."""
    if len(newest_first) < 2:
        return newest_first
    chosen: dict[object, Submission] = {}
    for each, edition in map(_told, newest_first):
        # what cannot be graded counts for itself, unless its name tells that a newer one took its place
        known = edition in chosen or (edition[0] and not each.trouble)
        key = edition if known else (each.name, len(chosen))
        chosen[key] = _instead(chosen[key], each) if key in chosen else each
    return chosen.values()


def _told(each: Submission) -> tuple[Submission, tuple[str, str]]:
    """The submission and which lesson and framework it is; of one that cannot be read, by its name."""
    try:
        notebook = Notebook() if each.trouble else read_notebook(each.read())
    except InputError as error:
        each, notebook = replace(each, data=b"", trouble=str(error)), Notebook()
    return each, find_edition(notebook, each.name)


def _instead(counts: Submission, other: Submission) -> Submission:
    note = f"handed in more than once: '{counts.name}'{_of(counts)} counts, '{other.name}'{_of(other)} does not"
    return replace(counts, notes=(*counts.notes, note))


def _of(each: Submission) -> str:
    return f" of {each.when:%Y-%m-%d %H:%M}" if each.when else ""
