"""The library's own answer to an exercise, as source code that needs nothing else of this package.

Where a student's answer is missing or wrong, a lesson continues with the library's function, and a later answer may call it.
The grader does the same: it gives that one function to the later answer, extracted from the package's source. The package
itself stays out of the sandbox.
"""

import ast
from functools import cache
from pathlib import Path

from stylelab.exercises import find_exercise
from stylelab.tools.classroom.sandbox.inside.slice import needed, statements_of

PACKAGE = Path(__file__).resolve().parents[3]


@cache
def library_source(framework: str, exercise: str) -> str:
    """Python that binds the exercise's name to the library's function, without importing this package.

    Raises:
        InputError: no such exercise.
    """
    find_exercise(exercise)
    module = f"stylelab.{framework}.exercises.check"
    tree = _parse(module)
    table = next(node.value for node in tree.body if isinstance(node, ast.AnnAssign) and node.target.id == "LIBRARY")
    entry = next(value for key, value in zip(table.keys, table.values, strict=True) if key.value == exercise)
    parts: dict[str, str] = {}
    assignment = f"{exercise} = {ast.unparse(_InlineModules(tree, parts).visit(entry))}"
    imports = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    _extract(f"{ast.unparse(imports)}\n{assignment}", exercise, parts)
    return "\n\n".join(parts.values())


@cache
def _parse(module: str) -> ast.Module:
    path = PACKAGE.parent / Path(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


class _InlineModules(ast.NodeTransformer):
    """Replaces `answers.psnr` by `psnr`, whose source is added to `parts`."""

    def __init__(self, tree: ast.Module, parts: dict[str, str]):
        self.parts = parts
        self.modules = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module.startswith("stylelab")
            for alias in node.names
        }

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:  # noqa: N802  the name that ast looks for
        if not isinstance(node.value, ast.Name) or node.value.id not in self.modules:
            return self.generic_visit(node)
        _extract(ast.unparse(_parse(self.modules[node.value.id])), node.attr, self.parts)
        return ast.Name(node.attr, ast.Load())


def _extract(source: str, name: str, parts: dict[str, str]) -> None:
    """Add to `parts` the statements that `name` depends on in a module's source, other modules' statements first."""
    nodes = [statement.node for statement in needed(list(statements_of(source, 0)), 0, name, ())]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("stylelab"):
            for alias in node.names:
                if _is_module(node.module):
                    _extract(ast.unparse(_parse(node.module)), alias.name, parts)
                elif _is_module(f"{node.module}.{alias.name}"):
                    _extract_namespace(f"{node.module}.{alias.name}", alias.asname or alias.name, nodes, parts)
        else:
            parts.setdefault(ast.unparse(node), ast.unparse(node))


def _extract_namespace(module: str, name: str, nodes: list[ast.stmt], parts: dict[str, str]) -> None:
    """Add a module as a namespace that holds what is used of it: two modules may have functions of the same name."""
    attributes = [inner for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
    used = sorted({inner.attr for inner in attributes if isinstance(inner.value, ast.Name) and inner.value.id == name})
    for attribute in used:
        _extract(ast.unparse(_parse(module)), attribute, parts)
    if used:
        text = f"import types\n{name} = types.SimpleNamespace({', '.join(f'{attribute}={attribute}' for attribute in used)})"
        parts.setdefault(text, text)


def _is_module(name: str) -> bool:
    return (PACKAGE.parent / Path(*name.split("."))).with_suffix(".py").is_file()
