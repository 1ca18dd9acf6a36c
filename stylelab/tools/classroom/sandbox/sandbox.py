"""Run students' code in a sandbox: a warm process inside bubblewrap, which forks an isolated child for each answer.

bubblewrap provides the outer layer: no network, a read-only system without the repository, an empty home, no capabilities, an
unprivileged user. `inside/serve.py` runs there with a framework imported; for each answer it forks a child in namespaces of
its own (`inside/isolation.py`), so no submission sees another. Answers are not judged inside: only arrays come back.
"""

import json
import os
import select
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylelab.base.course import chosen_course
from stylelab.base.files import printable
from stylelab.base.processes import python_of
from stylelab.errors import InputError, MachineError
from stylelab.tools.classroom.sandbox.inside import wire

PACKAGE = Path(__file__).resolve().parents[3]
INSIDE_PACKAGE = "tools/classroom/sandbox/inside"
EMPTY_PACKAGES = (
    "exercises",
    "exercises/checking",
    "torch/exercises",
    "tensorflow/exercises",
    "tools",
    "tools/classroom",
    "tools/classroom/sandbox",
)
COPIES = (
    *(f"exercises/checking/{name}.py" for name in ("call", "reach", "definition", "serialise", "plain")),
    *(f"{framework}/exercises/lab.py" for framework in ("torch", "tensorflow")),
    *(f"{INSIDE_PACKAGE}/{name}.py" for name in ("__init__", "serve", "isolation", "wire", "statements", "slice", "form")),
)
KIT = {  # file in the sandbox's package -> file in ours; none of them knows an answer
    "__init__.py": f"{INSIDE_PACKAGE}/stub_package.py",
    "torch/__init__.py": f"{INSIDE_PACKAGE}/stub_half.py",
    "tensorflow/__init__.py": f"{INSIDE_PACKAGE}/stub_half.py",
    **{f"{folder}/__init__.py": f"{INSIDE_PACKAGE}/__init__.py" for folder in EMPTY_PACKAGES},
    **{file: file for file in COPIES},
}
SERVER = "stylelab.tools.classroom.sandbox.inside.serve"
SCRATCH = "/scratch"  # the one writable folder: /home and /tmp may hold the Python in use
SETTINGS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"),
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
    "TORCHDYNAMO_DISABLE": "1",  # torch.compile gives back the function: compiling takes a minute
    "PYTHONHASHSEED": "0",
}
INSIDE_SETTINGS = SETTINGS | {
    "PYTHONPATH": "/kit",
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "USER": "student",
    "LOGNAME": "student",
    "PATH": "/usr/bin:/bin",
}
NOBODY = 65534
TRIAL = 60  # seconds for trying whether answers can be isolated
START_SECONDS = 180  # for importing a framework on a busy machine
BWRAP, NONE = "bwrap", "none"
NESTED, FRESH, UNPROTECTED = "nested", "fresh", "unprotected"  # as in inside/serve.py
MOST_READ = 2 * wire.LARGEST  # bytes that one child may send, an eighth of those in arrays: reading takes the grader's time
BACKSTOP = 10  # times its limit: how long the grader waits for an answer that the machine keeps from computing
ENDINGS = {  # name of the signal that ended an answer's process -> stage, and how it ended
    "SIGKILL": ("memory", "was killed by the system, as happens when memory runs out"),
    "SIGXCPU": ("time", "used more processor time than an answer may"),
    "SIGSYS": ("lost", "asked the system for something that no answer may do"),
    "SIGSEGV": ("lost", "crashed: it used memory that it did not have"),
    "SIGBUS": ("lost", "crashed: it used memory that it did not have, or a file in a full folder"),
    "SIGABRT": ("lost", "gave up: a library met an error that it could not handle, such as too little memory"),
    "SIGFPE": ("lost", "crashed: compiled code divided by zero"),
    "SIGILL": ("lost", "crashed: compiled code met an instruction that this processor does not have"),
}
INSTALL = "bubblewrap is missing: install it (Debian: apt install bubblewrap), or use --sandbox none if you trust the submissions"


@dataclass(frozen=True)
class Limits:
    """Limits for one answer.

    Attributes:
        seconds: its processor time, and the time in which it sleeps while the grader waits for it. How busy the machine is
            does not count.
    """

    seconds: float = 10.0


class SandboxLost(Exception):
    """The warm process has ended or does not respond. Start another."""


class Starved(TimeoutError):
    """An answer has not finished because the machine was busy with something else, as far as can be seen."""


