"""Colours that are kept: the map between two images' colours, luminance, and runs that keep the photograph's colours."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import linalg

import stylelab
from stylelab import images, recipes
from stylelab.cli import commands as cli
from stylelab.errors import InputError
from stylelab.recipes import RECIPES, Optimiser
from stylelab.run.collect import collect
from stylelab.run.options import Options
from stylelab.run.prepare import prepare, prepare_run
from stylelab.run.settings import Settings

SMALL = dict(encoder="mini", size=48, steps=3, device="cpu", precision="float32")
WAYS = ("luminance", "match")


def moments(image):
    pixels = np.asarray(image, np.float64).reshape(-1, 3)
    return pixels.mean(0), np.cov(pixels.T, bias=True)


def chroma(image):
    """What an image has besides its luminance."""
    return image - images.luminance(image)[..., None]


@pytest.fixture
def one(rng):
    """An image with colours that go together, 20 x 30 pixels."""
    mixed = rng.uniform(size=(20, 30, 3)) @ np.array([[0.5, 0.2, 0.1], [0.1, 0.3, 0.2], [0.0, 0.1, 0.4]])
    return (0.1 + mixed).astype(np.float32)


@pytest.fixture
def other(rng):
    """Another, of another size."""
    mixed = rng.beta(0.5, 0.5, size=(25, 16, 3)) @ np.array([[0.6, 0.1, 0.0], [0.0, 0.2, 0.1], [0.1, 0.3, 0.2]])
    return mixed.astype(np.float32)


# the map between two images' colours


def test_matched_colours_have_mean_and_covariance_of_the_target_exactly(one, other):
    matched = images.match_colours(one, other, clip=False)
    assert matched.dtype == np.float32 and matched.shape == one.shape
    assert np.abs(moments(one)[1] - moments(other)[1]).max() > 0.02  # else this shows nothing
    for ours, expected in zip(moments(matched), moments(other), strict=True):
        np.testing.assert_allclose(ours, expected, atol=2e-8)


def test_an_image_with_the_targets_mean_and_covariance_stays_as_it_is(one):
    np.testing.assert_allclose(images.match_colours(one, one), one, atol=1e-7)
    shuffled = np.random.default_rng(1).permutation(one.reshape(-1, 3)).reshape(30, 20, 3)
    np.testing.assert_allclose(images.match_colours(one, shuffled), one, atol=1e-7)
    nearly_grey = one[..., :1] + 0.001 * one
    np.testing.assert_allclose(images.match_colours(nearly_grey, nearly_grey), nearly_grey, atol=1e-7)


def test_pixels_move_as_far_as_the_two_gaussians_are_apart(one, other, ot):
    """No map to the same mean and covariance moves them less; Cholesky factors, for one, move them further."""
    moved = ((images.match_colours(one, other, clip=False).astype(float) - one) ** 2).sum(-1).mean()
    (mean, before), (goal, after) = moments(one), moments(other)
    distance = float(ot.gaussian.bures_wasserstein_distance(mean, goal, before, after)) ** 2
    assert moved == pytest.approx(distance, rel=1e-5)
    cholesky = np.linalg.cholesky(after) @ np.linalg.inv(np.linalg.cholesky(before))
    assert (((one - mean) @ cholesky.T + goal - one) ** 2).sum(-1).mean() > 1.01 * distance


def test_the_map_is_the_one_of_optimal_transport(one, other, ot):
    (mean, before), (goal, after) = moments(one), moments(other)
    root = linalg.sqrtm(before)
    by_scipy = linalg.inv(root) @ linalg.sqrtm(root @ after @ root) @ linalg.inv(root)
    by_pot, shift = ot.gaussian.bures_wasserstein_mapping(mean, goal, before, after)
    ours = images.match_colours(one, other, clip=False)
    np.testing.assert_allclose(ours, (one - mean) @ by_scipy.real.T + goal, atol=1e-6)
    np.testing.assert_allclose(ours, one @ by_pot + shift, atol=1e-6)


def test_colours_beyond_the_range_are_clipped_unless_asked_not_to(one):
    glaring = np.zeros((10, 10, 3), np.float32)
    glaring[::2] = 1
    free, clipped = images.match_colours(one, glaring, clip=False), images.match_colours(one, glaring)
    assert free.min() < 0 and free.max() > 1
    np.testing.assert_array_equal(clipped, free.clip(0, 1))


def test_a_grey_image_gets_the_tints_of_the_target_and_does_not_blow_up(one, rng):
    grey = np.repeat(rng.uniform(0.3, 0.7, (24, 24, 1)), 3, -1).astype(np.float32)
    mean, covariance = moments(one)
    matched = images.match_colours(grey, one, clip=False)
    assert np.isfinite(matched).all()
    along = np.ones(3) / 3**0.5
    slope = covariance @ along / (along @ covariance @ along)  # of the target's colours by their brightness
    brightness = (matched - mean) @ along
    np.testing.assert_allclose(matched - mean, brightness[..., None] * slope, atol=1e-3)
    assert brightness.std() == pytest.approx((along @ covariance @ along) ** 0.5, rel=1e-3)


def test_noise_in_a_nearly_grey_image_is_not_pulled_up_to_the_targets_colours(one, rng):
    grey = np.repeat(rng.uniform(0.3, 0.7, (40, 40, 1)), 3, -1)
    noisy = (np.round((grey + rng.normal(0, 1e-4, grey.shape)) * 255) / 255).astype(np.float32)  # off by a level here and there
    difference = images.match_colours(noisy, one, clip=False) - images.match_colours(grey.astype(np.float32), one, clip=False)
    assert 0 < difference.std() < 0.5 * np.linalg.eigvalsh(moments(one)[1])[0] ** 0.5


@pytest.mark.parametrize("flat", [0.0, 0.4, 1.0])
def test_an_image_of_one_colour_becomes_the_targets_mean(one, flat):
    matched = images.match_colours(np.full((16, 16, 3), flat, np.float32), one)
    np.testing.assert_allclose(matched, np.broadcast_to(moments(one)[0], matched.shape), atol=1e-6)
    np.testing.assert_allclose(images.match_colours(one, np.full((4, 4, 3), flat, np.float32)), flat, atol=1e-2)


# luminance


def test_luminance_is_the_one_of_pillow(one):
    bits = (one * 255).round().clip(0, 255).astype(np.uint8)
    by_pillow = np.asarray(Image.fromarray(bits).convert("L"), float)
    assert np.abs(255 * images.luminance(bits) - by_pillow).max() < 0.51
    assert images.luminance(one).dtype == np.float32 and images.luminance(one).shape == one.shape[:2]


def test_an_image_given_another_luminance_has_it_and_keeps_its_chroma(one, rng):
    wanted = rng.uniform(-0.2, 1.2, one.shape[:2]).astype(np.float32)
    changed = images.with_luminance(one, wanted, clip=False)
    np.testing.assert_allclose(images.luminance(changed), wanted, atol=2e-7)
    np.testing.assert_allclose(chroma(changed), chroma(one), atol=3e-7)
    np.testing.assert_array_equal(images.with_luminance(one, wanted), changed.clip(0, 1))


def test_luminance_there_and_back_is_exact(one):
    np.testing.assert_allclose(images.with_luminance(one, images.luminance(one)), one, atol=1e-7)


@pytest.mark.parametrize(("call", "words"), [
    (lambda cat: images.match_colours(cat[..., 0], cat), r"image must be \(H, W, 3\); got \(4, 5\)"),
    (lambda cat: images.match_colours(cat, cat[None]), r"target must be \(H, W, 3\); got \(1, 4, 5, 3\)"),
    (lambda cat: images.match_colours(cat, cat[:0]), r"target has no pixels: \(0, 5, 3\)"),
    (lambda cat: images.match_colours(cat * np.nan, cat), "image must be finite"),
    (lambda cat: images.match_colours("cat", cat), "image must be an array of numbers; got 'cat'"),
    (lambda cat: images.luminance(np.dstack([cat, cat[..., :1]])), r"image must be \(H, W, 3\); got \(4, 5, 4\)"),
    (lambda cat: images.with_luminance(cat, cat), r"luminance must be \(4, 5\), as the image is; got \(4, 5, 3\)"),
    (lambda cat: images.with_luminance(cat, cat[:2, :, 0]), r"luminance must be \(4, 5\), as the image is; got \(2, 5\)"),
])  # fmt: skip
def test_what_is_no_image_costs_one_line(call, words):
    with pytest.raises(InputError, match=words):
        call(np.full((4, 5, 3), 0.5, np.float32))


# what a run is given


def test_a_run_that_matches_gets_a_style_image_in_the_photographs_colours():
    plain, job = (prepare("coffee", "woodblock", keep_colours=way, **SMALL) for way in (None, "match"))
    np.testing.assert_array_equal(job.style, images.match_colours(plain.style, plain.content))
    np.testing.assert_array_equal(job.content, plain.content)
    assert np.abs(moments(plain.style)[0] - moments(plain.content)[0]).max() > 0.05
    np.testing.assert_allclose(moments(job.style)[0], moments(plain.content)[0], atol=0.02)
    assert job.finish(plain.style) is plain.style


@pytest.mark.parametrize("recipe", ["gatys", "coursera"])
def test_a_run_in_luminance_gets_three_grey_images_of_which_the_style_has_the_contents_mean_and_spread(recipe):
    plain, job = (prepare("coffee", "woodblock", recipe=recipe, keep_colours=way, **SMALL) for way in (None, "luminance"))
    for image, own in ((job.content, plain.content), (job.start, plain.start)):
        np.testing.assert_array_equal(image, np.repeat(images.luminance(own)[..., None], 3, -1))
    np.testing.assert_allclose(job.style, job.style[..., :1] + np.zeros(3), atol=1e-7)
    style, content = images.luminance(plain.style).astype(float), images.luminance(plain.content).astype(float)
    expected = (style - style.mean()) / style.std() * content.std() + content.mean()
    np.testing.assert_allclose(job.style[..., 1], expected.clip(0, 1), atol=1e-6)
    np.testing.assert_array_equal(job.photograph, plain.content)


def test_an_unknown_way_to_keep_colours_costs_one_line(tmp_path, capsys):
    with pytest.raises(InputError, match="unknown way to keep colours 'luminence': did you mean 'luminance'?"):
        prepare_run(["cat"], ["fluid"], Options(keep_colours="luminence"))
    assert cli.run(["transfer", "cat", "fluid", "-o", str(tmp_path / "a.png"), "--keep-colours", "hue"]) == 1
    assert capsys.readouterr().err == "stylelab: unknown way to keep colours 'hue': choose one of luminance, match\n"
    text = Settings("cat", "fluid").text().replace('"keep_colours": null', '"keep_colours": 3')
    with pytest.raises(InputError, match="keep_colours must be a name; got 3"):
        Settings.parse(text)


# runs


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam", Optimiser("adam", 0.05, clip=True), Optimiser("sgd", 1e-8)])
def test_every_image_of_a_run_in_luminance_has_the_photographs_chroma(sl, optimiser):
    """Except where a colour has reached the end of the range, in a small part of the image."""
    seen = []
    settings = optimiser if isinstance(optimiser, Optimiser) else Optimiser(optimiser, 0.05)
    recipe = replace(RECIPES["gatys"], optimiser=settings)
    options = SMALL | dict(recipe=recipe, keep_colours="luminance", steps=8, snapshots=[2, 5])
    result = sl.transfer("coffee", "brushstrokes", watch=lambda step: seen.append(step.image), **options)
    photograph = prepare("coffee", "brushstrokes", **SMALL).content
    assert len(seen) == 8 and sorted(result.snapshots) == [2, 5, 8]
    np.testing.assert_array_equal(seen[-1], result.image)
    np.testing.assert_array_equal(seen[4], result.snapshots[5])
    for image in (*seen, result.image, *result.snapshots.values()):
        inside = ((image > 0) & (image < 1)).all(-1)
        assert inside.mean() > 0.6
        np.testing.assert_allclose(chroma(image)[inside], chroma(photograph)[inside], atol=1e-6)
    assert np.abs(images.luminance(result.image) - images.luminance(photograph)).mean() > 1e-3


@pytest.mark.parametrize("recipe", ["gatys", "tf-tutorial"])
def test_the_images_of_a_run_in_luminance_stay_grey_until_they_are_shown(sl, recipe, monkeypatch):
    seen = []
    job_type = importlib.import_module("stylelab.run.prepare").Job
    monkeypatch.setattr(job_type, "finish", lambda job, image: seen.append(image) or image)
    _ = sl.transfer("coffee", "brushstrokes", recipe=recipe, keep_colours="luminance", **SMALL | dict(steps=12))
    assert len(seen) > 2 and np.abs(seen[-1] - seen[0]).max() > 0.01
    for image in seen:
        np.testing.assert_allclose(image, image[..., :1] + np.zeros(3), atol=1e-5)


def test_the_loss_of_a_run_in_luminance_is_that_of_the_grey_images(sl, lab):
    result = sl.transfer("coffee", "brushstrokes", keep_colours="luminance", **SMALL)
    job = prepare("coffee", "brushstrokes", keep_colours="luminance", **SMALL)
    encoder = sl.load_encoder("mini", job.recipe.layers, normalised=job.normalised, device="cpu")
    content, style, start = (sl.to_tensor(each, "cpu") for each in (job.content, job.style, job.start))
    parts = sl.transfer_loss(encoder, content, style, job.recipe, job.weights)(start)
    assert sum(float(lab.array(part)) for part in parts.values()) == pytest.approx(result.history["total"][0], rel=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_keeps_colours(sl, recipe, way):
    result = sl.transfer("coffee", "brushstrokes", recipe=recipe, keep_colours=way, **SMALL | dict(steps=2))
    assert np.isfinite(result.image).all() and np.isfinite(result.history["total"]).all() and result.stopped is None
    assert result.image.dtype == np.float32 and 0 <= result.image.min() and result.image.max() <= 1


@pytest.mark.parametrize("way", WAYS)
def test_colours_are_kept_in_tiles_as_in_whole_images(sl, way):
    whole, tiled = (sl.transfer("coffee", "fluid", keep_colours=way, tile=tile, **SMALL) for tile in (0, 32))
    np.testing.assert_allclose(tiled.history["total"], whole.history["total"], rtol=1e-4)
    np.testing.assert_allclose(tiled.image, whole.image, atol=5e-3)


@pytest.mark.parametrize("way", WAYS)
def test_colours_are_kept_at_every_size_from_coarse_to_fine(sl, way):
    seen = []
    options = SMALL | dict(size=128, steps=6, scales=2, keep_colours=way)
    result = sl.transfer("coffee", "brushstrokes", watch=lambda step: seen.append(step.image), **options)
    assert {image.shape[1] for image in seen} == {64, 128} and result.image.shape == seen[-1].shape
    if way == "luminance":
        for image in seen:
            photograph = prepare("coffee", "brushstrokes", **SMALL | dict(size=image.shape[1])).content
            inside = ((image > 0) & (image < 1)).all(-1)
            np.testing.assert_allclose(chroma(image)[inside], chroma(photograph)[inside], atol=1e-6)


def test_a_run_in_luminance_stopped_at_a_small_size_has_the_chroma_of_the_large_photograph(sl):
    def stop(step):
        raise KeyboardInterrupt

    result = sl.transfer("coffee", "fluid", watch=stop, **SMALL | dict(size=128, steps=6, scales=2, keep_colours="luminance"))
    photograph = prepare("coffee", "fluid", **SMALL | dict(size=128)).content
    inside = ((result.image > 0) & (result.image < 1)).all(-1)
    assert result.stopped and inside.mean() > 0.6
    np.testing.assert_allclose(chroma(result.image)[inside], chroma(photograph)[inside], atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_each_pair_of_a_batch_keeps_its_own_colours(sl, way):
    contents, styles = ["coffee", images.open_image("coffee")[:, ::-1, ::-1]], ["fluid", "brushstrokes"]
    options = SMALL | dict(keep_colours=way)
    for result, content, style in zip(sl.transfer_batch(contents, styles, **options), contents, styles, strict=True):
        alone = sl.transfer(content, style, **options)
        np.testing.assert_allclose(result.history["total"], alone.history["total"], rtol=1e-3)
        assert np.abs(result.image - alone.image).mean() < 2e-3


def test_a_run_in_luminance_that_blows_up_ends_with_an_image_in_colour(sl):
    wild = recipes.with_weights(replace(RECIPES["keras"], optimiser=Optimiser("sgd", 1e30)), content=1, style=1e6)
    result = sl.transfer("coffee", "astronaut", recipe=wild, keep_colours="luminance", **SMALL)
    assert "the loss is" in result.stopped and np.abs(chroma(result.image)).max() > 0.05


def test_a_run_in_luminance_stopped_before_its_first_step_gives_the_photograph_in_colour():
    run = prepare_run(["coffee"], ["fluid"], Options(keep_colours="luminance", **SMALL))
    (result,) = collect([], run, backend="torch", device="cpu", precision="float32")
    np.testing.assert_allclose(result.image, run.job.photograph, atol=1e-6)


def test_the_way_to_keep_colours_is_a_setting_that_leads_to_the_same_image(sl, tmp_path):
    first = sl.transfer("coffee", "fluid", keep_colours="luminance", **SMALL)
    settings = Settings.load(first.settings.save(tmp_path / "run.json"))
    assert settings.keep_colours == "luminance"
    again = stylelab.transfer(*settings.images(), **settings.options())
    np.testing.assert_array_equal(again.image, first.image)


def test_a_film_begins_with_the_photograph_in_colour(tmp_path, framework, monkeypatch):
    frames = {}
    monkeypatch.setattr("stylelab.cli.transfer.save_film", lambda path, snapshots: frames.update(snapshots))
    how = ("--backend", framework, "--encoder", "mini", "--size", "48", "--steps", "2", "--device", "cpu", "--film", "film.gif")
    monkeypatch.chdir(tmp_path)
    assert cli.run(["transfer", "coffee", "fluid", "-o", "a.png", *how, "--keep-colours", "luminance"]) == 0
    np.testing.assert_allclose(frames[0], prepare("coffee", "fluid", **SMALL).content, atol=1e-6)
    np.testing.assert_allclose(images.open_image("a.png"), frames[2], atol=0.51 / 255)


def test_a_run_in_luminance_that_was_stopped_goes_on_to_the_same_image(sl, tmp_path):
    def stop(step):
        if step.index == 4:
            raise KeyboardInterrupt

    options = SMALL | dict(keep_colours="luminance", steps=7, snapshots=[2, 6])
    whole, path = sl.transfer("coffee", "fluid", **options), tmp_path / "state"
    assert sl.transfer("coffee", "fluid", watch=stop, resume=path, **options).stopped
    with pytest.raises(InputError, match="keep_colours was 'luminance'"):
        sl.transfer("coffee", "fluid", resume=path, **options | dict(keep_colours="match"))
    resumed = sl.transfer("coffee", "fluid", resume=path, **options)
    np.testing.assert_array_equal(resumed.image, whole.image)
    for step in (2, 6):
        np.testing.assert_array_equal(resumed.snapshots[step], whole.snapshots[step])
