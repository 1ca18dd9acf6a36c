"""The questions at the end of each lesson, as data, in two forms: a widget that marks itself, and text to unfold."""

from dataclasses import dataclass
from html import escape

from stylelab.errors import unknown


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        text: the question.
        right: the right answer.
        why: what makes it right.
        wrong: wrong answer -> what is wrong with it.
    """

    text: str
    right: str
    why: str
    wrong: dict[str, str]

    def answers(self) -> list[tuple[str, str, bool]]:
        """(answer, what is said to it, whether it is right), in the order of the alphabet, which gives nothing away."""
        every = [(answer, why, False) for answer, why in self.wrong.items()] + [(self.right, self.why, True)]
        return sorted(every)


QUIZZES = {
    "04": (
        Question(
            "You shuffle the places of an activation, the same way for all filters. What happens to its Gram matrix?",
            right="It stays the same.",
            why="Each entry is a sum over places, and a sum does not depend on the order.",
            wrong={
                "Its rows are shuffled.": "Rows belong to filters, and those stay where they are.",
                "It becomes diagonal.": "Filters that answered together still do, at other places.",
            },
        ),
        Question(
            "You multiply alpha and beta by 10. Where is the minimum of the total loss?",
            right="Where it was.",
            why="The whole loss is ten times as large everywhere, so its lowest point does not move: only beta / alpha counts.",
            wrong={
                "Nearer to the content picture.": "That needs a larger alpha for the same beta.",
                "Nearer to the style.": "That needs a larger beta for the same alpha.",
            },
        ),
        Question(
            "What is moved by the optimiser?",
            right="The pixels of the picture.",
            why="They are the only unknowns; the gradient of the loss with respect to them says where to go.",
            wrong={
                "The filters of the encoder.": "They are frozen. Moving them would change what the two losses measure.",
                "The Gram matrices of the style picture.": "They are targets, computed once and then kept.",
                "alpha and beta.": "You choose those; an optimiser would simply set both to 0.",
            },
        ),
        Question(
            "The run starts from the content picture. Which part of the loss is 0 at the first step?",
            right="The content loss.",
            why="The picture is the content picture, so the activations are equal. It must rise for the style loss to fall.",
            wrong={
                "The style loss.": "That would need the style picture's Gram matrices.",
                "Both.": "Then there would be nothing left to do: the two pictures would have the same style.",
                "The total variation.": "Only a picture of one flat colour has none.",
            },
        ),
        Question(
            "A result is full of fine coloured speckle. What helps?",
            right="A larger weight for the total variation.",
            why="Speckle is a difference between neighbours, and that is what it sums.",
            wrong={
                "A larger alpha / beta and nothing else.": "The speckle fades only together with the style.",
                "More steps.": "The speckle lowers the loss as it stands: more steps sharpen it.",
                "Starting from noise.": "That brings speckle of its own, which must be removed first.",
            },
        ),
    ),
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
