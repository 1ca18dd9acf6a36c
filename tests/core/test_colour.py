"""Colours are read as their file says: by a profile's content, in every mode, or by what the file says without one.

The referee is colour science by hand: each test stores the same sRGB picture in other colours, and must get it back.
"""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageCms

from stylelab import images

# XYZ of red, green and blue, adapted to the white of profiles, D50; rows. From the standards' chromaticities.
SRGB = np.array([[0.4360747, 0.2225045, 0.0139322], [0.3850649, 0.7168786, 0.0971045], [0.1430804, 0.0606169, 0.7141733]])
P3 = np.array([[0.5151187, 0.2411892, -0.0010505], [0.2919778, 0.6922441, 0.0418791], [0.1571035, 0.0665668, 0.7840713]])
ADOBE = np.array([[0.6097559, 0.3111242, 0.0194811], [0.2052401, 0.6256560, 0.0608902], [0.1492240, 0.0632197, 0.7448387]])
REC2020 = np.array([[0.6734241, 0.2790177, -0.0019300], [0.1656411, 0.6753402, 0.0299784], [0.1251286, 0.0456421, 0.7968410]])

across, down = np.meshgrid(np.linspace(60, 190, 64), np.linspace(200, 70, 48))
PICTURE = (
    np.stack([across, 0.6 * across + 0.3 * down, down], axis=-1).round().astype(np.uint8)
)  # every space here has its colours
GREY = np.repeat(PICTURE[..., :1], 3, axis=-1)


def light(values):
    """sRGB values in 0..1 -> light."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def values(light):
    """Light -> sRGB values in 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def gamma(exponent):
    return lambda light: light ** (1 / exponent)


def stored(picture=PICTURE, colourants=SRGB, curve=values):
    """The numbers in 0..1 that a file in another colour space has for a picture in sRGB."""
    return curve((light(picture / 255) @ SRGB @ np.linalg.inv(colourants)).clip(0, 1))


def bits(numbers, depth=8):
    return np.round(numbers * (2**depth - 1)).astype(np.uint16 if depth > 8 else np.uint8)


def fixed(*numbers):
    """Numbers as a profile has them."""
    return b"".join(struct.pack(">i", round(65536 * number)) for number in numbers)


PARAMETRIC = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # sRGB


