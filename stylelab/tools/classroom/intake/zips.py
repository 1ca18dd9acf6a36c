"""List a zip without unpacking it. Every zip is treated as hostile: its names, its sizes, its directory."""

import io
import re
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO

from stylelab.base.files import error_text
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.classroom.intake.files import LIMITS, IncomingFile, is_hidden, size_trouble
from stylelab.tools.classroom.intake.stored_file import LOCAL_HEADER, StoredFile, is_fault_of_zip, open_regular_file

OUTSIDE = re.compile(r"/|[A-Za-z]:|(?:\./+)*\.\./")  # how a name begins that leads out of the zip
UNREADABLE = (
    zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, OverflowError, struct.error, zlib.error,
)  # fmt: skip


def list_zip(stored: StoredFile) -> list[IncomingFile]:
    """List the files in a zip, without folders and hidden files.

    Raises:
        InputError: not a zip, damaged, or with too many entries.
        MachineError: the machine cannot read it.
    """
    try:
        with (
            io.BytesIO(stored.read()) if stored.entries else open_regular_file(stored.path) as stream,
            zipfile.ZipFile(_BoundedReader(stream)) as archive,
        ):
            entries = archive.infolist()
    except StylelabError:
        raise
    except UNREADABLE as error:
        kind = InputError if is_fault_of_zip(error) else MachineError
        raise kind(f"the zip cannot be read: {error_text(error)}") from None
    if len(entries) > LIMITS.entries:
        raise InputError(f"the zip has {len(entries):,} entries; {LIMITS.entries:,} at most")
    overlapping, end, last = set(), 0, -1  # offsets of entries that share bytes with another one: only a bomb is packed like this
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            overlapping |= {entry.header_offset, last}
        if (entry_end := entry.header_offset + LOCAL_HEADER + entry.compress_size) > end:
            end, last = entry_end, entry.header_offset
    files = []
    for entry in entries:
        name = _decode_name(entry).replace("\\", "/")
        parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
        if OUTSIDE.match(name):  # otherwise it would count for the student with a folder of that name
            parts = ("outside the zip", *parts)
        if parts and not name.endswith("/") and not any(map(is_hidden, parts)) and len(parts) <= LIMITS.depth:
            trouble = _find_trouble(entry, name, entry.header_offset in overlapping)
            inside = StoredFile(stored.path, entry.file_size, (*stored.entries, entry))
            modified = None
            with suppress(ValueError, OverflowError, OSError):
                if (when := datetime(*entry.date_time).astimezone()).year > 1980:  # earlier: a program without a clock
                    modified = when
            files.append(IncomingFile(parts, None if trouble else inside, modified, trouble))
    return files


class _BoundedReader:
    """A stream that refuses long reads: zipfile reads a directory in one go, whatever length the zip claims."""

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size if 0 <= size <= LIMITS.directory else LIMITS.directory + 1)
        if len(data) > LIMITS.directory:
            raise zipfile.BadZipFile("its list of entries is too long")
        return data


def _decode_name(entry: zipfile.ZipInfo) -> str:
    """The entry's name. Many programs write UTF-8 without setting the flag; otherwise a zip's names are in cp437."""
    name = entry.orig_filename.split("\0")[0]
    if entry.flag_bits & 0x800:
        return name
    try:
        raw = name.encode("cp437")
        extra = entry.extra
        while len(extra) >= 4:  # Info-ZIP keeps the name in field 0x7075, with a checksum of the plain name
            kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
            field, extra = extra[4 : 4 + length], extra[4 + length :]
            if kind == 0x7075 and field[:1] == b"\1" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
                return field[5:].decode("utf-8") or raw.decode("utf-8")
        return raw.decode("utf-8")
    except ValueError:
        return name


def _find_trouble(entry: zipfile.ZipInfo, name: str, overlaps: bool) -> str | None:
    """Why an entry is not read; None if it is."""
    if OUTSIDE.match(name) or ".." in name.split("/"):
        return "its name points outside the zip, so it is not read"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return "it is a link or a device, not a file: submit the notebook itself"
    if entry.flag_bits & 0x41:
        return "it is encrypted: submit it without a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it uses an unusual compression method: submit an ordinary zip"
    if overlaps or (entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size):
        return "the zip is malformed on purpose, so this entry is not read"
    if trouble := size_trouble(name, entry.file_size):
        return trouble
    if entry.file_size > max(1_000_000, LIMITS.ratio * entry.compress_size):
        return f"it would unpack to more than {LIMITS.ratio} times its size: clear its outputs and submit it again"
    return None
