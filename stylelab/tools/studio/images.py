"""Pictures as the bytes of a file, for a browser or a download."""

import io

import numpy as np
from PIL import Image

from stylelab import images

LIVE, KEPT = 512, 640  # pixels of the long side: of a picture on its way, and of one in a filmstrip


def pixels(picture: np.ndarray) -> np.ndarray:
    """`(H, W, 3)` in 0..1 as 8 bits."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    """A picture without loss."""
    return _file(pixels(picture), format="PNG")


def jpeg(picture: np.ndarray, longest: int, quality: int = 82) -> bytes:
    """A picture to look at, no larger than `longest` pixels."""
    if max(picture.shape[:2]) > longest:
        picture = images.resize(picture, longest)
    return _file(pixels(picture), format="JPEG", quality=quality)


def decoded(data: bytes) -> np.ndarray:
    """`(H, W, 3)` float32 in 0..1 of a file that was made here."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32) / 255


def _file(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, **options)
    return buffer.getvalue()
