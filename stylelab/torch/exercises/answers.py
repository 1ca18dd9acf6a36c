"""The library's own answers in PyTorch, for exercises that are not functions of the library anyway.

Images are `(B, 3, H, W)` float32.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from stylelab.encoders import OXFORD
from stylelab.torch import losses, networks

conditional_instance_norm = networks.conditional_instance_norm
instance_norm = networks.instance_norm
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


def mmd(activation: Tensor, target: Tensor, kernel: Callable) -> Tensor:
    """How far two clouds are apart by a kernel: the squared maximum mean discrepancy, over all pairs.

    Args:
        activation, target: `(1, C, H, W)`, a point for each position.
        kernel: two clouds `(M, C)` and `(N, C)` -> k of every pair, `(M, N)`.

    Returns:
        Scalar.

    Source: Gretton et al. 2012.
    """
    x, y = _cloud(activation), _cloud(target)
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def mean_covariance(activation: Tensor, target: Tensor) -> Tensor:
    """How far two clouds' means and covariances are apart.

    Args:
        activation, target: `(1, C, H, W)`, a point for each position.

    Returns:
        Scalar, the squared differences, summed.

    Source: ours; the covariance is the Gram matrix of centred activations.
    """
    (mean, covariance), (target_mean, target_covariance) = _moments(_cloud(activation)), _moments(_cloud(target))
    return (mean - target_mean).square().sum() + (covariance - target_covariance).square().sum()


def wasserstein(activation: Tensor, target: Tensor) -> Tensor:
    """How much work it takes to move one cloud onto the other, if both were Gaussians.

    Args:
        activation, target: `(1, C, H, W)`, a point for each position.

    Returns:
        Scalar, the squared distance.

    Source: Gelbrich 1990.
    """
    (mean, covariance), (target_mean, target_covariance) = _moments(_cloud(activation)), _moments(_cloud(target))
    root = _matrix_root(target_covariance)
    both = torch.linalg.eigvalsh(root @ covariance @ root)
    paired = both.clamp(min=1e-12).sqrt().sum()  # where it is 0, a root has no slope
    return (mean - target_mean).square().sum() + covariance.trace() + target_covariance.trace() - 2 * paired


def sliced_wasserstein(activation: Tensor, target: Tensor, directions: Tensor) -> Tensor:
    """How far two clouds are apart along lines, point by point in their order there.

    Args:
        activation, target: `(1, C, H, W)`, a point for each position, and as many in both.
        directions: `(n, C)`, each of length 1.

    Returns:
        Scalar, mean over lines and points of the squared difference.

    Source: Heitz et al. 2021.
    """
    along, wanted = _cloud(activation) @ directions.T, _cloud(target) @ directions.T  # (M, n)
    return (along.sort(0).values - wanted.sort(0).values).square().mean()


def masked_gram(activation: Tensor, mask: Tensor) -> Tensor:
    """Which filters respond together within a region.

    Args:
        activation: `(B, C, H, W)`.
        mask: `(B, 1, H, W)`, 1 in the region and 0 elsewhere.

    Returns:
        `(B, C, C)`, divided by the number of the region's positions.

    Source: Gatys et al. 2017, equation 3.
    """
    rows = activation.flatten(2)  # (B, C, H W)
    return (rows * mask.flatten(2)) @ rows.mT / mask.sum((2, 3))[:, :, None]


def match_colours(image: Tensor, target: Tensor) -> Tensor:
    """Give an image the mean and the covariance of another one's colours, by moving its colours as little as possible.

    Args:
        image, target: `(1, 3, H, W)`, of any two sizes.

    Returns:
        `(1, 3, H, W)`, not clipped.

    Source: Pitié and Kokaram 2007.
    """
    pixels = _cloud(image)
    (mean, covariance), (target_mean, target_covariance) = _moments(pixels), _moments(_cloud(target))
    root = _matrix_root(covariance)
    inverse = torch.linalg.inv(root)
    moved = (pixels - mean) @ (inverse @ _matrix_root(root @ target_covariance @ root) @ inverse) + target_mean
    return moved.T.reshape(image.shape)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Move an image by a flow: take each pixel from the position that its flow points to.

    Args:
        image: `(1, 3, H, W)`.
        flow: `(1, 2, H, W)` in pixels: how far to the right, and how far down.

    Returns:
        `(1, 3, H, W)`, bilinear between pixels; beyond the edge, the edge's own pixels.

    Source: Jaderberg et al. 2015, equation 5.
    """
    height, width = image.shape[2:]
    rows, columns = torch.arange(height, device=image.device), torch.arange(width, device=image.device)
    down, across = rows[:, None] + flow[0, 1], columns + flow[0, 0]  # (H, W)
    top, left = down.floor(), across.floor()

    def pixels(row: Tensor, column: Tensor) -> Tensor:
        return image[0][:, row.long().clamp(0, height - 1), column.long().clamp(0, width - 1)]

    right, lower = across - left, down - top  # how far between two pixels, 0..1
    above = (1 - right) * pixels(top, left) + right * pixels(top, left + 1)
    below = (1 - right) * pixels(top + 1, left) + right * pixels(top + 1, left + 1)
    return ((1 - lower) * above + lower * below)[None]


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Give each filter the mean and the standard deviation that it has in the style.

    Args:
        content: `(B, C, H, W)`.
        style: `(B, C, H', W')`.

    Returns:
        `(B, C, H, W)`. A filter with one response everywhere gets the style's mean.

    Source: Huang and Belongie 2017, equation 8.
    """
    mean, wanted = content.mean((2, 3), keepdim=True), style.mean((2, 3), keepdim=True)
    deviation, factor = (x.std((2, 3), correction=0, keepdim=True) for x in (content, style))
    return factor * (content - mean) / deviation.clamp(min=1e-5) + wanted


def whiten(activation: Tensor) -> Tensor:
    """Make every mean 0 and the covariance 1, by moving the points as little as possible.

    Args:
        activation: `(1, C, H, W)`.

    Returns:
        `(1, C, H, W)`. Directions without spread become 0.

    Source: Li et al. 2017, equation 1.
    """
    points = _cloud(activation)
    mean, covariance = _moments(points)
    values, vectors = torch.linalg.eigh(covariance)
    inverse = torch.where(values > 1e-6 * values[-1], values, torch.inf).rsqrt()
    return ((points - mean) @ (vectors * inverse) @ vectors.T).T.reshape(activation.shape)


def transport_map(covariance: Tensor, target: Tensor) -> Tensor:
    """Find the symmetric matrix A with A covariance A = target: it moves points as little as possible.

    Args:
        covariance: `(C, C)`, which has an inverse.
        target: `(C, C)`.

    Returns:
        `(C, C)`.

    Source: the Monge map of two Gaussians; Peyré and Cuturi 2019, equation 2.40.
    """
    root = _matrix_root(covariance)
    inverse = torch.linalg.inv(root)
    return inverse @ _matrix_root(root @ target @ root) @ inverse


def _cloud(activation: Tensor) -> Tensor:
    """One image's activation `(1, C, H, W)` as points `(M, C)`."""
    return activation[0].flatten(1).T


def _moments(points: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `(C,)` and covariance `(C, C)` of points `(M, C)`."""
    mean = points.mean(0)
    return mean, (points - mean).T @ (points - mean) / len(points)


def _matrix_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
