"""Every content picture in every style, on Dask: `plan` what is to be done, then `paint` it pair by pair.

Pictures are read here and travel as arrays, so that workers on other machines need no shared disk. What is done is
written down in gallery.json at once, so that the same command goes on where the last one stopped.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import stylelab
from stylelab import pictures, sheet
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.files import check_folder, one_line, shown, write_text
from stylelab.job import prepare

ENDINGS = frozenset(
    [".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".avif", ".jp2"]
)
DONE, KEPT, FAILED, WAITING = "done", "kept", "failed", "waiting"


@dataclass
class Pair:
    """One picture to paint.

    Attributes:
        content, style: the names of the two pictures.
        file: where it goes, in the gallery's folder.
        inputs: the sha256 of both files; None for one that cannot be read.
        state: 'waiting', 'done', 'kept' from an earlier run, or 'failed'.
        error: why it failed, one line.
        exit_status: 0, or what the command should end with because of this pair.
        facts: seconds, steps, device, loss at the start and at the end, height and width in pixels.
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
        folder: where everything goes; made when the first picture is done.
        contents, styles: name -> file.
        pairs: in order, a row of styles for each content.
        options: of `stylelab.transfer`.
        settings: all that decides how a pair comes out, beside the two pictures.
    """

    folder: Path
    contents: dict[str, Path]
    styles: dict[str, Path]
    pairs: list[Pair]
    options: dict
    settings: dict


def plan(contents: str, styles: str, folder: "str | Path", *, backend: str = "torch", **options) -> Plan:
    """Find the pictures, check the settings, and see what is done already.

    Args:
        contents, styles: a folder, one picture, or 'builtin'.
        folder: where the gallery goes, or where it is.
        backend: 'torch' or 'tensorflow'.
        options: as for `stylelab.transfer`.

    Raises:
        InputError: no picture there, wrong settings, or a folder that cannot be written.
    """
    folder = Path(folder).expanduser()
    options |= {"backend": backend}
    settings = _settings(**options)
    found = find_pictures(contents, pictures.content_names()), find_pictures(styles, pictures.style_names())
    for source in (contents, styles):
        if Path(source).expanduser().is_dir() and folder.resolve() == Path(source).expanduser().resolve():
            raise InputError(
                f"the gallery cannot go into '{shown(folder)}', where its pictures come from: choose another"
            )
    check_folder(next(parent for parent in (folder, *folder.absolute().parents) if parent.exists()))
    made = Plan(folder, *found, _pairs(*found), options, settings)
    _keep_what_is_done(made)
    return made


def _settings(*, backend: str, device: str | None = None, **options) -> dict:
    """All that decides how a pair comes out, as JSON. A wrong setting is found here, once, and not at every pair."""
    flat = np.zeros((64, 64, 3), np.float32)
    job = prepare(flat, flat, **options)
    weights = job.encoder.path.read_bytes() if job.encoder.path else b""
    return {
        "stylelab": stylelab.__version__,
        "backend": backend,
        "recipe": job.recipe.name,
        "recipe_sha256": _sha256(repr(job.recipe).encode()),
        "encoder": job.encoder.name,
        "encoder_sha256": _sha256(weights),
        "size": options.get("size") and int(options["size"]),
        "steps": int(job.recipe.steps),
        "seed": int(options.get("seed", 0)),
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def find_pictures(source: str, built_in: tuple[str, ...]) -> dict[str, Path]:
    """`{name: file}` of a folder's pictures, of one picture, or of the built-in ones.

    Raises:
        InputError: no such folder or picture, or a folder without pictures.
    """
    if str(source) in ("builtin", "built-in") and not Path(source).exists():
        return {name: pictures.find_picture(name) for name in built_in}
    folder = Path(source).expanduser()
    if not folder.is_dir():
        path = pictures.find_picture(source)
        return {Path(source).stem: path}
    try:
        files = sorted(path for path in folder.iterdir() if _is_a_picture(path))
    except OSError as error:
        raise InputError(f"folder '{shown(folder)}' cannot be read: {one_line(error)}") from None
    if not files:
        raise InputError(f"no picture in folder '{shown(folder)}': its files must end in {', '.join(sorted(ENDINGS))}")
    return _distinct_names(files)


def _is_a_picture(path: Path) -> bool:
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
        same = isinstance(record, dict) and record.get("settings") == made.settings
        if same and record.get("inputs") == list(pair.inputs) and (made.folder / pair.file).is_file():
            pair.state, pair.facts = KEPT, record.get("facts", {})


def _read_records(folder: Path) -> dict:
    try:
        records = json.loads((folder / "gallery.json").read_text(encoding="utf-8"))["pictures"]
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
        from stylelab.cluster import connect

        with connect(scheduler, tasks=len(waiting), device=made.options.get("device")) as client:
            made.folder.mkdir(parents=True, exist_ok=True)
            for pair in _work_off(client, made, waiting):
                _write_down(made)
                yield pair
    if made.folder.is_dir():
        _write_down(made)


def _work_off(client, made: Plan, waiting: list[Pair]) -> Iterator[Pair]:
    """Hand out as many tasks as there are workers: a task that waits on a worker would be blamed for its death."""
    from distributed import as_completed

    running, queue = {}, iter(waiting)
    finished = as_completed(loop=client.loop)
    while True:
        for pair in queue:
            future = _submit(client, made, pair)
            if future is None:
                yield pair
                continue
            running[future] = pair
            finished.add(future)
            if len(running) >= sum(client.nthreads().values()):
                break
        if not running:
            return
        future = next(finished)
        pair = running.pop(future)
        _receive(future, made, pair)
        yield pair


def _submit(client, made: Plan, pair: Pair):
    """A task for one pair; None if one of its pictures cannot be used."""
    options = {name: value for name, value in made.options.items() if name not in ("backend", "device")}
    try:
        job = prepare(made.contents[pair.content], made.styles[pair.style], **options)
    except StylelabError as error:
        pair.state, pair.error, pair.exit_status = FAILED, str(error), error.exit_status
        return None
    options = made.options | {"size": max(job.content.shape[:2])}
    return client.submit(paint_pair, job.content, job.style, options, pure=False)


def paint_pair(content: np.ndarray, style: np.ndarray, options: dict) -> dict:
    """What a worker does: one transfer, two `(H, W, 3)` pictures in, a picture and facts out, or an error."""
    try:
        result = stylelab.transfer(content, style, **options)
    except StylelabError as error:
        return {"error": str(error), "exit_status": error.exit_status}
    except MemoryError:
        return {"error": "not enough memory: choose a smaller size", "exit_status": MachineError.exit_status}
    total = result.history["total"]
    losses = {"loss_start": float(total[0]), "loss_end": float(total[-1])} if len(total) else {}
    facts = {"seconds": round(result.seconds, 2), "steps": len(total), "device": result.device} | losses
    return {
        "picture": result.picture,
        "facts": facts,
        "error": result.stopped,
        "exit_status": int(bool(result.stopped)),
    }


def _receive(future, made: Plan, pair: Pair) -> None:
    try:
        answer = future.result()
    except Exception as error:  # noqa: BLE001  whatever happened over there, the other pairs go on
        answer = {"error": _lost(error), "exit_status": MachineError.exit_status}
    pair.error, pair.exit_status, pair.facts = answer["error"], answer["exit_status"], answer.get("facts", {})
    pair.state = FAILED if pair.error else DONE
    if "picture" in answer:
        pictures.save(answer["picture"], made.folder / pair.file)
        pair.facts |= dict(zip(("height", "width"), answer["picture"].shape, strict=False))


def _lost(error: Exception) -> str:
    if type(error).__name__ == "KilledWorker":
        return "its worker died again and again, perhaps for want of memory: choose a smaller size"
    return f"the worker failed: {type(error).__name__}: {one_line(error)}"


def _write_down(made: Plan) -> None:
    """gallery.json and index.html, as things are now. What other galleries left in the folder stays written down."""
    records = _read_records(made.folder)
    for pair in made.pairs:
        if pair.state in (DONE, KEPT):
            records[pair.file] = {"settings": made.settings, "inputs": list(pair.inputs), "facts": pair.facts}
        elif pair.state == FAILED:
            records.pop(pair.file, None)
    write_text(made.folder / "gallery.json", json.dumps({"pictures": records}, indent=1) + "\n")
    write_text(made.folder / "index.html", sheet.page(made))


def summary(made: Plan) -> str:
    """One line: how many pairs were painted, kept, failed, and where to look."""
    count = {state: sum(pair.state == state for pair in made.pairs) for state in (DONE, KEPT, FAILED, WAITING)}
    parts = [f"{count[DONE]} painted"] + [f"{count[state]} {state}" for state in (KEPT, FAILED) if count[state]]
    parts += [f"{count[WAITING]} not begun"] if count[WAITING] else []
    where = f"; see {made.folder / 'index.html'}" if (made.folder / "index.html").is_file() else ""
    return f"{', '.join(parts)} of {len(made.pairs)} pairs{where}"
