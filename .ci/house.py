"""Measure the layout of the package: modules, import circles, reach, private functions used once, lines.

    python .ci/house.py [ROOT] [--json] [--start MODULE] [--option NAME]

ROOT holds the folder `stylelab`; by default it is this repository. Files are parsed, never imported, so neither framework
is needed. `tests/repository/test_house.py` reads the imports through `Package`.
"""

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STUDENT_FILES = (
    *(f"torch/{name}.py" for name in ("tensors", "features", "losses", "objective", "transfer", "loop")),
    "recipes.py",
    "result.py",
)
SHORT = 4  # lines of a body
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One name imported in one place.

    Attributes:
        source: the module that imports.
        target: the module that is imported, of this package or of another.
        name: what is taken from the target; empty where the target itself is imported.
        bound: the name by which the importing file knows it.
        line: where the import is.
        function: the outermost function that contains a lazy import; empty at the top of a module.
        type_only: whether it is under `if TYPE_CHECKING`.
    """

    source: str
    target: str
    name: str
    bound: str
    line: int
    function: str = ""
    type_only: bool = False


class Package:
    """The parsed modules of `root/name` and the imports between them, lazy and type-only ones included."""

    def __init__(self, root: Path, name: str = "stylelab"):
        self.root, self.name = root, name
        self.files = {_module_name(path.relative_to(root)): path for path in sorted((root / name).rglob("*.py"))}
        self.texts = {module: path.read_text(encoding="utf-8") for module, path in self.files.items()}
        self.trees = {module: ast.parse(text, str(self.files[module])) for module, text in self.texts.items()}
        self.imports = [each for module in self.files for each in self._read(module, self.trees[module])]
        self.graph: dict[str, set[str]] = {module: set() for module in self.files}
        for each in self.imports:
            if each.target in self.files and each.target != each.source:
                self.graph[each.source].add(each.target)

    def path(self, module: str) -> str:
        """The module's file, relative to the root."""
        return self.files[module].relative_to(self.root).as_posix()

    def rooms(self) -> list[str]:
        """Folders with Python files directly in the package."""
        return sorted({path.relative_to(self.root).parts[1] for path in self.files.values() if path.parents[1] != self.root})

    def plain_modules(self) -> list[str]:
        """Names of the Python files directly in the package, `__init__` and `__main__` included."""
        return [path.stem for path in self.files.values() if path.parents[1] == self.root]

    def lines(self, modules: Iterable[str]) -> int:
        """Lines of these modules together, comments and blank lines included."""
        return sum(len(self.texts[module].splitlines()) for module in modules)

    def reached(self, start: str) -> set[str]:
        """A module and all that it imports, directly or through others."""
        found, waiting = {start}, [start]
        while waiting:
            new = self.graph[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def _read(self, module: str, node: ast.AST, function: str = "", type_only: bool = False) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield Import(module, alias.name, "", bound, child.lineno, function, type_only)
            elif isinstance(child, ast.ImportFrom):
                base = self._base(module, child)
                for alias in child.names:
                    target = self._target(base, alias.name)
                    name = alias.name if target == base else ""
                    yield Import(module, target, name, alias.asname or alias.name, child.lineno, function, type_only)
            else:
                inside = function or (child.name if isinstance(child, Function) else "")
                # the test and the `else` of such an `if` are counted as type-only too: neither imports anything here
                guarded = type_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
                yield from self._read(module, child, inside, guarded)

    def _base(self, module: str, node: ast.ImportFrom) -> str:
        """What stands between `from` and `import`, made absolute."""
        if not node.level:
            return node.module or ""
        package = module.split(".")[: None if self.files[module].name == "__init__.py" else -1]
        return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])

    def _target(self, base: str, name: str) -> str:
        """The module that `from base import name` leads to: the submodule, or `base` for any other name.

        Python also runs the `__init__` of every package above a submodule. That is not counted as an import, except where
        the `__init__` itself gives the name another meaning: `stylelab.torch.transfer` is a function there.
        """
        child = f"{base}.{name}"
        return child if child in self.files and name not in _names_bound(self.trees.get(base), base) else base


