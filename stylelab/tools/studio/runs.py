"""Runs that can be paused, resumed and stopped, each in a process of its own, watched by a thread of its own.

Nothing here waits for a step: an order takes effect at once in `Run.state`, and in the process as soon as it can.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from stylelab.base import messages
from stylelab.base.files import printable
from stylelab.base.processes import module_command, module_environment
from stylelab.result import COLUMNS
from stylelab.run.settings import Settings

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
STOPPED, DONE, FAILED = "stopped", "done", "failed"
ENDED = (STOPPED, DONE, FAILED)
AT_ONCE = 2  # runs with a process; more would take each other's memory and processors
PATIENCE = 20.0  # seconds that a step may go on after Stop
FACTS = ("device", "encoder", "precision", "notes")
RECENT = 12  # steps by which the pace is judged


def python_of(backend: str) -> str:
    """The Python that has the framework: TensorFlow may live in an environment of its own."""
    return os.environ.get("STYLELAB_TENSORFLOW_PYTHON", sys.executable) if backend == "tensorflow" else sys.executable


class Run:
    """One run. `changed(run, what)` is called from its thread: 'state', 'steps', 'image' or 'loading'.

    Attributes:
        state: 'waiting' (for its turn, or for the framework), 'running', 'paused', 'stopped', 'done' or 'failed'.
        ending: it has been stopped and finishes its step.
        rows: a tuple for each step, in the order of `result.COLUMNS`.
        preview: the image as it is now, a JPEG; empty before the first step.
        image: the result, a PNG; empty until there is one.
        frames: {step: JPEG}, for a filmstrip.
        error: one line, if it failed; if it was stopped, which image this is.
        made: the settings that lead to the result, with what 'auto' came to.
        facts: device, encoder, precision and notes of the result.
    """

    def __init__(self, settings: Settings, steps: int, changed: Callable[["Run", str], None] = lambda run, what: None):
        self.settings, self.steps, self.changed = settings, steps, changed
        self.state, self.ending, self.loading = WAITING, False, ""
        self.rows: list[tuple] = []
        self.preview = self.image = b""
        self.frames: dict[int, bytes] = {}
        self.error, self.facts, self.made = "", {}, None
        self.lock = threading.RLock()
        self.process: subprocess.Popen | None = None
        self._later: list[str] | None = []  # orders given before the process could take any
        self._thread: threading.Thread | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def begun(self) -> bool:
        """Whether it has, or had, a process."""
        return self._thread is not None

    def begin(self) -> None:
        """Start its process. A run begins once."""
        with self.lock:
            if self.begun or self.ended:
                return
            self._thread = threading.Thread(target=self._work, daemon=True, name="stylelab run")
        self._thread.start()

    def pause(self) -> None:
        """Rest after the step that is being made."""
        self._order("pause", PAUSED, (WAITING, RUNNING))

    def resume(self) -> None:
        """Go on."""
        self._order("resume", RUNNING if self.rows else WAITING, (PAUSED,))

    def _order(self, order: str, state: str, allowed: tuple[str, ...]) -> None:
        with self.lock:
            if self.state not in allowed or self.ending:
                return
            self.state = state
            self._send(order)
        self.changed(self, "state")

    def stop(self) -> None:
        """End with the image as it is. Before the first step there is none, and the process is ended at once."""
        with self.lock:
            if self.ended:
                return
            patient = bool(self.rows) and not self.ending  # else there is nothing to wait for, or it was asked twice
            if patient:
                self.ending = True
                self._send("stop")
                timer = threading.Timer(PATIENCE, self._finish, [STOPPED])
                timer.daemon = True
                timer.start()
        if patient:
            self.changed(self, "state")
        else:
            self._finish(STOPPED)

    def close(self) -> None:
        """End the process, if it lives, at once, and wait until it is gone."""
        self._finish(STOPPED)
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(10)

    def whole(self) -> Settings:
        """The settings that lead to this very image, if it has ended; else those that it was given."""
        return self.made or self.settings

    def pace(self) -> tuple[float | None, float | None]:
        """Seconds for a step, by the last ones, and seconds left; None while nobody can tell."""
        rows = self.rows[-RECENT - 1 :]
        if len(rows) < 2:
            return None, None
        seconds = COLUMNS.index("seconds")
        each = (rows[-1][seconds] - rows[0][seconds]) / (len(rows) - 1)
        return each, each * (self.steps - rows[-1][0])

    def _work(self) -> None:
        with tempfile.TemporaryFile() as complaints:
            try:
                process = self._spawn(complaints)
            except OSError as error:
                self._fail(f"{printable(python_of(self.settings.backend))} cannot be started: {error.strerror or error}")
                return
            if process is None:
                return
            self._give_settings(process)
            self._read(process)
            with suppress(OSError):
                process.stdin.close()
            status = _reap(process)
            if not self.ended:
                self._fail(_epitaph(status, complaints))

    def _spawn(self, complaints) -> subprocess.Popen | None:
        command = module_command("stylelab.tools.studio.painter")
        command[0] = python_of(self.settings.backend)
        with self.lock:
            if self.ended:  # stopped before it could begin
                return None
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=module_environment(),
                start_new_session=True,  # an interrupt of the kernel goes to all of its session
            )  # fmt: skip
        return self.process

    def _give_settings(self, process: subprocess.Popen) -> None:
        """The first message may be megabytes long, so it is written here and not where an order is given."""
        with suppress(OSError, ValueError):  # it has died already: reading will tell
            messages.write(process.stdin, {"settings": self.settings.text()})
            with self.lock:
                later, self._later = self._later, None
                for order in later:
                    messages.write(process.stdin, {"order": order})

    def _send(self, order: str) -> None:
        if self._later is not None:
            self._later.append(order)
            return
        with suppress(OSError, ValueError):
            messages.write(self.process.stdin, {"order": order})

    def _read(self, process: subprocess.Popen) -> None:
        try:
            while (message := messages.read(process.stdout)) is not None:
                self._take(*message)
        except (messages.BrokenMessage, KeyError, TypeError, ValueError):
            process.kill()  # what speaks so is not our process any more

    def _take(self, message: dict, data: bytes) -> None:
        """Write down what the process says."""
        what = message["say"]
        with self.lock:
            if self.ended:
                return
            if what == "loading":
                self.loading = message["what"]
            elif what == "steps":
                self.rows += map(tuple, message["rows"])
                self.preview = data
                self.state = RUNNING if self.state == WAITING else self.state
            elif what == "frame":
                self.frames[message["step"]] = data
                return
            elif what in ENDED:
                self._conclude(what, message, data)
        self.changed(self, "state" if what in ENDED else what)

    def _conclude(self, how: str, message: dict, data: bytes) -> None:
        self.state, self.ending = how, False
        self.image, self.error = data, message.get("error", "")
        if "settings" in message:
            self.made = Settings.parse(message["settings"])
        self.facts = {name: message[name] for name in FACTS if name in message}

    def _finish(self, state: str) -> None:
        """End at once, whatever the process is doing. What has been seen of the image is kept."""
        with self.lock:
            if self.ended:
                return
            self.state, self.ending = state, False
            if self.process:
                with suppress(OSError):
                    self.process.kill()
        self.changed(self, "state")

    def _fail(self, line: str) -> None:
        with self.lock:
            if self.ended:
                return
            self.state, self.ending, self.error = FAILED, False, line
        self.changed(self, "state")


def _reap(process: subprocess.Popen) -> int:
    """Its exit status. It has closed its stdout, so it is about to end, or must be made to."""
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        process.stdout.close()


def _epitaph(status: int, complaints) -> str:
    """One line about a process that died without a word of ours."""
    complaints.seek(0)
    lines = complaints.read()[-4000:].decode(errors="replace").strip().splitlines()
    if status in (-9, 137):
        return "the painting process was killed, perhaps for want of memory: choose a smaller size"
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"the painting process ended {how}" + (f": {printable(lines[-1])}" if lines else "")


class Runs:
    """Several runs side by side; those for whom there is no place yet wait for their turn.

    Args:
        changed: called as `changed(run, what)` whenever a run has something new.
        at_once: how many may have a process.
    """

    def __init__(self, changed: Callable[[Run, str], None] = lambda run, what: None, at_once: int = AT_ONCE):
        self.changed, self.at_once = changed, at_once
        self.all: dict[int, Run] = {}
        self._count, self._lock = 0, threading.RLock()

    def start(self, settings: Settings, steps: int) -> Run:
        """A new run, with a number in `run.id`; it begins when there is a place."""
        run = Run(settings, steps, self._told)
        with self._lock:
            self._count += 1
            run.id = self._count
            self.all[run.id] = run
        self._fill()
        return run

    def remove(self, number: int) -> None:
        """End a run and forget it."""
        with self._lock:
            run = self.all.pop(number, None)
        if run is not None:
            run.changed = lambda run, what: None
            run.close()
            self._fill()

    def active(self) -> list[Run]:
        return [run for run in list(self.all.values()) if not run.ended]

    def stop(self) -> None:
        """Stop all runs; their images stay."""
        for run in self.active():
            run.stop()

    def close(self) -> None:
        """End all processes at once."""
        for run in self.active():
            run.close()

    def _told(self, run: Run, what: str) -> None:
        with suppress(Exception):  # a page that has gone away in the middle of it must not take the run's thread along
            self.changed(run, what)
        if what == "state":
            self._fill()

    def _fill(self) -> None:
        with self._lock:
            active = self.active()
            free = self.at_once - sum(run.begun for run in active)
            for run in active:
                if free > 0 and not run.begun and run.state == WAITING:
                    run.begin()
                    free -= 1

    def wait(self, seconds: float) -> bool:
        """Whether all have ended within that time. For tests and scripts, never for an interface."""
        end = time.monotonic() + seconds
        while self.active() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.active()
