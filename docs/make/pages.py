"""Which files of the repository become pages, and where the links between them lead on the site.

The pages in docs/ are also read in the repository, so their links are paths in the repository: to another page, an image, a
lesson, a source file. Here each becomes a link within the site, or one to the repository's web address.
"""

import json
import os
import re
import textwrap
from pathlib import Path, PurePosixPath

from docs.make.source_folder import SourceFolder
from stylelab.base.course import LESSONS, REPOSITORY
from stylelab.errors import InputError

ROOT = LESSONS.parent
DOCS = ROOT / "docs"
OTHER_PAGES = {  # pages outside docs/: file -> page, and the description that pages in docs/ have at their top
    "CONTRIBUTING.md": ("contributing.md", "How to work on stylelab: tests, a lesson, an exercise, a recipe, an encoder."),
    "CODE_OF_CONDUCT.md": ("conduct.md", "How people who work on stylelab treat each other, and what to do if someone does not."),
    "SECURITY.md": (
        "security.md",
        "How to report a hole in the grader's sandbox, or another way to forge a mark, and what happens then.",
    ),
    "CHANGELOG.md": ("changelog.md", "What has changed in stylelab from one version to the next, newest first."),
    "assets/encoder-mini.md": (
        "encoder-mini.md",
        "Model card of the embedded encoder: training images, measurements, strengths and weaknesses.",
    ),
}
REPLACED = {"lessons/README.md": "lessons.md", "README.md": "index.md"}  # the site has its own version of these
IMAGES = frozenset([".jpg", ".jpeg", ".png", ".svg", ".webp", ".gif"])
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^()\s]+)(\))")
CODE = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[^\S\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def page_files() -> dict[str, Path]:
    """`{page: file}`; pages are named relative to the root of the site."""
    files = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    return files | {page: ROOT / file for file, (page, _) in OTHER_PAGES.items() if (ROOT / file).is_file()}


def read(file: Path) -> str:
    """A page's text, with a description at its top: the page's own, the one in OTHER_PAGES, or its first paragraph."""
    text = file.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        return text
    _, description = OTHER_PAGES.get(file.relative_to(ROOT).as_posix(), ("", ""))
    return f"---\ndescription: {json.dumps(description or _first_paragraph(text))}\n---\n\n{text}"


def _first_paragraph(text: str, max_length: int = 160) -> str:
    """The first paragraph below the title without its markup, cut between two words."""
    paragraphs = re.split(r"\n\s*\n|^#.*\n", text.strip(), flags=re.MULTILINE)
    first = next((part for part in paragraphs if part.strip() and not part.lstrip().startswith(("#", "[!["))), "")
    plain = " ".join(re.sub(r"!?\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", first).split())
    return textwrap.shorten(plain, max_length, placeholder=" ...")


def relink(text: str, file: Path, page: str, source: SourceFolder) -> str:
    """A page's text with links that work on the site. Images that the page shows are copied.

    Args:
        file: where the text is in the repository; `page`, where it goes on the site.

    Raises:
        InputError: a link to a file that does not exist.
    """
    known = {path: name for name, path in page_files().items()}
    known |= {ROOT / name: replacement for name, replacement in REPLACED.items()}
    known |= {path: f"lessons/{path.name}" for path in LESSONS.glob("*.ipynb")}

    def relative(target: str) -> str:
        return os.path.relpath(target, PurePosixPath(page).parent).replace(os.sep, "/")

    def site_target(target: str) -> str:
        path, hash_sign, anchor = target.partition("#")
        linked = Path(os.path.normpath(file.parent / path))
        if linked in known:
            return relative(known[linked]) + hash_sign + anchor
        if not linked.is_relative_to(ROOT) or not linked.exists():
            raise InputError(f"{file.relative_to(ROOT)}: broken link to '{target}'")
        name = linked.relative_to(ROOT).as_posix()
        if linked.suffix.lower() in IMAGES:
            source.copy(linked, f"images/{name}")
            return relative(f"images/{name}")
        return f"{REPOSITORY}/{'tree' if linked.is_dir() else 'blob'}/main/{name}{hash_sign}{anchor}"

    def replace(link: re.Match) -> str:
        before, target, after = link.groups()
        return link[0] if re.match(r"[a-z]+:|#", target) else f"{before}{site_target(target)}{after}"

    pieces = CODE.split(text)  # prose and code alternate
    return "".join(piece if index % 2 else LINK.sub(replace, piece) for index, piece in enumerate(pieces))
