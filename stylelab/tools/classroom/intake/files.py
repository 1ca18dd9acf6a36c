"""List the files of a folder, and say how much of a file or a zip is read. Links are not followed."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stylelab.tools.classroom.intake.stored_file import StoredFile
from stylelab.tools.classroom.notebooks import read as notebook

# a notebook as browsers and operating systems may save it, too: x.ipynb.txt, x.ipynb (1).json
NOTEBOOK = re.compile(r"\.ipynb(?: ?\(\d+\))?(?:\.(?:txt|json|download))?$", re.I)
# what students submit instead of a notebook: code, text, archives
ANSWER = re.compile(r"\.(?:py|html?|pdf|docx?|odt|rtf|pages|txt|json|rar|7z|tar|t?gz|t?bz2|t?xz|zst)$", re.I)
TEACHERS = re.compile(r"(?:read.?me|licen[cs]e|notes|todo|requirements|roster|students|nbgrader_config|conftest|setup)\b", re.I)
SYSTEM = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__pycache__", "$recycle.bin"}
LINK = "it is a link, and links are not followed: put the file itself there"


@dataclass(frozen=True)
class Limits:
    """How much of a file or a zip is read. Sizes in bytes."""

    file: int = notebook.LIMITS.file  # a notebook: checked against the zip's directory, and again while unpacking
    zip: int = 100_000_000  # a student's own zip inside another zip, which is held in memory while it is read
    unpacked: int = 200_000_000  # all notebooks in a student's own zip
    directory: int = 4_000_000  # a zip's list of entries
    entries: int = 20_000
    ratio: int = 200  # unpacked to packed size, for entries above one megabyte
    depth: int = 20  # nested folders
    notebooks: int = 80  # per student: eight lessons, two editions, five submissions each


LIMITS = Limits()


@dataclass(frozen=True)
class IncomingFile:
    """A file that may be a submission, or that describes one.

    Attributes:
        parts: folders and name, relative to where the search began.
        stored: where its bytes are; None if there is `trouble`.
        modified: its own time, with a time zone.
        trouble: why it cannot be read, in one sentence.
    """

    parts: tuple[str, ...]
    stored: StoredFile | None
    modified: datetime | None = None
    trouble: str | None = None

    @property
    def is_notebook(self) -> bool:
        return bool(NOTEBOOK.search(self.parts[-1]))

    @property
    def is_zip(self) -> bool:
        return self.parts[-1].lower().endswith(".zip")

    @property
    def is_work(self) -> bool:
        """Whether it can be graded, as far as its name tells."""
        return self.is_notebook or self.is_zip

    @property
    def may_be_work(self) -> bool:
        """Whether a student may have submitted it as an answer, even if it cannot be graded."""
        return self.is_work or (bool(ANSWER.search(self.parts[-1])) and not TEACHERS.match(self.parts[-1]))


def list_folder(folder: Path, parts: tuple[str, ...] = ()) -> Iterator[IncomingFile]:
    """List all files below a folder, sorted by name and without hidden ones; a folder that cannot be read as one file."""
    if len(parts) >= LIMITS.depth:
        return
    try:
        with os.scandir(folder) as entries:
            visible = sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError:
        yield IncomingFile((*parts, "*.ipynb"), StoredFile(os.fspath(folder), 0))  # reported when it is marked
        return
    for entry in visible:
        if entry.is_dir(follow_symlinks=False):
            yield from list_folder(Path(entry.path), (*parts, entry.name))
        elif entry.is_symlink() and not parts and entry.is_dir():
            yield IncomingFile((entry.name, "*.ipynb"), None, None, LINK)
        else:
            yield inspect_file(Path(entry.path), (*parts, entry.name))


def inspect_file(path: Path, parts: tuple[str, ...]) -> IncomingFile:
    """Describe one file without opening it."""
    try:
        status = os.lstat(path)
    except OSError:
        return IncomingFile(parts, StoredFile(os.fspath(path), 0))  # reported when it is marked
    if stat.S_ISLNK(status.st_mode):
        trouble: str | None = LINK
    elif not stat.S_ISREG(status.st_mode):
        trouble = "it is not a regular file: put the notebook itself there"
    else:  # a zip on disk is read entry by entry, so its own size does not matter
        trouble = None if path.suffix.lower() == ".zip" else size_trouble(path.name, status.st_size)
    try:
        modified = datetime.fromtimestamp(status.st_mtime).astimezone()
    except (ValueError, OverflowError, OSError):
        modified = None
    return IncomingFile(parts, None if trouble else StoredFile(os.fspath(path), status.st_size), modified, trouble)


def is_hidden(name: str) -> bool:
    """Whether an operating system or Jupyter left this file behind: it is not part of a submission."""
    return name.startswith((".", "~$")) or name.casefold() in SYSTEM


def size_trouble(name: str, size: int) -> str | None:
    """Why a file of this size is not read; None if it is."""
    most = LIMITS.zip if name.lower().endswith(".zip") else LIMITS.file
    return f"the file has {size:,} bytes; {most:,} at most: clear its outputs and submit it again" if size > most else None
