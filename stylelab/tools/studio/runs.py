"""Runs that can be paused, resumed and stopped. Each is painted in a process of its own and followed by a thread of its own.

Nothing here waits for a step: a command changes `Run.state` at once, and reaches the process as soon as it can.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stylelab.base import messages
from stylelab.base.files import printable
from stylelab.base.processes import module_command, module_environment
from stylelab.result import COLUMNS
from stylelab.run.settings import Settings

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"
STOPPED, DONE, FAILED = "stopped", "done", "failed"
ENDED = (STOPPED, DONE, FAILED)
PARALLEL = 2  # runs that are painted at a time; more would compete for memory and processors
STOP_TIMEOUT = 20.0  # seconds that a stopped run may take to finish its step
FACTS = ("device", "encoder", "precision", "notes")
RECENT = 12  # steps from which the time per step is computed


class Run:
    """One run.

    Args:
        settings: what to paint.
        steps: how many steps it takes.
        on_change: called as `on_change(run, what)`, mostly from the run's thread, with 'loading', 'steps' or 'state'.

    Attributes:
        id: the number under which `Runs` knows it.
        state: 'waiting' (for its turn or the framework), 'running', 'paused', 'stopped', 'done' or 'failed'.
        stopping: it has been stopped and finishes its step.
        loading: what it waits for: the name of the framework, or 'encoder'; empty before it is started.
        rows: a tuple for each step, in the order of `result.COLUMNS`.
        preview: the image as it is now, a JPEG; empty before the first step.
        image: the result, a PNG; empty until there is one. If the run continues, it stays until there is another.
        frames: {step: JPEG}, for a film.
        error: one line, if it failed; if it was stopped, which image this is.
        facts: what `Runs.add` was told; later also device, encoder, precision and notes of the result.
    """

    def __init__(self, settings: Settings, steps: int, on_change: Callable[["Run", str], None] = lambda run, what: None):
        self.settings, self.steps, self.on_change = settings, steps, on_change
        self.id = 0
        self.state, self.stopping, self.loading = WAITING, False, ""
        self.rows: list[tuple] = []
        self.preview = self.image = b""
        self.frames: dict[int, bytes] = {}
        self.error = ""
        self.facts: dict[str, Any] = {}
        self.lock = threading.RLock()
        self.process: Any = None  # a Popen once it has started
        self._result_settings: Settings | None = None
        self._early_commands: list[str] | None = []  # given before the process could take them
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None  # until it is killed, if it does not stop
        self._folder: Any = None  # a TemporaryDirectory, for the state with which a stopped run can continue

    @property
    def kept(self) -> bool:
        """Whether it was stopped and can continue."""
        return self.state == STOPPED and self._folder is not None and self._state.exists()

    @property
    def shown(self) -> bytes:
        """The result; before the end, and if there is none, the image as it is now."""
        return self.image if self.ended and self.image else self.preview

    @property
    def _state(self) -> Path:
        return Path(self._folder.name, "state")

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def started(self) -> bool:
        """Whether it has, or had, a process."""
        return self._thread is not None

    @property
    def final_settings(self) -> Settings:
        """The settings that reproduce the result, with every 'auto' resolved; before the end, those of the form."""
        return self._result_settings if self.ended and self._result_settings else self.settings

    def pace(self) -> tuple[float | None, float | None]:
        """Seconds per step, from the last steps, and seconds left; None as long as they are unknown."""
        rows = self.rows[-RECENT - 1 :]
        if len(rows) < 2:
            return None, None
        seconds = COLUMNS.index("seconds")
        pace = (rows[-1][seconds] - rows[0][seconds]) / (len(rows) - 1)
        return pace, pace * (self.steps - rows[-1][0])

    def start(self) -> None:
        """Start the process. Calling it again changes nothing."""
        with self.lock:
            if self.started or self.ended:
                return
            self._thread = threading.Thread(target=self._work, daemon=True, name="stylelab run")
        self._thread.start()

    def pause(self) -> None:
        """Pause after the current step."""
        self._command("pause", PAUSED, (WAITING, RUNNING))

    def resume(self) -> None:
        """Continue a paused run."""
        self._command("resume", RUNNING if self.rows and self.started else WAITING, (PAUSED,))

    def go_on(self) -> None:
        """Take up a stopped run where it was, in a new process. It ends with the same image as a run that was never stopped."""
        if self.kept:
            self._wait_for_thread()
            with self.lock:
                self.state, self.loading, self.error = WAITING, "", ""
                self.process, self._thread, self._early_commands = None, None, []
            self.on_change(self, "state")

    def _command(self, command: str, state: str, allowed: tuple[str, ...]) -> None:
        with self.lock:
            if self.state not in allowed or self.stopping:
                return
            self.state = state
            self._send(command)
        self.on_change(self, "state")

    def stop(self) -> None:
        """End after the current step, with the best image; at once if it is called twice, or before the first step."""
        with self.lock:
            if self.ended:
                return
            finish_step = bool(self.rows) and self.started and not self.stopping
            if finish_step:
                self.stopping = True
                self._send("stop")
                self._timer = threading.Timer(STOP_TIMEOUT, self._end, [STOPPED])
                self._timer.daemon = True
                self._timer.start()
        if finish_step:
            self.on_change(self, "state")
        else:
            self._end(STOPPED)

    def close(self) -> None:
        """Kill the process and wait until it is gone. The last preview is kept; the run cannot continue."""
        self._end(STOPPED)
        self._wait_for_thread()
        if self._folder:
            self._folder.cleanup()

    def _wait_for_thread(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(10)

    def _send(self, command: str) -> None:
        if self._early_commands is not None:
            self._early_commands.append(command)
            return
        with suppress(OSError, ValueError):
            messages.write(self.process.stdin, {"command": command})

    def _work(self) -> None:
        """In the run's thread: start the process, read its messages, and find out how it ended."""
        process: Any
        command = module_command("stylelab.tools.studio.painter")
        if self.settings.backend == "tensorflow":  # it may be installed in an environment of its own
            command[0] = os.environ.get("STYLELAB_TENSORFLOW_PYTHON", command[0])
        with ExitStack() as stack:
            try:
                stderr = stack.enter_context(tempfile.TemporaryFile())
                self._folder = self._folder or tempfile.TemporaryDirectory(prefix="stylelab-")
                with self.lock:
                    if self.ended:
                        return
                    self.process = process = subprocess.Popen(
                        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=module_environment(),
                        start_new_session=True,  # an interrupt of the kernel goes to its whole session
                    )  # fmt: skip
            except OSError as error:
                self._end(FAILED, f"{printable(command[0])} cannot be started: {error.strerror or error}")
                return
            self._exchange(process)
            with suppress(OSError):
                process.stdin.close()
            try:
                status = process.wait(5)  # it has closed its stdout, so it should be about to end
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            process.stdout.close()
            self._end(FAILED, _cause_of_death(status, stderr))

    def _exchange(self, process: Any) -> None:
        """Send the settings, then read messages to the end. The settings may be megabytes, so no command waits for them."""
        with suppress(OSError, ValueError):  # if it is dead already, reading ends at once
            seconds = self.rows[-1][COLUMNS.index("seconds")] if self.rows else 0.0
            first = {"settings": self.settings.text(), "state": str(self._state), "seconds": seconds}
            messages.write(process.stdin, first)
            with self.lock:
                commands, self._early_commands = self._early_commands, None
                for command in commands or ():
                    messages.write(process.stdin, {"command": command})
        try:
            while (message := messages.read(process.stdout)) is not None:
                self._take(*message)
        except (messages.BrokenMessage, KeyError, TypeError, ValueError):
            process.kill()

    def _take(self, message: dict, data: bytes) -> None:
        """Note what a message says."""
        kind = message["kind"]
        with self.lock:
            if self.ended:
                return
            if kind == "loading":
                self.loading = message["what"]
            elif kind == "steps":
                while self.rows and self.rows[-1][0] >= message["rows"][0][0]:
                    self.rows.pop()  # steps after the last time that the state was kept are taken again
                self.rows += map(tuple, message["rows"])
                self.preview = data
                self.state = RUNNING if self.state == WAITING else self.state
            elif kind == "frame":
                self.frames[message["step"]] = data
                return
            elif kind in ENDED:
                self.state, self.stopping, kind = kind, False, "state"
                self.image, self.error = data or self.image, message.get("error", "")
                if "settings" in message:
                    self._result_settings = Settings.parse(message["settings"])
                self.facts |= {name: message[name] for name in FACTS if name in message}
        self.on_change(self, kind)

    def _end(self, state: str, error: str = "") -> None:
        """Kill the process and set the final state, unless it has one. The last preview is kept."""
        with self.lock:
            if self.ended:
                return
            self.state, self.stopping, self.error = state, False, error
            if self.process:
                with suppress(OSError):
                    self.process.kill()
        self.on_change(self, "state")


