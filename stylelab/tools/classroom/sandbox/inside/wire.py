"""Messages between the grader and a sandbox: JSON and plain arrays, both of bounded size. Never a pickle.

A message is two lengths (8 bytes each, big-endian), UTF-8 JSON, and an uncompressed .npz archive. Whatever comes from a
sandbox is treated as hostile: no memory is allocated for bytes that have not arrived.
"""

import io
import json
import math
import re
import socket
import struct
import time
import zipfile
from typing import Any

import numpy as np

# The control socket: with the channel of a new child comes its limit in seconds. Then the grader asks for what it has used
# (seconds in which it computed, could have computed, and slept), and for its end, which is answered by its exit status.
LIMIT, REPORT = struct.Struct(">d"), struct.Struct(">ddd")
USAGE, ENDED, END = b"U", b"E", b"K"  # the second if the child has closed its channel
HEAD = struct.Struct(">QQ")
LARGEST = 16 * 2**20  # bytes of one message
MOST_ARRAYS = 1000  # in one message
MOST_PARTS = 1_000_000  # brackets and commas of the JSON: each takes up to a hundred bytes of memory
ENTRY = b"PK\x01\x02"  # start of each entry in an archive's directory
MAGIC = b"\x93NUMPY\x01\x00"
# what NumPy writes for an array of numbers or strings; its own reader accepts any Python literal
HEADER = re.compile(
    rb"\{'descr': '([<>|][fiubU]\d{1,7})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,9}, ?)*(?:\d{1,9})?)\), \} *\n"
)


class WireError(ValueError):
    """What arrived is not a message: too long, truncated, or not plain data."""


def send(
    channel: socket.socket, plain: object, arrays: "dict[str, np.ndarray] | None" = None, *, deadline: float | None = None
) -> None:
    """Send JSON and arrays.

    Args:
        deadline: in seconds of `time.monotonic`; None waits for ever.

    Raises:
        OSError: the other end is closed, or (TimeoutError) does not read.
    """
    text = json.dumps(plain).encode()
    archive = io.BytesIO()
    named: dict[str, Any] = dict(arrays or {})
    np.savez(archive, **named)
    _set_timeout(channel, deadline)
    channel.sendall(HEAD.pack(len(text), archive.tell()) + text + archive.getvalue())


def receive(
    channel: socket.socket, *, deadline: float | None = None, largest: int = LARGEST
) -> "tuple[Any, dict[str, np.ndarray]]":
    """Receive the next message.

    Raises:
        EOFError: the other end is closed.
        TimeoutError: no complete message by `deadline`.
        WireError: what arrived is not a message.
    """
    text_size, archive_size = HEAD.unpack(_read(channel, HEAD.size, deadline))
    if text_size + archive_size > largest:
        raise WireError(f"a message of {text_size + archive_size} bytes: {largest} at most")
    text, archive = _read(channel, text_size, deadline), _read(channel, archive_size, deadline)
    return read_json(text), read_arrays(archive)


def _set_timeout(channel: socket.socket, deadline: float | None) -> None:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError
    channel.settimeout(left)


def _read(channel: socket.socket, count: int, deadline: float | None) -> bytes:
    data = bytearray()  # not a list of parts: if they are tiny, that takes fifty times the memory
    while len(data) < count:
        _set_timeout(channel, deadline)
        try:
            part = channel.recv(min(count - len(data), 2**20))
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def read_json(text: bytes) -> object:
    """Parse JSON; of a name that occurs twice, the last value counts.

    Raises:
        WireError: not JSON in UTF-8, or more parts than a message needs.
    """
    if sum(map(text.count, (b"[", b"{", b","))) > MOST_PARTS:
        raise WireError(f"JSON with too many parts: {MOST_PARTS} at most")
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError, MemoryError) as error:
        raise WireError(f"not JSON: {error}") from None


def read_arrays(archive: bytes) -> dict[str, np.ndarray]:
    """Read an .npz archive. The shape of each array is compared with its bytes before any memory is allocated.

    Raises:
        WireError: compressed or damaged, too many arrays, an array of objects, or a shape that does not fit its bytes.
    """
    try:
        if archive.count(ENTRY) > MOST_ARRAYS:  # before zipfile reads a directory of a hundred thousand
            raise WireError(f"too many arrays: {MOST_ARRAYS} at most")
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise WireError("a compressed archive")
            if sum(member.file_size for member in members) > len(archive):
                raise WireError("an archive smaller than its members")
            arrays = {member.filename.removesuffix(".npy"): _read_array(opened.read(member)) for member in members}
    except WireError:
        raise
    except Exception as error:  # noqa: BLE001  a hostile archive fails in many ways, which differ between Python versions
        raise WireError(f"not an archive of arrays: {error}") from None
    if len(arrays) != len(members):
        raise WireError("an archive with two arrays of the same name")
    return arrays


def _read_array(data: bytes) -> np.ndarray:
    start, length = len(MAGIC) + 2, int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "little")
    header = HEADER.fullmatch(data[start : start + length])
    if not data.startswith(MAGIC) or not header:
        raise WireError("not an array of numbers or strings")
    dtype, fortran, body = np.dtype(header[1].decode()), header[2] == b"True", data[start + length :]
    shape = tuple(int(side) for side in header[3].split(b",") if side.strip())
    fits = math.prod(shape) * dtype.itemsize == len(body) and math.prod(side or 1 for side in shape) <= LARGEST
    if len(shape) > 8 or not fits:  # an empty array may have sides whose product no number can hold
        raise WireError(f"{len(body)} bytes for shape {shape} of {dtype}")
    if dtype.kind == "U":  # each number must be a Unicode character, and not half of a surrogate pair
        letters = np.frombuffer(body, np.dtype("u4").newbyteorder(dtype.byteorder))
        if not ((letters < 0xD800) | ((letters > 0xDFFF) & (letters <= 0x10FFFF))).all():
            raise WireError("strings that are not Unicode text")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C").copy()
