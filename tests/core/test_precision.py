"""How many bits the network has: when 'auto' takes fewer, and that fewer give nearly the same."""

from dataclasses import replace

import numpy as np
import pytest

from stylelab import encoders
from stylelab.errors import InputError
from stylelab.run.numerics import precision
from stylelab.run.prepare import prepare

LAYERS = ("conv1_1", "conv2_2", "conv3_1")
AMD = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 avx512vbmi\n"


@pytest.mark.parametrize(
    ("text", "has"), [(AMD, True), ("flags : fpu amx_bf16", True), ("flags : avx512f bf16", False), ("", False)]
)
def test_a_processor_says_what_it_can(tmp_path, text, has):
    (tmp_path / "cpuinfo").write_text(text)
    assert precision.cpu_has_bfloat16(tmp_path / "cpuinfo") is has


def test_where_the_system_does_not_tell_there_is_none(tmp_path):
    assert precision.cpu_has_bfloat16(tmp_path / "nothing") is False


def test_float16_is_no_choice():
    with pytest.raises(InputError, match="unknown precision 'float16'"):
        precision.check_precision("float16")


@pytest.mark.parametrize(
    ("has", "pixels", "expected"), [(True, 512 * 384, "bfloat16"), (True, 64 * 48, "float32"), (False, 512 * 384, "float32")]
)
def test_auto_needs_the_processor_and_a_large_image(lab, monkeypatch, has, pixels, expected):
    features = __import__(f"stylelab.{lab.name}.tensors", fromlist=["tensors"])
    monkeypatch.setattr(features, "cpu_has_bfloat16", lambda: has)
    monkeypatch.setattr(features, "fault", lambda precision, device: "")
    assert lab.sl.find_precision("auto", "cpu", pixels) == expected
    assert lab.sl.find_precision("bfloat16", "cpu", pixels) == "bfloat16"
    assert lab.sl.find_precision("float32", "cpu", pixels) == "float32"


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_look_is_the_network_and_its_gram_matrices(lab, rng, padding, pooling):
    spec = replace(encoders.find_encoder("random"), padding=padding)
    encoder = lab.sl.load_encoder(spec, LAYERS, pooling=pooling, device="cpu")
    images = rng.uniform(size=(2, 21, 34, 3)).astype(np.float32)

    def by_look(tensor):
        activations, grams = lab.look(encoder, tensor, ["conv2_2"], ["conv1_1", "conv3_1", "conv2_2"])
        return total(activations["conv2_2"], grams)

    def plainly(tensor):
        seen = encoder(tensor)
        return total(seen["conv2_2"], {layer: lab.sl.gram_matrix(seen[layer], "raw") for layer in LAYERS})

    def total(activation, grams):
        parts = [lab.sl.content_loss(activation, 0 * activation, "sum")]
        parts += [lab.sl.content_loss(gram[None], 0 * gram[None], "sum") * 1e-5 for gram in grams.values()]
        return sum(parts)

    assert float(by_look(lab.tensor(images))) == pytest.approx(float(plainly(lab.tensor(images))), rel=1e-5)
    ours, theirs = (lab.gradient(function, images) for function in (by_look, plainly))
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize("recipe", ["gatys", "tf-tutorial"])
def test_bfloat16_gives_nearly_the_same_loss_and_gradient(lab, recipe):
    job = prepare("china", "brushstrokes", recipe=recipe, encoder="mini", size=96)
    content, style = (lab.sl.to_tensor(image, "cpu") for image in (job.content, job.style))
    nudge = np.random.default_rng(0).normal(0, 0.02, job.start.shape).astype(np.float32)
    start = np.clip(job.start + nudge, 0, 1)[None]
    found = {}
    for name in ("float32", "bfloat16"):
        encoder = lab.sl.load_encoder(
            job.encoder, job.recipe.layers, pooling=job.recipe.pooling, normalised=job.normalised, device="cpu", precision=name
        )
        assert encoder.precision == name
        loss = lab.sl.transfer_loss(encoder, content, style, job.recipe, job.weights)
        values = {part: float(lab.array(value)) for part, value in loss(lab.tensor(start)).items()}
        found[name] = values, lab.gradient(lambda tensor, loss=loss: sum(loss(tensor).values()), start)
    (exact, slope), (rough, rough_slope) = found["float32"], found["bfloat16"]
    assert rough == pytest.approx(exact, rel=0.02) and rough != exact
    assert np.linalg.norm(rough_slope - slope) < 0.15 * np.linalg.norm(slope)
    assert rough_slope.dtype == np.float32


@pytest.mark.usefixtures("bfloat16")
def test_the_steps_of_a_bfloat16_run_lower_the_exact_loss(sl):
    options = dict(encoder="mini", size=64, steps=15, device="cpu", snapshots=())
    ends = [sl.transfer("coffee", "brushstrokes", precision=name, **options) for name in ("float32", "bfloat16")]
    assert [result.precision for result in ends] == ["float32", "bfloat16"]
    exact, rough = (result.history["total"] for result in ends)
    assert rough[-1] < 0.3 * rough[0]
    assert rough[-1] == pytest.approx(exact[-1], rel=0.1)


@pytest.mark.usefixtures("bfloat16")
def test_auto_is_float32_for_random_filters(sl, monkeypatch):
    features = __import__(f"{sl.__name__}.tensors", fromlist=["tensors"])
    monkeypatch.setattr(features, "cpu_has_bfloat16", lambda: True)
    options = dict(size=160, steps=1, device="cpu", snapshots=())
    found = [sl.transfer("china", "coffee", encoder=name, **options).precision for name in ("random", "mini")]
    assert found == ["float32", "bfloat16"]
    assert sl.transfer("china", "coffee", encoder="random", precision="bfloat16", **options).precision == "bfloat16"


@pytest.mark.usefixtures("bfloat16")
def test_the_first_block_of_bfloat16_is_only_rounded_at_its_end(lab, rng):
    losses = __import__(f"stylelab.{lab.name}.losses", fromlist=["losses"])
    image = lab.tensor(rng.uniform(size=(1, 32, 40, 3)).astype(np.float32))
    exact, rough = (
        lab.array(losses.wide(lab.sl.load_encoder("mini", ["conv1_2"], device="cpu", precision=name)(image)["conv1_2"]))
        for name in ("float32", "bfloat16")
    )
    assert (np.abs(rough - exact) <= 2**-8 * exact + 1e-5).all() and (rough != exact).any()