def power(exponent):
    """A curve by its exponent, as profiles of version 2 have it."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * exponent))


def table(function, size=1024):
    """A curve as a table of its light."""
    return b"curv\0\0\0\0" + struct.pack(">I", size) + np.round(65535 * function(np.linspace(0, 1, size))).astype(">u2").tobytes()


def profile(tags, space=b"RGB ", version=4, kind=b"mntr", connection=b"XYZ ", name="mine"):
    """An ICC profile, made by hand."""
    text = name.encode("utf-16be")
    tags = {b"desc": b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text} | tags
    tags |= {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    entries, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, data in tags.items():
        entries += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s", start + len(body), version << 24, kind, space, connection) + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249).ljust(60, b"\0") + entries + body


def screen(colourants=SRGB, curve=PARAMETRIC, **options):
    """A profile of three primaries and a curve."""
    points = {tag: b"XYZ \0\0\0\0" + fixed(*xyz) for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colourants, strict=True)}
    return profile(points | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve), **options)


def ink(exponent=1.8, **options):
    """A profile of grey."""
    return profile({b"kTRC": power(exponent)}, space=b"GRAY", **options)


def png(numbers, *chunks, alpha=None):
    """A PNG file of (H, W) or (H, W, 3) numbers of 8 or 16 bits, with these chunks before its pixels."""
    deep, numbers = numbers.dtype == np.uint16, numbers.reshape(*numbers.shape[:2], -1)
    if alpha is not None:
        numbers = np.concatenate([numbers, np.full_like(numbers[..., :1], alpha)], axis=-1)
    height, width, channels = numbers.shape
    rows = b"".join(b"\0" + row.astype(">u2" if deep else "u1").tobytes() for row in numbers)
    header = struct.pack(">IIBBBBB", width, height, 16 if deep else 8, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    sums = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(sums)


def iccp(data):
    return b"iCCP", b"mine\0\0" + zlib.compress(data)


def pillow(image, format, **options):
    """The bytes of a file that Pillow or pillow-heif writes."""
    stream = io.BytesIO()
    if format == "HEIF":
        if options.get("icc_profile"):
            image.info["icc_profile"] = options.pop("icc_profile")
        pillow_heif.from_pillow(image).save(stream, quality=-1, chroma=444, **options)
    else:
        image.save(stream, format, **options)
    return stream.getvalue()


def opened(data):
    return images.ImageFile("the file", data).read()


def check(data, picture=PICTURE, atol=0.012, notes=()):
    """Check that a file opens as the picture, and that its notes begin with these words after its name."""
    found = opened(data)
    assert_allclose(found.image, picture / 255, atol=atol)
    assert len(found.notes) == len(notes) and all(
        text.startswith(f"'the file'{note}") for text, note in zip(found.notes, notes, strict=True)
    ), found.notes


# --- profiles ---------------------------------------------------------------------------------------------------

SPACES = {
    "linear": (SRGB, gamma(1), screen(curve=power(1), name="GIMP built-in Linear sRGB")),
    "P3": (P3, values, screen(P3)),
    "P3, version 2": (P3, values, screen(P3, table(light), version=2)),
    "Adobe RGB": (ADOBE, gamma(563 / 256), screen(ADOBE, power(563 / 256), version=2, name="better than sRGB")),
    "ProPhoto-like": (REC2020, gamma(1.8), screen(REC2020, power(1.8))),
}
CONTAINERS = {
    "PNG": lambda numbers, icc: png(bits(numbers), iccp(icc)),
    "PNG, alpha": lambda numbers, icc: png(bits(numbers), iccp(icc), alpha=255),
    "PNG, 16 bits": lambda numbers, icc: png(bits(numbers, 16), iccp(icc)),
    "PNG, 16 bits, alpha": lambda numbers, icc: png(bits(numbers, 16), iccp(icc), alpha=65535),
    "JPEG": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "JPEG", quality=100, subsampling=0, icc_profile=icc),
    "WebP": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "WEBP", lossless=True, icc_profile=icc),
    "TIFF": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "TIFF", icc_profile=icc),
    "AVIF": lambda numbers, icc: pillow(
        Image.fromarray(bits(numbers)), "AVIF", quality=100, subsampling="4:4:4", icc_profile=icc
    ),
    "HEIC": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "HEIF", icc_profile=icc),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("space", SPACES)
def test_a_profile_is_read_by_what_it_says(container, space):
    colourants, curve, icc = SPACES[space]
    lossy = container in ("JPEG", "AVIF", "HEIC")
    check(CONTAINERS[container](stored(PICTURE, colourants, curve), icc), atol=0.03 if lossy else 0.009)


def palette(icc, **options):
    """A palette PNG of 64 colours in linear light, and the picture that it shows."""
    colours = PICTURE[::6, ::8].reshape(-1, 3)
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = Image.fromarray(indices, "P")
    image.putpalette(bits(stored(colours, curve=gamma(1))).tobytes())
    return pillow(image, "PNG", icc_profile=icc, **options), colours[indices]


def test_the_profile_of_a_palette_is_applied_to_its_colours():
    data, picture = palette(screen(curve=power(1)))
    check(data, picture)
    data, picture = palette(screen(curve=power(1)), transparency=5)
    picture[0, 5] = 255
    check(data, picture)


def test_half_transparent_colours_are_converted_before_white_shows_through():
    numbers = bits(stored(curve=gamma(1)))
    half = np.round(PICTURE * (128 / 255) + 127)
    check(png(numbers, iccp(screen(curve=power(1))), alpha=128), half)
    check(png(bits(stored(curve=gamma(1)), 16), iccp(screen(curve=power(1))), alpha=32896), half)


GREYS = {
    "8 bits": lambda numbers, icc: png(bits(numbers), iccp(icc)),
    "16 bits": lambda numbers, icc: png(bits(numbers, 16), iccp(icc)),
    "alpha": lambda numbers, icc: png(bits(numbers), iccp(icc), alpha=255),
    "16 bits, alpha": lambda numbers, icc: png(bits(numbers, 16), iccp(icc), alpha=65535),
    "JPEG": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "JPEG", quality=100, icc_profile=icc),
    "TIFF": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)), "TIFF", icc_profile=icc),
    "16-bit TIFF": lambda numbers, icc: pillow(Image.fromarray(bits(numbers, 16)), "TIFF", icc_profile=icc),
    "float TIFF": lambda numbers, icc: pillow(Image.fromarray(numbers.astype(np.float32)), "TIFF", icc_profile=icc),
    "three equal channels": lambda numbers, icc: png(bits(np.repeat(numbers[..., None], 3, axis=-1)), iccp(icc)),
    "palette": lambda numbers, icc: pillow(Image.fromarray(bits(numbers)).convert("P"), "PNG", icc_profile=icc),
}


@pytest.mark.parametrize("kind", GREYS)
@pytest.mark.parametrize("icc", [ink(), ink(version=2), screen(curve=power(1.8))], ids=["grey", "version 2", "of three colours"])
def test_grey_is_read_by_its_profile(kind, icc):
    numbers = light(GREY[..., 0] / 255) ** (1 / 1.8)
    check(GREYS[kind](numbers, icc), GREY, atol=0.009)


def test_dark_16_bit_colours_in_linear_light_keep_their_shades():
    numbers = np.arange(1, 1025).reshape(32, 32, 1).repeat(3, axis=-1)  # in 8 bits, these are five colours
    found = opened(png(numbers.astype(np.uint16), iccp(screen(curve=power(1))))).image
    assert len(np.unique(found)) > 1000
    assert_allclose(found, values(numbers / 65535), atol=0.004)


def cmyk():
    """A profile of inks that are paler than Pillow takes them for, but for black: a table of two points for each."""
    corners = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(16, 4)
    rgb = (1 - corners[:, :3] / 2) * (1 - corners[:, 3:])
    whole = Image.fromarray(np.round(255 * rgb).astype(np.uint8)[None])
    lab = ImageCms.profileToProfile(whole, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    points, ramp = np.asarray(lab) ^ np.array([0, 128, 128], np.uint8), bytes(range(256))  # a profile counts a and b from 128
    body = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    tables = {b"A2B0": body + ramp * 4 + points.tobytes() + ramp * 3}
    return profile(tables, space=b"CMYK", version=2, kind=b"prtr", connection=b"Lab "), corners, rgb


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_are_read_by_their_profile(format):
    icc, corners, rgb = cmyk()
    image = Image.fromarray(np.round(255 * corners).astype(np.uint8).reshape(4, 4, 4).repeat(16, 0).repeat(16, 1), "CMYK")
    picture = 255 * rgb.reshape(4, 4, 3).repeat(16, 0).repeat(16, 1)
    check(pillow(image, format, icc_profile=icc, **{"quality": 100} if format == "JPEG" else {}), picture, atol=0.04)
    plain = pillow(image, format, **{"quality": 100} if format == "JPEG" else {})
    check(plain, 255 * ((1 - corners[:, :3]) * (1 - corners[:, 3:])).reshape(4, 4, 3).repeat(16, 0).repeat(16, 1), atol=0.04)


def test_lab_is_read_as_lab():
    rgb = Image.fromarray(PICTURE)
    lab = ImageCms.profileToProfile(rgb, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    check(pillow(lab, "TIFF"), atol=0.06)  # 8 bits of a and b are coarse


@pytest.mark.parametrize(
    "icc",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        screen(),
        screen(curve=table(light), version=2, name="x"),
    ],
    ids=["littleCMS", "parametric", "table"],
)
def test_srgb_keeps_its_numbers_whatever_it_is_called(icc, rng):
    numbers = rng.integers(0, 256, (30, 40, 3), np.uint8)
    assert_array_equal(opened(png(numbers, iccp(icc))).image, numbers.astype(np.float32) / 255)


@pytest.mark.parametrize(
    "name", ["astronaut", "china", "hubble"]
)  # with the profile of Hewlett-Packard, as most photographs have it
def test_built_in_photographs_keep_their_numbers(name):
    path = images.find_image(name)
    with Image.open(path) as file:
        assert len(file.info["icc_profile"]) > 3000
        assert_array_equal(images.open_image(path), np.asarray(file).astype(np.float32) / 255)


BAD = {
    "no profile at all": (b"no profile at all" * 20, "broken"),
    "cut off": (screen(curve=power(1))[:300], "broken"),
    "only a header": (screen()[:128], "broken"),
    "empty": (b"", "broken"),
    "of inks": (cmyk()[0], "for CMYK"),
    "of grey": (ink(), "for GRAY"),
    "of Lab": (profile({}, space=b"Lab ", kind=b"abst", connection=b"Lab "), "for Lab"),
    "of another class": (profile({}, kind=b"link"), "broken"),
    "of a flat curve": (screen(0 * SRGB, power(1)), "broken"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_profile_that_cannot_be_used_is_noted_and_the_colours_are_srgb(bad, format):
    icc, word = BAD[bad]
    if format == "PNG":
        data = png(PICTURE, iccp(icc))
    elif icc:
        data = pillow(Image.fromarray(PICTURE), "JPEG", quality=100, subsampling=0, icc_profile=icc)
    else:
        return
    check(data, atol=0.03, notes=[f": its colour profile is {word}"])


def test_a_profile_that_cannot_be_unpacked_is_noted():
    check(png(PICTURE, (b"iCCP", b"mine\0\0" + b"garbage")), notes=[": its colour profile is broken"])


def test_a_pillow_without_littlecms_is_noted(monkeypatch):
    def fail(*_):
        raise ImportError("The _imagingcms C module is not installed")

    monkeypatch.setattr(ImageCms, "ImageCmsProfile", fail)
    check(png(PICTURE, iccp(screen(P3))), notes=[": this Pillow lacks littleCMS, so its colours are read as sRGB"])


def test_a_profile_of_megabytes_is_read():
    big = screen(curve=power(1)) + np.random.default_rng(0).bytes(3 * 2**20)
    check(png(bits(stored(curve=gamma(1))), iccp(struct.pack(">I", len(big)) + big[4:])))


# --- without a profile ------------------------------------------------------------------------------------------

SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3_XY = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def gama(value):
    return b"gAMA", struct.pack(">I", round(100_000 * value))


def chrm(xy):
    return b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in xy))


def cicp(primaries, transfer):
    return b"cICP", bytes([primaries, transfer, 0, 1])


LINEAR, WIDE = bits(stored(curve=gamma(1))), bits(stored(PICTURE, P3))


@pytest.mark.parametrize(
    ("numbers", "chunks"),
    [
        (LINEAR, [gama(1)]),
        (LINEAR, [gama(1), chrm(SRGB_XY)]),
        (bits(stored(curve=gamma(1.8))), [gama(1 / 1.8)]),
        (WIDE, [gama(1 / 2.2), chrm(P3_XY)]),
        (WIDE, [chrm(P3_XY)]),
        (bits(stored(PICTURE, P3, gamma(1)), 16), [gama(1), chrm(P3_XY)]),
        (PICTURE, [gama(1 / 2.2)]),
        (PICTURE, [gama(1 / 2.2), chrm(SRGB_XY)]),
        (LINEAR, [cicp(1, 8)]),
        (WIDE, [cicp(12, 13)]),
        (bits(stored(PICTURE, REC2020, gamma(2.2))), [cicp(9, 4)]),
        (PICTURE, [cicp(1, 13)]),
        (PICTURE, [cicp(2, 2)]),
        (bits(stored(curve=gamma(1))[..., 0:1].repeat(3, -1)), [gama(1)]),
    ],
)
def test_a_png_without_a_profile_says_its_colours_in_chunks(numbers, chunks):
    picture = PICTURE if (numbers[..., 0] != numbers[..., 2]).any() else GREY
    check(png(numbers, *chunks), picture, atol=0.009)


@pytest.mark.parametrize("value", [0.001, 40000])
def test_a_gama_by_which_all_would_be_black_or_white_is_left_out_with_a_note(value):
    opened = images.ImageFile("a.png", png(PICTURE, gama(value))).read()
    assert_array_equal(opened.image, PICTURE.astype(np.float32) / 255)
    assert "read as sRGB" in opened.notes[0]


def test_a_profile_within_a_bmp_counts():
    pixels, profile = LINEAR[::-1, :, ::-1], screen(curve=power(1))
    rows = b"".join(row.tobytes().ljust(-(-3 * len(row) // 4) * 4, b"\0") for row in pixels)
    head = struct.pack("<IiiHHIIiiII", 124, pixels.shape[1], len(pixels), 1, 24, 0, len(rows), 0, 0, 0, 0).ljust(56, b"\0")
    head = (head + b"DEBM").ljust(108, b"\0") + struct.pack("<IIII", 4, 124 + len(rows), len(profile), 0)
    file = struct.pack("<2sIII", b"BM", 138 + len(rows) + len(profile), 0, 138)
    check(file + head + rows + profile, PICTURE, atol=0.009)


def test_gama_does_not_count_for_transparency():
    check(png(LINEAR, gama(1), alpha=128), np.round(PICTURE * (128 / 255) + 127))


@pytest.mark.parametrize("alpha", [None, 255])
@pytest.mark.parametrize("depth", [8, 16])
def test_gama_counts_for_grey(depth, alpha):
    numbers = bits(stored(GREY, curve=gamma(1))[..., 0], depth)
    check(png(numbers, gama(1), alpha=alpha and alpha * (257 if depth == 16 else 1)), GREY, atol=0.009)


def test_of_several_statements_a_png_file_means_the_first_in_the_order_of_its_standard():
    icc, srgb = iccp(screen(curve=power(1))), (b"sRGB", b"\0")
    check(png(WIDE, cicp(12, 13), icc, srgb, gama(0.2)))
    check(png(LINEAR, icc, srgb, gama(0.2), chrm(P3_XY)))
    check(png(PICTURE, srgb, gama(1), chrm(P3_XY)))


@pytest.mark.parametrize("chunk", [gama(0), chrm([0] * 8), chrm([0.3] * 8)])
def test_senseless_chunks_are_noted(chunk):
    check(png(PICTURE, chunk), notes=[": its colour profile is broken"])


def nclx(data, primaries, transfer):
    """A file of which the nclx box says these colours."""
    start = data.index(b"colrnclx") + 8
    return data[:start] + struct.pack(">HH", primaries, transfer) + data[start + 4 :]


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_heic_and_avif_say_their_colours_by_number(format):
    def file(numbers):
        options = {"quality": 100, "subsampling": "4:4:4"} if format == "AVIF" else {}
        return pillow(Image.fromarray(bits(numbers)), format, **options)

    check(file(PICTURE / 255), atol=0.03)
    check(nclx(file(stored(PICTURE, P3)), 12, 13), atol=0.03)
    check(nclx(file(stored(PICTURE, REC2020, gamma(2.2))), 9, 4), atol=0.03)
    check(nclx(file(stored(curve=gamma(1))), 1, 8), atol=0.05)
    check(nclx(file(PICTURE / 255), 2, 2), atol=0.03)
    check(nclx(file(PICTURE / 255), 1, 1), atol=0.03)


def pq(light):
    """SMPTE ST 2084, of light in cd/m2."""
    power = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(light):
    """ARIB STD-B67, of the light of a scene in 0..1."""
    dark = np.sqrt(3 * light)
    return np.where(light <= 1 / 12, dark, 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073)


@pytest.mark.parametrize(
    ("transfer", "curve"), [(16, lambda light: pq(203 * light)), (18, lambda light: hlg((0.203 * light) ** (1 / 1.2)))]
)
def test_an_hdr_image_shows_paper_white_as_white_and_is_noted(transfer, curve):
    numbers = bits(stored(PICTURE, REC2020, curve), 16)
    check(png(numbers, cicp(9, transfer)), atol=0.02, notes=[": it is an HDR image"])
    brighter = np.full((4, 4, 3), 60000, np.uint16)
    check(png(brighter, cicp(9, transfer)), np.full((4, 4, 3), 255), notes=[": it is an HDR image"])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tag", ["ColorSpace", "R03"])
def test_a_camera_says_adobe_rgb_in_exif(format, tag):
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2} if tag == "ColorSpace" else {0xA001: 65535, 0xA005: {1: "R03"}}
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    image = Image.fromarray(bits(stored(PICTURE, ADOBE, gamma(563 / 256))))
    check(pillow(image, format, exif=exif, **options), atol=0.03)


def test_a_profile_counts_more_than_exif():
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2}
    image = Image.fromarray(WIDE)
    check(pillow(image, "JPEG", quality=100, subsampling=0, exif=exif, icc_profile=screen(P3)), atol=0.03)
