"""Which of the two frameworks is installed here: one is enough. Neither is imported."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from stylelab.base.course import TITLES
from stylelab.errors import MachineError

BROUGHT_BY = {"torch": "torch", "torchvision": "torch", "tensorflow": "tensorflow", "keras": "tensorflow"}  # package -> framework


def is_installed(framework: str) -> bool:
    """Whether this Python has it. A folder of that name that happens to be here is none."""
    if framework in sys.modules:
        return True
    spec = find_spec(framework)
    return spec is not None and spec.origin is not None


def installed() -> list[str]:
    """The names of those that are installed, PyTorch's first."""
    return [framework for framework in TITLES if is_installed(framework)]


def usual() -> str:
    """The framework of a run that names none: PyTorch, or TensorFlow where only that is installed."""
    return (installed() or list(TITLES))[0]


def how_to_install(framework: str) -> str:
    """What to do about a framework that is missing."""
    return f"run `make lab FRAMEWORK={framework}` in a clone, or `pip install 'stylelab[{framework}]'`"


def check_installed(framework: str) -> None:
    """Check that a framework is here, before it is imported.

    Raises:
        MachineError: it is not installed; the message says how to install it.
    """
    if not is_installed(framework):
        if installed():
            raise MachineError(f"{TITLES[framework]} is not installed: {how_to_install(framework)}")
        raise MachineError(f"neither PyTorch nor TensorFlow is installed: {how_to_install(framework)}")


@contextmanager
def nothing_to_collect() -> Iterator[None]:
    """For the import of a framework: Python does not look for garbage meanwhile, nor later among the million objects that came with it.

    This saves a quarter of the import's time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()
