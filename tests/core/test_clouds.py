"""Losses on clouds of points: the values and properties of their papers, referees that are not ours, and true gradients."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg, stats
from sklearn.metrics import pairwise

from stylelab import recipes
from stylelab.errors import InputError
from stylelab.recipes import (
    MMD,
    BatchNorm,
    Gram,
    Histogram,
    MeanCovariance,
    NearestNeighbour,
    Relative,
    RelaxedEarthMover,
    Sliced,
    Wasserstein,
)
from stylelab.run.numerics import clouds

SUMS = [
    MMD("linear"), MMD("polynomial"), MMD("polynomial", offset=1.5), MMD("polynomial", degree=1), BatchNorm(),
    MeanCovariance(), MeanCovariance(relative=False), Wasserstein(), Wasserstein(relative=True),
]  # fmt: skip
POINTS = [
    MMD("gaussian"), MMD("gaussian", gamma="mean", estimate="unbiased"), MMD("gaussian", gamma=0.125, estimate="linear"),
    MMD("polynomial", degree=3, offset=1), MMD("linear", estimate="unbiased"), Sliced(), Sliced(directions=7, seed=3),
    Histogram(), NearestNeighbour(), RelaxedEarthMover(), NearestNeighbour(samples=9), RelaxedEarthMover(samples=9),
]  # fmt: skip
ALL = SUMS + POINTS
NEVER_NEGATIVE = [loss for loss in ALL if getattr(loss, "estimate", "biased") == "biased"]
FUNCTIONS = {
    MMD: "mmd_loss", BatchNorm: "batch_norm_loss", MeanCovariance: "covariance_loss",
    Wasserstein: "wasserstein_loss", Sliced: "sliced_wasserstein_loss", Histogram: "histogram_loss",
    NearestNeighbour: "nearest_neighbour_loss", RelaxedEarthMover: "relaxed_emd_loss",
}  # fmt: skip


@pytest.fixture(scope="module")
def F() -> np.ndarray:
    """Twelve points with three coordinates, `(12, 3)`."""
    return np.maximum(np.random.RandomState(0).randn(3, 12), 0).T


@pytest.fixture(scope="module")
def S() -> np.ndarray:
    return np.maximum(np.random.RandomState(1).randn(3, 12) + 0.5, 0).T


@pytest.fixture(scope="module")
def losses(lab):
    return importlib.import_module(f"stylelab.{lab.name}.losses")


def settings(loss) -> dict:
    names = set(loss.__dataclass_fields__) - {"positions"}
    return {name: getattr(loss, name) for name in names}


def apart(lab, loss, x, y) -> float:
    """The public function of a loss, of two clouds `(M, C)`."""
    return float(lab.array(tensors(lab, loss, lab.tensor(as_activation(x)), lab.tensor(as_activation(y)))))


def tensors(lab, loss, activation, target):
    if isinstance(loss, Sliced):
        filters = activation.shape[1 if lab.name == "torch" else -1]
        return lab.sl.sliced_wasserstein_loss(activation, target, lines(lab, filters, loss))
    return getattr(lab.sl, FUNCTIONS[type(loss)])(activation, target, **settings(loss))


def lines(lab, filters, loss):
    """The directions that a run draws first, `(K, C)`."""
    rows = np.ascontiguousarray(clouds.directions(filters, loss.directions, loss.seed).T)
    module = importlib.import_module(lab.name)
    return module.from_numpy(rows) if lab.name == "torch" else module.constant(rows)


def as_activation(cloud) -> np.ndarray:
    return np.asarray(cloud)[None, None]


def gaussian(cloud) -> tuple[np.ndarray, np.ndarray]:
    return cloud.mean(0), np.cov(cloud.T, bias=True).reshape(cloud.shape[1], -1)


# --- the values that others computed


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (MMD("linear"), 0.1138464855743771),
        (MMD("polynomial"), 0.8189501560107653),
        (MMD("polynomial", offset=1), 1.0466431271595216),
        (MMD("gaussian", gamma=0.5), 0.07058746097727553),
        (Wasserstein(), 0.3742250242507626),
        (Histogram(), 0.126139017701128),
    ],
    ids=repr,
)
def test_the_values_of_two_small_clouds(lab, F, S, loss, value):
    assert apart(lab, loss, F, S) == pytest.approx(value, rel=1e-9)
    assert apart(lab, loss, S, F) == pytest.approx(value, rel=1e-9)


def test_relaxed_earth_movers_distance_is_below_the_exact_one(lab, ot, F, S):
    value = apart(lab, RelaxedEarthMover(), F + 0.1, S + 0.1)
    exact = ot.emd2([], [], pairwise.cosine_distances(F + 0.1, S + 0.1))
    assert value == pytest.approx(0.022946703280655234, rel=1e-9) and value <= exact == pytest.approx(0.08267454907)


def test_the_nearest_neighbours_of_two_small_clouds(lab, F, S):
    found = lab.array(lab.sl.nearest_neighbours(lab.tensor(as_activation(F)), lab.tensor(as_activation(S))))
    assert found.tolist() == [[0, 1, 10, 6, 10, 5, 8, 1, 1, 7, 7, 4]]
    centred = pairwise.cosine_distances(F - F.mean(0), S - S.mean(0))
    assert apart(lab, NearestNeighbour(), F, S) == pytest.approx(centred.min(1).mean(), rel=1e-9)


def test_a_constant_image_and_one_half_black_have_one_gram_matrix_and_are_told_apart_by_the_others(lab):
    constant, half = np.full((8, 1), 0.5**0.5), np.repeat([[0.0], [1.0]], 4, 0)
    assert apart(lab, MMD("polynomial"), constant, half) == pytest.approx(0, abs=1e-12)
    means, deviations = (0.5**0.5 - 0.5) ** 2, 0.25
    assert apart(lab, Wasserstein(), constant, half) == pytest.approx(1 - 0.5**0.5, rel=1e-7)
    assert apart(lab, BatchNorm(), constant, half) == pytest.approx(means + deviations, rel=1e-9)
    assert apart(lab, MMD("linear"), constant, half) == pytest.approx(means, rel=1e-9)
    for loss in (MeanCovariance(), Histogram(), MMD("gaussian"), MMD("polynomial", offset=1)):
        assert apart(lab, loss, constant, half) > 0.01


# --- referees


KERNELS = {
    "linear": lambda loss, x, y: pairwise.linear_kernel(x, y),
    "polynomial": lambda loss, x, y: pairwise.polynomial_kernel(x, y, degree=loss.degree, gamma=1, coef0=loss.offset),
    "gaussian": lambda loss, x, y: pairwise.rbf_kernel(x, y, gamma=loss.gamma),
}


@pytest.mark.parametrize("estimate", ["biased", "unbiased"])
@pytest.mark.parametrize(
    "loss",
    [
        MMD("linear"),
        MMD(degree=1, offset=2),
        MMD(),
        MMD(offset=0.7),
        MMD(degree=4, offset=1),
        MMD("gaussian", gamma=0.8),
    ],
    ids=repr,
)
def test_mmd_agrees_with_the_kernels_of_scikit_learn(lab, rng, loss, estimate):
    x, y = rng.normal(size=(30, 5)), rng.normal(0.5, 1.2, size=(22, 5))
    xx, yy, xy = (KERNELS[loss.kernel](loss, a, b) for a, b in ((x, x), (y, y), (x, y)))
    mean = np.mean if estimate == "biased" else lambda k: k[~np.eye(len(k), dtype=bool)].mean()
    expected = mean(xx) + mean(yy) - 2 * xy.mean()
    assert apart(lab, replace(loss, estimate=estimate), x, y) == pytest.approx(expected, rel=1e-9)


def test_the_linear_estimate_is_right_on_average_and_takes_each_point_once(lab, rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(0.7, size=(40, 3))
    values = [apart(lab, MMD("gaussian", gamma=0.5, estimate="linear", seed=seed), x, y) for seed in range(200)]
    unbiased = apart(lab, MMD("gaussian", gamma=0.5, estimate="unbiased"), x, y)
    assert np.mean(values) == pytest.approx(unbiased, abs=4 * np.std(values) / 200**0.5)
    few = [apart(lab, MMD("gaussian", gamma=0.5, estimate="unbiased", samples=10, seed=seed), x, y) for seed in range(200)]
    assert np.mean(few) == pytest.approx(unbiased, abs=4 * np.std(few) / 200**0.5)


@pytest.mark.parametrize("rule", ["median", "mean"])
def test_the_width_of_a_kernel_is_taken_from_the_style_images_own_distances(lab, rng, rule):
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(25, 3))
    squares = pairwise.euclidean_distances(y, squared=True)[np.triu_indices(25, 1)]
    gamma = 1 / float(getattr(np, rule)(squares))
    expected = apart(lab, MMD("gaussian", gamma=gamma), x, y)
    assert apart(lab, MMD("gaussian", gamma=rule), x, y) == pytest.approx(expected, rel=1e-9)
    if rule == "median":
        without = lab.sl.mmd_loss(*(lab.tensor(as_activation(cloud)) for cloud in (x, y)), "gaussian")
        assert float(without) == pytest.approx(expected, rel=1e-9)


def test_a_very_wide_gaussian_kernel_is_the_linear_one(lab, F, S):
    gamma = 1e-6
    value = apart(lab, MMD("gaussian", gamma=gamma), F, S) / (2 * gamma)
    assert value == pytest.approx(0.1138463, abs=2e-7)


def test_the_polynomial_kernel_is_gatys_loss_with_gatys_gradient(lab, F, S):
    target = lab.tensor((S.T @ S)[None])
    ours = lab.gradient(lambda x: tensors(lab, MMD(), x, lab.tensor(as_activation(S))), as_activation(F))
    theirs = lab.gradient(lambda x: lab.sl.style_layer_loss(x, target, "gatys"), as_activation(F))
    assert_allclose(ours, 4 * 3**2 * theirs, rtol=1e-9, atol=1e-15)


def test_gaussian_wasserstein_agrees_with_pot_and_scipy(lab, ot, rng):
    x, y = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)), rng.normal(1, 2, size=(70, 6))
    (mean, a), (other, b) = gaussian(x), gaussian(y)
    value = apart(lab, Wasserstein(), x, y)
    assert value == pytest.approx(ot.gaussian.bures_wasserstein_distance(mean, other, a, b) ** 2, rel=1e-8)
    root = linalg.sqrtm(a)
    assert value == pytest.approx(
        ((mean - other) ** 2).sum() + np.trace(a + b - 2 * linalg.sqrtm(root @ b @ root).real), rel=1e-8
    )
    assert apart(lab, Wasserstein(relative=True), x, y) == pytest.approx(value / np.trace(b), rel=1e-8)
    assert apart(lab, Wasserstein(), 3 * x, 3 * y) == pytest.approx(9 * value, rel=1e-8)


def test_gaussian_wasserstein_is_below_the_exact_distance_of_the_points(lab, ot, F, S):
    exact = ot.emd2([], [], ot.dist(F, S))
    assert exact == pytest.approx(0.6965126961874303) and apart(lab, Wasserstein(), F, S) <= exact
    assert 3 * apart(lab, Histogram(), F, S) <= exact


def test_gaussian_wasserstein_of_independent_filters_is_that_of_means_and_deviations(lab):
    x = np.array([[-1, 0], [1, 0], [0, -2], [0, 2]])
    y = np.array([3, 1]) * x + np.array([0.5, 2])
    assert apart(lab, Wasserstein(), x * 1.0, y) == pytest.approx(2 * apart(lab, BatchNorm(), x * 1.0, y), rel=1e-9)


def test_sliced_wasserstein_agrees_with_pot(lab, ot, rng):
    x, y = rng.normal(size=(40, 5)), rng.normal(1, 2, size=(40, 5))
    lines = clouds.directions(5, 9, seed=4).astype(float)
    expected = ot.sliced_wasserstein_distance(x, y, projections=lines) ** 2
    assert apart(lab, Sliced(directions=9, seed=4), x, y) == pytest.approx(expected, rel=1e-6)


def test_the_histogram_loss_is_the_exact_transport_of_each_filter(lab, ot, rng):
    x, y = rng.normal(size=(30, 3)), rng.exponential(size=(30, 3))
    expected = np.mean([ot.emd2_1d(x[:, i], y[:, i]) for i in range(3)])
    assert apart(lab, Histogram(), x, y) == pytest.approx(expected, rel=1e-9)
    assert apart(lab, Histogram(), np.array([[2.0], [0]]), np.array([[0.0], [3]])) == pytest.approx(0.5)
    far = stats.wasserstein_distance([0, 1, 3], [5, 6, 8])  # all move alike, so the mean square is the mean's square
    assert apart(lab, Histogram(), np.array([[0.0], [1], [3]]), np.array([[5.0], [6], [8]])) == pytest.approx(far**2)


def test_relaxed_earth_movers_distance_needs_both_sides(lab, rng):
    x = np.abs(rng.normal(size=(20, 4)))
    some = x[:6]
    expected = pairwise.cosine_distances(x, some).min(1).mean()
    assert expected > 0.01
    for one, other in ((some, x), (x, some)):
        assert apart(lab, RelaxedEarthMover(), one, other) == pytest.approx(expected)


# --- properties


@pytest.mark.parametrize("loss", NEVER_NEGATIVE, ids=repr)
def test_a_loss_is_zero_for_the_same_points_in_any_order_and_above_zero_for_others(lab, rng, loss):
    loss = replace(loss, samples=64) if hasattr(loss, "samples") else loss
    x, y = np.maximum(rng.normal(size=(24, 4)), 0), np.maximum(rng.normal(0.4, 1.5, size=(31, 4)), 0)
    assert apart(lab, loss, rng.permutation(x), x) == pytest.approx(0, abs=1e-7)
    assert apart(lab, loss, np.concatenate([x, x]), x) == pytest.approx(0, abs=1e-7)
    assert apart(lab, loss, x, y) > 1e-4


@pytest.mark.parametrize("loss", [MMD("linear"), MMD("gaussian", gamma=0.5), Wasserstein(), Sliced(), Histogram(), BatchNorm()])
def test_a_shift_of_both_images_changes_nothing_but_a_polynomial_kernel(lab, F, S, loss):
    assert apart(lab, loss, F + [1, 2, 3], S + [1, 2, 3]) == pytest.approx(apart(lab, loss, F, S), rel=1e-6)
    assert apart(lab, MMD(), F + [1, 2, 3], S + [1, 2, 3]) != pytest.approx(apart(lab, MMD(), F, S), rel=0.1)


def test_a_translation_costs_its_square_over_any_right_angles(lab, losses, F):
    moved = F + [1, 2, 3]
    assert apart(lab, Histogram(), F, moved) == pytest.approx(14 / 3)
    statistics = losses.statistics(Sliced(), lab.tensor(as_activation(moved)))
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    statistics.drawn[0] = lab.tensor(turned)
    assert float(losses.distance(Sliced(), lab.tensor(as_activation(F)), statistics)) == pytest.approx(14 / 3)
    assert apart(lab, Sliced(directions=4000), F, moved) == pytest.approx(14 / 3, rel=0.05)
    assert apart(lab, Sliced(), 2 * F, 2 * moved) == pytest.approx(4 * apart(lab, Sliced(), F, moved))


def test_unequal_numbers_of_points_are_compared_exactly(lab, ot, rng):
    x, y = rng.normal(size=(12, 2)), rng.exponential(size=(18, 2))
    expected = np.mean([ot.emd2_1d(x[:, i], y[:, i]) for i in range(2)])
    assert apart(lab, Histogram(), x, y) == pytest.approx(expected, rel=1e-9)
    assert apart(lab, Histogram(), y, x) == pytest.approx(expected, rel=1e-9)
    lines = clouds.directions(2, 3, seed=0).astype(float)
    expected = ot.sliced_wasserstein_distance(x, y, projections=lines) ** 2
    assert apart(lab, Sliced(directions=3), x, y) == pytest.approx(expected, rel=1e-6)


def test_matching_a_histogram_keeps_ranks_and_gives_the_targets_values(lab, rng):
    def match(x, y):
        x, y = (lab.tensor(cloud.reshape(1, 4, 5, 3)) for cloud in (x, y))
        return lab.array(lab.sl.match_histogram(x, y)).reshape(20, 3)

    x, y = np.maximum(rng.normal(size=(2, 20, 3)), 0)  # with ties at 0
    matched = match(x, y)
    assert_allclose(np.sort(matched, 0), np.sort(y, 0))
    assert_allclose(np.take_along_axis(matched, np.argsort(x, 0, kind="stable"), 0), np.sort(y, 0))
    assert_allclose(match(y, y), y)
    assert_allclose(match(matched, y), matched)
    assert ((x - matched) ** 2).mean() == pytest.approx(apart(lab, Histogram(), x, y))


def test_a_nearest_neighbour_does_not_depend_on_order_repetition_or_length(lab, rng):
    x, y = rng.normal(size=(15, 4)), rng.normal(size=(20, 4))
    value = apart(lab, NearestNeighbour(), x, y)
    assert apart(lab, NearestNeighbour(), x, rng.permutation(np.concatenate([y, y]))) == pytest.approx(value)
    stretched = x * rng.uniform(0.5, 3, size=(15, 1))
    assert apart(lab, RelaxedEarthMover(), stretched, y) == pytest.approx(apart(lab, RelaxedEarthMover(), x, y))


def test_neighbours_found_in_chunks_are_those_found_at_once(lab, rng, monkeypatch):
    x, y = rng.normal(size=(37, 4)), rng.normal(size=(20, 4))
    at_once = apart(lab, NearestNeighbour(), x, y)
    monkeypatch.setattr(clouds, "ENTRIES", 60)
    assert apart(lab, NearestNeighbour(), x, y) == pytest.approx(at_once, rel=1e-12)


# --- gradients


def finite_differences(function, array, rng, step=1e-6) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of a function along ten directions, and these directions."""
    directions = rng.normal(size=(10, *array.shape))
    slopes = [(function(array + step * each) - function(array - step * each)) / (2 * step) for each in directions]
    return np.array(slopes), directions


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradients_are_those_of_finite_differences(lab, rng, loss):
    x, y = rng.normal(0.3, 1, size=(1, 3, 5, 4)), rng.normal(size=(1, 4, 4, 4))
    value = lambda array: float(lab.array(tensors(lab, loss, lab.tensor(array), lab.tensor(y))))  # noqa: E731
    gradient = lab.gradient(lambda tensor: tensors(lab, loss, tensor, lab.tensor(y)), x)
    slopes, directions = finite_differences(value, x, rng)
    assert_allclose((gradient * directions).sum((1, 2, 3, 4)), slopes, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("positions", "others"), [(6, 25), (25, 6), (4, 3), (6, 6)])
