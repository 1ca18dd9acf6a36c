"""What a file of settings may hold. Whatever else it holds is refused in one line, before anything is done with it."""

import base64
import binascii
import difflib
import hashlib
import json
import math
from pathlib import Path

from PIL import Image

from stylelab import encoder_file
from stylelab.decode import MOST_BYTES, PictureFile
from stylelab.encoders import Encoder
from stylelab.errors import InputError
from stylelab.files import check_folder, one_line, shown

FORMAT = 1
MOST = 3 * MOST_BYTES  # two pictures in base64, and the rest
LONGEST = 200  # characters of a name; a path may have more
KEYWORD = "stylelab"  # of the text in a PNG
PNG = b"\x89PNG\r\n\x1a\n"


def check_name(path: Path) -> Path:
    """The path, if settings can be saved there.

    Raises:
        InputError: another ending, a folder, or no such folder.
    """
    path = path.expanduser()
    if path.suffix.lower() != ".json":
        raise InputError(f"cannot save settings as '{shown(path)}': its ending must be .json")
    if path.is_dir():
        raise InputError(f"'{shown(path)}' is a folder: name a file in it")
    check_folder(path.parent)
    return path


def read(path: Path) -> dict:
    """The arguments for `Settings` in a .json file, or in a PNG that carries them.

    Raises:
        InputError: as `Settings.load`.
    """
    name = f"'{shown(path)}'"
    try:
        if path.is_dir():
            raise InputError(f"{name} is a folder: name the settings file in it")
        if not path.exists():
            raise InputError(f"no settings file {name}: check the path")
        if not path.is_file():
            raise InputError(f"{name} is no ordinary file: name a settings file")
        with path.open("rb") as file:
            if file.read(len(PNG)) == PNG:
                return parse(_png_text(path, name), name)
        if path.stat().st_size > MOST:
            raise InputError(f"{name} has more than {MOST // 2**20} MB: it is no settings file")
        return parse(path.read_bytes().decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise InputError(f"{name} is no settings file: it is no text") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be read: {one_line(error)}") from None


def _png_text(path: Path, name: str) -> str:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            found = image.info.get(KEYWORD)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{name} is a broken PNG ({one_line(error)}): name a settings file") from None
    if not isinstance(found, str):
        raise InputError(f"{name} carries no settings: only a PNG that stylelab saved does")
    return str(found)


def parse(text: str, name: str) -> dict:
    """The arguments for `Settings` in a JSON text.

    Raises:
        InputError: as `Settings.load`.
    """
    try:
        values = json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else one_line(error)
        raise InputError(f"{name} is no settings file: {shown(why, 80)}") from None
    if not isinstance(values, dict) or "format" not in values:
        raise InputError(f'{name} is no settings file of stylelab: it has no "format"')
    _check_format(values.pop("format"), name)
    files = values.pop("files", {})
    for key, value in values.items():
        _check(key, value, name)
    if missing := [role for role in ("content", "style") if role not in values]:
        raise InputError(f"{name} names no {missing[0]} picture")
    return _arguments(values, files, name)


def _not_finite(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _check_format(number: object, name: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{name} is no settings file of stylelab: its format is {shown(number, 40)}")
    if number > FORMAT:
        raise InputError(f"{name} has format {shown(number, 20)}, and this stylelab reads {FORMAT}: install a newer one")


def _arguments(values: dict, files: object, name: str) -> dict:
    if not isinstance(files, dict):
        raise InputError(f"{name}: files must be pictures by name")
    for role in ("content", "style"):
        if isinstance(values[role], dict):
            values[role] = _embedded(role, values[role]["file"], files.get(role), name)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _embedded(role: str, called: str, text: object, name: str) -> PictureFile:
    try:
        return PictureFile(called, base64.b64decode(text, validate=True))
    except (TypeError, binascii.Error, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: the {role} picture in it is damaged: save the settings again") from None


def _text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST


def _picture(value: object) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"file"} and isinstance(value["file"], str)
    return isinstance(value, str) and value != ""


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def _layers(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and len(value) <= 16


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_text, (*value, *value.values())))


def _path(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= 4096


PICTURE, TEXT, WHOLE = (_picture, "a path, a name, or a file"), (_text, "a name"), (_whole, "a whole number")
NUMBER, LAYERS = (_number, "a number"), (_layers, "a list of layers")
SORTS = {
    "content": PICTURE, "style": PICTURE, "recipe": TEXT, "backend": TEXT, "encoder": (_path, "a name or a path"),
    "size": WHOLE, "steps": WHOLE, "seed": WHOLE, "device": TEXT, "precision": TEXT, "scales": WHOLE, "tile": WHOLE,
    "content_weight": NUMBER, "style_weight": NUMBER, "tv_weight": NUMBER, "content_layers": LAYERS, "style_layers": LAYERS,
    "sha256": (_texts, "checksums by name"), "versions": (_texts, "versions by name"),
}  # fmt: skip
NULL = ("size", "steps", "device", "tile", "content_weight", "style_weight", "tv_weight", "content_layers", "style_layers")


def _check(key: str, value: object, name: str) -> None:
    if key not in SORTS:
        near = difflib.get_close_matches(key[:LONGEST], SORTS, n=1, cutoff=0.5)
        hint = f": did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{name} has an unknown setting '{shown(key, 60)}'{hint}")
    fits, sort = SORTS[key]
    if not (fits(value) or (value is None and key in NULL)):
        raise InputError(f"{name}: {key} must be {sort}; got {shown(json.dumps(value), 60)}")


def sha256_of(thing: object) -> str | None:
    """The checksum of a file, of a `PictureFile`, of an encoder's weights, or of data such as a recipe.

    None for an encoder that is computed.

    Raises:
        InputError: a file that cannot be read.
    """
    if isinstance(thing, PictureFile):
        return hashlib.sha256(thing.data).hexdigest()
    if isinstance(thing, Encoder):
        return None if thing.path is None else _of_weights(thing.path)
    if isinstance(thing, Path):
        return _of_file(thing)
    return hashlib.sha256(repr(thing).encode()).hexdigest()


def _of_weights(path: Path) -> str:
    """A file of ours carries its checksum, which is proved whenever it is read."""
    with encoder_file.opened(path) as (header, _):
        return header.metadata.get("sha256") or _of_file(path)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{shown(path)}' cannot be read: {one_line(error)}") from None
