"""record.json: what a regrade needs to give the same marks. It holds the seed, so that only its owner may read it."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

from stylelab.base.files import error_text, printable, write_file
from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import Record

NAME = "record.json"
HEX = re.compile(r"[0-9a-f]{32}")


def write_record(folder: Path, record: Record) -> Path:
    """Write record.json, with mode 0600, and return where.

    Raises:
        InputError: the folder cannot be written.
    """
    path = Path(folder) / NAME
    data = (json.dumps(asdict(record), indent=1) + "\n").encode()

    def write(stream) -> None:
        os.chmod(stream.name, 0o600)  # before there is anything in it
        stream.write(data)

    write_file(path, write)
    return path


def read_record(folder: Path) -> Record | None:
    """The record of an earlier run; None if there was none.

    Raises:
        InputError: there is one, and it cannot be read or is none of ours.
    """
    path = Path(folder) / NAME
    try:
        plain = json.loads(path.read_bytes())
        record = Record(**plain)
        whole = HEX.fullmatch(record.seed) and isinstance(record.version, str) and isinstance(record.encoder, str)
        if whole and _is_whole(record):
            return record
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read '{printable(path)}': {error_text(error)}") from None
    except (ValueError, TypeError, RecursionError):
        pass
    raise InputError(f"'{printable(path)}' is no record of a run: move it elsewhere to start with a new one")


def _is_whole(record: Record) -> bool:
    return (
        isinstance(record.exercises, dict)
        and all(type(points) is int and points >= 0 for points in record.exercises.values())
        and isinstance(record.settings, dict)
    )
