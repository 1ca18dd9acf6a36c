"""Networks that paint in one pass are trained: the loss falls, a stop loses nothing, and nothing but finite numbers is kept."""

import importlib
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from stylelab import images, networks
from stylelab.errors import InputError, NotFiniteError
from stylelab.networks.training import Crops

SMALL = dict(size=32, batch=1, scales=1, steps=4, device="cpu")


@pytest.fixture(scope="module")
def photographs() -> list:
    return [images.open_image("cat", 64), images.open_image("coffee", 96)]


@pytest.fixture
def train(sl, photographs):
    """`sl.train` with small settings."""
    return lambda style="fluid", **options: sl.train(style, photographs, **SMALL | options)


@pytest.fixture
def training(framework):
    return importlib.import_module(f"stylelab.{framework}.training")


@pytest.fixture
def tiny(framework, training, monkeypatch):
    """A network of a few filters learns to paint grey: what is kept of a training is the same, and TensorFlow's graph a tenth."""
    native = importlib.import_module(framework)
    mean = native.mean if framework == "torch" else native.reduce_mean
    monkeypatch.setattr(training, "painting_loss", lambda encoder, painted, *rest: {"grey": mean((painted - 0.5) ** 2)})
    monkeypatch.setattr(training, "style_targets", lambda *given: [{}])
    monkeypatch.setitem(networks.SHAPES, "small", networks.Shape(fold=2, widths=(4, 6), blocks=1, kernel=3, waves=(8, 24)))
    monkeypatch.setitem(SMALL, "network", "small")


def start() -> dict:
    return networks.load_weights("six")[1]


def kept_at_every_step(monkeypatch):
    monkeypatch.setattr("stylelab.networks.training.INTERVAL", 0.0)


