"""What an exercise cell's answer is worth, in words: the part of `stylelab.exercises` that needs TensorFlow."""

from collections.abc import Callable
from functools import partial

from stylelab import exercises
from stylelab.exercises import costs, layers, tutorials
from stylelab.tensorflow.exercises import answers
from stylelab.tensorflow.exercises.lab import Lab
from stylelab.tensorflow.losses import content_loss, gram_matrix, style_layer_loss, total_variation


def check(exercise_id: str, function: Callable) -> Callable:
    """Say in one sentence what an answer is worth, and hand back the function to go on with.

    Args:
        exercise_id: such as 'gram_matrix'.
        function: the answer itself, not its result.

    Returns:
        `function` when it is right, else the library's own.

    Raises:
        InputError: no such exercise; the nearest name is suggested.
        AssertionError: a wrong or missing answer, while nbgrader runs the notebook.

    Source: the exercises follow Gatys et al. 2016 and deeplearning.ai's exercise; `stylelab.exercises` has what they ask.
    """
    return exercises.check_answer(exercises.find_exercise(exercise_id), function, Lab(), LIBRARY)


LIBRARY: dict[str, Callable] = {
    "balance": costs.balance,
    "blend": tutorials.blend,
    "content_loss": content_loss,
    "decayed_rate": tutorials.decayed_rate,
    "deprocess": answers.deprocess,
    "gram_matrix": gram_matrix,
    "keras_variation": partial(total_variation, kind="keras"),
    "layer_name": layers.layer_name,
    "one_step": answers.one_step,
    "picture_gradient": answers.picture_gradient,
    "preprocess": answers.preprocess,
    "psnr": answers.psnr,
    "receptive_field": layers.receptive_field,
    "reconstruct": answers.reconstruct,
    "style_layer_loss": partial(style_layer_loss, normalisation="mean"),
    "style_loss": answers.style_loss,
    "total_cost": costs.total_cost,
    "total_variation": total_variation,
}
