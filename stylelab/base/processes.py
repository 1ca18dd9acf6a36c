"""Work that needs a framework of its own, done in a process of its own.

A process that has imported TensorFlow must never import torch, so reading a .pth or asking a library's loader for
weights happens elsewhere.
"""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from stylelab.base.files import one_line
from stylelab.errors import MachineError, StylelabError


def module_command(module: str, *arguments: str) -> list[str]:
    """How to run one of our modules as a process; -P keeps a folder called `torch` from hiding the package."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment(**more: str) -> dict[str, str]:
    """This process's environment, with our package importable from anywhere."""
    here = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))} | more


def report(work: Callable[[], None]) -> int:
    """Run the work of a process: its exit status, with one line on stderr unless it is 0."""
    try:
        work()
    except StylelabError as error:
        status, line = error.exit_status, str(error)
    except ImportError as error:
        status, line = 2, f"{error.name} cannot be imported: install the packages of requirements.lock"
    except Exception as error:
        status, line = 3, f"{type(error).__name__}: {one_line(error)}"
    else:
        return 0
    sys.stderr.write(f"\n{line}\n")
    return status


def python_of(backend: str) -> str:
    """The Python that has this framework: on a GPU machine TensorFlow has one of its own.

    Raises:
        MachineError: there is none.
    """
    python = os.environ.get("STYLELAB_TENSORFLOW_PYTHON") if backend == "tensorflow" else None
    if python is None and find_spec(backend) is None:
        raise MachineError(f"{backend} is not installed: leave it out with --backend, or install requirements.lock")
    return python or sys.executable
