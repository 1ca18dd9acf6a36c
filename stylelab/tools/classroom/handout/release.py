"""`stylelab release`: write the lessons for students, without outputs and marked up for nbgrader, with a zip of each.

Running it again updates what it wrote. It refuses to replace a file that it did not write or that was changed since.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from string import Template

from nbformat import NotebookNode

from stylelab.base import handed_out
from stylelab.base.course import EDITIONS, FILE, chosen_course, find_lessons
from stylelab.base.files import folder_errors, printable, quoted
from stylelab.errors import InputError, unknown
from stylelab.exercises.own import exercise_files
from stylelab.tools.classroom.handout.strip import STUB, as_bytes, as_zip, solve, strip

RECORD = ".stylelab-release.json"  # file name -> its SHA-256, and also the old one during a run
CONFIG = "nbgrader_config.py"
SOLVED = "_solutions.ipynb"
SETTINGS = Template(f'''"""nbgrader's settings for this course. You may change them: `stylelab release` keeps a changed file."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "$course"
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}  # as in the lessons, so that a check says "not attempted"
c.Execute.timeout = 120  # seconds for a cell: importing a framework may take more than nbgrader's 30
''')


def release(
    folder: Path, framework: str | None = None, numbers: Iterable[str] = (), *, nbgrader: bool = False, solutions: bool = False
) -> str:
    """Write the lessons of the chosen course for students into a folder. The same lessons always give the same bytes.

    Args:
        folder: created if it is missing.
        framework: 'torch', 'tensorflow' or 'numpy'; all by default.
        numbers: of the lessons, such as '03'; all by default.
        nbgrader: use the layout of an nbgrader course, `source/NAME/NAME.ipynb`, with its configuration.
        solutions: write the edition for instructors instead, `NAME_solutions.ipynb`.

    Returns:
        A summary of a few lines.

    Raises:
        InputError: an unknown framework or lesson, an unusable folder, or a file in it that must not be replaced.
    """
    if framework is not None and framework not in EDITIONS:
        raise unknown("framework", printable(framework), EDITIONS)
    numbers = list(numbers)
    lessons = {path: path.name.partition("_")[0] for path in find_lessons(framework)}
    for number in numbers:
        if number not in lessons.values():
            raise unknown("lesson", printable(number), sorted(set(lessons.values())))
    if solutions and nbgrader:
        raise InputError("solutions are for instructors, and nbgrader hands out what is in its course: leave one of the two out")
    for home in {path.parent for path in lessons}:
        folder = handed_out.make_folder(Path(folder), home)
    notebooks = [name for name in handed_out.read_record(folder / RECORD) if name.endswith(".ipynb")]
    if any(name.endswith(SOLVED) != solutions for name in notebooks):  # who hands out the folder should not hand out both
        held, others = ("lessons to hand out", "the solutions") if solutions else ("solutions", "the lessons to hand out")
        raise InputError(f"'{printable(folder)}' holds {held}: choose another folder for {others}")
    own = _course_files()
    files: dict[str, bytes] = {CONFIG: _nbgrader_settings()} if nbgrader else dict(own)
    editions: dict[str, dict[str, NotebookNode]] = {}
    for lesson in (path for path, number in lessons.items() if not numbers or number in numbers):
        if solutions:
            files[f"{lesson.stem}{SOLVED}"] = as_bytes(solve(lesson))
            continue
        notebook = strip(lesson)
        files[f"source/{lesson.stem}/{lesson.name}" if nbgrader else lesson.name] = as_bytes(notebook)
        files |= {f"source/{lesson.stem}/{name}": data for name, data in own.items() if nbgrader}
        editions.setdefault(notebook.metadata.stylelab.lesson, {})[lesson.name] = notebook
    files |= {f"{name}.zip": as_zip(name, notebooks, own) for name, notebooks in editions.items()}

    new = {name: handed_out.sha256(data) for name, data in files.items()}
    before = {name: handed_out.file_sha256(folder / name) for name in files}
    record = {name: known for name, known in handed_out.read_record(folder / RECORD).items() if isinstance(known, list)}
    foreign = [name for name in files if before[name] not in (None, new[name], *record.get(name, ()))]
    if refused := [name for name in foreign if name != CONFIG]:
        raise _not_ours(folder / refused[0])
    mine = [name for name in files if name not in foreign]
    changed = [name for name in mine if before[name] != new[name]]
    # recorded before anything is written: after a kill, both the old file and the new one are known as ours
    under_way = {name: [new[name], *filter(None, [before[name]])] for name in changed}
    handed_out.write_record(folder / RECORD, record | under_way)
    for name in changed:
        path = folder / name
        with folder_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not handed_out.replace(path, files[name], before[name]):
            raise _not_ours(path)
    handed_out.write_record(folder / RECORD, record | {name: [new[name]] for name in mine})

    notebooks = [name for name in files if name.endswith(".ipynb")]
    zips = [name for name in files if name.endswith(".zip")]
    counts = f"notebooks {len(notebooks)}, zips {len(zips)}"
    lines = [f"{printable(folder)}: {counts}; {len(changed)} files written, {len(mine) - len(changed)} already up to date"]
    lines += [f"  kept your own {name}" for name in foreign]
    if nbgrader:
        lines += [f"next: cd {quoted(folder)} && nbgrader generate_assignment {Path(notebooks[0]).stem}"]
    return "\n".join(lines)


def _nbgrader_settings() -> bytes:
    home = chosen_course().folder
    name = re.sub(r"[^a-z0-9]+", "-", home.resolve().name.lower()).strip("-") if home else ""
    return SETTINGS.substitute(course=name or "stylelab").encode()


def _course_files() -> dict[str, bytes]:
    """What the notebooks of a course of one's own need as well: its settings and its exercises."""
    home = chosen_course().folder
    if home is None:
        return {}
    paths = [home / FILE, *exercise_files(home)]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}


def _not_ours(path: Path) -> InputError:
    return InputError(
        f"'{printable(path)}' was not written by `stylelab release` or has changed: move it, or choose another folder"
    )
