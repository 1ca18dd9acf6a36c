"""A batch: every submission marked once, whatever is killed, and marks that another run gives again.

Most tests put a stand-in in the place of the sandbox: a mark that is drawn from the seed and the file.
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
import time
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client
from threads import Local, connected_to, threads

from stylelab.cli import commands as cli
from stylelab.errors import InputError, MachineError
from stylelab.tools import cluster
from stylelab.tools.classroom.marking import batch, workers
from stylelab.tools.classroom.marking import version as kit
from stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark, Submission
from stylelab.tools.classroom.marking.model_answers import library_source

SEED = "0123456789abcdef0123456789abcdef"
LESSON = "03_style_reconstruction_torch"
pytestmark = pytest.mark.plain
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")


def pretended(task) -> Mark:
    """A mark without a sandbox: the same seed and the same bytes earn the same."""
    submission = task["submission"]
    digest = hashlib.sha256(submission.data).hexdigest()
    earned = int(hashlib.sha256((task["seed"] + digest).encode()).hexdigest(), 16) % 8
    lines = (Line("value", 7, earned, None if earned == 7 else "wrong"),)
    made = ExerciseMark("gram_matrix", "Which filters answer together.", "right" if earned == 7 else "value", "", lines, 0.1)
    return Mark(submission.student, submission.name, LESSON[:-6], "torch", digest, (made,), submission.when, time.perf_counter())


@pytest.fixture
def handed_in(tmp_path):
    return lay(tmp_path / "in", "abcdef")


def lay(folder, students):
    """A folder for each student, with a notebook that is hers alone."""
    for student in students:
        (folder / student).mkdir(parents=True)
        (folder / student / f"{LESSON}.ipynb").write_text(notebook(f"# by {student}"))
    return folder


def notebook(*sources: str, **metadata) -> str:
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


@pytest.fixture(scope="module")
def running():
    with threads(2) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture
def marked(monkeypatch, running):
    """The students in the order in which they were marked, by workers without a sandbox."""
    done = []

    def mark_one(task):
        done.append(task["submission"].student)
        return {"mark": pretended(task).to_json()}

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    return done


def run(handed_in, out="out", **options):
    made = batch.plan(handed_in, handed_in.parent / out, **options)
    return made, list(batch.run(made))


def without_seconds(made) -> list:
    """All that was decided, as bytes would say it."""
    plain = [made.marks[key].to_json() for key in made.submissions]
    for each in plain:
        each["seconds"] = 0
        for exercise in each["exercises"]:
            exercise["seconds"] = 0
    return [json.dumps(each, sort_keys=True) for each in plain]


# --- once, and not again ----------------------------------------------------------------------------------------


def test_every_submission_is_marked_once(handed_in, marked):
    made, marks = run(handed_in)
    assert sorted(marked) == sorted(mark.student for mark in marks) == list("abcdef")
    assert list(made.marks) != [] and set(made.marks) == set(made.submissions)
    assert len(os.listdir(made.folder / "marks")) == 6


def test_a_mark_is_that_of_its_own_file(handed_in, marked):
    _, marks = run(handed_in)
    for mark in marks:
        data = (handed_in / mark.student / f"{LESSON}.ipynb").read_bytes()
        assert mark.digest == hashlib.sha256(data).hexdigest()


def test_a_mark_is_written_down_as_soon_as_it_is_known(handed_in, marked):
    made = batch.plan(handed_in, handed_in.parent / "out")
    marking = batch.run(made)
    first = next(marking)
    (path,) = (made.folder / "marks").iterdir()
    assert json.loads(path.read_text())["mark"]["student"] == first.student
    marking.close()


def test_what_is_marked_is_not_marked_again(handed_in, marked):
    first, _ = run(handed_in)
    marked.clear()
    second, marks = run(handed_in)
    assert (marked, marks, second.kept) == ([], [], 6)
    assert second.marks == first.marks and list(second.marks) == list(second.submissions)


def test_only_a_changed_file_is_marked_anew(handed_in, marked):
    run(handed_in)
    marked.clear()
    (handed_in / "c" / f"{LESSON}.ipynb").write_text(notebook("# another thought"))
    made, _ = run(handed_in)
    assert (marked, made.kept, len(made.marks)) == (["c"], 5, 6)


def test_a_file_of_another_name_or_student_is_marked_for_her(handed_in, marked):
    run(handed_in)
    marked.clear()
    (handed_in / "f").rename(handed_in / "g")
    made, _ = run(handed_in)
    assert marked == ["g"] and sorted(mark.student for mark in made.marks.values()) == list("abcdeg")


@pytest.mark.parametrize("options", [{"seed": SEED}, {"seconds": 5}, {"again": True}])
def test_other_conditions_mark_everything_anew(handed_in, marked, options):
    run(handed_in)
    marked.clear()
    made, _ = run(handed_in, **options)
    assert sorted(marked) == list("abcdef") and made.kept == 0


def test_another_kit_marks_everything_anew(handed_in, marked, monkeypatch):
    run(handed_in)
    marked.clear()
    monkeypatch.setattr(batch, "kit", lambda: "another")
    assert run(handed_in)[0].kept == 0 and sorted(marked) == list("abcdef")


def test_the_kit_is_another_when_a_file_that_decides_is(monkeypatch, tmp_path):
    for folder in kit.JUDGED_BY:
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "one.py").write_text("1")
    monkeypatch.setattr(kit, "PACKAGE", tmp_path)
    seen = {kit.kit.__wrapped__()}
    for folder in kit.JUDGED_BY:
        (tmp_path / folder / "deep" / "one.py").write_text("2")
        seen.add(kit.kit.__wrapped__())
    monkeypatch.setattr(kit, "find_lessons", list)
    seen.add(kit.kit.__wrapped__())
    assert len(seen) == len(kit.JUDGED_BY) + 2


def test_the_folders_own_secret_is_kept(handed_in, marked):
    first, _ = run(handed_in)
    again, _ = run(handed_in, again=True)
    assert first.record.seed == again.record.seed and without_seconds(first) == without_seconds(again)
    other, _ = run(handed_in, out="other")
    assert other.record.seed != first.record.seed and re.fullmatch("[0-9a-f]{32}", other.record.seed)


def test_the_same_record_gives_the_same_marks(handed_in, marked):
    first, _ = run(handed_in)
    (handed_in.parent / "regrade").mkdir()
    shutil.copy(first.folder / "record.json", handed_in.parent / "regrade")
    second, _ = run(handed_in, out="regrade")
    third, _ = run(handed_in, out="by-seed", seed=first.record.seed.upper())
    other, _ = run(handed_in, out="other")
    assert without_seconds(first) == without_seconds(second) == without_seconds(third) != without_seconds(other)


def test_when_it_was_handed_in_is_read_anew(handed_in, marked):
    run(handed_in)
    path = handed_in / "c" / f"{LESSON}.ipynb"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    made, marks = run(handed_in)
    (when,) = (mark.when for mark in made.marks.values() if mark.student == "c")
    assert marks == [] and when.timestamp() == 1_700_000_000


@pytest.mark.parametrize("text", ["", "{ half a fi", "[]", '{"stamp": 3}', "[" * 100_000, '{"stamp": null, "mark": {}}'])
def test_a_damaged_mark_is_made_anew(handed_in, marked, text):
    made, _ = run(handed_in)
    marked.clear()
    victim = next(iter(made.submissions))
    (made.folder / "marks" / f"{victim}.json").write_text(text)
    assert run(handed_in)[0].kept == 5 and len(marked) == 1


def test_what_a_killed_run_was_writing_is_swept_up_and_a_living_ones_is_kept(handed_in, marked):
    made, _ = run(handed_in)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = made.folder / "marks" / f".x.json.{gone.pid}-1.part"
    alive = made.folder / "marks" / f".x.json.{os.getpid()}-1.part"
    mine = made.folder / ".notes.part"
    for path in (dead, alive, mine):
        path.write_text("half")
    run(handed_in)
    assert [path.exists() for path in (dead, alive, mine)] == [False, True, True]


# --- what may come in -------------------------------------------------------------------------------------------


def test_a_student_whose_name_is_a_way_out_stays_inside(tmp_path, marked, monkeypatch):
    found = [Submission("../../x", "../../y.ipynb", b"1"), Submission("/etc/x", "\0.ipynb", b"2")]
    monkeypatch.setattr(batch, "collect", lambda source: found)
    made, marks = run(tmp_path / "in", out="deep/out")
    assert sorted(mark.student for mark in marks) == ["../../x", "/etc/x"]
    assert all(re.fullmatch(r"[0-9a-f]{32}\.json", name) for name in os.listdir(made.folder / "marks"))
    assert sorted(os.listdir(tmp_path)) == ["deep"] and sorted(os.listdir(made.folder)) == ["marks", "record.json"]


def test_two_students_of_one_name_and_one_file_get_two_marks(tmp_path, marked):
    for number in "12":
        folder = tmp_path / "in" / f"Ada Lovelace_{number}234567_assignsubmission_file"
        folder.mkdir(parents=True)
        (folder / f"{LESSON}.ipynb").write_text(notebook("# the same"))
    made, marks = run(tmp_path / "in")
    assert len(marks) == len(made.submissions) == 2 and len({mark.student for mark in marks}) == 2


def test_no_submission_is_said_so_and_nothing_is_made(tmp_path, marked):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no notebook in"):
        batch.plan(tmp_path / "in", tmp_path / "out")
    assert os.listdir(tmp_path) == ["in"]


def test_nothing_is_left_to_do_without_any_worker(handed_in, marked, monkeypatch):
    run(handed_in)
    monkeypatch.setattr(cluster, "connect", lambda *_, **__: pytest.fail("workers were started"))
    assert run(handed_in)[1] == []


def test_a_file_that_is_gone_when_its_turn_comes_costs_nobody_else_and_is_tried_again(handed_in, marked):
    path = handed_in / "c" / f"{LESSON}.ipynb"
    text = path.read_text()
    made = batch.plan(handed_in, handed_in.parent / "out")
    path.unlink()
    marks = {mark.student: mark for mark in batch.run(made)}
    assert len(marks) == 6 and "cannot be graded" in marks["c"].notes[-1] and sorted(marked) == list("abdef")
    path.write_text(text)
    assert run(handed_in)[0].kept == 5 and marked[5:] == ["c"]


@pytest.mark.parametrize("out", ["in", "in/a", "in/new", "in/../in", "link", "link/new"])
def test_marks_are_not_laid_among_what_was_handed_in(handed_in, marked, out):
    (handed_in.parent / "link").symlink_to("in")
    before = sorted(handed_in.rglob("*"))
    with pytest.raises(InputError, match="is in the folder of submissions: choose one beside it"):
        batch.plan(handed_in, handed_in.parent / out)
    assert sorted(handed_in.rglob("*")) == before


@pytest.mark.parametrize("source", ["in", "in/a", f"in/a/{LESSON}.ipynb"])
def test_marks_may_lie_beside_or_above_what_was_handed_in(handed_in, marked, source):
    first, _ = run(handed_in.parent / source, out=handed_in.parent)
    second, marks = run(handed_in.parent / source, out=handed_in.parent)
    assert marks == [] and list(first.submissions) == list(second.submissions) != []


# --- workers that fail ------------------------------------------------------------------------------------------


def test_an_error_on_a_worker_is_one_mark_that_says_so_and_is_made_again(handed_in, marked, monkeypatch):
    good = workers.mark_one

    def sometimes(task):
        if task["submission"].student == "c":
            raise RuntimeError("the disk\nis on fire")
        return good(task)

    monkeypatch.setattr(workers, "mark_one", Local(sometimes))
    made, marks = run(handed_in)
    (lost,) = (mark for mark in marks if not mark.exercises)
    assert lost.student == "c" and "RuntimeError: the disk?is on fire" in lost.notes[-1]
    monkeypatch.setattr(workers, "mark_one", good)
    made, marks = run(handed_in)
    assert made.kept == 5 and [mark.student for mark in marks] == ["c"] and marks[0].exercises


@pytest.mark.parametrize(("fault", "words"), [
    (lambda: {"machine": "bubblewrap is missing", "host": socket.gethostname()}, "^bubblewrap is missing$"),
    (lambda: {"machine": "bubblewrap is missing", "host": "node7"}, r"^bubblewrap is missing \(on node7\)$"),
    (lambda: __import__("stylelab_of_yesterday"), "a worker lacks a package .*install the same stylelab on every machine"),
])  # fmt: skip
def test_a_fault_of_the_machine_ends_the_batch_and_keeps_what_is_marked(handed_in, marked, monkeypatch, fault, words):
    good = workers.mark_one
    monkeypatch.setattr(workers, "mark_one", Local(lambda task: fault() if len(marked) == 3 else good(task)))
    made = batch.plan(handed_in, handed_in.parent / "out")
    with pytest.raises(MachineError, match=words):
        list(batch.run(made))
    assert len(made.marks) == len(os.listdir(made.folder / "marks")) >= 1
    assert all(mark.exercises for mark in made.marks.values())
    monkeypatch.setattr(workers, "mark_one", good)
    kept, marked[:] = {mark.student for mark in made.marks.values()}, []
    again, marks = run(handed_in)
    assert again.kept == len(kept) and {mark.student for mark in marks} == set("abcdef") - kept
    assert not kept & set(marked)


def test_a_worker_with_another_kit_marks_nothing(handed_in):
    made = batch.plan(handed_in, handed_in.parent / "out", kind="none")
    task = {
        "submission": next(iter(made.submissions.values())),
        "kind": "none",
        "seed": SEED,
        "limits": made.limits,
        "kit": "old",
    }
    assert "another version of stylelab" in workers.mark_one(task)["machine"]


def test_a_worker_gives_up_its_warm_processes_when_another_kind_of_sandbox_is_asked_for(monkeypatch):
    monkeypatch.setattr(workers, "_OWN", type("Own", (), {})())
    closed = []
    monkeypatch.setattr(workers.Boxes, "__exit__", lambda self, *_: closed.append(self.kind))
    first = workers._boxes("bwrap")
    assert workers._boxes("bwrap") is first and closed == []
    assert workers._boxes("none") is not first and closed == ["bwrap"]


def test_a_cluster_elsewhere_needs_no_sandbox_here(handed_in, marked, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="bubblewrap is missing"):
        batch.plan(handed_in, handed_in.parent / "out")
    assert len(batch.plan(handed_in, handed_in.parent / "out", here=False).submissions) == 6
    with pytest.raises(InputError, match="unknown sandbox"):
        batch.plan(handed_in, handed_in.parent / "out", here=False, kind="bogus")


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


def test_a_scheduler_that_goes_away_costs_no_mark(handed_in, monkeypatch):
    def mark_one(task):
        from stylelab.tools.classroom.marking.workers import unmarkable

        if task["submission"].student == "c":
            os._exit(9)  # it is the scheduler's process too
        return {"mark": unmarkable(task["submission"], "in place of a mark").to_json()}

    monkeypatch.setattr(workers, "mark_one", mark_one)
    command = [sys.executable, "-c", ELSEWHERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as elsewhere:
        try:
            made = batch.plan(handed_in, handed_in.parent / "out")
            with pytest.raises(MachineError, match="scheduler is gone.*the same command goes on"):
                list(batch.run(made, scheduler=elsewhere.stdout.readline().strip()))
        finally:
            elsewhere.kill()
    assert [mark.student for mark in made.marks.values()] == ["a", "b"]


def test_workers_that_do_not_come_back_are_waited_for_and_then_given_up(handed_in, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 1)
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.2)
    with threads(1) as short:

        def mark_one(task):
            if task["submission"].student == "c":
                short.loop.add_callback(short.workers[0].close)
                time.sleep(1)
            return {"mark": pretended(task).to_json()}

        monkeypatch.setattr(workers, "mark_one", Local(mark_one))
        made = batch.plan(handed_in, handed_in.parent / "out")
        with pytest.raises(MachineError, match="all workers are gone.*the same command goes on"):
            list(batch.run(made, scheduler=short.scheduler_address))
    assert [mark.student for mark in made.marks.values()] == ["a", "b"]


def test_a_scheduler_that_runs_already_is_used_and_left_running(handed_in, running, marked):
    made = batch.plan(handed_in, handed_in.parent / "out")
    assert len(list(batch.run(made, scheduler=running.scheduler_address))) == 6
    with Client(running, set_as_default=False) as client:
        assert client.submit(lambda: 7).result() == 7


@pytest.mark.parametrize(("address", "status", "words"), [
    ("nonsense", 1, "is no scheduler's address"), ("http://127.0.0.1:1", 1, "is no scheduler's address"),
    ("tcp://127.0.0.1:port", 1, "is no scheduler's address"), ("tcp://127.0.0.1:{port}", 2, "no Dask scheduler answers"),
])  # fmt: skip
def test_a_wrong_scheduler_costs_one_line(handed_in, capsys, address, status, words):
    with socket.socket() as taken:  # bound but not listening: nobody else can answer here
        taken.bind(("127.0.0.1", 0))
        address = address.format(port=taken.getsockname()[1])
        out = str(handed_in.parent / "out")
        assert cli.run(["grade", str(handed_in), "-o", out, "--scheduler", address, "--sandbox", "none"]) == status
    said, err = capsys.readouterr()
    *warning, line = err.splitlines()
    assert said == "" and len(warning) == 1 and "no sandbox" in warning[0] and words in line


def test_a_worker_that_is_slow_to_start_again_is_not_forgotten(monkeypatch):
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
from stylelab.tools.classroom import batch, workers

{pretended}
LOG, PAUSE, COUNT = {log!r}, {pause}, {count}

def mark_one(task):
    student = task["submission"].student
    with open(LOG, "a") as stream:
        stream.write(f"{{student}} {{os.getpid()}}\\n")
    if student.startswith("killer"):
        os._exit(9)
    time.sleep(PAUSE)
    return {{"mark": pretended(task).to_json()}}

if __name__ == "__main__":
    workers.mark_one = mark_one
    batch.kit = lambda: "the same, whatever is edited while the tests run"
    cluster.worker_count = lambda tasks, device: COUNT
    sys.exit(cli.run(sys.argv[1:]))
"""
IMPORTED = "import hashlib\nfrom stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark\nLESSON = {!r}\n"


