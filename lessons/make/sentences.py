"""What students read besides the lessons: every sentence in the modules that talk to them, for `stylelab.languages`.

A sentence with holes, an f-string in the code, has `{1}`, `{2}` ... for them, `{1!}` for the name of a file, and a brace of its own is
written twice.
"""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import jupytext
from typer.main import get_command

from stylelab.cli.commands import app
from stylelab.cli.help import texts
from stylelab.images.builtin import ITEMS
from stylelab.recipes import RECIPES
from stylelab.tools.course.assemble import sources

PACKAGE = Path(__file__).resolve().parents[2] / "stylelab"
SPEAKERS = {  # the file of a language's sentences -> the modules in which they stand
    "exercises": ("exercises/common.py", "exercises/lesson_*.py"),
    "checks": (
        "exercises/checking/*.py",
        "exercises/hand_in.py",
        "exercises/ladder.py",
        "exercises/progress.py",
        "torch/exercises/*.py",
        "tensorflow/exercises/*.py",
    ),
    "quizzes": ("exercises/quizzes/*.py",),
    "page": ("page.py", "cli/start.py"),
    "studio": ("tools/studio/*.py", "tools/studio/studio.js", "tools/studio/live.js"),
    "errors": (
        "errors.py",
        "recipes.py",
        "base/*.py",
        "images/*.py",
        "run/*.py",
        "encoders/*.py",
        "networks/*.py",
        "torch/*.py",
        "tensorflow/*.py",
        "tools/video/*.py",
    ),  # fmt: skip
    "commands": (
        "cli/commands.py",
        "cli/doctor.py",
        "cli/edge.py",
        "cli/listings.py",
        "cli/one_pass.py",
        "cli/progress.py",
        "cli/transfer.py",
        "cli/video.py",
    ),
    "try-it": ("../docs/try-it/index.html", "../docs/try-it/page.js", "../docs/try-it/painter.js"),
    "help": (),  # of commands and their options
    "images": (),  # what the built-in ones show
    "lessons": (),  # what the images of their cells show
}
LABELS = {  # of one word, or put together
    "page": (
        "right", "✓ Right.", "✗ No.", "{1} of {2} right", "painted", "starting", "Which do you prefer?",
        "You prefer", "I prefer", "Run the cell above to make it live.", "it", "It", "pixel", "position", "pixels", "image", "activation",
        "another", "new", "trained from scratch: {1}, seed {2}, {3} crops in {4} minutes", "Skip", "a number",
    ),
    "checks": (
        "wrong", "tensor", "array", "hint", "solution", "adds", "subtracts", "multiplies", "divides", "Yours", "{1} hints", "1 hint",
        "Next:", "Lesson", "Exercises", "Predictions", "skipped",
    ),
    "studio": (
        "running", "paused", "waiting", "stopping", "stopped", "done", "failed", "weighted", "total", "content", "style", "none", "recipe",
        "framework", "encoder", "size", "step", "steps", "seed", "settings", "filmstrip", "Style image {1}", "Style mask {1}",
        "The studio:",
    ),
    "try-it": (
        "brushstrokes", "ceramic", "fluid", "pointillism", "stained glass", "woodblock", "your style", "none", "as it is", "shuffled",
        "Activation map of a filter, {1}", "Gram matrix, {1}", "Runs on {1} cores.",
    ),
    "commands": (
        "interrupted", "painting", "computed", "ready", "computed (auto)", "ready (auto)", "what", "state", "from", "loss", "sees", "cost",
        "nothing", "means", "correlations", "positions", "ours", "differs", "long", "height", "weights, any", "weights, others",
        "processor", "memory", "disk", "cache", "terminal", "packages", "environment",
        # what typer finds wrong
        "No such command '{1}'", "No such command '{1}'. Did you mean {2}?", "No such option: {1}",
        "No such option: {1} (Possible options: {2})", "Missing argument '{1}'", "Missing option '{1}' / '{2}'", "Missing option '{1}'",
        "Option '{1}' requires an argument", "Option '{1}' does not take a value", "Got unexpected extra argument(s) ({1})",
        "Invalid value for '{1}': {2}", "Input should be a valid integer, unable to parse string as an integer",
        "Input should be a valid number, unable to parse string as a number",
    ),
}  # fmt: skip
LAYER = re.compile(r"conv\d_\d")
NAME = "\0"  # stands for a hole that a file's name fills
NAMING = ("quoted", "printable")  # what makes a file's name fit to be shown
SHOWN_BY = ("show", "Live", "finish", "try_it", "choose", "image")  # functions that are told what an image shows
FIELD = re.compile(r"\{\w*(?::[^{}]*)?\}")  # of str.format
SENTENCE = re.compile(r"\S \S|^ \w|^\w+[.-]?\w*\.$")  # several words, or one with a full stop
COMMENT = re.compile(r"^\s*//.*|(?<=[;,{]) // .*|^\s*/\*\*(?:[^*]|\*(?!/))*\*/", re.MULTILINE)
INNER = re.compile(r"\$\{((?:[^{}`]|`[^`$]*`)*)\}")  # a hole of a template that has no holes in it
STRING = re.compile(r'"([^"\n]*)"|`([^`]*)`')
UNSAID = re.compile(
    r"^sl-|^[A-Z]\w+(?:Error|Left|Right)$|translate\(|prefers-|^(?:Home|End|Enter|English|use strict)$|system-ui|\\"
)  # classes, keys and the like
NOT_SPOKEN = re.compile(r"\\|\(\?|\.\*|import |__|<(?! )|\{\{\{\{")  # in regular expressions, code and HTML


