"""Paint the frames of a film, each with a look at the one before it: with a network, or by optimisation."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from stylelab import images
from stylelab.base.interrupts import interrupts
from stylelab.errors import StylelabError
from stylelab.networks.file import check_style
from stylelab.run.backends import load_backend
from stylelab.run.one_pass import choose_network
from stylelab.run.options import OnePassOptions, Options, VideoOptions, values_of
from stylelab.run.prepare import Previous, Run, follow, prepare_run

BLEND, RECIPE = 1.5, 100.0  # the temporal weights, of a network and of a recipe
LATER = 3  # a frame that starts from the one before it needs a third of the steps


class Painter(Protocol):
    """What paints frames `(H, W, 3)` in 0..1, all of one size.

    Attributes:
        scale: what the temporal weight is multiplied by; None until the first frame is painted.
    """

    scale: float | None

    def alone(self, frame: np.ndarray) -> np.ndarray:
        """A frame painted by itself."""

    def after(self, frame: np.ndarray, warped: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """A frame after another: `warped` is the painted one before it, moved, and `mask` where both show the same."""


def make_painter(styles: list[str], frame: np.ndarray, options: VideoOptions, backend: str) -> Painter:
    """The painter for a film, whose first frame is given. Mistakes are found here, before a framework is imported.

    Raises:
        InputError, MachineError: a style, a name or a number is wrong.
    """
    if options.recipe is not None:
        return _Optimised(styles, frame, options, backend)
    return _InOnePass(styles, options, backend)


class _InOnePass:
    scale: float | None = 1.0

    def __init__(self, styles: list[str], options: VideoOptions, backend: str):
        self.options = OnePassOptions(**values_of(options, OnePassOptions))
        self.styles, self.backend = styles, backend
        self.weight = BLEND if options.temporal_weight is None else options.temporal_weight
        self.paint: Callable[[np.ndarray], np.ndarray] | None = None
        network = choose_network(styles, self.options)
        for style in styles:
            check_style(network, style) if getattr(network, "styles", ()) else images.open_image(style)

    def alone(self, frame: np.ndarray) -> np.ndarray:
        if self.paint is None:
            self.paint = load_backend(self.backend).one_pass(self.styles, self.options)
        return self.paint(frame)

    def after(self, frame: np.ndarray, warped: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Of all images x the one with the least (x - painted)^2 + weight * (x - warped)^2: their weighted mean."""
        share = np.float32(self.weight / (1 + self.weight)) * mask[..., None]
        return (1 - share) * self.alone(frame) + share * warped


class _Optimised:
    scale: float | None = None

    def __init__(self, styles: list[str], frame: np.ndarray, options: VideoOptions, backend: str):
        names = ("recipe", "encoder", "steps", "seed", "device", "strength", "blend", "keep_colours")
        self.options = Options(**{name: getattr(options, name) for name in names}, size=max(frame.shape[:2]))
        self.styles, self.backend = styles, backend
        self.weight = RECIPE if options.temporal_weight is None else options.temporal_weight
        self.steps = self._run(frame).steps

    def _run(self, frame: np.ndarray) -> Run:
        return prepare_run([frame], [self.styles], self.options)

    def alone(self, frame: np.ndarray) -> np.ndarray:
        result = self._paint(self._run(frame))
        if self.scale is None:
            self.scale = float(result.history["total"][-1])
        return result.image

    def after(self, frame: np.ndarray, warped: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """At weight 100, a difference of 0.1 in all pixels costs as much as what was left of the first frame's loss."""
        assert self.scale is not None
        previous = Previous(warped, mask, self.weight * self.scale)
        return self._paint(follow(self._run(frame), previous, max(1, round(self.steps / LATER)))).image

    def _paint(self, run: Run) -> Any:
        with interrupts() as signals:
            signals.waits = False  # at the end of a run Ctrl-C waits until its image is saved; here it is one frame of many
            (result,) = load_backend(self.backend).paint(run)
            if signals.numbers or len(result.history) < run.steps and (result.stopped or "").startswith("stopped"):
                raise KeyboardInterrupt
        if result.stopped:
            raise StylelabError(result.stopped)
        return result
