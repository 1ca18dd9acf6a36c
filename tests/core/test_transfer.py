"""The loop and the whole run, in the framework of this process."""

import itertools
import logging

import numpy as np
import pytest

from stylelab import recipes
from stylelab.errors import InputError, MachineError, NotFiniteError
from stylelab.result import COLUMNS

SMALL = dict(encoder="random", size=48, steps=3, device="cpu")


def quadratic(lab, target=0.25):
    """A loss whose minimum is known: every pixel at `target`."""
    return lambda image: {"content": lab.sl.content_loss(image, 0 * image + target, "sum")}


@pytest.fixture
def start(lab, rng):
    return lab.tensor(rng.uniform(size=(1, 8, 8, 3)).astype(np.float32))


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam", recipes.Optimiser("sgd", 0.05, decay=0.96)])
def test_every_optimiser_finds_a_known_minimum(lab, start, optimiser):
    *_, last = lab.sl.optimise(start, quadratic(lab), optimiser=optimiser, steps=60)
    np.testing.assert_allclose(last.image, 0.25, atol=0.05)


def test_losses_in_double_precision_are_added_to_others(lab, start):
    def loss(image):
        wide = image.double() if lab.name == "torch" else lab.native.cast(image, "float64")
        return {
            "content": lab.sl.content_loss(image, 0 * image),
            "wide": lab.sl.content_loss(wide, 0 * image, "sum"),
            "own style": lab.sl.style_layer_loss(image, lab.sl.gram_matrix(wide)),
            "own style, wide": lab.sl.style_layer_loss(wide, lab.sl.gram_matrix(image)),
        }

    *_, last = lab.sl.optimise(start, loss, steps=20)
    np.testing.assert_allclose(last.image, 0, atol=0.05)


def test_many_short_runs_say_nothing(lab, start):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger(lab.name).addHandler(handler)
    for _ in range(6):
        list(lab.sl.optimise(start, quadratic(lab), steps=1))
    logging.getLogger(lab.name).removeHandler(handler)
    assert not said  # TensorFlow gives advice to whoever traces many functions


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_lbfgs_goes_the_same_way_whatever_the_loss_is_multiplied_with(lab, start, factor):
    def lowered(times):
        def loss(image):
            away = image - 0.25
            return times * lab.sl.content_loss(away * away + away, 0 * image, "mean")  # no bowl: it takes memory

        return list(lab.sl.optimise(start, loss, steps=12))

    plain, scaled = lowered(1.0), lowered(factor)
    assert plain[-1].loss < 1e-3 * plain[0].loss
    assert scaled[-1].loss < 1e-3 * scaled[0].loss


def test_a_step_tells_the_loss_it_started_from_and_leaves_the_start_alone(lab, start):
    before = lab.array(start).copy()
    steps = list(lab.sl.optimise(start, quadratic(lab), optimiser="sgd", steps=2))
    assert [step.index for step in steps] == [1, 2]
    assert steps[0].loss == pytest.approx(((before - 0.25) ** 2).sum(), rel=1e-5)
    assert steps[1].loss == pytest.approx(((steps[0].image - 0.25) ** 2).sum(), rel=1e-4)
    np.testing.assert_array_equal(lab.array(start), before)


def test_sgd_takes_the_textbook_step(lab, start):
    before = lab.array(start)[0]
    (step,) = lab.sl.optimise(start, quadratic(lab), optimiser=recipes.Optimiser("sgd", 0.1), steps=1)
    np.testing.assert_allclose(step.image, before - 0.1 * 2 * (before - 0.25), atol=1e-6)


def test_the_learning_rate_decays_by_the_recipes_factor(lab, start):
    settings = recipes.Optimiser("sgd", 0.1, decay=0.5)
    steps = list(lab.sl.optimise(start, quadratic(lab), optimiser=settings, steps=3))
    x, y = steps[1].image, steps[2].image
    np.testing.assert_allclose(y, x - 0.1 * 0.5**0.02 * 2 * (x - 0.25), atol=1e-6)


