"""SHA-256 checksums of images, encoders and recipes, which settings are compared by."""

import hashlib
from dataclasses import fields
from pathlib import Path

from stylelab.base.files import error_text, printable
from stylelab.encoders import Encoder
from stylelab.encoders import file as encoder_file
from stylelab.errors import InputError
from stylelab.images.decode import ImageFile
from stylelab.recipes import Recipe

# Digest of a recipe -> the digest in settings files that were saved before its losses were objects. Remove a recipe's line when
# one of its numbers changes.
FIRST_DIGESTS = {
    "e789d6002f4c2c5cf08c370ef20f7d600b49c0819e1cc43e5518dfa9bef0f825": "19de33a462b3db5ab419d6936234e75aeaa89c81e53874fa84df2f9ce46f1e9f",  # gatys
    "f67297dc5649b37b0c93f8f069e97fc0190d3803149b3200ca1da789f95403d1": "fda7d922de66a3f08fcea3e30a8b7527e6491491ceffad26cb25c902a3a3c25a",  # coursera
    "41ff46b92599230525890478a6eb2834c88b57acea60f29f75195806ea70f93a": "2ad5fa085874d76f6dce077e6af7e7a98f86be2057009df74d38927da919be81",  # pytorch-adam
    "a53494837c2997a7681e3b589188eb753f3e5b2e5c58bf0b8469bf719f4a2b33": "c2806c724e2fea514ff090befd5d99d4d2aa507b395808a455553b7d2d4676d7",  # lab
}  # fmt: skip


def sha256_of(thing: "Path | ImageFile | Encoder | Recipe") -> str | None:
    """The checksum of a file, an `ImageFile`, an encoder's weights, or a recipe.

    Returns:
        64 hexadecimal digits; None for an encoder that is computed.

    Raises:
        InputError: a file that cannot be read.
    """
    if isinstance(thing, ImageFile):
        return hashlib.sha256(thing.data).hexdigest()
    if isinstance(thing, Encoder):
        if thing.path is None:
            return None
        with encoder_file.open_weights(thing.path) as (header, _):  # ours carry a checksum of their numbers
            return header.metadata.get("sha256") or _of_file(thing.path)
    if isinstance(thing, Recipe):  # what decides the image, without the prose
        prose = ("source", "differs")
        own = {f.name: value for f in fields(thing) if f.name not in prose and (value := getattr(thing, f.name)) != f.default}
        digest = hashlib.sha256(repr(own).encode()).hexdigest()
        return FIRST_DIGESTS.get(digest, digest)
    return _of_file(thing)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{printable(path)}' cannot be read: {error_text(error)}") from None
