"""The layout of the package follows its rules: which rooms may import which, and what a student's files may name.

`.ci/house.py` reads the imports. A rule is a function that takes the package and returns a line for each place that breaks
it. The second half of this file tests every rule on small packages written for the purpose.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("house", ROOT / ".ci" / "house.py")
house = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(house)
pytestmark = pytest.mark.plain

OUTER = ("stylelab.tools", "stylelab.cli")
HALVES = ("torch", "tensorflow")
FRAMEWORKS = {"torch": {"torch", "torchvision"}, "tensorflow": {"tensorflow", "keras"}}
# part of a half -> the parts above it, which it must not import
ABOVE = {
    "tensors": {"losses", "objective", "loop", "transfer", "seeing", "exercises"},
    "features": {"losses", "objective", "loop", "transfer", "seeing", "exercises"},
    "engine": {"losses", "objective", "loop", "transfer", "seeing", "exercises"},
    "losses": {"clouds", "objective", "loop", "transfer", "seeing", "exercises"},
    "clouds": {"objective", "loop", "transfer", "seeing", "exercises"},
    "objective": {"loop", "transfer", "seeing", "exercises"},
    "loop": {"transfer", "seeing", "exercises"},
    "transfer": {"seeing", "exercises"},
}
STUDENT_FILES = [
    *(f"stylelab.{half}.{name}" for half in HALVES for name in house.STUDENT_NAMES),
    "stylelab.recipes",
    "stylelab.result",
]
NOT_FOR_STUDENTS = (
    "signal",
    "stylelab.run.numerics.memory",
    "stylelab.run.numerics.tiling",
    "stylelab.run.settings",
    "stylelab.run.settings_file",
)
MACHINERY_WORDS = {"tile", "tiles", "tiled", "tiling", "memory", "signal", "signals", "sigint"}
MACHINERY_WORDS |= {"interrupt", "interrupts", "interrupted"}  # KeyboardInterrupt, too
NOT_MACHINERY = {"memory_format"}  # PyTorch's name for the order of axes
MOST_PLAIN, MOST_ROOMS = 8, 13
ROOMS = [
    *(f"stylelab/{half}{room}" for half in HALVES for room in ("", "/engine", "/exercises")),
    *(f"stylelab/{room}" for room in ("images", "encoders", "networks", "run", "run/numerics", "base", "cli")),
    *(f"stylelab/exercises{room}" for room in ("", "/checking", "/quizzes")),
    *(f"stylelab/tools{room}" for room in ("", "/bench", "/gallery", "/studio", "/classroom")),
    *(
        f"stylelab/tools/classroom/{room}"
        for room in ("intake", "notebooks", "sandbox", "sandbox/inside", "marking", "reports", "handout")
    ),
]
MODULES = [
    *(f"stylelab/{name}.py" for name in ("recipes", "result", "plots", "page", "errors")),
    *(f"stylelab/{half}/{name}.py" for half in HALVES for name in (*house.STUDENT_NAMES, "seeing")),
]
OTHER_ROOMS = [
    "lessons/make",
    "docs/make",
    *(
        f"tests/{room}"
        for room in ("core", "exercises", "classroom", "gallery", "studio", "bench", "repository", "parity", "browser")
    ),
]


# helpers


def within(module: str, *packages: str) -> bool:
    """Whether a module is one of these packages or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def describe(package, item) -> str:
    """An import as one line of a message."""
    target = f"{item.name} from {item.target}" if item.name else item.target
    return f"{package.paths[item.source]}:{item.line} imports {target}"


def check(broken: list[str]) -> None:
    """Fail with the first line, if there is one."""
    assert not broken, broken[0] + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else "")


# the rules


def tools_imported_from_outside(package) -> list[str]:
    """Imports of `tools` by the core, except that `stylelab.studio()` may import the studio when it is called."""

    def allowed(item) -> bool:
        lazy = item.type_only or item.function == "studio"
        return item.source == "stylelab" and within(item.target, "stylelab.tools.studio") and lazy

    return [
        describe(package, item)
        for item in package.imports
        if within(item.target, "stylelab.tools") and not within(item.source, *OUTER) and not allowed(item)
    ]


