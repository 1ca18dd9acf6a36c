"""Measure the layout of the package: modules, import circles, reach, private functions used once, lines.

    python .ci/house.py [ROOT] [--start MODULE] [--option NAME]

ROOT holds the folder `stylelab`; by default it is this repository. Files are parsed, never imported, so no framework is
needed. `tests/repository/test_house.py` reads the imports through `Package`.
"""

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STUDENT_NAMES = ("tensors", "features", "losses", "clouds", "objective", "transfer", "loop")
STUDENT_FILES = (*(f"torch/{name}.py" for name in STUDENT_NAMES), "recipes.py", "result.py")
SHORT = 4  # lines of a body
Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Import:
    """One name imported in one place.

    Attributes:
        source: the importing module.
        target: the imported module, of this package or of another.
        name: what is imported from the target; empty if the target itself is imported.
        bound: its name in the importing file.
        function: the outermost function around a lazy import; empty at the top of a module.
        type_only: whether it is under `if TYPE_CHECKING`.
    """

    source: str
    target: str
    name: str
    bound: str
    line: int
    function: str
    type_only: bool


class Package:
    """The parsed modules of `root/stylelab` and the imports between them, lazy and type-only ones included."""

    def __init__(self, root: Path):
        paths = sorted((root / "stylelab").rglob("*.py"))
        self.files = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
        self.paths = {module: path.relative_to(root).as_posix() for module, path in self.files.items()}
        self.texts = {module: path.read_text(encoding="utf-8") for module, path in self.files.items()}
        self.trees = {module: ast.parse(text, self.paths[module]) for module, text in self.texts.items()}
        self.plain_modules = [path.stem for path in paths if path.parents[1] == root]  # __init__ and __main__ among them
        self.rooms = sorted({path.relative_to(root).parts[1] for path in paths if path.parents[1] != root})
        self.imports = [item for module, tree in self.trees.items() for item in self._read(module, tree)]
        self.graph: Graph = {module: set() for module in self.files}
        for item in self.imports:
            if item.target in self.files and item.target != item.source:
                self.graph[item.source].add(item.target)

    def lines(self, modules: Iterable[str]) -> int:
        """The number of lines of these modules, comments and blank lines included."""
        return sum(len(self.texts[module].splitlines()) for module in modules)

    def _read(self, module: str, node: ast.AST, function: str = "", type_only: bool = False) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield Import(module, alias.name, "", bound, child.lineno, function, type_only)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:  # a relative import: go from the module up to its package, then further up
                    up = child.level - (self.files[module].name == "__init__.py")
                    base = ".".join([*module.split(".")[: -up or None], *filter(None, [base])])
                for alias in child.names:
                    target = self._target(base, alias.name)
                    name = alias.name if target == base else ""
                    yield Import(module, target, name, alias.asname or alias.name, child.lineno, function, type_only)
            else:
                inside = function or (child.name if isinstance(child, Function) else "")
                guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from self._read(module, child, inside, type_only or guarded)

    def _target(self, base: str, name: str) -> str:
        """The module that `from base import name` imports from: the submodule of that name, or else `base`.

        Python also runs the `__init__` of every package above a submodule. That does not count as an import, unless the
        `__init__` gives the name another meaning: `stylelab.torch.transfer` is a function there.
        """
        child = f"{base}.{name}"
        return child if child in self.files and name not in _names_bound(self.trees.get(base), base) else base


def _names_bound(tree: ast.Module | None, package: str) -> Iterator[str]:
    """Names that an `__init__` defines or imports at the top level, except its own submodules."""
    for node in tree.body if tree else ():
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom) and node.module not in (package, None):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from (name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))


def reached(graph: Graph, start: str) -> set[str]:
    """A module and everything that it imports, directly or through others."""
    modules, queue = {start}, [start]
    while queue:
        new = (graph[queue.pop()] & graph.keys()) - modules
        modules |= new
        queue += new
    return modules


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that all reach each other (strongly connected components), the largest first."""
    reach = {module: reached(graph, module) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted((sorted(group) for group in groups if len(group) > 1), key=lambda group: (-len(group), group))


def private_functions_used_once(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The name and length of each function or method `_name` that its file uses once, bare or as an attribute.

    A function that calls itself cannot be inlined and is left out. The length is that of the body without the docstring.
    """
    reads = _reads(tree)
    for node in ast.walk(tree):
        if isinstance(node, Function) and re.match(r"_(?!_.*__$)", node.name):
            if reads[node.name] == 1 and not _reads(node)[node.name]:
                body = node.body[ast.get_docstring(node) is not None :]
                yield node.name, body[-1].end_lineno - body[0].lineno + 1 if body else 0


def _reads(tree: ast.AST) -> Counter[str]:
    loads = (node for node in ast.walk(tree) if isinstance(getattr(node, "ctx", None), ast.Load))
    return Counter(getattr(node, "id", None) or getattr(node, "attr", "") for node in loads)


def measure(package: Package, start: str, option: str) -> list[tuple[str, str, str]]:
    """Rows of the table: what is measured, the figure now, the figure wanted."""
    without_init = {module: targets for module, targets in package.graph.items() if module != "stylelab"}
    reach = reached(package.graph, start) if start in package.graph else set()
    count = sum(isinstance(node, Function) for tree in package.trees.values() for node in ast.walk(tree))
    lengths = [length for tree in package.trees.values() for _, length in private_functions_used_once(tree)]
    share, short = 100 * len(lengths) / max(count, 1), sum(length <= SHORT for length in lengths)
    importers = Counter(target for targets in package.graph.values() for target in targets)
    student = [module for module, path in package.paths.items() if path.partition("/")[2] in STUDENT_FILES]
    naming = [module for module, text in package.texts.items() if re.search(rf"\b{re.escape(option)}\b", text)]
    return [
        ("plain modules in stylelab/, with __init__ and __main__", f"{len(package.plain_modules)}", "8, and these two"),
        ("rooms in stylelab/", f"{len(package.rooms)}", "13"),
        ("import circles, with lazy and type-only imports", _size(circles(without_init)), "0"),
        ("the same, with stylelab/__init__.py", _size(circles(package.graph)), "0"),
        (f"{start} reaches", f"{len(reach)} files, {package.lines(reach):,} lines", "25 files, 3,500 lines"),
        (
            "private functions used once in their own file",
            f"{share:.0f} % of {count:,} ({len(lengths)}; {short} of at most {SHORT} lines)",
            "15 %",
        ),
        ("modules with a single importer", f"{sum(count == 1 for count in importers.values())}", "35"),
        ("Python lines in the package", f"{package.lines(package.files):,}", "20,000"),
        ("lines that a student reads", f"{package.lines(student):,} in {len(student)} files", "2,000"),
        (f"files that name {option}", f"{len(naming)}", "3"),
    ]


def _size(groups: list[list[str]]) -> str:
    return f"{len(groups)}, the largest of {len(groups[0])} files" if groups else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1], metavar="ROOT")
    parser.add_argument("--start", default="stylelab.torch.transfer", metavar="MODULE", help="the module whose reach is measured")
    parser.add_argument("--option", default="style_layers", metavar="NAME", help="the option whose name is counted")
    arguments = parser.parse_args()
    package = Package(arguments.root.resolve())
    for row in [("", "now", "wanted, at most"), *measure(package, arguments.start, arguments.option)]:
        print("{:62}{:52}{}".format(*row))
    for group in circles(package.graph):
        print(f"\ncircle of {len(group)}:", *group, sep="\n  ")


if __name__ == "__main__":
    main()
