"""Where the course is: its repository, its lessons, its two editions. Imported by what must start at once."""

from pathlib import Path

REPOSITORY = "https://github.com/stylelab/stylelab"  # the one place; badges and Colab's set-up are made from it
LESSONS = Path(__file__).resolve().parent.parent / "lessons"
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
