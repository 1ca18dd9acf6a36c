"""A grammar of styles: random but right notebooks. `notebook(framework, seed)` makes the same one for the same seed.

A style is text that defines `$name`, a function of `$args`, by calling `$inner`. `---` separates its cells; the last one is the
answer's own if the style is the last of several. `one` is 1, however it gets there.
"""

import random
import textwrap
from string import Template

import notebooks
import solving

from stylelab.exercises import EXERCISES

DEF = "def $name($args):\n    return $inner($args)"
ONE = "def $name($args):\n    assert float({}) == 1\n    return $inner($args)"
FORMS = {
    "plain": DEF,
    "another name": "$name = $inner",
    "lambda": "$name = lambda $args: $inner($args)",
    "annotated": "from typing import Callable\n---\n$name: Callable = lambda $args: $inner($args)",
    "closure": "def make_$name(inner=$inner):\n    def made($args):\n        return inner($args)\n    return made\n---\n$name = make_$name()",
    "partial": "from functools import partial\n---\ndef with_$name(flag, $args):\n    assert flag\n    return $inner($args)\n\n$name = partial(with_$name, True)",
    "object": "class Object_$name:\n    calls = 0\n    def __call__(self, $args):\n        self.calls += 1\n        return $inner($args)\n---\n$name = Object_$name()",
    "bound method": "class Tool:\n    def __init__(self, inner):\n        self.inner = inner\n    def run(self, $args):\n        return self.inner($args)\n---\n$name = Tool($inner).run",
    "static method": "class Kit:\n    @staticmethod\n    def run($args):\n        return $inner($args)\n\n$name = Kit.run",
    "class method": "class Base:\n    @classmethod\n    def run(cls, $args):\n        return cls.inner($args)\n---\nclass Derived(Base):\n    inner = staticmethod($inner)\n\n$name = Derived.run",
    "dataclass": "from dataclasses import dataclass\n---\n@dataclass\nclass Settings:\n    flag: bool = True\n    def __call__(self, $args):\n        assert self.flag\n        return $inner($args)\n\n$name = Settings()",
    "decorator": "import functools, time\ndef timed(function):\n    @functools.wraps(function)\n    def inner(*given, **named):\n        began = time.perf_counter()\n        try:\n            return function(*given, **named)\n        finally:\n            print(function.__name__, time.perf_counter() - began)\n    return inner\n---\n@timed\n" + DEF,
    "decorator with arguments": "def repeated(times):\n    def decorate(function):\n        def inner($args):\n            for _ in range(times):\n                made = function($args)\n            return made\n        return inner\n    return decorate\n---\n@repeated(1)\n" + DEF,
    "decorator class": "class Counted:\n    def __init__(self, function):\n        self.function, self.count = function, 0\n    def __call__(self, $args):\n        self.count += 1\n        return self.function($args)\n---\n@Counted\n" + DEF,
    "twice": "def $name($args):\n    return 3\n\n" + DEF,
    "in two cells": "def $name($args):\n    return 3\n---\n" + DEF,
    "in parts": "parts = {}\n---\nparts['inner'] = $inner\n---\ndef $name($args):\n    return parts['inner']($args)",
    "registered": "KNOWN = {}\ndef register(function):\n    KNOWN[function.__name__] = function\n    return function\n---\n@register\ndef known($args):\n    return $inner($args)\n---\n$name = KNOWN['known']",
    "single dispatch": "from functools import singledispatch\n@singledispatch\ndef count(x):\n    return 0\n---\n@count.register\ndef _(x: tuple):\n    return 1\n---\ndef $name($args):\n    return $inner($args) if count(()) else None",
    "list filled in a loop": "functions = []\nfor function in (len, $inner):\n    functions.append(function)\n---\n$name = functions[-1]",
    "loop": "for number in range(2):\n    def $name($args):\n        return $inner($args)",
    "if": "if setting.seed == 0:\n    def $name($args):\n        return $inner($args)\nelse:\n    $name = None",
    "try": "try:\n    import nosuchthing\nexcept ImportError:\n    nosuchthing = None\n---\ntry:\n    $name = nosuchthing.function\nexcept AttributeError:\n    " + DEF.replace("\n", "\n    "),
    "with": "import contextlib\nwith contextlib.suppress(ZeroDivisionError):\n    $name = $inner\n    1 / 0",
    "exec": "exec('''" + DEF + "''')",
    "globals": "globals()['$name'] = $inner\n$name = globals()['$name']",
    "recursion": "def again_$name(depth, $args):\n    return again_$name(depth - 1, $args) if depth else $inner($args)\n---\ndef $name($args):\n    return again_$name(3, $args)",
    "generator": "def each_$name($args):\n    yield $inner($args)\n---\ndef $name($args):\n    return next(each_$name($args))",
    "default": "def $name($args, _inner=$inner):\n    return _inner($args)",
    "walrus": "print(($name := $inner))",
    "global": "calls = 0\ndef $name($args):\n    global calls\n    calls += 1\n    return $inner($args)",
    "global set by a function": "def prepare():\n    global prepared\n    prepared = $inner\n---\nprepare()\n---\ndef $name($args):\n    return prepared($args)",
    "match": "match setting.seed:\n    case 0:\n        $name = $inner",
    "deleted helper": "helper_d = $inner\n---\n$name = helper_d\n---\n$name = $name\ndel helper_d",
    "simple namespace": "import types\nkit = types.SimpleNamespace()\n---\nkit.inner = $inner\n---\ndef $name($args):\n    return kit.inner($args)",
    "a method added to a class": "class Empty:\n    pass\n---\nEmpty.run = lambda self, $args: $inner($args)\n---\n$name = Empty().run",
    "a function of a module replaced": "import math\n---\nmath.inner_one = $inner\n---\nimport math as m\ndef $name($args):\n    return m.inner_one($args)",
    "builtins": "import builtins\nbuiltins.inner_two = $inner\n---\ndef $name($args):\n    return inner_two($args)",
    "sys.modules": "import sys, types\nown = types.ModuleType('own')\nown.inner = $inner\nsys.modules['own'] = own\n---\nfrom own import inner as own_inner\n$name = own_inner",
    "setattr on a module": "import math\nsetattr(math, 'inner_three', $inner)\n---\ndef $name($args):\n    return math.inner_three($args)",
    "seeds": "np.random.seed(1)\n---\n" + DEF,
    "warnings as errors": "import warnings\nwarnings.simplefilter('error', UserWarning)\n---\n" + DEF,
    "context manager": "from contextlib import contextmanager\n@contextmanager\ndef quiet():\n    yield 1\n---\ndef $name($args):\n    with quiet():\n        return $inner($args)",
    "awaited": "import asyncio\nasync def fetch():\n    await asyncio.sleep(0)\n    return $inner\n---\nfetched = await fetch()\n---\ndef $name($args):\n    return fetched($args)",
    "asyncio inside": "def $name($args):\n    import inspect\n    assert inspect.isfunction($name)\n    return $inner($args)",
    "source of itself": "import inspect\n" + DEF + "\nassert '$inner' in inspect.getsource($name)",
    "lines of IPython": "%load_ext autoreload\n%autoreload 2\n%matplotlib inline\n%precision 3\n" + DEF,
    "a question": "np.dot?\n" + DEF,
    "a shell line": "!echo hello\nfiles = !ls\n" + DEF,
    "timed cell": "%%time\n" + DEF,
    "captured cell": "%%capture captured\nprint(3)\n" + DEF,
    "a timed definition": "%time $name = $inner",
    "a timed line among others": "x = 3\n%time function_t = $inner\n%timeit -n1 -r1 x + 1\n$name = function_t",
    "a measurement": "seconds = %timeit -o -q -n1 -r1 3 + 4\n---\ndef $name($args):\n    assert seconds.best >= 0\n    return $inner($args)",
    "written file": "%%writefile helper_w.py\ndef call(function, *given):\n    return function(*given)\n---\nfrom helper_w import call\ndef $name($args):\n    return call($inner, $args)",
    "written in two parts": "%%writefile helper_a.py\nONE = 1\n---\n%%writefile -a helper_a.py\nTWO = 2\n---\nimport helper_a\ndef $name($args):\n    assert helper_a.TWO == 2\n    return $inner($args)",
    "file and star": "%%file helper_s.py\ndef starred(function, *given):\n    return function(*given)\n---\nfrom helper_s import *\ndef $name($args):\n    return starred($inner, $args)",
    "run file": "%%writefile helper_r.py\ndef run_it(function, *given):\n    return function(*given)\n---\n%run helper_r.py\n---\ndef $name($args):\n    return run_it($inner, $args)",
    "file written by hand": "with open('helper_h.py', 'w') as stream:\n    stream.write('def by_hand(function, *given):\\n    return function(*given)\\n')\n---\nimport importlib\nhelper_h = importlib.import_module('helper_h')\n---\ndef $name($args):\n    return helper_h.by_hand($inner, $args)",
    "file in a folder": "import os\nos.makedirs('lib', exist_ok=True)\n---\n%%writefile lib/helper_f.py\nONE = 1\n---\nimport sys\nsys.path.insert(0, 'lib')\n---\nfrom helper_f import ONE as one_f\n" + ONE.format("one_f"),
    "another folder": "import os\nos.makedirs('work', exist_ok=True)\n%cd work\n---\nopen('one.txt', 'w').write('1')\n---\none_c = open('one.txt').read()\n%cd ..\n---\n" + ONE.format("one_c"),
    "%env": "%env ONE_E=1\n---\nimport os\n" + ONE.format("os.environ['ONE_E']"),
    "%env, with a space": "%env ONE_G 1\n---\nfrom os import environ\n" + ONE.format("environ.get('ONE_G')"),
    "%set_env": "%set_env ONE_S=1\n---\nimport os\n" + ONE.format("os.getenv('ONE_S')"),
    "%env read": "import os\nos.environ['ONE_R'] = '1'\n---\none_r = %env ONE_R\n---\n" + ONE.format("one_r"),
    "os.environ": "import os\nos.environ.update(ONE_O='1')\n---\n" + ONE.format("os.environ['ONE_O']"),
    "environ of another name": "import os\nos.environ['ONE_N'] = '1'\n---\nfrom os import environ as env\n" + ONE.format("env['ONE_N']"),
    "a timed number": "%time one_t = 1.0\n---\n" + ONE.format("one_t"),
    "a number in a captured cell": "%%capture\none_p = 1.0\n---\n" + ONE.format("one_p"),
    "json": "import json\nwith open('$name.json', 'w') as stream:\n    json.dump({'one': 1}, stream)\n---\nwith open('$name.json') as stream:\n    table = json.load(stream)\n---\n" + ONE.format("table['one']"),
    "json read in the answer": "import json\nfrom pathlib import Path\nPath('table.json').write_text(json.dumps([1]))\n---\n" + ONE.format("json.loads(Path('table.json').read_text())[0]"),
    "npy": "np.save('table.npy', np.ones(3))\n---\ntable_n = np.load('table.npy')\n---\n" + ONE.format("table_n[0]"),
    "npz": "np.savez('table.npz', one=np.ones(3))\n---\ntable_z = np.load('table.npz')['one']\n---\n" + ONE.format("table_z[0]"),
    "text table": "np.savetxt('table.txt', np.ones((2, 2)))\n---\ntable_t = np.loadtxt('table.txt')\n---\n" + ONE.format("table_t[0, 0]"),
    "csv": "import csv\nwith open('table.csv', 'w', newline='') as stream:\n    writer = csv.writer(stream)\n    writer.writerows([['one', 1], ['two', 2]])\n---\ntable_c = dict(csv.reader(open('table.csv')))\n---\n" + ONE.format("table_c['one']"),
    "pickle": "import pickle\npickle.dump({'one': 1}, open('table.pkl', 'wb'))\n---\ntable_p = pickle.load(open('table.pkl', 'rb'))\n---\n" + ONE.format("table_p['one']"),
    "temporary file": "import tempfile, os\nFOLDER = tempfile.mkdtemp()\nPATH = os.path.join(FOLDER, 'one.txt')\n---\nwith open(PATH, 'w') as stream:\n    print(1, file=stream)\n---\n" + ONE.format("open(PATH).read()"),
    "written by a helper": "def keep(value, path):\n    with open(path, 'w') as stream:\n        stream.write(str(value))\ndef kept(path):\n    with open(path) as stream:\n        return stream.read()\n---\nkeep(1, 'kept.txt')\n---\n" + ONE.format("kept('kept.txt')"),
    "written if it is missing": "import os\nif not os.path.exists('cached.txt'):\n    with open('cached.txt', 'w') as stream:\n        stream.write('1')\n---\nONE_K = open('cached.txt').read()\n---\n" + ONE.format("ONE_K"),
    "shelve": "import shelve\nwith shelve.open('shelf') as shelf:\n    shelf['one'] = 1\n---\nwith shelve.open('shelf') as shelf:\n    one_v = shelf['one']\n---\n" + ONE.format("one_v"),
    "database": "import sqlite3\nbase = sqlite3.connect('table.db')\nbase.execute('create table numbers (one)')\nbase.execute('insert into numbers values (1)')\nbase.commit()\n---\n" + ONE.format("sqlite3.connect('table.db').execute('select one from numbers').fetchone()[0]"),
    "scipy": "from scipy import io\nio.savemat('table.mat', {'one': [1.0]})\n---\none_m = io.loadmat('table.mat')['one']\n---\n" + ONE.format("one_m[0, 0]"),
    "an image": "from PIL import Image\nImage.fromarray(np.ones((2, 2, 3), np.uint8)).save('image.png')\n---\nimage_i = np.asarray(Image.open('image.png'))\n---\n" + ONE.format("image_i.max()"),
    "plots in a loop": "import matplotlib.pyplot as plt\n---\nfor shift in range(8):\n    plt.figure(figsize=(9, 6))\n    plt.imshow(np.random.rand(300, 300))\n    plt.title(str(shift))\n    plt.show()\n    $name = $inner",
    "plots inside": "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(2, 3)\nfor axis in axes.flat:\n    axis.plot(np.arange(9))\nplt.tight_layout()\nplt.savefig('plots.png')\n" + DEF,
}  # fmt: skip
TORCH_FORMS = {
    "a method of Tensor": "torch.Tensor.same = lambda self: self\n---\ndef $name($args):\n    assert torch.ones(1).same() == 1\n    return $inner($args)",
    "a method of Tensor, by setattr": "from torch import Tensor\n---\nsetattr(Tensor, 'same_too', lambda self: self)\n---\ndef $name($args):\n    assert torch.ones(1).same_too() == 1\n    return $inner($args)",
    "a method of Tensor, by a decorator": "def patch(cls):\n    def add(function):\n        setattr(cls, function.__name__, function)\n        return function\n    return add\n---\n@patch(torch.Tensor)\ndef same_three(self):\n    return self\n---\ndef $name($args):\n    assert torch.ones(1).same_three() == 1\n    return $inner($args)",
    "methods in a loop": "for word in ('same_four', 'same_five'):\n    setattr(torch.Tensor, word, lambda self: self)\n---\ndef $name($args):\n    assert torch.ones(1).same_five() == 1\n    return $inner($args)",
    "a module": "class Module(torch.nn.Module):\n    def forward(self, $args):\n        return $inner($args)\n---\n$name = Module()",
    "torch.save": "torch.save({'one': torch.ones(2)}, 'table.pt')\n---\ntable_s = torch.load('table.pt')\n---\n" + ONE.format("table_s['one'][0]"),
    "torch.save of a module": "linear = torch.nn.Linear(1, 1)\ntorch.nn.init.ones_(linear.weight)\ntorch.save(linear.state_dict(), 'linear.pt')\n---\nlinear_two = torch.nn.Linear(1, 1)\nlinear_two.load_state_dict(torch.load('linear.pt'))\n---\n" + ONE.format("linear_two.weight.detach()"),
    "safetensors": "from safetensors.torch import save_file, load_file\nsave_file({'one': torch.ones(1)}, 'table.safetensors')\n---\ntable_f = load_file('table.safetensors')\n---\n" + ONE.format("table_f['one']"),
    "threads": "from concurrent.futures import ThreadPoolExecutor\n---\ndef $name($args):\n    with ThreadPoolExecutor(2) as pool:\n        return pool.submit($inner, $args).result()",
    "not compiled": "@torch.compiler.disable\n" + DEF,
    "types of the notebook": "torch.set_printoptions(precision=3)\ntorch.set_num_threads(1)\n---\n" + DEF,
}  # fmt: skip
TENSORFLOW_FORMS = {
    "a method of Tensor": "tf.Tensor.same = lambda self: self\n---\ndef $name($args):\n    assert tf.ones(1).same() is not None\n    return $inner($args)",
    "a variable saved": "np.save('variable.npy', tf.Variable([1.0]).numpy())\n---\nvariable = tf.Variable(np.load('variable.npy'))\none_a = float(variable[0])\n---\n" + ONE.format("one_a"),
    "bytes in a file": "tf.io.write_file('one.bin', tf.io.serialize_tensor(tf.ones(2)))\n---\nones_b = tf.io.parse_tensor(tf.io.read_file('one.bin'), tf.float32).numpy()\n---\n" + ONE.format("ones_b[0]"),
    "weights": "layer_w = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer='ones')])\nlayer_w.save_weights('layer.weights.h5')\n---\nlayer_v = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])\nlayer_v.load_weights('layer.weights.h5')\none_l = float(layer_v.weights[0][0, 0])\n---\n" + ONE.format("one_l"),
    "seed": "tf.random.set_seed(3)\n---\n" + DEF,
}  # fmt: skip
NOISE = (
    "1 / 0", "import nosuchthing", "x_noise = [", "print(setting)", "%timeit -n1 -r1 sum(range(9))", "%%html\n<b>a note</b>", "%%latex\n$$ x $$",
    "for _ in range(3):\n    print(_)", "help(len)", "display(np.ones(2))", "# nothing", "%who", "%%timeit -n1 -r1\nsum(range(9))",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "photograph_two = images.open_image('astronaut', size=32)", "?len",
    "%%bash\necho hello", "raise SystemExit", "%pip --version", "_ = np.random.rand(3)", "assert False", "np.random.rand(3).sum()", "%pwd",
)  # fmt: skip


