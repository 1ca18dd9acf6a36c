"""Read a settings file: JSON, checked against a schema made from the fields of `Settings`, or the text in a PNG."""

import base64
import difflib
import json
import warnings
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from PIL import Image

from stylelab.base.files import check_target, error_text, expand_home, file_kind, printable
from stylelab.base.values import instance
from stylelab.errors import InputError
from stylelab.images.decode import MOST_BYTES, ImageFile
from stylelab.run.backends import __version__
from stylelab.run.options import numbered

FORMAT = 1
MOST = 10 * MOST_BYTES  # seven images in base64: the content, three styles and their masks; and the rest
PNG_KEYWORD = "stylelab"  # of the text in a PNG
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_path(path: "str | Path") -> Path:
    """The path, if settings can be saved there.

    Raises:
        InputError: another ending, a folder, or no such folder.
    """
    path = expand_home(path)
    if path.suffix.lower() != ".json":
        raise InputError(f"cannot save settings as '{printable(path)}': its ending must be .json")
    return check_target(path)


def read(path: Path, kind: type) -> dict[str, Any]:
    """The arguments for `kind`, a dataclass, in a .json file or in a PNG that carries them.

    Raises:
        InputError: as `Settings.load`.
    """
    name = f"'{printable(path)}'"
    kind_of_path = file_kind(path)
    if kind_of_path == "folder":
        raise InputError(f"{name} is a folder: name the settings file in it")
    if kind_of_path == "":
        raise InputError(f"no settings file {name}: check the path")
    if kind_of_path == "other":
        raise InputError(f"cannot read settings from {name}: not a regular file")
    try:
        with path.open("rb") as file:
            is_png = file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE
        if is_png:
            try:
                with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as image:
                    text = image.info.get(PNG_KEYWORD)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                raise InputError(f"{name} is a broken PNG: copy it again") from None
            if not isinstance(text, str):
                raise InputError(f"{name} carries no settings: only a PNG that stylelab saved does")
            return parse(str(text), name, kind)
        if path.stat().st_size > MOST:
            raise InputError(f"{name} is not a settings file: it has more than {MOST // 2**20} MB")
        return parse(_decode(path.read_bytes()), name, kind)
    except UnicodeDecodeError:
        raise InputError(f"{name} is not a settings file: it is not text") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error_text(error)}") from None


def _decode(data: bytes) -> str:
    return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")


def parse(text: str, name: str, kind: type) -> dict[str, Any]:
    """The arguments for `kind`, a dataclass, in a JSON text that error messages call `name`.

    Raises:
        InputError: as `Settings.parse`.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number")

    instance(name, text, str, bytes, words="text")
    try:
        values = json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise InputError(f"{name} is not a settings file: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{name} is not a settings file: {printable(error, 80)}") from None
    if not isinstance(values, dict) or "format" not in values:
        raise InputError(f'{name} is not a settings file of stylelab: it has no "format"')
    number, files = values.pop("format"), values.pop("files", {})
    known = {each.name for each in fields(kind)}
    values = {key: value for key, value in values.items() if value is not None or key in known}  # a later version's, not used
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{name} is not a settings file of stylelab: its format is {_brief(number)}")
    if number > FORMAT:
        raise InputError(f"{name} has format {_brief(number)}, and this stylelab reads {FORMAT}: install a newer one")
    try:
        check(values, name, kind)
    except RecursionError:
        raise InputError(f"{name} is not a settings file: it is nested too deeply") from None
    for role in ("content", "style", "content_mask", "style_mask"):
        given = values.get(role)
        if isinstance(given, list):
            values[role] = [_source(numbered(role, index), each, files, name) for index, each in enumerate(given)]
        else:
            values[role] = _source(role, given, files, name)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def check(values: dict[str, Any], name: str, kind: type) -> None:
    """Check names and kinds of values. Whether a number is in range is found when the run is prepared.

    Raises:
        InputError: one line about the first value that is wrong, or missing.
    """
    from jsonschema import Draft202012Validator, FormatChecker, validators

    formats = FormatChecker(())
    formats.checks("printable")(lambda value: not isinstance(value, str) or value.isprintable())
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)  # 1.0 is not one
    rules = schema(kind)
    validator = validators.extend(Draft202012Validator, type_checker=types)(rules, format_checker=formats)
    for error in sorted(validator.iter_errors(values), key=lambda error: error.validator == "required"):
        if error.path:
            key = error.path[0]
            raise InputError(f"{name}: {key} must be {rules['properties'][key]['title']}; got {_brief(values[key])}")
        if error.validator == "required":
            key = next(key for key in rules["required"] if key not in values)
            raise InputError(f"{name} names no {key} image")
        key = next(key for key in values if key not in rules["properties"])
        near = difflib.get_close_matches(key[:200], rules["properties"], n=1, cutoff=0.5)
        hint = f": did you mean '{near[0]}'?" if near else ""
        saved = values.get("versions", {}).get("stylelab", __version__)
        if not near and saved != __version__:
            hint = f": it was saved with stylelab {printable(saved, 20)}, and this is {__version__}"
        raise InputError(f"{name} has an unknown setting '{printable(key, 60)}'{hint}")


def schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a settings file, from the fields of a dataclass: those that have a `Kind`."""
    properties, required = {}, []
    for each in fields(kind):
        if value := each.metadata.get("kind"):
            rule = {"anyOf": [value.schema, {"type": "null"}]} if each.default is None else value.schema
            properties[each.name] = {"title": value.name, **rule}
            required += [each.name] if each.default is MISSING and each.default_factory is MISSING else []
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _brief(value: object) -> str:
    """A value of a JSON file in few words."""
    words = {dict: "an object", list: "a list", bool: str(value).lower(), type(None): "null"}
    return words.get(type(value)) or printable(repr(value), 60)


def _source(role: str, given: Any, files: object, name: str) -> Any:
    """An image of a settings file: the text as it is, or the file that is embedded."""
    return _embedded(role, given["file"], files, name) if isinstance(given, dict) else given


def _embedded(role: str, file: str, files: object, name: str) -> ImageFile:
    text = files.get(role) if isinstance(files, dict) else None
    if not isinstance(text, str):
        raise InputError(f"{name}: the {role} image '{printable(file)}' is not in its files: save the settings again")
    try:
        return ImageFile(file, base64.b64decode(text, validate=True))
    except ValueError as error:  # an InputError is one too: the image is too large
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: the {role} image in it is damaged: save the settings again") from None
