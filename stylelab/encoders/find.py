"""Find the encoder that a name or a path means. Nothing is downloaded.

No framework is imported here; a `.pth` file is converted in a process of its own.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from stylelab.base.course import ASSETS
from stylelab.base.files import expand_home, file_kind
from stylelab.base.values import instance
from stylelab.encoders.convert import convert, kind_of
from stylelab.encoders.file import check_file
from stylelab.encoders.spec import DOWNLOADS, NAMES, Encoder, EncoderName, cache_dir
from stylelab.encoders.weights import read_encoder
from stylelab.errors import InputError, unknown


def find_encoder(name: EncoderName = "auto") -> Encoder:
    """Find an encoder by name or by path. Nothing is downloaded.

    >>> encoders.find_encoder("random-7").seed
    7
    >>> encoders.find_encoder("vgg91")
    Traceback (most recent call last):
    stylelab.errors.InputError: unknown encoder 'vgg91': did you mean 'vgg19'?

    Args:
        name: 'auto' (`vgg19` if it has been downloaded, else `mini`), 'mini', 'vgg19', 'vgg19-torchvision', 'random',
            'random-7' (another seed), or the path of a weights file. An `Encoder` is returned as it is.

    Raises:
        InputError: an unknown name, no such file, or a file that is not an encoder.
    """
    if isinstance(name, Encoder):
        return name
    text = str(instance("encoder", name, str, os.PathLike, words="a name, a path or an Encoder"))
    if text == "auto":
        text = "vgg19" if downloaded("vgg19") else "mini"
    if text == "mini":
        return read_encoder(ASSETS / "encoder-mini.safetensors", "mini")
    if match := re.fullmatch(r"random(?:-(\d{1,18}))?", text):
        return Encoder(text, None, padding="replicate", seed=int(match[1] or 0), source="seeded random weights")
    if text in DOWNLOADS:
        path = downloaded(text)
        if path is None:
            raise InputError(f"encoder '{text}' is not on this machine: run `stylelab encoders download {text}` once")
        return read_encoder(path, text)
    if os.sep in text or "." in text or file_kind(text):
        return open_file(text)
    raise unknown("encoder", text, NAMES)


def downloaded(name: str) -> Path | None:
    """The file of a downloaded encoder; None if it is not in the cache, or if there is no cache that can be read.

    >>> print(encoders.downloaded("vgg19"))
    None
    """
    path = cache_dir() / f"{name}.safetensors"
    with suppress(OSError):
        return path if path.is_file() else None
    return None


def open_file(path: str | Path) -> Encoder:
    """The encoder in a weights file of any accepted format. A file that is not safetensors is converted once.

    >>> encoders.open_file("absent.pth")
    Traceback (most recent call last):
    stylelab.errors.InputError: no weights file '...absent.pth': check the path

    Args:
        path: .safetensors, torchvision's .pth or .pt, Keras's .h5, or MatConvNet's .mat. The content decides.

    Raises:
        InputError: no such file, or nothing in it is of use to VGG-19.
        MachineError: the cache folder cannot be written, or PyTorch, which a .pth file needs, is missing.
    """
    path = expand_home(path).absolute()
    check_file(path)
    if kind_of(path) == "safetensors":
        return read_encoder(path)
    return read_encoder(convert(path), path.stem)
