"""Medians with their spread, since machines are noisy."""

from collections.abc import Sequence

import numpy as np


def spread(values: Sequence[float]) -> dict[str, float]:
    """`{"median", "low", "high", "count"}`: low and high are the quartiles."""
    low, median, high = np.percentile(np.asarray(values, dtype=float), (25, 50, 75))
    return {"median": float(median), "low": float(low), "high": float(high), "count": len(values)}


def paired(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """The spread of theirs / ours, round by round, so that both met the machine in the same mood."""
    if len(theirs) != len(ours):
        raise ValueError(f"{len(theirs)} and {len(ours)} rounds cannot be paired")
    return spread([their / our for their, our in zip(theirs, ours, strict=True)])


def first_below(losses: Sequence[float], target: float) -> int | None:
    """The index of the first loss that is no higher than `target`; None if there is none."""
    return next((index for index, loss in enumerate(losses) if loss <= target), None)
