"""SHA-256 checksums of images, encoders and recipes, which settings are compared by."""

import hashlib
from pathlib import Path

from stylelab.base.files import error_text, printable
from stylelab.encoders import Encoder
from stylelab.encoders import file as encoder_file
from stylelab.errors import InputError
from stylelab.images.decode import ImageFile


def sha256_of(thing: "Path | ImageFile | Encoder | object") -> str | None:
    """The checksum of a file, an `ImageFile`, an encoder's weights, or a recipe.

    Returns:
        64 hexadecimal digits; None for an encoder that is computed.

    Raises:
        InputError: a file that cannot be read.
    """
    if isinstance(thing, ImageFile):
        return hashlib.sha256(thing.data).hexdigest()
    if isinstance(thing, Encoder):
        return None if thing.path is None else _of_weights(thing.path)
    if isinstance(thing, Path):
        return _of_file(thing)
    return hashlib.sha256(repr(thing).encode()).hexdigest()


def _of_weights(path: Path) -> str:
    """A weights file of ours carries a checksum of its numbers, which is verified whenever they are read."""
    with encoder_file.open_weights(path) as (header, _):
        return header.metadata.get("sha256") or _of_file(path)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{printable(path)}' cannot be read: {error_text(error)}") from None
