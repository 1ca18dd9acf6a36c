"""Bytes to text, whatever an editor saved them as."""

import codecs

MARKS = {  # what a file begins with -> how it is written; UTF-32 first, for its mark begins like UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
UNMARKED = {(0, 1): "utf-16-be", (1, 0): "utf-16-le"}  # JSON begins with two ASCII letters


def decoded(data: bytes) -> tuple[str, str | None]:
    """The text, and a note when it was not plain UTF-8. Nothing is raised: what cannot be read becomes a mark."""
    name = next((name for mark, name in MARKS.items() if data.startswith(mark)), None)
    name = name or UNMARKED.get(tuple(min(byte, 1) for byte in data[:2]), "utf-8")
    try:
        return data.decode(name), None if name in ("utf-8", "utf-8-sig") else f"the file is {name[:6].upper()}, read all the same"
    except UnicodeDecodeError:
        return data.decode(name, "replace"), "the file is not UTF-8: some letters are lost"
