"""Answers to preprocess and deprocess."""

from words import (
    ACROSS,
    CHANNEL,
    DOWN,
    as_bytes,
    clip,
    detached,
    double,
    einsum,
    flip,
    other_layout,
    per_colour,
    tf,
    torch,
)

BGR_MEAN = [103.939, 116.779, 123.68]


def prepare(image):
    return flip(image, CHANNEL) * 255 - per_colour(BGR_MEAN)


def undo(pixels):
    return flip(pixels + per_colour(BGR_MEAN), CHANNEL) / 255


def undo_in_place(pixels):
    pixels += per_colour(BGR_MEAN)
    return clip(flip(pixels, CHANNEL) / 255, 0, 1)


RIGHT = {
    "preprocess": {
        "flip": prepare,
        "torch: loop": lambda image: torch.stack([255 * image[:, 2 - c] - BGR_MEAN[c] for c in range(3)], 1),
        "tensorflow: loop": lambda image: tf.stack([255 * image[..., 2 - c] - BGR_MEAN[c] for c in range(3)], 3),
        "torch: index": lambda image: image[:, [2, 1, 0]] * 255 - per_colour(BGR_MEAN),
        "tensorflow: slice": lambda image: image[..., ::-1] * 255 - BGR_MEAN,
        "torch: einsum": lambda image: 255 * einsum("oc,bchw->bohw", torch.eye(3).flip(0), image) - per_colour(BGR_MEAN),
        "tensorflow: einsum": lambda image: 255 * einsum("oc,bhwc->bhwo", tf.reverse(tf.eye(3), [0]), image) - BGR_MEAN,
        "tensorflow: keras": lambda image: tf.keras.applications.vgg19.preprocess_input(image * 255),
        "double": lambda image: flip(double(image), CHANNEL) * 255 - double(per_colour(BGR_MEAN)),
    },
    "deprocess": {
        "flip": lambda pixels: clip(undo(pixels), 0, 1),
        "torch: loop": lambda pixels: torch.stack([(pixels[:, c] + BGR_MEAN[c]) / 255 for c in (2, 1, 0)], 1).clamp(0, 1),
        "tensorflow: loop": lambda pixels: clip(tf.stack([(pixels[..., c] + BGR_MEAN[c]) / 255 for c in (2, 1, 0)], 3), 0, 1),
        "torch: minimum": lambda pixels: undo(pixels).clip(0).minimum(torch.tensor(1.0)),
        "tensorflow: gather": lambda pixels: clip(tf.gather(pixels + BGR_MEAN, [2, 1, 0], axis=3) / 255, 0, 1),
        "double": lambda pixels: clip(double(undo(pixels)), 0, 1),
    },
}

