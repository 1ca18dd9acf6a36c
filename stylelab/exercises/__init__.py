"""What each exercise asks, and how an answer is judged: the same for the notebook and for the grader.

No framework is imported here. `stylelab.torch.check` and `stylelab.tensorflow.check` add the little that needs one.
"""

from stylelab.errors import unknown
from stylelab.exercises.asking import Answer, ask
from stylelab.exercises.costs import BALANCE, TOTAL_COST
from stylelab.exercises.definition import Exercise, Mistake, Property
from stylelab.exercises.judging import Part, Verdict, judge
from stylelab.exercises.losses import CONTENT_LOSS, GRAM_MATRIX, STYLE_LAYER_LOSS
from stylelab.exercises.picture import ONE_STEP, TOTAL_VARIATION
from stylelab.exercises.telling import check_answer

__all__ = [
    "EXERCISES", "Answer", "Exercise", "Mistake", "Part", "Property", "Verdict", "ask", "check_answer", "find_exercise",
    "judge",
]  # fmt: skip

EXERCISES = {
    exercise.id: exercise
    for exercise in (CONTENT_LOSS, GRAM_MATRIX, STYLE_LAYER_LOSS, TOTAL_COST, BALANCE, TOTAL_VARIATION, ONE_STEP)
}


def find_exercise(exercise_id: str) -> Exercise:
    """The exercise of that name.

    Raises:
        InputError: no such exercise; the nearest name is suggested.
    """
    if exercise_id not in EXERCISES:
        raise unknown("exercise", exercise_id, EXERCISES)
    return EXERCISES[exercise_id]
