"""Style in one step: maps that give an activation the mean and the covariance of another, in closed form.

All three are x' = A (x - m) + m', with m the content's mean and m' the style's. `adain` rescales each channel; the other two
give the whole covariance. A covariance S' is reached by every A = S'^1/2 Q S^-1/2 with Q orthogonal: `whiten_and_colour` takes
no rotation, `optimal_transport_map` the one that moves the points least. No gradient passes.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from stylelab.errors import InputError
from stylelab.torch.clouds import _in_double
from stylelab.torch.losses import wide
from stylelab.torch.tensors import as_tensor

CHUNK = 2**15  # positions that are in float64 at a time, so that a large image needs little more memory than itself


def adain(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation with each channel's mean and standard deviation replaced by the style's.

    >>> moved = sl.adain(sl.to_tensor(cat), sl.to_tensor(painting))
    >>> np.allclose(sl.to_array(moved).std((0, 1)), painting.std((0, 1)), atol=1e-5)
    True

    Args:
        content: `(B, C, H, W)`.
        style: `(B, C, H', W')`.

    Returns:
        `(B, C, H, W)`. A channel without spread in the content becomes the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: Huang and Belongie, 'Arbitrary style transfer in real-time with adaptive instance normalization', ICCV 2017,
        equation 8, with the biased deviation and without their epsilon, so that it is exact.
    """

    def rescale(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        own, wanted = x.variance(), y.variance()
        spread = own > x.rounding
        factor = torch.where(spread, (wanted / torch.where(spread, own, 1)).sqrt(), 0)
        return lambda centred: factor[:, None] * centred

    return _moved(content, style, rescale)


def whiten_and_colour(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation made uncorrelated, and given the mean and the covariance of the style's.

    >>> moved = sl.whiten_and_colour(sl.to_tensor(cat), sl.to_tensor(painting))
    >>> np.allclose(np.cov(sl.to_array(moved).reshape(-1, 3).T), np.cov(painting.reshape(-1, 3).T), atol=1e-4)
    True

    Args:
        content: `(B, C, H, W)`.
        style: `(B, C, H', W')`.

    Returns:
        `(B, C, H, W)`, S'^1/2 S^-1/2 (x - m) + m'. Directions in which the content has no spread become the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: Li et al., 'Universal style transfer via feature transforms', NeurIPS 2017, equations 1 and 2.
    """

    def recolour(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        _, inverse = x.roots()
        wanted, _ = y.roots()
        matrix = wanted @ inverse
        return lambda centred: matrix @ centred

    return _moved(content, style, recolour)


def optimal_transport_map(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation with the style's mean and covariance, every point moved as little as that allows.

    >>> x, y = sl.to_tensor(cat), sl.to_tensor(painting)
    >>> squares = (sl.to_array(sl.optimal_transport_map(x, y)) - cat) ** 2
    >>> bool(abs(squares.sum(2).mean() - float(sl.wasserstein_loss(x, y))) < 1e-5)
    True

    Args:
        content: `(B, C, H, W)`.
        style: `(B, C, H', W')`.

    Returns:
        `(B, C, H, W)`, A (x - m) + m' with A = S^-1/2 (S^1/2 S' S^1/2)^1/2 S^-1/2. Directions in which the content has no
            spread become the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: the Monge map between two Gaussians; Peyré and Cuturi, 'Computational optimal transport', 2019, equation 2.40.
        For style transfer: Lu et al., 'A closed-form solution to universal style transfer', ICCV 2019.
    """

    def transport(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        root, inverse = x.roots()
        wanted, _ = y.roots()
        # A is S'^1/2 Q S^-1/2 with Q the rotation in S'^1/2 S^1/2, which is rounded far less than the root of a product
        left, values, right = torch.linalg.svd(wanted @ root)
        there = (values > len(values) * torch.finfo(values.dtype).eps * values[0]).to(values)
        matrix = wanted @ (left * there) @ right @ inverse
        return lambda centred: matrix @ centred

    return _moved(content, style, transport)


class Points:
    """One image's activation `(1, C, H, W)` as points `(C, M)`, which are read in float64, some positions at a time."""

    def __init__(self, activation: Tensor, name: str):
        self.values = wide(activation.detach())[0].flatten(1)
        self.number = self.values.shape[1]
        self.mean = torch.stack([part.sum(1) for part in self.parts()]).sum(0)[:, None] / self.number  # (C, 1)
        if not self.mean.isfinite().all():
            raise InputError(f"{name} holds NaN or infinity: compute it again")
        eps = max(torch.finfo(self.values.dtype).eps, 1e-14)
        self.rounding = (4 * eps * self.mean[:, 0]).square()  # (C,), a variance below which a channel has one value

    def parts(self) -> Iterator[Tensor]:
        """`(C, m)` in float64, in order."""
        for part in self.values.split(CHUNK, 1):
            yield from _in_double(part)

    def variance(self) -> Tensor:
        """`(C,)`, biased."""
        return torch.stack([(part - self.mean).square().sum(1) for part in self.parts()]).sum(0) / self.number

    def roots(self) -> tuple[Tensor, Tensor]:
        """The square root of the covariance, and its inverse where there is spread; `(C, C)`, both symmetric."""
        centred = (part - self.mean for part in self.parts())
        covariance = torch.stack([part @ part.T for part in centred]).sum(0) / self.number
        values, vectors = torch.linalg.eigh(covariance)
        least = self.rounding.sum() + len(values) * torch.finfo(values.dtype).eps * values[-1]
        spread = values > least
        roots = torch.where(spread, values, 1).sqrt()
        inverses = torch.where(spread, 1 / roots, 0)
        return (vectors * torch.where(spread, roots, 0)) @ vectors.T, (vectors * inverses) @ vectors.T


def _moved(content: Tensor, style: Tensor, between: Callable[[Points, Points], Callable[[Tensor], Tensor]]) -> Tensor:
    """Every image's points, moved around their mean by what `between` makes of the two images, and put around the style's."""
    content, style = as_tensor(content, "content", "(B, C, H, W)"), as_tensor(style, "style", "(B, C, H, W)")
    shapes = f"content is {tuple(content.shape)} but style is {tuple(style.shape)}"
    if content.shape[:2] != style.shape[:2]:
        raise InputError(f"{shapes}: take both from one layer")
    if not (content.numel() and style.numel()):
        raise InputError(f"{shapes}: one has no positions")
    moved = torch.empty_like(content, memory_format=torch.contiguous_format, requires_grad=False)
    with torch.no_grad():
        for one, other, result in zip(content, style, moved, strict=True):
            x, y = Points(one[None], "content"), Points(other[None], "style")
            move, start = between(x, y), 0
            for part in x.parts():
                result.flatten(1)[:, start : start + CHUNK] = (move(part - x.mean) + y.mean).to(result)
                start += CHUNK
    return moved
