"""Losses: properties, a NumPy referee, published numbers, the errors' words; and a loss that the package does not know."""

import importlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from stylelab import recipes
from stylelab.errors import InputError
from stylelab.recipes import Gram, Loss, SquaredError, TotalVariation

F32 = dict(rtol=1e-5, atol=1e-6)


@pytest.fixture
def activation(rng):
    return rng.standard_normal((2, 6, 5, 4), dtype=np.float32)


@pytest.fixture
def target(rng):
    return rng.standard_normal((2, 6, 5, 4), dtype=np.float32) * 2


def raw_gram(activation):
    return np.einsum("bhwc,bhwd->bcd", activation.astype(float), activation.astype(float))


# --- properties


def test_gram_matrix_forgets_where_things_are(lab, activation, rng):
    shuffled = rng.permutation(activation.reshape(2, 30, 4), axis=1).reshape(activation.shape)
    assert_allclose(lab.gram_matrix(shuffled), lab.gram_matrix(activation), **F32)


def test_gram_matrix_is_symmetric_and_positive_semi_definite(lab, activation):
    gram = lab.gram_matrix(activation)
    assert_allclose(gram, gram.transpose(0, 2, 1), **F32)
    assert np.linalg.eigvalsh(gram).min() > -1e-5


def test_gram_matrix_of_scaled_activations_is_scaled_twice(lab, activation):
    assert_allclose(lab.gram_matrix(3 * activation), 9 * lab.gram_matrix(activation), rtol=1e-5)


@pytest.mark.parametrize("normalisation", ["half_sum", "sum", "mean", "quarter_mean"])
def test_content_loss_is_zero_only_when_activations_match(lab, activation, normalisation):
    assert lab.content_loss(activation, activation, normalisation) == 0
    assert lab.content_loss(activation, activation + 0.1, normalisation) > 0


@pytest.mark.parametrize("kind", ["l1", "l2", "keras"])
def test_total_variation_of_a_flat_image_is_zero(lab, kind, rng):
    flat = np.broadcast_to(np.float32([0.2, 0.5, 0.9]), (1, 7, 5, 3))
    assert lab.total_variation(flat, kind) == 0
    assert lab.total_variation(flat + rng.uniform(0, 0.1, flat.shape).astype(np.float32), kind) > 0


def test_mean_of_per_location_grams_is_four_times_gatys(lab, activation, target):
    gatys = lab.style_layer_loss(activation[:1], raw_gram(target[:1]).astype(np.float32), "gatys")
    mean = lab.style_layer_loss(activation[:1], (raw_gram(target[:1]) / 30).astype(np.float32), "mean")
    assert_allclose(mean, 4 * gatys, rtol=1e-5)


def test_style_loss_is_the_squared_mmd_of_a_quadratic_kernel(lab, rng):
    x, y = rng.standard_normal((2, 1, 4, 4, 3))
    kernel = lambda a, b: (a.reshape(-1, 3) @ b.reshape(-1, 3).T) ** 2  # noqa: E731
    mmd = kernel(x, x).sum() + kernel(y, y).sum() - 2 * kernel(x, y).sum()
    ours = lab.style_layer_loss(x.astype(np.float32), raw_gram(y).astype(np.float32), "gatys")
    assert_allclose(ours, mmd / (4 * 3**2 * 16**2), rtol=1e-5)


# --- a NumPy referee


@pytest.mark.parametrize(("normalisation", "divisor"), [("raw", 1), ("per_location", 30), ("per_element", 4 * 30)])
def test_gram_matrix_agrees_with_einsum(lab, activation, normalisation, divisor):
    gram = lab.gram_matrix(activation, normalisation)
    assert gram.shape == (2, 4, 4) and gram.dtype == np.float32
    assert_allclose(gram, raw_gram(activation) / divisor, **F32)


@pytest.mark.parametrize(
    ("normalisation", "divisor"), [("half_sum", 2), ("sum", 1), ("mean", 2 * 120), ("quarter_mean", 4 * 120)]
)
def test_content_loss_agrees_with_numpy(lab, activation, target, normalisation, divisor):
    expected = ((activation - target).astype(float) ** 2).sum() / divisor
    assert_allclose(lab.content_loss(activation, target, normalisation), expected, rtol=1e-5)


