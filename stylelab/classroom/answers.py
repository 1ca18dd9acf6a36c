"""Where a student's answers are in a notebook that may have been cut, copied, retyped and stripped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from stylelab.classroom.handed_out import Given
from stylelab.classroom.notebook import Cell, Found, Notebook, Script
from stylelab.classroom.syntax import Text, plain_python, without_checks

PIECES = 6  # that one cell may have been cut into


@dataclass(frozen=True)
class _Unit:
    """A piece of code that stands for itself: a cell, or the pieces that a cell was cut into.

    Attributes:
        text: plain Python.
        first: the cell's number as a reader counts, from 1.
        tag: the exercise that the cell is to answer, by its metadata.
        kind: as in `Cell`.
        given: whether it stands here as it was handed out.
        notes: what was repaired.
    """

    text: Text
    first: int
    tag: str | None
    kind: str
    given: bool = False
    notes: tuple[str, ...] = field(default=())


def find_answers(notebook: Notebook, given: Given) -> Script:
    """Find the answer to each exercise of a lesson, and make the notebook's code ready to be run.

    Args:
        given: what the lesson handed out.

    Returns:
        All code, and for each of the lesson's exercises where its answer is, or that there is none.
    """
    units = _joined([unit for cell in notebook.cells for unit in _unit(cell, given)])
    chosen = {exercise: _choose(exercise, stub, units) for exercise, stub in given.stubs.items()}
    stubs = [unit for unit in units if _any_stub(unit, given) and all(unit is not each for each, _ in chosen.values())]
    kept = [unit for unit in units if unit.kind == "code" and not any(unit is stub for stub in stubs)]
    kept = [unit for unit in units if any(unit is each for each in kept) or any(unit is each for each, _ in chosen.values())]
    places = {id(unit): place for place, unit in enumerate(kept)}
    answers = {
        exercise: replace(found, cell=places[id(unit)] if unit and found.stage is None else None)
        for exercise, (unit, found) in chosen.items()
    }
    return Script(tuple(unit.text.text for unit in kept), answers)


def _unit(cell: Cell, given: Given) -> Iterator[_Unit]:
    """The cell as a unit, unless nothing of it can matter."""
    tag = next((each for each in (cell.grade_id, cell.exercise) if each in given.stubs), None)
    as_given = cell.source.strip() in given.sources
    if cell.kind == "code":
        source, left_out = plain_python(cell.source)
        text = Text(without_checks(source))
        notes = (f"cell {cell.index + 1}: {left_out} is left out",) if left_out else ()
        if tag or not text.is_blank:
            yield _Unit(text, cell.index + 1, tag, cell.kind, as_given, notes)
    elif not as_given and cell.source.strip():
        text = Text(without_checks(plain_python(cell.source)[0]))
        if tag or text.defines & given.stubs.keys():
            yield _Unit(text, cell.index + 1, tag, cell.kind)


def _joined(units: list[_Unit]) -> list[_Unit]:
    """Put together what was cut: a piece that is no Python alone, and is Python with its neighbours."""
    done, start = [], 0
    while start < len(units):
        end = next(_ends(units, start), start + 1)
        done.append(_together(units[start:end]))
        start = end
    return done


def _ends(units: list[_Unit], start: int) -> Iterator[int]:
    """Where the pieces that begin at `start` may end."""
    for end in range(start + 2, min(start + PIECES, len(units)) + 1):
        pieces = units[start:end]
        if not _are_kin(pieces):
            return
        if not all(unit.text.parses for unit in pieces) and _glued(pieces).parses:
            yield end


def _are_kin(pieces: list[_Unit]) -> bool:
    """Whether they may be pieces of one cell: code, changed, and not of two different exercises."""
    tags = {unit.tag for unit in pieces} - {None}
    return len(tags) == 1 and all(unit.kind == "code" and not unit.given for unit in pieces)


def _glued(pieces: Iterable[_Unit]) -> Text:
    return Text("\n".join(unit.text.text for unit in pieces))


def _together(pieces: list[_Unit]) -> _Unit:
    if len(pieces) == 1:
        return pieces[0]
    numbers = f"{pieces[0].first} to {pieces[-1].first}"
    notes = (*(note for unit in pieces for note in unit.notes), f"cells {numbers} were one cell, cut in {len(pieces)}: joined")
    tag = next(unit.tag for unit in pieces if unit.tag)
    return replace(pieces[0], text=_glued(pieces), tag=tag, notes=notes)


def _choose(exercise: str, stub: str, units: list[_Unit]) -> tuple[_Unit | None, Found]:
    """The unit that answers an exercise; the last of those that have the best claim."""
    stubs = [unit for unit in units if unit.text.is_stub(stub)]
    claims = [unit for unit in units if not any(unit is each for each in stubs)]
    for says, has_claim in CLAIMS:
        if good := [unit for unit in claims if has_claim(unit, exercise)]:
            last = good[-1]
            return last, Found(None, (*last.notes, *_told(exercise, says, good)))
    if stubs or any(unit.tag == exercise for unit in units):
        unit = stubs[-1] if stubs else None
        return unit, Found(None, stage="open")
    return None, Found(None, stage="missing")


def _told(exercise: str, says: str, good: list[_Unit]) -> Iterator[str]:
    if says:
        yield says.format(number=good[-1].first, exercise=exercise)
    if len(good) > 1:
        cells = ", ".join(str(unit.first) for unit in good)
        yield f"there are {len(good)} cells with {exercise} ({cells}): the last one counts"


def _is_own(unit: _Unit, exercise: str) -> bool:
    return unit.tag == exercise and unit.kind == "code"


CLAIMS: tuple[tuple[str, Callable[[_Unit, str], bool]], ...] = (  # what is said of it, and who has it; the best first
    ("", lambda unit, exercise: _is_own(unit, exercise) and exercise in unit.text.defines),
    (
        "{exercise} was found by its name, in cell {number}",
        lambda unit, exercise: unit.kind == "code" and not unit.given and unit.tag is None and exercise in unit.text.defines,
    ),
    (
        "cell {number} is no code cell any more: taken as one",
        lambda unit, exercise: unit.kind != "code" and exercise in unit.text.defines and unit.tag in (None, exercise),
    ),
    (
        "{exercise} was found in another exercise's cell, cell {number}",
        lambda unit, exercise: unit.kind == "code" and not unit.given and exercise in unit.text.defines,
    ),
    (
        "cell {number} does not define {exercise}",
        lambda unit, exercise: _is_own(unit, exercise) and not unit.text.is_blank,
    ),
)


def _any_stub(unit: _Unit, given: Given) -> bool:
    return any(unit.text.is_stub(stub) for stub in given.stubs.values())
