"""The verdict on one submission: its answers run in the sandbox on inputs drawn from a secret, and are judged here.

What comes back from the sandbox is a claim. It earns points when the arrays are right for inputs that did not exist before
the answer was loaded; whatever else it says of itself earns nothing.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from stylelab.base.files import printable
from stylelab.errors import StylelabError
from stylelab.exercises import Answer, Exercise, find_exercise
from stylelab.exercises.checking.definition import Case
from stylelab.exercises.checking.serialise import pack, unpack_answer
from stylelab.exercises.checking.verdict import Verdict, judge_draws
from stylelab.tools.classroom.marking.model import RIGHT, ExerciseMark, Line, Mark, Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.notebooks.find_answers import find_answers
from stylelab.tools.classroom.notebooks.identify import find_edition
from stylelab.tools.classroom.notebooks.read import Found, Script, read_notebook
from stylelab.tools.classroom.notebooks.stubs import find_given
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, FAREWELL, Limits, Lost, Sandbox

DRAWS = 2  # sets of inputs: what fits one shape alone is no answer
LONGEST = 400  # characters of a sentence that a student's process may add to a report
LONGEST_FORM = 20_000
SAID = {  # what is told of an answer that came to no verdict
    "time": "It did not finish within {seconds:g} seconds.",
    "memory": "It used more memory or started more processes than an answer may.",
    "lost": "Its process ended before it had answered.",
    "forged": "What came back is not an answer to what was asked.",
    "missing": "There is no cell with this answer in the notebook.",
    "open": "There is no answer in the cell yet.",
}


@dataclass
class Boxes:
    """Warm processes, one for each framework, started when they are first needed; a context manager."""

    kind: str = BWRAP
    open_: dict[str, Sandbox] = field(default_factory=dict)

    def of(self, framework: str) -> Sandbox:
        """The sandbox of a framework.

        Raises:
            MachineError: it cannot be had.
        """
        if framework not in self.open_:
            self.open_[framework] = Sandbox(framework, self.kind)
        return self.open_[framework]

    def drop(self, framework: str) -> None:
        """Forget one that is gone."""
        if framework in self.open_:
            self.open_.pop(framework).close()

    def __enter__(self) -> "Boxes":
        return self

    def __exit__(self, *_) -> None:
        for framework in list(self.open_):
            self.drop(framework)


def mark(submission: Submission, boxes: Boxes, seed: str, limits: Limits | None = None) -> Mark:
    """What a submission is worth. The same file and the same seed give the same marks.

    Args:
        seed: hexadecimal digits, a secret.
        limits: of each answer; ten seconds by default.

    Raises:
        MachineError: there is no sandbox. Nothing that a student hands in raises anything.
    """
    began = time.perf_counter()
    try:
        data = b"" if submission.trouble else submission.read()
    except StylelabError as error:
        return unmarkable(submission, str(error))
    if submission.trouble:
        return unmarkable(submission, submission.trouble, data)
    notebook = read_notebook(data)
    lesson, framework = find_edition(notebook, submission.name)
    if notebook.trouble or not lesson or not framework:
        return unmarkable(submission, notebook.trouble or "no lesson of this course can be recognised in it", data)
    digest = hashlib.sha256(data).hexdigest()
    script = find_answers(notebook, find_given(lesson, framework))
    marks = _Marking(script, framework, boxes, limits or Limits(), bytes.fromhex(seed), digest).all()
    notes = (*submission.notes, *notebook.notes)
    seconds = time.perf_counter() - began
    return Mark(submission.student, submission.name, lesson, framework, digest, marks, submission.when, seconds, notes)


def unmarkable(submission: Submission, trouble: str, data: bytes = b"") -> Mark:
    """The mark of a submission that cannot be graded, with the reason among its notes."""
    digest = hashlib.sha256(data).hexdigest() if data else ""
    notes = (*submission.notes, f"cannot be graded: {trouble}")
    return Mark(submission.student, submission.name, "", "", digest, (), submission.when, 0.0, notes)


class _Marking:
    """One submission's exercises, one after the other: a later answer may rest on an earlier one."""

    def __init__(self, script: Script, framework: str, boxes: Boxes, limits: Limits, secret: bytes, digest: str):
        self.script, self.framework, self.boxes, self.limits = script, framework, boxes, limits
        self.secret, self.digest = secret, digest
        self.given: dict[str, str] = {}  # as in the lesson: where an answer is not right, it goes on with the library's

    def all(self) -> tuple[ExerciseMark, ...]:
        marks = []
        for name, found in self.script.answers.items():
            marks.append(self._one(find_exercise(name), found))
            if marks[-1].stage != RIGHT:
                self.given[name] = library_source(self.framework, name)
        return tuple(marks)

    def _one(self, exercise: Exercise, found: Found) -> ExerciseMark:
        if found.stage:
            return _stopped(exercise, found.stage, SAID[found.stage], notes=found.notes)
        self.boxes.of(self.framework)  # its imports are not the answer's
        began = time.perf_counter()
        try:
            made = self._asked(exercise, found)
        except Lost:
            self.boxes.drop(self.framework)
            try:  # once more, in a fresh sandbox: it may have been somebody else's doing
                made = self._asked(exercise, found)
            except Lost:
                self.boxes.drop(self.framework)
                made = _stopped(exercise, "lost", "It brought the sandbox down, twice.", notes=found.notes)
        return _timed(made, time.perf_counter() - began)

    def _asked(self, exercise: Exercise, found: Found) -> ExerciseMark:
        """Load the answer, then draw inputs, then ask: in this order.

        Raises:
            Lost: the sandbox went down.
        """
        job = {"exercise": _bare(exercise), "cells": self.script.cells, "answer": found.cell, "given": self.given}
        stage = form = verdict = None
        talk = self.boxes.of(self.framework).open(job, seconds=self.limits.seconds)
        with talk:
            try:
                first, loaded = talk.begin()
                form = _form(first.get("form"))
                if loaded.get("loaded") is not True:
                    verdict = _unloaded(loaded)
                else:
                    verdict = _with_cause(judge_draws(exercise, self._draws(exercise, talk)), loaded)
            except TimeoutError:
                stage = "time"
            except (EOFError, OSError):
                stage = "lost"
            except Exception:  # noqa: BLE001  whatever a hostile answer provokes ends with it, not with the batch
                stage = "forged"
        if isinstance(verdict, Verdict):
            return _judged(exercise, verdict, found.notes, form or "")
        stage, said = verdict or (FAREWELL.get(talk.status, stage), "")
        return _stopped(
            exercise, stage, said or SAID[stage].format(seconds=self.limits.seconds), notes=found.notes, form=form or ""
        )

    def _draws(self, exercise: Exercise, talk) -> list[tuple]:
        """Sets of secret inputs, each with what the answer gave for it. The first is asked twice: noise differs."""
        made = [exercise.inputs(self._seed(exercise, number)) for number in range(DRAWS)]
        answers = [_answer(talk, cases) for cases in made]
        if not _agree(exercise, answers[0], _answer(talk, made[0])):
            answers[0] = replace(answers[0], drifts=True)
        return list(zip(made, answers, strict=True))

    def _seed(self, exercise: Exercise, number: int) -> int:
        """From the secret and the file: another file gets other inputs, so that none that leaked is of any use."""
        message = f"{self.digest}/{exercise.id}/{number}".encode()
        return int.from_bytes(hmac.digest(self.secret, message, "sha256")[:16], "big")


