"""Call a student's function on an exercise's inputs and record what happens. Nothing is judged here.

Whatever differs between the frameworks is behind `Lab`: each framework has its own, in `exercises/lab.py`.
"""

import copy
import inspect
import math
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from stylelab.exercises.checking.definition import (
    AXES,
    BY_LAYER,
    MOST,
    TENSORS,
    TEXT,
    WORD,
    WORDS,
    Case,
    Exercise,
    Outputs,
    Unreadable,
    as_array,
)
from stylelab.exercises.checking.reach import REFUSED, innermost


class Lab(Protocol):
    """What a check needs from a framework: conversions between arrays and tensors, and gradients. Arrays are channels last."""

    name: str
    noun: str  # for what it computes with, such as 'tensor'
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

    def loss(self, evaluate: "Evaluate", uses_target: bool) -> Callable:
        """A differentiable function (image, target) -> scalar tensor whose value and gradients are computed elsewhere."""

    def recorded(self, function: Callable, given: Mapping[str, Any], names: Sequence[str]) -> "tuple[Any, Pull]":
        """Call a function and record what it does with the arguments `names`.

        Returns:
            Its output, and a function (weights of the output's shape, channels last) -> {name: d sum(weights * output) / d argument};
            dicts by layer as dicts; None without a gradient.
        """

    def obstacle(self, exercise: Exercise, function: Callable, given: Mapping[str, Any]) -> str | None:
        """Why a right answer would not work in a lesson, on its device or inside `optimise`; None if it would."""


Evaluate = Callable[..., Sequence[np.ndarray]]  # one image or two, channels last -> the loss, its gradient for each of them
Pull = Callable[[np.ndarray], dict[str, Any]]
Trouble = tuple[str, str]  # a stage, which is 'open', 'error' or 'type', and a sentence
Gradients = dict[str, "np.ndarray | dict[str, np.ndarray | None] | None"]  # argument -> array, by layer for a dict

LONGEST = 10_000  # characters of an error message
WEIGHTS = 2  # how many gradients are asked for in each case, each of another weighted sum of the output


@dataclass
class Reply:
    """What one call gave.

    Attributes:
        output: an array, channels last; None if there is trouble.
        shape: the output's shape in the framework's own layout.
        trouble: what went wrong.
        changed: names of the arguments that the function changed in place.
        gradients: of the output, weighted as was asked.
    """

    output: np.ndarray | None = None
    shape: tuple[int, ...] = ()
    trouble: Trouble | None = None
    changed: tuple[str, ...] = ()
    gradients: Gradients = field(default_factory=dict)


@dataclass
class Answer:
    """What a function returned.

    Attributes:
        outputs: case -> array, channels last.
        shapes: case -> the shape in the framework's own layout.
        trouble: of the first case without an output.
        changed: names of the arguments that the function changed in place.
        drifts: whether a second call with the same arguments returns something else.
        weights: case -> arrays of the output's shape, each of which makes a weighted sum of it; empty if the exercise has no gradient.
        gradients: case -> for each of the weights, the gradient of that sum. The first case has every tensor among the arguments,
            the others only those that it must reach.
    """

    outputs: Outputs = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    trouble: Trouble | None = None
    changed: tuple[str, ...] = ()
    drifts: bool = False
    weights: dict[str, list[np.ndarray]] = field(default_factory=dict)
    gradients: dict[str, list[Gradients]] = field(default_factory=dict)


