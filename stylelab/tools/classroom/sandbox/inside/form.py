"""An answer up to names and layout: two answers with the same form say the same thing in other words.

Standard library only, and nothing of stylelab: this file is mounted alone where students' code runs.
"""

import ast
import builtins
import re

LONGEST = 50_000  # characters of a source, and of a form
OPAQUE = frozenset(dir(builtins))  # names that mean something by themselves


def canonical(source: str) -> str:
    """The source with its names replaced in order of appearance; no docstrings, comments, type hints or layout.

    Args:
        source: a cell, or several; lines for IPython (`%time`, `!ls`) are left out where they stand in the way.

    Returns:
        Python in one layout; '' for what is empty, too long or no Python.
    """
    if len(source) > LONGEST:
        return ""
    try:
        tree = _parse(source)
        _tidy(tree)
        return ast.unparse(_Renamed(tree).visit(tree))[:LONGEST]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a NUL character is a ValueError
        return ""


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(re.sub(r"(?m)^([ \t]*)[%!?].*$", r"\1pass", source))


def _tidy(tree: ast.AST) -> None:
    """Take away what changes nothing: texts that stand alone, `pass`, type hints."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                setattr(node, name, _without_idle(body, keep=name == "body" and not isinstance(node, ast.Module)))


def _without_idle(body: list, keep: bool) -> list:
    kept = [_unannotated(statement) for statement in body if not _idle(statement)]
    return kept or ([ast.Pass()] if keep else [])


def _idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return alone or isinstance(statement, ast.Pass)


def _unannotated(statement: ast.stmt) -> ast.stmt:
    """`x: int = 1` says no more than `x = 1`."""
    if not isinstance(statement, ast.AnnAssign):
        return statement
    return ast.copy_location(ast.Assign([statement.target], statement.value, lineno=statement.lineno), statement)


class _Renamed(ast.NodeTransformer):
    """Every name becomes v1, v2, ... in order of appearance, but for the builtins that nobody has given another meaning."""

    def __init__(self, tree: ast.AST):
        self.names: dict[str, str] = {}
        self.bound = {name for node in ast.walk(tree) for name in _binds(node)}
        self.functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    def _new(self, name: str) -> str:
        if name in OPAQUE and name not in self.bound:
            return name
        return self.names.setdefault(name, f"v{len(self.names) + 1}")

    def visit_Name(self, node):
        node.id = self._new(node.id)
        return node

    def visit_arg(self, node):
        node.arg = self._new(node.arg)
        return node

    def visit_FunctionDef(self, node):
        node.name = self._new(node.name)
        self.visit(node.args)  # before the body, as they stand in the text
        node.body = [self.visit(statement) for statement in node.body]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_Call(self, node):
        """Arguments by name are names only of functions that are defined here: `dim=1` is PyTorch's own."""
        own = isinstance(node.func, ast.Name) and node.func.id in self.functions
        node.func = self.visit(node.func)
        node.args = [self.visit(each) for each in node.args]
        for keyword in node.keywords:
            keyword.arg = self._new(keyword.arg) if own and keyword.arg else keyword.arg
            keyword.value = self.visit(keyword.value)
        return node

    def visit_Global(self, node):
        node.names = [self._new(name) for name in node.names]
        return node

    visit_Nonlocal = visit_Global

    def visit_alias(self, node):
        """`import numpy as np` and `import numpy as xp` are one; what is imported keeps its name."""
        if node.name != "*":
            node.asname = self._new(node.asname or node.name.partition(".")[0])
        return node

    def visit_ExceptHandler(self, node):
        node.name = node.name and self._new(node.name)
        return self.generic_visit(node)

    def generic_visit(self, node):
        for name in ("name", "rest"):  # of patterns in `match`
            if isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping) and getattr(node, name, None):
                setattr(node, name, self._new(getattr(node, name)))
        return super().generic_visit(node)


def _binds(node: ast.AST):
    """The names that a node gives a meaning to."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
