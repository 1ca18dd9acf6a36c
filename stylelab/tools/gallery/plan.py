"""Plan a gallery: which content images in which styles, with which settings, and which pairs are done already.

`stylelab.tools.gallery.paint` then paints what is left.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from stylelab import encoders, images
from stylelab.base.files import check_parent_folder, error_text, expand_home, file_kind, printable
from stylelab.errors import InputError
from stylelab.images import Source
from stylelab.images.formats import ENDINGS
from stylelab.run.backends import USUAL, __version__
from stylelab.run.numerics import memory
from stylelab.run.options import Options, values_of
from stylelab.run.prepare import Job, plan_memory, prepare, prepare_run

UNSEEN = ("thumbs.db", "desktop.ini")  # files that Windows hides, besides those whose names begin with a dot
SHOWN = 10  # names in a note of what was left out
WAITING, DONE, KEPT, FAILED = "waiting", "done", "kept", "failed"  # states of a pair
# Older records lack these settings: such a pair was painted in float32, whole, at one size. It is kept only if float32 is
# asked for by name, since the precision that 'auto' stands for is decided on a worker.
OLD_SETTINGS = {"precision": "float32", "scales": 1, "tile": None, "keep_colours": None, "strength": 1.0, "style_scale": 1.0}


@dataclass
class Pair:
    """A content image and a style image, to be painted into one file.

    Attributes:
        content, style: names of the two images.
        file: name of the output, in the gallery's folder.
        inputs: sha256 of both image files; None for one that cannot be read.
        state: 'waiting', 'done', 'kept' from an earlier run, or 'failed'.
        error: why it failed, one line.
        exit_status: 0, or the status that the command should exit with because of this pair.
        facts: seconds (of a batch: an equal share), steps, device, precision, scales (long sides in pixels), tile, batch (the
            number of pairs in it), loss_start and loss_end, notes, height and width in pixels.
    """

    content: str
    style: str
    file: str
    inputs: tuple[str | None, str | None]
    state: str = WAITING
    error: str | None = None
    exit_status: int = 0
    facts: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.content} in {self.style}"


@dataclass
class Plan:
    """A gallery that is to be painted.

    Attributes:
        folder: where the output goes; created with the first image.
        contents, styles: name -> image file.
        pairs: one for each content and style, style by style within a content.
        backend: 'torch' or 'tensorflow'.
        options: the same for all pairs.
        settings: everything besides the two images that decides how a pair comes out, as JSON.
        job: a square example, prepared with these options.
        notes: a sentence for each folder that holds more than images.
    """

    folder: Path
    contents: dict[str, Path]
    styles: dict[str, Path]
    pairs: list[Pair]
    backend: str
    options: Options
    settings: dict
    job: Job
    notes: list[str]

    def prepare(self, content: Source, style: Source) -> Job:
        """A pair made ready with the plan's options, in its own colours: the worker that paints it recolours it."""
        return prepare(content, style, **values_of(replace(self.options, keep_colours=None), Options))

    def memory(self, height: int, width: int) -> memory.Run:
        """What decides how much memory a pair of this size takes."""
        precision = "bfloat16" if self.options.precision == "bfloat16" else "float32"
        return replace(plan_memory([self.job], self._filters, precision), height=height, width=width)

    @cached_property
    def _filters(self) -> dict[str, int]:
        """Layer -> its number of filters."""
        weights = encoders.read_weights(self.job.encoder, self.job.recipe.layers)
        return {layer: len(bias) for layer, (_, bias) in weights.items()}