def private_names_of_the_core(package) -> list[str]:
    """Imports by `tools` and `cli` of `_name` from the core, and uses of `module._name` for a module or class of it."""
    broken = []
    for module, tree in package.trees.items():
        if within(module, *OUTER):
            imports = [item for item in package.imports if item.source == module and of_the_core(item.target)]
            broken += [describe(package, item) for item in imports if is_private(f"{item.target}.{item.name}")]
            bound = {item.bound for item in imports}
            broken += [
                f"{package.paths[module]}:{node.lineno} uses {ast.unparse(node)}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and is_private(node.attr)
                if re.match(r"[\w.]+$", path := ast.unparse(node)) and path.partition(".")[0] in bound
                if not within(path, *OUTER)
            ]
    return broken


def of_the_core(module: str) -> bool:
    return within(module, "stylelab") and not within(module, *OUTER)


def is_private(path: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in path.split("."))


def import_circles(package) -> list[str]:
    """For each circle the shortest path from its first module back to it, import by import."""
    return [
        f"a circle of {len(group)} modules: " + ", ".join(describe(package, item) for item in shortest_circle(package, group))
        for group in house.circles(package.graph)
    ]


def shortest_circle(package, group: list[str]) -> list:
    """The imports along the shortest circle through the first module of a group."""
    paths: list[list] = [[]]
    seen = set()
    for path in paths:  # the list grows: breadth-first search
        module = path[-1].target if path else group[0]
        if path and module == group[0]:
            return path
        for item in package.imports:
            if item.source == module and item.target in group and item.target not in seen | {module}:
                seen.add(item.target)
                paths.append([*path, item])
    raise AssertionError(f"{group} is not a circle")


def upward_imports(package) -> list[str]:
    """In each half no part imports one above it, and no two parts import each other."""
    broken = []
    for half in HALVES:
        parts: dict[tuple[str, str], str] = {}
        for item in package.imports:
            if within(item.source, f"stylelab.{half}") and within(item.target, f"stylelab.{half}"):
                source, target = (part(module) for module in (item.source, item.target))
                if target in ABOVE.get(source, ()):
                    broken.append(f"{describe(package, item)}, which is above it")
                elif source != target:
                    parts.setdefault((source, target), describe(package, item))
        broken += [
            f"{first}, but {parts[target, source]}"
            for (source, target), first in parts.items()
            if source < target and (target, source) in parts
        ]
    return broken


def part(module: str) -> str:
    """'stylelab.torch.engine.tiles' -> 'engine'; a half's own `__init__` -> ''."""
    return (module.split(".") + [""])[2]


def machinery_in_student_files(package) -> list[str]:
    """Imports of memory, tiling, signals and settings files, and identifiers with their words. Docstrings and comments are not searched.

    The public keyword `tile` may be a parameter or a field, and may be passed on unchanged: `f(tile=tile)`.
    """
    broken = []
    for module in filter(package.trees.get, STUDENT_FILES):
        imports = [item for item in package.imports if item.source == module and within(item.target, *NOT_FOR_STUDENTS)]
        broken += [describe(package, item) for item in imports]
        broken += [
            f"{package.paths[module]}:{line} names {name}"
            for line, name in identifiers(package.trees[module])
            if name not in NOT_MACHINERY and MACHINERY_WORDS & set(words(name))
        ]
    return broken


