"""Make the site: `python -m docs.make [-o build/site] [--gallery full|tiny]`."""

import argparse
import sys
import time
from pathlib import Path

from docs.make.build import build
from docs.make.wall import WALLS
from stylelab.errors import StylelabError


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.make", description="Make the site.")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/site"), help="folder of the pages")
    parser.add_argument("--work", type=Path, default=Path("build"), help="folder for what is kept between two builds")
    parser.add_argument("--gallery", choices=WALLS, default="full", help="how many images the gallery has")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        first = build(options.out, options.work, options.gallery, lambda line: print(line, flush=True))
    except StylelabError as error:
        print(f"stylelab: {error}", file=sys.stderr)
        return error.exit_status
    print(f"site made in {time.monotonic() - began:.0f} s; its first page is {first}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
