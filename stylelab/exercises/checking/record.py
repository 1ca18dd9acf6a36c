"""What a student has tried, asked for and guessed, in a small file beside the notebooks.

It lives with the student, who can change it: for a teacher it is a hint, and never evidence. The same is in the notebook itself, in the
metadata of what a check or a hint displays, so that it is handed in with it.
"""

import hashlib
import json
import os
import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

from stylelab.base.files import write_text
from stylelab.exercises.checking.reach import innermost

FILE = ".stylelab-progress.json"  # in the folder of the notebooks
KEY = "stylelab"  # of our part of an output's metadata
MOST = 200  # answers that are told apart

_unsaved: dict[str, dict] = {}  # folder -> its record, where the file cannot be written


def read(folder: Path | None = None) -> dict[str, Any]:
    """The record of a folder, by default of the current one: exercise or prediction -> what is known of it. Empty if there is none."""
    path = (folder or Path()) / FILE
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return {name: entry for name, entry in record.items() if isinstance(entry, dict)}
    return _unsaved.get(_name(path), {})


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
    except Exception:  # noqa: BLE001  a lesson goes on without it
        _unsaved[_name(path)] = record


def _name(path: Path) -> str:
    return os.path.abspath(path)


def note_wrong(name: str, function: object) -> dict[str, Any]:
    """Write down a wrong answer: the same one counts once, however often its check is run."""
    known = entry(name)
    digest = _digest(getattr(innermost(function), "__code__", None))
    if digest not in known["wrong"][-MOST:]:
        known["wrong"] = [*known["wrong"][-MOST:], digest]
        save(name, known)
    return known


def _digest(code: types.CodeType | None) -> str:
    """Identifies what a function does, wherever it is written."""

    def parts(code: types.CodeType) -> list:
        constants = [parts(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
        return [code.co_code.hex(), constants, code.co_names, code.co_varnames]

    return hashlib.sha256(repr(parts(code) if code else None).encode()).hexdigest()[:12]


def summary(known: dict[str, Any], outcome: str = "") -> dict[str, Any]:
    """What is handed in of it."""
    return {"outcome": outcome, "wrong": len(known["wrong"]), "hints": known["hints"], "solution": known["solution"]}


def current_cell() -> str:
    """Jupyter's id of the cell that is run; empty elsewhere."""
    with suppress(Exception):
        shell: Any = sys.modules["IPython"].get_ipython()
        return str(shell.kernel.get_parent()["metadata"]["cellId"])
    return ""