def test_gaussian_wasserstein_is_right_at_fewer_positions_than_filters(lab, rng, positions, others):
    x, y = rng.normal(size=(positions, 10)), rng.normal(size=(others, 10))
    (mean, a), (other, b) = gaussian(x), gaussian(y)
    values, vectors = np.linalg.eigh(b)
    root, centred = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T, (x - mean) / positions**0.5
    u, s, v = np.linalg.svd(centred @ root)  # tr (B^1/2 A B^1/2)^1/2 is the sum of the singular values
    rank = (s > 1e-6).sum()
    value = ((mean - other) ** 2).sum() + np.trace(a + b) - 2 * s.sum()
    assert apart(lab, Wasserstein(), x, y) == pytest.approx(value, rel=1e-6)
    expected = 2 * (mean - other) / positions + 2 * (x - mean) / positions - 2 * u[:, :rank] @ v[:rank] @ root / positions**0.5
    ours = lab.gradient(lambda tensor: tensors(lab, Wasserstein(), tensor, lab.tensor(as_activation(y))), as_activation(x))
    assert_allclose(ours[0, 0], expected, rtol=0, atol=1e-6)


DEGENERATE = {
    "of one colour": np.full((1, 3, 4, 6), 0.3, np.float32),
    "black": np.zeros((1, 3, 4, 6), np.float32),
    "one position": np.linspace(0, 1, 6, dtype=np.float32).reshape(1, 1, 1, 6),
    "two colours": np.tile(np.float32([[0] * 6, [1] * 6]), (1, 6, 1)).reshape(1, 3, 4, 6),
}


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_images_of_one_colour_or_one_position_have_a_finite_loss_and_gradient(lab, rng, loss):
    other = rng.uniform(size=(1, 3, 4, 6)).astype(np.float32)
    pairs = [pair for odd in DEGENERATE.values() for pair in ((odd, other), (other, odd), (odd, odd))]
    for x, y in pairs:
        if getattr(loss, "estimate", "biased") != "biased" and 1 in (x.shape[1], y.shape[1]):
            with pytest.raises(InputError, match="needs two positions"):
                tensors(lab, loss, lab.tensor(x), lab.tensor(y))
            continue
        gradient = lab.gradient(lambda tensor: tensors(lab, loss, tensor, lab.tensor(y)), x)  # noqa: B023
        assert np.isfinite(apart_of(lab, loss, x, y)) and np.abs(gradient).max() < 1e3


