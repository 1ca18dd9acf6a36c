"""Hand in: copy notebooks, as they were last saved, to the folder where a course collects them, or to nbgrader's exchange."""

import getpass
import hashlib
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from jinja2 import Template

from stylelab.base.course import find_course
from stylelab.base.files import error_text, expand_home, file_kind, printable, quoted, read_file, refused, write_file
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.exercises.checking.check import RIGHT, in_notebook, show
from stylelab.exercises.progress import LessonProgress, read_progress
from stylelab.languages import say

NBGRADER = "nbgrader"
PLACE = "STYLELAB_HAND_IN"  # where a hub collects, for a course that does not say it
EARLIER, RECEIPTS = ".earlier", ".receipts"  # next to a student's notebooks; a grader leaves hidden files out
LARGEST = 20_000_000  # bytes: a grader reads no more of a notebook
PATIENCE = 120  # seconds for nbgrader
SAVE_FIRST = (
    "What was last saved is submitted, and this page cannot see whether you have changed something since: save first (Ctrl+S)."
)
STATIC = Template(
    "<p><b>{{ say('Hand in') }}</b></p><ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul><p>{{ say(save_first) }}</p>",
    autoescape=True,
)
ANSWERS = Template('<div role="status">{% for line in answers %}<p>{{ line }}</p>{% endfor %}</div>', autoescape=True)


@dataclass(frozen=True)
class Receipt:
    """What a student reads, and may keep.

    Attributes:
        file: the notebook's name.
        place: where it is now.
        when: it came there.
        digest: SHA-256 of the file.
        again: whether the very same was there before, and was left as it is.
    """

    file: str
    place: str
    when: datetime
    digest: str
    again: bool = False

    def __str__(self) -> str:
        when = _shown(self.when)
        if self.again:
            return say(f"{self.file} has not changed since it was submitted to {self.place} at {when}. SHA-256: {self.digest}")
        return say(f"{self.file} was submitted to {self.place} at {when}. SHA-256: {self.digest}")


def place_of(to: str | Path, folder: Path) -> str:
    """Where to hand in: `to`, what the course of a folder says, or else $STYLELAB_HAND_IN. A folder, or 'nbgrader'.

    Raises:
        InputError: nothing says where.
    """
    course = find_course(folder)
    place, home = str(to), Path()
    if not place and course.hand_in:
        place, home = course.hand_in, course.folder or Path()
    place = place or os.environ.get(PLACE, "")
    if not place:
        raise InputError(
            "this course does not say where to hand in: ask your instructor for a folder, and name it with to= or --to"
        )
    return place if place == NBGRADER else os.path.abspath(home / expand_home(place))


def hand_in(paths: Sequence[Path], place: str) -> list[Receipt]:
    """Submit notebooks: all of them, or none if one cannot be read.

    Args:
        place: see `place_of`.

    Raises:
        InputError: a file that is not a notebook, or a place where nothing can be put.
        MachineError: nbgrader is missing, or the disk is full.
    """
    notebooks = {path: _read(path) for path in paths}
    if place == NBGRADER:
        return [_to_exchange(path, data) for path, data in notebooks.items()]
    return [_to_folder(path.name, data, Path(place)) for path, data in notebooks.items()]


def _read(path: Path) -> bytes:
    """A notebook as it was last saved."""
    if not path.name.endswith(".ipynb") or path.name.startswith((".", "~")):
        raise InputError(f"'{printable(path)}' is not a notebook: its name should end in .ipynb")
    if not file_kind(path):
        raise InputError(f"'{printable(path)}' does not exist: save the notebook first, or go to its folder")
    data = read_file(path, "a notebook", LARGEST)
    try:
        cells = json.loads(data)["cells"]
    except (ValueError, TypeError, KeyError, RecursionError):
        cells = None
    if not isinstance(cells, list):
        raise InputError(f"'{printable(path)}' cannot be read as a notebook: open it, save it, and hand it in again")
    return data


# A folder: FOLDER/USER/NOTEBOOK.ipynb


