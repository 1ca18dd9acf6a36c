"""One question of a quiz, as data."""

from dataclasses import dataclass


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