def _answer(talk, cases: Mapping[str, Case]) -> Answer:
    arrays, plain = pack(cases)
    said, taken = talk.ask(plain, arrays)
    return unpack_answer(taken, said)


def _agree(exercise: Exercise, one: Answer, other: Answer) -> bool:
    """Whether two answers to the same question have the same outputs."""
    pairs = [(one.outputs[name], other.outputs.get(name)) for name in one.outputs]
    with np.errstate(all="ignore"):
        return all(
            again is not None and first.shape == again.shape and (first.dtype.kind == "U" or exercise.close(again, first))
            for first, again in pairs
        )


def _bare(exercise: Exercise) -> dict:
    """What the sandbox may know of an exercise."""
    return {
        "id": exercise.id, "title": exercise.title, "arguments": dict(exercise.arguments), "result": exercise.result,
        "differentiable": exercise.differentiable,
    }  # fmt: skip


def _unloaded(loaded: Mapping) -> tuple[str, str]:
    trouble = _words(loaded.get("trouble"), LONGEST)
    return ("load", trouble) if trouble else ("open", SAID["open"])


def _with_cause(verdict: Verdict, loaded: Mapping) -> Verdict:
    """A name is missing in the answer since the statement that was to give it has failed: that is told too."""
    trouble = _words(loaded.get("trouble"), LONGEST)
    if not trouble or "NameError" not in verdict.sentence:
        return verdict
    if "No module named" in trouble:
        trouble += " The grader has what the lessons import, and the notebook alone: write it yourself, in a cell."
    return replace(verdict, sentence=f"{verdict.sentence} Before that: {trouble}")


def _words(value: object, longest: int) -> str:
    return printable(value, longest) if isinstance(value, str) else ""


def _form(value: object) -> str:
    """The answer up to names and layout, as the child wrote it down before it ran anything."""
    return value.encode(errors="replace").decode()[:LONGEST_FORM] if isinstance(value, str) else ""


def _stopped(exercise: Exercise, stage: str, reason: str, *, notes: tuple[str, ...] = (), form: str = "") -> ExerciseMark:
    names = [("value", exercise.value_points), *((each.name, each.points) for each in exercise.properties)]
    names += [("gradient", 1)] if exercise.differentiable else []
    lines = tuple(Line(name, points, 0, reason) for name, points in names)
    return ExerciseMark(exercise.id, exercise.title, stage, reason, lines, notes=notes, form=form)


def _judged(exercise: Exercise, verdict: Verdict, notes: tuple[str, ...], form: str) -> ExerciseMark:
    lines = tuple(
        Line(part.name, part.points, 0 if part.wrong else part.points, part.wrong and printable(part.wrong, LONGEST))
        for part in verdict.parts
    )
    reason = SAID["open"] if verdict.stage == "open" else printable(verdict.sentence, LONGEST)
    return ExerciseMark(
        exercise.id, exercise.title, verdict.stage, reason, lines, notes=notes, form="" if verdict.stage == "open" else form
    )


def _timed(made: ExerciseMark, seconds: float) -> ExerciseMark:
    return replace(made, seconds=round(seconds, 3))
