"""Build the site: `python -m docs.make [-o build/site] [--gallery full|tiny]`."""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from docs.make import gallery, links, notebooks, pages, parts, try_it
from docs.make.source_folder import SourceFolder
from stylelab.base.files import check_parent_folder, quoted
from stylelab.cli.edge import protect
from stylelab.errors import InputError, MachineError

REQUIRED = ("sphinx", "myst_nb", "furo", "sphinx_design", "sphinx_copybutton", "sphinx-mathjax-offline")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.make", description="Build the site.")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/site"), help="folder for the pages")
    parser.add_argument("--work", type=Path, default=Path("build"), help="folder for what is kept from one build to the next")
    parser.add_argument("--gallery", choices=gallery.SELECTIONS, default="full", help="how many images to paint for the gallery")
    options = parser.parse_args(arguments)

    def work() -> None:
        began = time.monotonic()
        for folder in (options.out, options.work):
            check_parent_folder(folder)
        first_page = build(options.out, options.work, options.gallery, lambda line: print(line, flush=True))
        print(f"site built in {time.monotonic() - began:.0f} s: open {quoted(first_page)}")

    return protect(work)


def build(out: Path, work: Path, selection: str = "full", report: Callable[[str], object] = print) -> Path:
    """Build the site; returns its first page.

    Args:
        out: folder for the HTML pages.
        work: folder for what is kept from one build to the next: the gallery's images, Sphinx's sources and cache.
        selection: how many images the gallery has: 'full', or 'tiny' for tests.
        report: called with a line of text for each image that is painted.

    Raises:
        InputError: a page, a link or a docstring is wrong. Sphinx prints all of its warnings first.
        MachineError: Sphinx or one of its extensions is missing, or the gallery could not be painted.
    """
    if missing := [name for name in REQUIRED if find_spec(name) is None]:
        raise MachineError(f"{', '.join(missing)} is not installed: run `pip install '.[site]'`, or `make site`")
    source, doctrees = SourceFolder(work / "site-source"), work / "site-doctrees"
    runtime = try_it.fetch(work / "npm")
    if runtime.missing:
        report(f"the page 'Try it' is left out: {runtime.missing}")
    gather(source, gallery.SELECTIONS[selection], work / f"gallery-{selection}", report, runtime)
    options = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-d", str(doctrees)]
    if subprocess.run([sys.executable, "-m", "sphinx", *options, str(source.path), str(out)]).returncode:
        shutil.rmtree(doctrees, ignore_errors=True)  # with this cache, the next build would not repeat the warnings
        raise InputError("Sphinx found the faults above: correct them, then run `make site` again")
    if not runtime.missing:
        links.lead_to(try_it.ADDRESS, try_it.PAGE, out)
    if faults := links.faults(out):
        raise InputError("broken links:\n" + "\n".join(faults))
    return out / "index.html"


def gather(
    source: SourceFolder, selection: gallery.Selection, painted: Path, report: Callable[[str], object], runtime: try_it.Runtime
) -> None:
    """Write everything that Sphinx reads.

    Args:
        source: where it goes.
        selection: which images the gallery has, `painted` the folder that keeps them.
        report: as for `build`.
        runtime: for the page *Try it*, if npm gave it.

    Raises:
        InputError: a page has a broken link, or asks for a part that does not exist.
        MachineError: the gallery could not be painted.
    """
    link = "" if runtime.missing else try_it.LINK
    if link:
        try_it.add(runtime, source)
    pairs = gallery.paint(selection, painted, report)
    for path in notebooks.lessons():
        notebooks.add(path, source)
    for page, file in pages.page_files().items():
        text = pages.relink(pages.read(file), file, page, source)
        source.write(page, parts.fill(text, lambda: gallery.page(selection, pairs, painted, source), source, link))
    for path in (pages.DOCS / "conf.py", *sorted(pages.DOCS.glob("_*/*"))):
        source.copy(path, path.relative_to(pages.DOCS).as_posix())
    # MathJax: the part that draws TeX as SVG, and its rarer TeX commands, which it loads when a formula needs them
    mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for path in (mathjax / "tex-svg.js", *sorted(mathjax.glob("input/tex/extensions/*.js"))):
        source.copy(path, f"_static/mathjax/{path.relative_to(mathjax).as_posix()}")
    source.remove_stale()


if __name__ == "__main__":
    sys.exit(main())
