"""Files as phones, scanners and damaged disks leave them: each opens as a viewer shows it, or has a line that says what to do."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
import tifffile
from numpy.testing import assert_allclose
from PIL import Image

from stylelab import images
from stylelab.errors import InputError, MachineError
from stylelab.images.formats import ENDINGS, find_format
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run

across, down = np.meshgrid(np.linspace(10, 240, 64), np.linspace(230, 30, 48))
PICTURE = np.stack([across, (across + down) / 2, down], axis=-1).round().astype(np.uint8)
GREY = PICTURE[..., :1].repeat(3, axis=-1)
NAME = "IMG_0001"


def opened(data):
    return images.ImageFile(NAME, data).read()


def check(data, picture=PICTURE, atol=0.005, notes=()):
    """Check that a file opens as the picture, and that its notes contain these words."""
    found = opened(data)
    assert_allclose(found.image, picture / 255, atol=atol)
    assert len(found.notes) == len(notes), found.notes
    assert all(words in note and NAME in note and "\n" not in note for words, note in zip(notes, found.notes, strict=True))


def refusal(data, error=InputError, name=NAME):
    """The line with which a file is refused, without its name."""
    with pytest.raises(error) as caught:
        images.ImageFile(name, data).read()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    return str(caught.value).replace(f"'{name}' ", "")


def written(image, format, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, format, **options)
    return stream.getvalue()


def heic(*pictures, mode=None, **options):
    """A HEIC file of uint8 or uint16 arrays."""
    file = pillow_heif.HeifFile()
    for picture in pictures:
        deep = ";16" if picture.dtype == np.uint16 else ""
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[1 if picture.ndim == 2 else picture.shape[2]] + deep
        file.add_frombytes(mode, picture.shape[1::-1], picture.tobytes())
    stream = io.BytesIO()
    file.save(stream, quality=-1, chroma=444, **options)
    return stream.getvalue()


def tiff(values, photometric="rgb", **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric=photometric, **options)
    return stream.getvalue()


def png(header, rows, *chunks):
    """A PNG file of rows of bytes. `header`: bits and colour type."""
    height, width = PICTURE.shape[:2]
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, *header, 0, 0, 0)), *chunks)
    parts += ((b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b""))
    sums = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(sums)


# --- HEIC and AVIF ----------------------------------------------------------------------------------------------


def test_a_heic_photograph_opens():
    check(heic(PICTURE), atol=0.02)
    check(heic(GREY[..., 0]), GREY, atol=0.02)
    check(heic(PICTURE.astype(np.uint16) * 257), atol=0.02)  # stored with 10 bits


def test_a_transparent_heic_image_is_white_there():
    half = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 128, np.uint8)])
    check(heic(half), PICTURE * (128 / 255) + 127, atol=0.02)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["HEIF", "AVIF", "JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photograph_taken_with_a_turned_camera_is_upright(format, turn):
    stored = {1: PICTURE, 2: PICTURE[:, ::-1], 3: PICTURE[::-1, ::-1], 4: PICTURE[::-1]}
    stored |= {5: PICTURE.swapaxes(0, 1), 6: np.rot90(PICTURE), 7: PICTURE[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(PICTURE, -1)}
    image, exif = Image.fromarray(np.ascontiguousarray(stored[turn])), Image.Exif()
    exif[0x0112] = turn
    if format == "HEIF":
        stream = io.BytesIO()
        pillow_heif.from_pillow(image).save(stream, quality=-1, chroma=444, exif=exif.tobytes())
        data = stream.getvalue()
    else:
        best = {
            "JPEG": {"quality": 98, "subsampling": 0},
            "AVIF": {"quality": 98, "subsampling": "4:4:4"},
            "WEBP": {"lossless": True},
        }
        data = written(image, format, exif=exif, **best.get(format, {}))
    check(data, atol=0.03)


def test_what_exif_says_of_the_orientation_of_a_heic_file_does_not_count():
    exif = Image.Exif()
    exif[0x0112] = 1
    data, tag = heic(PICTURE, exif=exif.tobytes()), b"\x01\x12\x00\x03\x00\x00\x00\x01\x00"
    turned = data.replace(tag + b"\1", tag + b"\6")  # the file's own statement, which counts, says 1
    assert turned != data
    check(turned, atol=0.02)


def test_a_heic_file_that_names_only_the_general_brand_opens():
    data = heic(PICTURE)
    assert data[8:12] == b"heix"
    check(data[:28].replace(b"heix", b"mif1") + data[28:], atol=0.02)


def test_of_several_heic_images_the_main_one_counts():
    check(heic(GREY, PICTURE, GREY, primary_index=1), atol=0.02, notes=["has 3 images: the main one is used"])


def test_a_file_is_known_by_its_content_whatever_its_ending(tmp_path):
    for name, data in {
        "a.heic": written(PICTURE, "PNG"),
        "b.jpg": heic(PICTURE),
        "c": written(PICTURE, "AVIF", quality=98),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert_allclose(images.open_image(tmp_path / name), PICTURE / 255, atol=0.04)


@pytest.mark.parametrize("length", [24, 100, 0.5, 0.9])
def test_a_broken_heic_file_is_called_one(length):
    whole = heic(PICTURE)
    message = refusal(whole[: int(length if length > 1 else length * len(whole))])
    assert (
        message.startswith("is a broken or truncated HEIC image (") and "copy it again, or save it anew as PNG or JPEG" in message
    )


def test_a_heic_file_without_pi_heif_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert refusal(heic(PICTURE), MachineError) == (
        "is a HEIC image: run `pip install pi-heif` to open it, or save it as JPEG first"
    )


def test_importing_the_images_does_not_import_pi_heif():
    code = "import sys; from stylelab import images; images.open_image('cat', 20); sys.exit('pi_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_heic_image_with_too_many_pixels_is_refused_before_it_is_decoded():
    whole = heic(np.zeros((64, 64, 3), np.uint8))
    start = whole.index(b"ispe") + 8
    assert (
        refusal(whole[:start] + struct.pack(">II", 20_000, 20_000) + whole[start + 8 :])
        == "has 400000000 pixels, more than 100 million: make it smaller first"
    )


def test_an_avif_image_opens():
    check(written(PICTURE, "AVIF", quality=98, subsampling="4:4:4"), atol=0.02)


# --- damaged files ----------------------------------------------------------------------------------------------


def jpeg(height=240, **options):
    noise = np.random.default_rng(1).integers(0, 255, (height, 320, 3), np.uint8)
    return written(Image.fromarray(noise).resize((160, height)), "JPEG", quality=90, **options)


KINDS = [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_without_its_end_marker_is_whole_and_noted(options):
    whole = jpeg(**options)
    found = opened(whole[:-2])
    assert np.array_equal(found.image, opened(whole).image)
    assert found.notes == (f"'{NAME}' lacks its end marker, but no part of the image",)
    assert opened(whole).notes == ()


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_without_its_last_rows_opens_with_a_note(options):
    whole = jpeg(**options)
    found, good = opened(whole[: -len(whole) // 40]), opened(whole).image
    (note,) = found.notes
    assert note.startswith(f"'{NAME}' is cut off: something is missing in the last ") and note.endswith(" of its 240 rows")
    missing = int(note.split(" of its")[0].rsplit(" ", 1)[1])
    assert 0 < missing < 80
    assert np.array_equal(found.image[: -missing - 1], good[: -missing - 1])  # smooth colours reach one row further up
    assert not np.array_equal(found.image[-missing:], good[-missing:])


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_cut_in_half_is_refused_with_what_is_missing(options):
    whole = jpeg(**options)
    message = refusal(whole[: len(whole) // 2])
    assert (
        message.startswith("is a broken or truncated JPEG image (the last ") and " of its 240 rows are missing): copy" in message
    )


def test_a_small_jpeg_that_lacks_its_last_bytes_opens():
    whole = written(PICTURE, "JPEG")
    check(whole[:-12], atol=1, notes=["is cut off"])


def test_a_jpeg_in_a_multi_picture_file_opens_without_a_note():
    check(written(Image.fromarray(PICTURE), "MPO", save_all=True, append_images=[Image.fromarray(GREY)], quality=98), atol=0.05)


# --- formats that are not opened ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x0a" + bytes(30), "is a JPEG XL image, which cannot be opened: save it as PNG or JPEG first"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "is a JPEG XL image"),
        (b"8BPS\0\1" + bytes(30), "is a Photoshop image"),
        (b"gimp xcf v011" + bytes(30), "is a GIMP image"),
        (b"FUJIFILMCCD-RAW " + bytes(30), "is a raw camera image"),
        (b"IIU\0\x18\0\0\0" + bytes(30), "is a raw camera image"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(30), "is a raw camera image"),
        (b"v/1\1" + bytes(30), "is an OpenEXR image"),
        (b"%PDF-1.7\n", "is not an image but a PDF document: save an image from it as PNG or JPEG first"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(30), "is not an image but a video"),
        (b"\0\0\0\x1cftypisom\0\0\2\0isommp41mp42" + bytes(30), "is not an image but a video"),
        (b"PK\x03\x04" + bytes(30), "is not an image but an archive"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG image"),
        (b"\xef\xbb\xbf<SVG/>", "is an SVG image"),
        (b"\n<!DOCTYPE html><html></html>", "is not an image but a web page: download the image itself"),
        (b"Dear diary", "is not an image: PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF and BMP can be opened"),
        (b"\xff\xd8\xff\xe0 and so on", "is a broken or truncated JPEG image"),
        (b"\x89PNG\r\n\x1a\n", "is a broken or truncated PNG image"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "is a broken or truncated WebP image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(30), "is a broken or truncated AVIF image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "is a broken or truncated HEIC image"),
    ],
)
def test_a_file_that_cannot_be_opened_is_called_what_it_is(data, words):
    assert words in refusal(data)


def test_a_raw_file_that_begins_as_tiff_is_not_taken_for_its_preview():
    small = np.zeros((16, 16, 3), np.uint8)
    assert "is a raw camera image" in refusal(tiff(small, extratags=[(50706, "B", 4, bytes([1, 4, 0, 0]), True)]))  # DNG
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(small, photometric="rgb", subfiletype=1, subifds=1)
        file.write(PICTURE, photometric="rgb")
    assert "is a raw camera image" in refusal(stream.getvalue())
    assert "is a raw camera image" in refusal(b"II*\0" + bytes(40), name="DSC_0001.NEF")


def test_every_format_that_is_opened_is_known_by_its_ending():
    assert {".png", ".jpg", ".heic", ".heif", ".avif", ".webp", ".tiff", ".gif", ".bmp", ".jp2", ".jfif"} <= ENDINGS
    assert find_format(heic(PICTURE)) == "HEIC" and find_format(written(PICTURE, "AVIF")) == "AVIF"


# --- TIFF and PNG, kind by kind ---------------------------------------------------------------------------------

GREY16, ALPHA = GREY[..., 0].astype(np.uint16) * 257, np.full(PICTURE.shape[:2], 128, np.uint8)
HALF = PICTURE * (128 / 255) + 127
PREMULTIPLIED = np.round(PICTURE * (128 / 255)).astype(np.uint8)
BLACK_AND_WHITE = GREY[..., 0] > 128
COLOURS = np.stack([np.arange(256) * 257, np.arange(256)[::-1] * 257, np.full(256, 30_000)]).astype(np.uint16)
TIFFS = {
    "white is zero, 8 bits": (255 - GREY[..., 0], "miniswhite", {}, GREY),
    "white is zero, 16 bits": (65535 - GREY16, "miniswhite", {}, GREY),
    "white is zero, 16 bits, big-endian": (65535 - GREY16, "miniswhite", {"byteorder": ">"}, GREY),
    "white is zero, float": ((1 - GREY[..., 0] / 255).astype(np.float32), "miniswhite", {}, GREY),
    "white is zero, black and white": (~BLACK_AND_WHITE, "miniswhite", {}, 255 * BLACK_AND_WHITE[..., None].repeat(3, -1)),
    "black and white": (BLACK_AND_WHITE, "minisblack", {}, 255 * BLACK_AND_WHITE[..., None].repeat(3, -1)),
    "16 bits, signed": ((GREY16 // 2).astype(np.int16), "minisblack", {}, GREY),
    "32 bits": (GREY16.astype(np.uint32) * 65537, "minisblack", {}, GREY),
    "32 bits, float": ((GREY[..., 0] / 255).astype(np.float32), "minisblack", {}, GREY),
    "planes": (np.moveaxis(PICTURE, -1, 0), "rgb", {"planarconfig": "separate"}, PICTURE),
    "tiles": (PICTURE, "rgb", {"tile": (16, 16)}, PICTURE),
    "16-bit colours": (PICTURE.astype(np.uint16) * 257, "rgb", {}, PICTURE),
    "alpha": (np.dstack([PICTURE, ALPHA]), "rgb", {"extrasamples": ["unassalpha"]}, HALF),
    "alpha, premultiplied": (np.dstack([PREMULTIPLIED, ALPHA]), "rgb", {"extrasamples": ["assocalpha"]}, HALF),
    "16-bit alpha": (np.dstack([PICTURE, ALPHA]).astype(np.uint16) * 257, "rgb", {"extrasamples": ["unassalpha"]}, HALF),
    "grey and alpha": (np.dstack([GREY[..., 0], ALPHA]), "minisblack", {"extrasamples": ["unassalpha"]}, GREY * (128 / 255) + 127),
    "grey and alpha, premultiplied": (
        np.dstack([np.round(GREY[..., 0] * (128 / 255)).astype(np.uint8), ALPHA]), "minisblack", {"extrasamples": ["assocalpha"]},
        GREY * (128 / 255) + 127,
    ),
    "palette": (GREY[..., 0], "palette", {"colormap": COLOURS}, COLOURS[:, GREY[..., 0]].transpose(1, 2, 0) / 257),
    "BigTIFF": (PICTURE, "rgb", {"bigtiff": True}, PICTURE),
}  # fmt: skip


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", TIFFS)
def test_every_usual_kind_of_tiff_opens_as_a_viewer_shows_it(kind, compression):
    array, photometric, options, picture = TIFFS[kind]
    if compression and array.dtype.kind in "iu":
        options = options | {"predictor": True}
    check(tiff(array, photometric, compression=compression, **options), picture, atol=0.012)


@pytest.mark.parametrize(
    ("array", "photometric", "options"),
    [
        ((PICTURE / 255).astype(np.float32), "rgb", {}),
        ((GREY[..., 0] / 255).astype(np.float64), "minisblack", {}),
        (np.moveaxis(PICTURE.astype(np.uint16) * 257, -1, 0), "rgb", {"planarconfig": "separate"}),
    ],
    ids=["float colours", "double precision", "planes of 16 bits"],
)
def test_a_rare_kind_of_tiff_is_refused_rather_than_misread(array, photometric, options):
    message = refusal(tiff(array, photometric, **options))
    assert message == "is a broken or truncated TIFF image, or one of a rare kind: copy it again, or save it as 8-bit PNG or JPEG"


def test_of_a_tiff_with_several_pages_the_first_is_used():
    pages = [Image.fromarray(GREY), Image.fromarray(GREY)]
    check(written(PICTURE, "TIFF", save_all=True, append_images=pages), notes=["has 3 pages: the first is used"])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("clear", [False, True])
def test_a_grey_png_of_any_depth_is_white_where_its_transparent_value_is(bits, clear):
    values = GREY[..., 0].astype(int) * (2**bits - 1) // 255
    if bits < 8:
        spread = (values[..., None] >> np.arange(bits)[::-1]) & 1
        rows = np.packbits(spread.reshape(len(values), -1).astype(np.uint8), axis=1)
    else:
        rows = values.astype(">u2" if bits == 16 else "u1")
    picture = values[..., None].repeat(3, axis=-1) * 255 / (2**bits - 1)
    chosen = values[0, 20]
    if clear:
        picture[values == chosen] = 255
    chunks = [(b"tRNS", struct.pack(">H", chosen))] if clear else []
    check(png((bits, 0), [row.tobytes() for row in rows], *chunks), picture)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_is_white_where_its_transparent_colour_is(bits):
    values = PICTURE.astype(np.uint16) * (257 if bits == 16 else 1)
    picture = PICTURE.copy()
    picture[(values == values[3, 5]).all(axis=-1)] = 255
    rows = [row.astype(">u2" if bits == 16 else "u1").tobytes() for row in values]
    check(png((bits, 2), rows, (b"tRNS", struct.pack(">3H", *values[3, 5]))), picture)


@pytest.mark.parametrize("format", ["JPEG2000", "PPM", "ICO", "BMP"])
def test_other_formats_open(format):
    check(written(PICTURE, format, **({"sizes": [(64, 48)]} if format == "ICO" else {})))


# --- what a run says of its images ------------------------------------------------------------------------------

OPTIONS = {"encoder": "random", "steps": 2}


def notes(content, style, **options):
    return prepare_run([content], [style], Options(**OPTIONS | options)).job.notes


def plain(height, width):
    return np.full((height, width, 3), 0.5, np.float32)


def test_an_image_smaller_than_the_size_asked_for_is_enlarged_with_a_note(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "small.png")
    (note,) = notes(tmp_path / "small.png", plain(200, 200), size=128)
    assert note == "the content image 'small.png' of 64 x 48 pixels was enlarged to 128 x 96, which adds no detail"
    (note,) = notes(plain(200, 200), PICTURE, size=128)
    assert note == "the style image of 64 x 48 pixels was enlarged to 171 x 128, which adds no detail"
    assert notes(tmp_path / "small.png", plain(200, 200), size=64) == ()
    assert notes(plain(200, 200), plain(300, 300), size=200) == ()


def test_from_coarse_to_fine_the_last_size_counts_for_the_note():
    assert len(notes(plain(100, 120), plain(300, 300), size=240, scales=3)) == 1
    assert notes(plain(100, 120), plain(300, 300), size=120, scales=2) == ()


def test_the_notes_on_a_file_come_with_the_run(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-2])
    (note,) = notes(plain(64, 64), tmp_path / "cut.jpg", size=32)
    assert note == f"'{tmp_path}/cut.jpg' lacks its end marker, but no part of the image"
    (note,) = notes(plain(64, 64), images.ImageFile("cut.jpg", jpeg()[:-2]), size=32)
    assert note.startswith("'cut.jpg' lacks")


def test_an_image_too_narrow_is_reported_in_its_own_size():
    with pytest.raises(InputError, match="the style image of 2000 x 30 pixels, scaled to 400 x 6, is too small: both sides must"):
        notes(plain(200, 200), plain(30, 2000), size=200)
    with pytest.raises(InputError, match="the content image of 40 x 2000 pixels, scaled to 4 x 200, is too small"):
        notes(plain(2000, 40), plain(200, 200), size=200)
    with pytest.raises(InputError, match="the content image of 200 x 8 pixels is too small"):
        notes(plain(8, 200), plain(200, 200), size=200)
