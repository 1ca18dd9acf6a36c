"""Answers as a student would type them, taken from the source of the tests' answers, which is read but never imported.

So no framework is needed, and an answer finds only what the lesson itself imports.
"""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "exercises"
GIVEN = {"numpy", "torch", "tensorflow"}  # what a lesson's first cell imports
SLOW = ("loop", "double")  # kinds of right answers that are too slow for the rest of a lesson


def right(framework: str, exercise: str) -> str:
    """The text of an exercise cell with a right answer."""
    kinds = dict(find_answers(framework, "RIGHT", exercise))
    chosen = next(kind for kind in kinds if kind not in SLOW)
    return as_cell(framework, exercise, kinds[chosen])


def wrong(framework: str, exercise: str) -> str:
    """The text of an exercise cell with the first of the wrong answers."""
    return as_cell(framework, exercise, next(node for _, node in find_answers(framework, "WRONG", exercise)))


def _trees(framework: str) -> Iterator[tuple[str, ast.Module]]:
    """Source and syntax tree of each file of answers."""
    for name in (f"answers_{framework}.py", "answers_plain.py"):
        if (FOLDER / name).is_file():
            text = (FOLDER / name).read_text()
            yield text, ast.parse(text)


def find_answers(framework: str, table: str, exercise: str) -> Iterator[tuple[str, tuple]]:
    """Yield (kind of answer, where it is) for each entry of RIGHT[exercise] or WRONG[exercise]."""
    for text, tree in _trees(framework):
        for assigned in tree.body:
            if not isinstance(assigned, ast.Assign) or ast.unparse(assigned.targets[0]) != table:
                continue
            entries = {key.value: value for key, value in zip(assigned.value.keys, assigned.value.values, strict=True)}
            answers = entries.get(exercise)
            if isinstance(answers, ast.Dict):
                yield from ((key.value, (text, tree, node)) for key, node in zip(answers.keys, answers.values, strict=True))
            elif answers is not None:  # a list of (answer, words of its hint)
                yield from ((ast.unparse(pair.elts[1]), (text, tree, pair.elts[0])) for pair in answers.elts)


def as_cell(framework: str, exercise: str, place: tuple) -> str:
    """The answer and its helpers inside one function, so that their names do not mix with the lesson's."""
    text, tree, node = place
    helpers = [ast.get_source_segment(text, each) for each in _needed(tree, node)]
    body = "\n".join([*helpers, f"return {textwrap.dedent(ast.get_source_segment(text, node))}"])
    return f"def _answer():\n{textwrap.indent(body, '    ')}\n\n\n{exercise} = _answer()"


def _needed(tree: ast.Module, node: ast.AST) -> list[ast.stmt]:
    """The statements of the file that an answer depends on, in order."""
    defined = {name: statement for statement in tree.body for name in _names(statement)}
    needed, waiting = [], [node]
    while waiting:
        for name in {each.id for each in ast.walk(waiting.pop()) if isinstance(each, ast.Name)}:
            statement = defined.get(name)
            if statement is not None and statement not in needed:
                needed.append(statement)
                waiting.append(statement)
    return [statement for statement in tree.body if statement in needed]


def _names(statement: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(statement, ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        module = getattr(statement, "module", None) or statement.names[0].name
        return [] if module.partition(".")[0] in GIVEN else [each.asname or each.name for each in statement.names]
    return []
