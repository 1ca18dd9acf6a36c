"""What grading costs: a notebook here and with nbgrader's autograde, in the same run; or a class of a thousand.

We mark in a sandbox that has its framework loaded; nbgrader starts a kernel and executes all cells. So each lesson is graded
twice: whole, and cut down to its set-up, its answers and its checks.

    python -m stylelab.tools.bench.grading [--framework torch] [--lessons 02,03] [-o FILE]
    python -m stylelab.tools.bench.grading --thousand [N]      two workers, one of which is killed half-way
    python -m stylelab.tools.bench.grading --hostile [N]       two workers, with and without 5 % hostile submissions
                                           [--one-answer]      of which each has one hostile answer, and right ones otherwise
"""

import argparse
import copy
import importlib.util
import json
import os
import resource
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from stylelab.base import messages
from stylelab.base.course import TITLES, find_lessons
from stylelab.base.files import check_target, write_text
from stylelab.base.processes import python_of
from stylelab.errors import MachineError, StylelabError, unknown
from stylelab.tools.classroom.handout import release
from stylelab.tools.classroom.handout.strip import as_bytes, strip
from stylelab.tools.classroom.marking import batch
from stylelab.tools.classroom.marking.mark import Sandboxes, mark
from stylelab.tools.classroom.marking.model import Mark, Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.reports import write as reports
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, check_sandbox

REPEATS = 3  # times that we mark a notebook, or check an answer; the median counts
CHECKS = """
import importlib, json, statistics, sys, time
from contextlib import redirect_stdout
half = importlib.import_module(f"stylelab.{sys.argv[1]}.exercises.check")

def seconds(exercise, answer):
    began = time.perf_counter()
    half.check(exercise, answer)
    return time.perf_counter() - began

with redirect_stdout(sys.stderr):
    medians = {name: statistics.median(seconds(name, answer) for _ in range(int(sys.argv[2]))) for name, answer in half.LIBRARY.items()}
print(json.dumps(medians))
"""
STUDENT = "solved"
OPEN = "raise NotImplementedError"
CLASS = ("right", "first", "open", "wrong")  # what the students of a made-up class submit, in turn
EVERY = 20  # one submission in 20 is hostile
HOSTILE = (  # what these do in turn, in the function that answers each exercise, or before it
    "while True: pass",
    "import os; os.kill(0, 9)",
    "hoard = [bytearray(2**26) for _ in range(1000)]",
    "import os\nwhile True: os.fork()",
    "import time; time.sleep(1000)",
    "import os\nfor which in (os.PRIO_PROCESS, os.PRIO_PGRP, os.PRIO_USER): os.setpriority(which, 0, 19)",
    "with open('/proc/self/autogroup', 'w') as group: group.write('19')",
    "import socket\nkept = [socket.socketpair() for _ in range(1000)]\nfor one, _ in kept: one.send(bytes(10**6))",
    "while True: print('x' * 10**6)",
    "import os; os.kill(0, 19)",
    "import threading\nfor _ in range(99): threading.Thread(target=sum, args=(iter(int, 1),)).start()",
    "import os\nwhile True:\n    for fd in range(3, 99):\n        try: os.write(fd, bytes(10**5))\n        except OSError: pass",
    "import numpy; return numpy.ones((5000, 5000))",
    "import os; os.kill(-1, 9); os._exit(0)",
    "import socket\nserver = socket.socket(1); server.bind(b'\\0x'); server.listen(4096)\n"
    "while True: socket.socket(1).connect(b'\\0x')",
    "number = 0\nwhile True:\n    number += 1\n    with open(f'/scratch/{number}', 'wb') as file: file.write(bytes(2**24))",
)  # fmt: skip
LONG_CELLS = ("a=1;" * 12_000,) * 9  # slow to parse, and as long as the grader still reads


