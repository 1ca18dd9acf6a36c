"""What Python code gives a public function: wrong kinds cost one line that says what to do, odd but right ones work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylelab
from stylelab import encoders, images, plots, recipes
from stylelab.errors import InputError, StylelabError
from stylelab.images import film
from stylelab.recipes import RECIPES
from stylelab.run.settings import Settings

NAN, INFINITE = float("nan"), float("inf")
CAT = np.random.default_rng(0).uniform(size=(32, 40, 3)).astype(np.float32)

# a table of wrong values for each kind of argument

WHOLES = ("ten", 10.5, NAN, INFINITE, True, b"3", [3], (1, 2), {}, object(), 2**70, np.bool_(True), np.array([1, 2]), 1j)
NUMBERS = ("much", NAN, INFINITE, True, b"3", [3.0], {}, object(), np.array([1.0, 2.0]), 1j)
NAMES = ("", "nonsense", 5, NAN, True, b"gatys", ["gatys"], {}, object(), ("a", "b"), "two\nlines", np.array(["raw", "sum"]))
LAYERS = ("", "conv9_9", 5.5, NAN, True, b"conv1_1", [], ["conv1_1", None], [[]], object(), {"x": 1}, "conv1_1;conv2_1", 99, "²")
IMAGES = (
    None, 5, NAN, True, b"cat", [], {}, object(), "no-such-image", "", "\0", Path("no/such"), np.zeros((32, 40)), np.zeros((32, 40, 4)),
    np.zeros((0, 40, 3)), np.zeros((1, 32, 40, 3)), np.full((32, 40, 3), NAN), np.full((32, 40, 3), 255.0), np.full((32, 40, 3), -1.0),
    np.full((32, 40, 3), "red"), np.zeros((32, 40, 3), complex), np.zeros((32, 40, 3), bool), np.zeros((32, 40, 3), np.int32),
)  # fmt: skip
PATHS = (None, 5, NAN, True, [], {}, object(), "", "\0", "no/such/folder/a.json", "a.xyz", "x" * 300 + ".json")
FUNCTIONS = ("print", 5, [], {}, object())
OPTIONS = {
    "size": (*WHOLES, 0, -1, 10**9), "steps": (*WHOLES, 0, -1), "seed": (None, *WHOLES, -1), "scales": (*WHOLES, 0, -1),
    "tile": (*WHOLES, -1, 3), "content_weight": (*NUMBERS, -1), "style_weight": (*NUMBERS, -1), "tv_weight": (*NUMBERS, -1),
    "content_layers": LAYERS, "style_layers": LAYERS, "recipe": (None, *NAMES), "encoder": (None, *NAMES), "device": NAMES,
    "precision": (None, *NAMES), "keep_colours": NAMES, "watch": FUNCTIONS, "snapshots": ("all", 5, [None], ["x"], [1.5], object()),
}  # fmt: skip


def refused(call, *arguments, **keywords) -> str:
    """The one line that a call costs."""
    with pytest.raises(StylelabError) as caught:
        call(*arguments, **keywords)
    line = str(caught.value)
    assert line and "\n" not in line and len(line) < 500 and "object at 0x" not in line[:40], line
    return line


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option_costs_one_line(sl, name):
    small = dict(encoder="random", size=32, steps=1, device="cpu")
    for value in OPTIONS[name]:
        refused(sl.transfer, CAT, CAT, **small | {name: value})
    if name == "recipe":
        return
    refused(stylelab.transfer, CAT, CAT, **small | {name: OPTIONS[name][0]})
    refused(sl.transfer_batch, [CAT], [CAT], **small | {name: OPTIONS[name][0]})


def test_a_wrong_image_costs_one_line(sl):
    small = dict(encoder="random", size=32, steps=1, device="cpu")
    for image in IMAGES:
        refused(sl.transfer, image, CAT, **small)
        refused(sl.transfer, CAT, image, **small)
        for function, *more in ((images.resize, 20), (images.fit, (20, 20)), (images.enlarge, (64, 80)), (images.check_size,)):
            if not isinstance(image, np.ndarray) or image.ndim != 3:
                refused(function, image, *more)
        refused(images.from_image, image)
        refused(images.open_image, image)
        refused(images.save, image, "a.png")
        refused(film.filmstrip, [image])
    for several in (None, 5, "china", b"china", {}, object(), [], [CAT, CAT]):
        refused(sl.transfer_batch, several, [CAT], **small)
        refused(film.filmstrip, several) if several is not None and several != [CAT, CAT] else None


def wrong_tensors(sl, lab):
    """Nothing like four axes of floating-point numbers."""
    half = (None, 5, NAN, "cat", b"cat", [], {}, object(), np.array(["red"]), lab.tensor(np.zeros((2, 3), np.float32)))
    return (*half, lab.tensor(np.zeros((1, 4, 4, 3), np.int32)), lab.tensor(np.float32(1)))


def test_a_wrong_tensor_costs_one_line(sl, lab):
    image, encoder = sl.to_tensor(CAT, "cpu"), sl.load_encoder("random", ["conv1_1", "conv2_1"], device="cpu")
    seen = encoder(image)["conv2_1"]
    recipe = recipes.with_layers("gatys", "conv2_1", "conv1_1")
    for wrong in wrong_tensors(sl, lab):
        for call in (sl.gram_matrix, sl.total_variation, sl.response, sl.to_image, sl.to_array, encoder, encoder.preprocess):
            refused(call, wrong)
        refused(sl.content_loss, wrong, seen)
        refused(sl.content_loss, seen, wrong)
        refused(sl.style_layer_loss, wrong, sl.gram_matrix(seen))
        refused(sl.style_layer_loss, seen, wrong)
        refused(sl.guided_gradient, encoder, wrong, "conv2_1", 0)
        refused(sl.transfer_loss, encoder, wrong, image, recipe)
        refused(sl.transfer_loss, encoder, image, wrong, recipe)
        refused(sl.optimise, wrong, lambda image: sl.total_variation(image), steps=1)
    for wrong in (*IMAGES[:15], IMAGES[16], *IMAGES[19:22]):
        refused(sl.to_tensor, wrong)
    other = lab.tensor(np.zeros((1, 5, 4, 4), np.float32))
    refused(sl.content_loss, seen, other)
    refused(sl.style_layer_loss, seen, sl.gram_matrix(other))


def test_a_wrong_word_or_number_costs_one_line(sl):
    image, encoder = sl.to_tensor(CAT, "cpu"), sl.load_encoder("random", ["conv1_1", "conv2_1"], device="cpu")
    seen = encoder(image)["conv2_1"]
    recipe = recipes.with_layers("gatys", "conv2_1", "conv1_1")
    for name in (None, *NAMES):
        refused(sl.gram_matrix, seen, name)
        refused(sl.content_loss, seen, seen, name)
        refused(sl.style_layer_loss, seen, sl.gram_matrix(seen), name)
        refused(sl.style_layer_loss, seen, sl.gram_matrix(seen), "mean", gram=name)
        refused(sl.total_variation, image, name)
        refused(sl.find_precision, name)
        refused(sl.load_encoder, name, ["conv1_1"])
        refused(sl.optimise, image, sl.total_variation, optimiser=name, steps=1)
        refused(sl.check, name, print)
        refused(stylelab.load_backend, name)
        refused(recipes.find_recipe, name)
        refused(recipes.scaled, "gatys", name)
        refused(recipes.with_weights, name, style=1)
        refused(encoders.find_encoder, name)
        refused(sl.transfer_loss, encoder, image, image, name)
    for name in NAMES:  # None is the default
        refused(sl.find_device, name)
        refused(sl.to_tensor, CAT, name)
        refused(sl.load_encoder, "random", ["conv1_1"], pooling=name)
    for layer in (None, *LAYERS):
        refused(sl.load_encoder, "random", layer)
        refused(encoders.check_layers, encoders.find_encoder("random"), layer)
        refused(encoders.trunk, layer)
        refused(sl.guided_gradient, encoder, image, layer, 0)
    for value in (*WHOLES, -1, 10**6):
        refused(sl.response, seen, filter=value)
        refused(sl.response, seen, position=(value, 0))
        refused(sl.response, seen, position=value if isinstance(value, str | list | dict) else [value])
        refused(sl.guided_gradient, encoder, image, "conv2_1", value)
    for value in (*WHOLES, None, -1):
        refused(sl.optimise, image, sl.total_variation, steps=value)
        refused(sl.transfer_loss, encoder, image, image, recipe, tile=value) if value is not None else None
        refused(sl.style_layer_loss, seen, sl.gram_matrix(seen), "keras", image_size=(value, 4))
    for wrong in (None, "mini", 5, object(), [], print):
        refused(sl.guided_gradient, wrong, image, "conv2_1", 0)
        refused(sl.transfer_loss, wrong, image, image, recipe)
        refused(sl.transfer_loss, encoder, image, image, recipe, wrong) if wrong is not None else None


def test_a_loss_that_is_no_function_of_the_image_costs_one_line(sl, lab):
    image = sl.to_tensor(CAT, "cpu")
    fixed = sl.total_variation(image)
    for loss in (None, *FUNCTIONS):
        refused(sl.optimise, image, loss, steps=1)
    for answer in (None, "low", 5.0, [], {}, {"loss": 5.0}, {"loss": None}, CAT, fixed):
        refused(lambda answer=answer: list(sl.optimise(image, lambda image: answer, steps=1)))


def test_wrong_parts_of_a_recipe_cost_one_line():
    gatys = RECIPES["gatys"]
    for value in NUMBERS:
        refused(recipes.Weights, value, 1.0)
        refused(recipes.Optimiser, "adam", learning_rate=value)
        refused(recipes.Scale, value, recipes.Gram())
        refused(replace, gatys, content={"conv4_2": value})
        refused(recipes.with_weights, "gatys", style=value)
    for value in NAMES:
        refused(recipes.Gram, value)
        refused(recipes.SquaredError, value)
        refused(recipes.TotalVariation, value)
        refused(recipes.Optimiser, value)
        refused(replace, gatys, start=value)
        refused(replace, gatys, style_loss=value)
        refused(replace, gatys, optimiser=value)
        refused(replace, gatys, weights=value)
    for value in (None, 5, "conv1_1", ["conv1_1"], object()):
        refused(replace, gatys, style=value)
        refused(recipes.Sum, value)
    refused(lambda: recipes.Gram() + 1)
    for value in LAYERS:
        refused(recipes.with_layers, "gatys", value)
    refused(recipes.with_layers, replace(gatys, content={"conv9_9": 1.0}))


def test_a_wrong_path_costs_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings("cat", "fluid")
    for path in PATHS:
        refused(settings.save, path)
        refused(Settings.load, path)
        refused(images.save, CAT, path)
        refused(film.save_gif, path, [CAT])
        refused(film.save_film, path, [CAT])
        refused(encoders.open_file, path)
    for value in (*NUMBERS, 0, 1e9):
        refused(film.save_gif, "a.gif", [CAT], value)
    for value in (*WHOLES, 0, -1):
        refused(film.filmstrip, [CAT], value)
        refused(images.resize, CAT, value)
        refused(images.fit, CAT, (value, 4))
    for text in (None, 5, b"{}", "", object()):
        refused(Settings.parse, text)
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_cost_one_line():
    for image in (None, 5, NAN, [], {}, object(), b"cat", CAT):
        refused(Settings, image, "fluid")
        refused(Settings, "cat", image)
    for name in ("size", "steps", "seed", "scales", "tile", "threads"):
        for value in WHOLES:
            refused(Settings, "cat", "fluid", **{name: value})


def test_a_wrong_image_in_a_figure_costs_one_line():
    for image in (None, 5, "cat", b"cat", [], {}, object(), np.zeros((4, 4, 5)), np.full((4, 4, 3), "red"), np.zeros((0, 4, 3))):
        refused(plots.show, image)
        refused(plots.side_by_side, {"a": image})
        refused(plots.filmstrip, {1: image})
        refused(plots.pair_grid, {"a": image}, {"b": CAT}, {})
        refused(plots.image_rows, {"row": {"a": image}})
        refused(plots.squares, image, {"a": 3}, (4, 4))
    for wrong in (None, 5, "cat", [], [CAT], object()):
        refused(plots.side_by_side, wrong)
        refused(plots.filmstrip, wrong)
        refused(plots.image_rows, wrong)
        refused(plots.pair_grid, wrong, {"b": CAT}, {})
    for value in WHOLES:
        refused(plots.side_by_side, {"a": CAT}, value)


# odd, but right


def test_odd_but_right_values_are_taken(sl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray((CAT * 255).astype(np.uint8)).save("mine.png")
    usual = dict(
        encoder="random", size=32, steps=2, seed=3, device="cpu", precision="float32", tile=16, style_layers=("conv1_1",)
    )
    odd = dict(
        encoder=np.str_("random"), size=np.int16(32), steps=2.0, seed=np.uint8(3), device=sl.find_device("cpu"), scales=np.float32(1),
        precision=np.str_("float32"), tile=np.int64(16), style_layers="conv1_1", snapshots=np.array([1, 2]), style_weight=np.float16(1),
    )  # fmt: skip
    expected = sl.transfer("mine.png", "mine.png", style_weight=1, **usual)
    for image in (Path("mine.png"), b"mine.png".decode(), Image.open("mine.png"), np.asarray(Image.open("mine.png"))):
        result = sl.transfer(image, image, **odd)
        np.testing.assert_array_equal(result.image, expected.image)
        assert set(result.snapshots) == {1, 2}
    assert result.settings.save(Path("run.json")) and Settings.load("run.json").style_weight == 1.0


@pytest.mark.parametrize("layers", ["conv1_1", "relu1_1", 0, np.int64(1), "conv1_1,", ("conv1_1",), ["block1_conv1"], {"conv1_1": 1}, np.array(["conv1_1"])])  # fmt: skip
def test_one_layer_is_taken_as_a_list_of_one(sl, layers):
    assert sl.load_encoder("random", layers, device="cpu").layers == ("conv1_1",)
    assert recipes.with_layers("gatys", style=layers).style == {"conv1_1": 1.0}
    result = sl.transfer(CAT, CAT, encoder="random", size=32, steps=1, device="cpu", style_layers=layers)
    assert result.settings.style_layers == ("conv1_1",)


def test_an_array_of_a_single_value_is_no_list_and_no_path(sl):
    for single in (np.array("conv1_1"), np.array(1)):
        refused(recipes.with_layers, "gatys", style=single)
        refused(sl.transfer, CAT, CAT, encoder="random", size=32, steps=1, device="cpu", snapshots=single)
        refused(images.find_image, single)


def test_several_layers_may_stand_in_one_text_as_on_the_command_line():
    assert recipes.with_layers("gatys", style="conv1_1, conv2_1").style == {"conv1_1": 0.5, "conv2_1": 0.5}
    assert recipes.with_layers("gatys", style=["conv1_1", "relu1_1"]).style == {"conv1_1": 1.0}


def test_a_layer_of_a_recipe_may_be_spelt_in_any_way():
    recipe = replace(RECIPES["gatys"], content={"block4_conv2": 1})
    assert recipes.with_layers(recipe).content == {"conv4_2": 1}


def test_an_array_of_whole_numbers_is_an_image_of_8_bits(sl):
    eight = (CAT * 255).astype(np.uint8)
    np.testing.assert_array_equal(sl.to_image(sl.to_tensor(eight, "cpu")), eight.astype(np.float32) / 255)
    for odd in (CAT.astype(np.float64), CAT.astype(np.float16), CAT.tolist(), CAT[::-1, ::-1], np.asfortranarray(CAT)):
        assert sl.to_image(sl.to_tensor(odd, "cpu")).shape == CAT.shape


def test_tensors_of_more_digits_go_with_those_of_fewer(sl, lab, rng):
    fine = rng.uniform(size=(1, 32, 40, 3))
    one, other = lab.tensor(fine), lab.tensor(fine.astype(np.float32))
    encoder = sl.load_encoder("random", ["conv1_1"], device="cpu")
    for pair in ((one, other), (other, one), (one, one)):
        assert float(sl.content_loss(*pair)) == pytest.approx(0, abs=1e-12)
        assert float(sl.style_layer_loss(pair[0], sl.gram_matrix(pair[1], "raw"))) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(*(lab.array(encoder(image)["conv1_1"]) for image in (one, other)), atol=1e-6)
    assert [step.index for step in sl.optimise(one, sl.total_variation, optimiser="adam", steps=2)] == [1, 2]


def test_a_number_is_checked_for_its_range_too():
    with pytest.raises(InputError, match="the style weight is -1: give a number, zero or more"):
        recipes.with_weights("gatys", style=-1)
