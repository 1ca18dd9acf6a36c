"""Where the course is: its repository, its lessons, its images, its two editions. Imported by what must start at once."""

from pathlib import Path

from stylelab.errors import InputError

REPOSITORY = "https://github.com/stylelab/stylelab"  # the one place; badges and Colab's set-up are made from it
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
KERNELS = {"torch": ("python3", "Python 3 (ipykernel)"), "tensorflow": ("stylelab-tensorflow", "stylelab (TensorFlow)")}


def _shipped(folder: str) -> Path:
    """A folder of the repository: inside the package where it came as a wheel, beside the package in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / folder
    return inside if inside.is_dir() else package.parent / folder


ASSETS = _shipped("assets")
LESSONS = _shipped("lessons")


def find_lessons(framework: str | None = None) -> list[Path]:
    """The notebooks to hand out: those beside the package, or in the folder `lessons` where the command is run.

    Raises:
        InputError: there are none.
    """
    for place in (LESSONS, Path.cwd() / "lessons"):
        if found := [path for each in TITLES for path in place.glob(f"[0-9][0-9]_*_{each}.ipynb") if framework in (None, each)]:
            return sorted(found)
    raise InputError(f"no lessons come with this installation: fetch them from {REPOSITORY} and run `stylelab start` there")
