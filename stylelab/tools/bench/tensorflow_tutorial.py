"""The loops of TensorFlow's tutorial and of the Keras example, both called 'Neural style transfer', written again to be timed.

TensorFlow's tutorial (`run`): Gram matrices (by einsum) and content activations of a Keras model; targets computed
once; a `tf.function` that takes the gradient with a tape, updates the image by Adam(0.02, 0.99, epsilon 0.1) and clips it.

The Keras example (`run_keras`): content, style and generated image go through the network together at every step, so that
both targets are computed each time; eager; SGD with a decaying rate. It differs from the example in two ways that change no
amount of work: a slice where its total variation has an index, and images in 0..1, to which the recipe's rate is adapted.

Sources: TensorFlow tutorials, 'Neural style transfer'; F. Chollet, 'Neural style transfer', Keras examples.
"""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.encoders import POOL_AFTER
from stylelab.tensorflow import find_device, to_tensor
from stylelab.tools.bench.turns import Turns, Work, work_of


class Border(tf.keras.layers.Layer):
    """Repeat the outermost pixels once on each side, for encoders with replicate padding."""

    def call(self, activation):
        return tf.pad(activation, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC")


def network(work: Work, layers: tuple[str, ...]) -> tf.keras.Model:
    """VGG-19 as a frozen Keras model: what the first convolution expects -> the activations of `layers`, in their order."""
    replicate = work.job.encoder.padding == "replicate"
    pool = tf.keras.layers.MaxPooling2D if work.pooling == "max" else tf.keras.layers.AveragePooling2D
    entrance = activation = tf.keras.Input((None, None, 3))
    activations, convolutions = {}, {}
    for layer, (kernel, _) in work.filters.items():
        padding = "valid" if replicate else "same"
        convolutions[layer] = tf.keras.layers.Conv2D(len(kernel), 3, padding=padding, activation="relu", name=layer)
        activation = activations[layer] = convolutions[layer](Border()(activation) if replicate else activation)
        if layer in POOL_AFTER and layer != list(work.filters)[-1]:
            activation = pool(2, 2)(activation)
    for layer, (kernel, bias) in work.filters.items():
        convolutions[layer].set_weights([kernel.transpose(2, 3, 1, 0), bias])
    model = tf.keras.Model(entrance, [activations[layer] for layer in layers])
    model.trainable = False
    return model


# TensorFlow's tutorial


def run(settings: dict, turns: Turns) -> None:
    """Minimise the loss of the recipe 'tf-tutorial'."""
    work, device = work_of(settings), find_device(settings["device"])
    weights, style_layers, content_layers = work.job.weights, tuple(work.job.recipe.style), tuple(work.job.recipe.content)
    with tf.device(device):
        tf.config.experimental.enable_tensor_float_32_execution(True)  # TensorFlow's default, which our package changes
        vgg = network(work, style_layers + content_layers)

        @tf.function
        def extract(images):
            outputs, count = vgg(images * work.factor + work.offset), len(style_layers)
            return [gram_per_position(output) for output in outputs[:count]], outputs[count:]

        style_targets = extract(to_tensor(work.job.style, device))[0]
        content_targets = extract(to_tensor(work.job.content, device))[1]
        image = tf.Variable(to_tensor(work.job.start, device))
        optimiser = tf.keras.optimizers.Adam(learning_rate=0.02, beta_1=0.99, epsilon=1e-1)

        def mean_loss(outputs, targets) -> Tensor:
            losses = [tf.reduce_mean((output - target) ** 2) for output, target in zip(outputs, targets, strict=True)]
            return tf.add_n(losses) / len(targets)

        @tf.function
        def train_step(image):
            with tf.GradientTape() as tape:
                grams, activations = extract(image)
                loss = mean_loss(grams, style_targets) * weights.style + mean_loss(activations, content_targets) * weights.content
                loss += weights.tv * tf.image.total_variation(image)
            optimiser.apply_gradients([(tape.gradient(loss, image), image)])
            image.assign(tf.clip_by_value(image, 0.0, 1.0))
            return loss

        while True:
            loss = train_step(image)
            turns(loss[0], lambda: np.array(image[0]))


def gram_per_position(activation: Tensor) -> Tensor:
    """`(B, H, W, C)` -> `(B, C, C)`, divided by H W."""
    result = tf.einsum("bijc,bijd->bcd", activation, activation)
    shape = tf.shape(activation)
    return result / tf.cast(shape[1] * shape[2], tf.float32)


# the Keras example


def run_keras(settings: dict, turns: Turns) -> None:
    """Minimise the loss of the recipe 'keras'."""
    work, device = work_of(settings), find_device(settings["device"])
    recipe, weights = work.job.recipe, work.job.weights
    with tf.device(device):
        tf.config.experimental.enable_tensor_float_32_execution(True)  # TensorFlow's default, which our package changes
        extractor = network(work, recipe.layers)
        content, style = (to_tensor(array, device) for array in (work.job.content, work.job.style))
        image, pixels = tf.Variable(to_tensor(work.job.start, device)), content.shape[1] * content.shape[2]
        rate = tf.keras.optimizers.schedules.ExponentialDecay(
            recipe.optimiser.learning_rate, decay_steps=100, decay_rate=recipe.optimiser.decay
        )
        optimiser = tf.keras.optimizers.SGD(rate)

        def compute_loss() -> Tensor:
            together = tf.concat([content, style, image], axis=0)
            features = dict(zip(recipe.layers, extractor(together * work.factor + work.offset), strict=True))
            loss = tf.zeros(())
            for layer, share in recipe.content.items():
                loss += weights.content * share * tf.reduce_sum(tf.square(features[layer][2] - features[layer][0]))
            for layer, share in recipe.style.items():
                difference = gram_raw(features[layer][1]) - gram_raw(features[layer][2])
                loss += weights.style * share * tf.reduce_sum(tf.square(difference)) / (4.0 * 3**2 * pixels**2)
            down = tf.square(image[:, :-1, :-1, :] - image[:, 1:, :-1, :])
            right = tf.square(image[:, :-1, :-1, :] - image[:, :-1, 1:, :])
            return loss + weights.tv * tf.reduce_sum(tf.pow(down + right, 1.25))

        while True:
            with tf.GradientTape() as tape:
                loss = compute_loss()
            optimiser.apply_gradients([(tape.gradient(loss, image), image)])
            turns(loss, lambda: np.clip(np.array(image[0]), 0, 1))


def gram_raw(activation: Tensor) -> Tensor:
    """`(H, W, C)` -> `(C, C)`, not divided."""
    rows = tf.transpose(activation, (2, 0, 1))
    rows = tf.reshape(rows, (tf.shape(rows)[0], -1))
    return tf.matmul(rows, tf.transpose(rows))
