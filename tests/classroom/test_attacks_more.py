"""More attacks: the words of errors, the channel to the grader, hidden names, tiny numbers.

As in test_attacks.py, all run in one sandbox, and after each of them an honest answer still gets full marks.
"""

import textwrap
import time

import numpy as np
import pytest
from submitting import HONEST, IMPORTS, LAZY, LESSON, SEED, as_one_statement, needs_bubblewrap, notebook

from stylelab import exercises
from stylelab.exercises.checking import verdict
from stylelab.exercises.checking.call import Answer
from stylelab.tools.classroom.marking.mark import mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.notebooks.find_answers import find_answers
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.lessons import find_edition
from stylelab.tools.classroom.notebooks.read import read_notebook

ERRORS = {  # name -> an exception's class and how it is made
    "escape codes and HTML": "ValueError('\\x1b[2J\\x1b]0;mine\\x07<script>alert(1)</script>\\r\\n=1+1\\u202egnp\\x00')",
    "ten megabytes": "ValueError('x' * 10**7)",
    "a million braces": "ValueError('{{' * 10**6)",
    "words that cannot be had": "type('E', (Exception,), {'__str__': lambda s: 1 / 0})()",
    "words that are no text": "type('E', (Exception,), {'__str__': lambda s: 7})()",
    "half a letter": "ValueError('\\ud800')",
    "a name with a line break": "type('E\\n\\x1b[31m' * 1000, (Exception,), {})()",
    "a group": "ExceptionGroup('x', [ValueError(i) for i in range(10**4)])",
    "a stop of an iterator": "StopIteration()",
    "a system exit": "SystemExit('right')",
    "a keyboard interrupt": "KeyboardInterrupt()",
    "an end of generators": "GeneratorExit()",
}


@needs_bubblewrap
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_any_error_message_becomes_one_short_line(grade, error):
    for code in (
        f"def gram_matrix(activation):\n    raise {error}\n",
        as_one_statement(f"raise {error}\n{LAZY}"),
        as_one_statement(f"{LAZY}raise {error}\n"),
    ):
        result = grade(code)
        assert result.earned == 0 and result.reason and result.stage != "time"  # its length takes none
        for words in (result.reason, *(line.wrong or "" for line in result.lines)):
            assert words.isprintable() and len(words) <= 400


CHANNEL = """import os, stat, socket, struct, json, time
fds = [fd for fd in range(3, 128) if os.path.exists(f'/proc/self/fd/{fd}') and stat.S_ISSOCK(os.fstat(fd).st_mode)]
def raw(data):
    for fd in fds:
        os.write(fd, data)
def say(plain, packed=b'PK\\x05\\x06' + bytes(18)):
    words = json.dumps(plain).encode()
    raw(struct.pack('>QQ', len(words), len(packed)) + words + packed)
"""
CHANNELS = {  # name -> (code, stages)
    "a trickle": ("while True:\n    raw(b'\\0' * 7 + b'\\1')\n    time.sleep(0.2)", ("time", "forged")),
    "a trickle in a message": ("raw(struct.pack('>QQ', 10**6, 0))\nwhile True:\n    raw(b'[')\n    time.sleep(0.2)", ("time",)),
    "a message in single bytes": ("for byte in struct.pack('>QQ', 2, 0) + b'[]':\n    raw(bytes([byte]))", ("forged",)),
    "closed for writing": ("for fd in fds:\n    socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_WR)", ("lost",)),
    "closed for reading": ("for fd in fds:\n    socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_RD)", ("lost", "time")),
    "kept open by a thread": (
        "import threading\nthreading.Thread(target=time.sleep, args=(100,)).start()\n1 / 0",
        ("load", "error"),
    ),
    "never read": ("say({'trouble': '', 'loaded': True})\ntime.sleep(100)", ("time", "forged")),
    "messages in the wrong order": ("say({'dict': {}})\nsay({'form': 'x'})\nsay({'loaded': True})", ("open", "load", "forged")),
    "a hundred thousand numbers": ("say([1.5] * 400000)\nsay({'loaded': True})", ("forged",)),
    "not a number": ("raw(struct.pack('>QQ', 20, 0) + b'{\"loaded\": Infinity} ')", ("load", "open", "forged")),
    "a long number": ("raw(struct.pack('>QQ', 5000, 0) + b'9' * 5000)", ("forged",)),
    "an old archive": (
        "import io\nb = io.BytesIO()\nnp.savez_compressed(b, a=np.zeros(9))\nsay({'loaded': True})\nsay({}, b.getvalue())",
        ("forged",),
    ),
}


