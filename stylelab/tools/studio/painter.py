"""The process that paints one run: `python -m stylelab.tools.studio.painter`, started by `runs`.

It reads commands on stdin, of which the first holds the settings and the place of the run's state, and writes messages on stdout (see
`stylelab.base.messages`). It ends when stdin is closed, so no run outlives the kernel that started it.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from stylelab.base import messages
from stylelab.base.files import error_text
from stylelab.errors import InputError, StylelabError
from stylelab.result import COLUMNS, Step
from stylelab.run.backends import load_backend
from stylelab.run.numerics.memory import TOO_LARGE, out_of_memory
from stylelab.run.settings import Settings
from stylelab.tools import encode

INTERVAL = 0.35  # seconds between two previews; each takes some milliseconds
PREVIEW, FRAME = 512, 640  # long side in pixels: of the image during a run, and of an image in a film
FRAMES = 24  # images kept for the film, closer together at the start
NO_KERNEL = 3  # exit status if the kernel has gone


class Reporter:
    """Reports the steps of a run, and carries out the commands that arrive meanwhile. `watch` is called after each step."""

    def __init__(self, commands, answers):
        self.commands, self.answers, self.lock = commands, answers, threading.Lock()
        self.running, self.stop_requested = threading.Event(), False
        self.running.set()
        self.rows: list[tuple] = []  # steps that have not been reported yet
        self.step: Step | None = None
        self.frame_steps: set[int] = set()
        self.reported, self.started, self.paused = -np.inf, time.perf_counter(), 0.0

    def listen(self) -> None:
        """Carry out commands until there are no more, then end the process."""
        actions = {"pause": self.running.clear, "resume": self.running.set, "stop": self.running.set}
        try:
            while (message := messages.read(self.commands)) is not None:
                command = message[0]["command"]
                self.stop_requested = self.stop_requested or command == "stop"
                actions[command]()
        finally:
            os._exit(NO_KERNEL)

    def send(self, kind: str, data: bytes = b"", **more) -> None:
        try:
            with self.lock:
                messages.write(self.answers, {"kind": kind, **more}, data)
        except (OSError, ValueError):
            os._exit(NO_KERNEL)

    def watch(self, step: Step) -> None:
        """Report a step, wait while the run is paused, and end it if it is stopped: as Ctrl-C does, with the best image."""
        if self.step is None:
            self.paused = 0.0  # a pause before the first step is not part of the run
        self.step = step
        seconds = time.perf_counter() - self.started - self.paused
        losses = (step.parts.get(name, 0.0) for name in COLUMNS[3:])
        self.rows.append((step.index, round(seconds, 4), step.loss, *losses))
        if step.index in self.frame_steps:
            self.send("frame", encode.jpeg(step.image, FRAME, 90), step=step.index)
        if self.stop_requested or not self.running.is_set() or time.monotonic() - self.reported >= INTERVAL:
            self.report()
        if not self.running.is_set():
            began = time.perf_counter()
            self.running.wait()
            self.paused += time.perf_counter() - began
        if self.stop_requested:
            raise KeyboardInterrupt

    def report(self) -> None:
        """Send the steps since the last report, and the current image."""
        assert self.step is not None
        rows, self.rows = self.rows, []
        self.send("steps", encode.jpeg(self.step.image, PREVIEW), rows=rows)
        self.reported = time.monotonic()


def paint(reporter: Reporter, settings: Settings, state: str | None = None, seconds: float = 0.0) -> None:
    """Paint, and send the result. The run is kept in the file `state`, or continues from there if it has taken `seconds` so far."""
    reporter.frame_steps = {round(float(step)) for step in np.geomspace(1, max(1, settings.steps or 1), FRAMES)}
    reporter.send("loading", what=settings.backend)
    half = load_backend(settings.backend)
    reporter.send("loading", what="encoder")
    reporter.started = time.perf_counter() - seconds
    options = {name: value for name, value in settings.options().items() if name != "backend"}
    result = half.transfer(*settings.images(), watch=reporter.watch, snapshots=(), resume=state, **options)
    if reporter.rows:
        reporter.report()
    if len(result.history):
        reporter.send("frame", encode.jpeg(result.image, FRAME, 90), step=len(result.history))
    state = "done" if result.stopped is None else "stopped" if reporter.stop_requested else "failed"
    facts = {"device": result.device, "encoder": result.encoder, "precision": result.precision, "notes": list(result.notes)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            data = result.save(Path(folder, "image.png")).read_bytes()  # as `stylelab transfer` would save it, with the settings
    except (OSError, InputError):  # a full disk must not cost the image
        data = encode.png(result.image)
    reporter.send(state, data, error=result.stopped or "", settings=result.settings.text(), **facts)


def main() -> None:
    """Read the settings and paint. An error is sent as one line."""
    parent = os.getppid()

    def end_with_parent() -> None:
        """A second safeguard, in case another process has inherited the other end of stdin."""
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(NO_KERNEL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for a cell of the notebook
    reporter = Reporter(sys.stdin.buffer, messages.claim_stdout())
    first = messages.read(reporter.commands)
    if first is None:
        return
    threading.Thread(target=reporter.listen, daemon=True).start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        paint(reporter, Settings.parse(first[0]["settings"]), first[0]["state"], first[0]["seconds"])
    except StylelabError as error:
        reporter.send("failed", error=str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, the user should see it
        text = TOO_LARGE["error"] if out_of_memory(error) else f"{type(error).__name__}: {error_text(error)}"
        reporter.send("failed", error=text)
    os._exit(0)  # frameworks may take seconds to shut down


if __name__ == "__main__":
    main()
