"""What an exercise is, as data. No framework is imported here: a grader judges plain arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Case = dict[str, object]  # argument name -> channels-last float32 array, or a number
Outputs = dict[str, np.ndarray]  # case name -> what the answer gave for it

ARGUMENTS = ("activation", "picture", "matrix", "scalar", "number", "loss")
RESULTS = {"scalar": "a single number in a tensor", "matrix": "(B, C, C)", "picture": "a picture", "number": "a number"}


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is seen often, and what to say to it.

    Attributes:
        hint: a sentence that names the mistake and says what to do.
        wrong: what the mistake gives, in NumPy: called with a case's arguments by name.
    """

    hint: str
    wrong: Callable[..., np.ndarray]


@dataclass(frozen=True)
class Property:
    """Something that every right answer has, whatever its input.

    Attributes:
        name: a few words for a table of marks.
        hint: a sentence for an answer without it.
        holds: (cases, outputs) -> whether the answer has it.
        points: what it is worth.
    """

    name: str
    hint: str
    holds: Callable[[Mapping[str, Case], Outputs], bool]
    points: int = 1


@dataclass(frozen=True)
class Exercise:
    """One function to write, and how to tell whether it is right.

    Attributes:
        id: also the nbgrader `grade_id` of its answer cell.
        title: what to do, in a sentence.
        arguments: name -> kind, in order: 'activation' and 'picture' are in the framework's own layout, 'matrix' and
            'scalar' are tensors, 'number' is a Python float, 'loss' a function (picture, target) -> scalar tensor that
            is made from an array of weights: 1/2 sum w (picture - target)^2.
        result: 'scalar', 'matrix', 'picture' or 'number'.
        cases: random generator -> named inputs. The first one is for the value, the others for properties.
        reference: the right answer in NumPy, called with a case's arguments by name.
        mistakes: tried in order when shape or value is wrong.
        properties: tried in order when both are right.
        differentiable: the argument through which the gradient must pass, if any.
        value_points: what the right value is worth.
    """

    id: str
    title: str
    arguments: Mapping[str, str]
    result: str
    cases: Callable[[np.random.Generator], dict[str, Case]]
    reference: Callable[..., np.ndarray]
    mistakes: tuple[Mistake, ...]
    properties: tuple[Property, ...]
    differentiable: str | None = None
    value_points: int = 2
    rtol: float = 1e-4
    atol: float = 1e-5

    @property
    def points(self) -> int:
        """What the whole exercise is worth; `differentiable` counts as a property of one point."""
        return self.value_points + sum(each.points for each in self.properties) + bool(self.differentiable)

    @property
    def call(self) -> str:
        """How the function is called, such as 'gram_matrix(activation)'."""
        return f"{self.id}({', '.join(self.arguments)})"

    def inputs(self, seed: int = 0) -> dict[str, Case]:
        """Named inputs, channels last. The notebook's seed is 0; a grader draws from a secret one."""
        return self.cases(np.random.default_rng(seed))

    def expected(self, case: Case) -> np.ndarray:
        """The right answer to one case, float64."""
        return np.asarray(self.reference(**_double(case)), dtype=float)

    def recognise(self, case: Case, output: np.ndarray) -> str | None:
        """The hint of the first known mistake that gives this output, if there is one."""
        for mistake in self.mistakes:
            wrong = np.asarray(mistake.wrong(**_double(case)), dtype=float)
            if wrong.shape == output.shape and self.close(output, wrong):
                return mistake.hint
        return None

    def close(self, output: np.ndarray, expected: np.ndarray) -> bool:
        return bool(np.allclose(output, expected, rtol=self.rtol, atol=self.atol))


def _double(case: Case) -> Case:
    return {name: np.asarray(value, dtype=float) for name, value in case.items()}