@pytest.mark.parametrize("gram", ["raw", "per_location", "per_element"])
def test_mean_style_loss_uses_the_named_gram(lab, activation, target, gram):
    divisor = dict(raw=1, per_location=30, per_element=120)[gram]
    own, style = raw_gram(activation) / divisor, raw_gram(target) / divisor
    ours = lab.style_layer_loss(activation, style.astype(np.float32), "mean", gram=gram)
    assert_allclose(ours, ((own - style) ** 2).mean(), rtol=1e-4)


def test_keras_style_loss_divides_by_three_channels_and_the_images_size(lab, activation, target):
    squared = ((raw_gram(activation) - raw_gram(target)) ** 2).sum()
    style = raw_gram(target).astype(np.float32)
    own_size = lab.style_layer_loss(activation, style, "keras")
    image_size = lab.style_layer_loss(activation, style, "keras", image_size=(60, 50))
    assert_allclose(own_size, squared / (4 * 3**2 * 30**2), rtol=1e-4)
    assert_allclose(image_size, squared / (4 * 3**2 * 3000**2), rtol=1e-4)


def test_total_variation_agrees_with_numpy(lab, rng):
    image = rng.uniform(size=(2, 6, 5, 3)).astype(np.float32)
    down, right = np.diff(image.astype(float), axis=1), np.diff(image.astype(float), axis=2)
    assert_allclose(lab.total_variation(image, "l1"), np.abs(down).sum() + np.abs(right).sum(), rtol=1e-5)
    assert_allclose(lab.total_variation(image, "l2"), (down**2).sum() + (right**2).sum(), rtol=1e-5)
    keras = ((down[:, :, :-1] ** 2 + right[:, :-1] ** 2) ** 1.25).sum()
    assert_allclose(lab.total_variation(image, "keras"), keras, rtol=1e-5)


def test_gradient_of_the_style_loss_is_gatys_equation_six(lab, rng):
    activation = rng.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    gram = raw_gram(rng.uniform(size=(1, 4, 4, 3))).astype(np.float32)
    ours = lab.gradient(lambda tensor: lab.sl.style_layer_loss(tensor, lab.tensor(gram), "gatys"), activation)
    features = activation.reshape(16, 3).T.astype(float)
    expected = (features @ features.T - gram[0]) @ features / (3**2 * 16**2)
    assert_allclose(ours.reshape(16, 3).T, expected, rtol=1e-4, atol=1e-7)


# --- published numbers


def test_course_values_of_seeds_002(lab, published):
    content, generated, gram_example = published
    assert_allclose(lab.content_loss(content, generated, "quarter_mean"), 6.76559, rtol=1e-5)
    target = lab.gram_matrix(content, "raw")
    assert_allclose(lab.style_layer_loss(generated, target, "gatys"), 9.19028, rtol=1e-5)
    printed = [
        [6.42230511, -4.42912197, -2.09668207],
        [-4.42912197, 19.46583748, 19.56387138],
        [-2.09668207, 19.56387138, 20.6864624],
    ]
    # its A is (filters, positions) = (3, 2)
    assert_allclose(lab.gram_matrix(gram_example.T.reshape(1, 1, 2, 3), "raw")[0], printed, rtol=1e-5)


def test_total_cost_of_seeds_002(rng):
    from stylelab.recipes import RECIPES

    weights = RECIPES["coursera"].weights
    np.random.seed(3)
    content, style = np.random.randn(), np.random.randn()
    assert_allclose(weights.content * content + weights.style * style, 35.34667875478276, rtol=1e-12)


@pytest.fixture(scope="module")
def published():
    """The course's seeded tensors, which TensorFlow 1's generator gave and TensorFlow 2's still gives when asked for:

    `tf.raw_ops.RandomStandardNormal(shape, seed=1, seed2=k) * 4 + 1`, each in a fresh process, with k = 3 for the
    content and for the Gram example, 9 for the generated image.
    """
    numbers = np.load(__file__.replace("test_losses.py", "published.npz"))
    return numbers["content"], numbers["generated"], numbers["gram_example"]


# --- the errors' words


def test_errors_name_what_came_and_suggest(lab, activation, target):
    with pytest.raises(InputError, match=r"did you mean 'per_location'"):
        lab.gram_matrix(activation, "per_locaton")
    with pytest.raises(InputError, match=r"unknown reduction 'avg': choose one of half_sum, sum"):
        lab.content_loss(activation, target, "avg")
    with pytest.raises(InputError, match=r"unknown style normalisation 'gatsy': did you mean 'gatys'"):
        lab.style_layer_loss(activation, raw_gram(target).astype(np.float32), "gatsy")
    with pytest.raises(InputError, match=r"unknown total variation 'l3'"):
        lab.total_variation(activation[..., :3], "l3")


