"""Build each lesson's two notebooks from its source, and check that they are complete.

    python -m lessons.make build [04 ...] [--framework torch|tensorflow] [--language zh] [--no-execute]
    python -m lessons.make check [04 ...]
    python -m lessons.make units zh [04 ...] [--add | --stamp KEY ...]      what is not translated, or no longer

jupytext reads the source, `stylelab.tools.course.assemble` makes a notebook, nbclient executes it.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lessons.make.lint import faults
from lessons.make.translations import add_sentences, add_units, stamp, unfinished, unsaid
from stylelab.base.course import TITLES
from stylelab.errors import StylelabError
from stylelab.languages import ENGLISH, languages
from stylelab.tools.course.assemble import sources
from stylelab.tools.course.build import build


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except StylelabError as error:
        print(f"stylelab: {error}", file=sys.stderr)
        return error.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lessons.make", description="Build and check the lessons.")
    commands = parser.add_subparsers(required=True)
    for name, run, text in (("build", _build, "write the notebooks"), ("check", _check, "say what is wrong with them")):
        command = commands.add_parser(name, help=text)
        command.add_argument("numbers", nargs="*", metavar="NUMBER", help="such as 04; all by default")
        command.add_argument("--framework", choices=TITLES, action="append", help="both by default")
        command.set_defaults(run=run)
        if run is _build:
            command.add_argument("--no-execute", action="store_true", help="keep the stored outputs")
            command.add_argument("--language", choices=(ENGLISH, *languages()), default=ENGLISH)
    units = commands.add_parser("units", help="say which texts of a language are missing or stale")
    units.add_argument("language", choices=languages())
    units.add_argument("numbers", nargs="*", metavar="NUMBER", help="such as 04; all by default")
    units.add_argument("--add", action="store_true", help="add missing texts, in English, with a mark that is stale")
    units.add_argument("--stamp", nargs="+", metavar="KEY", help="these texts, or 'all', now render the English as it is")
    units.set_defaults(run=_units)
    return parser


def _each(options) -> Iterator[tuple[Path, str]]:
    for source in sources(options.numbers):
        for framework in options.framework or TITLES:
            yield source, framework


def _build(options) -> int:
    os.environ.setdefault("STYLELAB_PRESET", "cpu")  # stored images must not depend on the machine
    for source, framework in _each(options):
        print(build(source, framework, options.language, run=not options.no_execute))
    return 0


def _units(options) -> int:
    found = []
    for source in sources(options.numbers):
        if options.add:
            add_units(source, options.language)
        if options.stamp:
            stamp(source, options.language, options.stamp)
        found += unfinished(source, options.language)
    if not options.numbers:
        if options.add:
            add_sentences(options.language)
        found += unsaid(options.language)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def _check(options) -> int:
    found = [fault for source, framework in _each(options) for fault in faults(source, framework)]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
