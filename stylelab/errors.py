"""The two ways a run can fail for a reason that is not a bug, each with its exit status."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class StylelabError(Exception):
    """Something the reader can put right. Its text is one line that says what to do."""

    exit_status = 1


class InputError(StylelabError, ValueError):
    """The user's input is at fault: a file, a name, a size. Exit status 1."""


class MachineError(StylelabError, RuntimeError):
    """The machine lacks something: a package, a GPU asked for by name, the network. Exit status 2."""

    exit_status = 2


class NotFiniteError(StylelabError, ArithmeticError):
    """The loss became NaN or infinite. `image` is the last one whose loss was a number.

    Attributes:
        image: `(H, W, 3)` float32 in 0..1.
        index: the step whose loss is not finite, from 1.
    """

    def __init__(self, index: int, loss: float, image: "np.ndarray"):
        super().__init__(f"the loss is {loss} at step {index}: lower the learning rate or the style weight, or change the layers")
        self.index, self.image = index, image


def unknown(kind: str, name: object, choices: Iterable[str]) -> InputError:
    """An error for a name that is not among `choices`, with the nearest one as a suggestion."""
    choices = list(choices)
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(choices)}"
    return InputError(f"unknown {kind} '{name}': {hint}")


INTERRUPTED = 130  # what a shell expects of a command that was ended with Ctrl-C


class Interrupted(StylelabError):
    """Ctrl-C before there was anything to save."""

    exit_status = INTERRUPTED
