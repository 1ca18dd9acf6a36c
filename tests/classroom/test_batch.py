"""A batch marks every submission once, whatever is killed, and another run with the same seed repeats the marks.

Most tests replace the sandbox by a fake mark that depends on the seed and the file.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client
from threads import Local, connected_to, threads

from stylelab.cli import commands as cli
from stylelab.errors import InputError, MachineError
from stylelab.tools import cluster
from stylelab.tools.bench import grading
from stylelab.tools.classroom.marking import batch, version, workers
from stylelab.tools.classroom.marking.model import NOT_GRADED, ExerciseMark, Line, Mark, Submission
from stylelab.tools.classroom.marking.model_answers import library_source

SEED = "0123456789abcdef0123456789abcdef"
LESSON = "03_style_reconstruction_torch"
pytestmark = pytest.mark.plain
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")


def fake_mark(task) -> Mark:
    """A mark without a sandbox: the same seed and the same bytes earn the same points."""
    submission = task["submission"]
    digest = hashlib.sha256(submission.data).hexdigest()
    earned = int(hashlib.sha256((task["seed"] + digest).encode()).hexdigest(), 16) % 8
    lines = (Line("value", 7, earned, None if earned == 7 else "wrong"),)
    exercise = ExerciseMark("gram_matrix", "Which filters respond together.", "right" if earned == 7 else "value", "", lines, 0.1)
    return Mark(
        submission.student, submission.name, LESSON[:-6], "torch", digest, (exercise,), submission.when, time.perf_counter()
    )


@pytest.fixture
def submissions(tmp_path):
    return write_submissions(tmp_path / "in", "abcdef")


def write_submissions(folder, students):
    """Write a folder for each student, each with a different notebook."""
    for student in students:
        (folder / student).mkdir(parents=True)
        (folder / student / f"{LESSON}.ipynb").write_text(notebook(f"# by {student}"))
    return folder


def notebook(*sources: str, **metadata) -> str:
    """A notebook file with these code cells."""
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


@pytest.fixture(scope="module")
def running():
    with threads(2) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture
def marked(monkeypatch, running):
    """Students in the order in which they were marked, by workers without a sandbox."""
    done = []

    def mark_one(task):
        done.append(task["submission"].student)
        return {"mark": fake_mark(task).to_json()}

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    return done


def run(submissions, out="out", **options):
    """Plan and run a batch; returns it with the marks of this run."""
    planned = batch.plan(submissions, submissions.parent / out, **options)
    return planned, list(batch.run(planned))


def without_seconds(planned) -> list:
    """Everything that was decided, as JSON."""
    plain = [planned.marks[key].to_json() for key in planned.submissions]
    for each in plain:
        each["seconds"] = 0
        for exercise in each["exercises"]:
            exercise["seconds"] = 0
    return [json.dumps(each, sort_keys=True) for each in plain]


# --- each submission is marked once ----------------------------------------------------------------------------------------


def test_every_submission_is_marked_once(submissions, marked):
    planned, marks = run(submissions)
    assert sorted(marked) == sorted(mark.student for mark in marks) == list("abcdef")
    assert list(planned.marks) != [] and set(planned.marks) == set(planned.submissions)
    assert len(os.listdir(planned.folder / "marks")) == 6


def test_a_mark_belongs_to_its_own_file(submissions, marked):
    _, marks = run(submissions)
    for mark in marks:
        data = (submissions / mark.student / f"{LESSON}.ipynb").read_bytes()
        assert mark.digest == hashlib.sha256(data).hexdigest()


def test_a_mark_is_written_as_soon_as_it_is_known(submissions, marked):
    planned = batch.plan(submissions, submissions.parent / "out")
    marking = batch.run(planned)
    first = next(marking)
    (path,) = (planned.folder / "marks").iterdir()
    assert json.loads(path.read_text())["mark"]["student"] == first.student
    marking.close()


def test_marked_submissions_are_not_marked_again(submissions, marked):
    first, _ = run(submissions)
    marked.clear()
    second, marks = run(submissions)
    assert (marked, marks, second.kept) == ([], [], 6)
    assert second.marks == first.marks and list(second.marks) == list(second.submissions)


def test_only_a_changed_file_is_marked_again(submissions, marked):
    run(submissions)
    marked.clear()
    (submissions / "c" / f"{LESSON}.ipynb").write_text(notebook("# another thought"))
    planned, _ = run(submissions)
    assert (marked, planned.kept, len(planned.marks)) == (["c"], 5, 6)


def test_a_file_under_another_students_name_is_marked_again(submissions, marked):
    run(submissions)
    marked.clear()
    (submissions / "f").rename(submissions / "g")
    planned, _ = run(submissions)
    assert marked == ["g"] and sorted(mark.student for mark in planned.marks.values()) == list("abcdeg")


@pytest.mark.parametrize("options", [{"seed": SEED}, {"seconds": 5}, {"again": True}])
def test_other_conditions_mark_everything_again(submissions, marked, options):
    run(submissions)
    marked.clear()
    planned, _ = run(submissions, **options)
    assert sorted(marked) == list("abcdef") and planned.kept == 0


def test_another_version_of_the_grader_marks_everything_again(submissions, marked, monkeypatch):
    run(submissions)
    marked.clear()
    monkeypatch.setattr(batch, "grader_digest", lambda: "another")
    assert run(submissions)[0].kept == 0 and sorted(marked) == list("abcdef")


def test_every_deciding_file_is_part_of_the_graders_digest(monkeypatch, tmp_path):
    for folder in version.DECIDING:
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "one.py").write_text("1")
    monkeypatch.setattr(version, "PACKAGE", tmp_path)

    def digest() -> str:
        version._digest.cache_clear()  # the package does not change while it runs
        return version.grader_digest()

    seen = {digest()}
    for folder in version.DECIDING:
        (tmp_path / folder / "deep" / "one.py").write_text("2")
        seen.add(digest())
    monkeypatch.setattr(version, "find_lessons", list)
    seen.add(digest())
    assert len(seen) == len(version.DECIDING) + 2


def test_the_folders_seed_is_kept(submissions, marked):
    first, _ = run(submissions)
    again, _ = run(submissions, again=True)
    assert first.record.seed == again.record.seed and without_seconds(first) == without_seconds(again)
    other, _ = run(submissions, out="other")
    assert other.record.seed != first.record.seed and re.fullmatch("[0-9a-f]{32}", other.record.seed)


def test_the_same_record_gives_the_same_marks(submissions, marked):
    first, _ = run(submissions)
    (submissions.parent / "regrade").mkdir()
    shutil.copy(first.folder / "record.json", submissions.parent / "regrade")
    second, _ = run(submissions, out="regrade")
    third, _ = run(submissions, out="by-seed", seed=first.record.seed.upper())
    other, _ = run(submissions, out="other")
    assert without_seconds(first) == without_seconds(second) == without_seconds(third) != without_seconds(other)


def test_the_time_of_submission_is_read_again(submissions, marked):
    run(submissions)
    path = submissions / "c" / f"{LESSON}.ipynb"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    planned, marks = run(submissions)
    (when,) = (mark.when for mark in planned.marks.values() if mark.student == "c")
    assert marks == [] and when.timestamp() == 1_700_000_000


@pytest.mark.parametrize("text", ["", "{ half a fi", "[]", '{"stamp": 3}', "[" * 100_000, '{"stamp": null, "mark": {}}'])
def test_a_damaged_mark_is_replaced(submissions, marked, text):
    planned, _ = run(submissions)
    marked.clear()
    victim = next(iter(planned.submissions))
    (planned.folder / "marks" / f"{victim}.json").write_text(text)
    assert run(submissions)[0].kept == 5 and len(marked) == 1


def test_partial_files_of_a_killed_run_are_removed_and_those_of_an_active_one_kept(submissions, marked):
    planned, _ = run(submissions)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = planned.folder / "marks" / f".x.json.{gone.pid}-1.part"
    alive = planned.folder / "marks" / f".x.json.{os.getpid()}-1.part"
    mine = planned.folder / ".notes.part"
    for path in (dead, alive, mine):
        path.write_text("half")
    run(submissions)
    assert [path.exists() for path in (dead, alive, mine)] == [False, True, True]


# --- unusual submissions and folders -------------------------------------------------------------------------------------------


def test_a_students_name_cannot_lead_out_of_the_folder(tmp_path, marked, monkeypatch):
    found = [Submission("../../x", "../../y.ipynb", b"1"), Submission("/etc/x", "\0.ipynb", b"2")]
    monkeypatch.setattr(batch, "collect", lambda source, tell: found)
    planned, marks = run(tmp_path / "in", out="deep/out")
    assert sorted(mark.student for mark in marks) == ["../../x", "/etc/x"]
    assert all(re.fullmatch(r"[0-9a-f]{32}\.json", name) for name in os.listdir(planned.folder / "marks"))
    assert sorted(os.listdir(tmp_path)) == ["deep"] and sorted(os.listdir(planned.folder)) == ["marks", "record.json"]


def test_two_students_with_the_same_name_and_file_get_two_marks(tmp_path, marked):
    for number in "12":
        folder = tmp_path / "in" / f"Ada Lovelace_{number}234567_assignsubmission_file"
        folder.mkdir(parents=True)
        (folder / f"{LESSON}.ipynb").write_text(notebook("# the same"))
    planned, marks = run(tmp_path / "in")
    assert len(marks) == len(planned.submissions) == 2 and len({mark.student for mark in marks}) == 2


def test_a_folder_without_submissions_is_an_error_and_nothing_is_written(tmp_path, marked):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no notebook in"):
        batch.plan(tmp_path / "in", tmp_path / "out")
    assert os.listdir(tmp_path) == ["in"]


def test_no_worker_is_started_if_everything_is_marked(submissions, marked, monkeypatch):
    run(submissions)
    monkeypatch.setattr(cluster, "connect", lambda *_, **__: pytest.fail("workers were started"))
    assert run(submissions)[1] == []


def test_a_file_that_disappears_affects_no_other_and_is_tried_again(submissions, marked):
    path = submissions / "c" / f"{LESSON}.ipynb"
    text = path.read_text()
    planned = batch.plan(submissions, submissions.parent / "out")
    path.unlink()
    marks = {mark.student: mark for mark in batch.run(planned)}
    assert len(marks) == 6 and "no such file" in marks["c"].fault and sorted(marked) == list("abdef")
    path.write_text(text)
    assert run(submissions)[0].kept == 5 and marked[5:] == ["c"]


@pytest.mark.parametrize("out", ["in", "in/a", "in/new", "in/../in", "link", "link/new"])
def test_marks_may_not_be_written_inside_the_submissions(submissions, marked, out):
    (submissions.parent / "link").symlink_to("in")
    before = sorted(submissions.rglob("*"))
    with pytest.raises(InputError, match="is in the folder of submissions: choose another folder"):
        batch.plan(submissions, submissions.parent / out)
    assert sorted(submissions.rglob("*")) == before


@pytest.mark.parametrize("source", ["in", "in/a", f"in/a/{LESSON}.ipynb"])
def test_marks_may_be_written_next_to_or_above_the_submissions(submissions, marked, source):
    first, _ = run(submissions.parent / source, out=submissions.parent)
    second, marks = run(submissions.parent / source, out=submissions.parent)
    assert marks == [] and list(first.submissions) == list(second.submissions) != []


# --- not graded ---


def with_stage(mark: Mark, stage: str, **more) -> Mark:
    """The mark, if its one exercise had ended at this stage."""
    return replace(mark, exercises=(replace(mark.exercises[0], stage=stage, **more),))


@pytest.fixture
def stages(monkeypatch, marked):
    """Student -> stages of each run of the submission, the last one for all further runs; also which run alone."""
    stages, good, running = {}, workers.mark_one, Counter()
    alone = stages["alone"] = []

    def mark_one(task):
        running["now"] += 1
        answer, student = good(task), task["submission"].student
        for stage in stages.get(student, ())[:1]:
            answer = {"mark": with_stage(Mark.from_json(answer["mark"]), stage, reason="Too busy.").to_json()}
            stages[student] = stages[student][1:] or [stage]
        time.sleep(0.02)
        alone.append((student, running["now"] == 1))
        running["now"] -= 1
        return answer

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    return stages


def test_a_victim_of_a_busy_machine_is_run_again_at_the_end_alone_and_keeps_its_points(submissions, marked, stages):
    first, _ = run(submissions, seed=SEED)
    marked.clear()
    stages.update(a=["starved", "right"], d=["starved", "right"])
    planned, marks = run(submissions, out="again", seed=SEED)
    assert (
        sorted(marked[:6]) == list("abcdef") and marked[6:] == ["a", "d"] and stages["alone"][-2:] == [("a", True), ("d", True)]
    )
    earned = {mark.student: mark.earned for mark in first.marks.values()}
    assert {mark.student: mark.earned for mark in marks} == earned and all(mark.graded for mark in marks)
    assert run(submissions, out="again")[0].kept == 6


@pytest.mark.parametrize("stage", NOT_GRADED)
def test_what_fails_again_for_want_of_time_is_not_graded_and_is_tried_by_the_next_run(submissions, marked, stages, stage):
    stages["c"] = [stage]
    planned, marks = run(submissions)
    (lost,) = (mark for mark in marks if not mark.graded)
    assert (lost.student, lost.exercises[0].stage, lost.points, lost.exercises[0].points) == ("c", "not graded", 0, 7)
    assert marked.count("c") == 2 and len(marked) == 7
    stages["c"] = ["right"]
    planned, marks = run(submissions)
    assert planned.kept == 5 and [mark.student for mark in marks] == ["c"] and marks[0].graded


def test_an_exercise_that_was_graded_once_stays_graded(submissions, marked, monkeypatch):
    runs = iter(("starved right", "right starved"))

    def mark_one(task):
        mark = fake_mark(task)
        if task["submission"].student == "c":
            exercises = [replace(mark.exercises[0], exercise=str(at), stage=stage) for at, stage in enumerate(next(runs).split())]
            mark = replace(mark, exercises=tuple(exercises))
        return {"mark": mark.to_json()}

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    _, marks = run(submissions)
    assert all(mark.graded for mark in marks)


# --- workers that fail ------------------------------------------------------------------------------------------


def test_an_error_on_a_worker_affects_one_mark_and_is_tried_again(submissions, marked, monkeypatch):
    good = workers.mark_one

    def sometimes(task):
        if task["submission"].student == "c":
            raise RuntimeError("the disk\nis on fire")
        return good(task)

    monkeypatch.setattr(workers, "mark_one", Local(sometimes))
    planned, marks = run(submissions)
    (lost,) = (mark for mark in marks if not mark.graded)
    assert lost.student == "c" and "RuntimeError: the disk is on fire" in lost.fault and lost.points == 0
    monkeypatch.setattr(workers, "mark_one", good)
    planned, marks = run(submissions)
    assert planned.kept == 5 and [mark.student for mark in marks] == ["c"] and marks[0].exercises


@pytest.mark.parametrize(("fault", "words"), [
    (lambda: {"machine": "bubblewrap is missing", "host": socket.gethostname()}, "^bubblewrap is missing$"),
    (lambda: {"machine": "bubblewrap is missing", "host": "node7"}, r"^bubblewrap is missing \(on node7\)$"),
    (lambda: __import__("stylelab_of_yesterday"), "a worker lacks a package .*install the same stylelab on every machine"),
])  # fmt: skip
def test_a_machine_error_ends_the_batch_and_keeps_finished_marks(submissions, marked, monkeypatch, fault, words):
    good = workers.mark_one
    monkeypatch.setattr(workers, "mark_one", Local(lambda task: fault() if len(marked) == 3 else good(task)))
    planned = batch.plan(submissions, submissions.parent / "out")
    with pytest.raises(MachineError, match=words):
        list(batch.run(planned))
    assert len(planned.marks) == len(os.listdir(planned.folder / "marks")) >= 1
    assert all(mark.exercises for mark in planned.marks.values())
    monkeypatch.setattr(workers, "mark_one", good)
    kept, marked[:] = {mark.student for mark in planned.marks.values()}, []
    again, marks = run(submissions)
    assert again.kept == len(kept) and {mark.student for mark in marks} == set("abcdef") - kept
    assert not kept & set(marked)


def test_a_worker_with_another_version_marks_nothing(submissions):
    planned = batch.plan(submissions, submissions.parent / "out", kind="none")
    task = {
        "submission": next(iter(planned.submissions.values())),
        "kind": "none",
        "seed": SEED,
        "limits": planned.limits,
        "kit": "old",
    }
    assert "another version of stylelab" in workers.mark_one(task)["machine"]


def test_a_worker_closes_its_sandboxes_if_another_kind_is_needed(monkeypatch):
    monkeypatch.setattr(workers, "_thread", type("Thread", (), {})())
    closed = []
    monkeypatch.setattr(workers.Sandboxes, "__exit__", lambda self, *_: closed.append(self.kind))
    first = workers._sandboxes_of_thread("bwrap")
    assert workers._sandboxes_of_thread("bwrap") is first and closed == []
    assert workers._sandboxes_of_thread("none") is not first and closed == ["bwrap"]


def test_a_remote_cluster_needs_no_sandbox_on_this_machine(submissions, marked, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="bubblewrap is missing"):
        batch.plan(submissions, submissions.parent / "out")
    assert len(batch.plan(submissions, submissions.parent / "out", here=False).submissions) == 6
    with pytest.raises(InputError, match="unknown sandbox"):
        batch.plan(submissions, submissions.parent / "out", here=False, kind="bogus")


ELSEWHERE = """
import time
from distributed import LocalCluster
started = LocalCluster(
    n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None,
    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
)
print(started.scheduler_address, flush=True)
time.sleep(600)
"""


def test_a_scheduler_that_ends_loses_no_finished_mark(submissions, monkeypatch):
    def mark_one(task):
        from stylelab.tools.classroom.marking.workers import unmarkable

        if task["submission"].student == "c":
            os._exit(9)  # the scheduler's process too
        return {"mark": unmarkable(task["submission"], "instead of a mark").to_json()}

    monkeypatch.setattr(workers, "mark_one", mark_one)
    command = [sys.executable, "-c", ELSEWHERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as elsewhere:
        try:
            planned = batch.plan(submissions, submissions.parent / "out")
            with pytest.raises(MachineError, match="scheduler is gone.*run the same command again to resume"):
                list(batch.run(planned, scheduler=elsewhere.stdout.readline().strip()))
        finally:
            elsewhere.kill()
    assert [mark.student for mark in planned.marks.values()] == ["a", "b"]


def test_workers_that_do_not_come_back_are_given_up_after_a_while(submissions, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 1)
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.2)
    with threads(1) as short:

        def mark_one(task):
            if task["submission"].student == "c":
                short.loop.add_callback(short.workers[0].close)
                time.sleep(1)
            return {"mark": fake_mark(task).to_json()}

        monkeypatch.setattr(workers, "mark_one", Local(mark_one))
        planned = batch.plan(submissions, submissions.parent / "out")
        with pytest.raises(MachineError, match="all workers are gone.*run the same command again to resume"):
            list(batch.run(planned, scheduler=short.scheduler_address))
    assert [mark.student for mark in planned.marks.values()] == ["a", "b"]


def test_a_running_scheduler_is_used_and_left_running(submissions, running, marked):
    planned = batch.plan(submissions, submissions.parent / "out")
    assert len(list(batch.run(planned, scheduler=running.scheduler_address))) == 6
    with Client(running, set_as_default=False) as client:
        assert client.submit(lambda: 7).result() == 7


@pytest.mark.parametrize(("address", "status", "words"), [
    ("nonsense", 1, "is not a scheduler's address"), ("http://127.0.0.1:1", 1, "is not a scheduler's address"),
    ("tcp://127.0.0.1:port", 1, "is not a scheduler's address"), ("tcp://127.0.0.1:{port}", 2, "no Dask scheduler answers"),
])  # fmt: skip
def test_a_wrong_scheduler_address_is_one_line(submissions, capsys, address, status, words):
    with socket.socket() as taken:  # bound but not listening: nothing else can answer on this port
        taken.bind(("127.0.0.1", 0))
        address = address.format(port=taken.getsockname()[1])
        out = str(submissions.parent / "out")
        assert cli.run(["grade", str(submissions), "-o", out, "--scheduler", address, "--sandbox", "none"]) == status
    said, err = capsys.readouterr()
    *warning, line = err.splitlines()
    assert said == "" and len(warning) == 1 and "no sandbox" in warning[0] and words in line


def test_a_worker_may_take_ten_minutes_to_restart(monkeypatch):
    seen = []

    @contextmanager
    def local(*_):
        seen.append(dask.config.get("distributed.deploy.lost-worker-timeout"))
        yield

    monkeypatch.setattr(cluster, "_local_cluster", local)
    monkeypatch.setattr(cluster, "Client", lambda *_, **__: nullcontext())
    with cluster.connect(None, tasks=1):
        pass
    assert [dask.utils.parse_timedelta(text) for text in seen] == [600]


# --- processes that are killed ----------------------------------------------------------------------------------


GRADER = """
import fcntl, os, sys, time
from pathlib import Path
from stylelab.cli import commands as cli
from stylelab.tools import cluster
from stylelab.tools.classroom.marking import batch, workers

