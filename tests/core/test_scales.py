"""From coarse to fine, and several pairs in one run."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from stylelab import images
from stylelab.errors import InputError
from stylelab.recipes import RECIPES, Optimiser, with_weights
from stylelab.run.options import Options
from stylelab.run.prepare import Previous, follow, prepare_run, share_steps

SMALL = dict(encoder="random", device="cpu", precision="float32")


@pytest.mark.parametrize(("steps", "scales"), [(100, 1), (100, 4), (7, 3), (2, 2), (1, 3)])
def test_no_step_is_lost_among_the_sizes_and_the_last_has_one(steps, scales):
    shares = share_steps(steps, scales)
    assert sum(shares) == steps and len(shares) == scales and min(shares) >= 0 and shares[-1] >= 1


def test_each_size_is_twice_the_one_before():
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", size=256, scales=3, steps=30)).stages
    assert [max(batch[0].content.shape) for batch in stages] == [64, 128, 256]
    assert sum(batch[0].recipe.steps for batch in stages) == 30


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        (dict(size=512), [128, 256, 512]),
        (dict(size=300), [150, 300]),
        (dict(size=100), [100]),
        (dict(size=512, scales=1), [512]),
        (dict(size=512, recipe="gatys"), [512]),
        (dict(size=512, recipe=replace(RECIPES["gatys"], coarsest=256)), [256, 512]),
    ],
)
def test_a_recipe_says_at_which_size_to_begin_unless_the_number_of_sizes_is_given(options, sizes):
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", **options)).stages
    assert [max(batch[0].content.shape) for batch in stages] == sizes


def test_sizes_too_small_to_see_anything_are_left_out():
    stages = prepare_run(["china"], ["coffee"], Options(encoder="random", size=160, scales=9, steps=30)).stages
    assert len(stages) == 2 and sum(batch[0].recipe.steps for batch in stages) == 30


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_paints_from_coarse_to_fine(sl, recipe):
    seen = []
    options = SMALL | dict(encoder="mini")
    result = sl.transfer("china", "coffee", recipe=recipe, size=128, steps=9, scales=2, watch=seen.append, **options)
    assert result.scales == (64, 128) and result.image.shape == (85, 128, 3)
    assert [step.index for step in seen] == list(range(1, 10)) == list(result.history["step"])
    assert [step.image.shape[1] for step in seen] == [64] * 5 + [128] * 4
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


def test_a_larger_size_gets_the_details_of_the_content_image_that_a_smaller_one_could_not_show():
    job = prepare_run(["china"], ["coffee"], Options(encoder="random", size=128)).job
    small = images.fit(job.content, (43, 64))
    np.testing.assert_allclose(job.enlarge(small), job.content, atol=1e-6)
    painted = images.fit(images.open_image("fluid"), (43, 64))
    assert np.abs(images.fit(job.enlarge(painted).clip(0, 1), (43, 64)) - painted).mean() < 0.03
    of_style_alone = prepare_run(["china"], ["coffee"], Options(encoder="random", size=128, content_weight=0)).job
    np.testing.assert_array_equal(of_style_alone.enlarge(painted), images.enlarge(painted, (85, 128)))


def test_ctrl_c_at_a_small_size_still_gives_an_image_of_the_size_asked_for(sl):
    def watch(step):
        if step.index == 2:
            raise KeyboardInterrupt

    result = sl.transfer("china", "coffee", size=128, steps=20, scales=2, watch=watch, **SMALL)
    assert result.stopped.startswith("stopped after 2 steps") and result.image.shape == (85, 128, 3)


# a run that ends when its image no longer changes to the eye

SETTLING = SMALL | dict(encoder="mini", size=64, scales=1, steps=90)


def test_colours_differ_as_published():
    def lab_of(*colour):
        white = np.ones((1, 1, 3))
        return images.colour_difference(0 * white, white * colour)

    # L, a and b of sRGB's red, green and blue: Lindbloom, 'RGB working space information'
    for colour, values in {
        (1, 0, 0): (53.24, 80.09, 67.2),
        (0, 1, 0): (87.73, -86.18, 83.18),
        (0, 0, 1): (32.3, 79.19, -107.86),
    }.items():
        assert lab_of(*colour) == pytest.approx(np.linalg.norm(values), rel=1e-3)
    assert lab_of(0.5, 0.5, 0.5) == pytest.approx(53.39, abs=0.01)
    with pytest.raises(InputError, match="give two of one size"):
        images.colour_difference(np.zeros((2, 3, 3)), np.zeros((3, 2, 3)))


@pytest.mark.slow
def test_a_run_ends_at_the_first_ten_steps_that_change_less_than_the_limit(sl):
    seen = []
    result = sl.transfer("china", "brushstrokes", settle=4, watch=lambda step: seen.append(step.image), **SETTLING)
    taken = len(seen)
    assert 20 <= taken < 90 and taken % 10 == 0 and result.stopped is None and result.recipe.steps == 90
    assert list(result.history["step"]) == list(range(1, taken + 1))
    changes = [images.colour_difference(seen[at - 1], seen[at - 11]) for at in range(20, taken + 1, 10)]
    assert changes[-1] < 4 <= min([*changes[:-1], np.inf])
    np.testing.assert_array_equal(result.image, seen[-1])
    whole = sl.transfer("china", "brushstrokes", settle=0, **SETTLING)
    assert len(whole.history) == 90
    np.testing.assert_array_equal(whole.history["total"][:taken], result.history["total"])


@pytest.mark.slow
def test_only_the_last_size_settles_and_a_recipe_says_whether(sl):
    options = SMALL | dict(encoder="mini", size=128, scales=2, steps=60)
    result = sl.transfer("china", "brushstrokes", settle=100, **options)  # 36 steps at 64 px, then 20 of 24
    assert len(result.history) == 36 + 20
    assert len(sl.transfer("china", "brushstrokes", recipe="gatys", **options).history) == 60
    assert RECIPES["stylelab"].settle == 2.3 and {recipe.settle for recipe in RECIPES.values() if recipe.name != "stylelab"} == {
        0
    }


@pytest.mark.slow
def test_a_pair_that_settles_in_a_batch_waits_for_the_others_and_comes_out_as_if_alone(sl):
    options, seen = SETTLING | dict(recipe="tf-tutorial", settle=7), []  # Adam: rounding makes no other image of it
    pairs = ("china", "fluid"), ("china", "brushstrokes")
    together = sl.transfer_batch(*zip(*pairs, strict=True), watch=seen.append, **options)
    for pair, result in zip(pairs, together, strict=True):
        alone = sl.transfer(*pair, **options)
        assert len(result.history) == len(alone.history) and result.stopped is None
        assert np.abs(result.image - alone.image).mean() < 2e-3
    counts = [len(result.history) for result in together]
    assert counts[0] != counts[1] and len(seen) == max(counts)
    assert [sum(steps[i] is not None for steps in seen) for i in (0, 1)] == counts


@pytest.mark.slow
def test_the_part_that_is_painted_settles_not_the_whole_image(sl):
    mask = np.zeros((64, 64, 3), np.float32)
    mask[:, :16] = 1
    picture, limit = np.random.default_rng(0).uniform(size=(64, 64, 3)).astype(np.float32), 4
    job = prepare_run([picture], ["fluid"], Options(content_mask=mask, settle=limit, encoder="mini", size=64)).job
    assert job.settle == pytest.approx(limit / 4, rel=0.1)
    seen = []
    sl.transfer(picture, "fluid", content_mask=mask, settle=limit, watch=lambda step: seen.append(step.image), **SETTLING)
    there = [images.colour_difference(seen[at - 1][:, :16], seen[at - 11][:, :16]) for at in range(20, len(seen) + 1, 10)]
    assert there[-1] < 1.1 * limit and all(change > 0.9 * limit for change in there[:-1])


@pytest.mark.slow
def test_a_run_that_is_resumed_settles_where_it_would_have(sl, tmp_path):
    def stop(step):
        if step.index == 17:
            raise KeyboardInterrupt

    options, path = SETTLING | dict(settle=40, resume=tmp_path / "run.state"), tmp_path / "run.state"
    unbroken = sl.transfer("china", "brushstrokes", **options)
    assert not path.exists() and len(unbroken.history) == 20
    assert sl.transfer("china", "brushstrokes", watch=stop, **options).stopped
    resumed = sl.transfer("china", "brushstrokes", **options)
    np.testing.assert_array_equal(resumed.history["total"], unbroken.history["total"])
    np.testing.assert_array_equal(resumed.image, unbroken.image)


@pytest.mark.slow
def test_a_settled_pair_stays_as_it_is_when_the_others_are_stopped_and_a_failed_one_stays_an_error(sl):
    def stop(steps):
        seen.append(steps)
        if len(seen) == 65:
            raise KeyboardInterrupt

    seen, options = [], SETTLING | dict(recipe="tf-tutorial", settle=7)
    one, other = sl.transfer_batch(["china"] * 2, ["fluid", "brushstrokes"], watch=stop, **options)
    assert one.stopped is None and len(one.history) == 60 and other.stopped.startswith("stopped after 65 steps")
    np.testing.assert_array_equal(one.image, seen[59][0].image)

    flat, rough = np.full((64, 64, 3), 0.5, np.float32), np.random.default_rng(0).uniform(size=(64, 64, 3)).astype(np.float32)
    wild = with_weights(replace(RECIPES["keras"], optimiser=Optimiser("sgd", 1e30)), content=0, style=0, tv=1e3)
    seen.clear()
    still, broken = sl.transfer_batch([flat, rough], [rough, rough], recipe=wild, watch=seen.append, **SETTLING | dict(settle=1))
    assert broken.stopped and still.stopped is None and len(seen) == 20
    assert all("the loss is" in str(steps[1]) for steps in seen[3:])


def test_a_frame_of_a_film_makes_all_its_steps():
    """What has come into view may be a small part of it, which a mean would not show."""
    run = prepare_run(["china"], ["fluid"], Options(encoder="mini", size=64, settle=2.3))
    shape = run.job.content.shape
    after = follow(run, Previous(np.zeros(shape, np.float32), np.ones(shape[:2], bool), 1.0), 60)
    assert run.job.settle == 2.3 and after.job.settle == 0 and after.job.recipe.steps == 60


def test_a_limit_below_zero_is_refused(sl):
    with pytest.raises(InputError, match="settle is -1.0: give a number, zero or more"):
        sl.transfer("china", "fluid", settle=-1, **SMALL)


# several pairs in one run


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
