"""An exercise as data. No framework is imported here: answers are judged as NumPy arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Case = dict[str, Any]  # argument name -> channels-last float32 array, dict of them by layer, or something plain
Outputs = dict[str, np.ndarray]  # case name -> what the answer gave for it

TENSORS = ("activation", "image", "matrix", "scalar")
BY_LAYER = {"activations": "activation", "matrices": "matrix"}  # dicts of tensors, keyed by layer
PLAIN = ("number", "whole", "word", "pairs", "numbers")  # what JSON can hold
NUMBERS = ("scalar", "number", "whole")  # results that are one number
MOST, AXES = 300_000, 8  # numbers and axes of one output: more than any mistake needs, and few enough to be sent
WORD = 100  # letters of a word

Wrong = Callable[..., object]  # takes a case's arguments by name


class Unreadable(TypeError):
    """A result from which no numbers can be read: what it is, and what to do."""


@dataclass(frozen=True)
class Property:
    """Something that every right answer has, whatever its input.

    Attributes:
        name: a few words for the table of marks.
        hint: a sentence for an answer without it.
        holds: (cases, outputs) -> whether the answer has it. Without one, every output of the kind `case` must be right.
        points: what it is worth.
        case: the kind of case whose output shows it, when only one output is right: common mistakes are also looked for there.
    """

    name: str
    hint: str
    holds: Callable[[Mapping[str, Case], Outputs], Any] | None = None
    points: int = 1
    case: str | None = None


@dataclass(frozen=True)
class Exercise:
    """One function to write, and how to tell whether it is right.

    Attributes:
        id: the function's name; also the nbgrader `grade_id` of its answer cell.
        title: what to do, in a sentence.
        arguments: name -> kind, in order. 'activation' and 'image' are tensors in the framework's own layout, 'matrix' and
            'scalar' are tensors; 'activations', 'matrices' and 'numbers' are dicts by layer; 'number' is a Python float,
            'whole' an int, 'word' a str (or an int), 'pairs' a list of pairs of ints. 'loss' is a function
            (image, target) -> scalar tensor, drawn as the weights of a small network (`common.random_loss`). 'kernel' is a
            function of two clouds (M, C) and (N, C) -> (M, N), drawn as three numbers (`common.kernel_matrix`).
        result: 'scalar', 'matrix', 'image', 'activation', 'number', 'whole' or 'word'.
        cases: random generator -> named inputs. The first one, 'plain', is for the value, and so is every 'plain: WORDS', one
            for each further kind of input in a lesson, such as 'plain: one image'; the others are for the properties.
        reference: the right answer in NumPy, called with a case's arguments by name.
        mistakes: hint -> the wrong answer that it belongs to, in NumPy like the reference, or a list of them. They are tried
            in order; one that returns None cannot be made with these arguments.
        properties: tried in order.
        differentiable: the arguments that the gradient must reach, in every case; together they are worth one point.
        by_name: the arguments that a lesson passes by name.
        fed_back: the argument for which a lesson passes the result of the previous call, if any.
        on_processor: whether the lesson calls it on the processor, even where there is a GPU.
        advice: regular expression -> what to do if it is found in an error, as in "KeyError: 'conv5_1'".
        value_points: what the right value is worth.
        rtol, atol: how close an output must be to the right one.
    """

    id: str
    title: str
    arguments: Mapping[str, str]
    result: str
    cases: Callable[[np.random.Generator], dict[str, Case]]
    reference: Callable[..., Any]
    mistakes: Mapping[str, Wrong | Sequence[Wrong]]
    properties: Sequence[Property]
    differentiable: Sequence[str] = ()
    by_name: Sequence[str] = ()
    fed_back: str | None = None
    on_processor: bool = False
    advice: Mapping[str, str] = field(default_factory=dict)
    value_points: int = 2
    rtol: float = 1e-4
    atol: float = 1e-5

    @property
    def points(self) -> int:
        """What the whole exercise is worth, with one point for the gradient."""
        return self.value_points + sum(prop.points for prop in self.properties) + bool(self.differentiable)

    @property
    def call(self) -> str:
        """How the function is called, such as 'gram_matrix(activation)'."""
        return f"{self.id}({', '.join(self.arguments)})"

    def example(self, case: Case) -> str:
        """The call with its arguments, such as "layer_name('relu4_2')"; empty if any argument is a tensor."""
        if not set(self.arguments.values()) <= set(PLAIN):
            return ""
        shown = {float: "{:.4g}".format, list: lambda pairs: str([tuple(pair) for pair in pairs])}
        values = [case[name] for name in self.arguments]
        return f"{self.id}({', '.join(shown.get(type(value), repr)(value) for value in values)})"

    def inputs(self, seed: int = 0) -> dict[str, Case]:
        """Named inputs, channels last. The notebook uses the seeds 0 and 1; a grader draws from a secret one.

        They are drawn again when a common mistake would happen to give the right value, or nearly. The first case stays first, the
        others are shuffled, so that no answer can tell them apart by their order.
        """
        rng = np.random.default_rng(seed)
        for _ in range(100):
            cases = self.cases(rng)
            first, *others = cases
            right = self.expected(cases[first])
            if not any(self.explains(wrong, cases[first], right, within=3) for _, wrong in self.wrong_answers()):
                break
        return {first: cases[first]} | {others[index]: cases[others[index]] for index in rng.permutation(len(others))}

    def expected(self, case: Case) -> np.ndarray:
        """The right answer to one case: a float64 array or a word."""
        return as_array(self.reference(**double(case)))

    def wrong_answers(self) -> Iterator[tuple[str, Wrong]]:
        """Each common mistake with its hint, in the order in which they are tried."""
        for hint, wrong in self.mistakes.items():
            yield from ((hint, one) for one in ([wrong] if callable(wrong) else wrong))

    def holds(self, prop: Property, cases: Mapping[str, Case], outputs: Outputs) -> bool:
        """Whether an answer has a property.

        Raises:
            KeyError: an output that shows it is missing.
        """
        if prop.holds:
            return bool(prop.holds(cases, outputs))
        assert prop.case is not None
        return all(self.is_right(cases[name], outputs[name]) for name in of_kind(prop.case, cases))

    def recognise(self, cases: Mapping[str, Case], outputs: Outputs) -> str | None:
        """The hint of the first common mistake that explains every output, or else of one that explains the first output.

        A word or a whole number can agree by chance, so for these all outputs must be explained. For words, which may take
        different branches of a function, only the kinds of case that have a wrong one need an explanation.
        """
        first = next(iter(cases))
        if self.result == "word":
            wrong_kinds = {name.partition(":")[0] for name, output in outputs.items() if not self.is_right(cases[name], output)}
            outputs = {name: output for name, output in outputs.items() if name.partition(":")[0] in wrong_kinds}

        def explained(wrong: Wrong) -> Iterator[bool | None]:
            return (self.explains(wrong, cases[name], output) for name, output in outputs.items())

        for hint, wrong in self.wrong_answers():
            if False not in explained(wrong) and True in explained(wrong):
                return hint
        if self.result not in ("word", "whole") and not self.is_right(cases[first], outputs[first]):
            return next(
                (hint for hint, wrong in self.wrong_answers() if self.explains(wrong, cases[first], outputs[first])), None
            )
        return None

    def explains(self, wrong: Wrong, case: Case, output: np.ndarray, within: float = 0.1) -> bool | None:
        """Whether a mistake gives this output; None when it cannot be made with these arguments.

        Args:
            within: how close, as a share of what a right answer may be off: an unusual answer should match no mistake by chance.
        """
        try:
            with np.errstate(all="ignore"):
                output_of_mistake = wrong(**double(case))
        except ValueError:  # shapes that do not fit: an activation where the mistake needs an image
            return None
        return None if output_of_mistake is None else self._same(as_array(output_of_mistake), output, within * self.rtol)

    def is_right(self, case: Case, output: np.ndarray) -> bool:
        """Whether an output has the right shape and value."""
        return self._same(self.expected(case), output, self.rtol)

    def close(self, output: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two outputs of one shape agree up to the exercise's tolerance."""
        return self._same(expected, output.reshape(expected.shape), self.rtol)

    def _same(self, expected: np.ndarray, output: np.ndarray, rtol: float) -> bool:
        if "U" in (output.dtype.kind, expected.dtype.kind):
            return str(output) == str(expected)
        return expected.shape == output.shape and bool(np.allclose(output, expected, rtol=rtol, atol=self.atol))


def of_kind(kind: str, cases: Mapping[str, Case]) -> list[str]:
    """The cases of a kind: 'plain' and 'plain: one image' are both plain."""
    return [name for name in cases if name.partition(":")[0] == kind]


def double(value):
    """Arrays and floats as float64 arrays, also inside dicts; whole numbers, words and lists unchanged."""
    if isinstance(value, dict):
        return {name: double(inner) for name, inner in value.items()}
    return np.asarray(value, dtype=float) if isinstance(value, np.ndarray | np.generic | float) else value


def as_array(value) -> np.ndarray:
    """A result as an array: float64, or a word."""
    return np.asarray(value) if isinstance(value, str) else np.asarray(value, dtype=float)
