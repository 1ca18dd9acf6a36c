"""Submissions that try to get marks without an answer, to harm others, or to escape. None of them gains anything.

All run in one sandbox, one after the other, and after each of them an honest answer still gets full marks. What an attack
finds out comes back as the words of an exception (`reveal`), so the tests can look inside.
"""

import os
import socket
import time

import psutil
import pytest
from submitting import HONEST, LAZY, POINTS, SEED, answered, as_one_statement, needs_bubblewrap, reveal

from stylelab.exercises import find_exercise
from stylelab.tools.classroom.marking.mark import mark

pytestmark = needs_bubblewrap
# Code that runs when the answer's cell is loaded, before a function that does no work
PATCHES = {
    "NumPy's comparison": "np.allclose = np.isclose = np.array_equal = lambda *a, **k: True",
    "NumPy's arrays": "np.asarray = np.array = lambda *a, **k: 1.0",
    "NumPy's saving": "import io\nnp.savez = lambda stream, **arrays: stream.write(b'PK')",
    "the framework's conversion": "lab = __import__('importlib').import_module(sl.__name__ + '.exercises.lab')\nlab.Lab.take = lambda *a: 1.0",
    "the asking": "import stylelab.exercises.checking.call as asking\nasking.ask = lambda *a: asking.Answer(outputs={'plain': np.ones((2, 3, 3))})",
    "what asking calls": "import stylelab.exercises.checking.call as asking\nasking._wrong_type = lambda *a: None\nasking._take = lambda *a: np.ones((2, 3, 3))",
    "the exercise itself": "import stylelab.exercises.checking.definition as d\nd.Exercise.is_right = d.Exercise.close = lambda *a, **k: True",
    "the judge": "import stylelab.exercises.checking.verdict as j\nj.judge = j.judge_draws = lambda *a: True",
    "json": 'import json\njson.dumps = lambda *a, **k: \'{"trouble": "", "loaded": true, "right": true, "points": 100}\'\njson.loads = lambda *a: {}',
    "the packing": "import stylelab.exercises.checking.serialise as t\nt.pack_reply = lambda a: ({}, {'dict': {'points': 100}})",
    "the wire": "import stylelab.tools.classroom.sandbox.inside.wire as w\nw.send = lambda *a, **k: None",
    "builtins": "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda a: 0",
    "sys.modules": "import sys\nfor name in [n for n in sys.modules if 'stylelab' in n]:\n    sys.modules[name] = sys",
    "an import hook": "import sys\nsys.meta_path.insert(0, type('F', (), {'find_spec': lambda *a, **k: None})())",
    "a profiler": "import sys\nsys.setprofile(lambda frame, what, arg: frame.f_locals.update(output=np.ones((2, 3, 3))))",
    "NBGRADER": "import os\nos.environ['NBGRADER_EXECUTION'] = 'autograde'",
}


@pytest.mark.slow
@pytest.mark.parametrize("code", PATCHES.values(), ids=PATCHES)
def test_patching_modules_earns_nothing(grade, code):
    assert grade(as_one_statement(f"{code}\n\n{LAZY}"), seconds=3).earned == 0


RETURNED = {
    "an object that equals everything": "type('Yes', (), {'__eq__': lambda s, o: True, '__array__': lambda s, *a, **k: np.ones(1)})()",
    "an array of objects": "np.array([[[object()] * 3] * 3] * 2)",
    "a subclass of an array": "np.ones((2, 3, 3)).view(type('Sub', (np.ndarray,), {'__eq__': lambda s, o: True}))",
    "a subclass of a float": "type('Yes', (float,), {'__eq__': lambda s, o: True})(1)",
    "a masked array": "np.ma.masked_all((2, 3, 3))",
    "NaN": "zeros(activation) * float('nan')",
    "infinity": "zeros(activation) + float('inf')",
    "a word": "'right'",
    "True": "True",
    "its input": "activation",
    "the function itself": "gram_matrix",
    "an endless generator": "(i for i in iter(int, 1))",
    "a dict": "{'points': 100}",
    "an exception": "Exception('right')",
    "nothing of a huge size": "np.lib.stride_tricks.as_strided(np.zeros(1), (10**9, 3, 3), (0, 0, 0))",
    "an array of a gigabyte": "np.zeros((2, 3, 3 * 15_000_000))",
    "an array of a terabyte": "np.zeros(10**12)",
}


