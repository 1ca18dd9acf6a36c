"""Answers as a student would type them, taken out of the source of tests/exercises/answers_lesson_*.py, which is not imported.

So no framework is needed, and an answer finds only what the lesson itself has imported.
"""

import ast
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stylelab.tools.classroom.marking.model_answers import library_source

FOLDER = Path(__file__).parent / "exercises"
GIVEN = {"numpy", "torch", "tensorflow", "words"}  # what a lesson's first cell imports, and the words that are put in
SLOW = ("loop", "double")  # kinds of right answers that are too slow for the rest of a lesson


def right(framework: str, exercise: str) -> str:
    """The text of an exercise cell with a right answer; the library's own if no other is written down."""
    kinds = {kind: place for kind, place in find_answers(framework, "RIGHT", exercise) if kind not in SLOW}
    return as_cell(framework, exercise, next(iter(kinds.values()))) if kinds else library_source(framework, exercise)


def wrong(framework: str, exercise: str) -> str:
    """The text of an exercise cell with the first of the wrong answers, or else with one that returns nothing."""
    place = next((place for _, place in find_answers(framework, "WRONG", exercise)), None)
    return as_cell(framework, exercise, place) if place else f"def {exercise}(*arguments):\n    answer = None\n    return answer"


@cache
def _read(name: str) -> tuple[str, ast.Module]:
    """Source and syntax tree of a file of answers."""
    text = (FOLDER / name).read_text()
    return text, ast.parse(text)


def find_answers(framework: str, table: str, exercise: str) -> Iterator[tuple[str, tuple]]:
    """Yield (kind of answer, (file, node)) for each entry of RIGHT[exercise] or WRONG[exercise] that this framework has."""
    for name in sorted(path.name for path in FOLDER.glob("answers_lesson_*.py")):
        for statement in _read(name)[1].body:
            if not isinstance(statement, ast.Assign) or ast.unparse(statement.targets[0]) != table:
                continue
            entries = {key.value: value for key, value in zip(statement.value.keys, statement.value.values, strict=True)}
            answers = entries.get(exercise)
            if isinstance(answers, ast.Dict):
                named = {key.value: value for key, value in zip(answers.keys, answers.values, strict=True)}
                for kind, node in named.items():
                    only, _, rest = kind.rpartition(": ")
                    if only in ("", framework):
                        yield rest, (name, node)
            elif answers is not None:  # a list of (answer, words of its hint), or with the one framework that has it
                for entry in answers.elts:
                    if len(entry.elts) == 2 or entry.elts[2].value == framework:
                        yield ast.unparse(entry.elts[1]), (name, entry.elts[0])


def as_cell(framework: str, exercise: str, place: tuple) -> str:
    """The answer and its helpers inside one function, so that their names do not mix with the lesson's."""
    name, node = place
    files = [_read(f"words_{framework}.py"), _read(name)]
    helpers = [_helper(text, statement) for text, statement in _needed(files, node)]
    body = "\n".join([*helpers, f"return {textwrap.dedent(ast.get_source_segment(_read(name)[0], node))}"])
    return f"def _answer():\n{textwrap.indent(body, '    ')}\n\n\n{exercise} = _answer()"


def _helper(text: str, statement: ast.stmt) -> str:
    """The statement as it is; a word such as `mean = torch.mean` as a function, which needs the framework only when called."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() as function):
            return f"def {name}(*given, **named):\n    return {ast.unparse(function)}(*given, **named)"
    return ast.get_source_segment(text, statement)


def _needed(files: list[tuple[str, ast.Module]], node: ast.AST) -> list[tuple[str, ast.stmt]]:
    """The statements of the files that an answer depends on, in order, each with the text of its file."""
    statements = [(text, statement) for text, tree in files for statement in tree.body]
    defined = {name: statement for _, statement in statements for name in _names(statement)}
    needed, waiting = [], [node]
    while waiting:
        for name in {inner.id for inner in ast.walk(waiting.pop()) if isinstance(inner, ast.Name)}:
            statement = defined.get(name)
            if statement is not None and statement not in needed:
                needed.append(statement)
                waiting.append(statement)
    return [(text, statement) for text, statement in statements if statement in needed]


def _names(statement: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(statement, ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return [name for name in names if name not in ("torch", "tf")]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        module = getattr(statement, "module", None) or statement.names[0].name
        return [] if module.partition(".")[0] in GIVEN else [alias.asname or alias.name for alias in statement.names]
    return []
