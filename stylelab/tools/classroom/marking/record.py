"""record.json: what a later run needs to give the same marks. It holds the secret seed, so only its owner may read it."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stylelab.base.files import error_text, printable, write_file
from stylelab.errors import InputError

NAME = "record.json"
SEED = re.compile(r"[0-9a-f]{32}")
SHOWN, HIDDEN, REVEALED = "shown", "hidden", "revealed"  # students' names in the reports


@dataclass(frozen=True)
class Record:
    """The conditions of a grading run.

    Attributes:
        seed: 32 hexadecimal digits; the inputs of every answer are drawn from it. Keep it secret until marks are released.
        version: of stylelab.
        encoder: SHA-256 of the embedded encoder's file.
        exercises: exercise id -> available points.
        settings: sandbox, limits, late policy and so on, as JSON.
        names: SHOWN; or HIDDEN, and later REVEALED, if the submissions were marked with `--anonymous`.
        pages: the files about single students that the last run wrote -> their SHA-256, so that the next one can remove them.
    """

    seed: str
    version: str
    encoder: str
    exercises: Mapping[str, int]
    settings: Mapping[str, object] = field(default_factory=dict)
    names: str = SHOWN
    pages: Mapping[str, str] = field(default_factory=dict, compare=False)


def write_record(folder: Path, record: Record) -> Path:
    """Write record.json with mode 0600, and return its path.

    Raises:
        InputError: the folder cannot be written.
    """
    path = Path(folder) / NAME

    def write(stream) -> None:
        os.chmod(stream.name, 0o600)  # before anything is in it
        stream.write((json.dumps(asdict(record), indent=1) + "\n").encode())

    write_file(path, write)
    return path


def read_record(folder: Path) -> Record | None:
    """Read the record of an earlier run; None if there is none.

    Raises:
        InputError: the file cannot be read, or is not a record of stylelab.
    """
    path = Path(folder) / NAME
    try:
        record = Record(**json.loads(path.read_bytes()))
        if (
            SEED.fullmatch(record.seed)
            and isinstance(record.version, str)
            and isinstance(record.encoder, str)
            and isinstance(record.exercises, dict)
            and all(type(points) is int and points >= 0 for points in record.exercises.values())
            and isinstance(record.settings, dict)
            and record.names in (SHOWN, HIDDEN, REVEALED)
            and isinstance(record.pages, dict)
            and all(isinstance(digest, str) for digest in record.pages.values())
        ):
            return record
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read '{printable(path)}': {error_text(error)}") from None
    except (ValueError, TypeError, RecursionError):
        pass
    raise InputError(f"'{printable(path)}' is not the record of a grading run: move it elsewhere to start with a new one")
