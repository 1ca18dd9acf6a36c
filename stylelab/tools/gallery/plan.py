"""Every content image in every style, on Dask: `plan` what is to be done, then `paint` it, on GPUs several pairs at once.

Images are read here and travel as arrays, so that workers on other machines need no shared disk. What is done is
written down in gallery.json at once, so that the same command goes on where the last one stopped.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

import stylelab
from stylelab import encoders, images
from stylelab.base.files import check_parent_folder, error_text, printable, write_text
from stylelab.errors import InputError
from stylelab.run.numerics import memory
from stylelab.run.prepare import Job, check_run, plan_memory, prepare, prepare_stages
from stylelab.tools.gallery import contact_sheet
from stylelab.tools.gallery.schedule import DONE, FAILED, KEPT, WAITING, at_once, work_off
from stylelab.tools.gallery.worker import paint_batch, paint_pair

ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".avif", ".jp2"])
PAINTING = ("backend", "device", "precision", "scales", "tile")


@dataclass
class Pair:
    """One image to paint.

    Attributes:
        content, style: the names of the two images.
        file: where it goes, in the gallery's folder.
        inputs: the sha256 of both files; None for one that cannot be read.
        state: 'waiting', 'done', 'kept' from an earlier run, or 'failed'.
        error: why it failed, one line.
        exit_status: 0, or what the command should end with because of this pair.
        facts: seconds, for a pair of a batch its share of them; steps, device, precision, long sides of the sizes gone
            through, tile, pairs in the batch, loss at the start and at the end, notes, height and width in pixels.
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
    """A gallery to be.

    Attributes:
        folder: where everything goes; made when the first image is done.
        contents, styles: name -> file.
        pairs: in order, a row of styles for each content.
        options: of `stylelab.transfer`.
        settings: all that decides how a pair comes out, beside the two images.
        job: what one pair comes to, a square one.
    """

    folder: Path
    contents: dict[str, Path]
    styles: dict[str, Path]
    pairs: list[Pair]
    options: dict
    settings: dict
    job: Job

    @property
    def preparing(self) -> dict:
        """The options that a pair is made ready with; the others say how it is then painted."""
        return {name: value for name, value in self.options.items() if name not in PAINTING}

    def memory(self, height: int, width: int) -> memory.Run:
        """What decides how much memory a pair of that size takes."""
        precision = "bfloat16" if self.options.get("precision") == "bfloat16" else "float32"
        return replace(plan_memory([self.job], self._widths, precision), height=height, width=width)

    @cached_property
    def _widths(self) -> dict[str, int]:
        weights = encoders.read_weights(self.job.encoder, self.job.recipe.layers)
        return {layer: len(bias) for layer, (_, bias) in weights.items()}


def plan(contents: str, styles: str, folder: "str | Path", *, backend: str = "torch", **options) -> Plan:
    """Find the images, check the settings, and see what is done already.

    Args:
        contents, styles: a folder, one image, or 'builtin'.
        folder: where the gallery goes, or where it is.
        backend: 'torch' or 'tensorflow'.
        options: as for `stylelab.transfer`.

    Raises:
        InputError: no image there, wrong settings, or a folder that cannot be written.
    """
    folder = Path(folder).expanduser()
    options |= {"backend": backend}
    job, settings = _settings(**options)
    found = find_images(contents, images.content_names()), find_images(styles, images.style_names())
    for source in (contents, styles):
        if Path(source).expanduser().is_dir() and folder.resolve() == Path(source).expanduser().resolve():
            raise InputError(f"the gallery cannot go into '{printable(folder)}', where its images come from: choose another")
    check_parent_folder(folder)
    made = Plan(folder, *found, _pairs(*found), options, settings, job)
    _keep_what_is_done(made)
    return made


def _settings(*, backend: str, device: str | None = None, precision="auto", scales=1, tile=None, **options) -> tuple[Job, dict]:
    """All that decides how a pair comes out, as JSON. A wrong setting is found here, once, and not at every pair.

    The precision is the one asked for: what 'auto' came to on the worker that painted a pair is in the pair's facts.
    """
    flat = np.zeros((64, 64, 3), np.float32)
    check_run(precision, tile)
    prepare_stages([flat], [flat], scales=scales, **options)
    job = prepare(flat, flat, **options)
    weights = job.encoder.path.read_bytes() if job.encoder.path else b""
    return job, {
        "stylelab": stylelab.__version__,
        "backend": backend,
        "recipe": job.recipe.name,
        "recipe_sha256": _sha256(repr(job.recipe).encode()),
        "encoder": job.encoder.name,
        "encoder_sha256": _sha256(weights),
        "size": options.get("size") and int(options["size"]),
        "steps": int(job.recipe.steps),
        "seed": int(options.get("seed", 0)),
        "precision": precision,
        "scales": int(scales),
        "tile": tile and int(tile),
    }


