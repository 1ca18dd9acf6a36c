"""With one framework installed everything works in it; with none, one line says what to do."""

import gc
import subprocess
import sys
import types

import pytest

import stylelab
from stylelab.base import frameworks, processes
from stylelab.cli import commands as cli
from stylelab.cli import demo, doctor
from stylelab.cli import start as starting
from stylelab.errors import MachineError
from stylelab.tools.studio import form

pytestmark = pytest.mark.plain
MISSING = "TensorFlow is not installed: run `make lab FRAMEWORK=tensorflow` in a clone, or `pip install 'stylelab[tensorflow]'`"
NEITHER = (
    "neither PyTorch nor TensorFlow is installed: run `make lab FRAMEWORK=torch` in a clone, or `pip install 'stylelab[torch]'`"
)


@pytest.fixture
def only(monkeypatch):
    """Pretend that these frameworks are installed, and no other."""

    def pretend(*names: str) -> None:
        monkeypatch.delenv("STYLELAB_TENSORFLOW_PYTHON", raising=False)
        for module in (frameworks, processes, demo):
            monkeypatch.setattr(module, "is_installed", lambda name: name in names)

    return pretend


def python(code: str, *absent: str) -> subprocess.CompletedProcess:
    """Run code where some packages are not installed."""
    hide = f"import importlib.util as u, sys; find = u.find_spec; u.find_spec = lambda name: name not in {absent} and find(name) or None\n"
    return subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True)


def test_a_framework_is_installed_or_not(monkeypatch, tmp_path):
    assert frameworks.is_installed("torch") and not frameworks.is_installed("no_such_framework")
    monkeypatch.setitem(sys.modules, "no_such_framework", types.ModuleType("no_such_framework"))
    assert frameworks.is_installed("no_such_framework")
    (tmp_path / "a_folder_here").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not frameworks.is_installed("a_folder_here")


def test_the_garbage_collector_rests_while_something_is_imported(monkeypatch):
    seen = []
    for name in ("disable", "freeze", "enable"):
        monkeypatch.setattr(gc, name, lambda name=name: seen.append(name))
    for was_on, after in ((True, ["disable", "freeze", "enable"]), (False, ["disable", "freeze"])):
        monkeypatch.setattr(gc, "isenabled", lambda was_on=was_on: was_on)
        with frameworks.nothing_to_collect():
            assert seen == ["disable"]
        assert seen == after
        seen.clear()
    monkeypatch.setattr(gc, "isenabled", lambda: True)
    with pytest.raises(ImportError), frameworks.nothing_to_collect():
        raise ImportError
    assert seen == ["disable", "enable"]


def test_what_pytorch_brought_with_it_is_not_looked_through_for_garbage():
    run = python("import gc, stylelab.torch; print(gc.isenabled(), gc.get_freeze_count() > 10**5)")
    assert run.stdout.split() == ["True", "True"]


@pytest.mark.parametrize(("here", "usual"), [
    (("torch", "tensorflow"), "torch"), (("torch",), "torch"), (("tensorflow",), "tensorflow"), ((), "torch"),
])  # fmt: skip
def test_a_run_takes_the_framework_that_is_there(only, here, usual):
    only(*here)
    assert frameworks.installed() == list(here) and frameworks.usual() == usual


def test_commands_and_calls_take_it_too_and_importing_says_what_is_missing():
    code = (
        "import stylelab; from stylelab.run.settings import Settings; from stylelab.cli import commands; import inspect\n"
        "print(stylelab.run.backends.USUAL, Settings('cat', 'fluid').backend, inspect.signature(commands.fast).parameters['backend'].default)\n"
        "import stylelab.torch"
    )
    run = python(code, "torch")
    assert run.stdout.split() == ["tensorflow"] * 3
    assert run.stderr.splitlines()[-1] == f"stylelab.errors.MachineError: {MISSING}".replace("TensorFlow", "PyTorch").replace(
        "tensorflow", "torch"
    )
    assert (
        python("import stylelab.tensorflow", "torch", "tensorflow")
        .stderr.splitlines()[-1]
        .endswith("`pip install 'stylelab[tensorflow]'`")
    )


