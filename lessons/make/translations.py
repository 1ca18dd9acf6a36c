"""What is missing or stale in another language: texts of lessons, which are units, and sentences; see `stylelab.languages`."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from lessons.make.sentences import SPEAKERS, sentences
from stylelab.base.course import TITLES
from stylelab.base.files import write_text
from stylelab.languages import Unit, find_language, mark_of, read_units, write_units

STALE = "0" * 8  # no text has this mark
ALONE = ("try-it",)  # pages that read no other file of sentences: what others say too, in other words perhaps, is there again
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
TARGET = re.compile(r"\]\(([^)]+)\)|(?:src|href)=\"([^\"]+)\"")
PARTS = {  # what a text and its translation have in common
    "headings": re.compile(r"^#+ (?:[\d.]+)?", re.MULTILINE),
    "list items": re.compile(r"^ *(?:[-*]|\d+\.) ", re.MULTILINE),
    "rows of tables": re.compile(r"^\|", re.MULTILINE),
    "tokens": re.compile(r"\{\{\w+\}\}"),
    "tags": re.compile(r"</?\w+"),
}
ORDERED = {"code": CODE, "formulas": FORMULA, "targets of links": TARGET}  # another language may say them in another order


def units_path(source: Path, language: str) -> Path:
    """Where the texts of a lesson are in another language."""
    return find_language(language).folder / "lessons" / f"{source.stem}.md"


def texts(source: Path) -> dict[str, str]:
    """The English texts of a lesson by the keys of their units: a cell's name, and its framework if it has one."""
    found = {}
    for cell in jupytext.read(source, fmt="py:percent").cells:
        if cell.cell_type == "markdown":
            found[unit_key(cell)] = cell.source
    return found


def unit_key(cell: NotebookNode) -> str:
    """The key of a Markdown cell's unit."""
    editions = [tag for tag in cell.metadata.get("tags", []) if tag in TITLES]
    return " ".join([cell.metadata.get("name", ""), *editions])


def unfinished(source: Path, language: str) -> list[str]:
    """A line for each text that is missing, stale, no longer in the lesson, or not built like the English one."""
    path, wanted = units_path(source, language), texts(source)
    units, lines = read_units(path), []
    for key, english in wanted.items():
        if key not in units:
            lines.append(f"{path.name}: '{key}' is missing: `python -m lessons.make units {language} --add` adds it in English")
        elif units[key].mark != mark_of(english):
            lines.append(
                f"{path.name}: '{key}' renders an earlier English text: revise it, then `units {language} --stamp {key}`"
            )
        else:
            lines += [
                f"{path.name}: '{key}' differs from the English in its {what}" for what in _differences(english, units[key].text)
            ]
    return lines + [f"{path.name}: '{key}' is no longer in the lesson: remove it" for key in units if key not in wanted]


def _differences(english: str, text: str) -> list[str]:
    found = [name for name, part in PARTS.items() if part.findall(english) != part.findall(text)]
    return found + [name for name, part in ORDERED.items() if sorted(part.findall(english)) != sorted(part.findall(text))]


def add_units(source: Path, language: str) -> None:
    """Write the file anew in the order of the lesson, with what was missing in English."""
    path = units_path(source, language)
    units, wanted = read_units(path), texts(source)
    if wanted.keys() - units.keys() or list(wanted) != [key for key in units if key in wanted]:
        gone = {key: unit for key, unit in units.items() if key not in wanted}
        path.parent.mkdir(exist_ok=True)
        write_units(path, {key: units.get(key, Unit(STALE, english)) for key, english in wanted.items()} | gone)


def stamp(source: Path, language: str, keys: Iterable[str]) -> None:
    """Say that these texts render the English as it is now."""
    path, wanted, chosen = units_path(source, language), texts(source), set(keys)
    units = read_units(path)
    marked = {
        key: Unit(mark_of(wanted[key]), unit.text) for key, unit in units.items() if key in wanted and chosen & {key, "all"}
    }
    if marked:
        write_units(path, units | marked)


def unsaid(language: str) -> list[str]:
    """A line for each sentence without a translation, and for each translation whose sentence is no longer said."""
    known = _files(language)
    said = [(group, english) for group in SPEAKERS for english in sentences(group)]
    translated = _translated(known)
    lines = [
        f"{group}.json: {english!r} has no translation: `units {language} --add` adds it, to be filled in"
        for group, english in said
        if (known.get(group, {}) if group in ALONE else translated).get(english, "") == ""  # None is what nobody reads
    ]
    spoken = {english for _, english in said}
    return list(dict.fromkeys(lines)) + [
        f"{group}.json: {english!r} is no longer said: `units {language} --add` removes it"
        for group, pairs in known.items()
        for english in pairs
        if english not in spoken
    ]


def _translated(known: dict[str, dict[str, str | None]]) -> dict[str, str | None]:
    return {english: other for pairs in known.values() for english, other in pairs.items()}


def add_sentences(language: str) -> None:
    """Write the files of sentences anew in the order of the code: missing ones are empty, and those no longer said are gone."""
    known, written = _files(language), set[str]()
    for group in SPEAKERS:
        translated = _translated(known) | known.get(group, {})
        pairs = {english: translated.get(english, "") for english in sentences(group) if group in ALONE or english not in written}
        written |= pairs.keys()
        write_text(_folder(language) / f"{group}.json", json.dumps(pairs, indent=1, ensure_ascii=False) + "\n")


def _folder(language: str) -> Path:
    return find_language(language).folder / "sentences"


def _files(language: str) -> dict[str, dict[str, str | None]]:
    paths = (_folder(language) / f"{group}.json" for group in SPEAKERS)
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()}
