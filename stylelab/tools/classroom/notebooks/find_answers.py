"""Find a student's answers in a notebook whose cells may have been moved, copied, retyped or stripped of metadata."""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from stylelab.tools.classroom.notebooks.lessons import Edition
from stylelab.tools.classroom.notebooks.read import Notebook
from stylelab.tools.classroom.notebooks.syntax import Code, checked_exercises, plain_python, without_checks

RETYPED = 100_000  # characters of text cells that are searched for code
DEFINED = re.compile(r"^(?:async[ \t]+)?def[ \t]+(\w+)", re.M)


@dataclass(frozen=True)
class Answer:
    """Where the answer to an exercise is.

    Attributes:
        cell: index into `Script.cells`; None if `stage` says why there is none.
        notes: what was repaired to find it, one sentence each.
        stage: None for an answer to be graded, 'open' for an untouched stub, 'missing' if the lesson's cell is gone.
        until: index of the last cell that has run when the notebook checks the answer, for the last time: its own or a later one.
    """

    cell: int | None
    notes: tuple[str, ...] = ()
    stage: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class Script:
    """The code of a notebook, ready to be sliced: without magics and without check cells.

    Attributes:
        cells: sources, in the notebook's order.
        answers: exercise id -> where its answer is, for every exercise of the lesson, in its order.
    """

    cells: tuple[str, ...]
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cell that may be part of the script.

    Attributes:
        code: plain Python.
        number: the cell's number as a reader counts, from 1.
        exercise: the exercise that the cell answers according to its metadata.
        kind: as in `Cell`.
        unchanged: whether the cell is one of the lesson's own.
        notes: what was repaired.
    """

    code: Code
    number: int
    exercise: str | None
    kind: str = "code"
    unchanged: bool = False
    notes: tuple[str, ...] = ()


def find_answers(notebook: Notebook, edition: Edition) -> Script:
    """Find the answer to each exercise of a lesson, and prepare the notebook's code to be run.

    Args:
        edition: the lesson as students receive it.

    Returns:
        All code, and for each of the lesson's exercises where its answer is, or that there is none.
    """
    candidates = list(_candidates(notebook, edition))
    last_check = {
        exercise: cell.index + 1 for cell in notebook.cells if cell.kind == "code" for exercise in checked_exercises(cell.source)
    }
    chosen = {
        exercise: _choose(exercise, stub, candidates, last_check.get(exercise, 0)) for exercise, stub in edition.stubs.items()
    }
    answering = {candidate for candidate, _ in chosen.values()}
    kept = [
        candidate
        for candidate in candidates
        if candidate in answering
        # a stub that was left next to the answer would redefine the answer's name
        or (candidate.kind == "code" and not any(candidate.code.is_stub(stub) for stub in edition.stubs.values()))
    ]
    answers = {}
    for exercise, (candidate, answer) in chosen.items():
        if candidate and not answer.stage:
            cell = kept.index(candidate)
            seen = sum(each.number <= last_check.get(exercise, 0) for each in kept)
            answer = replace(answer, cell=cell, until=max(cell, seen - 1))
        answers[exercise] = answer
    return Script(tuple(candidate.code.text for candidate in kept), answers)


def _candidates(notebook: Notebook, edition: Edition) -> Iterator[Candidate]:
    """Code cells, and text cells that may have been code: not the lesson's own text, and not very long text.

    A cell with neither code nor an exercise is left out.
    """
    left = RETYPED
    for cell in notebook.cells:
        if cell.kind != "code":
            tagged = {cell.grade_id, cell.exercise} & edition.stubs.keys()
            if not tagged and not set(DEFINED.findall(cell.source)) & edition.stubs.keys():
                continue
            left -= len(cell.source)
            if left <= 0 or cell.source.strip() in edition.sources:
                continue
        exercise = next((tag for tag in (cell.grade_id, cell.exercise) if tag in edition.stubs), None)
        number = cell.index + 1
        source, left_out = plain_python(cell.source)
        code = Code(without_checks(source))
        if cell.kind == "code" and (exercise or not code.is_blank):
            notes = (f"cell {number}: {left_out} is left out",) if left_out else ()
            yield Candidate(_dedent(code), number, exercise, cell.kind, cell.source.strip() in edition.sources, notes)
        elif cell.kind != "code" and (exercise or code.defines & edition.stubs.keys()):
            yield Candidate(_dedent(code), number, exercise, cell.kind)


def _dedent(code: Code) -> Code:
    """Code that is indented as a whole, the way Jupyter runs it."""
    if not code.text[:1].isspace() or code.parses:
        return code
    dedented = Code(textwrap.dedent(code.text))
    return dedented if dedented.parses else code


def _choose(exercise: str, stub: str, candidates: list[Candidate], last_check: int) -> tuple[Candidate | None, Answer]:
    """The candidate that answers an exercise: the one that its last check, in cell `last_check`, has seen; otherwise the
    last of those with the strongest claim."""
    stubs = [candidate for candidate in candidates if candidate.code.is_stub(stub)]
    others = [candidate for candidate in candidates if candidate not in stubs]
    seen = [
        candidate
        for candidate in others
        if candidate.number <= last_check and candidate.exercise in (None, exercise) and _defines_anew(candidate, exercise)
    ]
    claims = CLAIMS
    if len(seen) > 1 and seen[-1].exercise is None and any(candidate.exercise for candidate in seen):
        claims = ((CHECKED, lambda candidate, exercise: candidate in seen),)
    for note, has_claim in claims:
        if claiming := [candidate for candidate in others if has_claim(candidate, exercise)]:
            best = claiming[-1]
            notes = [note.format(number=best.number, exercise=exercise)] if note else []
            if len(claiming) > 1:
                cells = ", ".join(str(candidate.number) for candidate in claiming[-5:])
                notes.append(f"{len(claiming)} cells answer {exercise} (cells {cells}): the last one counts")
            return best, Answer(None, (*best.notes, *notes))
    if empty := [candidate for candidate in others if candidate.exercise == exercise]:
        return None, Answer(None, () if stubs else (f"cell {empty[-1].number} holds no code",), "open")
    return (stubs[-1], Answer(None, stage="open")) if stubs else (None, Answer(None, stage="missing"))


def _defines_anew(candidate: Candidate, exercise: str) -> bool:
    return candidate.kind == "code" and not candidate.unchanged and exercise in candidate.code.defines


Claim = tuple[str, Callable[[Candidate, str], bool]]  # the note for the report, and which candidates have this claim
CHECKED = "of the cells that define {exercise}, the last check looked at cell {number}"
CLAIMS: tuple[Claim, ...] = (  # strongest first
    ("", lambda cell, exercise: cell.exercise == exercise and cell.kind == "code" and exercise in cell.code.defines),
    (
        "{exercise} was found by its name, in cell {number}",
        lambda cell, exercise: cell.exercise is None and _defines_anew(cell, exercise),
    ),
    (
        "cell {number} is no longer a code cell: treated as one",
        lambda cell, exercise: cell.kind != "code" and exercise in cell.code.defines and cell.exercise in (None, exercise),
    ),
    ("{exercise} was found in another exercise's cell, cell {number}", _defines_anew),
    (  # something to run, right or not; in a text cell, only a function's first line counts
        "cell {number} does not define {exercise}",
        lambda cell, exercise: (
            cell.exercise == exercise
            and (not cell.code.is_blank if cell.kind == "code" else exercise in DEFINED.findall(cell.code.text))
        ),
    ),
)
