"""Find what an answer uses that is out of reach during grading: the package's own functions, processes and connections.

The compiled function is read and not run: names that lead into certain modules are looked for. Notebook and grader say the same.
"""

import dis
import functools
import inspect
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from contextlib import suppress

# the grader has these as well
ALLOWED = {"to_tensor", "to_array", "find_device", "check", "hint", "solution", "progress", "submit"}
OUT_OF_REACH = "stylelab's own functions are out of reach while an answer is graded: write it yourself"
FAR = 30  # how many functions are followed
PACKAGE = "stylelab"
REFUSED = "An answer can start no process and open no connection while it is graded: do the work in the function itself."
REFUSED_MODULES = {
    "subprocess",
    "multiprocessing",
    "concurrent.futures.process",
    "socket",
    "pty",
    "urllib.request",
    "http.client",
    "requests",
}
REFUSED_CALLS = {
    "system",
    "popen",
    "fork",
    "forkpty",
    "posix_spawn",
    "posix_spawnp",
    "create_subprocess_exec",
    "create_subprocess_shell",
}
LIBRARIES = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib"))


def innermost(function: object) -> object:
    """The function as it was written: without decorators that name what they wrap, `partial`, or an object around it."""
    for _ in range(FAR):
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        inner = function.__func__ if isinstance(function, types.MethodType) else inner
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


def refusal(function: object) -> str | None:
    """The sentence for an answer that would start a process or open a connection; None if it would not."""
    waiting, seen = [innermost(function)], set[int]()
    while waiting and len(seen) < FAR:
        inner = waiting.pop()
        if id(inner) in seen or not isinstance(inner, types.FunctionType) or inner.__code__.co_filename.startswith(LIBRARIES):
            continue
        seen.add(id(inner))
        values = dict(inspect.getclosurevars(inner).nonlocals) | inner.__globals__
        for code in _with_inner_code(inner.__code__):
            value: object = None
            for instruction in dis.get_instructions(code):
                word = instruction.argval
                if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                    value = values.get(word)
                    waiting.append(innermost(value))
                elif instruction.opname == "IMPORT_NAME":
                    value = sys.modules.get(word.partition(".")[0], word)
                    value = word if word in REFUSED_MODULES else value
                elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM") and isinstance(value, types.ModuleType):
                    value = getattr(value, word, None)
                else:
                    value = None
                if name := _refused_name(value):
                    return f"{name}: {REFUSED}"
    return None


def _refused_name(value: object) -> str | None:
    """The dotted name of a module, function or class that starts processes or opens connections."""
    home, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if isinstance(value, str | types.ModuleType):
        home, name = getattr(value, "__name__", value), ""
    if not isinstance(home, str) or not isinstance(name, str):
        return None
    system = home in ("os", "posix", "asyncio.subprocess") and (name in REFUSED_CALLS or name.startswith(("exec", "spawn")))
    if system or any(
        home == module or home.endswith(f".{module}") or home.startswith(f"{module}.") for module in REFUSED_MODULES
    ):
        return f"{home.replace('posix', 'os')}.{name}".rstrip(".")
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
