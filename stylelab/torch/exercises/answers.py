"""The library's own answers in PyTorch, for exercises that are not functions of the library anyway.

Images are `(B, 3, H, W)` float32.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from stylelab.encoders import OXFORD
from stylelab.torch import losses

keras_variation = partial(losses.total_variation, kind="keras")
style_layer_loss = partial(losses.style_layer_loss, normalisation="mean")


def preprocess(image: Tensor) -> Tensor:
    """Prepare an image for the Oxford weights of VGG.

    Args:
        image: `(B, 3, H, W)` RGB in 0..1.

    Returns:
        `(B, 3, H, W)` BGR in 0..255, less the mean of each colour.

    Source: Simonyan and Zisserman 2015; `keras.applications.vgg19.preprocess_input`, which starts from 0..255.
    """
    mean = torch.tensor(OXFORD["mean"], dtype=image.dtype, device=image.device).reshape(1, 3, 1, 1)  # B, G, R
    return image.flip(1) * 255 - mean


def deprocess(pixels: Tensor) -> Tensor:
    """Invert `preprocess` and clip.

    Args:
        pixels: `(B, 3, H, W)` BGR in 0..255, less the mean.

    Returns:
        `(B, 3, H, W)` RGB in 0..1.

    Source: the Keras example.
    """
    mean = torch.tensor(OXFORD["mean"], dtype=pixels.dtype, device=pixels.device).reshape(1, 3, 1, 1)  # B, G, R
    return ((pixels + mean).flip(1) / 255).clamp(0, 1)


def picture_gradient(image: Tensor, target: Tensor, loss: Callable) -> Tensor:
    """The gradient of the loss with respect to the image: the way each pixel goes to raise the loss fastest.

    Args:
        image, target: `(B, 3, H, W)`.
        loss: (image, target) -> scalar.

    Returns:
        `(B, 3, H, W)`, d loss / d image.

    Source: Gatys et al. 2016, section 2.
    """
    moving = image.detach().clone().requires_grad_(True)  # a copy, so that the caller's image is left alone
    (gradient,) = torch.autograd.grad(loss(moving, target), moving)
    return gradient


def one_step(image: Tensor, target: Tensor, loss: Callable, learning_rate: float) -> Tensor:
    """Make one step of gradient descent on the image.

    Args:
        image, target: `(B, 3, H, W)` in 0..1.
        loss: (image, target) -> scalar.
        learning_rate: the step for a gradient of 1.

    Returns:
        `(B, 3, H, W)` in 0..1, a new tensor.

    Source: Gatys et al. 2016, section 2, with plain gradient descent.
    """
    return (image.detach() - learning_rate * picture_gradient(image, target, loss)).clamp(0, 1)


def reconstruct(image: Tensor, target: Tensor, loss: Callable, steps: int, learning_rate: float) -> Tensor:
    """Make several steps of gradient descent on the image.

    Args:
        image, target: `(B, 3, H, W)` in 0..1.
        loss: (image, target) -> scalar.
        steps: the number of steps.
        learning_rate: the step for a gradient of 1.

    Returns:
        `(B, 3, H, W)`, in 0..1 after every step.

    Source: Mahendran and Vedaldi 2015 for the idea; Gatys et al. 2016, figure 1.
    """
    for _ in range(steps):
        image = one_step(image, target, loss, learning_rate)
    return image


def psnr(image: Tensor, original: Tensor) -> Tensor:
    """The peak signal-to-noise ratio in decibels: larger is closer, infinite if the images are the same.

    Args:
        image, original: `(B, 3, H, W)` in 0..1, so that the peak is 1.

    Returns:
        Scalar, 10 log10(1 / mean squared error).

    Source: Huynh-Thu and Ghanbari 2008.
    """
    return -10 * (image - original).square().mean().log10()


def style_loss(activations: Mapping[str, Tensor], target_grams: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The style loss over several layers, weighted and summed.

    Args:
        activations: layer -> `(B, C, H, W)` of the generated image.
        target_grams: layer -> `(B, C, C)` of the style image, divided by H W.
        weights: layer -> weight.

    Returns:
        Scalar, the weighted sum of the layers' losses.

    Raises:
        InputError: the numbers of filters differ in a layer, or an activation does not have four dimensions.

    Source: Gatys et al. 2016, equation 5.
    """
    total: Any = sum(weight * style_layer_loss(activations[layer], target_grams[layer]) for layer, weight in weights.items())
    return total
