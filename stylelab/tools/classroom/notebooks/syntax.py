"""Inspect a student's code without running it. Whatever the text, the result comes soon and nothing is raised."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

LONGEST = 60_000  # characters that are parsed at once: about half a second at worst
FIELDS, FORMATTED = 2_000, re.compile(r"[fF][rR]?[\"']")  # f-strings: parsing time grows with the square of their brackets
PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "memit", "mprun", "python", "python3"}  # cell magics with a Python body
RUNNING_MAGICS = {"time", "prun", "memit"}  # line magics that run a statement, and keep what it binds
IDLE_MAGICS = frozenset(  # line magics without an effect on an answer
    "autoreload colors conda config doctest_mode gui history load_ext logstart logstop lsmagic ls ll matplotlib page pdb pdoc pfile pinfo "
    "pip precision psearch psource pwd quickref recall reload_ext reset_selective time timeit uv who who_ls whos xmode".split()
)
CELL_MAGIC = re.compile(r"\A\s*%%(\w+)([^\n]*)")
# lines that only IPython understands, with their continuations after a backslash: %matplotlib, !pip, ?name, name?
LINE_MAGIC = re.compile(r"^([ \t]*)(?:[%!?][^\n\\]*(?:\\\n?[^\n\\]*)*|[\w.]+\?{1,2}[ \t]*)$", re.M)
ASSIGNED_MAGIC = re.compile(r"^([ \t]*\w[\w, \t]*=[ \t]*)([%!][^\n=][^\n]*)$", re.M)
AUTOMATIC_MAGIC = re.compile(
    r"^(?=(?:pip|conda|cd|ls|mkdir|cat|cp|mv|rm|env|run|time|timeit|matplotlib|load_ext|autoreload)[ \t]+[^\s=(.,+*/\[])", re.M
)
FOLDER_COMMAND = re.compile(r"!\s*mkdir\s")  # processes are refused, but a folder can be made without one
CHECK = re.compile(
    r"^(\w+)[ \t]*=[ \t]*\w+\.check\([ \t]*([\"'])\w+\2[ \t]*,[ \t]*(\w+)[ \t]*\)[ \t]*;?[ \t]*(?:#[^\n]*)?$", re.M
)
CHECKED = re.compile(r"^(?:\w+[ \t]*=[ \t]*)?\w+\.check\([ \t]*[\"'](\w+)[\"'][ \t]*,", re.M)


@dataclass(frozen=True)
class Code:
    """A piece of Python, perhaps with syntax errors."""

    text: str

    @cached_property
    def _facts(self) -> tuple[bool, frozenset[str]]:
        tree = parse(self.text)  # not kept: the trees of a large notebook would fill the memory
        return tree is not None, frozenset(_defined_names(tree.body)) if tree else frozenset()

    @property
    def parses(self) -> bool:
        return self._facts[0]

    @property
    def defines(self) -> frozenset[str]:
        """The names that it binds outside functions and classes."""
        return self._facts[1]

    @property
    def is_blank(self) -> bool:
        return not any(line.strip() and not line.lstrip().startswith("#") for line in self.text.splitlines())

    def is_stub(self, stub: str) -> bool:
        """Whether it does no more than the stub: comments, layout and docstrings do not matter, and `pass` is a stub too."""
        if self.text.strip() == stub.strip():
            return True
        if len(self.text) > 2 * len(stub) + 500 or not self.defines >= _stub_names(stub):
            return False
        mine, theirs = parse(self.text), parse(stub)
        assert mine is not None and theirs is not None  # they define names
        return len(mine.body) == len(theirs.body) and all(map(_is_like_stub, mine.body, theirs.body))


@cache
def _stub_names(stub: str) -> frozenset[str]:
    return Code(stub).defines


def parse(text: str) -> ast.Module | None:
    """The syntax tree; None if the text is not Python, too long, or built to exhaust the parser."""
    if len(text) > LONGEST or (text.count("{") > FIELDS and FORMATTED.search(text)):
        return None
    try:
        with warnings.catch_warnings():  # an invalid escape sequence does not matter here
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def plain_python(source: str) -> tuple[str, str | None]:
    """A cell in Python, without what only IPython understands; line numbers stay the same.

    Returns:
        The text, and what was left out, for a note; None if nothing was. What affects an answer, such as `%%writefile`, becomes
        a call of `get_ipython()`.
    """
    left_out = None
    if magic := CELL_MAGIC.match(source):
        left_out = f"%%{magic[1]}"
        if magic[1] in ("writefile", "file"):
            body = source[magic.end() :].strip("\n") + "\n"
            return f"get_ipython().run_cell_magic('writefile', {magic[2].strip()!r}, {body!r})", None
        if magic[1] not in PYTHON_MAGICS:
            return "", left_out
        source = "\n" * magic[0].count("\n") + source[magic.end() :]
    if parse(source) is not None:
        return source, left_out
    marked = AUTOMATIC_MAGIC.sub("%", source)
    replaced = LINE_MAGIC.sub(lambda match: match[1] + (_translate(match[0]) or "pass") + "\n" * match[0].count("\n"), marked)
    replaced = ASSIGNED_MAGIC.sub(lambda match: match[1] + (_translate(match[2], assigned=True) or "None"), replaced)
    return (replaced, left_out or "a magic line") if parse(replaced) is not None else (source, left_out)


def _translate(line: str, *, assigned: bool = False) -> str:
    """A line magic in Python; '' if it has no effect on an answer."""
    line = line.replace("\\\n", " ").strip()
    name, _, rest = line[1:].partition(" ")
    if line[0] != "%" or not name.isidentifier():
        return f"get_ipython().system({line[1:].strip()!r})" if FOLDER_COMMAND.match(line) else ""
    if name in RUNNING_MAGICS:
        statement = re.sub(r"\A(?:\s*-\S+)+", "", rest).strip()
        return statement if parse(statement) is not None else ""
    if name in IDLE_MAGICS and not (assigned and name in ("pwd", "timeit")):
        return ""
    return f"get_ipython().run_line_magic({name!r}, {rest.strip()!r})"


def without_checks(text: str) -> str:
    """The text without its calls of `check`: while grading, `x = sl.check("x", y)` means `x = y`."""
    return CHECK.sub(lambda match: "" if match[1] == match[3] else f"{match[1]} = {match[3]}", text)


def checked_exercises(text: str) -> list[str]:
    """The ids of the exercises that a cell checks."""
    return CHECKED.findall(text)


def _defined_names(statements: list[ast.stmt]) -> Iterator[str]:
    waiting = list(statements)
    while waiting:
        match waiting.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                for target in targets:
                    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                    yield from (part.id for part in parts if isinstance(part, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name
            case ast.If(body=body, orelse=other) | ast.For(body=body, orelse=other) | ast.While(body=body, orelse=other):
                waiting += body + other
            case ast.Try(body=body, orelse=other, finalbody=last, handlers=handlers):
                waiting += body + other + last + [statement for handler in handlers for statement in handler.body]
            case ast.With(body=body):
                waiting += body


def _is_like_stub(mine: ast.stmt, stub: ast.stmt) -> bool:
    if isinstance(mine, ast.FunctionDef) and isinstance(stub, ast.FunctionDef):
        return mine.name == stub.name and all(map(_does_nothing, mine.body))  # an older edition's arguments may differ
    try:
        return type(mine) is type(stub) and ast.dump(mine) == ast.dump(stub)
    except RecursionError:
        return False


def _does_nothing(statement: ast.stmt) -> bool:
    """A docstring, `...`, `pass`, or `raise NotImplementedError` with or without a message."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False