def apart_of(lab, loss, x, y) -> float:
    return float(lab.array(tensors(lab, loss, lab.tensor(x), lab.tensor(y))))


# --- descriptions


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_description_and_its_function_say_the_same_and_a_batch_is_a_sum(lab, losses, rng, loss):
    x, y = rng.normal(size=(2, 2, 3, 5, 4)).astype(np.float32)
    sized = loss.at_size(15, 15)
    own = [losses.statistics(sized, lab.tensor(one[None])) for one in y]
    values = [float(losses.distance(sized, lab.tensor(one[None]), its)) for one, its in zip(x, own, strict=True)]
    assert apart_of(lab, loss, x, y) == pytest.approx(sum(values), rel=1e-5)


@pytest.mark.parametrize("loss", [*SUMS, Relative(Wasserstein()), 2 * MeanCovariance() + Gram()], ids=repr)
def test_sums_over_positions_are_all_that_some_losses_need(lab, losses, rng, loss):
    x, y = rng.normal(size=(2, 1, 3, 5, 4)).astype(np.float32)
    assert "activation" not in loss.needs
    sums = [losses.sums(lab.tensor(one)) for one in (x, y)]
    known = [losses.Sums(own.positions, **{word: getattr(own, word) for word in loss.needs - {"content"}}) for own in sums]
    ours = losses.relate(loss, losses.statistics(loss, known[1]), known[1])
    whole = losses.relate(loss, losses.statistics(loss, lab.tensor(y)), lab.tensor(y))
    assert float(losses.distance(loss, known[0], ours)) == pytest.approx(
        float(losses.distance(loss, lab.tensor(x), whole)), rel=1e-5
    )


