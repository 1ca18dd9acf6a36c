"""The steps of CONTRIBUTING.md work: they are followed once on a scratch copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.search(rf"^## {title}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]


def code_blocks(title: str) -> dict[str, str]:
    """File -> code: each block of Python goes into the last file that is named before it."""
    parts = re.split(r"^```python\n(.*?)^```$", section(title), flags=re.MULTILINE | re.DOTALL)
    named = [re.findall(r"`((?:stylelab|lessons|tests)/[\w/]+\.py)`", text) for text in parts[::2]]
    return {files[0]: code for files, code in zip(named, parts[1::2], strict=False)}


def lines_of(blocks: dict[str, str]) -> int:
    return sum(bool(line.strip()) for code in blocks.values() for line in code.splitlines())


@pytest.fixture
def scratch(tmp_path) -> Path:
    """A copy of what a contributor changes or runs here."""
    skip = shutil.ignore_patterns("__pycache__", "*.ipynb")
    for folder in ("stylelab", "lessons", "assets/style", "tests/exercises", "tests/core"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skip)
    for file in ("pyproject.toml", "tests/conftest.py", "tests/devices.py", "assets/encoder-mini.safetensors"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    """What Python prints there."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


ANSWERS = """
import stylelab.{framework} as sl
right = lambda image, low, high: (image - low) / (high - low)
assert sl.check("stretch", right) is right
assert sl.check("stretch", lambda image, low, high: image / (high - low)) is not right
assert sl.check("stretch", lambda image, low, high: image) is not right
"""


@pytest.mark.slow
def test_an_exercise_takes_two_files_and_thirty_lines(scratch, framework):
    blocks = code_blocks("An exercise")
    definition, lesson = blocks
    assert (definition, Path(lesson).parent.as_posix()) == ("stylelab/exercises/lesson_05.py", "lessons/source")
    assert lines_of(blocks) <= 30
    (scratch / definition).write_text((scratch / definition).read_text() + blocks[definition])
    before, cell, after = (scratch / lesson).read_text().partition('# %% [markdown] name="quiz_text"')
    (scratch / lesson).write_text(f"{before}{blocks[lesson]}\n{cell}{after}")

    right, wrong, unchanged = run(scratch, "-c", ANSWERS.format(framework=framework)).splitlines()
    assert right.startswith("stretch: right, in shape, value and every property.")
    assert wrong.startswith("stretch: wrong. Nothing is subtracted: what should become of `low`?")
    assert unchanged.startswith("stretch: wrong. The shape is right, but the values are not: ")

    command = ["-m", "pytest", "-q", "tests/exercises", "-k", "stretch", "--framework", framework]
    assert re.search(r"^\d+ passed", run(scratch, *command), re.MULTILINE)

    look = (
        "from stylelab.tools.course.assemble import assemble; from pathlib import Path\n"
        f"cells = assemble(Path('{lesson}'), '{framework}').cells\n"
        "print({c.metadata.nbgrader.grade_id: c.metadata.nbgrader.get('points') for c in cells if 'nbgrader' in c.metadata})"
    )
    graded = run(scratch, "-c", look)
    assert "'stretch': None, 'check_stretch': 3" in graded


@pytest.mark.slow
def test_a_recipe_takes_twelve_lines(scratch, framework):
    ((file, recipe),) = code_blocks("A recipe").items()
    assert file == "stylelab/recipes.py" and lines_of({file: recipe}) <= 12
    before, end, after = (scratch / file).read_text().rpartition("    )\n}\n\n# the largest size")
    (scratch / file).write_text(f"{before}{textwrap.indent(recipe, ' ' * 8)}{end}{after}")

    assert "Author, 'Title'" in run(scratch, "-m", "stylelab", "recipes", "quick")
    options = ["-o", "out.png", "--recipe", "quick", "--size", "64", "--steps", "2", "--backend", framework]
    run(scratch, "-m", "stylelab", "transfer", "china", "fluid", *options)
    assert (scratch / "out.png").read_bytes()[1:4] == b"PNG"
    tests = run(scratch, "-m", "pytest", "-q", "tests/core/test_recipes.py", "--framework", "torch")
    assert re.search(r"^\d+ passed", tests, re.MULTILINE)
