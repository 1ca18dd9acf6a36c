"""All that decides how a run comes out, as data: written down as JSON, read again, run again to the same picture.

`stylelab.settings_file` says what such a file may hold, `stylelab.asked` takes the settings down while a run goes on.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stylelab import encoders, settings_file
from stylelab.collection import find_built_in, find_item
from stylelab.decode import PictureFile
from stylelab.errors import InputError
from stylelab.files import shown, write_text
from stylelab.pictures import find_picture
from stylelab.recipes import RECIPES
from stylelab.settings_file import FORMAT, sha256_of

__all__ = ["PictureFile", "Settings"]
ROLES = ("content", "style")
LATER = ("precision", "scales", "tile", "content_weight", "style_weight", "tv_weight")
ABOUT = ("sha256", "versions", "folder")  # fields that say where settings come from, not what to do


@dataclass(frozen=True)
class Settings:
    """What `stylelab.transfer` is asked for; None leaves a choice to the recipe or the machine.

    Attributes:
        content, style: a path, the name of a built-in picture, or a `PictureFile`.
        recipe, backend, encoder, size, steps, seed, device, precision, scales, tile, content_weight, style_weight,
            tv_weight, content_layers, style_layers: see `stylelab.torch.transfer`.
        sha256: of 'content', 'style', 'encoder' and 'recipe', as they were; what is not in it is not checked.
        versions: of the packages, as they were.
        folder: where the settings were read from; a picture that is not at its path is looked for there.
    """

    content: "str | PictureFile"
    style: "str | PictureFile"
    recipe: str = "gatys"
    backend: str = "torch"
    encoder: str = "auto"
    size: int | None = None
    steps: int | None = None
    seed: int = 0
    device: str | None = None
    precision: str = "auto"
    scales: int = 1
    tile: int | None = None
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    content_layers: tuple[str, ...] | None = None
    style_layers: tuple[str, ...] | None = None
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, path: "str | Path") -> "Settings":
        """Settings from a file of `save`, or from a PNG of `Result.save`.

        Raises:
            InputError: no such file, too large, no settings, of a newer format, or a value of the wrong sort.
        """
        path = Path(path).expanduser()
        return cls(**settings_file.read(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, name: str = "the settings") -> "Settings":
        """Settings from the text that `text` gives; `name` is what to call it in an error.

        Raises:
            InputError: as `load`.
        """
        return cls(**settings_file.parse(text, name))

    def save(self, path: "str | Path") -> Path:
        """Write `text()` into a .json file.

        Raises:
            InputError: another ending, or a place that cannot be written.
        """
        path = settings_file.check_name(Path(path))
        write_text(path, self.text())
        return path

    def text(self) -> str:
        """The settings as JSON: what to do first, then checksums and versions, embedded pictures last."""
        values = {name: value for name, value in self._values().items() if name not in ABOUT}
        files = {role: values[role] for role in ROLES if isinstance(values[role], PictureFile)}
        values |= {role: {"file": file.name} for role, file in files.items()}
        values |= {"sha256": dict(self.sha256), "versions": dict(self.versions)}
        if files:
            values["files"] = {role: base64.b64encode(file.data).decode() for role, file in files.items()}
        return json.dumps({"format": FORMAT} | values, indent=1, allow_nan=False) + "\n"

    def _values(self) -> dict:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def options(self) -> dict:
        """Keyword arguments for `stylelab.transfer`, after content and style."""
        values = {name: value for name, value in self._values().items() if name not in (*ROLES, *ABOUT)}
        plain = {each.name: each.default for each in fields(self)}
        return {name: value for name, value in values.items() if name not in LATER or value != plain[name]}

    def pictures(self) -> "tuple[str | PictureFile, str | PictureFile]":
        """Content and style as `stylelab.transfer` takes them, checked against their checksums.

        Raises:
            InputError: a picture is gone, or is not the one that the settings were saved with.
        """
        return self._picture("content"), self._picture("style")

    def _picture(self, role: str) -> "str | PictureFile":
        source, expected, changed, missing = getattr(self, role), self.sha256.get(role), None, None
        if isinstance(source, PictureFile):
            if expected not in (None, sha256_of(source)):
                raise InputError(f"the {role} picture in these settings is damaged: its checksum is another")
            return source
        for place in self._places(source):
            try:
                found = find_picture(place)
            except InputError as error:
                missing = missing or error
                continue
            if expected in (None, sha256_of(found)):
                return place
            changed = changed or found
        if changed is None:
            raise InputError(f"the {role} picture of these settings is not here: {missing}")
        raise InputError(f"'{shown(changed)}' is not the {role} picture that these settings were saved with: name the right one")

    def _places(self, source: str) -> list[str]:
        """Where a picture may be: where it was, beside the settings, and built in if a file has taken its name since."""
        beside = [str(self.folder / source)] if self.folder else []
        built_in = [str(find_built_in(source))] if find_item(source) else []
        return [source, *beside, *built_in]

    def but(self, **changes) -> "Settings":
        """The same with other values; checksums of what is replaced are forgotten."""
        kept = {name: digest for name, digest in self.sha256.items() if name not in changes}
        return replace(self, **changes, sha256=kept)

    def without_files(self) -> "Settings":
        """The same with names in place of embedded pictures, and of paths: fit to be passed on inside a picture."""
        names = {role: getattr(self, role) for role in ROLES}
        return replace(self, **{role: Path(getattr(each, "name", each)).name for role, each in names.items()})

    def notes(self) -> tuple[str, ...]:
        """Sentences about what is otherwise on this machine than when the settings were saved."""
        notes = [_other_version(name, before, installed(name)) for name, before in self.versions.items()]
        if (before := self.sha256.get("recipe")) and self.recipe in RECIPES and before != sha256_of(RECIPES[self.recipe]):
            notes.append(f"recipe '{self.recipe}' has changed since these settings were saved: the picture will differ")
        if (before := self.sha256.get("encoder")) and before != sha256_of(encoders.find_encoder(self.encoder)):
            notes.append(f"encoder '{shown(self.encoder)}' is not the one of these settings: the picture will differ")
        return tuple(note for note in notes if note)


def installed(package: str) -> str | None:
    """The version of a package here; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _other_version(name: str, before: str, now: str | None) -> str | None:
    if now in (before, None):
        return None
    return f"these settings were saved with {name} {before}, and this is {now}: the picture may differ in details"