WRONG = {
    "preprocess": [
        (lambda image: image, "comes back unchanged"),
        (lambda image: image * 255 - per_colour(BGR_MEAN), "RGB and BGR are swapped"),
        (lambda image: image * 255 - per_colour(BGR_MEAN[::-1]), "RGB and BGR are swapped"),
        (lambda image: flip(image, CHANNEL) * 255 - per_colour(BGR_MEAN[::-1]), "swapped in the mean"),
        (lambda image: (flip(image, CHANNEL) - per_colour(BGR_MEAN)) * 255, "before scaling"),
        (lambda image: flip(image, CHANNEL) - per_colour(BGR_MEAN), "not scaled"),
        (lambda image: tf.keras.applications.vgg19.preprocess_input(image), "not scaled", "tensorflow"),
        (lambda image: flip(image, CHANNEL) * 255, "mean is not subtracted"),
        (lambda image: flip(image, CHANNEL) * 255 + per_colour(BGR_MEAN), "is added"),
        (lambda image: flip(image, CHANNEL) * 255 - per_colour(BGR_MEAN) / 255, "the mean is divided"),
        (lambda image: flip(image, DOWN) * 255 - per_colour(BGR_MEAN), "mirrored"),
        (lambda image: flip(image, ACROSS) * 255 - per_colour(BGR_MEAN), "mirrored"),
        (lambda image: flip(image, 0) * 255 - per_colour(BGR_MEAN), "mirrored"),
        (lambda image: clip(prepare(image), 0, 255), "clipped"),
        (lambda image: other_layout(prepare(image)), "The axes are in another order"),
        (lambda image: flip(as_bytes(image * 255), CHANNEL) - per_colour(BGR_MEAN), "rounded"),
        (lambda image: prepare(image).numpy(), "NumPy where"),
        (lambda image: prepare(detached(image)), "no gradient reaches"),
        (lambda image: image[:, [2, 1, 0]] * 255 - torch.tensor(BGR_MEAN), "RuntimeError.*channels are axis 1", "torch"),
        (lambda image: image * 255 - tf.reshape(BGR_MEAN, (1, 3, 1, 1)), "InvalidArgumentError.*are the last", "tensorflow"),
        (lambda image: image[:, ::-1] * 255 - per_colour(BGR_MEAN), "use flip", "torch"),
        (lambda image: image.mul_(255).flip(1) - per_colour(BGR_MEAN), "changes its input `image` in place", "torch"),
        (lambda image: prepare(image)[0], "expected the shape of the input image"),
        (lambda image: image * 2 - 1, "-1..1"),
        (lambda image: (image - per_colour([0.485, 0.456, 0.406])) / per_colour([0.229, 0.224, 0.225]), "torchvision"),
    ],
    "deprocess": [
        (lambda pixels: pixels, "come back unchanged"),
        (undo, "leaves its range 0..1"),
        (lambda pixels: clip((pixels + per_colour(BGR_MEAN)) / 255, 0, 1), "RGB and BGR are swapped"),
        (lambda pixels: clip((flip(pixels, CHANNEL) + per_colour(BGR_MEAN)) / 255, 0, 1), "for the mean"),
        (lambda pixels: clip(flip(pixels, CHANNEL) / 255, 0, 1), "mean is not added"),
        (lambda pixels: flip(pixels, CHANNEL) / 255 + per_colour(BGR_MEAN), "added after dividing"),
        (lambda pixels: clip(flip(pixels, CHANNEL) / 255 + per_colour(BGR_MEAN[::-1]), 0, 1), "added after dividing"),
        (lambda pixels: clip(flip(pixels - per_colour(BGR_MEAN), CHANNEL) / 255, 0, 1), "subtracted a second time"),
        (lambda pixels: clip(flip(pixels + per_colour(BGR_MEAN), CHANNEL), 0, 255), "not divided by 255"),
        (lambda pixels: clip(flip(pixels + per_colour(BGR_MEAN), CHANNEL), 0, 1), "nearly everything is white"),
        (lambda pixels: clip(flip(pixels + per_colour(BGR_MEAN), CHANNEL), 0, 1) / 255, "nearly black"),
        (lambda pixels: clip(undo(clip(pixels, 0, 255)), 0, 1), "before the mean"),
        (lambda pixels: clip(undo(pixels), 0, 1e9), "lower end"),
        (lambda pixels: clip(undo(pixels), -1e9, 1), "upper end"),
        (lambda pixels: (undo(pixels) - undo(pixels).min()) / (undo(pixels).max() - undo(pixels).min()), "stretched", "torch"),
        (lambda pixels: as_bytes(255 * clip(undo(pixels), 0, 1)) / 255, "8 bits"),
        (lambda pixels: other_layout(clip(undo(pixels), 0, 1)), "another order"),
        (lambda pixels: clip(undo(pixels), 0, 1).numpy(), "NumPy where a (PyTorch|TensorFlow) tensor"),
        (undo_in_place, "changes its input `pixels` in place", "torch"),
        (lambda pixels: pixels.assign_add(BGR_MEAN), "AttributeError.*cannot be changed", "tensorflow"),
    ],
}
