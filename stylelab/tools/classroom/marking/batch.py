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
from stylelab.tools.classroom.marking.anonymous import Key, make_key, reveal
from stylelab.tools.classroom.marking.mark import DRAWS
from stylelab.tools.classroom.marking.model import Mark, Submission
from stylelab.tools.classroom.marking.record import HIDDEN, REVEALED, SEED, SHOWN, Record, read_record, write_record
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
        key: who is who, if the submissions are marked anonymously.
        named: key -> submission with its student's name, then.
    """

    folder: Path
    record: Record
    kind: str
    limits: Limits
    submissions: dict[str, Submission] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    kept: int = 0
    key: Key | None = None
    named: dict[str, Submission] = field(default_factory=dict)

    @property
    def stamp(self) -> str:
        """Identifies what decides the marks, apart from the submission itself."""
        return sha256(json.dumps([self.record.seed, self.record.version, self.record.settings, DRAWS]).encode())

    @property
    def labels(self) -> dict[str, str]:
        """Label -> student, if names are shown again: lines of manual.csv may have either."""
        return self.key.students if self.key and self.record.names == REVEALED else {}

    @property
    def reported(self) -> list[Mark]:
        """The marks for the reports: with names, unless these are hidden."""
        shown = self.named if self.record.names == REVEALED else {}
        return [reveal(self.marks[key], shown[key]) if key in shown else self.marks[key] for key in self.submissions]


def plan(
    sources: "str | Path | Sequence[str | Path]",
    folder: "str | Path",
    *,
    kind: str = BWRAP,
    seconds: float = 10.0,
    seed: str | None = None,
    again: bool = False,
    here: bool = True,
    anonymous: bool = False,
    show_names: bool = False,
) -> Batch:
    """Find the submissions, and those that are marked already.

    Args:
        sources: one or several, each as for `collect`: what was submitted at the first, the second ... attempt.
        folder: where all output goes; created if missing.
        kind: the kind of sandbox, 'bwrap' or 'none'.
        seconds: time limit of one answer.
        seed: 32 hexadecimal digits, to repeat the marks of another run; by default the folder's, or else a fresh one.
        again: mark everything again, with the folder's seed.
        here: whether this machine marks; on a cluster, sandboxes are checked when they start.
        anonymous: mark with labels instead of names.
        show_names: end the anonymity of the folder: names in the reports.

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
    paths = [expand_home(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    folder, limits = expand_home(folder), Limits(seconds)
    real_paths = [os.path.realpath(path) for path in paths]
    if twice := next((path for index, path in enumerate(paths) if real_paths[index] in real_paths[:index]), None):
        raise InputError(f"'{printable(twice)}' is named twice: name each release once, the first attempt first")
    # inside it, marks would be collected as a student's the next time, and students could be given the seed
    for source in paths:
        if file_kind(source) == "folder" and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(source)):
            raise InputError(f"'{printable(folder)}' is in the folder of submissions: choose another folder for the marks")
    before = read_record(folder) if file_kind(folder) == "folder" else None
    names = _names(folder, before, anonymous, show_names)
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
    settings = {"sandbox": kind, "limits": asdict(limits), "kit": grader_digest()}
    points = course_points()
    seed = seed.lower() if seed else before.seed if before else secrets.token_hex(16)
    record = Record(seed, stylelab.__version__, encoder_digest(), points, settings, names, before.pages if before else {})
    batch = Batch(folder, record, kind, limits)
    if names != SHOWN:
        batch.key = make_key(folder, seed, submissions)
    for submission in submissions:
        concealed = batch.key.conceal(submission) if batch.key else submission
        batch.submissions[key := _key(concealed)] = concealed
        batch.named[key] = submission
    if batch.key:  # in the order of the labels: when a mark was written tells nothing
        batch.submissions = dict(sorted(batch.submissions.items(), key=lambda item: (item[1].student, item[0])))
    for name in OUTPUT_FOLDERS:
        for path in (folder / name).glob(".*.part"):
            match = PARTIAL_FILE.fullmatch(path.name)
            if match and not psutil.pid_exists(int(match[1])):  # left by a killed run, not by one that is still active
                with suppress(OSError):
                    path.unlink()
    write_record(folder, record)
    earlier: dict[str, Mark] = {}  # with other names removed than those of the class now
    for key, submission in batch.submissions.items() if not again else ():
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            plain = json.loads((folder / "marks" / f"{key}.json").read_bytes())
            if plain["stamp"] == batch.stamp:  # made by an earlier run under the same conditions
                batch.marks[key] = replace(Mark.from_json(plain["mark"]), when=submission.when, attempt=submission.attempt)
                if batch.key and plain.get("names") != batch.key.names.digest:
                    earlier[key] = batch.key.clean(batch.marks[key])
    for key, mark in earlier.items():
        batch.marks[key] = mark
        _write_mark(batch, key, mark, batch.stamp)
    batch.kept = len(batch.marks)
    return batch


def _names(folder: Path, before: Record | None, anonymous: bool, show_names: bool) -> str:
    """Whether students' names are shown, hidden or revealed in this folder.

    Raises:
        InputError: that does not fit what is in the folder.
    """
    known, where = before.names if before else None, printable(folder)
    if anonymous and show_names:
        raise InputError("--anonymous hides the names and --reveal shows them: choose one of the two")
    if show_names and known not in (HIDDEN, REVEALED):
        raise InputError(f"'{where}' has no anonymous marks: there is nothing to reveal")
    if anonymous and known in (SHOWN, REVEALED):
        raise InputError(f"'{where}' has reports with names: choose another folder for anonymous ones")
    if known == HIDDEN and not anonymous and not show_names:
        raise InputError(f"'{where}' is anonymous: add --anonymous to keep it so, or --reveal for the reports with names")
    return HIDDEN if anonymous else known if known and not show_names else REVEALED if show_names else SHOWN


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
    parts = [
        submission.student,
        submission.name,
        digest,
        submission.trouble,
        *([submission.attempt] if submission.attempt else []),
    ]
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
            mark = batch.key.clean(mark) if batch.key else mark
            _write_mark(batch, key, mark, batch.stamp if final else "")  # without a stamp, the next run marks it again
            batch.marks[key] = mark
            yield mark


def _write_mark(batch: Batch, key: str, mark: Mark, stamp: str) -> None:
    names = {"names": batch.key.names.digest} if batch.key else {}  # those that were removed from it
    write_text(batch.folder / "marks" / f"{key}.json", json.dumps({"stamp": stamp, **names, "mark": mark.to_json()}) + "\n")
