"""The bytes of a submitted file, read on demand and never beyond the size found when the file was listed."""

import errno
import io
import os
import stat
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, MachineError

LOCAL_HEADER = 30  # bytes before an entry's name


@dataclass(frozen=True)
class StoredFile:
    """A file on disk, an entry of a zip, or an entry of a zip inside a zip. It can be pickled and sent to a worker.

    Attributes:
        path: the file on disk.
        size: the number of bytes that `read` returns.
        entries: the zip entries to open, outermost first; empty for the file itself.
    """

    path: str
    size: int
    entries: tuple[zipfile.ZipInfo, ...] = ()

    def read(self) -> bytes:
        """Read all bytes.

        Raises:
            InputError: the zip is damaged, or the file is not what its zip claims.
            MachineError: the file is gone or has changed since it was listed, or the machine cannot read it.
        """
        try:
            with open_regular_file(self.path) as stream:
                data = _read_entry(stream, self.entries[0]) if self.entries else stream.read(self.size + 1)
            for entry in self.entries[1:]:
                data = _read_entry(io.BytesIO(data), entry)
            if len(data) != self.size:
                raise ValueError("the zip is damaged" if self.entries else "it has changed since it was listed")
            return data
        except (OSError, ValueError, OverflowError) as error:
            why, is_zips = error_text(error), is_fault_of_zip(error) and bool(self.entries)
        except (EOFError, zipfile.BadZipFile, zlib.error):
            why, is_zips = "the zip is damaged", True
        message = f"'{printable(os.path.basename(self.path))}' cannot be read: {why}"
        raise InputError(f"{message}; save it again") if is_zips else MachineError(message)


def is_fault_of_zip(error: Exception) -> bool:
    """Whether an error comes from what a zip claims, such as an entry beyond the end of any file, and not from the machine."""
    return not isinstance(error, OSError) or error.errno in (None, errno.EINVAL)


def open_regular_file(path: str) -> BinaryIO:
    """Open a regular file. Links, pipes and devices are refused without blocking.

    Raises:
        OSError: the file cannot be opened.
        ValueError: not a regular file.
    """
    descriptor = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _read_entry(stream: BinaryIO, entry: zipfile.ZipInfo) -> bytes:
    """Unpack one entry, and at most one byte more than it claims to hold; zipfile compares the checksum.

    `ZipFile.open` does the same, but first parses the whole directory: for a class of a thousand, a thousand times.
    """
    stream.seek(entry.header_offset)
    header = stream.read(LOCAL_HEADER)
    if len(header) < LOCAL_HEADER or not header.startswith(b"PK\3\4"):
        raise zipfile.BadZipFile
    stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    with zipfile.ZipExtFile(stream, "r", entry) as unpacked:
        return unpacked.read(entry.file_size + 1)
