"""Results that are tensors or numbers, but not ordinary ones: each gets its sentence, in notebook and grader alike."""

import importlib
import re
import socket
import threading

import numpy as np
import pytest

from stylelab import exercises
from stylelab.exercises.checking import call, serialise
from stylelab.tools.classroom.sandbox.inside import wire

torch = tf = None
pytestmark = pytest.mark.filterwarnings("ignore")  # of frameworks, for what they do not yet support


def import_framework(framework):
    """Import this process's framework under the name that the tables below use."""
    globals()[{"torch": "torch", "tensorflow": "tf"}[framework]] = importlib.import_module(framework)


def fake(x):
    with importlib.import_module("torch._subclasses").FakeTensorMode() as mode:
        return mode.from_tensor(torch.zeros(x.shape))


def leaked(x):
    """A tensor that belongs to a transformation which has ended."""
    kept = []
    torch.func.grad(lambda y: kept.append(y) or y.sum())(x.detach())
    return kept[0].square()


def wrapped(x):
    class Wrapped(torch.Tensor):
        """A tensor that refuses to give its numbers."""

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            if function.__name__ in ("detach", "numpy", "__array__", "to", "cpu"):
                raise RuntimeError("not these")
            return super().__torch_function__(function, types, args, kwargs or {})

    return x.detach().as_subclass(Wrapped)


def symbolic(x):
    kept = []
    tf.function(lambda y: kept.append(y * 1) or y)(x)
    return kept[0]