def identifiers(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every name in the code, except `tile` where it is only passed on."""
    match node:
        case ast.arg(arg="tile") | ast.keyword(arg="tile", value=ast.Name("tile") | ast.Attribute(attr="tile")):
            return
        case ast.AnnAssign(target=ast.Name("tile")):
            return
    for field in ("id", "attr", "arg", "name", "asname", "module"):
        if isinstance(name := getattr(node, field, None), str):
            yield node.lineno, name
    for child in ast.iter_child_nodes(node):
        yield from identifiers(child)


def words(name: str) -> list[str]:
    """'out_of_memory' -> out, of, memory; 'KeyboardInterrupt' -> keyboard, interrupt."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def other_framework_imported(package) -> list[str]:
    """Imports of the other framework in a half, and in anything that runs when the half is imported."""
    broken = []
    for half, other in (HALVES, HALVES[::-1]):
        foreign = (*FRAMEWORKS[other], f"stylelab.{other}")
        own = [item for item in package.imports if within(item.source, f"stylelab.{half}")]
        run = imports_run(package, f"stylelab.{half}")
        broken += [describe(package, item) for item in dict.fromkeys([*own, *run]) if within(item.target, *foreign)]
    return broken


def framework_imported_by_stylelab(package) -> list[str]:
    frameworks = {name for names in FRAMEWORKS.values() for name in names}
    return [describe(package, item) for item in imports_run(package, "stylelab") if within(item.target, *frameworks)]


def imports_run(package, start: str) -> list:
    """All imports that run when a module is imported: not lazy ones, not type-only ones, but those of parent packages."""
    run, seen, queue = [], set(), [start]
    while queue:
        module = queue.pop()
        if module in package.files and module not in seen:
            seen.add(module)
            own = [item for item in package.imports if item.source == module and not item.function and not item.type_only]
            run += own
            names = module.split(".")
            queue += [".".join(names[:end]) for end in range(1, len(names))] + [item.target for item in own]
    return run


def too_much_in_one_place(package) -> list[str]:
    plain = sorted(set(package.plain_modules) - {"__init__", "__main__"})
    return [
        f"stylelab/ holds {len(names)} {what}, {most} at most: {', '.join(names)}"
        for what, names, most in (("plain modules", plain, MOST_PLAIN), ("rooms", package.rooms, MOST_ROOMS))
        if len(names) > most
    ]


def missing_rooms(root: Path) -> list[str]:
    """Planned folders and files that do not exist, and folders without an `__init__`, which a wheel would leave out."""
    wanted = [*(f"{room}/__init__.py" for room in ROOMS), *MODULES, *OTHER_ROOMS]
    folders = sorted({path.parent for path in (root / "stylelab").rglob("*.py")})
    unlisted = [(folder / "__init__.py").relative_to(root).as_posix() for folder in folders]
    return [f"{path} is missing" for path in dict.fromkeys(wanted + unlisted) if not (root / path).exists()]


# the package follows them


@pytest.fixture(scope="module")
def package():
    return house.Package(ROOT)


def test_nothing_outside_tools_and_cli_imports_tools(package):
    check(tools_imported_from_outside(package))


def test_tools_and_cli_use_the_core_by_its_public_names(package):
    check(private_names_of_the_core(package))


def test_no_modules_import_each_other_in_a_circle(package):
    check(import_circles(package))


def test_imports_inside_a_half_run_one_way(package):
    check(upward_imports(package))


def test_files_for_students_do_not_name_tiles_memory_interrupts_or_settings_files(package):
    check(machinery_in_student_files(package))


def test_neither_half_imports_the_other_framework(package):
    check(other_framework_imported(package))


def test_importing_stylelab_imports_no_framework(package):
    check(framework_imported_by_stylelab(package))


def test_stylelab_has_few_plain_modules_and_few_rooms(package):
    check(too_much_in_one_place(package))


def test_every_planned_room_exists():
    check(missing_rooms(ROOT))


# each rule notices a package that breaks it


def sample(folder: Path, files: dict[str, str]):
    """Write a package `stylelab` with these files, and an `__init__` in every folder."""
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / "stylelab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
        path.write_text(text)
    return house.Package(folder)


STUDIO = {"tools/studio/widget.py": "class Studio: ...\n"}
STUDIO_FUNCTION = (
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stylelab.tools.studio.widget import Studio\n"
    "def studio():\n    from stylelab.tools.studio.widget import Studio\n"
)


@pytest.mark.parametrize(
    "source", ["import stylelab.tools.cluster", "from stylelab.tools import cluster", "def f():\n    from ..tools import cluster"]
)
def test_an_import_of_tools_from_the_core_is_noticed(tmp_path, source):
    package = sample(
        tmp_path, {"run/prepare.py": source, "tools/cluster.py": "", "cli/start.py": "import stylelab.tools.cluster"}
    )
    (line,) = tools_imported_from_outside(package)
    assert re.fullmatch(r"stylelab/run/prepare\.py:[12] imports stylelab\.tools\.cluster", line)


def test_only_the_function_studio_may_import_the_studio(tmp_path):
    assert not tools_imported_from_outside(sample(tmp_path / "door", {**STUDIO, "__init__.py": STUDIO_FUNCTION}))
    wrong = [
        STUDIO_FUNCTION.replace("def studio", "def other"),
        "from stylelab.tools.studio.widget import Studio\n",
        STUDIO_FUNCTION.replace("tools.studio.widget", "tools.gallery.plan"),
    ]
    for index, text in enumerate(wrong):
        files = {**STUDIO, "tools/gallery/plan.py": "class Studio: ...\n", "__init__.py": text}
        assert tools_imported_from_outside(sample(tmp_path / str(index), files))
    inside = {**STUDIO, "result.py": STUDIO_FUNCTION}
    assert len(tools_imported_from_outside(sample(tmp_path / "inside", inside))) == 2


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("from stylelab.result import _rows", "imports _rows from stylelab.result"),
        ("from stylelab.torch._quiet import hush", "imports hush from stylelab.torch._quiet"),
        ("from stylelab import result\nresult._rows()", "uses result._rows"),
        ("import stylelab.result as r\nprint(r.Result._rows)", "uses r.Result._rows"),
        ("import stylelab.result\nstylelab.result._rows()", "uses stylelab.result._rows"),
        ("def f():\n    from stylelab.result import Result\n    Result._rows", "uses Result._rows"),
    ],
)
@pytest.mark.parametrize("room", ["tools", "cli"])
def test_a_private_name_of_the_core_is_noticed(tmp_path, room, source, says):
    files = {"result.py": "", "torch/_quiet.py": "", f"{room}/gallery/plan.py": source}
    (line,) = private_names_of_the_core(sample(tmp_path, files))
    assert line.startswith(f"stylelab/{room}/gallery/plan.py:") and line.endswith(says)


