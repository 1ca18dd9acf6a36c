"""How a network is trained: its options, the photographs that it practises on, its steps, and the state from which it continues."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.files import expand_home, printable
from stylelab.encoders.file import digest
from stylelab.errors import InputError
from stylelab.networks.file import load_weights, save_network
from stylelab.networks.spec import COLOURS, SHAPES, STYLE_LAYERS, Network, Shape, Weights, colours_of, plain_code
from stylelab.recipes import MeanCovariance
from stylelab.run import state
from stylelab.run.options import FROM_NOTHING, TrainingOptions

STYLE_LOSS = MeanCovariance(relative=True)
SHARES = dict(zip(STYLE_LAYERS, (0.1, 0.1, 0.2, 0.25, 0.35), strict=True))  # deep layers carry the forms of a style
CONTENT_LAYER = "conv3_1"
VARIATION = 0.6  # of the squared differences of neighbouring pixels: without it, flat areas are filled with grain
PRACTICE = ("astronaut", "cat", "china", "coffee", "flower", "rocket", "motorcycle")
SIDES = (640, 448, 320)  # of the photographs, so that a crop shows details or a whole scene
SKY = 0.4  # of crops: how many are given one
FARTHEST = 4000.0  # pixels down and to the right, where crops find their waves
CODE_RATE = 3.0  # codes learn that many times as fast as filters
FILTER_RATE, MOMENTUM = 1.5, 0.95  # of filters: their step against the learning rate, and what is kept of earlier gradients
SCHULZ = (3.4445, -4.7750, 2.0315)  # of Jordan et al. 2024: brings singular values from 0..1 close to 1 in five rounds
BETA1, BETA2 = 0.9, 0.999
MOMENTS = ("mean", "square")  # of a parameter's gradients
LONGEST = 1.0  # a longer gradient is shortened to this
INTERVAL = 30.0  # seconds between two times that a training is kept
Arrays = Mapping[str, np.ndarray]


def learning_rate(options: TrainingOptions, step: int, seconds: float) -> float:
    """The learning rate of a step, after that many seconds: half a cosine wave down to 0 at the sooner of both ends."""
    done = (step - 1) / options.steps
    if options.minutes is not None:
        done = max(done, seconds / (60 * options.minutes))
    assert options.learning_rate is not None  # `TrainingOptions` has put its own in place of None
    return options.learning_rate * (1 + math.cos(math.pi * min(1.0, done))) / 2


def ended(options: TrainingOptions, step: int, seconds: float) -> bool:
    """Whether this step is no longer taken; the first one always is."""
    return step > options.steps or (step > 1 and options.minutes is not None and seconds >= 60 * options.minutes)


@dataclass(frozen=True)
class TrainingStep:
    """One step of a training.

    Attributes:
        index: 1 for the first step.
        loss: of the crops that the step started from.
        parts: 'style', 'content', 'range' and 'variation', weighted, which add up to `loss`.
        seconds: since the start, those before a stop included.
        network: as it is after the step.
    """

    index: int
    loss: float
    parts: dict[str, float]
    seconds: float
    network: Network = field(repr=False)
    read: Callable[[], Weights] = field(repr=False)

    def weights(self) -> Weights:
        """The network's weights after the step, copied; see `stylelab.networks.read_network`. To be read before the next step."""
        return self.read()

    def save(self, path: "str | os.PathLike[str]") -> Path:
        """Write the network as it is after this step; to be called before the next step.

        Raises:
            InputError, MachineError: as `stylelab.networks.save_network`.
        """
        return save_network(path, self.network, self.weights())


class Crops:
    """Square crops of photographs, at random, but always the same for the same seed and step."""

    def __init__(self, photographs: "Sequence[np.ndarray]", size: int, seed: int):
        self.size, self.seed = size, seed
        self.photographs = [photograph for photograph in photographs if min(photograph.shape[:2]) >= size]
        if not self.photographs:
            raise InputError(f"no photograph has {size} pixels on its short side: give a smaller size")

    def draw(self, step: int, batch: int) -> np.ndarray:
        """`(batch, size, size, 3)` float32 in 0..1: mirrored half of the time, and in other light than the photograph's."""
        random = np.random.default_rng([self.seed, step])
        return np.stack([self._one(random) for _ in range(batch)]).astype(np.float32)

    def start(self, step: int) -> tuple[float, float]:
        """Where the waves that a step's crops are given begin; see `Shape.waves_along`."""
        y, x = np.random.default_rng([self.seed, step, 2]).uniform(0, FARTHEST, 2)
        return y, x

    def choose(self, step: int, batch: int, count: int) -> list[int]:
        """Which of that many styles each crop of a step is painted in."""
        return np.random.default_rng([self.seed, step, 1]).integers(count, size=batch).tolist()

    def _one(self, random: np.random.Generator) -> np.ndarray:
        photograph = self.photographs[random.integers(len(self.photographs))]
        top, left = (random.integers(side - self.size + 1) for side in photograph.shape[:2])
        crop = photograph[top : top + self.size, left : left + self.size]
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        if random.random() < 0.6:
            light = random.uniform(-0.12, 0.12) + random.uniform(-0.06, 0.06, 3)
            crop = np.clip((crop - 0.5) * random.uniform(0.6, 1.2) + 0.5 + light, 0, 1)
        return _with_sky(crop, random) if random.random() < SKY else crop


