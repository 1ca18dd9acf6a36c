"""Digests that identify the version of stylelab that decided a mark."""

import hashlib
from functools import cache
from pathlib import Path

from stylelab.base.course import ASSETS, find_lessons

PACKAGE = Path(__file__).resolve().parents[3]
# the frameworks' halves are included because their functions replace answers that are not right
DECIDING = ("exercises", "tools/classroom", "torch", "tensorflow")


@cache
def grader_digest() -> str:
    """SHA-256 of all files that decide a mark: the grader's code, and the lessons, by which answers are found."""
    files = [path for folder in DECIDING for path in sorted((PACKAGE / folder).rglob("*.py"))]
    return sha256(b"".join(path.read_bytes() for path in [*files, *find_lessons()]))


@cache
def encoder_digest() -> str:
    """SHA-256 of the embedded encoder, for the record; empty if it is not installed. No answer needs it."""
    path = ASSETS / "encoder-mini.safetensors"
    return sha256(path.read_bytes()) if path.is_file() else ""


def sha256(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
