"""A student's code looked at without being run. Whatever the text, an answer comes soon and nothing is raised."""

import ast
import re
import warnings
from dataclasses import dataclass
from functools import cache, cached_property

LONGEST = 60_000  # characters that are parsed at once: about half a second at worst
FIELDS, FORMATTED = 2_000, re.compile(r"[fF][rR]?[\"']")  # brackets of a text with f-strings: its time grows with their square
# cell magics whose body is Python all the same
PYTHON = {"time", "timeit", "capture", "prun", "memit", "mprun", "python", "python3"}
CELL_MAGIC = re.compile(r"\A\s*%%(\w+)[^\n]*")
# lines that IPython takes for itself, with those that a backslash adds to them: %matplotlib, !pip, ?name, name?
LINE_MAGIC = re.compile(r"^([ \t]*)(?:[%!?][^\n\\]*(?:\\\n?[^\n\\]*)*|[\w.]+\?{1,2}[ \t]*)$", re.M)
ASSIGNED = re.compile(r"^([ \t]*\w[\w, \t]*=[ \t]*)[%!][^\n=][^\n]*$", re.M)
CHECK = re.compile(
    r"^(\w+)[ \t]*=[ \t]*\w+\.check\([ \t]*([\"'])\w+\2[ \t]*,[ \t]*(\w+)[ \t]*\)[ \t]*;?[ \t]*(?:#[^\n]*)?$", re.M
)
CHECKED = re.compile(r"^(?:\w+[ \t]*=[ \t]*)?\w+\.check\([ \t]*[\"'](\w+)[\"'][ \t]*,", re.M)


@dataclass(frozen=True)
class Text:
    """A piece of Python, and what can be said of it."""

    text: str

    @cached_property
    def _facts(self) -> tuple[bool, frozenset[str]]:
        tree = parsed(self.text)  # looked at and let go: the trees of a large notebook would fill the memory
        return tree is not None, frozenset(_defined(tree.body)) if tree else frozenset()

    @property
    def parses(self) -> bool:
        return self._facts[0]

    @property
    def defines(self) -> frozenset[str]:
        """The names that it gives a value to, outside functions and classes."""
        return self._facts[1]

    @property
    def is_blank(self) -> bool:
        return not any(line.strip() and not line.lstrip().startswith("#") for line in self.text.splitlines())

    def is_stub(self, stub: str) -> bool:
        """Whether it does what the stub does: comments, layout and docstrings left aside. `pass` is a stub too."""
        if self.text.strip() == stub.strip():
            return True
        if len(self.text) > 2 * len(stub) + 500 or not self.defines >= stub_names(stub):
            return False
        return _same(parsed(self.text), parsed(stub))


@cache
def stub_names(stub: str) -> frozenset[str]:
    """What a stub defines."""
    return Text(stub).defines


def parsed(text: str) -> ast.Module | None:
    """The syntax tree, or None for what is no Python, too long, or built to exhaust whoever parses it."""
    if len(text) > LONGEST or (text.count("{") > FIELDS and FORMATTED.search(text)):
        return None
    try:
        with warnings.catch_warnings():  # an invalid escape is the student's own affair
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def plain_python(source: str) -> tuple[str, str | None]:
    """A cell without what only IPython understands, line for line.

    Returns:
        The text, and what was left out, for a note; None when nothing was.
    """
    left_out = None
    if magic := CELL_MAGIC.match(source):
        left_out = f"%%{magic[1]}"
        if magic[1] not in PYTHON:
            return "", left_out
        source = "\n" * magic[0].count("\n") + source[magic.end() :]
    if not (LINE_MAGIC.search(source) or ASSIGNED.search(source)) or parsed(source) is not None:
        return source, left_out
    replaced = ASSIGNED.sub(r"\1None", LINE_MAGIC.sub(lambda found: f"{found[1]}pass" + "\n" * found[0].count("\n"), source))
    return (replaced, left_out or "a magic line") if parsed(replaced) is not None else (source, left_out)


def without_checks(text: str) -> str:
    """The text without its calls of `check`: `x = sl.check("x", y)` is no more than `x = y` while marks are given."""
    return CHECK.sub(lambda found: "" if found[1] == found[3] else f"{found[1]} = {found[3]}", text)


def checks(text: str) -> list[str]:
    """The exercises whose answers a cell checks, by name."""
    return CHECKED.findall(text)


def _defined(statements: list[ast.stmt]):
    waiting = list(statements)
    while waiting:
        match waiting.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (name for target in targets for name in _names(target))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name
            case ast.If(body=body, orelse=other) | ast.For(body=body, orelse=other) | ast.While(body=body, orelse=other):
                waiting += body + other
            case ast.Try(body=body, orelse=other, finalbody=last, handlers=handlers):
                waiting += body + other + last + [statement for handler in handlers for statement in handler.body]
            case ast.With(body=body):
                waiting += body


def _names(target: ast.expr):
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        yield from (each.id for each in target.elts if isinstance(each, ast.Name))


def _same(mine: ast.Module, stub: ast.Module) -> bool:
    """Whether two pieces of code are the same statement for statement, one of a function's own statements being idle."""
    if len(mine.body) != len(stub.body):
        return False
    return all(_is_like(one, other) for one, other in zip(mine.body, stub.body, strict=True))


def _is_like(one: ast.stmt, other: ast.stmt) -> bool:
    if isinstance(one, ast.FunctionDef) and isinstance(other, ast.FunctionDef):
        return one.name == other.name and all(map(_is_idle, one.body))  # with the arguments of an older edition, maybe
    return type(one) is type(other) and _dump(one) == _dump(other)


def _dump(node: ast.AST) -> str:
    try:
        return ast.dump(node)
    except RecursionError:
        return repr(id(node))  # like no other


def _is_idle(statement: ast.stmt) -> bool:
    """A docstring, `...`, `pass`, or `raise NotImplementedError` with or without words."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False
