"""The network's two passes by hand against the plain ones, and what bfloat16 makes of them."""

import dataclasses
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from stylelab import encoders
from stylelab.errors import InputError

CONTENT, STYLE = ("conv1_2", "conv3_1"), ("conv1_1", "conv2_1", "conv3_1")
KINDS = [("zeros", "max"), ("zeros", "average"), ("replicate", "max"), ("replicate", "average")]


@pytest.fixture
def images(rng):
    return rng.uniform(size=(2, 21, 27, 3)).astype(np.float32)  # two of them; a pooling leaves out the last row


def load(lab, padding="replicate", pooling="average", precision="float32"):
    spec = dataclasses.replace(encoders.find_encoder("mini"), padding=padding)
    return lab.sl.load_encoder(spec, (*CONTENT, *STYLE), pooling=pooling, device="cpu", precision=precision)


def away(lab, tensors):
    """How far the tensors are from random ones; none of those is symmetric, as a Gram matrix is."""
    rng, total = np.random.default_rng(1), 0.0
    for tensor in tensors:
        shape = tuple(tensor.shape)
        if lab.name == "torch" and len(shape) == 4:
            shape = shape[0], *shape[2:], shape[1]
        target = lab.tensor(rng.normal(size=shape).astype(np.float32))
        total = total + lab.sl.content_loss(tensor, target, "mean")
    return total


def plainly(lab, encoder):
    def loss(tensor):
        activations = encoder(tensor)
        return away(lab, [activations[x] for x in CONTENT] + [lab.sl.gram_matrix(activations[x], "raw") for x in STYLE])

    return loss


def by_hand(lab, encoder):
    def loss(tensor):
        activations, grams = lab.look(encoder, tensor, CONTENT, STYLE)
        return away(lab, [activations[x] for x in CONTENT] + [grams[x] for x in STYLE])

    return loss


@pytest.mark.parametrize(("padding", "pooling"), KINDS)
def test_the_gradient_by_hand_is_the_plain_one(lab, images, padding, pooling):
    encoder = load(lab, padding, pooling)
    plain, hand = (lab.gradient(make(lab, encoder), images) for make in (plainly, by_hand))
    assert_allclose(hand, plain, rtol=0, atol=1e-5 * np.abs(plain).max())


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize(("padding", "pooling"), KINDS)
def test_bfloat16_points_the_same_way(lab, images, padding, pooling):
    fine, coarse = (
        lab.gradient(by_hand(lab, load(lab, padding, pooling, precision)), images) for precision in ("float32", "bfloat16")
    )
    assert coarse.dtype == np.float32
    assert 0 < np.linalg.norm(coarse - fine) < 0.2 * np.linalg.norm(fine)


@pytest.mark.usefixtures("bfloat16")
def test_bfloat16_ends_at_the_trunk(lab, images):
    encoder = load(lab, precision="bfloat16")
    activations, grams = lab.look(encoder, lab.tensor(images), CONTENT, STYLE)
    assert encoder.precision == "bfloat16"
    assert all("bfloat16" in str(activation.dtype) for activation in activations.values())
    assert all("float32" in str(gram.dtype) for gram in grams.values())
    assert "float32" in str(lab.sl.gram_matrix(activations["conv3_1"]).dtype)


def test_gradients_have_one_order_in_memory(lab, images, monkeypatch):
    """PyTorch multiplies bfloat16 matrices of another order a thousand times slower."""
    torch = pytest.importorskip("torch") if lab.name == "torch" else pytest.skip("TensorFlow chooses the order itself")
    from stylelab.torch.engine import passes

    seen, plain = [], passes.through_gram
    monkeypatch.setattr(passes, "through_gram", lambda *given, onto: seen.append(onto) or plain(*given, onto=onto))
    lab.gradient(by_hand(lab, load(lab, precision="bfloat16")), images)
    assert len(seen) == len(STYLE) and seen[0] is not None  # the deepest layer's, which no convolution has put in order
    assert all(onto.is_contiguous(memory_format=torch.channels_last) for onto in seen)