{fake_mark}
LOG, PAUSE, COUNT, HELD = {log!r}, {pause}, {count}, {held!r}

def mark_one(task):
    student = task["submission"].student
    with open(LOG, "a") as stream:
        stream.write(f"{{student}} {{os.getpid()}}\\n")
    if student.startswith("killer"):
        os._exit(9)
    while student >= HELD and not os.path.exists(LOG + ".go on"):
        time.sleep(0.02)
    time.sleep(PAUSE)
    return {{"mark": fake_mark(task).to_json()}}

if __name__ == "__main__":
    workers.mark_one = mark_one
    batch.grader_digest = lambda: "the same, even if files are edited while the tests run"
    cluster.worker_count = lambda tasks, device: COUNT
    sys.exit(cli.run(sys.argv[1:]))
"""
IMPORTED = "import hashlib\nfrom stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark\nLESSON = {!r}\n"


class Grader:
    """`stylelab grade` in its own process, with fake marks, and the files that it writes.

    Submissions from the student `held` on are not marked before `go_on`.
    """

    def __init__(self, folder: Path, pause=0.2, count=2, held="~"):
        import inspect

        self.folder, self.log = folder, folder / "log"
        self.log.touch()
        text = IMPORTED.format(LESSON) + inspect.getsource(fake_mark)
        script = GRADER.format(fake_mark=text, log=str(self.log), pause=pause, count=count, held=held)
        (folder / "grader.py").write_text(script)

    def go_on(self) -> None:
        Path(f"{self.log}.go on").touch()

    def start(self, *options) -> psutil.Popen:
        command = [sys.executable, str(self.folder / "grader.py"), "grade", "in", "-o", "out", *options]
        with open(self.folder / "err", "w") as err, open(self.folder / "said", "w") as said:
            return psutil.Popen(command, cwd=self.folder, stdout=said, stderr=err, start_new_session=True)

    @property
    def marks(self) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self.folder / "out" / "marks") if not name.startswith("."))
        return []

    @property
    def started(self) -> Counter:
        """Student -> how often marking them was started."""
        return Counter(line.split()[0] for line in self.log.read_text().splitlines())

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "err").read_text()
            time.sleep(0.05)

    def err(self) -> str:
        return (self.folder / "err").read_text()


def family(process) -> list[psutil.Process]:
    """A process and all processes that it has started."""
    return [process, *process.children(recursive=True)]


def left(processes, seconds=10) -> list[psutil.Process]:
    """Those that do not end within this many seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def grader(tmp_path):
    write_submissions(tmp_path / "in", [f"s{number:02}" for number in range(16)])
    return Grader(tmp_path)


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_no_mark_and_leaves_no_process(grader):
    for moment in (
        lambda: (grader.folder / "out" / "record.json").exists(),
        lambda: len(grader.marks) > 0,
        lambda: len(grader.marks) > 7,
    ):
        process = grader.start()
        grader.wait_for(moment)
        before = family(process)
        process.kill()
        assert left(before) == []
        for name in grader.marks:
            assert json.loads((grader.folder / "out" / "marks" / name).read_text())["mark"]["exercises"]
    kept, begun = len(grader.marks), grader.started
    assert kept < 16 and sum(begun.values()) <= kept + 3 * 2
    assert grader.start().wait(60) == 0, grader.err()
    assert len(grader.marks) == 16 and set(grader.started) == {f"s{number:02}" for number in range(16)}
    assert sum(grader.started.values()) == sum(begun.values()) + 16 - kept  # what was kept was not run again
    assert f"16 submissions of 16 students marked, {kept} of them" in (grader.folder / "said").read_text()
    assert not [path for path in (grader.folder / "out").rglob("*") if path.name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["it alone", "all, as a terminal does"])
