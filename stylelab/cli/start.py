"""Copy the lessons to a student's folder. A notebook that the student has changed is never overwritten.

A hidden record in the folder holds the SHA-256 of every notebook that was copied. A notebook that still has it is
unchanged and is replaced by a newer edition; for any other, the newer edition is saved under another name.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

import ipykernel.kernelspec
from jupyter_client.kernelspec import KernelSpecManager

from stylelab.base import handed_out
from stylelab.base.course import KERNELS, TITLES, find_lessons
from stylelab.base.files import error_text, printable, quoted
from stylelab.base.frameworks import check_installed, how_to_install, installed, usual
from stylelab.errors import InputError, unknown
from stylelab.languages import ENGLISH, RECORD, current_language, find_language, render, say

OUTCOMES = {  # what happened to a notebook -> how the summary says it
    "new": "new",
    "updated": "updated: you had not changed them",
    "renamed": "newer than yours, saved under another name",
    "yours": "kept: you have changed them",
    "same": "up to date",
}
EDITIONS = 50  # of one lesson in one folder
MOST_NAMES = 4  # in one line of the summary


def start(folder: Path, framework: str | None = None, language: str | None = None) -> str:
    """Copy the lessons into a student's folder, or update those that are there.

    Args:
        folder: created if it is missing.
        framework: 'torch' or 'tensorflow'; by default that which is installed, or both.
        language: 'en', or another of `stylelab.languages`; by default that of the lessons which are there, or the user's.

    Returns:
        A summary of a few lines.

    Raises:
        InputError: an unknown framework or language, no lessons to copy, or a folder that cannot be used.
        MachineError: no framework is installed, and none was asked for.
    """
    if framework is not None and framework not in TITLES:
        raise unknown("framework", framework, TITLES)
    if language not in (None, ENGLISH):
        find_language(language)
    alone = None if framework else _only_framework()
    lessons = find_lessons(framework or alone)
    folder = handed_out.make_folder(Path(folder), lessons[0].parent)
    record = {name: digest for name, digest in handed_out.read_record(folder / RECORD).items() if isinstance(digest, str)}
    done: dict[str, list[str]] = {}
    usual = current_language(folder)
    language = language or usual
    if {language, usual} != {ENGLISH}:
        record["language"] = language  # for what the checks and quizzes in this folder say, and for the next time
    for lesson in lessons:
        name, outcome = _copy(lesson, _read(lesson, language), folder, record)
        done.setdefault(outcome, []).append(name)
    lines = [say(f"{printable(folder)}: {sum(map(len, done.values()))} notebooks", language)]
    for outcome, words in OUTCOMES.items():
        if names := done.get(outcome):
            listed = f" ({', '.join(names)})" if outcome in ("renamed", "yours") and len(names) <= MOST_NAMES else ""
            lines.append(f"  {len(names)} {say(words, language)}{listed}")
    if alone:
        (other,) = set(TITLES) - {alone}
        why = f"only the lessons in {TITLES[alone]}: {TITLES[other]} is not installed; for the others {how_to_install(other)}"
        lines.append(say(why, language))
    if any(lesson.stem.endswith("_tensorflow") for lesson in lessons) and (note := _add_kernel()):
        lines.append(say(note, language))
    return "\n".join([*lines, say(f"open them with: jupyter lab {quoted(folder)}", language)])


def _only_framework() -> str | None:
    """The framework that is installed; None if both are. TensorFlow may have an environment of its own."""
    there = installed()
    if "tensorflow" not in there and os.environ.get("STYLELAB_TENSORFLOW_PYTHON"):
        there.append("tensorflow")
    if not there:
        check_installed(usual())
    return there[0] if len(there) == 1 else None


def _add_kernel() -> str:
    """Give this Python the kernel that the lessons in TensorFlow name, where Jupyter knows none of that name. Returns a note."""
    name, title = KERNELS["tensorflow"]
    if importlib.util.find_spec("tensorflow") is None or name in KernelSpecManager().find_kernel_specs():
        return ""
    try:
        ipykernel.kernelspec.install(prefix=sys.prefix, kernel_name=name, display_name=title)
    except OSError as error:
        return f"the kernel '{title}' could not be added: {error_text(error)}; when JupyterLab asks for one, choose Python 3"
    return f"kernel added to this Python: {title}"


def _read(lesson: Path, language: str) -> bytes:
    """A lesson's notebook in a language, as its file would be."""
    try:
        data = lesson.read_bytes()
        if language == ENGLISH:
            return data
        stem, _, framework = lesson.stem.rpartition("_")
        notebook = render(json.loads(data), stem, framework, language)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read lesson '{printable(lesson)}': {error_text(error)}; fetch the repository again") from None
    return (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _copy(lesson: Path, data: bytes, folder: Path, record: dict) -> tuple[str, str]:
    """Copy one notebook into the folder, if needed. Returns its name there and a key of `OUTCOMES`."""
    edition = handed_out.sha256(data)
    names = [lesson.name, *(f"{lesson.stem}_newer{'' if number == 1 else f'_{number}'}.ipynb" for number in range(1, EDITIONS))]
    places = {folder / name: handed_out.file_sha256(folder / name) for name in names}

    def save_record(path: Path, outcome: str) -> tuple[str, str]:
        """After every notebook, so that Ctrl-C loses nothing."""
        record[path.name] = edition
        handed_out.write_record(folder / RECORD, record)
        return path.name, outcome

    for path, now in places.items():
        if now is not None and edition in (now, record.get(path.name)):
            return save_record(path, "same" if now == edition else "yours")
    for path, now in places.items():
        if now in (None, record.get(path.name)) and handed_out.replace(path, data, now):
            return save_record(path, "renamed" if path.name != lesson.name else "updated" if now else "new")
    raise InputError(f"'{printable(folder)}' holds {EDITIONS} editions of {lesson.name}: move some of them elsewhere")
