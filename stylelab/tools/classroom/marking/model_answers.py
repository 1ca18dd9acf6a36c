"""The library's own answer to an exercise as a text that stands alone.

A lesson goes on with the library's function where a student's is open or wrong, and a later answer may rest on it. So the
grader hands that one function to the later answer, cut out of the package's source: the package itself stays out of reach.
"""

import ast
from functools import cache
from pathlib import Path

from stylelab.exercises import LESSONS, find_exercise
from stylelab.tools.classroom.sandbox.inside.slice import needed, statements_of

PACKAGE = Path(__file__).resolve().parents[3]


@cache
def library_source(framework: str, exercise: str) -> str:
    """Python that gives the exercise's name the library's function, and rests on nothing of this package.

    Raises:
        InputError: no such exercise.
    """
    find_exercise(exercise)
    for module in (f"stylelab.{framework}.exercises.answers", f"stylelab.{framework}.losses", LESSONS[exercise].__name__):
        text = ast.unparse(_tree(module))
        if any(exercise in statement.binds for statement in statements_of(text, 0)):
            parts: dict[str, str] = {}
            _cut(text, module, exercise, parts)
            return "\n\n".join(parts.values())
    raise LookupError(exercise)


@cache
def _tree(module: str) -> ast.Module:
    path = PACKAGE.parent / Path(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def _cut(text: str, module: str, name: str, parts: dict[str, str]) -> None:
    """Add to `parts` what `name` rests on in a module's text, after what that rests on in other modules of the package."""
    chosen = [each.node for each in needed(list(statements_of(text, 0)), 0, name, ())]
    for node in chosen:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("stylelab"):
            for alias in node.names:
                if _is_module(f"{node.module}.{alias.name}"):
                    _cut_module(f"{node.module}.{alias.name}", alias.asname or alias.name, chosen, parts)
                else:
                    _cut(ast.unparse(_tree(node.module)), node.module, alias.name, parts)
        else:
            parts.setdefault(ast.unparse(node), ast.unparse(node))


def _cut_module(module: str, name: str, nodes: list[ast.stmt], parts: dict[str, str]) -> None:
    """A module under a name of its own, with as much of it as is used: two modules may have functions of one name."""
    inside = [each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    used = sorted({each.attr for each in inside if isinstance(each.value, ast.Name) and each.value.id == name})
    for each in used:
        _cut(ast.unparse(_tree(module)), module, each, parts)
    if used:
        text = f"import types\n{name} = types.SimpleNamespace({', '.join(f'{each}={each}' for each in used)})"
        parts.setdefault(text, text)


def _is_module(name: str) -> bool:
    path = PACKAGE.parent / Path(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
