"""Which files of the repository are pages, and where the links between them lead on the site.

The pages in docs/ are written to be read in the repository too, so their links are paths in the repository: to another
page, to an image, to a lesson, to code. Here each becomes a link within the site, or one to the repository's address.
"""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from docs.make.stage import Stage
from stylelab.base.course import LESSONS, REPOSITORY
from stylelab.errors import InputError

ROOT = LESSONS.parent
DOCS = ROOT / "docs"
ELSEWHERE = {  # pages that do not lie in docs/: file -> page, and the description that others have at their top
    "CONTRIBUTING.md": ("contributing.md", "How to work on stylelab: tests, a lesson, an exercise, a recipe, an encoder."),
    "CODE_OF_CONDUCT.md": (
        "conduct.md",
        "How people who work on stylelab treat each other, and what to do when somebody does not.",
    ),
    "SECURITY.md": (
        "security.md",
        "A hole in the grader's sandbox, or another way to a forged mark: how to tell, and what happens then.",
    ),
    "CHANGELOG.md": ("changelog.md", "What has changed in stylelab from one version to the next, newest first."),
    "assets/encoder-mini.md": (
        "encoder-mini.md",
        "Model card of the embedded encoder: images, training, measurements, and what it is good and bad at.",
    ),
}
STAND_INS = {"lessons/README.md": "lessons.md", "README.md": "index.md"}  # what the site says in another way
IMAGES = frozenset([".jpg", ".jpeg", ".png", ".svg", ".webp", ".gif"])
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^()\s]+)(\))")
CODE = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[^\S\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def sources() -> dict[str, Path]:
    """`{page: file}`, names relative to the root of the site."""
    found = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    return found | {page: ROOT / file for file, (page, _) in ELSEWHERE.items() if (ROOT / file).is_file()}


def read(file: Path) -> str:
    """A page's text with a description at its top: the page's own, that in ELSEWHERE, or its first paragraph."""
    text = file.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        return text
    _, description = ELSEWHERE.get(file.relative_to(ROOT).as_posix(), ("", ""))
    return f"---\ndescription: {json.dumps(description or _begins(text))}\n---\n\n{text}"


def _begins(text: str, longest: int = 160) -> str:
    """The first paragraph below the title, in plain words, cut between two of them."""
    below = re.split(r"\n\s*\n|^#.*\n", text.strip(), flags=re.MULTILINE)
    first = next((part for part in below if part.strip() and not part.lstrip().startswith(("#", "[!["))), "")
    plain = " ".join(re.sub(r"!?\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", first).split())
    return textwrap.shorten(plain, longest, placeholder=" ...")


def destinations() -> dict[Path, str]:
    """`{file of the repository: page of the site}`, lessons among them."""
    known = {path: page for page, path in sources().items()}
    known |= {ROOT / file: page for file, page in STAND_INS.items()}
    return known | {path: f"lessons/{path.name}" for path in sorted(LESSONS.glob("*.ipynb"))}


def relink(text: str, file: Path, page: str, stage: Stage) -> str:
    """A page's text with its links turned towards the site; images that it shows are put on the stage.

    Args:
        file: where the text lies in the repository, `page` where it goes.

    Raises:
        InputError: a link to a file that is not there.
    """
    known = destinations()

    def turned(found: re.Match) -> str:
        target = found[2]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        return f"{found[1]}{_turned(target, file, page, known, stage)}{found[3]}"

    return "".join(part if odd else LINK.sub(turned, part) for odd, part in _prose_and_code(text))


def _prose_and_code(text: str) -> Iterator[tuple[bool, str]]:
    for index, part in enumerate(CODE.split(text)):
        yield bool(index % 2), part


def _turned(target: str, file: Path, page: str, known: dict[Path, str], stage: Stage) -> str:
    path, mark, anchor = target.partition("#")
    meant = Path(os.path.normpath(file.parent / path))
    if meant in known:
        return _relative(known[meant], page) + mark + anchor
    if not meant.is_relative_to(ROOT) or not meant.exists():
        raise InputError(f"{file.relative_to(ROOT)}: the link to '{target}' leads nowhere")
    inside = meant.relative_to(ROOT).as_posix()
    if meant.suffix.lower() in IMAGES:
        stage.copy(meant, f"images/{inside}")
        return _relative(f"images/{inside}", page)
    return address(inside) + mark + anchor


def address(inside: str) -> str:
    """A file or folder of the repository, on the web."""
    return f"{REPOSITORY}/{'tree' if (ROOT / inside).is_dir() else 'blob'}/main/{inside}"


def _relative(target: str, page: str) -> str:
    return os.path.relpath(target, PurePosixPath(page).parent).replace(os.sep, "/")
