"""Honest students: right answers in any style get full marks, and the grader agrees with the notebook's own check."""

import copy
import json

import notebooks
import pytest
import solving
from notebooks import cell, checked, notebook
from submitting import SEED, needs_bubblewrap

from stylelab.exercises import EXERCISES
from stylelab.tools.classroom.marking.mark import WITHHELD, mark
from stylelab.tools.classroom.marking.model import Submission

pytestmark = needs_bubblewrap


@pytest.fixture
def graded(sandboxes):
    """A function: notebook (dict or bytes), exercise -> its mark."""

    def of(book, exercise: str, name: str = "x.ipynb"):
        data = book if isinstance(book, bytes) else json.dumps(book).encode()
        marks = mark(Submission("Ada", name, data), sandboxes, SEED)
        assert marks.exercises, marks.notes
        return next(each for each in marks.exercises if each.exercise == exercise)

    return of


@pytest.fixture
def both(graded, kernel):
    """A function: notebook, exercise -> what the notebook's check and the grader say, each as (verdict, sentence)."""

    def of(book: dict, exercise: str):
        here = notebooks.verdict(exercise, kernel.run(book))
        there = graded(book, exercise)
        full = there.stage == "right" and there.earned == sum(line.points for line in there.lines)
        return here, ("right", "") if full else ("wrong", there.reason)

    return of


def agree(pair, *, prefix: str = "") -> str:
    """Assert that both say the same; returns the verdict."""
    here, there = pair
    start, _, rest = there[1].removeprefix(prefix).partition(". ")
    if (here[1].startswith(start) or "which is not what is expected" in start) and (
        rest == WITHHELD or rest and here[1].endswith(rest)
    ):  # the error's own words are left out
        assert here[0] == there[0], pair
        return there[0]
    assert (here[0], notebooks.plain(here[1])) == (there[0], notebooks.plain(there[1].removeprefix(prefix))), pair
    return there[0]


TORCH = {
    "gram": "def gram_matrix(activation):\n    f = activation.flatten(2)\n    return f @ f.transpose(1, 2) / f.shape[2]\n",
    "raw": "def gram_matrix(activation):\n    f = activation.flatten(2)\n    return f @ f.transpose(1, 2)\n",
    "layer": "def style_layer_loss(activation, target_gram):\n    return ((gram_matrix(activation) - target_gram) ** 2).mean()\n",
    "short": "torch.einsum('bihw,bjhw->bij', a, a) / a[0, 0].numel()",
    "content": "def content_loss(activation, target):\n    return ((activation - target) ** 2).mean()\n",
    "prepare": "MEAN = (103.939, 116.779, 123.680)\n\ndef preprocess(image):\n    return 255 * image.flip(1) - torch.tensor(MEAN).reshape(1, 3, 1, 1)\n",
    "undo": "def deprocess(pixels):\n    return ((pixels + torch.tensor(MEAN).reshape(1, 3, 1, 1)) / 255).flip(1).clamp(0, 1)\n",
    "steps": "def reconstruct(image, target, loss, steps, learning_rate):\n    for _ in track(range(steps)):\n        x = image.detach().clone().requires_grad_(True)\n"
    "        g, = torch.autograd.grad(loss(x, target), x)\n        image = (x - learning_rate * g).clamp(0, 1).detach()\n    return image\n",
    "sparse": "({short}).to_sparse()",
    "vast": "a.sum().expand(1000, 10**9)",
    "module": "class Gram(torch.nn.Module):\n    def forward(self, a):\n        return {short}\n\ngram_matrix = Gram()",
}  # fmt: skip
TENSORFLOW = {
    "gram": "def gram_matrix(activation):\n    b, h, w, c = activation.shape\n    f = tf.reshape(activation, (b, h * w, c))\n    return tf.matmul(f, f, transpose_a=True) / (h * w)\n",
    "raw": "def gram_matrix(activation):\n    b, h, w, c = activation.shape\n    f = tf.reshape(activation, (b, h * w, c))\n    return tf.matmul(f, f, transpose_a=True)\n",
    "layer": "def style_layer_loss(activation, target_gram):\n    return tf.reduce_mean((gram_matrix(activation) - target_gram) ** 2)\n",
    "short": "tf.einsum('bhwi,bhwj->bij', a, a) / (a.shape[1] * a.shape[2])",
    "content": "def content_loss(activation, target):\n    return tf.reduce_mean((activation - target) ** 2)\n",
    "prepare": "MEAN = (103.939, 116.779, 123.680)\n\ndef preprocess(image):\n    return 255 * image[..., ::-1] - tf.constant(MEAN)\n",
    "undo": "def deprocess(pixels):\n    return tf.clip_by_value((pixels + tf.constant(MEAN)) / 255, 0, 1)[..., ::-1]\n",
    "steps": "def reconstruct(image, target, loss, steps, learning_rate):\n    for _ in track(range(steps)):\n        with tf.GradientTape() as tape:\n            tape.watch(image)\n"
    "            j = loss(image, target)\n        image = tf.clip_by_value(image - learning_rate * tape.gradient(j, image), 0, 1)\n    return image\n",
    "sparse": "tf.sparse.from_dense({short})",
    "vast": "tf.sparse.SparseTensor([[0, 0]], [1.0], (1000, 10**9))",
    "module": "class Gram(tf.keras.layers.Layer):\n    def call(self, a):\n        return tf.einsum('bhwi,bhwj->bij', a, a) / tf.cast(tf.shape(a)[1] * tf.shape(a)[2], tf.float32)\n\ngram_matrix = Gram()",
}  # fmt: skip
TEXTS = {"torch": TORCH, "tensorflow": TENSORFLOW}
G, S = "gram_matrix", "style_layer_loss"
TIMED = """import functools, time
def timed(function):
    @functools.wraps(function)
    def inner(*arguments, **named):
        began = time.perf_counter()
        made = function(*arguments, **named)
        print(function.__name__, time.perf_counter() - began)
        return made
    return inner"""
