"""The command `stylelab bench`: text to the terminal as the figures come in, and how it ends."""

from rich.console import Console

from stylelab.errors import StylelabError
from stylelab.tools.bench import run as benchmark
from stylelab.tools.bench.options import Asked


class Interrupted(StylelabError):
    """Ctrl-C: what was measured has been told and written."""

    exit_status = 130


def run(**options) -> int:
    """Check, measure, tell; returns the exit status.

    Raises:
        InputError, MachineError: one line; nothing was measured.
    """
    asked, console = Asked(**options), Console(stderr=True)
    with console.status("measuring; leave the machine alone"):  # nothing, unless stderr is a terminal
        try:
            results = benchmark.run(asked, lambda text: print(text, flush=True))
        except KeyboardInterrupt:
            raise Interrupted("interrupted: only what is told above was measured") from None
    for path in filter(None, (asked.out, asked.plot)):
        print(f"saved {path}")
    return 0 if any("ms" in row for found in results["steps"] for row in found["rows"]) else 2
