"""Cells that were cut are put together: a piece that is no Python alone, and is Python with its neighbours."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from stylelab.tools.classroom.notebooks.syntax import Text

if TYPE_CHECKING:
    from stylelab.tools.classroom.notebooks.find_answers import Unit

PIECES = 8  # that one cell may have been cut into
MOST = 300_000  # characters that are tried together in one notebook: about a second at worst


class Joiner:
    """Tries neighbours together until what one notebook may cost is spent."""

    def __init__(self):
        self.left = MOST

    def joined(self, units: list[Unit]) -> list[Unit]:
        """The same units in the same order, pieces of one cell made one."""
        done, start = [], 0
        while start < len(units):
            end = self._end(units, start)
            done.append(_together(units[start:end]))
            start = end
        return done

    def _end(self, units: list[Unit], start: int) -> int:
        """Where the cell that begins at `start` ends: at the first place where there is Python, and then as far on as
        there are pieces that are none by themselves."""
        best = start + 1
        if start + 1 == len(units) or (units[start].text.parses and not self._goes_on(units, start)):
            return best
        for end in range(start + 2, min(start + PIECES, len(units)) + 1):
            pieces = units[start:end]
            if not _are_kin(pieces) or (best > start + 1 and pieces[-1].text.parses):
                break
            if self._fit(pieces):
                best = end
        return best

    def _goes_on(self, units: list[Unit], start: int) -> bool:
        """Whether a piece that is Python alone may be a beginning: what follows is nothing without it."""
        head, after = units[start], units[start + 1]
        if after.text.parses or not _are_kin([head, after]):
            return False
        if after.about is None and _last_line(head.text.text).startswith(("return", "raise")):
            return False
        return self._end(units, start + 1) == start + 2

    def _fit(self, pieces: list[Unit]) -> bool:
        text = _glued(pieces)
        self.left -= len(text.text)
        return self.left > 0 and text.parses


def _are_kin(pieces: list[Unit]) -> bool:
    """Whether they may be pieces of one cell: code, changed, and about one exercise."""
    about = {unit.about for unit in pieces} - {None}
    return len(about) == 1 and all(unit.kind == "code" and not unit.given for unit in pieces)


def _glued(pieces: list[Unit]) -> Text:
    return Text("\n".join(unit.text.text for unit in pieces))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].lstrip()


def _together(pieces: list[Unit]) -> Unit:
    if len(pieces) == 1:
        return _to_the_left(pieces[0])
    tag = next((unit.tag for unit in pieces if unit.tag), None)
    note = f"cells {pieces[0].first} to {pieces[-1].first} were one cell, cut in {len(pieces)}: joined"
    notes = (*(note for unit in pieces for note in unit.notes), note)
    return replace(pieces[0], text=_glued(pieces), tag=tag, notes=notes)


def _to_the_left(unit: Unit) -> Unit:
    """A cell that is indented as a whole, as Jupyter runs it."""
    text = Text(textwrap.dedent(unit.text.text))
    return replace(unit, text=text) if unit.text.text[:1].isspace() and not unit.text.parses and text.parses else unit