@pytest.mark.parametrize("value", RETURNED.values(), ids=RETURNED)
def test_a_result_that_is_not_an_answer_earns_nothing(grade, value):
    assert grade(f"def gram_matrix(activation):\n    return {value}\n").earned == 0


@pytest.mark.parametrize("layers", ["zeros(activation)", "zeros(activation) + 1", "zeros(activation) + activation[0, 0, 0, 0]"])
def test_a_constant_tensor_earns_nothing(grade, layers):
    assert grade(f"def gram_matrix(activation):\n    return {layers}\n").earned == 0


def test_the_librarys_own_function_is_out_of_reach(grade):
    result = grade("def gram_matrix(activation):\n    return sl.gram_matrix(activation)\n")
    assert result.earned == 0 and "out of reach" in result.reason
    for name in (
        "stylelab.torch.losses",
        "stylelab.tensorflow.losses",
        "stylelab.torch.exercises.check",
        "stylelab.torch.exercises.answers",
    ):
        code = f"import importlib\nm = importlib.import_module({name!r})\n\ndef gram_matrix(activation):\n    return m.gram_matrix(activation)\n"
        assert grade(code).earned == 0


def test_no_visible_file_contains_an_answer(grade):
    body = """found = []
for folder, _, files in os.walk('/', followlinks=False):
    if folder.startswith(('/proc', '/sys')) or '/torch/' in folder or '/tensorflow/' in folder:
        continue
    if 'stylelab' in folder:
        found += [f for f in files if f in ('losses.py', 'answers.py', 'judging.py', 'check.py', 'encoder-mini.safetensors')]
    found += [f for f in files if f in ('gram.py', 'course.toml')]
    found += [f for f in files if f.endswith('.ipynb') and f[:2].isdigit()]
return found"""
    assert reveal(grade, body, seconds=60).startswith("[].")


def test_memory_holds_neither_an_answer_nor_the_secret(grade):
    half, rest = SEED[:11], SEED[11:]
    body = f"""import gc
secret = ({half!r} + '' + {rest!r})[::-1]
found = [o for o in gc.get_objects() if type(o).__name__ == 'Exercise' and o.reference]
for line in open('/proc/self/maps'):
    span, rights = line.split()[:2]
    start, end = (int(x, 16) for x in span.split('-'))
    if 'r' in rights and 'v' not in line and end - start < 2**28:
        try:
            with open('/proc/self/mem', 'rb', 0) as m:
                m.seek(start)
                text = m.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue
        if bytes.fromhex({SEED[::-1]!r}[::-1]) in text or (b'_reference_that_students' + b'_must_not_read') in text:
            found.append(span)
return found"""
    assert reveal(grade, body, seconds=60).startswith("[].")


def test_other_processes_and_their_environment_are_invisible(grade):
    os.environ["STYLELAB_TEST_SECRET"] = "hunter2"
    assert "hunter2" not in reveal(grade, "return [v for v in os.environ.values() if 'hunter' in v or 'work' in v]")
    assert reveal(grade, "return sorted(int(p) for p in os.listdir('/proc') if p.isdigit())") == "[1, 2]."
    assert reveal(
        grade,
        "return (os.getuid() == 0, os.access('/proc/1/mem', os.R_OK), os.access('/proc/1/environ', os.R_OK))",
    ) == ("(False, False, False).")
    del os.environ["STYLELAB_TEST_SECRET"]


