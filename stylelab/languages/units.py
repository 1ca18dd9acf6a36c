"""Languages, and their files of units: Markdown in which a comment before each unit says its key and the mark of its English."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stylelab.base.files import printable, write_file
from stylelab.errors import InputError, unknown

HERE = Path(__file__).parent
ENGLISH = "en"
HEAD = re.compile(r"^<!-- unit: (\S+(?: \S+)?) ([0-9a-f]{8}) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Language:
    """A language of the kit.

    Attributes:
        code: such as 'zh', the name of its folder.
        name: as its own speakers write it.
        direction: 'ltr' or 'rtl'.
        untranslated: Markdown that says that the text below is still English.
        open_in: what stands before the names of Colab and Binder, which open the English edition.
    """

    code: str
    name: str
    direction: str
    untranslated: str
    open_in: str

    @property
    def folder(self) -> Path:
        """Where its units are."""
        return HERE / self.code


@dataclass(frozen=True)
class Unit:
    """A text in another language.

    Attributes:
        mark: of the English that it renders; see `mark_of`.
        text: Markdown.
    """

    mark: str
    text: str


def languages() -> list[str]:
    """The codes of all languages but English.

    >>> from stylelab.languages import languages
    >>> languages()
    ['zh']
    """
    return sorted(path.parent.name for path in HERE.glob("*/language.json"))


def find_language(code: str) -> Language:
    """A language by its code.

    >>> from stylelab.languages import find_language
    >>> find_language("zh").name
    '中文'

    Raises:
        InputError: there is no such language.
    """
    if code not in languages():
        raise unknown("language", code, (ENGLISH, *languages()))
    return Language(code, **json.loads((HERE / code / "language.json").read_text(encoding="utf-8")))


def direction(code: str) -> str:
    """'ltr' or 'rtl': where a language's lines begin.

    >>> from stylelab.languages import direction
    >>> direction("en"), direction("zh")
    ('ltr', 'ltr')
    """
    return "ltr" if code == ENGLISH else find_language(code).direction


def mark_of(english: str) -> str:
    """Eight hexadecimal digits that change with the text, though not with white space at its ends."""
    return hashlib.sha256(english.strip().encode()).hexdigest()[:8]


def read_units(path: Path) -> dict[str, Unit]:
    """The units of a file by key, in its order; none if there is no file.

    Raises:
        InputError: a key that stands there twice, or text before the first unit.
    """
    if not path.is_file():
        return {}
    before, *parts = HEAD.split(path.read_text(encoding="utf-8"))
    keys, marks, texts = parts[::3], parts[1::3], parts[2::3]
    if before.strip() or len(set(keys)) < len(keys):
        raise InputError(f"'{printable(path)}' has text before its first unit, or a unit twice")
    return {key: Unit(mark, text.strip()) for key, mark, text in zip(keys, marks, texts, strict=True)}


def write_units(path: Path, units: Mapping[str, Unit]) -> None:
    """Write a file of units, completely or not at all."""
    text = "\n\n".join(f"<!-- unit: {key} {unit.mark} -->\n{unit.text.strip()}" for key, unit in units.items()) + "\n"
    write_file(path, lambda stream: stream.write(text.encode()))
