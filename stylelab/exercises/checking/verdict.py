"""Judge what a function gave: first its shape, then its value, then its properties. Plain arrays only.

An answer may come from a process that a student controls: whatever is in it, there is a verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.clean import cleaned
from stylelab.exercises.checking.definition import Case, Exercise
from stylelab.exercises.checking.gradients import gradient_fault
from stylelab.exercises.checking.messages import DRIFTS, NOT_FINITE, changes, only_once, shape_sentence, value_sentence
from stylelab.exercises.checking.no_work import idle


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


def judge_draws(exercise: Exercise, draws: Sequence[tuple[Mapping[str, Case], Answer]]) -> Verdict:
    """The verdict on one function's answers to several draws of cases: a part is earned where it holds in every draw.

    While the value is wrong, an answer without any work earns nothing: one that is the same whatever comes in, an argument
    handed back, or something else at every call.

    Args:
        draws: (cases, answer), at least one.

    Returns:
        The stage and the sentence of the first draw with a fault, and for each part the first fault of it.
    """
    verdicts = [judge(exercise, cases, answer) for cases, answer in draws]
    parts = tuple(_joined(exercise, draws, each) for each in zip(*(verdict.parts for verdict in verdicts), strict=True))
    faulty = next((index for index, verdict in enumerate(verdicts) if not verdict.right), None)
    if faulty is None:
        return verdicts[0]
    stage, sentence = verdicts[faulty].stage, verdicts[faulty].sentence
    if faulty:
        stage, sentence = stage.replace("open", "value"), _only_once(exercise, draws, faulty, sentence)
    return Verdict(stage, sentence, _without_idle(exercise, draws, parts))


def _joined(exercise: Exercise, draws, parts: Sequence[Part]) -> Part:
    """One part of the mark over all draws."""
    faulty = next((index for index, part in enumerate(parts) if part.wrong is not None), 0)
    if faulty == 0:
        return parts[0]
    return replace(parts[0], wrong=_only_once(exercise, draws, faulty, parts[faulty].wrong))


def _only_once(exercise: Exercise, draws, faulty: int, sentence: str) -> str:
    before, case = (next(iter(draws[index][0].values())) for index in (0, faulty))
    return only_once(before, case, exercise, sentence)


def _without_idle(exercise: Exercise, draws, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    if parts[0].wrong is None or all(part.wrong is not None for part in parts):
        return parts
    with np.errstate(all="ignore"):
        why = idle(exercise, [(cases, cleaned(exercise, cases, answer)) for cases, answer in draws])
    return tuple(replace(part, wrong=why if part.wrong is None else part.wrong) for part in parts)


def judge(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Verdict:
    """The verdict on an answer to these cases. What an answer without any work must not earn, `judge_draws` knows."""
    with np.errstate(all="ignore"):
        return _judged(exercise, cases, cleaned(exercise, cases, answer))


def _judged(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Verdict:
    if next(iter(cases)) not in answer.outputs:
        return _nothing(exercise, *(answer.trouble or ("open", "")))
    if stopped := _shape_fault(exercise, cases, answer):
        return _nothing(exercise, *stopped)
    answer.outputs.update({name: output.reshape(exercise.expected(cases[name]).shape) for name, output in answer.outputs.items()})
    faults = dict(_faults(exercise, cases, answer))
    if not faults:
        return Verdict("right", "", _parts(exercise, faults))
    stage = "value" if "value" in faults else answer.trouble[0] if _trouble(answer) else "property"
    return Verdict(stage, _first_told(exercise, cases, answer, faults), _parts(exercise, faults))


def _nothing(exercise: Exercise, stage: str, sentence: str) -> Verdict:
    return Verdict(stage, sentence, _parts(exercise, dict.fromkeys(_names(exercise), sentence or "not attempted")))


def _first_told(exercise: Exercise, cases: Mapping[str, Case], answer: Answer, faults: Mapping[str, str]) -> str:
    """An error at another case comes before a wrong value, unless that is a mistake with a name."""
    if _trouble(answer) and not answer.changed and not exercise.recognise(cases, answer.outputs):
        return answer.trouble[1]
    return next(iter(faults.values()))


def _trouble(answer: Answer) -> str:
    """What stopped the answer at some case, in words; empty where nothing did, or where it was left open there."""
    return answer.trouble[1] if answer.trouble else ""


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
            return "shape", known or shape_sentence(exercise, answer.shapes[name], output.shape, expected.shape)
    return None


def _faults(exercise: Exercise, cases: Mapping[str, Case], answer: Answer):
    """(name of the part, what is wrong with it), in the order in which they are told."""
    first = next(iter(cases))
    value = _value_fault(exercise, cases, cases[first], answer, answer.outputs[first])
    if value:
        yield "value", value
    yield from _without_property(exercise, cases, answer)
    if exercise.differentiable and (wrong := gradient_fault(exercise, cases[first], answer, value)):
        yield "gradient", wrong


def _value_fault(exercise: Exercise, cases: Mapping[str, Case], case: Case, answer: Answer, output: np.ndarray) -> str | None:
    if answer.changed:
        return changes(answer.changed[0])
    if not _finite(output):
        return NOT_FINITE
    if not exercise.close(output, exercise.expected(case)):
        return exercise.recognise(cases, answer.outputs) or value_sentence(exercise, case, output)
    return DRIFTS if answer.drifts else None


def _finite(output: np.ndarray) -> bool:
    return output.dtype.kind == "U" or bool(np.isfinite(output).all())


def _without_property(exercise: Exercise, cases: Mapping[str, Case], answer: Answer):
    finite = {name: output for name, output in answer.outputs.items() if _finite(output)}
    for each in exercise.properties:
        try:
            holds = each.holds(cases, finite)
        except KeyError:  # its case gave no output, or one that proves nothing: inf is twice inf
            yield each.name, NOT_FINITE if len(finite) < len(answer.outputs) else _trouble(answer) or each.hint
            continue
        if not holds:
            yield each.name, _property_sentence(exercise, cases, answer, each)


def _property_sentence(exercise: Exercise, cases: Mapping[str, Case], answer: Answer, each) -> str:
    if each.case is None:
        return each.hint
    case, output = cases[each.case], answer.outputs[each.case]
    shown = "" if exercise.is_right(case, output) else f" {value_sentence(exercise, case, output)}"
    return exercise.recognise(cases, answer.outputs) or f"{each.hint}{shown}"
