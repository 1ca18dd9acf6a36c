"""What one statement binds, changes and reads: names only, found without running it. `slice.py` connects the statements."""

import ast
import importlib.util
import re
import symtable
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 200_000  # characters of one cell
DEEPEST = 200  # nested brackets
LONGEST_TEXT = 5_000  # characters of a string in which names are looked for
ANY = "*"  # stands for names that cannot be seen
ARGUMENTS = "()"  # stands for what a function is given
UNSEEN = frozenset(("exec", "eval", "globals", "locals", "vars", "setattr", "__import__"))  # may bind ANY name
PART_GETTERS = frozenset(  # methods that return a part of what they are called on
    ("get", "setdefault", "values", "items", "parameters", "named_parameters", "modules", "children", "get_layer")
)
MUTATORS = frozenset(  # methods that change what they are called on
    "append extend insert remove pop popitem clear update setdefault add discard sort reverse appendleft extendleft fit compile build "
    "load_state_dict set_weights assign assign_add assign_sub register register_buffer __setitem__".split()
)
FILLERS = frozenset(  # functions that change what they are given
    "shuffle fill_diagonal copyto put putmask place heappush heappop heapify insort setattr delattr setitem fit".split()
)
SETTING_PREFIXES = (  # calls on a module that begin like this change its settings
    "set", "seed", "manual_seed", "run_functions_eagerly", "enable", "experimental_enable", "simplefilter", "filterwarnings",
    "disable", "use_", "add_", "register", "Register", "define", "impl", "custom_op", "basicConfig",
)  # fmt: skip
# Effects that no name shows are followed by names of their own. "/" stands for files; ".gram" for an attribute of this name of
# whatever was imported, such as torch.Tensor; ".=" for settings, and attributes that cannot be seen: they always count
FILES, SETTINGS = "/", ".="
WRITES = re.compile(
    r"open_for_writing|(?:\w*_)?(?:write\w*|dump|save(?!fig)\w*)|im(?:save|write)|savetxt|savez\w*|to_(?:csv|json|pickle|excel|parquet|file)"
    r"|tofile|mkdir|makedirs|mkdtemp|mkstemp|touch|rename|unlink|rmtree|symlink\w*|copy(?:file|tree|2)|shutil|shelve|sqlite3|dbm|chdir"
    r"|fchdir|execute\w*|commit|close|flush|run_cell_magic|system"
)
READS = re.compile(
    r"(?:im|safe_|\w*_)?(?:open|load|read)\w*|\w*[fF]ile|genfromtxt|memmap|exists|is_dir|isdir|r?glob|listdir|iterdir|scandir|walk|stat"
    r"|connect|import_module|spec_from_\w+|run_path|getcwd|cwd|shelve|sqlite3|dbm"
)
WRITE_MODES = re.compile(r"[rbt]?[wax+][bt+]*|r[bt]*\+[bt]*")
WORDS = re.compile(r"[^\W\d]\w*")
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
MOST_ALIASES = 50  # names that are followed from one name
COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a cell.

    Attributes:
        cell: the index of its cell.
        node: its syntax tree.
        binds: names that it binds at the top level.
        changes: names whose value it changes in place.
        may_change: names on which it calls a method, or which it passes to a function, for its effect.
        reads_now: names that it looks up when it is run.
        reads_later: names that functions in it look up at the top level when they are called.
        effects: what calling a function in it may bind or change; ANY name, or ARGUMENTS.
        passes: function -> names that are passed to it.
        aliases: name -> names of which it may be a part.
    """

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str] = NOTHING
    may_change: frozenset[str] = NOTHING
    reads_now: frozenset[str] = NOTHING
    reads_later: frozenset[str] = NOTHING
    effects: frozenset[str] = NOTHING
    passes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)


def check_size(source: str) -> str:
    """Return the source, unless it is built to exhaust the parser.

    Raises:
        ValueError: too long, or nested too deeply to be parsed safely.
    """
    depth = deepest = 0
    for character in source if len(source) <= LONGEST else "":
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(0, depth - 1)
    if len(source) > LONGEST or deepest > DEEPEST:
        raise ValueError("the cell is too long, or nested too deeply")
    return source


def statements_of(source: str, cell: int) -> Iterator[Statement]:
    """Yield the statements of a cell. An import of several names becomes several: one may be needed, another be missing.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it cannot be parsed.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.encode() for line in source.split("\n")]
    for node in ast.parse(source, f"<cell {cell}>").body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                single = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
                name = alias.asname or alias.name.partition(".")[0]
                home = (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
                reads = {f".{alias.name}"} if isinstance(node, ast.ImportFrom) else set()
                reads |= set() if _is_installed(home) else {FILES, ".path", ".modules"}
                yield Statement(cell, ast.copy_location(single, node), frozenset((name,)), reads_later=frozenset(reads))
        else:
            yield _analyse(node, lines, cell)


def _analyse(node: ast.stmt, lines: list[bytes], cell: int) -> Statement:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name | ast.Constant):
        return Statement(cell, node, NOTHING)
    table = _symbol_table(node, lines)
    if table is None:  # fall back to every name in it
        names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
        read = frozenset(name.id for name in names)
        bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        own_name = getattr(node, "name", None)
        return Statement(
            cell, node, frozenset(bound | ({own_name} if isinstance(own_name, str) else set())), reads_now=read, reads_later=read
        )
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()} | _walrus_names(table)
    reads_now = frozenset(_read_now(table))
    reads_later = frozenset(_read_later(table)) | _declared_global(table)  # symtable does not count `+=` as a use
    run_now = list(_run_now(node))
    found = _Changes(run_now)
    changes, may_change = frozenset(found.changes), frozenset(found.may_change)
    texts = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]
    words = frozenset(word for text in texts for word in WORDS.findall(text[:LONGEST_TEXT]))
    if UNSEEN & (reads_now | reads_later):  # names in text may be bound, changed and read
        reads_later |= words
        if UNSEEN & reads_now and any(isinstance(inner, ast.Call) and last_name(inner.func) in UNSEEN for inner in run_now):
            binds.add(ANY)
            reads_now |= words
            changes |= words
    if ".run_line_magic" in found.reads:
        binds |= {ANY} if "run" in texts else set()
        reads_now |= words
    effects: set[str] = set()  # what calling a function in the statement may bind or change
    if isinstance(node, DEFINITIONS) or any(isinstance(inner, FUNCTIONS) for inner in run_now):
        inside = _Changes(ast.walk(node))
        changed = spread(inside.changes | inside.may_change, inside.aliases)
        effects = _declared_global(table) | (changed & reads_later) | ({ANY} if UNSEEN & reads_later else set())
        parameters = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)} - {"self", "cls"}
        effects |= {ARGUMENTS} if changed & parameters else set()
        effects |= {f"{ARGUMENTS}{each}" if each.partition(".")[0] in parameters else each for each in inside.outside}
        reads_later |= inside.reads
    reads_later |= found.reads
    changes |= found.outside
    return Statement(
        cell, node, frozenset(binds), changes, may_change, reads_now, reads_later, frozenset(effects), found.passes, found.aliases
    )


