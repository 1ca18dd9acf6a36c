"""Points without work: answers that look for what they should compute, that lie about gradients, or that satisfy what is cheap."""

import json
import textwrap

import numpy as np
import pytest
from submitting import IMPORTS, SEED, needs_bubblewrap, notebook

from stylelab import exercises
from stylelab.exercises.checking import call
from stylelab.exercises.checking.serialise import pack, unpack
from stylelab.tools.classroom.marking.mark import _Remote, mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.sandbox.sandbox import Limits

pytestmark = needs_bubblewrap
LESSONS = {"01": "01_what_a_network_sees", "02": "02_content", "03": "03_style_reconstruction", "04": "04_style_transfer"}


@pytest.fixture
def marked(sandboxes, framework):
    """A function: lesson's number, exercise -> code of its cell; the marks by exercise, all else of the lesson missing."""

    def of(lesson, **answers):
        cells = {index: name for index, name in enumerate(answers, 1)}
        metadata = {"stylelab": {"lesson": LESSONS[lesson], "framework": framework}}
        data = notebook([IMPORTS[framework], *answers.values()], framework, cells, metadata)
        found = mark(Submission("Mallory", "x.ipynb", data), sandboxes, SEED).exercises
        return {each.exercise: each for each in found}

    return of


# what an answer finds in its process

LOOK = """import gc, sys
def reachable():
    todo, seen = [], set()
    frame = sys._getframe(1)
    while frame:
        todo += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    todo += gc.get_objects()
    while todo and len(seen) < 400_000:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            todo += one
        elif str(type(one).__module__).startswith('stylelab') or type(one).__name__ in ('function', 'cell', 'partial', 'method'):
            todo += gc.get_referents(one)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "exercise"), [("03", "gram_matrix"), ("03", "style_loss"), ("04", "one_step")])
def test_an_answer_finds_no_name_of_a_case(marked, lesson, exercise):
    names = [
        name for name in exercises.EXERCISES[exercise].inputs(0) if ": " in name or name in ("tripled", "shuffled", "arrived")
    ]
    body = f"    found = [one for one in reachable() if isinstance(one, str) and one in set({[name[::-1] for name in names]!r}[i][::-1] for i in range({len(names)}))]"
    code = f"{LOOK}\ndef {exercise}({', '.join(exercises.EXERCISES[exercise].arguments)}):\n{body}\n    raise ValueError if found else KeyError\n"
    assert names and "with KeyError" in marked(lesson, **{exercise: code})[exercise].reason


@pytest.mark.slow
def test_an_answer_finds_nothing_of_its_loss(marked):
    """Its weights are an array of 3, 4 or 7 rows of three or four numbers; nothing of that size is in reach, under any name."""
    body = "    found = [one for one in reachable() if type(one).__name__ in ('ndarray', 'Tensor', 'EagerTensor') and tuple(np.shape(one)) in ((7, 3), (4, 4), (3, 3)) and id(one) not in before]\n"
    body += "    found += [name for name in ('args', 'keywords', '__wrapped__', '__defaults__', '__kwdefaults__') if getattr(loss, name, None)]\n"
    code = f"{LOOK}\nbefore = {{id(one) for one in reachable()}}\n\ndef picture_gradient(image, target, loss):\n{body}    raise ValueError if found else KeyError\n"
    assert "with KeyError" in marked("01", picture_gradient=code)["picture_gradient"].reason


KNOWN_FORMS = {
    "the difference": "image - target",
    "twice the difference": "2 * (image - target)",
    "a share of the loss": "(image - target) * float(loss(image, target))",
    "the argument of a partial": "loss.args[0] * (image - target)",
    "what the loss closes over": "next(iter(loss.__closure__)).cell_contents * (image - target)",
}


@pytest.mark.slow
@pytest.mark.parametrize("form", KNOWN_FORMS.values(), ids=KNOWN_FORMS)
def test_a_gradient_written_down_by_looking_earns_nothing(marked, form):
    gradient = f"def picture_gradient(image, target, loss):\n    return {form}\n"
    assert marked("01", picture_gradient=gradient)["picture_gradient"].earned == 0


class Asking:
    """A conversation in which an answer has nothing but questions about its loss."""

    def __init__(self, *images):
        self.images, self.told = images, []

    def ask(self, plain, arrays):
        self.told.append(unpack(arrays, plain))
        return pack({"images": self.images})[::-1]


@pytest.mark.parametrize(
    ("shapes", "most"),
    [([(1, 2, 2, 3)] * 2, 10_000), ([(1, 90_000, 1, 3)] * 2, 120), ([(1, 80_000, 1, 3), (1, 1, 80_000, 3)], 120)],
    ids=["many", "large", "of what together would be huge"],
)
def test_questions_about_a_loss_cost_the_grader_little(shapes, most):
    exercise = exercises.EXERCISES["picture_gradient"]
    asking = Asking(*map(np.zeros, shapes))
    remote = _Remote(exercise, asking, lambda exercise, sentence: sentence)
    with pytest.raises(TimeoutError):
        remote.call(exercise.inputs(0)["plain"])
    assert len(asking.told) <= most + 1
    assert "trouble" in asking.told[1] if shapes[0] != shapes[1] else "slopes" in asking.told[1]


@pytest.mark.slow
def test_an_answer_that_asks_without_an_end_runs_out_of_its_own_time(sandboxes, framework, patient):
    """It is not said to be starved, which would be graded by nobody."""
    code = "def picture_gradient(image, target, loss):\n    while True:\n        loss(image, target)\n"
    metadata = {"stylelab": {"lesson": LESSONS["01"], "framework": framework}}
    data = notebook([IMPORTS[framework], code], framework, {1: "picture_gradient"}, metadata)
    found = mark(Submission("Mallory", "x.ipynb", data), sandboxes, SEED, Limits(1.0)).exercises[-1]
    assert (found.exercise, found.stage, found.earned) == ("picture_gradient", "time", 0)


# gradients

LIES = {
    "torch": """class Lie(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, activation):
        ctx.save_for_backward(activation)
        return value.clone()
    @staticmethod
    def backward(ctx, weight):
        activation, = ctx.saved_tensors
        with torch.enable_grad():
            x = activation.detach().requires_grad_(True)
            right, = torch.autograd.grad(gram(x), x, weight)
        return None, LIE
