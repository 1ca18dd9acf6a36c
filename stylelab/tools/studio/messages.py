"""What the studio and a painting process say to each other: a small JSON object, and bytes. No pickles.

A message is two lengths of four bytes each, then the object as UTF-8, then the bytes.
"""

import json
import struct
from typing import BinaryIO

LENGTHS = struct.Struct(">II")
MOST = (256 * 2**20, 256 * 2**20)  # bytes of either part: two embedded images fit, and a stray line of text does not


class BrokenMessage(ValueError):
    """What came is no message, or the end of the stream came in the middle of one."""


def write(stream: BinaryIO, message: dict, data: bytes = b"") -> None:
    """Send one message at once.

    Raises:
        OSError, ValueError: nobody reads any more.
    """
    text = json.dumps(message).encode()
    stream.write(LENGTHS.pack(len(text), len(data)) + text + data)
    stream.flush()


def read(stream: BinaryIO) -> "tuple[dict, bytes] | None":
    """The next message; None at the end of the stream.

    Raises:
        BrokenMessage: the stream holds something else, or ends too early.
    """
    head = stream.read(LENGTHS.size)
    if not head:
        return None
    if len(head) < LENGTHS.size:
        raise BrokenMessage("the stream ends within a message")
    sizes = LENGTHS.unpack(head)
    if any(size > most for size, most in zip(sizes, MOST, strict=True)):
        raise BrokenMessage(f"a message of {sum(sizes)} bytes: that is none of ours")
    text, data = (_exactly(stream, size) for size in sizes)
    try:
        message = json.loads(text)
    except ValueError:
        raise BrokenMessage("a message that is no JSON") from None
    if not isinstance(message, dict):
        raise BrokenMessage("a message that is no JSON object")
    return message, data


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BrokenMessage("the stream ends within a message")
    return data