STYLES = {  # name -> (exercise, answer, further arguments of `notebook`); {gram} and so on are replaced from TEXTS
    "plain": (G, "{gram}", {}),
    "a lambda": (G, "gram_matrix = lambda a: {short}", {}),
    "a partial": (G, "from functools import partial\ndef scaled_gram(scale, a):\n    return scale * {short}\ngram_matrix = partial(scaled_gram, 1.0)", {}),
    "an object": (G, "class Gram:\n    calls = 0\n    def __call__(self, a):\n        self.calls += 1\n        return {short}\n\ngram_matrix = Gram()", {}),
    "a module": (G, "{module}", {}),
    "a decorator of one's own": (G, "@timed\n{gram}", {"before": [TIMED]}),
    "a cached helper, from a star import": (G, "@lru_cache(maxsize=None)\ndef one(h):\n    return 1.0\n\ndef gram_matrix(a):\n    return one(3) * {short}", {"before": ["from functools import *"]}),
    "a counter": (G, "calls = 0\ndef gram_matrix(a):\n    global calls\n    calls += 1\n    return {short}", {}),
    "a helper below": (G, "def gram_matrix(a):\n    return helper(a)", {"after": ["def helper(a):\n    return {short}", checked(G)], "check": []}),
    "magics": (G, "%%time\n%load_ext autoreload\n%autoreload 2\n%matplotlib inline\n!pip install nothing\nfiles = !ls\n{gram}", {}),
    "await": (G, "def gram_matrix(a):\n    assert ready\n    return {short}", {"before": ["import asyncio\nasync def get():\n    await asyncio.sleep(0)\n    return 1\nready = await get()"]}),
    "names of other scripts": (G, "größe = µ = 1.0  # 中文\ndef gram_matrix(a):\n    return μ * größe * {short}", {}),
    "a cell that fails, and one that is no Python": (G, "{gram}", {"before": ["1 / 0", "import nosuchthing", "x = [", "raise SystemExit"], "after": ["gram_matrix(3)"]}),
    "images painted on the way": (G, "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 100\n{gram}\nplt.imshow(np.ones((2, 2)))", {}),
    "other packages": (G, "import scipy.ndimage, skimage.filters\n{gram}", {}),
    "seeds": (G, "{gram}", {"before": ["np.random.seed(2)\nrng = np.random.default_rng(SEED)"]}),
    "warnings that are errors": (G, "{gram}", {"before": ["import warnings\nwarnings.simplefilter('error')"]}),
    "untouched stub, answer below": (G, None, {"after": ["{gram}", checked(G)]}),
    "an old answer, the new one below, checked": (G, "{raw}", {"after": ["{gram}", checked(G)]}),
    "an old answer, the new one with its check": (G, "{raw}", {"after": ["{gram}\n\n" + checked(G)]}),
    "an experiment after the check": (G, "{gram}", {"after": ["{raw}"]}),
    "rests on a right answer": (S, "{layer}", {"before": ["{gram}", checked(G)]}),
    "rests on a wrong answer": (S, "{layer}", {"before": ["{raw}", checked(G)]}),
    "rests on two": ("style_loss", "def style_loss(activations, target_grams, weights):\n    return sum(w * style_layer_loss(activations[k], target_grams[k]) for k, w in weights.items())", {"before": ["{raw}", checked(G), "{layer}", checked(S)]}),
    "a constant of another answer": ("deprocess", "{undo}", {"before": ["{prepare}", checked("preprocess")]}),
    "a progress bar and a log": ("reconstruct", "{steps}", {"before": ["import logging\nfrom rich.progress import track\nlogging.basicConfig(level=logging.DEBUG)"]}),
    "a table made by a loop": ("layer_name", "import re\nNAMES = []\nfor block, n in enumerate((2, 2, 4, 4, 4), 1):\n    for k in range(1, n + 1):\n        NAMES.append(f'conv{{block}}_{{k}}')\n\ndef layer_name(name):\n    if isinstance(name, int):\n        return NAMES[name - 1]\n    return 'conv{{}}_{{}}'.format(*re.findall(r'\\d', name))", {}),
    "NumPy for a number": ("receptive_field", "def receptive_field(layers):\n    k, s = np.array(layers).T\n    return 1 + ((k - 1) * np.cumprod(np.r_[1, s[:-1]])).sum()", {}),
}  # fmt: skip
ONLY = {
    "torch": {
        "F of another cell": ("content_loss", "def content_loss(activation, target):\n    return F.mse_loss(activation, target)", {"before": ["import torch.nn.functional as F"]}),
        "hints named elsewhere": ("content_loss", "mse = nn.MSELoss()\n\ndef content_loss(activation: Tensor, target: Tensor) -> Tensor:\n    return mse(activation, target)", {"before": ["from torch import Tensor, nn"]}),
        "TorchScript": (G, "@torch.jit.script\n{gram}", {}),
        "a tape of one's own": ("picture_gradient", "@torch.no_grad()\ndef picture_gradient(image, target, loss):\n    with torch.enable_grad():\n        x = image.clone().requires_grad_(True)\n        return torch.autograd.grad(loss(x, target), x)[0]", {}),
        "float64 everywhere": ("preprocess", "{prepare}", {"before": ["torch.set_default_dtype(torch.float64)\ntorch.manual_seed(3)"]}),
        "the lesson's device": ("preprocess", "{prepare}".replace("{", "{"), {"before": ["device = sl.find_device()\ntorch.zeros(1).to(setting.device)"]}),
        "float64 results": ("content_loss", "def content_loss(activation, target):\n    return ((activation.double() - target) ** 2).mean()", {}),
    },
    "tensorflow": {
        "K of another cell": ("content_loss", "def content_loss(activation, target):\n    return K.mean(K.square(activation - target))", {"before": ["from tensorflow.keras import backend as K"]}),
        "a graph": (G, "@tf.function\n{gram}", {}),
        "NumPy's behaviour": (G, "def gram_matrix(activation):\n    b, h, w, c = activation.shape\n    f = activation.reshape((b, h * w, c))\n    return f.transpose((0, 2, 1)) @ f / (h * w)", {"before": ["tf.experimental.numpy.experimental_enable_numpy_behavior()"]}),
        "a compiled graph": ("picture_gradient", "@tf.function(jit_compile=True)\ndef picture_gradient(image, target, loss):\n    with tf.GradientTape() as tape:\n        tape.watch(image)\n        j = loss(image, target)\n    return tape.gradient(j, image)", {}),
        "graphs run eagerly": (G, "@tf.function\ndef gram_matrix(activation):\n    assert activation.numpy().shape\n    a = activation\n    return {short}", {"before": ["tf.config.run_functions_eagerly(True)\ntf.random.set_seed(1)"]}),
        "the lesson's device": ("preprocess", "{prepare}", {"before": ["device = sl.find_device()\nwith tf.device(setting.device):\n    x = tf.zeros(1)"]}),
        "float64 results": ("content_loss", "def content_loss(activation, target):\n    a = tf.cast(activation, tf.float64)\n    return tf.reduce_mean((a - tf.cast(target, tf.float64)) ** 2)", {}),
    },
}  # fmt: skip


