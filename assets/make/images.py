"""Draw the six style images of the kit, from code and a seed alone.

Usage:

    python assets/make/images.py [NAME ...] [-o DIR] [--size 1024]
"""

import argparse
import importlib
import io
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("brushstrokes", "ceramic", "woodblock", "stained-glass", "fluid", "pointillism")
STYLE_DIR = Path(__file__).resolve().parent.parent / "style"
LARGEST_FILE = 900 * 1024


def draw(name, size=1024):
    """One image, (H, W, 3) uint8 with `size` pixels on the long side.

    Raises:
        ValueError: an unknown name, or a size below 32.
    """
    if name not in NAMES:
        raise ValueError(f"no style image {name!r}; there are {', '.join(NAMES)}")
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels; got {size}")
    painter = importlib.import_module("painting." + name.replace("-", "_"))
    return np.rint(np.clip(painter.draw(size), 0, 1) * 255).astype(np.uint8)


def save(image, path):
    """Write a JPEG file, completely or not at all. 4:4:4, because colour at half the resolution blurs strokes."""
    for quality in range(93, 85, -1):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
        if buffer.tell() <= LARGEST_FILE:
            break
    part = path.with_suffix(".part")
    part.write_bytes(buffer.getvalue())
    os.replace(part, path)


def main():
    """Read the command line, draw, and print how long each image took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("-o", "--out", type=Path, default=STYLE_DIR, metavar="DIR")
    parser.add_argument("--size", type=int, default=1024, help="pixels on the long side")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or NAMES:
        start, path = time.perf_counter(), arguments.out / f"{name}.jpg"
        try:
            save(draw(name, arguments.size), path)
        except ValueError as error:
            parser.error(str(error))
        print(f"{path}  {path.stat().st_size // 1024} KB  {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
