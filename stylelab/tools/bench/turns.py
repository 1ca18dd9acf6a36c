"""A contender's side of taking turns: it works when it is told to, and says what it took."""

import json
import time
from collections.abc import Callable
from typing import TextIO

import numpy as np

from stylelab.tools.bench import memory

Read = Callable[[], np.ndarray]


class Finished(Exception):
    """The conductor wants no more steps. It ends a loop from inside, whoever wrote that loop."""


class Turns:
    """What a contender calls after each of its steps. The call comes back when it is its turn again.

    Orders and answers are lines of JSON. `{"steps": 3}` asks for three steps, with `"keep": FOLDER, "every": 10` for an
    image after every tenth too; `{"image": FILE}` for the image as it is now. No order means: end.

    Attributes:
        base: megabytes that the process had before images and filters.
    """

    def __init__(self, orders: TextIO, answers: TextIO, clock: Callable[[], float] = time.perf_counter):
        self.orders, self.answers, self.clock = orders, answers, clock
        self.base, self.count, self.read = memory.now(), 0, None
        self.order, self.seconds, self.kept, self.notes = {}, [], [], {}
        self.early = memory.most()
        memory.forget()

    def wait(self) -> dict:
        """The next order; the clock runs from here."""
        line = self.orders.readline()
        order = json.loads(line) if line.strip() else {"end": True}
        if "end" in order:
            raise Finished
        if "image" in order:
            np.save(order["image"], self.read())
            self.answer({})
            return self.wait()
        self.order, self.seconds, self.kept, self.began = order, [], [], self.clock()
        return order

    def __call__(self, loss: float, read: Read) -> None:
        """One step is made.

        Args:
            loss: a number that the framework has computed by now; reading it waits for a GPU.
            read: gives the image `(H, W, 3)` in 0..1.
        """
        loss = float(loss)
        self.seconds.append(self.clock() - self.began)
        self.count, self.read = self.count + 1, read
        if "keep" in self.order and self.count % self.order["every"] == 0:
            self._keep()
        if len(self.seconds) == self.order["steps"]:
            self._tell(loss)
            self.wait()
        self.began = self.clock()

    def last(self, read: Read) -> None:
        """There are no more steps; `read` gives the final image. It ends the loop that it is called from."""
        self.read = read
        self._tell(None, ended=True)
        self.wait()
        raise Finished

    def _tell(self, loss: float | None, **more) -> None:
        self.answer({"seconds": self.seconds, "kept": self.kept, "loss": loss, **self.notes, **self._memory(), **more})

    def answer(self, message: dict) -> None:
        """Send one line."""
        self.answers.write(json.dumps(message) + "\n")
        self.answers.flush()

    def note(self, **notes) -> None:
        """Something to be told with every answer from now on."""
        self.notes |= notes

    def _keep(self) -> None:
        path = f"{self.order['keep']}/{self.count:06d}.npy"
        np.save(path, self.read())
        self.kept.append([self.count, path])

    def _memory(self) -> dict:
        most = memory.most()
        return {"own": most - self.base, "peak": max(most, self.early), "gpu": memory.of_gpu()}
