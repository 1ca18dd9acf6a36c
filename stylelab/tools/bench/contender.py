"""A contender's process: `python -m stylelab.tools.bench.contender '{"kind": "ours", ...}'`. Orders come in on stdin as JSON."""

import importlib
import json
import os
import sys

from stylelab.base import processes
from stylelab.tools.bench.turns import Finished, Turns

KINDS = {  # kind -> (module of this package, function, framework that it runs in; None: as told)
    "ours": ("ours", "run", None),
    "judge": ("judge", "run", None),
    "limit": ("limit", "run", None),
    "pytorch tutorial": ("pytorch_tutorial", "run", "torch"),
    "tensorflow tutorial": ("tensorflow_tutorial", "run", "tensorflow"),
    "keras tutorial": ("keras_tutorial", "run", "tensorflow"),
    "style-transfer-pytorch": ("peers", "style_transfer_pytorch", "torch"),
    "neural-style-pt": ("peers", "neural_style_pt", "torch"),
}


def main(text: str) -> None:
    """Import the framework and find the device, say so, and run the contender until no order comes.

    Raises:
        StylelabError: what the contender raises.
    """
    settings = json.loads(text)
    # answers have the old descriptor 1 for themselves: whatever a library prints goes to stderr
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, function, backend = KINDS[settings["kind"]]
    settings["backend"] = backend or settings["backend"]
    about = _import(settings["backend"], settings["device"])
    run = getattr(importlib.import_module(f"stylelab.tools.bench.{module}"), function)
    turns = Turns(sys.stdin, answers)
    turns.answer({"loaded": about})
    try:
        turns.wait()
        run(settings, turns)
        raise RuntimeError("it ended before it was told to")
    except Finished:
        pass


def _import(backend: str, device: str | None) -> dict:
    from stylelab import load_backend

    half = load_backend(backend)
    native = sys.modules[backend]
    return {"backend": backend, "version": native.__version__, "device": str(half.find_device(device))}


if __name__ == "__main__":
    status = processes.report(lambda: main(sys.argv[1]))
    sys.stderr.flush()
    os._exit(status)  # a framework's threads take seconds to end, and may fail at it
