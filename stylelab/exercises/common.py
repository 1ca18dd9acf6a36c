"""Inputs drawn from a seed, and small functions that several exercises share.

Shapes vary, so that no answer can count on one size, and all sides differ, so that a mixed-up axis shows. A batch has several
images, because many mistakes would give the right value for a single one.
"""

import numpy as np

COLUMN, ROW, CHANNEL = 1, 2, 3  # the axes of an image along which neighbours are compared


# how the frameworks say that sizes differ: of arrays that meet pixel by pixel, and of a matrix product
SIZES_DIFFER = r"must match|must be equal|[Ii]ncompatible shapes|[Ss]hape mismatch|broadcast"
PRODUCT_DIFFERS = r"must match|must be equal|[Ii]ncompatible shapes|mat1 and mat2|In\[0\]|[Mm]atrix size|broadcast"


def activation_shape(rng: np.random.Generator) -> tuple[int, ...]:
    """(B, H, W, C), four different numbers."""
    batch = int(rng.integers(2, 4))
    sides = rng.permutation([side for side in range(3, 7) if side != batch])[:3]
    return batch, *(int(side) for side in sides)


def image_shape(rng: np.random.Generator) -> tuple[int, ...]:
    """(B, H, W, 3), four different numbers."""
    height, width = rng.permutation([5, 6, 7])[:2]
    return int(rng.choice((2, 4))), int(height), int(width), 3


def random_image(rng: np.random.Generator, shape: tuple[int, ...], low: float = 0, high: float = 1) -> np.ndarray:
    """Noise in `low`..`high`, channels last, float32."""
    return rng.uniform(low, high, shape).astype(np.float32)


