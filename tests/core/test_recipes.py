"""Recipes are data: what the issue's table says, found by name, scaled, changed."""

import numpy as np
import pytest

from stylelab.encoders import LAYERS
from stylelab.errors import InputError
from stylelab.recipes import (
    RECIPES,
    STYLE_LOSSES,
    Gram,
    Loss,
    Scale,
    SquaredError,
    Sum,
    TotalVariation,
    find_recipe,
    scaled,
    with_layers,
    with_weights,
)  # fmt: skip
from stylelab.run.options import Options
from stylelab.run.prepare import prepare

PAPER = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]


def test_the_default_comes_first_then_the_paper_and_the_tutorials_and_all_use_layers_that_exist():
    assert list(RECIPES)[:7] == [Options().recipe, "gatys", "keras", "tf-tutorial", "coursera", "pytorch-adam", "lab"]
    for recipe in RECIPES.values():
        assert set(recipe.layers) <= set(LAYERS)
        assert recipe.source and recipe.summary


@pytest.mark.parametrize(
    ("name", "content", "content_loss", "style_loss", "optimiser", "steps"),
    [
        ("gatys", "conv4_2", "half_sum", STYLE_LOSSES["gatys"], "lbfgs", 500),
        ("keras", "conv5_2", "sum", STYLE_LOSSES["keras"], "sgd", 4000),
        ("tf-tutorial", "conv5_2", "mean", Gram("per_location"), "adam", 200),
        ("coursera", "conv4_2", "quarter_mean", STYLE_LOSSES["gatys"], "adam", 200),
        ("pytorch-adam", "conv2_2", "mean", Gram("per_element"), "adam", 5000),
        ("lab", "conv4_2", "mean", Gram("per_element"), "lbfgs", 300),
    ],
)
def test_recipes_say_what_their_authors_said(name, content, content_loss, style_loss, optimiser, steps):
    recipe = RECIPES[name]
    assert list(recipe.content) == [content] and recipe.content_loss == SquaredError(content_loss)
    assert recipe.style_loss == style_loss and recipe.optimiser.name == optimiser and recipe.steps == steps
    if name != "pytorch-adam":
        assert list(recipe.style) == PAPER and len(set(recipe.style.values())) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Gram('per_location', reduce='quarter_mean')",
        "SquaredError('mean')",
        "0.5 * Gram('per_pixel', reduce='quarter_sum') + TotalVariation('l2')",
        "2 * (SquaredError('sum') + 0.5 * Gram('raw')) + 3 * (4 * TotalVariation('keras'))",
    ],
)
def test_a_loss_prints_as_it_is_written(text):
    loss = eval(text)
    assert isinstance(loss, Loss) and repr(loss) == text and eval(repr(loss)) == loss


def test_losses_scale_and_add_up():
    gram, rough = Gram(), TotalVariation()
    assert 0.5 * gram == gram * 0.5 == Scale(0.5, gram)
    assert gram + rough + gram == gram + (rough + gram) == Sum((gram, rough, gram))
    assert (2 * gram + gram).needs == {"gram"} and (gram + rough).needs == {"gram", "activation"}
    assert (2 * gram + rough).at_size(6, 24) == 2 * Gram(positions=6, pixels=24) + rough


def test_a_loss_of_an_unknown_kind_is_refused_where_it_is_written():
    with pytest.raises(InputError, match="unknown Gram normalisation 'per_place': did you mean 'per_pixel'|choose one of"):
        Gram("per_place")
    with pytest.raises(InputError, match="unknown reduction 'men': did you mean 'mean'"):
        SquaredError("men")


