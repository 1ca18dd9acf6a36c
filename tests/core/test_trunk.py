"""The network's two passes by hand against the plain ones, and what bfloat16 makes of them."""

import dataclasses

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


def test_names_of_precisions_are_checked(sl):
    with pytest.raises(InputError, match="unknown precision 'float16'"):
        sl.find_precision("float16", "cpu")