@pytest.mark.parametrize("tile", [None, 32])
@pytest.mark.parametrize(
    "loss",
    [Relative(MeanCovariance()), Wasserstein(), MMD(offset=1), MMD("gaussian", samples=50), Sliced(), Histogram(),
     NearestNeighbour(samples=100), RelaxedEarthMover(samples=100), Relative(Sliced()) + 0.5 * Gram()],
    ids=repr,
)  # fmt: skip
def test_the_engines_gradient_is_that_of_plain_differentiation(lab, losses, rng, loss, tile):
    images = rng.uniform(size=(3, 1, 70, 52, 3)).astype(np.float32)
    recipe = replace(recipes.RECIPES["lab"], content={"conv2_2": 1.0}, style={"conv1_1": 0.5, "conv3_1": 2.0}, style_loss=loss)
    encoder = lab.sl.load_encoder("mini", recipe.layers, device="cpu")
    weights = recipes.Weights(content=0.3, style=2.0)
    content, style = (lab.tensor(image) for image in images[:2])
    objective = lab.sl.transfer_loss(encoder, content, style, recipe, weights, tile=tile)

    def plain(image):
        seen, of_content, of_style = encoder(image), encoder(content), encoder(style)
        total = 0.3 * losses.distance(recipe.content_loss, seen["conv2_2"], of_content["conv2_2"])
        for layer, share in recipe.style.items():
            positions = {"conv1_1": 70 * 52, "conv3_1": 17 * 13}[layer]
            sized = loss.at_size(positions, 70 * 52)
            own = losses.relate(sized, losses.statistics(sized, of_style[layer]), of_content[layer])
            total = total + 2.0 * share * losses.distance(sized, seen[layer], own)
        return total

    expected = lab.gradient(plain, images[2])
    ours = lab.gradient(lambda image: sum(objective(image).values()), images[2])
    assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_loss_relative_to_the_content_image_is_one_there(lab, rng):
    content, style = rng.uniform(size=(2, 1, 40, 40, 3)).astype(np.float32)
    style[..., 0] /= 2
    for loss in (Wasserstein(), MeanCovariance(), Sliced(), MMD("gaussian")):
        recipe = replace(recipes.RECIPES["gatys"], style_loss=Relative(loss))
        encoder = lab.sl.load_encoder("mini", recipe.layers, device="cpu")
        objective = lab.sl.transfer_loss(encoder, lab.tensor(content), lab.tensor(style), recipe, recipes.Weights(1, 3))
        assert float(objective(lab.tensor(content))["style"]) == pytest.approx(3, rel=1e-4)