class Respondent:
    """Calls one function. In a grader's sandbox it knows the arguments of the present call, and nothing else.

    Args:
        evaluate: what gives a loss among the arguments its value and gradients: a case then holds whether the loss uses its target.
            By default, a case holds its weights.
    """

    def __init__(self, exercise: Exercise, function: Callable, lab: Lab, evaluate: Evaluate | None = None):
        self._exercise, self._function, self._lab, self._evaluate = exercise, function, lab, evaluate
        self._given: dict[str, object] = {}  # of the last call
        self._output: Any = None
        self._pull: Pull | None = None

    def call(self, case: Case) -> Reply:
        """Call the function on new tensors."""
        if trouble := _not_callable(self._exercise, self._function):
            return Reply(trouble=trouble)
        given = self._given = self._give(case)
        reply = self._reply(given, self._exercise.example(case))
        reply.changed = tuple(
            name
            for name, kind in self._exercise.arguments.items()
            if kind not in ("loss", "kernel") and not _same(self._lab, kind, given[name], case[name])
        )
        return reply

    def again(self, fed_back: str | None = None) -> Reply:
        """Call the function on the same tensors once more, with its last output as the argument `fed_back`, if that is given."""
        return self._reply(self._given | ({fed_back: self._output} if fed_back else {}))

    def _reply(self, given: Mapping[str, object], example: str = "") -> Reply:
        output, trouble = _call(self._exercise, self._function, given, self._lab, example)
        if trouble := trouble or _wrong_type(self._exercise, self._lab, output, self._function, example):
            return Reply(trouble=trouble)
        self._output = output
        return Reply(_take(self._exercise, self._lab, output), _shape(output))

    def record(self, case: Case, names: Sequence[str]) -> Reply:
        """Call the function and record the gradient with respect to some of its arguments, for `pull`."""
        try:
            _, self._pull = self._lab.recorded(self._function, self._give(case), names)
        except (Exception, SystemExit) as error:
            return Reply(trouble=self._no_gradient(error))
        return Reply()

    def pull(self, weights: np.ndarray) -> Reply:
        """The gradient of the recorded output, with each number of it weighted."""
        kinds = self._exercise.arguments

        def taken(kind: str, gradient):
            if isinstance(gradient, dict):
                return {layer: taken(BY_LAYER[kind], inner) for layer, inner in gradient.items()}
            return None if gradient is None else self._lab.take(kind, gradient)

        try:
            assert self._pull is not None
            return Reply(gradients={name: taken(kinds[name], gradient) for name, gradient in self._pull(weights).items()})
        except (Exception, SystemExit) as error:
            return Reply(trouble=self._no_gradient(error))

    def _give(self, case: Case) -> dict[str, object]:
        return give(self._exercise, self._lab, case, self._evaluate)

    def _no_gradient(self, error: BaseException) -> Trouble:
        return "error", f"No gradient can be taken through it. {_in_words(self._exercise, error, self._function, self._lab)}"


def ask(exercise: Exercise, function: Callable, lab: Lab, cases: Mapping[str, Case]) -> Answer:
    """Call a function on every case and collect its outputs and the first trouble."""
    return interview(exercise, Respondent(exercise, function, lab), cases)


def interview(exercise: Exercise, respondent: Any, cases: Mapping[str, Case], seed: int = 0) -> Answer:
    """Ask for every case, one at a time, and collect the outputs and the first trouble.

    Args:
        respondent: a `Respondent`, or something with its methods that stands for one in another process.
        seed: for the weights with which gradients are asked for.
    """
    answer = Answer()
    first = next(iter(cases))
    for name, case in cases.items():
        reply = respondent.call(case)
        answer.changed = answer.changed or reply.changed
        answer.trouble = answer.trouble or reply.trouble
        if reply.output is not None:
            answer.outputs[name], answer.shapes[name] = reply.output, reply.shape
        if first not in answer.outputs:
            return answer
        if name == first and not answer.changed:
            again = respondent.again().output
            answer.drifts = again is None or not _agree(exercise, again, answer.outputs[name])
            if exercise.fed_back and not answer.drifts and (trouble := respondent.again(exercise.fed_back).trouble):
                answer.trouble = trouble[0], f"The second call gets the result of the first, and fails. {trouble[1]}"
    complete = len(answer.outputs) == len(cases) and not answer.trouble and not answer.changed
    if (
        exercise.differentiable and complete and exercise.is_right(cases[first], answer.outputs[first])
    ):  # the gradient of something else says nothing
        _add_gradients(exercise, respondent, cases, answer, np.random.default_rng(seed))
    return answer


