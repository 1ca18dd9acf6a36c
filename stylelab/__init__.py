"""stylelab: a course kit on neural style transfer, in PyTorch and in TensorFlow.

`import stylelab` imports neither framework; `import stylelab.torch as sl` or `import stylelab.tensorflow as sl` does.
"""

from __future__ import annotations

from pathlib import Path as _Path
from typing import TYPE_CHECKING

from stylelab.errors import InputError, MachineError, NotFiniteError, StylelabError
from stylelab.run.backends import BACKENDS
from stylelab.run.backends import __version__ as __version__
from stylelab.run.backends import load_backend as load_backend
from stylelab.run.options import BackendCallOptions, CallOptions, keywords, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stylelab.images import Source
    from stylelab.result import Result
    from stylelab.tools.studio.widget import Studio

__all__ = [
    "BACKENDS", "InputError", "MachineError", "NotFiniteError", "StylelabError", "check", "hint", "progress", "solution", "studio", "submit", "transfer", "transfer_batch",
]  # fmt: skip


@keywords(BackendCallOptions)
def transfer(content: Source, style: Source | Sequence[Source], options: BackendCallOptions) -> Result:
    """Paint one image's content in another's style, in the framework that `backend` names.

    >>> stylelab.transfer("cat", "fluid", size=48, steps=2)
    Result(stylelab, 48 x 32, History(2 steps, total ... -> ...), ... s on ...)

    Args:
        content, style: path, built-in name, PIL image, or float array `(H, W, 3)` in 0..1. A list of several styles is blended.
        options: the fields of `stylelab.run.options.BackendCallOptions`, as keywords.

    Returns:
        `stylelab.result.Result`.

    Raises:
        InputError: the input is at fault; one line says how.
        MachineError: the framework is not installed, or a GPU asked for by name is not there.
    """
    half = load_backend(options.backend)
    return half.transfer(content, style, **values_of(options, CallOptions))


@keywords(BackendCallOptions)
def transfer_batch(
    contents: Sequence[Source], styles: Sequence[Source | Sequence[Source]], options: BackendCallOptions
) -> list[Result]:
    """Paint several pairs in one run, in the framework that `backend` names.

    >>> results = stylelab.transfer_batch(["cat", "coffee"], ["fluid", "fluid"], size=48, steps=2)
    >>> [result.image.shape for result in results]
    [(32, 48, 3), (32, 48, 3)]

    Args:
        contents, styles: as many of the one as of the other.
        options: see `stylelab.torch.transfer_batch`.

    Returns:
        A `stylelab.result.Result` for each pair.

    Raises:
        InputError: the input is at fault; one line says how.
        MachineError: the framework is not installed, or a GPU asked for by name is not there.
    """
    half = load_backend(options.backend)
    return half.transfer_batch(contents, styles, **values_of(options, CallOptions))


def studio() -> Studio:
    """A page in the notebook on which images are chosen, painted step by step, compared and saved.

    Returns:
        `stylelab.tools.studio.widget.Studio`, a widget that a notebook shows.
    """
    from stylelab.tools.studio.widget import Studio

    return Studio()


def check(exercise_id: str, function: Callable) -> Callable:
    """Check the answer to an exercise that needs no framework, and return the function to continue with.

    As `stylelab.torch.check`, for a course of one's own whose lessons use NumPy or plain Python: see docs/own-course.md.

    Args:
        exercise_id: such as 'gram_matrix'.
        function: the answer itself, not its result.

    Returns:
        `function` if it is right, otherwise the course's own function.

    Raises:
        InputError: the exercise is unknown; the nearest name is suggested.
        AssertionError: the answer is wrong or missing, and nbgrader is running the notebook.
    """
    from stylelab import exercises

    return exercises.check(exercise_id, function, exercises.PlainLab(), "numpy", {})


def hint(exercise_id: str) -> None:
    """Show the next of the hints of an exercise that needs no framework; as `stylelab.torch.hint`.

    Args:
        exercise_id: of an exercise in the course that the current folder belongs to.

    Raises:
        InputError: the exercise is unknown, or has no hints.
    """
    from stylelab.exercises import ladder

    ladder.hint(exercise_id, "numpy", {})


def solution(exercise_id: str, function: Callable | None = None) -> None:
    """Show the model answer to an exercise that needs no framework next to yours; as `stylelab.torch.solution`.

    Args:
        exercise_id: of an exercise in the course that the current folder belongs to.
        function: yours; by default the one that was checked last.

    Raises:
        InputError: the exercise is unknown.
    """
    from stylelab.exercises import ladder

    ladder.solution(exercise_id, "numpy", {}, function)


def progress(folder: str | Path = ".") -> None:
    """Show how far you are: which exercises are right, which guesses you made, what is next.

    It is read from the notebooks in the folder, as they were last saved. Nothing leaves your machine.

    Args:
        folder: with your lessons.

    Raises:
        InputError: no lesson is in the folder.
    """
    from stylelab.exercises.progress import progress

    progress(_Path(folder))


def submit(folder: str | Path = ".", to: str | Path = "") -> None:
    """Show which lessons are in a folder, how many exercises are right, and a button that submits them.

    What was last saved is submitted: save first. You can submit again; earlier submissions are kept.

    Args:
        folder: with your lessons.
        to: a folder, or 'nbgrader'; by default where your course collects.

    Raises:
        InputError: no lesson is in the folder, or nothing says where to hand in.
    """
    from stylelab.exercises.hand_in import submit

    submit(_Path(folder), to)
