"""When a run may end before its last step: once its image no longer changes to the eye. No framework is imported."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from stylelab.images import colour_difference

SPAN = 10  # steps over which a change is measured
PIXELS = 2**16  # of an image that are looked at, evenly spread: enough for a mean, and quick


def spacing(height: int, width: int) -> int:
    """Which pixels of an image are looked at: every such row and column.

    >>> from stylelab.run.numerics.settling import spacing
    >>> spacing(192, 256), spacing(768, 1024)
    (1, 4)
    """
    return max(1, round((height * width / PIXELS) ** 0.5))


class Settling:
    """Which images of a batch have settled: in the last `SPAN` steps their colours have changed by less than a limit.

    Attributes:
        limits: for each image, the mean difference of colours (see `stylelab.images.colour_difference`); 0 never settles.
        settled: the numbers of those that have.
    """

    def __init__(self, limits: Sequence[float]):
        self.limits, self.settled = limits, set[int]()
        self.before: list[np.ndarray] = []

    def due(self, steps: int) -> bool:
        """Whether to look after so many steps at this size."""
        return any(self.limits) and steps % SPAN == 0

    def look(self, images: Sequence[np.ndarray]) -> None:
        """Compare each image, `(H, W, 3)` in 0..1, with what it was `SPAN` steps ago. The first time there is nothing to compare."""
        seen = []
        for image in images:
            apart = spacing(*image.shape[:2])
            seen.append(image[::apart, ::apart].copy())
        for i, (before, now) in enumerate(zip(self.before, seen, strict=False)):
            if self.limits[i] and colour_difference(before, now) < self.limits[i]:
                self.settled.add(i)
        self.before = seen

    def ended(self, others: Collection[int]) -> bool:
        """Whether every image has settled, except for `others`, which have ended otherwise."""
        return bool(self.settled) and len(self.settled.union(others)) == len(self.limits)

    def state(self) -> dict[str, np.ndarray]:
        """Everything in it, as arrays."""
        looks = {f"look.{i}": image for i, image in enumerate(self.before)}
        return {"settled": np.array(sorted(self.settled), np.int64), **looks}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Bring back what `state` gave."""
        self.settled = set(arrays["settled"].tolist())
        self.before = [arrays[f"look.{i}"] for i in range(len(arrays) - 1)]
