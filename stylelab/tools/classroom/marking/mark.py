"""Mark one submission: its answers run in the sandbox on inputs drawn from a secret seed, and are judged here.

What comes back from the sandbox is only a claim. It earns points if the arrays are right for inputs that did not exist
before the answer was loaded; whatever else the answer says about itself earns nothing.
"""

import ast
import builtins
import hashlib
import hmac
import math
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, MachineError
from stylelab.exercises import Answer as Outputs
from stylelab.exercises import Exercise, find_exercise
from stylelab.exercises.checking.call import ADVICE, Reply, interview
from stylelab.exercises.checking.definition import MOST, Case, double
from stylelab.exercises.checking.reach import OUT_OF_REACH
from stylelab.exercises.checking.serialise import pack, unpack, unpack_reply
from stylelab.exercises.checking.verdict import Verdict, judge_draws
from stylelab.exercises.common import evaluated
from stylelab.tools.classroom.marking.model import NOT_GRADED, RIGHT, Claims, ExerciseMark, Line, Mark, Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.notebooks.find_answers import Answer, Script, find_answers
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.lessons import all_editions, find_edition
from stylelab.tools.classroom.notebooks.read import Notebook, read_notebook
from stylelab.tools.classroom.sandbox.inside.wire import WireError
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, Conversation, Limits, Sandbox, SandboxLost, Starved, explain_ending

DRAWS = 2  # sets of inputs: an answer that only fits one shape is not right
LONGEST = 400  # characters of a sentence that a student's process may add to a report
LONGEST_FORM = 20_000
LONGEST_EXAMPLE = 1_500
ERRORS = {"InvalidArgumentError", "UnimplementedError", "OperatorNotAllowedInGraphError", "OutOfReach"} | {
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
}
WITHHELD = "Its message is not shown, because a model answer replaces an earlier answer here: the check in the notebook shows it."
MOST_ASKED, QUESTION = 30_000_000, 3_000  # numbers of which a loss is taken, in one set of inputs; a question counts as some
REASONS = {  # for answers that could not be judged
    "time": "It did not finish within {seconds:g} seconds.",
    "lost": "Its process ended before it had answered.",
    "forged": "What came back is not an answer to the question.",
    "missing": "The notebook has no cell with this answer.",
    "open": "There is no answer in the cell yet.",
    "starved": "The machine was too busy or had too little memory to run it.",
}


@dataclass
class Sandboxes:
    """Warm sandboxes, one for each framework, started when first needed; a context manager."""

    kind: str = BWRAP
    running: dict[str, Sandbox] = field(default_factory=dict)

    def get(self, framework: str) -> Sandbox:
        """The sandbox for a framework.

        Raises:
            MachineError: it cannot be started.
        """
        if framework not in self.running:
            self.running[framework] = Sandbox(framework, self.kind)
        return self.running[framework]

    def drop(self, framework: str) -> None:
        """Close a sandbox; the next `get` starts a new one."""
        if framework in self.running:
            self.running.pop(framework).close()

    def __enter__(self) -> "Sandboxes":
        return self

    def __exit__(self, *_) -> None:
        for framework in list(self.running):
            self.drop(framework)


def mark(submission: Submission, sandboxes: Sandboxes, seed: str, limits: Limits | None = None) -> Mark:
    """Mark a submission. The same file and the same seed give the same marks.

    Args:
        seed: hexadecimal digits, a secret.
        limits: for each answer; ten seconds by default.

    Raises:
        MachineError: the sandbox cannot be started. Nothing that a student submits raises anything.
    """
    began = time.perf_counter()
    try:
        data = b"" if submission.trouble else submission.read()
    except InputError as error:
        return unmarkable(submission, str(error))
    except MachineError as error:
        return not_graded(submission, str(error))
    if submission.trouble:
        return unmarkable(submission, submission.trouble, data)
    notebook = read_notebook(data)
    lesson, framework = identify(notebook, submission.name)
    if notebook.trouble or not lesson or not framework:
        return unmarkable(submission, notebook.trouble or "it does not match any lesson of this course", data)
    digest = hashlib.sha256(data).hexdigest()
    script = find_answers(notebook, find_edition(lesson, framework))
    marker = _Marker(script, framework, sandboxes, limits or Limits(), bytes.fromhex(seed), digest, notebook.claims)
    exercises = tuple(marker.mark(name, answer) for name, answer in script.answers.items())
    notes = (*submission.notes, *notebook.notes)
    seconds = time.perf_counter() - began
    found = Mark(submission.student, submission.name, lesson, framework, digest, exercises, submission.when, seconds, notes)
    return replace(found, solutions=notebook.solutions)


