"""Notice when the last page of a studio is closed, so that its runs can be paused, and a little later stopped.

A page sends 'hello', then a sign of life every few seconds, and 'goodbye' if it can. A reload is a goodbye and, seconds
later, a hello. JupyterLab cuts the connection before a notebook that is being closed can say goodbye, and browsers slow
down the timers of background tabs to once a minute or less.
"""

import threading
from collections.abc import Callable

GRACE = 30.0  # seconds in which a page may come back
VISIBLE_TIMEOUT, HIDDEN_TIMEOUT = 45.0, 300.0  # seconds of silence after which a page counts as closed


class Session:
    """The open pages of one studio.

    Args:
        on_leave: called when the last page is closed.
        on_return: called if a page is opened within `grace` seconds of that.
        on_end: called if none is.
    """

    def __init__(
        self,
        on_leave: Callable[[], None],
        on_return: Callable[[], None],
        on_end: Callable[[], None],
        grace: float | None = None,
    ):
        self.on_leave, self.on_return, self.on_end = on_leave, on_return, on_end
        self.grace = GRACE if grace is None else grace
        self.silence: dict[str, float] = {}  # page -> seconds since its last message
        self.hidden: set[str] = set()  # pages that are in the background
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def heard(self, page: str, hidden: bool = False) -> None:
        """A page sent a hello or a sign of life. `hidden`: it is in the background."""
        with self._lock:
            self.silence[page] = 0.0
            (self.hidden.add if hidden else self.hidden.discard)(page)
            returned = self._timer is not None
            self.close()
        if returned:
            self.on_return()

    def gone(self, page: str) -> None:
        """A page is closed."""
        with self._lock:
            if self.silence.pop(page, None) is None or self.silence:
                return
            self.close()
            self._timer = threading.Timer(self.grace, self._end)
            self._timer.daemon = True
            self._timer.start()
        self.on_leave()

    def tick(self, seconds: float) -> None:
        """Count time in which the kernel could have received messages."""
        with self._lock:
            for page in self.silence:
                self.silence[page] += seconds
            limits = {page: HIDDEN_TIMEOUT if page in self.hidden else VISIBLE_TIMEOUT for page in self.silence}
            lost = [page for page, silence in self.silence.items() if silence > limits[page]]
        for page in lost:
            self.gone(page)

    def close(self) -> None:
        """Do not call `on_end` any more."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _end(self) -> None:
        with self._lock:
            if self._timer is None:  # cancelled while the timer fired
                return
            self._timer = None
        self.on_end()
