"""The files of a folder. Links are not followed, and nothing is opened that could make the reader wait."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from stylelab.base.files import error_text
from stylelab.tools.classroom.intake.incoming import LIMITS, File, is_hidden, too_large
from stylelab.tools.classroom.intake.place import Place

LINK = "it is a link, and links are not followed: put the file itself there"


def files(folder: Path, parts: tuple[str, ...] = ()) -> Iterator[File]:
    """Every file below a folder, in the order of names, without hidden ones; what cannot be read has `trouble`."""
    if len(parts) >= LIMITS.depth:
        return
    try:
        with os.scandir(folder) as found:
            inside = sorted((each for each in found if not is_hidden(each.name)), key=lambda each: each.name)
    except OSError as error:
        yield File((*parts, "*.ipynb"), None, None, f"the folder cannot be read: {error_text(error)}")
        return
    for each in inside:
        if each.is_dir(follow_symlinks=False):
            yield from files(Path(each.path), (*parts, each.name))
        elif each.is_symlink() and not parts and each.is_dir():
            yield File((each.name, "*.ipynb"), None, None, LINK)
        else:
            yield file(Path(each.path), (*parts, each.name))


def file(path: Path, parts: tuple[str, ...]) -> File:
    """One file, looked at from outside."""
    try:
        seen = os.lstat(path)
    except OSError as error:
        return File(parts, None, None, f"the file cannot be read: {error_text(error)}")
    trouble = _trouble(path, seen)
    place = None if trouble else Place(os.fspath(path), seen.st_size)
    return File(parts, place, _when(seen.st_mtime), trouble)


def _trouble(path: Path, seen: os.stat_result) -> str | None:
    if stat.S_ISLNK(seen.st_mode):
        return LINK
    if not stat.S_ISREG(seen.st_mode):
        return "it is no ordinary file: put the notebook itself there"
    # a zip on the disk is read entry by entry, whatever its size
    return None if path.suffix.lower() == ".zip" else too_large(path.name, seen.st_size)


def _when(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
