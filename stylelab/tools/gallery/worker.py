"""What a worker of the gallery does: paint one pair, or several in one run, with the threads that it may have by now."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable

import numpy as np

import stylelab
from stylelab.errors import StylelabError
from stylelab.result import Result
from stylelab.run.numerics.memory import TOO_LARGE, out_of_memory

TRIAL = 6  # steps by which threads are judged


def paint_pair(content: np.ndarray, style: np.ndarray, options: dict) -> dict:
    """One transfer, two `(H, W, 3)` images in; an image and facts out, or an error."""
    return _safely(lambda: _answer(stylelab.transfer(content, style, watch=Pace(), **options)))


def paint_batch(contents: list[np.ndarray], styles: list[np.ndarray], options: dict) -> "list[dict] | dict":
    """Several transfers in one run: an answer for each pair, as `paint_pair` gives it, or one error for all."""
    options = dict(options)

    def paint() -> list[dict]:
        half = stylelab.load_backend(options.pop("backend"))
        results = half.transfer_batch(contents, styles, watch=Pace(), **options)
        return [_answer(result, len(results)) for result in results]

    return _safely(paint)


def _safely(paint):
    """What `paint` returns; for what a smaller run or a user could put right, an error as an answer."""
    try:
        return paint()
    except StylelabError as error:
        return {"error": str(error), "exit_status": error.exit_status}
    except Exception as error:
        if not out_of_memory(error):
            raise
        return TOO_LARGE


def _answer(result: Result, batch: int = 1) -> dict:
    """An image and facts. The seconds of a batch are shared out among its pairs."""
    total = result.history["total"]
    facts = {"seconds": round(result.seconds / batch, 2), "steps": len(total), "device": result.device}
    facts |= {"precision": result.precision, "scales": list(result.scales), "tile": result.tile, "batch": batch}
    facts |= {"loss_start": float(total[0]), "loss_end": float(total[-1])} if len(total) else {}
    facts |= {"notes": list(result.notes)} if result.notes else {}
    return {
        "image": result.image,
        "facts": facts,
        "error": result.stopped,
        "exit_status": int(bool(result.stopped)),
    }


class Pace:
    """To be called with every step: takes the threads that `cluster.spread_cores` has left at this worker meanwhile.

    They are given up again if the next steps are not faster, as on a machine that is busy with something else. PyTorch can
    change its threads between two steps; TensorFlow keeps those that it started with.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.worker, self.clock = _worker(), clock
        self.ends: deque[float] = deque(maxlen=TRIAL + 1)
        self.offered = self.before = self.pace = None

    def __call__(self, _) -> None:
        self.ends.append(self.clock())
        offer, torch = getattr(self.worker, "stylelab_threads", None), sys.modules.get("torch")
        if torch is None or not offer:
            return
        if offer != self.offered:
            self.offered, self.before, self.pace = offer, torch.get_num_threads(), self._pace()
            torch.set_num_threads(offer)  # of this very thread, and here is where the steps run
            self.ends = deque(list(self.ends)[-1:], maxlen=TRIAL + 1)
        elif self.pace and len(self.ends) > TRIAL:
            if self._pace() > self.pace:
                torch.set_num_threads(self.before)
            self.pace = None

    def _pace(self) -> float | None:
        """Seconds for one of the last steps."""
        return float(np.median(np.diff(self.ends))) if len(self.ends) > 2 else None


def _worker():
    """The Dask worker whose task this is, if it is one."""
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


def free_gpu_memory() -> int | None:
    """Bytes that are free on this worker's GPU, of several on the fullest; None without one, or where nobody can tell."""
    from stylelab.tools.cluster import find_gpus

    if not find_gpus():
        return None
    own = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", *(["-i", own] if own else [])]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        return min(int(line) for line in answer.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
