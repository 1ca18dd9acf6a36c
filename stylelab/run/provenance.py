"""Take down what a run was asked for and what that came to, so that a Result can say its settings."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from stylelab.encoders import Encoder, find_encoder, layer_name
from stylelab.errors import InputError
from stylelab.images import find_image
from stylelab.images.decode import ImageFile, from_array, from_image
from stylelab.recipes import RECIPES, Recipe, find_recipe
from stylelab.result import Result
from stylelab.run.checksums import sha256_of
from stylelab.run.settings import Settings, installed, packages

ROLES = ("content", "style")


@dataclass(frozen=True)
class Asked:
    """What one pair's run was asked for: two images as they were given, `transfer`'s other arguments, checksums."""

    backend: str
    images: Mapping[str, object]
    options: Mapping[str, object]
    sha256: Mapping[str, str | None]
    threads: int | None = None

    def settings(self, result: Result) -> Settings:
        """The settings with what 'auto' and None came to in this run.

        Raises:
            InputError: a recipe of one's own, or an image too large to be embedded.
        """
        files = {role: _as_data(role, image) for role, image in self.images.items()}
        made = {role: sha256_of(file) for role, file in files.items() if isinstance(file, ImageFile)}
        recipe = named(self.options["recipe"])
        sums = self.sha256 | made | {"recipe": sha256_of(recipe)}
        return Settings(
            **files, recipe=recipe.name, backend=self.backend, encoder=_encoder(self.options["encoder"], result.encoder),
            size=max(result.image.shape[:2]), steps=result.taken or result.recipe.steps, seed=int(self.options["seed"]),
            device=result.device, precision=result.precision, scales=int(self.options["scales"]), tile=result.tile,
            **{name: _number(self.options[name]) for name in ("content_weight", "style_weight", "tv_weight")},
            **{name: _layers(self.options[name]) for name in ("content_layers", "style_layers")},
            sha256={name: digest for name, digest in sums.items() if digest}, versions=_versions(self.backend),
            threads=self.threads,
        )  # fmt: skip


DEFAULTS = dict(
    recipe="gatys", encoder="auto", seed=0, scales=1, content_weight=None, style_weight=None, tv_weight=None, content_layers=None,
    style_layers=None,
)  # fmt: skip


def take_down(backend: str, contents: Sequence, styles: Sequence, **options) -> list[Asked]:
    """One `Asked` for each pair. Files get their checksums now, as they may change while the run goes on.

    Raises:
        InputError: an image or an encoder is gone.
    """
    options = DEFAULTS | options
    encoder = sha256_of(find_encoder(options["encoder"]))
    pairs = [dict(zip(ROLES, pair, strict=True)) for pair in zip(contents, styles, strict=True)]
    threads = _threads(backend)
    return [Asked(backend, pair, options, _checksums(pair) | {"encoder": encoder}, threads) for pair in pairs]


def sign(results: list[Result], asked: list[Asked]) -> list[Result]:
    """The results, each with what it was asked for."""
    return [replace(result, asked=each) for result, each in zip(results, asked, strict=True)]


def _checksums(pair: Mapping[str, object]) -> dict[str, str | None]:
    return {role: sha256_of(find_image(each)) for role, each in pair.items() if isinstance(each, (str, os.PathLike))}


def _as_data(role: str, image) -> "str | ImageFile":
    """A path or name as it was given; anything else as a file."""
    if isinstance(image, (str, os.PathLike)):
        return os.fspath(image)
    if isinstance(image, ImageFile):
        return image
    return embed(from_image(image) if isinstance(image, Image.Image) else from_array(image), role)


def embed(image: np.ndarray, name: str) -> ImageFile:
    """An array as a file that gives exactly these numbers again: a PNG if 8 bits are enough, else NumPy's own format.

    Args:
        image: `(H, W, 3)` float32 in 0..1.
        name: what to call it, without an ending.

    Raises:
        InputError: it would have more than 20 MB.
    """
    stream, bits = io.BytesIO(), np.round(image * 255).astype(np.uint8)
    if np.array_equal(bits.astype(np.float32) / 255, image):
        Image.fromarray(bits).save(stream, "PNG")
        return ImageFile(f"{name}.png", stream.getvalue())
    np.save(stream, image, allow_pickle=False)
    return ImageFile(f"{name}.npy", stream.getvalue())


def named(recipe: "str | Recipe") -> Recipe:
    """The recipe that has the name; size and steps, which settings hold themselves, may differ.

    Raises:
        InputError: a recipe of one's own.
    """
    asked = find_recipe(recipe)
    known = RECIPES.get(asked.name)
    if known is None or replace(asked, size=known.size, steps=known.steps) != known:
        raise InputError(f"settings hold a recipe by its name, and this '{asked.name}' is one of your own")
    return known


def _encoder(asked: object, used: str) -> str:
    if isinstance(asked, Encoder):
        return str(asked.path or asked.name)
    return used if str(asked) == "auto" else str(asked)


def _number(weight) -> float | None:
    return None if weight is None else float(weight)


def _layers(layers) -> tuple[str, ...] | None:
    return None if layers is None else tuple(map(layer_name, layers))


def _threads(backend: str) -> int | None:
    """How many the framework has on the CPU: sums are added up in another order with another number."""
    module = sys.modules.get(backend)
    if module is None:
        return None
    asked = module.get_num_threads() if backend == "torch" else module.config.threading.get_intra_op_parallelism_threads()
    return asked or os.cpu_count()


def _versions(backend: str) -> dict[str, str]:
    found = {name: installed(name) for name in packages(backend)}
    return {name: number for name, number in found.items() if number}
