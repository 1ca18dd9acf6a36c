"""Check the answers to exercises: the part of `stylelab.exercises` that needs PyTorch."""

from collections.abc import Callable

from stylelab import exercises
from stylelab.exercises import ladder
from stylelab.torch import losses
from stylelab.torch.exercises import answers, plain
from stylelab.torch.exercises.lab import Lab

LIBRARY = exercises.library_answers(answers, losses)
SHOWN = exercises.library_answers(plain, answers, losses)


def check(exercise_id: str, function: Callable) -> Callable:
    """Check an exercise answer, print one sentence about it, and return the function to continue with.

    >>> total_cost = sl.check("total_cost", lambda content, style, alpha, beta: alpha * content + beta * style)
    total_cost: right, ...

    Args:
        exercise_id: such as 'gram_matrix'.
        function: the answer itself, not its result.

    Returns:
        `function` if it is right, otherwise the library's own function.

    Raises:
        InputError: the exercise is unknown; the nearest name is suggested.
        AssertionError: the answer is wrong or missing, and nbgrader is running the notebook.

    Source: the exercises follow Gatys et al. 2016 and deeplearning.ai's exercise; `stylelab.exercises` defines them.
    """
    return exercises.check(exercise_id, function, Lab(), "torch", LIBRARY)


def hint(exercise_id: str) -> None:
    """Show the next of an exercise's three hints, below those that you have had: the idea, the shapes, the line itself.

    The first is for those who have tried: it takes a wrong answer that uses its arguments, unless your course says otherwise.

    >>> sl.hint("blend")
    Try it first: you can ask for a hint after one more wrong answer that uses its arguments.

    Args:
        exercise_id: such as 'gram_matrix'.

    Returns:
        Nothing: the hints are displayed.

    Raises:
        InputError: the exercise is unknown, and the nearest name is suggested; or it has no hints.

    Source: `stylelab.exercises` has the first two hints; the third is a line of the function that `solution` shows.
    """
    ladder.hint(exercise_id, "torch", SHOWN)


def solution(exercise_id: str, function: Callable | None = None) -> None:
    """Show stylelab's own function next to yours, with a sentence on each difference.

    It takes three different wrong answers that use their arguments, unless your course says otherwise, or a right one.

    >>> sl.solution("blend")
    Try it first: you can ask for a solution after 3 more wrong answers, all different, that use their arguments.

    Args:
        exercise_id: such as 'gram_matrix'.
        function: yours; by default the one that was checked last.

    Returns:
        Nothing: both are displayed.

    Raises:
        InputError: the exercise is unknown; the nearest name is suggested.

    Source: the function's own docstring names the paper.
    """
    ladder.solution(exercise_id, "torch", SHOWN, function)
