"""Notebooks as an honest student leaves them, run as Jupyter would: for tests/classroom/test_honest.py. No framework is
imported where it is not asked for."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path

SECONDS = 120  # for a notebook
LESSONS = Path(__file__).parent.parent / "lessons"
GOES_ON = " Until it is right, the lesson continues with stylelab's own."
OUTCOMES = "(?:partly right|wrong|could not run|not attempted)"
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


class Kernel:
    """A process with one framework that runs notebooks in IPython, as Jupyter would: each in a copy of itself and a new folder."""

    def __init__(self, framework: str):
        command = [sys.executable, __file__, framework]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self, notebook: dict) -> str:
        """What the notebook prints when its code cells run in order; a cell that fails does not stop the others."""
        cells = [each["source"] for each in notebook["cells"] if each["cell_type"] == "code"]
        self.process.stdin.write(f"{json.dumps(cells)}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.communicate("")


def serve(framework: str) -> None:
    """Run the notebooks that arrive, one a line, each in a fork: what a notebook changes ends with it."""
    import IPython  # noqa: F401  once, for all of them
    import matplotlib.pyplot

    importlib.import_module(f"stylelab.{framework}")
    matplotlib.pyplot.switch_backend("agg")
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            printed = Path(folder, "printed")
            child = os.fork()
            if not child:
                try:
                    _run(json.loads(line), folder, printed)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            print(json.dumps(printed.read_text(errors="replace")), flush=True)


def _run(cells: list[str], folder: str, printed: Path) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    signal.alarm(SECONDS)
    os.environ["HOME"] = os.environ["IPYTHONDIR"] = folder
    with printed.open("w") as stream:
        os.dup2(stream.fileno(), 1)
    work = Path(folder, "work")
    work.mkdir()
    os.chdir(work)
    sys.path[0] = ""  # as in a notebook
    sys.argv[1:] = []
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}), user_module=types.ModuleType("__main__"))
    sys.modules["__main__"] = shell.user_module
    shell.enable_gui = lambda *_: None  # as a kernel without a window
    for source in cells:
        shell.run_cell(source)
        sys.stdout.flush()


def verdict(exercise: str, printed: str) -> tuple[str, str]:
    """('right', '') or ('wrong', sentence), from the last check of the exercise."""
    said = [line for line in printed.splitlines() if re.match(rf"{exercise}: (?:right,|{OUTCOMES}\.) ", line)][-1]
    words = said.removeprefix(f"{exercise}: ").partition(GOES_ON)[0]
    if words.startswith("right,"):
        return "right", ""
    return "wrong", "There is no answer in the cell yet." if words.startswith("not att") else re.sub(
        rf"^{OUTCOMES}\. ", "", words
    )


def plain(sentence: str) -> str:
    """A sentence without numbers and layers, which differ between draws."""
    return NUMBER.sub("#", DRAWN.sub("...", sentence))


if __name__ == "__main__":
    serve(sys.argv[1])
