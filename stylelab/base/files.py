"""Look at paths, write a file completely or not at all, and put paths and errors into messages."""

import errno
import os
import re
import shlex
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stylelab.errors import InputError, MachineError, StylelabError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, the most that a file may have
MACHINE = (*FULL, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)  # no other path would help


def printable(text: object, max_length: int = 120) -> str:
    """Text that is safe in a one-line message: control characters become '?', and a long text is cut short."""
    line = "".join(character if character.isprintable() else "?" for character in str(text)[: max_length + 1])
    return line if len(line) <= max_length else line[: max_length - 3] + "..."


def error_text(error: BaseException | str) -> str:
    """What went wrong, in lower case and on one line: the system's words for a file error, else the exception's own."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(" ".join(text.lower().split()))


def quoted(path: "str | os.PathLike") -> str:
    """A path as it can be typed back after a command, whatever characters are in it.

    >>> print(quoted("my new dir"), quoted("a.png"), quoted("two\\nlines"))
    'my new dir' a.png $'two\\x0alines'
    """
    text = os.fspath(path)
    text = f"./{text}" if text.startswith("-") else text  # not an option
    if text.isprintable():
        return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else shlex.quote(text)
    plain = set(range(32, 127)) - set(b"'\\")
    escaped = "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{escaped}'"


def expand_home(path: "str | os.PathLike") -> Path:
    """The path with '~' replaced by the home folder, unless that folder is unknown; and that of a file:// address."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise InputError(f"a path must be text or a Path; got {type(path).__name__}") from None
    if text.startswith("file:/"):
        from urllib.parse import urlsplit  # late: `stylelab --help` needs neither
        from urllib.request import url2pathname

        if (address := urlsplit(text)).netloc in ("", "localhost"):
            return Path(url2pathname(address.path))
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def refused(error: OSError, what: str) -> StylelabError:
    """A file error as one line: a MachineError if any other path would fail as well, such as on a full disk.

    >>> refused(PermissionError(13, "Permission denied"), "cannot write 'a.png'")
    InputError("cannot write 'a.png': permission denied; choose another path")
    """
    if error.errno in MACHINE:
        advice = "make room on the disk, or choose another" if error.errno in FULL else "try again on an idle machine"
        return MachineError(f"{what}: {error_text(error)}; {advice}")
    try:
        os.getcwd()
    except OSError:
        return InputError(f"{what}: the working folder no longer exists; change to another with `cd`")
    return InputError(f"{what}: {error_text(error)}; choose another path")


def temporary_folder() -> Path:
    """The folder for temporary files.

    Raises:
        MachineError: no such folder can be written, as on a read-only machine.
    """
    import tempfile  # late: `stylelab --help` does not need it

    try:
        return Path(tempfile.gettempdir())
    except OSError:
        raise MachineError("no folder for temporary files can be written: set TMPDIR to one of yours") from None


@contextmanager
def temporary_files(near: Path) -> Iterator[None]:
    """On a machine where no temporary file can be written, let them be written into a folder that is removed afterwards.

    TensorFlow and Dask need some. Child processes find the folder in TMPDIR.

    Args:
        near: the folder of the output, which can be written, or made.
    """
    import tempfile

    try:
        temporary_folder()
    except MachineError:
        with tempfile.TemporaryDirectory(prefix=".stylelab-", dir=_nearest(near), ignore_cleanup_errors=True) as folder:
            before, tempfile.tempdir = dict(os.environ), folder
            os.environ.update({"MPLCONFIGDIR": folder} | before | {"TMPDIR": folder})  # Keras imports Matplotlib
            try:
                yield
            finally:
                tempfile.tempdir = None
                for name in ("MPLCONFIGDIR", "TMPDIR"):
                    os.environ.pop(name)
                os.environ.update(before)
    else:
        yield