def _agree(exercise: Exercise, again: np.ndarray, output: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        return again.shape == output.shape and exercise.close(again, output)


def _add_gradients(
    exercise: Exercise, respondent: Any, cases: Mapping[str, Case], answer: Answer, rng: np.random.Generator
) -> None:
    names = tuple(name for name, kind in exercise.arguments.items() if kind in (*TENSORS, *BY_LAYER))
    for name, case in cases.items():
        reply = respondent.record(case, names)
        shape = answer.outputs[name].shape
        weights = [rng.uniform(0.5, 1.5, shape) * rng.choice((-1, 1), shape) for _ in range(WEIGHTS)]
        replies = [reply]
        while not replies[-1].trouble and len(replies) <= WEIGHTS:
            replies.append(respondent.pull(weights[len(replies) - 1]))
        if trouble := replies[-1].trouble:
            answer.trouble = trouble
            return
        answer.weights[name], answer.gradients[name] = weights, [reply.gradients for reply in replies[1:]]
        names = tuple(exercise.differentiable)  # in the first case, all tensors: the wrong one may be reached


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


def give(exercise: Exercise, lab: Lab, case: Case, evaluate: Evaluate | None = None) -> dict[str, object]:
    """The arguments of a case as the student's function gets them. They share no memory with the case.

    Images that are equal are one tensor, as where a lesson passes an image as its own target.
    """
    given: dict[str, object] = {}
    for name, kind in exercise.arguments.items():
        twin = next((other for other in given if kind == exercise.arguments[other] == "image"
                     and np.array_equal(case[other], case[name])), None)  # fmt: skip
        if kind == "loss" and evaluate:
            given[name] = lab.loss(evaluate, uses_target=case[name])
        else:
            given[name] = given[twin] if twin else _given(lab, kind, case[name])
    return given


def _given(lab: Lab, kind: str, value):
    match kind:
        case "number":
            return float(value)
        case "whole" | "word" | "text" | "truth" | "list" | "table":
            return copy.deepcopy(value)
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
    "'function'": (_CALL := "That is a function: call it, with its arguments in brackets, and use what it returns."),
    "<function": _CALL,
    "for ^:": "A power is written ** in Python.",
    "bitwise_xor": "A power is written ** in Python.",
    "BitwiseXor": "A power is written ** in Python.",
    "'float' object has no attribute 'backward'": "`item()` and `float()` turn it into a number, which has no gradient: keep the tensor.",
    "Boolean value of Tensor with more than one value": "First make an object of the torch.nn class, without tensors; then call it with them.",
    "Operation not permitted": REFUSED,
    "name resolution": REFUSED,
    "No module named": "Only the notebook is submitted: use what the lessons import, or write it into a cell.",
}


