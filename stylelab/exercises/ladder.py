"""Help for a student who is stuck: three hints, then the model answer next to one's own."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from jinja2 import Template
from markupsafe import Markup

from stylelab.base.course import EDITIONS, NEVER, Help, choose_course, find_course
from stylelab.base.html import with_code
from stylelab.errors import InputError
from stylelab.exercises import find_exercise
from stylelab.exercises.checking import record
from stylelab.exercises.checking.check import RIGHT, last_answer, show
from stylelab.exercises.checking.definition import Exercise
from stylelab.exercises.own import course_answers
from stylelab.languages import LAYOUT, html_direction, say

MOST = 3  # hints
HINTS = Template(
    "<div{{ direction }}><b>{{ title }}</b><ol>{% for hint in hints %}<li>{{ with_code(hint) }}</li>{% endfor %}</ol>"
    "{% if rest %}<p>{{ with_code(rest) }}</p>{% endif %}</div>",
    autoescape=True,
)
SIDE_BY_SIDE = Template(
    '<div{{ direction }}><div style="display: flex; flex-wrap: wrap; gap: 1.5em">'
    '{% for title, code in columns %}<div style="flex: 1 1 22em; min-width: 0"><b>{{ title }}</b>'
    '<pre style="overflow-x: auto">{{ code }}</pre></div>{% endfor %}</div>'
    "{% if sentences %}<ul>{% for sentence in sentences %}<li>{{ with_code(sentence) }}</li>{% endfor %}</ul>{% endif %}</div>",
    autoescape=True,
)
_shown_by: dict[str, tuple[int, int]] = {}  # cell that has shown hints in this session -> checks elsewhere and wrong answers then

LAID_OUT = ("reshape", "transpose", "permute", "T", "mT")  # verbs that change no number
OPERATIONS: dict[type, str] = {
    ast.Add: "adds", ast.Sub: "subtracts", ast.Mult: "multiplies", ast.MatMult: "takes a matrix product", ast.Div: "divides",
    ast.FloorDiv: "divides without a remainder", ast.Mod: "takes a remainder", ast.Pow: "takes a power",
}  # fmt: skip


def hint(exercise_id: str, edition: str, library: Mapping[str, Callable]) -> None:
    """Show the hints that were given already and the next one; see `stylelab.torch.hint`."""
    with choose_course(find_course()) as course:
        exercise = find_exercise(exercise_id)
        answers = {**library, **course_answers(course, edition)}
        known, policy = record.entry(exercise_id), course.help
        if not known["hints"] and last_answer(exercise_id, None)[1] == RIGHT.name:
            return show(say(f'Your answer is right: `sl.solution("{exercise_id}")` shows the model answer next to it.'))
        hints = all_hints(exercise, edition, source_of(answers[exercise_id]) if exercise_id in answers else "")
        if not known["hints"] and (refused := _too_early("hint", policy.hints_after, len(known["wrong"]))):
            return show(refused)
        given = _next(exercise_id, known, len(hints))
        known["hints"] = max(known["hints"], given)
        record.save(exercise_id, known)
        rest = _what_next(exercise_id, given, len(hints), policy, len(known["wrong"]))
    title = say(f"{exercise_id}: hint {given} of {len(hints)}")
    text = "\n".join([title, *(f"{number}. {each}" for number, each in enumerate(hints[:given], 1)), *([rest] if rest else [])])
    html = HINTS.render(title=title, hints=hints[:given], rest=rest, with_code=with_code, direction=Markup(html_direction()))
    show(text, html, {"exercise": exercise_id, **record.summary(known)})


def all_hints(exercise: Exercise, edition: str, model: str) -> list[str]:
    """The three hints of an exercise. Where its definition has two, the third is the line of the model answer that does the work.

    Args:
        model: the source of the model answer.

    Raises:
        InputError: it has none.
    """
    activation, image = LAYOUT[edition]
    hints = [say(text).replace("[activation]", activation).replace("[image]", image) for text in exercise.hints[:MOST]]
    if len(hints) < MOST and (line := key_line(model, exercise.id)):
        hints.append(f"`{line}`")
    if not hints:
        raise InputError(f"exercise '{exercise.id}' has no hints")
    return hints


def _next(exercise_id: str, known: dict, most: int) -> int:
    """How many hints are shown: one more, unless a notebook that has shown some is run again from the start, with nothing new tried."""
    cell = record.current_cell()
    before = known["cells"].get(cell, 0) if cell else 0
    before = before if type(before) is int else 0
    checks, tries = record.checks_elsewhere(exercise_id), len(known["wrong"])
    checks_then, tries_then = _shown_by.get(cell, (-1, tries))
    again = before > 0 and checks != checks_then and tries == tries_then
    given = max(1, min(most, before if again else known["hints"] + 1))
    if cell:
        _shown_by[cell] = checks, tries
        known["cells"][cell] = given
    return given


def _too_early(what: str, after: int | str, wrong: int) -> str:
    """Why there is no hint or solution yet; empty if there is."""
    if after == NEVER:
        return say(f"This course gives no {what}: ask your instructor.")
    if (left := int(after) - wrong) > 1:
        return say(
            f"Try it first: you can ask for a {what} after {left} more wrong answers, all different, that use their arguments."
        )
    if left == 1:
        return say(f"Try it first: you can ask for a {what} after one more wrong answer that uses its arguments.")
    return ""


def _what_next(exercise_id: str, given: int, most: int, policy: Help, wrong: int) -> str:
    """What else there is, below the hints."""
    if given < most:
        price = f" Hints cost {policy.hint_costs:g} points each." if policy.hint_costs else ""
        price = " Hints cost 1 point each." if policy.hint_costs == 1 else price
        return say(f"Run this again for hint {given + 1} of {most}.{price}")
    if policy.solution_after == NEVER:
        return say("That was the last hint.")
    price = f" It costs {policy.solution_costs:g} points." if policy.solution_costs else ""
    price = " It costs 1 point." if policy.solution_costs == 1 else price
    if (left := int(policy.solution_after) - wrong) > 0:
        return say(
            f'That was the last hint. `sl.solution("{exercise_id}")` shows the model answer after {left} more wrong ones.{price}'
        )
    return say(f'That was the last hint. `sl.solution("{exercise_id}")` shows the model answer.{price}')


def solution(exercise_id: str, edition: str, library: Mapping[str, Callable], function: Callable | None = None) -> None:
    """Show the model answer next to the student's; see `stylelab.torch.solution`."""
    with choose_course(find_course()) as course:
        find_exercise(exercise_id)
        answers = {**library, **course_answers(course, edition)}
        if exercise_id not in answers:
            raise InputError(f"exercise '{exercise_id}' has no model answer in {EDITIONS[edition]}")
        answer, known = answers[exercise_id], record.entry(exercise_id)
        function, outcome, sentence = last_answer(exercise_id, function)
        if outcome != RIGHT.name:
            if not known["solution"] and (refused := _too_early("solution", course.help.solution_after, len(known["wrong"]))):
                return show(refused)
            known["solution"] = True
            record.save(exercise_id, known)
    own = source_of(function) if function is not None and function is not answer else ""
    mistake = [sentence] if sentence and outcome != RIGHT.name else []
    sentences = [say(each) for each in [*mistake, *(differences(own, source_of(answer)) if own else ())]]
    columns = ([(say("Yours"), own)] if own else []) + [(say(f"The model answer, in {EDITIONS[edition]}"), with_helpers(answer))]
    text = "\n\n".join([*(f"{title}\n{code}" for title, code in columns), *sentences])
    html = SIDE_BY_SIDE.render(columns=columns, sentences=sentences, with_code=with_code, direction=Markup(html_direction()))
    show(text, html, {"exercise": exercise_id, **record.summary(known, outcome)})


