"""The folder that Sphinx reads. A file is written only if it has changed, so that Sphinx reads only the changed ones again."""

from dataclasses import dataclass, field
from pathlib import Path

from stylelab.base.files import write_file


@dataclass
class SourceFolder:
    """The folder, and which files this build has put into it.

    Attributes:
        path: the folder; created if missing.
    """

    path: Path
    _current: set[Path] = field(default_factory=set)

    def write(self, name: str, content: "str | bytes") -> None:
        """Write a file, named relative to the folder, unless it has this content already."""
        path, data = self.path / name, content.encode() if isinstance(content, str) else content
        self._current.add(path)
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, lambda stream: stream.write(data))

    def copy(self, file: Path, name: str) -> None:
        """Copy a file into the folder."""
        self.write(name, file.read_bytes())

    def remove_stale(self) -> None:
        """Delete the files of earlier builds that this one has not written."""
        for path in sorted(self.path.rglob("*"), reverse=True):
            if path.is_file() and path not in self._current:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
