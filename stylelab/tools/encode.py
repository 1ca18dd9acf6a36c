"""Images as the bytes of a JPEG or PNG file, for web pages."""

import io

import numpy as np
from PIL import Image

from stylelab.images import resize


def jpeg(image: np.ndarray, longest: int, quality: int = 82) -> bytes:
    """A JPEG of an `(H, W, 3)` image in 0..1, reduced to a long side of at most `longest` pixels."""
    return _encode(resize(image, longest) if max(image.shape[:2]) > longest else image, format="JPEG", quality=quality)


def png(image: np.ndarray) -> bytes:
    """A PNG of an `(H, W, 3)` image in 0..1."""
    return _encode(image, format="PNG")


def _encode(image: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)).save(buffer, **options)
    return buffer.getvalue()
