"""What students handed in, however it was collected. Everything is only read, and nothing is unpacked to the disk."""

import os
from datetime import datetime
from pathlib import Path

from stylelab.classroom.model import Submission
from stylelab.classroom.place import Place
from stylelab.errors import InputError
from stylelab.files import shown


def collect(source: Path) -> list[Submission]:
    """Find every submission.

    Args:
        source: a notebook, a zip, or a folder of either.

    Returns:
        One for each student, lesson and framework, in the order of names; those that cannot be graded have `trouble`.

    Raises:
        InputError: there is no such file or folder, or no notebook in it.
    """
    source = Path(source)
    paths = [source] if source.is_file() else sorted(source.rglob("*.ipynb"))
    if not paths:
        raise InputError(f"no notebook in '{shown(source)}'")
    return [_submission(path, source) for path in paths]


def _submission(path: Path, source: Path) -> Submission:
    student = path.stem if path.parent == source or path == source else path.relative_to(source).parts[0]
    when = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    return Submission(student, path.name, Place(os.fspath(path), path.stat().st_size), when)