def test_a_room_may_use_its_own_private_names_and_all_public_ones(tmp_path):
    files = {
        "run/a.py": "from stylelab.run.b import _x",
        "run/b.py": "_x = 1",
        "tools/a.py": "from stylelab import __version__, run\nfrom stylelab.tools.b import _y\nrun.b.x\nself = run()\nself._own",
        "tools/b.py": "_y = 1",
    }
    assert not private_names_of_the_core(sample(tmp_path, files))


@pytest.mark.parametrize(
    "back",
    [
        "from stylelab import a",
        "from . import a",
        "def f():\n    import stylelab.a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stylelab.a import A",
    ],
)
def test_a_circle_is_noticed_even_if_an_import_is_lazy_or_for_types_only(tmp_path, back):
    package = sample(tmp_path, {"a.py": "import stylelab.b", "b.py": "from stylelab.c import x", "c.py": back})
    (line,) = import_circles(package)
    assert line.startswith("a circle of 3 modules: stylelab/a.py:1 imports stylelab.b, stylelab/b.py:1 imports x from stylelab.c")


def test_importing_a_name_that_a_package_exports_closes_a_circle_and_importing_a_module_does_not(tmp_path):
    exports = {"e/__init__.py": "from stylelab.e.find import find", "e/find.py": "from stylelab.e.spec import Spec"}
    assert not import_circles(sample(tmp_path / "no", {**exports, "e/spec.py": ""}))
    assert import_circles(sample(tmp_path / "yes", {**exports, "e/spec.py": "from stylelab.e import find"}))


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("losses", "objective"), ("losses", "loop"), ("losses", "transfer"), ("objective", "loop"), ("objective", "transfer"),
        ("loop", "transfer"), ("features", "losses"), ("engine/tiles", "losses"), ("engine/tiles", "objective"),
        ("engine/tiles", "loop"), ("engine/tiles", "transfer"), ("engine/tiles", "exercises.check"), ("tensors", "loop"),
    ],
)  # fmt: skip
def test_an_import_of_a_part_above_is_noticed(tmp_path, half, source, target):
    files = {f"{half}/{name}.py": "" for name in (*house.STUDENT_NAMES, "engine/tiles", "exercises/check")}
    files[f"{half}/{source}.py"] = f"from stylelab.{half}.{target} import x"
    (line,) = upward_imports(sample(tmp_path, files))
    assert line == f"stylelab/{half}/{source}.py:1 imports x from stylelab.{half}.{target}, which is above it"


