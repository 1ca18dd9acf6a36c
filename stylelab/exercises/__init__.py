"""What each exercise asks, and how an answer is judged: the same for the notebook and for the grader.

No framework is imported here. `stylelab.torch.exercises.check` and `stylelab.tensorflow.exercises.check` add the little that needs one.
"""

from stylelab.errors import unknown
from stylelab.exercises.checking.call import Answer, ask
from stylelab.exercises.colours import DEPROCESS, PREPROCESS
from stylelab.exercises.costs import BALANCE, TOTAL_COST
from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.descent import IMAGE_GRADIENT, RECONSTRUCT
from stylelab.exercises.checking.verdict import Part, Verdict, judge, judge_draws
from stylelab.exercises.layers import LAYER_NAME, RECEPTIVE_FIELD
from stylelab.exercises.losses import CONTENT_LOSS, GRAM_MATRIX, STYLE_LAYER_LOSS
from stylelab.exercises.measures import KERAS_VARIATION, PSNR
from stylelab.exercises.image import ONE_STEP, TOTAL_VARIATION
from stylelab.exercises.style import STYLE_LOSS
from stylelab.exercises.checking.check import check_answer
from stylelab.exercises.tutorials import BLEND, DECAYED_RATE

__all__ = [
    "EXERCISES", "Answer", "Exercise", "Mistake", "Part", "Property", "Verdict", "ask", "check_answer", "find_exercise",
    "judge", "judge_draws",
]  # fmt: skip

EXERCISES = {
    exercise.id: exercise
    for exercise in (
        PREPROCESS, DEPROCESS,  # lesson 00
        LAYER_NAME, RECEPTIVE_FIELD, IMAGE_GRADIENT,  # 01
        PSNR, CONTENT_LOSS, RECONSTRUCT,  # 02
        GRAM_MATRIX, STYLE_LAYER_LOSS, STYLE_LOSS,  # 03
        TOTAL_COST, ONE_STEP, BALANCE, TOTAL_VARIATION,  # 04
        BLEND, DECAYED_RATE, KERAS_VARIATION,  # 05
    )
}  # fmt: skip


def find_exercise(exercise_id: str) -> Exercise:
    """The exercise of that name.

    Raises:
        InputError: no such exercise; the nearest name is suggested.
    """
    if exercise_id not in EXERCISES:
        raise unknown("exercise", exercise_id, EXERCISES)
    return EXERCISES[exercise_id]
