"""Answers that do no work. Zeros are symmetric, quadratic and 0 at the target: none of that may earn anything."""

from collections.abc import Sequence

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import NUMBERS, Case, Exercise, double

Draws = Sequence[tuple[dict[str, Case], Answer]]

DRIFTS = "Not counted, for a second call with the same arguments gives something else."
CONSTANT = "Not counted, for the result is the same whatever comes in."
EVEN = "Not counted, for every entry of the result is the same number."
HANDED_BACK = "Not counted, for what comes back is what went in."
NEXT_TO_NOTHING = "Not counted, for the result is next to nothing beside the right one."

NOTHING = 1e-5  # of the right answer's size: numbers so small fulfil 'twice as much' and 'the same' whatever they are
STANDSTILL = 1e-3  # of the way from an argument to the right answer


def idle(exercise: Exercise, draws: Draws) -> str | None:
    """Why nothing may be earned by an answer with a wrong value, if so; its outputs have the right shapes."""
    if any(answer.drifts for _, answer in draws):
        return DRIFTS
    if exercise.result == "word":
        return HANDED_BACK if any(_no_word_of_its_own(*draw) for draw in draws) else None
    firsts = [(case, answer.outputs[first]) for cases, answer in draws for first, case in list(cases.items())[:1]]
    if all(_handed_back(exercise, case, output) for case, output in firsts):
        return HANDED_BACK
    if exercise.result in ("matrix", "image") and all(_same(output, output.flat[0]) for _, output in firsts):
        return EVEN
    if all(_next_to_nothing(exercise, cases, answer) for cases, answer in draws):
        return NEXT_TO_NOTHING
    constant = _blind(exercise, firsts) or all(
        _blind(exercise, [(cases[name], output) for name, output in answer.outputs.items()]) for cases, answer in draws
    )
    return CONSTANT if constant else None


def _no_word_of_its_own(cases: dict[str, Case], answer: Answer) -> bool:
    """Whether it gives words back as they are, and no more than one other: it goes different ways for different inputs."""
    given = {name: [str(value) for value in cases[name].values()] for name in answer.outputs}
    return len({str(output) for name, output in answer.outputs.items() if str(output) not in given[name]}) <= 1


def _blind(exercise: Exercise, pairs: Sequence[tuple[Case, np.ndarray]]) -> bool:
    """Whether inputs with different right answers all give the same."""
    case, output = pairs[0]
    alike = [each for each in pairs if each[1].shape == output.shape]
    differ = any(not exercise.is_right(other, exercise.expected(case)) for other, _ in alike)
    return differ and all(_same(each, output) for _, each in alike)


def _next_to_nothing(exercise: Exercise, cases: dict[str, Case], answer: Answer) -> bool:
    """Whether no output is of a size that counts beside the right ones."""
    right = max(np.abs(exercise.expected(case)).max() for case in cases.values())
    return all(np.abs(output).max() <= NOTHING * right for output in answer.outputs.values())


def _handed_back(exercise: Exercise, case: Case, output: np.ndarray) -> bool:
    """Whether it is one of the arguments, up to its shape; or one number of it, where a number is asked for."""
    given = [each for value in case.values() for each in _as_they_are(exercise, value)]
    if exercise.result in NUMBERS:
        return any(_same(output.ravel(), each) or _is_among(output, each) for each in given)
    right = exercise.expected(case).ravel()
    return any(_same(output.ravel(), each) or _stands_still(output.ravel(), each, right) for each in given)


def _stands_still(output: np.ndarray, each: np.ndarray, right: np.ndarray) -> bool:
    """Whether it has hardly left the argument on the way to the right answer."""
    if each.dtype.kind == "U" or not output.size == each.size == right.size:
        return False
    return bool(np.abs(output - each).max() <= STANDSTILL * np.abs(right - each).max())


def _is_among(output: np.ndarray, entries: np.ndarray) -> bool:
    return bool(np.isclose(entries, output.item(), rtol=1e-6, atol=1e-12).any())


def _as_they_are(exercise: Exercise, value):
    if isinstance(value, dict):
        for each in value.values():
            yield from _as_they_are(exercise, each)
    elif isinstance(value, str | int | float | np.ndarray | np.generic):
        value = np.ravel(double(value))
        yield value
        if value.dtype.kind != "U":
            yield np.clip(value, 0, 1)
            if exercise.result in NUMBERS:
                yield np.array([value.sum(), value.mean(), value.size])


def _same(output: np.ndarray, other) -> bool:
    """Equal but for rounding; much closer than a right answer must be, for slips may be small numbers."""
    other = np.asarray(other)
    if "U" in (output.dtype.kind, other.dtype.kind):
        return output.size == other.size == 1 and str(output.item()) == str(other.item())
    fits = other.ndim == 0 or other.size == output.size
    return fits and bool(np.allclose(output, other.reshape(output.shape) if other.ndim else other, rtol=1e-5, atol=1e-12))
