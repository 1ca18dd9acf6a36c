"""Where a submission's bytes are, and how they are read: late, whole, and never more of them than was looked at before."""

import io
import os
import stat
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from stylelab.base.files import error_text, printable
from stylelab.errors import InputError

STORED, DEFLATED = 0, 8  # the two ways of packing that are read: what they unpack to can be bounded step by step
LOCAL_HEADER = 30  # bytes, without the name and what follows it
CHUNK = 1 << 16


@dataclass(frozen=True)
class Span:
    """One entry of a zip: where it begins, how it is packed, and what it must unpack to."""

    offset: int
    packed: int
    size: int
    method: int
    check: int


@dataclass(frozen=True)
class Place:
    """A file, or an entry of a zip, or an entry of a zip inside a zip. Plain data: it can be sent to another process.

    Attributes:
        path: the file on the disk.
        size: how many bytes `read` gives.
        spans: the way into a zip, from the outermost; none for the file itself.
    """

    path: str
    size: int
    spans: tuple[Span, ...] = field(default=())

    def read(self) -> bytes:
        """The bytes, whole.

        Raises:
            InputError: they are gone, changed since they were looked at, or not what the zip says they are.
        """
        try:
            with open_file(self.path) as stream:
                if not self.spans:
                    return _exactly(stream, self.size)
                data = _unpacked(stream, self.spans[0])
            for span in self.spans[1:]:
                data = _unpacked(io.BytesIO(data), span)
            return data
        except (OSError, ValueError, OverflowError, zlib.error) as error:
            raise InputError(
                f"'{printable(os.path.basename(self.path))}' cannot be read: {error_text(error)}; save it anew"
            ) from None


def open_file(path: str) -> BinaryIO:
    """Open an ordinary file; a link, a pipe or a device is refused, and none of them is waited for.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no ordinary file.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("it is no ordinary file")
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size + 1)
    if len(data) != size:
        raise ValueError("it has changed meanwhile")
    return data


def _unpacked(stream: BinaryIO, span: Span) -> bytes:
    """One entry. The local header is skipped by its own lengths; all else comes from the directory."""
    stream.seek(span.offset)
    header = _exact(stream, LOCAL_HEADER)
    if header[:4] != b"PK\3\4":
        raise ValueError("the zip is damaged")
    stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    data = _exact(stream, span.size) if span.method == STORED else _inflated(stream, span)
    if len(data) != span.size or zlib.crc32(data) != span.check:
        raise ValueError("the zip is damaged")
    return data


def _exact(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("the zip is cut short")
    return data


def _inflated(stream: BinaryIO, span: Span) -> bytes:
    """Step by step, and never more than one byte beyond what the entry claims to be."""
    machine, parts, room, left = zlib.decompressobj(-15), [], span.size + 1, span.packed
    while left and room and not machine.eof:
        packed = stream.read(min(CHUNK, left))
        if not packed:
            raise ValueError("the zip is cut short")
        left -= len(packed)
        parts.append(machine.decompress(packed, room))
        room -= len(parts[-1])
    return b"".join(parts)