def test_what_is_drawn_follows_the_step_and_the_seed(lab, rng):
    images = rng.uniform(size=(3, 1, 40, 40, 3)).astype(np.float32)
    for loss in (Sliced(), MMD("gaussian", samples=20), NearestNeighbour(samples=20)):
        recipe = replace(recipes.RECIPES["gatys"], style=dict(conv1_1=1.0), style_loss=2 * loss + Histogram())
        encoder = lab.sl.load_encoder("mini", recipe.layers, device="cpu")
        objective = lab.sl.transfer_loss(encoder, *(lab.tensor(image) for image in images[:2]), recipe, recipes.Weights(0, 1))
        values = []
        for step in (0, 1, 2, 1):
            objective.renew(step)
            values.append(float(objective(lab.tensor(images[2]))["style"]))
        assert len(set(values[:3])) == 3 and values[3] == values[1]


@pytest.mark.parametrize("loss", [Sliced(), MMD("gaussian", samples=200), NearestNeighbour(samples=300)], ids=repr)
def test_a_run_lowers_a_loss_that_draws_at_random_and_repeats_it(lab, loss):
    recipe = replace(
        recipes.RECIPES["gatys"], style_loss=loss, style={"conv2_1": 1.0}, mini=None, normalised=recipes.Weights(0, 1)
    )
    run = lambda: lab.sl.transfer("coffee", "brushstrokes", recipe=recipe, encoder="mini", size=48, steps=25, device="cpu")  # noqa: E731
    result = run()
    style = result.history["style"]
    assert style[-1] < 0.9 * style[0] and np.isfinite(result.image).all()
    assert np.array_equal(result.image, run().image)


