"""Detect answers that do no work. Zeros are symmetric, quadratic and 0 at the target: none of that may earn anything."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import ANY_SHAPE, NUMBERS, WORDS, Case, Exercise, as_array, double

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
