"""Extract one function from a notebook's cells: run the statements that it depends on, and nothing else.

A lesson optimises images for a minute; a student's notebook may do so for an hour, or stop half-way. The grader needs one
function. So it finds the statements that the function depends on by the names that they bind, and runs only those: a program
slice (Weiser 1981), by names alone. Where names leave a doubt, a statement is run unnecessarily rather than missed.
"""

import __future__

import ast
import asyncio
import builtins
import importlib
import inspect
import linecache
import os
import shlex
import sys
import types
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stylelab.exercises.checking.reach import REFUSED
from stylelab.tools.classroom.sandbox.inside.statements import (
    ANY,
    ARGUMENTS,
    DEFINITIONS,
    FILES,
    NOTHING,
    PARSE_ERRORS,
    SETTING_PREFIXES,
    SETTINGS,
    UNSEEN,
    Statement,
    check_size,
    last_name,
    root_name,
    spread,
    statements_of,
)

SHOWING = {"stylelab", "matplotlib", "IPython", "ipywidgets", "PIL", "rich", "tqdm"}  # their settings do not concern an answer


@dataclass
class Loaded:
    """The result of running an answer's statements.

    Attributes:
        function: the value of the exercise's name; None if there is none.
        trouble: the first error, in a sentence; empty without one.
    """

    function: Any = None
    trouble: str = ""
    namespace: dict = field(default_factory=dict)


def become_notebook() -> dict:
    """Make this process look like a notebook's: the namespace that is returned is `__main__`, and modules may be files in its folder."""
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path.insert(0, "")
    return vars(module)


def load(
    cells: Sequence[str], answer: int, name: str, given: dict[str, str], namespace: dict | None = None, until: int | None = None
) -> Loaded:
    """Run what `name` depends on and return its value.

    Args:
        cells: the sources of a notebook's code cells, in order.
        answer: index of the cell that holds the answer.
        name: the exercise's id.
        given: id -> source of the library's answer, for earlier exercises that are open or wrong, as in the lesson. It is
            empty afterwards.
        namespace: where to run it; a new one by default.
        until: index of the last cell that has run when the notebook checks the answer; by default the answer's own.
    """
    library = {}
    while given:  # nothing of it is left when a student's statement runs
        exercise, source = given.popitem()
        if exercise != name:
            own_namespace = {"__name__": "stylelab"}  # so that its helpers do not mix with the student's names
            exec(source, own_namespace)
            library[exercise] = own_namespace[exercise]
        del source
    loaded = Loaded(namespace={} if namespace is None else namespace)
    get_shell = partial(_get_shell, loaded.namespace)
    loaded.namespace |= {"__name__": "__main__", "__builtins__": __builtins__, "get_ipython": get_shell, "display": _Nothing()}
    loaded.namespace |= library
    statements: list[Statement] = []
    for index, source in enumerate(cells):
        try:
            with warnings.catch_warnings():  # an invalid escape sequence does not matter here
                warnings.simplefilter("ignore")
                statements += list(statements_of(check_size(source), index))
        except PARSE_ERRORS as error:
            if index == answer:
                loaded.trouble = _describe(error, index, answer)
    if loaded.trouble:
        return loaded
    has_future_annotations = any(
        isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__" and "annotations" in statement.binds
        for statement in statements
    )
    flags = __future__.annotations.compiler_flag if has_future_annotations else 0  # they apply to the whole notebook
    for statement in _choose(statements, answer if until is None else until, name, library):
        is_answer = statement.cell == answer and name in statement.binds | statement.changes
        _run(statement, loaded, cells, flags, answer, important=is_answer)
        loaded.namespace |= library  # a statement that binds several names may have rebound these
    loaded.function = loaded.namespace.get(name)
    if name not in loaded.namespace and not loaded.trouble:
        loaded.trouble = f"The cell does not define {name}."
    return loaded


def _choose(statements: Sequence[Statement], until: int, name: str, given: Iterable[str]) -> list[Statement]:
    sliced = _Slice(statements, until, name, given)
    if name in sliced.binders or name in sliced.changers:
        return sliced.statements()
    before = [statement for statement in statements if statement.cell <= until]
    unseen = any(ANY in statement.binds or UNSEEN & (statement.reads_now | statement.reads_later) for statement in before)
    return before if unseen else []  # if it is bound in a way that cannot be seen, everything is run in order


