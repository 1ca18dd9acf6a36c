"""Image files that a page hands over in pieces: a server may refuse a message of ten megabytes."""

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.images.decode import MOST_BYTES, ImageFile


class Uploads:
    """What has come of each file so far. A file that is begun anew takes the place of the one before."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[bytes]] = {}

    def take(self, key: str, name: str, index: int, count: int, data: bytes) -> ImageFile | None:
        """One more piece; the file, when this was its last.

        Args:
            key: the same for all pieces that belong together, such as 'content'.
            name: of the file, for messages.
            index, count: which piece of how many, from 0.

        Raises:
            InputError: more than 20 MB, or a piece that does not follow the one before.
        """
        pieces = self._pieces.setdefault(key, [])
        if index == 0:
            pieces.clear()
        if index != len(pieces):
            self._pieces.pop(key)
            raise InputError(f"'{printable(name)}' did not arrive whole: choose it again")
        pieces.append(bytes(data))
        if index + 1 < count and sum(map(len, pieces)) <= MOST_BYTES:
            return None
        return ImageFile(printable(name) or "image", b"".join(self._pieces.pop(key)))
