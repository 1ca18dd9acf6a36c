"""What a gallery's worker does: paint one pair, or several in one run, with the threads that are free on its machine."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from stylelab.errors import StylelabError
from stylelab.result import Result
from stylelab.run.backends import load_backend
from stylelab.run.numerics.memory import TOO_LARGE, out_of_memory

TRIAL = 6  # steps after which a change of threads is judged


def paint_pair(content: np.ndarray, style: np.ndarray, options: dict) -> dict:
    """One transfer of two `(H, W, 3)` images: {'image', 'facts', 'error', 'exit_status'}, or only an error and its status."""
    options = dict(options)
    return _answer_or_error(
        lambda: _answer(load_backend(options.pop("backend")).transfer(content, style, watch=ThreadTuner(), **options))
    )


def paint_batch(contents: list[np.ndarray], styles: list[np.ndarray], options: dict) -> "list[dict] | dict":
    """Several transfers in one run: an answer for each pair as from `paint_pair`, or one error for all."""
    options = dict(options)

    def paint() -> list[dict]:
        half = load_backend(options.pop("backend"))
        results = half.transfer_batch(contents, styles, watch=ThreadTuner(), **options)
        return [_answer(result, len(results)) for result in results]

    return _answer_or_error(paint)


def _answer_or_error(paint: Callable):
    """What `paint` returns, or its error as an answer if the user or a smaller batch could put it right."""
    try:
        return paint()
    except StylelabError as error:
        return {"error": str(error), "exit_status": error.exit_status}
    except Exception as error:
        if not out_of_memory(error):
            raise
        return TOO_LARGE


def _answer(result: Result, batch: int = 1) -> dict:
    total = result.history["total"]
    facts = {"seconds": round(result.seconds / batch, 2), "steps": len(total), "device": result.device}
    facts |= {"precision": result.precision, "scales": list(result.scales), "tile": result.tile, "batch": batch}
    facts |= {"loss_start": float(total[0]), "loss_end": float(total[-1])} if len(total) else {}
    facts |= {"notes": list(result.notes)} if result.notes else {}
    return {"image": result.image, "facts": facts, "error": result.stopped, "exit_status": int(bool(result.stopped))}


class ThreadTuner:
    """Call it after every step: it takes the threads that `cluster.spread_cores` has offered to this worker since.

    It gives them back if the next steps are not faster, as on a machine that is busy with something else. PyTorch can change
    its number of threads between two steps; TensorFlow cannot.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        from distributed import get_worker

        try:
            self.worker: Any = get_worker()
        except ValueError:  # not in a Dask task
            self.worker = None
        self.clock = clock
        self.times: deque[float] = deque(maxlen=TRIAL + 1)
        self.offered: int | None = None
        self.threads_before: int | None = None
        self.pace_before: float | None = None

    def __call__(self, step: object) -> None:
        self.times.append(self.clock())
        offer, torch = getattr(self.worker, "stylelab_threads", None), sys.modules.get("torch")
        if torch is None or not offer:
            return
        if offer != self.offered:
            self.offered, self.threads_before, self.pace_before = offer, torch.get_num_threads(), self._pace()
            torch.set_num_threads(offer)  # for this thread, which is the one that the steps run in
            self.times = deque(list(self.times)[-1:], maxlen=TRIAL + 1)
        elif self.pace_before and len(self.times) > TRIAL:
            pace = self._pace()
            if pace is not None and pace > self.pace_before:
                torch.set_num_threads(self.threads_before)
            self.pace_before = None

    def _pace(self) -> float | None:
        """Median seconds of the last steps."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 2 else None


def free_gpu_memory() -> int | None:
    """Free bytes of this worker's GPU, or of the fullest of several; None without a GPU or if it cannot be found out."""
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