def test_only_temporary_folders_are_writable(grade):
    body = """found = []
for folder, folders, _ in os.walk('/'):
    if folder.startswith('/proc'):
        folders[:] = []
    elif os.access(folder, os.W_OK):
        found.append(folder)
        folders[:] = []
return sorted(found)"""
    assert reveal(grade, body, seconds=60) == "['/dev/shm', '/scratch']."
    for path in ("/kit/x", "/usr/x", "/etc/x", "/x", "/dev/x", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
        assert "Error" in reveal(
            grade, f"try:\n    open({path!r}, 'w').write('x')\nexcept OSError as e:\n    return type(e).__name__"
        )


LEFTOVERS = {  # name -> (leave something behind, look for it)
    "a file": (
        "open('/scratch/me', 'w').write('x'); open('/dev/shm/me', 'w').write('x')",
        "return [p for p in ('/scratch/me', '/dev/shm/me') if os.path.exists(p)]",
    ),
    "shared memory": (
        "from multiprocessing.shared_memory import SharedMemory\n    s = SharedMemory('me', create=True, size=8); s.close()",
        "return [n for n in os.listdir('/dev/shm') if 'me' in n]",
    ),
    "System V shared memory": (
        "import ctypes\n    ctypes.CDLL(None).shmget(0x5717, 64, 0o1666)",
        "import ctypes\nreturn [k for k in [ctypes.CDLL(None).shmget(0x5717, 64, 0)] if k >= 0]",
    ),
    "a key": (
        "import ctypes\n    ctypes.CDLL(None).syscall(248, b'user', b'me', b'x', 1, -3)",
        "import ctypes\nreturn [k for k in [ctypes.CDLL(None).syscall(249, b'user', b'me', None, 0)] if k >= 0]",
    ),
    "an abstract socket": (
        "import socket\n    s = socket.socket(socket.AF_UNIX); s.bind(chr(0) + 'me'); s.listen()",
        "import socket\ntry:\n    s = socket.socket(socket.AF_UNIX)\n    s.connect(chr(0) + 'me')\n    return ['there']\nexcept OSError:\n    return []",
    ),
    "a patched module": (
        "np.allclose = 'me'; sl.me = 'me'",
        "import numpy, stylelab\nreturn [x for x in (numpy.allclose, getattr(sl, 'me', 0)) if x == 'me']",
    ),
}


@pytest.mark.parametrize("leave, look", LEFTOVERS.values(), ids=LEFTOVERS)
def test_one_submission_leaves_nothing_for_the_next(grade, leave, look):
    grade(f"import os\n\ndef gram_matrix(activation):\n    {leave}\n    return zeros(activation)\n")
    assert reveal(grade, look) == "[]."


HOGS = {  # name -> (code, stages that it may end in)
    "an endless loop": ("while True:\n        pass", ("time",)),
    "sleep": ("__import__('time').sleep(1000)", ("time",)),
    "a loop in C": ("sum(iter(int, 1))", ("time",)),
    "one that ignores signals": ("import signal\n    for n in range(1, 32):\n        try:\n            signal.signal(n, signal.SIG_IGN)\n        except (OSError, ValueError):\n            pass\n    while True:\n        pass", ("time",)),
    "endless output": ("while True:\n        print('x' * 10**6)", ("time",)),
    "endless output by descriptor": ("import os\n    while True:\n        os.write(1, b'x' * 10**6); os.write(2, b'x')", ("time",)),
    "a fork bomb": ("import os\n    while True:\n        try:\n            os.fork()\n        except OSError:\n            pass", ("time", "memory", "lost")),
    "a thread bomb": ("import threading, time\n    while True:\n        threading.Thread(target=time.sleep, args=(100,)).start()", ("error", "time", "memory")),
    "a memory bomb": ("hoard = []\n    while True:\n        hoard.append(bytearray(2**26))", ("error", "memory", "lost", "time")),
    "memory in many processes": (
        "import os, time\n    for _ in range(8):\n        if os.fork() == 0:\n            hoard = b'x' * (2**30)\n            time.sleep(100)\n    time.sleep(100)",
        ("memory", "time", "lost", "error"),
    ),
    "a full disk": ("n = 0\n    while True:\n        n += 1\n        open(f'/scratch/{n}', 'wb').write(bytes(2**24))", ("error", "lost", "time")),
    "deep recursion": ("return gram_matrix(activation)", ("error", "lost")),
    "a crash": ("import ctypes\n    ctypes.string_at(0)", ("lost",)),
}  # fmt: skip


@pytest.mark.parametrize("code, stages", HOGS.values(), ids=HOGS)
def test_an_answer_that_uses_too_much_is_stopped_and_affects_no_other(grade, code, stages):
    seconds = 4 if "hoard" in code else 2  # filling memory keeps a busy system, and not the answer, at work
    result = grade(f"def gram_matrix(activation):\n    {code}\n", seconds=seconds)
    if result.stage == "starved":  # another process was killed for memory at that moment: such an answer is run again
        result = grade(f"def gram_matrix(activation):\n    {code}\n", seconds=seconds)
    assert result.earned == 0 and result.stage in stages, result.reason
    assert result.seconds < 60  # a busy machine gives an answer more
    assert result.reason


ENDINGS = {
    "os._exit": "import os\nos._exit(0)",
    "sys.exit": "import sys\nsys.exit(0)",
    "SystemExit at once": "raise SystemExit(0)",
    "a kill of all": "import os\nos.kill(-1, 9)",
    "a kill of the first": "import os\nos.kill(1, 9)\nos.kill(os.getppid(), 9)\nos._exit(0)",
    "an exec": "import os\nos.execv('/bin/true', ['true'])",
    "atexit": "import atexit, os\natexit.register(os._exit, 0)",
    "a closed channel": "import os\nos.closerange(3, 100)",
}


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
def test_exiting_while_loading_earns_nothing(grade, code):
    assert grade(as_one_statement(f"{code}\n\n{LAZY}")).earned == 0


def test_exiting_while_answering_earns_nothing(grade):
    result = grade("import os\n\ndef gram_matrix(activation):\n    os._exit(0)\n")
    assert (result.earned, result.stage) == (0, "lost")


# Finds the socket to the grader and writes messages of its own into it
FORGE = """import json, os, socket, struct, stat, io
def forge(plain, packed):
    words, packed = json.dumps(plain).encode(), packed or b'PK\\x05\\x06' + bytes(18)
    for fd in range(3, 128):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, struct.pack('>QQ', len(words), len(packed)) + words + packed)
        except OSError:
            pass
ones = io.BytesIO()
np.savez(ones, array0=np.ones((2, 3, 3)))
answer = {'dict': {'outputs': {'dict': {n: {'array': 'array0'} for n in ('plain', 'tripled', 'shuffled', 'constant')}},
  'shapes': {'dict': {'plain': [2, 3, 3]}}, 'trouble': None, 'changed': [], 'drifts': False, 'gradients': {'dict': {}}}}
"""
FORGED = {
    "an answer before the question": "forge({'trouble': '', 'loaded': True}, b'')\nfor _ in range(3):\n    forge(answer, ones.getvalue())",
    "points": "forge({'trouble': '', 'loaded': True}, b'')\nforge({'points': 100, 'earned': 100, 'stage': 'right'}, b'')",
    "a list": "forge([1] * 1000, b'')",
    "a huge length": "for fd in range(3, 256):\n    try:\n        os.write(fd, b'\\xff' * 4096)\n    except OSError:\n        pass",
    "a deep JSON": "forge({'a': 1}, b'')\nfor fd in range(3, 256):\n    try:\n        os.write(fd, struct.pack('>QQ', 10**5, 0) + b'[' * 10**5)\n    except OSError:\n        pass",
    "a zip bomb": "import zipfile\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z:\n    z.writestr('array0.npy', bytes(2**28))\n"
    "forge({'trouble': '', 'loaded': True}, b'')\nforge(answer, b.getvalue())",
}


@pytest.mark.parametrize("code", FORGED.values(), ids=FORGED)
def test_a_forged_message_earns_nothing(grade, code):
    assert grade(as_one_statement(f"{FORGE}{code}\n\n{LAZY}")).earned == 0


def test_a_pickle_instead_of_arrays_is_not_opened(grade, tmp_path):
    trap = tmp_path / "sprung"
    code = f"""{FORGE}
class Trap:
    def __reduce__(self):
        return (os.system, ('touch {trap}',))
packed = io.BytesIO()
np.savez(packed, array0=np.array([Trap()], dtype=object))
forge({{'trouble': '', 'loaded': True}}, b'')
for _ in range(3):
    forge(answer, packed.getvalue())
import pickle
np.savez = lambda stream, **arrays: stream.write(pickle.dumps(Trap()))

def gram_matrix(activation):
    return zeros(activation)
"""
    assert grade(as_one_statement(code)).earned == 0
    assert not trap.exists()


def test_no_connection_reaches_the_host(grade):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()  # it listens
        body = f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 2).send(b'x')\n    return 'through'\nexcept OSError as e:\n    return type(e).__name__"
        assert reveal(grade, body) == "PermissionError."  # and if it could make a socket, its network would be empty
        with pytest.raises(TimeoutError):
            listener.accept()