def filled(text: str | None, framework: str) -> str | None:
    """A text with {gram} and so on replaced."""
    for _ in range(2):
        for name, own in TEXTS[framework].items():
            text = text and text.replace(f"{{{name}}}", own)
    return text and text.replace("{{", "{").replace("}}", "}")


def written(framework: str, exercise: str, answer: str | None, more: dict) -> dict:
    """A notebook with the answer, and with further arguments of `notebook`, after replacing {gram} and so on."""
    own = {where: [filled(each, framework) for each in texts] for where, texts in more.items()}
    return notebook(framework, exercise, filled(answer, framework), **own)


BELOW = {  # the answer's cell, and cells between it and its check
    "an entry": ("def gram_matrix(activation):\n    return table['own'](activation)", "table = {}", "{own}\ntable['own'] = own"),
    "a file": (
        "def gram_matrix(activation):\n    return own(activation) * float(open('one').read())",
        "with open('one', 'w') as file:\n    file.write('1')", "{own}",
    ),
    "itself again": ("def gram_matrix(activation):\n    return 0", "{own}\ngram_matrix = own"),
}  # fmt: skip
LATER = [
    "table = None",
    "own = None",
    "with open('one', 'w') as file:\n    file.write('0')",
    "gram_matrix = len",
]  # after the check


