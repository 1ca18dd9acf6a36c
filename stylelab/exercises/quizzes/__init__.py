"""The questions at the end of each lesson, as data, and shown in two ways: a widget that marks itself, and text to unfold."""

import importlib
import pkgutil

from jinja2 import Environment

from stylelab.base.html import with_code
from stylelab.errors import unknown
from stylelab.exercises.quizzes.question import Question
from stylelab.languages import current_language, direction, say

QUIZZES: dict[str, tuple[Question, ...]] = {
    module.name.removeprefix("lesson_"): importlib.import_module(f"{__name__}.{module.name}").QUIZ
    for module in pkgutil.iter_modules(__path__)
    if module.name.startswith("lesson_")
}

# long answers in a narrow window: ipywidgets keeps each on one line
WRAPPED = (
    "<style>.stylelab-quiz .widget-radio, .stylelab-quiz .widget-radio-box { width: auto; height: auto; max-width: 100% }"
    ".stylelab-quiz .widget-radio-box label { display: flex; height: auto; white-space: normal; line-height: 1.4; padding: 2px 0 }"
    ".stylelab-quiz .widget-radio-box input { order: -1; flex: none }</style>"
)
ENVIRONMENT = Environment(autoescape=True)
ENVIRONMENT.filters["code"] = lambda text: with_code(say(text))
TITLE = ENVIRONMENT.from_string("<b>{{ number }}. {{ text | code }}</b>")
FEEDBACK = ENVIRONMENT.from_string("{{ (('✓ Right. ' if right else '✗ No. ') ~ why) | code }}")
UNFOLDED = ENVIRONMENT.from_string(
    "{% for question in questions %}<p><b>{{ loop.index }}. {{ question.text | code }}</b></p>"
    "{% for answer, why, right in question.answers() %}"
    "<details><summary>{{ answer | code }}</summary>{{ (('✓ Right. ' if right else '✗ No. ') ~ why) | code }}</details>"
    "{% endfor %}{% endfor %}"
)


def find_quiz(lesson: str) -> tuple[Question, ...]:
    """The questions of a lesson.

    Raises:
        InputError: the lesson is unknown.
    """
    if lesson not in QUIZZES:
        raise unknown("quiz", lesson, QUIZZES)
    return QUIZZES[lesson]


def unfolded(questions: tuple[Question, ...]) -> str:
    """HTML in which each answer unfolds to its feedback. It needs no kernel and no script."""
    return UNFOLDED.render(questions=questions)


def form(questions: tuple[Question, ...]):
    """The quiz as a widget: choose an answer, read why it is right or wrong, and see how many are right."""
    import ipywidgets

    right: set[int] = set()
    score = ipywidgets.HTML()

    def box(number: int, question: Question):
        answers = question.answers()
        choice = ipywidgets.RadioButtons(
            options=[(say(answer).replace("`", "'"), answer) for answer, _, _ in answers],
            value=None,
            layout={"width": "max-content"},
        )
        feedback = ipywidgets.HTML()

        def mark(change) -> None:
            _, why, is_right = answers[choice.index]
            feedback.value = FEEDBACK.render(why=why, right=is_right)
            (right.add if is_right else right.discard)(number)
            score.value = f"<b>{say(f'{len(right)} of {len(questions)} right')}</b>"

        choice.observe(mark, "index")
        return ipywidgets.VBox([ipywidgets.HTML(TITLE.render(number=number, text=question.text)), choice, feedback])

    boxes = [box(number, question) for number, question in enumerate(questions, 1)]
    turned = f"<style>.stylelab-quiz {{ direction: {direction(current_language())} }} .stylelab-quiz * {{ unicode-bidi: plaintext }}</style>"
    quiz = ipywidgets.VBox([*boxes, score, ipywidgets.HTML(WRAPPED + turned)])
    return quiz.add_class("stylelab-quiz")