class Sandbox:
    """One warm process for one framework, which serves one answer at a time; a context manager.

    Args:
        framework: 'torch', 'tensorflow' or 'numpy'.
        kind: 'bwrap', or 'none' for no sandbox at all.
        isolation: 'nested', or 'fresh' where namespaces cannot be nested: then each answer gets a new process, which
            takes as long as importing the framework. None tries the first and falls back to the second.

    Raises:
        MachineError: bubblewrap or the framework is missing, or the process does not start.
    """

    def __init__(self, framework: str, kind: str = BWRAP, isolation: str | None = None):
        check_sandbox(kind)
        self.framework, self.kind = framework, kind
        self.isolation = isolation or (NESTED if kind == BWRAP else UNPROTECTED)
        self._process: Any = None  # these four are None while no process is warm
        self._folder: Any = None
        self._errors: Any = None
        self._control: Any = None
        self._start()
        if isolation is None and kind == BWRAP and self.trouble:
            self.isolation = FRESH
            self.close()
            self._start()

    @property
    def process(self) -> int:
        """Id of the outermost process, which leads its own process group and session."""
        return self._process.pid

    def _start(self) -> None:
        for is_last, user in _users(self.kind):
            self._launch(user)
            if self._is_warm() and not self.trouble:
                return
            if not is_last:
                self.close()
        if self._process.poll() is not None:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["it ended without a message"]
            self.close()
            raise MachineError(f"the sandbox for {self.framework} does not start: {printable(lines[-1], 300)}")

    def _launch(self, user: int) -> None:
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()
        python = python_of(self.framework)
        command = [python, "-P", "-m", SERVER, self.framework, str(theirs.fileno()), str(user), self.isolation]
        environment = SETTINGS
        if self.kind == BWRAP:
            command = [*bubblewrap_command(python, user, reads_proc_only=self.isolation == FRESH), *command]
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="stylelab-kit-")
            copy_kit(Path(self._folder.name))
            environment = SETTINGS | {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": self._folder.name}
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors, pass_fds=[theirs.fileno()],
                env=environment, start_new_session=True,
            )  # fmt: skip

    def _is_warm(self) -> bool:
        """Wait for the process's first message. Sets `trouble`, why children cannot be isolated, and `warm_up` in seconds."""
        self.trouble = ""
        self._control.settimeout(START_SECONDS)
        try:
            line = self._control.makefile("rb").readline(10_000)
        except TimeoutError:
            line = b""
        if not line:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            return False
        greeting = json.loads(line)
        self.trouble, self.warm_up = greeting["trouble"], greeting["seconds"]
        return True

    def open(self, job: dict, *, seconds: float) -> "Conversation":
        """Start a child for one answer. It knows nothing but `job`, and has this many seconds of its own time (see `Limits`).

        Raises:
            SandboxLost: the warm process is gone.
            MachineError: a new process was needed and does not start.
        """
        if self._process is None:
            self._start()
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [wire.LIMIT.pack(seconds)], [theirs.fileno()])
        except OSError:
            ours.close()
            raise SandboxLost from None
        finally:
            theirs.close()
        return Conversation(self, ours, job, seconds)

    def usage(self) -> tuple[float, float, float]:
        """Seconds in which the child computed, could have computed, and slept.

        Raises:
            SandboxLost: the warm process is gone.
        """
        report = self._request(wire.USAGE, wire.REPORT.size)
        if len(report) < wire.REPORT.size:
            raise SandboxLost
        return wire.REPORT.unpack(report)

    def _request(self, command: bytes, size: int) -> bytes:
        """The warm process's reply to a command; nothing if it is gone."""
        try:
            self._control.settimeout(60)
            self._control.sendall(command)
            return self._control.recv(size)
        except OSError:
            return b""

    def end_child(self, *, has_ended: bool) -> int:
        """End the child that was started last; returns its exit status, or 0 if it was still running.

        Args:
            has_ended: it has closed its channel, so its status will tell why.

        Raises:
            SandboxLost: the warm process is gone.
        """
        status = self._request(wire.ENDED if has_ended else wire.END, 1)
        if self.isolation == FRESH:
            self.close()  # the next answer gets a new process: nothing else keeps them apart
        elif not status:
            raise SandboxLost
        return status[0] if status else 0

    def close(self) -> None:
        """End the warm process and everything it has started."""
        if self._process is not None:
            _kill_session(self._process)
            self._process.wait()
        for stream in (self._control, self._errors):
            if stream is not None:
                stream.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._control = self._errors = self._folder = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Conversation:
    """The grader's side of the exchange with one child; a context manager that ends the child and sets `status`."""

    def __init__(self, sandbox: Sandbox, channel: socket.socket, job: dict, seconds: float):
        self._sandbox, self._job, self._in_arrays = sandbox, job, 0
        self._channel: Any = _Channel(channel, seconds, sandbox.usage)
        self.status = 0

    def __enter__(self) -> "Conversation":
        return self

    def begin(self) -> tuple[dict, dict]:
        """Send the cells; returns the child's messages from before and after it has run them.

        Raises:
            SandboxLost: the warm process is gone, or the child ended before anything of the answer ran.
            EOFError, TimeoutError, WireError, OSError: no message, or an unexpected one; Starved is a TimeoutError.
        """
        messages: list[dict] = []
        for _ in range(2):
            try:
                if not messages:
                    wire.send(self._channel, self._job)
                plain, _ = self._receive()
            except (EOFError, ConnectionError):
                if not messages:
                    raise SandboxLost from None
                raise
            if not isinstance(plain, dict):
                raise wire.WireError("not a dict")
            messages.append(plain)
        return messages[0], messages[1]

    def ask(self, plain: object, arrays: dict) -> tuple[object, dict]:
        """Send inputs; returns the reply, which may be anything.

        Raises:
            As `begin`.
        """
        wire.send(self._channel, plain, arrays)
        return self._receive()

    def _receive(self) -> tuple[object, dict]:
        plain, arrays = wire.receive(self._channel)
        self._in_arrays += sum(array.nbytes for array in arrays.values())
        if self._channel.received - 7 / 8 * self._in_arrays > MOST_READ:
            raise wire.WireError("more than an answer has to say")
        return plain, arrays

    def finish(self) -> None:
        """Find out whether the answer, which has said all, has kept to its time.

        Raises:
            TimeoutError, SandboxLost: as `begin`.
        """
        self._channel.check(finished=True)

    def __exit__(self, *_) -> None:
        self._channel.close()
        self.status = self._sandbox.end_child(has_ended=self._channel.is_at_end)


