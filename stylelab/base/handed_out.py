"""Write notebooks into a folder in which someone works, without overwriting anything of theirs.

A hidden record in the folder holds the SHA-256 of every file that was written. A file that still has this SHA-256 may be
replaced by a newer version; any other file has been changed by the user and stays.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from stylelab.base.files import check_folder, folder_errors, printable, write_file, write_text
from stylelab.errors import InputError

NOT_A_FILE = "not a regular file"  # in place of a SHA-256


def make_folder(folder: Path, lessons: Path) -> Path:
    """Make a folder for copies of the lessons, check that files can be written into it, and return its expanded path.

    Args:
        lessons: the folder of the originals, which must not be the target or contain it.

    Raises:
        InputError: the folder is among the lessons, cannot be made, or cannot be written to.
    """
    with folder_errors(folder):
        folder = folder.expanduser()
    with folder_errors(folder):
        if folder.resolve().is_relative_to(lessons.resolve()):
            raise InputError(f"'{printable(folder)}' is where the lessons come from: choose another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise InputError(f"'{printable(folder)}' is not a folder: choose another name") from None
    check_folder(folder)
    return folder


def read_record(path: Path) -> dict:
    """File name -> what `write_record` noted about it. A missing or damaged record is empty: then every file is the user's."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return {}


def write_record(path: Path, record: dict) -> None:
    """Write the record, unless the file already says the same."""
    if record != read_record(path):
        write_text(path, json.dumps(record, indent=1, sort_keys=True) + "\n")


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str | None:
    """The SHA-256 of a file; None where there is nothing; NOT_A_FILE for links, folders and unreadable files."""
    if not os.path.lexists(path):
        return None
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            return sha256(path.read_bytes())
    return NOT_A_FILE


def replace(path: Path, data: bytes, before: str | None) -> bool:
    """Write a file, unless it has changed since its `file_sha256` was `before`. Return whether it was written."""

    def write(stream: BinaryIO) -> None:
        stream.write(data)
        stream.flush()
        if file_sha256(path) != before:  # the last moment before the new file replaces the old one
            raise _ChangedMeanwhile

    try:
        write_file(path, write)
    except _ChangedMeanwhile:
        return False
    return True


class _ChangedMeanwhile(Exception):
    """Another program has just saved the file."""
