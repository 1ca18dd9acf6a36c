"""A student's own copy of the lessons. What a student has touched is never overwritten.

A hidden record in the folder holds the SHA-256 of every notebook that was handed out. A notebook that still has it is
untouched, and a newer edition takes its place; any other is the student's, and a newer edition is laid beside it.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stylelab.base.course import TITLES, find_lessons
from stylelab.base.files import check_folder, error_text, printable, write_file, write_text
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
    folder = _ready(Path(folder), lessons[0].parent)
    record, done = _read(folder), {}
    for lesson in lessons:
        name, what = _hand_out(lesson, folder, record)
        done.setdefault(what, []).append(name)
    return "\n".join(_tell(folder, done))


def _ready(folder: Path, origin: Path) -> Path:
    """The folder, made and found fit to be written to."""
    try:
        folder = folder.expanduser()
        if folder.resolve().is_relative_to(origin.resolve()):
            raise InputError(f"'{printable(folder)}' is where the lessons come from: name a folder of your own")
        if not folder.is_dir() and os.path.lexists(folder):
            raise InputError(f"'{printable(folder)}' is no folder: choose another name")
        folder.mkdir(parents=True, exist_ok=True)
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a path that leads in a circle is a RuntimeError
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None
    check_folder(folder)
    return folder


def _read(folder: Path) -> dict[str, str]:
    """What was handed out here: file name -> SHA-256. A record that cannot be read is none: all is the student's then."""
    with suppress(OSError, ValueError):
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return {name: digest for name, digest in record.items() if isinstance(digest, str)}
    return {}


def _hand_out(lesson: Path, folder: Path, record: dict[str, str]) -> tuple[str, str]:
    """Bring one notebook into the folder; returns the name under which it is there and one of the words of TOLD."""
    try:
        data = lesson.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read lesson '{printable(lesson)}': {error_text(error)}; fetch the repository again") from None
    edition = hashlib.sha256(data).hexdigest()
    places = {path: _digest(path) for path in _places(folder, lesson)}
    for path, now in places.items():
        if now is not None and edition in (now, record.get(path.name)):
            _note(folder, record, path.name, edition)
            return path.name, "same" if now == edition else "yours"
    for path, now in places.items():
        if now in (None, record.get(path.name)) and _put(path, data, now):
            _note(folder, record, path.name, edition)
            return path.name, "beside" if path.name != lesson.name else "updated" if now else "new"
    raise InputError(f"'{printable(folder)}' holds {EDITIONS} editions of {lesson.name}: move some of them elsewhere")


def _places(folder: Path, lesson: Path) -> Iterator[Path]:
    """Where an edition of a lesson may be: under its own name, and beside it."""
    yield folder / lesson.name
    for number in range(1, EDITIONS):
        yield folder / f"{lesson.stem}_newer{'' if number == 1 else f'_{number}'}.ipynb"


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is nothing. Links, folders and what cannot be read are the student's own."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        return "not ours"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "not ours"


class _Touched(Exception):
    """Somebody saved the file just now."""


def _put(path: Path, data: bytes, before: str | None) -> bool:
    """Write the file whole, unless it has changed since `before` was found; returns whether it was written."""

    def write(stream) -> None:
        stream.write(data)
        stream.flush()
        if _digest(path) != before:  # looked at last, an instant before the new file takes its place
            raise _Touched

    try:
        write_file(path, write)
    except _Touched:
        return False
    return True


def _note(folder: Path, record: dict[str, str], name: str, edition: str) -> None:
    """After every notebook, so that Ctrl-C loses nothing."""
    if record.get(name) != edition:
        record[name] = edition
        write_text(folder / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")


def _tell(folder: Path, done: dict[str, list[str]]) -> Iterator[str]:
    yield f"{printable(folder)}: {sum(map(len, done.values()))} notebooks"
    for what, words in TOLD.items():
        if names := done.get(what):
            listed = f" ({', '.join(names)})" if what in ("beside", "yours") and len(names) <= LONGEST else ""
            yield f"  {len(names)} {words}{listed}"
    yield f"open them with: jupyter lab {shlex.quote(printable(folder))}"