def random_activation(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """After a ReLU nothing is negative, and a quarter is 0."""
    return np.maximum(random_image(rng, shape, -0.6, 2), 0)


def number(rng: np.random.Generator, low: float, high: float) -> float:
    """A float that float32 holds exactly, so that an array filled with it holds exactly this number."""
    return float(np.float32(rng.uniform(low, high)))


def edge_image(rng: np.random.Generator) -> np.ndarray:
    """An image with one vertical edge, (1, H, W, 3)."""
    height, width = int(rng.integers(4, 7)), int(rng.integers(7, 10))
    step = number(rng, 0.4, 0.9)
    image = np.zeros((1, height, width, 3), np.float32)
    image[:, :, int(rng.integers(2, width - 1)) :] = step
    return image


def neighbours(image, first: int = COLUMN, second: int = ROW) -> tuple[np.ndarray, np.ndarray]:
    """Differences along two axes, down and right, at the positions that have a neighbour along both."""
    return np.delete(np.diff(image, axis=first), -1, second), np.delete(np.diff(image, axis=second), -1, first)


def vanishes(outputs, at: str, near: str, atol: float = 1e-5) -> bool:
    """Whether a result is 0 in one case, and small nearby: an answer that only recognises the case does not pass."""
    return bool(np.abs(outputs[at]).max() < atol and np.abs(outputs[near]).max() <= 0.2 * np.abs(outputs["plain"]).max())


def stays_in_range(output) -> bool:
    """Whether an image is in 0..1."""
    return bool(output.min() >= 0 and output.max() <= 1)


def random_loss(rng: np.random.Generator, target: str | None = "image") -> np.ndarray:
    """The weights of a small random network, for `loss_value`.

    A grader keeps them: an answer in the sandbox asks for the loss of the images that it has.

    Image and target play different parts in it, so that swapping them shows, and its gradient cannot be guessed.

    Args:
        target: what it compares the image with: another 'image', an 'activation' of four filters, or None, nothing.
    """
    turned = 1.3 * np.linalg.qr(rng.normal(size=(3, 3)))[0]
    if target == "activation":
        turned = np.append(turned, rng.uniform(-0.5, 0.5, (3, 1)), 1)
    bias, weights = rng.uniform(-0.3, 0.3, (1, turned.shape[1])), rng.uniform(-0.6, 0.6, (3, 3))
    rows = {"image": [turned, bias, weights], "activation": [turned, bias], None: [turned]}[target]
    return np.concatenate(rows).astype(np.float32)


def _seen(image, loss):
    return np.tanh(image @ loss[:3] + loss[3:4].sum(0))


def _apart(image, target, loss):
    """What the network sees, and how far that is from what it should see; 1 if there is no target."""
    seen = _seen(image, loss)
    return seen, {7: lambda: seen - _seen(target, loss), 4: lambda: seen - target, 3: lambda: 1}[len(loss)]()


def _weight(target, loss):
    return np.exp(target @ loss[4:]) if len(loss) == 7 else 1


def loss_value(image, target, loss):
    """The weighted squared differences of what the network sees; or twice the sum of what it sees, if it ignores its target.

    It is so steep that a gradient that is clipped to -1..1 shows.
    """
    seen, apart = _apart(image, target, loss)
    return 2 * np.sum(seen) if len(loss) == 3 else np.sum(_weight(target, loss) * apart**2)


def lowers_the_loss(case, output, right) -> bool:
    """Whether the loss is lower for the output than for the image that came in, by about as much as for the right output."""
    before, after, least = (loss_value(image, case["target"], case["loss"]) for image in (case["image"], output, right))
    return bool(0.04 < (before - after) / (before - least) < 20)


def gradient(image, target, loss):
    """Of `loss_value` with respect to the image."""
    seen, apart = _apart(image, target, loss)
    return 2 * (_weight(target, loss) * apart * (1 - seen**2)) @ loss[:3].T


def target_gradient(image, target, loss):
    """Of `loss_value` with respect to the target, if that is an image."""
    if len(loss) < 7:
        return None
    _, apart = _apart(image, target, loss)
    weight, wanted = _weight(target, loss), _seen(target, loss)
    return (weight * apart**2) @ loss[4:].T - (2 * weight * apart * (1 - wanted**2)) @ loss[:3].T


def evaluated(image, target, loss):
    """The value of a loss and its gradients with respect to the images that it uses, which are broadcast against each other."""
    slopes = [_summed_to(image.shape, gradient(image, target, loss))]
    if len(loss) > 3:
        of_target = target_gradient(image, target, loss)
        slopes.append(_summed_to(target.shape, -2 * _apart(image, target, loss)[1] if of_target is None else of_target))
    return loss_value(image, target, loss), *slopes


def _summed_to(shape, array):
    """The sum over the axes along which an array of this shape was broadcast."""
    array = array.sum(tuple(range(array.ndim - len(shape))))
    return array.sum(tuple(axis for axis, side in enumerate(shape) if side == 1 != array.shape[axis]), keepdims=True)


def swapped_gradient(image, target, loss):
    """With respect to the image, of `loss(target, image)`."""
    return target_gradient(target, image, loss)


def one_step(image, target, loss, learning_rate):
    """One step of gradient descent, clipped to 0..1."""
    return np.clip(image - learning_rate * gradient(image, target, loss), 0, 1)


def missed_sums(measure):
    """Hint -> what goes wrong around a `measure` that is summed over the batch and the colours of images in 0..1."""
    return {
        "That is one value for each image of the batch: add them up.": lambda image: [measure(one[None]) for one in image],
        "That is one value for each colour: add them up.": lambda image: [
            measure(image[..., colour : colour + 1]) for colour in range(3)
        ],
        "That is the mean over the batch: take the sum.": lambda image: measure(image) / len(image),
        "Only the first image of the batch is measured: take the sum over all.": lambda image: measure(image[:1]),
        "Only the first colour is measured: take the sum over all.": lambda image: measure(image[..., :1]),
        "That is for images in 0..255: here they are in 0..1, and the value is not scaled.": lambda image: measure(255 * image),
    }


def gram_product(activation, axes="bhwi,bhwj->bij"):
    """F F^T, not divided by anything."""
    return np.einsum(axes, activation, activation)


def positions(activation) -> int:
    """H W."""
    return activation.shape[1] * activation.shape[2]


def gram(activation):
    """F F^T / (H W)."""
    return gram_product(activation) / positions(activation)


def cloud(activation):
    """One image's activation as points (M, C), one for each position."""
    return activation.reshape(-1, activation.shape[-1])


def moments(points):
    """Mean (C,) and covariance (C, C) of points (M, C), divided by M."""
    mean = points.mean(0)
    return mean, (points - mean).T @ (points - mean) / len(points)


def matrix_root(matrix):
    """The symmetric root of a covariance matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def kernel_matrix(points, others, kernel):
    """k(u, v) = (u.v + c)^p exp(-gamma |u - v|^2) of every pair, (M, N), for a `kernel` that is (p, c, gamma).

    All kernels of a lesson are among these: linear, polynomial and Gaussian.
    """
    power, constant, gamma = kernel
    products = points @ others.T
    apart = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2 * products
    return (products + constant) ** int(power) * np.exp(-gamma * apart)
