"""The process in which one run is painted: `python -m stylelab.tools.studio.painter`, started by `runs`.

It reads orders on stdin, the first of which says what to paint, and writes messages on stdout, see `stylelab.base.messages`. It ends when
its stdin does, whatever it is doing: nothing goes on painting after the kernel that asked for it has gone.
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
from stylelab.errors import StylelabError
from stylelab.result import COLUMNS, Result, Step
from stylelab.tools.studio import images

EVERY = 0.35  # seconds between two images: an eye wants no more, and each costs some milliseconds
FRAMES = 24  # of the filmstrip, closer together at the start
GONE = 3  # exit status when nobody listens any more


class Desk:
    """Where orders come in and messages go out. `watch` is called with every step and carries out the orders."""

    def __init__(self, orders, answers):
        self.orders, self.answers, self.writing = orders, answers, threading.Lock()
        self.going, self.stopping = threading.Event(), False
        self.going.set()
        self.rows: list[tuple] = []  # of steps that have not been told yet
        self.step: Step | None = None
        self.told, self.idle, self.began = -np.inf, 0.0, time.perf_counter()
        self.keep: set[int] = set()

    def listen(self) -> None:
        """Carry out orders until the stream of them ends, and the process with it."""
        act = {"pause": self.going.clear, "resume": self.going.set, "stop": self._stop}
        try:
            while (order := messages.read(self.orders)) is not None:
                act[order[0]["order"]]()
        finally:
            os._exit(GONE)

    def _stop(self) -> None:
        self.stopping = True
        self.going.set()

    def say(self, kind: str, data: bytes = b"", **more) -> None:
        try:
            with self.writing:
                messages.write(self.answers, {"say": kind, **more}, data)
        except (OSError, ValueError):
            os._exit(GONE)

    def begin(self, steps: int) -> None:
        """Choose the steps whose images are kept."""
        self.keep = {round(float(step)) for step in np.geomspace(1, max(1, steps), FRAMES)}

    def watch(self, step: Step) -> None:
        """Tell of a step, wait while paused, and end the run as Ctrl-C does when stopped: with the best image so far."""
        if self.step is None:
            self.idle = 0.0
        self.step = step
        seconds = time.perf_counter() - self.began - self.idle
        parts = (step.parts.get(name, 0.0) for name in COLUMNS[3:])
        self.rows.append((step.index, round(seconds, 4), step.loss, *parts))
        if step.index in self.keep:
            self.say("frame", images.jpeg(step.image, images.KEPT, 90), step=step.index)
        if self.stopping or not self.going.is_set() or time.monotonic() - self.told >= EVERY:
            self.tell()
        if not self.going.is_set():
            self._wait()
        if self.stopping:
            raise KeyboardInterrupt

    def tell(self) -> None:
        """The steps since the last time, with the image as it is now."""
        rows, self.rows = self.rows, []
        self.say("steps", images.jpeg(self.step.image, images.LIVE), rows=rows)
        self.told = time.monotonic()

    def _wait(self) -> None:
        began = time.perf_counter()
        self.going.wait()
        self.idle += time.perf_counter() - began


def paint(desk: Desk, text: str) -> None:
    """Paint what the settings say, and tell how it ended."""
    import stylelab
    from stylelab.run.settings import Settings

    settings = Settings.parse(text)
    desk.begin(settings.steps or 1)
    desk.say("loading", what=settings.backend)
    stylelab.load_backend(settings.backend)
    desk.say("loading", what="encoder")
    desk.began = time.perf_counter()
    _end(desk, stylelab.transfer(*settings.images(), watch=desk.watch, snapshots=(), **settings.options()))


def _end(desk: Desk, result: Result) -> None:
    if desk.rows:
        desk.tell()
    if len(result.history):
        desk.say("frame", images.jpeg(result.image, images.KEPT, 90), step=len(result.history))
    how = "done" if result.stopped is None else "stopped" if desk.stopping else "failed"
    facts = {"device": result.device, "encoder": result.encoder, "precision": result.precision, "notes": list(result.notes)}
    desk.say(how, _saved(result), error=result.stopped or "", settings=result.settings.text(), **facts)


def _saved(result: Result) -> bytes:
    """The very file that the command line would write, settings included."""
    with tempfile.TemporaryDirectory() as folder:
        return result.save(Path(folder, "image.png")).read_bytes()


def run(desk: Desk, text: str) -> None:
    """`paint`, and what can go wrong with it as one line."""
    from stylelab.run.numerics.memory import TOO_LARGE, out_of_memory

    try:
        paint(desk, text)
    except StylelabError as error:
        desk.say("failed", error=str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, the user is told
        from stylelab.base.files import error_text

        line = TOO_LARGE["error"] if out_of_memory(error) else f"{type(error).__name__}: {error_text(error)}"
        desk.say("failed", error=line)


def _watch_parent(parent: int) -> None:
    """A second safeguard, should a stranger have inherited the other end of stdin."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(GONE)


def main() -> None:
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for a cell of the kernel
    answers = messages.claim_stdout()
    orders = sys.stdin.buffer
    first = messages.read(orders)
    if first is None:
        return
    desk = Desk(orders, answers)
    threading.Thread(target=desk.listen, daemon=True).start()
    threading.Thread(target=_watch_parent, args=[parent], daemon=True).start()
    run(desk, first[0]["settings"])
    os._exit(0)  # no framework's farewell: it may take seconds


if __name__ == "__main__":
    main()
