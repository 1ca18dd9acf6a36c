"""Call a student's function on an exercise's inputs and write down all that happened. Nothing is judged here.

What differs between the frameworks is behind `Lab`, of which each framework folder has one in `check.py`.
"""

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from stylelab.exercises.checking.definition import BY_LAYER, TENSORS, Case, Exercise, Outputs
from stylelab.exercises.checking.reach import innermost


class Lab(Protocol):
    """What is asked of a framework: tensors from arrays and back, and gradients. Arrays are channels last."""

    name: str
    advice: Mapping[str, str]  # words of an error message -> what to do

    def give(self, kind: str, value) -> object:
        """An argument of that kind, in the framework's own layout; it shares no memory with `value`."""

    def take(self, kind: str, tensor) -> np.ndarray:
        """A tensor of that kind as a channels-last array."""

    def is_tensor(self, value) -> bool: ...

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> "dict[str, object]":
        """d sum(function(**given)) / d each of `names`, dicts as dicts; None where no gradient arrives."""

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        """Whether a right answer can be used inside `optimise`."""


@dataclass
class Answer:
    """What a function gave.

    Attributes:
        outputs: case -> array, channels last.
        shapes: case -> the shape in the framework's own layout.
        trouble: (stage, sentence) of the first case without output; stages are 'open', 'error' and 'type'.
        changed: names of the arguments that the function changed in place.
        drifts: whether a second call with the same arguments gives something else.
        gradients: argument -> gradient of the first case's summed output (by layer for a dict), or None; empty when not
            asked for.
    """

    outputs: Outputs = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    trouble: tuple[str, str] | None = None
    changed: tuple[str, ...] = ()
    drifts: bool = False
    gradients: dict[str, "np.ndarray | dict[str, np.ndarray | None] | None"] = field(default_factory=dict)


def ask(exercise: Exercise, function: Callable, lab: Lab, cases: Mapping[str, Case]) -> Answer:
    """The function's outputs for all cases that it has one for, and the first trouble."""
    answer = Answer(trouble=_trouble_with(exercise, function))
    if answer.trouble:
        return answer
    first = next(iter(cases))
    for name, case in cases.items():
        given = give(exercise, lab, case)
        _ask_one(exercise, function, lab, name, case, given, answer)
        if first not in answer.outputs:
            return answer
        if name == first and not answer.changed:
            answer.drifts = _drifts(exercise, function, lab, given, answer.outputs[name])
    if exercise.differentiable and not answer.trouble and not answer.changed:
        _ask_gradients(exercise, function, lab, cases[first], answer)
    return answer


def _ask_one(exercise: Exercise, function: Callable, lab: Lab, name: str, case: Case, given, answer: Answer) -> None:
    output, trouble = _call(function, given, lab, exercise.example(case))
    trouble = trouble or _wrong_type(exercise, lab, output)
    answer.changed += tuple(_changed(exercise, lab, case, given))
    answer.trouble = answer.trouble or trouble
    if not trouble:
        answer.outputs[name] = _take(exercise, lab, output)
        answer.shapes[name] = tuple(np.shape(output))


def _drifts(exercise: Exercise, function: Callable, lab: Lab, given, output: np.ndarray) -> bool:
    again, trouble = _call(function, given, lab)
    if trouble or _wrong_type(exercise, lab, again):
        return True
    again = _take(exercise, lab, again)
    return again.shape != output.shape or not exercise.close(again, output)


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
    """The arguments of a case as the student's function gets them. They share nothing with the case."""
    return {name: _given(lab, kind, case[name]) for name, kind in exercise.arguments.items()}


def _given(lab: Lab, kind: str, value):
    match kind:
        case "number":
            return float(value)
        case "whole" | "word":
            return value
        case "pairs":
            return [tuple(pair) for pair in value]
        case "numbers":
            return {layer: float(number) for layer, number in value.items()}
        case "activations" | "matrices":
            return {layer: lab.give(BY_LAYER[kind], np.array(array)) for layer, array in value.items()}
    return lab.give(kind, np.array(value))


def _call(function: Callable, given: Mapping[str, object], lab: Lab, example: str = "") -> tuple[object, tuple[str, str] | None]:
    try:
        output = function(*given.values())
    except (Exception, SystemExit) as error:  # whatever a student's code may raise becomes a sentence
        return None, ("open", "") if _is_stub(error, function) else ("error", _told(error, function, lab, example))
    if output is ... or (output is None and _is_empty(function)):
        return None, ("open", "")
    return output, None


def _is_empty(function: Callable) -> bool:
    """Whether the body is only a docstring, `pass` or `...`."""
    code = getattr(function, "__code__", None)
    return code is not None and len(code.co_code) <= len((lambda: None).__code__.co_code)


