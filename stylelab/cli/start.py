"""A student's own copy of the lessons. What a student has touched is never overwritten.

A hidden record in the folder holds the SHA-256 of every notebook that was handed out. A notebook that still has it is
untouched, and a newer edition takes its place; any other is the student's, and a newer edition is laid beside it.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from stylelab.base import handed_out
from stylelab.base.course import TITLES, find_lessons
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, unknown

RECORD = ".stylelab-lessons.json"
TOLD = {  # what happened to a notebook -> what is said about it
    "new": "new",
    "updated": "brought up to date: you had not touched them",
    "beside": "newer than yours, laid beside it",
    "yours": "kept as you left them",
    "same": "as handed out",
}
EDITIONS = 50  # of one lesson in one folder
LONGEST = 4  # file names in one line of what is told


def start(folder: Path, framework: str | None = None) -> str:
    """Copy the lessons into a student's folder, or bring those that are there up to date.

    Args:
        folder: made if it is missing.
        framework: 'torch' or 'tensorflow'; both by default.

    Returns:
        What was done, in a few lines.

    Raises:
        InputError: an unknown framework, no lessons to copy, or a folder that cannot be used.
    """
    if framework is not None and framework not in TITLES:
        raise unknown("framework", framework, TITLES)
    lessons = find_lessons(framework)
    folder = handed_out.make_folder(Path(folder), lessons[0].parent)
    record = {name: digest for name, digest in handed_out.read_record(folder / RECORD).items() if isinstance(digest, str)}
    done = {}
    for lesson in lessons:
        name, what = _hand_out(lesson, folder, record)
        done.setdefault(what, []).append(name)
    return "\n".join(_tell(folder, done))


def _hand_out(lesson: Path, folder: Path, record: dict) -> tuple[str, str]:
    """Bring one notebook into the folder; returns the name under which it is there and one of the words of TOLD."""
    try:
        data = lesson.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read lesson '{printable(lesson)}': {error_text(error)}; fetch the repository again") from None
    edition = handed_out.sha256(data)
    places = {path: handed_out.file_sha256(path) for path in _places(folder, lesson)}
    for path, now in places.items():
        if now is not None and edition in (now, record.get(path.name)):
            _note(folder, record, path.name, edition)
            return path.name, "same" if now == edition else "yours"
    for path, now in places.items():
        if now in (None, record.get(path.name)) and handed_out.replace(path, data, now):
            _note(folder, record, path.name, edition)
            return path.name, "beside" if path.name != lesson.name else "updated" if now else "new"
    raise InputError(f"'{printable(folder)}' holds {EDITIONS} editions of {lesson.name}: move some of them elsewhere")


def _places(folder: Path, lesson: Path) -> Iterator[Path]:
    """Where an edition of a lesson may be: under its own name, and beside it."""
    yield folder / lesson.name
    for number in range(1, EDITIONS):
        yield folder / f"{lesson.stem}_newer{'' if number == 1 else f'_{number}'}.ipynb"


def _note(folder: Path, record: dict, name: str, edition: str) -> None:
    """Called after every notebook, so that Ctrl-C loses nothing."""
    record[name] = edition
    handed_out.write_record(folder / RECORD, record)


def _tell(folder: Path, done: dict[str, list[str]]) -> Iterator[str]:
    yield f"{printable(folder)}: {sum(map(len, done.values()))} notebooks"
    for what, words in TOLD.items():
        if names := done.get(what):
            listed = f" ({', '.join(names)})" if what in ("beside", "yours") and len(names) <= LONGEST else ""
            yield f"  {len(names)} {words}{listed}"
    yield f"open them with: jupyter lab {shlex.quote(printable(folder))}"
