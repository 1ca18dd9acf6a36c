"""Ctrl-C, and whatever else asks a command to end: the first stops a run, and further ones wait until its image is there."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LAST = 3  # the one that does not wait any more
WAIT = b"\nstylelab: one moment, the image is being saved; a third Ctrl-C gives it up\n"


class Interrupts:
    """The signals that have come, and what the next one does.

    Attributes:
        numbers: of the signals, in the order of their arrival.
        waits: whether the next one waits, instead of raising KeyboardInterrupt.
        once: whether all after the first one wait.
        defers: whether also the first one waits, until `stop_if_asked`, so that a step is taken completely or not at all.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.waits = self.once = self.defers = False

    def handle(self, number: int, frame: object) -> None:
        """Take a signal. This runs between any two operations of the main thread, so it prints without Python's buffers."""
        self.numbers.append(number)
        if self.defers and len(self.numbers) == 1:
            return
        if (self.waits or self.defers) and len(self.numbers) < LAST:
            with suppress(OSError):
                os.write(2, WAIT)
            return
        self.waits = self.once
        raise KeyboardInterrupt

    @property
    def overdue(self) -> bool:
        """Whether a KeyboardInterrupt was raised where Python ignores it, such as while an object is removed."""
        return self.once and bool(self.numbers)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While something is saved that must be complete, signals wait; then KeyboardInterrupt is raised."""
        before, count, self.waits = self.waits, len(self.numbers), True
        try:
            yield
        finally:
            self.waits = before
        if not before and len(self.numbers) > count:
            self.waits = self.once
            raise KeyboardInterrupt


_active: Interrupts | None = None


def stop_if_asked() -> None:
    """Raise the KeyboardInterrupt that waits for the end of a step: here, in the middle of its computation, nothing has changed."""
    if _active is not None and _active.defers and _active.numbers:
        raise KeyboardInterrupt


@contextmanager
def interrupts(*others: str) -> Iterator[Interrupts]:
    """Handle Ctrl-C, and the signals named; a block inside another yields the outer one's record.

    Ignored signals stay ignored: a shell ignores Ctrl-C for background jobs. In a thread nothing is handled.
    """
    global _active
    signals = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    if _active is not None:
        yield _active
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", *others) if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    _active = signals
    try:
        for number in before:
            signal.signal(number, signals.handle)
        yield signals
    finally:
        _active = None
        for number, handler in before.items():
            signal.signal(number, handler)
