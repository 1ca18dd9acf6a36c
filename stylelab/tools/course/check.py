"""`stylelab course check`: what is missing in a course, a line each; every exercise is tried with its own answer and its own mistakes.

python -m stylelab.tools.course.check DIR EDITION     only the model answers in a framework, in a process of its own
"""

import importlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
import numpy as np

from stylelab.base.course import EDITIONS, TITLES, Course, choose_course, read_course
from stylelab.base.files import error_text, printable
from stylelab.base.frameworks import is_installed
from stylelab.base.processes import module_command, module_environment, python_of
from stylelab.errors import InputError, StylelabError
from stylelab.exercises import EXERCISES, Answer, Exercise, ask, judge, judge_draws
from stylelab.exercises.checking.definition import ANY_SHAPE, BY_LAYER, NUMBERS, PLAIN, TENSORS, WORDS, Case, as_array, double
from stylelab.exercises.own import ANSWERS, course_answers, course_exercises
from stylelab.tools.classroom.handout.strip import STUB
from stylelab.tools.course.assemble import assemble, notebook_path, sources

SEEDS = range(12)
ARGUMENTS = (*TENSORS, *BY_LAYER, *PLAIN, "loss", "kernel")
RESULTS = ("scalar", "matrix", "image", "activation", *ANY_SHAPE, *NUMBERS[1:], "truth", *WORDS)
ONLY_FRAMEWORKS = ("loss", "kernel")


def check(course: Course) -> list[str]:
    """Everything that is wrong with a course or missing in it, a line each; empty if it is ready for students.

    Raises:
        InputError: its settings or a file of its exercises cannot be read.
    """
    with choose_course(course):
        defined = {name: exercise for name, (exercise, _) in course_exercises(course).items()}
        if not defined:
            return ["exercises: there are none: see docs/own-course.md"]
        lines = [f"exercise {name}: {fault}" for name, exercise in defined.items() for fault in exercise_faults(exercise)]
        if course.stylelab:
            lines += [f"exercise {name}: stylelab has one of this name: choose another" for name in defined if name in EXERCISES]
        sound = {name for name in defined if not any(line.startswith(f"exercise {name}: ") for line in lines)}
        for edition in course.editions:
            lines += _answer_faults(course, edition, {name: exercise for name, exercise in defined.items() if name in sound})
        return [*lines, *_lesson_faults(course, defined)]


# exercises


def exercise_faults(exercise: Exercise) -> Iterator[str]:
    """What is wrong with an exercise's definition."""
    if not exercise.id.isidentifier():
        yield "its id is not a name that a function can have"
        return
    for name, kind in exercise.arguments.items():
        if kind not in ARGUMENTS:
            yield f"argument '{name}' is of an unknown kind '{kind}': choose one of {', '.join(ARGUMENTS)}"
            return
    if exercise.result not in RESULTS:
        yield f"its result is of an unknown kind '{exercise.result}': choose one of {', '.join(RESULTS)}"
        return
    draws = []
    for seed in SEEDS:
        try:
            cases = exercise.cases(np.random.default_rng(seed))
            same = exercise.cases(np.random.default_rng(seed))
        except Exception as error:  # noqa: BLE001  whatever an author's code does becomes a line
            yield f"`cases` stops with {type(error).__name__}: {error_text(error)}"
            return
        if fault := _case_fault(exercise, cases, same):
            yield fault
            return
        try:
            draws.append((seed, exercise.inputs(seed)))
        except Exception as error:  # noqa: BLE001
            yield f"`reference` stops with {type(error).__name__}: {error_text(error)}; it gets {exercise.call}, by name"
            return
    yield from _faults_of_answers(exercise, draws)
    if len(exercise.hints) not in (2, 3):
        yield f"{len(exercise.hints)} hints: a student who is stuck is given three, the idea, the shapes or steps, and the line"


def _case_fault(exercise: Exercise, cases, same) -> str:
    if not isinstance(cases, dict) or not cases or next(iter(cases)) != "plain":
        return "`cases` should return a dict whose first key is 'plain'"
    for name, case in cases.items():
        if not isinstance(case, dict) or case.keys() != exercise.arguments.keys():
            return f"case '{name}' should have the arguments {', '.join(exercise.arguments)}, and no others"
    if repr(cases) != repr(same):
        return "`cases` gives something else for the same seed: draw from its argument `rng` alone"
    return ""


def _faults_of_answers(exercise: Exercise, draws: list[tuple[int, dict[str, Case]]]) -> Iterator[str]:
    """The reference must be right, each mistake wrong and recognised, and an answer that does nothing worth nothing."""
    right = {seed: _answer(exercise, cases, exercise.reference) for seed, cases in draws}
    for seed, cases in draws:
        verdict = judge(exercise, cases, right[seed])
        faults = [f"{part.name}: {part.wrong}" for part in verdict.parts if part.wrong and part.name != "gradient"]
        if faults:
            yield f"its own reference is not right (seed {seed}): {faults[0]}"
            return
    if all(_alike(right[seed], right[draws[0][0]]) for seed, _ in draws):
        yield "its inputs are the same for every seed: draw them from `rng`"
    if not exercise.mistakes:
        yield "no mistakes: name at least the one that you expect most, with the sentence that a student should read"
    for hint, mistake in exercise.wrong_answers():
        said = []
        for _, cases in draws:
            try:
                verdict = judge(exercise, cases, _answer(exercise, cases, mistake))
            except Exception as error:  # noqa: BLE001
                said.append(f"it stops with {type(error).__name__}: {error_text(error)}")
                break
            said.append("it is taken for a right answer" if verdict.stage == "right" else verdict.sentence)
        if hint not in said:
            yield f"mistake '{hint}': {said[-1]}"
        elif "it is taken for a right answer" in said:
            yield f"mistake '{hint}': for some inputs (seed {draws[said.index('it is taken for a right answer')][0]}) it is right"
    constant = right[draws[0][0]].outputs
    first = next(iter(constant.values()))
    lazy = []
    for _, cases in draws[:2]:
        outputs = {name: first for name in cases}
        lazy.append((cases, Answer(outputs=outputs, shapes={name: first.shape for name in cases})))
    earned = judge_draws(exercise, lazy).points
    if earned:
        yield f"an answer that returns the same for every input earns {earned} of {exercise.points} points: vary the inputs more"


