"""Work that needs a framework, done in a process of its own.

A process that has imported TensorFlow must never import torch. So a .pth file is read in another process, and a library
is asked for its weights in another process.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from stylelab.base.course import TITLES
from stylelab.base.files import error_text
from stylelab.base.frameworks import BROUGHT_BY, check_installed, how_to_install, is_installed
from stylelab.errors import MachineError, StylelabError


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules; with -P, a folder called `torch` cannot hide the package."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment(**variables: str) -> dict[str, str]:
    """This process's environment and these variables, with our package importable from any folder."""
    here = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))} | variables


def exit_status(work: Callable[[], None]) -> int:
    """Run `work` and return the exit status for its process; an error becomes one line on stderr."""
    try:
        work()
    except StylelabError as error:
        status, line = error.exit_status, str(error)
    except ImportError as error:
        framework = BROUGHT_BY.get((error.name or "").partition(".")[0])
        advice = how_to_install(framework) if framework else "install the packages of requirements.lock"
        status, line = 2, f"{error.name} cannot be imported: {advice}"
    except Exception as error:
        status, line = 3, f"{type(error).__name__}: {error_text(error)}"
    else:
        return 0
    sys.stderr.write(f"\n{line}\n")
    return status


def python_of(backend: str) -> str:
    """The Python interpreter that has this framework, or another package; on a GPU machine TensorFlow has its own.

    Raises:
        MachineError: it is not installed.
    """
    python = os.environ.get("STYLELAB_TENSORFLOW_PYTHON") if backend == "tensorflow" else None
    if python is None and backend in TITLES:
        check_installed(backend)
    elif python is None and not is_installed(backend):
        raise MachineError(f"{backend} is not installed: install requirements.lock")
    return python or sys.executable
