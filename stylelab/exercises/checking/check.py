"""Tell a student, in one sentence, what an answer is worth, and which function the lesson goes on with."""

import os
from collections.abc import Callable, Iterator, Mapping

from stylelab.exercises.checking.call import Answer, Lab, ask, give
from stylelab.exercises.checking.definition import Case, Exercise
from stylelab.exercises.checking.reach import own_function
from stylelab.exercises.checking.verdict import Verdict, judge, judge_draws

SEEDS = (0, 1)  # everybody may know them; a grader draws from a secret


def check_answer(exercise: Exercise, function: Callable, lab: Lab, library: Mapping[str, Callable]) -> Callable:
    """Judge a function on two public draws, print one sentence about it, and return what the lesson goes on with.

    Args:
        library: exercise id -> the library's own function.

    Returns:
        `function` when it is right, else the library's own.

    Raises:
        AssertionError: the answer is wrong, missing or the library's, and nbgrader is running the notebook.
    """
    verdict = judge_draws(exercise, list(_asked(exercise, function, lab)))
    borrowed = _borrowed(exercise, function, library)
    if os.environ.get("NBGRADER_EXECUTION") and (borrowed or not verdict.right):
        raise AssertionError(f"{exercise.id}: {borrowed}" if borrowed else _fault(exercise, verdict))
    if borrowed:
        print(f"{exercise.id}: {borrowed}")
        return library[exercise.id]
    usable = verdict.right and _usable(exercise, function, lab)
    print(f"{exercise.id}: {UNUSABLE}" if verdict.right and not usable else sentence(exercise, verdict))
    return function if usable else library[exercise.id]


def _asked(exercise: Exercise, function: Callable, lab: Lab) -> Iterator[tuple[Mapping[str, Case], Answer]]:
    """Draws and answers, up to the first that is not right: a grader's verdict has the sentence of that one too."""
    for seed in SEEDS:
        cases = exercise.inputs(seed)
        answer = ask(exercise, function, lab, cases)
        yield cases, answer
        if not judge(exercise, cases, answer).right:
            return


UNUSABLE = (
    "right, but TensorFlow cannot make a graph of it, which a transfer needs (no loops over tensors, no int() or float() "
    "of them). The lesson goes on with stylelab's own."
)


def _borrowed(exercise: Exercise, function: Callable, library: Mapping[str, Callable]) -> str:
    """What is said of an answer that a grader would not take, since it is the library's; empty for the student's own."""
    if function is library[exercise.id]:
        return LIBRARYS.format(name=exercise.id)
    own = own_function(function, frozenset(library))
    return OUT_OF_REACH.format(name=own) if own else ""


LIBRARYS = (
    "not yet. That is stylelab's own function, which stands in for yours since a check was not content: run the cell that defines "
    "{name} again, then this one."
)
OUT_OF_REACH = (
    "not yet. {name}: stylelab's own functions are out of reach while an answer is graded: write it yourself. Until it is right, "
    "the lesson goes on with stylelab's own."
)


def _usable(exercise: Exercise, function: Callable, lab: Lab) -> bool:
    case = next(iter(exercise.inputs().values()))
    return not exercise.differentiable or lab.usable(function, give(exercise, lab, case))


def sentence(exercise: Exercise, verdict: Verdict) -> str:
    """What a student reads."""
    if verdict.right:
        return f"{exercise.id}: right, in shape, value and every property. The lesson goes on with yours."
    return f"{_fault(exercise, verdict)} Until it is right, the lesson goes on with stylelab's own."


def _fault(exercise: Exercise, verdict: Verdict) -> str:
    said = "not attempted yet." if verdict.stage == "open" else f"not yet. {verdict.sentence}"
    return f"{exercise.id}: {said}"
