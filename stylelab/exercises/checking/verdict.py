"""Judge what a function returned: its shape, then its value, then its properties and gradient. Plain arrays only.

An answer may come from a process that a student controls: whatever is in it, there is a verdict.
"""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import MOST, TEXT, WORD, WORDS, Case, Exercise, as_array, double, of_kind
from stylelab.exercises.checking.messages import (
    DRIFTS,
    NOT_FINITE,
    ONCE,
    RANDOM,
    changes,
    no_slope,
    not_for,
    only_once,
    shape_sentence,
    value_sentence,
)
from stylelab.exercises.checking.no_work import no_work

STEP = 1e-5  # of finite differences
STEEP = 5e-3  # of the steepest slope: how far a right gradient may be off
UNCOUNTED = "Not counted while the value is wrong."
STRANGE = "The result is neither numbers nor a word that can be judged."


@dataclass(frozen=True)
class Part:
    """One line of a mark: its name, what it is worth, and its fault, if it has one."""

    name: str
    points: int
    wrong: str | None = None


@dataclass(frozen=True)
class Verdict:
    """How good an answer is.

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
        """What the answer earned."""
        return sum(part.points for part in self.parts if part.wrong is None)


def judge_draws(
    exercise: Exercise, draws: Sequence[tuple[Mapping[str, Case], Answer]], verdicts: Sequence[Verdict] = ()
) -> Verdict:
    """The verdict on one function's answers to several draws of cases: a part is earned if it holds in every draw.

    While the value is wrong, what else holds earns a point in seven at most, and nothing in an answer that does no work: one that is
    the same for every input, that returns an argument, or that returns something else at every call.

    Args:
        draws: (cases, answer), at least one.
        verdicts: what `judge` said of each draw, where that is known already.

    Returns:
        The stage and the sentence of the first draw with a fault, and for each part its first fault.
    """
    verdicts = verdicts or [judge(exercise, cases, answer) for cases, answer in draws]

    def in_draw(index: int, sentence: str) -> str:
        """A fault's sentence; if it does not occur in the first draw, the sentence mentions that."""
        before, case = (next(iter(draws[draw][0].values())) for draw in (0, index))
        return only_once(before, case, exercise, sentence) if index and not sentence.startswith(ONCE) else sentence

    parts = []
    for in_each_draw in zip(*(verdict.parts for verdict in verdicts), strict=True):
        index = next((index for index, part in enumerate(in_each_draw) if part.wrong is not None), None)
        parts.append(
            in_each_draw[0] if index is None else replace(in_each_draw[0], wrong=in_draw(index, in_each_draw[index].wrong))
        )
    faulty = next((index for index, verdict in enumerate(verdicts) if not verdict.right), None)
    if faulty is None:
        return verdicts[0]
    if parts[0].wrong is not None and any(part.wrong is None for part in parts):
        parts = _capped(exercise, parts)
        if any(part.wrong is None for part in parts):
            with np.errstate(all="ignore"):
                why = no_work(exercise, [(cases, cleaned(exercise, cases, answer)) for cases, answer in draws])
            parts = [replace(part, wrong=part.wrong or why) for part in parts]
    stage = verdicts[faulty].stage
    return Verdict(stage.replace("open", "value") if faulty else stage, in_draw(faulty, verdicts[faulty].sentence), tuple(parts))


def _capped(exercise: Exercise, parts: Sequence[Part]) -> list[Part]:
    """The parts of an answer with a wrong value: whatever else holds is worth a point in seven, so that no trick pays."""
    left, capped = exercise.points // 7, []
    for part in parts:
        counts = part.wrong is not None or part.points <= left
        left -= part.points if part.wrong is None and counts else 0
        capped.append(part if counts else replace(part, wrong=UNCOUNTED))
    return capped


