"""SHA-256 checksums of images, encoders and recipes, which settings are compared by."""

import hashlib
from dataclasses import replace
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
    "46cba3e39ddd03eff81282a4c0072263d6774f0a0316d7bdeb3e7ee2e5a9ae1b": "19de33a462b3db5ab419d6936234e75aeaa89c81e53874fa84df2f9ce46f1e9f",  # gatys
    "fc76b04c8ec0b6da88dac1a9d29ed5c93138be5faee1d9d7977d65d56f04f5fa": "738e6e83c063f6f5a03c46714e1e4c69ed6f88e10034a8a8b6d967be026f7591",  # keras
    "c6c707b5449eb081feff6569cb2720cbbc7414aec68cf15ee046cb59e5c10724": "d8ac07a651a57ebf67fce563f9e258daec51a3fddede988c97b1efd37ca93883",  # tf-tutorial
    "59dac07cf884e76b2fefbff5e345dc4e69d9105d6fda7c665423a8db8a9dd6ca": "fda7d922de66a3f08fcea3e30a8b7527e6491491ceffad26cb25c902a3a3c25a",  # coursera
    "9d5a19c95eef95d61e81e1b68e731b261110338f961fcd0bd95659833dc07dd1": "2ad5fa085874d76f6dce077e6af7e7a98f86be2057009df74d38927da919be81",  # pytorch-adam
    "df347577e5916746b826abf67564d4a6274eaa73ff58c202e107a43a66f01db6": "c2806c724e2fea514ff090befd5d99d4d2aa507b395808a455553b7d2d4676d7",  # lab
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
        digest = hashlib.sha256(repr(replace(thing, source="", differs=())).encode()).hexdigest()
        return FIRST_DIGESTS.get(digest, digest)
    return _of_file(thing)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{printable(path)}' cannot be read: {error_text(error)}") from None
