"""Errors that are not bugs: the message is one line that says what to do, and each kind has its exit status."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

INTERRUPTED = 130  # the exit status that a shell expects after Ctrl-C


class StylelabError(Exception):
    """Something that the user can put right. The text is one line that says how."""

    exit_status = 1


class InputError(StylelabError, ValueError):
    """The user's input is wrong: a file, a name, a size. Exit status 1."""


class MachineError(StylelabError, RuntimeError):
    """The machine lacks something: a package, a GPU asked for by name, the network. Exit status 2."""

    exit_status = 2


class Interrupted(StylelabError):
    """Ctrl-C was pressed before there was anything to save. Exit status 130."""

    exit_status = INTERRUPTED


class NotFiniteError(StylelabError, ArithmeticError):
    """The loss became NaN or infinite.

    Attributes:
        image: `(H, W, 3)` float32 in 0..1, the last image whose loss was finite.
        index: the step whose loss is not finite, counted from 1.
        loss: NaN or infinite.
    """

    def __init__(self, index: int, loss: float, image: "np.ndarray"):
        super().__init__(f"the loss is {loss} at step {index}: lower the learning rate or the style weight, or change the layers")
        self.index, self.loss, self.image = index, loss, image


def unknown(kind: str, name: object, choices: Iterable[str]) -> InputError:
    """The error for a name that is not one of `choices`; it suggests the nearest one.

    >>> from stylelab.errors import unknown
    >>> print(unknown("layer", "con4_2", ["conv4_2", "conv5_1"]))
    unknown layer 'con4_2': did you mean 'conv4_2'?
    >>> print(unknown("device", "moon", ["cpu", "gpu"]))
    unknown device 'moon': choose one of cpu, gpu
    """
    choices, name = list(choices), "".join(character if character.isprintable() else "?" for character in str(name))
    nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"choose one of {', '.join(choices)}"
    return InputError(f"unknown {kind} '{name}': {hint}")