def test_mismatched_shapes_are_named(lab, activation):
    with pytest.raises(InputError, match="use one layer and one size"):
        lab.content_loss(activation, activation[:1])
    with pytest.raises(InputError, match="use one layer"):
        lab.style_layer_loss(activation, np.zeros((2, 3, 3), np.float32))
    with pytest.raises(InputError, match=r"activation must be \(B, .*\); got"):
        lab.gram_matrix(activation[0])
    with pytest.raises(InputError, match=r"image must be \(B, .*\); got"):
        lab.total_variation(activation[0])


# --- losses as objects


@pytest.fixture(scope="module")
def losses(lab):
    return importlib.import_module(f"stylelab.{lab.name}.losses")


def distance(lab, losses, loss, activation, target) -> float:
    statistics = losses.statistics(loss, lab.tensor(target))
    return float(lab.array(losses.distance(loss, lab.tensor(activation), statistics)))


def test_a_described_loss_is_the_public_function_of_that_name(lab, losses, activation, target):
    one, other = activation[:1], target[:1]
    for name, loss in recipes.STYLE_LOSSES.items():
        gram = lab.gram_matrix(other, "per_location" if name == "mean" else "raw")
        assert distance(lab, losses, loss, one, other) == pytest.approx(lab.style_layer_loss(one, gram, name), rel=1e-6)
    for word in ("half_sum", "sum", "mean", "quarter_mean", "quarter_sum"):
        assert distance(lab, losses, SquaredError(word), one, other) == lab.content_loss(one, other, word)
    for kind in ("l1", "l2", "keras"):
        assert distance(lab, losses, TotalVariation(kind), one, other) == lab.total_variation(one, kind)


@pytest.mark.parametrize("loss", [Gram(), recipes.STYLE_LOSSES["gatys"], Gram("per_element", reduce="half_sum")], ids=repr)
def test_a_style_image_twice_as_large_has_the_same_style(lab, losses, activation, loss):
    one = activation[:1]
    twice = np.concatenate([one, one], axis=1)
    assert distance(lab, losses, loss.at_size(30, 30), one, twice) == pytest.approx(0, abs=1e-9)


def test_a_sum_and_a_multiple_are_what_they_say(lab, losses, activation, target):
    one, other = activation[:1], target[:1]
    parts = [distance(lab, losses, loss, one, other) for loss in (Gram(), SquaredError(), TotalVariation())]
    total = distance(lab, losses, 0.5 * Gram() + 2 * (SquaredError() + TotalVariation()), one, other)
    assert total == pytest.approx(0.5 * parts[0] + 2 * (parts[1] + parts[2]), rel=1e-5)


def test_an_image_of_many_megapixels_has_a_loss(lab, losses):
    own, target = (losses.Sums(10**8, lab.tensor(np.full((1, 64, 64), value, np.float32))) for value in (2e8, 1e8))
    loss = recipes.STYLE_LOSSES["gatys"]
    assert float(losses.distance(loss, own, losses.statistics(loss, target))) == pytest.approx(0.25, rel=1e-5)


# --- a loss that the package does not know


@dataclass(frozen=True, repr=False)
class Sorted(Loss):
    """Each filter's responses in order of size: squared differences, regardless of position, and not to be had from sums."""


@dataclass(frozen=True, repr=False)
class Moments(Loss):
    """Means and covariances of the filters' responses: squared differences, to be had from sums over positions."""

    needs = frozenset({"gram", "total"})


@pytest.fixture(scope="module", autouse=True)
def registered(lab, losses) -> None:
    def in_order(activation):
        if lab.name == "torch":
            return losses.wide(activation).flatten(2).sort().values
        batch, height, width, filters = activation.shape
        return lab.native.sort(lab.native.reshape(losses.wide(activation), (batch, height * width, filters)), axis=1)

    losses.statistics.register(Sorted, lambda loss, activation: in_order(activation))
    losses.distance.register(
        Sorted, lambda loss, activation, statistics: lab.sl.content_loss(in_order(activation), statistics, "mean")
    )

    def moments(activation):
        own = losses.sums(activation)
        mean = own.total / own.positions
        return mean, own.gram / own.positions - mean[:, :, None] * mean[:, None, :]

    losses.statistics.register(Moments, lambda loss, activation: moments(activation))
    losses.distance.register(
        Moments, lambda loss, activation, statistics: sum(map(lab.sl.content_loss, moments(activation), statistics))
    )


