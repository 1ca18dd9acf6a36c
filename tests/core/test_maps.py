"""The closed-form maps: the moments they promise, referees that are not ours, and clouds without a full covariance."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg

from stylelab.errors import InputError

MAPS = ("adain", "whiten_and_colour", "optimal_transport_map")
WHOLE = MAPS[1:]


@pytest.fixture
def content(rng) -> np.ndarray:
    """Correlated points `(1, 9, 7, 5)` of a mean that is not 0."""
    return 2 + rng.normal(size=(1, 9, 7, 5)) @ rng.normal(size=(5, 5))


@pytest.fixture
def style(rng) -> np.ndarray:
    """Other points, and another number of them: `(1, 8, 11, 5)`."""
    return rng.normal(size=5) + rng.exponential(size=(1, 8, 11, 5)) @ rng.normal(size=(5, 5))


def move(lab, name, content, style) -> np.ndarray:
    return lab.array(getattr(lab.sl, name)(lab.tensor(content), lab.tensor(style)))


def moments(activation) -> tuple[np.ndarray, np.ndarray]:
    cloud = activation.reshape(-1, activation.shape[-1]).astype(np.float64)
    return cloud.mean(0), np.cov(cloud.T, bias=True).reshape(cloud.shape[1], -1)


def displacement(before, after) -> float:
    """Mean squared length of the way of a point."""
    return float(((before - after) ** 2).sum(-1).mean())


# --- what they promise


@pytest.mark.parametrize("name", MAPS)
def test_the_mean_and_the_covariance_are_the_styles(lab, content, style, name):
    moved = move(lab, name, content, style)
    (mean, covariance), (target, wanted) = moments(moved), moments(style)
    assert moved.shape == content.shape and moved.dtype == content.dtype
    assert_allclose(mean, target, rtol=1e-12)
    if name == "adain":
        covariance, wanted = covariance.diagonal(), wanted.diagonal()
    assert_allclose(covariance, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_an_activation_is_not_changed_by_its_own_statistics_in_any_order(lab, rng, content, name):
    shuffled = rng.permutation(content.reshape(-1, 5)).reshape(1, 7, 9, 5)
    assert_allclose(move(lab, name, content, content), content, rtol=1e-10)
    assert_allclose(move(lab, name, content, shuffled), content, rtol=1e-10)


@pytest.mark.parametrize("name", MAPS)
def test_the_order_and_the_repetition_of_style_positions_change_nothing(lab, rng, content, style, name):
    shuffled = rng.permutation(style.reshape(-1, 5)).reshape(1, 11, 8, 5)
    expected = move(lab, name, content, style)
    assert_allclose(move(lab, name, content, shuffled), expected, rtol=1e-10, atol=1e-12)
    assert_allclose(move(lab, name, content, np.concatenate([style, style], 1)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_each_image_of_a_batch_is_moved_by_its_own_style(lab, content, style, name):
    moved = move(lab, name, np.concatenate([content, 3 * content]), np.concatenate([style, style[:, ::-1] + 1]))
    assert_allclose(moved[:1], move(lab, name, content, style), rtol=1e-12)
    assert_allclose(moved[1:], move(lab, name, 3 * content, style + 1), rtol=1e-9, atol=1e-12)


# --- referees


def test_adain_is_the_papers_equation(lab, content, style):
    deviations = content.std((1, 2)), style.std((1, 2))
    expected = deviations[1] / deviations[0] * (content - content.mean((1, 2))) + style.mean((1, 2))
    assert_allclose(move(lab, "adain", content, style), expected, rtol=1e-12)


def test_whitening_and_colouring_are_scipys_roots(lab, content, style):
    (mean, covariance), (target, wanted) = moments(content), moments(style)
    matrix = linalg.sqrtm(wanted) @ linalg.inv(linalg.sqrtm(covariance))
    expected = (content - mean) @ matrix.T + target
    assert_allclose(move(lab, "whiten_and_colour", content, style), expected, rtol=1e-9)


def test_the_transport_map_is_pots_and_scipys(lab, ot, content, style):
    (mean, covariance), (target, wanted) = moments(content), moments(style)
    matrix, offset = ot.gaussian.bures_wasserstein_mapping(mean, target, covariance, wanted)
    moved = move(lab, "optimal_transport_map", content, style)
    assert_allclose(moved, content @ matrix + offset, rtol=1e-7)
    root = linalg.sqrtm(covariance)
    inverse = linalg.inv(root)
    monge = inverse @ linalg.sqrtm(root @ wanted @ root) @ inverse
    assert_allclose(moved, (content - mean) @ monge.T + target, rtol=1e-7)


def test_the_transport_map_moves_points_as_far_as_the_wasserstein_distance_and_the_others_further(lab, content, style):
    distance = float(lab.array(lab.sl.wasserstein_loss(lab.tensor(content), lab.tensor(style))))
    assert displacement(content, move(lab, "optimal_transport_map", content, style)) == pytest.approx(distance, rel=1e-9)
    assert displacement(content, move(lab, "whiten_and_colour", content, style)) > 1.01 * distance


@pytest.mark.parametrize("name", WHOLE)
def test_of_uncorrelated_channels_all_three_are_one(lab, name):
    content = np.array([[-1.0, 0], [1, 0], [0, -2], [0, 2]])[None, None]
    style = np.array([3, 0.2]) * content + np.array([0.5, 2])
    assert_allclose(move(lab, name, content, style), move(lab, "adain", content, style), rtol=1e-12)
    assert_allclose(move(lab, name, content, style), style, rtol=1e-12)


def test_of_commuting_covariances_whitening_is_the_transport(lab, rng, content):
    _, vectors = np.linalg.eigh(moments(content)[1])
    style = content @ vectors * rng.uniform(0.2, 3, size=5) @ vectors.T  # the same axes, other lengths
    whitened = move(lab, "whiten_and_colour", content, style)
    assert_allclose(whitened, move(lab, "optimal_transport_map", content, style), rtol=1e-9, atol=1e-9)


def test_the_transport_map_is_undone_by_the_map_back(lab, content, style):
    there = move(lab, "optimal_transport_map", content, style)
    assert_allclose(move(lab, "optimal_transport_map", there, content), content, rtol=1e-9)


# --- covariances that have no inverse


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAPS)
def test_a_content_of_one_colour_becomes_the_styles_mean(lab, style, name, dtype):
    for colour in (0.0, 0.1, 0.7):
        moved = move(lab, name, np.full((1, 6, 5, 5), colour, dtype), style.astype(dtype))
        assert_allclose(moved, np.broadcast_to(moments(style)[0], moved.shape), rtol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAPS)
def test_a_style_of_one_colour_leaves_only_that(lab, content, name, dtype):
    moved = move(lab, name, content.astype(dtype), np.full((1, 3, 3, 5), 0.3, dtype))
    assert_allclose(moved, np.full_like(moved, 0.3), rtol=1e-5)


@pytest.mark.parametrize("name", WHOLE)
def test_a_gray_image_takes_the_part_of_the_colours_that_it_can(lab, rng, style, name):
    gray = np.repeat(rng.uniform(size=(1, 9, 9, 1)), 5, -1).astype(np.float32)
    moved = move(lab, name, gray, style.astype(np.float32))
    mean, covariance = moments(moved)
    assert np.isfinite(moved).all() and np.linalg.matrix_rank(covariance, tol=1e-4) == 1
    assert_allclose(mean, moments(style)[0], rtol=1e-4, atol=1e-5)
    assert np.linalg.eigvalsh(moments(style)[1] - covariance)[0] > -1e-4  # no more spread than the style has, anywhere


@pytest.mark.parametrize("name", WHOLE)
def test_the_colours_of_a_gray_style_are_exact(lab, rng, content, name):
    gray = np.repeat(rng.uniform(size=(1, 9, 9, 1)), 5, -1)
    moved = move(lab, name, content, gray)
    assert_allclose(moments(moved)[1], moments(gray)[1], atol=1e-9)


@pytest.mark.parametrize("name", MAPS)
def test_dead_channels_stay_apart(lab, content, style, name):
    """A channel that is 0 in both images stays 0; one that is 0 in the content becomes the style's mean of it."""
    content[..., 1] = content[..., 3] = style[..., 1] = 0
    moved = move(lab, name, content.astype(np.float32), style.astype(np.float32))
    assert np.abs(moved[..., 1]).max() < 1e-6
    if name == "adain":
        assert_allclose(moved[..., 3], np.full_like(moved[..., 3], style[..., 3].mean()), rtol=1e-5)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("positions", [1, 2, 4])
