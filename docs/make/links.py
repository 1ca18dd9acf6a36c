"""Every address in the built pages: one of the site's own must be there, with its anchor; one outside must look like one."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"href", "src", "poster", "data"}
OUTSIDE = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/\S*)?", re.IGNORECASE)
RENDERING = frozenset(["img", "script", "iframe", "source", "video", "audio", "embed", "object"])  # fetched without being asked


@dataclass
class Page:
    """What one HTML file says.

    Attributes:
        targets: (element, address), in order.
        anchors: ids and names.
    """

    targets: list[tuple[str, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.page.anchors |= {given[name] for name in ("id", "name") if name in given}
        loads = tag in RENDERING or (tag == "link" and given.get("rel") != "canonical")
        for name in ADDRESSES & given.keys():
            if tag != "object" or name == "data":
                self.page.targets.append(("fetched" if loads else "link", given[name]))


def read(path: Path) -> Page:
    """The addresses and anchors of one HTML file."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def faults(folder: Path) -> list[str]:
    """What is wrong with the links of a built site, one line each: 'page: address: why'."""
    pages = {path: read(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.relative_to(folder).parts}
    found = []
    for path, page in pages.items():
        for kind, target in dict.fromkeys(page.targets):
            if why := _fault(kind, target, path, folder, pages):
                found.append(f"{path.relative_to(folder)}: {target[:120]}: {why}")
    return found


def _fault(kind: str, target: str, path: Path, folder: Path, pages: dict[Path, Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme in ("data", "mailto"):
        return ""
    if parts.scheme or parts.netloc:
        if kind == "fetched":
            return "fetched from outside when the page is shown"
        return "" if OUTSIDE.fullmatch(target) else "does not look like an address"
    return _inside(unquote(parts.path), unquote(parts.fragment), path, folder, pages)


def _inside(name: str, fragment: str, path: Path, folder: Path, pages: dict[Path, Page]) -> str:
    if name.startswith("/"):
        return "begins at the root of the server, so it breaks in a subfolder"
    meant = (path.parent / name).resolve() if name else path
    if meant.is_dir():
        return "leads to a folder, which has no page when opened as a file"
    if not meant.is_relative_to(folder.resolve()) and meant != path:
        return "leads out of the site"
    if not meant.is_file():
        return "no such file"
    known = {each.resolve(): page for each, page in pages.items()}.get(meant.resolve())
    if fragment and known and fragment not in known.anchors:
        return "no such place in that page"
    return ""