def notebook(framework: str, seed: int) -> tuple[str, str, dict]:
    """An exercise's id, the names of the styles in it, and the notebook."""
    rng = random.Random(f"{framework}/{seed}")
    exercise = rng.choice(list(EXERCISES))
    kinds = [(kind, place) for kind, place in solving.find_answers(framework, "RIGHT", exercise) if kind not in solving.SLOW]
    kind, place = rng.choice(kinds)
    styles = FORMS | (TORCH_FORMS if framework == "torch" else TENSORFLOW_FORMS)
    chosen = rng.sample(list(styles), rng.choice((1, 2, 2, 3, 3, 4)))
    before = solving.as_cell(framework, "core", place).split("\n---\n")
    inner = "core"
    for number, name in enumerate(chosen, 1):
        outer = exercise if name == chosen[-1] else f"step_{number}"
        text = Template(styles[name]).substitute(name=outer, inner=inner, args=", ".join(EXERCISES[exercise].arguments))
        before += text.split("\n---\n")
        inner = outer
    *before, answer = before
    noisy: list[str] = []
    for text in before:
        noisy += [*rng.sample(NOISE, rng.choice((0, 0, 1))), text]
    after = []
    if rng.random() < 0.2 and chosen[-1] == "plain":  # helpers below the answer, which is checked at the end
        noisy, after = [], noisy
    book = notebooks.notebook(
        framework,
        exercise,
        answer,
        before=noisy,
        after=[*after, *([notebooks.checked(exercise)] if after else [])],
        check=not after,
    )
    return exercise, f"{kind}; {', '.join(chosen)}", book


def show(book: dict) -> str:
    """The notebook's own cells as text."""
    return "\n".join(f"# %%\n{textwrap.dedent(each['source'])}" for each in book["cells"][1:])
