"""Lessons for handing out: no outputs, marked up for nbgrader, a zip of each.

What lies in the folder already is renewed when it was written here, and refused when it was not. A hidden record holds
the SHA-256 of what was written, so that the two can be told apart.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nbformat import NotebookNode

from stylelab.base.course import TITLES, find_lessons
from stylelab.base.files import check_folder, error_text, printable, write_file, write_text
from stylelab.errors import InputError, unknown
from stylelab.tools.classroom.handout.strip import STUB, as_bytes, as_zip, hand_out

RECORD = ".stylelab-release.json"
CONFIG = "nbgrader_config.py"
COURSE = f'''"""What nbgrader has to know about this course. Yours to change: `stylelab release` leaves a changed one alone."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "stylelab"
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}  # as in the lessons, so that a check says "not attempted yet"
c.Execute.timeout = 120  # seconds for a cell: importing a framework may take more than nbgrader's 30
'''


def release(folder: Path, framework: str | None = None, numbers: Iterable[str] = (), *, course: bool = False) -> str:
    """Write the lessons into a folder, ready to be handed out. The same lessons always give the same bytes.

    Args:
        folder: made if it is missing.
        framework: 'torch' or 'tensorflow'; both by default.
        numbers: of the lessons, such as '03'; all by default.
        course: lay the notebooks out as an nbgrader course, `source/NAME/NAME.ipynb`, with its configuration.

    Returns:
        What was done, in a few lines.

    Raises:
        InputError: an unknown framework or lesson, a folder that cannot be used, or a file in it that is not ours.
    """
    lessons = _chosen(framework, list(numbers))
    folder = _ready(Path(folder), lessons[0].parent)
    files, record = _files(lessons, course), _read(folder)
    before = {name: _digest(folder / name) for name in files}
    foreign = [name for name in files if before[name] not in (None, _sha256(files[name]), *record.get(name, ()))]
    for name in foreign:
        if name != CONFIG:
            raise InputError(_foreign(folder / name))
        del files[name]
    changed = [name for name in files if before[name] != _sha256(files[name])]
    # noted before anything is written: after a kill, the old file and the new one are both known as ours
    _note(folder, record | {name: [_sha256(files[name]), *filter(None, [before[name]])] for name in changed})
    for name in changed:
        _put(folder / name, files[name], before[name])
    _note(folder, record | {name: [_sha256(data)] for name, data in files.items()})
    return "\n".join(_tell(folder, files, changed, foreign))


def _chosen(framework: str | None, numbers: list[str]) -> list[Path]:
    if framework is not None and framework not in TITLES:
        raise unknown("framework", printable(framework), TITLES)
    lessons = find_lessons(framework)
    found = {lesson.name.partition("_")[0] for lesson in lessons}
    for number in numbers:
        if number not in found:
            raise unknown("lesson", printable(number), sorted(found))
    return [lesson for lesson in lessons if not numbers or lesson.name.partition("_")[0] in numbers]


def _ready(folder: Path, origin: Path) -> Path:
    """The folder, made and found fit to be written to."""
    try:
        folder = folder.expanduser()
        if folder.resolve().is_relative_to(origin.resolve()):
            raise InputError(f"'{printable(folder)}' is where the lessons come from: name another folder")
        folder.mkdir(parents=True, exist_ok=True)
    except InputError:
        raise
    except FileExistsError:
        raise InputError(f"'{printable(folder)}' is no folder: choose another name") from None
    except (OSError, ValueError, RuntimeError) as error:  # a path that leads in a circle is a RuntimeError
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None
    check_folder(folder)
    return folder


def _files(lessons: list[Path], course: bool) -> dict[str, bytes]:
    """All that is to lie in the folder: name -> contents."""
    files: dict[str, bytes] = {CONFIG: COURSE.encode()} if course else {}
    editions: dict[str, dict[str, NotebookNode]] = {}
    for lesson in lessons:
        notebook = hand_out(lesson)
        files[f"source/{lesson.stem}/{lesson.name}" if course else lesson.name] = as_bytes(notebook)
        editions.setdefault(notebook.metadata.stylelab.lesson, {})[lesson.name] = notebook
    return files | {f"{name}.zip": as_zip(name, notebooks) for name, notebooks in editions.items()}


def _read(folder: Path) -> dict[str, list[str]]:
    """What was written here: name -> SHA-256. A record that cannot be read is none: all is somebody else's then."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return {name: digests for name, digests in record.items() if isinstance(digests, list)}
    return {}


def _note(folder: Path, record: dict[str, list[str]]) -> None:
    if record != _read(folder):
        write_text(folder / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")


def _foreign(path: Path) -> str:
    return f"'{printable(path)}' is not as `stylelab release` wrote it: move it elsewhere, or choose another folder"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is nothing. Links, folders and what cannot be read are somebody else's."""
    if not os.path.lexists(path):
        return None
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            return _sha256(path.read_bytes())
    return "not ours"


def _put(path: Path, data: bytes, before: str | None) -> None:
    """Write the file whole, unless somebody has put another there since it was looked at."""

    def write(stream) -> None:
        stream.write(data)
        stream.flush()
        if _digest(path) != before:  # looked at last, an instant before the new file takes its place
            raise InputError(_foreign(path))

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder '{printable(path.parent)}': {error_text(error)}; choose another") from None
    write_file(path, write)


def _tell(folder: Path, files: Mapping[str, bytes], changed: list[str], kept: list[str]) -> Iterator[str]:
    notebooks = [name for name in files if name.endswith(".ipynb")]
    zips = [name for name in files if name.endswith(".zip")]
    yield f"{printable(folder)}: notebooks {len(notebooks)}, zips {len(zips)}; {len(changed)} files written, {len(files) - len(changed)} were so already"
    yield from (f"  {name} is yours, and kept" for name in kept)
    if CONFIG in [*files, *kept]:
        yield f"next: cd {shlex.quote(printable(folder))} && nbgrader generate_assignment {Path(notebooks[0]).stem}"