SPARSE, MANY = r"returns a sparse tensor: .*dense", r"returns a tensor of shape \(1000.*\): far more entries or axes"
TYPES = {  # what is done with the right result -> words of the sentence
    "torch": {
        "sparse": (lambda x: x.to_sparse(), SPARSE),
        "sparse rows": (lambda x: x.reshape(-1, 1).to_sparse_csr(), SPARSE),
        "meta": (lambda x: x.to("meta"), "without numbers, on the device 'meta'"),
        "quantized": (lambda x: torch.quantize_per_tensor(x.detach(), 0.1, 0, torch.qint8), "quantized tensor: dequantize"),
        "nested": (lambda x: torch.nested.nested_tensor([x.detach().reshape(-1)]), "nested tensor"),
        "jagged": (lambda x: torch.nested.nested_tensor([x.detach().reshape(-1)], layout=torch.jagged), "nested tensor"),
        "complex": (lambda x: torch.complex(x, x), "complex numbers"),
        "bool": (lambda x: x > 0, "True or False"),
        "fake": (fake, "returns a FakeTensor whose numbers cannot be read"),
        "wrapped": (wrapped, "returns a Wrapped whose numbers cannot be read"),
        "masked": (lambda x: torch.masked.masked_tensor(x.detach(), x > 0), "returns a MaskedTensor whose"),
        "uninitialised": (lambda x: torch.nn.UninitializedParameter(), "returns an UninitializedParameter whose"),
        "expanded": (lambda x: x.sum().expand(1000, 1000, 1000, 1000), MANY),
        "expanded along one axis": (lambda x: x.reshape(-1)[:1].expand(10**12), MANY),
        "nine axes": (lambda x: x[(None,) * 9], "far more entries or axes"),
    },
    "tensorflow": {
        "sparse": (lambda x: tf.sparse.from_dense(tf.reshape(x, (1, -1))), SPARSE),
        "slices of no shape": (lambda x: tf.IndexedSlices(tf.reshape(x, (-1, 1)), tf.range(tf.size(x))), "IndexedSlices whose"),
        "ragged": (lambda x: tf.RaggedTensor.from_row_lengths(tf.reshape(x, (-1,)), [tf.size(x)]), "ragged tensor"),
        "complex": (lambda x: tf.complex(x, x), "complex numbers"),
        "bool": (lambda x: x > 0, "True or False"),
        "a variable of bools": (lambda x: tf.Variable(x > 0), "True or False"),
        "strings": (lambda x: tf.strings.as_string(x), "entries are not numbers"),
        "quantized": (lambda x: tf.quantization.quantize(x, -9.0, 9.0, tf.qint8).output, "entries are not numbers"),
        "variant": (lambda x: tf.data.Dataset.from_tensors(x)._variant_tensor, "entries are not numbers"),
        "symbolic": (symbolic, "symbolic tensor"),
        "a placeholder": (lambda x: tf.keras.Input((3,)), "returns a KerasTensor where one"),
        "a data set": (lambda x: tf.data.Dataset.from_tensors(x), "where one .* is expected"),
        "a list of tensors": (lambda x: tf.TensorArray(tf.float32, 1), "returns a TensorArray where one"),
        "an optional": (lambda x: tf.experimental.Optional.from_value(x), "where one .* is expected"),
        "nine axes": (lambda x: tf.reshape(x, (*(1,) * 8, -1)), "far more entries or axes"),
        "too many": (lambda x: tf.zeros(1_000_001), MANY),
    },
}  # fmt: skip
JUDGED = {  # ordinary enough: the value counts, with all its points where no gradient is asked for
    "torch": {
        "a view that requires a gradient": lambda x: x.detach().clone().requires_grad_(True).view_as(x),
        "a parameter": lambda x: torch.nn.Parameter(x.detach().clone()),
        "half of its memory": lambda x: torch.stack([x, x], -1)[..., 0],
        "the imaginary part of a conjugate": lambda x: torch.complex(x.double(), -x.double()).conj().imag,
        "inferred": lambda x: torch.inference_mode()(lambda: x.detach() * 1)(),
        "double": lambda x: x.double(),
    },
    "tensorflow": {
        "slices, as a gradient through tf.gather has them": lambda x: (
            tf.IndexedSlices(x, tf.range(len(x)), tf.shape(x)) if x.shape.rank else x),
        "a variable of any shape": lambda x: tf.Variable(x, shape=tf.TensorShape(None)),
        "a variable": lambda x: tf.Variable(x),
        "from a data set": lambda x: next(iter(tf.data.Dataset.from_tensors(x))),
        "from NumPy's twin": lambda x: tf.experimental.numpy.asarray(x),
        "double": lambda x: tf.cast(x, tf.float64),
    },
}  # fmt: skip
SHAPES = {  # ordinary tensors of a shape that fits no exercise
    "torch": {"empty": lambda x: x.reshape(-1)[:0], "a quarter of a million": lambda x: x.sum().expand(250_000)},
    "tensorflow": {"empty": lambda x: tf.reshape(x, (-1,))[:0], "a quarter of a million": lambda x: tf.zeros(250_000)},
}  # fmt: skip
NUMBERS = {  # in place of one number
    "a masked array": (lambda x: np.ma.array([1.0, 2.0]), "MaskedArray"),
    "a matrix": (lambda x: np.matrix([[1.0, 2.0]]), "matrix"),
    "NumPy's bool": (lambda x: np.bool_(True), "returns a bool"),
    "an array of words": (lambda x: np.array(["3.5"]), "ndarray"),
    "an array of objects": (lambda x: np.array([None]), "ndarray"),
    "a complex number": (lambda x: np.complex128(1j), "returns a complex128"),
    "a date": (lambda x: np.datetime64("2026-01-01"), "returns a datetime64"),
    "more than any float": (lambda x: 10**400, "returns an int whose numbers cannot be read"),
}  # fmt: skip


@pytest.fixture(scope="module")
def half(framework, sl):
    """The module `check` of the framework, which has LIBRARY and Lab; the tables above find the framework."""
    import_framework(framework)
    return importlib.import_module(f"stylelab.{framework}.exercises.check")


@pytest.fixture
def verdicts(half):
    """A function: what notebook and grader say when an exercise's right result goes through another function."""

    def on(exercise, odd):
        exercise, right = exercises.EXERCISES[exercise], half.LIBRARY[exercise]
        draws = []
        for seed in (0, 1):
            cases = exercise.inputs(seed)
            respondent = call.Respondent(exercise, lambda *given: odd(right(*given)), half.Lab())
            draws.append((cases, *(call.interview(exercise, each, cases) for each in (respondent, Distant(respondent)))))
        here = exercises.judge_draws(exercise, [(cases, answer) for cases, answer, _ in draws])
        there = exercises.judge_draws(exercise, [(cases, answer) for cases, _, answer in draws])
        assert here == there
        return here

    return on


