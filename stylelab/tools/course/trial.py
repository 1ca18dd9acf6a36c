"""Try an exercise before students do: its definition, its own reference, each of its mistakes, and an answer that does no work."""

import inspect
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stylelab.exercises import Answer, Exercise, Property, judge, judge_draws
from stylelab.exercises.checking.definition import BY_LAYER, MOST, NUMBERS, PLAIN, TENSORS, Case, as_array, double
from stylelab.exercises.own import in_words

SEEDS = range(12)
SECONDS = 120  # for everything that is done with one exercise
DRAWN = ("loss", "kernel")  # kinds of arguments that are functions, drawn as numbers
ARGUMENTS = (*TENSORS, *BY_LAYER, *PLAIN, *DRAWN)
RESULTS = ("array", "list", "table", "number", "whole", "truth", "word", "text", "scalar", "matrix", "image", "activation")
FORM: dict[str, tuple[Any, str]] = {  # field of an exercise -> its type, in words
    "title": (str, "a sentence"),
    "arguments": (Mapping, "a dict: name of an argument -> its kind"),
    "result": (str, "a kind"),
    "cases": (Callable, "a function that takes `rng`"),
    "reference": (Callable, "a function that takes the arguments by name"),
    "mistakes": (Mapping, "a dict: sentence for the student -> the wrong answer"),
    "properties": ((list, tuple), "a list of Property, or a tuple with a comma behind the last one"),
    "differentiable": ((list, tuple), "a list of arguments' names"),
    "hints": ((list, tuple), "a list of texts, or a tuple with a comma behind the last one"),
    "advice": (Mapping, "a dict: words of an error -> what to do"),
    "rtol": ((int, float), "a number"),
    "atol": ((int, float), "a number"),
}


class TooLong(BaseException):
    """The time is up. No `except Exception` of a course's code stops it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End what takes longer, where the system and the thread allow it.

    Raises:
        TooLong: the time is up.
    """

    def stop(*_: object) -> None:
        raise TooLong

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(name: str, folder: Path, faults: Iterator[str]) -> Iterator[str]:
    """The lines of `faults` about something in a course, with its name; one more if its code stops or has no end.

    Args:
        folder: with the course's exercises.
    """
    try:
        with time_limit(SECONDS):
            for line in faults:
                yield f"{name}: {line}"
    except TooLong as error:
        yield f"{name}: trying it took more than {SECONDS} seconds{at(error, folder)}"
    except (Exception, SystemExit) as error:  # whatever an author's code does becomes a line
        yield ": ".join((name, *getattr(error, "__notes__", ()), in_words(error, folder)))


def at(error: TooLong, folder: Path) -> str:
    """Where in a course's files the time was up, and what to do."""
    where, _, _ = in_words(error, folder).rpartition(f": {TooLong.__name__}")
    return f"{f', and was at {where}' if where else ''}: end the loop, or draw smaller inputs"


def exercise_faults(exercise: Exercise) -> Iterator[str]:
    """The faults of an exercise's definition; whatever its own code raises comes through."""
    if fault := form_fault(exercise) or _case_fault(exercise):
        yield fault
        return
    draws = [(seed, exercise.inputs(seed)) for seed in SEEDS]
    right = [(cases, _answer(cases, exercise.reference)) for _, cases in draws]
    for (seed, _), (cases, answer) in zip(draws, right, strict=True):
        for prop in exercise.properties:
            if not _holds(exercise, prop, cases, answer):
                yield f"property '{prop.name}': its own reference does not have it (seed {seed})"
                return
        verdict = judge(exercise, cases, answer)
        if wrong := next((part.wrong for part in verdict.parts if part.wrong and part.name != "gradient"), None):
            yield f"its own reference is not right (seed {seed}): {wrong}"
            return
    if all(_alike(cases, right[0][0]) for cases, _ in right):
        yield "its inputs are the same for every seed: draw them from `rng`"
    yield from _mistake_faults(exercise, right)
    constant = right[0][1].outputs["plain"]
    lazy = [(cases, _answer(cases, lambda **case: constant)) for cases, _ in right[:2]]
    if earned := judge_draws(exercise, lazy).points:
        yield f"an answer that returns the same for every input earns {earned} of {exercise.points} points: vary the inputs more"
    if len(exercise.hints) not in (2, 3):
        yield f"hints: {len(exercise.hints)}, but a student who is stuck can ask for three: the idea, the steps, and the line itself"


