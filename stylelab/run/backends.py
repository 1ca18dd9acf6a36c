"""The two frameworks by name, and the version of the package."""

import importlib
from types import ModuleType

from stylelab.base.frameworks import check_installed, usual
from stylelab.base.values import one_of
from stylelab.errors import MachineError

__version__ = "0.1.0"
BACKENDS = ("torch", "tensorflow")
USUAL = usual()


def check_backend(name: str) -> str:
    """The name, if it is one of `BACKENDS`.

    Raises:
        InputError: another name; the nearest one is suggested.
    """
    return one_of("backend", name, BACKENDS)


def load_backend(name: str) -> ModuleType:
    """Import `stylelab.torch` or `stylelab.tensorflow`, which takes seconds.

    Raises:
        InputError: another name.
        MachineError: the framework is not installed, or this process already holds the other one.
    """
    check_installed(check_backend(name))
    try:
        return importlib.import_module(f"stylelab.{name}")
    except ImportError as error:
        raise MachineError(f"cannot use {name}: {error}") from error
