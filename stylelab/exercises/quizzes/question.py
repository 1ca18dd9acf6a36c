"""One question of a quiz, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question with its answers.

    Attributes:
        text: the question.
        right: the right answer.
        why: why it is right.
        wrong: wrong answer -> why it is wrong.
    """

    text: str
    right: str
    why: str
    wrong: dict[str, str]

    def answers(self) -> list[tuple[str, str, bool]]:
        """(answer, feedback, whether it is right), in alphabetical order, which gives nothing away."""
        return sorted([*((answer, why, False) for answer, why in self.wrong.items()), (self.right, self.why, True)])
