"""Where the course is: its repository, its lessons, its pictures, its two editions. Imported by what must start at once."""

from pathlib import Path

REPOSITORY = "https://github.com/stylelab/stylelab"  # the one place; badges and Colab's set-up are made from it
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}


def _shipped(folder: str) -> Path:
    """A folder of the repository: inside the package where it came as a wheel, beside the package in a clone."""
    package = Path(__file__).resolve().parent
    inside = package / "shipped" / folder
    return inside if inside.is_dir() else package.parent / folder


ASSETS = _shipped("assets")
LESSONS = _shipped("lessons")
