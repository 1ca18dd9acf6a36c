"""All that decides how a run comes out, as data: written down as JSON, read again, run again to the same image.

`stylelab.run.settings_file` reads what `Settings.save` writes; `stylelab.run.provenance` takes settings down while a run goes on.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stylelab import encoders
from stylelab.base.files import expand_home, printable, write_text
from stylelab.errors import InputError
from stylelab.images import find_image
from stylelab.images.builtin import find_built_in, find_item
from stylelab.images.decode import ImageFile
from stylelab.recipes import RECIPES
from stylelab.run import settings_file
from stylelab.run.backends import __version__
from stylelab.run.checksums import sha256_of

__all__ = ["ImageFile", "Settings"]
ROLES = ("content", "style")
LATER = ("precision", "scales", "tile", "content_weight", "style_weight", "tv_weight")  # named only where they say something
ABOUT = ("sha256", "versions", "threads", "folder")  # fields that say where settings come from, not what to do


@dataclass(frozen=True)
class Settings:
    """What `stylelab.transfer` is asked for; None leaves a choice to the recipe or the machine.

    Attributes:
        content, style: a path, the name of a built-in image, or a `ImageFile`.
        recipe, backend, encoder, size, steps, seed, device, precision, scales, tile, content_weight, style_weight,
            tv_weight, content_layers, style_layers: see `stylelab.torch.transfer`.
        sha256: of 'content', 'style', 'encoder' and 'recipe', as they were; what is not in it is not checked.
        versions: of the packages, as they were.
        threads: how many the framework had on the CPU.
        folder: where the settings were read from; an image that is not at its path is looked for there.
    """

    content: "str | ImageFile"
    style: "str | ImageFile"
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
    threads: int | None = field(default=None, repr=False)
    folder: Path | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, path: "str | Path") -> "Settings":
        """Settings from a file of `save`, or from a PNG of `Result.save`.

        Raises:
            InputError: no such file, too large, no settings, of a newer format, or a value of the wrong sort.
        """
        path = expand_home(path)
        return cls(**settings_file.read(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, name: str = "the settings") -> "Settings":
        """Settings from what `text` gives; `name` is what to call it in an error.

        Raises:
            InputError: as `load`.
        """
        return cls(**settings_file.parse(text, name))

    def save(self, path: "str | Path") -> Path:
        """Write `text()` into a .json file, whole or not at all.

        Raises:
            InputError: another ending, or a place that cannot be written.
        """
        path = settings_file.check_name(path)
        write_text(path, self.text())
        return path

    def text(self) -> str:
        """The settings as JSON: what to do first, then checksums and versions, embedded images last."""
        values = self._values(without=ABOUT)
        files = {role: values[role] for role in ROLES if isinstance(values[role], ImageFile)}
        values |= {role: {"file": file.name} for role, file in files.items()}
        values |= {"sha256": dict(self.sha256), "versions": dict(self.versions), "threads": self.threads}
        if files:
            values["files"] = {role: base64.b64encode(file.data).decode() for role, file in files.items()}
        return json.dumps({"format": settings_file.FORMAT} | values, indent=1, allow_nan=False) + "\n"

    def _values(self, without: tuple[str, ...]) -> dict:
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in without}

    def options(self) -> dict:
        """Keyword arguments for `stylelab.transfer`, after content and style."""
        usual = {each.name: each.default for each in fields(self)}
        values = self._values(without=(*ROLES, *ABOUT))
        return {name: value for name, value in values.items() if name not in LATER or value != usual[name]}

    def images(self) -> "tuple[str | ImageFile, str | ImageFile]":
        """Content and style as `stylelab.transfer` takes them, checked against their checksums.

        Raises:
            InputError: an image is gone, or is not the one that the settings were saved with.
        """
        return self._image("content"), self._image("style")

    def _image(self, role: str) -> "str | ImageFile":
        source, expected = getattr(self, role), self.sha256.get(role)
        if isinstance(source, str):
            known = expected or self.folder
            return _found(role, self._places(source), expected) if known else source
        if expected not in (None, sha256_of(source)):
            raise InputError(f"the {role} image in these settings is damaged: save them again")
        return source

    def _places(self, source: str) -> list[str]:
        """Where an image may be: where it was, beside the settings, and built in if a file has taken its name since."""
        beside = [str(self.folder / source)] if self.folder else []
        return [source, *beside, *([str(find_built_in(source))] if find_item(source) else [])]

    def but(self, **changes) -> "Settings":
        """The same with other values; the checksums of what is replaced are forgotten."""
        kept = {name: digest for name, digest in self.sha256.items() if name not in changes}
        return replace(self, **changes, sha256=kept)

    def bare(self) -> "Settings":
        """The same without embedded images and without folders: fit to be passed on inside an image."""
        named = {role: getattr(getattr(self, role), "name", getattr(self, role)) for role in ROLES}
        short = {name: Path(value).name or name for name, value in (named | {"encoder": self.encoder}).items()}
        return replace(self, **short)

    def notes(self, again: "Settings | None" = None) -> tuple[str, ...]:
        """Sentences about what is otherwise here than when the settings were saved.

        Args:
            again: of the run that has been made of them; None before there is one.

        Raises:
            InputError: the encoder is gone.
        """
        notes, before = [_other_version(name, self.versions) for name in packages(self.backend)], self.sha256
        if "recipe" in before and self.recipe in RECIPES and before["recipe"] != sha256_of(RECIPES[self.recipe]):
            notes.append(f"recipe '{self.recipe}' has changed since these settings were saved: the image will differ")
        if "encoder" in before and before["encoder"] != sha256_of(encoders.find_encoder(self.encoder)):
            notes.append(f"encoder '{printable(self.encoder)}' is not the one of these settings: the image will differ")
        if again and None not in (self.threads, again.threads) and self.threads != again.threads:
            notes.append(f"painted with {again.threads} threads, and first with {self.threads}: the image may differ in details")
        return tuple(note for note in notes if note)


def _found(role: str, places: list[str], expected: str | None) -> str:
    """The first place where the image is."""
    missing = changed = None
    for place in places:
        try:
            if expected in (None, sha256_of(find_image(place))):
                return place
            changed = changed or place
        except InputError as error:
            missing = missing or error
    if changed:
        raise InputError(
            f"'{printable(changed)}' is not the {role} image that these settings were saved with: name the right one"
        )
    raise InputError(f"the {role} image of these settings is not here: {missing}")


def packages(backend: str) -> tuple[str, ...]:
    """Whose versions decide how an image comes out, to the last bit."""
    return ("stylelab", backend, "numpy", "pillow")


def installed(package: str) -> str | None:
    """The version of a package here; None if it is not installed."""
    try:
        return __version__ if package == "stylelab" else version(package)
    except PackageNotFoundError:
        return None


def _other_version(name: str, before: Mapping[str, str]) -> str | None:
    now = installed(name) if name in before else None
    if now in (None, before.get(name)):
        return None
    return f"these settings were saved with {name} {before[name]}, and this is {now}: the image may differ in details"
