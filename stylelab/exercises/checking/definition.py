"""What an exercise is, as data. No framework is imported here: a grader judges plain arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Case = dict[str, object]  # argument name -> channels-last float32 array, dict of them by layer, or something plain
Outputs = dict[str, np.ndarray]  # case name -> what the answer gave for it

TENSORS = ("activation", "image", "matrix", "scalar")
BY_LAYER = {"activations": "activation", "matrices": "matrix"}  # dicts of tensors, keyed by layer
PLAIN = ("number", "whole", "word", "pairs", "numbers")  # what JSON can hold
NUMBERS = ("scalar", "number", "whole")  # results that are one number


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
        case: the case whose output shows it, when there is one right output: known mistakes are looked for there too.
    """

    name: str
    hint: str
    holds: Callable[[Mapping[str, Case], Outputs], bool]
    points: int = 1
    case: str | None = None


@dataclass(frozen=True)
class Exercise:
    """One function to write, and how to tell whether it is right.

    Attributes:
        id: also the nbgrader `grade_id` of its answer cell.
        title: what to do, in a sentence.
        arguments: name -> kind, in order: 'activation' and 'image' are in the framework's own layout, 'matrix' and
            'scalar' are tensors, 'activations', 'matrices' and 'numbers' dicts by layer, 'number' is a Python float,
            'whole' an int, 'word' a str (or an int), 'pairs' a list of pairs of ints, 'loss' a function
            (image, target) -> scalar tensor that is made from an array of weights: 1/2 sum w (image - target)^2.
        result: 'scalar', 'matrix', 'image', 'number', 'whole' or 'word'.
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

    def example(self, case: Case) -> str:
        """The call with its arguments, such as "layer_name('relu4_2')"; empty when there are tensors among them."""
        if not set(self.arguments.values()) <= set(PLAIN):
            return ""
        return f"{self.id}({', '.join(_shown(case[name]) for name in self.arguments)})"

    def inputs(self, seed: int = 0) -> dict[str, Case]:
        """Named inputs, channels last. The notebook's seeds are 0 and 1; a grader draws from a secret one.

        They are drawn again when by chance a known mistake would give the right value.
        """
        rng = np.random.default_rng(seed)
        for _ in range(100):
            cases = self.cases(rng)
            first = next(iter(cases.values()))
            if not any(self.explains(mistake, first, self.expected(first)) for mistake in self.mistakes):
                break
        return self._shuffled(rng, cases)

    def _shuffled(self, rng: np.random.Generator, cases: dict[str, Case]) -> dict[str, Case]:
        """The first case stays first; no answer can tell the others by their turn."""
        first, *others = cases
        return {first: cases[first]} | {others[place]: cases[others[place]] for place in rng.permutation(len(others))}

    def expected(self, case: Case) -> np.ndarray:
        """The right answer to one case, float64 or a word."""
        return as_array(self.reference(**double(case)))

    def recognise(self, cases: Mapping[str, Case], outputs: Outputs) -> str | None:
        """The hint of the first known mistake that explains all outputs; failing that, of one that explains the first.

        Words and whole numbers agree by chance too easily for the second. Of words, which go different ways through a
        function, only the wrong ones need explaining.
        """
        first = next(iter(cases))
        if self.result == "word":
            outputs = {name: output for name, output in outputs.items() if not self.is_right(cases[name], output)}
        for mistake in self.mistakes:
            if self._explains_all(mistake, cases, outputs):
                return mistake.hint
        if self.result not in ("word", "whole") and not self.is_right(cases[first], outputs[first]):
            return next((each.hint for each in self.mistakes if self.explains(each, cases[first], outputs[first])), None)
        return None

    def _explains_all(self, mistake: Mistake, cases: Mapping[str, Case], outputs: Outputs) -> bool:
        """Whether it gives every output for which it can be made, and there is one."""
        made = False
        for name, output in outputs.items():
            explained = self.explains(mistake, cases[name], output)
            if explained is False:
                return False
            made = made or bool(explained)
        return made

    def explains(self, mistake: Mistake, case: Case, output: np.ndarray) -> bool | None:
        """Whether the mistake gives this output; None when it cannot be made with these arguments."""
        with np.errstate(all="ignore"):
            wrong = mistake.wrong(**double(case))
        # ten times closer than a right answer must be: an odd answer must not look like a known mistake by chance
        return None if wrong is None else self._same(as_array(wrong), output, self.rtol / 10)

    def is_right(self, case: Case, output: np.ndarray) -> bool:
        """Whether an output has the right shape and value."""
        return self._same(self.expected(case), output, self.rtol)

    def close(self, output: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two outputs of one shape are as good as equal."""
        return self._same(expected, output.reshape(expected.shape), self.rtol)

    def _same(self, expected: np.ndarray, output: np.ndarray, rtol: float) -> bool:
        if "U" in (output.dtype.kind, expected.dtype.kind):
            return str(output) == str(expected)
        return expected.shape == output.shape and bool(np.allclose(output, expected, rtol=rtol, atol=self.atol))


def double(value):
    """Arrays and real numbers as float64 arrays, in dicts too; whole numbers, words and lists as they are."""
    if isinstance(value, dict):
        return {name: double(each) for name, each in value.items()}
    return np.asarray(value, dtype=float) if isinstance(value, np.ndarray | np.generic | float) else value


def as_array(value) -> np.ndarray:
    """A result that arrays can be compared with: float64, or a word."""
    return np.asarray(value) if isinstance(value, str) else np.asarray(value, dtype=float)


def _shown(value) -> str:
    if isinstance(value, list):
        return str([tuple(pair) for pair in value])
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
