"""Call a student's function on an exercise's inputs and record what happens. Nothing is judged here.

Whatever differs between the frameworks is behind `Lab`: each framework has its own, in `exercises/lab.py`.
"""

import inspect
import math
import re
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from stylelab.exercises.checking.definition import AXES, BY_LAYER, MOST, TENSORS, WORD, Case, Exercise, Outputs, Unreadable
from stylelab.exercises.checking.reach import innermost


class Lab(Protocol):
    """What a check needs from a framework: conversions between arrays and tensors, and gradients. Arrays are channels last."""

    name: str
    advice: Mapping[str, str]  # words of an error message -> what to do
    nothing: Mapping[tuple[str, ...], str]  # names that a function uses which returns None -> what to do

    def give(self, kind: str, value) -> object:
        """An argument of this kind, in the framework's own layout; it shares no memory with `value`."""

    def take(self, kind: str, tensor) -> np.ndarray:
        """A tensor of this kind as a channels-last array.

        Raises:
            Unreadable: a kind of tensor whose numbers cannot be compared, such as a sparse one.
        """

    def is_tensor(self, value) -> bool: ...

    def gradients(self, function: Callable, given: Mapping[str, Any], names: tuple[str, ...]) -> "dict[str, Any]":
        """d sum(function(**given)) / d argument for each of `names`; dicts by layer as dicts; None without a gradient."""

    def obstacle(self, exercise: Exercise, function: Callable, given: Mapping[str, Any]) -> str | None:
        """Why a right answer would not work in a lesson, on its device or inside `optimise`; None if it would."""


@dataclass
class Answer:
    """What a function returned.

    Attributes:
        outputs: case -> array, channels last.
        shapes: case -> the shape in the framework's own layout.
        trouble: (stage, sentence) for the first case without an output; the stages are 'open', 'error' and 'type'.
        changed: names of the arguments that the function changed in place.
        drifts: whether a second call with the same arguments returns something else.
        gradients: case -> argument -> gradient of the summed output (by layer for a dict), or None; empty if the exercise has
            no gradient. The first case has every tensor among the arguments, the others only those that it must reach.
    """

    outputs: Outputs = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    trouble: tuple[str, str] | None = None
    changed: tuple[str, ...] = ()
    drifts: bool = False
    gradients: dict[str, dict[str, "np.ndarray | dict[str, np.ndarray | None] | None"]] = field(default_factory=dict)


def ask(exercise: Exercise, function: Callable, lab: Lab, cases: Mapping[str, Case]) -> Answer:
    """Call a function on every case and collect its outputs and the first trouble."""
    answer = Answer(trouble=_not_callable(exercise, function))
    if answer.trouble:
        return answer
    first = next(iter(cases))
    for name, case in cases.items():
        given = give(exercise, lab, case)
        output, trouble = _call(exercise, function, given, lab, exercise.example(case))
        trouble = trouble or _wrong_type(exercise, lab, output, function, exercise.example(case))
        answer.changed = answer.changed or tuple(
            argument
            for argument, kind in exercise.arguments.items()
            if kind != "loss" and not _same(lab, kind, given[argument], case[argument])
        )
        answer.trouble = answer.trouble or trouble
        if not trouble:
            answer.outputs[name] = _take(exercise, lab, output)
            answer.shapes[name] = _shape(output)
        if first not in answer.outputs:
            return answer
        if name == first and not answer.changed:
            again, trouble = _call(exercise, function, given, lab)
            if trouble or _wrong_type(exercise, lab, again, function):
                answer.drifts = True
            else:
                again = _take(exercise, lab, again)
                answer.drifts = again.shape != answer.outputs[name].shape or not exercise.close(again, answer.outputs[name])
            if exercise.fed_back and not answer.drifts:
                _, trouble = _call(exercise, function, given | {exercise.fed_back: output}, lab)
                answer.trouble = trouble and (
                    trouble[0],
                    f"The second call gets the result of the first, and fails. {trouble[1]}",
                )
    if exercise.differentiable and not answer.trouble and not answer.changed:
        _add_gradients(exercise, function, lab, cases, answer)
    return answer


def _not_callable(exercise: Exercise, function) -> tuple[str, str] | None:
    if function is ... or function is None:
        return "open", ""
    if not callable(function):
        return "type", f"That is a {type(function).__name__}, not a function: pass `{exercise.id}` itself, without calling it."
    try:
        inspect.signature(function).bind(*exercise.arguments)
    except TypeError:
        return "type", f"It has to take these arguments, in this order: {exercise.call}."
    except ValueError:  # a built-in function without a signature
        pass
    return None


