"""The file in which a run is kept while it is painted, so that it can continue after a stop. No framework is imported.

It is a safetensors file: arrays, and in its description a JSON text about the run. Nothing in it is ever executed.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from stylelab.base.files import file_kind, printable, refused, write_file
from stylelab.encoders.file import digest
from stylelab.errors import InputError, NotFiniteError, StylelabError

FORMAT = 2
INTERVAL, COST = 30.0, 20.0  # seconds between two times that a run is kept, and the same in times what the last one took
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint16": "U16"}
Arrays = Mapping[str, np.ndarray]


@dataclass
class Progress:
    """How far the loop of a run has come. The loop starts from here, and says here where it is.

    Attributes:
        step: the last step that was taken.
        arrays: what the loop left at that step, if it is to continue from there.
        ended: the images of the batch that have ended, by number.
        read: gives `arrays` as they are now; None while a step changes them, and before the first one.
    """

    step: int = 0
    arrays: Arrays = field(default_factory=dict)
    ended: dict[int, NotFiniteError] = field(default_factory=dict)
    read: Callable[[], Arrays] | None = None


class Keeper:
    """Keeps one run in a file.

    Attributes:
        path: of the file.
        run: what the run is, to compare with.
        found: what an earlier run left there, to continue from; None to start at the first step.
        rival: the step of a state that is there although the run starts at the first step; if it is of the same run, it is not
            replaced by one of fewer steps.
        foreign: whether that is of a run with other settings, which the end of this one does not remove.
        progress: for the loop.
        saved: whether the file holds a state of this run.
        trouble: why the last attempt to write it failed.
    """

    def __init__(
        self, path: Path, run: Mapping[str, Any], found: "State | None" = None, *, rival: int = 0, foreign: bool = False
    ):  # fmt: skip
        self.path, self.run, self.found, self.rival, self.foreign = path, run, found, rival, foreign
        self.saved, self.trouble = found is not None or (rival > 0 and not foreign), ""
        self.progress = found.progress() if found else Progress()
        self._next = time.monotonic() + INTERVAL

    def due(self) -> bool:
        """Whether it is time to write the file again."""
        return not self.trouble and time.monotonic() >= self._next

    def save(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        """Write the state of the loop, with the `arrays` and `facts` of the reader of its steps; `trouble` says if that failed.

        In the middle of a step nothing is written, nor where the file is already further.
        """
        progress, began = self.progress, time.monotonic()
        if progress.read is None or (progress.step <= self.rival and not self.foreign):
            return
        try:
            ended = {f"ended.{i}": error.image for i, error in progress.ended.items()}
            about = {"format": FORMAT, "run": self.run, "step": progress.step, **facts}
            about["ended"] = [[i, error.index, repr(error.loss)] for i, error in progress.ended.items()]
            loop = {f"loop.{name}": array for name, array in progress.read().items()}
            write(self.path, {**loop, **ended, **arrays}, about)
            self.saved, self.foreign, self.trouble = True, False, ""
        except (StylelabError, MemoryError) as error:
            self.trouble = str(error) or "not enough memory"
        now = time.monotonic()
        self._next = now + max(INTERVAL, COST * (now - began))

    def remove(self) -> None:
        """Remove the file: the run has ended."""
        if self.foreign:
            return
        for path in (self.path, _part(self.path)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self.trouble = str(refused(error, f"cannot remove '{printable(path)}'"))
        self.saved = False


@dataclass(frozen=True)
class State:
    """What is in such a file.

    Attributes:
        about: the facts, by name.
        arrays: the loop's, and those of whoever read its steps.
    """

    about: Mapping[str, Any]
    arrays: Arrays

    def progress(self) -> Progress:
        """The loop's part, to continue from."""
        ended = {i: NotFiniteError(index, float(loss), self.arrays[f"ended.{i}"]) for i, index, loss in self.about["ended"]}
        return Progress(self.about["step"], self.part("loop"), ended)

    def part(self, name: str) -> Arrays:
        """The arrays whose names begin with `name` and a dot, without that."""
        return {key.removeprefix(f"{name}."): array for key, array in self.arrays.items() if key.startswith(f"{name}.")}


def write(path: Path, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write a state, completely or not at all. Unlike safetensors' own function this makes no copy of the arrays.

    Raises:
        InputError: the folder is gone or read-only.
        MachineError: the disk is full.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text, end = json.dumps(about), 0
    header: dict[str, Any] = {"__metadata__": {"stylelab": text, "sha256": _checksum(arrays, text)}}
    for name, array in arrays.items():
        offsets = [end, end + array.nbytes]
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": array.shape, "data_offsets": offsets}
        end += array.nbytes
    start = json.dumps(header).encode()
    start += b" " * (-len(start) % 8)  # so that the numbers are aligned

    def fill(stream: BinaryIO) -> None:
        stream.write(len(start).to_bytes(8, "little") + start)
        for array in arrays.values():
            stream.write(array.reshape(-1).view(np.uint8).data)

    write_file(path, fill, _part(path))


def read(path: Path) -> State | None:
    """The state in a file; None if there is no file.

    Raises:
        InputError: it holds something else, is damaged, or is of another version.
    """
    if not file_kind(path):
        return None
    if file_kind(path) != "file":
        raise InputError(f"'{printable(path)}' is not a file: name another one for the state of the run")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()} if "stylelab" in header else {}  # noqa: SIM118
    except OSError as error:
        raise refused(error, f"cannot read the state '{printable(path)}'") from None
    except SafetensorError:
        raise InputError(f"'{printable(path)}' is no complete state of a run: remove it, or name another file") from None
    if "stylelab" not in header:
        raise InputError(f"'{printable(path)}' is not the state of a run: name another file")
    if header.get("sha256") != _checksum(arrays, header["stylelab"]):
        raise InputError(f"the state '{printable(path)}' is damaged: remove it to start the run again")
    about = json.loads(header["stylelab"])
    if about["format"] != FORMAT:
        raise InputError(f"the state '{printable(path)}' is of another version of stylelab: use that one, or remove the file")
    return State(about, arrays)


def _checksum(arrays: Arrays, text: str) -> str:
    return digest({**arrays, "stylelab": np.frombuffer(text.encode(), np.uint8)})


def _part(path: Path) -> Path:
    """Where the file grows: one place, so that a killed process leaves no more than one."""
    return path.with_name(f"{path.name}.part")
