"""The canonical form of an answer: two answers that differ only in names and layout have the same form.

Standard library only, nothing of stylelab: this file is copied into the sandbox.
"""

import ast
import builtins
import re

LONGEST = 50_000  # characters of a source, and of a form
BUILTINS = frozenset(dir(builtins))


def canonical(source: str) -> str:
    """Return the source with its names numbered in order of appearance, without docstrings, comments, type hints and layout.

    Args:
        source: one cell or several; IPython's lines (`%time`, `!ls`) are left out if they cannot be parsed.

    Returns:
        Python in a uniform layout; '' if the source is empty, too long or not Python.

    >>> canonical("def gram(f):  # of one layer\n  return f @ f.T")
    'def v1(v2):\n    return v2 @ v2.T'
    """
    if len(source) > LONGEST:
        return ""
    try:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            tree = ast.parse(re.sub(r"(?m)^([ \t]*)[%!?].*$", r"\1pass", source))
        _remove_idle_parts(tree)
        return ast.unparse(_Renamer(tree).visit(tree))[:LONGEST]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a NUL character is a ValueError
        return ""


def _remove_idle_parts(tree: ast.AST) -> None:
    """Remove what changes nothing: strings that are not used, `pass`, type hints."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                kept = [simple for statement in body if (simple := _simplify(statement))]
                needs_one = name == "body" and not isinstance(node, ast.Module)
                setattr(node, name, kept or ([ast.Pass()] if needs_one else []))


def _simplify(statement: ast.stmt) -> ast.stmt | None:
    """The statement without a type hint; None if it does nothing."""
    match statement:
        case ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()) | ast.Pass():
            return None
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return ast.copy_location(ast.Assign([target], value, lineno=statement.lineno), statement)
    return statement


class _Renamer(ast.NodeTransformer):
    """Renames every name to v1, v2, ... in order of appearance, except for builtins that the code does not rebind."""

    def __init__(self, tree: ast.AST):
        self.names: dict[str, str] = {}
        self.bound = {name for node in ast.walk(tree) for name in _bound_names(node)}
        self.functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    def _new(self, name: str) -> str:
        if name in BUILTINS and name not in self.bound:
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
        self.visit(node.args)  # before the body, as in the source
        node.body = [self.visit(statement) for statement in node.body]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_Call(self, node):
        """Keyword arguments are renamed only for functions that are defined here: `dim=1` belongs to PyTorch."""
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
        """`import numpy as np` and `import numpy as xp` become the same; the imported module keeps its name."""
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


def _bound_names(node: ast.AST):
    """The names that a node binds."""
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
