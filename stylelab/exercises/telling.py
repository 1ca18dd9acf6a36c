"""Tell a student, in one sentence, what an answer is worth, and which function the lesson goes on with."""

import os
from collections.abc import Callable, Mapping

from stylelab.exercises.asking import Lab, ask
from stylelab.exercises.definition import Exercise
from stylelab.exercises.judging import Verdict, judge


def check_answer(exercise: Exercise, function: Callable, lab: Lab, library: Mapping[str, Callable]) -> Callable:
    """Judge a function, print one sentence about it, and return what the lesson goes on with.

    Args:
        library: exercise id -> the library's own function.

    Returns:
        `function` when it is right, else the library's own.

    Raises:
        AssertionError: the answer is wrong or missing, and nbgrader is running the notebook.
    """
    cases = exercise.inputs()
    verdict = judge(exercise, cases, ask(exercise, function, lab, cases))
    if not verdict.right and os.environ.get("NBGRADER_EXECUTION"):
        raise AssertionError(sentence(exercise, verdict))
    print(sentence(exercise, verdict))
    return function if verdict.right else library[exercise.id]


def sentence(exercise: Exercise, verdict: Verdict) -> str:
    """What a student reads."""
    if verdict.right:
        return f"{exercise.id}: right, in shape, value and every property. The lesson goes on with yours."
    said = "not attempted yet." if verdict.stage == "open" else f"not yet. {verdict.sentence}"
    return f"{exercise.id}: {said} Until it is right, the lesson goes on with stylelab's own."
