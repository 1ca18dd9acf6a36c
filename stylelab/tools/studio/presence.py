"""Whether anybody still looks at the studio. Nobody's runs are paused at once, and stopped a little later.

A page says hello, then every few seconds that it is alive, and goodbye when it can. A reload is a goodbye and a hello some
seconds later. JupyterLab cuts the line to the kernel before a notebook that is closed can say goodbye; and a browser slows
the clocks of tabs in the background down to once a minute or less.
"""

import threading
from collections.abc import Callable

GRACE = 30.0  # seconds for a page to come back
IN_SIGHT, IN_BACKGROUND = 45.0, 300.0  # seconds without a word until a page is taken for gone, while it could have been heard


class Presence:
    """Keeps count of the pages that show one studio.

    Args:
        left: called when the last page has gone.
        back: called when one comes within `grace` seconds.
        ended: called when none does.
    """

    def __init__(self, left: Callable[[], None], back: Callable[[], None], ended: Callable[[], None], grace: float | None = None):
        self.left, self.back, self.ended, self.grace = left, back, ended, GRACE if grace is None else grace
        self.silent: dict[str, float] = {}  # page -> seconds since its last word
        self.hidden: set[str] = set()  # pages that said last that they are in the background
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def heard(self, page: str, hidden: bool = False) -> None:
        """A page is there, in sight or in the background: hello, or a sign of life."""
        with self._lock:
            self.silent[page] = 0.0
            (self.hidden.add if hidden else self.hidden.discard)(page)
            returned = self._timer is not None
            self._cancel()
        if returned:
            self.back()

    def gone(self, page: str) -> None:
        """A page has said goodbye."""
        with self._lock:
            if self.silent.pop(page, None) is None or self.silent:
                return
            self._cancel()
            self._timer = threading.Timer(self.grace, self._end)
            self._timer.daemon = True
            self._timer.start()
        self.left()

    def tick(self, seconds: float) -> None:
        """So much time has passed in which a page could have been heard."""
        with self._lock:
            for page in self.silent:
                self.silent[page] += seconds
            lost = [page for page, silent in self.silent.items() if silent > self._limit(page)]
        for page in lost:
            self.gone(page)

    def _limit(self, page: str) -> float:
        return IN_BACKGROUND if page in self.hidden else IN_SIGHT

    def close(self) -> None:
        with self._lock:
            self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer = None
        self.ended()
