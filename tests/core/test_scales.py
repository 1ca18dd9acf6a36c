"""From coarse to fine, and several pairs in one run."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from stylelab.errors import InputError
from stylelab.recipes import RECIPES, Optimiser, with_weights
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run, share_steps

SMALL = dict(encoder="random", device="cpu", precision="float32")


@pytest.mark.parametrize(("steps", "scales"), [(100, 1), (100, 4), (7, 3), (2, 2), (1, 3)])
def test_no_step_is_lost_among_the_sizes_and_the_last_has_one(steps, scales):
    shares = share_steps(steps, scales)
    assert sum(shares) == steps and len(shares) == scales and min(shares) >= 0 and shares[-1] >= 1


def test_each_size_is_sqrt_2_larger_than_the_one_before():
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", size=256, scales=3, steps=30)).stages
    assert [max(batch[0].content.shape) for batch in stages] == [128, 181, 256]
    assert sum(batch[0].recipe.steps for batch in stages) == 30


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        (dict(size=512), [128, 181, 256, 362, 512]),
        (dict(size=300), [150, 212, 300]),
        (dict(size=100), [100]),
        (dict(size=512, scales=1), [512]),
        (dict(size=512, recipe="gatys"), [512]),
        (dict(size=512, recipe=replace(RECIPES["gatys"], coarsest=256)), [256, 362, 512]),
    ],
)
def test_a_recipe_says_at_which_size_to_begin_unless_the_number_of_sizes_is_given(options, sizes):
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", **options)).stages
    assert [max(batch[0].content.shape) for batch in stages] == sizes


def test_sizes_too_small_to_see_anything_are_left_out():
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", size=96, scales=9, steps=30)).stages
    assert len(stages) == 2 and sum(batch[0].recipe.steps for batch in stages) == 30


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_paints_from_coarse_to_fine(sl, recipe):
    seen = []
    options = SMALL | dict(encoder="mini")
    result = sl.transfer("china", "coffee", recipe=recipe, size=128, steps=9, scales=3, watch=seen.append, **options)
    assert result.scales == (64, 91, 128) and result.image.shape == (85, 128, 3)
    assert [step.index for step in seen] == list(range(1, 10)) == list(result.history["step"])
    assert [step.image.shape[1] for step in seen] == [64] * 2 + [91] * 3 + [128] * 4
    assert result.recipe.steps == 9 and result.stopped is None
    assert np.isfinite(result.history["total"]).all() and np.isfinite(result.image).all()


@pytest.mark.slow
def test_the_last_size_begins_with_what_the_smaller_ones_painted(sl):
    options = dict(recipe="lab", size=128, steps=40, **SMALL | dict(encoder="mini"))
    seen = []
    sl.transfer("china", "coffee", scales=2, watch=seen.append, **options)
    fine = [step for step in seen if step.image.shape[1] == 128]
    alone = sl.transfer("china", "coffee", **options).history["total"]
    assert fine[0].loss < 0.1 * alone[0]
    assert fine[-1].loss < alone[len(fine) - 1]  # as many steps at the full size


def test_ctrl_c_at_a_small_size_still_gives_an_image_of_the_size_asked_for(sl):
    def watch(step):
        if step.index == 2:
            raise KeyboardInterrupt

    result = sl.transfer("china", "coffee", size=128, steps=20, scales=3, watch=watch, **SMALL)
    assert result.stopped.startswith("stopped after 2 steps") and result.image.shape == (85, 128, 3)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["gatys", "tf-tutorial", "keras"])
def test_a_pair_in_a_batch_comes_out_as_if_alone(sl, recipe):
    options = dict(recipe=recipe, size=64, steps=5, **SMALL)
    pairs = ("china", "coffee"), ("china", "brushstrokes"), ("coffee", "ceramic")
    contents, styles = zip(*pairs, strict=True)
    if len({sl.transfer(content, "coffee", size=64, steps=1, **SMALL).image.shape for content in contents}) > 1:
        pairs = pairs[:2]
    together = sl.transfer_batch(*zip(*pairs, strict=True), **options)
    for pair, result in zip(pairs, together, strict=True):
        alone = sl.transfer(*pair, **options)
        np.testing.assert_allclose(result.history["total"], alone.history["total"], rtol=1e-3)
        assert np.abs(result.image - alone.image).mean() < 2e-3


def test_a_pair_that_blows_up_leaves_the_others_alone(sl):
    """At that learning rate a flat image, in which there is nothing to smooth, is the only one to stay."""
    wild = with_weights(replace(RECIPES["keras"], optimiser=Optimiser("sgd", 1e30)), content=0, style=0, tv=1e3)
    flat, rough = np.full((64, 64, 3), 0.5, np.float32), np.random.default_rng(0).uniform(size=(64, 64, 3)).astype(np.float32)
    seen = []
    still, broken = sl.transfer_batch([flat, rough], [rough, rough], recipe=wild, steps=4, size=64, watch=seen.append, **SMALL)
    assert "the loss is" in broken.stopped and len(broken.history) < 4 and np.isfinite(broken.image).all()
    assert still.stopped is None and len(still.history) == 4 and len(seen) == 4
    np.testing.assert_array_equal(still.image, flat)


def test_a_batch_needs_one_size_and_pairs(sl):
    square, strip = np.zeros((64, 64, 3), np.float32), np.zeros((32, 64, 3), np.float32)
    with pytest.raises(InputError, match="have different sizes"):
        sl.transfer_batch([square, strip], [square, square], size=64, steps=1, **SMALL)
    with pytest.raises(InputError, match="2 content and 1 style images"):
        sl.transfer_batch([square, square], [square], size=64, steps=1, **SMALL)
    with pytest.raises(InputError, match="scales is 0"):
        sl.transfer(square, square, size=64, steps=1, scales=0, **SMALL)


def test_adam_takes_what_it_has_learnt_to_a_larger_image(sl, lab):
    from stylelab.run.prepare import prepare

    job = prepare("china", "coffee", recipe="tf-tutorial", encoder="random", size=64)
    descent = __import__(f"stylelab.{lab.name}.engine.optimisers", fromlist=["optimisers"])
    small, large = (lab.tensor(np.full((1, side, side, 3), 0.5, np.float32)) for side in (16, 24))
    method = descent.make_method(Optimiser("adam", 0.02), small)
    method.step(small, [1.0], lab.tensor(np.ones((1, 16, 16, 3), np.float32)))
    grown = method.enlarged(job.recipe.optimiser, large)
    assert grown.steps == 1
    np.testing.assert_allclose(lab.array(grown.mean), 0.1, rtol=1e-5)
    assert lab.array(grown.mean).shape == (1, 24, 24, 3)


@pytest.mark.parametrize("recipe", ["gatys", "lab"])
def test_the_loss_that_lbfgs_lowers_is_that_of_the_image_as_it_is_saved(lab, recipe):
    options = dict(recipe=recipe, size=64, steps=30, encoder="mini")
    result = lab.sl.transfer("china", "brushstrokes", device="cpu", precision="float32", **options)
    assert (result.image == 0).mean() + (result.image == 1).mean() > 0.001  # some pixels do reach the limits
    job = prepare_run(["china"], ["brushstrokes"], Options(**options)).job
    encoder = lab.sl.load_encoder("mini", job.recipe.layers, normalised=job.normalised, device="cpu")
    content, style, painted = (lab.sl.to_tensor(each, "cpu") for each in (job.content, job.style, result.image))
    parts = lab.sl.transfer_loss(encoder, content, style, job.recipe, job.weights)(painted)
    assert sum(float(lab.array(part)) for part in parts.values()) < 1.02 * result.history["total"][-1]


@pytest.mark.slow
def test_ctrl_c_gives_the_best_image_of_the_size_at_hand(sl):
    """Losses at a smaller size, where they may well be lower, say nothing of it."""
    seen = []

    def watch(step):
        seen.append(step)
        if step.index == 39:
            raise KeyboardInterrupt

    options = SMALL | dict(encoder="mini")
    result = sl.transfer("china", "coffee", recipe="lab", size=128, steps=60, scales=2, watch=watch, **options)
    assert seen[-1].image.shape == seen[-2].image.shape == (85, 128, 3) == result.image.shape
    assert min(step.loss for step in seen[:36]) < min(step.loss for step in seen[36:])  # else this shows nothing
    assert any(np.array_equal(result.image, step.image) for step in seen[36:])


def test_curvature_learnt_on_a_small_image_fits_a_larger_one(lab):
    """A mean square over four times the pixels has a quarter of the curvature, and one step leads to its minimum."""
    descent = __import__(f"stylelab.{lab.name}.engine.optimisers", fromlist=["optimisers"])

    def walk(method, image, steps):
        for _ in range(steps):
            gradient = 2 * (image - 0.25) / image.size
            tensor = lab.tensor(image)
            moved = method.step(tensor, [float(((image - 0.25) ** 2).mean())], lab.tensor(gradient.astype(np.float32)))
            image = lab.array(tensor if moved is None else moved)
        return image

    rng = np.random.default_rng(0)
    small, large = (0.25 + rng.normal(0, 0.02, (1, side, side, 3)).astype(np.float32) for side in (16, 32))
    method = descent.make_method(Optimiser("lbfgs"), lab.tensor(small))
    walk(method, small, 3)
    landed = walk(method.enlarged(Optimiser("lbfgs"), lab.tensor(large)), large, 1)
    assert np.abs(landed - 0.25).mean() < 0.1 * np.abs(large - 0.25).mean()


def test_a_pixel_beyond_the_range_feels_only_what_draws_it_back(lab):
    loop = importlib.import_module(f"stylelab.{lab.name}.loop")
    images = np.array([-0.5, 0.5, 1.5] * 3, np.float32).reshape(1, 3, 1, 3)
    push = np.array([1.0, -1.0, 1.0], np.float32).reshape(3, 1, 1) * np.ones((1, 3, 1, 3), np.float32)

    def loss(tensor):
        weighed = loop.inside(tensor) * lab.tensor(push)
        return weighed.sum() if lab.name == "torch" else lab.native.reduce_sum(weighed)

    slope = lab.gradient(loss, images)[0, :, 0]
    raising, lowering = slope[0], slope[1]  # a loss that rises with the pixel, and one that falls
    np.testing.assert_array_equal(raising, [0, 1, 1])
    np.testing.assert_array_equal(lowering, [-1, -1, 0])
    values = lab.array(lab.tensor(images))
    assert float(loss(lab.tensor(images))) == pytest.approx((np.clip(values, 0, 1) * push).sum())
