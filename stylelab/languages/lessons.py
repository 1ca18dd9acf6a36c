"""A lesson's notebook in another language: its texts are replaced by units; code, ids, points and outputs stay as they are."""

from copy import deepcopy
from typing import Any

from stylelab.base.course import EDITIONS, REPOSITORY, SITE, TITLES
from stylelab.languages.sentences import joined
from stylelab.languages.units import ENGLISH, Language, Unit, find_language, read_units

LAYOUT = {
    "torch": ("(B, C, H, W)", "(B, 3, H, W)"),
    "tensorflow": ("(B, H, W, C)", "(B, H, W, 3)"),
    "numpy": ("(B, H, W, C)", "(B, H, W, 3)"),
}
Notebook = Any  # nbformat's, or the same as dicts and lists


def render(notebook: Notebook, stem: str, framework: str, language: str) -> Notebook:
    """A copy of a lesson's notebook in another language.

    Args:
        notebook: as `lessons.make` builds it in English, or read from its file as JSON.
        stem: of the lesson's source, such as '08_one_pass'.
        framework: 'torch' or 'tensorflow'.
        language: such as 'zh'.

    Returns:
        The notebook. A text whose unit is missing or stale stays English, and is marked.

    Raises:
        InputError: an unknown language.
    """
    if language == ENGLISH:
        return notebook
    found, notebook = find_language(language), deepcopy(notebook)
    units = read_units(found.folder / "lessons" / f"{stem}.md")
    for cell in notebook["cells"]:
        ours = cell["metadata"].get("stylelab", {})
        if cell["cell_type"] == "markdown" and "mark" in ours:
            unit = units.get(f"{ours['name']} {framework}") or units.get(ours["name"])
            text = _text(unit, ours["mark"], found, "".join(cell["source"]))
            cell["source"] = fill_in(text, stem, framework, language)
    return notebook


def _text(unit: Unit | None, mark: str, language: Language, english: str) -> str:
    known = unit is not None and unit.mark == mark
    text = unit.text if unit and known else language.untranslated
    text = text if language.direction == "ltr" else f'<div dir="{language.direction}">\n\n{text}\n\n</div>'
    return text if known else f"{text}\n\n{english}"


def fill_in(text: str, stem: str, framework: str, language: str = ENGLISH) -> str:
    """A text of a lesson with what stands for its tokens: the framework's name, the other edition's, the badges, shapes."""
    other = "tensorflow" if framework == "torch" else "torch"
    activation, image = LAYOUT[framework]
    tokens = {
        "framework": EDITIONS[framework], "other_framework": TITLES[other], "module": framework, "other_module": other,
        "activation": activation, "image": image, "badges": badges(f"{stem}_{framework}.ipynb", language),
        "try_it": f"{SITE}/try-it/index.html" + (f"?language={language}" if language != ENGLISH else ""),
    }  # fmt: skip
    for token, value in tokens.items():
        text = text.replace("{{" + token + "}}", value)
    return text


def badges(name: str, language: str = ENGLISH) -> str:
    """Links that open a notebook of the repository in Colab and in Binder. They have the English edition only."""
    owner = REPOSITORY.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{owner}/blob/main/lessons/{name}"
    binder = f"https://mybinder.org/v2/gh/{owner}/main?labpath=lessons%2F{name}"
    open_in = "Open in" if language == ENGLISH else find_language(language).open_in
    return f"[**▶ {joined(open_in, 'Colab')}**]({colab}) · [**▶ {joined(open_in, 'Binder')}**]({binder})"
