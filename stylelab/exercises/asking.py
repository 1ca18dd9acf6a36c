"""Call a student's function on an exercise's inputs and write down all that happened. Nothing is judged here.

What differs between the frameworks is behind `Lab`, of which each framework folder has one in `check.py`.
"""

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from stylelab.exercises.definition import Case, Exercise, Outputs


class Lab(Protocol):
    """What is asked of a framework: tensors from arrays and back, and gradients. Arrays are channels last."""

    name: str

    def give(self, kind: str, value) -> object:
        """An argument of that kind, in the framework's own layout; it shares no memory with `value`."""

    def take(self, kind: str, tensor) -> np.ndarray:
        """A tensor of that kind as a channels-last array."""

    def is_tensor(self, value) -> bool: ...

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> "dict[str, object]":
        """d sum(function(**given)) / d each of `names`; None where no gradient arrives."""

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        """Whether a right answer can be used inside `optimise`."""


@dataclass
class Answer:
    """What a function gave.

    Attributes:
        outputs: case -> array, channels last.
        shapes: case -> the shape in the framework's own layout.
        trouble: (stage, sentence) when there is no output to judge; stages are 'open', 'error' and 'type'.
        changed: names of the arguments that the function changed in place.
        gradients: argument -> gradient of the first case's summed output, or None; empty when not asked for.
    """

    outputs: Outputs = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    trouble: tuple[str, str] | None = None
    changed: tuple[str, ...] = ()
    gradients: dict[str, np.ndarray | None] = field(default_factory=dict)


def ask(exercise: Exercise, function: Callable, lab: Lab, cases: Mapping[str, Case]) -> Answer:
    """The function's outputs for all cases, or the first trouble."""
    answer = Answer(trouble=_trouble_with(exercise, function))
    for name, case in cases.items():
        if answer.trouble:
            return answer
        given = give(exercise, lab, case)
        output, answer.trouble = _call(function, given)
        answer.trouble = answer.trouble or _wrong_type(exercise, lab, output)
        if not answer.trouble:
            answer.outputs[name] = _take(exercise, lab, output)
            answer.shapes[name] = tuple(np.shape(output))
        answer.changed += tuple(_changed(exercise, lab, case, given))
    if exercise.differentiable and not answer.trouble and not answer.changed:
        _ask_gradients(exercise, function, lab, next(iter(cases.values())), answer)
    return answer


def _trouble_with(exercise: Exercise, function) -> tuple[str, str] | None:
    if function is ... or function is None:
        return "open", ""
    if not callable(function):
        return "type", f"That is a {type(function).__name__}, not a function: give `{exercise.id}` itself, without calling it."
    try:
        inspect.signature(function).bind(*exercise.arguments)
    except TypeError:
        return "type", f"It must take these arguments, in this order: {exercise.call}."
    except ValueError:  # something built in, which has no signature to read
        pass
    return None


def give(exercise: Exercise, lab: Lab, case: Case) -> dict[str, object]:
    return {
        name: float(case[name]) if kind == "number" else lab.give(kind, np.array(case[name]))
        for name, kind in exercise.arguments.items()
    }


def _call(function: Callable, given: Mapping[str, object]) -> tuple[object, tuple[str, str] | None]:
    try:
        output = function(*given.values())
    except NotImplementedError:
        return None, ("open", "")
    except (Exception, SystemExit) as error:  # whatever a student's code may raise becomes a sentence
        return None, ("error", _told(error, function))
    if output is ... or (output is None and _is_empty(function)):
        return None, ("open", "")
    return output, None


def _is_empty(function: Callable) -> bool:
    """Whether the body is only a docstring, `pass` or `...`."""
    code = getattr(function, "__code__", None)
    return code is not None and len(code.co_code) <= len((lambda: None).__code__.co_code)


def _told(error: BaseException, function: Callable) -> str:
    """The error in a sentence, with the line of the student's own cell."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    words = " ".join(str(error).split())
    short = words if len(words) <= 160 else f"{words[:157]}..."
    where = f"Line {lines[-1]} stops" if lines else "It stops"
    return f"{where} with {type(error).__name__}{f': {short}' if short else ''}".rstrip(".") + "."


def _wrong_type(exercise: Exercise, lab: Lab, output) -> tuple[str, str] | None:
    plain = isinstance(output, (int, float, np.ndarray, np.generic)) and not isinstance(output, bool)
    if lab.is_tensor(output) or (exercise.result == "number" and plain and np.size(output) == 1):
        return None
    if output is None:
        return "type", "It returns None: end it with `return` and the result."
    if isinstance(output, (np.ndarray, np.generic)):
        return "type", f"It returns NumPy where a {lab.name} tensor is asked for: no gradient can pass through NumPy."
    if isinstance(output, (int, float)) and exercise.result == "scalar":
        return (
            "type",
            f"It returns a Python number where a {lab.name} tensor is asked for: without item() or float(), gradients pass.",
        )
    wanted = "one number" if exercise.result == "number" else "one tensor"
    return "type", f"It returns a {type(output).__name__} where {wanted} is asked for."


def _take(exercise: Exercise, lab: Lab, output) -> np.ndarray:
    return lab.take(exercise.result, output) if lab.is_tensor(output) else np.asarray(output, dtype=float)


def _changed(exercise: Exercise, lab: Lab, case: Case, given: Mapping[str, object]):
    for name, kind in exercise.arguments.items():
        if kind in ("activation", "picture", "matrix", "scalar"):
            now = lab.take(kind, given[name])
            if now.shape != np.shape(case[name]) or not np.array_equal(now, case[name]):
                yield name


def _ask_gradients(exercise: Exercise, function: Callable, lab: Lab, case: Case, answer: Answer) -> None:
    names = tuple(name for name, kind in exercise.arguments.items() if kind not in ("number", "loss"))
    try:
        gradients = lab.gradients(function, give(exercise, lab, case), names)
    except (Exception, SystemExit) as error:
        answer.trouble = "error", f"No gradient can be taken through it. {_told(error, function)}"
        return
    answer.gradients = {
        name: None if gradient is None else lab.take(exercise.arguments[name], gradient) for name, gradient in gradients.items()
    }
