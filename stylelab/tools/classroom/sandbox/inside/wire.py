"""Messages between the grader and a sandbox: JSON and plain arrays, both of bounded size. Never a pickle.

A message is two lengths (8 bytes each, big-endian), UTF-8 JSON, and an .npz archive whose members are stored, not deflated.
What comes from a sandbox is hostile: nothing is allocated that has not been received.
"""

import io
import json
import math
import re
import socket
import struct
import time
import zipfile

import numpy as np

HEAD = struct.Struct(">QQ")
LARGEST = 16 * 2**20  # bytes of one message
MOST = 1000  # arrays in one message
PARTS = 1_000_000  # brackets and commas of the JSON: each makes up to a hundred bytes of memory
MEMBER = b"PK\x01\x02"  # with this begins what an archive's directory says of a member
MAGIC = b"\x93NUMPY\x01\x00"
# all that NumPy writes for an array of numbers or words; its own reader takes any Python literal
HEADER = re.compile(
    rb"\{'descr': '([<>|][fiubU]\d{1,7})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,9}, ?)*(?:\d{1,9})?)\), \} *\n"
)


class WireError(ValueError):
    """What came is no message: too long, cut off, or not plain data."""


def send(
    channel: socket.socket, plain: object, arrays: "dict[str, np.ndarray] | None" = None, *, deadline: float | None = None
) -> None:
    """Send JSON and arrays.

    Args:
        deadline: of `time.monotonic`; None waits for ever.

    Raises:
        OSError: the other end is gone, or (TimeoutError) does not read.
    """
    words = json.dumps(plain).encode()
    packed = io.BytesIO()
    np.savez(packed, **(arrays or {}))
    _wait(channel, deadline)
    channel.sendall(HEAD.pack(len(words), packed.tell()) + words + packed.getvalue())


def receive(
    channel: socket.socket, *, deadline: float | None = None, largest: int = LARGEST
) -> "tuple[object, dict[str, np.ndarray]]":
    """The next message.

    Raises:
        EOFError: the other end is gone.
        TimeoutError: no whole message by `deadline`.
        WireError: what came is no message.
    """
    words, packed = HEAD.unpack(_read(channel, HEAD.size, deadline))
    if words + packed > largest:
        raise WireError(f"a message of {words + packed} bytes: {largest} at most")
    text, archive = _read(channel, words, deadline), _read(channel, packed, deadline)
    return read_json(text), read_arrays(archive)


def read_json(text: bytes) -> object:
    """What the text says; of a name that stands in it twice, the last.

    Raises:
        WireError: no JSON in UTF-8, or more of it than a message needs.
    """
    if sum(map(text.count, (b"[", b"{", b","))) > PARTS:
        raise WireError(f"JSON of too many parts: {PARTS} at most")
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError, MemoryError) as error:
        raise WireError(f"no JSON: {error}") from None


def _wait(channel: socket.socket, deadline: float | None) -> None:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError
    channel.settimeout(left)


def _read(channel: socket.socket, count: int, deadline: float | None) -> bytes:
    found = bytearray()  # and no list of what came each time: that takes fifty times the memory where it comes in crumbs
    while len(found) < count:
        _wait(channel, deadline)
        try:
            part = channel.recv(min(count - len(found), 2**20))
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def read_arrays(archive: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz archive, each checked against the bytes that are there before it is made.

    Raises:
        WireError: deflated or damaged, too many, an array of objects, or a shape that does not fit its bytes.
    """
    try:
        if archive.count(MEMBER) > MOST:  # before a directory of a hundred thousand is read
            raise WireError(f"too many arrays: {MOST} at most")
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if any(each.compress_type != zipfile.ZIP_STORED for each in members):
                raise WireError("a deflated archive")
            if sum(each.file_size for each in members) > len(archive):
                raise WireError("an archive whose members are larger than it is")
            arrays = {each.filename.removesuffix(".npy"): _array(opened.read(each)) for each in members}
    except WireError:
        raise
    except Exception as error:  # noqa: BLE001  a hostile archive can go wrong in many ways, and in others with the next Python
        raise WireError(f"no archive of arrays: {error}") from None
    if len(arrays) != len(members):
        raise WireError("an archive with two arrays of one name")
    return arrays


def _array(data: bytes) -> np.ndarray:
    start, length = len(MAGIC) + 2, int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "little")
    found = HEADER.fullmatch(data[start : start + length])
    if not data.startswith(MAGIC) or not found:
        raise WireError("no array of numbers or words")
    dtype, fortran, body = np.dtype(found[1].decode()), found[2] == b"True", data[start + length :]
    shape = tuple(int(side) for side in found[3].split(b",") if side.strip())
    if len(shape) > 8 or math.prod(shape) * dtype.itemsize != len(body):
        raise WireError(f"{len(body)} bytes for shape {shape} of {dtype}")
    if dtype.kind == "U" and not _is_text(np.frombuffer(body, np.dtype("u4").newbyteorder(dtype.byteorder))):
        raise WireError("words that are no text")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C").copy()


def _is_text(letters: np.ndarray) -> bool:
    """Whether these are numbers of Unicode's characters, none of them half a character."""
    return bool(((letters < 0xD800) | ((letters > 0xDFFF) & (letters <= 0x10FFFF))).all())