def test_a_loss_that_is_not_registered_is_named(lab, losses):
    @dataclass(frozen=True, repr=False)
    class Unheard(Loss):
        """Described, and no more."""

    with pytest.raises(InputError, match=r"no statistics for Unheard\(\)"):
        losses.statistics(Unheard(), None)
    with pytest.raises(InputError, match=r"no distance for Unheard\(\)"):
        losses.distance(Unheard(), None, None)


@pytest.mark.parametrize("tile", [None, 32])
@pytest.mark.parametrize("loss", [Sorted(), 0.5 * Sorted() + Gram("per_element"), Moments(), Gram() + Moments()], ids=repr)
def test_the_gradient_of_any_loss_is_that_of_plain_differentiation(lab, losses, rng, loss, tile):
    images = rng.uniform(size=(3, 1, 70, 52, 3)).astype(np.float32)
    recipe = replace(
        recipes.RECIPES["pytorch-adam"], content={"conv2_2": 1.0}, style={"conv1_1": 0.5, "conv2_2": 1.0, "conv3_1": 2.0},
        style_loss=loss,
    )  # fmt: skip
    encoder = lab.sl.load_encoder("mini", recipe.layers, device="cpu")
    weights = recipes.Weights(content=0.3, style=2.0, tv=1e-4)
    content, style = (lab.tensor(image) for image in images[:2])
    objective = lab.sl.transfer_loss(encoder, content, style, recipe, weights, tile=tile)

    def plain(image):
        seen, of_content, of_style = encoder(image), encoder(content), encoder(style)
        total = 0.3 * losses.distance(recipe.content_loss, seen["conv2_2"], of_content["conv2_2"])
        for layer, share in recipe.style.items():
            total = total + 2.0 * share * losses.distance(loss, seen[layer], losses.statistics(loss, of_style[layer]))
        return total + 1e-4 * lab.sl.total_variation(image, "l2")

    expected = lab.gradient(plain, images[2])
    ours = lab.gradient(lambda image: sum(objective(image).values()), images[2])
    assert_allclose(ours, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("tile", [0, 32])
def test_a_run_lowers_a_loss_that_the_package_does_not_know(lab, losses, tile):
    recipe = replace(recipes.RECIPES["tf-tutorial"], style_loss=Sorted(), style_fit="stretch")
    result = lab.sl.transfer("coffee", "brushstrokes", recipe=recipe, encoder="mini", size=48, steps=8, device="cpu", tile=tile)
    style = result.history["style"]
    assert style[-1] < 0.95 * style[0] and np.isfinite(result.image).all()


# the temporal loss


def temporal_loss(lab, image, warped, reliable) -> float:
    return float(lab.array(lab.sl.temporal_loss(*map(lab.tensor, (image, warped, reliable)))))


def test_the_temporal_loss_is_the_mean_over_all_positions_of_what_differs_where_both_show_the_same(lab, rng):
    image, warped = rng.uniform(size=(2, 2, 5, 7, 3)).astype(np.float32)
    reliable = (rng.uniform(size=(2, 5, 7, 1)) > 0.4).astype(np.float32)
    assert_allclose(temporal_loss(lab, image, warped, reliable), (reliable * (image - warped) ** 2).mean(), rtol=1e-5)
    assert temporal_loss(lab, image, image, reliable) == 0
    assert temporal_loss(lab, image, warped, 0 * reliable) == 0


def test_the_temporal_loss_draws_only_reliable_positions_towards_the_frame_before(lab, rng):
    image, warped = rng.uniform(size=(2, 1, 4, 6, 3)).astype(np.float32)
    reliable = (rng.uniform(size=(1, 4, 6, 1)) > 0.4).astype(np.float32)
    gradient = lab.gradient(lambda x: lab.sl.temporal_loss(x, lab.tensor(warped), lab.tensor(reliable)), image)
    assert_allclose(gradient, 2 * reliable * (image - warped) / image.size, rtol=1e-5, atol=1e-8)


def test_the_temporal_loss_refuses_other_sizes(lab, rng):
    image, mask = np.ones((1, 4, 6, 3), np.float32), np.ones((1, 4, 6, 1), np.float32)
    for arguments in ((image, image[:, 1:], mask), (image, image, mask[:, 1:]), (image[..., :1], image, mask)):
        with pytest.raises(InputError, match="use one size"):
            temporal_loss(lab, *arguments)
    with pytest.raises(InputError, match="reliable must be"):
        temporal_loss(lab, image, image, image)
