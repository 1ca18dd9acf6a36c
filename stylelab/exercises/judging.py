"""Judge what a function gave: first its shape, then its value, then its properties. Plain arrays only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stylelab.exercises.asking import Answer
from stylelab.exercises.definition import Case, Exercise


@dataclass(frozen=True)
class Part:
    """One line of a mark: what was looked at, what it is worth, and what is wrong with it, if anything."""

    name: str
    points: int
    wrong: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth.

    Attributes:
        stage: 'right', or where the first fault is: 'open', 'error', 'type', 'shape', 'value', 'property'.
        sentence: the first fault in words; empty for a right or an open answer.
        parts: the mark, line by line.
    """

    stage: str
    sentence: str
    parts: tuple[Part, ...]

    @property
    def right(self) -> bool:
        return self.stage == "right"

    @property
    def points(self) -> int:
        """What was earned."""
        return sum(part.points for part in self.parts if part.wrong is None)


def judge(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Verdict:
    """The verdict on an answer to these cases."""
    stage, sentence = _first_fault(exercise, cases, answer) or answer.trouble or ("right", "")
    if stage not in ("right", "value", "property"):  # nothing to compare
        return Verdict(stage, sentence, _parts(exercise, dict.fromkeys(_names(exercise), sentence or "not attempted")))
    faults = dict(_faults(exercise, cases, answer))
    if faults:
        first = next(iter(faults))
        stage = "value" if first == "value" else "property"
        sentence = faults[first]
    return Verdict(stage, sentence, _parts(exercise, faults))


def _names(exercise: Exercise) -> list[str]:
    return ["value", *(each.name for each in exercise.properties), *(["gradient"] if exercise.differentiable else [])]


def _parts(exercise: Exercise, faults: Mapping[str, str]) -> tuple[Part, ...]:
    points = {each.name: each.points for each in exercise.properties} | {"value": exercise.value_points, "gradient": 1}
    return tuple(Part(name, points[name], faults.get(name)) for name in _names(exercise))


def _first_fault(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> tuple[str, str] | None:
    """Shape, numbers that are none, and inputs that were changed: faults that leave nothing else to judge."""
    first = next(iter(cases))
    for name, output in answer.outputs.items():
        case, expected = cases[name], exercise.expected(cases[name])
        if output.shape != expected.shape and not (exercise.result == "number" and output.size == 1):
            known = exercise.recognise(case, output) if name == first else None
            return "shape", known or _shape_sentence(exercise, case, answer.shapes[name], expected.shape)
    if answer.changed:
        return "value", f"It changes its input `{answer.changed[0]}` in place: work on a copy, for others use it too."
    if answer.trouble and first in answer.outputs and (known := exercise.recognise(cases[first], answer.outputs[first])):
        return "error", known  # it stops at another case, but the first one says more
    return None


def _shape_sentence(exercise: Exercise, case: Case, shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if exercise.result in ("scalar", "number"):
        return f"Shape {shape}; expected a single number, shape (): sum or average over all axes."
    if exercise.result == "picture":
        return f"Shape {shape}; expected the shape of the picture that came in."
    return f"Shape {shape} for a batch of {expected[0]} with {expected[-1]} filters; expected {expected}."


def _faults(exercise: Exercise, cases: Mapping[str, Case], answer: Answer):
    """(name of the part, what is wrong with it), in the order in which they are told."""
    if answer.changed:
        yield "value", _first_fault(exercise, cases, answer)[1]
        return
    first, case = next(iter(cases.items()))
    output, expected = answer.outputs[first].reshape(exercise.expected(case).shape), exercise.expected(case)
    if not np.isfinite(output).all():
        yield "value", "The result is not finite: look for a division by zero or the root of a negative number."
    elif not exercise.close(output, expected):
        yield "value", exercise.recognise(case, output) or _value_sentence(output, expected)
    for each in exercise.properties:
        if not each.holds(cases, answer.outputs):
            yield each.name, each.hint
    if exercise.differentiable and (wrong := _gradient_fault(exercise, case, answer)):
        yield "gradient", wrong


def _value_sentence(output: np.ndarray, expected: np.ndarray) -> str:
    if output.ndim == 0:
        factor = f", {float(output / expected):.3g} times as much" if expected else ""
        return f"The value is {float(output):.4g} where {float(expected):.4g} is right{factor}."
    place = tuple(int(index) for index in np.unravel_index(np.argmax(np.abs(output - expected)), expected.shape))
    return f"The shape is right, the values are not: {output[place]:.4g} where {expected[place]:.4g} is right, for example."


def _gradient_fault(exercise: Exercise, case: Case, answer: Answer) -> str | None:
    name = exercise.differentiable
    others = [key for key, gradient in answer.gradients.items() if key != name and _passes(gradient)]
    gradient = answer.gradients.get(name)
    if not _passes(gradient):
        if others:
            return f"The gradient goes through `{others[0]}` and not through `{name}`: it is `{name}` that must learn."
        return f"The value is right, but no gradient reaches `{name}`: stay with tensors, without NumPy or detaching."
    measured, expected = _slopes(exercise, case, name, gradient)
    if not np.isclose(measured, expected, rtol=2e-2, atol=1e-4):
        return f"The value is right, but its gradient is not: part of `{name}` is cut off, by detaching or a copy."
    return None


def _passes(gradient: np.ndarray | None) -> bool:
    return gradient is not None and bool(np.any(gradient))


def _slopes(exercise: Exercise, case: Case, name: str, gradient: np.ndarray) -> tuple[float, float]:
    """How steep the summed result is in a fixed direction: by the answer's gradient, and by finite differences."""
    at = np.asarray(case[name], dtype=float)
    direction = np.random.default_rng(1).uniform(0.5, 1.5, at.shape)
    ahead, behind = (exercise.expected(case | {name: at + h * direction}).sum() for h in (1e-5, -1e-5))
    return float(np.sum(gradient * direction)), float((ahead - behind) / 2e-5)
