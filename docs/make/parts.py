"""What the pages leave to be filled in: `<!-- site: NAME ARGUMENT ... -->` on a line of its own is replaced by one of these.

In the repository such a line is a comment that nobody sees. What is made here comes from the kit itself or from the
stored lessons, so that it cannot fall behind them.
"""

import re
import textwrap
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from docs.make import commands, figures, notebooks, pages, reference, tables
from docs.make.stage import Stage
from stylelab.base.course import REPOSITORY, TITLES
from stylelab.errors import InputError
from stylelab.exercises import find_exercise

MARK = re.compile(r"^( *)<!-- site: (.+?) -->$", re.MULTILINE)
SHOWN = re.compile(r"!\[([^\]]+)\]\((assets/readme/(result|lesson)_[^)]+)\)")  # of the README: description, file


def fill(text: str, gallery: Callable[[], str], stage: Stage) -> str:
    """A page with its marks filled in.

    Raises:
        InputError: a mark that names no part.
    """
    known: dict[str, Callable[..., str]] = {
        "gallery": gallery,
        "recipes": tables.recipes,
        "encoders": tables.encoder_table,
        "layers": tables.layers,
        "lessons": lambda: f"{notebooks.table()}\n\n{notebooks.toctree()}",
        "commands": commands.page,
        "index": reference.index,
        "imported": reference.imported,
        "read": reference.read,
        "project": _project,
        "clone": _clone,
        "course": _course,
        "map": _map,
        "output": _output,
        "pull": _pull,
        "results": lambda: _results(stage),
        "ladder": lambda: _ladder(stage),
        "figure": lambda lesson, cell, *caption: _figure(lesson, cell, " ".join(caption), stage),
    }

    def filled(found: re.Match) -> str:
        name, *arguments = found[2].split()
        if name not in known:
            raise InputError(f"a page asks for '{name}': choose one of {', '.join(known)}")
        return textwrap.indent(known[name](*arguments), found[1])

    return MARK.sub(filled, text)


def _lesson(number: str) -> Path:
    """The PyTorch edition of a lesson."""
    for path in notebooks.lessons():
        if path.name.startswith(number) and path.stem.endswith("_torch"):
            return path
    raise InputError(f"a page asks for lesson '{number}', which there is not")


def _figure(number: str, cell: str, caption: str, stage: Stage) -> str:
    """The images of a cell of a PyTorch lesson, with a caption and a link to the lesson."""
    path = _lesson(number)
    shown = [f'<div class="image">{each.html()}</div>' for each in figures.of_lesson(notebooks.read(path), cell, stage, number)]
    link = f'<a href="lessons/{path.stem}.html">Lesson {int(number)}</a>'
    return f"<figure>{''.join(shown)}<figcaption>{escape(caption)} {link}.</figcaption></figure>"


def _output(number: str, cell: str) -> str:
    """What a cell of a PyTorch lesson printed, as it is stored."""
    found = [each for each in notebooks.read(_lesson(number)).cells if each.metadata.stylelab.name == cell]
    text = "".join(output.text for each in found for output in each.get("outputs", []) if output.output_type == "stream")
    if not text:
        raise InputError(f"lesson {number} has no cell '{cell}' that prints: name another in the page that quotes it")
    return f"```{{code-block}} text\n:class: said\n\n{text.rstrip()}\n```"


def _clone() -> str:
    return f"```sh\ngit clone {REPOSITORY}\ncd {REPOSITORY.rpartition('/')[2]}\nmake lab\n```"


def _project() -> str:
    """The table of contents of what the repository says about working on it."""
    entries = [page for page, file in pages.sources().items() if file.parent == pages.ROOT]
    return "```{toctree}\n:hidden:\n:caption: The project\n\n" + "\n".join(entries) + "\n```"


def _map() -> str:
    """The map of the package, from CONTRIBUTING.md."""
    text = (pages.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(r"^## A map of the package\n\n(```text\n.*?\n```)", text, re.MULTILINE | re.DOTALL)[1]


def _pull() -> str:
    name = REPOSITORY.rpartition("/")[2]
    opened = quote(f"lab/tree/{name}/lessons/{_lesson('00').name}", safe="")
    query = f"repo={quote(REPOSITORY, safe='')}&branch=main&urlpath={opened}"
    return f"```text\nhttps://HUB/hub/user-redirect/git-pull?{query}\n```"


def _course() -> str:
    """Each lesson with its time, its exercises and what they are worth."""
    rows = []
    for path in notebooks.lessons():
        if path.stem.endswith("_torch"):
            cells = notebooks.read(path).cells
            minutes = re.search(r"\*\*Time\*\* (\d+) minutes", cells[0].source)
            checked = [find_exercise(cell.metadata.stylelab.check) for cell in cells if "check" in cell.metadata.stylelab]
            titles = ", ".join(f"`{each.id}` ({each.points:g})" for each in checked)
            link = f"[{notebooks.title(path)}](lessons/{path.name})"
            rows.append([link, f"{minutes[1]} min" if minutes else "", titles, f"{sum(each.points for each in checked):g}"])
    return tables.table(("lesson", "time", "exercises (points)", "points"), rows)


def _readme(kind: str, stage: Stage) -> list[figures.Figure]:
    """The README's images of results or of lessons, in its order and with its descriptions."""
    found = SHOWN.findall((pages.ROOT / "README.md").read_text(encoding="utf-8"))
    return [
        figures.add(stage, f"readme/{Path(file).stem}", (pages.ROOT / file).read_bytes(), alt)
        for alt, file, of in found
        if of == kind
    ]


def _results(stage: Stage) -> str:
    shown = [
        f"<figure>{figure.html()}<figcaption>{escape(figure.alt)}</figcaption></figure>" for figure in _readme("result", stage)
    ]
    return '<div class="wall results">\n' + "\n".join(shown) + "\n</div>"


def _ladder(stage: Stage) -> str:
    """An image, the claim and both editions of each lesson."""
    steps, both = [], notebooks.lessons()
    for figure, torch, tensorflow in zip(_readme("lesson", stage), both[::2], both[1::2], strict=True):
        editions = " · ".join(
            f'<a href="lessons/{path.stem}.html" aria-label="Lesson {int(path.stem[:2])}, {name}">{name}</a>'
            for path, name in zip((torch, tensorflow), TITLES.values(), strict=True)
        )
        steps.append(f"<li>{figure.html()}<div><p>{escape(notebooks.title(torch))}</p><p>{editions}</p></div></li>")
    return '<ol class="ladder">\n' + "\n".join(steps) + "\n</ol>"
