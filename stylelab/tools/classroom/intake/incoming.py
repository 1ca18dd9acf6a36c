"""A file as it comes in, and how much of it is read."""

from dataclasses import dataclass
from datetime import datetime

from stylelab.tools.classroom.intake.place import Place
from stylelab.tools.classroom.notebooks import read as notebook

NOTEBOOK, ZIP = ".ipynb", ".zip"


@dataclass(frozen=True)
class Limits:
    """What is read of a file or a zip. Sizes in bytes."""

    file: int = notebook.LIMITS.file  # a notebook; as it is in a zip's directory, and again while it is unpacked
    zip: int = 100_000_000  # a student's own zip inside another zip, which is held in memory while it is read
    unpacked: int = 200_000_000  # all notebooks in a student's own zip
    directory: int = 4_000_000  # of a zip: the list of its entries
    entries: int = 20_000
    ratio: int = 200  # of what is unpacked to what is packed, from a megabyte on
    depth: int = 20  # folders in folders
    notebooks: int = 60  # of one student: six lessons, two editions, five times each


LIMITS = Limits()


@dataclass(frozen=True)
class File:
    """A file that may have been handed in, or may tell something of one that was.

    Attributes:
        parts: folders and name, from where it was found.
        place: where its bytes are; None with `trouble`.
        when: its own time, with a time zone.
        trouble: why it cannot be read, one sentence.
    """

    parts: tuple[str, ...]
    place: Place | None
    when: datetime | None = None
    trouble: str | None = None

    @property
    def is_notebook(self) -> bool:
        return self.parts[-1].lower().endswith(NOTEBOOK)

    @property
    def is_zip(self) -> bool:
        return self.parts[-1].lower().endswith(ZIP)


def is_hidden(name: str) -> bool:
    """What an operating system or Jupyter leaves behind: nobody hands it in."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def too_large(file: str, size: int) -> str | None:
    """Why a file of this size is not read; None when it is."""
    most = LIMITS.zip if file.lower().endswith(ZIP) else LIMITS.file
    return f"the file has {size:,} bytes; {most:,} at most: clear its outputs and hand it in again" if size > most else None
