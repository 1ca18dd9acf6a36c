"""A thousand submissions: `plan` what is to be marked, then `run` it, submission by submission, on Dask.

What is marked is written down at once, in `marks/`, so that the same command goes on where the last one was stopped. The
record with the secret seed is written before the first answer is run, so that the second run draws the same inputs.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import stylelab
from stylelab.classroom.collect import collect
from stylelab.classroom.marking import DRAWS, Boxes, mark, unmarkable
from stylelab.classroom.model import Mark, Record, Submission
from stylelab.classroom.record import read_record, write_record
from stylelab.classroom.sandbox import BWRAP, Limits, check_sandbox
from stylelab.encoders import ASSETS
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.exercises import EXERCISES
from stylelab.files import check_folder, one_line, shown, write_text

PACKAGE = Path(__file__).resolve().parent.parent
JUDGED_BY = ("exercises", "classroom", "torch/lab.py", "tensorflow/lab.py")  # when one of these changes, marks may
DEATHS = 2  # of workers under one submission, then it is given up


@dataclass
class Batch:
    """A grading run.

    Attributes:
        folder: where everything goes.
        record: the secret and what else a regrade needs.
        kind: of sandbox.
        limits: of each answer.
        submissions: key -> submission, in order.
        marks: key -> mark, for those that are done.
        kept: how many of them were done before.
    """

    folder: Path
    record: Record
    kind: str
    limits: Limits
    submissions: dict[str, Submission] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    kept: int = 0

    @property
    def stamp(self) -> str:
        """What decides the marks, beside the submission itself."""
        return _sha256(json.dumps([self.record.seed, self.record.version, self.record.settings, DRAWS]).encode())


def plan(
    source: "str | Path",
    folder: "str | Path",
    *,
    kind: str = BWRAP,
    seconds: float = 10.0,
    seed: str | None = None,
    again: bool = False,
) -> Batch:
    """Find the submissions and what is marked already.

    Args:
        source: as for `collect`.
        folder: where everything goes; made if it is missing.
        kind: of sandbox, 'bwrap' or 'none'.
        seconds: that one answer may take.
        seed: 32 hexadecimal digits, for marks that another run can give again; by default the folder's, else a fresh one.
        again: mark everything anew, with the folder's seed.

    Raises:
        InputError: nothing to grade, or a folder that cannot be used.
        MachineError: no such sandbox on this machine.
    """
    check_sandbox(kind)
    if not 0.1 <= seconds <= 3600:
        raise InputError(f"{seconds:g} seconds for an answer: choose from 0.1 to 3600")
    folder = Path(folder).expanduser()
    found = collect(Path(source).expanduser())
    _make(folder / "marks")
    limits = Limits(seconds)
    made = Batch(folder, _record(folder, seed, kind, limits), kind, limits)
    made.submissions = {_key(each): each for each in found}
    write_record(folder, made.record)
    if not again:
        made.marks = {key: kept for key in made.submissions if (kept := _read(made, key))}
    made.kept = len(made.marks)
    return made


def _record(folder: Path, seed: str | None, kind: str, limits: Limits) -> Record:
    if seed is not None and (len(seed) != 32 or set(seed.lower()) - set("0123456789abcdef")):
        raise InputError(f"seed '{shown(seed)}' is not 32 hexadecimal digits: take it from a record.json, or leave it out")
    before = read_record(folder)
    settings = {"sandbox": kind, "limits": asdict(limits), "kit": _kit()}
    points = {name: exercise.points for name, exercise in EXERCISES.items()}
    seed = seed.lower() if seed else before.seed if before else secrets.token_hex(16)
    return Record(seed, stylelab.__version__, _encoder(), points, settings)


def _encoder() -> str:
    """SHA-256 of the embedded encoder; empty where it is not installed. No answer needs it: it says which kit it was."""
    path = ASSETS / "encoder-mini.safetensors"
    return _sha256(path.read_bytes()) if path.is_file() else ""


def _kit() -> str:
    """One digest of all files that decide a mark."""
    files = [
        path
        for each in JUDGED_BY
        for path in ([PACKAGE / each] if each.endswith(".py") else sorted((PACKAGE / each).rglob("*.py")))
    ]
    return _sha256(b"".join(path.read_bytes() for path in files))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key(submission: Submission) -> str:
    """A submission's own: the same student with the same file, wherever it lies."""
    try:
        digest = _sha256(b"" if submission.trouble else submission.read())
    except StylelabError as error:
        digest = str(error)
    return _sha256(f"{submission.student}\0{submission.name}\0{digest}\0{submission.trouble}".encode(errors="replace"))[:32]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder '{shown(folder)}': {one_line(error)}; choose another") from None
    check_folder(folder)