def test_imports_of_parts_below_are_allowed_but_not_in_both_directions(tmp_path):
    down = {
        "torch/transfer.py": "from stylelab.torch import loop, objective, features",
        "torch/loop.py": "from stylelab.torch.objective import Loss\nfrom stylelab.torch.engine import optimisers",
        "torch/objective.py": "from stylelab.torch import losses",
        "torch/losses.py": "",
        "torch/features.py": "from stylelab.torch.engine import passes",
        "torch/engine/passes.py": "",
        "torch/engine/optimisers.py": "from stylelab.torch.engine import passes",
    }
    assert not upward_imports(sample(tmp_path / "down", down))
    (line,) = upward_imports(sample(tmp_path / "both", {**down, "torch/engine/look.py": "import stylelab.torch.features"}))
    assert "engine/look.py:1 imports stylelab.torch.features, but stylelab/torch/features.py:1 imports" in line


@pytest.mark.parametrize("file", ["torch/loop.py", "tensorflow/objective.py", "recipes.py", "result.py"])
@pytest.mark.parametrize(
    "source",
    [
        "from stylelab.run.numerics.memory import give_back",
        "from stylelab.run.numerics import tiling as t",
        "def f():\n    from stylelab.run import settings_file",
        "import signal",
        "try:\n    f()\nexcept KeyboardInterrupt:\n    pass",
        "from stylelab.errors import Interrupted",
        "def f(tile=None):\n    return 1 if tile is None else 2",
        "x = look(tile=choose(tile_side))",
        "free_memory = 1",
        "from stylelab.torch.engine import tiles",
    ],
)
def test_machinery_in_a_students_file_is_noticed(tmp_path, file, source):
    broken = machinery_in_student_files(sample(tmp_path, {"run/settings_file.py": "", file: source}))
    assert broken and all(line.startswith(f"stylelab/{file}:") for line in broken)


def test_docstrings_may_name_machinery_and_a_tile_may_be_passed_on(tmp_path):
    text = (
        '"""Tiles, memory, Ctrl-C."""\nclass Result:\n    tile: int | None = None\n'
        "def transfer(*, tile=None):  # memory\n    return paint(options, tile=tile), other(tile=options.tile)\n"
        "x = x.contiguous(memory_format=channels_last)\nimport stylelab.run.options\n"
    )
    assert not machinery_in_student_files(sample(tmp_path, {"torch/transfer.py": text, "torch/engine/tiles.py": "tile = 1"}))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("torch/a.py", "import tensorflow as tf"),
        ("torch/a.py", "def f():\n    from keras import layers"),
        ("torch/engine/a.py", "import stylelab.tensorflow.a"),
        ("tensorflow/a.py", "from torch.nn import functional"),
        ("tensorflow/a.py", "from stylelab.torch import a"),
        ("tensorflow/__init__.py", "from stylelab.run import a"),
    ],
)
def test_an_import_of_the_other_framework_is_noticed(tmp_path, file, source):
    files = {"torch/a.py": "import torch", "tensorflow/a.py": "import tensorflow", "run/a.py": "import torch"}
    (line,) = other_framework_imported(sample(tmp_path, {**files, file: source}))
    assert " imports " in line


