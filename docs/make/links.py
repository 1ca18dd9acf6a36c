"""Check every link of the built pages: inside the site, the file and its anchor must exist; outside, the address must be well formed."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"href", "src", "poster", "data"}
OUTSIDE = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/\S*)?", re.IGNORECASE)
LOADING = frozenset(["img", "script", "iframe", "source", "video", "audio", "embed", "object"])  # a browser fetches these itself


class Page(HTMLParser):
    """The links and anchors of one HTML file.

    Attributes:
        targets: (whether the browser fetches it by itself, address), in order.
        anchors: ids and names.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.targets: list[tuple[bool, str]] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """HTMLParser calls this for each element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        fetched = tag in LOADING or (tag == "link" and values.get("rel") != "canonical")
        for name in ADDRESSES & values.keys():
            if tag != "object" or name == "data":
                self.targets.append((fetched, values[name]))


def lead_to(address: str, page: str, folder: Path) -> None:
    """Let links to a page's public address lead to the page of this build: it may be read elsewhere, and offline."""
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if f'href="{address}' in text:
            near = "../" * (len(path.relative_to(folder).parts) - 1) + page
            path.write_text(text.replace(f'href="{address}', f'href="{near}'), encoding="utf-8")


def faults(folder: Path) -> list[str]:
    """The broken links of a built site, one line each: 'page: address: reason'."""
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.relative_to(folder).parts]
    pages = {path.resolve(): Page(path) for path in paths}
    lines = []
    for path in paths:
        for fetched, target in dict.fromkeys(pages[path.resolve()].targets):
            if reason := _fault(fetched, target, path, folder, pages):
                lines.append(f"{path.relative_to(folder)}: {target[:120]}: {reason}")
    return lines


def _fault(fetched: bool, target: str, path: Path, folder: Path, pages: dict[Path, Page]) -> str:
    """What is wrong with a link from the page at `path`; '' if nothing is."""
    parts = urlsplit(target)
    if parts.scheme in ("data", "mailto"):
        return ""
    if parts.scheme or parts.netloc:
        if fetched:
            return "the page loads this from another site"
        return "" if OUTSIDE.fullmatch(target) else "not a web address"
    name, anchor = unquote(parts.path), unquote(parts.fragment)
    if name.startswith("/"):
        return "starts at the root of the server, so it breaks in a subfolder"
    file = (path.parent / name).resolve() if name else path.resolve()
    if file.is_dir():
        return "leads to a folder, which shows no page when opened as a file"
    if not file.is_relative_to(folder.resolve()) and file != path.resolve():
        return "leads out of the site"
    if not file.is_file():
        return "no such file"
    if anchor and file in pages and anchor not in pages[file].anchors:
        return "no such anchor on that page"
    return ""
