"""Gather the pages, paint the gallery, run Sphinx, check the links."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from docs.make import links, notebooks, pages, parts, wall
from docs.make.stage import Stage
from stylelab.errors import InputError, MachineError

NEEDED = ("sphinx", "myst_nb", "furo", "sphinx_design", "sphinx_copybutton", "sphinx-mathjax-offline")


def build(out: Path, work: Path, walls: str = "full", say: Callable[[str], object] = print) -> Path:
    """Make the site; returns its first page.

    Args:
        out: folder of the HTML pages.
        work: folder for what is kept between two builds: the gallery's images, Sphinx's sources and cache.
        walls: 'full', or 'tiny' for tests.
        say: told what is being done, a line each.

    Raises:
        InputError: a page, a link or a docstring is wrong; all faults have been told.
        MachineError: Sphinx or one of its extensions is missing.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MachineError(f"{', '.join(missing)} is not installed: run `pip install '.[site]'`, or `make site`")
    stage = Stage(work / "site-source")
    gather(stage, wall.WALLS[walls], work / f"gallery-{walls}", say)
    _sphinx(stage.folder, out, work / "site-doctrees")
    if found := links.faults(out):
        raise InputError("links that lead nowhere:\n" + "\n".join(found))
    return out / "index.html"


def gather(stage: Stage, hung: wall.Wall, gallery: Path, say: Callable[[str], object]) -> None:
    """Put all that Sphinx reads on the stage.

    Raises:
        InputError: a link or a mark in a page that leads nowhere.
        MachineError: the gallery could not be painted.
    """
    painted = wall.paint(hung, gallery, say)
    for path in notebooks.lessons():
        notebooks.add(path, stage)
    for page, file in pages.sources().items():
        text = pages.relink(pages.read(file), file, page, stage)
        stage.put(page, parts.fill(text, lambda: wall.page(hung, painted, gallery, stage), stage))
    for path in (pages.DOCS / "conf.py", *sorted(pages.DOCS.glob("_*/*"))):
        stage.copy(path, path.relative_to(pages.DOCS).as_posix())
    _formulas(stage)
    stage.sweep()


def _formulas(stage: Stage) -> None:
    """MathJax, out of a package that brings all of it: what draws TeX as SVG, and its rarer commands, loaded when met."""
    folder = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for path in (folder / "tex-svg.js", *sorted(folder.glob("input/tex/extensions/*.js"))):
        stage.copy(path, f"_static/mathjax/{path.relative_to(folder).as_posix()}")


def _sphinx(source: Path, out: Path, doctrees: Path) -> None:
    """Run Sphinx. After a fault its cache is thrown away: it would not tell again what it has told once."""
    options = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-d", str(doctrees)]
    if subprocess.run([sys.executable, "-m", "sphinx", *options, str(source), str(out)]).returncode:
        shutil.rmtree(doctrees, ignore_errors=True)
        raise InputError("the pages have the faults that are told above: mend them, then run `make site` again")