@pytest.mark.parametrize("source", ["import torch", "import stylelab.run.a", "from stylelab.run.b import x"])
def test_a_framework_imported_by_stylelab_is_noticed_unless_it_is_lazy(tmp_path, source):
    files = {"__init__.py": source, "run/__init__.py": "from tensorflow import keras", "run/a.py": "", "run/b.py": ""}
    (line,) = framework_imported_by_stylelab(sample(tmp_path / "eager", files))
    assert re.match(r"stylelab/(run/)?__init__\.py:1 imports ", line)
    lazy = {**files, "__init__.py": f"def f():\n    {source}"}
    assert not framework_imported_by_stylelab(sample(tmp_path / "lazy", lazy))


def test_a_ninth_plain_module_and_a_fourteenth_room_are_noticed(tmp_path):
    files = {"__main__.py": "", **{f"m{index}.py": "" for index in range(MOST_PLAIN)}}
    files |= {f"r{index}/a.py": "" for index in range(MOST_ROOMS)}
    assert not too_much_in_one_place(sample(tmp_path, files))
    plain, rooms = too_much_in_one_place(sample(tmp_path, {"m8.py": "", "r13/deep/a.py": ""}))
    assert plain.startswith("stylelab/ holds 9 plain modules, 8 at most: m0, m1,")
    assert rooms.startswith("stylelab/ holds 14 rooms, 13 at most: r0, r1,")


def test_a_missing_room_and_a_room_without_an_init_are_noticed(tmp_path):
    for name in [*(f"{room}/__init__.py" for room in ROOMS), *MODULES, *(f"{room}/x" for room in OTHER_ROOMS)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "stylelab" / "__init__.py").touch()
    assert not missing_rooms(tmp_path)
    (tmp_path / "stylelab" / "plots.py").unlink()
    (tmp_path / "stylelab" / "run" / "extra").mkdir()
    (tmp_path / "stylelab" / "run" / "extra" / "a.py").touch()
    assert missing_rooms(tmp_path) == ["stylelab/plots.py is missing", "stylelab/run/extra/__init__.py is missing"]


# what is measured


def test_the_table_counts_correctly(tmp_path):
    private = (
        "def _once():\n    '''Not counted.'''\n    return 1\n\ndef _twice(): ...\ndef _unused(): ...\n"
        "def _itself():\n    return _itself()\n\nclass A:\n    def _method(self):\n        a = 1\n        b = 2\n        c = 3\n"
        "        d = 4\n        return a\n    def f(self):\n        return self._method(), _once(), _twice(), _twice()\n"
    )
    sample(tmp_path, {"a.py": private, "torch/transfer.py": "import stylelab.a, stylelab.b\nstyle_layers = 1\n", "b.py": "\n\n"})
    command = [sys.executable, ROOT / ".ci" / "house.py", tmp_path]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [re.split(" {2,}", line) for line in printed.splitlines()]
    figures = {row[0]: row[1] for row in rows}
    assert figures["plain modules in stylelab/, with __init__ and __main__"] == "3"
    assert figures["rooms in stylelab/"] == "1"
    assert figures["import circles, with lazy and type-only imports"] == "0"
    assert figures["stylelab.torch.transfer reaches"] == "3 files, 22 lines"
    assert figures["private functions used once in their own file"] == "33 % of 6 (2; 1 of at most 4 lines)"
    assert figures["modules with a single importer"] == "2"
    assert figures["lines that a student reads"] == "2 in 1 files"
    assert figures["files that name style_layers"] == "1"
