"""The loop of the Keras example 'Neural style transfer': for comparison, never for use.

Content, style and painting go through the network together at every step, so both targets are computed anew each time;
eager, SGD with a rate that decays. The second difference of its total variation is a slice here, where the example has an
index, and images are in 0..1, which its learning rate takes into account: the same work, and a loss to compare.

Source: F. Chollet's 'Neural style transfer' in the Keras examples.
"""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import InputError
from stylelab.recipes import STYLE_LOSSES, SquaredError, TotalVariation
from stylelab.tensorflow import find_device, to_tensor
from stylelab.tools.bench.keras_layers import network
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import Work, make_ready


def run(settings: dict, turns: Turns) -> None:
    """Steps until there is no further order."""
    work, device = make_ready(settings), find_device(settings["device"])
    settled = work.job.recipe.optimiser
    with tf.device(device):
        tf.config.experimental.enable_tensor_float_32_execution(True)  # TensorFlow's own setting, which our package changes
        score = prepare(work, device)
        image = tf.Variable(to_tensor(work.job.start, device))
        rate = tf.keras.optimizers.schedules.ExponentialDecay(settled.learning_rate, decay_steps=100, decay_rate=settled.decay)
        method = tf.keras.optimizers.SGD(rate)
        while True:
            with tf.GradientTape() as tape:
                loss = score(image)
            method.apply_gradients([(tape.gradient(loss, image), image)])
            turns(loss, lambda: np.clip(np.array(image[0]), 0, 1))


def prepare(work: Work, device: str):
    """The example's loss as a function of an image `(1, H, W, 3)`.

    Raises:
        InputError: a recipe that has other parts than the example's loss.
    """
    recipe, weights = work.job.recipe, work.job.weights
    if (recipe.content_loss, recipe.style_loss, recipe.tv) != (
        SquaredError("sum"),
        STYLE_LOSSES["keras"],
        TotalVariation("keras"),
    ):
        raise InputError(f"the Keras example's loss is not that of recipe '{recipe.name}': use 'keras'")
    extractor = network(work, recipe.layers)
    content, style = (to_tensor(image, device) for image in (work.job.content, work.job.style))
    pixels = content.shape[1] * content.shape[2]

    def score(image) -> Tensor:
        together = tf.concat([content, style, image], axis=0)
        features = dict(zip(recipe.layers, extractor(together * work.factor + work.offset), strict=True))
        loss = tf.zeros(())
        for layer, share in recipe.content.items():
            loss += weights.content * share * tf.reduce_sum(tf.square(features[layer][2] - features[layer][0]))
        for layer, share in recipe.style.items():
            difference = gram_matrix(features[layer][1]) - gram_matrix(features[layer][2])
            loss += weights.style * share * tf.reduce_sum(tf.square(difference)) / (4.0 * 3**2 * pixels**2)
        return loss + weights.tv * total_variation(image)

    return score


def gram_matrix(activation: Tensor) -> Tensor:
    """`(H, W, C)` -> `(C, C)`."""
    rows = tf.transpose(activation, (2, 0, 1))
    rows = tf.reshape(rows, (tf.shape(rows)[0], -1))
    return tf.matmul(rows, tf.transpose(rows))


def total_variation(image) -> Tensor:
    """Sum of (dx^2 + dy^2)^1.25 over the places that have both neighbours."""
    down = tf.square(image[:, :-1, :-1, :] - image[:, 1:, :-1, :])
    right = tf.square(image[:, :-1, :-1, :] - image[:, :-1, 1:, :])
    return tf.reduce_sum(tf.pow(down + right, 1.25))
