"""The course's repository, editions and folders, and courses of an instructor's own. Imported at the start of every command, so it
imports nothing large.
"""

import atexit
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, unknown

REPOSITORY = "https://github.com/stylelab/stylelab"  # the only place: badges and Colab's set-up cell are made from it
SITE = "https://stylelab.github.io/stylelab"  # what `make site` builds from main
GUIDE = f"{SITE}/own-course.html"  # how to make a course of one's own
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
EDITIONS = {**TITLES, "numpy": "NumPy"}  # of a lesson; the last needs no framework, and only courses of one's own have it
KERNELS = {
    "torch": ("python3", "Python 3 (ipykernel)"),
    "tensorflow": ("stylelab-tensorflow", "stylelab (TensorFlow)"),
    "numpy": ("python3", "Python 3 (ipykernel)"),
}
FILE = "course.toml"  # in the folder of a course of one's own
NEVER = "never"


def _repository_folder(name: str) -> Path:
    """A folder of the repository: inside the package if it was installed from a wheel, next to the package in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / name
    return inside if inside.is_dir() else package.parent / name


ASSETS = _repository_folder("assets")
LESSONS = _repository_folder("lessons")


@dataclass(frozen=True)
class Help:
    """How much help a student gets who is stuck: the table `[help]` of a course.toml.

    Attributes:
        hints_after: wrong answers before the first hint; 'never' for no hints.
        solution_after: wrong answers before `solution` shows the library's function; 'never' for not at all.
        hint_costs, solution_costs: points taken off for each hint and for the solution. What was used is what the student's
            notebook says, so these points are a matter of trust.
    """

    hints_after: int | str = 1
    solution_after: int | str = 3
    hint_costs: float = 0
    solution_costs: float = 0


@dataclass(frozen=True)
class Course:
    """A course: stylelab's own, or a folder with course.toml, exercises/ and lessons/.

    Attributes:
        folder: where its lessons and exercises are; None for stylelab's own.
        title: for students.
        stylelab: whether stylelab's own lessons belong to it too.
        editions: of each of its lessons: names in EDITIONS.
        hand_in: a folder, or 'nbgrader', for the button that hands a lesson in.
        help: for students who are stuck.
    """

    folder: Path | None = None
    title: str = "Neural style transfer"
    stylelab: bool = True
    editions: tuple[str, ...] = tuple(TITLES)
    hand_in: str = ""
    help: Help = field(default_factory=Help)


OURS = Course()
_chosen: list[Course] = []  # by a command; the last one counts


def read_course(folder: Path) -> Course:
    """Read the course.toml of a folder.

    Raises:
        InputError: there is none, or something in it is wrong; one line says what.
    """
    path = Path(folder) / FILE
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"'{printable(folder)}' is not a course: it has no {FILE}; `stylelab course new` makes one") from None
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise InputError(f"cannot read '{printable(path)}': {error_text(error)}") from None
    given = _checked(plain, Course, ("folder",), path)
    editions = tuple(dict.fromkeys(map(str, given.get("editions", ["numpy"]))))
    for edition in editions:
        if edition not in EDITIONS:
            raise InputError(f"'{printable(path)}': {unknown('edition', edition, EDITIONS)}")
    help = Help(**_checked(given.get("help", {}), Help, (), path))
    return Course(**{"stylelab": False} | given | {"folder": Path(folder), "editions": editions, "help": help})


def _checked(plain: Mapping, kind: type, besides: tuple[str, ...], path: Path) -> dict:
    """A table of a course.toml whose names are fields of `kind` and whose values have their types."""
    known = {each.name: each for each in fields(kind) if each.name not in besides}
    for name, value in plain.items():
        if name not in known:
            raise InputError(f"'{printable(path)}': {unknown('setting', name, known)}")
        default = known[name].default
        if name == "help":
            fits, wanted = isinstance(value, dict), "a table, [help]"
        elif name == "editions":
            fits, wanted = isinstance(value, list) and bool(value), f"a list such as {list(EDITIONS)[-1:]}"
        elif name.endswith("_after"):
            fits, wanted = value == NEVER or (type(value) is int and value >= 0), f"a whole number, or '{NEVER}'"
        elif name.endswith("_costs"):
            fits, wanted = type(value) in (int, float) and 0 <= value < 1e6, "a number of points"
        else:
            fits, wanted = type(value) is type(default), "true or false" if isinstance(default, bool) else "a text"
        if not fits:
            raise InputError(f"'{printable(path)}': {name} should be {wanted}")
    return dict(plain)


def find_course(folder: Path | None = None) -> Course:
    """The course that a folder belongs to: that of the nearest course.toml, in the folder or above it; stylelab's own elsewhere.

    Args:
        folder: by default the current one.

    Raises:
        InputError: something in the course.toml is wrong.
    """
    try:
        start = (folder or Path()).absolute()
    except OSError:  # the current folder is gone
        return OURS
    home = next((each for each in (start, *start.parents) if (each / FILE).is_file()), None)
    return OURS if home is None else read_course(home)


def chosen_course() -> Course:
    """The course that a command works on."""
    return _chosen[-1] if _chosen else OURS


@contextmanager
def choose_course(course: Course) -> Iterator[Course]:
    """Let everything inside work on this course."""
    _chosen.append(course)
    try:
        yield course
    finally:
        _chosen.pop()


def packed(course: Course) -> dict[str, str] | None:
    """The files of a course that decide marks, for a worker on another machine: path in its folder -> text; None for stylelab's own."""
    if course.folder is None:
        return None
    paths = [course.folder / FILE, *(course.folder / "exercises").glob("*.py"), *_notebooks(course.folder / "lessons", EDITIONS)]
    return {str(path.relative_to(course.folder)): path.read_text(encoding="utf-8") for path in sorted(paths)}