def file_kind(path: "str | os.PathLike", trouble: str = "cannot use") -> str:
    """What is at a path: 'file', 'folder', 'other' for a pipe or a device, '' for nothing.

    Raises:
        InputError: the system refuses the path: no permission, a name that is too long, a circle of links. The message
            begins with `trouble`.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise refused(error, f"{trouble} '{printable(path)}'") from None
    except ValueError:  # NUL, or half a character
        raise InputError(f"{trouble} '{printable(path)}': no file can have this name; choose another path") from None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def read_file(path: Path, what: str, most: int) -> bytes:
    """The bytes of a regular file, which messages call `what`. A device, which may never end, is refused.

    Raises:
        InputError: no such file, not a regular one, one of more than `most` bytes, or one that cannot be read.
    """
    try:
        if file_kind(path) == "other":
            raise OSError(errno.EINVAL, "not a regular file")
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise refused(error, f"cannot read {what} '{printable(path)}'") from None
    if len(data) > most:
        raise InputError(f"'{printable(path)}' is larger than {most // 1_000_000} MB: not {what}")
    return data


def write_file(path: Path, write: Callable[[BinaryIO], object], part: Path | None = None) -> None:
    """Let `write` fill a temporary file, then move it to `path`, so that a half-written file never appears at `path`.

    Args:
        path: where it comes to be.
        write: called with the open file.
        part: the temporary file, in the same folder; replaced if it exists. By default one of a new name.

    Raises:
        InputError: the folder is missing or read-only, or `path` is a folder or a device.
        MachineError: the disk is full.
    """
    path = _behind_link(path)
    if file_kind(path) not in ("", "file"):  # otherwise /dev/null would be replaced by a file
        raise InputError(f"cannot write '{printable(path)}': not a regular file; choose another name")
    part = part or _temporary(path)
    try:
        part.unlink(missing_ok=True)
        with open(part, "xb") as stream:
            write(stream)
        os.replace(part, path)
    except OSError as error:
        raise refused(error, f"cannot write '{printable(path)}'") from None
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
    except StylelabError:  # a ValueError or a RuntimeError too, and clear already
        raise
    except (OSError, ValueError, RuntimeError) as error:  # an unknown home or a circle of symbolic links is a RuntimeError
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None


def check_target(path: Path) -> Path:
    """Check, before a long run, that `write_file` can write `path`, and return it. Nothing is left behind.

    Raises:
        InputError: `path` is a folder, a device or write-protected, or its folder is missing or cannot be written.
    """
    kind = file_kind(path)
    if kind == "folder":
        raise InputError(f"'{printable(path)}' is a folder: name a file in it")
    if kind == "other":
        raise InputError(f"cannot write '{printable(path)}': not a regular file; choose another name")
    target = _behind_link(path)
    check_folder(target.parent)
    if kind and not os.access(target, os.W_OK):
        raise InputError(f"'{printable(path)}' is write-protected: choose another name")
    return path


def check_folder(folder: Path) -> None:
    """Check that files can be created in `folder`, by creating and removing an empty one.

    Raises:
        InputError: no such folder, a file of that name, or nothing can be created in it.
        MachineError: the disk is full.
    """
    kind = file_kind(folder)
    if kind == "":
        raise InputError(f"folder '{printable(folder)}' does not exist: run `mkdir -p {quoted(folder)}` first")
    if kind != "folder":
        raise InputError(f"'{printable(folder)}' is not a folder: choose another")
    part = _temporary(folder / "stylelab")
    try:
        open(part, "xb").close()
        part.unlink()
    except OSError as error:
        raise refused(error, f"cannot write into folder '{printable(folder)}'") from None


def check_parent_folder(folder: Path) -> None:
    """`check_folder` for a folder that may not exist yet: its nearest existing parent is checked instead.

    Raises:
        InputError, MachineError: as `check_folder`.
    """
    check_folder(_nearest(folder))


def _nearest(folder: Path) -> Path:
    """A folder, or its nearest parent that exists."""
    return next((parent for parent in (folder, *folder.parents) if file_kind(parent)), folder)


def _behind_link(path: Path) -> Path:
    """The file that a link points to, so that the link is kept and the file replaced."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _temporary(path: Path) -> Path:
    """A name next to `path`, one length for all, so that a path with a long name can be written too."""
    return path.with_name(f".stylelab.{os.getpid()}-{threading.get_ident()}.part")
