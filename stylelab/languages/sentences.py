"""Sentences in the user's language. The code says them in English; `say` finds the same sentence in another language.

A language's folder `sentences` holds JSON files `{english: other}`. An English sentence with holes, such as an f-string of the code, has
`{1}`, `{2}` ... for them; what fills them is translated too, but not in `{1!}`, which is for names of files. The English is its own
key, so that a changed sentence has no translation until it gets one, and is shown in English.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from stylelab.base.handed_out import read_record
from stylelab.languages.units import ENGLISH, direction, find_language, languages

RECORD = ".stylelab-lessons.json"  # of a folder of lessons; see stylelab.cli.start
JUPYTER = "lab/user-settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
HOLE = re.compile(r"(?<!\{)\{(\d+)!?\}(?!\})")
NAME = re.compile(r"\{(\d+)!\}")  # a hole for what is never translated
END = re.compile(r"(?<=[.?!:;,]) ")  # where a sentence, or a part of one, may end
PAGES = ("studio", "errors", "images", "page")
WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")  # no space stands next to these
WIDER = str.maketrans(".,:;?!", "。，：；？！")


class Phrases:
    """The sentences of a language.

    Args:
        pairs: English -> the other language; None for what is not shown.
    """

    def __init__(self, pairs: Mapping[str, str | None]):
        spoken = {english.strip(): other.strip() for english, other in pairs.items() if other}
        self.found: dict[str, str | None] = {_plain(english): _plain(other) for english, other in spoken.items()}
        holed = [(english, other) for english, other in spoken.items() if HOLE.search(english) and _letters(english) > 1]
        holed.sort(key=lambda pair: (-_letters(pair[0]), -len(HOLE.sub("", pair[0]))))  # the most particular first
        self.holed = [(_pattern(english), other, set(NAME.findall(english))) for english, other in holed]

    def find(self, text: str) -> str | None:
        """A text in the language, or None; spaces at its ends are dropped. Of several ways, that which leaves the least English."""
        text = text.strip()
        if text not in self.found:
            self.found[text] = self._best(text) if text else None
        return self.found[text]

    def _best(self, text: str) -> str | None:
        sentence = self.found.get(f"{text}.")  # which stands within another one
        if sentence and not _english_words(sentence):
            return sentence.removesuffix("。")
        best, least = None, len(text)
        for way in chain(self._filled(text), self._in_parts(text)):
            if (words := _english_words(way)) < least:
                best, least = way, words
            if not least:
                break
        return best

    def _filled(self, text: str) -> Iterator[str]:
        for pattern, other, names in self.holed:
            if match := pattern.fullmatch(text):
                holes = [hole if str(i) in names else self._hole(match, i) for i, hole in enumerate(match.groups(), 1)]
                yield _plain(_fill(other, holes))

    def _hole(self, match: "re.Match[str]", number: int) -> str:
        """What fills a hole, translated; a name, which is in quotation marks, stays as it is."""
        hole, before, after = match[number], match.string[: match.start(number)][-1:], match.string[match.end(number) :][:1]
        is_name = before == after and before in ("`", "'")
        return hole if is_name else (self.find(hole) or hole).strip()

    def _in_parts(self, text: str) -> Iterator[str]:
        for match in END.finditer(text):
            first, last = text[: match.start()].rstrip(";,"), text[match.end() :]
            one, other = self.find(first), self.find(last)
            if one or other:
                sign = text[len(first) : match.start()]
                yield joined((one or first) + sign, other or last)


def joined(first: str, last: str) -> str:
    """Two parts of a text; no space stands next to a wide character."""
    if WIDE.match(last[:1]):
        return first[:-1] + first[-1:].translate(WIDER) + last
    return first + last if WIDE.match(first[-1:]) else f"{first} {last}"


def say(text: str, language: str | None = None) -> str:
    """A sentence in the user's language; in English if the language, or the sentence, is not known.

    >>> from stylelab.languages import say
    >>> say("Keep the batch axis: one matrix for each image.", "zh")
    '保留批量轴：每幅图像一个矩阵。'

    Args:
        text: in English, as the code says it.
        language: by default `current_language()`.
    """
    language = language or current_language()
    return text if language == ENGLISH else phrases(language).find(text) or text


def html_direction() -> str:
    """For an element in a language whose lines begin at the right: there, unless it is still English."""
    return ' dir="auto"' if direction(current_language()) == "rtl" else ""


def current_language(folder: Path | None = None) -> str:
    """The user's language: $STYLELAB_LANGUAGE, that of the lessons in this folder, JupyterLab's, or English.

    Args:
        folder: by default the current one.
    """
    known = (ENGLISH, *languages())
    settings = (
        os.environ.get("STYLELAB_LANGUAGE"),
        read_record((folder or Path()) / RECORD).get("language"),
        _jupyter_language(),
    )
    for setting in settings:
        if setting and (code := str(setting).replace("_", "-").partition("-")[0].lower()) in known:
            return code
    return ENGLISH


@cache
def phrases(language: str) -> Phrases:
    """The sentences of a language, read once."""
    return Phrases(read_sentences(language))


def read_sentences(language: str) -> dict[str, str | None]:
    """All files of sentences of a language, in one."""
    pairs: dict[str, str | None] = {}
    for path in sorted((find_language(language).folder / "sentences").glob("*.json")):
        pairs |= _read(path)
    return pairs


def _read(path: Path) -> dict[str, str | None]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def spoken(language: str, files: Sequence[str] = PAGES) -> dict[str, str]:
    """The sentences of a language for a page, which finds them itself; without `files`, those of the studio."""
    folder = find_language(language).folder / "sentences"
    pairs = {english: other for name in files for english, other in _read(folder / f"{name}.json").items()}
    return {_plain(english): _plain(other) for english, other in pairs.items() if other}


def _jupyter_language() -> str | None:
    folder = Path(os.environ.get("JUPYTER_CONFIG_DIR") or os.path.expanduser("~/.jupyter"))  # stays as it is without a home
    try:
        found = re.search(r'"locale"\s*:\s*"([\w-]+)"', (folder / JUPYTER).read_text(encoding="utf-8"))  # JSON with comments
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _fill(text: str, holes: list[str]) -> str:
    escaped = [hole.replace("{", "{{").replace("}", "}}") for hole in holes]
    return HOLE.sub(lambda hole: escaped[int(hole[1]) - 1], text)


def _english_words(text: str) -> int:
    return len(re.findall(r"\b[a-z]{3,}\b", re.sub(r"`[^`]*`|'[^']*'", "", text)))


def _letters(english: str) -> int:
    return sum(map(str.isalpha, HOLE.sub("", english)))


def _pattern(english: str) -> "re.Pattern[str]":
    """Matches an English sentence, with a group for each hole."""
    literals = HOLE.split(english)[::2]
    return re.compile("(.*?)".join(re.escape(_plain(literal)) for literal in literals), re.DOTALL)