def unnamed(exercise: Exercise, function: Callable) -> str | None:
    """The sentence for a function that lacks a name by which the lesson passes an argument; None if it has them all."""
    for name in exercise.by_name:
        try:
            inspect.signature(function).bind_partial(**{name: None})
        except TypeError:
            return f"the lesson calls it with `{name}=`, an argument that yours does not have: keep the names of the arguments."
        except ValueError:  # a built-in function without a signature
            pass
    return None


def give(exercise: Exercise, lab: Lab, case: Case) -> dict[str, object]:
    """The arguments of a case as the student's function gets them. They share no memory with the case.

    Images that are equal are one tensor, as where a lesson passes an image as its own target.
    """
    given: dict[str, object] = {}
    for name, kind in exercise.arguments.items():
        twin = next((other for other in given if kind == exercise.arguments[other] == "image"
                     and np.array_equal(case[other], case[name])), None)  # fmt: skip
        given[name] = given[twin] if twin else _given(lab, kind, case[name])
    return given


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


def _call(
    exercise: Exercise, function: Callable, given: Mapping[str, object], lab: Lab, example: str = ""
) -> tuple[Any, tuple[str, str] | None]:
    try:
        output = function(*given.values())
    except (Exception, SystemExit) as error:  # whatever a student's code may raise becomes a sentence
        code = getattr(innermost(function), "__code__", None)
        stub = code is not None and code.co_names == ("NotImplementedError",) and code.co_nlocals == code.co_argcount
        if isinstance(error, NotImplementedError) and stub:  # frameworks raise it as well
            return None, ("open", "")
        return None, ("error", _in_words(exercise, error, function, lab, example))
    code = getattr(function, "__code__", None)
    empty = code is not None and len(code.co_code) <= len((lambda: None).__code__.co_code)  # a docstring, `pass` or `...`
    return (None, ("open", "")) if output is ... or (output is None and empty) else (output, None)


_ON_THE_PROCESSOR = "Answers are graded on the processor: instead of a name such as 'cuda', use the device of your input."
ADVICE = {  # words of an error message -> what to do, in any framework
    "NVIDIA driver": _ON_THE_PROCESSOR,
    "not compiled with CUDA": _ON_THE_PROCESSOR,
    "No CUDA": _ON_THE_PROCESSOR,
    "'function'": (_CALL := "That is a function: call it, with its arguments in brackets, and go on with what it returns."),
    "<function": _CALL,
    "for ^:": "A power is written ** in Python.",
    "bitwise_xor": "A power is written ** in Python.",
    "BitwiseXor": "A power is written ** in Python.",
    "'float' object has no attribute 'backward'": "`item()` and `float()` turn it into a number, which has no gradient: keep the tensor.",
    "Boolean value of Tensor with more than one value": "First make an object of the torch.nn class, without tensors; then call it with them.",
    "No module named": "Only the notebook is submitted: use what the lessons import, or write it into a cell.",
}


