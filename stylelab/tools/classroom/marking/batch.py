"""Mark a thousand submissions: `plan` finds what is to be marked, `run` marks it on Dask.

Each mark is written to `marks/` at once, so the same command resumes an interrupted run. The record with the secret seed is
written before the first answer runs, so a resumed run draws the same inputs.
"""

import json
import os
import re
import secrets
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

import stylelab
from stylelab.base.course import chosen_course, packed
from stylelab.base.files import check_folder, error_text, file_kind, folder_errors, printable, write_text
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.exercises import course_points
from stylelab.tools.classroom.intake.collect import collect, say
from stylelab.tools.classroom.marking.mark import DRAWS
from stylelab.tools.classroom.marking.model import Mark, Submission
from stylelab.tools.classroom.marking.record import SEED, Record, read_record, write_record
from stylelab.tools.classroom.marking.version import encoder_digest, grader_digest, sha256
from stylelab.tools.classroom.marking.workers import mark_all
from stylelab.tools.classroom.sandbox.sandbox import BWRAP, Limits, check_sandbox

OUTPUT_FOLDERS = ("", "marks", "feedback", "gradescope")
PARTIAL_FILE = re.compile(r"\..+\.(\d+)-\d+\.part")  # a file that is being written, with the id of the writing process


@dataclass
class Batch:
    """A grading run.

    Attributes:
        folder: where all output goes.
        record: the secret seed and the other conditions.
        kind: the kind of sandbox.
        limits: for each answer.
        submissions: key -> submission, in order.
        marks: key -> mark, for those that are finished.
        kept: how many of them an earlier run finished.
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
        """Identifies what decides the marks, apart from the submission itself."""
        return sha256(json.dumps([self.record.seed, self.record.version, self.record.settings, DRAWS]).encode())


def plan(
    sources: "Sequence[str | Path]",
    folder: "str | Path",
    *,
    kind: str = BWRAP,
    seconds: float = 10.0,
    seed: str | None = None,
    again: bool = False,
    here: bool = True,
) -> Batch:
    """Find the submissions, and those that are marked already.

    Args:
        sources: one or several, each as for `collect`: what was handed in at the first, the second ... attempt.
        folder: where all output goes; created if missing.
        kind: the kind of sandbox, 'bwrap' or 'none'.
        seconds: time limit of one answer.
        seed: 32 hexadecimal digits, to repeat the marks of another run; by default the folder's, or else a fresh one.
        again: mark everything again, with the folder's seed.
        here: whether this machine marks; on a cluster, sandboxes are checked when they start.

    Raises:
        InputError: nothing to grade, or a folder that cannot be used.
        MachineError: no such sandbox on this machine.
    """
    try:
        check_sandbox(kind)
    except MachineError:
        if here:
            raise
    if not 0.1 <= seconds <= 3600:
        raise InputError(f"{seconds:g} seconds for an answer: choose from 0.1 to 3600")
    if seed is not None and not SEED.fullmatch(seed.lower()):
        raise InputError(f"seed '{printable(seed)}' is not 32 hexadecimal digits: take it from a record.json, or leave it out")
    paths, folder, limits = [expand_home(source) for source in sources], expand_home(folder), Limits(seconds)
    # inside it, marks would be collected as a student's the next time, and students could be given the seed
    for source in paths:
        if file_kind(source) == "folder" and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(source)):
            raise InputError(f"'{printable(folder)}' is in the folder of submissions: choose another folder for the marks")
    told: list[str] = []
    submissions = [
        replace(submission, attempt=attempt)
        for attempt, source in enumerate(paths)
        for submission in collect(source, told.append)
    ]
    for output in (folder, folder / "marks"):
        with folder_errors(output):
            output.mkdir(parents=True, exist_ok=True)
        check_folder(output)
    for sentence in told:  # not before an error, which is one line
        say(sentence)
    before = read_record(folder)
    settings = {"sandbox": kind, "limits": asdict(limits), "kit": grader_digest()}
    points = course_points()
    seed = seed.lower() if seed else before.seed if before else secrets.token_hex(16)
    record = Record(seed, stylelab.__version__, encoder_digest(), points, settings, before.pages if before else {})
    batch = Batch(folder, record, kind, limits, {_key(submission): submission for submission in submissions})
    for name in OUTPUT_FOLDERS:
        for path in (folder / name).glob(".*.part"):
            match = PARTIAL_FILE.fullmatch(path.name)
            if match and not psutil.pid_exists(int(match[1])):  # left by a killed run, not by one that is still active
                with suppress(OSError):
                    path.unlink()
    write_record(folder, record)
    for key, submission in batch.submissions.items() if not again else ():
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            plain = json.loads((folder / "marks" / f"{key}.json").read_bytes())
            if plain["stamp"] == batch.stamp:  # made by an earlier run under the same conditions
                batch.marks[key] = replace(Mark.from_json(plain["mark"]), when=submission.when, attempt=submission.attempt)
    batch.kept = len(batch.marks)
    return batch


def expand_home(path: "str | Path") -> Path:
    """A path with '~' expanded.

    Raises:
        InputError: '~name' of an unknown user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"cannot find '{printable(path)}': {error_text(error).rstrip('.')}; write the whole path") from None


def _key(submission: Submission) -> str:
    """Identifies a submission by student, file name and content, wherever the file lies."""
    try:
        digest = sha256(b"" if submission.trouble else submission.read())
    except StylelabError as error:
        digest = str(error)
    parts = [submission.student, submission.name, digest, submission.trouble, *([submission.attempt] if submission.attempt else [])]
    return sha256("\0".join(map(str, parts)).encode(errors="replace"))[:32]


def run(batch: Batch, *, scheduler: str | None = None) -> Generator[Mark]:
    """Mark what is not marked yet, and yield each mark as it arrives, in no particular order.

    Args:
        scheduler: the address of a Dask scheduler; None starts workers on this machine.

    Raises:
        MachineError: no scheduler, no workers, or a worker without a sandbox or a package.
        InputError: the folder can no longer be written.
    """
    waiting = {key: submission for key, submission in batch.submissions.items() if key not in batch.marks}
    if not waiting:
        return
    from stylelab.tools.cluster import connect

    conditions = {"kind": batch.kind, "seed": batch.record.seed, "limits": batch.limits, "kit": batch.record.settings["kit"]}
    conditions |= {"course": packed(chosen_course())}
    with connect(scheduler, tasks=len(waiting), device="cpu", deaths=1) as client:
        for key, mark, final in mark_all(client, waiting, conditions):
            mark = replace(mark, attempt=batch.submissions[key].attempt)
            # without a stamp, the next run marks it again
            text = json.dumps({"stamp": batch.stamp if final else "", "mark": mark.to_json()})
            write_text(batch.folder / "marks" / f"{key}.json", text + "\n")
            batch.marks[key] = mark
            yield mark
