"""Detect answers that do no work. Zeros are symmetric, quadratic and 0 at the target: none of that may earn anything."""

import dis
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from stylelab.exercises.checking.call import Answer, Lab, give
from stylelab.exercises.checking.definition import ANY_SHAPE, NUMBERS, WORDS, Case, Exercise, as_array, double
from stylelab.exercises.checking.reach import innermost

DRIFTS = "Not counted, because a second call with the same arguments gives another result."
CONSTANT = "Not counted, because the result is the same for every input, or every entry of it is."
UNCHANGED = "Not counted, because the input comes back as it is."
NEGLIGIBLE = "Not counted, because the result is negligible next to the right one."

NOTHING = 1e-5  # of the right answer's size: numbers this small satisfy 'twice as much' and 'the same' whatever they are


def no_work(exercise: Exercise, draws: Sequence[tuple[Mapping[str, Case], Answer]]) -> str | None:
    """Why an answer with a wrong value may earn nothing, or None if it may. Its outputs have the right shapes."""
    if any(answer.drifts for _, answer in draws):
        return DRIFTS
    if exercise.result in WORDS:  # an honest attempt gives several new words
        for cases, answer in draws:
            given = {name: {str(value) for value in cases[name].values()} for name in answer.outputs}
            if len({str(output) for name, output in answer.outputs.items() if str(output) not in given[name]}) <= 1:
                return UNCHANGED
        return None
    firsts = [(case, answer.outputs[first]) for cases, answer in draws for first, case in list(cases.items())[:1]]
    if exercise.result != "truth" and all(_is_argument(exercise, case, output) for case, output in firsts):
        return UNCHANGED
    if any(output.dtype.kind == "U" for _, output in firsts) or exercise.result == "truth":
        return CONSTANT if all(_is_constant(exercise, list(answer.outputs.values())) for _, answer in draws) else None
    if all(_largest(output) <= NOTHING * _largest(exercise.expected(case)) for case, output in firsts):
        return NEGLIGIBLE
    even = exercise.result == "matrix" and all(_same(output, output.flat[0]) for _, output in firsts)
    constant = firsts[0][1].ndim == 0 and _is_constant(exercise, [output for _, output in firsts])
    constant = constant or all(_is_constant(exercise, list(answer.outputs.values())) for _, answer in draws)
    return CONSTANT if even or constant else None


def _largest(array: np.ndarray) -> float:
    return np.abs(array).max(initial=0)


def _is_constant(exercise: Exercise, outputs: Sequence[np.ndarray]) -> bool:
    """Whether the outputs of one shape are all the same: no exercise has the same right answer for all its cases."""
    alike = [output for output in outputs if exercise.result in ANY_SHAPE or output.shape == outputs[0].shape]
    return all(output.shape == outputs[0].shape and _same(output, outputs[0]) for output in alike)


def _same(output: np.ndarray, other: np.ndarray) -> bool:
    """Whether both are equal up to rounding. This is stricter than for a right answer, because errors may be small numbers."""
    if "U" in (output.dtype.kind, np.asarray(other).dtype.kind):
        return bool(np.all(output.astype(str) == np.asarray(other, str)))
    return np.allclose(output, other, rtol=1e-5, atol=1e-12)


def _is_argument(exercise: Exercise, case: Case, output: np.ndarray) -> bool:
    """Whether the output is one of the arguments, or, for a single number, one entry of them, their sum, mean or size."""
    given = [value for name, value in case.items() if exercise.arguments.get(name) in ("list", "table")]
    for argument in (*given, *(value for value in case.values() if isinstance(value, float | np.ndarray))):
        with suppress(ValueError):  # lists that are not equally long
            value = np.ravel(as_array(double(argument)))
            if exercise.result in NUMBERS and value.size and value.dtype.kind != "U":
                value = np.array([*value, value.sum(), value.mean(), value.size])
                if np.isclose(value, output.item(), rtol=1e-5, atol=1e-12).any():
                    return True
            elif exercise.result not in NUMBERS and value.size == output.size and _same(output.ravel(), value):
                return True
    return False


def is_try(exercise: Exercise, function: Callable, lab: Lab) -> bool:
    """Whether a wrong answer is an honest try, after which a student may ask for help.

    It reads at least one of its arguments, and what it returns depends on them: it is not None, not one of them as it came, and not
    one number for every input. An answer that stops with an error has tried too, if it reads an argument.
    """
    if not _reads_an_argument(function):
        return False
    seen = set()
    for case in (case for seed in (0, 1) for case in exercise.inputs(seed).values()):
        given = give(exercise, lab, case)
        try:
            output = function(*given.values())
        except (Exception, SystemExit):
            return True
        if any(output is value for value in given.values()):
            return False
        seen.add(_gist(lab, output))
        if len(seen) > 1:
            return True
    return False


def _reads_an_argument(function: Callable) -> bool:
    """Whether a function loads one of its own arguments; True where Python cannot tell, as for one that is built in."""
    code = getattr(innermost(function), "__code__", None)
    if code is None:
        return callable(function)
    count = code.co_argcount + code.co_kwonlyargcount + 2  # and *arguments, **named
    names = {*code.co_varnames[:count]} - {"self"}
    loaded = (each for each in dis.get_instructions(code) if each.opname.startswith("LOAD"))
    return any(names & ({*each.argval} if isinstance(each.argval, tuple) else {each.argval}) for each in loaded)


def _gist(lab: Lab, output: object) -> str:
    """What is left of a result when it is called constant: the one number in a tensor, or else all of it."""
    with suppress(Exception):
        array = lab.take("matrix", output) if lab.is_tensor(output) else np.asarray(output)
        if array.size and np.all(array == array.flat[0]):
            return repr(array.flat[0].item())
    return repr(output)
