"""GPUs that lack what a processor has, played by `devices`: all that is public works on them, and gives what the CPU gives."""

import re
from contextlib import nullcontext
from pathlib import Path

import devices
import numpy as np
import on_devices
import pytest

from stylelab import recipes
from stylelab.errors import InputError, MachineError
from stylelab.exercises import EXERCISES, ask, judge
from stylelab.run.numerics import memory
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run

NAMES = {"torch": "mps", "tensorflow": "gpu:0"}
SMALL = dict(encoder="mini", size=48, steps=3, snapshots=())


@pytest.fixture
def played(framework):
    """What plays a GPU of this framework: a context, with what the GPU lacks as keywords."""
    return {"torch": devices.apple, "tensorflow": devices.without_doubles}[framework]


RUNS = {
    **{name: dict(recipe=name) for name in recipes.RECIPES},
    "average pooling": dict(recipe="coursera", encoder="random"),
    "tiles": dict(tile=32),
    "two sizes": dict(size=128, scales=2),
    "bfloat16": dict(precision="bfloat16"),
    "bfloat16 in tiles": dict(precision="bfloat16", tile=32),
    "random filters": dict(encoder="random", recipe="tf-tutorial"),
    "other layers": dict(style_layers=["conv1_2", "conv3_4"], content_layers=["conv5_4"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", RUNS.values(), ids=RUNS)
def test_a_gpu_without_doubles_paints_what_the_processor_paints(sl, framework, played, how):
    with played():
        painted = sl.transfer("china", "brushstrokes", **SMALL | how)
    expected = sl.transfer("china", "brushstrokes", device="cpu", **SMALL | how)
    assert painted.device == NAMES[framework] and painted.precision == how.get("precision", "float32")
    first, theirs = (result.history["total"][0] for result in (painted, expected))
    assert first == pytest.approx(theirs, rel=1e-4)
    difference = np.abs(painted.image - expected.image)
    assert np.median(difference) < (0.02 if "bfloat16" in how.values() else 1e-3) and painted.notes == ()


@pytest.mark.slow
def test_a_batch_is_painted_on_such_a_gpu(sl, framework, played):
    contents = [np.random.default_rng(seed).uniform(size=(48, 48, 3)).astype(np.float32) for seed in (0, 1)]
    with played():
        painted = sl.transfer_batch(contents, ["brushstrokes", "fluid"], **SMALL)
    expected = sl.transfer_batch(contents, ["brushstrokes", "fluid"], device="cpu", **SMALL)
    for one, other in zip(painted, expected, strict=True):
        assert one.device == NAMES[framework] and np.median(np.abs(one.image - other.image)) < 1e-3


def everything(sl, lab) -> dict[str, float]:
    """A number from each public function, on the device that is there by default."""
    cat, painting = (np.random.default_rng(seed).uniform(size=(40, 48, 3)) for seed in (0, 1))
    image, other = sl.to_tensor(cat), sl.to_tensor(painting)
    encoder = sl.load_encoder("mini", ["conv1_1", "conv4_2"])
    seen, aim = encoder(image), encoder(other)
    recipe = recipes.find_recipe("tf-tutorial")
    parts = sl.transfer_loss(sl.load_encoder("mini", recipe.layers), image, other, recipe)(image)
    found = {"encoder": sl.to_array(seen["conv4_2"]).mean(), "image": sl.to_image(image).mean()}
    found |= {f"content {kind}": sl.content_loss(seen["conv4_2"], aim["conv4_2"], kind) for kind in recipes.REDUCTIONS}
    for kind in ("raw", "per_location", "per_element"):
        found[f"gram {kind}"] = lab.array(sl.gram_matrix(seen["conv1_1"], kind)).mean()
    for kind in recipes.STYLE_LOSSES:
        found[f"style {kind}"] = sl.style_layer_loss(seen["conv1_1"], sl.gram_matrix(aim["conv1_1"], "raw"), kind)
    found |= {f"variation {kind}": sl.total_variation(image, kind) for kind in recipes.TV_KINDS}
    found |= {f"loss {name}": part for name, part in parts.items()}
    found["response"] = sl.response(seen["conv4_2"], filter=3, position=(1, 2))
    found["guided"] = np.abs(sl.to_array(sl.guided_gradient(encoder, image, "conv3_1", filter=3))).sum()
    for method in recipes.OPTIMISERS:
        steps = sl.optimise(image, lambda moving: sl.content_loss(moving, other, "sum"), optimiser=method, steps=3)
        found[f"optimised by {method}"] = list(steps)[-1].image.mean()
    return {name: float(value) for name, value in found.items()}


@pytest.mark.slow
def test_every_public_function_works_on_such_a_gpu(sl, lab, played):
    with played():
        found = everything(sl, lab)
    assert found == pytest.approx(everything(sl, lab), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_librarys_answers_are_right_on_such_a_gpu(sl, framework, played, name):
    exercises = __import__(f"stylelab.{framework}.exercises", fromlist=["check", "lab"])

    class Lab(exercises.lab.Lab):
        """As the usual one, but with its tensors on the GPU."""

        def give(self, kind, value):
            given = super().give(kind, value)
            return given.to(sl.find_device()) if framework == "torch" and self.is_tensor(given) else given

    cases = EXERCISES[name].inputs(0)
    with played():
        answers = ask(EXERCISES[name], exercises.check.LIBRARY[name], Lab(), cases)
    assert judge(EXERCISES[name], cases, answers).right


# two GPUs, of which the second is asked for by name: what is left on the processor or on the first raises


PLAYED = {"torch": (devices.nvidia, "cuda:1"), "tensorflow": (devices.other_processors, "gpu:1")}
QUICK = [name for name in on_devices.CASES if name.startswith("loss ")]


@pytest.fixture
def second(framework, sl, lab):
    """What runs a case on the second GPU, and what runs it on the processor."""
    play, name = PLAYED[framework]

    def run(case, *given):
        with play() as used:
            found = case(on_devices.Here(sl, lab, name), *given)
        assert used <= {name}  # some exercises are about numbers
        return found

    return run, lambda case, *given: case(on_devices.Here(sl, lab, "cpu"), *given)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in on_devices.CASES]
)
def test_a_second_gpu_computes_what_the_processor_computes(second, framework, name):
    there, here = second
    found = there(on_devices.CASES[name])
    if framework == "torch" or name in QUICK:  # TensorFlow's second GPU is the processor: what is placed right is computed right
        on_devices.compare(found, here(on_devices.CASES[name]), name)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_librarys_answers_are_right_on_a_second_gpu(second, name):
    assert second[0](on_devices.judged, name).right


def test_every_public_function_is_tried_on_a_second_gpu(sl):
    text = Path(on_devices.__file__).read_text()
    elsewhere = {"check", "hint", "solution", "find_device", "find_precision"}  # of notebooks, or tried above
    assert [name for name in sl.__all__ if name not in elsewhere and not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.gpu
@pytest.mark.parametrize("name", on_devices.CASES)
def test_a_gpu_computes_what_the_processor_computes(sl, lab, name):
    gpu, processor = (on_devices.Here(sl, lab, str(sl.find_device(device))) for device in ("gpu", "cpu"))
    on_devices.compare(on_devices.CASES[name](gpu), on_devices.CASES[name](processor), name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", EXERCISES)
def test_the_librarys_answers_are_right_on_a_gpu(sl, lab, name):
    assert on_devices.judged(on_devices.Here(sl, lab, str(sl.find_device("gpu"))), name).right


def test_the_memory_that_counts_is_the_cards_own(framework, monkeypatch):
    torch = pytest.importorskip("torch") if framework == "torch" else pytest.skip("TensorFlow does not say how much is free")
    plan = __import__("stylelab.torch.engine.plan", fromlist=["plan"])
    monkeypatch.setattr(memory, "free_memory", lambda: 1e15)
    run = prepare_run(["china"], ["fluid"], Options(encoder="random", size=1000, steps=1))
    widths = dict.fromkeys([f"conv{n}_{m}" for n in range(1, 6) for m in range(1, 5)], 128)
    with devices.nvidia(free=(80 * 2**30, 2**30)):
        tiles = [plan.make_plan(run, widths, torch.device(name), "float32").tile for name in ("cuda:0", "cuda:1")]
    assert tiles[0] is None and tiles[1]


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_auto_is_bfloat16_on_a_gpu_that_is_made_for_it(sl, framework, capability, precision):
    play, name = PLAYED[framework]
    with play(capability=capability):
        assert sl.find_precision("auto", name) == precision
        assert sl.find_precision("auto", name, 100) == "float32"
        assert str(sl.find_device()) == {"torch": "cuda", "tensorflow": "gpu:0"}[framework]


def test_an_answer_that_stays_on_the_processor_is_told_so(sl, framework):
    torch = pytest.importorskip("torch") if framework == "torch" else pytest.skip("TensorFlow moves tensors by itself")
    lab = __import__("stylelab.torch.exercises.lab", fromlist=["lab"])
    exercise, given = EXERCISES["gram_matrix"], {"activation": torch.ones(1, 2, 3, 3)}
    with devices.nvidia():
        for answer in (lambda activation: activation + torch.zeros(3), lambda activation: activation.cpu()):
            assert lab.Lab().obstacle(exercise, answer, given) == lab.OTHER_DEVICE.format("cuda")
        assert lab.Lab().obstacle(exercise, lambda activation: activation * 2, given) is None


def test_a_gpu_is_played_as_pytorch_raises(framework):
    """What plays a GPU is itself wrong if it lets a mistake pass."""
    torch = pytest.importorskip("torch") if framework == "torch" else pytest.skip("of PyTorch")
    with devices.nvidia():
        here, first, second = torch.ones(2, 3), torch.rand(2, 3, device="cuda"), torch.ones(2, 3, device="cuda:1")
        mistakes = {
            "same device": [
                lambda: first + here, lambda: first @ here.T, lambda: first * second, lambda: torch.cat([first, here]),
                lambda: torch.where(here > 0, first, 0), lambda: here.lerp(first, 0.5), lambda: torch.sub(first, first, out=here),
                lambda: first.gather(1, torch.zeros(2, 1, dtype=torch.int64)), lambda: here.index_select(1, torch.ones_like(first[0]).long()),
            ],
            "indices should be": [lambda: here[first > 0], lambda: here[torch.tensor([0], device="cuda")], lambda: first[second > 0]],
            "convert cuda:0 device type": [lambda: first.numpy(), lambda: np.asarray(first)],
            "Expected a 'cuda'": [lambda: torch.rand(2, device="cuda", generator=torch.Generator())],
        }  # fmt: skip
        for words, some in mistakes.items():
            for mistake in some:
                with pytest.raises((RuntimeError, TypeError), match=words):
                    mistake()
        moved = first.clone().requires_grad_(True)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(moved.sum(), moved, here.sum(0))
        assert first[torch.tensor([0])].device == first.device and first.to(second).device == second.device
        assert (first * torch.tensor(2.0)).tolist() == (2 * first.cpu()).tolist() and first[[1, 0]].tolist()[0] == first[
            1
        ].tolist()
        assert torch.equal(first[first > 0.5].cpu(), first.cpu()[first.cpu() > 0.5])


def test_a_gpu_is_played_that_sees_what_tensorflow_would_move(framework):
    tf = pytest.importorskip("tensorflow") if framework == "tensorflow" else pytest.skip("of TensorFlow")
    with devices.other_processors():
        with tf.device("gpu:1"):
            there = tf.constant([[1.0, 2.0]])
            assert (there * 2 + [1.0, 1.0]).device == there.device != tf.constant(1.0).device.replace("2", "0")
        here = tf.constant([[1.0, 2.0]])
        double = tf.function(lambda: here * 2, autograph=False).get_concrete_function()
        with pytest.raises(tf.errors.InvalidArgumentError, match="was not placed"):
            there * 2
        with tf.device("gpu:1"):
            for mistake in (lambda: there * here, double):
                with pytest.raises(tf.errors.InvalidArgumentError, match="conflicting devices"):
                    mistake()
            with tf.device("/CPU:0"):
                processed = there * 2  # by name
            assert (processed * there).device == there.device


# what is lacking: a note and the nearest that works, or one line


def test_without_bfloat16_a_run_is_in_float32_and_says_so(sl, framework, played):
    with played(bfloat16=False):
        assert sl.find_precision("bfloat16") == sl.find_precision("auto") == "float32"
        assert sl.load_encoder("random", ["conv1_1"], precision="bfloat16").precision == "float32"
        result = sl.transfer("china", "fluid", precision="bfloat16", **SMALL)
    assert result.precision == result.settings.precision == "float32"
    assert result.notes == (f"painted in float32: {NAMES[framework]} does not compute in bfloat16",)


def test_auto_tries_bfloat16_before_it_takes_it(sl, framework, monkeypatch):
    tensors = __import__(f"stylelab.{framework}.tensors", fromlist=["tensors"])
    monkeypatch.setattr(tensors, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(tensors, "fault", lambda precision, device: "")
    assert sl.find_precision("auto", "cpu") == "bfloat16"
    monkeypatch.setattr(tensors, "fault", lambda precision, device: "no such unit" if precision == "bfloat16" else "")
    assert sl.find_precision("auto", "cpu") == sl.find_precision("bfloat16", "cpu") == "float32"


LACKING = {"torch": ("convolution", "fft_fft", "_fft_r2c"), "tensorflow": ("Conv2D", "RFFT2D")}


def test_a_gpu_that_does_not_work_is_not_taken_and_asked_for_by_name_costs_one_line(sl, framework, played):
    with played(lacks=LACKING[framework][:1]):
        assert str(sl.find_device()).startswith("cpu")
        with pytest.raises(MachineError, match=f"'{NAMES[framework]}' does not work .*: leave the device out, or choose 'cpu'"):
            sl.find_device(NAMES[framework])


def test_an_operation_that_a_gpu_lacks_costs_one_line(sl, framework, played):
    with played(lacks=LACKING[framework][1:]), pytest.raises(MachineError) as caught:
        sl.transfer("china", "fluid", **SMALL)
    assert str(caught.value).startswith(f"{NAMES[framework]} cannot do all") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cpu:1", "gpu:1", "cuda:7", "mps:1"])
def test_a_device_beyond_the_last_is_not_there(sl, played, name):
    for there in (nullcontext(), played()):
        with there, pytest.raises(MachineError, match=f"no '{name}' on this machine"):
            sl.find_device(name)


def test_a_device_is_not_a_number_of_another_script(sl):
    for name in ("cuda:²", "cuda:-1", "cuda:one", ":", ""):
        with pytest.raises(InputError, match="unknown device"):
            sl.find_device(name)


def test_an_apple_gpu_has_no_memory_of_its_own(sl, framework, monkeypatch):
    plan = __import__(f"stylelab.{framework}.engine.plan", fromlist=["plan"])
    torch = pytest.importorskip("torch") if framework == "torch" else pytest.skip("TensorFlow has none")
    monkeypatch.setattr(memory, "free_memory", lambda: 1e12)
    run = prepare_run(["china"], ["fluid"], Options(encoder="random", size=2000, steps=1))
    widths = dict.fromkeys([f"conv{n}_{m}" for n in range(1, 6) for m in range(1, 5)], 128)
    assert plan.make_plan(run, widths, torch.device("mps"), "float32").tile


@pytest.mark.parametrize(
    "words", ["MPS backend out of memory (MPS allocated: 5 GB)", "Invalid buffer size: 9.75 GB", "can't allocate memory"]
)
def test_running_out_of_memory_is_recognised_on_every_device(words):
    assert memory.out_of_memory(RuntimeError(words)) and not memory.out_of_memory(RuntimeError("no kernel image"))
