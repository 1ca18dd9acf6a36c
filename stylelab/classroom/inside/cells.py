"""From a notebook's cells to one function: run what it rests on, statement by statement, and nothing else.

A lesson paints pictures for a minute, and a student's notebook may do so for an hour, or stop half-way. A grader wants one
function. So the statements that it rests on are found by the names that they bind, and only those are run: a program slice
(Weiser 1981), by names alone.
"""

import ast
import linecache
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

LONGEST = 200_000  # characters of one cell
DEEPEST = 200  # brackets in one another


@dataclass(frozen=True)
class Statement:
    """One statement of a cell.

    Attributes:
        cell: the number of its cell.
        node: as parsed.
        binds: names to which it gives a value at the top level.
        changes: names whose value it alters in place.
        uses: names that it or the functions in it look up at the top level.
    """

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]
    uses: frozenset[str]


@dataclass
class Loaded:
    """What came of running an answer's statements.

    Attributes:
        function: what the exercise's name stands for in the end; None when nothing does.
        trouble: the first error on the way, in a sentence; empty without one.
    """

    function: object = None
    trouble: str = ""
    namespace: dict = field(default_factory=dict)


def load(cells: Sequence[str], answer: int, name: str, given: Mapping[str, str]) -> Loaded:
    """Run what `name` rests on and return what it stands for.

    Args:
        cells: the sources of a notebook's code cells, in order.
        answer: which of them holds the answer.
        name: the exercise's.
        given: source by name, for exercises before this one that are open or wrong, as in the lesson.
    """
    loaded = Loaded(namespace={"__name__": "__main__", "__builtins__": __builtins__, "get_ipython": _Notebook})
    for library, source in given.items():
        apart = {"__name__": "stylelab"}  # its helpers' names stay clear of the student's
        exec(source, apart)
        loaded.namespace[library] = apart[library]
    statements = []
    for index, source in enumerate(cells):
        try:
            statements += statements_of(checked(source), index)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if index == answer:
                loaded.trouble = _told(error, index)
    chosen = needed(statements, answer, name, given)
    if not any(name in each.binds for each in chosen):  # bound in a way that cannot be seen: then all of it, in order
        chosen = [each for each in statements if each.cell <= answer]
    for each in chosen:
        _run(each, loaded, cells, important=each.cell == answer and name in each.binds)
    loaded.function = loaded.namespace.get(name)
    return loaded


def _run(statement: Statement, loaded: Loaded, cells: Sequence[str], *, important: bool) -> None:
    file = f"<cell {statement.cell}>"
    text = cells[statement.cell]  # for inspect.getsource
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        exec(compile(ast.Module([statement.node], []), file, "exec"), loaded.namespace)
    except BaseException as error:  # noqa: BLE001  a student's cell may raise anything, SystemExit and KeyboardInterrupt too
        if important or not loaded.trouble:
            loaded.trouble = _told(error, statement.cell)


def _told(error: BaseException, cell: int) -> str:
    line = error.lineno if isinstance(error, SyntaxError) else _line(error, f"<cell {cell}>")
    words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:160]
    where = f"Line {line} stops" if line else "The cell stops"
    return f"{where} with {type(error).__name__}{f': {words}' if words else ''}".rstrip(".") + "."


def _line(error: BaseException, file: str) -> int | None:
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1] if lines else None


def checked(source: str) -> str:
    """The text, unless it is built to exhaust whoever parses it.

    Raises:
        ValueError: too long, or nested too deep to be parsed safely.
    """
    if len(source) > LONGEST or _depth(source) > DEEPEST:
        raise ValueError("the cell is too long, or nested too deep")
    return source


def _depth(source: str) -> int:
    depth = deepest = 0
    for character in source:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(0, depth - 1)
    return deepest


def statements_of(source: str, cell: int) -> Iterator[Statement]:
    """The statements of a cell, with the names that they bind, change and use.

    Raises:
        SyntaxError, ValueError, RecursionError: it cannot be parsed.
    """
    for node in (part for each in ast.parse(source, f"<cell {cell}>").body for part in _one_by_one(each)):
        table = symtable.symtable(ast.unparse(node), f"<cell {cell}>", "exec")
        binds = {
            each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported() or each.is_namespace()
        }
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names):
            binds.add("*")
        yield Statement(cell, node, frozenset(binds | _declared(table)), frozenset(_changed(node)), frozenset(_used(table)))


def _one_by_one(node: ast.stmt) -> Iterator[ast.stmt]:
    """An import of several names as several imports: one of them may be wanted, and another not be there."""
    if isinstance(node, ast.Import):
        yield from (ast.copy_location(ast.Import([alias]), node) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node) for alias in node.names)
    else:
        yield node


def _used(table: symtable.SymbolTable) -> Iterator[str]:
    """Names looked up at the top level, by the statement itself or by a function inside it."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _used(inner)


def _declared(table: symtable.SymbolTable) -> set[str]:
    """Names that a function inside declares `global` and assigns."""
    found = set()
    for inner in table.get_children():
        found |= {each.get_name() for each in inner.get_symbols() if each.is_declared_global() and each.is_assigned()}
        found |= _declared(inner)
    return found


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names that stand left of a dot or bracket which is assigned to, or whose method is called for its effect."""
    for each in _outside_functions(node):
        if isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store | ast.Del):
            yield from _root(each)
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
            yield from _root(each.value.func)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, but not what is in a function or class: names are its own there."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        yield node
        for inner in ast.iter_child_nodes(node):
            yield from _outside_functions(inner)


def _root(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        return  # a plain call f(x) is not a change of f
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def needed(statements: Sequence[Statement], answer: int, name: str, given: Iterable[str]) -> list[Statement]:
    """The statements that `name` rests on, in the notebook's order, without those that bind a given name."""
    students = [each for each in statements if not each.binds & set(given) or name in each.binds]
    modules = {
        each for statement in students if isinstance(statement.node, ast.Import | ast.ImportFrom) for each in statement.binds
    }
    chosen, wanted, seen = set(), [name], {name}
    while wanted:
        found = list(_makers(students, wanted.pop(), answer, modules))
        for statement in found:
            if id(statement) not in chosen:
                chosen.add(id(statement))
                fresh = (statement.uses | statement.changes) - seen
                seen |= fresh
                wanted += sorted(fresh)
    return [each for each in students if id(each) in chosen]


def _makers(students, name: str, answer: int, modules: set[str]) -> Iterator[Statement]:
    """Statements that give `name` its value: those up to the answer, else those after it."""
    before = [each for each in students if each.cell <= answer]
    own = [each for each in before if name in each.binds] or [each for each in students if name in each.binds]
    own += [each for each in before if name in each.changes and name not in modules]
    return iter(own or [each for each in students if "*" in each.binds and each.cell <= answer])


class _Magic:
    """Takes the place of the notebook's own shell: whatever is asked of it, nothing happens."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **named):
        return self


def _Notebook():  # noqa: N802  called as get_ipython()
    return _Magic()
