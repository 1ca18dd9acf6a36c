"""The public functions are annotated, and a user's type checker sees it: correct scripts pass, wrong calls are reported."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "stylelab"
FILES = (
    "exercises/check.py",
    "features.py",
    "losses.py",
    "clouds.py",
    "maps.py",
    "decoders.py",
    "cascade.py",
    "loop.py",
    "networks.py",
    "objective.py",
    "seeing.py",
    "stylise.py",
    "tensors.py",
    "training.py",
    "transfer.py",
)
HALVES = ("torch", "tensorflow")
pytestmark = pytest.mark.plain

RIGHT = """
import numpy as np

import stylelab
from stylelab import encoders, images, plots
from stylelab.errors import InputError
from stylelab.recipes import RECIPES, Recipe, scaled
from stylelab.result import Result, Step

def watch(step: Step) -> None:
    loss: float = step.loss
    image: np.ndarray = step.image

result: Result = stylelab.transfer("china", np.zeros((64, 64, 3)), recipe=RECIPES["gatys"], size=256, watch=watch, style_layers=["conv1_1"])
losses: np.ndarray = result.history["total"]
row: dict[str, float] = result.history[0]
recipe: Recipe = scaled("lab", "cpu")
batch: list[Result] = stylelab.transfer_batch(["china"], ["fluid"], backend="tensorflow", steps=3, scales=2)
spec: encoders.Encoder = encoders.find_encoder("mini")
image: np.ndarray = images.open_image("china", 96)
plots.loss_curves(result.history).savefig("losses.png")
name: str = result.save("out.png").name
try:
    images.open_image("no such thing")
except InputError as error:
    status: int = error.exit_status
"""

WRONG = {  # a call -> words of its error message
    'stylelab.transfer("china", "fluid", size="large")': r'"str"; expected "int | None"',
    'stylelab.transfer("china", "fluid", sise=96)': 'Unexpected keyword argument "sise"',
    'stylelab.transfer("china")': 'Missing positional argument "style"',
    'stylelab.transfer("china", 3)': '"int"; expected',
    'stylelab.transfer("china", "fluid", scales="two")': '"scales".* expected "int',
    'stylelab.transfer("china", "fluid").images': 'has no attribute "images"',
    'stylelab.transfer_batch("china", "fluid", sede=1)': 'Unexpected keyword argument "sede"',
    'images.open_image("china", size=0.5)': '"float"; expected "int | None"',
    'encoders.find_encoder("mini").layer': 'has no attribute "layer"',
    'recipes.scaled("lab")': 'Missing positional argument "preset"',
    'image: str = images.open_image("china")': "Incompatible types in assignment",
}


def mypy(folder: Path, *scripts: str) -> str:
    """The output of mypy for scripts that use stylelab, with its strictest settings and without ours."""
    for number, script in enumerate(scripts):
        (folder / f"script{number}.py").write_text(textwrap.dedent(script))
    command = [
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "--disable-error-code=type-arg",
        f"--cache-dir={ROOT / '.mypy_cache' / 'scripts'}", "--no-warn-unused-ignores", ".",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=folder, env={"MYPYPATH": str(ROOT), "HOME": str(folder)}, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
    return run.stdout


def test_a_script_that_uses_stylelab_type_checks_and_wrong_calls_are_refused(tmp_path):
    wrong = "import stylelab\nfrom stylelab import encoders, images, recipes\n" + "\n".join(WRONG)
    output = mypy(tmp_path, RIGHT, wrong)
    assert "script0.py" not in output, output
    lines = {int(number): text for number, text in re.findall(r"script1\.py:(\d+): error: (.*)", output)}
    for number, (call, words) in enumerate(WRONG.items(), 3):
        assert re.search(words, lines.get(number, "")), f"{call}: {lines.get(number, 'no error')}"


def test_the_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").is_file()


def public(half: str) -> dict[str, ast.FunctionDef]:
    """The functions of `__all__`, by name."""
    (names,) = [
        ast.literal_eval(node.value)
        for node in ast.parse((PACKAGE / half / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    functions = {
        node.name: node
        for file in FILES
        for node in ast.parse((PACKAGE / half / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    return {name: functions[name] for name in names}


def annotations(node: ast.FunctionDef) -> dict[str, str]:
    """The types of a function's arguments and of what it returns, as text; '' for one without."""
    arguments = [*node.args.args, *node.args.kwonlyargs, *filter(None, [node.args.vararg, node.args.kwarg])]
    types = {argument.arg: argument.annotation for argument in arguments} | {"return": node.returns}
    return {name: ast.unparse(type_).strip("'") if type_ else "" for name, type_ in types.items()}


@pytest.mark.parametrize("half", HALVES)
def test_every_exported_function_is_annotated_in_full(half):
    functions = public(half).items()
    assert not {(name, argument) for name, node in functions for argument, type_ in annotations(node).items() if not type_}


def test_both_halves_have_the_same_annotations():
    torch, tensorflow = public("torch"), public("tensorflow")
    for name, node in torch.items():
        expected = annotations(tensorflow[name])
        for argument, type_ in annotations(node).items():
            # PyTorch has a class for devices, TensorFlow only names
            assert type_.replace("str | torch.device", "str").replace("torch.device", "str") == expected[argument], (
                name,
                argument,
            )