def _cause_of_death(status: int, stderr) -> str:
    """One line about a process that ended without reporting a result."""
    if status in (-9, 137):
        return "the painting process was killed, perhaps for lack of memory: choose a smaller size"
    stderr.seek(0)
    lines = stderr.read()[-4000:].decode(errors="replace").strip().splitlines()
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"the painting process ended {how}" + (f": {printable(lines[-1])}" if lines else "")


class Runs:
    """All runs of a studio. A few are painted at a time; the others wait for their turn.

    Args:
        on_change: called as `on_change(run, what)` when a run has something new.
        parallel: how many runs may have a process.
    """

    def __init__(self, on_change: Callable[[Run, str], None] = lambda run, what: None, parallel: int = PARALLEL):
        self.on_change, self.parallel = on_change, parallel
        self.all: dict[int, Run] = {}
        self._count, self._lock = 0, threading.RLock()

    def add(self, settings: Settings, steps: int, facts: Mapping[str, Any] = MappingProxyType({})) -> Run:
        """A new run. It starts when it is its turn. `facts` are for the page."""
        run = Run(settings, steps, self._changed)
        run.facts.update(facts)
        with self._lock:
            self._count += 1
            run.id = self._count
            self.all[run.id] = run
        self._start_waiting()
        return run

    def remove(self, number: int) -> None:
        """End a run and forget it."""
        with self._lock:
            run = self.all.pop(number, None)
        if run is not None:
            run.on_change = lambda run, what: None
            run.close()
            self._start_waiting()

    def active(self) -> list[Run]:
        return [run for run in list(self.all.values()) if not run.ended]

    def stop(self) -> None:
        """Stop all runs. Their images are kept."""
        for run in self.active():
            run.stop()

    def close(self) -> None:
        """Kill all processes, and remove what they have kept."""
        for run in list(self.all.values()):
            run.close()

    def wait(self, seconds: float) -> bool:
        """Wait until all runs have ended, for this long at most; whether they have. For tests and scripts."""
        end = time.monotonic() + seconds
        while self.active() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.active()

    def _changed(self, run: Run, what: str) -> None:
        with suppress(Exception):  # a page that closes at this moment must not end the run's thread
            self.on_change(run, what)
        if what == "state":
            self._start_waiting()

    def _start_waiting(self) -> None:
        with self._lock:
            active = self.active()
            free = self.parallel - sum(run.started for run in active)
            for run in active:
                if free > 0 and not run.started and run.state == WAITING:
                    run.start()
                    free -= 1
