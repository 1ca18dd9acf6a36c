"""Fill in the generated parts of the pages: a line `<!-- site: NAME ARGUMENT ... -->` is replaced by the part of that name.

In the repository such a line is an invisible comment. The parts are generated from the kit itself or from the stored lessons,
so they are always up to date.
"""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from jinja2 import Template

from docs.make import commands, figures, notebooks, pages, reference, tables
from docs.make.source_folder import SourceFolder
from stylelab.base.course import REPOSITORY, TITLES
from stylelab.errors import InputError
from stylelab.exercises import find_exercise

PLACEHOLDER = re.compile(r"^( *)<!-- site: (.+?) -->$", re.MULTILINE)
README_IMAGE = re.compile(r"!\[([^\]]+)\]\((assets/readme/(result|lesson)_[^)]+)\)")  # description, file, kind
LESSON_FIGURE = Template(
    '<figure>{% for figure in figures %}<div class="image">{{ figure.html() }}</div>{% endfor %}'
    '<figcaption>{{ caption }} <a href="lessons/{{ page }}.html">Lesson {{ number }}</a>.</figcaption></figure>',
    autoescape=True,
)
LADDER = Template(
    '<ol class="ladder">\n'
    "{% for figure, title, editions in steps %}<li>{{ figure.html() }}<div><p>{{ title }}</p><p>"
    "{% for page, number, framework in editions %}{% if not loop.first %} · {% endif %}"
    '<a href="lessons/{{ page }}.html" aria-label="Lesson {{ number }}, {{ framework }}">{{ framework }}</a>{% endfor %}'
    "</p></div></li>\n{% endfor %}</ol>",
    autoescape=True,
)


def fill(text: str, gallery: Callable[[], str], source: SourceFolder, try_it: str = "") -> str:
    """A page with its generated parts. `try_it` leads to the page of that name, if there is one.

    Raises:
        InputError: the page asks for a part that does not exist.
    """
    known: dict[str, Callable[..., str]] = {
        "gallery": gallery,
        "try-it": lambda: try_it,
        "recipes": tables.recipes,
        "losses": tables.losses,
        "encoders": tables.encoder_table,
        "layers": tables.layers,
        "lessons": lambda: f"{notebooks.table()}\n\n{notebooks.toctree()}",
        "commands": commands.page,
        "options": reference.options,
        "index": reference.index,
        "imported": reference.imported,
        "read": reference.read,
        "project": _project,
        "clone": lambda: f"```sh\ngit clone {REPOSITORY}\ncd {REPOSITORY.rpartition('/')[2]}\nmake lab\n```",
        "course": _course,
        "map": _map,
        "output": _output,
        "pull": _pull_link,
        "results": lambda: figures.grid(((figure, figure.alt) for figure in _readme_images("result", source)), "wall results"),
        "ladder": lambda: _ladder(source),
        "figure": lambda lesson, cell, *caption: _lesson_figure(lesson, cell, " ".join(caption), source),
    }

    def replace(placeholder: re.Match) -> str:
        name, *arguments = placeholder[2].split()
        if name not in known:
            raise InputError(f"a page asks for '{name}': choose one of {', '.join(known)}")
        return textwrap.indent(known[name](*arguments), placeholder[1])

    return PLACEHOLDER.sub(replace, text)


def _find_lesson(number: str) -> Path:
    """The PyTorch edition of a lesson."""
    for torch, _ in notebooks.both_editions():
        if torch.name.startswith(number):
            return torch
    raise InputError(f"a page asks for lesson '{number}', which does not exist")


def _lesson_figure(number: str, cell: str, caption: str, source: SourceFolder) -> str:
    """The images of a cell of a PyTorch lesson, with a caption and a link to the lesson."""
    path = _find_lesson(number)
    images = figures.of_lesson(notebooks.read(path), cell, source, number)
    return LESSON_FIGURE.render(figures=images, caption=caption, page=path.stem, number=int(number))


def _output(number: str, cell_name: str) -> str:
    """What a cell of a PyTorch lesson printed, from the stored notebook."""
    cells = [cell for cell in notebooks.read(_find_lesson(number)).cells if cell.metadata.stylelab.name == cell_name]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    if not text:
        raise InputError(f"lesson {number} has no cell '{cell_name}' that prints: correct the page that quotes it")
    return f"```{{code-block}} text\n:class: printed\n\n{text.rstrip()}\n```"


def _project() -> str:
    """The table of contents of the pages about working on the project."""
    entries = [page for page, file in pages.page_files().items() if file.parent == pages.ROOT]
    return "```{toctree}\n:hidden:\n:caption: The project\n\n" + "\n".join(entries) + "\n```"


def _map() -> str:
    """The map of the package, from CONTRIBUTING.md."""
    text = (pages.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(r"^## A map of the package\n\n(```text\n.*?\n```)", text, re.MULTILINE | re.DOTALL)[1]


def _pull_link() -> str:
    """The address with which nbgitpuller gives each student of a JupyterHub a copy of the lessons."""
    notebook = f"lab/tree/{REPOSITORY.rpartition('/')[2]}/lessons/{_find_lesson('00').name}"
    query = f"repo={quote(REPOSITORY, safe='')}&branch=main&urlpath={quote(notebook, safe='')}"
    return f"```text\nhttps://HUB/hub/user-redirect/git-pull?{query}\n```"


def _course() -> str:
    """A table of the lessons with their time, exercises and points."""
    rows = []
    for path, _ in notebooks.both_editions():
        cells = notebooks.read(path).cells
        minutes = re.search(r"\*\*Time\*\* (\d+) minutes", cells[0].source)
        exercises = [find_exercise(cell.metadata.stylelab.check) for cell in cells if "check" in cell.metadata.stylelab]
        rows.append([
            f"[{notebooks.title(path)}](lessons/{path.name})", f"{minutes[1]} min" if minutes else "",
            ", ".join(f"`{exercise.id}` ({exercise.points:g})" for exercise in exercises),
            f"{sum(exercise.points for exercise in exercises):g}",
        ])  # fmt: skip
    return tables.table(("lesson", "time", "exercises (points)", "points"), rows)


def _readme_images(kind: str, source: SourceFolder) -> list[figures.Figure]:
    """The README's images of kind 'result' or 'lesson', in its order and with its descriptions."""
    images = README_IMAGE.findall((pages.ROOT / "README.md").read_text(encoding="utf-8"))
    return [
        figures.add(source, f"readme/{Path(file).stem}", (pages.ROOT / file).read_bytes(), alt)
        for alt, file, file_kind in images
        if file_kind == kind
    ]


def _ladder(source: SourceFolder) -> str:
    """For each lesson an image, its title and links to both editions."""
    steps = []
    for figure, editions in zip(_readme_images("lesson", source), notebooks.both_editions(), strict=True):
        links = [(path.stem, int(path.stem[:2]), title) for path, title in zip(editions, TITLES.values(), strict=True)]
        steps.append((figure, notebooks.title(editions[0]), links))
    return LADDER.render(steps=steps)
