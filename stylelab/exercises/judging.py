"""Judge what a function gave: first its shape, then its value, then its properties. Plain arrays only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stylelab.exercises.asking import Answer
from stylelab.exercises.definition import NUMBERS, Case, Exercise, double


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
    if next(iter(cases)) not in answer.outputs:
        return _nothing(exercise, *(answer.trouble or ("open", "")))
    if stopped := _shape_fault(exercise, cases, answer):
        return _nothing(exercise, *stopped)
    faults = dict(_faults(exercise, cases, answer))
    if not faults:
        return Verdict("right", "", _parts(exercise, faults))
    stage = "value" if "value" in faults else answer.trouble[0] if answer.trouble else "property"
    return Verdict(stage, _first_told(exercise, cases, answer, faults), _parts(exercise, faults))


def _nothing(exercise: Exercise, stage: str, sentence: str) -> Verdict:
    return Verdict(stage, sentence, _parts(exercise, dict.fromkeys(_names(exercise), sentence or "not attempted")))


def _first_told(exercise: Exercise, cases: Mapping[str, Case], answer: Answer, faults: Mapping[str, str]) -> str:
    """An error at another case comes before a wrong value, unless that is a mistake with a name."""
    if answer.trouble and not answer.changed and not exercise.recognise(cases, answer.outputs):
        return answer.trouble[1]
    return next(iter(faults.values()))


def _names(exercise: Exercise) -> list[str]:
    return ["value", *(each.name for each in exercise.properties), *(["gradient"] if exercise.differentiable else [])]


def _parts(exercise: Exercise, faults: Mapping[str, str]) -> tuple[Part, ...]:
    points = {each.name: each.points for each in exercise.properties} | {"value": exercise.value_points, "gradient": 1}
    return tuple(Part(name, points[name], faults.get(name)) for name in _names(exercise))


def _shape_fault(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> tuple[str, str] | None:
    """A wrong shape leaves nothing else to judge."""
    for name, output in answer.outputs.items():
        expected = exercise.expected(cases[name])
        if output.shape != expected.shape and not (exercise.result in ("number", "whole") and output.size == 1):
            known = exercise.recognise(cases, answer.outputs)
            return "shape", known or _shape_sentence(exercise, answer.shapes[name], output.shape, expected.shape)
    return None


def _shape_sentence(exercise: Exercise, shape: tuple[int, ...], output: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if exercise.result in NUMBERS:
        how = "take the one number out of it, with [0]" if np.prod(shape) == 1 else "sum or average over all axes"
        return f"Shape {shape}; expected a single number, shape (): {how}."
    if exercise.result == "picture":
        moved = sorted(output) == sorted(expected)
        why = " The axes are in another order: mind where your framework keeps the channels." if moved else ""
        return f"Shape {shape}; expected the shape of the picture that came in.{why}"
    why = " Keep the batch axis: one matrix for each picture." if len(shape) < len(expected) else ""
    return f"Shape {shape} for a batch of {expected[0]} with {expected[-1]} filters; expected {expected}.{why}"


def _faults(exercise: Exercise, cases: Mapping[str, Case], answer: Answer):
    """(name of the part, what is wrong with it), in the order in which they are told."""
    if answer.changed:
        yield "value", f"It changes its input `{answer.changed[0]}` in place: work on a copy, for others use it too."
        return
    first, case = next(iter(cases.items()))
    output, expected = answer.outputs[first].reshape(exercise.expected(case).shape), exercise.expected(case)
    if expected.dtype.kind == "f" and not np.isfinite(output).all():
        yield "value", "The result is not finite: look for a division by zero or the root of a negative number."
    elif not exercise.close(output, expected):
        yield "value", exercise.recognise(cases, answer.outputs) or _value_sentence(exercise, case, output)
    elif answer.drifts:
        yield "value", DRIFTS
    yield from _without_property(exercise, cases, answer)
    if exercise.differentiable and (wrong := _gradient_fault(exercise, case, answer)):
        yield "gradient", wrong


DRIFTS = (
    "The first call is right, but a second call with the same arguments gives something else: nothing may be kept between "
    "calls (a gradient that adds up in `.grad`?) and nothing drawn at random."
)


def _without_property(exercise: Exercise, cases: Mapping[str, Case], answer: Answer):
    for each in exercise.properties:
        try:
            holds = each.holds(cases, answer.outputs)
        except KeyError:  # its case gave no output
            yield each.name, (answer.trouble or ("", each.hint))[1]
            continue
        if not holds:
            yield each.name, _property_sentence(exercise, cases, answer, each)


def _property_sentence(exercise: Exercise, cases: Mapping[str, Case], answer: Answer, each) -> str:
    if each.case is None:
        return each.hint
    case, output = cases[each.case], answer.outputs[each.case]
    return exercise.recognise(cases, answer.outputs) or f"{each.hint} {_value_sentence(exercise, case, output)}"


def _value_sentence(exercise: Exercise, case: Case, output: np.ndarray) -> str:
    expected, example = exercise.expected(case), exercise.example(case)
    if expected.dtype.kind == "U":
        return f"{example} gives '{output}' where '{expected}' is right."
    if example:
        return f"{example} gives {float(output.reshape(())):.4g} where {float(expected):.4g} is right."
    if output.ndim == 0:
        factor = f", {float(output / expected):.3g} times as much" if expected else ""
        return f"The value is {float(output):.4g} where {float(expected):.4g} is right{factor}."
    factor = np.sum(output * expected) / max(np.sum(expected**2), 1e-30)
    if factor and np.allclose(output, factor * expected, rtol=exercise.rtol, atol=exercise.atol):
        return f"The shape is right, but every value is {factor:.3g} times what it should be."
    place = tuple(int(index) for index in np.unravel_index(np.argmax(np.abs(output - expected)), expected.shape))
    return f"The shape is right, the values are not: {output[place]:.4g} where {expected[place]:.4g} is right, for example."


def _gradient_fault(exercise: Exercise, case: Case, answer: Answer) -> str | None:
    name = exercise.differentiable
    if answer.trouble:
        return answer.trouble[1]
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


def _passes(gradient) -> bool:
    if isinstance(gradient, dict):
        return any(_passes(each) for each in gradient.values())
    return gradient is not None and bool(np.any(gradient))


def _slopes(exercise: Exercise, case: Case, name: str, gradient) -> tuple[float, float]:
    """How steep the summed result is in a fixed direction: by the answer's gradient, and by finite differences."""
    rng, at = np.random.default_rng(1), double(case[name])
    if not isinstance(at, dict):
        at, gradient = {"": at}, {"": gradient}
    ways = {layer: rng.uniform(0.5, 1.5, array.shape) for layer, array in at.items()}
    moved = ({layer: at[layer] + h * way for layer, way in ways.items()} for h in (1e-5, -1e-5))
    ahead, behind = (exercise.expected(case | {name: each.get("", each)}).sum() for each in moved)
    measured = sum(float(np.sum(gradient[layer] * way)) for layer, way in ways.items() if gradient[layer] is not None)
    return measured, float((ahead - behind) / 2e-5)