def _to_folder(name: str, data: bytes, folder: Path) -> Receipt:
    """Put a notebook among the student's, and keep the one that it replaces in `.earlier`."""
    if file_kind(folder, "cannot hand in to") != "folder":
        raise InputError(f"the folder for hand-ins, '{printable(folder)}', does not exist: ask your instructor")
    own = _own_folder(folder)
    path, digest = own / name, _sha256(data)
    try:
        if path.is_file():
            before, when = path.read_bytes(), _time(path)
            if before == data:
                return Receipt(printable(name), printable(own), when, digest, again=True)
            with _for_instructors_only():
                (own / EARLIER).mkdir(exist_ok=True)
            kept = own / EARLIER / f"{path.stem}-{when:%Y%m%dT%H%M%S}-{_sha256(before)[:8]}.ipynb"
            write_file(kept, lambda stream: _write(stream, before))
            os.utime(kept, (when.timestamp(), when.timestamp()))
        write_file(path, lambda stream: _write(stream, data))
        if _sha256(path.read_bytes()) != digest:
            raise MachineError(f"'{printable(path)}' differs from your notebook: submit it again")
        receipt = Receipt(printable(name), printable(own), _time(path), digest)
        with _for_instructors_only(), open(own / RECEIPTS, "a", encoding="utf-8") as stream:
            stream.write(f"{receipt.when.isoformat(' ', 'seconds')} {digest} {receipt.file}\n")
    except OSError as error:
        raise refused(error, f"cannot hand in to '{printable(own)}'") from None
    return receipt


def _check_privacy(folder: Path) -> None:
    """Refuse a folder in which either other students or not even the instructors could read what is submitted."""
    if not hasattr(os, "geteuid"):
        return
    status = os.stat(folder)
    if os.geteuid() not in (0, status.st_uid) and not status.st_mode & stat.S_ISGID:
        raise InputError(
            f"'{printable(folder)}' is not ready for hand-ins: ask your instructor to run `chmod 3733 {quoted(folder)}` once"
        )


def _own_folder(folder: Path) -> Path:
    """The student's folder, made if it is missing."""
    own = folder / user_name()
    if not own.is_dir():
        _check_privacy(folder)
    try:
        with suppress(FileExistsError), _for_instructors_only():
            own.mkdir()
        status = os.lstat(own)
    except OSError as error:
        raise refused(error, f"cannot hand in to '{printable(own)}'") from None
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid)):
        raise InputError(f"'{printable(own)}' belongs to someone else: tell your instructor")
    return own


def user_name() -> str:
    """The name of the student's folder: that on the hub, or else on this machine.

    Raises:
        InputError: there is none.
    """
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise InputError("this machine does not know your name: set USER to it, and hand in again") from None
    return re.sub(r"^[.~]|[%/\\\x00-\x1f\x7f]", lambda match: f"%{ord(match[0]):02X}", name)


@contextmanager
def _for_instructors_only():
    """What is made inside is the student's, and the folder's group may read it: a folder of mode 3733 hands its group down."""
    before = os.umask(0o027)
    try:
        yield
    finally:
        os.umask(before)


def _write(stream: BinaryIO, data: bytes) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(stream.fileno(), 0o640)
    stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# nbgrader's exchange