def form_fault(exercise: Exercise) -> str:
    """The first field of an exercise that is not what it should be; empty if there is none."""
    for name, (types, words) in FORM.items():
        if not isinstance(getattr(exercise, name), types):
            return f"`{name}` should be {words}"
    if not exercise.title.strip():
        return "`title` is empty: say in a sentence what to do"
    if not exercise.arguments:
        return "it has no arguments, so its answer would always be the same"
    for name, kind in exercise.arguments.items():
        if kind not in ARGUMENTS:
            return f"argument '{name}' is of an unknown kind '{kind}': choose one of {', '.join(ARGUMENTS)}"
    if exercise.result not in RESULTS:
        return f"its result is of an unknown kind '{exercise.result}': choose one of {', '.join(RESULTS)}"
    if not all(isinstance(each, Property) and (callable(each.holds) or each.case) for each in exercise.properties):
        return "each of `properties` should be a Property, with a function (cases, outputs) -> bool or with `case=`"
    names = ["value", "gradient", *(each.name for each in exercise.properties)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        return f"property '{twice}': choose another name, which nothing else in the table of marks has"
    points = [exercise.value_points, *(each.points for each in exercise.properties)]
    if not all(type(each) is int and each > 0 for each in points):
        return f"its points are {', '.join(map(str, points))}: each should be a whole number from 1 on"
    if not exercise.mistakes:
        return "`mistakes` is empty: name at least the one that you expect most, with the sentence that a student should read"
    if not all(isinstance(hint, str) and hint and callable(wrong) for hint, wrong in exercise.wrong_answers()):
        return f"`mistakes` should be {FORM['mistakes'][1]}, a function with the same arguments, or a list of them"
    if unknown := next((name for name in exercise.differentiable if name not in exercise.arguments), None):
        return f"`differentiable` names '{unknown}', which is not an argument"
    if not all(isinstance(hint, str) for hint in exercise.hints):
        return "`hints` should be texts"
    if not _takes(exercise.cases, None):
        return "`cases` should take one argument, `rng`"
    for function, what in (
        (exercise.reference, "`reference`"),
        *((wrong, f"mistake '{hint}'") for hint, wrong in exercise.wrong_answers()),
    ):
        if not _takes(function, **exercise.arguments):
            return f"{what} should take these arguments by name: {', '.join(exercise.arguments)}"
    return ""


def _takes(function: Callable, *arguments: object, **named: object) -> bool:
    """Whether a function can be called like this."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        pass
    return True


def _case_fault(exercise: Exercise) -> str:
    for seed in SEEDS:
        cases, same = (exercise.cases(np.random.default_rng(seed)) for _ in range(2))
        if not isinstance(cases, dict) or next(iter(cases), None) != "plain":
            return "`cases` should return a dict whose first key is 'plain'"
        for name, case in cases.items():
            if not isinstance(case, dict) or case.keys() != exercise.arguments.keys():
                return f"case '{name}' should be a dict with {' and '.join(exercise.arguments)}, and nothing else"
        if not _alike(cases, same):
            return "`cases` gives something else for the same seed: draw from its argument `rng` alone"
        for name, case in ((name, exercise.given(case)) for name, case in cases.items()):
            for argument, kind in exercise.arguments.items():
                if not _fits(kind, case[argument]):
                    return f"case '{name}': `{argument}` is a {type(case[argument]).__name__}, which is not of the kind '{kind}'"
            if seed == SEEDS[0] and (fault := _result_fault(exercise, exercise.reference(**double(case)))):
                return f"its reference returns {fault} (case '{name}')"
    return ""


def _fits(kind: str, value: Any) -> bool:
    """Whether a value in a case is of a kind of argument."""
    match kind:
        case "number" | "whole":
            return isinstance(value, int if kind == "whole" else int | float) and not isinstance(value, bool)
        case "truth":
            return isinstance(value, bool)
        case "word" | "text":
            return isinstance(value, str | int if kind == "word" else str)
        case "list" | "pairs":
            return isinstance(value, list) and (
                kind == "list" or all(isinstance(pair, list) and len(pair) == 2 for pair in value)
            )
        case "table" | "numbers":
            return isinstance(value, dict) and all(isinstance(name, str) for name in value)
        case "activations" | "matrices":
            return isinstance(value, dict) and all(isinstance(array, np.ndarray) for array in value.values())
        case "activation" | "image":
            return isinstance(value, np.ndarray) and value.ndim == 4
    return np.asarray(value).dtype.kind in "fiub"


def _result_fault(exercise: Exercise, result: object) -> str:
    """What a reference returned, if that is not of the kind of its exercise."""
    kind = exercise.result
    if result is None:
        return "nothing"
    try:
        array = as_array(result)
    except (ValueError, TypeError):
        return "lists that are not equally long, or something else than numbers and words"
    if array.size > MOST or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        return f"more than {MOST} numbers" if array.size > MOST else "something that is not a finite number"
    match kind:
        case "word" | "text":
            fits = isinstance(result, str)
        case "table":
            fits = isinstance(result, Mapping) and all(
                isinstance(each, str | int | float | np.generic) for each in result.values()
            )
        case "list":
            fits = isinstance(result, list | tuple | np.ndarray)
        case _:
            fits = not isinstance(result, Mapping) and array.dtype.kind == "f"
            fits = fits and (array.ndim == 0 or kind not in (*NUMBERS, "truth"))
    values = " with something else than numbers or words" if kind == "table" and isinstance(result, Mapping) else ""
    return "" if fits else f"a {type(result).__name__}{values}, where `result` is '{kind}'"


def _holds(exercise: Exercise, prop: Property, cases: Mapping[str, Case], answer: Answer) -> bool:
    try:
        with np.errstate(all="ignore"):
            return exercise.holds(prop, cases, answer.outputs)
    except Exception as error:
        error.add_note(f"property '{prop.name}'")  # for `tried`: the error may have no line of its own
        raise


def _mistake_faults(exercise: Exercise, draws: list[tuple[dict[str, Case], Answer]]) -> Iterator[str]:
    """Each mistake must be wrong, and be recognised for some inputs."""
    for hint, mistake in exercise.wrong_answers():
        made = [_mistaken(cases, mistake, right) for cases, right in draws]
        if stopped := next((why for _, why in made if why), ""):
            yield f"mistake '{hint}': {stopped}"
            continue
        verdicts = [judge(exercise, cases, answer) for (cases, _), (answer, _) in zip(draws, made, strict=True)]
        right_for = [seed for seed, verdict in zip(SEEDS, verdicts, strict=True) if verdict.right]
        if len(right_for) == len(draws):
            yield f"mistake '{hint}': it is a right answer"
        elif right_for:
            yield f"mistake '{hint}': for some inputs (seed {right_for[0]}) it is a right answer: draw inputs that tell the two apart"
        elif not any(hint in verdict.sentence for verdict in verdicts):
            yield f"mistake '{hint}': a student who makes it reads something else: {verdicts[0].sentence}"


def _mistaken(cases: Mapping[str, Case], mistake: Callable, right: Answer) -> tuple[Answer, str]:
    """What a student answers who makes a mistake, but is right where it cannot be made; and why, if that is everywhere."""
    answer, stopped = Answer(dict(right.outputs), dict(right.shapes)), ""
    for name, case in cases.items():
        try:
            answer.outputs |= (one := _answer({name: case}, mistake)).outputs
            answer.shapes |= one.shapes
            stopped = "" if one.outputs else stopped
        except Exception as error:  # noqa: BLE001  as `Exercise.explains` does
            stopped = f"it stops with {type(error).__name__}: {error}"
    return answer, stopped if _alike(answer.outputs, right.outputs) else ""


def _answer(cases: Mapping[str, Case], function: Callable) -> Answer:
    """What a function in NumPy answers, as if it had been asked."""
    answer = Answer()
    with np.errstate(all="ignore"):
        for name, case in cases.items():
            if (result := function(**double(case))) is not None:
                answer.outputs[name] = as_array(result)
                answer.shapes[name] = answer.outputs[name].shape
    return answer


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, whatever arrays are in them."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(inner, other[name]) for name, inner in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=getattr(one, "dtype", np.dtype(int)).kind == "f")
    return type(one) is type(other) and one == other