# Records of before there was a choice: such a pair was painted whole, at one size, in float32, and is kept where that is
# asked for in so many words. With 'auto' it is painted anew, since nobody can tell here what a worker makes of that.
BEFORE = {"precision": "float32", "scales": 1, "tile": None}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def find_images(source: str, built_in: tuple[str, ...]) -> dict[str, Path]:
    """`{name: file}` of a folder's images, of one image, or of the built-in ones.

    Raises:
        InputError: no such folder or image, or a folder without images.
    """
    if str(source) in ("builtin", "built-in") and not Path(source).exists():
        return {name: images.find_image(name) for name in built_in}
    folder = Path(source).expanduser()
    if not folder.is_dir():
        path = images.find_image(source)
        return {Path(source).stem: path}
    try:
        files = sorted(path for path in folder.iterdir() if _is_a_image(path))
    except OSError as error:
        raise InputError(f"folder '{printable(folder)}' cannot be read: {error_text(error)}") from None
    if not files:
        raise InputError(f"no image in folder '{printable(folder)}': its files must end in {', '.join(sorted(ENDINGS))}")
    return _distinct_names(files)


def _is_a_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def _distinct_names(files: list[Path]) -> dict[str, Path]:
    """cat.jpg is 'cat', but beside cat.png it is 'cat.jpg'. Some file systems do not tell Cat from cat."""
    stems = [path.stem.lower() for path in files]
    return {path.stem if stems.count(path.stem.lower()) == 1 else path.name: path for path in files}


def _pairs(contents: dict[str, Path], styles: dict[str, Path]) -> list[Pair]:
    digests = {path: _digest(path) for path in (*contents.values(), *styles.values())}
    pairs, taken = [], set()
    for content, content_path in contents.items():
        for style, style_path in styles.items():
            file = f"{content}__{style}"
            while file.lower() in taken:  # a__b and c, a and b__c
                file += "_"
            taken.add(file.lower())
            pairs.append(Pair(content, style, f"{file}.png", (digests[content_path], digests[style_path])))
    return pairs


def _digest(path: Path) -> str | None:
    try:
        return _sha256(path.read_bytes())
    except OSError:
        return None


def _keep_what_is_done(made: Plan) -> None:
    records = _read_records(made.folder)
    for pair in made.pairs:
        record = records.get(pair.file)
        settings = record.get("settings") if isinstance(record, dict) else None
        same = isinstance(settings, dict) and BEFORE | settings == made.settings
        if same and record.get("inputs") == list(pair.inputs) and (made.folder / pair.file).is_file():
            pair.state, pair.facts = KEPT, record.get("facts", {})


def _read_records(folder: Path) -> dict:
    try:
        records = json.loads((folder / "gallery.json").read_text(encoding="utf-8"))["images"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return records if isinstance(records, dict) else {}


def paint(made: Plan, *, scheduler: str | None = None) -> Iterator[Pair]:
    """Paint the pairs that are not done, and yield each as it is finished, in no order. One failure stops nobody else.

    Args:
        made: what `plan` returned; its pairs are updated.
        scheduler: the address of a Dask scheduler; None starts workers on this machine.

    Raises:
        MachineError: no scheduler, or no workers.
        InputError: the folder cannot be written any more.
    """
    yield from (pair for pair in made.pairs if pair.state == KEPT)
    waiting = [pair for pair in made.pairs if pair.state == WAITING]
    if waiting:
        from stylelab.tools.cluster import connect

        tasks = len(waiting) if scheduler else at_once(made, waiting)
        with connect(scheduler, tasks=tasks, device=made.options.get("device")) as client:
            made.folder.mkdir(parents=True, exist_ok=True)
            for pair in work_off(client, made, waiting, paint_pair, paint_batch):
                _write_down(made)
                yield pair
    if made.folder.is_dir():
        _write_down(made)


def _write_down(made: Plan) -> None:
    """gallery.json and index.html, as things are now. What other galleries left in the folder stays written down."""
    records = _read_records(made.folder)
    for pair in made.pairs:
        if pair.state in (DONE, KEPT):
            records[pair.file] = {"settings": made.settings, "inputs": list(pair.inputs), "facts": pair.facts}
        elif pair.state == FAILED:
            records.pop(pair.file, None)
    write_text(made.folder / "gallery.json", json.dumps({"images": records}, indent=1) + "\n")
    write_text(made.folder / "index.html", contact_sheet.page(made))


def summary(made: Plan) -> str:
    """One line: how many pairs were painted, kept, failed, and where to look."""
    count = {state: sum(pair.state == state for pair in made.pairs) for state in (DONE, KEPT, FAILED, WAITING)}
    parts = [f"{count[DONE]} painted"] + [f"{count[state]} {state}" for state in (KEPT, FAILED) if count[state]]
    parts += [f"{count[WAITING]} not begun"] if count[WAITING] else []
    where = f"; see {made.folder / 'index.html'}" if (made.folder / "index.html").is_file() else ""
    return f"{', '.join(parts)} of {len(made.pairs)} pairs{_pace(made)}{where}"


def _pace(made: Plan) -> str:
    """What one of the pairs that were painted now took, and in which precision."""
    facts = [pair.facts for pair in made.pairs if pair.state == DONE and "seconds" in pair.facts]
    if not facts:
        return ""
    seconds = np.median([fact["seconds"] for fact in facts])
    precisions = sorted({fact["precision"] for fact in facts if "precision" in fact})
    return f" ({', '.join([f'{seconds:.1f} s each', *precisions])})"
