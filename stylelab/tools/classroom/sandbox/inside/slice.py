"""From a notebook's cells to one function: run what it rests on, statement by statement, and nothing else.

A lesson paints images for a minute, and a student's notebook may do so for an hour, or stop half-way. A grader wants one
function. So the statements that it rests on are found by the names that they bind, and only those are run: a program slice
(Weiser 1981), by names alone. Where names leave a doubt, a statement is run once too often rather than missed.
"""

import __future__

import ast
import asyncio
import builtins
import inspect
import linecache
import symtable
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

LONGEST = 200_000  # characters of one cell
DEEPEST = 200  # brackets in one another
ANY = "*"  # stands for names that cannot be seen
UNSEEN = frozenset(("exec", "eval", "globals", "locals", "vars", "setattr", "__import__"))  # may bind ANY name
GIVEN_BACK = frozenset(
    ("get", "setdefault", "values", "items", "parameters", "named_parameters", "modules", "children", "get_layer")
)
CHANGING = frozenset(  # methods that change what they are called on
    "append extend insert remove pop popitem clear update setdefault add discard sort reverse appendleft extendleft fit compile build "
    "load_state_dict set_weights assign assign_add assign_sub register register_buffer __setitem__".split()
)
FILLING = frozenset(  # functions that change what they are given
    "shuffle fill_diagonal copyto put putmask place heappush heappop heapify insort setattr delattr setitem fit".split()
)
SETTING = (  # with this begin calls on a module that are not left out
    "set", "seed", "manual_seed", "run_functions_eagerly", "enable", "experimental_enable", "simplefilter", "filterwarnings",
)  # fmt: skip
MOODS = {"torch", "tensorflow", "keras", "numpy", "random", "warnings", "sys", "decimal"}  # whose settings hold for all code
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FAR = 50  # names that one may be a part of
COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")
UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a cell.

    Attributes:
        cell: the number of its cell.
        node: as parsed.
        binds: names to which it gives a value at the top level.
        changes: names whose value it alters in place.
        touches: names of which it calls a method for its effect.
        now: names that it looks up when it is run.
        late: names that functions in it look up at the top level when they are called.
        does: what a call of a function in it may bind or change; ANY name, or ARGUMENTS.
        hands: function -> names that it is called with.
        aliases: name -> names of which it may be a part.
    """

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    does: frozenset[str] = frozenset()
    hands: Mapping[str, frozenset[str]] = field(default_factory=dict)
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def uses(self) -> frozenset[str]:
        """All names that it rests on."""
        return self.now | self.late


ARGUMENTS = "()"  # stands for what a function is given


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
    library = {each: _made(each, source) for each, source in given.items() if each != name}
    loaded = Loaded(
        namespace={"__name__": "__main__", "__builtins__": __builtins__, "get_ipython": _Notebook, "display": _ignore}
    )
    loaded.namespace |= library
    statements = list(_parsed(cells, answer, loaded))
    if loaded.trouble:
        return loaded
    flags = _future(statements)
    for each in _chosen(statements, answer, name, library):
        _run(each, loaded, cells, flags, answer, important=each.cell == answer and name in each.binds | each.changes)
        loaded.namespace |= library  # a statement that gives a value to several names may have given one to these
    loaded.function = loaded.namespace.get(name)
    if name not in loaded.namespace and not loaded.trouble:
        loaded.trouble = f"The cell does not define {name}."
    return loaded


def _made(name: str, source: str):
    """A function of the library; its helpers' names stay clear of the student's."""
    apart = {"__name__": "stylelab"}
    exec(source, apart)
    return apart[name]


def _parsed(cells: Sequence[str], answer: int, loaded: Loaded) -> Iterator[Statement]:
    for index, source in enumerate(cells):
        try:
            with warnings.catch_warnings():  # an odd escape in a text is the student's own affair
                warnings.simplefilter("ignore")
                statements = list(statements_of(checked(source), index))
        except UNPARSED as error:
            if index == answer:
                loaded.trouble = _told(error, index, answer)
            continue
        yield from statements


def _future(statements: Iterable[Statement]) -> int:
    """`from __future__ import annotations` holds for the whole notebook: hints are not looked up then."""
    asked = any(
        isinstance(each.node, ast.ImportFrom) and each.node.module == "__future__" and "annotations" in each.binds
        for each in statements
    )
    return __future__.annotations.compiler_flag if asked else 0


def _chosen(statements: Sequence[Statement], answer: int, name: str, given: Iterable[str]) -> list[Statement]:
    sliced = _Slice(statements, answer, name, given)
    if name in sliced.binders or name in sliced.changers:
        return sliced.statements()
    before = [each for each in statements if each.cell <= answer]
    unseen = any(ANY in each.binds or UNSEEN & each.uses for each in before)
    return before if unseen else []  # bound in a way that cannot be seen: then all of it, in order


def _run(statement: Statement, loaded: Loaded, cells: Sequence[str], flags: int, answer: int, *, important: bool) -> None:
    file = f"<cell {statement.cell}>"
    text = cells[statement.cell]  # for inspect.getsource
    linecache.cache[file] = (len(text), None, [f"{line}\n" for line in text.split("\n")], file)
    try:
        waiting = eval(_compiled(statement.node, file, flags), loaded.namespace)
        if inspect.iscoroutine(waiting):
            asyncio.run(waiting)
    except BaseException as error:  # noqa: BLE001  a student's cell may raise anything, SystemExit and KeyboardInterrupt too
        if important or not loaded.trouble:
            loaded.trouble = _told(error, statement.cell, answer)


def _compiled(node: ast.stmt, file: str, flags: int):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await_too = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as in a notebook
        return compile(ast.Module([node], []), file, "exec", await_too, dont_inherit=True)


def _told(error: BaseException, cell: int, answer: int) -> str:
    try:
        said = isinstance(error, SyntaxError) and error.filename == f"<cell {cell}>"
        line = error.lineno if said else _line(error, f"<cell {cell}>")
        words = " ".join(str(error.msg if said else error)[:2000].split())[:160]
        kind = str(type(error).__name__)[:60]
    except BaseException:  # noqa: BLE001  an error of a student's own making may fail at saying what it is
        line, words, kind = None, "", "an error without words"
    where = "The cell" if cell == answer else "Another cell"
    if line:
        where = f"Line {line}" if cell == answer else f"Line {line} of another cell"
    return f"{where} stops with {kind}{f': {words}' if words else ''}".rstrip(".") + "."


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
        SyntaxError, ValueError, RecursionError, MemoryError: it cannot be parsed.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.encode() for line in source.split("\n")]
    for whole in ast.parse(source, f"<cell {cell}>").body:
        for node in _one_by_one(whole):
            yield _imported(node, cell) if isinstance(node, ast.Import | ast.ImportFrom) else _looked_at(node, lines, cell)


def _one_by_one(node: ast.stmt) -> Iterator[ast.stmt]:
    """An import of several names as several imports: one of them may be wanted, and another not be there."""
    if isinstance(node, ast.Import):
        yield from (ast.copy_location(ast.Import([alias]), node) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node) for alias in node.names)
    else:
        yield node


def _imported(node: ast.Import | ast.ImportFrom, cell: int) -> Statement:
    (alias,) = node.names
    return Statement(cell, node, frozenset((alias.asname or alias.name.partition(".")[0],)))


def _looked_at(node: ast.stmt, lines: list[bytes], cell: int) -> Statement:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name | ast.Constant):
        return Statement(cell, node, frozenset())
    table = _table(node, lines)
    if table is None:
        return _guessed(node, cell)
    binds = {each.get_name() for each in table.get_symbols() if each.is_assigned()} | _walrus(table)
    now, late = (
        frozenset(_used_now(table)),
        frozenset(_used_late(table)) | _declared(table),
    )  # `+=` is no use of a name to symtable
    if UNSEEN & now and any(isinstance(each, ast.Call) and _last(each.func) in UNSEEN for each in _now(node)):
        binds.add(ANY)
    seen = _Seen(node)
    does = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or any(
        isinstance(each, FUNCTIONS) for each in _now(node)
    ):
        does = _done(node, table, late)
    changes, touches = frozenset(seen.changes), frozenset(seen.touches)
    return Statement(cell, node, frozenset(binds), changes, touches, now, late, frozenset(does), seen.hands, seen.aliases)


def _guessed(node: ast.stmt, cell: int) -> Statement:
    """All names that stand in it, for a statement that cannot be looked at more closely."""
    names = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
    own = frozenset(filter(None, [getattr(node, "name", None)])) if isinstance(getattr(node, "name", None), str) else frozenset()
    stored = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
    return Statement(cell, node, stored | own, now=names, late=names)


def _table(node: ast.stmt, lines: list[bytes]) -> symtable.SymbolTable | None:
    for write in (lambda: _segment(node, lines), lambda: ast.unparse(node)):
        try:
            return symtable.symtable(write(), "<cell>", "exec")
        except UNPARSED:
            continue
    return None


def _segment(node: ast.stmt, lines: list[bytes]) -> str:
    """Its text, decorators with it."""
    first, start, last = node.lineno - 1, node.col_offset, node.end_lineno - 1
    if getattr(node, "decorator_list", None):
        first, start = node.decorator_list[0].lineno - 1, 0
    part = lines[first : last + 1]
    part[-1] = part[-1][: node.end_col_offset]
    part[0] = part[0][start:]
    return b"\n".join(part).decode()


def _used_now(table: symtable.SymbolTable) -> Iterator[str]:
    """Names looked up at the top level while the statement is run."""
    own = table.get_type() in ("module", "class")
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (own or symbol.is_global()):
            yield symbol.get_name()
    for inner in filter(_is_run, table.get_children()):
        yield from _used_now(inner)


def _used_late(table: symtable.SymbolTable) -> Iterator[str]:
    """Names looked up at the top level when a function in it is called."""
    for inner in table.get_children():
        if not _is_run(inner) or inner.get_name() == "genexpr":  # which goes on when it is asked
            yield from _used_now(inner)
        yield from _used_late(inner)


def _is_run(table: symtable.SymbolTable) -> bool:
    """Whether what is in it is run where it stands."""
    return table.get_type() == "class" or table.get_name() in COMPREHENSIONS


def _walrus(table: symtable.SymbolTable) -> set[str]:
    """Names that a comprehension at the top level leaves behind."""
    inner = [each for each in table.get_children() if each.get_name() in COMPREHENSIONS]
    return {
        each.get_name() for part in inner for each in part.get_symbols() if each.is_declared_global() and each.is_assigned()
    }.union(*map(_walrus, inner))


def _declared(table: symtable.SymbolTable) -> set[str]:
    """Names that a function inside declares `global` and assigns."""
    found = set()
    for inner in table.get_children():
        found |= {each.get_name() for each in inner.get_symbols() if each.is_declared_global() and each.is_assigned()}
        found |= _declared(inner)
    return found


def _done(node: ast.stmt, table: symtable.SymbolTable, uses: frozenset[str]) -> set[str]:
    """What a call of a function in the statement may bind or change."""
    seen = _Seen(node, inside=True)
    does = _declared(table) | (seen.changes & uses) | ({ANY} if UNSEEN & uses else set())
    parameters = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)} - {"self", "cls"}
    return does | ({ARGUMENTS} if seen.changes & parameters else set())


class _Seen:
    """What can be read off a statement without knowing who defines what."""

    def __init__(self, node: ast.stmt, *, inside: bool = False):
        self.changes: set[str] = set()
        self.touches: set[str] = set()
        self.hands: dict[str, frozenset[str]] = {}
        self.aliases: dict[str, frozenset[str]] = {}
        for each in ast.walk(node) if inside else _now(node):
            self._look(each)
        if inside:
            self.changes = _spread(self.changes | self.touches, self.aliases)

    def _look(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name | ast.Constant):  # the most frequent ones
            return
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                self.changes |= _root(node)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=last) as function)):
                self.touches |= _root(function)
                self.changes |= _root(function) if last.startswith(SETTING) else set()
            case ast.AugAssign(target=ast.Name(id=name)):
                self.changes.add(name)
            case ast.Call():
                self._look_at_call(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.touches |= set().union(*(_root(each) for each in node.decorator_list if not isinstance(each, ast.Name)))
            case ast.Assign(targets=targets, value=value):
                self._name(targets, _part_of(value))
            case ast.NamedExpr(target=target, value=value):
                self._name([target], _part_of(value))
            case (
                ast.For(target=target, iter=values)
                | ast.AsyncFor(target=target, iter=values)
                | ast.comprehension(target=target, iter=values)
            ):
                self._name([target], _among(values))
            case ast.withitem(context_expr=value, optional_vars=target) if target is not None:
                self._name([target], _part_of(value))

    def _look_at_call(self, node: ast.Call) -> None:
        handed = set().union(*(_root(each) for each in (*node.args, *(named.value for named in node.keywords))))
        last = _last(node.func)
        in_place = last.endswith("_") and not last.endswith("__")  # as PyTorch names them
        if (last in CHANGING or in_place) and isinstance(node.func, ast.Attribute):
            self.touches |= _root(node.func)
        if last in FILLING or in_place:
            self.touches |= handed
        self.touches |= set().union(*(_root(each.value) for each in node.keywords if each.arg == "out"))
        if isinstance(node.func, ast.Name) and handed:
            self.hands[node.func.id] = self.hands.get(node.func.id, frozenset()) | handed

    def _name(self, targets: Iterable[ast.expr], roots: set[str]) -> None:
        for name in {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)} if roots else ():
            self.aliases[name] = self.aliases.get(name, frozenset()) | roots - {name}


def _now(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, but not what is done only when a function is called."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, FUNCTIONS):
            waiting += getattr(each, "decorator_list", [])
            waiting += filter(None, (*each.args.defaults, *each.args.kw_defaults))
        else:
            waiting += _parts(each)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    for name in node._fields:
        part = getattr(node, name, None)
        if isinstance(part, list):
            yield from (each for each in part if isinstance(each, ast.AST))
        elif isinstance(part, ast.AST) and not isinstance(part, ast.expr_context | ast.operator):
            yield part


def _last(function: ast.expr) -> str:
    return getattr(function, "attr", None) or getattr(function, "id", "")


def _root(node: ast.expr) -> set[str]:
    """The name that stands left of all dots and brackets."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner) | ast.Starred(value=inner):
                node = inner
            case _:
                return set()
    return {node.id}


