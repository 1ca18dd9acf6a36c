"""What a student has tried, asked for and guessed, in a small file next to the notebooks.

It lives with the student, who can change it: for a teacher it is a hint, and never evidence. The same is in the notebook itself, in the
metadata of what a check or a hint displays, so that it is submitted with it.
"""

import hashlib
import json
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stylelab.base.files import write_text
from stylelab.exercises.checking.reach import innermost

FILE = ".stylelab-progress.json"  # in the folder of the notebooks
KEY = "stylelab"  # of our part of an output's metadata
MOST = 200  # different answers that are counted

_unsaved: dict[str, dict] = {}  # folder -> its record, where the file cannot be written
_checked_in: dict[str, list[str]] = {}  # exercise -> the cells of its checks in this session
_off: list[bool] = []  # not empty while nothing is written down


def read(folder: Path | None = None) -> dict[str, Any]:
    """The record of a folder, by default of the current one: exercise or prediction -> what is known of it. Empty if there is none."""
    path = (folder or Path()) / FILE
    record = None
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
    known = record if isinstance(record, dict) else {}
    return {name: entry for name, entry in known.items() if isinstance(entry, dict)} | _unsaved.get(os.path.abspath(path), {})


def entry(name: str) -> dict[str, Any]:
    """What is known of an exercise, with something of each kind."""
    known = read().get(name, {})
    fresh: dict[str, Any] = {"wrong": [], "hints": 0, "cells": {}, "solution": False}
    return fresh | {key: value for key, value in known.items() if key not in fresh or type(value) is type(fresh[key])}


def save(name: str, known: dict[str, Any]) -> None:
    """Write down what is known of an exercise or a prediction. In a folder that cannot be written it is kept while the kernel lives."""
    record = read() | {name: known}
    path = Path(FILE)
    try:
        write_text(path, json.dumps(record, indent=1, sort_keys=True) + "\n")
    except Exception:  # noqa: BLE001  a lesson works without it
        _unsaved[os.path.abspath(path)] = record


@contextmanager
def off() -> Iterator[None]:
    """Write nothing down inside: a wrong answer there is the lesson's, and not a student's try."""
    _off.append(True)
    try:
        yield
    finally:
        _off.pop()


def is_off() -> bool:
    """Whether nothing is written down just now."""
    return bool(_off)


def note_check(name: str) -> None:
    """Remember the cell in which an exercise was checked, while the kernel lives."""
    _checked_in.setdefault(name, []).append(current_cell())


def checks_elsewhere(name: str) -> int:
    """How often an exercise was checked in other cells than this one, in this session."""
    return sum(cell != current_cell() for cell in _checked_in.get(name, ()))


def note_wrong(name: str, function: object) -> dict[str, Any]:
    """Write down a wrong answer: the same one counts once, however often its check is run."""
    known = entry(name)
    digest = hashlib.sha256(repr(_work_of(innermost(function))).encode()).hexdigest()[:12]
    if digest not in known["wrong"]:
        known["wrong"] = [*known["wrong"][1 - MOST :], digest]
        save(name, known)
    return known


def _work_of(function: object, depth: int = 3) -> list:
    """What a function and its helpers do, wherever they are written, and whatever their comments, docstrings and own names are."""
    code, home = getattr(function, "__code__", None), getattr(function, "__module__", None)
    if not isinstance(code, types.CodeType):
        return []

    def parts(code: types.CodeType) -> list:
        constants = (each for each in code.co_consts if each not in (None, getattr(function, "__doc__", None)))
        return [
            code.co_code.hex(),
            code.co_names,
            *(parts(each) if isinstance(each, types.CodeType) else repr(each) for each in constants),
        ]

    named = (getattr(function, "__globals__", {}).get(name) for name in code.co_names) if depth else ()
    return [parts(code), *(_work_of(each, depth - 1) for each in named if getattr(each, "__module__", ...) == home)]


def summary(known: dict[str, Any], outcome: str = "") -> dict[str, Any]:
    """The part of it that is submitted."""
    return {"outcome": outcome, "wrong": len(known["wrong"]), "hints": known["hints"], "solution": known["solution"]}


def current_cell() -> str:
    """Jupyter's id of the cell that is run; empty elsewhere."""
    with suppress(Exception):
        shell: Any = sys.modules["IPython"].get_ipython()
        return str(shell.kernel.get_parent()["metadata"]["cellId"])
    return ""