def test_no_process_is_left_behind(grade):
    code = """import os
def gram_matrix(activation):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv('/bin/sleep', ['sleep', '86399'])
        os._exit(0)
    import time
    time.sleep(0.1)
    return zeros(activation)
"""
    assert grade(code).earned == 0
    for _ in range(50):
        left = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "86399"]]
        if not left:
            return
        time.sleep(0.1)
    raise AssertionError(left)


def test_system_calls_that_could_escape_are_refused(grade):
    calls = {
        "unshare": (272, 0x10000000),
        "mount": (165, 0, 0, 0, 0),
        "ptrace": (101, 16, 1, 0, 0),
        "setns": (308, 3, 0),
        "bpf": (321, 0, 0, 0),
        "chroot": (161, 0),
    }
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers of these calls are those of x86_64")
    for name, numbers in calls.items():
        body = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nreturn (c.syscall(*{numbers}), ctypes.get_errno())"
        assert reveal(grade, body) == "(-1, 1).", name
    assert "Error" in reveal(
        grade,
        "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nexcept (OSError, ValueError) as e:\n    return type(e).__name__",
    )


def test_knowing_the_lessons_inputs_does_not_help(grade, edition):
    table = {}
    for seed in range(3):
        for case in find_exercise("gram_matrix").inputs(seed).values():
            array = case["activation"].astype(float)
            table[round(float(array.sum()), 2)] = (array.reshape(len(array), -1, array.shape[3]).swapaxes(1, 2) @ array.reshape(
                len(array), -1, array.shape[3]) / (array.shape[1] * array.shape[2])).tolist()  # fmt: skip
    made = {"torch": "torch.tensor", "tensorflow": "tf.constant", "numpy": "np.array"}[edition]
    code = f"known = {table!r}\n\ndef gram_matrix(activation):\n    key = round(float(np.asarray(activation).astype(float).sum()), 2)\n"
    assert grade(f"{code}    return {made}(known[key]) if key in known else zeros(activation)\n").earned == 0


