"""An exercise as data. No framework is imported here: answers are judged as NumPy arrays."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Case = dict[str, Any]  # argument name -> channels-last float32 array, dict of them by layer, or something plain
Outputs = dict[str, np.ndarray]  # case name -> what the answer gave for it

TENSORS = ("activation", "image", "matrix", "scalar", "array")
BY_LAYER = {"activations": "activation", "matrices": "matrix"}  # dicts of tensors, keyed by layer
PLAIN = ("number", "whole", "truth", "word", "text", "pairs", "numbers", "list", "table")  # what JSON can hold
NUMBERS = ("scalar", "number", "whole")  # results that are one number
WORDS = ("word", "text")  # results that are one word or text
CHANCE = (*WORDS, "whole", "truth")  # results that a mistake may share with a right answer by chance
ANY_SHAPE = ("array", "list", "table")  # results of any shape
MOST, AXES = 300_000, 8  # numbers and axes of one output: more than any mistake needs, and few enough to be sent
WORD = 100  # letters of a word
TEXT = 10_000  # letters of a text
LONGEST = 80  # letters of a text in a sentence

Wrong = Callable[..., object]  # takes a case's arguments by name


class Unreadable(TypeError):
    """A result from which no numbers can be read: what it is, and what to do."""


@dataclass(frozen=True)
class Property:
    """Something that every right answer has, whatever its input.

    Attributes:
        name: a few words for the table of marks.
        hint: a sentence for an answer without it.
        holds: (cases, outputs) -> whether the answer has it. Without one, every output of the kind `case` must be right. A word or
            text comes as a str, a table as a dict in which whatever can be read as a number is a float, everything else as an array.
        points: what it is worth.
        case: the kind of case whose output shows it, when only one output is right: common mistakes are also looked for there.
    """

    name: str
    hint: str
    holds: Callable[[Mapping[str, Case], Mapping[str, Any]], Any] | None = None
    points: int = 1
    case: str | None = None


@dataclass(frozen=True)
class Exercise:
    """One function to write, and how to tell whether it is right.

    Attributes:
        id: the function's name; also the nbgrader `grade_id` of its answer cell.
        title: what to do, in a sentence.
        arguments: name -> kind, in order. 'activation' and 'image' are tensors in the framework's own layout, 'matrix' and
            'scalar' are tensors, and 'array' is one of any shape; 'activations', 'matrices' and 'numbers' are dicts by layer;
            'number' is a Python float, 'whole' an int, 'truth' a bool, 'word' a str (or an int) and 'text' a longer one, 'list' a
            list of numbers or words, or of such lists, 'table' a dict with words as its keys and numbers or words as its values,
            'pairs' a list of pairs of ints. 'loss' is a function (image, target) -> scalar tensor, drawn as the weights of a small
            network (`common.random_loss`). 'kernel' is a function of two clouds (M, C) and (N, C) -> (M, N), drawn as three
            numbers (`common.kernel_matrix`).
        result: 'scalar', 'matrix', 'image', 'activation', 'array', 'number', 'whole', 'truth', 'word', 'text', 'list' or 'table'.
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
        hints: for a student who is stuck: the idea, the shapes or the steps, and the line itself. Without the third, it is a line
            of the model answer. '[activation]' and '[image]' stand for their shapes in the framework's layout.
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
    properties: Sequence[Property] = ()
    differentiable: Sequence[str] = ()
    by_name: Sequence[str] = ()
    fed_back: str | None = None
    on_processor: bool = False
    advice: Mapping[str, str] = field(default_factory=dict)
    hints: Sequence[str] = ()
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
        shown = {"number": "{:.4g}".format, "pairs": lambda pairs: str([tuple(pair) for pair in pairs])}
        values = [shorten(shown.get(kind, repr)(case[name])) for name, kind in self.arguments.items()]
        return f"{self.id}({', '.join(values)})"

    def inputs(self, seed: int = 0) -> dict[str, Case]:
        """Named inputs, channels last. The notebook uses the seeds 0 and 1; a grader draws from a secret one.

        They are drawn again when a common mistake would happen to give the right value, or nearly. The first case stays first, the
        others are shuffled, so that no answer can tell them apart by their order.
        """
        rng = np.random.default_rng(seed)
        for _ in range(100):
            cases = {name: self.given(case) for name, case in self.cases(rng).items()}
            first, *others = cases
            right = self.expected(cases[first])
            if not any(self.explains(wrong, cases[first], right, within=3) for _, wrong in self.wrong_answers()):
                break
        return {first: cases[first]} | {others[index]: cases[others[index]] for index in rng.permutation(len(others))}

    def given(self, case: Case) -> Case:
        """A case with values of its arguments' kinds: what is not a tensor in Python's own types, which a grader can send."""
        kinds = self.arguments
        return {
            name: plain(value) if kinds[name] in PLAIN else np.asarray(value) if kinds[name] in TENSORS else value
            for name, value in case.items()
        }

    def expected(self, case: Case) -> np.ndarray:
        """The right answer to one case: an array of float64 or words."""
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
            return bool(prop.holds(cases, {name: self._returned(output) for name, output in outputs.items()}))
        assert prop.case is not None
        return all(self.is_right(cases[name], outputs[name]) for name in of_kind(prop.case, cases))

    def _returned(self, output: np.ndarray) -> Any:
        """An output as the test of a property gets it: a word or text as a str, a table as a dict, the rest as an array."""
        if self.result in WORDS:
            return str(output)
        return dict(map(_entry, output.astype(str).tolist())) if self.result == "table" else output

    def recognise(self, cases: Mapping[str, Case], outputs: Outputs) -> str | None:
        """The hint of the first common mistake that explains every output, or else of one that explains the first output.

        A word or a whole number can agree by chance, so for these all outputs must be explained. For words, which may take
        different branches of a function, only the kinds of case that have a wrong one need an explanation.
        """
        first = next(iter(cases))
        if self.result in WORDS:
            wrong_kinds = {name.partition(":")[0] for name, output in outputs.items() if not self.is_right(cases[name], output)}
            outputs = {name: output for name, output in outputs.items() if name.partition(":")[0] in wrong_kinds}

        def explained(wrong: Wrong) -> Iterator[bool | None]:
            return (self.explains(wrong, cases[name], output) for name, output in outputs.items())

        for hint, wrong in self.wrong_answers():
            if False not in explained(wrong) and True in explained(wrong):
                return hint
        if self.result not in CHANCE and not self.is_right(cases[first], outputs[first]):
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
                expected = None if output_of_mistake is None else as_array(output_of_mistake)
        except Exception:  # noqa: BLE001  shapes that do not fit: an activation where the mistake needs an image
            return None
        return None if expected is None else self._same(expected, output, within * self.rtol)

    def is_right(self, case: Case, output: np.ndarray) -> bool:
        """Whether an output has the right shape and value."""
        return self._same(self.expected(case), output, self.rtol)

    def close(self, output: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two outputs of one shape agree up to the exercise's tolerance."""
        return self._same(expected, output.reshape(expected.shape), self.rtol)

    def _same(self, expected: np.ndarray, output: np.ndarray, rtol: float) -> bool:
        if "U" in (output.dtype.kind, expected.dtype.kind):
            return expected.shape == output.shape and bool(self.same_words(expected, output, rtol).all())
        return expected.shape == output.shape and bool(np.allclose(output, expected, rtol=rtol, atol=self.atol))

    def same_words(self, expected: np.ndarray, output: np.ndarray, rtol: float | None = None) -> np.ndarray:
        """Which words agree; of a table's lines, those with the same key and the same word or nearly the same number."""
        rtol = self.rtol if rtol is None else rtol
        lines = expected.astype(str), output.astype(str)

        def agree(line: str, other: str) -> bool:
            (key, value), (other_key, other_value) = _entry(line), _entry(other)
            if isinstance(value, float) and isinstance(other_value, float):
                return key == other_key and math.isclose(value, other_value, rel_tol=rtol, abs_tol=self.atol)
            return key == other_key and value == other_value

        return np.vectorize(agree, otypes=[bool])(*lines) if self.result == "table" else np.equal(*lines)


def of_kind(kind: str, cases: Mapping[str, Case]) -> list[str]:
    """The cases of a kind: 'plain' and 'plain: one image' are both plain."""
    return [name for name in cases if name.partition(":")[0] == kind]


def double(value):
    """Floats and arrays of them in float64, also inside dicts; lists and dicts copied, so that nothing can be changed in place."""
    if isinstance(value, dict):
        return {name: double(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return np.array(value, dtype=float if value.dtype.kind == "f" else None)
    return copy.deepcopy(value)


def plain(value):
    """Arrays, tuples and NumPy's numbers as lists and numbers of Python's own, also inside lists and dicts."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain(name): plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def as_array(value) -> np.ndarray:
    """A result as an array of float64 or words; a dict as its lines in alphabetical order."""
    if isinstance(value, Mapping):
        lines = {str(name): plain(inner) for name, inner in value.items()}
        value = [
            f"{name}: {inner:.9g}" if isinstance(inner, float) else f"{name}: {inner}" for name, inner in sorted(lines.items())
        ]
    array = np.asarray(value)
    return array if array.dtype.kind == "U" else np.asarray(value, dtype=float)


def _entry(line: str) -> tuple[str, float | str]:
    """A line of a table, as `as_array` writes it, as its key and its number or word."""
    key, _, value = line.rpartition(": ")
    try:
        return key, float(value)
    except ValueError:
        return key, value


def shorten(text: str) -> str:
    """A text that fits into a sentence."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
