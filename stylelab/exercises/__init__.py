"""What each exercise asks for, and how an answer is judged: the same in the notebook and for the grader.

No framework is imported here. The modules `lesson_NN` define the exercises of a lesson each, and `EXERCISES` finds them there. A
course of one's own has more of them, in its folder `exercises`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from stylelab.base.course import EDITIONS, chosen_course, choose_course, find_course
from stylelab.base.files import printable
from stylelab.base.values import one_of
from stylelab.errors import InputError
from stylelab.exercises.checking.call import Answer, Lab, ask
from stylelab.exercises.checking.check import SEEDS, check_answer
from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.checking.plain import Lab as PlainLab
from stylelab.exercises.checking.verdict import Part, Verdict, judge, judge_draws
from stylelab.exercises.own import course_answers, course_exercises

__all__ = [
    "EXERCISES", "LESSONS", "Answer", "Exercise", "Part", "PlainLab", "Property", "Verdict", "ask", "check", "check_answer", "course_points",
    "defining_module", "find_exercise", "judge", "judge_draws", "library_answers", "verdict",
]  # fmt: skip

_names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("lesson_"))
_defined = [
    (exercise, module)
    for module in [importlib.import_module(f"{__name__}.{name}") for name in _names]
    for exercise in vars(module).values()
    if isinstance(exercise, Exercise)
]
EXERCISES: dict[str, Exercise] = {exercise.id: exercise for exercise, _ in _defined}
LESSONS: dict[str, ModuleType] = {exercise.id: module for exercise, module in _defined}  # where each one is defined


def find_exercise(exercise_id: str) -> Exercise:
    """The exercise with this id, of the chosen course or of stylelab.

    Raises:
        InputError: the id is unknown, and the nearest one is suggested; it is a function instead of its name; or the course's
            files cannot be read.
    """
    known = EXERCISES | {name: exercise for name, (exercise, _) in course_exercises(chosen_course()).items()}
    points = course_points()
    if callable(exercise_id) and (name := getattr(exercise_id, "__name__", "")) in known:
        raise InputError(f"write the name of the exercise in quotes: '{name}'")
    if not points:
        raise InputError(f"'{printable(chosen_course().folder)}' has no exercises: define some in its folder exercises/")
    return known[one_of("exercise", exercise_id, known if isinstance(exercise_id, str) and exercise_id in known else points)]


def defining_module(exercise_id: str) -> ModuleType:
    """The module that defines an exercise."""
    find_exercise(exercise_id)
    own = course_exercises(chosen_course())
    return own[exercise_id][1] if exercise_id in own else LESSONS[exercise_id]


def course_points() -> dict[str, int]:
    """The exercises of the chosen course, and what each is worth."""
    course = chosen_course()
    exercises = (EXERCISES if course.stylelab else {}) | {name: own for name, (own, _) in course_exercises(course).items()}
    return {name: exercise.points for name, exercise in exercises.items()}


def check(exercise_id: str, function: Callable, lab: Lab, edition: str, library: Mapping[str, Callable]) -> Callable:
    """Check an answer in the course that the current folder belongs to; see `stylelab.torch.check`.

    Args:
        edition: 'torch', 'tensorflow' or 'numpy'.
        library: the library's own answers in it.
    """
    with choose_course(find_course()) as course:
        exercise = find_exercise(exercise_id)
        answers = {**library, **course_answers(course, edition)}
        if exercise_id not in answers:
            raise InputError(f"exercise '{exercise_id}' has no model answer in {EDITIONS[edition]}, and cannot be checked here")
        return check_answer(exercise, function, lab, answers)


def verdict(exercise_id: str, function: Callable, seeds: Sequence[int] = SEEDS) -> Verdict:
    """How good an answer in NumPy or plain Python is: for the tests of a course of one's own.

    >>> from stylelab import exercises
    >>> exercises.verdict("layer_name", lambda name: "conv1_1").points
    0

    Args:
        seeds: of the inputs; the notebook's own by default.

    Raises:
        InputError: the exercise is unknown, in the course that the current folder belongs to.
    """
    with choose_course(find_course()):
        exercise = find_exercise(exercise_id)
        draws = [(cases, ask(exercise, function, PlainLab(), cases)) for cases in map(exercise.inputs, seeds)]
        return judge_draws(exercise, draws)


def library_answers(*modules: ModuleType) -> dict[str, Callable]:
    """The library's own answer to each exercise: a function with its name.

    Args:
        modules: where to look for it, in order; the module that defines the exercise comes last.

    Raises:
        LookupError: an exercise has no such function.
    """
    answers = {}
    for name, lesson in LESSONS.items():
        homes = [module for module in (*modules, lesson) if name in vars(module)]
        if not homes:
            raise LookupError(f"no function '{name}' in {', '.join(module.__name__ for module in (*modules, lesson))}")
        answers[name] = vars(homes[0])[name]
    return answers
