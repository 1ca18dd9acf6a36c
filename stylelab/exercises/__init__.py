"""What each exercise asks for, and how an answer is judged: the same in the notebook and for the grader.

No framework is imported here. The modules `lesson_NN` define the exercises of a lesson each, and `EXERCISES` finds them there.
"""

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType

from stylelab.base.values import one_of
from stylelab.exercises.checking.call import Answer, ask
from stylelab.exercises.checking.check import check_answer
from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.checking.verdict import Part, Verdict, judge, judge_draws

__all__ = [
    "EXERCISES", "LESSONS", "Answer", "Exercise", "Part", "Property", "Verdict", "ask", "check_answer", "find_exercise", "judge",
    "judge_draws", "library_answers",
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
    """The exercise with this id.

    Raises:
        InputError: the id is unknown; the nearest one is suggested.
    """
    return EXERCISES[one_of("exercise", exercise_id, EXERCISES)]


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
