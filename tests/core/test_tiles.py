"""Tiles give what the whole image gives: activations, Gram matrices, gradient. Their geometry, and when they are taken."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from stylelab import encoders, recipes
from stylelab.encoders import file
from stylelab.errors import InputError
from stylelab.run import prepare
from stylelab.run.numerics import lbfgs, memory, tiling

ODD = (70, 99)  # neither side a multiple of 16, nor of 2 all the way down
WIDTHS = {layer: 64 * min(8, tiling.stride(layer)) for layer in encoders.LAYERS}  # VGG-19's
DEEP = ("conv5_4",)


def every_tile(height, width, side, layers=DEEP):
    return [(stage, tile) for stage in tiling.stages(layers) for tile in tiling.tiles(height, width, side, stage)]


@pytest.mark.parametrize("size", [(16, 16), ODD, (96, 64), (31, 203)])
@pytest.mark.parametrize("side", [16, 32, 48, 1000])
def test_cores_cover_each_layer_once(size, side):
    counts = {layer: np.zeros(encoders.layer_size(layer, *size), int) for layer in encoders.LAYERS}
    for stage, tile in every_tile(*size, side):
        for layer in stage.layers:
            counts[layer][tile.region(layer)] += 1
    for layer, count in counts.items():
        assert (count == 1).all(), layer


@pytest.mark.parametrize("side", [16, 32, 1000])
def test_a_tile_sees_all_that_its_core_depends_on(side):
    for stage, tile in every_tile(*ODD, side):
        reach = sum(tiling.stride(layer) for layer in stage.layers)
        core, outer = tile.core, tile.outer
        assert outer.top <= max(0, core.top - reach) and outer.bottom >= min(ODD[0], core.bottom + reach)
        assert outer.left <= max(0, core.left - reach) and outer.right >= min(ODD[1], core.right + reach)
        assert outer.top >= 0 and outer.left >= 0 and outer.bottom <= ODD[0] and outer.right <= ODD[1]


def test_tiles_begin_where_poolings_do_and_none_is_larger_than_asked_for():
    for stage, tile in every_tile(*ODD, 32):
        for box in (tile.core, tile.outer):
            assert box.top % 16 == box.left % 16 == 0
            assert box.bottom % 16 == 0 or box.bottom == ODD[0]
        assert tile.core.bottom - tile.core.top < 32 * stage.wider + 16


def test_a_halo_is_as_wide_as_the_convolutions_reach():
    assert tiling.halo(["conv1_1"]) == 16
    assert tiling.halo(encoders.trunk(["conv5_1"])) == 80  # 70: 2 of 1 pixel, 2 of 2, 4 of 4, 4 of 8, 1 of 16
    assert tiling.halo(encoders.trunk(["conv5_4"])) == 128  # 118
    assert [tiling.halo(stage.layers) for stage in tiling.stages(["conv5_1"])] == [16, 16, 32, 16]


def test_a_network_that_stops_early_has_fewer_stages():
    assert [stage.layers[-1] for stage in tiling.stages(["conv3_1", "conv1_1"])] == ["conv2_2", "conv3_1"]
    assert [stage.pooled for stage in tiling.stages(["conv3_1"])] == [True, False]
    assert [stage.pooled for stage in tiling.stages(["conv2_2"])] == [False]


@pytest.mark.parametrize("tile", [0, -16, 1.5, True])
def test_a_tile_is_a_number_of_pixels(tile):
    with pytest.raises(InputError, match=f"tile is {tile}: give its side in pixels"):
        tiling.tiles(*ODD, tile, tiling.stages(DEEP)[0])


@pytest.mark.parametrize("tile", [False, -16, 8, 0.5])
def test_a_run_asks_for_tiles_of_sixteen_pixels_or_more_or_for_none(tile):
    prepare.check_run("auto", 0)
    with pytest.raises(InputError, match=f"tile is {tile}: give a whole number"):
        prepare.check_run("auto", tile)


def run_of(height, width, **options) -> memory.Run:
    recipe = recipes.RECIPES["gatys"]
    return memory.Run(height, width, recipe.whole_layers, recipe.layers, WIDTHS, **options)


def test_tiles_take_less_memory_and_smaller_ones_less_still():
    run = run_of(2000, 3000)
    takes = [memory.estimate(run, tile) for tile in (128, 256, 512, None)]
    assert takes == sorted(takes) and takes[1] < 6e9 < 2 * takes[1] < takes[-1]
    assert memory.estimate(replace(run, precision="bfloat16")) < takes[-1]
    assert memory.estimate(replace(run, optimiser="adam"), 128) < 0.85 * takes[0]
    numbers = 3 * 2000 * 3000  # of bfloat16, twice for each step that L-BFGS remembers
    assert takes[0] - memory.estimate(replace(run, optimiser="adam"), 128) == 2 * 2 * numbers * lbfgs.memory(numbers)
    assert memory.estimate(run_of(500, 750, batch=4)) == pytest.approx(memory.estimate(run_of(1000, 1500)), rel=0.02)


def test_a_loss_that_needs_whole_activations_takes_more_memory():
    run, recipe = run_of(2000, 3000), recipes.RECIPES["gatys"]
    own = replace(recipe, style_loss=recipe.style_loss + recipes.SquaredError())
    assert recipe.whole_layers == ("conv4_2",) and set(own.whole_layers) == set(own.layers)
    for tile in (None, 256):
        assert memory.estimate(replace(run, whole=own.whole_layers), tile) > 1.2 * memory.estimate(run, tile)


def test_tiles_are_taken_only_where_the_whole_does_not_fit():
    run = run_of(2000, 3000)
    whole = memory.estimate(run) / memory.SHARE
    assert memory.choose_tile(run, whole * 1.001) is None
    assert memory.choose_tile(run, whole * 0.999) == max(memory.SIDES)
    assert memory.choose_tile(run, memory.estimate(run, 208) / memory.SHARE + 1) == 208
    assert (
        "tiles of 208 pixels" in (note := memory.note(run, 208, 10**10)) and "3000 x 2000" in note and "10.0 GB are free" in note
    )


def test_a_run_takes_more_than_six_gigabytes_of_a_machine_only_when_it_must():
    large, larger, free = run_of(2000, 3000), run_of(4000, 6000), 10**11
    assert memory.choose_tile(large, free) is None
    assert memory.estimate(large) > memory.UNASKED > memory.estimate(large, 512)
    assert memory.choose_tile(large, free, shared=True) == 512
    assert memory.estimate(larger, 128) > memory.UNASKED and memory.choose_tile(larger, free, shared=True) == 512
    assert memory.choose_tile(run_of(1000, 1500), free, shared=True) is None
    assert memory.note(large, 512, free).endswith("13.0 GB of memory; tile 0 asks for that")


def test_an_image_too_large_even_for_tiles_is_refused_with_the_size_that_fits():
    free = memory.estimate(run_of(1000, 1504), 128)
    with pytest.raises(InputError, match="3000 x 2000 pixels need about .* GB of memory even in tiles") as caught:
        memory.choose_tile(run_of(2000, 3000), free)
    size = int(str(caught.value).rpartition("size of ")[2].split()[0])
    assert 1480 <= size <= 1504
    memory.choose_tile(run_of(size * 2 // 3, size), free)


@pytest.mark.parametrize(
    ("line", "folder", "limit", "usage", "cached"),
    [
        ("0::/a/b", "a", "memory.max", "memory.current", "inactive_file"),
        ("4:cpu,memory:/a/b", "memory/a", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_containers_limit_counts_also_one_further_up(tmp_path, line, folder, limit, usage, cached):
    (tmp_path / "own").write_text(f"9:pids:/c\n{line}\n")
    inner = tmp_path / folder / "b"
    inner.mkdir(parents=True)
    for folder, most in ((inner, "max"), (inner.parent, "5000")):
        (folder / limit).write_text(f"{most}\n")
        (folder / usage).write_text("3000\n")
        (folder / "memory.stat").write_text(f"anon 1\n{cached} 700\n")
    assert memory.free_memory(tmp_path, tmp_path / "own") == 2700


def test_without_a_container_the_machines_memory_counts(tmp_path):
    assert memory.free_memory(tmp_path, tmp_path / "none") > 10**6


@pytest.fixture(scope="session")
def narrow(tmp_path_factory) -> encoders.Encoder:
    """VGG-19 with eight filters a layer: fast, and random."""
    rng, channels, weights = np.random.default_rng(1), 3, {}
    for layer in encoders.LAYERS:
        kernel = rng.standard_normal((8, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
        weights[layer], channels = (kernel, rng.uniform(0, 0.1, 8).astype(np.float32)), 8
    path = tmp_path_factory.mktemp("encoder") / "narrow.safetensors"
    file.save(path, weights, encoders.Encoder("narrow", None, **encoders.TORCHVISION))
    return encoders.read_encoder(path)


def found(lab, look, image, only=None):
    """What `look` gives, and the gradient of a loss that weighs every layer alike."""
    activations, grams = look(lab.tensor(image))
    answers = {
        f"{kind} {layer}": lab.array(each) for kind, part in (("c", activations), ("s", grams)) for layer, each in part.items()
    }

    def loss(images):
        activations, grams = look(images)
        parts = [("c", activations), ("s", grams)]
        each = {f"{kind} {layer}": tensor for kind, part in parts for layer, tensor in part.items()}
        return sum(
            lab.sl.content_loss(tensor / float(np.linalg.norm(answers[key])), 0 * tensor, "sum")
            for key, tensor in each.items()
            if only is None or key == only
        )

    return answers | {"gradient": lab.gradient(loss, image)}


def assert_same(ours, expected):
    assert ours.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(ours[key], array, rtol=1e-5, atol=1e-5 * np.abs(array).max(), err_msg=key)


def both(lab, network, image, content, style, tile, only=None):
    ours = found(lab, lambda images: lab.look(network, images, content, style, tile), image, only)
    assert_same(ours, found(lab, lambda images: lab.look(network, images, content, style), image, only))


@pytest.mark.parametrize("recipe", {recipe.layers: recipe for recipe in recipes.RECIPES.values()}.values(), ids=lambda r: r.name)
@pytest.mark.parametrize(("padding", "pooling"), [("zeros", "max"), ("replicate", "average")])
def test_tiles_give_what_the_whole_image_gives(lab, narrow, rng, recipe, padding, pooling):
    network = lab.sl.load_encoder(replace(narrow, padding=padding), recipe.layers, pooling=pooling, device="cpu")
    image = rng.uniform(size=(1, *ODD, 3)).astype(np.float32)
    both(lab, network, image, recipe.content, recipe.style, 32)


@pytest.mark.parametrize(("tile", "padding", "pooling"), [(48, "zeros", "average"), (1000, "replicate", "max")])
def test_of_any_depth_and_any_side(lab, narrow, rng, tile, padding, pooling):
    layers = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
    network = lab.sl.load_encoder(replace(narrow, padding=padding), layers, pooling=pooling, device="cpu")
    image = rng.uniform(size=(2, 95, 50, 3)).astype(np.float32)  # a batch
    both(lab, network, image, layers[::2], layers[1:], tile)


def test_a_loss_may_leave_a_layer_out(lab, narrow, rng):
    network = lab.sl.load_encoder(narrow, ["conv2_1", "conv3_1", "conv5_1"], device="cpu")
    image = rng.uniform(size=(1, *ODD, 3)).astype(np.float32)
    both(lab, network, image, ["conv3_1"], ["conv2_1", "conv5_1"], 32, only="c conv3_1")


def test_in_bfloat16_too(lab, narrow, rng):
    network = lab.sl.load_encoder(narrow, ["conv3_1", "conv4_1"], device="cpu", precision="bfloat16")
    image = rng.uniform(size=(1, *ODD, 3)).astype(np.float32)
    whole, ours = (lab.look(network, lab.tensor(image), [], ["conv3_1", "conv4_1"], tile)[1] for tile in (None, 32))
    for layer, gram in whole.items():
        expected = lab.array(gram)
        atol = 1e-2 * np.abs(expected).max()  # where bias and ReLU are not fused, there is one rounding more
        np.testing.assert_allclose(lab.array(ours[layer]), expected, atol=atol)


def test_a_run_goes_through_tiles_when_the_whole_would_not_fit_and_says_so(sl, narrow, monkeypatch):
    def run(**options):
        return sl.transfer("coffee", "astronaut", encoder=narrow, size=48, steps=2, device="cpu", precision="float32", **options)

    whole, asked = run(), run(tile=32)
    assert whole.tile is None and whole.notes == () and asked.tile == 32 and asked.notes == ()
    np.testing.assert_allclose(asked.history["total"], whole.history["total"], rtol=1e-4)
    monkeypatch.setattr(memory, "estimate", lambda run, tile=None: 2e9 if tile is None else 1e6 * tile)
    monkeypatch.setattr(memory, "free_memory", lambda: 1e9)
    chosen = run()
    assert chosen.tile == 512 and chosen.notes == (
        "painted in tiles of 512 pixels: whole, 48 x 32 pixels would take about 2.0 GB of memory, and 1.0 GB are free",
    )
    np.testing.assert_allclose(chosen.history["total"], whole.history["total"], rtol=1e-4)
    monkeypatch.setattr(memory, "free_memory", lambda: 10**12)
    monkeypatch.setattr(memory, "UNASKED", 1e9)
    assert run().tile == 512 and run().notes[0].endswith("about 2.0 GB of memory; tile 0 asks for that")
    monkeypatch.setattr(importlib.import_module(f"{sl.__name__}.engine.tiles"), "look", None)
    at_once = run(tile=0)
    assert at_once.tile == 0 and at_once.notes == () and at_once.settings.tile == 0
    np.testing.assert_allclose(at_once.history["total"], whole.history["total"], rtol=1e-6)
