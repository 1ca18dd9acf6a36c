"""The two halves say the same thing twice: names, arguments, defaults, first sentences. Read with `ast`, not imported."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "stylelab"
NAMES = """__init__ tensors features losses clouds maps decoders cascade objective loop transfer seeing networks training stylise
    engine/look engine/passes engine/winograd engine/optimisers engine/plan engine/tiles exercises/check exercises/answers
    exercises/lab"""
FILES = [f"{name}.py" for name in NAMES.split()]


def tree(half: str, file: str) -> ast.Module:
    return ast.parse((PACKAGE / half / file).read_text())


def public(half: str, file: str) -> dict[str, ast.FunctionDef]:
    nodes = tree(half, file).body
    return {n.name: n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")}


def exported(half: str) -> list[str]:
    for node in tree(half, "__init__.py").body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"stylelab.{half} has no __all__")


def signature(node: ast.FunctionDef) -> list[tuple[str, str | None]]:
    arguments, args = [], node.args
    defaults = [None] * (len(args.args) - len(args.defaults)) + args.defaults
    for argument, default in [*zip(args.args, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]:
        arguments.append((argument.arg, default and ast.unparse(default)))
    return arguments


def first_sentence(node: ast.FunctionDef) -> str:
    """Without what stands in backticks: shapes, which differ."""
    return re.sub("`[^`]*`", "", ast.get_docstring(node).split("\n")[0])


def test_both_halves_have_the_same_files_and_names():
    for half in ("torch", "tensorflow"):
        assert set(FILES) <= {path.relative_to(PACKAGE / half).as_posix() for path in (PACKAGE / half).rglob("*.py")}
    assert exported("torch") == exported("tensorflow")


@pytest.mark.parametrize("file", FILES)
def test_public_functions_have_the_same_arguments_and_first_sentence(file):
    torch, tensorflow = public("torch", file), public("tensorflow", file)
    assert torch.keys() == tensorflow.keys()
    for name, node in torch.items():
        assert first_sentence(node) == first_sentence(tensorflow[name]), name
        if isinstance(node, ast.FunctionDef):
            assert signature(node) == signature(tensorflow[name]), name


@pytest.mark.parametrize("half", ["torch", "tensorflow"])
def test_every_exported_function_says_what_it_takes_gives_raises_and_where_it_comes_from(half):
    files = [file for file in FILES if file != "exercises/answers.py"]  # which has functions of the same names
    found = {name: node for file in files for name, node in public(half, file).items()}
    for name in exported(half):
        text = ast.get_docstring(found[name])
        assert "Args:" in text and ("Returns:" in text or "Yields:" in text), f"{half}.{name}"
        assert "Raises:" in text and "Source:" in text, f"{half}.{name}"


@pytest.mark.parametrize(("half", "other"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_neither_half_imports_the_other(half, other):
    for path in (PACKAGE / half).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == other or name.startswith(f"stylelab.{other}") for name in names), path
