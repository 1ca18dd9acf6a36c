"""Every lesson with all answers right, with all answers wrong, and as nbgrader runs it, at the preset 'ci'."""

import re
from pathlib import Path

import nbformat
import pytest
import solving

from lessons.make import lint_outputs
from stylelab.errors import InputError
from stylelab.tools.course import build

SOURCES = build.sources()
MAX_REMAINING_LOSS = 70  # per cent; the preset runs a twenty-fifth of the steps, so a loss falls less than in the stored notebook
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("STYLELAB_PRESET", "ci")


def answered(source: Path, framework: str, answer) -> nbformat.NotebookNode:
    """A lesson with `answer(framework, exercise)` in each exercise cell."""
    notebook = build.assemble(source, framework)
    for cell in lint_outputs.code_cells(notebook):
        if exercise := cell.metadata.stylelab.get("exercise"):
            cell.source = answer(framework, exercise)
    return notebook


def printed(notebook: nbformat.NotebookNode, kind: str) -> dict[str, str]:
    """What the cells of a kind printed: 'checks' of exercises, or 'marked' cells, whose output nbval compares."""
    cells = lint_outputs.code_cells(notebook)
    if kind == "checks":
        chosen = {cell.metadata.stylelab.check: cell for cell in cells if "check" in cell.metadata.stylelab}
    else:
        chosen = {cell.metadata.stylelab.name: cell for cell in cells if lint_outputs.MARK in cell.source}
    return {name: "".join(map(_text, cell.outputs)) for name, cell in chosen.items()}


def _text(output: nbformat.NotebookNode) -> str:
    return output.get("text") or (output.get("data", {}).get("text/plain", "") if "<img" not in str(output) else "")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_solved_lesson_runs_on_its_answers_and_prints_the_same_numbers(source, framework, tmp_path):
    notebook = build.execute(answered(source, framework, solving.right), tmp_path)
    checks = printed(notebook, "checks")
    assert checks and all(text.startswith(f"{exercise}: right, in shape") for exercise, text in checks.items()), checks
    stored = nbformat.read(build.notebook_path(source, framework), as_version=4)
    assert printed(notebook, "marked") == printed(stored, "marked")
    assert [cell for cell, image in lint_outputs.images(notebook) if lint_outputs.is_blank(image)] == []
    for cell in lint_outputs.code_cells(notebook):
        for percentage in re.findall(lint_outputs.FALLEN, "".join(output.get("text", "") for output in cell.outputs)):
            assert float(percentage) < MAX_REMAINING_LOSS, f"{cell.id}: a run ends at {percentage}% of its first loss"


def test_a_lesson_with_only_wrong_answers_continues_with_the_librarys_own(framework, tmp_path):
    source = SOURCES[0]
    notebook = build.execute(answered(source, framework, solving.wrong), tmp_path)
    assert all(
        re.match(rf"{exercise}: (?:partly right|wrong|could not run)\. ", text)
        for exercise, text in printed(notebook, "checks").items()
    )
    stored = nbformat.read(build.notebook_path(source, framework), as_version=4)
    assert printed(notebook, "marked") == printed(stored, "marked")


def test_a_wrong_answer_stops_a_lesson_that_nbgrader_runs(framework, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook = answered(SOURCES[0], framework, solving.wrong)
    checks = [index for index, cell in enumerate(notebook.cells) if "check" in cell.metadata.stylelab]
    del notebook.cells[checks[0] + 1 :]
    with pytest.raises(InputError, match="a cell fails: AssertionError: preprocess: wrong"):
        build.execute(notebook, tmp_path)
