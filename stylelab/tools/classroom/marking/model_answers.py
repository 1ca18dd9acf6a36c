"""The library's own answer to an exercise, as source code that needs nothing else of this package.

Where a student's answer is missing or wrong, a lesson continues with the library's function, and a later answer may call it.
The grader does the same: it gives that one function to the later answer, extracted from the package's source. The package
itself stays out of the sandbox.
"""

import ast
from functools import cache
from pathlib import Path

from stylelab.exercises import LESSONS, find_exercise
from stylelab.tools.classroom.sandbox.inside.slice import needed
from stylelab.tools.classroom.sandbox.inside.statements import statements_of

PACKAGE = Path(__file__).resolve().parents[3]


@cache
def library_source(framework: str, exercise: str) -> str:
    """Python that binds the exercise's name to the library's function, without importing this package.

    Raises:
        InputError: no such exercise.
    """
    find_exercise(exercise)
    for module in (f"stylelab.{framework}.exercises.answers", f"stylelab.{framework}.losses", LESSONS[exercise].__name__):
        if any(exercise in statement.binds for statement in statements_of(_read(module), 0)):
            parts: dict[str, None] = {}
            _extract(module, exercise, parts, exercise)
            return "\n\n".join(parts)
    raise LookupError(exercise)


@cache
def _read(module: str) -> str:
    """A module's source, in Python's own layout and without comments."""
    file = _find(module)
    assert file is not None
    return ast.unparse(ast.parse(file.read_text()))


def _find(module: str) -> Path | None:
    path = PACKAGE.parent / Path(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _extract(module: str, name: str, parts: dict[str, None], exercise: str) -> None:
    """Add to `parts` the statements that `name` depends on in a module, preceded by those in other modules of the package.

    Only the exercise's own function keeps its docstring.
    """
    nodes = [statement.node for statement in needed(list(statements_of(_read(module), 0)), 0, name, ())]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stylelab"):
            for alias in node.names:
                if _find(f"{node.module}.{alias.name}"):
                    _extract_namespace(f"{node.module}.{alias.name}", alias.asname or alias.name, nodes, parts, exercise)
                else:
                    _extract(node.module, alias.name, parts, exercise)
            continue
        for inner in ast.walk(node) if exercise != getattr(node, "name", "") else ():
            if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:] or [ast.Pass()]
        parts[ast.unparse(node)] = None


def _extract_namespace(module: str, name: str, nodes: list[ast.stmt], parts: dict[str, None], exercise: str) -> None:
    """Add a module as a namespace that holds what is used of it: two modules may have functions of the same name."""
    attributes = [inner for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
    used = sorted({inner.attr for inner in attributes if isinstance(inner.value, ast.Name) and inner.value.id == name})
    for attribute in used:
        _extract(module, attribute, parts, exercise)
    if used:
        fields = ", ".join(f"{attribute}={attribute}" for attribute in used)
        parts[f"import types\n{name} = types.SimpleNamespace({fields})"] = None
