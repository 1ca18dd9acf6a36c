"""`stylelab course check`: the faults of a course, a line each; every exercise is tried with its own answer and its own mistakes.

python -m stylelab.tools.course.check DIR EDITION     only the model answers in a framework, in a process of its own
"""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path

import nbformat

from stylelab.base.course import EDITIONS, GUIDE, LESSONS, TITLES, Course, choose_course, read_course
from stylelab.base.files import error_text, file_kind, printable
from stylelab.base.frameworks import is_installed
from stylelab.base.processes import module_command, module_environment, python_of
from stylelab.errors import InputError, StylelabError
from stylelab.exercises import EXERCISES, Exercise, ask, judge
from stylelab.exercises.own import ANSWERS, course_answers, course_exercises
from stylelab.tools.classroom.handout.strip import STUB
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.course import trial
from stylelab.tools.course.assemble import assemble, notebook_path, source_files
from stylelab.tools.course.trial import DRAWN, SEEDS, exercise_faults, form_fault, time_limit, tried

LESSON = re.compile(r"\d\d_\w+\.py")


def check(course: Course) -> list[str]:
    """Everything that is wrong with a course or missing in it, a line each; empty if it is ready for students.

    Raises:
        InputError: its settings or a file of its exercises cannot be read.
    """
    assert course.folder is not None
    with choose_course(course), redirect_stdout(sys.stderr):  # for what a course's code prints
        defined = _read_exercises(course)
        if not defined and not course.stylelab:
            return [f"exercises: there are none in {_kind(course.folder / 'exercises')}: see {GUIDE}"]
        if any(lines := [f"exercise {name}: {fault}" for name, each in defined.items() if (fault := form_fault(each))]):
            return lines
        for name, exercise in defined.items():
            lines += tried(f"exercise {name}", _home(course), exercise_faults(exercise))
        if course.stylelab:
            lines += [f"exercise {name}: stylelab has one of this name: choose another" for name in defined if name in EXERCISES]
        faulty = {line.partition(": ")[0] for line in lines}
        sound = {name: exercise for name, exercise in defined.items() if f"exercise {name}" not in faulty}
        for edition in course.editions:
            lines += _edition_faults(course, edition, sound)
        return [printable(line, 600) for line in (*lines, *_lesson_faults(course, defined))]


def _read_exercises(course: Course) -> dict[str, Exercise]:
    try:
        with time_limit(trial.SECONDS):
            return {name: exercise for name, (exercise, _) in course_exercises(course).items()}
    except trial.TooLong as error:
        where = trial.at(error, _home(course))
        raise InputError(f"the files of exercises took more than {trial.SECONDS} seconds to read{where}") from None


def _home(course: Course) -> Path:
    assert course.folder is not None
    return course.folder.resolve() / "exercises"


def _kind(folder: Path) -> str:
    """A folder as it is named in a line, with its fault."""
    return f"'{printable(folder)}'" + {"folder": "", "": ", which does not exist"}.get(
        file_kind(folder), ", which is not a folder"
    )


# model answers


def _edition_faults(course: Course, edition: str, exercises: Mapping[str, Exercise]) -> list[str]:
    """The faults of the model answers in an edition; a framework gets a process of its own."""
    if edition == "numpy":
        return list(_answer_faults(course, edition, exercises))
    if not is_installed(edition):
        return [f"edition {edition}: {TITLES[edition]} is not installed, so its model answers were not tried"]
    command = module_command("stylelab.tools.course.check", str(course.folder), edition)
    done = subprocess.run([python_of(edition), *command[1:]], capture_output=True, text=True, env=module_environment())
    if done.returncode:
        return [f"edition {edition}: {(done.stderr.strip().splitlines() or ['it ended without a message'])[-1]}"]
    return [line for line in done.stdout.splitlines() if line.split(": ")[0].removeprefix("exercise ") in exercises]


def _answer_faults(course: Course, edition: str, exercises: Mapping[str, Exercise]) -> Iterator[str]:
    answers = course_answers(course, edition)
    module = "stylelab.exercises.checking.plain" if edition == "numpy" else f"stylelab.{edition}.exercises.lab"
    lab = importlib.import_module(module).Lab()
    for name, exercise in exercises.items():
        if edition == "numpy" and (exercise.differentiable or set(exercise.arguments.values()) & set(DRAWN)):
            yield f"exercise {name}: gradients and losses need an edition in PyTorch or TensorFlow: change `editions` in course.toml"
        elif name not in answers:
            yield f"exercise {name}: exercises/{ANSWERS[edition]}.py has no function of this name"
        else:
            yield from tried(f"exercise {name}", _home(course), _wrong_answer(exercise, answers[name], lab, edition))