def main(arguments: list[str]) -> None:
    """Print a table; `-o` writes the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m stylelab.tools.bench.grading", description=__doc__.split("\n")[0])
    parser.add_argument("--framework", choices=tuple(TITLES), help="only this one")
    parser.add_argument("--lessons", default="02,03", help="their numbers")
    parser.add_argument("--thousand", nargs="?", const=1000, type=int, metavar="N", help="grade a class of N, 1000 by default")
    parser.add_argument("--hostile", nargs="?", const=1000, type=int, metavar="N", help="grade a class with hostile submissions")
    parser.add_argument(
        "--one-answer", action="store_true", help="a hostile submission has one hostile answer, the rest is right"
    )
    parser.add_argument("--serve-nbgrader", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--out", type=Path, help="a JSON file")
    options = parser.parse_args(arguments)
    if options.serve_nbgrader:
        return serve_nbgrader()
    check_sandbox(BWRAP)
    if options.out:
        check_target(options.out)
    if options.thousand:
        numbers = grade_class(options.thousand, options.framework or "torch")
    elif options.hostile:
        numbers = grade_with_hostile(options.hostile, options.framework or "torch", one_answer=options.one_answer)
    else:
        numbers = compare([options.framework] if options.framework else list(TITLES), options.lessons.split(","))
    if options.out:
        write_text(options.out, json.dumps(numbers, indent=1) + "\n")


# submissions to grade


def lesson(number: str, framework: str) -> NotebookNode:
    """A lesson as students receive it.

    Raises:
        InputError: no such lesson.
    """
    lessons = {path.name.partition("_")[0]: path for path in find_lessons(framework)}
    if number not in lessons:
        raise unknown("lesson", number, sorted(lessons))
    return strip(lessons[number])


def answered(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """A copy with `answers[exercise]` in each answer cell."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if exercise := cell.metadata.get("stylelab", {}).get("exercise"):
            cell.source = answers[exercise]
    return notebook


def exercises_of(notebook: NotebookNode) -> list[str]:
    """The exercises of a lesson, in order."""
    exercises = (cell.metadata.get("stylelab", {}).get("exercise") for cell in notebook.cells)
    return [exercise for exercise in exercises if exercise]


def solved(number: str, framework: str) -> NotebookNode:
    """A lesson with the library's own answers."""
    book = lesson(number, framework)
    return answered(book, {exercise: library_source(framework, exercise) for exercise in exercises_of(book)})