def test_the_table_of_losses_names_descriptions_and_public_functions(lab):
    for text, about in recipes.LOSSES.items():
        loss = eval(text, vars(recipes))
        assert repr(loss) == text and hasattr(lab.sl, about.function)
    described = {type(eval(text, vars(recipes))) for text in recipes.LOSSES}
    assert set(FUNCTIONS) <= described


# --- the errors' words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MMD("gausian"), "unknown kernel 'gausian': did you mean 'gaussian'"),
        (lambda: MMD("gaussian", gamma="medain"), "unknown gamma 'medain': did you mean 'median'"),
        (lambda: MMD("gaussian", gamma=0), "gamma of MMD is 0: give a number above 0, 'median' or 'mean'"),
        (lambda: MMD("gaussian", gamma=np.nan), "gamma of MMD is nan: give a number"),
        (lambda: MMD("gaussian", gamma=None), "gamma of MMD is None: give a number"),
        (lambda: MMD(degree=0), "degree of MMD is 0: give a whole number of at least 1"),
        (lambda: MMD(degree=2.5), "degree of MMD is 2.5: give a whole number"),
        (lambda: MMD(offset=-1), "offset of MMD is -1: give a number, zero or more"),
        (lambda: MMD(estimate="fair"), "unknown estimate 'fair': choose one of biased, unbiased, linear"),
        (lambda: MMD(samples=10**6), "samples of MMD is 1000000: give at most 8192"),
        (lambda: MMD(seed=-1), "seed of MMD is -1"),
        (lambda: Sliced(directions=-1), "directions of Sliced is -1: give a whole number of at least 0"),
        (lambda: NearestNeighbour(samples=-1), "samples of NearestNeighbour is -1"),
        (lambda: RelaxedEarthMover(seed="a"), "seed of RelaxedEarthMover is a: give a whole number"),
        (lambda: MeanCovariance(relative="yes"), "relative of MeanCovariance must be a bool"),
        (lambda: Relative("gram"), "loss of Relative must be a Loss"),
    ],
)  # fmt: skip
def test_a_description_names_what_is_wrong(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_activations_that_do_not_fit_are_named(lab, rng, loss):
    x = rng.normal(size=(1, 3, 5, 4)).astype(np.float32)
    for y, words in (
        (x[..., :3], "use one layer"),
        (np.concatenate([x, x]), "use one layer"),
        (x[:, :0], "one has no positions"),
    ):
        with pytest.raises(InputError, match=words):
            tensors(lab, loss, lab.tensor(x), lab.tensor(y))
    with pytest.raises(InputError, match=r"activation must be \(B, .*\); got"):
        tensors(lab, loss, lab.tensor(x[0]), lab.tensor(x))


def test_directions_that_do_not_fit_and_too_many_positions_are_named(lab, rng):
    x = lab.tensor(rng.normal(size=(1, 3, 5, 4)))
    with pytest.raises(InputError, match=r"directions are \(3, 3\) for 4 filters: give a row of as many for each"):
        lab.sl.sliced_wasserstein_loss(x, x, lines(lab, 3, Sliced()))
    large = lab.tensor(np.zeros((1, 91, 91, 1)))
    with pytest.raises(InputError, match="compares each of 8281 positions with each: give samples, at most 8192"):
        lab.sl.mmd_loss(large, large, "gaussian")
    assert float(lab.sl.mmd_loss(large, large, "gaussian", samples=50)) == 0


def test_a_loss_relative_to_the_content_image_needs_one(lab, losses):
    image = lab.tensor(np.ones((1, 3, 3, 2), np.float32))
    with pytest.raises(InputError, match="Relative.* is divided by its value at the content image: use it in a recipe"):
        losses.distance(Relative(Gram()), image, losses.statistics(Relative(Gram()), image))


def test_positions_are_drawn_from_as_many_as_there_are(lab, losses):
    image, larger = (lab.tensor(np.ones((1, side, 3, 2), np.float32)) for side in (3, 4))
    with pytest.raises(InputError, match="call its at_size first"):
        losses.distance(NearestNeighbour(), larger, losses.statistics(NearestNeighbour(), image))
