"""Where, what and how much: several styles, their strength and size, and regions."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from stylelab.cli.commands import run
from stylelab.errors import InputError
from stylelab.images import open_image, save
from stylelab.recipes import RECIPES, Gram, MeanCovariance, Sliced, with_weights
from stylelab.run.options import Options
from stylelab.run.prepare import prepare, prepare_run
from stylelab.run.regions import positions
from stylelab.run.settings import Settings
from stylelab.tools.gallery.plan import plan

SMALL = dict(encoder="random", device="cpu", precision="float32", size=48, steps=3)
STYLED = replace(with_weights(RECIPES["lab"], content=0.0, style=1.0), normalised=RECIPES["lab"].normalised)


@pytest.fixture(scope="module")
def plain(sl):
    """The ordinary run."""
    return sl.transfer("china", "coffee", **SMALL).image


@pytest.fixture
def half():
    """A mask for `china`, black at the left and white at the right."""
    mask = np.zeros((64, 96, 3), np.float32)
    mask[:, 48:] = 1
    return mask


def objective(lab):
    return importlib.import_module(f"stylelab.{lab.name}.objective")


@pytest.mark.parametrize(
    ("styles", "options"),
    [
        (["coffee"], {"blend": [1]}),
        (["coffee", "fluid"], {"blend": (1.0, 0.0)}),
        ("coffee", {"strength": 1, "style_scale": 1}),
        ("coffee", {"content_mask": np.ones((64, 96, 3))}),
        ("coffee", {"content_mask": np.full((64, 96, 3), 0.2), "style_mask": [np.full((40, 60, 3), 0.2)]}),
    ],
)
def test_options_that_change_nothing_change_no_bit(sl, plain, styles, options):
    assert np.array_equal(sl.transfer("china", styles, **SMALL, **options).image, plain)


@pytest.mark.parametrize("loss", [Gram(), MeanCovariance()])
def test_a_blend_of_moments_is_the_moments_of_both_sets_together(lab, rng, loss):
    one, other = rng.standard_normal((1, 4, 5, 6)), rng.standard_normal((1, 3, 4, 6))
    together = np.concatenate([one.reshape(1, 1, 20, 6), other.reshape(1, 1, 12, 6)], 2)
    losses = importlib.import_module(f"stylelab.{lab.name}.losses")
    mixed = objective(lab).blended(loss, [lab.tensor(one), lab.tensor(other)], [20 / 32, 12 / 32])
    whole = losses.sums(lab.tensor(together))
    for name in ("gram", "total"):
        a, b = (lab.array(getattr(own, name)) / own.positions for own in (mixed, whole))
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-15)


def test_mixed_gram_losses_and_the_loss_of_mixed_grams_differ_by_a_constant(lab, rng):
    images, weights = [rng.standard_normal((1, 4, 5, 6)) for _ in range(4)], [0.3, 0.7]
    losses = importlib.import_module(f"stylelab.{lab.name}.losses")
    loss = Gram("per_location", "sum")
    *others, one, two = [lab.tensor(image) for image in images]
    sized = loss.at_size(20, 20)
    mean = losses.statistics(sized, objective(lab).blended(sized, others, weights))
    each = [losses.statistics(sized, other) for other in others]
    differences = [
        sum(w * float(losses.distance(sized, x, own)) for w, own in zip(weights, each, strict=True))
        - float(losses.distance(sized, x, mean))
        for x in (one, two)
    ]
    assert differences[0] == pytest.approx(differences[1], rel=1e-12) and differences[0] > 0.01


def test_a_cloud_of_a_blend_has_each_style_in_its_share(lab, rng):
    one, other = np.zeros((1, 10, 10, 2)), np.ones((1, 10, 10, 2))
    mixed = lab.array(objective(lab).blended(Sliced(), [lab.tensor(one), lab.tensor(other)], [0.8, 0.2]))
    assert mixed.shape[2] == 125 and mixed.mean() == pytest.approx(0.2)


def test_a_blend_lies_between_its_styles_and_depends_on_the_weights(sl, plain):
    other = sl.transfer("china", "fluid", **SMALL).image
    images = [sl.transfer("china", ["coffee", "fluid"], blend=[1 - w, w], **SMALL).image for w in (0.1, 0.9)]
    near, far = (np.abs(images[0] - one).mean() for one in (plain, other))
    assert near < far
    near, far = (np.abs(images[1] - one).mean() for one in (other, plain))
    assert near < far


@pytest.mark.parametrize("recipe", ["gatys", "tf-tutorial", "keras", "wasserstein", "sliced", "nnst", "mmd"])
def test_at_strength_0_the_photograph_comes_back(sl, recipe):
    result = sl.transfer("china", "coffee", strength=0, recipe=recipe, scales=2, **SMALL | {"encoder": "mini"})
    assert np.array_equal(result.image, open_image("china", 48))


def test_more_strength_leads_further_from_the_photograph(sl):
    photograph = open_image("china", 48)
    far = [
        np.abs(sl.transfer("china", "coffee", strength=s, **SMALL | {"steps": 8}).image - photograph).mean()
        for s in (0.1, 0.5, 1)
    ]
    assert far[0] < far[1] < far[2]


def test_the_style_image_is_as_large_as_asked_for():
    sizes = [prepare("china", "coffee", size=96, style_scale=scale).style.shape for scale in (1, 0.5, 2)]
    assert sizes == [(64, 96, 3), (32, 48, 3), (128, 192, 3)]


@pytest.mark.parametrize("recipe", ["gatys", "sliced", "nnst", "keras", "wasserstein"])
def test_without_a_style_mask_the_photograph_stays_where_the_mask_is_black(sl, half, recipe):
    seen = []
    result = sl.transfer("china", "coffee", content_mask=half, recipe=recipe, watch=seen.append, **SMALL)
    photograph = open_image("china", 48)
    for image in (result.image, *(step.image for step in seen)):
        assert np.array_equal(image[:, :24], photograph[:, :24])
    assert not np.array_equal(result.image[:, 24:], photograph[:, 24:])


@pytest.mark.parametrize("tile", [None, 32])
def test_a_region_changes_nothing_outside_what_its_positions_see(lab, tile, half):
    """At style weight only, with a style for the right half alone."""
    recipe = replace(STYLED, style={"conv1_1": 0.5, "conv2_1": 0.5})
    job = prepare("china", "china", recipe=recipe, size=96, encoder="random", content_mask=half, style_mask=[half])
    content = lab.sl.to_tensor(job.content, "cpu")
    style = job.style.copy()
    style[:, 48:] = open_image("coffee", 96)[: len(style), 48:]
    encoder = lab.sl.load_encoder("random", recipe.layers, device="cpu")
    alone = replace(job.regions, kept=0)  # white only
    loss = lab.sl.transfer_loss(
        encoder, content, lab.sl.to_tensor(style, "cpu"), recipe, job.weights, tile, regions=[alone]
    )  # fmt: skip
    gradient = lab.gradient(lambda images: loss(images)["style"], job.content[None])[0]
    assert not gradient[:, : 48 - 8].any() and gradient[:, 48:].any()


def test_statistics_of_a_region_are_those_of_its_positions(lab, half, rng):
    job = prepare("china", "coffee", size=96, encoder="random", content_mask=half, style_mask=[half])
    own = positions(job.regions.content, (16, 24), 2)
    assert [
        sorted(index % 24) == sorted(np.repeat(np.arange(start, start + 12), 16)) for index, start in ((own[0], 0), (own[1], 12))
    ]
    activation = rng.standard_normal((1, 16, 24, 5))
    chosen = lab.array(objective(lab)._at(lab.tensor(activation), own[1]))
    points = activation[0, :, 12:].reshape(-1, 5)
    np.testing.assert_allclose(
        lab.gram_matrix(chosen.astype(np.float32))[0], points.T @ points / len(points), rtol=1e-4, atol=1e-5
    )


def test_regions_of_a_layer_share_its_positions():
    labels = np.random.default_rng(0).integers(0, 3, (37, 53))
    found = positions(labels, (9, 13), 3)
    assert sorted(np.concatenate(list(found.values()))) == list(range(9 * 13))


def test_a_region_of_one_pixel_has_one_position_at_every_layer():
    labels = np.zeros((41, 29), int)
    labels[40, 28] = 1
    for size in ((41, 29), (20, 14), (2, 1)):
        assert list(positions(labels, size, 2)[1]) == [size[0] * size[1] - 1]


def masks(shape, *corner):
    """A black mask with a rectangle in red at its lower right."""
    mask = np.zeros((*shape, 3), np.float32)
    mask[corner[0] :, corner[1] :] = (1, 0, 0)
    return mask


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["gatys", "keras", "wasserstein", "sliced", "nnst", "mmd"])
@pytest.mark.parametrize("tile", [None, 32])
def test_every_loss_paints_odd_shapes_and_regions_of_one_pixel(sl, recipe, tile, rng):
    content, style = (rng.uniform(size=shape).astype(np.float32) for shape in ((41, 67, 3), (53, 37, 3)))
    result = sl.transfer(
        content, style, content_mask=masks((41, 67), 40, 66), style_mask=[masks((53, 37), 52, 36)], recipe=recipe, tile=tile,
        style_scale=41 / 37, strength=0.9, **SMALL | {"size": 67},
    )  # fmt: skip
    assert np.isfinite(result.history["total"]).all() and result.image.shape == (41, 67, 3)


def test_a_style_may_have_one_region_and_another_style_the_other(sl, half):
    one, other = np.zeros((4, 6, 3)), np.ones((40, 40, 3))
    options = SMALL | {"steps": 6}
    result = sl.transfer("china", ["coffee", "fluid"], content_mask=half, style_mask=[one, other], **options)
    left, right = (sl.transfer("china", style, **options).image for style in ("coffee", "fluid"))
    assert np.abs(result.image - left)[:, :20].mean() < np.abs(result.image - right)[:, :20].mean()


def test_a_blurred_mask_is_taken_as_its_main_colours(rng):
    content, style = masks((64, 96), 20, 40), masks((40, 60), 10, 10)
    border = masks((64, 96), 19, 39) - content  # the black pixels beside the red ones
    noisy = [np.clip(mask + rng.normal(0, 0.02, mask.shape), 0, 1) for mask in (content + 0.4 * border, style)]
    clean, blurred = (
        prepare("china", "coffee", size=96, content_mask=one, style_mask=[two]) for one, two in ((content, style), noisy)
    )
    assert np.array_equal(clean.regions.content, blurred.regions.content)
    assert any("whichever is nearest" in note for note in blurred.notes)


RED = masks((64, 96), 32, 48)
WHITE = np.ones((64, 96, 3))
LITTLE = masks((640, 960), 639, 959)


@pytest.mark.parametrize(
    ("styles", "options", "words"),
    [
        (["coffee", "fluid"], {"blend": [0.7, 0.2]}, "add up to 0.9: give weights that add up to 1"),
        (["coffee", "fluid"], {"blend": [1.0]}, "blend has 1 weight for 2 styles"),
        ("coffee", {"blend": [0.5, 0.5]}, "blend has 2 weights for 1 style"),
        (["coffee", "fluid"], {"blend": [1.5, -0.5]}, "a weight of blend is -0.5"),
        (["coffee", "fluid"], {"blend": "0.5,0.5"}, "blend must be a list"),
        ([], {}, "no style image"),
        ("coffee", {"strength": 1.5}, "strength is 1.5: give a number from 0"),
        ("coffee", {"strength": "full"}, "strength is full: give a number"),
        ("coffee", {"style_scale": 0}, "style_scale is 0: give a number above 0"),
        ("coffee", {"style_scale": 0.01}, "the style image of .* is too small"),
        ("coffee", {"style_mask": [WHITE]}, "a style mask needs a content mask"),
        (["coffee", "fluid"], {"content_mask": RED, "style_mask": [RED]}, "1 style mask for 2 styles"),
        ("coffee", {"content_mask": RED}, "the content mask has the colour #ff0000: without a style mask"),
        ("coffee", {"content_mask": WHITE * 0}, "the content mask is black everywhere"),
        ("coffee", {"content_mask": RED, "style_mask": [WHITE[:40, :60]]}, "region #000000 of the content mask is in no style mask"),
        ("coffee", {"content_mask": WHITE[:64, :64]}, "64 x 64 pixels and the content image .*same proportions"),
        ("coffee", {"content_mask": RED, "style_mask": [RED[:, :64]]}, "the style mask has 64 x 64 pixels and the style image"),
        ("coffee", {"content_mask": LITTLE, "style_mask": [RED]}, "region #ff0000 of the content mask has no pixel left at 48 x 32"),
        ("coffee", {"content_mask": RED, "style_mask": [LITTLE]}, "region #ff0000 of the style mask has no pixel left"),
        ("coffee", {"content_mask": "nowhere.png"}, "no image 'nowhere.png'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_costs_one_line(styles, options, words):
    with pytest.raises(InputError, match=words) as caught:
        prepare_run(["china"], [styles], Options(size=48, encoder="random", **options))
    assert "\n" not in str(caught.value)


def test_a_batch_may_blend_another_number_of_styles_for_each_pair(sl, plain):
    results = sl.transfer_batch(["china", "china"], ["coffee", ["coffee", "fluid"]], strength=0.999, **SMALL)
    alone = sl.transfer("china", ["coffee", "fluid"], strength=0.999, **SMALL)
    np.testing.assert_allclose(results[1].image, alone.image, atol=2e-3)
    assert np.abs(results[0].image - plain).max() < np.abs(results[1].image - plain).max()


def test_what_is_not_painted_gets_no_gradient(lab, rng):
    loop, mask = importlib.import_module(f"stylelab.{lab.name}.loop"), np.arange(8)[:, None] * np.ones((8, 9)) > 4
    image, content = (rng.uniform(size=(1, 8, 9, 3)).astype(np.float32) for _ in range(2))

    def loss(images):
        return loop._beside(lambda mixed: lab.sl.total_variation(mixed, "l2"), [mask], lab.tensor(content), images)

    gradient = lab.gradient(loss, image)[0]
    assert not gradient[~mask].any() and gradient[mask].any()


ARGUMENTS = ["--size", "48", "--steps", "2", "--encoder", "random", "--device", "cpu"]


def test_the_command_line_takes_several_styles_with_weights_and_masks(sl, lab, half, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(half, "where.png")
    save(half[:, 16:80], "square.png")
    save(half, "wide.png")
    arguments = ["transfer", "china", "coffee", "fluid", "--backend", lab.name, *ARGUMENTS, "--content-mask", "where.png"]
    masks = ["--style-mask", "wide.png", "--style-mask", "square.png"]
    assert run([*arguments, "--blend", "0.7", "0.3", *masks, "-o", "a.png", "--save-settings", "a.json"]) == 0
    assert run([*arguments, "--blend", "0.7,0.3", *masks, "-o", "b.png"]) == 0
    assert run(["transfer", "--settings", "a.json", "-o", "c.png"]) == 0
    assert run(["transfer", "--settings", "a.png", "-o", "d.png"]) == 0
    images = [open_image(f"{name}.png") for name in "abcd"]
    assert all(np.array_equal(image, images[0]) for image in images[1:])
    settings = Settings.load("a.json")
    assert (
        settings.style == ("coffee", "fluid")
        and settings.blend == (0.7, 0.3)
        and settings.style_mask == ("wide.png", "square.png")
    )
    assert {"style 2", "content_mask", "style_mask", "style_mask 2"} <= settings.sha256.keys()


def test_settings_notice_a_mask_that_has_changed(sl, half, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(half, "where.png")
    settings = sl.transfer("china", "coffee", content_mask="where.png", **SMALL).settings
    save(1 - half, "where.png")
    with pytest.raises(InputError, match=r"'where.png' is not the content mask that these settings were saved with"):
        settings.found()


def test_other_styles_forget_the_checksums_of_all_styles():
    settings = Settings("cat", ("coffee", "fluid"), sha256={"content": "1", "style": "2", "style 2": "3"})
    assert settings.changed(style=("fluid",)).sha256 == {"content": "1"} and settings.changed(style=("fluid",)).style == "fluid"


def test_settings_hold_styles_and_masks_that_are_arrays(sl, half, rng):
    style = rng.uniform(size=(40, 60, 3)).astype(np.float32)
    first = sl.transfer("china", [style, "coffee"], blend=(0.25, 0.75), content_mask=half, **SMALL)
    settings = Settings.parse(first.settings.text())
    again = sl.transfer(*settings.images(), **{name: value for name, value in settings.options().items() if name != "backend"})
    assert np.array_equal(first.image, again.image) and settings.content_mask.name == "content_mask.png"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fluid", "--blend", "0.7", "0.2"], "add up to 0.9"),
        (["fluid", "--blend", "half"], "'half' is not a list of numbers: write it as 0.7,0.3"),
        (["--content-mask", "no.png"], "no image 'no.png'"),
        (["--style-mask", "cat"], "a style mask needs a content mask"),
        (["--strength", "2"], "strength is 2: give a number from 0"),
    ],
)
def test_on_the_command_line_too_it_costs_one_line(capsys, tmp_path, arguments, words):
    assert run(["transfer", "china", "coffee", *arguments, *ARGUMENTS, "-o", str(tmp_path / "a.png")]) == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_gallery_has_strength_but_no_masks(capsys, tmp_path):
    assert run(["gallery", "cat", "fluid", "-o", str(tmp_path), "--content-mask", "cat"]) == 1
    assert "No such option" in capsys.readouterr().err
    with pytest.raises(InputError, match="every content image in every style: leave out blend"):
        plan("cat", "fluid", tmp_path / "g", blend=[1.0])
    assert plan("cat", "fluid", tmp_path / "g", strength=0.5).settings["strength"] == 0.5