def _is_stub(error: BaseException, function: Callable) -> bool:
    """Whether the body is no more than a docstring and `raise NotImplementedError`: frameworks raise that too."""
    code = getattr(innermost(function), "__code__", None)
    idle = code is not None and code.co_names == ("NotImplementedError",) and code.co_nlocals == code.co_argcount
    return isinstance(error, NotImplementedError) and idle


ADVICE = {  # words of an error message -> what to do, in any framework
    "NVIDIA driver": "Answers are graded on the processor: in place of a name such as 'cuda', take the device of what comes in.",
    "not compiled with CUDA": "Answers are graded on the processor: in place of a name such as 'cuda', take the device of what comes in.",
    "No CUDA": "Answers are graded on the processor: in place of a name such as 'cuda', take the device of what comes in.",
    "No module named": "Only the notebook is handed in: use what the lessons import, or write it into a cell.",
}


def _told(error: BaseException, function: Callable, lab: Lab, example: str = "") -> str:
    """The error in a sentence, with the line of the student's own cell, and what to do where that is known."""
    file = getattr(getattr(innermost(function), "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    words = " ".join(re.sub(r"\{\{.*?\}\}", "", str(error)).split())  # TensorFlow puts the names of its own kernels first
    if words.startswith("in user code:"):  # a graph's: the place again, in a file that is no student's, before the words
        words = words.rpartition(f"{type(error).__name__}: ")[2]
    short = words if len(words) <= 160 else f"{words[:157]}..."
    where = f"Line {lines[-1]} stops" if lines else "It stops"
    told = f"{where}{f' at {example}' if example else ''} with {type(error).__name__}{f': {short}' if short else ''}".rstrip(".")
    advice = next((f" {what}" for known, what in {**lab.advice, **ADVICE}.items() if known in words), "")
    if isinstance(error, NotImplementedError) and not words:
        advice = " Take the line out that raises it, and end with `return` and the result."
    return f"{told}.{advice}"


def _wrong_type(exercise: Exercise, lab: Lab, output) -> tuple[str, str] | None:
    if exercise.result == "word":
        return None if isinstance(output, str) else _type(exercise, output, "a name in quotes, a str,")
    if lab.is_tensor(output):
        return None
    plain = isinstance(output, int | float | np.ndarray | np.generic) and not isinstance(output, bool)
    if exercise.result in ("number", "whole"):
        return None if plain and np.size(output) == 1 else _type(exercise, output, "one number")
    if isinstance(output, np.ndarray | np.generic):
        return "type", f"It returns NumPy where a {lab.name} tensor is asked for: {_WHY[bool(exercise.differentiable)]}."
    if isinstance(output, int | float) and exercise.result == "scalar":
        return "type", (
            f"It returns a Python number where a {lab.name} tensor is asked for: without item() or float(), "
            f"{'gradients pass' if exercise.differentiable else 'it stays a tensor'}."
        )
    if output is None and "loss" in exercise.arguments.values():
        return "type", lab.advice["None"]
    return _type(exercise, output, "one tensor")


_WHY = {True: "no gradient can pass through NumPy", False: "stay with the framework's own functions"}


def _type(exercise: Exercise, output, wanted: str) -> tuple[str, str]:
    if output is None:
        return "type", "It returns None: end it with `return` and the result."
    return "type", f"It returns a {type(output).__name__} where {wanted} is asked for."


def _take(exercise: Exercise, lab: Lab, output) -> np.ndarray:
    if isinstance(output, str):
        return np.asarray(output)
    return np.array(lab.take(exercise.result, output) if lab.is_tensor(output) else output, dtype=float)


def _changed(exercise: Exercise, lab: Lab, case: Case, given: Mapping[str, object]):
    for name, kind in exercise.arguments.items():
        if kind != "loss" and not _same(lab, kind, given[name], case[name]):
            yield name


def _same(lab: Lab, kind: str, now, before) -> bool:
    if kind in BY_LAYER:
        return now.keys() == before.keys() and all(_same(lab, BY_LAYER[kind], now[layer], before[layer]) for layer in before)
    if kind in TENSORS:
        now = lab.take(kind, now)
        return now.shape == np.shape(before) and np.array_equal(now, before)
    return now == _given(lab, kind, before)


def _ask_gradients(exercise: Exercise, function: Callable, lab: Lab, case: Case, answer: Answer) -> None:
    kinds = {name: kind for name, kind in exercise.arguments.items() if kind in (*TENSORS, *BY_LAYER)}
    try:
        gradients = lab.gradients(function, give(exercise, lab, case), tuple(kinds))
    except (Exception, SystemExit) as error:
        answer.trouble = "error", f"No gradient can be taken through it. {_told(error, function, lab)}"
        return
    answer.gradients = {name: _taken(lab, kinds[name], gradient) for name, gradient in gradients.items()}


def _taken(lab: Lab, kind: str, gradient):
    if isinstance(gradient, dict):
        return {layer: _taken(lab, BY_LAYER[kind], each) for layer, each in gradient.items()}
    return None if gradient is None else lab.take(kind, gradient)