def _module(node: ast.Import | ast.ImportFrom) -> str:
    return node.names[0].name if isinstance(node, ast.Import) else node.module or ""


def _part_of(value: ast.expr) -> set[str]:
    """Names whose value may be changed through this one: `model.layers[0]` is a part of `model`."""
    match value:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            return _part_of(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in GIVEN_BACK:
            return _part_of(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return set().union(*map(_part_of, parts))
        case ast.IfExp(body=one, orelse=other):
            return _part_of(one) | _part_of(other)
    return set()


def _among(values: ast.expr) -> set[str]:
    if isinstance(values, ast.Call) and isinstance(values.func, ast.Name):  # zip, enumerate, reversed, ...
        return set().union(*map(_part_of, values.args))
    return _part_of(values)


def needed(statements: Sequence[Statement], answer: int, name: str, given: Iterable[str]) -> list[Statement]:
    """The statements that `name` rests on, in the notebook's order, without those that bind a given name."""
    return _Slice(statements, answer, name, given).statements()


class _Slice:
    """Follows names back to the statements that gave them their values."""

    def __init__(self, statements: Sequence[Statement], answer: int, name: str, given: Iterable[str]):
        self.all, self.answer, self.name = statements, answer, name
        self.there = {*given, "get_ipython", "display", "__name__"} - {name}
        self.binders, self.changers = defaultdict(list), defaultdict(list)
        self.done: dict[str, float] = {}  # name -> where in the notebook its value was asked for
        self.moods = {
            name
            for each in statements
            if isinstance(each.node, ast.Import | ast.ImportFrom) and _module(each.node).partition(".")[0] in MOODS
            for name in each.binds
        }
        imports = {
            each
            for statement in statements
            if isinstance(statement.node, ast.Import | ast.ImportFrom)
            for each in statement.binds
        }
        calls, aliases = self._calls(), self._aliases()
        for place, each in enumerate(statements):
            for bound in each.binds - self.there:
                self.binders[bound].append(place)
            called = set().union(*(self._called(each, function, calls[function]) for function in each.now & calls.keys()))
            if ANY in called:
                self.binders[ANY].append(place)
            for changed in _spread(each.changes | (each.touches | called) - imports, aliases) - self.there - {ANY}:
                self.changers[changed].append(place)

    def _called(self, statement: Statement, function: str, does: set[str]) -> set[str]:
        return does - {ARGUMENTS} | (statement.hands.get(function, frozenset()) if ARGUMENTS in does else set())

    def _calls(self) -> dict[str, set[str]]:
        """Function -> what a call of it does, other functions' doing included; not for those that the answer itself calls."""
        does, rests = defaultdict(set), defaultdict(set)
        for each in self.all:
            for name in each.binds - {ANY}:
                if each.does or isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    does[name] |= each.does
                    rests[name] |= each.late
        for _ in range(8):  # calls in calls
            for name, others in rests.items():
                does[name] |= set().union(*(does[other] for other in others & rests.keys())) - {ARGUMENTS}
        own, waiting = set(), [self.name]
        while waiting:
            name = waiting.pop()
            if name not in own:
                own.add(name)
                waiting += rests.get(name, ())
        return {name: what for name, what in does.items() if what and name not in own}

    def _aliases(self) -> dict[str, set[str]]:
        aliases = defaultdict(set)
        for each in self.all:
            for name, roots in each.aliases.items():
                aliases[name] |= roots
        return aliases

    def statements(self) -> list[Statement]:
        chosen, wanted = set(), [(self.name, float("inf"))]
        for place, each in enumerate(self.all):
            if each.cell <= self.answer and self._sets(each.node):
                chosen.add(place)
                wanted += [(name, place) for name in sorted(each.now)]
        while wanted:
            for place in self._makers(*wanted.pop()):
                if place not in chosen:
                    chosen.add(place)
                    each = self.all[place]
                    wanted += [(name, place) for name in sorted(each.now)]
                    wanted += [(name, float("inf")) for name in sorted(each.late | each.changes)]
        return [self.all[place] for place in sorted(chosen)]

    def _sets(self, node: ast.stmt) -> bool:
        """Whether it is a setting of a framework, which an answer rests on though it names nothing of it."""
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            return False
        return _last(node.value.func).startswith(SETTING) and bool(_root(node.value.func) & self.moods)

    def _makers(self, name: str, limit: float) -> list[int]:
        """Statements that give `name` its value: those before `limit` and up to the answer, else others."""
        if name in self.there or self.done.get(name, -1) >= limit:
            return []
        self.done[name] = limit
        binders = self.binders.get(name, [])
        before = [place for place in binders if self.all[place].cell <= self.answer]
        found = [place for place in before if place < limit] or [place for place in binders if place < limit]
        found = found or [place for place in self.binders.get(ANY, ()) if self._may_bind(place, name)]
        return found + [place for place in self.changers.get(name, ()) if self.all[place].cell <= self.answer]

    def _may_bind(self, place: int, name: str) -> bool:
        """A star import may bind a builtin's name too; nobody is taken to do that by `exec`."""
        each = self.all[place]
        return each.cell <= self.answer and (isinstance(each.node, ast.ImportFrom) or not hasattr(builtins, name))


def _spread(names: Iterable[str], aliases: Mapping[str, set[str]]) -> set[str]:
    """The names, and those of which they are parts."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += aliases.get(name, ()) if len(found) < FAR else ()
    return found


def _ignore(*arguments, **named) -> None:
    """Takes the place of `display`."""


class _Magic:
    """Takes the place of the notebook's own shell: whatever is asked of it, nothing happens."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **named):
        return self


def _Notebook():  # noqa: N802  called as get_ipython()
    return _Magic()
