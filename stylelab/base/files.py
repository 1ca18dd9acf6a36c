"""Write a file completely or not at all, check folders, and put paths and errors into messages."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stylelab.errors import InputError


def printable(text: object, max_length: int = 120) -> str:
    """Text that is safe in a one-line message: control characters become '?', and a long text is cut short."""
    line = "".join(character if character.isprintable() else "?" for character in str(text))
    return line if len(line) <= max_length else line[: max_length - 3] + "..."


def error_text(error: BaseException | str) -> str:
    """What went wrong, in lower case and on one line: the system's words for a file error, else the exception's own."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(" ".join(text.lower().split()))


def expand_home(path: "str | os.PathLike") -> Path:
    """The path with '~' replaced by the home folder; unchanged if that folder is unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file, then move it to `path`, so that a half-written file never appears at `path`.

    Raises:
        InputError: the folder is missing or read-only, the disk is full, or `path` is a folder or a device.
    """
    path = Path(os.path.realpath(path))  # keep a link, and replace the file that it points to
    if path.exists() and not path.is_file():  # otherwise /dev/null would be replaced by a file
        raise InputError(f"cannot write '{printable(path)}': not a regular file; choose another name")
    part = _temporary(path)
    try:
        with open(part, "xb") as stream:
            write(stream)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"cannot write '{printable(path)}': {error_text(error)}") from None
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_file` for text, in UTF-8."""
    write_file(path, lambda stream: stream.write(text.encode()))


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """While a folder is made in the `with` block, turn errors about it into an InputError.

    Raises:
        InputError: the folder cannot be made, or its path cannot be resolved.
    """
    try:
        yield
    except InputError:  # a ValueError too, and clear already
        raise
    except (OSError, ValueError, RuntimeError) as error:  # an unknown home or a circle of symbolic links is a RuntimeError
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None


def check_folder(folder: Path) -> None:
    """Check that files can be created in `folder`, by creating and removing an empty one.

    Raises:
        InputError: no such folder, a file of that name, or nothing can be created in it.
    """
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"'{printable(folder)}' is not a folder: choose another")
        raise InputError(f"folder '{printable(folder)}' does not exist: run `mkdir -p {printable(folder)}` first")
    part = _temporary(folder / "stylelab")
    try:
        open(part, "xb").close()
        part.unlink()
    except OSError as error:
        raise InputError(f"cannot write into folder '{printable(folder)}': {error_text(error)}; choose another") from None


def check_parent_folder(folder: Path) -> None:
    """`check_folder` for a folder that may not exist yet: its nearest existing parent is checked instead.

    Raises:
        InputError: as `check_folder`.
    """
    check_folder(next(parent for parent in (folder, *folder.absolute().parents) if parent.exists()))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name[:60]}.{os.getpid()}-{threading.get_ident()}.part")