def _with_sky(crop: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A crop with one side of it smoothed out, as a sky or a wall is. A network that has seen few of them turns the
    camera's noise there into grain."""
    side = len(crop)
    y, x = np.mgrid[:side, :side] / side - 0.5
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.3, 0.3)
    share = np.clip(8 * (x * np.cos(angle) + y * np.sin(angle) + place) + 0.5, 0, 1)[..., None]
    smooth = images.resize(images.resize(np.ascontiguousarray(crop, np.float32), max(side // 16, 1)), side)
    noisy = smooth + random.normal(0, random.uniform(0, 0.02), crop.shape)
    return np.clip(crop + share * (noisy - crop), 0, 1)


def first_filters(shape: Shape, seed: int) -> Weights:
    """Random filters: normal, with a variance of 2 over the number of inputs (He et al. 2015), and half of that deviation at the end."""
    random = np.random.default_rng(seed)
    return {
        f"{name}.weight": (
            random.normal(size=(filters, channels, side, side))
            * (2 / (channels * side**2)) ** 0.5
            * (0.5 if name == "last" else 1)
        ).astype(np.float32)
        for name, (filters, channels, side) in shape.convolutions.items()
    }


def start_of(styles: Mapping[str, np.ndarray], options: TrainingOptions) -> tuple[Network, Weights]:
    """The network that a training starts from: filters, and a code for each style.

    A style whose name the network knows keeps its code; another begins with the mean of all. Colours are the images' own.
    """
    if options.network in FROM_NOTHING:
        shape = SHAPES[str(options.network)]
        known, weights = Network("", shape), first_filters(shape, options.seed)
        middle = plain_code(shape, np.zeros(0))
    else:
        known, weights = load_weights(options.network)
        shape = known.shape
        middle = weights["codes"][:, :-COLOURS].mean(0) if known.styles else weights["codes.bias"]
    codes = []
    for name, image in styles.items():
        code = weights["codes"][known.styles.index(name), :-COLOURS] if name in known.styles else middle
        codes.append(np.concatenate([code, colours_of(image)]))
    network = Network("+".join(styles), shape, tuple(styles), source=f"trained by stylelab from '{options.network}'")
    filters = {f"{name}.weight": weights[f"{name}.weight"] for name in shape.convolutions}
    return network, {**filters, "codes": np.stack(codes)}


def practice(photographs: "Sequence[images.Source] | None" = None) -> list[np.ndarray]:
    """Photographs at several sizes, for a network to practise on; by default the built-in ones that this machine has."""
    sources = photographs or [name for name in PRACTICE if name in images.content_names()]
    opened = [images.open_image(source) for source in sources]
    return [images.resize(image, min(side, max(image.shape[:2]))) for image in opened for side in SIDES]


class TrainingState:
    """The file in which a training is kept, so that it can continue where it was stopped.

    Attributes:
        step, seconds: how far it has come.
        arrays: what the training left there; empty at the start.
    """

    def __init__(self, options: TrainingOptions, styles: Mapping[str, np.ndarray]):
        self.path = None if options.resume is None else expand_home(options.resume)
        unimportant = {"minutes": None, "resume": None, "device": None, "network": str(options.network)}
        self.about = {**asdict(options), **unimportant, "styles": {name: _mark(image) for name, image in styles.items()}}
        self.step, self.seconds, self.arrays = 0, 0.0, {}
        found = state.read(self.path) if self.path else None
        if found:
            self._check(found.about)
            self.step, self.seconds, self.arrays = found.about["step"], found.about["seconds"], dict(found.arrays)
        self.began, self.next = time.monotonic() - self.seconds, time.monotonic() + INTERVAL

    def _check(self, about: Mapping[str, Any]) -> None:
        for name, value in self.about.items():
            if "training" not in about or about["training"].get(name) != value:
                what = "the styles" if name == "styles" else name
                raise InputError(
                    f"'{printable(self.path)}' is of another training ({what} differ): give the same options, or remove it to start again"
                )

    def clock(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self.began

    def keep(self, step: int, read: Callable[[], Arrays], *, now: bool = False) -> None:
        """Write the file if it is time, or at once."""
        if self.path and (now or time.monotonic() >= self.next) and step > 0:
            about = {"format": state.FORMAT, "training": self.about, "step": step, "seconds": self.clock()}
            state.write(self.path, read(), about)
            self.next = time.monotonic() + INTERVAL

    def end(self, step: int) -> None:
        """Remove the file, as the training has finished; one that took no further step may yet be given more time."""
        if self.path and step > self.step:
            self.path.unlink(missing_ok=True)


def _mark(image: np.ndarray) -> str:
    return digest({"image": np.ascontiguousarray(image, np.float32)})


def open_styles(style: Any) -> dict[str, np.ndarray]:
    """Style images by name: of a mapping, of a list of built-in names or paths, or of one.

    Raises:
        InputError: an image cannot be opened, two have one name, or an array has none.
    """
    if isinstance(style, Mapping):
        given = list(style.items())
    else:
        sources = list(style) if isinstance(style, list | tuple) else [style]
        given = [(_name(source), source) for source in sources]
    names = [str(name) for name, _ in given]
    if len(set(names)) < len(names) or not names:
        raise InputError("each style needs a name of its own: give {'name': image, ...}")
    return {str(name): images.open_image(source) for name, source in given}


def _name(source: Any) -> str:
    return Path(source).stem if isinstance(source, str | os.PathLike) else "style"
