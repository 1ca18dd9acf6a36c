"""Digests that identify the version of stylelab that decided a mark."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

from stylelab.base.course import ASSETS, chosen_course, find_lessons
from stylelab.exercises.own import exercise_files
from stylelab.tools.classroom.notebooks.lessons import stamps

PACKAGE = Path(__file__).resolve().parents[3]
# the frameworks' halves are included because their functions replace answers that are not right
DECIDING = ("exercises", "tools/classroom", "torch", "tensorflow")


def grader_digest() -> str:
    """SHA-256 of all files that decide a mark: the grader's code, the course's exercises, and the lessons, by which answers are
    found.
    """
    course = chosen_course()
    return _digest(stamps([*(exercise_files(course.folder) if course.folder else []), *find_lessons()]))


@lru_cache(maxsize=8)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """The digest of these files of a course, and of the package. They are read again when the former have changed."""
    package = [path for folder in DECIDING for path in sorted((PACKAGE / folder).rglob("*.py"))]
    return sha256(b"".join(path.read_bytes() for path in [*package, *(path for path, _, _ in files)]))


@cache
def encoder_digest() -> str:
    """SHA-256 of the embedded encoder, for the record; empty if it is not installed. No answer needs it."""
    path = ASSETS / "encoder-mini.safetensors"
    return sha256(path.read_bytes()) if path.is_file() else ""


def sha256(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
