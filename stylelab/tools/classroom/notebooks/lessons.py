"""What each lesson gives students, in both editions: its exercises, their stubs, and every other cell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stylelab.base.course import find_lessons, how_to_restore
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, unknown
from stylelab.tools.classroom.notebooks.read import read_notebook


@dataclass(frozen=True)
class Edition:
    """One edition of one lesson, as students receive it.

    Attributes:
        lesson: such as '03_style_reconstruction'.
        framework: 'torch', 'tensorflow' or 'numpy'.
        stubs: exercise id -> the source of its cell, in the lesson's order.
        sources: all other cells, stripped.
        ids: Jupyter's ids of the cells.
    """

    lesson: str
    framework: str
    stubs: Mapping[str, str]
    sources: frozenset[str]
    ids: frozenset[str]

    @property
    def exercises(self) -> tuple[str, ...]:
        """Exercise ids, in the lesson's order."""
        return tuple(self.stubs)


def all_editions() -> Mapping[tuple[str, str], Edition]:
    """Return (lesson, framework) -> edition, of the chosen course. The lessons are read once, and again when they have changed.

    Raises:
        InputError: there are no lessons, or one of them cannot be read.
    """
    return _editions(stamps(find_lessons()))


def stamps(paths: Iterable[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Each file with its size and the time of its last change, as a key for what was read from them."""
    return tuple((path, (found := path.stat()).st_size, found.st_mtime_ns) for path in paths)


@lru_cache(maxsize=8)
def _editions(files: tuple[tuple[Path, int, int], ...]) -> Mapping[tuple[str, str], Edition]:
    editions = {}
    for path, _, _ in files:
        lesson, _, framework = path.stem.rpartition("_")
        try:
            notebook = read_notebook(path.read_bytes())
            trouble = notebook.trouble
        except OSError as error:
            trouble = error_text(error)
        if trouble:
            raise InputError(f"cannot read lesson '{printable(path)}': {trouble}; {how_to_restore(path)}")
        stubs = {cell.exercise: cell.source for cell in notebook.cells if cell.exercise}
        sources = frozenset(cell.source.strip() for cell in notebook.cells if not cell.exercise) - {""}
        ids = frozenset(cell.id for cell in notebook.cells if cell.id)
        editions[lesson, framework] = Edition(lesson, framework, stubs, sources, ids)
    return editions


def find_edition(lesson: str, framework: str) -> Edition:
    """One edition of one lesson.

    Raises:
        InputError: no such lesson; the nearest name is suggested.
    """
    editions = all_editions()
    if (lesson, framework) not in editions:
        raise unknown("lesson", f"{lesson}_{framework}", [f"{lesson}_{framework}" for lesson, framework in editions])
    return editions[lesson, framework]


def lesson_names() -> tuple[str, ...]:
    """Names such as '03_style_reconstruction', sorted."""
    return tuple(sorted({lesson for lesson, _ in all_editions()}))