def _run(statement: Statement, loaded: Loaded, cells: Sequence[str], flags: int, answer: int, *, important: bool) -> None:
    file = f"<cell {statement.cell}>"
    text = cells[statement.cell]  # for inspect.getsource
    linecache.cache[file] = (len(text), None, [f"{line}\n" for line in text.split("\n")], file)
    try:
        if isinstance(statement.node, ast.Import | ast.ImportFrom):
            importlib.invalidate_caches()  # it may import a file that was written a moment ago
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            all_flags = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as in a notebook
            code = compile(ast.Module([statement.node], []), file, "exec", all_flags, dont_inherit=True)
        result = eval(code, loaded.namespace)
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except BaseException as error:  # noqa: BLE001  a student's cell may raise anything, even SystemExit and KeyboardInterrupt
        if important or not loaded.trouble:
            loaded.trouble = _describe(error, statement.cell, answer)


def _describe(error: BaseException, cell: int, answer: int) -> str:
    """The error and the line of the student's own code, in one sentence."""
    file, words = f"<cell {cell}>", ""
    line: int | None = None
    text: object = error
    try:
        if isinstance(error, SyntaxError) and error.filename == file:
            line, text = error.lineno, error.msg
        else:
            trace = error.__traceback__
            while trace:
                if trace.tb_frame.f_code.co_filename == file:
                    line = trace.tb_lineno
                trace = trace.tb_next
        words = " ".join(str(text)[:2000].split())[:160]
        kind = str(type(error).__name__)[:60]
    except BaseException:  # noqa: BLE001  an exception of a student's own may fail when it is converted to text
        line, words, kind = None, "", "an error without a message"
    where = "The cell" if cell == answer else "Another cell"
    if line:
        where = f"Line {line}" if cell == answer else f"Line {line} of another cell"
    advice = f" {REFUSED}" if isinstance(error, PermissionError) else ""
    return f"{where} stops with {kind}{f': {words}' if words else ''}".rstrip(".") + f".{advice}"


def needed(statements: Sequence[Statement], until: int, name: str, given: Iterable[str]) -> list[Statement]:
    """The statements that `name` depends on, in the notebook's order, without those that bind a given name."""
    return _Slice(statements, until, name, given).statements()


