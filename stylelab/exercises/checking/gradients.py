"""Whether the right gradient passes through an answer."""

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import Case, Exercise, double


def gradient_fault(exercise: Exercise, case: Case, answer: Answer, value: str | None) -> str | None:
    """What is wrong with the gradient, if anything.

    Args:
        value: what is wrong with the value.
    """
    if value:  # the gradient of something else says nothing
        return "Not counted while the value is wrong."
    if answer.trouble:  # then none could be taken, or it was not asked for
        return answer.trouble[1] or "No gradient came back."
    fault = _fault(exercise, case, answer, exercise.differentiable)
    return fault and f"The value is right, but {fault}"


def _fault(exercise: Exercise, case: Case, answer: Answer, name: str) -> str | None:
    gradient = answer.gradients.get(name)
    if not _passes(gradient):
        others = [key for key, other in answer.gradients.items() if key != name and _passes(other)]
        if others:
            return f"the gradient goes through `{others[0]}` and not through `{name}`: it is `{name}` that must learn."
        return f"no gradient reaches `{name}`: stay with tensors, without NumPy or detaching."
    measured, expected = _slopes(exercise, case, name, gradient)
    if not np.isclose(measured, expected, rtol=2e-2, atol=1e-4):
        return f"the gradient is not: part of `{name}` is cut off, by detaching or a copy."
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