@needs_bubblewrap
@pytest.mark.parametrize("when", ["at once", "when called"])
@pytest.mark.parametrize(("code", "stages"), CHANNELS.values(), ids=CHANNELS)
def test_misusing_the_channel_ends_in_time_and_earns_nothing(grade, code, stages, when):
    began = time.monotonic()
    inside = f"def gram_matrix(activation):\n{textwrap.indent(code, '    ')}\n    return zeros(activation)\n"
    result = grade(as_one_statement(f"{CHANNEL}{code}\n{LAZY}" if when == "at once" else f"{CHANNEL}{inside}"), seconds=2)
    assert result.earned == 0 and result.stage in stages, result.reason
    assert time.monotonic() - began < 60  # a busy machine gives an answer more


TRICKS = {
    "no time": "import time\ntime.monotonic = time.time = time.perf_counter = lambda: 0.0",
    "no signals": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    "another read": "import os, socket\nos.read = socket.socket.recv = lambda *a: b''",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "all stopped": "import os, signal\nos.kill(-1, signal.SIGSTOP)\nos.kill(1, signal.SIGSTOP)",
    "a higher priority": "import os\nos.setpriority(os.PRIO_PROCESS, 0, -20)",
    "real time": "import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))",
    "another class": "class Yes:\n    __class__ = np.ndarray\n    shape = (2, 3, 3)\n    __array__ = lambda s, *a, **k: np.ones((2, 3, 3))\nzeros = lambda a: Yes()",
    "other builtins": "__builtins__ = {'isinstance': lambda *a: True}",
    "no builtins": "import builtins\nfor name in list(vars(builtins)):\n    if name not in ('list', 'vars', 'getattr', 'setattr'):\n        setattr(builtins, name, None)",
    "a tracer": "import sys\nsys.settrace(lambda *a: 1 / 0)",
    "no recursion": "import sys\nsys.setrecursionlimit(30)",
    "the first process by number": "import os\nos.kill(2, 9)",
    "star import": "from os import *\nfrom sys import *",
    "garbage": "import gc\nfor each in gc.get_objects():\n    if isinstance(each, dict) and 'loaded' in each:\n        each['loaded'] = True",
}


@needs_bubblewrap
@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS)
def test_a_trick_earns_nothing_and_affects_no_other_answer(grade, code):
    began = time.monotonic()
    assert grade(as_one_statement(f"{code}\n\n{LAZY}"), seconds=2).earned == 0
    assert time.monotonic() - began < 60  # a busy machine gives an answer more


SLICED = {  # cells that make it hard to find what an answer depends on; none has a right answer
    "a look-alike": "def gram_matr\u0456x(activation):\n    return zeros(activation)\n",
    "wide letters": "def \uff47ram_matrix(activation):\n    return zeros(activation)\n",
    "never defined": f"if False:\n    {LAZY.replace(chr(10), chr(10) + '    ').rstrip()}\n",
    "deleted": f"{LAZY}del gram_matrix\n",
    "by exec": f"exec({LAZY!r})\n",
    "by globals": "globals()['gram_matrix'] = lambda activation: zeros(activation)\n",
    "a class": "class gram_matrix:\n    def __init__(self, activation):\n        pass\n",
    "a class that calls": "class G:\n    __call__ = lambda self, activation: zeros(activation)\n    __signature__ = property(lambda s: 1 / 0)\ngram_matrix = G()\n",
    "itself": "gram_matrix = gram_matrix\n",
    "a star": "*gram_matrix, = [1]\n",
    "a match": "match 1:\n    case gram_matrix:\n        pass\n",
    "async": "async def gram_matrix(activation):\n    return 1\n",
    "a generator": "def gram_matrix(activation):\n    yield zeros(activation)\n",
    "a type": "gram_matrix = type('gram_matrix', (), {'__call__': lambda *a: 1})\n",
    "a signature that fails": "def gram_matrix(activation):\n    return zeros(activation)\ngram_matrix.__signature__ = 7\n",
    "a wrapped one": "def gram_matrix(activation):\n    return zeros(activation)\ngram_matrix.__wrapped__ = gram_matrix\n",
}


@needs_bubblewrap
@pytest.mark.parametrize("code", SLICED.values(), ids=SLICED)
def test_a_cell_that_hides_its_answer_earns_nothing(grade, code):
    assert grade(code, "given = {}\nanswer = '*'\n").earned == 0