def test_a_layer_before_a_pooling_that_no_loss_looks_at_is_not_kept(lab, images):
    """Where its maxima stood, and whether the ReLU let them through, is a fifth of it, and says as much."""
    pytest.importorskip("torch") if lab.name == "torch" else pytest.skip("TensorFlow's own pooling looks at the activation again")
    from stylelab.torch.engine.passes import find_trunk

    encoder = load(lab, "zeros", "max")
    trunk, tensor = find_trunk(encoder), encoder.preprocess(lab.tensor(images))
    whole, kept, looked = (trunk.forward(tensor, **options) for options in ({}, {"seen": STYLE}, {"seen": STYLE, "keep": False}))
    assert set(kept.activations) == set(looked.activations) == set(STYLE) < set(whole.activations)
    for layer, (shape, gate) in kept.gates.items():
        taken = sum(part.numel() * part.element_size() for part in (gate, kept.maxima[layer]))
        assert shape == whole.activations[layer].shape and taken < 0.32 * 4 * shape.numel()
    gradients = {layer: whole.activations[layer] - 1 for layer in STYLE}
    assert (trunk.backward(kept, gradients, {}, {}) == trunk.backward(whole, gradients, {}, {})).all()


def test_of_equal_responses_the_first_gets_the_gradient_as_in_pytorch(lab):
    """Most windows have ties, at zero and above, and the last row and column are in none."""
    torch = pytest.importorskip("torch") if lab.name == "torch" else pytest.skip("TensorFlow's own pooling is used")
    from stylelab.torch.engine.passes import Kept, find_trunk

    trunk, kept = find_trunk(load(lab, "zeros", "max")), Kept()
    before = torch.randint(-2, 3, (2, 5, 9, 11), generator=torch.Generator().manual_seed(0)).float().requires_grad_()
    pooled = torch.nn.functional.max_pool2d(before.relu(), 2)
    gradient = torch.arange(1.0, 1 + pooled.numel()).view(pooled.shape)
    (expected,) = torch.autograd.grad(pooled, before, gradient)
    assert (trunk._pool("conv1_2", before.detach().relu(), kept) == pooled).all()
    assert (trunk._through_gate(gradient, *kept.gates["conv1_2"], kept.maxima["conv1_2"]) == expected).all()


def test_a_run_keeps_no_filters_but_those_of_its_passes(lab, images, monkeypatch):
    pytest.importorskip("torch") if lab.name == "torch" else pytest.skip("TensorFlow's passes use the encoder's own filters")
    from stylelab.torch.engine.passes import find_trunk

    encoder, made = load(lab, "zeros", "max"), []
    first = lab.gradient(by_hand(lab, encoder), images)
    find_trunk(encoder).forget_filters(encoder)
    assert_allclose(lab.gradient(by_hand(lab, encoder), images), first, rtol=0, atol=0)

    def load_and_tell(*given, **options):
        made.append(lab.sl.load_encoder(*given, **options))
        return made[-1]

    def paint(**options):
        seen = []
        watch = lambda step: seen.append(made[-1].conv1_1_kernel is None)  # noqa: E731
        lab.sl.transfer("cat", "fluid", encoder="mini", steps=4, device="cpu", watch=watch, **{"size": 48} | options)
        return seen

    monkeypatch.setattr(sys.modules["stylelab.torch.transfer"], "load_encoder", load_and_tell)
    assert paint(tile=0) == [True] * 4
    assert paint(tile=32) == [False] * 4  # tiles have more than one size
    at_two_sizes = paint(tile=0, size=128, scales=2)
    assert at_two_sizes == sorted(at_two_sizes) and set(at_two_sizes) == {False, True}  # only at the last size


def test_names_of_precisions_are_checked(sl):
    with pytest.raises(InputError, match="unknown precision 'float16'"):
        sl.find_precision("float16", "cpu")
