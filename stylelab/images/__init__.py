"""Open, resize, check and save images. An image is `(H, W, 3)` float32 in 0..1."""

from stylelab.images.builtin import alt, content_names, credit, find_built_in, names, style_names
from stylelab.images.decode import ImageFile, Opened, from_array, from_image
from stylelab.images.flow import flicker, optical_flow, reliable, warp
from stylelab.images.io import (
    FORMATS, SMALLEST, Source, check_size, check_writable, enlarge, find_image, fit, open_image, open_with_notes, resize, save,
)  # fmt: skip
from stylelab.images.recolour import colour_difference, luminance, match_colours, with_luminance

__all__ = [
    "FORMATS", "SMALLEST", "ImageFile", "Opened", "Source", "alt", "check_size", "check_writable", "colour_difference", "content_names", "credit", "enlarge",
    "find_built_in", "find_image", "fit", "flicker", "from_array", "from_image", "luminance", "match_colours", "names", "open_image",
    "open_with_notes", "optical_flow", "reliable", "resize", "save", "style_names", "warp", "with_luminance",
]  # fmt: skip
