"""What the classroom's parts hand to each other, as plain data that JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from stylelab.tools.classroom.intake.place import Place

RIGHT = "right"
# where an answer's first fault is: those of `stylelab.exercises.checking.verdict.Verdict`, and the grader's own
STAGES = {
    RIGHT: "right",
    "open": "not attempted",
    "error": "stops with an error",
    "type": "wrong type",
    "shape": "wrong shape",
    "value": "wrong value",
    "property": "lacks a property",
    "load": "the cell does not run",
    "time": "out of time",
    "memory": "out of memory",
    "lost": "ended early",  # the process was gone before it answered
    "forged": "not an answer",  # what came back is no answer to what was asked
    "missing": "no such cell",
    "file": "the file cannot be graded",
}


@dataclass(frozen=True)
class Submission:
    """One notebook as it was handed in. Nothing in `data` is trusted.

    Attributes:
        student: a name fit for a table; letters of any script.
        name: what the file was called where it came from.
        data: the file's bytes, or where they are: a thousand notebooks do not fit in memory together. Empty when
            `trouble` says why it could not be read.
        when: when it was handed in, with a time zone, where that is known.
        notes: what was repaired or chosen on the way, one sentence each.
        trouble: why it cannot be graded, one sentence.
    """

    student: str
    name: str
    data: bytes | Place = b""
    when: datetime | None = None
    notes: tuple[str, ...] = ()
    trouble: str | None = None

    def read(self) -> bytes:
        """The bytes, from the disk if need be.

        Raises:
            InputError: they are gone or damaged.
        """
        return self.data if isinstance(self.data, bytes) else self.data.read()


@dataclass(frozen=True)
class Line:
    """One line of a mark: what was looked at, what it is worth, what was earned, and what is wrong, if anything."""

    name: str
    points: int
    earned: int
    wrong: str | None = None


@dataclass(frozen=True)
class ExerciseMark:
    """What one answer is worth.

    Attributes:
        exercise: its id.
        title: what was asked, in a sentence.
        stage: a key of STAGES.
        reason: why points were lost, in a sentence for the student; empty when none were.
        lines: the mark, line by line.
        seconds: wall clock that the answer used.
        notes: what was repaired to find the answer, one sentence each.
        form: the answer up to names and layout, for the similarity report; empty for an open one.
    """

    exercise: str
    title: str
    stage: str
    reason: str
    lines: tuple[Line, ...]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    form: str = ""

    @property
    def points(self) -> int:
        """What there was to earn."""
        return sum(line.points for line in self.lines)

    @property
    def earned(self) -> int:
        return sum(line.earned for line in self.lines)


@dataclass(frozen=True)
class Mark:
    """What one submission is worth.

    Attributes:
        student, name, when, notes: as in `Submission`, with what was repaired on the way.
        lesson: the lesson's file name without framework and ending, such as '03_style_reconstruction'; '' if unknown.
        framework: 'torch' or 'tensorflow'; '' if unknown.
        digest: SHA-256 of the file.
        exercises: in the lesson's order.
        seconds: wall clock that the whole submission used.
    """

    student: str
    name: str
    lesson: str
    framework: str
    digest: str
    exercises: tuple[ExerciseMark, ...]
    when: datetime | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        return sum(each.points for each in self.exercises)

    @property
    def earned(self) -> int:
        return sum(each.earned for each in self.exercises)

    def to_json(self) -> dict:
        """Plain data for `json.dumps`."""
        return asdict(self) | {"when": self.when and self.when.isoformat()}

    @classmethod
    def from_json(cls, plain: Mapping) -> "Mark":
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: it is not what `to_json` gave.
        """
        exercises = tuple(
            ExerciseMark(**each | {"lines": tuple(Line(**line) for line in each["lines"]), "notes": tuple(each["notes"])})
            for each in plain["exercises"]
        )
        when = plain["when"] and datetime.fromisoformat(plain["when"])
        return cls(**plain | {"exercises": exercises, "when": when, "notes": tuple(plain["notes"])})


@dataclass(frozen=True)
class Record:
    """What a regrade needs to give the same marks, and a reader to know what was measured.

    Attributes:
        seed: 32 hexadecimal digits; the inputs of every answer are drawn from it. It is a secret until marks are out.
        version: of stylelab.
        encoder: SHA-256 of the embedded encoder's file.
        exercises: exercise id -> points that there are.
        settings: sandbox, limits, late policy and the like, as JSON.
    """

    seed: str
    version: str
    encoder: str
    exercises: Mapping[str, int]
    settings: Mapping[str, object] = field(default_factory=dict)