def test_ctrl_c_keeps_finished_marks_and_says_how_to_resume(grader, whom):
    process = grader.start()
    grader.wait_for(lambda: len(grader.marks) > 2)
    before = family(process)
    process.send_signal(signal.SIGINT) if whom == "it alone" else os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert left(before) == []
    (line,) = grader.err().splitlines()
    assert re.fullmatch(r"stylelab: interrupted: (\d+) of 16 marked; .*", line)
    assert int(re.search(r"\d+", line)[0]) == len(grader.marks) < 16


@pytest.mark.slow
def test_ctrl_c_while_workers_start_is_one_line(grader):
    process = grader.start()
    grader.wait_for(lambda: (grader.folder / "out" / "record.json").exists())
    before = family(process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130 and left(before) == []
    assert re.fullmatch(r"stylelab: interrupted[^\n]*\n", grader.err()), grader.err()


@pytest.mark.slow
def test_a_killed_workers_submission_is_marked_elsewhere(tmp_path):
    write_submissions(tmp_path / "in", [f"s{number:02}" for number in range(16)])
    grader = Grader(tmp_path, pause=0, held="s04")
    process = grader.start()
    grader.wait_for(lambda: len(grader.marks) == 4 and len(grader.started) == 4 + 2)  # each worker has one in hand
    os.kill(int(grader.log.read_text().split()[-1]), signal.SIGKILL)
    grader.go_on()
    assert process.wait(60) == 0, grader.err()
    assert len(grader.marks) == len(grader.started) == 16 and sum(grader.started.values()) == 16 + 1
    assert "not graded" not in (grader.folder / "said").read_text()


@pytest.mark.slow
def test_a_worker_of_a_running_scheduler_that_is_killed_changes_no_mark(tmp_path, monkeypatch, marked):
    """The same seed, without a loss in this process and with one on a cluster of three processes."""
    submissions, log = write_submissions(tmp_path / "in", [f"s{number:02}" for number in range(12)]), tmp_path / "log"
    whole, _ = run(submissions, out="whole", seed=SEED)
    monkeypatch.undo()
    go_on = tmp_path / "go on"

    def mark_one(task):
        with open(log, "a") as stream:
            stream.write(f"{os.getpid()}\n")
        deadline = time.monotonic() + 60
        while task["submission"].student >= "s04" and not go_on.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return {"mark": fake_mark(task).to_json()}

    monkeypatch.setattr(workers, "mark_one", mark_one)
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 3)
    planned = batch.plan(submissions, tmp_path / "out", seed=SEED)

    def kill_one_of_three_that_are_busy():
        deadline = time.monotonic() + 60
        while (len(planned.marks), len(log.read_text().split())) != (4, 4 + 3) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(int(log.read_text().split()[-1]), signal.SIGKILL)
        go_on.touch()

    log.touch()
    killer = threading.Thread(target=kill_one_of_three_that_are_busy)
    with cluster.connect(None, tasks=3, device="cpu", deaths=1) as client:
        killer.start()
        arrived = [mark.student for mark in batch.run(planned, scheduler=client.scheduler.address)]
        killer.join()
    assert sorted(arrived) == [f"s{number:02}" for number in range(12)]
    assert without_seconds(planned) == without_seconds(whole)
    assert len(set(log.read_text().split())) > 2 and len(log.read_text().split()) == 12 + 1


