"""Messages between two processes of stylelab: one line of JSON each, and bytes such as an image after it. No pickles.

    {"say": "loading", "what": "encoder"}
    {"say": "frame", "step": 3, "bytes": 5120}
    ... 5120 bytes ...

A process that reads orders on stdin and answers on stdout calls `claim_stdout` first. To give up on an answer after some
time, end the process that owes it: `read` then returns.
"""

import json
import os
from typing import BinaryIO

MOST = 256 * 2**20  # bytes of a line, and of what follows it: enough for settings with seven embedded images


class BrokenMessage(ValueError):
    """The stream holds something other than messages, or ends in the middle of one."""


def write(stream: BinaryIO, message: dict, data: bytes = b"") -> None:
    """Send one message now.

    Args:
        message: anything that JSON can hold; the key 'bytes' is reserved.
        data: sent along unchanged.

    Raises:
        OSError, ValueError: the other end is closed.

    >>> import io
    >>> stream = io.BytesIO()
    >>> write(stream, {"step": 3}, b"abc")
    >>> stream.getvalue()
    b'{"step": 3, "bytes": 3}\\nabc'
    """
    line = json.dumps(message | {"bytes": len(data)} if data else message)
    stream.write(line.encode() + b"\n" + data)
    stream.flush()


def read(stream: BinaryIO) -> "tuple[dict, bytes] | None":
    """Wait for the next message; None at the end of the stream.

    Raises:
        BrokenMessage: see there.

    >>> import io
    >>> read(io.BytesIO(b'{"step": 3, "bytes": 3}\\nabc'))
    ({'step': 3}, b'abc')
    """
    line = stream.readline(MOST)
    if not line:
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not line.endswith(b"\n"):
        raise BrokenMessage(f"not a message: {line[:80]!r}")
    size = message.pop("bytes", 0)
    if type(size) is not int or not 0 <= size <= MOST:
        raise BrokenMessage(f"a message cannot have {size!r} bytes")
    data = stream.read(size)
    if len(data) < size:
        raise BrokenMessage("the stream ends within a message")
    return message, data


def claim_stdout() -> BinaryIO:
    """The stream for this process's messages. From now on, whatever a library prints on stdout goes to stderr."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream
