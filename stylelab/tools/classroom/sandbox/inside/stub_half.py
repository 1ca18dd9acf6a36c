"""Replaces `stylelab.torch` and `stylelab.tensorflow` while an answer is graded: images go in and out, and nothing else."""

import importlib

from stylelab import Absent, nothing  # type: ignore[attr-defined]  # in the sandbox, `stylelab` is stub_package.py


def _lab():
    """Imported on use: a cell may name the half whose framework is not installed here."""
    return importlib.import_module(f"{__name__}.exercises.lab").Lab()


def check(exercise_id, function):
    """Return the function unchanged: the grader has its own check."""
    return function


hint = solution = progress = submit = nothing


def to_tensor(image, device=None):
    """An image (H, W, 3) as a batch of one."""
    return _lab().give("image", image[None])


def to_array(tensor):
    """The first image or activation of a batch, (H, W, C)."""
    return _lab().take("image", tensor)[0]


def find_device(name=None):
    """Always 'cpu': answers are graded on the CPU."""
    return "cpu"


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return Absent(f"{__name__}.{name}")
