"""TensorFlow's half of the reference, read from its text.

Sphinx imports what it documents, and one process holds one framework: it imports the PyTorch half. The other half's
signatures and docstrings are read with `ast`, as `tests/repository/test_mirror.py` does.
"""

import ast
import dataclasses
import textwrap
from pathlib import Path

import stylelab
from stylelab.run import options

PACKAGE = Path(stylelab.__file__).parent


def functions(half: str) -> dict[str, ast.FunctionDef]:
    """`{name: definition}` of all that a half exports, in the order of its `__all__`."""
    tree = ast.parse((PACKAGE / half / "__init__.py").read_text(encoding="utf-8"))
    names: list[str] = []
    defined: dict[str, ast.FunctionDef] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            names = ast.literal_eval(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"stylelab.{half}."):
            defined |= _definitions(PACKAGE / half / f"{node.module.removeprefix(f'stylelab.{half}.').replace('.', '/')}.py")
    return {name: defined[name] for name in names}


def _definitions(path: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def signature(node: ast.FunctionDef) -> str:
    """'(image, loss, *, steps=300)': names and defaults, without types, which the docstring says in words."""
    args = node.args
    if kind := _keywords(node):
        names = [arg.arg for arg in args.args[:-1]]
        return f"({', '.join([*names, '*', *(f'{each.name}={each.default!r}' for each in dataclasses.fields(kind))])})"
    defaults = [None] * (len(args.posonlyargs + args.args) - len(args.defaults)) + list(args.defaults)
    parts = [_argument(arg, default) for arg, default in zip(args.posonlyargs + args.args, defaults, strict=True)]
    parts += [f"*{args.vararg.arg}"] if args.vararg else ["*"] if args.kwonlyargs else []
    parts += [_argument(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return f"({', '.join(parts + ([f'**{args.kwarg.arg}'] if args.kwarg else []))})"


def _keywords(node: ast.FunctionDef) -> "type[options.Options] | None":
    """The dataclass whose fields a function takes as keywords, as the decorator `keywords` names it."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "keywords":
            return getattr(options, ast.unparse(decorator.args[0]))
    return None


def _argument(arg: ast.arg, default: "ast.expr | None") -> str:
    return arg.arg if default is None else f"{arg.arg}={ast.unparse(default)}"


def index(half: str) -> str:
    """A table of the functions: name and first sentence."""
    from docs.make.tables import table

    rows = [[f"{{py:func}}`~stylelab.{half}.{name}`", _first(node)] for name, node in functions(half).items()]
    return table(("function", "what it does"), rows)


def _first(node: ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").split("\n")[0]


def imported(half: str) -> str:
    """The functions of the half that Sphinx imports, for autodoc."""
    return _rst("\n".join(f".. autofunction:: stylelab.{half}.{name}" for name in functions(half)))


def read(half: str) -> str:
    """The functions of the other half, as they stand in its text."""
    return _rst("\n".join(_described(half, name, node) for name, node in functions(half).items()))


def _described(half: str, name: str, node: ast.FunctionDef) -> str:
    from sphinx.ext.napoleon import Config, GoogleDocstring

    from docs.make.extension import plain

    docstring, kind = ast.get_docstring(node) or "", _keywords(node)
    docstring = options.document(docstring, kind) if kind else docstring
    text = str(GoogleDocstring(plain(docstring), Config(napoleon_use_rtype=False), what="function"))
    return f".. py:function:: stylelab.{half}.{name}{signature(node)}\n\n{textwrap.indent(text, '   ')}\n"


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```"
