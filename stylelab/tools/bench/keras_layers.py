"""VGG-19 as a Keras model, for the two tutorials that are written with Keras."""

import tensorflow as tf

from stylelab.encoders import POOL_AFTER
from stylelab.tools.bench.work import Work


class Border(tf.keras.layers.Layer):
    """One more pixel on each side, a copy of the outermost: for encoders that pad so."""

    def call(self, activation):
        return tf.pad(activation, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC")


def network(work: Work, layers: tuple[str, ...]) -> tf.keras.Model:
    """A frozen functional model: what the first convolution expects -> the activations of `layers`, in their order."""
    replicate = work.job.encoder.padding == "replicate"
    pooling = work.job.recipe.pooling or work.job.encoder.pooling
    pool = tf.keras.layers.MaxPooling2D if pooling == "max" else tf.keras.layers.AveragePooling2D
    entrance = activation = tf.keras.Input((None, None, 3))
    found, filters = {}, {}
    for layer, (kernel, bias) in work.filters.items():
        convolution = tf.keras.layers.Conv2D(
            len(kernel), 3, padding="valid" if replicate else "same", activation="relu", name=layer
        )
        activation = found[layer] = convolution(Border()(activation) if replicate else activation)
        filters[layer] = convolution, [kernel.transpose(2, 3, 1, 0), bias]
        if layer in POOL_AFTER and layer != list(work.filters)[-1]:
            activation = pool(2, 2)(activation)
    for convolution, arrays in filters.values():
        convolution.set_weights(arrays)
    model = tf.keras.Model(entrance, [found[layer] for layer in layers])
    model.trainable = False
    return model