# Names by scope, from Python's own symbol table


def _symbol_table(node: ast.stmt, lines: list[bytes]) -> symtable.SymbolTable | None:
    """The symbol table of a statement, from its source with decorators; from its unparsed tree if that fails."""
    first, start, last = node.lineno - 1, node.col_offset, (node.end_lineno or node.lineno) - 1
    if decorators := getattr(node, "decorator_list", None):
        first, start = decorators[0].lineno - 1, 0
    segment = lines[first : last + 1]
    segment[-1] = segment[-1][: node.end_col_offset]
    segment[0] = segment[0][start:]
    for source in (lambda: b"\n".join(segment).decode(), lambda: ast.unparse(node)):
        try:
            return symtable.symtable(source(), "<cell>", "exec")
        except PARSE_ERRORS:
            continue
    return None


def _read_now(table: symtable.SymbolTable) -> Iterator[str]:
    """Names looked up at the top level while the statement is run."""
    own = table.get_type() in ("module", "class")
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (own or symbol.is_global()):
            yield symbol.get_name()
    for inner in filter(_runs_in_place, table.get_children()):
        yield from _read_now(inner)


def _read_later(table: symtable.SymbolTable) -> Iterator[str]:
    """Names looked up at the top level when a function in the statement is called."""
    for inner in table.get_children():
        if not _runs_in_place(inner) or inner.get_name() == "genexpr":  # a generator continues when it is asked
            yield from _read_now(inner)
        yield from _read_later(inner)


