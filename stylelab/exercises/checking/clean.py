"""Make what comes back from a process that a student controls safe to judge. Whatever is left out earns nothing."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import Case, Exercise

MOST = 1_000_000  # numbers in one output: an exercise needs a few hundred
LETTERS = 100  # in a word
STRANGE = "The result is neither numbers nor a word that can be judged."


def cleaned(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Answer:
    """The answer reduced to outputs for these cases, as float64 or a word, and gradients of the right shapes."""
    outputs = {name: _output(exercise, answer.outputs[name]) for name in cases if name in answer.outputs}
    kept = {name: output for name, output in outputs.items() if output is not None}
    shapes = {}  # in the framework's own layout, or the array's if that cannot be true
    for name, output in kept.items():
        shape = answer.shapes.get(name)
        shapes[name] = shape if isinstance(shape, tuple) and sorted(shape) == sorted(output.shape) else output.shape
    case = next(iter(cases.values()))
    return replace(
        answer,
        outputs=kept,
        shapes=shapes,
        trouble=answer.trouble or (None if len(kept) == len(outputs) else ("type", STRANGE)),
        changed=tuple(name for name in exercise.arguments if name in answer.changed) or answer.changed[:1] and ("?",),
        gradients={
            name: _gradient(case[name], answer.gradients[name]) for name in exercise.arguments if name in answer.gradients
        },
    )


def _output(exercise: Exercise, output) -> np.ndarray | None:
    if not isinstance(output, np.ndarray | np.generic):
        return None
    if exercise.result == "word":
        return np.asarray(str(output.reshape(()))[:LETTERS]) if output.dtype.kind == "U" and output.size == 1 else None
    return np.asarray(output, dtype=float) if output.dtype.kind in "fiub" and output.size <= MOST else None


def _gradient(value, gradient):
    """The gradient if its shape matches the argument's, otherwise None; by layer for a dict."""
    if isinstance(value, dict):
        by_layer = gradient if isinstance(gradient, Mapping) else {}
        return {layer: _gradient(inner, by_layer.get(layer)) for layer, inner in value.items()}
    fits = isinstance(gradient, np.ndarray | np.generic) and gradient.dtype.kind in "fiub" and gradient.shape == np.shape(value)
    return np.asarray(gradient, dtype=float) if fits else None