def test_the_reader_may_stop_whenever_it_likes(lab, start):
    for optimiser in ("lbfgs", "adam"):
        run = lab.sl.optimise(start, quadratic(lab), optimiser=optimiser, steps=10**9)
        assert len(list(itertools.islice(run, 3))) == 3
        run.close()


def test_images_of_earlier_steps_do_not_change_later(lab, start):
    run = lab.sl.optimise(start, quadratic(lab), optimiser="adam", steps=3)
    first = next(run)
    list(run)
    assert np.abs(first.image - lab.array(start)[0]).max() == pytest.approx(0.02, rel=1e-3)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam", "sgd"])
def test_a_loss_that_is_not_finite_is_said_at_once_with_the_last_good_image(lab, start, optimiser):
    calls = itertools.count()

    def loss(image):
        value = lab.sl.content_loss(image, 0 * image, "sum")
        return {"content": value * float("nan") if next(calls) >= 2 and lab.name == "torch" else value}

    if lab.name == "tensorflow":  # one traced graph: let the value itself overflow
        big = recipes.Optimiser(optimiser, 1e30 if optimiser != "lbfgs" else 1.0)
        loss = lambda image: {"content": lab.sl.content_loss(image * 1e15, image * 0, "sum") ** 4}  # noqa: E731
        optimiser = big
    with pytest.raises(NotFiniteError, match="the loss is (nan|inf) at step .*: lower") as caught:
        list(lab.sl.optimise(start, loss, optimiser=optimiser, steps=10))
    assert caught.value.image.shape == (8, 8, 3) and np.isfinite(caught.value.image).all()


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_runs_and_reports(sl, name):
    result = sl.transfer("coffee", "astronaut", recipe=name, **SMALL | dict(encoder="mini"))
    assert result.image.dtype == np.float32 and result.image.shape == (32, 48, 3)
    assert 0 <= result.image.min() and result.image.max() <= 1
    assert result.history.columns == COLUMNS and list(result.history["step"]) == [1, 2, 3]
    parts = sum(result.history[part] for part in ("content", "style", "tv"))
    np.testing.assert_allclose(parts, result.history["total"], rtol=1e-6)
    assert (np.diff(result.history["seconds"]) >= 0).all() and result.stopped is None
    assert result.recipe.name == name and result.encoder == "mini" and result.device.startswith("cpu")


@pytest.mark.parametrize("name", ["gatys", "lab"])
def test_lbfgs_lowers_the_loss_of_a_recipe(sl, name):
    total = sl.transfer("coffee", "astronaut", recipe=name, **SMALL | dict(steps=25)).history["total"]
    assert total[-1] < 0.5 * total[0]


