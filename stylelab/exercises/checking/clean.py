"""What comes back from a process that a student controls, made fit for judging. What is left out earns nothing."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from stylelab.exercises.checking.call import Answer
from stylelab.exercises.checking.definition import Case, Exercise

MOST = 1_000_000  # numbers in one output: what an exercise asks for has a few hundred
LETTERS = 100  # of a word
STRANGE = "What came back is neither numbers nor a word that could be judged."


def cleaned(exercise: Exercise, cases: Mapping[str, Case], answer: Answer) -> Answer:
    """The answer with nothing in it but outputs to these cases, as float64 or a word, and gradients of the right shapes."""
    outputs = {name: _output(exercise, answer.outputs[name]) for name in cases if name in answer.outputs}
    kept = {name: output for name, output in outputs.items() if output is not None}
    return replace(
        answer,
        outputs=kept,
        shapes={name: _shape(answer.shapes.get(name), output) for name, output in kept.items()},
        trouble=answer.trouble or (None if len(kept) == len(outputs) else ("type", STRANGE)),
        changed=tuple(name for name in exercise.arguments if name in answer.changed) or answer.changed[:1] and ("?",),
        gradients=_gradients(exercise, next(iter(cases.values())), answer.gradients),
    )


def _output(exercise: Exercise, output) -> np.ndarray | None:
    if not isinstance(output, np.ndarray | np.generic):
        return None
    if exercise.result == "word":
        return np.asarray(str(output.reshape(()))[:LETTERS]) if output.dtype.kind == "U" and output.size == 1 else None
    return np.asarray(output, dtype=float) if output.dtype.kind in "fiub" and output.size <= MOST else None


def _shape(told, output: np.ndarray) -> tuple[int, ...]:
    """The shape in the framework's own layout; where that cannot be true, the array's."""
    fits = isinstance(told, tuple) and sorted(told) == sorted(output.shape)
    return told if fits else output.shape


def _gradients(exercise: Exercise, case: Case, gradients: Mapping) -> dict:
    return {name: _gradient(case[name], gradients[name]) for name in exercise.arguments if name in gradients}


def _gradient(value, gradient):
    """The gradient if it has the shape of what it belongs to, else None; by layer for a dict."""
    if isinstance(value, dict):
        by_layer = gradient if isinstance(gradient, Mapping) else {}
        return {layer: _gradient(each, by_layer.get(layer)) for layer, each in value.items()}
    fits = isinstance(gradient, np.ndarray | np.generic) and gradient.dtype.kind in "fiub" and gradient.shape == np.shape(value)
    return np.asarray(gradient, dtype=float) if fits else None