def _in_words(exercise: Exercise, error: BaseException, function: Callable, lab: Lab, example: str = "") -> str:
    """The error in a sentence, with the line in the student's own cell, and advice if there is any."""
    file = getattr(getattr(innermost(function), "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    message = " ".join(re.sub(r"\{\{[^{}]*\}\}", "", str(error)).split())  # TensorFlow starts with the names of its own kernels
    if message.startswith("in user code:"):  # from a graph: a traceback of its own comes before the message
        message = message.rpartition(f"{type(error).__name__}: ")[2]
    message = message[:LONGEST]  # nobody reads on, and a pattern may take time that grows with the square of the length
    message = re.sub(r"(?<=\S) \[Op:.*|\b\w+\.<locals>\.| at 0x\w+", "", message)  # and ends with the name of the operation
    short = message if len(message) <= 160 else f"{message[:157]}..."
    where = f"Line {lines[-1]} stops" if lines else "It stops"
    text = f"{where}{f' at {example}' if example else ''} with {type(error).__name__}{f': {short}' if short else ''}".rstrip(".")
    own = (what for known, what in exercise.advice.items() if re.search(known, f"{type(error).__name__}: {message}"))
    common = (what for known, what in {**lab.advice, **ADVICE}.items() if known in message)
    advice = next((f" {what}" for what in (*own, *common)), "")
    if isinstance(error, NotImplementedError) and not message:
        advice = " Remove the line that raises it, and end with `return` and the result."
    return f"{text}.{advice}"


WANTED = {  # kind of result -> what it is called
    "word": "a name (a str)", "text": "a text (a str)", "number": "one number", "whole": "one number", "truth": "True or False",
    "list": "a list", "table": "a dict",
}  # fmt: skip


def _wrong_type(exercise: Exercise, lab: Lab, output, function: Callable, example: str = "") -> tuple[str, str] | None:
    wanted = WANTED.get(exercise.result, f"one {lab.noun}")
    if _has_type(exercise.result, lab, output):
        odd = _unreadable(exercise, lab, output)
        return ("type", f"It returns {odd}") if odd else None
    if exercise.result in TENSORS and isinstance(output, np.ndarray | np.generic):
        why = "no gradient can pass through NumPy" if exercise.differentiable else "use the framework's own functions"
        return "type", f"It returns NumPy where a {lab.name} {lab.noun} is expected: {why}."
    if exercise.result in TENSORS and type(output) is int and output == 0:
        return "type", "It returns the number 0: nothing has been added up."
    if exercise.result == "scalar" and isinstance(output, int | float):
        why = "gradients can pass" if exercise.differentiable else f"it stays a {lab.noun}"
        why = f"without item(), float() or math, {why}."
        return "type", f"It returns a Python number where a {lab.name} {lab.noun} is expected: {why}"
    if output is None:
        used = set(getattr(getattr(innermost(function), "__code__", None), "co_names", ()))
        end = f"end {'every branch' if example else 'it'} with `return` and the result."
        why = next((what for names, what in lab.nothing.items() if used >= set(names)), end)
        return "type", f"{example or 'It'} returns None: {why}"
    how = ""
    if isinstance(output, list | tuple) and len(output) == 1:
        how = " Take the only item, with [0]."
    elif isinstance(output, list | tuple) and exercise.result in TENSORS:
        how = " Add them up." if exercise.result == "scalar" else " Put them together with stack."
        how = " Return one of them alone." if "loss" in exercise.arguments.values() else how
        how = " Make it one, with np.array." if lab.noun == "array" else how
    return "type", f"It returns {_type_of(output)} where {wanted} is expected.{how}"


def _has_type(result: str, lab: Lab, output) -> bool:
    """Whether a result is of the kind that is asked for, as far as its Python type tells."""
    numpy = isinstance(output, np.ndarray | np.generic)
    match result:
        case "word" | "text":
            return isinstance(output, str)
        case "truth":
            return isinstance(output, bool | np.bool_)
        case "list":
            return isinstance(output, list | tuple | np.ndarray)
        case "table":
            return isinstance(output, dict)
        case "number" | "whole":
            one = (numpy and output.dtype.kind in "fiu" and output.size == 1) or isinstance(output, int | float)
            return lab.is_tensor(output) or (one and not isinstance(output, bool))
    return lab.is_tensor(output) or (lab.noun == "array" and isinstance(output, int | float) and not isinstance(output, bool))


def _type_of(value) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _unreadable(exercise: Exercise, lab: Lab, output) -> str:
    """What an output is, and what to do, if its numbers cannot be read or are too many to be sent; empty if `_take` works."""
    shape = _shape(output) if lab.is_tensor(output) else ()
    if len(shape) > AXES or math.prod(shape) > MOST:
        return f"a {lab.noun} of shape {shape}: far more entries or axes than the result should have."
    if isinstance(output, list | tuple | dict) and len(output) > MOST:
        return f"{_type_of(output)} of {len(output)} items: far more than the result should have."
    try:
        taken = _take(exercise, lab, output)
    except Unreadable as error:
        return str(error)
    except Exception:  # noqa: BLE001  a tensor of a student's own class, or of a kind that is not known here
        if exercise.result in ("list", "table"):
            return f"{_type_of(output)} of something else than numbers or words, or of lists that are not equally long."
        return f"{_type_of(output)} whose numbers cannot be read: return an ordinary {lab.noun} or number."
    if taken.nbytes > 8 * MOST or taken.ndim > AXES:
        return f"{_type_of(output)} with far more in it than the result should have."
    return ""


def _shape(output) -> tuple[int, ...]:
    """In the framework's own layout; () where that is not known."""
    with suppress(Exception):
        return tuple(int(side) for side in np.shape(output))
    return ()


def _take(exercise: Exercise, lab: Lab, output) -> np.ndarray:
    if exercise.result in WORDS:
        longest = WORD if exercise.result == "word" else TEXT
        return np.asarray(output[:longest].encode(errors="replace").decode())  # what can be sent
    if exercise.result in ("list", "table"):
        taken = as_array(output)
        if taken.dtype.kind not in "fU":
            raise Unreadable("something else than numbers or words.")
        return taken
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
        return now.shape == np.shape(before) and np.array_equal(now, before, equal_nan=kind == "array")
    return now == _given(lab, kind, before)
