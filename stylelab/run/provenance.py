"""Record a run's inputs and resolved options, so that its Result can be repeated."""

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from PIL import Image

from stylelab.encoders import Encoder, layer_name
from stylelab.errors import InputError
from stylelab.images import Source
from stylelab.images.decode import ImageFile, from_array, from_image
from stylelab.recipes import RECIPES, Recipe, find_recipe
from stylelab.result import Result
from stylelab.run.checksums import sha256_of
from stylelab.run.options import LAYERS, NUMBERS, Options, numbered
from stylelab.run.prepare import Inputs, Run
from stylelab.run.settings import Settings, installed_versions
from stylelab.run.settings_file import PNG_KEYWORD


@dataclass(frozen=True)
class Provenance:
    """Where one Result comes from.

    Attributes:
        backend: 'torch' or 'tensorflow'.
        inputs: the two images, as they were given.
        options: as they were given.
        threads: of the framework on the CPU.
    """

    backend: str
    inputs: Inputs
    options: Options
    threads: int | None = None

    def settings(self, result: Result) -> Settings:
        """The settings that lead to the same image again: 'auto' and None are replaced by what was used.

        Raises:
            InputError: a recipe that is not in `RECIPES`, or an image too large to be embedded.
        """
        content, style = _as_data(self.inputs.content, "content"), _all_as_data(self.inputs.styles, "style")
        masks = {
            "content_mask": None if self.options.content_mask is None else _as_data(self.options.content_mask, "content_mask"),
            "style_mask": None if self.options.style_mask is None else _all_as_data(self.options.style_mask, "style_mask"),
        }
        recipe, encoder = known_recipe(self.options.recipe), self.options.encoder
        sums = {"recipe": sha256_of(recipe)}
        for role, given in {"content": content, "style": style, **masks}.items():
            several = given if isinstance(given, tuple) else (given,)
            sums |= {numbered(role, index): _sha256_of_data(each) for index, each in enumerate(several)}
        if isinstance(encoder, Encoder):
            encoder = encoder.path or encoder.name
        used: dict[str, Any] = {
            "recipe": recipe.name,
            "encoder": result.encoder if str(encoder) == "auto" else str(encoder),
            "size": max(result.image.shape[:2]),
            "steps": result.taken or result.recipe.steps,
            "device": result.device,
            "precision": result.precision,
            "tile": result.tile,
        }
        used |= masks
        for each in fields(Options):
            if each.name not in used:
                value, kind = getattr(self.options, each.name), each.metadata["kind"]
                if kind is LAYERS:
                    used[each.name] = value if value is None else tuple(map(layer_name, value))
                else:
                    used[each.name] = value if value is None or kind is NUMBERS else kind.type(value)
        return Settings(
            content, style[0] if len(style) == 1 else style, backend=self.backend, **used, threads=self.threads,
            sha256={**self.inputs.sha256, **{name: digest for name, digest in sums.items() if digest}},
            versions=installed_versions(self.backend),
        )  # fmt: skip

    def png_text(self, result: Result) -> dict[str, str]:
        """The text that a saved PNG carries: the settings without folders and without embedded images.

        Empty when the run cannot be repeated from settings.
        """
        try:
            return {PNG_KEYWORD: self.settings(result).without_files().text()}
        except InputError:
            return {}


def record_provenance(run: Run, backend: str) -> list[Provenance]:
    """A record for each pair, made when its run begins."""
    threads, framework = None, sys.modules.get(backend)
    if framework is not None:  # with another number of threads, the CPU adds up sums in another order
        read = framework.get_num_threads if backend == "torch" else framework.config.threading.get_intra_op_parallelism_threads
        threads = read() or os.cpu_count()
    return [Provenance(backend, inputs, run.options, threads) for inputs in run.inputs]


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


def known_recipe(recipe: "str | Recipe") -> Recipe:
    """The recipe of that name in `RECIPES`, if it differs at most in size and steps, which settings hold themselves.

    Raises:
        InputError: another recipe.
    """
    given = find_recipe(recipe)
    known = RECIPES.get(given.name)
    if known is None or replace(given, size=known.size, steps=known.steps) != known:
        raise InputError(f"settings hold a recipe by its name, and this '{given.name}' is one of your own")
    return known


def _as_data(image: Source, role: str) -> "str | ImageFile":
    """A path or name as it was given; anything else as a file."""
    if isinstance(image, (str, os.PathLike)):
        return os.fspath(image)
    if isinstance(image, ImageFile):
        return image
    return embed(from_image(image) if isinstance(image, Image.Image) else from_array(image), role)


def _all_as_data(sources: Sequence[Source], role: str) -> "tuple[str | ImageFile, ...]":
    return tuple(_as_data(each, numbered(role, index)) for index, each in enumerate(sources))


def _sha256_of_data(image: "str | ImageFile | None") -> str | None:
    return sha256_of(image) if isinstance(image, ImageFile) else None
