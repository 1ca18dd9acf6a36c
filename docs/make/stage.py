"""The folder that Sphinx reads. A file is written only when it has changed, so that Sphinx reads again only what has."""

from dataclasses import dataclass, field
from pathlib import Path

from stylelab.base.files import write_file


@dataclass
class Stage:
    """What has been put into the folder so far.

    Attributes:
        folder: the root of Sphinx's sources; made if missing.
    """

    folder: Path
    _written: set[Path] = field(default_factory=set)

    def put(self, name: str, content: "str | bytes") -> None:
        """Write one file, named relative to the folder, unless it is there already."""
        path, data = self.folder / name, content.encode() if isinstance(content, str) else content
        self._written.add(path)
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, lambda stream: stream.write(data))

    def copy(self, path: Path, name: str) -> None:
        """Put a file of the repository there."""
        self.put(name, path.read_bytes())

    def has(self, name: str) -> bool:
        """Whether this file has been put there."""
        return self.folder / name in self._written

    def sweep(self) -> None:
        """Delete what earlier builds left and this one did not put there."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_file() and path not in self._written:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
