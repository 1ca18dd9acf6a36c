"""The library's own answers as source: self-contained, correct, and without anything that reveals how answers are judged."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stylelab import exercises
from stylelab.errors import InputError
from stylelab.exercises.checking.call import ask
from stylelab.tools.classroom.marking import model_answers
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.notebooks.lessons import all_editions

ROOT = Path(__file__).resolve().parents[2]
HALVES = ("torch", "tensorflow")
IDS = tuple(exercises.EXERCISES)
DEPENDS = {  # exercise -> other exercises that the library's answer calls
    "style_layer_loss": {"gram_matrix"},
    "style_loss": {"gram_matrix", "style_layer_loss"},
    "reconstruct": {"one_step", "picture_gradient"},
    "one_step": {"picture_gradient"},
    "keras_variation": {"total_variation"},
}
every_source = pytest.mark.parametrize("half, exercise", [(half, exercise) for half in HALVES for exercise in IDS])


def words(text: str) -> set[str]:
    """All words and names in a text."""
    return set(re.findall(r"\w+", text))


def run_source(half: str, exercise: str):
    """The function that the source defines, run in an empty namespace."""
    namespace = {}
    exec(compile(library_source(half, exercise), "<library>", "exec", dont_inherit=True), namespace)
    return namespace[exercise]


@every_source
def test_a_source_names_no_exercise_that_it_does_not_call(half, exercise):
    assert words(library_source(half, exercise)) & set(IDS) - {exercise} - DEPENDS.get(exercise, set()) <= _PROSE.get(
        exercise, set()
    )
    bound = {node.name for node in ast.parse(library_source(half, exercise)).body if isinstance(node, ast.FunctionDef)}
    assert bound & set(IDS) - {exercise} == DEPENDS.get(exercise, set())


# in their docstrings: "The inverse of `preprocess`", "as in `instance_norm`"
_PROSE = {"deprocess": {"preprocess"}, "conditional_instance_norm": {"instance_norm"}}


@every_source
def test_a_source_imports_nothing_of_the_package(half, exercise):
    other = HALVES[half == "torch"]
    for node in ast.walk(ast.parse(library_source(half, exercise))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or ""]
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not {name.partition(".")[0] for name in names} & {"stylelab", other}
    assert not words(library_source(half, exercise)) & {"__import__", "importlib", "exec", "eval", "open"}


@every_source
def test_a_source_reveals_nothing_about_how_answers_are_judged(half, exercise):
    text = library_source(half, exercise)
    definition = exercises.find_exercise(exercise)
    for telling in (*definition.mistakes, *(each.hint for each in definition.properties)):
        assert telling not in text
    assert not words(text) & {"Exercise", "Mistake", "Property", "mistakes", "properties", "cases", "reference", "rng", "LIBRARY"}
    functions = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert not {name for name in functions if name.endswith("_cases")}
    if (
        not inspect.getmodule(definition.reference).__name__.startswith("numpy")
        and definition.reference.__name__ not in functions
    ):
        assert inspect.getsource(definition.reference) not in text


@every_source
def test_a_source_is_short_and_always_the_same(half, exercise):
    text = library_source(half, exercise)
    model_answers._library_source.cache_clear()
    assert library_source(half, exercise) == text
    assert len(text) < 16_000 and text.endswith(ast.unparse(ast.parse(text).body[-1]))


@every_source
def test_a_source_has_no_duplicate_statements(half, exercise):
    body = [ast.unparse(node) for node in ast.parse(library_source(half, exercise)).body]
    assert len(body) == len(set(body))


def test_no_lesson_gives_an_answer_away_before_its_exercise():
    for lesson, half in all_editions():
        ids = all_editions()[lesson, half].exercises
        for position, exercise in enumerate(ids):
            text = library_source(half, exercise)
            bound = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
            assert not bound & set(ids[position + 1 :]), f"{lesson}, {exercise}"


def test_every_exercise_of_every_lesson_has_a_source():
    assert {each for given in all_editions().values() for each in given.exercises} == set(IDS)


def test_sources_are_made_without_a_framework():
    code = (
        "import sys; from stylelab.tools.classroom.marking.model_answers import library_source as text; from stylelab.exercises import EXERCISES\n"
        "[text(half, each) for half in ('torch', 'tensorflow') for each in EXERCISES]\n"
        "assert not {'torch', 'tensorflow'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_an_unknown_exercise_gets_a_suggestion():
    with pytest.raises(InputError, match="gram_matrix"):
        library_source("torch", "gram_matrx")


@pytest.fixture(scope="module")
def lab_module(framework):
    """The module that the sandbox has of a framework's half."""
    __import__(framework)
    return sys.modules.get(f"stylelab.{framework}.exercises.lab") or __import__(
        f"stylelab.{framework}.exercises.lab", fromlist=["Lab"]
    )


@pytest.mark.parametrize("exercise", IDS)
def test_the_function_of_a_source_is_right(exercise, framework, lab_module):
    definition, function = exercises.find_exercise(exercise), run_source(framework, exercise)
    draws = [
        (cases, ask(definition, function, lab_module.Lab(), cases))
        for cases in (definition.inputs(seed) for seed in (0, 987_654_321))
    ]
    verdict = exercises.judge_draws(definition, draws)
    assert verdict.right and verdict.points == definition.points, verdict


@pytest.mark.parametrize("exercise", IDS)
def test_the_function_of_a_source_is_the_one_the_notebook_continues_with(exercise, framework, sl):
    module = sys.modules[sl.check.__module__]
    library = module.LIBRARY[exercise]
    mine = run_source(framework, exercise)
    assert inspect.signature(mine).parameters.keys() == inspect.signature(library).parameters.keys()
    assert inspect.getdoc(mine) == inspect.getdoc(library)
