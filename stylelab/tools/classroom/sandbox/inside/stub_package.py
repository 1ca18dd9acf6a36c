"""Replaces the package `stylelab` while an answer is graded: its functions are out of reach.

A student's cells may import what a lesson's first cell imports; using it raises an error that asks for an answer of one's own.
"""

import importlib.abc
import importlib.machinery
import sys
import types

MESSAGE = "stylelab's own functions are out of reach while an answer is graded: write it yourself"
SPECIAL_METHODS = (  # what Python calls when an object is used
    "call", "getitem", "setitem", "iter", "next", "len", "contains", "enter", "mro_entries", "float", "int", "index", "array", "neg",
    "abs", "add", "radd", "sub", "rsub", "mul", "rmul", "matmul", "rmatmul", "truediv", "rtruediv", "pow", "rpow", "or", "ror",
    "lt", "le", "gt", "ge",
)  # fmt: skip
PAPER = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # a lesson's LAYERS, which an answer may use


class OutOfReach(RuntimeError):
    """An answer called the library."""


def _refuse(self, *arguments, **named):
    raise OutOfReach(f"{self.__name__}: {MESSAGE}")


class Refusing:
    """Attributes can be named; any other use is refused."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    for _method in SPECIAL_METHODS:
        vars()[f"__{_method}__"] = _refuse


class Absent(Refusing):
    """Any function, class or table of the library."""

    def __init__(self, name: str):
        self.__name__ = self.__qualname__ = name


class AbsentModule(Refusing, types.ModuleType):
    """Any module of the library."""

    __path__: list[str] = []


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module of the package that was not copied here, with what a lesson's first cell needs of it."""

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("stylelab."):
            return None
        copied = importlib.machinery.PathFinder.find_spec(name, path)
        return copied or importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return AbsentModule(spec.name)

    def exec_module(self, module):
        if module.__name__ == "stylelab.page":
            module.set_up, module.predict = set_up, nothing
        elif module.__name__ == "stylelab.recipes":
            module.PAPER = PAPER


def check(exercise_id, function):
    """Return the function unchanged: the grader has its own check."""
    return function


def nothing(*_, **__) -> None:
    """Replaces what only shows something to a student: hints, guesses, how far one is."""


hint = solution = progress = submit = nothing


def set_up(sl, seed: int = 0) -> types.SimpleNamespace:
    """Replaces `stylelab.page.set_up`."""
    return types.SimpleNamespace(preset="ci", seed=seed, device="cpu")


sys.meta_path.insert(0, Finder())  # before the finder of an editable installation, which would find the real package


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return importlib.import_module(f"stylelab.{name}")  # a module or a function: both can be named, and refuse any other use