class Grader:
    """`stylelab grade` as a process of its own, with the stand-in, and what it leaves behind."""

    def __init__(self, folder: Path, pause=0.2, count=2):
        import inspect

        self.folder, self.log = folder, folder / "log"
        self.log.touch()
        text = IMPORTED.format(LESSON) + inspect.getsource(pretended)
        (folder / "grader.py").write_text(GRADER.format(pretended=text, log=str(self.log), pause=pause, count=count))

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
        """Student -> how often she was begun with."""
        return Counter(line.split()[0] for line in self.log.read_text().splitlines())

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "err").read_text()
            time.sleep(0.05)

    def err(self) -> str:
        return (self.folder / "err").read_text()


def family(process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def left(processes, seconds=10) -> list[psutil.Process]:
    """Those that have not ended within seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def grader(tmp_path):
    lay(tmp_path / "in", [f"s{number:02}" for number in range(16)])
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
    assert f"16 submissions of 16 students marked, {kept} of them before" in (grader.folder / "said").read_text()
    assert not [path for path in (grader.folder / "out").rglob("*") if path.name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["it alone", "all, as a terminal does"])
def test_ctrl_c_keeps_what_is_marked_and_says_how_to_go_on(grader, whom):
    process = grader.start()
    grader.wait_for(lambda: len(grader.marks) > 2)
    before = family(process)
    process.send_signal(signal.SIGINT) if whom == "it alone" else os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert left(before) == []
    (line,) = grader.err().splitlines()
    assert re.fullmatch(
        r"stylelab: interrupted: (\d+) of 16 marked; the same command goes on from here and writes the reports", line
    )
    assert int(re.search(r"\d+", line)[0]) == len(grader.marks) < 16


@pytest.mark.slow
def test_ctrl_c_while_the_workers_start_is_one_line_too(grader):
    process = grader.start()
    grader.wait_for(lambda: (grader.folder / "out" / "record.json").exists())
    before = family(process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130 and left(before) == []
    assert re.fullmatch(r"stylelab: interrupted[^\n]*\n", grader.err()), grader.err()


@pytest.mark.slow
def test_a_killed_workers_submission_is_marked_elsewhere(grader):
    process = grader.start()
    grader.wait_for(lambda: len(grader.started) > 3)
    victim = int(grader.log.read_text().split()[-1])
    os.kill(victim, signal.SIGKILL)
    assert process.wait(60) == 0, grader.err()
    assert len(grader.marks) == len(grader.started) == 16 and sum(grader.started.values()) <= 17
    assert "could not be graded" not in (grader.folder / "said").read_text()


@pytest.mark.slow
def test_submissions_that_kill_their_workers_are_reported_and_cost_nobody_else(tmp_path):
    """Three of them, so that an honest one meets more than one on the same worker."""
    lay(tmp_path / "in", ["a", "b", "c", "killer1", "killer2", "killer3", "x", "y", "z"])
    grader = Grader(tmp_path, pause=0)
    assert grader.start().wait(120) == 0, grader.err()
    marks = [json.loads((tmp_path / "out" / "marks" / name).read_text())["mark"] for name in grader.marks]
    lost = {mark["student"]: mark["notes"][-1] for mark in marks if not mark["exercises"]}
    assert lost == {f"killer{number}": "cannot be graded: its worker died 2 times" for number in (1, 2, 3)}
    assert len(marks) == 9 and all(grader.started[name] == 2 for name in lost)
    assert "3 could not be graded, for instance" in (tmp_path / "said").read_text()


# --- the sandbox itself -----------------------------------------------------------------------------------------


ENDLESS = "def gram_matrix(activation):\n    while True:\n        pass"


def real(folder: Path, answers: dict[str, str]) -> Path:
    """Lesson 03 with these answers to gram_matrix, student by student."""
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
def test_two_real_runs_with_one_record_give_the_same_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 1)
    right = library_source("torch", "gram_matrix")
    undivided = "import torch\ndef gram_matrix(a):\n    return torch.einsum('bchw,bdhw->bcd', a, a)"
    handed_in = real(tmp_path / "in", {"ada": right, "bob": "raise NotImplementedError", "eve": undivided})
    first, _ = run(handed_in, seed=SEED)
    second, _ = run(handed_in, out="regrade", seed=SEED)
    assert without_seconds(first) == without_seconds(second)
    marks = {mark.student: mark.exercises[0] for mark in first.marks.values()}
    assert (marks["ada"].earned, marks["bob"].earned) == (7, 0) and 0 < marks["eve"].earned < 7 and marks["eve"].reason


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_sandbox_is_left_when_the_grader_ends_in_the_middle_of_an_answer(tmp_path, end):
    real(tmp_path / "in", {"eve": ENDLESS, "eva": ENDLESS})
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
    """Whether an answer runs in it: not bubblewrap, not the warm process below it, but a child of that."""
    with suppress(psutil.Error):
        above = [each.name() for each in process.parents()]
        return "bwrap" in above[1:] and above[0] != "bwrap" and process.cpu_times().user > 1
    return False