class _Slice:
    """Follows names back to the statements that gave them their values, in the cells up to `until` if they are there."""

    def __init__(self, statements: Sequence[Statement], until: int, name: str, given: Iterable[str]):
        self.all, self.until, self.name = statements, until, name
        self.given = {*given, "get_ipython", "display", "__name__"} - {name}
        self.binders, self.changers = defaultdict(list), defaultdict(list)  # name -> positions of statements
        self.followed: dict[str, float] = {}  # name -> the position up to which its value was looked for
        imported: set[str] = set()
        self.settable: set[str] = set()
        for statement in statements:
            node = statement.node
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported |= statement.binds
                module = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
                if module.partition(".")[0] not in SHOWING:
                    self.settable |= statement.binds
        effects = self._effects_of_calls()
        aliases: dict[str, set[str]] = defaultdict(set)
        for statement in statements:
            for name, wholes in statement.aliases.items():
                aliases[name] |= wholes
        fixed = set(dir(builtins)).difference(*(statement.binds for statement in statements))  # such as `super`
        for position, statement in enumerate(statements):
            for bound in statement.binds - self.given:
                self.binders[bound].append(position)
            by_calls = set()
            for function in statement.reads_now & effects.keys():
                by_calls |= effects[function] - {ARGUMENTS}
                by_calls |= statement.passes.get(function, NOTHING) if ARGUMENTS in effects[function] else NOTHING
            if ANY in by_calls:
                self.binders[ANY].append(position)
            passed = set().union(*(statement.passes.get(function, NOTHING) for function in statement.reads_now & effects.keys()))
            outside = {each for each in statement.changes | by_calls if "." in each}
            for each in outside:  # such as "torch.gram"
                root, _, attribute = each.partition(".")
                if spread(passed if root == ARGUMENTS else {root}, aliases) & self.settable:
                    self.changers[f".{attribute}"].append(position)
            changes = (statement.changes | (statement.may_change | by_calls) - imported) - outside
            for changed in spread(changes, aliases) - self.given - fixed - {ANY}:
                self.changers[changed].append(position)

    def _effects_of_calls(self) -> dict[str, set[str]]:
        """Function -> what calling it does, including functions that it calls; without those that the answer itself calls."""
        effects: dict[str, set[str]] = defaultdict(set)
        depends: dict[str, set[str]] = defaultdict(set)
        for statement in self.all:
            for name in statement.binds - {ANY}:
                if statement.effects or isinstance(statement.node, DEFINITIONS):
                    effects[name] |= statement.effects
                    depends[name] |= statement.reads_later
        for _ in range(8):  # calls within calls
            for name, others in depends.items():
                effects[name] |= set().union(*(effects[other] for other in others & depends.keys())) - {ARGUMENTS}
        called_by_answer, waiting = set(), [self.name]
        while waiting:
            name = waiting.pop()
            if name not in called_by_answer:
                called_by_answer.add(name)
                waiting += depends.get(name, ())
        for name in called_by_answer & effects.keys():
            effects[name] = {each for each in effects[name] if each == FILES or "." in each}
        return {name: what for name, what in effects.items() if what}

    def statements(self) -> list[Statement]:
        """The chosen statements, in order."""
        chosen, wanted = set(), [(self.name, float("inf")), (SETTINGS, float("inf"))]
        for position, statement in enumerate(self.all):
            call = getattr(statement.node, "value", None)
            if statement.cell > self.until or not isinstance(statement.node, ast.Expr) or not isinstance(call, ast.Call):
                continue
            # setting something in a framework affects an answer that does not mention it
            if last_name(call.func).startswith(SETTING_PREFIXES) and root_name(call.func) & self.settable:
                chosen.add(position)
                wanted += [(name, position) for name in sorted(statement.reads_now)]
        while wanted:
            for position in self._sources_of(*wanted.pop()):
                if position not in chosen:
                    chosen.add(position)
                    statement = self.all[position]
                    wanted += [(name, position) for name in sorted(statement.reads_now)]
                    wanted += [(name, float("inf")) for name in sorted(statement.reads_later | statement.changes)]
        return [self.all[position] for position in sorted(chosen)]

    def _sources_of(self, name: str, limit: float) -> list[int]:
        """Statements that give `name` its value: those before `limit` and up to cell `until`, or else others."""
        if name in self.given or self.followed.get(name, -1) >= limit:
            return []
        self.followed[name] = limit
        binders = self.binders.get(name, [])
        sources = [position for position in binders if position < limit and self.all[position].cell <= self.until]
        sources = sources or [position for position in binders if position < limit] or self.changers.get(f".{name}", [])
        if not sources:  # a star import may also rebind a builtin; `exec` is assumed not to
            unseen = [position for position in self.binders.get(ANY, ()) if self.all[position].cell <= self.until]
            is_builtin = hasattr(builtins, name)
            sources = [position for position in unseen if isinstance(self.all[position].node, ast.ImportFrom) or not is_builtin]
        return sources + [position for position in self.changers.get(name, ()) if self.all[position].cell <= self.until]


def _get_shell(namespace: dict) -> Any:
    """IPython's shell, made at its first use: magics work on `namespace`, and commands start no process."""
    try:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
    except ImportError:
        return _Nothing()
    if not InteractiveShell.initialized():
        shell: Any = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}), user_ns=namespace)
        shell.system, shell.getoutput, shell.enable_gui = _make_folders, lambda *_, **__: [], lambda *_: None
    return InteractiveShell.instance()


def _make_folders(command: str) -> None:
    words = shlex.split(command)
    for folder in words[1:] if words[:1] == ["mkdir"] else ():
        if not folder.startswith("-"):
            os.makedirs(folder, exist_ok=True)


class _Nothing:
    """Replaces `display`: it can be called, every attribute can be read, and nothing happens."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **named):
        return self
