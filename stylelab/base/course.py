"""The course's repository, editions and folders. Imported at the start of every command, so it imports nothing large."""

from pathlib import Path

from stylelab.errors import InputError

REPOSITORY = "https://github.com/stylelab/stylelab"  # the only place: badges and Colab's set-up cell are made from it
SITE = "https://stylelab.github.io/stylelab"  # what `make site` builds from main
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
KERNELS = {"torch": ("python3", "Python 3 (ipykernel)"), "tensorflow": ("stylelab-tensorflow", "stylelab (TensorFlow)")}


def _repository_folder(name: str) -> Path:
    """A folder of the repository: inside the package if it was installed from a wheel, next to the package in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / name
    return inside if inside.is_dir() else package.parent / name


ASSETS = _repository_folder("assets")
LESSONS = _repository_folder("lessons")


def find_lessons(framework: str | None = None) -> list[Path]:
    """The lessons' notebooks that come with the package, or else those in ./lessons.

    Args:
        framework: 'torch' or 'tensorflow'; None for both editions.

    Raises:
        InputError: there are no lessons in either place.
    """
    editions = TITLES if framework is None else [framework]
    for folder in (LESSONS, Path("lessons")):
        if paths := [path for edition in editions for path in folder.glob(f"[0-9][0-9]_*_{edition}.ipynb")]:
            return sorted(paths)
    raise InputError(f"this installation has no lessons: clone {REPOSITORY} and run `stylelab start` there")