class _Channel:
    """The grader's end of a child's channel. Waiting for the child takes the child's time, and ends when that is used up.

    A child that waits for a processor, because others use them all, loses no time. But where processors are short, processor
    time is worth less too: such a child may use up to twice its time, and if it needed more than its own, it counts as `Starved`.
    """

    def __init__(self, channel: socket.socket, seconds: float, usage: Callable[[], tuple[float, float, float]]):
        channel.setblocking(False)
        self._socket, self._seconds, self._usage = channel, seconds, usage
        self._waited = self._delayed = 0.0  # seconds that the grader waited for the child, or for a processor
        self._next_check = seconds
        self.received = 0
        self.is_at_end = False

    def settimeout(self, _: float | None) -> None:
        """As a socket's: ignored."""

    def close(self) -> None:
        self._socket.close()

    def recv(self, count: int) -> bytes:
        while True:
            self._wait(select.POLLIN)
            with suppress(BlockingIOError):
                data = self._socket.recv(count)
                self.is_at_end = not data
                self.received += len(data)
                return data

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT)
            with suppress(BlockingIOError):
                rest = rest[self._socket.send(rest) :]

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        ready = False
        while not ready:
            began, delay = time.monotonic(), _run_delay()
            ready = bool(poll.poll(max(0.0, self._next_check - self._waited) * 1000))
            elapsed, delay = time.monotonic() - began, _run_delay() - delay
            self._waited += max(0.0, elapsed - delay)
            self._delayed += delay
            self.check(finished=False)

    def check(self, *, finished: bool) -> None:
        """Find out whether the child has used up its time.

        Args:
            finished: whether its reply has arrived.

        Raises:
            TimeoutError: it has.
            Starved: it may have.
            SandboxLost: the warm process is gone.
        """
        if self._waited < (self._seconds if finished else self._next_check):
            return
        computed, active, asleep = self._usage()
        charged = computed + min(asleep, max(0.0, self._waited - active))
        starving = max(0.0, active - computed) + self._delayed
        allowed = self._seconds + min(self._seconds, starving)
        if charged >= allowed:
            raise TimeoutError
        if self._waited >= BACKSTOP * self._seconds or (finished and charged >= self._seconds):
            raise Starved
        self._next_check = self._waited + max(0.05, allowed - charged)


