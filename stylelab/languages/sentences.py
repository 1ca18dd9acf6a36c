"""Sentences in the user's language. The code says them in English; `say` finds the same sentence in another language.

A language's folder `sentences` holds JSON files `{english: other}`. An English sentence with holes, such as an f-string of the code, has
`{1}`, `{2}` ... for them; what stands there is rendered too. The English is its own key, so that a changed sentence has no
translation until it gets one, and is shown in English.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from stylelab.base.handed_out import read_record
from stylelab.languages.units import ENGLISH, find_language, languages

RECORD = ".stylelab-lessons.json"  # of a folder of lessons; see stylelab.cli.start
JUPYTER = "lab/user-settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
HOLE = re.compile(r"(?<!\{)\{(\d+)\}(?!\})")
FULL_STOP = re.compile(r"(?<=[.?!]) ")
END = re.compile(r"(?<=[.?!:;,]) ")  # where a sentence, or a part of one, may end
CLEAR = 8  # letters that a sentence has besides its holes; one with fewer is tried last
WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")  # no space stands next to these
WIDER = str.maketrans(".,:;?!", "。，：；？！")


class Phrases:
    """The sentences of a language.

    Args:
        pairs: English -> the other language; None for what nobody reads.
    """

    def __init__(self, pairs: Mapping[str, str | None]):
        spoken = {english.strip(): other.strip() for english, other in pairs.items() if other is not None}
        self.whole = {_plain(english): _plain(other) for english, other in spoken.items() if not HOLE.search(english)}
        holed = [(english, other) for english, other in spoken.items() if HOLE.search(english)]
        holed.sort(key=lambda pair: -_letters(pair[0]))  # the most particular first
        self.holed = [(_pattern(english), other) for english, other in holed if _letters(english) >= CLEAR]
        self.vague = [(_pattern(english), other) for english, other in holed if 2 <= _letters(english) < CLEAR]

    def find(self, text: str) -> str | None:
        """A text in the language, or None; spaces at its ends are dropped."""
        text = text.strip()
        if not text:
            return None
        return self._known(text) or self._in_parts(text) or self._filled(text, self.vague)

    def _known(self, text: str) -> str | None:
        if text in self.whole:
            return self.whole[text]
        for match in reversed([*FULL_STOP.finditer(text)]):
            if text[: match.start()] in self.whole:
                rest = text[match.end() :]
                return _joined(self.whole[text[: match.start()]], self.find(rest) or rest)
        return self._filled(text, self.holed)

    def _filled(self, text: str, phrases: "list[tuple[re.Pattern[str], str]]") -> str | None:
        for pattern, other in phrases:
            if match := pattern.fullmatch(text):
                names = (text[start - 1 : start] in ("`", "'") for start, _ in match.regs[1:])  # a name stays as it is
                holes = (
                    hole if name else (self.find(hole) or hole).strip() for hole, name in zip(match.groups(), names, strict=True)
                )
                filled = {f"{{{number}}}": _escaped(hole) for number, hole in enumerate(holes, 1)}
                return _plain("".join(filled.get(part, part) for part in re.split(r"((?<!\{)\{\d+\}(?!\}))", other)))
        return None

    def _in_parts(self, text: str) -> str | None:
        """The longest beginning or end that is known, and what is left of the text."""
        ends = [match.start() for match in END.finditer(text)]
        for end in reversed(ends):
            first = text[:end].removesuffix(";")
            if known := self._known(first):
                known += "；" if len(first) < end else ""
                return _joined(known, self.find(text[end + 1 :]) or text[end + 1 :])
        for end in ends:
            if known := self._known(text[end + 1 :]):
                return _joined(self.find(text[:end]) or text[:end], known)
        return None


def _joined(first: str, last: str) -> str:
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
        pairs |= json.loads(path.read_text(encoding="utf-8"))
    return pairs


def _jupyter_language() -> str | None:
    folder = Path(os.environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter")
    try:
        found = re.search(r'"locale"\s*:\s*"([\w-]+)"', (folder / JUPYTER).read_text(encoding="utf-8"))  # JSON with comments
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _letters(english: str) -> int:
    return sum(map(str.isalpha, HOLE.sub("", english)))


def _pattern(english: str) -> "re.Pattern[str]":
    """Matches an English sentence, with a group for each hole."""
    literals = HOLE.split(english)[::2]
    return re.compile("(.*?)".join(re.escape(_plain(literal)) for literal in literals), re.DOTALL)
