"""Settings: everything that decides how an image comes out. They can be saved, loaded and run again to the same image."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PureWindowsPath
from typing import Any

from stylelab import encoders
from stylelab.base.files import expand_home, printable, write_text
from stylelab.base.values import instance
from stylelab.errors import InputError
from stylelab.images import find_built_in, find_image
from stylelab.images.builtin import find_item
from stylelab.images.decode import ImageFile
from stylelab.recipes import RECIPES
from stylelab.run import settings_file
from stylelab.run.backends import USUAL, __version__
from stylelab.run.checksums import sha256_of
from stylelab.run.options import IMAGE_SCHEMA, MOST_STYLES, NAME, WHOLE, Kind, Options, numbered, option, values_of

__all__ = ["ImageFile", "Settings"]
ROLES = ("content", "style", "content_mask", "style_mask")
_SEVERAL = {"type": "array", "items": IMAGE_SCHEMA, "minItems": 1, "maxItems": MOST_STYLES}
_NAMES = {"type": "object", "additionalProperties": NAME.schema, "propertyNames": NAME.schema}


def _source(name: str, image: Any) -> "str | ImageFile":
    image = instance(name, image, str, os.PathLike, ImageFile, words="a path, a name or an ImageFile")
    return image if isinstance(image, ImageFile) else os.fsdecode(image)


def _one_or_more(name: str, images: Any) -> "str | ImageFile | tuple[str | ImageFile, ...]":
    if not isinstance(images, list | tuple):
        return _source(name, images)
    if not images:
        raise InputError(f"{name} is an empty list: name an image")
    several = tuple(_source(name, image) for image in images)
    return several if len(several) > 1 else several[0]


IMAGE = Kind("a path, a name or a file", IMAGE_SCHEMA, check=_source)
STYLES = Kind("a path, a name or a file, or a list of them", {"anyOf": [IMAGE_SCHEMA, _SEVERAL]}, check=_one_or_more)
CHECKSUMS, VERSIONS = Kind("checksums by name", _NAMES), Kind("versions by name", _NAMES)


def _record(kind: Kind, **how: Any) -> Any:
    """A field that says where settings come from, not what to paint."""
    return field(metadata={"kind": kind}, repr=False, kw_only=True, **how)


@dataclass(frozen=True)
class Settings(Options):
    """`Options`, with the two images and the framework. None leaves a choice to the recipe or the machine.

    >>> from stylelab.run.settings import Settings
    >>> settings = Settings("cat", "fluid", size=48, steps=2)
    >>> settings.save("run.json").name
    'run.json'
    >>> Settings.load("run.json") == settings
    True

    Attributes:
        content, style: a path, the name of a built-in image, or an `ImageFile`; for a blend several styles in a tuple.
        backend: 'torch' or 'tensorflow'.
        sha256: of 'content', 'style', 'style 2', 'content_mask', 'style_mask', 'encoder', 'recipe' and so on when the settings were made; those that are missing are not checked.
        versions: of the packages at that time.
        threads: of the framework on the CPU at that time.
        folder: where the settings were read from; an image that is not at its path is looked for there.
        elsewhere: whether they may come from another machine. Then a device that is not here is replaced by the fastest there is.
    """

    content: "str | ImageFile" = field(metadata={"kind": IMAGE})
    style: "str | ImageFile | tuple[str | ImageFile, ...]" = field(metadata={"kind": STYLES})
    backend: str = option(USUAL, "Framework: torch or tensorflow.", NAME)
    sha256: Mapping[str, str] = _record(CHECKSUMS, default_factory=dict)
    versions: Mapping[str, str] = _record(VERSIONS, default_factory=dict)
    threads: int | None = _record(WHOLE, default=None)
    folder: Path | None = field(default=None, repr=False, compare=False, kw_only=True)
    elsewhere: bool = field(default=False, repr=False, compare=False, kw_only=True)

    @classmethod
    def load(cls, path: "str | Path") -> "Settings":
        """Settings from a file of `save`, or from a PNG of `Result.save`.

        Raises:
            InputError: no such file, too large, not a settings file, a newer format, or a value of the wrong kind.
        """
        path = expand_home(path)
        return cls(**settings_file.read(path, cls), folder=path.parent, elsewhere=True)

    @classmethod
    def parse(cls, text: str, name: str = "the settings") -> "Settings":
        """Settings from what `text` returns; `name` is what error messages call it.

        Raises:
            InputError: as `load`.
        """
        return cls(**settings_file.parse(text, name, cls))

    def save(self, path: "str | Path") -> Path:
        """Write `text()` into a .json file, whole or not at all.

        Raises:
            InputError: another ending, or a place that cannot be written.
        """
        path = settings_file.check_path(path)
        write_text(path, self.text())
        return path

    def text(self) -> str:
        """The settings as JSON: what to do first, then checksums and versions, embedded images last."""
        files: dict[str, ImageFile] = {}

        def name(role: str, image: "str | ImageFile | None") -> "str | dict[str, str] | None":
            if isinstance(image, ImageFile):
                files[role] = image
                return {"file": image.name}
            return image

        images = {role: self._each(role, name) for role in ROLES}
        values = {"format": settings_file.FORMAT} | {role: images[role] for role in ("content", "style")}
        values |= values_of(self, Options) | images | {"backend": self.backend}
        values |= {"sha256": dict(self.sha256), "versions": dict(self.versions), "threads": self.threads}
        if files:
            values["files"] = {role: base64.b64encode(file.data).decode() for role, file in files.items()}
        return json.dumps(values, indent=1, allow_nan=False) + "\n"

    def options(self) -> dict[str, Any]:
        """Keyword arguments for `stylelab.transfer`, after content and style.

        Raises:
            InputError: a mask is gone, or it is not the one that the settings were saved with.
        """
        masks = {role: self._each(role, self._image) for role in ("content_mask", "style_mask")}
        return values_of(self, Options) | masks | {"backend": self.backend}

    def found(self) -> "Settings":
        """The same with its images and masks where they are now, checked as by `images` and `options`."""
        (content, style), options = self.images(), self.options()
        return replace(self, content=content, style=style, content_mask=options["content_mask"], style_mask=options["style_mask"])

    def images(self) -> "tuple[str | ImageFile, str | ImageFile | tuple[str | ImageFile, ...]]":
        """Content and style as `stylelab.transfer` takes them, checked against their checksums.

        Raises:
            InputError: an image is gone, or it or the file of the encoder is not the one that the settings were saved with.
        """
        if "encoder" in self.sha256 and (os.sep in str(self.encoder) or "." in str(self.encoder)):
            if self.sha256["encoder"] != sha256_of(encoders.find_encoder(self.encoder)):
                name = printable(self.encoder)
                raise InputError(f"'{name}' is not the encoder that these settings were saved with: name the right one")
        return self._each("content", self._image), self._each("style", self._image)

    def _each(self, role: str, make: Callable[[str, Any], Any]) -> Any:
        """What `make` makes of an image and its name, such as 'style'; of several, in a tuple, with 'style 2' and so on."""
        source = getattr(self, role)
        if isinstance(source, tuple):
            return tuple(make(numbered(role, index), each) for index, each in enumerate(source))
        return None if source is None else make(role, source)

    def _image(self, role: str, source: "str | ImageFile") -> "str | ImageFile":
        expected, called = self.sha256.get(role), f"{role.replace('_', ' ')}{'' if 'mask' in role else ' image'}"
        if not isinstance(source, str | os.PathLike | ImageFile):
            return source
        if isinstance(source, ImageFile):
            if expected not in (None, sha256_of(source)):
                raise InputError(f"the {called} in these settings is damaged: save them again")
            return source
        if not (expected or self.folder):
            return source
        places = [source]  # where it was; in the folder of the settings; built in, if a file has taken its name since
        places += [str(self.folder / source), str(self.folder / PureWindowsPath(source).name)] if self.folder else []
        places += [str(find_built_in(source))] if find_item(source) else []
        missing = changed = None
        for place in places:
            try:
                if expected in (None, sha256_of(find_image(place))):
                    return place
                changed = changed or place
            except InputError as error:
                missing = missing or error
        if changed:
            shown = printable(changed)
            raise InputError(f"'{shown}' is not the {called} that these settings were saved with: name the right one")
        raise InputError(f"cannot find the {called} of these settings: {missing}")

    def changed(self, **changes: Any) -> "Settings":
        """The same with other values; the checksums of what is replaced are forgotten."""
        kept = {name: digest for name, digest in self.sha256.items() if name.partition(" ")[0] not in changes}
        return replace(self, **changes, sha256=kept, elsewhere=self.elsewhere and "device" not in changes)

    def without_files(self) -> "Settings":
        """The same without embedded images and without folders: fit to be passed on inside an image."""

        def name(role: str, image: Any) -> str:
            text = str(getattr(image, "name", image))
            return Path(text).name or role

        values: dict[str, Any] = {role: self._each(role, name) for role in ROLES}
        return replace(self, **values, encoder=name("encoder", self.encoder))

    def differences(self, repeated: "Settings | None" = None) -> tuple[str, ...]:
        """A sentence about each thing that is not as it was when the settings were saved.

        Args:
            repeated: settings of the run that has been made from these; None before there is one.

        Raises:
            InputError: the encoder is gone.
        """
        found, before = [], self.sha256
        for name, now in installed_versions(self.backend).items():
            if self.versions.get(name, now) != now:
                was = self.versions[name]
                found.append(f"these settings were saved with {name} {was}, and this is {now}: the image may differ in details")
        if "recipe" in before and self.recipe in RECIPES and before["recipe"] != sha256_of(RECIPES[self.recipe]):
            found.append(f"recipe '{self.recipe}' has changed since these settings were saved: the image will differ")
        if "encoder" in before and before["encoder"] != sha256_of(encoders.find_encoder(self.encoder)):
            found.append(f"encoder '{printable(self.encoder)}' is not the one of these settings: the image will differ")
        if repeated and self.device and (repeated.device or "").startswith("cpu") != self.device.startswith("cpu"):
            found.append(f"painted on {repeated.device}, and first on {self.device}: the image may differ in details")
        if repeated and None not in (self.threads, repeated.threads) and self.threads != repeated.threads:
            found.append(
                f"painted with {repeated.threads} threads, and first with {self.threads}: the image may differ in details"
            )
        return tuple(found)


def installed_versions(backend: str) -> dict[str, str]:
    """Versions of the packages that decide how an image comes out, to the last bit."""
    versions = {"stylelab": __version__}
    for name in (backend, "numpy", "pillow"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
