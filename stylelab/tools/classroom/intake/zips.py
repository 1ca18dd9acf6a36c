"""What is in a zip, looked at without unpacking it. Every zip is taken for hostile: its names, its sizes, its directory."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

from stylelab.base.files import error_text
from stylelab.errors import InputError
from stylelab.tools.classroom.intake.incoming import LIMITS, File, is_hidden, too_large
from stylelab.tools.classroom.intake.place import DEFLATED, STORED, Place, Span, open_file


def entries(place: Place) -> list[File]:
    """What is in a zip, without folders and hidden files.

    Raises:
        InputError: it is no zip, is damaged, or has too many entries.
    """
    try:
        with _opened(place) as stream, zipfile.ZipFile(_Sparing(stream)) as archive:
            found = archive.infolist()
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        EOFError,
        OverflowError,
        struct.error,
        zlib.error,
    ) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the zip cannot be read: {error_text(error)}") from None
    if len(found) > LIMITS.entries:
        raise InputError(f"the zip has {len(found):,} entries; {LIMITS.entries:,} at most")
    overlapping = _overlapping(found)
    return [file for info in found for file in _file(info, place, info.header_offset in overlapping)]


@contextmanager
def _opened(place: Place) -> Iterator[BinaryIO]:
    with io.BytesIO(place.read()) if place.spans else open_file(place.path) as stream:
        yield stream


class _Sparing:
    """A file that gives little at once: a zip's directory is read in one go, however long it says that it is."""

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LIMITS.directory:
            size = LIMITS.directory + 1
        data = self.stream.read(size)
        if len(data) > LIMITS.directory:
            raise zipfile.BadZipFile("its list of entries is too long")
        return data


def _overlapping(found: list[zipfile.ZipInfo]) -> set[int]:
    """Where entries begin that share bytes with another: only a bomb is packed so."""
    overlapping, end, last = set(), 0, -1
    for info in sorted(found, key=lambda info: info.header_offset):
        if info.header_offset < end:
            overlapping |= {info.header_offset, last}
        if (reaches := info.header_offset + 30 + info.compress_size) > end:
            end, last = reaches, info.header_offset
    return overlapping


def _file(info: zipfile.ZipInfo, place: Place, overlaps: bool) -> Iterator[File]:
    name = _name(info).replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
    if not parts or name.endswith("/") or any(map(is_hidden, parts)) or len(parts) > LIMITS.depth:
        return
    trouble = _trouble(info, name, overlaps)
    span = Span(info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
    inside = Place(place.path, info.file_size, (*place.spans, span))
    yield File(parts, None if trouble else inside, _when(info), trouble)


def _name(info: zipfile.ZipInfo) -> str:
    """The entry's name. Many programs write UTF-8 and do not say so; without a word, a zip's names are in cp437."""
    name = info.orig_filename.split("\0")[0]
    if info.flag_bits & 0x800:
        return name
    try:
        raw = name.encode("cp437")
        return _unicode_path(info.extra, raw) or raw.decode("utf-8")
    except ValueError:
        return name


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the field 0x7075 that Info-ZIP writes, if it was made for this name."""
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 0x7075 and field[:1] == b"\1" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode("utf-8")
    return None


def _trouble(info: zipfile.ZipInfo, name: str, overlaps: bool) -> str | None:
    """Why an entry is not read."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "its name in the zip leads out of the zip: nothing of it is read"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "it is a link or a device, not a file: hand in the notebook itself"
    if info.flag_bits & 0x41:
        return "it is encrypted: hand it in without a password"
    if info.compress_type not in (STORED, DEFLATED):
        return "it is packed in an unusual way: hand in an ordinary zip"
    if overlaps or (info.compress_type == STORED and info.compress_size != info.file_size):
        return "the zip is built to deceive: nothing of this entry is read"
    if large := too_large(name, info.file_size):
        return large
    if info.file_size > max(1_000_000, LIMITS.ratio * info.compress_size):
        return f"it would unpack to more than {LIMITS.ratio} times its size: clear its outputs and hand it in again"
    return None


def _when(info: zipfile.ZipInfo) -> datetime | None:
    """A zip's times are of no zone: taken for local. The first of 1980 is what programs write that know none."""
    try:
        when = datetime(*info.date_time)
        return when.astimezone() if when.year > 1980 else None
    except (ValueError, OverflowError, OSError):
        return None
