"""A class of a thousand on two workers, one of which is killed half-way: every mark there, none twice."""

import os
import resource
import signal
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from stylelab.errors import MachineError
from stylelab.tools.bench import submissions
from stylelab.tools.classroom.marking import batch
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.reports import write as reports
from stylelab.tools.cluster import connect

LESSON = "03"
WORKERS = 2


def measure(count: int, framework: str) -> dict:
    """Grade a made-up class in the real sandbox; print and return the numbers.

    Raises:
        MachineError: a mark is missing or there twice, which is what this is to find out.
    """
    with tempfile.TemporaryDirectory(prefix="stylelab-thousand-") as folder:
        students = list(submissions.made_up_class(Path(folder) / "in", count, LESSON, framework))
        print(f"{count} submissions of lesson {LESSON}, {framework}; one worker of {WORKERS} is killed half-way", flush=True)
        began = time.perf_counter()
        made = batch.plan(Path(folder) / "in", Path(folder) / "out")
        times, workers = _marked(made, count)
        marked = time.perf_counter()
        marks = [made.marks[key] for key in made.submissions]
        reports.write(made.folder, marks, made.record)
        numbers = workers | _numbers(times, began, marked, time.perf_counter())
        _check(made, students)
    for name, value in numbers.items():
        print(f"{name:<44}{value:>10.2f}")
    print(f"every mark is there, none twice: {count} of {count}")
    return {"count": count, "framework": framework, **numbers}


def _marked(made: batch.Batch, count: int) -> tuple[list[float], dict[str, int]]:
    """When each mark was known, and how many workers there were. One of them is killed when half of the marks are."""
    times, seen, killed = [], Counter(), []
    with connect(None, tasks=WORKERS, device="cpu", deaths=1) as client:
        workers = len(client.nthreads())
        for mark in batch.run(made, scheduler=client.scheduler.address):
            times.append(time.perf_counter())
            seen[mark.student] += 1
            if len(times) == count // 2:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)
    if twice := [student for student, marks in seen.items() if marks > 1]:
        raise MachineError(f"marked twice: {', '.join(twice[:5])}")
    return times, {"workers at the beginning": workers, "workers killed": len(killed)}


def _numbers(times: list[float], began: float, marked: float, done: float) -> dict[str, float]:
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    return {
        "seconds until the first mark (warming up)": times[0] - began,
        "seconds per notebook after that": (times[-1] - times[0]) / max(1, len(gaps)),
        "median seconds between two marks": statistics.median(gaps or [0.0]),
        "longest wait for a mark, seconds": max(gaps, default=0.0),
        "seconds for all marks": marked - began,
        "seconds for the reports": done - marked,
        "peak memory of this process, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _check(made: batch.Batch, students: list[str]) -> None:
    """On the disk, and against what each student was made to hand in."""
    files = list((made.folder / "marks").iterdir())
    marks = {mark.student: mark for mark in made.marks.values()}
    if len(files) != len(students) or sorted(marks) != students:
        raise MachineError(f"{len(students)} submissions, {len(files)} marks on the disk, {len(marks)} students")
    for number, student in enumerate(students):
        kind, mark = submissions.CLASS[number % len(submissions.CLASS)], marks[student]
        if not _as_expected(kind, mark):
            raise MachineError(f"{student} handed in '{kind}' and was given {mark.earned} of {mark.points} points: {mark.notes}")


def _as_expected(kind: str, mark: Mark) -> bool:
    if kind == "right":
        return mark.earned == mark.points > 0
    if kind == "first":
        return 0 < mark.earned < mark.points
    return mark.earned == 0 < mark.points
