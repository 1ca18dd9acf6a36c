"""The loop of TensorFlow's tutorial 'Neural style transfer', as it computes: for comparison, never for use.

A Keras model of style and content, targets once, Gram matrices by einsum; a `tf.function` that takes the gradient with a
tape, moves the image by Adam(0.02, 0.99, epsilon 0.1) and clips it; total variation by tf.image.

Source: TensorFlow's tutorial 'Neural style transfer'.
"""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import InputError
from stylelab.recipes import Gram, SquaredError, TotalVariation
from stylelab.tensorflow import find_device, to_tensor
from stylelab.tools.bench.keras_layers import network
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import Work, make_ready


def run(settings: dict, turns: Turns) -> None:
    """Steps until there is no further order."""
    work, device = make_ready(settings), find_device(settings["device"])
    with tf.device(device):
        tf.config.experimental.enable_tensor_float_32_execution(True)  # TensorFlow's own setting, which our package changes
        score = prepare(work, device)
        image = tf.Variable(to_tensor(work.job.start, device))
        method = tf.keras.optimizers.Adam(learning_rate=0.02, beta_1=0.99, epsilon=1e-1)

        @tf.function
        def train_step(image):
            with tf.GradientTape() as tape:
                loss = score(image)
            method.apply_gradients([(tape.gradient(loss, image), image)])
            image.assign(tf.clip_by_value(image, 0.0, 1.0))
            return loss

        while True:
            loss = train_step(image)
            turns(loss[0], lambda: np.array(image[0]))


def prepare(work: Work, device: str):
    """The tutorial's loss as a function of an image `(1, H, W, 3)`; its value has the shape (1,).

    Raises:
        InputError: a recipe that has other parts than the tutorial's loss.
    """
    recipe, weights = work.job.recipe, work.job.weights
    if (recipe.content_loss, recipe.style_loss, recipe.tv) != (SquaredError("mean"), Gram("per_location"), TotalVariation("l1")):
        raise InputError(f"the TensorFlow tutorial's loss is not that of recipe '{recipe.name}': use 'tf-tutorial'")
    extractor = StyleContentModel(work)
    style_targets = extractor(to_tensor(work.job.style, device))["style"]
    content_targets = extractor(to_tensor(work.job.content, device))["content"]

    def score(image) -> Tensor:
        outputs = extractor(image)
        style = tf.add_n([tf.reduce_mean((outputs["style"][name] - style_targets[name]) ** 2) for name in style_targets])
        content = tf.add_n([tf.reduce_mean((outputs["content"][name] - content_targets[name]) ** 2) for name in content_targets])
        loss = style * weights.style / len(style_targets) + content * weights.content / len(content_targets)
        return loss + weights.tv * tf.image.total_variation(image)

    return score


def gram_matrix(activation: Tensor) -> Tensor:
    """`(B, H, W, C)` -> `(B, C, C)`, divided by the number of places."""
    result = tf.einsum("bijc,bijd->bcd", activation, activation)
    shape = tf.shape(activation)
    return result / tf.cast(shape[1] * shape[2], tf.float32)


class StyleContentModel(tf.keras.models.Model):
    """An image's Gram matrices and content activations, by layer."""

    def __init__(self, work: Work):
        super().__init__()
        self.style_layers, self.content_layers = tuple(work.job.recipe.style), tuple(work.job.recipe.content)
        self.factor, self.offset = work.factor, work.offset
        self.vgg = network(work, self.style_layers + self.content_layers)

    @tf.function
    def call(self, images):
        outputs = self.vgg(images * self.factor + self.offset)
        count = len(self.style_layers)
        return {
            "style": {name: gram_matrix(value) for name, value in zip(self.style_layers, outputs[:count], strict=True)},
            "content": dict(zip(self.content_layers, outputs[count:], strict=True)),
        }