def test_an_answer_for_one_size_only_is_not_right(grade, edition):
    exercise = "gram_matrix"
    code = HONEST[edition].replace("f.shape[2]", "20").replace("(h * w)\n", "20\n")
    result = grade(code, exercise=exercise)
    assert result.earned < POINTS and result.stage != "right"


def test_leaked_inputs_do_not_fit_another_file(sandboxes, framework):
    """The seed of the inputs depends on the file: a changed submission gets different inputs."""
    seen = []
    for comment in ("# 1\n", "# 2\n", "# 1\n"):
        code = f"{comment}def gram_matrix(activation):\n    raise ValueError(float(np.asarray(activation).sum()))\n"
        seen.append(mark(answered(framework, code), sandboxes, SEED).exercises[0].reason)
    assert seen[0] == seen[2] != seen[1]


HARMLESS = {
    "prints and warnings": "import warnings, sys\nwarnings.warn('old')\nprint('hello')\nprint('oh', file=sys.stderr)\n{honest}\nwarnings.warn('again')",
    "a progress bar": "from rich.progress import track\nfor _ in track(range(3)):\n    pass\n{honest}",
    "a shell line and a magic": "!pip list\n%matplotlib inline\n{honest}",
    "a timed cell": "%%time\n{honest}",
    "a test of one's own that fails": "{honest}\nassert gram_matrix(1) == 2",
    "a slow experiment below": "{honest}\nwhile True:\n    pass",
    "a question mark": "{honest}\ngram_matrix?",
    "input()": "{honest}\nname = input('who? ')",
    "threads that go on": "import threading, time\n{honest}\nthreading.Thread(target=lambda: [time.sleep(1) for _ in iter(int, 1)]).start()",
    "the check in its cell": "{honest}\ngram_matrix = sl.check('gram_matrix', gram_matrix)",
    "type hints and a docstring": "from typing import Any\n{honest}\ngram_matrix.__doc__ = 'mine'",
}


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_a_right_answer_gets_full_marks_whatever_surrounds_it(grade, edition, code):
    result = grade(code.format(honest=HONEST[edition]), seconds=5)
    assert (result.stage, result.earned) == ("right", POINTS), result.reason


