"""Which image formats can be opened, and what to say of the others. A format is known by its first bytes, not by its name."""

from stylelab.errors import InputError

BY_PILLOW = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000", "ICO")  # not EPS: it is a program to run
CAN_BE_OPENED = "PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF and BMP can be opened"
ENDINGS = frozenset(
    ".apng .avif .bmp .dib .gif .heic .heif .hif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()
)
HEAD = 512  # bytes by which a format is known

OPENED = {
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF",
    b"MM\0+": "TIFF", b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
}  # fmt: skip
IMAGES = {
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"8BPS": "Photoshop", b"gimp xcf": "GIMP", b"v/1\x01": "OpenEXR",
    b"#?R": "Radiance HDR", b"qoif": "QOI", b"DDS ": "DDS", b"FUJIFILM": "raw camera", b"IIRO": "raw camera", b"IIRS": "raw camera",
    b"MMOR": "raw camera", b"IIU\0": "raw camera", b"FLIF": "FLIF", b"II\xbc": "JPEG XR",
}  # fmt: skip
RAW_ENDINGS = (".dng", ".nef", ".arw", ".cr2", ".pef", ".srw")  # raw files that begin as TIFF does
NO_IMAGES = {
    b"%PDF": "a PDF document", b"%!PS": "a PostScript program", b"\xc5\xd0\xd3\xc6": "a PostScript program",
    b"PK\x03\x04": "an archive", b"\x1aE\xdf\xa3": "a video",
}  # fmt: skip
# brands of an ISO media file -> the format; another brand is that of a video
BRANDS = dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC")
BRANDS |= {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "HEIC", b"msf1": "HEIC", b"crx ": "raw camera", b"jxl ": "JPEG XL"}


def find_format(head: bytes) -> str:
    """The format of a file that begins like this, as a message names it; '' if it is none of those that are known here.

    >>> from stylelab.images.formats import find_format
    >>> find_format(b"\\0\\0\\0\\x18ftypheic\\0\\0\\0\\0mif1heic")
    'HEIC'
    """
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4])
        brands = [head[index : index + 4] for index in (8, *range(16, min(size, len(head)), 4))]
        general = (b"mif1", b"msf1")  # either of the two, which the other brands tell apart
        found = [BRANDS[brand] for brand in sorted(brands, key=general.__contains__) if brand in BRANDS]
        return found[0] if found else "a video"
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else "a video"
    for start, name in (OPENED | IMAGES | NO_IMAGES).items():
        if head.startswith(start):
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")) and b"<svg" in text:
        return "SVG"
    return "a web page" if text.startswith((b"<!doctype html", b"<html")) else ""


def refusal(name: str, head: bytes) -> InputError:
    """The error for a file that cannot be opened.

    Args:
        name: what the message calls it.
        head: its first bytes.
    """
    found = find_format(head)
    if found == "TIFF" and name.rstrip("'").lower().endswith(RAW_ENDINGS):
        found = "raw camera"
    if not found:
        return InputError(f"{name} is not an image: {CAN_BE_OPENED}")
    if found == "a web page":
        return InputError(f"{name} is not an image but a web page: download the image itself")
    if found.startswith(("a ", "an ")):
        return InputError(f"{name} is not an image but {found}: save an image from it as PNG or JPEG first")
    if found in (*OPENED.values(), "WebP", "HEIC", "AVIF"):
        advice = "or one of a rare kind: copy it again, or save it as 8-bit PNG or JPEG"
        return InputError(f"{name} is a broken or truncated {found} image, {advice}")
    article = "an" if found in ("OpenEXR", "SVG") else "a"
    return InputError(f"{name} is {article} {found} image, which cannot be opened: save it as PNG or JPEG first")
