"""Write files whole or not at all."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from stylelab.errors import InputError


def shown(text: object, longest: int = 120) -> str:
    """Somebody's text fit for one line of an error: no line breaks or control characters, not too long."""
    line = "".join(character if character.isprintable() else "?" for character in str(text))
    return line if len(line) <= longest else line[: longest - 3] + "..."


def one_line(error: BaseException) -> str:
    """What an exception says, fit for the middle of a line: the system's words for a file, else its own."""
    return shown((getattr(error, "strerror", None) or str(error) or type(error).__name__).lower())


def expanded(path: "str | os.PathLike") -> Path:
    """The path with '~' as the home folder; as it is where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a stream, then put the file in its place at once: nobody ever sees half of it.

    Raises:
        InputError: the folder is missing or cannot be written, the disk is full, or a folder or device has that name.
    """
    path = Path(os.path.realpath(path))  # a link stays a link, and what it points to is replaced
    if path.exists() and not path.is_file():  # /dev/null would become a file of ours
        raise InputError(f"cannot write '{shown(path)}': it is no ordinary file; choose another name")
    part = _part(path)
    try:
        with open(part, "xb") as stream:
            write(stream)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"cannot write '{shown(path)}': {one_line(error)}") from None
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_file` for text, as UTF-8."""
    write_file(path, lambda stream: stream.write(text.encode()))


def check_folder(folder: Path) -> None:
    """Make sure that a file can be written into `folder`, by writing an empty one and taking it away.

    Raises:
        InputError: no such folder, not a folder, or no file can be made in it.
    """
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"'{shown(folder)}' is no folder: choose another")
        raise InputError(f"folder '{shown(folder)}' does not exist: run `mkdir -p {shown(folder)}` first")
    part = _part(folder / "stylelab")
    try:
        open(part, "xb").close()
        part.unlink()
    except OSError as error:
        raise InputError(f"cannot write into folder '{shown(folder)}': {one_line(error)}; choose another") from None


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name[:60]}.{os.getpid()}-{threading.get_ident()}.part")
