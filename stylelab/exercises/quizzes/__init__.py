"""The questions at the end of each lesson, as data, in two forms: a widget that marks itself, and text to unfold."""

import importlib
import pkgutil
from html import escape

from stylelab.errors import unknown
from stylelab.exercises.quizzes.question import Question

QUIZZES: dict[str, tuple[Question, ...]] = {
    module.name.removeprefix("lesson_"): importlib.import_module(f"{__name__}.{module.name}").QUIZ
    for module in pkgutil.iter_modules(__path__)
    if module.name.startswith("lesson_")
}


def find_quiz(lesson: str) -> tuple[Question, ...]:
    """The questions of a lesson.

    Raises:
        InputError: no such lesson.
    """
    if lesson not in QUIZZES:
        raise unknown("quiz", lesson, QUIZZES)
    return QUIZZES[lesson]


def unfolded(questions: tuple[Question, ...]) -> str:
    """HTML in which each answer unfolds to what is to be said to it. It needs no kernel and no script."""
    parts = []
    for number, question in enumerate(questions, 1):
        parts.append(f"<p><b>{number}. {escape(question.text)}</b></p>")
        parts += [
            f"<details><summary>{escape(answer)}</summary>{_remark(why, right)}</details>"
            for answer, why, right in question.answers()
        ]
    return "".join(parts)


def _remark(why: str, right: bool) -> str:
    return f"{'✓ Right' if right else '✗ No'}. {escape(why)}"


def form(questions: tuple[Question, ...]):
    """The quiz as a widget: choose an answer, read at once why it is right or wrong, and count."""
    import ipywidgets

    boxes, right = [], set()
    score = ipywidgets.HTML()

    def add(number: int, question: Question) -> None:
        answers = question.answers()
        choice = ipywidgets.RadioButtons(
            options=[answer for answer, _, _ in answers], value=None, layout={"width": "max-content"}
        )
        remark = ipywidgets.HTML()

        def mark(change) -> None:
            _, why, is_right = answers[choice.index]
            remark.value = _remark(why, is_right)
            (right.add if is_right else right.discard)(number)
            score.value = f"<b>{len(right)} of {len(questions)} right</b>"

        choice.observe(mark, "index")
        boxes.append(ipywidgets.VBox([ipywidgets.HTML(f"<b>{number}. {escape(question.text)}</b>"), choice, remark]))

    for number, question in enumerate(questions, 1):
        add(number, question)
    return ipywidgets.VBox([*boxes, score])