def _to_exchange(path: Path, data: bytes) -> Receipt:
    """Let nbgrader submit a notebook, as the assignment of its name."""
    if importlib.util.find_spec(NBGRADER) is None:
        raise MachineError("this course collects with nbgrader, which is not installed here: run `pip install nbgrader`")
    with tempfile.TemporaryDirectory(prefix="stylelab-") as stage:
        assignment = Path(stage, path.stem)
        assignment.mkdir()
        (assignment / path.name).write_bytes(data)
        command = [sys.executable, "-m", NBGRADER, "submit", path.stem, f"--Exchange.assignment_dir={stage}"]
        if hub_name := os.environ.get("JUPYTERHUB_USER"):
            command.append(f"--CourseDirectory.student_id={hub_name}")
        try:
            done = subprocess.run(
                command, cwd=path.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise MachineError(f"nbgrader did not answer within {PATIENCE} s: hand it in again") from None
    submitted = re.search(r"Submitted as: (?P<where>.+)", done.stderr)
    if done.returncode or not submitted:
        said = (
            re.findall(r"\| (?:ERROR|CRITICAL)\] (.+)", done.stderr)
            or done.stderr.strip().splitlines()[-1:]
            or ["no reason given"]
        )
        raise InputError(f"nbgrader did not take '{printable(path.name)}': {printable(said[0])}")
    where = f"nbgrader ({printable(submitted['where'].strip())})"
    return Receipt(printable(path.name), where, datetime.now().astimezone(), _sha256(data))


# In a notebook or a terminal


def submit(folder: Path, to: str | Path = "") -> None:
    """Show the lessons in a folder and a button that hands them in; see `stylelab.submit`."""
    lessons, place = _lessons(folder), place_of(to, folder)
    lines = [_line(folder, lesson, place) for lesson in lessons]
    text = "\n".join([*lines, say(SAVE_FIRST)])
    if not in_notebook():
        return show("\n".join([text, say("To hand in from a terminal: stylelab hand-in")]))
    import ipywidgets

    from stylelab import page

    whole = ipywidgets.Layout(width="max-content", max_width="100%")
    boxes = [
        ipywidgets.Checkbox(value=_is_begun(lesson, len(lessons)), description=line, indent=False, layout=whole)
        for lesson, line in zip(lessons, lines, strict=True)
    ]
    button = ipywidgets.Button(description=say("Hand in"), button_style="primary", icon="upload")
    told = ipywidgets.HTML(ANSWERS.render(answers=[]))
    widget = ipywidgets.VBox([*boxes, ipywidgets.HTML(f"<p>{say(SAVE_FIRST)}</p>"), button, told])
    page.display_widget(widget, STATIC.render(lines=lines, say=say, save_first=SAVE_FIRST), text)

    def press(_: object) -> None:
        button.disabled = True
        answers = _answers([folder / lesson.file for lesson, box in zip(lessons, boxes, strict=True) if box.value], place)
        now = {lesson.file: _line(folder, lesson, place) for lesson in read_progress(folder)}
        for lesson, box in zip(lessons, boxes, strict=True):
            box.description = now.get(lesson.file, box.description)
        told.value = ANSWERS.render(answers=answers)
        button.disabled = False

    button.on_click(press)


def _lessons(folder: Path) -> list[LessonProgress]:
    if lessons := read_progress(folder):
        return lessons
    raise InputError(f"'{printable(folder)}' has no lessons: go to the folder that `stylelab start` made")


def _line(folder: Path, lesson: LessonProgress, place: str) -> str:
    """A lesson, how many of its exercises are right, when it was saved, and when it was submitted."""
    right = sum(each.outcome == RIGHT.name for each in lesson.exercises)
    parts = [say(f"{right} of {len(lesson.exercises)} exercises right")]
    with suppress(OSError, InputError):
        path, there = folder / lesson.file, Path(place, user_name(), lesson.file)
        parts.append(say(f"saved at {_minute(_time(path))}"))
        if place != NBGRADER and there.is_file():
            same = there.read_bytes() == path.read_bytes()
            parts.append(
                say(
                    f"submitted at {_minute(_time(there))}"
                    if same
                    else f"changed since it was submitted at {_minute(_time(there))}"
                )
            )
    return f"{lesson.file}: {', '.join(parts)}"


def _time(path: Path) -> datetime:
    """When a file was written."""
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


def _is_begun(lesson: LessonProgress, lessons: int) -> bool:
    """Whether a lesson is submitted unless the student says otherwise."""
    is_open = Path(os.environ.get("JPY_SESSION_NAME", "")).name == lesson.file  # Jupyter's name for this notebook
    return is_open or lessons == 1 or lesson.begun


def _answers(paths: list[Path], place: str) -> list[str]:
    """What a click is answered with, whatever happens."""
    if not paths:
        return [say("Choose a notebook first.")]
    try:
        return [f"✓ {receipt}" for receipt in hand_in(paths, place)]
    except StylelabError as error:
        return [say(f"Not submitted: {error}")]
    except Exception as error:  # noqa: BLE001  otherwise only a log would know
        return [say(f"Not submitted: {error_text(error)}")]


def _shown(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S %Z}"


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


def hand_in_command(notebooks: Sequence[Path], to: str) -> None:
    """`stylelab hand-in`: hand notebooks in, by default those in this folder that were begun, and print the receipts.

    Raises:
        InputError, MachineError: as `hand_in`, or no notebook was begun.
    """
    here = Path()
    if not notebooks:
        notebooks = [Path(lesson.file) for lesson in _lessons(here) if _is_begun(lesson, 0)]
        if not notebooks:
            raise InputError("no exercise in this folder was attempted yet: name the notebooks to hand in all the same")
    place = place_of(to, notebooks[0].parent)
    for receipt in hand_in(notebooks, place):
        print(receipt)
    print(say("This is what was last saved. Changes since then: save, and hand in again."))