class Distant:
    """A respondent whose replies go through a socket."""

    def __init__(self, respondent):
        self.respondent = respondent

    def __getattr__(self, name):
        def ask(*arguments):
            plain, arrays = sent(*serialise.pack_reply(getattr(self.respondent, name)(*arguments)))
            return serialise.unpack_reply(arrays, plain)

        return ask


def sent(arrays, plain):
    """What the grader's process reads of a message."""
    here, there = socket.socketpair()
    with here, there:
        sender = threading.Thread(target=wire.send, args=(here, plain, arrays))
        sender.start()
        received = wire.receive(there)
        sender.join()
    return received


@pytest.mark.parametrize("exercise", ["gram_matrix", "style_loss", "one_step", "psnr"])
def test_a_tensor_without_ordinary_numbers_is_told_what_it_is(exercise, verdicts, framework):
    surprises = {}
    for name, (odd, words) in TYPES[framework].items():
        found = verdicts(exercise, odd)
        if found.stage != "type" or found.points or not re.search(words, found.sentence):
            surprises[name] = found
    assert not surprises


@pytest.mark.parametrize("exercise", ["one_step", "psnr"])
def test_an_ordinary_tensor_of_another_kind_is_judged_by_its_value(exercise, verdicts, framework):
    surprises = {}
    for name, odd in JUDGED[framework].items():
        found = verdicts(exercise, odd)
        if not found.right:
            surprises[name] = found
    assert not surprises


@pytest.mark.parametrize("exercise", ["gram_matrix", "style_loss", "one_step"])
def test_a_tensor_of_another_shape_is_told_so(exercise, verdicts, framework):
    for odd in SHAPES[framework].values():
        found = verdicts(exercise, odd)
        assert found.stage == "shape" and found.points == 0 and found.sentence.startswith("Shape (")


@pytest.mark.parametrize("exercise", ["balance", "decayed_rate"])
def test_what_is_not_a_number_is_told_what_it_is(exercise, verdicts, framework):
    for odd, words in NUMBERS.values():
        found = verdicts(exercise, odd)
        assert found.stage == "type" and found.points == 0 and words in found.sentence


@pytest.mark.parametrize("exercise", ["balance", "decayed_rate"])
@pytest.mark.parametrize("odd", [np.float64, np.matrix, lambda x: np.full((1,) * 30, x)], ids=["a scalar", "a matrix", "30 axes"])
def test_one_number_in_numpy_is_a_number(exercise, odd, verdicts, framework):
    assert verdicts(exercise, odd).right


@pytest.mark.parametrize(
    "odd", [lambda x: "", lambda x: x * 10**7, lambda x: f"{x}\ud800", lambda x: "\0" + x, lambda x: "🖼" * 99]
)
def test_a_strange_word_is_a_wrong_word(odd, verdicts, framework):
    found = verdicts("layer_name", odd)
    assert found.stage == "value" and found.points == 0 and "where 'conv" in found.sentence


def test_a_word_in_numpy_is_a_word_and_bytes_are_none(verdicts, framework):
    assert verdicts("layer_name", np.str_).right
    assert verdicts("layer_name", str.encode).sentence == "It returns a bytes where a name (a str) is expected."


def test_an_argument_that_is_replaced_by_something_odd_counts_as_changed(half):
    exercise, right = exercises.EXERCISES["style_loss"], half.LIBRARY["style_loss"]
    tensors = next(name for name, kind in exercise.arguments.items() if kind == "activations")
    for odd in (
        lambda x: None,
        lambda x: "words",
        *(odd for odd, _ in TYPES[half.Lab.name.lower().replace("pytorch", "torch")].values()),
    ):

        def answer(*given, odd=odd):
            result = right(*given)
            layers = dict(zip(exercise.arguments, given, strict=True))[tensors]
            first = next(iter(layers))
            layers[first] = odd(layers[first])
            return result

        cases = exercise.inputs(0)
        found = exercises.judge_draws(exercise, [(cases, exercises.ask(exercise, answer, half.Lab(), cases))])
        assert found.sentence.startswith(f"It changes its input `{tensors}` in place")