@pytest.mark.parametrize("line", [
    "transfer cat fluid -o a.png --size 48 --steps 2", "fast cat fluid -o a.png", "gallery builtin fluid -o g --size 48 --steps 2",
    "train fluid -o net.safetensors", "bench --quick",
])  # fmt: skip
def test_a_command_says_what_is_missing_in_one_line(only, capsys, monkeypatch, tmp_path, line):
    monkeypatch.chdir(tmp_path)
    only("torch")
    assert cli.run([*line.split(), "--backend", "tensorflow"]) == 2
    assert capsys.readouterr().err == f"stylelab: {MISSING}\n"
    only()
    assert cli.run([*line.split(), "--backend", "torch"]) == 2
    assert capsys.readouterr().err == f"stylelab: {NEITHER}\n"
    assert not list(tmp_path.glob("*.png")) and not (tmp_path / "g").exists()


def test_python_code_gets_the_same_line_also_where_the_other_framework_is_in_use(only, monkeypatch):
    only("torch")
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.delitem(sys.modules, "stylelab.tensorflow", raising=False)
    with pytest.raises(MachineError, match="TensorFlow is not installed"):
        stylelab.transfer("cat", "fluid", size=48, steps=2, backend="tensorflow")


def test_the_grader_needs_the_framework_of_the_notebook_or_its_python(only, monkeypatch):
    only("torch")
    with pytest.raises(MachineError, match="TensorFlow is not installed"):
        processes.python_of("tensorflow")
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", "/elsewhere/python")
    assert processes.python_of("tensorflow") == "/elsewhere/python" and processes.python_of("torch") == sys.executable


def test_a_process_that_lacks_a_package_says_which_framework_brings_it(capsys):
    def work():
        raise ModuleNotFoundError("no", name="torchvision.models")

    assert processes.exit_status(work) == 2
    assert "torchvision.models cannot be imported: run `make lab FRAMEWORK=torch`" in capsys.readouterr().err


def test_start_lays_the_lessons_of_the_framework_that_is_there_and_says_so(only, tmp_path):
    only("tensorflow")
    said = starting.start(tmp_path / "mine")
    laid = [path.stem for path in (tmp_path / "mine").glob("*.ipynb")]
    assert len(laid) == 10 and all(name.endswith("_tensorflow") for name in laid)
    assert "only the lessons in TensorFlow: PyTorch is not installed" in said and "make lab FRAMEWORK=torch" in said
    assert "is not installed" not in starting.start(tmp_path / "asked", "torch")
    only("torch", "tensorflow")
    assert "20 notebooks" in starting.start(tmp_path / "mine") and "is not installed" not in starting.start(tmp_path / "mine")


def test_start_counts_a_tensorflow_with_a_python_of_its_own_and_refuses_without_any(only, monkeypatch, tmp_path):
    only()
    with pytest.raises(MachineError, match="neither"):
        starting.start(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    only("torch")
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", "/elsewhere/python")
    assert "20 notebooks" in starting.start(tmp_path / "both")


def test_the_demo_runs_in_the_frameworks_that_are_there(only):
    only("tensorflow")
    assert demo._installed({"torch": sys.executable, "tensorflow": sys.executable}) == ["tensorflow"]
    assert demo._installed({"torch": sys.executable, "tensorflow": "/elsewhere/python"}) == ["tensorflow"]
    only("torch")
    assert demo._installed({"torch": sys.executable, "tensorflow": "/elsewhere/python"}) == ["torch", "tensorflow"]


def test_the_studio_offers_the_frameworks_that_are_there(only, monkeypatch):
    only("tensorflow")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert [each["name"] for each in form.choices()["backends"]] == ["tensorflow"]
    assert form.defaults()["backend"] == "tensorflow"


def test_the_doctor_weighs_the_packages():
    found = doctor._environment()
    assert found.what == "environment" and float(found.state.split()[0]) > 0.5 and sys.prefix in found.state and not found.broken


def test_keras_is_imported_when_it_is_first_used():
    """TensorFlow's own import takes seconds for it, and no run needs it."""
    code = "import gc, sys, stylelab.tensorflow, tensorflow as tf; early = 'keras' in sys.modules; from tensorflow.keras import layers; "
    code += "print(early, 'keras' in sys.modules, layers.Dense.__name__, tf.keras.optimizers.Adam.__name__, gc.get_freeze_count() > 10**5)"
    assert python(code).stdout.split() == ["False", "True", "Dense", "Adam", "True"]
