"""Messages between the grader and a sandbox: JSON and plain arrays, both of bounded size. Never a pickle.

A message is two lengths (8 bytes each, big-endian), UTF-8 JSON, and an .npz archive whose members are stored, not deflated.
What comes from a sandbox is hostile: nothing is allocated that has not been received.
"""

import io
import json
import math
import socket
import struct
import time
import zipfile

import numpy as np
from numpy.lib import format as npy

HEAD = struct.Struct(">QQ")
LARGEST = 16 * 2**20  # bytes of one message
MOST = 1000  # arrays in one message
KINDS = "fiubU"


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
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None
    return plain, read_arrays(archive)


def _wait(channel: socket.socket, deadline: float | None) -> None:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError
    channel.settimeout(left)


def _read(channel: socket.socket, count: int, deadline: float | None) -> bytes:
    parts, missing = [], count
    while missing:
        _wait(channel, deadline)
        try:
            part = channel.recv(min(missing, 2**20))
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_arrays(archive: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz archive, each checked against the bytes that are there before it is made.

    Raises:
        WireError: deflated or damaged, too many, an array of objects, or a shape that does not fit its bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if len(members) > MOST:
                raise WireError(f"{len(members)} arrays: {MOST} at most")
            if any(each.compress_type != zipfile.ZIP_STORED or each.file_size > len(archive) for each in members):
                raise WireError("a deflated archive")
            if sum(each.file_size for each in members) > len(archive):
                raise WireError("an archive whose members overlap")
            return {each.filename.removesuffix(".npy"): _array(opened.read(each)) for each in members}
    except WireError:
        raise
    except (
        zipfile.BadZipFile,
        ValueError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
        MemoryError,
    ) as error:
        raise WireError(f"no archive of arrays: {error}") from None


def _array(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(stream)
    except Exception as error:  # noqa: BLE001  the header is an expression that NumPy parses: many things can be wrong with it
        raise WireError(f"no array: {error}") from None
    body = data[stream.tell() :]
    if dtype.kind not in KINDS or dtype.hasobject or dtype.subdtype or dtype.names:
        raise WireError(f"an array of {dtype}: numbers or words only")
    if len(shape) > 8 or any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != len(body):
        raise WireError(f"{len(body)} bytes for shape {shape} of {dtype}")
    if not dtype.itemsize:
        return np.zeros(shape if math.prod(shape) <= len(data) else (0,), dtype)
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C").copy()
