"""Editions in other languages. A language is a folder here: `language.json`, and files of units in Markdown.

A unit renders one English text. It is known by a key, and holds the mark of the English that it was written for: when the English
changes, the unit is stale, a test names it, and the English is shown until it is translated again.
"""

from stylelab.languages.lessons import LAYOUT, fill_in, render
from stylelab.languages.sentences import RECORD, current_language, html_direction, joined, phrases, read_sentences, say, spoken
from stylelab.languages.units import (
    ENGLISH, Language, Unit, direction, find_language, languages, mark_of, read_units, write_units,
)  # fmt: skip

__all__ = [
    "ENGLISH", "LAYOUT", "RECORD", "Language", "Unit", "current_language", "direction", "fill_in", "find_language", "html_direction", "joined", "languages",
    "mark_of", "phrases", "read_sentences", "read_units", "render", "say", "spoken", "write_units",
]  # fmt: skip