@pytest.mark.slow
def test_submissions_that_crash_their_workers_are_reported_and_affect_no_other(tmp_path):
    """Three of them, so that an honest submission may meet more than one on the same worker."""
    write_submissions(tmp_path / "in", ["a", "b", "c", "killer1", "killer2", "killer3", "x", "y", "z"])
    grader = Grader(tmp_path, pause=0)
    assert grader.start().wait(120) == 0, grader.err()
    marks = [json.loads((tmp_path / "out" / "marks" / name).read_text())["mark"] for name in grader.marks]
    lost = {mark["student"]: mark["fault"] for mark in marks if mark["fault"]}
    assert lost == {f"killer{number}": "Its worker crashed 2 times." for number in (1, 2, 3)}
    assert len(marks) == 9 and all(grader.started[name] == 2 for name in lost)
    assert "3 not graded, through no fault of the student, for instance" in (tmp_path / "said").read_text()


@pytest.mark.slow
def test_a_fault_of_dask_in_ending_its_workers_loses_no_mark_and_leaves_no_process(tmp_path):
    write_submissions(tmp_path / "in", ["a", "b"])
    grader = Grader(tmp_path, pause=0)
    script = tmp_path / "grader.py"
    fault = "async def kill(self, *_, **__):\n    raise AssertionError('can only join a started process')\n"
    script.write_text(f"from distributed import Nanny\n{fault}Nanny.kill = kill\n{script.read_text()}")
    process = grader.start()
    grader.wait_for(lambda: len(grader.marks) == 2)
    children = family(process)
    assert process.wait(30) == 0, grader.err()
    assert (tmp_path / "out" / "overview.html").is_file() and not grader.err()
    assert not psutil.wait_procs(children, timeout=10)[1]