def plan(contents: str, styles: str, folder: "str | Path", *, backend: str = USUAL, **options) -> Plan:
    """Find the images, check the settings, and look up which pairs are done already.

    Args:
        contents, styles: a folder, one image, or 'builtin' for all built-in images.
        folder: where the gallery goes, or already is.
        backend: 'torch' or 'tensorflow'.
        options: as for `stylelab.transfer`.

    Raises:
        InputError: no image found, a wrong setting, or a folder that cannot be written.
    """
    folder, asked = expand_home(folder), Options(**options)
    if given := [each.name for each in fields(Options) if each.metadata["one_pair"] and getattr(asked, each.name) is not None]:
        raise InputError(f"a gallery paints every content image in every style: leave out {', '.join(given)}")
    grey = np.zeros((64, 64, 3), np.float32)
    prepare_run([grey], [grey], asked)  # reports a wrong setting once, rather than for each pair
    job = prepare(grey, grey, **values_of(asked, Options))
    content_files, style_files = find_images(contents, images.content_names()), find_images(styles, images.style_names())
    for source in map(expand_home, (contents, styles)):
        if file_kind(source) == "folder" and os.path.realpath(folder) == os.path.realpath(source):
            raise InputError(f"the gallery cannot be written to '{printable(folder)}', the folder of its images: choose another")
    check_parent_folder(folder)
    settings = {
        "stylelab": __version__,
        "backend": backend,
        "recipe": job.recipe.name,
        "recipe_sha256": _sha256(repr(job.recipe).encode()),
        "encoder": job.encoder.name,
        "encoder_sha256": _sha256(job.encoder.path.read_bytes() if job.encoder.path else b""),
        "size": asked.size and int(asked.size),
        "steps": int(job.recipe.steps),
        "seed": int(asked.seed),
        "precision": asked.precision,  # if 'auto', the facts of a pair have the precision that its worker chose
        "scales": 1 if asked.scales is None and job.recipe.coarsest is None else asked.scales and int(asked.scales),
        "tile": asked.tile and int(asked.tile),
        "keep_colours": asked.keep_colours,
        "strength": float(asked.strength),
        "style_scale": float(asked.style_scale),
    }
    pairs, records = _pairs(content_files, style_files), read_records(folder)
    for pair in pairs:
        record = records.get(pair.file)
        record = record if isinstance(record, dict) else {}
        earlier = record.get("settings")
        same_settings = isinstance(earlier, dict) and OLD_SETTINGS | earlier == settings
        facts = record.get("facts", {})
        if same_settings and record.get("inputs") == list(pair.inputs) and (folder / pair.file).is_file() and _sound(facts):
            pair.state, pair.facts = KEPT, facts
    notes = [note for source in dict.fromkeys((contents, styles)) if (note := note_left_out(source, folder))]
    return Plan(folder, content_files, style_files, pairs, backend, asked, settings, job, notes)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def find_images(source: str, built_in: tuple[str, ...]) -> dict[str, Path]:
    """`{name: file}` of the images in a folder, of one image, or of the built-in ones.

    A file cat.jpg is called 'cat', or 'cat.jpg' if the folder has a cat.png or a Cat.png, too.

    Raises:
        InputError: no such folder or image, or no image in the folder.
    """
    if str(source) in ("builtin", "built-in") and not file_kind(source):
        return {name: images.find_image(name) for name in built_in}
    folder = expand_home(source)
    if file_kind(folder) != "folder":
        return {Path(source).stem: images.find_image(source)}
    files = [path for path in _visible(folder) if _is_image(path)]
    if not files:
        raise InputError(f"no image in folder '{printable(folder)}': file names must end in {', '.join(sorted(ENDINGS))}")
    stems = [path.stem.lower() for path in files]  # some file systems do not distinguish Cat and cat
    return {path.stem if stems.count(path.stem.lower()) == 1 else path.name: path for path in files}


def note_left_out(source: str, out: Path) -> str | None:
    """What a folder of images holds besides them, as a sentence; None for nothing, and for a single image.

    Args:
        source: as for `find_images`.
        out: the folder of the gallery, which may be inside.

    Raises:
        InputError: the folder cannot be read.
    """
    folder = expand_home(source)
    others = (
        [path for path in _visible(folder) if not _is_image(path) and os.path.realpath(path) != os.path.realpath(out)]
        if folder.is_dir()
        else []
    )
    names = [f"{'folder ' * path.is_dir()}'{printable(path.name)}'" for path in others]
    if not names:
        return None
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"left out of '{printable(folder)}': {shown}; a gallery takes files that end in .jpg, .png, .heic and so on, but no subfolders"


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, hidden files aside."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in UNSEEN)
    except OSError as error:
        raise InputError(f"cannot read folder '{printable(folder)}': {error_text(error)}") from None


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def _pairs(contents: dict[str, Path], styles: dict[str, Path]) -> list[Pair]:
    digests: dict[Path, str | None] = {}
    for path in (*contents.values(), *styles.values()):
        try:
            digests[path] = _sha256(path.read_bytes())
        except OSError:
            digests[path] = None
    pairs, names = [], set()
    for content, content_path in contents.items():
        for style, style_path in styles.items():
            name = f"{content}__{style}"
            while name.lower() in names:  # a__b in c and a in b__c
                name += "_"
            names.add(name.lower())
            pairs.append(Pair(content, style, f"{name}.png", (digests[content_path], digests[style_path])))
    return pairs


def _sound(facts: object) -> bool:
    """Whether the contact sheet can show these facts of an earlier run, perhaps of another version or edited by hand."""
    kinds = {"seconds": int | float, "batch": int, "tile": int | None, "notes": list, "precision": str, "device": str}
    return isinstance(facts, dict) and all(isinstance(facts[name], kind) for name, kind in kinds.items() if name in facts)


def read_records(folder: Path) -> dict:
    """What gallery.json in this folder says: {file: settings, inputs and facts}. Empty if it is missing or damaged."""
    try:
        records = json.loads((folder / "gallery.json").read_text(encoding="utf-8-sig"))["images"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return records if isinstance(records, dict) else {}
