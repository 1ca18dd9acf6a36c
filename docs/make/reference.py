"""The reference of the two halves, and of the options of a run.

Sphinx imports what it documents, and one process holds one framework: it imports the PyTorch half. The signatures and
docstrings of the TensorFlow half are read from its source with `ast`.
"""

import ast
import textwrap
from dataclasses import fields
from pathlib import Path

import stylelab
from docs.make.tables import escape, table
from stylelab.run import options as run_options

PACKAGE = Path(stylelab.__file__).parent


def functions(half: str) -> dict[str, ast.FunctionDef]:
    """`{name: definition}` of everything that a half exports, in the order of its `__all__`."""
    names: list[str] = []
    definitions: dict[str, ast.FunctionDef] = {}
    for node in ast.parse((PACKAGE / half / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            names = ast.literal_eval(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"stylelab.{half}."):
            path = PACKAGE.parent / f"{node.module.replace('.', '/')}.py"
            module = ast.parse(path.read_text(encoding="utf-8"))
            definitions |= {item.name: item for item in module.body if isinstance(item, ast.FunctionDef)}
    return {name: definitions[name] for name in names}


def _options_class(node: ast.FunctionDef) -> type[run_options.Options] | None:
    """The dataclass whose fields are the function's keywords: `CallOptions` for one under `@keywords(CallOptions)`."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "keywords":
            return getattr(run_options, ast.unparse(decorator.args[0]))
    return None


def signature(node: ast.FunctionDef) -> str:
    """'(image, loss, *, steps=300)': names and defaults without types, which the docstring says in words."""
    args = node.args
    positional = args.posonlyargs + args.args
    defaults = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    parts = [_argument(arg, default) for arg, default in zip(positional, defaults, strict=True)]
    if kind := _options_class(node):
        options = [f"{field.name}={field.default!r}" for field in fields(kind)]
        return f"({', '.join([*parts[:-1], '*', *options])})"
    parts += [f"*{args.vararg.arg}"] if args.vararg else ["*"] if args.kwonlyargs else []
    parts += [_argument(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return f"({', '.join(parts + ([f'**{args.kwarg.arg}'] if args.kwarg else []))})"


def _argument(arg: ast.arg, default: "ast.expr | None") -> str:
    return arg.arg if default is None else f"{arg.arg}={ast.unparse(default)}"


def options() -> str:
    """A table of the keywords of `transfer`, and of the command line's options for them."""
    rows = []
    for field in fields(run_options.CallOptions):
        flag = f"`--{field.name.replace('_', '-')}`{{.unbroken}}" if field.metadata["kind"] else ""
        default = field.metadata["default_text"] or repr(field.default)
        rows.append([f"`{field.name}`{{.unbroken}}", flag, escape(field.metadata["help"]), escape(default)])
    return table(("keyword", "command line", "what it means", "default"), rows)


def index(half: str) -> str:
    """A table of the functions: name and first sentence."""
    rows = [
        [f"{{py:func}}`~stylelab.{half}.{name}`", (ast.get_docstring(node) or "").split("\n")[0]]
        for name, node in functions(half).items()
    ]
    return table(("function", "what it does"), rows)


def imported(half: str) -> str:
    """The functions of the half that Sphinx imports, for autodoc."""
    return _rst("\n".join(f".. autofunction:: stylelab.{half}.{name}" for name in functions(half)))


def read(half: str) -> str:
    """The functions of the other half, from its source."""
    from sphinx.ext.napoleon import Config, GoogleDocstring

    from docs.make.extension import escape_bars

    entries = []
    for name, node in functions(half).items():
        text, kind = ast.get_docstring(node) or "", _options_class(node)
        text = run_options.document(text + "\n", kind) if kind else text
        body = str(GoogleDocstring(escape_bars(text), Config(napoleon_use_rtype=False), what="function"))
        entries.append(f".. py:function:: stylelab.{half}.{name}{signature(node)}\n\n{textwrap.indent(body, '   ')}\n")
    return _rst("\n".join(entries))


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```"
