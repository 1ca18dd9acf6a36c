"""Find the package's own functions that an answer uses. They are out of reach during grading, so the notebook warns of them.

The compiled function is read and not run: names that lead into a module of the package are looked for.
"""

import dis
import functools
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import suppress

ALLOWED = {"to_tensor", "to_array", "find_device", "check"}  # the grader has these as well
OUT_OF_REACH = "stylelab's own functions are out of reach while an answer is graded: write it yourself"
FAR = 30  # how many functions are followed
PACKAGE = "stylelab"


def innermost(function: object) -> object:
    """The function as it was written: without decorators that name what they wrap, `partial`, or an object around it."""
    for _ in range(FAR):
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        if inner is None and not hasattr(function, "__code__"):
            inner = type(function).__call__ if callable(function) else None
            inner = inner if hasattr(inner, "__code__") else None
        if inner is None:
            return function
        function = inner
    return function


def own_function(function: Callable, known: frozenset[str] = frozenset()) -> str | None:
    """The first of the package's functions that an answer uses, such as 'stylelab.torch.gram_matrix', or None.

    Args:
        known: names of exercises, which a lesson itself may bind to the package's functions.
    """
    waiting = [innermost(function)]
    seen: set[int] = set()
    while waiting and len(seen) < FAR:
        inner = waiting.pop()
        if id(inner) in seen or not isinstance(inner, types.FunctionType):
            continue
        seen.add(id(inner))
        for name, value in _used(inner):
            if isinstance(value, str):
                return value
            if name not in known and (value := innermost(value)) is not None:
                if isinstance(value, types.FunctionType) and (value.__module__ or "").partition(".")[0] == PACKAGE:
                    return f"{value.__module__}.{value.__name__}"
                waiting.append(value)
    return None


def _used(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """(name, function bound to it), or (name, dotted name) for a part of the package that is not ALLOWED."""
    values = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with suppress(ValueError):  # the cell is still empty
            values[name] = cell.cell_contents
    for code in _with_inner_code(function.__code__):
        name = ""
        value: object = None
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                name, value = instruction.argval, values.get(instruction.argval)
                if callable(value) and not isinstance(value, type):
                    yield name, value
                elif home := _home_of_constant(name, value):
                    yield name, f"{home}.{name}"
            elif (  # follow `sl.gram_matrix` part by part
                instruction.opname in ("LOAD_ATTR", "LOAD_METHOD")
                and isinstance(value, types.ModuleType)
                and value.__name__.partition(".")[0] == PACKAGE
            ):
                part = getattr(value, instruction.argval, None)
                if not isinstance(part, types.ModuleType) and instruction.argval not in ALLOWED:
                    yield name, f"{value.__name__}.{instruction.argval}"
                value = part
            else:
                value = None


def _home_of_constant(name: str, value: object) -> str | None:
    """The module of the package from which a list or a dict was imported, such as LAYERS."""
    if not isinstance(value, tuple | list | dict):
        return None
    modules = (module for home, module in list(sys.modules.items()) if home.partition(".")[0] == PACKAGE)
    return next((module.__name__ for module in modules if vars(module).get(name) is value), None)


def _with_inner_code(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _with_inner_code(constant)
