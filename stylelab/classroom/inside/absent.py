"""Stands in for the package `stylelab` while an answer is graded: its functions are out of reach.

What a lesson's first cell asks for can be imported, for a student's cells do so; using it says in one sentence that an
answer has to be one's own.
"""

import importlib.abc
import importlib.machinery
import sys
import types

WORDS = "stylelab's own functions are out of reach while an answer is graded: write it yourself"


class OutOfReach(RuntimeError):
    """The library was called from an answer."""


class Absent:
    """Any function of the library."""

    def __init__(self, name: str):
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments, **named):
        raise OutOfReach(f"{self.__name__}: {WORDS}")

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")


class AbsentModule(types.ModuleType):
    __path__: list[str] = []

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes every part of the package that is not here, and what a lesson's first cell makes of it."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.startswith("stylelab.") else None

    def create_module(self, spec):
        return AbsentModule(spec.name)

    def exec_module(self, module):
        if module.__name__ == "stylelab.studio":
            module.set_up = lambda *arguments, **named: types.SimpleNamespace(device="cpu", preset="ci", framework="", seed=0)


sys.meta_path.append(Finder())


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return Absent(f"stylelab.{name}")