def test_the_seed_decides_the_noise(sl):
    runs = [sl.transfer("coffee", "astronaut", recipe="coursera", seed=seed, **SMALL).image for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 0.01


def test_ctrl_c_keeps_the_best_image_so_far(sl):
    def watch(step):
        if step.index == 2:
            raise KeyboardInterrupt

    result = sl.transfer("coffee", "astronaut", recipe="tf-tutorial", watch=watch, **SMALL | dict(steps=1000))
    assert result.stopped.startswith("stopped after 2 steps") and len(result.history) == 2
    assert result.image.shape == (32, 48, 3)


def test_a_run_that_blows_up_ends_with_a_sentence_and_an_image(sl):
    from dataclasses import replace

    wild = replace(recipes.RECIPES["keras"], optimiser=recipes.Optimiser("sgd", 1e30))
    seen = []
    wild = recipes.with_weights(wild, content=1, style=1e6)
    result = sl.transfer("coffee", "astronaut", recipe=wild, watch=lambda step: seen.append(step.loss), **SMALL)
    assert len(seen) == len(result.history) < 3 and np.isfinite(seen).all()
    assert "the loss is" in result.stopped and np.isfinite(result.image).all()


def test_snapshots_are_kept_where_asked(sl):
    result = sl.transfer("coffee", "astronaut", snapshots=[2], **SMALL)
    assert sorted(result.snapshots) == [2, 3]
    np.testing.assert_array_equal(result.snapshots[3], result.image)


def test_images_survive_the_way_to_a_tensor_and_back(sl, rng):
    image = rng.uniform(size=(7, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(sl.to_image(sl.to_tensor(image)), image)
    with pytest.raises(InputError, match=r"image must be \(H, W, 3\); got \(7, 5\)"):
        sl.to_tensor(image[..., 0])


def test_the_trunk_stops_at_the_deepest_layer_asked_for(sl):
    encoder = sl.load_encoder("random", ["relu1_2", "block2_conv1"], device="cpu")
    assert encoder.trunk == ("conv1_1", "conv1_2", "conv2_1")
    assert encoder.layers == ("conv1_2", "conv2_1")


def test_an_encoder_is_frozen(lab):
    encoder = lab.sl.load_encoder("random", ["conv1_1"], device="cpu")
    trainable = list(encoder.parameters()) if lab.name == "torch" else encoder.trainable_variables
    assert not list(trainable)


def test_activations_agree_with_a_numpy_convolution(lab, rng, real_weights):
    from safetensors.numpy import load_file

    image = rng.uniform(size=(1, 6, 7, 3)).astype(np.float32)
    weights = load_file(real_weights)
    bgr = image[0, :, :, ::-1] * 255.0 - np.array([103.939, 116.779, 123.68])
    padded = np.pad(bgr, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))  # (H, W, C, 3, 3)
    expected = np.einsum("hwcij,ocij->hwo", windows, weights["conv1_1.weight"]) + weights["conv1_1.bias"]
    encoder = lab.sl.load_encoder(str(real_weights), ["conv1_1"], device="cpu")
    ours = lab.activations(encoder, image)["conv1_1"][0]
    np.testing.assert_allclose(ours, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)


def test_a_gpu_asked_for_by_name_must_be_there(sl):
    if sl.find_device() != sl.find_device("cpu"):
        pytest.skip("there is a GPU")
    with pytest.raises(MachineError, match="no 'cuda' on this machine"):
        sl.load_encoder("random", ["conv1_1"], device="cuda")
    with pytest.raises(InputError, match="unknown device 'cdua': did you mean 'cuda'"):
        sl.load_encoder("random", ["conv1_1"], device="cdua")


def test_names_that_do_not_exist_are_answered_with_the_nearest(sl):
    with pytest.raises(InputError, match="unknown optimiser 'adm': did you mean 'adam'"):
        sl.optimise(sl.to_tensor(np.zeros((4, 4, 3))), None, optimiser="adm", steps=1)
    with pytest.raises(InputError, match="unknown recipe 'gatsy': did you mean 'gatys'"):
        sl.transfer("coffee", "astronaut", recipe="gatsy")
    with pytest.raises(InputError, match="unknown pooling"):
        sl.load_encoder("random", ["conv1_1"], pooling="maximum")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_image(sl):
    if sl.find_device() == sl.find_device("cpu"):
        pytest.skip("no GPU here; run `make test-gpu` where there is one")
    options = SMALL | dict(recipe="coursera", steps=10)
    cpu, gpu = (sl.transfer("coffee", "astronaut", **options | dict(device=name)).image for name in ("cpu", "gpu"))
    assert np.quantile(np.abs(cpu - gpu), 0.999) < 1e-2


def test_a_result_has_the_notes_on_its_own_images(lab):
    small, large = (np.full((side, side, 3), 0.5, np.float32) for side in (24, 48))
    first, second = lab.sl.transfer_batch([small, large], [large, large], **SMALL | {"steps": 1})
    assert first.notes[0].startswith("the content image of 24 x 24 pixels was enlarged to 48 x 48") and second.notes == ()
