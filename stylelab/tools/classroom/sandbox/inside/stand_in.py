"""Stands in for the package `stylelab` while an answer is graded: its functions are out of reach.

What a lesson's first cell asks for can be imported, for a student's cells do so; using it says in one sentence that an
answer has to be one's own.
"""

import importlib.abc
import importlib.machinery
import sys
import types

WORDS = "stylelab's own functions are out of reach while an answer is graded: write it yourself"
USED = (  # what Python calls when something is used
    "call", "getitem", "setitem", "iter", "next", "len", "contains", "enter", "mro_entries", "float", "int", "index", "array", "neg",
    "abs", "add", "radd", "sub", "rsub", "mul", "rmul", "matmul", "rmatmul", "truediv", "rtruediv", "pow", "rpow", "or", "ror",
    "lt", "le", "gt", "ge",
)  # fmt: skip


PAPER = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # a lesson's LAYERS, which an answer may go through


class OutOfReach(RuntimeError):
    """The library was called from an answer."""


def _refuse(self, *arguments, **named):
    raise OutOfReach(f"{self.__name__}: {WORDS}")


class Refusing:
    """Its parts can be named; whatever else is done with it is refused."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    for _way in USED:
        vars()[f"__{_way}__"] = _refuse


class Absent(Refusing):
    """Any function, class or table of the library."""

    def __init__(self, name: str):
        self.__name__ = self.__qualname__ = name


class AbsentModule(Refusing, types.ModuleType):
    """Any module of the library."""

    __path__: list[str] = []


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes every part of the package that is not here, and what a lesson's first cell makes of it."""

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("stylelab."):
            return None
        here = importlib.machinery.PathFinder.find_spec(name, path)
        return here or importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return AbsentModule(spec.name)

    def exec_module(self, module):
        if module.__name__ == "stylelab.page":
            module.set_up = _set_up
        elif module.__name__ == "stylelab.recipes":
            module.PAPER = PAPER


def _set_up(sl, seed: int = 0) -> types.SimpleNamespace:
    return types.SimpleNamespace(preset="ci", seed=seed, device="cpu")


sys.meta_path.insert(0, Finder())  # before that of an installation for development, which knows where the real package is


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return importlib.import_module(f"stylelab.{name}")  # a module or a function: both can be named, and refuse the rest
