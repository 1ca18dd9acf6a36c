"""The studio's Live tab: frames of a camera are painted by a network, each as soon as the one before it has come back.

The page sends a frame, a JPEG, and gets it back painted. That is done in a process of its own, `python -m
stylelab.tools.studio.live`: the notebook stays free to use either framework, and the memory is given back at the end. A frame is in
memory until it has been painted; it is not stored, and not logged. A style image of the user's own comes along with every frame.
"""

import importlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

import numpy as np
from PIL import Image

from stylelab.base import messages
from stylelab.base.files import error_text
from stylelab.base.processes import module_command, module_environment
from stylelab.errors import InputError, StylelabError
from stylelab.images import alt, check_size
from stylelab.networks import find_network
from stylelab.run.backends import USUAL
from stylelab.tools import encode

SIZES = (128, 512)  # long side of a frame in pixels, that the page offers
USUAL_SIZE = 256
LARGEST, MOST_BYTES = 1024, 4 * 2**20  # of a frame
IDLE = 60.0  # seconds without a frame after which the process is ended
OWN = "own"  # in place of the name of a style: the user's image, for which the network 'any' paints all styles
DIED = "the painting process ended, perhaps for lack of memory: choose a smaller size and start again"


def choices() -> dict:
    """What the Live tab offers, as JSON."""
    styles = [{"name": name, "alt": alt(name)} for name in find_network("six").styles]
    return {"own": OWN, "styles": styles, "sizes": [*SIZES], "size": USUAL_SIZE}


class Live:
    """Paints frames one at a time, in a process that it starts with the first one. A frame that comes meanwhile is dropped.

    Args:
        answer: called as `answer(message, data)` from a thread, for every frame: 'milliseconds' and the painted frame, or an
            'error' of one line, or 'dropped'. The keys 'page' and 'turn' of the frame's message come back with it.
    """

    def __init__(self, answer: Callable[[dict, bytes], None]):
        self.answer = answer
        self.process: Any = None  # a Popen while there is one
        self._frames: Queue = Queue()
        self._busy, self._closed = False, False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def paint(self, message: dict, data: bytes, own: bytes = b"") -> None:
        """Take a frame, and a style image of the user's own, and return at once.

        `message` says the frame's 'page', its 'turn', and the 'weights' of the styles by name.
        """
        with self._lock:
            dropped = self._busy or self._closed
            if not dropped:
                self._busy = True
                self._frames.put((message, data, own))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, daemon=True, name="stylelab live")
                    self._thread.start()
        if dropped:
            self._reply(message, {"dropped": True})

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._frames.put(None)
            if self.process:  # it may be painting
                self.process.kill()
        if thread and thread is not threading.current_thread():
            thread.join(10)

    def _work(self) -> None:
        """In the thread: hand frames to the process until there are no more."""
        while (frame := self._next()) is not None:
            said, painted = self._exchange(*frame)
            with self._lock:
                self._busy = False
            self._reply(frame[0], said, painted)

    def _next(self) -> "tuple[dict, bytes, bytes] | None":
        with suppress(Empty):
            if (frame := self._frames.get(timeout=IDLE)) is not None:
                return frame
        with self._lock:
            if not self._closed and not self._frames.empty():  # it came at the last moment
                return self._frames.get()
            self._end()
            self._thread = None
        return None

    def _exchange(self, message: dict, data: bytes, own: bytes) -> tuple[dict, bytes]:
        answer = None
        with suppress(OSError, ValueError):
            with self._lock:
                if self.process is None and not self._closed:
                    self.process = subprocess.Popen(
                        module_command("stylelab.tools.studio.live"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL, env=module_environment(),
                        start_new_session=True,  # an interrupt of the kernel goes to its whole session
                    )  # fmt: skip
            if self.process:
                said = {"weights": message.get("weights"), "own": len(own)}
                messages.write(self.process.stdin, said, own + data)
                answer = messages.read(self.process.stdout)
        if answer is None:
            self._end()
        return answer or ({"error": DIED}, b"")

    def _reply(self, message: dict, said: dict, painted: bytes = b"") -> None:
        with suppress(Exception):  # a page that closes at this moment must not end the thread
            self.answer({"page": message.get("page"), "turn": message.get("turn"), **said}, painted)

    def _end(self) -> None:
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()
            with suppress(OSError):
                process.stdin.close()
            process.stdout.close()


class Canvas:
    """In the process: networks, each loaded with the first frame for it, and the code of the styles that were asked for last."""

    def __init__(self) -> None:
        self.painters: dict[str, Any] = {}
        self.painter: Any = None
        self.asked: Any = None
        self.code: Any = None

    def paint(self, message: dict, data: bytes) -> tuple[dict, bytes]:
        """A frame in the styles of `message['weights']`: how long the network took, and a JPEG.

        Args:
            message: its 'own' says how many bytes of the data, at their beginning, are a style image.

        Raises:
            InputError: the frame, the style image or the weights cannot be used.
        """
        own = data[: message.get("own", 0)]
        frame = decode(data[len(own) :])
        self._choose(message.get("weights"), own)
        began = time.perf_counter()
        painted = self.painter.paint(frame, self.code)
        milliseconds = 1000 * (time.perf_counter() - began)
        return {"milliseconds": round(milliseconds, 1)}, encode.jpeg(painted, LARGEST, 90)

    def _choose(self, weights: Any, own: bytes) -> None:
        if not isinstance(weights, dict) or not any(weights.values()):
            raise InputError("every style is at 0: move a slider to the right")
        if (weights, own) == self.asked:
            return
        network = "any" if OWN in weights else "six"
        if network not in self.painters:
            self.painters[network] = importlib.import_module(f"stylelab.{USUAL}.networks").load_network(network)
        self.painter = self.painters[network]
        styles = [decode(own, "the style image") if name == OWN else name for name in weights]
        self.code = self.painter.code(styles, list(weights.values()))
        self.asked = weights, own


def decode(data: bytes, what: str = "a frame") -> np.ndarray:
    """A frame, or what else the page sends, as an `(H, W, 3)` image in 0..1.

    Raises:
        InputError: it is not a whole JPEG, too small, or too large.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"{what} has {len(data) / 2**20:.0f} MB, more than {MOST_BYTES // 2**20}: choose a smaller size")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as frame:
            width, height = frame.size
            if max(width, height) <= LARGEST:  # known before anything is decoded
                image = np.asarray(frame.convert("RGB"), np.float32) / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise InputError(f"{what} did not arrive as a whole JPEG, and was left out") from None
    if max(width, height) > LARGEST:
        raise InputError(f"{what} has {width} x {height} pixels, more than {LARGEST} on a side: choose a smaller size")
    check_size(image, what)
    return image


def main() -> None:
    """Paint the frames that come on stdin, until it is closed. An error is sent as one line, and the next frame is awaited."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for a cell of the notebook
    canvas, answers = Canvas(), messages.claim_stdout()
    with suppress(OSError, ValueError):  # the kernel has gone
        while (request := messages.read(sys.stdin.buffer)) is not None:
            try:
                said, painted = canvas.paint(*request)
            except StylelabError as error:
                said, painted = {"error": str(error)}, b""
            except Exception as error:  # noqa: BLE001  whatever it is, the user should see it
                said, painted = {"error": f"{type(error).__name__}: {error_text(error)}"}, b""
            messages.write(answers, said, painted)
    os._exit(0)  # frameworks may take seconds to shut down


if __name__ == "__main__":
    main()