def work_on(files: Mapping[str, str] | None) -> None:
    """Let this worker's process work on a packed course from now on."""
    if files == packed(chosen_course()):
        return
    _chosen.clear()
    if files is not None:
        folder = tempfile.mkdtemp(prefix="stylelab-course-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _chosen.append(read_course(Path(folder)))


def find_lessons(framework: str | None = None) -> list[Path]:
    """The lessons' notebooks of the chosen course.

    stylelab's own come with the package, or else are in ./lessons.

    Args:
        framework: a name in EDITIONS; None for all of the course's.

    Raises:
        InputError: there are no lessons.
    """
    course = chosen_course()
    editions = list(course.editions) if framework is None else [framework]
    places = [LESSONS, Path("lessons")] if course.stylelab else []
    found = []
    if course.folder is not None:
        found = _notebooks(course.folder / "lessons", editions)
        if not found and not course.stylelab:
            where = printable(course.folder)
            raise InputError(f"'{where}' has no lessons that are built: run `stylelab lessons build --course {where}`")
    theirs = [each for each in editions if each in TITLES] or ([] if framework else list(TITLES))  # stylelab's have no other
    ours = next((paths for folder in places if (paths := _notebooks(folder, theirs))), [])
    if theirs and places and not ours:
        raise InputError(f"this installation has no lessons: clone {REPOSITORY} and run `stylelab start` there")
    return sorted([*ours, *found], key=lambda path: path.name)


def how_to_restore(lesson: Path) -> str:
    """What to do about a notebook of the chosen course that cannot be read, as the end of a sentence."""
    home = chosen_course().folder
    if home and lesson.is_relative_to(home):
        return f"`stylelab lessons build --course {printable(home)}` makes it again"
    return "fetch the repository again"


def _notebooks(folder: Path, editions: Iterable[str]) -> list[Path]:
    return [path for edition in editions for path in folder.glob(f"[0-9][0-9]_*_{edition}.ipynb")]
