"""Set up Colab, after a lesson's first cell has cloned the repository: install missing packages and allow widgets.

Colab has both frameworks, in versions of its own. They are not replaced, because that would take minutes.
"""

import importlib
import importlib.util
import subprocess
import sys

from stylelab.errors import MachineError

# what lessons import besides a framework: module -> package
NEEDED = {
    "anywidget": "anywidget", "h5py": "h5py", "ipywidgets": "ipywidgets", "jinja2": "jinja2", "matplotlib": "matplotlib",
    "PIL": "pillow", "platformdirs": "platformdirs", "psutil": "psutil", "safetensors": "safetensors", "scipy": "scipy",
    "skimage": "scikit-image", "sklearn": "scikit-learn",
}  # fmt: skip


def set_up() -> None:
    """Install the missing packages and let Colab display widgets. It can be run again: nothing is done twice.

    Raises:
        MachineError: a package cannot be installed.
    """
    if packages := missing():
        if subprocess.run([sys.executable, "-m", "pip", "install", "-q", *packages]).returncode:
            raise MachineError(f"cannot install {', '.join(packages)}: is the network on? run this cell again")
        importlib.invalidate_caches()
    if "google.colab" in sys.modules:  # without this, Colab displays no anywidget
        importlib.import_module("google.colab.output").enable_custom_widget_manager()


def missing() -> list[str]:
    """The packages to install: those whose module cannot be imported."""
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