def _wrong_answer(exercise: Exercise, answer: Callable, lab, edition: str) -> Iterator[str]:
    """Whether a model answer is right: as the notebook has it, and as a grader takes it out of its file."""
    title = EDITIONS[edition]
    try:
        namespace: dict = {}
        exec(library_source(edition, exercise.id), namespace)
        taken_out = namespace[exercise.id]
    except NameError as error:
        if error.name != "__file__":
            raise
        yield "it looks for a file next to it, with `__file__`: students and graders get only exercises/*.py, so write the data into one of those"
        return
    except LookupError:
        yield 'write its definition as `NAME = Exercise(id="...", ..., reference=...)`: a grader looks for the reference there'
        return
    for function, where in ((answer, ""), (taken_out, " when it is taken out of its file, as for grading")):
        for seed in SEEDS[:4]:
            cases = exercise.inputs(seed)
            verdict = judge(exercise, cases, ask(exercise, function, lab, cases))
            if not verdict.right:
                yield f"its answer in {title} is not right{where} (seed {seed}): {verdict.sentence or 'it returns nothing'}"
                return


# lessons


def _lesson_faults(course: Course, defined: Mapping[str, Exercise]) -> Iterator[str]:
    assert course.folder is not None
    folder = course.folder / "lessons"
    found = source_files(folder)
    all_read = bool(found) and all(LESSON.fullmatch(path.name) for path in found)
    if not found:
        yield f"lessons: there are none in {_kind(folder / 'source')}: write one as 01_name.py; see {GUIDE}"
    for path in [path for path in found if not LESSON.fullmatch(path.name)]:
        yield f"lesson {path.name}: name it with two digits, such as 01_name.py, of letters, digits and '_'"
        found.remove(path)
    theirs = {path.name[:2] for path in LESSONS.glob("[0-9][0-9]_*.ipynb")} if course.stylelab else set()
    for path in found:
        if path.name[:2] in theirs:
            yield f"lesson {path.name}: stylelab has a lesson {path.name[:2]}: choose another number, from 10 on"
        elif twin := next((each for each in found if each.name[:2] == path.name[:2] and each < path), None):
            yield f"lesson {path.name}: {twin.name} has the same number"
    asked: list[str] = []
    for source in found:
        for edition in course.editions:
            try:
                fresh = assemble(source, edition)
            except StylelabError as error:
                all_read = False
                yield f"lesson {error}" if str(error).startswith(source.name) else f"lesson {source.name}: {error}"
                break
            asks = [cell.metadata.stylelab.exercise for cell in fresh.cells if "exercise" in cell.metadata.stylelab]
            asked += asks if edition == course.editions[0] else [name for name in asks if name not in asked]
            yield from (f"lesson {source.name}: {fault}" for fault in _cell_faults(fresh, defined))
            yield from _out_of_step(fresh, notebook_path(source, edition))
    yield from (f"exercise {name}: no lesson asks for it" for name in defined if all_read and name not in asked)
    yield from (
        f"exercise {name}: {asked.count(name)} cells ask for it" for name in dict.fromkeys(asked) if asked.count(name) > 1
    )
    if not any((course.folder / "tests").glob("test_*.py")):
        yield f"tests: there are none: try each exercise with right and wrong answers; see {GUIDE}"


def _cell_faults(notebook: nbformat.NotebookNode, defined: Mapping[str, Exercise]) -> Iterator[str]:
    """The faults of the cells of exercises and checks."""
    names = [cell.metadata.stylelab.name for cell in notebook.cells]
    yield from (f"{names.count(name)} cells have the name '{name}'" for name in dict.fromkeys(names) if names.count(name) > 1)
    checks = {cell.metadata.stylelab.check: cell.source for cell in notebook.cells if "check" in cell.metadata.stylelab}
    for cell in notebook.cells:
        if name := cell.metadata.stylelab.get("exercise"):
            if (count := cell.source.count(STUB)) != 1:
                yield f"exercise '{name}' has {count} lines `{STUB}`: write one, where the answer goes"
            elif name in defined and _signature(cell.source, name) != list(defined[name].arguments):
                yield f"exercise '{name}' should begin with `def {defined[name].call}:`, alone in its cell"
            if not re.search(rf"""\bcheck\(\s*["']{name}["']""", checks.get(name, "")):
                yield f'exercise \'{name}\' needs a cell with check="{name}" and `{name} = sl.check("{name}", {name})`'
    asked = {cell.metadata.stylelab.get("exercise") for cell in notebook.cells}
    yield from (f'check="{name}" has no cell with exercise="{name}"' for name in checks if name not in asked)


def _signature(code: str, name: str) -> list[str] | None:
    """The arguments of a function in a cell; None without it."""
    try:
        functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef) and node.name == name]
    except SyntaxError:
        return None
    return [each.arg for each in functions[0].args.args] if functions else None


def _out_of_step(fresh: nbformat.NotebookNode, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield f"lesson {path.name}: not built: run `stylelab lessons build`"
        return
    try:
        stored = nbformat.read(path, as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        yield f"lesson {path.name}: cannot be read: {error_text(error)}; run `stylelab lessons build`"
        return
    if [(cell.get("id"), cell.source) for cell in stored.cells] != [(cell.id, cell.source) for cell in fresh.cells]:
        yield f"lesson {path.name}: older than its source: run `stylelab lessons build`"


if __name__ == "__main__":
    try:
        own = read_course(Path(sys.argv[1]))
        with choose_course(own), redirect_stdout(sys.stderr):
            lines = list(_answer_faults(own, sys.argv[2], {name: each for name, (each, _) in course_exercises(own).items()}))
        print(*(printable(line, 600) for line in lines), sep="\n")
    except InputError as error:
        sys.exit(str(error))
