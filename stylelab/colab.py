"""What a lesson's first cell does on Colab, once it has cloned the repository: the packages and widgets that Colab lacks.

Colab brings both frameworks, in versions of its own, and they are left as they are: to replace one would take minutes.
"""

import importlib
import importlib.util
import subprocess
import sys

from stylelab.errors import MachineError

# what lessons import beside a framework: name to import -> name to install
NEEDED = {
    "anywidget": "anywidget", "h5py": "h5py", "ipywidgets": "ipywidgets", "matplotlib": "matplotlib", "PIL": "pillow",
    "platformdirs": "platformdirs", "psutil": "psutil", "safetensors": "safetensors", "scipy": "scipy",
    "skimage": "scikit-image", "sklearn": "scikit-learn",
}  # fmt: skip


def set_up() -> None:
    """Install what is missing and let Colab show widgets that are not its own. Nothing is done twice.

    Raises:
        MachineError: a package cannot be installed.
    """
    if wanted := missing():
        _install(wanted)
    _allow_widgets()


def missing() -> list[str]:
    """The packages to install, none of which can be imported."""
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]


def _install(packages: list[str]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", *packages]
    if subprocess.run(pip).returncode:
        raise MachineError(f"cannot install {', '.join(packages)}: is the network on? run this cell again")
    importlib.invalidate_caches()


def _allow_widgets() -> None:
    """Colab shows anywidget's widgets only once it is told to."""
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