@np.errstate(all="ignore")
def judge(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Verdict:
    """The verdict on an answer to these cases alone; only `judge_draws` knows whether it does any work."""
    answer = cleaned(exercise, cases, answer)
    names = ["value", *(prop.name for prop in exercise.properties), *(["gradient"] if exercise.differentiable else [])]
    points = {prop.name: prop.points for prop in exercise.properties} | {"value": exercise.value_points, "gradient": 1}
    trouble = answer.trouble
    if next(iter(cases)) not in answer.outputs:
        stopped: tuple[str, str] | None = trouble or ("open", "")
    else:
        stopped = _shape_fault(exercise, cases, answer)
    if stopped:  # nothing else can be judged
        stage, sentence = stopped
        return Verdict(stage, sentence, tuple(Part(name, points[name], sentence or "not attempted") for name in names))
    answer.outputs.update({name: output.reshape(exercise.expected(cases[name]).shape) for name, output in answer.outputs.items()})
    faults = dict(_faults(exercise, cases, answer))
    parts = tuple(Part(name, points[name], faults.get(name)) for name in names)
    if not faults:
        return Verdict("right", "", parts)
    error = trouble[1] if trouble else ""  # empty for a case that was left open
    stage = "value" if "value" in faults else trouble[0] if trouble and error else "property"
    # an error at another case comes before a wrong value, unless that is a common mistake or names the kind of input
    named = faults.get("value", "").startswith(ONCE)
    error_first = error and not answer.changed and not named and not exercise.recognise(cases, answer.outputs)
    return Verdict(stage, error if error_first else next(iter(faults.values())), parts)


def cleaned(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Answer:
    """The answer reduced to outputs for these cases, as float64 or a word, and gradients of the right shapes.

    What is left out earns nothing.
    """
    outputs = {name: _output(exercise, answer.outputs[name]) for name in cases if name in answer.outputs}
    kept = {name: output for name, output in outputs.items() if output is not None}
    shapes = {}  # in the framework's own layout, or the array's if that cannot be true
    for name, output in kept.items():
        shape = answer.shapes.get(name)
        shapes[name] = shape if isinstance(shape, tuple) and sorted(shape) == sorted(output.shape) else output.shape
    return replace(
        answer,
        outputs=kept,
        shapes=shapes,
        trouble=answer.trouble or (None if len(kept) == len(outputs) else ("type", STRANGE)),
        changed=tuple(name for name in exercise.arguments if name in answer.changed) or answer.changed[:1] and ("?",),
        gradients={
            name: [
                {argument: _gradient(case[argument], one[argument]) for argument in exercise.arguments if argument in one}
                for one in answer.gradients[name]
            ]
            for name, case in cases.items()
            if name in answer.gradients
        },
    )


def _output(exercise: Exercise, output) -> np.ndarray | None:
    if not isinstance(output, np.ndarray | np.generic):
        return None
    if exercise.result in WORDS:
        longest = WORD if exercise.result == "word" else TEXT
        return np.asarray(str(output.reshape(()))[:longest]) if output.dtype.kind == "U" and output.size == 1 else None
    if exercise.result in ("list", "table") and output.dtype.kind == "U":
        return np.asarray(output) if output.nbytes <= 8 * MOST else None
    return np.asarray(output, dtype=float) if output.dtype.kind in "fiub" and output.size <= MOST else None


def _gradient(value, gradient):
    """The gradient if its shape matches the argument's, otherwise None; by layer for a dict."""
    if isinstance(value, dict):
        by_layer = gradient if isinstance(gradient, Mapping) else {}
        return {layer: _gradient(inner, by_layer.get(layer)) for layer, inner in value.items()}
    fits = isinstance(gradient, np.ndarray | np.generic) and gradient.dtype.kind in "fiub" and gradient.shape == np.shape(value)
    return np.asarray(gradient, dtype=float) if fits else None


def _shape_fault(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> tuple[str, str] | None:
    first = next(iter(cases))
    for name, output in answer.outputs.items():
        expected = exercise.expected(cases[name])
        if output.shape != expected.shape and not (exercise.result in ("number", "whole", "truth") and output.size == 1):
            fault = shape_sentence(exercise, answer.shapes[name], output.shape, expected.shape)
            kind = name.partition(": ")[2] if name in of_kind(first, cases) else ""
            return "shape", exercise.recognise(cases, answer.outputs) or (not_for(kind, fault) if kind else fault)
    return None


def _value_fault(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> str | None:
    """The fault of the value in the first case, or for one of the other kinds of input."""
    first = next(iter(cases))
    if answer.changed:
        return changes(answer.changed[0])
    for name in of_kind(first, cases):
        case, output = cases[name], answer.outputs.get(name)
        if output is None:
            fault = answer.trouble[1] if answer.trouble else ""
        elif not _finite(output):
            fault = NOT_FINITE
        elif exercise.close(output, exercise.expected(case)):
            continue
        else:
            alone = ({name: case}, {name: output})
            known = exercise.recognise(cases, answer.outputs) if name == first else exercise.recognise(*alone)
            fault = known or (RANDOM if answer.drifts else value_sentence(exercise, case, output))
        example, kind = exercise.example(case), name.partition(": ")[2]
        return fault if name == first else not_for("another" if example and example in fault else kind, fault)
    if answer.drifts:
        return DRIFTS
    if exercise.fed_back and answer.trouble and all(name in answer.outputs for name in cases):
        return answer.trouble[1]  # of a call with its own result
    return None


def _faults(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Iterator[tuple[str, str]]:
    """(name of the part, its fault), the most important first."""
    value = _value_fault(exercise, cases, answer)
    if value:
        yield "value", value
    finite = {name: output for name, output in answer.outputs.items() if _finite(output)}
    for prop in exercise.properties:
        try:
            holds = exercise.holds(prop, cases, finite)
        except KeyError:  # its case has no output, or one that proves nothing: inf is twice inf
            trouble = answer.trouble[1] if answer.trouble else ""
            yield prop.name, NOT_FINITE if len(finite) < len(answer.outputs) else trouble or prop.hint
            continue
        except Exception:  # noqa: BLE001  what cannot even be looked at, such as a text instead of a number, does not have it
            holds = False
        if holds:
            continue
        if prop.case is None:
            yield prop.name, prop.hint
        else:
            pairs = ((cases[name], answer.outputs[name]) for name in of_kind(prop.case, cases))
            shown = next((f" {value_sentence(exercise, *pair)}" for pair in pairs if not exercise.is_right(*pair)), "")
            yield prop.name, exercise.recognise(cases, answer.outputs) or f"{prop.hint}{shown}"
    if not exercise.differentiable:
        return
    if value:  # the gradient of something else says nothing
        yield "gradient", UNCOUNTED
    elif answer.trouble:
        yield "gradient", answer.trouble[1] or "No gradient is returned."
    elif fault := _gradient_fault(exercise, cases, answer):
        yield "gradient", f"The value is right, but {fault}"


def _finite(output: np.ndarray) -> bool:
    return output.dtype.kind == "U" or bool(np.isfinite(output).all())


def _gradient_fault(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> str | None:
    of_first = answer.gradients.get(next(iter(cases)), [])
    reached = [name for name in exercise.arguments if any(_passes(gradient.get(name)) for gradient in of_first)]
    missed = next((name for name in exercise.differentiable if name not in reached), None)
    if missed:
        if others := [name for name in reached if name not in exercise.differentiable]:
            return f"the gradient passes through `{others[0]}` instead of `{missed}`: it is `{missed}` that is optimised."
        return f"no gradient reaches `{missed}`: use tensors throughout, without NumPy, detaching or a new tensor made of the numbers."
    # a flat image says most; always in one order, so that a grader's draw names the same place as the notebook
    places = sorted(cases, key=lambda case: (case != "flat", case))
    for at, name in itertools.product(places, exercise.differentiable):
        gradients = [gradient.get(name) for gradient in answer.gradients.get(at, [])]
        if not all(map(_all_finite, gradients)):
            return no_slope(name, cases[at], at.partition(": ")[2])
        for gradient, (low, high) in zip(gradients, slopes(exercise, name, cases[at], answer.weights[at]), strict=True):
            least = 1e-4 + STEEP * max(np.abs(low).max(), np.abs(high).max())
            measured = _flat(gradient, cases[at][name])
            if not np.all((low - least <= measured) & (measured <= high + least)):
                return f"the gradient is not: part of `{name}` is cut off, by detaching or a copy."
    return None


def _all_finite(gradient) -> bool:
    if isinstance(gradient, dict):
        return all(map(_all_finite, gradient.values()))
    return gradient is None or _finite(gradient)


def _passes(gradient) -> bool:
    if isinstance(gradient, dict):
        return any(_passes(inner) for inner in gradient.values())
    return gradient is not None and bool(np.any(gradient))


def slopes(exercise: Exercise, name: str, case: Case, weights: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """How steep weighted sums of the result are along each number of an argument, and between which slopes.

    Those are finite differences ahead and behind. They agree except where the result has a kink, as |x| has at 0: there any
    slope in between is right.

    Returns:
        For each of the weights, the lower and the higher slopes at all numbers in a row, layer by layer for a dict.
    """
    case = copy.deepcopy(double(case))

    def value() -> np.ndarray:
        return as_array(exercise.reference(**case))

    here = value()
    ahead: list[np.ndarray] = []
    behind: list[np.ndarray] = []
    for array in case[name].values() if isinstance(case[name], dict) else [case[name]]:
        for index in np.ndindex(array.shape):
            before = array[index]
            for change, slopes_there in ((STEP, ahead), (-STEP, behind)):
                array[index] = before + change
                slopes_there.append(((value() - here) / change).ravel())
            array[index] = before
    both = [[np.array(side) @ one.ravel() for side in (ahead, behind)] for one in weights]
    return [(np.minimum(*pair), np.maximum(*pair)) for pair in both]


def _flat(gradient, value) -> np.ndarray:
    """All numbers of a gradient in a row; 0 where there is none."""
    if isinstance(value, dict):
        return np.concatenate([_flat((gradient or {}).get(layer), inner) for layer, inner in value.items()])
    return np.zeros(np.size(value)) if gradient is None else np.ravel(gradient)