def test_fewer_positions_than_channels_give_numbers_with_the_styles_mean(lab, rng, name, positions):
    few = rng.normal(size=(1, 1, positions, 24)).astype(np.float32)
    many = np.maximum(rng.normal(size=(1, 9, 9, 24)), 0).astype(np.float32)
    for x, y in ((few, many), (many, few), (few, few[..., ::-1].copy())):
        moved = move(lab, name, x, y)
        assert np.isfinite(moved).all() and np.abs(moved).max() < 50
        assert_allclose(moments(moved)[0], moments(y)[0], atol=1e-5)


def test_the_transport_map_of_few_positions_never_moves_points_further_than_it_must(lab, rng):
    few, many = rng.normal(size=(1, 1, 6, 24)), rng.normal(1, 2, size=(1, 9, 9, 24))
    distance = float(lab.array(lab.sl.wasserstein_loss(lab.tensor(few), lab.tensor(many))))
    assert displacement(few, move(lab, "optimal_transport_map", few, many)) <= distance


# --- large activations, and wrong ones


@pytest.mark.parametrize("name", MAPS)
def test_positions_are_read_in_chunks_with_the_same_result(lab, content, style, name, monkeypatch):
    module = __import__(f"stylelab.{lab.name}.maps", fromlist=["CHUNK"])
    at_once = move(lab, name, content, style)
    monkeypatch.setattr(module, "CHUNK", 10)
    assert_allclose(move(lab, name, content, style), at_once, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", MAPS)
def test_activations_of_two_layers_are_refused_with_both_shapes(lab, rng, name):
    content, style = rng.normal(size=(1, 4, 6, 3)), rng.normal(size=(1, 5, 5, 2))
    shapes = [tuple(lab.tensor(array).shape) for array in (content, style)]
    with pytest.raises(InputError, match="take both from one layer") as caught:
        move(lab, name, content, style)
    assert all(str(shape) in str(caught.value) for shape in shapes)
    with pytest.raises(InputError, match="content must be"):
        move(lab, name, content[0], style)
    with pytest.raises(InputError, match="one has no positions"):
        move(lab, name, content, style[:, :0, :, :1].repeat(3, -1))
    with pytest.raises(InputError, match="style holds NaN or infinity"):
        move(lab, name, content, np.full((1, 2, 2, 3), np.nan))
