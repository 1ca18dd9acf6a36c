"""Sentences for answers that are not right. They do not contain the solution."""

import os

import numpy as np

from stylelab.exercises.checking.definition import ANY_SHAPE, LONGEST, NUMBERS, Case, Exercise, shorten

NOT_FINITE = (
    "The result is not finite: look for a division by zero, or for a root or another fractional power of a negative number."
)
ONCE = "Right for one input"
DRIFTS = (
    "The first call is right, but a second call with the same arguments gives another result: keep nothing between calls (a "
    "gradient that adds up in `.grad`?) and draw nothing at random."
)
RANDOM = "A second call with the same arguments gives another result: draw nothing at random, use only the arguments."
BEFORE = 30  # letters of a text that are shown before it parts from the right one
NEARLY = 5e-3  # relative: what half precision or rounding does


def changes(name: str) -> str:
    """For an argument that is changed in place."""
    return f"It changes its input `{name}` in place: work on a copy, because others use it too."


def shape_sentence(exercise: Exercise, shape: tuple[int, ...], output: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """For a shape in the framework's own layout; `output` and `expected` are channels last."""
    if exercise.result == "table":
        return f"It has {len(output) and output[0]} entries; expected {expected[0]}."
    if exercise.result == "list" and len(output) == len(expected) == 1:
        return f"A list of {output[0]}; expected {expected[0]}."
    if exercise.result in ANY_SHAPE:
        why = " The axes are in another order." if sorted(output) == sorted(expected) else ""
        return f"Shape {shape}; expected {expected}.{why}"
    if exercise.result in NUMBERS:
        how = "take the one number out of it, with [0]" if np.prod(shape) == 1 else "sum or average over all axes"
        return f"Shape {shape}; expected a single number, shape (): {how}."
    if exercise.result in ("image", "activation"):
        if sorted(output) == sorted(expected):
            why = " The axes are in another order: where does your framework keep the channels?"
        elif expected[0] > 1 and sorted(output[-3:]) == sorted(expected[1:]) and np.prod(output) == np.prod(expected[1:]):
            why = " Only one image of the batch is left: keep all of them."
        elif not shape:
            why = f" Every {'pixel' if exercise.result == 'image' else 'position'} has a number of its own."
        else:
            why = " Keep all four axes, those of length 1 as well." if len(shape) < 4 else ""
        return f"Shape {shape}; expected the shape of the input {exercise.result}.{why}"
    if len(expected) == 2:
        return f"Shape {shape}; expected {expected}, as the matrices that come in."
    batch, filters, _ = expected
    if len(shape) > 3:
        why = "Flatten height and width into one axis before you multiply."
    elif len(shape) == 2 and shape[0] == shape[1] != filters:
        why = "The filters are flattened as well: flatten height and width alone."
    elif len(shape) < 3:
        why = "Keep the batch axis: one matrix for each image."
    elif shape[:2] == (batch, filters):
        why = "Its last axis should be the filters once more: multiply by the transposed activation."
    else:
        why = "Both sides should be the filters: where does your framework keep the channels?"
    return f"Shape {shape} for a batch of {batch} with {filters} filters; expected {expected}. {why}"


def value_sentence(exercise: Exercise, case: Case, output: np.ndarray) -> str:
    """For a wrong value: how many times too large it is, or where it is wrong."""
    expected, example = exercise.expected(case), exercise.example(case)
    if expected.dtype.kind == "U" and expected.ndim == 0:
        given, right = _where_they_part(str(output), str(expected))
        return f"{example or 'It'} gives '{given}' where '{right}' is right."
    if "U" in (expected.dtype.kind, output.dtype.kind):
        index = tuple(np.argwhere(~exercise.same_words(expected, output))[0])
        where = f"For {example}, it" if example else "It"
        return f"{where} has '{shorten(str(output[index]))}' where '{shorten(str(expected[index]))}' is right."
    if exercise.result == "truth":
        return f"{example or 'It'} gives {bool(output)} where {bool(expected)} is right."
    if np.allclose(output, expected, rtol=NEARLY, atol=exercise.atol):
        near = f"{example} is nearly right" if example else "The result is nearly right"
        return f"{near}, but not quite: leave out any rounding, small number that is added, or half precision."
    if example and output.ndim == 0:
        return f"{example} gives {float(output.reshape(())):.4g} where {float(expected):.4g} is right."
    if output.ndim == 0:
        factor = f", {float(output / expected):.3g} times as much" if expected else ""
        return f"The value is {float(output):.4g} where {float(expected):.4g} is right{factor}."
    factor = np.sum(output * expected) / max(np.sum(expected**2), 1e-30)
    if factor and np.allclose(output, factor * expected, rtol=exercise.rtol, atol=exercise.atol):
        return f"The shape is right, but every value is {factor:.3g} times what it should be."
    index = tuple(int(axis) for axis in np.unravel_index(np.argmax(np.abs(output - expected)), expected.shape))
    if example and len(index) == 1:
        return f"For {example}, item {index[0]} is {output[index]:.6g} where {expected[index]:.6g} is right."
    return f"The shape is right, but the values are not: for example, {output[index]:.4g} where {expected[index]:.4g} is right."


def _where_they_part(text: str, right: str) -> tuple[str, str]:
    """Two texts on one line each, with `\\n` for a new line; of long ones, what is around the first difference."""
    first = len(os.path.commonprefix([text, right]))
    start = first - BEFORE if max(len(text), len(right)) > LONGEST and first > BEFORE else 0
    given, wanted = (("..." if start else "") + each[start:].replace("\n", "\\n") for each in (text, right))
    return shorten(given), shorten(wanted)


def not_for(kind: str, sentence: str) -> str:
    """For an answer that is right for the first input but not for another kind of input that a lesson has."""
    return f"{ONCE}, but not for {kind}: {sentence or 'nothing is returned.'}"


def no_slope(argument: str, case: Case, kind: str = "") -> str:
    """For a gradient that is not a finite number, such as that of a root at 0, in a kind of input that a lesson has."""
    value = case[argument]
    arrays = [np.asarray(array) for array in (value.values() if isinstance(value, dict) else [value])]
    twins = [name for name, other in case.items() if name != argument and np.array_equal(np.asarray(other), arrays[0])]
    if twins:
        where = f"where `{argument}` and `{twins[0]}` are the same"
    elif kind:
        where = f"for {kind}"
    elif any(array.ndim > 2 and not np.ptp(array, axis=(1, 2)).any() for array in arrays):
        where = "where neighbours are equal, as in an image of one colour"
    else:
        where = f"where `{argument}` is {'0' if any((array == 0).any() for array in arrays) else 'as large as this'}"
    return f"the gradient is not finite {where}: a root, a power below 1, a length, a logarithm or a quotient has no slope at 0. Do without it."


def only_once(before: Case, case: Case, exercise: Exercise, sentence: str) -> str:
    """For an answer that is right for one input but not for another."""
    size = _size(exercise, case)
    other = f", of {size}" if size and size != _size(exercise, before) else ""
    return f"{ONCE}, but not for another{other}: {sentence or 'nothing is returned.'}"


def _size(exercise: Exercise, case: Case) -> str:
    """The size of an input, independent of the order of its axes."""
    for name, kind in exercise.arguments.items():
        if kind == "activations":
            return f"{len(case[name])} layers"
        if kind in ("activation", "image"):
            batch, height, width, filters = np.shape(case[name])
            unit = "pixels" if kind == "image" else f"positions and {filters} filters"
            return f"{height} x {width} {unit} in a batch of {batch}"
    return ""