# --- the sandbox itself -----------------------------------------------------------------------------------------


ENDLESS = "def gram_matrix(activation):\n    while True:\n        pass"


def write_lessons(folder: Path, answers: dict[str, str]) -> Path:
    """Write lesson 03 for each student, with these answers to gram_matrix."""
    lesson = json.loads((Path(__file__).parents[2] / "lessons" / f"{LESSON}.ipynb").read_text())
    for student, answer in answers.items():
        for cell in lesson["cells"]:
            if cell["metadata"].get("stylelab", {}).get("exercise") == "gram_matrix":
                cell["source"] = answer
        (folder / student).mkdir(parents=True)
        (folder / student / f"{LESSON}.ipynb").write_text(json.dumps(lesson))
    return folder


@pytest.mark.slow
@needs_bubblewrap
def test_two_real_runs_with_the_same_seed_give_the_same_marks(tmp_path, monkeypatch, sandboxes):
    monkeypatch.setattr(workers, "_sandboxes_of_thread", lambda kind: sandboxes)
    right = library_source("torch", "gram_matrix")
    undivided = "import torch\ndef gram_matrix(a):\n    return torch.einsum('bchw,bdhw->bcd', a, a)"
    submissions = write_lessons(tmp_path / "in", {"ada": right, "bob": "raise NotImplementedError", "eve": undivided})
    with threads(1) as one_worker:
        monkeypatch.setattr(cluster, "connect", connected_to(one_worker))
        first, _ = run(submissions, seed=SEED)
        second, _ = run(submissions, out="regrade", seed=SEED)
    assert without_seconds(first) == without_seconds(second)
    marks = {mark.student: mark.exercises[0] for mark in first.marks.values()}
    assert (marks["ada"].earned, marks["bob"].earned) == (7, 0) and 0 < marks["eve"].earned < 7 and marks["eve"].reason


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_sandbox_is_left_when_the_grader_ends_during_an_answer(tmp_path, end):
    write_lessons(tmp_path / "in", {"eve": ENDLESS})
    command = [sys.executable, "-m", "stylelab", "grade", "in", "-o", "out", "--seconds", "300"]
    process = psutil.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 150
    while not any(_busy(each) for each in family(process)):
        assert process.is_running() and time.monotonic() < deadline
        time.sleep(0.5)
    before = family(process)
    assert any(each.name() == "bwrap" for each in before)
    process.send_signal(end)
    assert left(before, 15) == []


def _busy(process) -> bool:
    """Whether it runs an answer: not bubblewrap, not the warm process below it, but a child of that."""
    with suppress(psutil.Error):
        above = [each.name() for each in process.parents()]
        return "bwrap" in above[1:] and above[0] != "bwrap" and process.cpu_times().user > 1
    return False


@pytest.mark.slow
@needs_bubblewrap
def test_among_hostile_submissions_every_honest_mark_is_what_it_is_without_them(capsys, monkeypatch):
    """Two workers, twelve honest submissions and six hostile ones; `bench.grading --hostile` does it with a thousand."""
    monkeypatch.setattr(grading, "EVERY", 3)
    assert grading.grade_with_hostile(18, "torch", seconds=3)["count"] == 18
    assert "every honest mark is the same: 12 of 12" in capsys.readouterr().out