def same(weights, others):
    assert weights.keys() == others.keys()
    for name, array in weights.items():
        assert_allclose(array, others[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_the_loss_falls(train):
    losses = [step.loss for step in train(images.open_image("fluid", 64)[:, ::-1], steps=24, seed=1, learning_rate=0.02)]
    assert np.mean(losses[-6:]) < 0.9 * np.mean(losses[:6])


def test_a_step_says_what_it_is(train):
    steps = list(train(["fluid", "ceramic"], steps=2))
    assert [step.index for step in steps] == [1, 2] and steps[1].network.styles == ("fluid", "ceramic")
    for step in steps:
        assert step.loss == pytest.approx(sum(step.parts.values()))
        assert set(step.parts) == {"style", "content", "range", "variation"}
    assert steps[0].seconds <= steps[1].seconds


def test_a_sky_is_smooth_and_leaves_the_other_side_as_it_was(monkeypatch):
    noise = np.random.default_rng(0).uniform(size=(64, 64, 3)).astype(np.float32)
    found = {}
    for share in (0, 1):
        monkeypatch.setattr("stylelab.networks.training.SKY", share)
        found[share] = Crops([noise], 64, seed=0).draw(step=1, batch=1)[0]
    plain, sky = (crop.reshape(8, 8, 8, 8, 3) for crop in found.values())  # squares of 8 x 8
    rough = sky.std((1, 3)) / plain.std((1, 3))
    assert rough.min() < 0.2 and (sky == plain).all((1, 3, 4)).any() and 0 <= sky.min() and sky.max() <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("bfloat16")
def test_half_of_the_bits_lead_to_nearly_the_same_network(train, training, monkeypatch):
    found = []
    for precision in ("float32", "bfloat16"):
        monkeypatch.setattr(training, "find_precision", lambda *given, precision=precision: precision)
        found.append(next(train(size=64)))
    exact, rough = found
    assert rough.parts == pytest.approx(exact.parts, rel=0.03) and rough.parts["style"] != exact.parts["style"]
    assert np.abs(rough.weights()["codes"] - exact.weights()["codes"]).mean() < 0.003  # Adam's first step has 0.03 everywhere


def test_only_the_codes_change_unless_the_whole_network_is_trained(train):
    before = start()
    (step,) = train(steps=1)
    after = step.weights()
    assert all(np.array_equal(after[name], before[name]) for name in after if name != "codes")
    assert after["codes"].shape[0] == 1 and not np.allclose(after["codes"][0], before["codes"][before_index()])
    assert_allclose(after["codes"][0, -12:], networks.colours_of(images.open_image("fluid")), atol=1e-6)
    (step,) = train(steps=1, whole=True)
    assert all(not np.array_equal(array, before[name]) for name, array in step.weights().items() if name != "codes")


def before_index() -> int:
    return networks.find_network("six").styles.index("fluid")


def test_a_step_is_saved_as_a_network_that_paints(sl, train, tmp_path):
    (step,) = train(network="small", steps=1)
    painter = sl.load_network(step.save(tmp_path / "net.safetensors"), device="cpu")
    assert painter.network.styles == ("fluid",) and "'small'" in painter.network.source
    assert painter.paint(np.zeros((20, 24, 3)), painter.code("fluid")).shape == (20, 24, 3)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("whole", [False, True])
def test_a_training_that_is_stopped_at_every_step_leads_to_the_same_network(train, tmp_path, whole):
    options = dict(style=["fluid", "ceramic"], whole=whole, batch=2)
    *_, unbroken = train(**options)
    unbroken, path = (unbroken, unbroken.weights()), tmp_path / "training.state"
    for index in (1, 2, 3):
        steps = train(**options, resume=path)
        assert next(steps).index == index
        steps.close()
        assert path.is_file()
    (last,) = train(**options, resume=path)
    same(last.weights(), unbroken[1])
    assert last.index == 4 and last.loss == pytest.approx(unbroken[0].loss, rel=1e-6) and not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_stop_in_the_middle_of_a_step_leaves_the_step_before(train, training, tmp_path, monkeypatch):
    path, real, calls = tmp_path / "training.state", training._moved, itertools.count(1)

    def adam(*arguments):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    *_, unbroken = train()
    weights = unbroken.weights()
    monkeypatch.setattr(training, "_moved", adam)
    with pytest.raises(KeyboardInterrupt):
        list(train(resume=path))
    monkeypatch.setattr(training, "_moved", real)
    *_, last = train(resume=path)
    assert last.index == 4
    same(last.weights(), weights)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_training_is_kept_from_time_to_time(train, tmp_path, monkeypatch):
    kept_at_every_step(monkeypatch)
    path = tmp_path / "training.state"
    steps = train(resume=path)
    assert next(steps) and not path.exists() and next(steps) and path.is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_training_that_has_had_its_time_keeps_its_file_and_continues_with_more(train, tmp_path):
    path = tmp_path / "training.state"
    steps = train(resume=path)
    next(steps)
    next(steps)
    steps.close()
    before = path.read_bytes()
    assert list(train(resume=path, minutes=1e-9)) == [] and path.read_bytes() == before
    assert [step.index for step in train(resume=path)] == [3, 4] and not path.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_the_file_of_another_training_is_refused(train, tmp_path):
    path = tmp_path / "training.state"
    steps = train(resume=path)
    next(steps)
    steps.close()
    before = path.read_bytes()
    for changed, name in (
        (dict(seed=5), "seed"),
        (dict(style="ceramic"), "the styles"),
        (dict(size=40), "size"),
        (dict(steps=9), "steps"),
    ):
        with pytest.raises(InputError, match=f"is of another training .{name} differ") as error:
            list(train(**changed, resume=path))
        assert "\n" not in str(error.value) and path.read_bytes() == before


def test_a_file_of_something_else_is_refused(train, tmp_path):
    path = tmp_path / "training.state"
    path.write_text("no training")
    with pytest.raises(InputError, match=r"training\.state"):
        list(train(resume=path))
    assert path.read_text() == "no training"


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_nothing_but_finite_numbers_is_kept(train, training, tmp_path, monkeypatch):
    """A loss that is not finite ends the training; what is kept is the step before."""
    path, real, calls = tmp_path / "training.state", training.learning_rate, itertools.count(1)
    monkeypatch.setattr(training, "learning_rate", lambda *given: real(*given) if next(calls) < 3 else np.inf)
    steps = train(resume=path)
    next(steps)
    step = next(steps)
    before = step.weights()
    with pytest.raises(NotFiniteError, match="at step 3"):
        next(steps)
    same(step.weights(), before)
    monkeypatch.setattr(training, "learning_rate", real)
    assert [step.index for step in train(resume=path)] == [3, 4]


def test_a_loss_that_is_not_finite_ends_the_training(train, training, monkeypatch):
    real = training.painting_loss
    monkeypatch.setattr(training, "painting_loss", lambda *given: {name: part * np.nan for name, part in real(*given).items()})
    with pytest.raises(NotFiniteError, match="at step 1"):
        list(train())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (dict(steps=0), "steps is 0: give a whole number of at least 1"),
        (dict(size=30), "size is 30"),
        (dict(size=36), "size is 36: give a multiple of 8"),
        (dict(scales=4), "crops of 32 pixels cannot be compared at 4 scales"),
        (dict(learning_rate=0), "learning_rate is 0: give a number above 0"),
        (dict(learning_rate=float("inf")), "learning_rate is inf"),
        (dict(minutes=0), "minutes is 0: give a number above 0"),
        (dict(whole=1), "whole must be True or False"),
        (dict(network="sixx"), "unknown network 'sixx'"),
        (dict(style=["fluid", "fluid"]), "each style needs a name of its own"),
        (dict(style="fluit"), "fluit"),
        (dict(size=128), "no photograph has 128 pixels on its short side"),
    ],
)  # fmt: skip
def test_wrong_options_get_one_clear_line(train, wrong, words):
    with pytest.raises(InputError, match=words) as error:
        list(train(**wrong))
    assert "\n" not in str(error.value)


def test_an_unknown_option_gets_a_suggestion(train):
    with pytest.raises(TypeError, match="did you mean 'steps'?"):
        train(step=3)