def unmarkable(submission: Submission, trouble: str, data: bytes = b"") -> Mark:
    """The mark of a submission that cannot be graded, with the reason among its notes."""
    digest = hashlib.sha256(data).hexdigest() if data else ""
    notes = (*submission.notes, f"cannot be graded: {trouble}")
    return Mark(submission.student, submission.name, "", "", digest, (), submission.when, 0.0, notes)


def not_graded(submission: Submission, why: str) -> Mark:
    """The mark of a submission that was not graded, for a reason that is not the student's. It may be what crashed a worker,
    so it is not opened: its name says which points are not graded."""
    lesson, framework = identify(Notebook(), submission.name)
    names = next((edition.exercises for (name, _), edition in all_editions().items() if name == lesson), ())
    exercises = tuple(_mark_without_verdict(find_exercise(name), Answer(None), "not graded", why) for name in names)
    return Mark(
        submission.student, submission.name, lesson, framework, "", exercises, submission.when, 0.0, submission.notes, why
    )


@dataclass
class _Marker:
    """Marks the exercises of one submission in order: a later answer may call an earlier one."""

    script: Script
    framework: str
    sandboxes: Sandboxes
    limits: Limits
    secret: bytes
    digest: str
    claims: Mapping[str, Claims] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)  # the library's answers, which replace those that are not right
    seconds: float = 0.0  # after an answer that runs out of time, those after it have half

    def __post_init__(self):
        self.seconds = self.limits.seconds

    def mark(self, name: str, answer: Answer) -> ExerciseMark:
        exercise = find_exercise(name)
        claims = self.claims.get(name, Claims())
        if answer.stage:
            result = _mark_without_verdict(exercise, answer, answer.stage, REASONS[answer.stage])
        else:
            self.sandboxes.get(self.framework)  # its start does not count as the answer's time
            began = time.perf_counter()
            for _ in range(2):  # the first failure may have had another cause than this answer
                try:
                    result = self._run(exercise, answer)
                    break
                except SandboxLost:
                    self.sandboxes.drop(self.framework)
            else:
                result = _mark_without_verdict(exercise, answer, "not graded", "Its sandbox crashed twice.")
            if result.stage == "time":
                self.seconds = self.limits.seconds / 2
            if result.stage == "starved":  # whatever slows the warm process down should not meet the next answer
                self.sandboxes.drop(self.framework)
            result = replace(result, seconds=round(time.perf_counter() - began, 3))
        if result.stage != RIGHT:
            with suppress(LookupError):  # a course of one's own may have no model answer
                self.given[name] = library_source(self.framework, name)
        return replace(result, claims=claims)

    def _run(self, exercise: Exercise, answer: Answer) -> ExerciseMark:
        """Load the answer, then draw inputs, then ask for outputs: in this order.

        Raises:
            SandboxLost: the sandbox crashed.
        """
        task: dict[str, Any] = {"id": exercise.id, "title": exercise.title, "arguments": dict(exercise.arguments)}
        task |= {
            "result": exercise.result,
            "differentiable": exercise.differentiable,
            "advice": dict(exercise.advice),
        }  # the sandbox may know no more
        job = {"exercise": task, "cells": self.script.cells, "answer": answer.cell, "until": answer.until, "given": self.given}
        stage = reason = form = ""
        verdict = None
        kills = _count_kills_for_memory()
        conversation = self.sandboxes.get(self.framework).open(job, seconds=self.seconds)
        with conversation:
            try:
                first, loaded = conversation.begin()
                if isinstance(first.get("form"), str):  # sent before anything of the answer has run
                    form = first["form"].encode(errors="replace").decode()[:LONGEST_FORM]
                if loaded.get("loaded") is True:
                    draws = self._draw_and_ask(exercise, conversation)
                    conversation.finish()
                    verdict = judge_draws(exercise, draws)
                    verdict = _add_cause(verdict, self._clean(exercise, loaded.get("trouble")))
                else:
                    reason = self._clean(exercise, loaded.get("trouble"))
                    stage = "load" if reason else "open"
            except SandboxLost:
                raise
            except Starved:
                stage = "starved"
            except TimeoutError:
                stage = "time"
            except (EOFError, OSError):
                stage = "starved" if _count_kills_for_memory() > kills else "lost"
            except WireError:
                stage = "forged"
            except Exception as error:  # noqa: BLE001  a fault of ours costs no points, and does not end the batch
                stage, reason = "not graded", _describe_fault(error)
        if verdict:
            lines = tuple(
                Line(part.name, part.points, 0 if part.wrong else part.points, part.wrong and printable(part.wrong, LONGEST))
                for part in verdict.parts
            )
            is_open = verdict.stage == "open"
            reason, form = (REASONS["open"], "") if is_open else (printable(verdict.sentence, LONGEST), form)
            faults = [verdict.sentence, *(part.wrong or "" for part in verdict.parts)]
            mistake = next((hint for hint in exercise.mistakes if any(hint in fault for fault in faults)), "")
            source = "" if is_open else _example(self.script.cells[answer.cell or 0], exercise.id)
            return ExerciseMark(
                exercise.id,
                exercise.title,
                verdict.stage,
                reason,
                lines,
                notes=answer.notes,
                form=form,
                mistake=mistake,
                source=source,
            )
        if stage not in ("load", "open", *NOT_GRADED):
            ending, how = explain_ending(conversation.status)
            stage, reason = ending or stage, how or reason
        return _mark_without_verdict(exercise, answer, stage, reason or REASONS[stage].format(seconds=self.seconds), form)

    def _draw_and_ask(self, exercise: Exercise, conversation: Conversation) -> list[tuple[Mapping[str, Case], Outputs]]:
        """Sets of secret inputs with the answer's outputs."""
        draws: list[tuple[Mapping[str, Case], Outputs]] = []
        for number in range(DRAWS):  # the file is part of the seed: leaked inputs do not fit another file
            message = f"{self.digest}/{exercise.id}/{number}".encode()
            seed = int.from_bytes(hmac.digest(self.secret, message, "sha256")[:16], "big")
            cases = exercise.inputs(seed)
            draws.append((cases, interview(exercise, _Remote(exercise, conversation, self._clean), cases, seed + 1)))
        return draws

    def _clean(self, exercise: Exercise, sentence: object) -> str:
        """A sentence from the sandbox. Once the library's function has replaced an earlier answer, an error's own words are left out: they could contain its code."""
        text = printable(sentence, LONGEST) if isinstance(sentence, str) else ""
        if not text or not self.given.keys() - {exercise.id}:
            return text
        if " stops " not in text:
            returned = re.search(r"\breturns (?:an? )?(\w+)\b", text)
            what = returned[0] if returned and returned[1] in {"NumPy", *dir(builtins)} else "returns something"
            return f"It {what}, which is not what is expected. {WITHHELD}"
        place = re.match(r"(?:No gradient can be taken through it\. )?(?:Line \d{1,5}|It|The cell|Another cell)\b", text)
        kind = next((kind for kind in re.findall(r"with (\w+)", text)[:1] if kind in ERRORS), "an error")
        known = next(
            (advice for advice in (*exercise.advice.values(), *ADVICE.values(), f"{OUT_OF_REACH}.") if text.endswith(advice)),
            WITHHELD,
        )
        return f"{place[0] if place else 'It'} stops with {kind}. {known}"


