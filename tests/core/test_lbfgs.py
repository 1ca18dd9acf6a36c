"""The arithmetic of L-BFGS against the textbook's two loops, and what coarse structures gain. No framework needed."""

import numpy as np
import pytest

from stylelab.run.numerics import lbfgs


def textbook(gradient, moves, changes):
    """Nocedal and Wright 2006, algorithm 7.4, on the vectors themselves."""
    q, shares = gradient.copy(), []
    for s, y in zip(moves[::-1], changes[::-1], strict=True):
        shares.append(s @ q / (y @ s))
        q -= shares[-1] * y
    q *= moves[-1] @ changes[-1] / (changes[-1] @ changes[-1]) if len(moves) else 1.0
    for s, y in zip(moves, changes, strict=True):
        q += s * (shares.pop() - y @ q / (y @ s))
    return -q


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_step_is_the_textbooks(rng, count):
    curvature = np.diag(np.linspace(1, 50, 12))
    moves = rng.normal(size=(count, 12))
    vectors = np.concatenate([moves, moves @ curvature, rng.normal(size=(1, 12))])
    coefficients = lbfgs.direction(vectors @ vectors.T, [(index, count + index) for index in range(count)])
    expected = textbook(vectors[-1], vectors[:count], vectors[count:-1])
    np.testing.assert_allclose(coefficients @ vectors, expected, rtol=1e-10)


def test_rows_that_no_pair_names_have_no_share(rng):
    vectors = rng.normal(size=(5, 4))
    vectors[1] = 2 * vectors[0]
    coefficients = lbfgs.direction(vectors @ vectors.T, [(0, 1)])
    assert (coefficients[2:4] == 0).all() and coefficients[-1] == -0.5


def test_a_pair_without_curvature_is_not_remembered():
    assert lbfgs.curved(1.0, 0.5, 1.0)
    assert not lbfgs.curved(1.0, -0.5, 1.0)
    assert not lbfgs.curved(1.0, 1e-9, 1.0)
    assert not lbfgs.curved(0.0, 0.0, 1.0)
    assert not lbfgs.curved(1.0, float("nan"), 1.0)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (21, 32), (7, 5)])
def test_coarse_structures_move_more_and_the_mean_square_is_one(height, width):
    factors = lbfgs.softness(height, width, 0.35)
    assert factors.shape == (height, width // 2 + 1) and factors.dtype == np.float32
    assert np.mean(factors.astype(float) ** 2) == pytest.approx(1, abs=1e-5)
    assert factors[0, 0] == factors.max() and factors[height // 2, -1] == factors.min()
    np.testing.assert_allclose(lbfgs.softness(height, width, 0.0), 1)


def test_large_images_are_remembered_for_fewer_steps():
    assert lbfgs.memory(3 * 512 * 384) == lbfgs.memory(3 * 2000 * 1500) == 20
    assert lbfgs.memory(3 * 3000 * 2000) == 10
    assert lbfgs.memory(3 * 10_000 * 10_000) == 5
