"""A thousand submissions: `plan` what is to be marked, then `run` it, submission by submission, on Dask.

What is marked is written down at once, in `marks/`, so that the same command goes on where the last one was stopped. The
record with the secret seed is written before the first answer is run, so that the second run draws the same inputs.
"""

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

import stylelab
from stylelab.base.files import check_folder, error_text, printable, write_text
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.exercises import EXERCISES
from stylelab.tools.classroom.intake.collect import collect
from stylelab.tools.classroom.marking.mark import DRAWS
from stylelab.tools.classroom.marking.model import Mark, Record, Submission
from stylelab.tools.classroom.marking.record import read_record, write_record
from stylelab.tools.classroom.marking.version import encoder, kit, sha256
from stylelab.tools.classroom.marking.workers import work_off
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, Limits, check_sandbox

OURS = ("", "marks", "feedback", "gradescope")  # folders that are written to
PART = re.compile(r"\..+\.(\d+)-\d+\.part")  # a file that is being written, with the process that writes it


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
        return sha256(json.dumps([self.record.seed, self.record.version, self.record.settings, DRAWS]).encode())


def plan(
    source: "str | Path",
    folder: "str | Path",
    *,
    kind: str = BWRAP,
    seconds: float = 10.0,
    seed: str | None = None,
    again: bool = False,
    here: bool = True,
) -> Batch:
    """Find the submissions and what is marked already.

    Args:
        source: as for `collect`.
        folder: where everything goes; made if it is missing.
        kind: of sandbox, 'bwrap' or 'none'.
        seconds: that one answer may take.
        seed: 32 hexadecimal digits, for marks that another run can give again; by default the folder's, else a fresh one.
        again: mark everything anew, with the folder's seed.
        here: whether this machine marks; a cluster's sandboxes are looked at when they start.

    Raises:
        InputError: nothing to grade, or a folder that cannot be used.
        MachineError: no such sandbox on this machine.
    """
    _check(kind, seconds, seed, here)
    source, folder, limits = at_home(source), at_home(folder), Limits(seconds)
    _check_apart(source, folder)
    found = collect(source)
    _make(folder)
    _make(folder / "marks")
    made = Batch(folder, _record(folder, seed, kind, limits), kind, limits)
    made.submissions = {_key(each): each for each in found}
    _sweep(folder)
    write_record(folder, made.record)
    if not again:
        made.marks = {key: kept for key in made.submissions if (kept := _read(made, key))}
    made.kept = len(made.marks)
    return made


def at_home(path: "str | Path") -> Path:
    """A path with '~' written out.

    Raises:
        InputError: '~name' of somebody whom this machine does not know.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"cannot find '{printable(path)}': {error_text(error).rstrip('.')}; write the path out") from None


def _check(kind: str, seconds: float, seed: str | None, here: bool) -> None:
    """What can be wrong before anything is looked at or made."""
    try:
        check_sandbox(kind)
    except MachineError:
        if here:
            raise
    if not 0.1 <= seconds <= 3600:
        raise InputError(f"{seconds:g} seconds for an answer: choose from 0.1 to 3600")
    if seed is not None and (len(seed) != 32 or set(seed.lower()) - set("0123456789abcdef")):
        raise InputError(f"seed '{printable(seed)}' is not 32 hexadecimal digits: take it from a record.json, or leave it out")


def _check_apart(source: Path, folder: Path) -> None:
    """Inside the submissions, marks would be collected as a student's the next time, and the secret given back with them."""
    if source.is_dir() and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(source)):
        raise InputError(f"'{printable(folder)}' is in the folder of submissions: choose one beside it for the marks")


def _sweep(folder: Path) -> None:
    """Take away what a run that was killed was about to write; a run that is still at work keeps its own."""
    for each in OURS:
        for path in (folder / each).glob(".*.part"):
            found = PART.fullmatch(path.name)
            if found and not psutil.pid_exists(int(found[1])):
                with suppress(OSError):
                    path.unlink()


def _record(folder: Path, seed: str | None, kind: str, limits: Limits) -> Record:
    before = read_record(folder)
    settings = {"sandbox": kind, "limits": asdict(limits), "kit": kit()}
    points = {name: exercise.points for name, exercise in EXERCISES.items()}
    seed = seed.lower() if seed else before.seed if before else secrets.token_hex(16)
    return Record(seed, stylelab.__version__, encoder(), points, settings)


def _key(submission: Submission) -> str:
    """A submission's own: the same student with the same file, wherever it lies."""
    try:
        digest = sha256(b"" if submission.trouble else submission.read())
    except StylelabError as error:
        digest = str(error)
    return sha256(f"{submission.student}\0{submission.name}\0{digest}\0{submission.trouble}".encode(errors="replace"))[:32]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None
    check_folder(folder)


def _read(made: Batch, key: str) -> Mark | None:
    """What an earlier run has written down, if it was made under the same conditions."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        plain = json.loads((made.folder / "marks" / f"{key}.json").read_bytes())
        if plain["stamp"] == made.stamp:
            return replace(Mark.from_json(plain["mark"]), when=made.submissions[key].when)
    return None


def _write(made: Batch, key: str, given: Mark, lasting: bool) -> None:
    """A mark that does not last is there to be read, and the next run makes it anew."""
    text = json.dumps({"stamp": made.stamp if lasting else "", "mark": given.to_json()})
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
    from stylelab.tools.cluster import connect

    terms = {"kind": made.kind, "seed": made.record.seed, "limits": made.limits, "kit": made.record.settings["kit"]}
    with connect(scheduler, tasks=len(waiting), device="cpu", deaths=1) as client:
        for key, given, lasting in work_off(client, {key: made.submissions[key] for key in waiting}, terms):
            _write(made, key, given, lasting)
            made.marks[key] = given
            yield given
