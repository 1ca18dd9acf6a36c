"""Who is compared with whom, and on what: each tutorial with ours on the tutorial's own recipe."""

from dataclasses import dataclass

from stylelab.tools.bench.options import Asked

PEERS = {  # name of the clone's folder -> where it comes from, and the file of it that is imported
    "style-transfer-pytorch": ("https://github.com/crowsonkb/style-transfer-pytorch", "style_transfer/style_transfer.py"),
    "neural-style-pt": ("https://github.com/ProGamerGov/neural-style-pt", "neural_style.py"),
}
LIMITS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Contender:
    """Somebody who makes steps.

    Attributes:
        name: for the table.
        kind: of `stylelab.tools.bench.contender.KINDS`.
        backend: the framework that it runs in.
        precision, tile, scales: of ours; None for others, and where the default is meant.
    """

    name: str
    kind: str
    backend: str
    precision: str | None = None
    tile: int | None = None
    scales: int | None = None

    @property
    def options(self) -> dict:
        """What is given to `transfer` beside the common settings."""
        options = {"precision": self.precision, "tile": self.tile, "scales": self.scales}
        return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class Group:
    """Contenders that step in turn, all of them compared with each of `against`.

    Attributes:
        recipe: whose loss is lowered, by everyone in whose power that is.
        size: long side in pixels.
    """

    title: str
    recipe: str
    size: int
    against: tuple[Contender, ...]
    ours: tuple[Contender, ...]

    @property
    def contenders(self) -> tuple[Contender, ...]:
        return self.against + self.ours


def ours(backend: str, precision: str, tile: int | None = None, scales: int | None = None) -> Contender:
    """Our `transfer`."""
    extra = f", tile {tile}" if tile else f", {scales} sizes" if scales else ""
    return Contender(f"ours {backend} {precision}{extra}", "ours", backend, precision, tile, scales)


def groups(asked: Asked) -> list[Group]:
    """What is measured step by step, at each size."""
    return [group for size in asked.sizes for group in _at(size, asked)]


def _at(size: int, asked: Asked) -> list[Group]:
    found = []
    every = tuple(ours(backend, precision) for backend in asked.backends for precision in asked.precisions)
    if "torch" in asked.backends:
        tutorial = Contender("PyTorch tutorial", "pytorch tutorial", "torch")
        side = size // 2 if asked.tile is None else asked.tile
        tiled = (ours("torch", asked.precisions[-1], tile=side),) if side else ()
        found.append(Group("PyTorch tutorial", "lab", size, (tutorial,), every + tiled))
    if "tensorflow" in asked.backends:
        own = tuple(contender for contender in every if contender.backend == "tensorflow")
        tutorial = Contender("TensorFlow tutorial", "tensorflow tutorial", "tensorflow")
        found.append(Group("TensorFlow tutorial", "tf-tutorial", size, (tutorial,), own))
        if not asked.quick:
            example = Contender("Keras example", "keras tutorial", "tensorflow")
            found.append(Group("Keras example", "keras", size, (example,), own))
    if asked.peers:
        theirs = tuple(Contender(name, name, "torch") for name in PEERS)
        found.append(Group("peers", "lab", size, theirs, (ours("torch", asked.precisions[-1]),)))
    return found


def limits(group: Group) -> tuple[Contender, ...]:
    """The matrix products that a group's steps are measured by: one for each framework and precision in it."""
    backends = dict.fromkeys(contender.backend for contender in group.contenders)
    return tuple(
        Contender(f"limit {backend} {precision}", "limit", backend, precision) for backend in backends for precision in LIMITS
    )
