"""Where a student's answers are in a notebook that may have been cut, copied, retyped and stripped."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from stylelab.tools.classroom.notebooks.joining import Joiner
from stylelab.tools.classroom.notebooks.read import Cell, Found, Notebook, Script
from stylelab.tools.classroom.notebooks.stubs import Given
from stylelab.tools.classroom.notebooks.syntax import Text, checks, plain_python, without_checks

RETYPED = 100_000  # characters of text cells that are looked at for code
DEFINED = re.compile(r"^(?:async[ \t]+)?def[ \t]+(\w+)", re.M)


@dataclass(frozen=True, eq=False)
class Unit:
    """A piece of code that stands for itself: a cell, or the pieces that a cell was cut into.

    Attributes:
        text: plain Python.
        first: the cell's number as a reader counts, from 1.
        tag: the exercise that the cell is to answer, by its metadata.
        kind: as in `Cell`.
        given: whether it stands here as it was handed out.
        about: the exercise that it may be a piece of an answer to: by its metadata, else by a function's name.
        notes: what was repaired.
    """

    text: Text
    first: int
    tag: str | None
    kind: str = "code"
    given: bool = False
    about: str | None = None
    notes: tuple[str, ...] = field(default=())


def find_answers(notebook: Notebook, given: Given) -> Script:
    """Find the answer to each exercise of a lesson, and make the notebook's code ready to be run.

    Args:
        given: what the lesson handed out.

    Returns:
        All code, and for each of the lesson's exercises where its answer is, or that there is none.
    """
    units = Joiner().joined([unit for cell in _worth_reading(notebook, given) for unit in _unit(cell, given)])
    last = {exercise: cell.index + 1 for cell in notebook.cells if cell.kind == "code" for exercise in checks(cell.source)}
    chosen = {exercise: _choose(exercise, stub, units, last.get(exercise, 0)) for exercise, stub in given.stubs.items()}
    answering = {unit for unit, _ in chosen.values()}
    # a stub that was left beside the answer would take the answer's name
    kept = [unit for unit in units if unit in answering or (unit.kind == "code" and not _is_stub(unit, given))]
    answers = {
        exercise: found if found.stage else replace(found, cell=kept.index(unit)) for exercise, (unit, found) in chosen.items()
    }
    return Script(tuple(unit.text.text for unit in kept), answers)


def _worth_reading(notebook: Notebook, given: Given) -> Iterator[Cell]:
    """Code, and what may have been code before it was retyped: text of the lesson's own is not, and a long text is not."""
    left = RETYPED
    for cell in notebook.cells:
        if cell.kind == "code":
            yield cell
        elif {cell.grade_id, cell.exercise} & given.stubs.keys() or set(DEFINED.findall(cell.source)) & given.stubs.keys():
            left -= len(cell.source)
            if left > 0 and cell.source.strip() not in given.sources:
                yield cell


def _unit(cell: Cell, given: Given) -> Iterator[Unit]:
    """The cell as a unit, unless nothing of it can matter."""
    tag = next((each for each in (cell.grade_id, cell.exercise) if each in given.stubs), None)
    number = cell.index + 1
    source, left_out = plain_python(cell.source)
    text = Text(without_checks(source))
    if cell.kind == "code" and (tag or not text.is_blank):
        about = tag or next((name for name in DEFINED.findall(text.text) if name in given.stubs), None)
        notes = (f"cell {number}: {left_out} is left out",) if left_out else ()
        yield Unit(text, number, tag, cell.kind, cell.source.strip() in given.sources, about, notes)
    elif cell.kind != "code" and (tag or text.defines & given.stubs.keys()):
        yield Unit(text, number, tag, cell.kind)


def _is_stub(unit: Unit, given: Given) -> bool:
    return any(unit.text.is_stub(stub) for stub in given.stubs.values())


def _choose(exercise: str, stub: str, units: list[Unit], checked: int) -> tuple[Unit | None, Found]:
    """The unit that answers an exercise: what its last check, in cell `checked`, has looked at; else the last of those that
    have the best claim."""
    stubs = [unit for unit in units if unit.text.is_stub(stub)]
    claims = [unit for unit in units if unit not in stubs]
    seen = [unit for unit in claims if unit.first <= checked and unit.tag in (None, exercise) and _is_new(unit, exercise)]
    if len(seen) > 1 and seen[-1].tag is None and any(unit.tag for unit in seen):
        return seen[-1], Found(None, (*seen[-1].notes, *_told(exercise, CHECKED, seen)))
    for says, has_claim in CLAIMS:
        if good := [unit for unit in claims if has_claim(unit, exercise)]:
            return good[-1], Found(None, (*good[-1].notes, *_told(exercise, says, good)))
    if empty := [unit for unit in claims if unit.tag == exercise]:
        return None, Found(None, () if stubs else (f"cell {empty[-1].first} holds no code",), "open")
    return (stubs[-1], Found(None, stage="open")) if stubs else (None, Found(None, stage="missing"))


def _told(exercise: str, says: str, good: list[Unit]) -> Iterator[str]:
    if says:
        yield says.format(number=good[-1].first, exercise=exercise)
    if len(good) > 1:
        cells = ", ".join(str(unit.first) for unit in good[-5:])
        yield f"{len(good)} cells answer {exercise} (cells {cells}): the last one counts"


def _is_own(unit: Unit, exercise: str) -> bool:
    return unit.tag == exercise and unit.kind == "code"


def _has_code(unit: Unit, exercise: str) -> bool:
    """Whether there is something to run, right or not; in a text cell, only the function's head tells."""
    return not unit.text.is_blank if unit.kind == "code" else exercise in DEFINED.findall(unit.text.text)


def _is_new(unit: Unit, exercise: str) -> bool:
    return unit.kind == "code" and not unit.given and exercise in unit.text.defines


CHECKED = "of the cells that define {exercise}, the last check looked at cell {number}"
CLAIMS: tuple[tuple[str, Callable[[Unit, str], bool]], ...] = (  # what is said of it, and who has it; the best first
    ("", lambda unit, exercise: _is_own(unit, exercise) and exercise in unit.text.defines),
    ("{exercise} was found by its name, in cell {number}", lambda unit, exercise: unit.tag is None and _is_new(unit, exercise)),
    (
        "cell {number} is no code cell any more: taken as one",
        lambda unit, exercise: unit.kind != "code" and exercise in unit.text.defines and unit.tag in (None, exercise),
    ),
    ("{exercise} was found in another exercise's cell, cell {number}", _is_new),
    (
        "cell {number} does not define {exercise}",
        lambda unit, exercise: unit.tag == exercise and _has_code(unit, exercise),
    ),
)