@pytest.mark.parametrize("cells", BELOW.values(), ids=BELOW)
def test_an_answer_is_what_the_notebook_checks_whatever_stands_below_its_cell(both, framework, cells):
    own = (TORCH if framework == "torch" else TENSORFLOW)["gram"].replace("gram_matrix", "own").rstrip()
    answer, *below = (text.replace("{own}", own) for text in cells)
    book = notebook(framework, "gram_matrix", answer, check=False, after=[*below, checked("gram_matrix"), *LATER])
    assert agree(both(book, "gram_matrix")) == "right"
    book = notebook(framework, "gram_matrix", answer, check=True, after=[*below, *LATER])  # below its check: too late
    assert [verdict for verdict, _ in both(book, "gram_matrix")] == ["wrong", "wrong"]


@pytest.mark.parametrize("name", [*STYLES, *sorted({name for own in ONLY.values() for name in own})])
def test_a_right_answer_is_right_in_the_notebook_and_for_the_grader(both, framework, name):
    found = STYLES.get(name) or ONLY[framework].get(name)
    if found is None:
        pytest.skip("the other framework's")
    exercise, answer, more = found
    assert agree(both(written(framework, exercise, answer, more), exercise)) == "right"


WRONGS = {
    "a step forgotten": (G, "{raw}", {}, "The normalisation is forgotten"),
    "a raise that was left": (G, "def gram_matrix(a):\n    g = {short}\n    raise NotImplementedError", {}, "Remove the line that raises it"),
    "not begun": (G, None, {}, "There is no answer in the cell yet."),
    "pass": (G, "def gram_matrix(activation):\n    pass", {}, "There is no answer in the cell yet."),
    "a sparse tensor": (G, "def gram_matrix(a):\n    return {sparse}", {}, "It returns a sparse tensor: "),
    "a tensor of a million million numbers": (G, "def gram_matrix(a):\n    return {vast}", {}, "): far more entries or axes than the result should have."),
    "an object that fails": (G, "class Gram:\n    def __call__(self, a):\n        return a.nonsense\n\ngram_matrix = Gram()", {}, "Line 3 stops with AttributeError"),
    "a decorated function that fails": (G, "x = 1\n\n@timed\ndef gram_matrix(a):\n    return a.nonsense", {"before": [TIMED]}, "Line 5 stops with AttributeError"),
    "NumPy": ("content_loss", "def content_loss(activation, target):\n    return np.mean((np.asarray(activation) - np.asarray(target)) ** 2)", {}, "returns NumPy where"),
    "a number in brackets": ("content_loss", "def content_loss(activation, target):\n    j = ((activation - target) ** 2)\n    return {mean}(j)[None]", {}, r"with [0]"),
    "its own warning is an error": (G, "def gram_matrix(a):\n    warnings.warn('mine')\n    return {short}", {"before": ["import warnings\nwarnings.simplefilter('error')"]}, "with UserWarning: mine"),
    "a list of layers": ("style_loss", "def style_loss(activations, target_grams, weights):\n    return sum((weights[k] * style_layer_loss(activations[k], target_grams[k]) for k in LAYERS if k in weights), {mean}(0 * activations[min(weights)]))", {"before": ["{gram}", "{layer}"], "given": ["pictures"]}, "Certain layers are written into the function"),
    "the old answer below the new": (G, "{gram}", {"after": ["{raw}", checked(G)]}, "The normalisation is forgotten"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONGS)
def test_both_say_the_same_about_a_wrong_answer(both, framework, name):
    exercise, answer, more, words = WRONGS[name]
    answer = answer and answer.replace("{mean}", {"torch": "torch.mean", "tensorflow": "tf.reduce_mean"}[framework])
    pair = both(written(framework, exercise, answer, more), exercise)
    assert agree(pair) == "wrong" and words in pair[1][1], pair


def test_both_report_settings_that_stop_gradients_or_mix_types(both, framework):
    if framework == "tensorflow":
        pytest.skip("settings of PyTorch")
    stopped = notebook("torch", "content_loss", TORCH["content"], before=["torch.set_grad_enabled(False)"])
    pair = both(stopped, "content_loss")
    assert agree(pair) == "wrong" and "no gradient reaches" in pair[1][1]
    mixed = "def preprocess(image):\n    return torch.einsum('oc,bchw->bohw', torch.eye(3), image)"
    pair = both(notebook("torch", "preprocess", mixed, before=["torch.set_default_dtype(torch.float64)"]), "preprocess")
    assert agree(pair) == "wrong" and "Double" in pair[1][1]


@pytest.mark.parametrize("how", ["in the answer", "in a helper", "by another name"])
def test_both_refuse_the_librarys_own_functions(both, framework, how):
    body, before = {
        "in the answer": ("sl.content_loss(gram_matrix(activation), target_gram)", []),
        "in a helper": ("helper(gram_matrix(activation), target_gram)", ["def helper(a, b):\n    return sl.content_loss(a, b)"]),
        "by another name": ("theirs(gram_matrix(activation), target_gram)", [f"from stylelab.{framework} import content_loss as theirs"]),
    }[how]  # fmt: skip
    gram = TEXTS[framework]["gram"]
    answer = f"def style_layer_loss(activation, target_gram):\n    return {body}"
    here, there = both(notebook(framework, S, answer, before=[gram, *before]), S)
    for said in (here, there):
        assert said[0] == "wrong" and "out of reach while an answer is graded: write it yourself" in said[1], said


def test_a_second_check_knows_the_librarys_function_from_the_students(both, framework):
    here, there = both(notebook(framework, G, TEXTS[framework]["raw"], after=[checked(G)]), G)
    assert here[0] == there[0] == "wrong"
    assert "That is stylelab's own function" in here[1] and "forgotten" in there[1]


def test_a_missing_name_is_reported_with_the_import_that_failed(both, framework):
    answer = "def gram_matrix(a):\n    return rearrange(a)"
    here, there = both(notebook(framework, G, answer, before=["from nosuch_package import rearrange"]), G)
    assert here[1] == "Line 2 stops with NameError: name 'rearrange' is not defined."
    assert there[1].startswith(f"{here[1]} Before that: Line 1 of another cell stops with ModuleNotFoundError")


SAMPLE = 2  # wrong answers per exercise: all of them take some minutes


@pytest.mark.parametrize("exercise", EXERCISES)
def test_both_agree_on_right_and_wrong_answers(both, framework, exercise):
    kinds = {"right": list(solving.find_answers(framework, "RIGHT", exercise)), "wrong": []}
    wrong = list(solving.find_answers(framework, "WRONG", exercise))
    kinds["wrong"] = wrong[:: max(1, -(-len(wrong) // SAMPLE))]
    for verdict, answers in (("right", kinds["right"][1:2]), ("wrong", kinds["wrong"])):
        for _, place in answers:
            pair = both(notebook(framework, exercise, solving.as_cell(framework, exercise, place)), exercise)
            assert agree(pair) == verdict


# what other programs turn a notebook into


def colab(book: dict) -> dict:
    """As saved by Google Colab."""
    for number, each in enumerate(book["cells"]):
        each["metadata"] = {"id": f"aBc{number}", "colab": {"base_uri": "https://localhost:8080/"}, "outputId": "0"}
        each.pop("id", None)
    book["cells"][0]["source"] = f"#@title Set up {{ display-mode: 'form' }}\n{book['cells'][0]['source']}"
    about = {"colab": {"provenance": [], "toc_visible": True}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return book | {"metadata": about, "nbformat_minor": 0}


def code_studio(book: dict) -> dict:
    """As saved by Visual Studio Code."""
    for each in book["cells"]:
        each["metadata"] = each["metadata"] | {"vscode": {"languageId": "python"}}
        each["source"] = each["source"].splitlines(keepends=True)
    return book | {"nbformat_minor": 2}


def jupytext(book: dict) -> dict:
    """As converted to a script and back."""
    for each in book["cells"]:
        each["metadata"] = {}
        each.pop("id", None)
        each["source"] = each["source"].strip()
    about = {"jupytext": {"cell_metadata_filter": "-all", "formats": "ipynb,py:percent"}}
    return book | {"metadata": about, "nbformat_minor": 2}


def windows(book: dict) -> dict:
    """With tabs and Windows line endings."""
    for each in book["cells"]:
        each["source"] = each["source"].replace("    ", "\t").replace("\n", "\r\n")
    return book


def heavy(book: dict) -> dict:
    """With many megabytes of outputs and widgets."""
    for each in book["cells"]:
        if each["cell_type"] == "code":
            each["outputs"] = [{"output_type": "display_data", "data": {"image/png": "iVBORw0K" * 25_000}, "metadata": {}}]
    state = {f"model{n}": {"model_name": "ImageModel", "state": {"value": "AAAA" * 500_000}} for n in range(4)}
    return book | {"metadata": book["metadata"] | {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}}}


def one_cell(book: dict) -> dict:
    """All code in a single cell, without metadata."""
    code = "\n\n".join(each["source"] for each in book["cells"] if each["cell_type"] == "code")
    return book | {"metadata": {}, "cells": [cell(code)]}


def answers_alone(book: dict) -> dict:
    """Without the lesson's own cells."""
    return book | {"cells": [each for each in book["cells"] if each["source"].startswith(("import os", "_", "def _answer"))]}


def backwards(book: dict) -> dict:
    """All cells but the first in reverse order."""
    first, *rest = book["cells"]
    return book | {"cells": [first, *reversed(rest)]}


MAKES = [colab, code_studio, jupytext, windows, heavy, one_cell, answers_alone, backwards]


def solved(framework: str, exercise: str) -> dict:
    """A whole lesson with right answers, as submitted."""
    _, book = notebooks.lesson_of(exercise, framework)
    for each in book["cells"]:
        if name := each["metadata"].get("stylelab", {}).get("exercise"):
            each["source"] = solving.right(framework, name)
    return book


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.__name__)
def test_a_solved_lesson_gets_full_marks_whichever_program_saved_it(sandboxes, framework, make):
    book = make(copy.deepcopy(solved(framework, G)))
    marks = mark(Submission("Ada", "Untitled (1).ipynb", json.dumps(book).encode()), sandboxes, SEED)
    assert marks.lesson == "03_style_reconstruction" and marks.framework == framework, marks.notes
    assert {each.exercise: each.stage for each in marks.exercises} == dict.fromkeys((G, S, "style_loss"), "right"), [
        each.reason for each in marks.exercises
    ]


def test_a_notebook_in_any_unicode_encoding_gets_full_marks(graded, framework):
    book = notebook(framework, G, TEXTS[framework]["gram"].replace("activation", "größe"))
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert graded(json.dumps(book, ensure_ascii=False).encode(encoding), G).stage == "right"


PROCESSES = {  # what an answer calls -> the import before it
    "subprocess.run(['true'])": "import subprocess",
    "sp.check_output(['true'])": "import subprocess as sp",
    "run(['true'])": "from subprocess import run",
    "os.system('true')": "import os",
    "os.popen('true').read()": "import os",
    "system('true')": "from os import system",
    "multiprocessing.Pool(1).map(len, [[]])": "import multiprocessing",
    "ProcessPoolExecutor(1)": "from concurrent.futures import ProcessPoolExecutor",
    "socket.socket()": "import socket",
    "urllib.request.urlopen('http://localhost')": "import urllib.request",
    "exec_in_a_helper()": "import subprocess\ndef exec_in_a_helper():\n    subprocess.Popen(['true'])",
    "__import__('os') and os.spawnlp(os.P_WAIT, 'true', 'true')": "import os",
}


@pytest.mark.parametrize("call", PROCESSES)
def test_both_refuse_processes_and_connections_in_the_same_words(both, framework, call):
    answer = filled(
        f"def gram_matrix(a):\n    {call}\n    return {{short}}".replace("{short}", TEXTS[framework]["short"]), framework
    )
    here, there = both(notebook(framework, G, answer, before=[PROCESSES[call]]), G)
    words = "An answer can start no process and open no connection while it is graded: do the work in the function itself."
    assert here[0] == "wrong" and words in here[1]
    assert there[0] == "right" or words in there[1], there  # system() only returns a number
