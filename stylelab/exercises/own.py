"""The exercises of a course of one's own: its files are read like the modules `lesson_NN` here."""

import ast
import hashlib
import importlib.util
import inspect
import keyword
import re
import sys
import textwrap
import traceback
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path

from stylelab.base.course import Course
from stylelab.base.files import printable, read_file
from stylelab.errors import InputError
from stylelab.exercises.checking.definition import Exercise

LARGEST = 10_000_000  # bytes of a file with exercises
PREFIX = "stylelab_course_"  # of the package that a course's exercises become
ANSWERS = {"torch": "answers_torch", "tensorflow": "answers_tensorflow"}  # modules with a framework's own answers


def course_exercises(course: Course) -> dict[str, tuple[Exercise, types.ModuleType]]:
    """The exercises that are defined in a course's folder `exercises`, each with its module, in the order of the files.

    Raises:
        InputError: a file cannot be run, or two exercises have one id; one line says where.
    """
    if course.folder is None:
        return {}
    files = {path: read_file(path, "exercises", LARGEST) for path in exercise_files(course.folder)}
    for path, data in files.items():
        try:
            data.decode()
        except UnicodeDecodeError:
            raise InputError(f"'{printable(path)}' is not a text in UTF-8: save it again in that encoding") from None
    return _defined(course.folder.resolve(), hashlib.sha256(b"\0".join(files.values())).hexdigest()[:12])


def exercise_files(folder: Path) -> list[Path]:
    """The Python files of a course's exercises, sorted."""
    return sorted((folder / "exercises").glob("*.py"))


@cache
def _defined(folder: Path, digest: str) -> dict[str, tuple[Exercise, types.ModuleType]]:
    """As above. They are read again once they have changed, which the digest tells."""
    package = types.ModuleType(f"{PREFIX}{digest}", "The exercises of a course.")
    package.__path__ = [str(folder / "exercises")]  # so that a file can say `from .common import ...`
    sys.modules[package.__name__] = package
    found: dict[str, tuple[Exercise, types.ModuleType]] = {}
    for path in exercise_files(folder):
        if path.stem in ANSWERS.values() or path.stem == "__init__":
            continue
        module = _run(path, package.__name__)
        for exercise in (each for each in vars(module).values() if isinstance(each, Exercise)):
            if not isinstance(exercise.id, str) or not exercise.id.isidentifier() or keyword.iskeyword(exercise.id):
                raise InputError(
                    f"'{printable(path)}': {exercise.id!r} is not an id: it should be the name of the function to write"
                )
            if found.get(exercise.id, (exercise,))[0] is not exercise:
                raise InputError(f"'{printable(path)}': another exercise has the id '{printable(exercise.id)}': choose another")
            found.setdefault(exercise.id, (exercise, module))  # another file may have imported it
    return found


def _run(path: Path, package: str) -> types.ModuleType:
    name = f"{package}.{path.stem}"
    if name in sys.modules:  # imported by another file
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        raise InputError(in_words(error, path.parent, path)) from None
    return module


def in_words(error: BaseException, folder: Path, path: Path | None = None) -> str:
    """What stopped the code of a course, with the last line of a file in the folder that was reached, or of `path`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == folder]
    file, line = (frames[-1].filename, frames[-1].lineno) if frames else (path, None)
    text = str(error)
    if isinstance(error, SyntaxError):
        file, line, text = error.filename or file, error.lineno, error.msg
    where = f"'{printable(file)}'" + (f", line {line}" if line else "") + ": " if file else ""
    text = re.sub(rf"{PREFIX}[0-9a-f]+\.", "exercises.", " ".join(text.split()))
    return f"{where}{type(error).__name__}{': ' if text else ''}{printable(text, 300)}"


def course_answers(course: Course, framework: str) -> dict[str, Callable]:
    """The model answers of a course's exercises in a framework, or in NumPy: exercise id -> function.

    In NumPy that is the reference; in a framework, the function of that name in `exercises/answers_torch.py` or
    `exercises/answers_tensorflow.py`.

    Raises:
        InputError: a file cannot be run.
    """
    defined = course_exercises(course)
    if framework == "numpy" or not defined:
        return {name: _by_position(exercise, module) for name, (exercise, module) in defined.items()}
    package = next(iter(defined.values()))[1].__name__.rpartition(".")[0]
    assert course.folder is not None
    path = course.folder / "exercises" / f"{ANSWERS[framework]}.py"
    answers = vars(_run(path, package)) if path.is_file() else {}
    return {name: answers[name] for name in defined if callable(answers.get(name))}


def _by_position(exercise: Exercise, module: types.ModuleType) -> Callable:
    """The reference as a function of the exercise's name."""

    def answer(*arguments, **named):
        return exercise.reference(**dict(zip(exercise.arguments, arguments, strict=False)), **named)

    answer.__name__ = answer.__qualname__ = exercise.id
    answer.__doc__ = exercise.title
    answer.__module__ = "stylelab.exercises.own"
    vars(answer)["source"] = reference_source(exercise, module)
    return answer


def reference_expression(exercise: str, source: str) -> ast.expr | None:
    """What `reference=` is given in the definition of an exercise in a module's source."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if isinstance(name := given.get("id"), ast.Constant) and name.value == exercise and "reference" in given:
            return given["reference"]
    return None


def reference_source(exercise: Exercise, module: types.ModuleType) -> str:
    """The reference as a function that a student can read."""
    expression = reference_expression(exercise.id, inspect.getsource(module))
    if isinstance(expression, ast.Lambda):
        return f"def {exercise.id}({ast.unparse(expression.args)}):\n    return {ast.unparse(expression.body)}"
    try:
        return textwrap.dedent(inspect.getsource(exercise.reference)).strip()
    except (OSError, TypeError):  # a function of NumPy's, or made by another
        return f"{exercise.id} = {ast.unparse(expression)}" if expression else ""