def _module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _names_bound(tree: ast.Module | None, package: str) -> set[str]:
    """Names that an `__init__` defines or imports; its own submodules, imported as such, are left out."""
    names = set()
    for node in tree.body if tree else ():
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module not in (package, None):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return names


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module, largest first (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in sorted(graph[module] & graph.keys()):
            if target not in order:
                visit(target)
            if target in stack:
                low[module] = min(low[module], low[target])
        if low[module] == order[module]:
            start = stack.index(module)
            components.append(sorted(stack[start:]))
            del stack[start:]

    for module in graph:
        if module not in order:
            visit(module)
    return sorted((each for each in components if len(each) > 1), key=len, reverse=True)


def private_functions_used_once(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and body length of each function or method `_name` that its own file mentions once.

    A mention is the name, bare or as an attribute, outside the function itself. The body is measured without its docstring.
    """
    mentions = _mentions(tree)
    for node in ast.walk(tree):
        if isinstance(node, Function) and re.match(r"_(?!_.*__$)", node.name):
            if mentions[node.name] - _mentions(node)[node.name] == 1:
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                yield node.name, body[-1].end_lineno - body[0].lineno + 1 if body else 0


def _mentions(node: ast.AST) -> Counter[str]:
    """How often each name is read."""
    loads = (each for each in ast.walk(node) if isinstance(getattr(each, "ctx", None), ast.Load))
    return Counter(getattr(each, "id", None) or getattr(each, "attr", "") for each in loads)


def measure(package: Package, start: str = "stylelab.torch.transfer", option: str = "style_layers") -> dict:
    """The figures of the table, by name. `start` is None where the package has no such module."""
    without_front = {module: targets for module, targets in package.graph.items() if module != package.name}
    functions = sum(isinstance(node, Function) for tree in package.trees.values() for node in ast.walk(tree))
    once = [each for tree in package.trees.values() for each in private_functions_used_once(tree)]
    reached = package.reached(start) if start in package.files else set()
    importers = Counter(target for targets in package.graph.values() for target in targets)
    student = [module for module in package.files if package.path(module).partition("/")[2] in STUDENT_FILES]
    return {
        "plain modules": len(package.plain_modules()),
        "rooms": package.rooms(),
        "circles": circles(without_front),
        "circles with __init__": circles(package.graph),
        "start": start,
        "reached files": len(reached),
        "reached lines": package.lines(reached),
        "functions": functions,
        "private functions used once": len(once),
        "of those short": sum(length <= SHORT for _, length in once),
        "modules with a single importer": sum(importers[module] == 1 for module in package.files),
        "lines": package.lines(package.files),
        "student files": [package.path(module) for module in student],
        "student lines": package.lines(student),
        "option": option,
        "files that name the option": [
            package.path(module) for module, text in package.texts.items() if re.search(rf"\b{re.escape(option)}\b", text)
        ],
    }


def table(figures: dict) -> str:
    """The figures as lines of text, beside what house.md wants."""
    inner, outer = figures["circles"], figures["circles with __init__"]
    share = 100 * figures["private functions used once"] / max(figures["functions"], 1)
    rows = [
        ("plain modules flat in stylelab/, __init__ and __main__ among them", figures["plain modules"], "8 and these two"),
        ("rooms in stylelab/", f"{len(figures['rooms'])}: {', '.join(figures['rooms'])}", "13"),
        ("import circles, lazy and type-only imports counted", _describe(inner), "0"),
        ("the same with stylelab/__init__.py", _describe(outer), "0"),
        (f"{figures['start']} reaches", f"{figures['reached files']} files, {figures['reached lines']:,} lines", "25, 3,500"),
        (
            "private functions used once in their own file",
            f"{share:.1f} % of {figures['functions']:,} functions ({figures['private functions used once']}; "
            f"{figures['of those short']} of them of at most {SHORT} lines)",
            "15 %",
        ),
        ("modules with a single importer", figures["modules with a single importer"], "35"),
        ("Python lines in the package", f"{figures['lines']:,}", "20,000"),
        ("lines that a student reads", f"{figures['student lines']:,} in {len(figures['student files'])} files", "2,000"),
        (f"files that name {figures['option']}", len(figures["files that name the option"]), "3"),
    ]
    lines = [f"{label:<66}{value}   [wanted: at most {wanted}]" for label, value, wanted in rows]
    for title, found in (("without stylelab/__init__.py", inner), ("with it", outer)):
        lines += [f"\nlargest circle {title}:", *(f"  {module}" for module in found[0])] if found else []
    return "\n".join(lines)


def _describe(found: list[list[str]]) -> str:
    return f"{len(found)}, the largest of {len(found[0])} files" if found else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1], metavar="ROOT")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--start", default="stylelab.torch.transfer", help="the module whose reach is measured")
    parser.add_argument("--option", default="style_layers", help="the option whose name is looked for")
    arguments = parser.parse_args()
    figures = measure(Package(arguments.root), arguments.start, arguments.option)
    print(json.dumps(figures, indent=2) if arguments.json else table(figures))


if __name__ == "__main__":
    main()