OTHER_WAYS = {
    ("torch", "loops"): "def gram_matrix(a):\n    b, c, h, w = a.shape\n    rows = [[[(a[n, i] * a[n, j]).sum() / (h * w) for j in range(c)] for i in range(c)] for n in range(b)]\n"
    "    return torch.stack([torch.stack([torch.stack(r) for r in m]) for m in rows])",
    ("torch", "einsum"): "gram_matrix = lambda a: torch.einsum('bihw,bjhw->bij', a, a) / a[0, 0].numel()",
    ("torch", "a helper in an earlier cell"): "def gram_matrix(activation):\n    return product(activation) / PLACES(activation)",
    ("tensorflow", "loops"): "def gram_matrix(a):\n    b, h, w, c = a.shape\n    return tf.stack([tf.stack([tf.stack([tf.reduce_sum(a[n, :, :, i] * a[n, :, :, j]) / (h * w) for j in range(c)]) "
    "for i in range(c)]) for n in range(b)])",
    ("tensorflow", "einsum"): "gram_matrix = lambda a: tf.einsum('bhwi,bhwj->bij', a, a) / (a.shape[1] * a.shape[2])",
    ("tensorflow", "a helper in an earlier cell"): "def gram_matrix(activation):\n    return product(activation) / PLACES(activation)",
    ("numpy", "loops"): "def gram_matrix(a):\n    b, h, w, c = a.shape\n    return np.array([[[(a[n, :, :, i] * a[n, :, :, j]).sum() / (h * w) for j in range(c)] "
    "for i in range(c)] for n in range(b)])",
    ("numpy", "einsum"): "gram_matrix = lambda a: np.einsum('bhwi,bhwj->bij', a, a) / (a.shape[1] * a.shape[2])",
    ("numpy", "a helper in an earlier cell"): "def gram_matrix(activation):\n    return product(activation) / PLACES(activation)",
}  # fmt: skip
HELPERS = {
    "numpy": (
        "def product(a):\n    return np.einsum('bhwi,bhwj->bij', a, a)",
        "from math import prod\nPLACES = lambda a: prod(a.shape[1:3])",
    ),
    "torch": (
        "def product(a):\n    f = a.flatten(2)\n    return f @ f.mT",
        "from math import prod\nPLACES = lambda a: prod(a.shape[2:])",
    ),
    "tensorflow": (
        "def product(a):\n    return tf.einsum('bhwi,bhwj->bij', a, a)",
        "from math import prod\nPLACES = lambda a: prod(a.shape[1:3])",
    ),
}


@pytest.mark.parametrize("how", ["loops", "einsum", "a helper in an earlier cell"])
def test_a_right_answer_gets_full_marks_however_it_is_written(grade, edition, how):
    result = grade(OTHER_WAYS[edition, how], *HELPERS[edition])
    assert (result.stage, result.earned) == ("right", POINTS), result.reason


def test_a_later_answer_may_call_an_open_one_as_in_the_lesson(grade, edition):
    """The lesson continues with the library's function, and so does the grader; the open answer earns nothing for it."""
    mean = {"torch": "torch.mean", "tensorflow": "tf.reduce_mean", "numpy": "np.mean"}[edition]
    code = f"def style_layer_loss(activation, target_gram):\n    return {mean}((gram_matrix(activation) - target_gram) ** 2)\n"
    assert grade(code, exercise="style_layer_loss").stage == "right"
    assert grade(code, exercise="gram_matrix").earned == 0
