"""Every lesson as a student leaves it: all answers right, all wrong, or stopped by nbgrader. Run at the preset 'ci'."""

import re
from pathlib import Path

import nbformat
import pytest
import solving

from lessons.make import build, lint_outputs
from stylelab.errors import InputError

SOURCES = build.sources()
LOWERED = 70  # per cent: a twenty-fifth of the steps, in which a loss falls less far than in what is stored
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


def said(notebook: nbformat.NotebookNode, kind: str) -> dict[str, str]:
    """What the check cells, or the cells whose output nbval compares, have printed."""
    cells = lint_outputs.code_cells(notebook)
    if kind == "checks":
        chosen = {cell.metadata.stylelab.check: cell for cell in cells if "check" in cell.metadata.stylelab}
    else:
        chosen = {cell.metadata.stylelab.name: cell for cell in cells if lint_outputs.MARK in cell.source}
    return {name: "".join(output.get("text", "") for output in cell.outputs) for name, cell in chosen.items()}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_solved_lesson_runs_on_its_answers_and_prints_the_same_numbers(source, framework, tmp_path):
    notebook = build.execute(answered(source, framework, solving.right), tmp_path)
    checks = said(notebook, "checks")
    assert checks and all(words.startswith(f"{exercise}: right, in shape") for exercise, words in checks.items()), checks
    stored = nbformat.read(build.notebook_path(source, framework), as_version=4)
    assert said(notebook, "marked") == said(stored, "marked")
    assert [cell for cell, image in lint_outputs.images(notebook) if lint_outputs.is_blank(image)] == []
    for cell in lint_outputs.code_cells(notebook):
        for share in re.findall(lint_outputs.FALLEN, "".join(output.get("text", "") for output in cell.outputs)):
            assert float(share) < LOWERED, f"{cell.id}: a run ends at {share}% of its first loss"


def test_a_lesson_with_every_answer_wrong_runs_to_its_end_on_the_librarys(framework, tmp_path):
    source = SOURCES[0]
    notebook = build.execute(answered(source, framework, solving.wrong), tmp_path)
    assert all(f"{exercise}: not yet." in words for exercise, words in said(notebook, "checks").items())
    stored = nbformat.read(build.notebook_path(source, framework), as_version=4)
    assert said(notebook, "marked") == said(stored, "marked")


def test_a_wrong_answer_stops_the_lesson_while_nbgrader_runs_it(framework, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook = answered(SOURCES[0], framework, solving.wrong)
    checks = [index for index, cell in enumerate(notebook.cells) if "check" in cell.metadata.stylelab]
    del notebook.cells[checks[0] + 1 :]
    with pytest.raises(InputError, match="a cell fails: AssertionError: preprocess: not yet"):
        build.execute(notebook, tmp_path)