class _Remote:
    """Stands for a `Respondent` in the sandbox: one anonymous call at a time, and the loss stays here."""

    def __init__(self, exercise: Exercise, conversation: Conversation, clean: Callable[[Exercise, object], str]):
        self._exercise, self._conversation, self._clean = exercise, conversation, clean
        self._loss_name = next((name for name, kind in exercise.arguments.items() if kind == "loss"), None)
        self._loss: np.ndarray | None = None
        self._asked = 0

    def call(self, case: Case) -> Reply:
        return self._put("call", case=self._bare(case))

    def again(self, fed_back: str | None = None) -> Reply:
        return self._put("again", fed_back=fed_back)

    def record(self, case: Case, names: Sequence[str]) -> Reply:
        return self._put("record", case=self._bare(case), names=names)

    def pull(self, weights: np.ndarray) -> Reply:
        return self._put("pull", weights=weights)

    def _bare(self, case: Case) -> Case:
        """The case with no more of its loss than whether it uses its target."""
        if self._loss_name is None:
            return case
        self._loss = case[self._loss_name]
        return case | {self._loss_name: len(self._loss) > 3}

    def _put(self, what: str, **arguments: Any) -> Reply:
        message: dict[str, Any] = {what: arguments}
        while True:
            packed, rest = pack(message)
            plain, arrays = self._conversation.ask(rest, packed)
            if not (isinstance(plain, dict) and isinstance(inner := plain.get("dict"), dict) and inner.keys() == {"images"}):
                break
            message = self._evaluate(arrays, inner["images"])
            if self._asked > MOST_ASKED:
                raise TimeoutError
        try:
            reply = unpack_reply(arrays, plain)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a reply is the answer's own doing
            raise WireError(str(error)) from None
        return replace(reply, trouble=reply.trouble and (reply.trouble[0], self._clean(self._exercise, reply.trouble[1])))

    def _evaluate(self, arrays: Mapping[str, np.ndarray], plain: object) -> dict[str, Any]:
        """The loss of the present case and its gradients at these images; or why there are none."""
        try:
            images = [np.asarray(each, dtype=float) for each in unpack(arrays, plain)]
            image, target = (*images, None)[:2]
            if self._loss is None or len(images) > 2 or max(map(np.size, images)) > MOST:
                raise ValueError("too large, or no loss")
        except Exception:  # noqa: BLE001  as above
            raise WireError("not a question about a loss") from None
        self._asked += max(QUESTION, sum(map(np.size, arrays.values())))
        try:
            size = 3 * math.prod(np.broadcast_shapes(*(each.shape[:-1] for each in images)))
            if size > MOST:
                raise ValueError("too large")
            self._asked += size
            with np.errstate(all="ignore"):
                return {"slopes": evaluated(image, target, double(self._loss))}
        except (ValueError, TypeError, IndexError, AttributeError):
            shapes = " and ".join(str(np.shape(each)) for each in images)
            return {"trouble": f"the loss takes images of one shape, and not {shapes} (channels last)"}


