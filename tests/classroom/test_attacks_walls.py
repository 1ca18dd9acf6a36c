"""Attacks on the walls: priorities, signals, other processes, hidden memory, hidden time. All hit the answer itself, or nothing.

As in test_attacks.py, most run in one sandbox, and after each of them an honest answer still gets full marks.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from submitting import HONEST, POINTS, SEED, as_one_statement, mark_answer, needs_bubblewrap, notebook, reveal

from stylelab.exercises import EXERCISES
from stylelab.tools.classroom.marking.mark import Sandboxes, mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.sandbox import sandbox as sandbox_module
from stylelab.tools.classroom.sandbox.inside import isolation, wire
from stylelab.tools.classroom.sandbox.sandbox import Limits, Sandbox, Starved

TRIES = """import errno, fcntl, resource, signal, struct, subprocess, threading, time
def call(number, *arguments):
    if c.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), '')
def write(file, text):
    with open(file, 'w') as stream:
        stream.write(text)
found = {}
for name, each in {TRIES}.items():
    try:
        each()
        found[name] = 'done'
    except OSError as error:
        found[name] = errno.errorcode.get(error.errno)
return {name: how for name, how in found.items() if how not in ('EPERM', 'EACCES', 'EROFS')}"""
PRIORITIES = {
    "the group": "os.setpriority(os.PRIO_PGRP, 0, 19)",
    "the user": "os.setpriority(os.PRIO_USER, 0, 19)",
    "itself": "os.nice(5)",
    "the first process": "os.setpriority(os.PRIO_PROCESS, 1, 19)",
    "the autogroup": "write('/proc/self/autogroup', '19')",
    "the first process's autogroup": "write('/proc/1/autogroup', '19')",
    "the choice when memory runs out": "write('/proc/self/oom_score_adj', '1000')",
    "the slack of timers": "write('/proc/self/timerslack_ns', '1000000000')",
    "the name": "write('/proc/self/comm', 'x')",
    "the class": "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))",
    "the parent's class": "os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0))",
    "the processors": "os.sched_setaffinity(0, [0])",
    "of disks": "call(251, 2, 0, 3 << 13)",
    "a limit of another's": "resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))",
    "cookies of the scheduler": "call(157, 62, 1, 0, 1, 0)",
}
SIGNALS = {
    "the group": "os.kill(0, 9)",
    "the group, to stop": "os.killpg(0, 19)",
    "all": "os.kill(-1, 9)",
    "the first": "os.kill(1, 19)",
    "the parent": "os.kill(os.getppid(), 9)",
    "the second": "os.kill(2 if os.getpid() > 2 else 1, 2)",
    "a thread": "call(200, 1, 9)",
    "a thread of a group": "call(234, 1, 1, 9)",
    "with a value": "call(129, 1, 9, bytes(128))",
    "by a descriptor": "signal.pidfd_send_signal(os.pidfd_open(1), 9)",
    "through a file": "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, 1)",
    "through the group of a file": "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, -1)",
    "through a device": "fcntl.ioctl(os.pipe()[0], 0x8901, struct.pack('i', 1))",
}
PROCESSES = {
    "fork": "os.fork()",
    "fork with a terminal": "os.forkpty()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a program at its side": "subprocess.run(['/bin/true'])",
    "spawned": "os.posix_spawn('/bin/true', ['true'], {})",
    "vfork": "call(58)",
    "clone": "call(56, 17, 0, 0, 0, 0)",
    "clone with shared memory": "call(56, 0x100 | 17, 0, 0, 0, 0)",
    "clone with a namespace": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "a traced one": "call(101, 0, 0, 0, 0)",
}
HIDDEN_MEMORY = {  # each is memory that no process's limit counts
    "an anonymous file": "os.memfd_create('x')",
    "a secret file": "call(447, 0)",
    "a segment": "call(29, 0, 4096, 0o1600)",
    "semaphores": "call(64, 0, 32000, 0o1600)",
    "a queue": "call(68, 0, 0o1600)",
    "a named queue": "call(240, b'x', 0o102, 0o600, 0)",
    "a key": "call(248, b'user', b'me', b'x', 1, -3)",
    "shared memory": "mmap.mmap(-1, 4096)",
    "shared zeros": "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096)",
    "huge pages": "mmap.mmap(-1, 2**21, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)",
    "watches": "call(253)",
    "other watches": "call(294, 0)",
    "watches of all": "call(300, 0, 0)",
    "rules": "call(444, struct.pack('Q', 1), 8, 0)",
    "filters": "call(317, 1, 0, 0)",
    "filters by another call": "call(157, 22, 2, 0, 0, 0)",
    "a table of locks": "call(157, 78, 1, 2**20, 0, 0)",
    "asynchronous reads": "call(206, 1000, ctypes.byref(ctypes.c_long()))",
    "a ring": "call(425, 8, bytes(120))",
    "a larger pipe": "fcntl.fcntl(os.pipe()[0], 1031, 2**20)",
    "pages in a pipe": "call(278, os.pipe()[1], bytes(16), 1, 0)",
    "files in a pipe": "call(275, os.open('/proc/self/stat', 0), 0, os.pipe()[1], 0, 1, 0)",
    "pipes in a pipe": "call(276, os.pipe()[0], os.pipe()[1], 1, 0)",
    "attributes of files": "[open('/scratch/x', 'w'), os.setxattr('/scratch/x', 'user.x', b'x')]",
    "a socket that listens": "socket.socket(socket.AF_UNIX).listen()",
    "a pair that listens": "socket.socketpair()[0].listen()",
    "a pair with a name": "socket.socketpair()[0].bind(chr(0) + 'x')",
    "a pair that connects": "socket.socketpair()[0].connect(chr(0) + 'x')",
    "a pair of another family": "socket.socketpair(30)",
    "descriptors on their way": "socket.send_fds(socket.socketpair()[0], [b'x'], [0])",
    **{
        f"a socket of family {family}": f"socket.socket({family}, {3 if family in (16, 17) else 1})"
        for family in (2, 10, 16, 17, 31, 38, 40, 44)
    },
}
DISK = {  # who waits for a disk uses no processor, and keeps others waiting
    "past the cache": "os.open(os.__file__, os.O_DIRECT)",
    "past the cache, by the old call": "call(2, os.__file__.encode(), os.O_DIRECT, 0)",
    "past the cache, by the new call": "call(437, -100, os.__file__.encode(), bytes(24), 24)",
    "past the cache, later": "fcntl.fcntl(os.open(os.__file__, 0), fcntl.F_SETFL, os.O_DIRECT)",
}
REFUSED = DISK | PRIORITIES | {f"signal to {name}": code for name, code in SIGNALS.items()} | PROCESSES | HIDDEN_MEMORY


def tried(kind: dict) -> str:
    """Body of a function that tries all of a kind and returns the names of those that succeeded."""
    return TRIES.replace("{TRIES}", "{" + ", ".join(f"{name!r}: lambda: {code}" for name, code in kind.items()) + "}")


def standing(sandbox: Sandbox) -> list[tuple]:
    """What the warm process and those around it have of the machine: priorities, scheduling, limits."""
    found = []
    for each in psutil.Process(sandbox.process).children(recursive=True):
        folder = Path(f"/proc/{each.pid}")
        files = [(folder / name).read_text() for name in ("autogroup", "oom_score_adj", "limits") if (folder / name).exists()]
        found.append(
            (each.pid, each.status() == "stopped", each.nice(), each.cpu_affinity(), os.sched_getscheduler(each.pid), *files)
        )
    return sorted(found)


@needs_bubblewrap
@pytest.mark.parametrize(
    "kind", [PRIORITIES, SIGNALS, PROCESSES, HIDDEN_MEMORY, DISK], ids=["priorities", "signals", "processes", "memory", "disk"]
)
def test_what_could_harm_others_is_refused(sandboxes, edition, grade, kind):
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers of these calls are those of x86_64")
    sandbox = sandboxes.get(edition)
    before = standing(sandbox)
    assert reveal(grade, tried(kind)) == "{}."
    assert standing(sandbox) == before and sandboxes.get(edition) is sandbox


@pytest.mark.slow
@needs_bubblewrap
def test_a_fresh_sandbox_without_nesting_refuses_the_same(framework):
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers of these calls are those of x86_64")
    with Sandboxes() as opened:
        opened.running[framework] = Sandbox(framework, isolation="fresh")
        output = reveal(lambda code, **options: mark_answer(opened, framework, code, **options), tried(REFUSED))
    assert output == "{}."


@needs_bubblewrap
def test_every_refused_call_is_refused(grade):
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    numbers = sorted({each[column] for each in isolation.REFUSED.values() if each[column] is not None})
    body = f"return [n for n in {numbers} if (c.syscall(n, -1, -1, -1, -1, -1, -1), ctypes.get_errno()) != (-1, 1)]"
    assert reveal(grade, body) == "[]."
    later = "return {(c.syscall(n, -1, -1, -1, -1, -1, -1), ctypes.get_errno()) for n in (435, 463, 470, 600)}"
    assert reveal(grade, later) == "{(-1, 38)}."


@needs_bubblewrap
def test_flushing_a_disk_or_its_cache_seems_to_succeed_and_does_nothing(grade):
    calls = "[os.fsync, os.fdatasync, lambda file: os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)]"
    assert reveal(grade, f"return [each(77) for each in {calls}]").startswith("[None, None, None]")  # file 77 is not open


@needs_bubblewrap
def test_an_answer_is_alone_in_its_session_and_group(grade):
    body = "return os.getsid(0) == os.getpgrp() == os.getpid(), [os.getsid(int(p)) == os.getsid(0) for p in os.listdir('/proc') if p == '1']"
    assert reveal(grade, body) == "(True, [False])."


COUNTED = {  # name -> (what an answer may make, until it fails; the most that it can make)
    "pairs of sockets": ("socket.socketpair()", 64),
    "pipes": ("os.pipe()", 64),
    "descriptors": ("os.dup(0)", 128),
    "timers": ("c.timer_create(0, None, bytes(8)) and 1 / 0", 1000),
    "threads": ("threading.Thread(target=time.sleep, args=(50,)).start()", 64),
    "files": ("open(f'/scratch/{len(made)}', 'w').close()", 10_000),
    "folders": ("os.mkdir(f'/dev/shm/{len(made)}')", 10_000),
    "links": ("os.symlink('x' * 100, f'/dev/shm/{len(made)}')", 10_000),
    "other names": ("[open('/scratch/x', 'a').close(), os.link('/scratch/x', f'/scratch/{len(made)}')]", 10_000),
}


@needs_bubblewrap
@pytest.mark.parametrize(("code", "most"), COUNTED.values(), ids=COUNTED)
def test_what_takes_memory_of_the_kernel_is_counted(grade, code, most):
    body = f"import threading, time\nmade = []\ntry:\n    while len(made) < 20_000:\n        made.append({code})\nexcept Exception:\n    return len(made)\nreturn 'endless'"
    assert 10 < int(reveal(grade, body).rstrip(".")) <= most


USABLE = {  # what an answer may well use
    "threads": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as pool:\n    return sum(pool.map(abs, range(5)))",
    "asyncio": "import asyncio\nasync def wait():\n    await asyncio.sleep(0.01)\n    return 10\nreturn asyncio.run(wait())",
    "asyncio with threads": "import asyncio\nreturn asyncio.run(asyncio.to_thread(sum, [4, 6]))",
    "a queue": "import queue, threading\nq = queue.Queue()\nthreading.Thread(target=q.put, args=(10,)).start()\nreturn q.get()",
    "a signal to itself": "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\nos.kill(os.getpid(), signal.SIGUSR1)\nsignal.raise_signal(signal.SIGUSR1)\nreturn 10",
    "an alarm": "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()\nreturn 10",
    "files": "import shutil, tempfile\nwith tempfile.TemporaryDirectory() as f:\n    open(f + '/a', 'w').write('x' * 10)\n    shutil.copy2(f + '/a', f + '/b')\n    return os.path.getsize(f + '/b')",
    "a figure": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('/scratch/a.png')\nreturn 10",
    "linear algebra": "import scipy.linalg\nreturn round(np.linalg.svd(np.eye(200))[1].sum() + scipy.linalg.expm(np.zeros((2, 2))).sum()) - 192",
    "a database": "import sqlite3\nd = sqlite3.connect('/scratch/a')\nd.execute('create table a (x)')\nd.execute('insert into a values (10)')\nd.commit()\nreturn d.execute('select x from a').fetchone()[0]",
}


@needs_bubblewrap
@pytest.mark.parametrize("code", USABLE.values(), ids=USABLE)
def test_what_an_answer_may_well_use_still_works(grade, code):
    assert reveal(grade, code) == "10."


ENDED = {  # name -> (code, stage, words)
    "killed": ("os.kill(os.getpid(), 9)", "memory", "was killed by the system, as happens when memory runs out (SIGKILL)"),
    "a bad address": ("ctypes.string_at(0)", "lost", "crashed: it used memory that it did not have (SIGSEGV)"),
    "an abort": ("os.abort()", "lost", "gave up: .*(SIGABRT)"),
    "a system call of another kind": ("os.kill(os.getpid(), signal.SIGSYS)", "lost", "asked the system for something that no answer may do (SIGSYS)"),
    "too long": ("os.kill(os.getpid(), signal.SIGXCPU)", "time", "used more processor time than an answer may (SIGXCPU). Does a loop never end?"),
    "terminated": ("os.kill(os.getpid(), signal.SIGTERM)", "lost", "was ended by a signal (SIGTERM)"),
    "a number of the C library's": ("os.kill(os.getpid(), 40)", "lost", "was ended by a signal (signal 40)"),
    "an exit that looks like a signal": ("os._exit(137)", "lost", "ended before it had answered."),
    "an exit": ("os._exit(98)", "lost", "ended before it had answered."),
}  # fmt: skip


@needs_bubblewrap
@pytest.mark.parametrize(("code", "stage", "words"), ENDED.values(), ids=ENDED)
def test_the_reason_says_how_a_process_ended(grade, code, stage, words):
    result = grade(f"import ctypes, os, signal\n\ndef gram_matrix(activation):\n    {code}\n")
    assert (result.earned, result.stage) == (0, stage)
    assert all(part in result.reason for part in words.split(".*"))


class Child:
    """A channel whose child has used so much: seconds in which it computed, could have computed, and slept."""

    def __init__(self, *usage: float, waited: float, delayed: float = 0.0, seconds: float = 10.0):
        ours, self.theirs = sandbox_module.socket.socketpair()
        self.channel = sandbox_module._Channel(ours, seconds, lambda: usage)
        self.channel._waited, self.channel._delayed = waited, delayed

    def verdict(self, *, finished: bool) -> str:
        """How its time is judged."""
        try:
            self.channel.check(finished=finished)
        except TimeoutError as error:
            return type(error).__name__
        finally:
            self.theirs.close()
            self.channel.close()
        return "goes on"


@pytest.mark.parametrize(("usage", "waited", "while_waiting", "when_finished"), [
    ((1.0, 1.0, 0.0), 5.0, "goes on", "goes on"),  # nobody asks before its time can be over
    ((10.0, 10.0, 0.0), 10.0, "TimeoutError", "TimeoutError"),  # it computed
    ((0.1, 0.1, 9.9), 10.0, "TimeoutError", "TimeoutError"),  # it slept
    ((25.0, 10.0, 0.0), 10.0, "TimeoutError", "TimeoutError"),  # with several threads
    ((2.0, 10.0, 0.0), 10.0, "goes on", "goes on"),  # others used the processors
    ((9.0, 40.0, 0.0), 40.0, "goes on", "goes on"),
    ((11.0, 40.0, 0.0), 40.0, "goes on", "Starved"),  # too long, but processors were short
    ((20.0, 40.0, 0.0), 40.0, "TimeoutError", "TimeoutError"),
    ((9.0, 100.0, 0.0), 100.0, "Starved", "Starved"),  # it got next to nothing
    ((9.0, 9.0, 50.0), 10.0, "TimeoutError", "TimeoutError"),
    ((3.0, 3.0, 50.0), 10.1, "TimeoutError", "TimeoutError"),
    ((9.5, 9.5, 50.0), 9.6, "goes on", "goes on"),  # it slept while nobody waited for it
    ((1.0, 8.0, 50.0), 11.0, "goes on", "goes on"),  # the same, and others used the processors
], ids=str)  # fmt: skip
def test_the_time_that_counts_is_what_an_answer_computes_or_sleeps(usage, waited, while_waiting, when_finished):
    assert Child(*usage, waited=waited).verdict(finished=False) == while_waiting
    assert Child(*usage, waited=waited).verdict(finished=True) == when_finished


def test_time_in_which_the_grader_itself_had_no_processor_is_no_proof():
    assert Child(10.5, 10.5, 0.0, waited=11.0, delayed=1.0).verdict(finished=False) == "goes on"
    assert Child(10.5, 10.5, 0.0, waited=11.0, delayed=1.0).verdict(finished=True) == "Starved"


def test_reading_what_an_answer_sends_takes_the_grader_little_time(monkeypatch):
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(sandbox_module, "MOST_READ", 10_000)
    warm = SimpleNamespace(usage=lambda: (0.0, 0.0, 0.0), end_child=lambda has_ended: 0)
    with theirs, sandbox_module.Conversation(warm, ours, {}, 10.0) as conversation:
        wire.send(theirs, [], {"numbers": np.zeros(5_000)})
        assert conversation.ask([], {})[0] == []
        wire.send(theirs, [0] * 9_000)
        with pytest.raises(wire.WireError):
            conversation.ask([], {})


@needs_bubblewrap
@pytest.mark.slow
def test_answers_after_one_without_an_end_keep_half_of_their_time(sandboxes, framework, patient):
    """Not less with each of them: an honest answer may need some seconds."""
    endless = "def {}({}):\n    while True:\n        pass\n"
    names = ("gram_matrix", "style_layer_loss", "style_loss")
    cells = [endless.format(name, ", ".join(EXERCISES[name].arguments)) for name in names]
    submission = Submission("Mallory", "x.ipynb", notebook(cells, framework, dict(enumerate(names))))
    reasons = [each.reason for each in mark(submission, sandboxes, SEED, Limits(1.0)).exercises]
    assert [reason.split()[5] for reason in reasons] == ["1", "0.5", "0.5"], reasons


@needs_bubblewrap
def test_an_answer_that_the_machine_starves_is_told_apart(sandboxes, grade, monkeypatch):
    def starved(self, **_):
        raise Starved

    monkeypatch.setattr(sandbox_module._Channel, "check", starved)
    result = grade("def gram_matrix(activation):\n    return zeros(activation)\n")
    monkeypatch.undo()
    assert (result.stage, result.earned) == ("starved", 0) and "too busy" in result.reason


SLOW = "def gram_matrix(activation):\n    import threading, time\n    {body}\n    while True:\n        {loop}\n"
SLEEPY = {  # answers that try to use more time than they have
    "many threads": ("[threading.Thread(target=lambda: sum(iter(int, 1))).start() for _ in range(40)]", "pass"),
    "short sleeps": ("", "time.sleep(0.001)"),
    "many threads that sleep": (
        "def nap():\n        while True:\n            time.sleep(0.02)\n    [threading.Thread(target=nap).start() for _ in range(40)]",
        "time.sleep(0.02)",
    ),
    "stopped": ("import os, signal\n    os.kill(os.getpid(), signal.SIGSTOP)", "pass"),
    "deaf": ("import signal\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))", "pass"),
}


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize(("body", "loop"), SLEEPY.values(), ids=SLEEPY)
def test_no_answer_hides_its_time(grade, body, loop):
    result = grade(SLOW.format(body=body, loop=loop), seconds=1.5)
    assert (result.stage, result.earned) == ("time", 0), result.reason


@pytest.mark.slow
@needs_bubblewrap
def test_a_busy_machine_takes_no_time_from_an_answer(sandboxes, framework):
    """It computes for 1 of its 2 seconds, which takes several times as long beside others."""
    sandboxes.get(framework)
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(4 * os.cpu_count())
    ]
    code = f"import time\n{HONEST[framework]}until = time.process_time() + 1\nwhile time.process_time() < until:\n    pass\n"
    try:
        began = time.monotonic()
        result = mark_answer(sandboxes, framework, as_one_statement(code), seconds=2)
    finally:
        for hog in hogs:
            os.killpg(hog.pid, signal.SIGKILL)
            hog.wait()
    assert (result.stage, result.earned) == ("right", POINTS), result.reason
    assert time.monotonic() - began > 1
