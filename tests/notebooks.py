"""Notebooks as an honest student leaves them, run as Jupyter would: for tests/classroom/test_honest.py. No framework here."""

import ast
import asyncio
import contextlib
import io
import json
import linecache
import re
import sys
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

LESSONS = Path(__file__).parent.parent / "lessons"
GOES_ON = " Until it is right, the lesson continues with stylelab's own."
NUMBER = re.compile(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?|\b(?:inf|nan)\b")
DRAWN = re.compile(r"'(?:conv|block|relu)\d+_(?:conv)?\d+'|\[\([\d, ()]*\)\]")  # a layer's name, a list of pairs


def lesson_of(exercise: str, framework: str) -> tuple[str, dict]:
    """The first lesson with this exercise: its name and its notebook."""
    for path in sorted(LESSONS.glob(f"*_{framework}.ipynb")):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            if cell["cell_type"] == "code":
                cell["outputs"] = []
        if any(cell["metadata"].get("stylelab", {}).get("exercise") == exercise for cell in notebook["cells"]):
            return path.stem.rpartition("_")[0], notebook
    raise LookupError(exercise)


def cell(source: str, **metadata) -> dict:
    """A code cell, as JSON."""
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def checked(exercise: str) -> str:
    """The cell that checks an exercise."""
    return f'{exercise} = sl.check("{exercise}", {exercise})'


def notebook(framework: str, exercise: str, answer: str | None, *, before=(), after=(), given=(), check=True) -> dict:
    """The lesson's first cell, its cells named in `given`, cells `before`, the answer in its cell (None leaves the stub), its
    check, and cells `after`."""
    lesson, whole = lesson_of(exercise, framework)
    by_name = {each["metadata"].get("stylelab", {}).get("name"): each for each in whole["cells"]}
    stub = by_name[exercise]
    own = cell(stub["source"] if answer is None else answer, **stub["metadata"])
    cells = [by_name["setup"], *(by_name[name] for name in given), *map(cell, before), own]
    cells += ([cell(checked(exercise))] if check else []) + [cell(each) for each in after]
    return whole | {"metadata": {"stylelab": {"lesson": lesson, "framework": framework}}, "cells": cells}


class Shell:
    """Replaces IPython's shell: every attribute can be read and called, and nothing happens."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **named):
        return self


def run(notebook: dict) -> str:
    """What the notebook prints when its code cells run in order; a cell that fails does not stop the others."""
    space = {"__name__": "__main__", "get_ipython": Shell, "display": Shell()}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        for number, each in enumerate(notebook["cells"]):
            if each["cell_type"] == "code":
                with contextlib.suppress(BaseException):
                    _run(each["source"], number, space)
    return printed.getvalue()


def _run(source: str, number: int, space: dict) -> None:
    body = re.sub(r"\A\s*%%(time|capture)[^\n]*", "", source)  # the body is run all the same
    text = TransformerManager().transform_cell(body)
    file = f"ipykernel_{number}_{abs(hash(text))}.py"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    waiting = eval(compile(text, file, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True), space)
    if waiting is not None:
        asyncio.run(waiting)


def verdict(exercise: str, printed: str) -> tuple[str, str]:
    """('right', '') or ('wrong', sentence), from the last check of the exercise."""
    said = [line for line in printed.splitlines() if line.startswith((f"{exercise}: right", f"{exercise}: not "))][-1]
    words = said.removeprefix(f"{exercise}: ").removesuffix(GOES_ON)
    if words.startswith("right"):
        return "right", ""
    return "wrong", "There is no answer in the cell yet." if words.startswith("not att") else words.removeprefix("not yet. ")


def plain(sentence: str) -> str:
    """A sentence without numbers and layers, which differ between draws."""
    return NUMBER.sub("#", DRAWN.sub("...", sentence))


def forget_settings(framework: str) -> None:
    """Undo a notebook's settings, which would normally end with its process."""
    native = sys.modules[framework]
    if framework == "torch":
        native.set_default_dtype(native.float32)
        native.set_grad_enabled(True)
    else:
        native.config.run_functions_eagerly(False)
