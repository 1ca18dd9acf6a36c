"""Contenders as processes of their own that take turns, one step each, so that all meet the same state of the machine."""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylelab.base import messages, processes
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.bench import painter
from stylelab.tools.bench.plan import LITE, LITE_VERSION, WARM_UP, Contender

PATIENCE = 900.0  # seconds to wait for one answer
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
STATUS = {1: InputError, 2: MachineError}


class ContenderFailed(StylelabError):
    """A contender ended or did not answer. It becomes one line of the report, and the others continue."""

    exit_status = 2


class ContenderProcess:
    """One contender's process. `request` sends a message and waits for the answer.

    Attributes:
        last: the newest value of everything that it has answered.
        seconds: per step, those of the warm-up first.
    """

    def __init__(self, contender: Contender, settings: dict):
        self.contender = contender
        self.last: dict[str, Any] = {}
        self.seconds: list[float] = []
        settings = {"kind": contender.kind, "backend": contender.backend, **settings, **contender.options}
        threads = {} if "threads" not in settings else dict.fromkeys(THREADS, str(settings["threads"]))
        command = command_of(contender, settings)
        self.errors = tempfile.TemporaryFile()
        self.process: Any = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=processes.module_environment(TF_CPP_MIN_LOG_LEVEL="3", **threads),
        )  # fmt: skip

    @property
    def counted(self) -> list[float]:
        """Seconds per step without the warm-up."""
        return self.seconds[WARM_UP:]

    def request(self, **request) -> dict:
        """The answer to a request.

        Raises:
            InputError, MachineError, ContenderFailed: as the process ended, or it took longer than `PATIENCE`.
        """
        try:
            messages.write(self.process.stdin, request)
        except OSError:
            raise self._failure() from None
        return self.answer()

    def answer(self) -> dict:
        """The next message from the process."""
        timer, began = threading.Timer(PATIENCE, self.process.kill), time.monotonic()
        timer.start()
        try:
            received = messages.read(self.process.stdout)
        except messages.BrokenMessage:
            received = None
        finally:  # also after Ctrl-C: the thread would keep this process from ending
            timer.cancel()
        if received:
            self.last |= received[0]
            return received[0]
        raise self._failure() if time.monotonic() - began < PATIENCE else ContenderFailed(f"no answer in {PATIENCE:.0f} s")

    def _failure(self) -> StylelabError:
        """Why the process ended, in its own last words; the class says whether the input or the machine was at fault."""
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            status = None
        if status == -9:
            return ContenderFailed("killed by the system: too little memory")
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors.read().decode(errors="replace").splitlines() if line.strip()]
        return STATUS.get(status, ContenderFailed)(lines[-1] if lines else f"ended with status {status}")

    def end(self) -> None:
        """End the process, by force if necessary."""
        try:
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def command_of(contender: Contender, settings: dict) -> list[str]:
    """The command of a contender's process.

    Raises:
        MachineError: what it needs is not installed.
    """
    text = json.dumps(settings)
    if contender.backend == LITE:
        python = Path(settings["peers"]) / LITE / "bin" / "python"
        if not python.is_file():
            install = f"{python} -m pip install {LITE}=={LITE_VERSION}"
            raise MachineError(f"{LITE} is not in '{settings['peers']}': python -m venv {python.parents[1]} && {install}")
        return [str(python), "-I", painter.__file__, text]
    module = "painter" if contender.kind == "one pass" else "contender"
    command = processes.module_command(f"stylelab.tools.bench.{module}", text)
    command[0] = processes.python_of(contender.backend)
    return command


class Contenders:
    """The contenders that have not failed.

    Attributes:
        running: their processes.
        failures: name of a contender -> why it is not running any more.
    """

    def __init__(self, processes: Iterable[ContenderProcess], failures: dict[str, StylelabError]):
        self.running, self.failures = list(processes), failures

    def for_each(self, action: Callable[[ContenderProcess], object]) -> None:
        """Call `action` with each process in turn. A process for which it fails is dropped."""
        for process in tuple(self.running):
            try:
                action(process)
            except StylelabError as error:
                self.failures[process.contender.name] = error
                self.running.remove(process)


@contextmanager
def running(entries: Iterable[tuple[Contender, dict]], failures: dict[str, StylelabError]) -> Iterator[Contenders]:
    """Start contenders, wait until each has imported its framework, and end them all afterwards, whatever happens.

    Args:
        entries: each contender with its settings.
        failures: receives the error of each contender that fails.
    """

    started = []
    try:
        for contender, settings in entries:
            try:
                started.append(ContenderProcess(contender, settings))
            except StylelabError as error:
                failures[contender.name] = error
        contenders = Contenders(started, failures)
        contenders.for_each(ContenderProcess.answer)  # each first says that it has imported its framework
        yield contenders
    finally:
        for process in started:
            process.end()
