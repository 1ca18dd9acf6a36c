"""What a lesson must have, checked on the notebooks that are stored. `python -m stylelab.lessons check` runs it."""

import getpass
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from stylelab import lessons

MARK = "NBVAL_CHECK_OUTPUT"
CODE_CELLS, CELL_LINES, LINE, WORDS, IDEA_WORDS = (15, 25), 15, 115, (1200, 1800), 150
TEMPLATE = {
    "a claim as its title": r"^# \d+ · \S",
    "a link to Colab": r"colab\.research\.google\.com/github/",
    "a link to Binder": r"mybinder\.org/v2/",
    "objectives": r"\*\*You will\*\*",
    "minutes": r"\*\*Time\*\* \d+ min",
    "what it needs": r"\*\*Needs\*\*",
    "what changes without a GPU": r"[Ww]ithout a GPU",
    "a prediction": r"\*\*Predict",
    "something to try": r"\*\*Try it",
    "a quiz": r"^## Quiz",
    "a recap": r"^## What to remember",
    "ways to go further": r"^## Going further",
    "references": r"^## References",
}
# a home, a temporary folder, or a Windows drive; the kernel's own cell files are in one of these
PLACES = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work|var|usr|opt|mnt)/\S+|\b[A-Z]:\\\S+")


def faults(source: Path, framework: str) -> list[str]:
    """All that is wrong with one notebook, a line each; an empty list when nothing is."""
    path = lessons.notebook_path(source, framework)
    if not path.is_file():
        return [f"{path.name}: not built: run `python -m stylelab.lessons build`"]
    notebook = nbformat.read(path, as_version=4)
    checks = (_out_of_step, _identity, _execution, _marked, _pictures, _private, _template, _size, _links, _exercises)
    arguments = {_out_of_step: (source, framework), _links: (path,)}
    return [f"{path.name}: {fault}" for check in checks for fault in check(notebook, *arguments.get(check, ()))]


def _out_of_step(notebook: NotebookNode, source: Path, framework: str) -> Iterator[str]:
    fresh = lessons.assemble(source, framework)
    wanted, found = ([(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in each.cells] for each in (fresh, notebook))
    if wanted != found:
        differing = next((new[0] for new, old in zip(wanted, found, strict=False) if new != old), "their number")
        yield f"out of step with {source.name} (first at {differing}): run `python -m stylelab.lessons build`"
    if notebook.metadata != fresh.metadata:
        yield "its metadata differ from what the builder writes"


def _identity(notebook: NotebookNode) -> Iterator[str]:
    ids = [cell.id for cell in notebook.cells]
    yield from (f"two cells have the id {each}" for each in sorted({each for each in ids if ids.count(each) > 1}))


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _execution(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "was not executed once from top to bottom"
    for cell in _code(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr" or output.output_type == "error":
                yield f"cell {cell.id} shows an error or a warning"


def _marked(notebook: NotebookNode) -> Iterator[str]:
    marked = [cell for cell in _code(notebook) if MARK in cell.source]
    if len(marked) < 3:
        yield f"{len(marked)} cells are marked {MARK}: a lesson has three at least"
    for cell in marked:
        text = "".join(output.get("text", "") for output in cell.outputs)
        if not re.search(r"\d", text):
            yield f"cell {cell.id} is marked {MARK} and shows no number, so it checks nothing"
        if long := re.findall(r"\d\.\d{4,}", text):
            yield f"cell {cell.id} shows {long[0]}: three digits at most, or machines will differ"


def _pictures(notebook: NotebookNode) -> Iterator[str]:
    for cell in _code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            bare = [kind for kind in data if kind.startswith("image/")]
            images = re.findall(r"<img\b[^>]*>", data.get("text/html", ""))
            if bare or any(not re.search(r'alt="[^"]{15,}"', tag) for tag in images):
                yield f"a picture of cell {cell.id} has no alt text: show it with studio.show"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(", cell.source):
            yield f"a picture of cell {cell.id} has no alt text"


def _private(notebook: NotebookNode) -> Iterator[str]:
    host, user = socket.gethostname(), getpass.getuser()
    for cell in _code(notebook):
        text = re.sub(r"base64,[\w+/=]*", "", nbformat.v4.writes_json(nbformat.v4.new_notebook(cells=[cell])))
        text = text.replace("\\n", "\n")
        if found := PLACES.search(text):
            yield f"cell {cell.id} shows a place on some machine: {found[0]}"
        for name in (host, user):
            if len(name) > 4 and re.search(rf"\b{re.escape(name)}\b", text):
                yield f"cell {cell.id} shows the name of a machine or a user: {name}"


def _template(notebook: NotebookNode) -> Iterator[str]:
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    yield from (f"has not {what}" for what, pattern in TEMPLATE.items() if not re.search(pattern, prose, re.MULTILINE))
    objectives = len(re.findall(r"^\d\. ", notebook.cells[0].source, re.MULTILINE))
    if not 3 <= objectives <= 5:
        yield f"has {objectives} objectives: three to five"
    recap = prose.partition("## What to remember")[2].partition("\n## ")[0]
    if len(re.findall(r"^\d\. ", recap, re.MULTILINE)) != objectives:
        yield "its recap does not mirror its objectives, one for one"


def _size(notebook: NotebookNode) -> Iterator[str]:
    code = _code(notebook)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    if not CODE_CELLS[0] <= len(code) <= CODE_CELLS[1]:
        yield f"has {len(code)} code cells: {CODE_CELLS[0]} to {CODE_CELLS[1]}"
    for cell in code:
        if len(cell.source.splitlines()) > CELL_LINES:
            yield f"cell {cell.id} has {len(cell.source.splitlines())} lines: {CELL_LINES} at most"
        if (longest := max(map(len, cell.source.splitlines()))) > LINE:
            yield f"cell {cell.id} has a line of {longest} characters, which a page would cut: {LINE} at most"
    body = "\n".join(texts).partition("## References")[0]
    if not WORDS[0] <= _words(body) <= WORDS[1]:
        yield f"has {_words(body)} words: {WORDS[0]} to {WORDS[1]}"
    for part in re.split(r"^#{2,3} ", body.partition("## What to remember")[0], flags=re.MULTILINE)[1:]:
        if _words(part) > IDEA_WORDS:
            yield f"section '{part.splitlines()[0]}' has {_words(part)} words: {IDEA_WORDS} at most"


def _words(text: str) -> int:
    """Words of prose: formulas count as one word each, addresses as none."""
    text = re.sub(r"\$\$.*?\$\$|\$.*?\$", " x ", text, flags=re.DOTALL)
    return len(re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", re.sub(r"\]\([^)]*\)", "]", text)))


def _links(notebook: NotebookNode, path: Path) -> Iterator[str]:
    for cell in notebook.cells:
        for link in re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else ():
            if not re.match(r"https://|#|attachment:", link) and not (path.parent / link).exists():
                yield f"links to {link}, which is not there"


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    """Every exercise is followed at once by its check."""
    names = [(cell.metadata.stylelab.get("exercise"), cell.metadata.stylelab.get("check")) for cell in _code(notebook)]
    for (exercise, _), (_, check) in zip(names, [*names[1:], (None, None)], strict=True):
        if exercise and check != exercise:
            yield f"exercise {exercise} is not followed by its check"
    if not any(exercise for exercise, _ in names):
        yield "has no exercise"
