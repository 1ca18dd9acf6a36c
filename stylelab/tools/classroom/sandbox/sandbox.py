"""Where students' code runs: a warm process inside bubblewrap, and one walled-off child of it for each answer.

bubblewrap gives the outer wall: no network, a read-only system without the repository, an empty home, no capabilities, an
unprivileged user. `inside/serve.py` runs there with a framework imported; for each answer it forks a child behind walls of
its own (`inside/walls.py`), so that no submission sees another. The verdict is not made here and not there: what comes back
is arrays.
"""

import json
import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stylelab.base.files import printable
from stylelab.errors import InputError, MachineError
from stylelab.tools.classroom.sandbox.inside import wire

PACKAGE = Path(__file__).resolve().parents[3]
INSIDE_PACKAGE = "tools/classroom/sandbox/inside"
EMPTY = f"{INSIDE_PACKAGE}/__init__.py"
KIT = {  # path in the sandbox's package -> path in ours; nothing that knows an answer is among them
    "__init__.py": f"{INSIDE_PACKAGE}/stand_in.py",
    "torch/__init__.py": f"{INSIDE_PACKAGE}/stand_in_half.py",
    "tensorflow/__init__.py": f"{INSIDE_PACKAGE}/stand_in_half.py",
    **dict.fromkeys(
        (
            f"{folder}/__init__.py"
            for folder in (
                "exercises",
                "exercises/checking",
                "torch/exercises",
                "tensorflow/exercises",
                "tools",
                "tools/classroom",
                "tools/classroom/sandbox",
            )
        ),
        EMPTY,
    ),
    **{
        path: path
        for path in (
            *(f"exercises/checking/{name}.py" for name in ("call", "reach", "definition", "serialise")),
            *(f"{framework}/exercises/lab.py" for framework in ("torch", "tensorflow")),
            *(f"{INSIDE_PACKAGE}/{name}.py" for name in ("__init__", "serve", "walls", "wire", "slice", "form")),
        )
    },
}
SCRATCH = "/scratch"  # the one folder to write to: /home and /tmp may hold the Python that is used
INSIDE = {
    "PYTHONPATH": "/kit",
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "USER": "student",
    "LOGNAME": "student",
    "PATH": "/usr/bin:/bin",
}
NOBODY = 65534
START = 180  # seconds for a framework to be imported on a busy machine
BWRAP, NONE = "bwrap", "none"
WALLED, SHARED, BARE = "walled", "shared", "bare"  # as in inside/serve.py
FAREWELL = {97: "memory", 98: "memory"}
INSTALL = "bubblewrap is missing: install it (Debian: apt install bubblewrap), or trust the submissions and say --sandbox none"


@dataclass(frozen=True)
class Limits:
    """What one answer may use.

    Attributes:
        seconds: wall clock, from its first statement to its last output.
    """

    seconds: float = 10.0


class Lost(Exception):
    """The warm process itself is gone or does not answer. Start another."""


