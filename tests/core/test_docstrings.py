"""The examples in the docstrings of public functions and classes are correct, and all that can run cheaply have one.

An example may use these names without importing them: `np`; `stylelab` and its modules `encoders`, `images`, `page`, `plots`,
`recipes`; `cat` and `painting`, images of 40 x 60 and 64 x 64 pixels; and, in the halves only, `sl`, the half. It runs in an
empty folder, with an empty cache. In its printed answer, `...` stands for anything.
"""

import ast
import doctest
import importlib
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from stylelab.exercises.checking.check import _last

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "stylelab", "stylelab.errors", "stylelab.images", "stylelab.encoders", "stylelab.plots", "stylelab.page", "stylelab.recipes",
    "stylelab.result", "stylelab.run.settings",
)  # fmt: skip
WITHOUT_EXAMPLE = {
    "stylelab.InputError": "an error: see `unknown`",
    "stylelab.MachineError": "an error: see `unknown`",
    "stylelab.NotFiniteError": "an error: see `unknown`",
    "stylelab.StylelabError": "an error: see `unknown`",
    "stylelab.errors.InputError": "an error: see `unknown`",
    "stylelab.errors.Interrupted": "an error: see `unknown`",
    "stylelab.errors.MachineError": "an error: see `unknown`",
    "stylelab.errors.NotFiniteError": "an error: see `unknown`",
    "stylelab.errors.StylelabError": "an error: see `unknown`",
    "stylelab.page.Setting": "made by `set_up`",
    "stylelab.page.choose": "a widget, for a notebook only",
    "stylelab.page.display_widget": "a widget, for a notebook only",
    "stylelab.page.predict": "a widget, for a notebook only",
    "stylelab.page.quiz": "a widget, for a notebook only",
    "stylelab.page.try_it": "a widget, for a notebook only",
    "stylelab.plots.Columns": "a type",
    "stylelab.plots.Figure": "made by the other functions",
    "stylelab.result.Provenance": "a type",
    "stylelab.check": "for a course of one's own, which the empty folder has not",
    "stylelab.hint": "for a course of one's own, which the empty folder has not",
    "stylelab.progress": "for a folder with lessons",
    "stylelab.solution": "for a course of one's own, which the empty folder has not",
    "stylelab.studio": "a widget, for a notebook only",
    "stylelab.submit": "a widget, for a notebook only",
}


def public_names(module):
    """The names in a module's `__all__`, or else its public functions and classes, without constants.

    The module is read, not imported, so that tests are collected quickly and without a framework.
    """
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.isupper()]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")]


def examples(module, name):
    """The doctests of a public function, or of a public class and its methods; None for a type alias."""
    thing = getattr(importlib.import_module(module), name)
    if not getattr(thing, "__module__", "").startswith("stylelab"):
        return None
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(thing, f"{module}.{name}") if test.examples]


def run(tests, folder, names):
    """Run doctests in an empty folder with these global names, and fail with what doctest reports."""
    stylelab = importlib.import_module("stylelab")
    modules = ("encoders", "images", "page", "plots", "recipes")
    names |= {name: importlib.import_module(f"stylelab.{name}") for name in modules} | {"np": np, "stylelab": stylelab}
    names |= {"cat": names["images"].open_image("cat", 60), "painting": names["images"].open_image("fluid", 64)}
    report = []
    environment = {"STYLELAB_CACHE": str(folder / "cache"), "STYLELAB_PRESET": "ci"}
    with mock.patch.dict(os.environ, environment), mock.patch.dict(_last, clear=True):  # of checks in other tests
        for test in tests:
            test.globs = dict(names)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
            runner.run(test, out=report.append)
    assert not report, "".join(report)


def check(module, name, folder, **names):
    """Run the examples of a public name, or check that it is listed as one without."""
    tests = examples(module, name)
    if tests is None:
        return
    if f"{module}.{name}" in WITHOUT_EXAMPLE:
        assert not tests, f"{module}.{name} has an example: take it off the list"
    else:
        assert tests, f"{module}.{name} has no example: write one, or add it to the list"
        run(tests, folder, names)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name"), [(module, name) for module in MODULES for name in public_names(module)])
def test_the_examples_of_a_public_name_are_correct(module, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(module, name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", public_names("stylelab.torch"))
def test_the_examples_of_a_half_are_correct(framework, sl, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(f"stylelab.{framework}", name, tmp_path, sl=sl)


def test_the_list_of_names_without_an_example_has_no_others():
    modules = (*MODULES, "stylelab.torch", "stylelab.tensorflow")
    assert set(WITHOUT_EXAMPLE) <= {f"{module}.{name}" for module in modules for name in public_names(module)}


def test_a_wrong_example_is_noticed(tmp_path):
    test = doctest.DocTestParser().get_doctest(">>> np.arange(2).sum()\n2\n", {}, "sum", "sum.py", 1)
    with pytest.raises(AssertionError, match=r"Expected:\s+2\s+Got:\s+np.int64\(1\)"):
        run([test], tmp_path, {})