def _read(made: Batch, key: str) -> Mark | None:
    """What an earlier run has written down, if it was made under the same conditions."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        plain = json.loads((made.folder / "marks" / f"{key}.json").read_bytes())
        if plain["stamp"] == made.stamp:
            return replace(Mark.from_json(plain["mark"]), when=made.submissions[key].when)
    return None


def _write(made: Batch, key: str, given: Mark) -> None:
    text = json.dumps({"stamp": made.stamp, "mark": given.to_json()})
    write_text(made.folder / "marks" / f"{key}.json", text + "\n")


def run(made: Batch, *, scheduler: str | None = None) -> Iterator[Mark]:
    """Mark what is not marked yet, and yield each mark as it is known, in no order. One submission stops nobody else.

    Args:
        scheduler: the address of a Dask scheduler; None starts workers on this machine.

    Raises:
        MachineError: no scheduler, no workers, or a worker that has no sandbox or lacks a package.
        InputError: the folder cannot be written any more.
    """
    waiting = [key for key in made.submissions if key not in made.marks]
    if not waiting:
        return
    from stylelab.cluster import connect

    with connect(scheduler, tasks=len(waiting), device="cpu", deaths=DEATHS) as client:
        for key, given in _work_off(client, made, waiting):
            _write(made, key, given)
            made.marks[key] = given
            yield given


def _work_off(client, made: Batch, waiting: list[str]) -> Iterator[tuple[str, Mark]]:
    """Hand out as many tasks as there are workers: a task that waits on a worker would be blamed for its death."""
    from distributed import as_completed

    running, queue = {}, iter(waiting)
    finished = as_completed(loop=client.loop)
    while True:
        while len(running) < max(1, sum(client.nthreads().values())) and (key := next(queue, None)):
            future = client.submit(mark_one, _task(made, key), pure=False)
            running[future] = key
            finished.add(future)
        if not running:
            return
        future = next(finished)
        key = running.pop(future)
        yield key, _received(future, made.submissions[key])


def _task(made: Batch, key: str) -> dict:
    """All that a worker needs, on this machine or on another: the bytes travel with it."""
    submission = made.submissions[key]
    try:
        data, trouble = (b"" if submission.trouble else submission.read()), submission.trouble
    except StylelabError as error:
        data, trouble = b"", str(error)
    own = Submission(submission.student, submission.name, data, submission.when, submission.notes, trouble)
    return {"submission": own, "kind": made.kind, "seed": made.record.seed, "limits": made.limits}


_OWN = threading.local()  # each thread of a worker has warm processes of its own


def mark_one(task: Mapping) -> dict:
    """What a worker does: one submission. Its warm processes stay for the next one, and end with the worker."""
    if getattr(_OWN, "boxes", None) is None or _OWN.boxes.kind != task["kind"]:
        _OWN.boxes = Boxes(task["kind"])
    try:
        return {"mark": mark(task["submission"], _OWN.boxes, task["seed"], task["limits"]).to_json(), "worker": os.getpid()}
    except MachineError as error:
        return {"machine": str(error)}


def _received(future, submission: Submission) -> Mark:
    try:
        answer = future.result()
    except Exception as error:  # noqa: BLE001  whatever happened over there, the others go on
        killed = type(error).__name__ == "KilledWorker"
        why = f"its worker died {DEATHS} times" if killed else f"the worker failed: {type(error).__name__}: {one_line(error)}"
        return unmarkable(submission, why)
    if "machine" in answer:
        raise MachineError(answer["machine"])
    return Mark.from_json(answer["mark"])