def _runs_in_place(table: symtable.SymbolTable) -> bool:
    return table.get_type() == "class" or table.get_name() in COMPREHENSIONS


def _walrus_names(table: symtable.SymbolTable) -> set[str]:
    """Names that `:=` in a comprehension binds at the top level."""
    inner = [child for child in table.get_children() if child.get_name() in COMPREHENSIONS]
    return _global_assignments(inner).union(*map(_walrus_names, inner))


def _declared_global(table: symtable.SymbolTable) -> set[str]:
    """Names that a function in the statement declares `global` and assigns."""
    return _global_assignments(table.get_children()).union(*map(_declared_global, table.get_children()))


def _global_assignments(tables: Iterable[symtable.SymbolTable]) -> set[str]:
    symbols = [symbol for table in tables for symbol in table.get_symbols()]
    return {symbol.get_name() for symbol in symbols if symbol.is_declared_global() and symbol.is_assigned()}


# Changes in place, from the syntax tree


class _Changes:
    """What some nodes change in place, as far as they show without knowing who defines what. Attributes as in `Statement`."""

    def __init__(self, nodes: Iterable[ast.AST]):
        self.changes: set[str] = set()
        self.may_change: set[str] = set()
        self.passes: dict[str, frozenset[str]] = {}
        self.aliases: dict[str, frozenset[str]] = {}
        self.outside: set[str] = set()  # FILES, or what is changed in which import, such as "torch.gram"
        self.reads: set[str] = set()  # FILES and attributes
        for node in nodes:
            if isinstance(node, ast.Constant):
                continue
            if isinstance(node, ast.Name | ast.Attribute):
                self._visit_word(node.id if isinstance(node, ast.Name) else node.attr)
            match node:
                case ast.Attribute(ctx=ast.Load(), attr=name):
                    self.reads.add(f".{name}")
                case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    self.changes |= root_name(node)
                    self._add_outside(node, _outer_attribute(node))
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method) as function)):
                    self.may_change |= root_name(function)
                    self.changes |= root_name(function) if method.startswith(SETTING_PREFIXES) else set()
                case ast.AugAssign(target=ast.Name(id=name)):
                    self.changes.add(name)
                case ast.Call():
                    self._visit_call(node)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    for decorator in node.decorator_list:
                        self.may_change |= set() if isinstance(decorator, ast.Name) else root_name(decorator)
                case ast.Assign(targets=targets, value=value):
                    self._add_aliases(targets, _whole_names(value))
                case ast.NamedExpr(target=target, value=value):
                    self._add_aliases([target], _whole_names(value))
                case (
                    ast.For(target=target, iter=values)
                    | ast.AsyncFor(target=target, iter=values)
                    | ast.comprehension(target=target, iter=values)
                ):
                    if isinstance(values, ast.Call) and isinstance(values.func, ast.Name):  # zip, enumerate, reversed, ...
                        self._add_aliases([target], set().union(*map(_whole_names, values.args)))
                    else:
                        self._add_aliases([target], _whole_names(values))
                case ast.withitem(context_expr=value, optional_vars=target) if target is not None:
                    self._add_aliases([target], _whole_names(value))

    def _visit_call(self, node: ast.Call) -> None:
        arguments = set().union(*map(root_name, _arguments(node)))
        name = last_name(node.func)
        texts = [value.value for value in node.args[:2] if isinstance(value, ast.Constant) and isinstance(value.value, str)]
        if name.startswith(SETTING_PREFIXES) and "seed" not in name:
            self._add_outside(node.func, SETTINGS)
        if name in MUTATORS or name == "putenv":
            self._add_outside(node.func, ".environ" if name == "putenv" else _outer_attribute(getattr(node.func, "value", node)))
        if name in ("setattr", "delattr") and node.args:
            self._add_outside(node.args[0], f".{texts[0]}" if texts else SETTINGS)
        if name in ("getattr", "hasattr", "attrgetter", "methodcaller", "run_line_magic"):
            self.reads |= {f".{text}" for text in texts}
        if name.startswith("redirect_std"):
            self.may_change |= arguments
        if name == "getenv":
            self.reads.add(".environ")
        if name == "run_line_magic" and texts:
            self.outside |= {"env": {"os.environ"}, "set_env": {"os.environ"}, "cd": {FILES}, "mkdir": {FILES}}.get(
                texts[0], set()
            )
            self.reads |= {".environ"} if texts[0] == "env" else {FILES} if texts[0] == "run" else set()
        if any(isinstance(value, ast.Constant) and WRITE_MODES.fullmatch(str(value.value)) for value in _arguments(node)):
            self.outside.add(FILES)
        if any(keyword.arg == "file" for keyword in node.keywords):
            self.outside.add(FILES)
        in_place = name.endswith("_") and not name.endswith("__")  # PyTorch's naming
        if (name in MUTATORS or in_place) and isinstance(node.func, ast.Attribute):
            self.may_change |= root_name(node.func)
        if name in FILLERS or in_place:
            self.may_change |= arguments
        self.may_change |= set().union(*(root_name(keyword.value) for keyword in node.keywords if keyword.arg == "out"))
        if isinstance(node.func, ast.Name) and arguments:
            self.passes[node.func.id] = self.passes.get(node.func.id, NOTHING) | arguments

    def _visit_word(self, word: str) -> None:
        if WRITES.fullmatch(word):
            self.outside.add(FILES)
        if READS.fullmatch(word):
            self.reads.add(FILES)
        if word == "environ":
            self.reads.add(".environ")

    def _add_outside(self, node: ast.expr, attribute: str) -> None:
        attribute = SETTINGS if attribute.startswith(".__") else attribute
        self.outside |= {f"{root}{attribute}" for root in root_name(node)} if attribute else set()

    def _add_aliases(self, targets: Iterable[ast.expr], wholes: set[str]) -> None:
        for target in targets if wholes else ():
            for name in {inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name)}:
                self.aliases[name] = self.aliases.get(name, NOTHING) | wholes - {name}


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _outer_attribute(node: ast.AST) -> str:
    """`.gram` of `torch.Tensor.gram` and `.environ` of `os.environ["A"]`; of a name alone, its name: it may have been imported."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    name = getattr(node, "attr", None) or getattr(node, "id", "")
    return f".{name}" if name else ""


def _is_installed(module: str) -> bool:
    if module in sys.modules or module in sys.stdlib_module_names:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _run_now(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is inside it, without what runs only when a function is called."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, FUNCTIONS):
            waiting += getattr(current, "decorator_list", [])
            waiting += filter(None, (*current.args.defaults, *current.args.kw_defaults))
            continue
        for name in current._fields:
            part = getattr(current, name, None)
            if isinstance(part, list):
                waiting += [item for item in part if isinstance(item, ast.AST)]
            elif isinstance(part, ast.AST) and not isinstance(part, ast.expr_context | ast.operator):
                waiting.append(part)


def last_name(function: ast.expr) -> str:
    """`manual_seed` of `torch.random.manual_seed`."""
    name: Any = getattr(function, "attr", None) or getattr(function, "id", "")
    return name


def root_name(node: ast.expr) -> set[str]:
    """The name to the left of all dots and brackets; empty if there is none."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner) | ast.Starred(value=inner):
                node = inner
            case _:
                return set()
    return {node.id}


def _whole_names(value: ast.expr) -> set[str]:
    """Names whose value may be changed through this one: `model.layers[0]` is a part of `model`."""
    match value:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            return _whole_names(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in PART_GETTERS:
            return _whole_names(inner)
        case ast.Call(func=ast.Name(id="type"), args=[inner]):
            return root_name(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return set().union(*map(_whole_names, parts))
        case ast.IfExp(body=one, orelse=other):
            return _whole_names(one) | _whole_names(other)
    return set()


def spread(names: Iterable[str], aliases: Mapping[str, Iterable[str]]) -> set[str]:
    """The names, and those of which they are parts."""
    reached, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += aliases.get(name, ()) if len(reached) < MOST_ALIASES else ()
    return reached
