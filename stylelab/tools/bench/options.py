"""What was asked for. Everything that can be wrong in it is found here, before a framework is imported."""

from dataclasses import dataclass, replace
from pathlib import Path

from stylelab import BACKENDS, encoders
from stylelab.base.files import check_folder, printable
from stylelab.errors import InputError, unknown
from stylelab.run.numerics.precision import check_precision

DEVICES = ("cpu", "gpu", "cuda", "mps")
PLOTS = (".png", ".pdf", ".svg")
QUICK = {"sizes": (256,), "steps": 5, "race": 0, "tile": 0}
FULL = {"sizes": (256, 512), "steps": 10, "race": 300, "tile": None}


@dataclass(frozen=True)
class Asked:
    """What to measure.

    Attributes:
        backends, sizes, precisions, encoder: as on the command line; sizes are long sides in pixels. Empty: the default.
        steps: counted rounds; `WARM_UP` more are made before them.
        race: steps of the race to the tutorial's loss, 0 for none.
        tile: side in pixels of a tile to be measured too; 0 for none, None for half of the long side.
        quick: whether the long parts are left out.
        peers: folder with clones of other people's repositories.
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
    quick: bool = False
    peers: Path | None = None
    out: Path | None = None
    plot: Path | None = None


def check(asked: Asked) -> Asked:
    """The same with what was left open filled in.

    Raises:
        InputError, MachineError: one line about the option at fault.
    """
    for backend in asked.backends:
        if backend not in BACKENDS:
            raise unknown("backend", backend, BACKENDS)
    for precision in asked.precisions:
        check_precision(precision)
    _check_device(asked.device)
    defaults = QUICK if asked.quick else FULL
    filled = replace(
        asked,
        backends=tuple(dict.fromkeys(asked.backends)) or BACKENDS,
        precisions=tuple(dict.fromkeys(asked.precisions)) or ("float32", "auto"),
        sizes=asked.sizes or defaults["sizes"],
        **{name: _given(getattr(asked, name), defaults[name]) for name in ("steps", "race", "tile")},
    )
    for name, least in (("steps", 2), ("race", 0), ("tile", 0)):
        if (value := getattr(filled, name)) is not None and value < least:
            raise InputError(f"--{name} is {value}: give a whole number of at least {least}")
    _check_files(filled)
    return _check_images(filled)


def _given(value, default):
    return default if value is None else value


def _check_device(name: str | None) -> None:
    if name is None:
        return
    kind, _, index = name.partition(":")
    if kind not in DEVICES or not (index or "0").isdigit():
        raise unknown("device", name, DEVICES)


def _check_files(asked: Asked) -> None:
    for path in filter(None, (asked.out, asked.plot)):
        if path.is_dir():
            raise InputError(f"'{printable(path)}' is a folder: name a file in it")
        check_folder(path.parent)
    if asked.plot and asked.plot.suffix.lower() not in PLOTS:
        raise InputError(f"cannot plot into '{printable(asked.plot)}': its ending is none of {', '.join(PLOTS)}")
    if asked.peers and not asked.peers.is_dir():
        raise InputError(f"'{printable(asked.peers)}' is no folder: clone the peers into one, docs/speed.md says how")


def _check_images(asked: Asked) -> Asked:
    from stylelab.run.prepare import prepare

    if not (encoder_missing := asked.encoder == "vgg19" and not in_cache("vgg19")):
        encoders.find_encoder(asked.encoder)
    for size in asked.sizes:
        prepare(asked.content, asked.style, encoder="mini" if encoder_missing else asked.encoder, size=size, recipe="lab")
    return asked


def in_cache(name: str) -> bool:
    """Whether an encoder that is downloaded once is there."""
    return (encoders.cache_dir() / f"{name}.safetensors").is_file()
