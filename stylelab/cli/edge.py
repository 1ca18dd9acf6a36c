"""What surrounds every command: messages that cannot fail, Ctrl-C, and errors as one line with their exit status."""

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

from stylelab.base.files import error_text, printable, refused, temporary_folder
from stylelab.base.interrupts import interrupts
from stylelab.errors import INTERRUPTED, InputError, MachineError, StylelabError
from stylelab.languages import say


class Messages:
    """A text stream whose failures change nothing but the message.

    A character that its encoding lacks is written as an escape; what a closed pipe or a full disk cannot take is dropped.

    >>> import io
    >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    >>> print("saved café.png", file=Messages(stream), flush=True)
    >>> stream.buffer.getvalue()
    b'saved caf\\\\xe9.png\\n'

    Attributes:
        trouble: what the first failure was.
    """

    buffer = None  # typer would write past this into it

    def __init__(self, stream: TextIO | None):
        self.stream = stream or io.StringIO()  # None: it was closed before Python started
        self.trouble: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:
            self._give_up(error)
        return len(text)

    def isatty(self) -> bool:
        with suppress(ValueError):  # it has been closed
            return self.stream.isatty()
        return False

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        self.trouble = self.trouble or error
        with suppress(OSError, ValueError):  # Python writes what is left when it ends, and would fail again
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def open_standard_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed: otherwise the next file would take their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def protect(work: Callable[[], int | None]) -> int:
    """Do the work of a command and return its exit status. An error is one line on stderr."""
    out, err = Messages(sys.stdout), Messages(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err), interrupts("SIGTERM", "SIGHUP") as signals:
        status = _status(work)
        out.flush()
        if out.trouble and getattr(out.trouble, "errno", None) != errno.EPIPE:  # a reader such as `head` may have enough
            tell(f"some messages could not be written: {error_text(out.trouble)}", err)
        err.flush()
    return 128 + signals.numbers[0] if status == INTERRUPTED and signals.numbers else status


def _status(work: Callable[[], int | None]) -> int:
    """The exit status of a command, whose error is printed."""
    error: StylelabError
    try:
        return work() or 0
    except StylelabError as known:
        error = known
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except MemoryError:
        error = MachineError("not enough memory: choose a smaller --size")
    except ImportError as missing:
        error = MachineError(
            f"{missing.name or error_text(missing)} cannot be imported: run `make lab`, or install stylelab again"
        )
    except OSError as system:  # of a path that was not checked earlier
        name = system.filename
        shown = os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else "a file"
        error = refused(system, f"cannot use '{printable(shown)}'")
        try:
            temporary_folder()
        except MachineError as none:
            error = none
    except OverflowError:
        error = InputError("a number is too large: choose a smaller one")
    tell(str(error))
    return error.exit_status


def tell(message: str, stream: Messages | None = None) -> None:
    """A remark or an error in the user's language, as one line on stderr."""
    print(f"stylelab: {say(message)}", file=stream or sys.stderr)