def source_of(function: Callable) -> str:
    """A function's source, not indented; empty where Python does not know it."""
    own = getattr(function, "source", None)  # of a course's reference
    with suppress(OSError, TypeError):
        return own or textwrap.dedent(inspect.getsource(inspect.unwrap(function))).strip()
    return ""


def with_helpers(function: Callable) -> str:
    """A function's source after that of the private functions of its module which it calls."""
    helpers, waiting = [function], [function]
    while waiting:
        inner = inspect.unwrap(waiting.pop(0))
        names = getattr(getattr(inner, "__code__", None), "co_names", ())
        called = (getattr(inner, "__globals__", {}).get(name) for name in names if name.startswith("_"))
        waiting += (new := [each for each in called if inspect.isfunction(each) and each not in helpers])
        helpers += new
    return "\n\n\n".join(source_of(each) for each in reversed(helpers))


def key_line(source: str, name: str = "") -> str:
    """The line of a function that does the work: what it returns, or what the returned name was made of last."""
    tree = _function(source, name)
    if isinstance(tree, ast.Lambda):
        return f"return {_line(source, tree.body)}"
    own = sorted(_statements(tree), key=lambda node: node.lineno) if tree else []
    last = next((node for node in reversed(own) if isinstance(node, ast.Return) and node.value is not None), None)
    if last is None:
        return ""
    returned = _core(last.value)
    for node in reversed(own):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if returned in [each.id for to in targets if to for each in ast.walk(to) if isinstance(each, ast.Name)]:
            if isinstance(node, ast.AnnAssign) and node.value:
                return f"{returned} = {_line(source, node.value)}"
            return _line(source, node)
    return _line(source, last)


def _line(source: str, node: ast.AST) -> str:
    """Some code as it was written, in one line."""
    return " ".join((ast.get_source_segment(source, node) or "").split())


def _function(source: str, name: str = "") -> ast.FunctionDef | ast.Lambda | None:
    """The function of this name in some code, or the first one; None if there is none."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        return next((node for node in functions if getattr(node, "name", None) == name), functions[0] if functions else None)
    return None


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The assignments and returns of a function, without those of functions in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return):
            yield node
        elif isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from _statements(node)


def _core(value: ast.expr | None) -> str:
    """The name of what an expression only rearranges, as in `moved.T.reshape(shape)`; empty for any other expression."""
    match value:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="tf" | "torch" | "np"), attr=verb), args=[first, *_]) if (
            verb in LAID_OUT
        ):
            return _core(first)
        case ast.Call(func=ast.Attribute(value=inner, attr=verb)) | ast.Attribute(value=inner, attr=verb) if verb in LAID_OUT:
            return _core(inner)
    return ""


def differences(own: str, model: str) -> Iterator[str]:
    """A sentence on each way in which an answer differs from the model's: its loops, calls, operations, numbers and arguments."""
    mine, theirs = _function(own), _function(model)
    if mine is None or theirs is None:
        return
    loops = [sum(isinstance(node, ast.For | ast.While | ast.comprehension) for node in ast.walk(tree)) for tree in (mine, theirs)]
    if loops[0] and not loops[1]:
        yield "Yours has a loop; the model answer works on everything at once."
    elif loops[1] and not loops[0]:
        yield "The model answer has a loop; yours has none."
    calls = [_calls(tree) for tree in (mine, theirs)]
    if more := [f"`{name}`" for name in calls[1] if name not in calls[0]]:
        yield f"The model answer calls {', '.join(more)}; yours does not."
    if more := [f"`{name}`" for name in calls[0] if name not in calls[1]]:
        yield f"Yours calls {', '.join(more)}; the model answer does not."
    for kind, verb in OPERATIONS.items():
        counts = [sum(isinstance(node, kind) for node in ast.walk(tree)) for tree in (mine, theirs)]
        if counts[0] and not counts[1]:
            yield f"Yours {verb}; the model answer does not."
        elif counts[1] and not counts[0]:
            yield f"The model answer {verb}; yours does not."
    numbers = [_numbers(tree) for tree in (mine, theirs)]
    if more := [f"`{number}`" for number in numbers[0] if number not in numbers[1]]:
        yield f"Yours uses {', '.join(more)}; the model answer does not."
    if more := [f"`{number}`" for number in numbers[1] if number not in numbers[0]]:
        yield f"The model answer uses {', '.join(more)}; yours does not."
    if unused := [f"`{name}`" for name in _arguments(mine) if name not in _names(mine)]:
        yield f"Yours never uses {', '.join(unused)}."


def _calls(tree: ast.AST) -> list[str]:
    names = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = [each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in names]
    return list(dict.fromkeys(filter(None, words)))


def _numbers(tree: ast.AST) -> list[str]:
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return list(
        dict.fromkeys(f"{value:g}" for value in constants if isinstance(value, int | float) and not isinstance(value, bool))
    )


def _arguments(tree: ast.AST) -> list[str]:
    arguments = getattr(tree, "args", None)
    return [each.arg for each in arguments.args] if isinstance(arguments, ast.arguments) else []


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
