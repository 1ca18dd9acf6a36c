"""`make bench`: what grading a notebook costs here and with nbgrader's autograde, on the same notebooks in the same run.

Ours is marked in a sandbox whose framework is warm; nbgrader starts a kernel and executes all cells. So each lesson is
graded twice: whole, and cut down to its set-up, its answers and its checks.

    python -m stylelab.tools.bench.grading [--framework torch] [--lessons 02,03] [-o FILE]
    python -m stylelab.tools.bench.grading --thousand      a class of a thousand instead, one of two workers killed
"""

import argparse
import importlib.util
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbformat import NotebookNode

from lessons.make import assemble
from stylelab.base.course import TITLES
from stylelab.base.files import write_text
from stylelab.errors import MachineError, StylelabError
from stylelab.tools.bench import submissions
from stylelab.tools.classroom.handout import release
from stylelab.tools.classroom.handout.strip import as_bytes
from stylelab.tools.classroom.marking.mark import Boxes, mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, check_sandbox, python_of

REPEATS = 3  # times that ours marks a notebook; the median counts
STUDENT = "solved"


def main(arguments: list[str]) -> int:
    """Print a table; `-o` writes the numbers as JSON. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m stylelab.tools.bench.grading", description=__doc__.split("\n")[0])
    parser.add_argument("--framework", choices=tuple(TITLES), help="only this one")
    parser.add_argument("--lessons", default="02,03", help="their numbers")
    parser.add_argument("--thousand", nargs="?", const=1000, type=int, metavar="N", help="grade a class of N, 1000 by default")
    parser.add_argument("-o", "--out", type=Path, help="a JSON file")
    asked = parser.parse_args(arguments)
    check_sandbox(BWRAP)
    if asked.thousand:
        from stylelab.tools.bench import thousand

        numbers = thousand.measure(asked.thousand, asked.framework or "torch")
    else:
        numbers = compare([asked.framework] if asked.framework else list(TITLES), asked.lessons.split(","))
    if asked.out:
        write_text(asked.out, json.dumps(numbers, indent=1) + "\n")
    return 0


def compare(frameworks: list[str], numbers: list[str]) -> dict:
    """Grade the lessons with both; print as it goes; returns the numbers."""
    there = importlib.util.find_spec("nbgrader") is not None
    if not there:
        print("nbgrader is not installed (pip install nbgrader): ours alone")
    print(f"{'seconds per notebook':<44}{'ours':>8}{'nbgrader':>10}{'ratio':>8}{'points':>8}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="stylelab-versus-") as folder, Boxes() as boxes:
        for framework in frameworks:
            books = _notebooks(framework, numbers)
            theirs = Course(Path(folder) / framework, framework, books) if there else None
            mark(Submission("", "warm up", as_bytes(next(iter(books.values())))), boxes, secrets.token_hex(16))
            for name, book in books.items():
                rows.append(_row(name, book, boxes, theirs))
                _print(rows[-1])
            boxes.drop(framework)
            if theirs:
                theirs.close()
    middles = [_middle(rows, kind) for kind in ("whole", "cut")]
    for each in middles:
        _print(each)
    return {"rows": rows, "medians": middles}


def _notebooks(framework: str, numbers: list[str]) -> dict[str, NotebookNode]:
    """Name -> solved notebook, each whole and cut down."""
    books = {}
    for number in numbers:
        book = submissions.solved(submissions.lesson(number, framework))
        name = f"{book.metadata.stylelab.lesson}_{framework}"
        books |= {f"{name}-whole": book, f"{name}-cut": submissions.cut_down(book)}
    return books


def _row(name: str, book: NotebookNode, boxes: Boxes, theirs: "Course | None") -> dict:
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        marked = mark(Submission(STUDENT, f"{name}.ipynb", as_bytes(book)), boxes, secrets.token_hex(16))
        seconds.append(time.perf_counter() - began)
    row = {"notebook": name, "kind": name.rpartition("-")[2], "ours": statistics.median(seconds)}
    row["points"] = [marked.earned, marked.points]
    if theirs:
        said = theirs.grade(name)
        row |= {"nbgrader": said["seconds"], "ratio": said["seconds"] / row["ours"], "nbgrader_points": said["score"]}
    return row


def _middle(rows: list[dict], kind: str) -> dict:
    chosen = [row for row in rows if row["kind"] == kind]
    made = {name: statistics.median(row[name] for row in chosen) for name in ("ours", "nbgrader") if name in chosen[0]}
    ratio = {"ratio": made["nbgrader"] / made["ours"]} if "nbgrader" in made else {}
    return {"notebook": f"median, {'cut down' if kind == 'cut' else 'whole'}", "kind": kind, **made, **ratio}


def _print(row: dict) -> None:
    theirs = f"{row['nbgrader']:>10.2f}{row['ratio']:>7.0f}x" if "nbgrader" in row else f"{'-':>10}{'-':>8}"
    earned = "/".join(str(each) for each in row.get("points", ()))
    print(f"{row['notebook']:<44}{row['ours']:>8.2f}{theirs}{earned:>8}", flush=True)


class Course:
    """An nbgrader course in a folder of its own, with kernels and settings of its own; `close` ends its process."""

    def __init__(self, folder: Path, framework: str, books: dict[str, NotebookNode]):
        self.folder = folder / "course"
        release.release(self.folder, framework, ["00"], course=True)  # for its configuration
        for name, book in books.items():
            self._lay("source", name, submissions.answered(book, lambda exercise: f"def {exercise}():\n    {submissions.OPEN}"))
        kernel = folder / "home" / "kernels" / assemble.KERNELS[framework][0]
        kernel.mkdir(parents=True)
        argv = [python_of(framework), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": framework, "language": "python"}))
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stylelab.tools.bench.nbgrader"], cwd=self.folder, env=_environment(folder / "home"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        for name, book in books.items():
            self._ask(name)
            self._lay(f"submitted/{STUDENT}", name, book)

    def grade(self, name: str) -> dict:
        """Seconds and points of the solved notebook.

        Raises:
            MachineError: nbgrader could not.
        """
        return self._ask(f"{name} {STUDENT}")

    def close(self) -> None:
        """End nbgrader's process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _lay(self, step: str, name: str, book: NotebookNode) -> None:
        path = self.folder / step / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(book))

    def _ask(self, line: str) -> dict:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        said = json.loads(answer) if answer else {"success": False, "log": self._last()}
        if not said["success"]:
            raise MachineError(f"nbgrader cannot grade '{line}': {' '.join(said['log'].split())[-300:]}")
        return said

    def _last(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-300:]


def _environment(home: Path) -> dict[str, str]:
    """Settings of nobody's, and nbgrader's commands by name: it starts one of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "STYLELAB_PRESET"))}
    own = dict.fromkeys(("HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(home))
    return kept | own | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StylelabError as error:
        print(f"stylelab: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