def test_author_weights_are_kept():
    assert (RECIPES["coursera"].weights.content, RECIPES["coursera"].weights.style) == (10, 40)
    assert RECIPES["coursera"].pooling == "average" and RECIPES["coursera"].noise == 0.6
    tutorial = RECIPES["tf-tutorial"]
    assert (tutorial.weights.content, tutorial.weights.style, tutorial.weights.tv) == (1e4, 1e-2, 30)
    assert tutorial.optimiser.clip and tutorial.optimiser.beta1 == 0.99
    keras = RECIPES["keras"]
    assert keras.weights.content == 2.5e-9 and keras.weights.style == 1e-6
    assert keras.weights.tv == pytest.approx(1e-8 * 255**2.5) and keras.optimiser.decay == 0.96


def test_a_height_becomes_a_long_side():
    assert RECIPES["keras"].long_side(300, 600) == 800
    assert RECIPES["gatys"].long_side(300, 600) == 512


def test_presets_scale_down_and_say_by_how_much():
    for recipe in RECIPES.values():
        small = scaled(recipe, "ci")
        assert small.size <= 96 and 10 <= small.steps < recipe.steps
        assert scaled(recipe, "full") == recipe
    with pytest.raises(InputError, match="unknown preset 'cip': did you mean 'ci'"):
        scaled("gatys", "cip")


def test_other_layers_share_the_old_total():
    recipe = with_layers(RECIPES["gatys"], content=["relu3_1"], style=["block1_conv1", "conv2_1"])
    assert recipe.content == {"conv3_1": 1.0} and recipe.style == {"conv1_1": 0.5, "conv2_1": 0.5}
    with pytest.raises(InputError, match="no layer given"):
        with_layers(RECIPES["gatys"], style=[])


def test_weights_are_changed_for_every_encoder():
    recipe = with_weights(RECIPES["lab"], style=0)
    assert recipe.weights.style == recipe.normalised.style == 0
    assert recipe.weights.content == RECIPES["lab"].weights.content
    with pytest.raises(InputError, match="the tv weight is -1"):
        with_weights(RECIPES["lab"], tv=-1)


def test_a_name_is_found_or_the_nearest_suggested():
    assert find_recipe("lab") is find_recipe(RECIPES["lab"])
    with pytest.raises(InputError, match="did you mean 'tf-tutorial'"):
        find_recipe("tf_tutorial")


def test_a_job_knows_which_weights_fit_the_encoder():
    job = prepare("coffee", "astronaut", recipe="coursera", encoder="random", size=64)
    assert job.weights == RECIPES["coursera"].normalised and job.normalised
    assert job.content.shape == job.start.shape == job.style.shape == (43, 64, 3)


def test_a_total_variation_keeps_its_share_at_every_size():
    small, large = (prepare("coffee", "astronaut", recipe="gatys", encoder="mini", size=size) for size in (64, 128))
    tv = [job.weights.tv * job.content[..., 0].size for job in (small, large)]
    assert tv[0] == pytest.approx(tv[1]) == pytest.approx(RECIPES["gatys"].mini.tv * 256 * 192)
    asked = prepare("coffee", "astronaut", recipe=with_weights(RECIPES["gatys"], tv=3), encoder="mini", size=64)
    assert asked.weights.tv == 3


def test_style_images_keep_their_shape_unless_the_author_stretched_them():
    assert prepare("coffee", "astronaut", recipe="gatys", encoder="random", size=64).style.shape == (43, 43, 3)
    strip = np.random.default_rng(0).uniform(size=(20, 400, 3)).astype(np.float32)
    with pytest.raises(InputError, match="16"):  # narrower than the network can see, at twice the content's length
        prepare("coffee", strip, recipe="gatys", encoder="random", size=64)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (dict(steps=0), "steps is 0: give a whole number of at least 1"),
        (dict(steps=1.5), "steps is 1.5"),
        (dict(seed=-1), "seed is -1"),
        (dict(encoder="min"), "unknown encoder 'min': did you mean 'mini'"),
        (dict(content_layers=["conv9_9"]), "unknown layer 'conv9_9'"),
    ],
)
def test_bad_numbers_and_names_are_one_line(wrong, words):
    with pytest.raises(InputError, match=words):
        prepare("coffee", "astronaut", **{"encoder": "random", "size": 64} | wrong)