@needs_bubblewrap
def test_one_right_answer_counts_for_one_exercise_only(sandboxes, framework):
    tags = {1: "style_loss", 2: "style_layer_loss", 3: "gram_matrix"}
    aliases = "\n".join(f"{name} = gram_matrix" for name in tags.values())
    data = notebook([IMPORTS[framework], HONEST[framework], f"{HONEST[framework]}{aliases}\n", "x = 1\n"], framework, tags)
    marked = mark(Submission("Mallory", "x.ipynb", data), sandboxes, SEED)
    assert {each.exercise for each in marked.exercises if each.earned} <= {"gram_matrix"}
    lie = {"stylelab": {"lesson": "00_start_here", "framework": framework}}
    data = notebook([IMPORTS[framework], HONEST[framework]], framework, {1: "preprocess"}, lie)
    assert mark(Submission("Mallory", "x.ipynb", data), sandboxes, SEED).earned == 0


def judge_outputs(exercise, give):
    """The verdict on outputs that `give` makes up for each case."""
    draws = []
    for seed in (101, 102):
        cases = exercise.inputs(seed)
        outputs = {name: np.asarray(give(case, exercise.expected(case).shape)) for name, case in cases.items()}
        draws.append((cases, Answer(outputs=outputs, shapes={name: each.shape for name, each in outputs.items()})))
    return verdict.judge_draws(exercise, draws)


def noise(case, shape, scale):
    """Random numbers around `scale`, different for each case."""
    rng = np.random.default_rng(abs(hash(str(case))) % 2**32)
    return rng.uniform(0.5, 1.5, shape) * scale


NUMERIC = [each for each in exercises.EXERCISES.values() if each.result != "word"]


@pytest.mark.parametrize("exercise", NUMERIC, ids=lambda each: each.id)
@pytest.mark.parametrize("scale", [1e-7, 1e-9, 1e-10, -1e-10, 1e-20, 1e-310])
def test_tiny_numbers_earn_nothing(exercise, scale):
    """Within the allowed rounding error they would have many properties: doubling, symmetry, equality."""
    assert judge_outputs(exercise, lambda case, shape: noise(case, shape, scale)).points == 0


@pytest.mark.parametrize("exercise", [each for each in NUMERIC if each.result == "image"], ids=lambda each: each.id)
@pytest.mark.parametrize("step", [1e-6, 1e-5])
def test_returning_an_argument_almost_unchanged_earns_nothing(exercise, step):
    def give(case, shape):
        given = next(value for value in case.values() if isinstance(value, np.ndarray) and value.shape == shape)
        return np.clip(given + step, 0, 1)

    held = {part.name for part in judge_outputs(exercise, give).parts if part.wrong is None}
    assert not held - {"stays in 0..1"} and (exercise.id == "deprocess" or not held)


FULL = 50_000
COSTLY = {  # text that could take a parser a long time
    "a long f-string": f"f'{'{x}' * 16_000}'",
    "names without an end": f"x{', x' * 16_000}!",
    "a sum": f"1{'+1' * 24_000}",
    "parts of parts": f"a{'.b' * 24_000}",
    "brackets": "(" * 49_000,
    "half strings": "'''" + "''" * 20_000,
    "spaces": " " * 49_000 + "!",
    "backslashes": "!" + "\\" * 49_000,
    "question marks": "a." * 24_000 + "?",
    "a check without an end": 'x = y.check("a", ' + " " * 49_000,
}


def half_a_second() -> float:
    """The processor time now of what takes half a second on an idle machine of 2026, and longer on one that is slow or busy."""
    began = time.process_time()
    sum(number * number for number in range(13_000_000))
    return time.process_time() - began


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_finding_answers_takes_seconds_at_worst(text):
    data = notebook([text[:FULL]] * 10, exercises=dict.fromkeys(range(10), "gram_matrix"))
    began = time.process_time()
    book = read_notebook(data)
    identify(book, "x.ipynb")
    assert find_answers(book, find_edition(LESSON, "torch")).answers["gram_matrix"]
    took = time.process_time() - began
    assert took < 10 * half_a_second()


FILES = {
    "deep": b'{"a":' * 400_000,
    "many numbers": b'{"cells":[],"x":[' + b"1," * 3_000_000 + b"1]}",
    "a long number": b'{"cells":[],"x":' + b"9" * 10_000_000 + b"}",
    "many lists": b'{"cells":[' + b"[]," * 400_000 + b"1]}",
    "half letters": b'{"cells":[{"cell_type":"code","source":"' + b"\\ud800" * 1_000_000 + b'"}]}',
    "not a number": b'{"cells":[{"cell_type":"code","source":NaN,"metadata":Infinity}]}',
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_built_to_be_slow_is_read_quickly(data):
    began = time.process_time()
    book = read_notebook(data)
    assert identify(book) == ("", "") and time.process_time() - began < 4
    assert all(line.isprintable() for line in (book.trouble or "", *book.notes))
