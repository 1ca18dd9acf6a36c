"""Check the answers to exercises: the part of `stylelab.exercises` that needs PyTorch."""

from collections.abc import Callable

from stylelab import exercises
from stylelab.torch import losses
from stylelab.torch.exercises import answers
from stylelab.torch.exercises.lab import Lab

LIBRARY = exercises.library_answers(answers, losses)


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