def _answer(exercise: Exercise, cases: Mapping[str, Case], function) -> Answer:
    """What a function in NumPy answers, as if it had been asked."""
    answer = Answer()
    with np.errstate(all="ignore"):
        for name, case in cases.items():
            result = function(**double(case))
            if result is not None:
                answer.outputs[name] = as_array(result)
                answer.shapes[name] = answer.outputs[name].shape
    return answer


def _alike(one: Answer, other: Answer) -> bool:
    return repr(one.outputs) == repr(other.outputs)


# model answers


def _answer_faults(course: Course, edition: str, exercises: Mapping[str, Exercise]) -> list[str]:
    """What is wrong with the model answers in an edition; a framework gets a process of its own."""
    if edition == "numpy":
        return list(_wrong_answers(course, edition, exercises))
    if not is_installed(edition):
        return [f"edition {edition}: {TITLES[edition]} is not installed, so its model answers were not tried"]
    command = module_command("stylelab.tools.course.check", str(course.folder), edition)
    done = subprocess.run([python_of(edition), *command[1:]], capture_output=True, text=True, env=module_environment())
    if done.returncode:
        return [f"edition {edition}: {(done.stderr.strip().splitlines() or ['it ended without a message'])[-1]}"]
    return done.stdout.splitlines()


def _wrong_answers(course: Course, edition: str, exercises: Mapping[str, Exercise]) -> Iterator[str]:
    answers = course_answers(course, edition)
    module = "stylelab.exercises.checking.plain" if edition == "numpy" else f"stylelab.{edition}.exercises.lab"
    lab = importlib.import_module(module).Lab()
    for name, exercise in exercises.items():
        if edition == "numpy" and (exercise.differentiable or set(exercise.arguments.values()) & set(ONLY_FRAMEWORKS)):
            yield f"exercise {name}: gradients and losses need an edition in PyTorch or TensorFlow"
        elif name not in answers:
            yield f"exercise {name}: exercises/{ANSWERS[edition]}.py has no function of this name"
        else:
            for seed in SEEDS[:4]:
                cases = exercise.inputs(seed)
                verdict = judge(exercise, cases, ask(exercise, answers[name], lab, cases))
                if not verdict.right:
                    yield f"exercise {name}: its answer in {EDITIONS[edition]} is not right (seed {seed}): {verdict.sentence}"
                    break


# lessons


def _lesson_faults(course: Course, defined: Mapping[str, Exercise]) -> Iterator[str]:
    assert course.folder is not None
    found = sources((), course.folder / "lessons")
    if not found:
        yield "lessons/source: no lessons: write one as 01_name.py, in the format py:percent"
    asked: set[str] = set()
    for source in found:
        for edition in course.editions:
            try:
                fresh = assemble(source, edition)
            except (StylelabError, ValueError) as error:
                yield f"lesson {source.name}: {error_text(error)}"
                continue
            cells = [(cell.metadata.get("stylelab", {}), cell.source) for cell in fresh.cells]
            stubs = {ours["exercise"]: text for ours, text in cells if "exercise" in ours}
            checks = {ours["check"] for ours, _ in cells if "check" in ours}
            asked |= stubs.keys()
            for name, text in stubs.items():
                if text.count(STUB) != 1:
                    yield f"lesson {source.name}: exercise '{name}' has {text.count(STUB)} lines `{STUB}`: write one, where the answer goes"
                if name not in checks:
                    yield f"lesson {source.name}: exercise '{name}' has no cell check=\"{name}\" with `sl.check`"
            yield from _out_of_step(fresh, notebook_path(source, edition))
    yield from (f"exercise {name}: no lesson asks for it" for name in defined if name not in asked)
    if not any((course.folder / "tests").glob("test_*.py")):
        yield "tests: there are none: try each exercise with right and wrong answers, see `stylelab course new`"


def _out_of_step(fresh, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield f"lesson {path.name}: not built: run `stylelab lessons build`"
        return
    try:
        stored = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        yield f"lesson {path.name}: cannot be read: {error_text(error)}"
        return
    if [(cell.id, cell.source) for cell in stored.cells] != [(cell.id, cell.source) for cell in fresh.cells]:
        yield f"lesson {path.name}: older than its source: run `stylelab lessons build`"


if __name__ == "__main__":
    try:
        own = read_course(Path(sys.argv[1]))
        with choose_course(own):
            for line in _wrong_answers(own, sys.argv[2], {name: each for name, (each, _) in course_exercises(own).items()}):
                print(printable(line, 2000))
    except InputError as error:
        sys.exit(str(error))
