"""Submissions and marks: what the classroom's parts pass to each other, as plain data that JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from stylelab.tools.classroom.intake.stored_file import StoredFile

RIGHT = "right"
# where an answer first goes wrong: the stages of `stylelab.exercises.checking.verdict.Verdict`, and the grader's own
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
    "lost": "ended early",  # its process ended before it answered
    "forged": "not an answer",  # the reply does not fit the question
    "missing": "no such cell",
    "file": "the file cannot be graded",
    "starved": "not graded",  # the machine was too busy or had no memory: it is run again
    "not graded": "not graded",  # another fault that is not the student's
}
NOT_GRADED = ("starved", "not graded")
# how an answer came out, in the words of the notebook; every other stage is wrong, or partly right if it earned points
OUTCOMES = {
    "right": (RIGHT,),
    "partly right": (),
    "wrong": (),
    "could not run": ("error", "load", "time", "memory", "lost"),
    "not attempted": ("open", "missing"),
    "not graded": NOT_GRADED,
}
PENDING = "This could not be graded, for a reason that has nothing to do with your work. You lose no points, and your instructor will look at it."


@dataclass(frozen=True)
class Submission:
    """One submitted notebook. Nothing in `data` is trusted.

    Attributes:
        student: a name fit for a table, in any script.
        name: the name of the file where it was found.
        data: the file's bytes, or where they are: a thousand notebooks do not fit in memory together. Empty if
            `trouble` says why the file could not be read.
        when: time of submission, with a time zone, if known.
        attempt: which of several releases it was submitted for, from 0.
        ids: what else the platform calls the student, such as a number or an address.
        notes: what was repaired or chosen on the way, one sentence each.
        trouble: why it cannot be graded, in one sentence.
    """

    student: str
    name: str
    data: bytes | StoredFile = b""
    when: datetime | None = None
    notes: tuple[str, ...] = ()
    trouble: str | None = None
    attempt: int = 0
    ids: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Return the bytes, from disk if necessary.

        Raises:
            InputError: the file is damaged.
            MachineError: the file is gone, or the machine cannot read it.
        """
        return self.data if isinstance(self.data, bytes) else self.data.read()


@dataclass(frozen=True)
class Line:
    """One line of a mark: what was checked, points available, points earned, and the fault, if any."""

    name: str
    points: int
    earned: int
    wrong: str | None = None


@dataclass(frozen=True)
class Claims:
    """What a notebook says about how its answer was found. It lives with the student, who can change it.

    Attributes:
        wrong: different wrong answers that were checked.
        hints: how many were asked for.
        solution: whether the solution was looked at before the answer was right.
    """

    wrong: int = 0
    hints: int = 0
    solution: bool = False

    def sentence(self) -> str:
        """For a report; empty if there is nothing to say."""
        used = [f"{self.hints} of 3 hints"] if self.hints else []
        used += ["the solution"] if self.solution else []
        after = f", after {self.wrong} wrong answers" if self.wrong else ""
        return f"By its own account the notebook used {' and '.join(used)}{after}." if used else ""


@dataclass(frozen=True)
class ExerciseMark:
    """The mark of one answer.

    Attributes:
        exercise: its id.
        title: the task, in a sentence.
        stage: a key of STAGES.
        reason: why points were lost, in a sentence for the student; empty if none were. Why it was not graded is for the
            instructor.
        lines: the mark, line by line.
        seconds: wall-clock time that the answer used.
        notes: what was repaired to find the answer, one sentence each.
        form: the answer without its names and layout, for the similarity report; empty for an open one.
        mistake: the hint of the common mistake that it makes; empty for any other fault.
        source: the answer's code without comments and docstring, as an example for the class.
        claims: what the notebook says about it.
    """

    exercise: str
    title: str
    stage: str
    reason: str
    lines: tuple[Line, ...]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    form: str = ""
    mistake: str = ""
    source: str = ""
    claims: Claims = Claims()

    @property
    def outcome(self) -> str:
        """A key of OUTCOMES."""
        named = next((name for name, stages in OUTCOMES.items() if self.stage in stages), "")
        return named or ("partly right" if self.earned else "wrong")

    @property
    def graded(self) -> bool:
        """Whether the points say something about the answer: they do not if the grader or its machine failed."""
        return self.stage not in NOT_GRADED

    @property
    def points(self) -> int:
        """Points available."""
        return sum(line.points for line in self.lines)

    @property
    def earned(self) -> int:
        """Points earned."""
        return sum(line.earned for line in self.lines)


@dataclass(frozen=True)
class Mark:
    """The mark of one submission.

    Attributes:
        student, name, when, notes: as in `Submission`, with notes on what was repaired while marking.
        lesson: the lesson's file name without framework and suffix, such as '03_style_reconstruction'; '' if unknown.
        framework: 'torch' or 'tensorflow'; '' if unknown.
        digest: SHA-256 of the file.
        exercises: in the lesson's order.
        seconds: wall-clock time that the whole submission used.
        attempt: as in `Submission`.
        solutions: how it shows that it was made from the edition with the solutions, for the instructor; empty if it does not.
        fault: why the whole submission was not graded, for a reason that is not the student's; empty if it was.
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
    fault: str = ""
    attempt: int = 0
    solutions: str = ""

    @property
    def graded(self) -> bool:
        """Whether everything was graded, or cannot be for a reason that is the student's."""
        return not self.fault and all(exercise.graded for exercise in self.exercises)

    @property
    def points(self) -> int:
        """Points available in what was graded."""
        return sum(exercise.points for exercise in self.exercises if exercise.graded)

    @property
    def earned(self) -> int:
        """Points earned."""
        return sum(exercise.earned for exercise in self.exercises)

    def to_json(self) -> dict:
        """Plain data for `json.dumps`."""
        return asdict(self) | {"when": self.when and self.when.isoformat()}

    @classmethod
    def from_json(cls, plain: Mapping) -> "Mark":
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: not made by `to_json`.
        """
        exercises = tuple(
            ExerciseMark(
                **each
                | {"lines": tuple(Line(**line) for line in each["lines"]), "notes": tuple(each["notes"])}
                | {"claims": Claims(**each["claims"])}
            )
            for each in plain["exercises"]
        )
        when = plain["when"] and datetime.fromisoformat(plain["when"])
        return cls(**{**plain, "exercises": exercises, "when": when, "notes": tuple(plain["notes"])})