def cut_down(notebook: NotebookNode) -> NotebookNode:
    """A copy with only the set-up, the answers and the checks, which is what a grader needs."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [
        cell for cell in notebook.cells
        if "nbgrader" in cell.metadata or cell.metadata.get("stylelab", {}).get("name") == "setup"
    ]  # fmt: skip
    return notebook


def make_class(folder: Path, count: int, number: str, framework: str) -> list[str]:
    """Write STUDENT/LESSON.ipynb for each of `count` students, no two alike; returns the students."""
    handed_out, students = lesson(number, framework), [f"student{index:04}" for index in range(count)]
    exercises = exercises_of(handed_out)
    name = f"{handed_out.metadata.stylelab.lesson}_{framework}.ipynb"
    for index, student in enumerate(students):
        kind, answers = CLASS[index % len(CLASS)], {}
        for exercise in exercises:
            if kind == "open" or (kind == "first" and exercise != exercises[0]):
                text = OPEN
            else:
                text = f"{exercise} = lambda *given: given[0]" if kind == "wrong" else library_source(framework, exercise)
            answers[exercise] = f"# {student}\n{text}"
        (folder / student).mkdir(parents=True)
        (folder / student / name).write_bytes(as_bytes(answered(handed_out, answers)))
    return students


def add_hostile(folder: Path, count: int, number: str, framework: str, *, one_answer: bool = False) -> dict[str, list[str]]:
    """Write STUDENT/LESSON.ipynb for each of `count` hostile students, spread among those of `make_class`.

    Args:
        one_answer: only one answer of each is hostile, a different one in turn; the others are the library's.

    Returns:
        student -> the exercises with hostile answers.
    """
    handed_out = lesson(number, framework)
    name = f"{handed_out.metadata.stylelab.lesson}_{framework}.ipynb"
    exercises, students = exercises_of(handed_out), {}
    for index in range(count):
        text = textwrap.indent(HOSTILE[index % len(HOSTILE)], "    ")
        chosen = exercises[index % len(exercises) :][:1] if one_answer else exercises
        answers = {each: library_source(framework, each) for each in exercises}
        book = answered(handed_out, answers | {each: f"def {each}(*given):\n{text}\n    return given[0]" for each in chosen})
        if index % len(HOSTILE) == len(HOSTILE) - 1:
            book.cells = [*map(new_code_cell, LONG_CELLS), *book.cells]
        student = f"student{(index + 1) * (EVERY - 1) - 1:04}-hostile"
        students[student] = chosen
        (folder / student).mkdir(parents=True)
        (folder / student / name).write_bytes(as_bytes(book))
    return students


# one notebook, here and with nbgrader


def compare(frameworks: list[str], numbers: list[str]) -> dict:
    """Grade the lessons both ways, printing each row as soon as it is known; returns the rows and their medians."""
    has_nbgrader = importlib.util.find_spec("nbgrader") is not None
    if not has_nbgrader:
        print("nbgrader is not installed (pip install nbgrader): only ours is measured")
    print(f"{'seconds per notebook':<44}{'ours':>8}{'nbgrader':>10}{'ratio':>8}{'points':>8}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="stylelab-versus-") as folder, Sandboxes() as boxes:
        for framework in frameworks:
            books: dict[str, NotebookNode] = {}
            for book in (solved(number, framework) for number in numbers):
                name = f"{book.metadata.stylelab.lesson}_{framework}"
                books |= {f"{name}-whole": book, f"{name}-cut": cut_down(book)}
            course = NbgraderCourse(Path(folder) / framework, framework, books) if has_nbgrader else None
            mark(Submission("", "warm up", as_bytes(next(iter(books.values())))), boxes, secrets.token_hex(16))
            for name, book in books.items():
                rows.append(grade_both(name, book, boxes, course))
                print_row(rows[-1])
            boxes.drop(framework)
            if course:
                course.close()
    medians = []
    for kind, title in (("whole", "median, whole"), ("cut", "median, cut down")):
        chosen = [row for row in rows if row["kind"] == kind]
        row = {name: statistics.median(row[name] for row in chosen) for name in ("ours", "nbgrader") if name in chosen[0]}
        ratio = {"ratio": row["nbgrader"] / row["ours"]} if "nbgrader" in row else {}
        medians.append({"notebook": title, "kind": kind, **row, **ratio})
        print_row(medians[-1])
    checks = {framework: check_answers(framework) for framework in frameworks}
    for framework, seconds in checks.items():
        slowest = max(seconds, key=seconds.__getitem__)
        print(
            f"{framework}: {len(seconds)} checks, median {statistics.median(seconds.values()):.2f} s, slowest {slowest} {seconds[slowest]:.2f} s"
        )
    return {"rows": rows, "medians": medians, "checks": checks}


def check_answers(framework: str) -> dict[str, float]:
    """Seconds that `sl.check` takes for the library's own answer of each exercise, after the import: what a student waits for."""
    command = [python_of(framework), "-c", CHECKS, framework, str(REPEATS)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def grade_both(name: str, book: NotebookNode, boxes: Sandboxes, course: "NbgraderCourse | None") -> dict:
    """Seconds and points of a solved notebook, ours and nbgrader's."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        marked = mark(Submission(STUDENT, f"{name}.ipynb", as_bytes(book)), boxes, secrets.token_hex(16))
        seconds.append(time.perf_counter() - began)
    row = {"notebook": name, "kind": name.rpartition("-")[2], "ours": statistics.median(seconds)}
    row["points"] = [marked.earned, marked.points]
    if course:
        answer = course.request(name, STUDENT)
        row |= {"nbgrader": answer["seconds"], "ratio": answer["seconds"] / row["ours"], "nbgrader_points": answer["score"]}
    return row


def print_row(row: dict) -> None:
    """One line of the table."""
    theirs = f"{row['nbgrader']:>10.2f}{row['ratio']:>7.0f}x" if "nbgrader" in row else f"{'-':>10}{'-':>8}"
    print(f"{row['notebook']:<44}{row['ours']:>8.2f}{theirs}{'/'.join(map(str, row.get('points', ()))):>8}", flush=True)


class NbgraderCourse:
    """An nbgrader course in its own folder, with its own kernels and settings, served by a process that `close` ends."""

    def __init__(self, folder: Path, framework: str, books: dict[str, NotebookNode]):
        self.folder, home = folder / "course", folder / "home"
        release.release(self.folder, framework, ["00"], nbgrader=True)  # for its configuration
        for name, book in books.items():
            self._save(
                "source", name, answered(book, {exercise: f"def {exercise}():\n    {OPEN}" for exercise in exercises_of(book)})
            )
            kernel = home / "kernels" / book.metadata.kernelspec.name
            kernel.mkdir(parents=True, exist_ok=True)
            argv = [python_of(framework), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": framework, "language": "python"}))
        # none of the user's settings; nbgrader starts a command of its own, which must be on the path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "STYLELAB_PRESET"))}
        kept |= dict.fromkeys(("HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(home))
        kept |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        self._log = tempfile.TemporaryFile()
        self._process: Any = subprocess.Popen(
            [sys.executable, "-m", "stylelab.tools.bench.grading", "--serve-nbgrader"], cwd=self.folder, env=kept,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        for name, book in books.items():
            self.request(name)
            self._save(f"submitted/{STUDENT}", name, book)

    def request(self, assignment: str, student: str | None = None) -> dict:
        """Grade a student's notebook, or generate the assignment if `student` is None.

        Returns:
            `{"success", "seconds", "score", "log"}`; the score is [points earned, points possible].

        Raises:
            MachineError: nbgrader failed.
        """
        messages.write(self._process.stdin, {"assignment": assignment, "student": student})
        if received := messages.read(self._process.stdout):
            answer = received[0]
        else:
            self._log.seek(0)
            answer = {"success": False, "log": self._log.read().decode(errors="replace")}
        if not answer["success"]:
            raise MachineError(f"nbgrader cannot grade '{assignment}': {' '.join(answer['log'].split())[-300:]}")
        return answer

    def close(self) -> None:
        """End nbgrader's process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _save(self, step: str, name: str, book: NotebookNode) -> None:
        path = self.folder / step / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(book))


