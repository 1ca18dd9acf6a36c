"""What each setting in a file may be. Numbers in range, names that exist: that is looked at when a run is prepared."""

import difflib
import math

from stylelab.base.files import printable
from stylelab.errors import InputError

LONGEST, LONGEST_PATH = 200, 4096  # characters


def check(key: str, value: object, name: str) -> None:
    """Refuse what is no setting, or a value of the wrong sort.

    Args:
        key, value: from the file.
        name: of the file, for the message.

    Raises:
        InputError: one line with what it must be.
    """
    if key not in SORTS:
        near = difflib.get_close_matches(key[:LONGEST], SORTS, n=1, cutoff=0.5)
        hint = f": did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{name} has an unknown setting '{printable(key, 60)}'{hint}")
    fits, sort = SORTS[key]
    if not (fits(value) or (value is None and key in OPTIONAL)):
        raise InputError(f"{name}: {key} must be {sort}; got {brief(value)}")


def brief(value: object) -> str:
    """A value of a JSON file in few words."""
    words = {dict: "an object", list: "a list", bool: str(value).lower(), type(None): "null"}
    return words.get(type(value)) or printable(repr(value), 60)


def _text(value: object, longest: int = LONGEST) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= longest


def _path(value: object) -> bool:
    return _text(value, LONGEST_PATH)


def _image(value: object) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"file"} and _path(value["file"])
    return isinstance(value, str) and 0 < len(value) <= LONGEST_PATH  # whatever a file may be called


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def _layers(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 16 and all(map(_text, value))


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_text, (*value, *value.values())))


IMAGE, TEXT, WHOLE = (_image, "a path, a name or a file"), (_text, "a name"), (_whole, "a whole number")
NUMBER, LAYERS = (_number, "a number"), (_layers, "a list of layers")
SORTS = {
    "content": IMAGE, "style": IMAGE, "recipe": TEXT, "backend": TEXT, "encoder": (_path, "a name or a path"),
    "size": WHOLE, "steps": WHOLE, "seed": WHOLE, "device": TEXT, "precision": TEXT, "scales": WHOLE, "tile": WHOLE,
    "content_weight": NUMBER, "style_weight": NUMBER, "tv_weight": NUMBER, "content_layers": LAYERS, "style_layers": LAYERS,
    "sha256": (_texts, "checksums by name"), "versions": (_texts, "versions by name"), "threads": WHOLE,
}  # fmt: skip
OPTIONAL = (
    "size", "steps", "device", "tile", "content_weight", "style_weight", "tv_weight", "content_layers", "style_layers", "threads",
)  # fmt: skip
