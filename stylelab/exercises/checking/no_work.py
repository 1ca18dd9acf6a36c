"""Detect answers that do no work. Zeros are symmetric, quadratic and 0 at the target: none of that may earn anything."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import NUMBERS, Case, Exercise, double, of_kind

Draws = Sequence[tuple[Mapping[str, Case], Answer]]

DRIFTS = "Not counted, because a second call with the same arguments gives another result."
CONSTANT = "Not counted, because the result is the same for every input."
EVEN = "Not counted, because every entry of the result is the same number."
UNCHANGED = "Not counted, because the input comes back as it is."
NEGLIGIBLE = "Not counted, because the result is negligible next to the right one."

NOTHING = 1e-5  # of the right answer's size: numbers this small satisfy 'twice as much' and 'the same' whatever they are
STANDSTILL = 5e-4  # of the way from an argument to the right answer


def no_work(exercise: Exercise, draws: Draws) -> str | None:
    """Why an answer with a wrong value may earn nothing, or None if it may. Its outputs have the right shapes."""
    if any(answer.drifts for _, answer in draws):
        return DRIFTS
    if exercise.result == "word":  # an honest attempt gives several new words
        for cases, answer in draws:
            given = {name: {str(value) for value in cases[name].values()} for name in answer.outputs}
            if len({str(output) for name, output in answer.outputs.items() if str(output) not in given[name]}) <= 1:
                return UNCHANGED
        return None
    firsts = [(case, answer.outputs[first]) for cases, answer in draws for first, case in list(cases.items())[:1]]
    if all(_is_argument(exercise, case, output) for case, output in firsts):
        return UNCHANGED
    if exercise.result in ("matrix", "image") and all(_same(output, output.flat[0]) for _, output in firsts):
        return EVEN
    sizes = [  # the largest entry of each answer and of the right one
        [
            max(np.abs(output).max() for output in outputs)
            for outputs in (answer.outputs.values(), map(exercise.expected, cases.values()))
        ]
        for cases, answer in draws
    ]
    if all(largest <= NOTHING * right for largest, right in sizes):
        return NEGLIGIBLE
    alike = firsts
    if exercise.result == "whole":  # two may agree by chance
        kinds = [of_kind(next(iter(cases)), cases) for cases, _ in draws]
        alike = [(cases[name], answer.outputs[name]) for names, (cases, answer) in zip(kinds, draws, strict=True) for name in names
                 if name in answer.outputs]  # fmt: skip
    constant = _constant(exercise, alike) or all(
        _constant(exercise, [(cases[name], output) for name, output in answer.outputs.items()]) for cases, answer in draws
    )
    return CONSTANT if constant else None


def _constant(exercise: Exercise, pairs: Sequence[tuple[Case, np.ndarray]]) -> bool:
    """Whether inputs with different right answers all get the same output."""
    case, output = pairs[0]
    alike = [pair for pair in pairs if pair[1].shape == output.shape]
    differ = any(not exercise.is_right(other, exercise.expected(case)) for other, _ in alike)
    return differ and all(_same(other, output) for _, other in alike)


def _is_argument(exercise: Exercise, case: Case, output: np.ndarray) -> bool:
    """Whether the output is one of the arguments up to its shape, or, for a single number, one entry of them."""
    output, right = output.ravel(), exercise.expected(case).ravel()
    for value in (variant for argument in case.values() for variant in _variants(exercise, argument)):
        if _same(output, value):
            return True
        if exercise.result in NUMBERS:
            if np.isclose(value, output.item(), rtol=1e-6, atol=1e-12).any():
                return True
        elif value.dtype.kind != "U" and output.size == value.size == right.size:
            if np.abs(output - value).max() <= STANDSTILL * np.abs(right - value).max():  # it has hardly moved
                return True
    return False


def _variants(exercise: Exercise, value) -> Iterator[np.ndarray]:
    """An argument as it is, clipped, and, for a single number, its sum, mean and size; for a dict, those of each layer."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _variants(exercise, inner)
    elif isinstance(value, str | int | float | np.ndarray | np.generic):
        value = np.ravel(double(value))
        yield value
        if value.dtype.kind != "U":
            yield np.clip(value, 0, 1)
            if exercise.result in NUMBERS:
                yield np.array([value.sum(), value.mean(), value.size])


def _same(output: np.ndarray, other) -> bool:
    """Whether both are equal up to rounding. This is stricter than for a right answer, because errors may be small numbers."""
    other = np.asarray(other)
    if "U" in (output.dtype.kind, other.dtype.kind):
        return output.size == other.size == 1 and str(output.item()) == str(other.item())
    fits = other.ndim == 0 or other.size == output.size
    return fits and bool(np.allclose(output, other.reshape(output.shape) if other.ndim else other, rtol=1e-5, atol=1e-12))
