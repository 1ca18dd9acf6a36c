"""Read a file of settings. Whatever is wrong with it costs one line, and nothing has been done with it by then."""

import base64
import json
import warnings
from pathlib import Path

from PIL import Image

from stylelab.base.files import check_folder, error_text, expand_home, printable
from stylelab.errors import InputError
from stylelab.images.decode import MOST_BYTES, ImageFile
from stylelab.run.settings_sorts import brief, check

FORMAT = 1
MOST = 3 * MOST_BYTES  # two images in base64, and the rest
KEYWORD = "stylelab"  # of the text in a PNG
PNG = b"\x89PNG\r\n\x1a\n"


def check_name(path: "str | Path") -> Path:
    """The path, if settings can be saved there.

    Raises:
        InputError: another ending, a folder, or no such folder.
    """
    path = expand_home(path)
    if path.suffix.lower() != ".json":
        raise InputError(f"cannot save settings as '{printable(path)}': its ending must be .json")
    if path.is_dir():
        raise InputError(f"'{printable(path)}' is a folder: name a file in it")
    check_folder(path.parent)
    return path


def read(path: Path) -> dict:
    """The arguments for `Settings` in a .json file, or in a PNG that carries them.

    Raises:
        InputError: as `Settings.load`.
    """
    name = f"'{printable(path)}'"
    try:
        return parse(_text(path, name), name)
    except UnicodeDecodeError:
        raise InputError(f"{name} is no settings file: it is no text") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error_text(error)}") from None


def _text(path: Path, name: str) -> str:
    if path.is_dir():
        raise InputError(f"{name} is a folder: name the settings file in it")
    if not path.exists():
        raise InputError(f"no settings file {name}: check the path")
    if not path.is_file():
        raise InputError(f"{name} is no ordinary file: name a settings file")
    with path.open("rb") as file:
        if file.read(len(PNG)) == PNG:
            return _png_text(path, name)
    if path.stat().st_size > MOST:
        raise InputError(f"{name} has more than {MOST // 2**20} MB: it is no settings file")
    return path.read_bytes().decode("utf-8-sig")


def _png_text(path: Path, name: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as image:
            found = image.info.get(KEYWORD)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputError(f"{name} is a broken PNG: copy it again") from None
    if not isinstance(found, str):
        raise InputError(f"{name} carries no settings: only a PNG that stylelab saved does")
    return str(found)


def parse(text: str, name: str) -> dict:
    """The arguments for `Settings` in a JSON text.

    Raises:
        InputError: as `Settings.load`.
    """
    values = _json(text, name)
    if not isinstance(values, dict) or "format" not in values:
        raise InputError(f'{name} is no settings file of stylelab: it has no "format"')
    _check_format(values.pop("format"), name)
    files = values.pop("files", {})
    for key, value in values.items():
        check(key, value, name)
    for role in ("content", "style"):
        if role not in values:
            raise InputError(f"{name} names no {role} image")
        if isinstance(values[role], dict):
            values[role] = _embedded(role, values[role]["file"], files, name)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _json(text: str, name: str) -> object:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise InputError(f"{name} is no settings file: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{name} is no settings file: {printable(error, 80)}") from None


def _check_format(number: object, name: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{name} is no settings file of stylelab: its format is {brief(number)}")
    if number > FORMAT:
        raise InputError(f"{name} has format {brief(number)}, and this stylelab reads {FORMAT}: install a newer one")


def _embedded(role: str, called: str, files: object, name: str) -> ImageFile:
    text = files.get(role) if isinstance(files, dict) else None
    if not isinstance(text, str):
        raise InputError(f"{name}: the {role} image '{printable(called)}' is not in its files: save the settings again")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise InputError(f"{name}: the {role} image in it is damaged: save the settings again") from None
    return ImageFile(called, data)