def _add_cause(verdict: Verdict, trouble: str) -> Verdict:
    """If a name is missing in the answer because the statement that binds it failed, report that failure too."""
    if not trouble or "NameError" not in verdict.sentence:
        return verdict
    if "No module named" in trouble:
        trouble += " The grader has only this notebook and what the lessons import: write the function yourself, in a cell."
    return replace(verdict, sentence=f"{verdict.sentence} Before that: {trouble}")


def _count_kills_for_memory() -> int:
    """How many processes the kernel has ended because the machine had no memory left; 0 where it does not count them."""
    with suppress(OSError), open("/proc/vmstat") as counters:
        return next((int(line.split()[1]) for line in counters if line.startswith("oom_kill ")), 0)
    return 0


def _example(cell: str, exercise: str) -> str:
    """The function of an answer's cell without what may name its author: comments, docstrings, and everything around it."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(cell)):
            if isinstance(node, ast.FunctionDef) and node.name == exercise:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
                        inner.body = inner.body[1:] or [ast.Pass()]
                return text if len(text := ast.unparse(node)) <= LONGEST_EXAMPLE else ""
    return ""


def _describe_fault(error: Exception) -> str:
    """A sentence for the instructor about an error in the grader itself."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
    return f"The grader has a fault: {type(error).__name__}: {error_text(error)} ({where}). Please report it."


def _mark_without_verdict(exercise: Exercise, answer: Answer, stage: str, reason: str, form: str = "") -> ExerciseMark:
    points = [("value", exercise.value_points), *((each.name, each.points) for each in exercise.properties)]
    points += [("gradient", 1)] if exercise.differentiable else []
    lines = tuple(Line(name, available, 0, reason) for name, available in points)
    return ExerciseMark(exercise.id, exercise.title, stage, reason, lines, notes=answer.notes, form=form)