def _in_words(exercise: Exercise, error: BaseException, function: Callable, lab: Lab, example: str = "") -> str:
    """The error in a sentence, with the line in the student's own cell, and advice if there is any."""
    file = getattr(getattr(innermost(function), "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    message = " ".join(re.sub(r"\{\{.*?\}\}", "", str(error)).split())  # TensorFlow starts with the names of its own kernels
    if message.startswith("in user code:"):  # from a graph: a traceback of its own comes before the message
        message = message.rpartition(f"{type(error).__name__}: ")[2]
    message = re.sub(r"(?<=\S) \[Op:.*|\w+\.<locals>\.| at 0x\w+", "", message)  # and ends with the name of the operation
    short = message if len(message) <= 160 else f"{message[:157]}..."
    where = f"Line {lines[-1]} stops" if lines else "It stops"
    text = f"{where}{f' at {example}' if example else ''} with {type(error).__name__}{f': {short}' if short else ''}".rstrip(".")
    own = (what for known, what in exercise.advice.items() if re.search(known, f"{type(error).__name__}: {message}"))
    common = (what for known, what in {**lab.advice, **ADVICE}.items() if known in message)
    advice = next((f" {what}" for what in (*own, *common)), "")
    if isinstance(error, NotImplementedError) and not message:
        advice = " Remove the line that raises it, and end with `return` and the result."
    return f"{text}.{advice}"


def _wrong_type(exercise: Exercise, lab: Lab, output, function: Callable, example: str = "") -> tuple[str, str] | None:
    wanted = {"word": "a name (a str)", "number": "one number", "whole": "one number"}.get(exercise.result, "one tensor")
    if exercise.result == "word":
        if isinstance(output, str):
            return None
    elif lab.is_tensor(output):
        odd = _unreadable(exercise, lab, output)
        return ("type", f"It returns {odd}") if odd else None
    elif exercise.result in ("number", "whole"):
        numpy = isinstance(output, np.ndarray | np.generic) and output.dtype.kind in "fiu" and output.size == 1
        if numpy or isinstance(output, int | float) and not isinstance(output, bool):
            odd = _unreadable(exercise, lab, output)
            return ("type", f"It returns {odd}") if odd else None
    elif isinstance(output, np.ndarray | np.generic):
        why = "no gradient can pass through NumPy" if exercise.differentiable else "use the framework's own functions"
        return "type", f"It returns NumPy where a {lab.name} tensor is expected: {why}."
    elif type(output) is int and output == 0:
        return "type", "It returns the number 0: nothing has been added up."
    elif isinstance(output, int | float) and exercise.result == "scalar":
        why = "gradients can pass" if exercise.differentiable else "it stays a tensor"
        return (
            "type",
            f"It returns a Python number where a {lab.name} tensor is expected: without item(), float() or math, {why}.",
        )
    if output is None:
        used = set(getattr(getattr(innermost(function), "__code__", None), "co_names", ()))
        end = f"end {'every branch' if example else 'it'} with `return` and the result."
        why = next((what for names, what in lab.nothing.items() if used >= set(names)), end)
        return "type", f"{example or 'It'} returns None: {why}"
    how = ""
    if isinstance(output, list | tuple) and len(output) == 1:
        how = " Take the only item, with [0]."
    elif isinstance(output, list | tuple) and wanted == "one tensor":
        how = " Add them up." if exercise.result == "scalar" else " Put them together with stack."
        how = " Return one of them alone." if "loss" in exercise.arguments.values() else how
    return "type", f"It returns {_type_of(output)} where {wanted} is expected.{how}"


def _type_of(value) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _unreadable(exercise: Exercise, lab: Lab, output) -> str:
    """What an output is, and what to do, if its numbers cannot be read or are too many to be sent; empty if `_take` works."""
    shape = _shape(output) if lab.is_tensor(output) else ()
    if len(shape) > AXES or math.prod(shape) > MOST:
        return f"a tensor of shape {shape}: far more entries or axes than the result should have."
    try:
        _take(exercise, lab, output)
    except Unreadable as error:
        return str(error)
    except Exception:  # noqa: BLE001  a tensor of a student's own class, or of a kind that is not known here
        return f"{_type_of(output)} whose numbers cannot be read: return an ordinary tensor or number."
    return ""


def _shape(output) -> tuple[int, ...]:
    """In the framework's own layout; () where that is not known."""
    with suppress(Exception):
        return tuple(int(side) for side in np.shape(output))
    return ()


def _take(exercise: Exercise, lab: Lab, output) -> np.ndarray:
    if isinstance(output, str):
        return np.asarray(output[:WORD].encode(errors="replace").decode())  # what can be sent
    if lab.is_tensor(output):
        return np.array(lab.take(exercise.result, output), dtype=float)
    return np.array(output, dtype=float).reshape(())


def _same(lab: Lab, kind: str, now, before) -> bool:
    """Whether an argument is still what the case has."""
    with suppress(Exception):  # whatever a student's code put in its place
        return _equal(lab, kind, now, before)
    return False


def _equal(lab: Lab, kind: str, now, before) -> bool:
    if kind in BY_LAYER:
        return now.keys() == before.keys() and all(_equal(lab, BY_LAYER[kind], now[layer], before[layer]) for layer in before)
    if kind in TENSORS:
        now = lab.take(kind, now)
        return now.shape == np.shape(before) and np.array_equal(now, before)
    return now == _given(lab, kind, before)


def _add_gradients(exercise: Exercise, function: Callable, lab: Lab, cases: Mapping[str, Case], answer: Answer) -> None:
    kinds = {name: kind for name, kind in exercise.arguments.items() if kind in (*TENSORS, *BY_LAYER)}

    def taken(kind: str, gradient):
        if isinstance(gradient, dict):
            return {layer: taken(BY_LAYER[kind], inner) for layer, inner in gradient.items()}
        return None if gradient is None else lab.take(kind, gradient)

    for name, case in cases.items():
        names = tuple(exercise.differentiable if answer.gradients else kinds)
        try:
            gradients = lab.gradients(function, give(exercise, lab, case), names)
            answer.gradients[name] = {argument: taken(kinds[argument], gradient) for argument, gradient in gradients.items()}
        except (Exception, SystemExit) as error:
            answer.trouble = "error", f"No gradient can be taken through it. {_in_words(exercise, error, function, lab)}"
            return
