"""Tell a student in one sentence how good an answer is, and choose the function that the lesson continues with."""

import os
from collections.abc import Callable, Mapping

from stylelab.exercises.checking.call import Lab, ask, give, unnamed
from stylelab.exercises.checking.definition import Exercise
from stylelab.exercises.checking.reach import own_function
from stylelab.exercises.checking.verdict import judge, judge_draws

SEEDS = (0, 1)  # public; a grader draws from a secret
FALLBACK = "Until it is right, the lesson continues with stylelab's own."
UNUSABLE = "right, but {} The lesson continues with stylelab's own."


def check_answer(exercise: Exercise, function: Callable, lab: Lab, library: Mapping[str, Callable]) -> Callable:
    """Judge a function on two public draws, print one sentence about it, and return what the lesson continues with.

    Args:
        library: exercise id -> the library's own function.

    Returns:
        `function` if it is right, otherwise the library's own.

    Raises:
        AssertionError: the answer is wrong, missing or the library's, and nbgrader is running the notebook.
    """
    draws = []
    for seed in SEEDS:  # up to the first draw that is not right, like the sentence of a grader's verdict
        cases = exercise.inputs(seed)
        draws.append((cases, ask(exercise, function, lab, cases)))
        if not judge(exercise, *draws[-1]).right:
            break
    verdict = judge_draws(exercise, draws)
    own = library[exercise.id]
    borrowed = own_function(function, frozenset(library))
    if function is own:
        fault = (
            f"not yet. That is stylelab's own function, which took the place of yours after an earlier check: run the cell that "
            f"defines {exercise.id} again, then this one."
        )
    elif borrowed:
        fault = f"not yet. {borrowed}: stylelab's own functions are out of reach while an answer is graded: write it yourself. {FALLBACK}"
    elif not verdict.right:
        fault = f"{'not attempted yet.' if verdict.stage == 'open' else f'not yet. {verdict.sentence}'}"
    else:
        fault = ""
    if fault and os.environ.get("NBGRADER_EXECUTION"):
        raise AssertionError(f"{exercise.id}: {fault}")
    given = give(exercise, lab, next(iter(draws[0][0].values())))
    obstacle = None if fault else unnamed(exercise, function) or lab.obstacle(exercise, function, given)
    if obstacle:
        said = UNUSABLE.format(obstacle)
    elif not fault:
        said = "right, in shape, value and every property. The lesson continues with yours."
    else:
        said = fault if function is own or borrowed else f"{fault} {FALLBACK}"
    print(f"{exercise.id}: {said}")
    return own if fault or obstacle else function