def _run_delay() -> float:
    """Seconds that this thread has waited for a processor so far; 0 where the kernel does not say."""
    try:
        with open("/proc/thread-self/schedstat") as stream:
            return int(stream.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def explain_ending(status: int) -> tuple[str, str]:
    """Stage and reason for an answer whose process has ended with this status; empty if it was not a signal."""
    if status <= 128:
        return "", ""
    try:
        name = signal.Signals(status - 128).name
    except ValueError:
        name = f"signal {status - 128}"
    stage, how = ENDINGS.get(name, ("lost", "was ended by a signal"))
    advice = " Does a loop never end?" if stage == "time" else ""
    return stage, f"Its process {how} ({name}).{advice}"


def check_sandbox(kind: str) -> None:
    """Check that a kind of sandbox is available.

    Raises:
        InputError: no such kind.
        MachineError: bubblewrap is not installed.
    """
    if kind not in (BWRAP, NONE):
        raise InputError(f"unknown sandbox '{printable(kind)}': choose bwrap or none")
    if kind == BWRAP and shutil.which("bwrap") is None:
        raise MachineError(INSTALL)


def _users(kind: str) -> Iterator[tuple[bool, int]]:
    """Yield (whether this is the last attempt, user to switch to): a caller who is root first tries as root."""
    if kind == BWRAP and os.getuid() == 0:
        yield False, NOBODY
    yield True, 0


def isolation_trouble() -> str:
    """Why answers cannot be isolated from each other inside bubblewrap on this machine; empty if they can."""
    message = ""
    for _, user in _users(BWRAP):
        command = [*bubblewrap_command(sys.executable, user), sys.executable, "-P", "-m", SERVER, "--try", str(user)]
        try:
            status, out, err = _run_in_session(command, TRIAL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        lines = (err if status else out).strip().splitlines()
        message = lines[-1] if lines else ""
        if not message and not status:
            return ""
    return message or "bubblewrap fails"


def _run_in_session(command: list[str], seconds: float) -> tuple[int, str, str]:
    """The exit status of a command, and what it printed. Whatever interrupts it, none of its processes is left.

    Ctrl-C must not reach bubblewrap: for a moment its child would wait for it for ever.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = process.communicate(timeout=seconds)
    except BaseException:
        _kill_session(process)
        process.communicate()
        raise
    return process.returncode, out, err


def _kill_session(process: subprocess.Popen) -> None:
    """End a process that has a session of its own, with every process that is still in it."""
    if process.returncode is None:  # later its number may be another's
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def copy_kit(folder: Path) -> None:
    """Copy the sandbox's package into a folder, for a process without bubblewrap."""
    for inside, outside in KIT.items():
        target = folder / "stylelab" / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / outside, target)


def bubblewrap_command(python: str, user: int, *, reads_proc_only: bool = False) -> list[str]:
    """The outer layer of the sandbox. With `user`, the caller is root, and the process inside switches to that user itself."""
    command = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if user:
        command += ["--cap-drop", "ALL"]
        for capability in ("SETUID", "SETGID", "SYS_ADMIN"):
            command += ["--cap-add", f"CAP_{capability}"]
    else:
        command += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    command += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", SCRATCH]
    command += ["--ro-bind", "/dev/null", "/dev/zero"]  # mapped into memory, /dev/zero escapes every limit
    system = _system_paths(python)
    if not any(path.startswith("/tmp/") for path in system):
        command += ["--symlink", SCRATCH, "/tmp"]
    bound = [*system, *(f"/kit/stylelab/{inside}" for inside in KIT)]
    parents = {str(parent) for path in bound for parent in Path(path).parents} - {"/"}
    for folder in sorted(folder for folder in parents if not _is_below(folder, bound)):
        command += ["--perms", "0755", "--dir", folder]  # otherwise only root could look into it
    for path in system:
        command += ["--ro-bind", path, path]
    site_packages = [*site.getsitepackages(), str(PACKAGE.parent)]
    if python != sys.executable:
        site_packages += map(str, Path(python).parent.parent.glob("lib/python3*/site-packages"))
    for folder in dict.fromkeys(site_packages):  # hide an installed copy of this package, which knows the answers
        if _is_below(folder, system) and os.path.isdir(f"{folder}/stylelab"):
            command += ["--tmpfs", f"{folder}/stylelab", "--remount-ro", f"{folder}/stylelab"]
    if (course := chosen_course().folder) and _is_below(own := os.path.realpath(course), system):  # it has the references
        command += ["--tmpfs", own, "--remount-ro", own]
    for link in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
        elif os.path.isdir(link):
            command += ["--ro-bind", link, link]
    for inside, outside in KIT.items():
        command += ["--ro-bind", str(PACKAGE / outside), f"/kit/stylelab/{inside}"]
    for name, value in INSIDE_SETTINGS.items():
        command += ["--setenv", name, value]
    command += ["--remount-ro", "/proc"] if reads_proc_only else []  # where namespaces are nested, each /proc is made so inside
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _system_paths(python: str) -> list[str]:
    """What a process needs of the system, read-only: programs and libraries, this Python and its packages. Outermost first."""
    prefixes = [sys.prefix, sys.base_prefix]
    if python != sys.executable:
        prefixes += [str(Path(python).parent.parent), str(Path(os.path.realpath(python)).parent.parent)]
    candidates = {"/usr", "/etc/ld.so.cache", "/etc/alternatives", *prefixes, *map(os.path.realpath, prefixes)}
    paths: list[str] = []
    for path in sorted(filter(os.path.exists, candidates), key=len):
        if not _is_below(path, paths):
            paths.append(path)
    return paths


def _is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