class Sandbox:
    """One warm process for one framework. It serves one answer at a time; a context manager.

    Args:
        framework: 'torch' or 'tensorflow'.
        kind: 'bwrap', or 'none' for no sandbox at all.
        isolation: 'walled', or 'shared' where namespaces cannot be nested: then each answer gets a new process, which
            takes the seconds that an import takes. None tries the first and falls back.

    Raises:
        MachineError: bubblewrap or a package is missing, or the process does not start.
    """

    def __init__(self, framework: str, kind: str = BWRAP, isolation: str | None = None):
        if kind == BWRAP and shutil.which("bwrap") is None:
            raise MachineError(INSTALL)
        self.framework, self.kind = framework, kind
        self.isolation = isolation or (WALLED if kind == BWRAP else BARE)
        self._process: subprocess.Popen | None = None
        self._folder = self._errors = self._control = None
        self._start()
        if isolation is None and kind == BWRAP and self.trouble:
            self.isolation = SHARED
            self.close()
            self._start()

    @property
    def process(self) -> int:
        """The number of the outermost process; it leads a group and a session of its own."""
        return self._process.pid

    def _start(self) -> None:
        for last, user in _users(self.kind):
            self._launch(user)
            if self._greeting() and not self.trouble:
                return
            if not last:
                self.close()
        if self._process.poll() is not None:
            why = self._why()
            self.close()
            raise MachineError(why)

    def _launch(self, user: int) -> None:
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()
        python = python_of(self.framework)
        command = [
            python,
            "-P",
            "-m",
            "stylelab.tools.classroom.sandbox.inside.serve",
            self.framework,
            str(theirs.fileno()),
            str(user),
            self.isolation,
        ]
        environment = _environment()
        if self.kind == BWRAP:
            command = [*bubblewrap(python, environment, user), *command]
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="stylelab-kit-")
            environment |= {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": _lay_out(Path(self._folder.name))}
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors, pass_fds=[theirs.fileno()],
                env=environment, start_new_session=True,
            )  # fmt: skip

    def _greeting(self) -> bool:
        """Whether the process is warm; sets `trouble`, why children cannot be walled off, and `warm_up` in seconds."""
        self.trouble = ""
        self._control.settimeout(START)
        try:
            line = self._control.makefile("rb").readline(10_000)
        except TimeoutError:
            line = b""
        if not line:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            return False
        said = json.loads(line)
        self.trouble, self.warm_up = said["trouble"], said["seconds"]
        return True

    def _why(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["it ended without a word"]
        return f"the sandbox for {self.framework} does not start: {printable(lines[-1], 300)}"

    def open(self, job: dict, *, seconds: float) -> "Conversation":
        """Begin with one answer: a child that knows nothing but `job`, and has so many seconds from now on.

        Raises:
            Lost: the warm process is gone.
            MachineError: a fresh one was needed, and does not start.
        """
        if self._process is None:
            self._start()
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [b"J"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise Lost from None
        finally:
            theirs.close()
        return Conversation(self, ours, job, time.monotonic() + seconds)

    def _finish(self) -> int:
        """End the child that was opened last; returns how it ended."""
        try:
            self._control.settimeout(30)
            self._control.sendall(b"K")
            status = self._control.recv(1)
        except OSError:
            status = b""
        if self.isolation == SHARED:
            self.close()  # a fresh one for the next answer: nothing else keeps them apart
        elif not status:
            raise Lost
        return status[0] if status else 0

    def close(self) -> None:
        """End the warm process and all that it has started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for each in (self._control, self._errors):
            if each is not None:
                each.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._control = self._errors = self._folder = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Conversation:
    """The grader's end of what is said with one child."""

    def __init__(self, sandbox: Sandbox, channel: socket.socket, job: dict, deadline: float):
        self._sandbox, self._channel, self._job, self._deadline = sandbox, channel, job, deadline
        self.status = 0

    def __enter__(self) -> "Conversation":
        return self

    def begin(self) -> tuple[dict, dict]:
        """Send the cells; returns what the child says before and after it has run them.

        Raises:
            EOFError, TimeoutError, WireError, OSError: it says nothing, or something else.
        """
        wire.send(self._channel, self._job, deadline=self._deadline)
        return self._hear(), self._hear()

    def ask(self, plain: object, arrays: dict) -> tuple[object, dict]:
        """Send inputs; returns what comes back, which may be anything.

        Raises:
            EOFError, TimeoutError, WireError, OSError: nothing that can be read comes back.
        """
        wire.send(self._channel, plain, arrays, deadline=self._deadline)
        return wire.receive(self._channel, deadline=self._deadline)

    def _hear(self) -> dict:
        plain, _ = wire.receive(self._channel, deadline=self._deadline)
        if not isinstance(plain, dict):
            raise wire.WireError("no dict")
        return plain

    def __exit__(self, *_) -> None:
        self._channel.close()
        self.status = self._sandbox._finish()


def check_sandbox(kind: str) -> None:
    """Make sure that this kind can be had.

    Raises:
        InputError: no such kind.
        MachineError: bubblewrap is not installed.
    """
    if kind not in (BWRAP, NONE):
        raise InputError(f"unknown sandbox '{printable(kind)}': choose bwrap or none")
    if kind == BWRAP and shutil.which("bwrap") is None:
        raise MachineError(INSTALL)


def _users(kind: str) -> Iterator[tuple[bool, int]]:
    """(whether it is the last way to try, user to step down to): root's own way comes first where the caller is root."""
    if kind == BWRAP and os.getuid() == 0:
        yield False, NOBODY
    yield True, 0


def walls_trouble() -> str:
    """Why answers cannot be walled off from each other inside bubblewrap on this machine; empty when they can."""
    said = ""
    for _, user in _users(BWRAP):
        command = [sys.executable, "-P", "-m", "stylelab.tools.classroom.sandbox.inside.serve", "--try", str(user)]
        try:
            done = subprocess.run(
                [*bubblewrap(sys.executable, _environment(), user), *command], capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
        said = lines[-1] if lines else ""
        if not said and not done.returncode:
            return ""
    return said or "bubblewrap fails"


def python_of(framework: str) -> str:
    """The Python that has the framework: TensorFlow may live in an environment of its own."""
    return os.environ.get("STYLELAB_TENSORFLOW_PYTHON", sys.executable) if framework == "tensorflow" else sys.executable


def bubblewrap(python: str, environment: dict[str, str], user: int) -> list[str]:
    """The outer wall. With `user`, the caller is root and the process inside steps down to that user by itself."""
    command = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if user:
        command += [
            "--cap-drop",
            "ALL",
            *(word for each in ("SETUID", "SETGID", "SYS_ADMIN") for word in ("--cap-add", f"CAP_{each}")),
        ]
    else:
        command += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    command += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", SCRATCH]
    command += ["--ro-bind", "/dev/null", "/dev/zero"]  # mapped, it is memory that no limit counts
    system = list(_system(python))
    if not any(path.startswith("/tmp/") for path in system):
        command += ["--symlink", SCRATCH, "/tmp"]
    for folder in _parents([*system, *(f"/kit/stylelab/{inside}" for inside in KIT)]):
        command += ["--perms", "0755", "--dir", folder]  # else only root could look into it
    for path in system:
        command += ["--ro-bind", path, path]
    for hidden in _hidden(python):
        command += ["--tmpfs", hidden, "--remount-ro", hidden]
    for link in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
        elif os.path.isdir(link):
            command += ["--ro-bind", link, link]
    for inside, outside in KIT.items():
        command += ["--ro-bind", str(PACKAGE / outside), f"/kit/stylelab/{inside}"]
    for name, value in (environment | INSIDE).items():
        command += ["--setenv", name, value]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _system(python: str) -> Iterator[str]:
    """What a process needs of the system, read-only: programs and libraries, this Python and its packages. Outermost first."""
    prefixes = [sys.prefix, sys.base_prefix]
    if python != sys.executable:
        prefixes += [str(Path(python).parent.parent), str(Path(os.path.realpath(python)).parent.parent)]
    paths = {"/usr", "/etc/ld.so.cache", "/etc/alternatives", *prefixes, *map(os.path.realpath, prefixes)}
    bound: list[str] = []
    for path in sorted(filter(os.path.exists, paths), key=len):
        if not any(path == each or path.startswith(f"{each}/") for each in bound):
            bound.append(path)
            yield path


def _parents(paths: list[str]) -> list[str]:
    """The folders above, outermost first, less those that come with a path."""
    above = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(each for each in above - {"/"} if not any(each == path or each.startswith(f"{path}/") for path in paths))


def _hidden(python: str) -> Iterator[str]:
    """An installed copy of this package, which knows the answers."""
    places = [*site.getsitepackages(), str(PACKAGE.parent)]
    if python != sys.executable:
        places += map(str, Path(python).parent.parent.glob("lib/python3*/site-packages"))
    bound = list(_system(python))
    for place in dict.fromkeys(places):
        inside = any(place == each or place.startswith(f"{each}/") for each in bound)
        if inside and os.path.isdir(f"{place}/stylelab"):
            yield f"{place}/stylelab"


def _environment() -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    quiet = {"TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}
    return threads | quiet | {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}


def _lay_out(folder: Path) -> str:
    for inside, outside in KIT.items():
        target = folder / "stylelab" / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / outside, target)
    return str(folder)
