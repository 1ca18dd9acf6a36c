"""The library's own answer to an exercise, as source code that needs nothing else of this package.

Where a student's answer is missing or wrong, a lesson continues with the library's function, and a later answer may call it.
The grader does the same: it gives that one function to the later answer, extracted from the package's source. The package
itself stays out of the sandbox. An exercise of a course of one's own has its answer among the course's files.
"""

import ast
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from stylelab.exercises import defining_module
from stylelab.exercises.own import ANSWERS, PREFIX, reference_expression
from stylelab.tools.classroom.sandbox.inside.slice import needed
from stylelab.tools.classroom.sandbox.inside.statements import statements_of

PACKAGE = Path(__file__).resolve().parents[3]


def library_source(framework: str, exercise: str) -> str:
    """Python that binds the exercise's name to the library's function, without importing this package.

    Raises:
        InputError: no such exercise.
        LookupError: it has no answer in this framework.
    """
    return _source(framework, exercise, ("exercises.answers", "losses"))


def model_answer(framework: str, exercise: str) -> str:
    """The same, written as plainly as a student could, where the library's function has more to do than the exercise asks for.

    Raises:
        InputError, LookupError: as above.
    """
    return _source(framework, exercise, ("exercises.plain", "exercises.answers", "losses"))


def _source(framework: str, exercise: str, parts: tuple[str, ...]) -> str:
    home = defining_module(exercise)
    if home.__package__ == "stylelab.exercises":
        return _library_source(framework, exercise, home, parts)
    return _own_source(framework, exercise, home)


@cache
def _library_source(framework: str, exercise: str, home: ModuleType, parts: tuple[str, ...]) -> str:
    for module in (*(f"stylelab.{framework}.{part}" for part in parts), home.__name__):
        if _find(module) and any(exercise in statement.binds for statement in statements_of(_read(module), 0)):
            return _joined(module, exercise)
    raise LookupError(exercise)


@cache
def _own_source(framework: str, exercise: str, home: ModuleType) -> str:
    """The answer in a course's file for a framework; in NumPy, the reference."""
    if framework in ANSWERS:
        module = f"{home.__package__}.{ANSWERS[framework]}"
        if _find(module) and any(exercise in statement.binds for statement in statements_of(_read(module), 0)):
            return _joined(module, exercise)
        raise LookupError(exercise)
    source = _read(home.__name__)
    reference = reference_expression(exercise, source)
    if reference is None:  # its definition was put together by other code
        raise LookupError(exercise)
    name = ast.unparse(reference)
    return _joined(home.__name__, exercise, "" if name == exercise else f"\n{exercise} = {name}\n")


def _joined(module: str, exercise: str, more: str = "") -> str:
    parts: dict[str, None] = {}
    _extract(module, exercise, parts, exercise, more)
    return "\n\n".join(parts)


@cache
def _read(module: str) -> str:
    """A module's source, in Python's own layout and without comments."""
    file = _find(module)
    assert file is not None
    return ast.unparse(ast.parse(file.read_text(encoding="utf-8")))


def _find(module: str) -> Path | None:
    package, _, name = module.rpartition(".")
    own = sys.modules.get(package) if package.startswith(PREFIX) else None
    path = Path(own.__path__[0]) / name if own else PACKAGE.parent / Path(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _extract(module: str, name: str, parts: dict[str, None], exercise: str, more: str = "") -> None:
    """Add to `parts` the statements that `name` depends on in a module, preceded by those in other modules of the package.

    Only the exercise's own function keeps its docstring.

    Args:
        more: statements at the end of the module.
    """
    nodes = [statement.node for statement in needed(list(statements_of(_read(module) + more, 0)), 0, name, ())]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (home := _home(node, module)):
            for alias in node.names:
                if _find(f"{home}.{alias.name}"):
                    _extract_namespace(f"{home}.{alias.name}", alias.asname or alias.name, nodes, parts, exercise)
                else:
                    _extract(home, alias.name, parts, exercise)
                    if alias.asname:
                        parts[f"{alias.asname} = {alias.name}"] = None
            continue
        for inner in ast.walk(node) if exercise != getattr(node, "name", "") else ():
            if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:] or [ast.Pass()]
        parts[ast.unparse(node)] = None


def _home(node: ast.ImportFrom, module: str) -> str:
    """The module of the package, or of the course, from which names are imported; empty for others."""
    if node.level:
        package = module.rpartition(".")[0]
        return f"{package}.{node.module}" if node.module else package
    return node.module if node.module and node.module.partition(".")[0] == "stylelab" else ""


def _extract_namespace(module: str, name: str, nodes: list[ast.stmt], parts: dict[str, None], exercise: str) -> None:
    """Add a module as a namespace that holds what is used of it: two modules may have functions of the same name."""
    attributes = [inner for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
    used = sorted({inner.attr for inner in attributes if isinstance(inner.value, ast.Name) and inner.value.id == name})
    for attribute in used:
        _extract(module, attribute, parts, exercise)
    if used:
        fields = ", ".join(f"{attribute}={attribute}" for attribute in used)
        parts[f"import types\n{name} = types.SimpleNamespace({fields})"] = None
