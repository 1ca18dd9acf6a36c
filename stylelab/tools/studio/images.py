"""Images as the bytes of a file, for a browser or a download."""

import io

import numpy as np
from PIL import Image

from stylelab import images

LIVE, KEPT = 512, 640  # pixels of the long side: of an image on its way, and of one in a filmstrip


def pixels(image: np.ndarray) -> np.ndarray:
    """`(H, W, 3)` in 0..1 as 8 bits."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    """An image without loss."""
    return _file(pixels(image), format="PNG")


def jpeg(image: np.ndarray, longest: int, quality: int = 82) -> bytes:
    """An image to look at, no larger than `longest` pixels."""
    if max(image.shape[:2]) > longest:
        image = images.resize(image, longest)
    return _file(pixels(image), format="JPEG", quality=quality)


def decoded(data: bytes) -> np.ndarray:
    """`(H, W, 3)` float32 in 0..1 of a file that was made here."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32) / 255


def _file(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, **options)
    return buffer.getvalue()