def serve_nbgrader() -> None:
    """Carry out the requests of an `NbgraderCourse`, in its folder, with nbgrader's own API and a clock."""
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    answers = messages.claim_stdout()
    config = PyFileConfigLoader("nbgrader_config.py", os.getcwd()).load_config()
    config.CourseDirectory.root = os.getcwd()
    api = NbGraderAPI(config=config)
    while received := messages.read(sys.stdin.buffer):
        assignment, student = received[0]["assignment"], received[0]["student"]
        began, score = time.perf_counter(), None
        done = api.autograde(assignment, student) if student else api.generate_assignment(assignment)
        seconds = time.perf_counter() - began
        if student and done["success"]:
            with api.gradebook as gradebook:
                submission = gradebook.find_submission(assignment, student)
                score = [submission.score, submission.max_score]
        log = (done.get("error") or done.get("log") or "")[-2000:]
        messages.write(answers, {"success": done["success"], "seconds": seconds, "score": score, "log": log})


# a class of a thousand


def grade_class(count: int, framework: str, number: str = "03", workers: int = 2) -> dict:
    """Grade a made-up class in the sandbox, kill one worker when half of the marks are known; print and return the numbers.

    Raises:
        MachineError: a mark is missing, wrong or there twice, which is what this is to find out.
    """
    from stylelab.tools.cluster import connect  # Dask takes a second to import, which nbgrader's process need not wait for

    times: list[float] = []
    marked: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="stylelab-thousand-") as folder:
        students = make_class(Path(folder) / "in", count, number, framework)
        print(f"{count} submissions of lesson {number}, {framework}; one worker of {workers} is killed half-way", flush=True)
        began = time.perf_counter()
        plan = batch.plan(Path(folder) / "in", Path(folder) / "out")
        with connect(None, tasks=workers, device="cpu", deaths=1) as client:
            numbers: dict[str, float] = {"workers at the beginning": len(client.nthreads()), "workers killed": 0}
            for mark_ in batch.run(plan, scheduler=client.scheduler.address):
                times.append(time.perf_counter())
                marked[mark_.student] += 1
                if len(times) == count // 2:
                    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
                    numbers["workers killed"] += 1
        if twice := [student for student, marks in marked.items() if marks > 1]:
            raise MachineError(f"marked twice: {', '.join(twice[:5])}")
        all_marked = time.perf_counter()
        reports.write(plan.folder, [plan.marks[key] for key in plan.submissions], plan.record)
        gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
        numbers |= {
            "seconds until the first mark (warming up)": times[0] - began,
            "seconds per notebook after that": (times[-1] - times[0]) / max(1, len(gaps)),
            "median seconds between two marks": statistics.median(gaps or [0.0]),
            "longest wait for a mark, seconds": max(gaps, default=0.0),
            "seconds for all marks": all_marked - began,
            "seconds for the reports": time.perf_counter() - all_marked,
            "peak memory of this process, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        check_marks(plan, students)
    for name, value in numbers.items():
        print(f"{name:<44}{value:>10.2f}")
    print(f"every mark is there, none twice: {count} of {count}")
    return {"count": count, "framework": framework, **numbers}


def grade_with_hostile(
    count: int, framework: str, number: str = "03", workers: int = 2, seconds: float = 10.0, one_answer: bool = False
) -> dict:
    """Grade a made-up class without and then with hostile submissions, one in twenty; print and return the numbers.

    Raises:
        MachineError: an honest mark is not what it is without them, or a hostile answer earned points.
    """
    from stylelab.tools.cluster import connect

    marks, times, seed = [], [], secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="stylelab-hostile-") as name:
        folder = Path(name)
        students = make_class(folder / "in", count - count // EVERY, number, framework)
        for run in ("honest", "all"):
            if run == "all":
                hostile = add_hostile(folder / "in", count // EVERY, number, framework, one_answer=one_answer)
            began = time.perf_counter()
            plan = batch.plan(folder / "in", folder / run, seed=seed, seconds=seconds)
            with connect(None, tasks=workers, device="cpu", deaths=1) as client:
                marks.append({mark.student: mark for mark in batch.run(plan, scheduler=client.scheduler.address)})
            times.append(time.perf_counter() - began)
            print(f"{run}: {len(marks[-1])} submissions, {times[-1]:.0f} seconds", flush=True)
    honest, everyone = marks
    compare_marks(honest, everyone, students, hostile)
    stages = Counter(
        each.stage for student in hostile for each in everyone[student].exercises if each.exercise in hostile[student]
    )
    ratio = times[1] / times[0]
    print(f"every honest mark is the same: {len(students)} of {len(students)}; the hostile answers: {dict(stages)}")
    print(f"{len(hostile)} hostile submissions make it {ratio:.2f} times as long")
    return {"count": count, "framework": framework, "seconds": times, "ratio": ratio, "stages": stages}


def compare_marks(without: dict[str, Mark], among: dict[str, Mark], honest: list[str], hostile: dict[str, list[str]]) -> None:
    """Compare each honest student's mark without and among hostile submissions.

    Raises:
        MachineError: they differ, something was not graded, or a hostile answer earned points.
    """
    for student in honest:
        one, other = (
            [(each.exercise, each.stage, each.earned, each.lines) for each in m[student].exercises] for m in (without, among)
        )
        if one != other or not without[student].graded:
            raise MachineError(
                f"{student} has {without[student].earned} points, and {among[student].earned} among hostile submissions"
            )
    for student, exercises in hostile.items():
        if earned := sum(each.earned for each in among[student].exercises if each.exercise in exercises):
            raise MachineError(f"{student} is hostile and got {earned} points")


def check_marks(plan: batch.Batch, students: list[str]) -> None:
    """Compare the marks on disk with what each student submitted.

    Raises:
        MachineError: a mark is missing, or not the one that the submission deserves.
    """
    files, marks = list((plan.folder / "marks").iterdir()), {mark.student: mark for mark in plan.marks.values()}
    if len(files) != len(students) or sorted(marks) != students:
        raise MachineError(f"{len(students)} submissions, {len(files)} marks on disk, {len(marks)} students")
    for index, student in enumerate(students):
        kind, mark = CLASS[index % len(CLASS)], marks[student]
        if not is_fair(kind, mark):
            raise MachineError(f"{student} submitted '{kind}' and got {mark.earned} of {mark.points} points: {mark.notes}")


def is_fair(kind: str, mark: Mark) -> bool:
    """Whether a mark is what a submission of this kind deserves."""
    if kind == "right":
        return mark.earned == mark.points > 0
    if kind == "first":
        return 0 < mark.earned < mark.points
    return mark.earned == 0 < mark.points


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except StylelabError as error:
        print(f"stylelab: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