def sentences(group: str) -> list[str]:
    """The English sentences of a group, in the order of the code, each once."""
    if group == "images":
        return list(dict.fromkeys(item.alt for item in ITEMS.values()))
    if group == "help":
        return list(dict.fromkeys(texts(get_command(app))))
    if group == "lessons":
        return list(dict.fromkeys(_shown()))
    paths = [path for pattern in SPEAKERS[group] for path in sorted(PACKAGE.glob(pattern))]
    readers = {".js": _script, ".html": _page, ".py": lambda path: _spoken(_tree(path))}
    found = [text for path in paths for text in readers[path.suffix](path)]
    return list(dict.fromkeys([*LABELS.get(group, ()), *found]))


def _shown() -> Iterator[str]:
    for source in sources():
        for cell in jupytext.read(source, fmt="py:percent").cells:
            for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
                told: list[ast.AST] = []
                if isinstance(node, ast.Call):
                    told = [*node.args] if getattr(node.func, "attr", "") in SHOWN_BY else []
                    told += [keyword.value for keyword in node.keywords if keyword.arg == "alt"]
                elif isinstance(node, ast.Assign) and "alt" in [getattr(target, "id", "") for target in node.targets]:
                    told = [node.value]
                if getattr(getattr(node, "func", None), "attr", "") == "predict":
                    yield from _guesses(node)
                for each in told:
                    chosen = [each.body, each.orelse] if isinstance(each, ast.IfExp) else [each]
                    yield from (text for one in chosen if (text := _text(one)) and SENTENCE.search(text))


def _guesses(call: ast.Call) -> Iterator[str]:
    """The question of a prediction, and the choices that are not a name or a number."""
    question, *choices = call.args[1:3]
    yield _text(question) or ""
    for choice in choices[0].elts if choices and isinstance(choices[0], ast.List) else ():
        text = _text(choice) or ""
        is_name = " " not in text and (text in RECIPES or text[:1].isupper())
        if not is_name and re.search(r"[A-Za-z]{3}", LAYER.sub("", text)):
            yield text


def _tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


def _page(path: Path) -> Iterator[str]:
    """The texts of a page, and the attributes that are read out or shown."""
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = texts.append  # type: ignore[method-assign]
    parser.handle_starttag = lambda tag, attributes: texts.extend(  # type: ignore[method-assign]
        value or "" for name, value in attributes if name in ("aria-label", "alt", "placeholder")
    )
    parser.feed(path.read_text(encoding="utf-8"))
    yield from (text.strip() for text in texts if re.search(r"[A-Za-z]{2}", text))


def _script(path: Path) -> Iterator[str]:
    """Strings of a script that begin with a capital letter or have several words."""
    code = COMMENT.sub("", path.read_text(encoding="utf-8"))
    while hole := INNER.search(code):  # from the inside, as a template may stand within a template's hole
        yield from _said(hole[1])
        code = code[: hole.start()] + "\0" + code[hole.end() :]
    yield from _said(code)


def _said(code: str) -> Iterator[str]:
    for string in STRING.finditer(code):
        parts = re.split("\0", string[1] or string[2] or "")
        text = parts[0] + "".join(f"{{{number}}}{part}" for number, part in enumerate(parts[1:], 1))
        if (text[:1].isupper() or SENTENCE.search(text)) and re.search(r"[A-Za-z]{2}", text) and not UNSAID.search(text):
            yield text


def _spoken(node: ast.AST) -> Iterator[str]:
    """Texts of several words in a tree, docstrings and annotations left out."""
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        if name in ("annotation", "returns"):
            continue
        if name == "body" and children and isinstance(children[0], ast.Expr) and isinstance(children[0].value, ast.Constant):
            children = children[1:]  # a docstring
        for child in children:
            text = _text(child)
            if text and SENTENCE.search(text) and not NOT_SPOKEN.search(text):
                yield text.removeprefix("plain: ")  # of a case; the words after it are said
            if isinstance(child, ast.JoinedStr):
                child = ast.Tuple([part.value for part in child.values if isinstance(part, ast.FormattedValue)], ast.Load())
            if isinstance(child, ast.AST):
                yield from _spoken(child)


def _text(node: object) -> str | None:
    """A string with numbered holes, for the fields of an f-string or of `str.format`; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts: list[str | None] = [part for text in FIELD.split(node.value) for part in (text, None)][:-1]
    elif isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            parts.append(str(part.value) if isinstance(part, ast.Constant) else NAME if _is_name(part, parts) else None)
    else:
        return None
    holes = iter(range(1, len(parts) + 1))
    marks = {None: "", NAME: "!"}
    return "".join(
        f"{{{next(holes)}{marks[part]}}}" if part in marks else part.replace("{", "{{").replace("}", "}}") for part in parts
    )


def _is_name(part: ast.expr, before: list[str | None]) -> bool:
    """Whether a file's name fills this part of an f-string. In quotation marks it needs no mark."""
    made_by = getattr(getattr(getattr(part, "value", None), "func", None), "id", "")
    in_marks = bool(before) and (before[-1] or "").endswith("'")
    return made_by in NAMING and not in_marks