def gram(a):
    f = a.flatten(2)
    return f @ f.transpose(1, 2) / f.shape[2]
def gram_matrix(activation):
    return Lie.apply(gram(activation).detach(), activation)
""",
    "tensorflow": """def gram(a):
    return tf.einsum('bhwi,bhwj->bij', a, a) / (a.shape[1] * a.shape[2])
@tf.custom_gradient
def gram_matrix(activation):
    def backward(weight):
        with tf.GradientTape() as tape:
            tape.watch(activation)
            value = gram(activation)
        right = tape.gradient(value, activation, weight)
        return LIE
    return tf.identity(gram(activation)), backward
""",
}
HOW = {
    "all in one entry": (
        "torch.zeros_like(right).flatten().index_fill(0, torch.tensor([0]), right.sum().item()).view_as(right)",
        "tf.reshape(tf.one_hot(0, tf.size(right)) * tf.reduce_sum(right), right.shape)",
    ),
    "evenly": ("torch.full_like(right, right.mean().item())", "tf.ones_like(right) * tf.reduce_mean(right)"),
    "right but for one entry": (
        "right - torch.zeros_like(right).flatten().index_fill(0, torch.tensor([right.abs().argmax()]), right.abs().max().item()).view_as(right)",
        "right - tf.reshape(tf.one_hot(tf.argmax(tf.abs(tf.reshape(right, (-1,)))), tf.size(right)), right.shape) * tf.reduce_max(tf.abs(right))",
    ),
    "signs alone": ("right.sign()", "tf.sign(right)"),
    "as if every output counted once": (
        "torch.autograd.grad(gram(y := activation.detach().requires_grad_(True)).sum(), y)[0] if torch.is_grad_enabled() else right.abs()",
        "tf.abs(right)",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("how", [*HOW, "right"])
def test_every_entry_of_a_gradient_must_be_right(marked, framework, how):
    lie = "right" if how == "right" else HOW[how][framework == "tensorflow"]
    result = marked("03", gram_matrix=LIES[framework].replace("LIE", lie))["gram_matrix"]
    assert [line.name for line in result.lines if line.wrong] == ([] if how == "right" else ["gradient"]), result.reason


# what is cheap


class Oracle:
    """A respondent that gives, in place of a framework, what a function of (exercise, case) gives; without gradients."""

    def __init__(self, exercise, answer):
        self.exercise, self.answer = exercise, answer

    def call(self, case):
        self.case = case
        return self.again()

    def again(self, fed_back=None):
        output = np.asarray(self.answer(self.case))
        return call.Reply(output, output.shape)

    def record(self, case, names):
        return call.Reply()

    def pull(self, weights):
        return call.Reply()


def earned(exercise, answer):
    """The points of a NumPy answer."""
    with np.errstate(all="ignore"):
        draws = [(cases, call.interview(exercise, Oracle(exercise, answer), cases)) for cases in map(exercise.inputs, (3, 4))]
    return exercises.judge_draws(exercise, draws).points


def largest(activation):
    highest = activation.max((1, 2))
    return highest[:, :, None] * highest[:, None, :]


CHEAP = {
    "an outer product of maxima": ("gram_matrix", lambda case: largest(case["activation"])),
    "an outer product of means": (
        "gram_matrix",
        lambda case: np.einsum("bi,bj->bij", case["activation"].mean((1, 2)), case["activation"].mean((1, 2))),
    ),
    "squares on the diagonal": (
        "gram_matrix",
        lambda case: np.stack([np.diag((one**2).mean((0, 1))) for one in case["activation"]]),
    ),
    "a step without loss or rate": ("one_step", lambda case: np.clip(case["image"] + 0.1 * (case["target"] - case["image"]), 0, 1)),
    "steps without a loss": ("reconstruct", lambda case: np.clip(case["image"] + 0.5 * (case["target"] - case["image"]), 0, 1)
                             if case["image"].shape == case["target"].shape and case["steps"] else case["image"]),
    "the difference": ("picture_gradient", lambda case: case["image"] - case["target"]),
    "a sum of squares": ("content_loss", lambda case: np.sum((case["activation"] - case["target"]) ** 2)),
    "a largest difference, squared": ("content_loss", lambda case: np.max((case["activation"] - case["target"]) ** 2)),
    "a range": ("total_variation", lambda case: np.ptp(case["image"], axis=(1, 2)).sum()),
    "a deviation": ("total_variation", lambda case: case["image"].std((1, 2)).sum()),
    "a power of a range": ("keras_variation", lambda case: np.sum(np.ptp(case["image"], axis=(1, 2)) ** 2.5)),
    "a sum of weights": ("style_loss", lambda case: 0 if all(np.array_equal(case["target_grams"][k][0, 0], case["activations"][k][0, 0, 0]) for k in case["weights"]) else sum(case["weights"].values())),
    "the weights' product": ("total_cost", lambda case: case["alpha"] * case["content"]),
    "a share": ("balance", lambda case: case["share"] * case["content"] / case["style"]),
    "the shares' sum": ("blend", lambda case: case["share"] * (case["image"] + case["noise"])),
    "a logarithm": ("psnr", lambda case: -20 * np.log10(np.abs(case["image"] - case["original"]).max())),
    "one factor in 100": ("decayed_rate", lambda case: case["rate"] * case["factor"] ** (case["step"] // 100)),
}  # fmt: skip


@pytest.mark.plain
@pytest.mark.parametrize("name", CHEAP)
def test_what_is_cheap_earns_a_point_in_seven_at_most(name):
    exercise, answer = CHEAP[name]
    exercise = exercises.EXERCISES[exercise]
    assert earned(exercise, exercise.expected) >= exercise.points - bool(exercise.differentiable)
    assert (
        earned(
            exercise, lambda case: answer({key: np.asarray(v, float) if isinstance(v, float) else v for key, v in case.items()})
        )
        <= exercise.points // 7
    )


# the library's functions


@pytest.mark.slow
@pytest.mark.parametrize("how", ["in an error", "in an error's name", "while loading", "in base64", "in a type's name"])
def test_no_text_of_the_library_leaves_the_grader(marked, framework, how):
    secret = "text = repr((gram_matrix.__code__.co_names, gram_matrix.__code__.co_consts, gram_matrix.__doc__))"
    body = {
        "in an error": f"    {secret}\n    raise ValueError(text)",
        "in an error's name": f"    {secret}\n    raise type(text, (Exception,), {{}})()",
        "while loading": "    pass",
        "in base64": f"    import base64\n    {secret}\n    raise RuntimeError(base64.b64encode(text.encode()).decode())",
        "in a type's name": f"    {secret}\n    return type(text, (), {{}})()",
    }[how]
    answer = f"def style_layer_loss(activation, target_gram):\n{body}\n"
    if how == "while loading":
        answer = f"if True:\n    {secret}\n    raise ValueError(text)\n    {textwrap.indent(answer, '    ')}"
    wrong = "def gram_matrix(activation):\n    return activation\n"
    found = marked("03", gram_matrix=wrong, style_layer_loss=answer)["style_layer_loss"]
    said = json.dumps([found.reason, found.stage, found.form, *(line.wrong for line in found.lines)])
    words = {
        word
        for word in library_source(framework, "gram_matrix").replace("(", " ").split()
        if len(word) > 7 and word.isidentifier()
    }
    assert found.earned == 0 and words and not [word for word in words - {"gram_matrix", "activation"} if word in said], said
    assert len(said) < 2500 and "base64" not in found.reason and "co_names" not in said.replace(json.dumps(found.form), "")
    assert "Its message is not shown" in found.reason
