"""Which encoder a name or a path means, and its weights. Nothing is downloaded.

No framework is imported here, except to convert a `.pth` file, in a process of its own.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from stylelab.base.course import ASSETS
from stylelab.base.files import expand_home
from stylelab.encoders import convert, weights
from stylelab.encoders.file import check_file
from stylelab.encoders.spec import DOWNLOADS, NAMES, Encoder, EncoderName, Weights, cache_dir, trunk
from stylelab.errors import InputError, unknown


def find_encoder(name: EncoderName = "auto") -> Encoder:
    """What is known of an encoder, by name or by path. Nothing is downloaded.

    Args:
        name: 'auto' (`vgg19` when it is in the cache, else `mini`), 'mini', 'vgg19', 'vgg19-torchvision',
            'random', 'random-7' (another seed), or a path to a weights file.

    Raises:
        InputError: unknown name, no such file, or a file that is no encoder; one line that says what to do.
    """
    if isinstance(name, Encoder):
        return name
    text = str(name)
    if text == "auto":
        text = "vgg19" if (cache_dir() / "vgg19.safetensors").is_file() else "mini"
    if text == "mini":
        return read_encoder(ASSETS / "encoder-mini.safetensors", "mini")
    if found := re.fullmatch(r"random(?:-(\d+))?", text):
        return Encoder(text, None, padding="replicate", seed=int(found[1] or 0), source="seeded random weights")
    if text in DOWNLOADS:
        return _cached(text)
    if _looks_like_a_path(text):
        return open_file(expand_home(text))
    raise unknown("encoder", text, NAMES)


def _cached(name: str) -> Encoder:
    path = cache_dir() / f"{name}.safetensors"
    if not path.is_file():
        raise InputError(f"encoder '{name}' is not on this machine: run `stylelab encoders download {name}` once")
    return read_encoder(path, name)


def _looks_like_a_path(text: str) -> bool:
    return os.sep in text or "." in text or Path(text).exists()


def open_file(path: str | Path) -> Encoder:
    """The encoder in a weights file of any accepted format; other formats than safetensors are converted once.

    Args:
        path: .safetensors, torchvision's .pth or .pt, Keras's .h5, or MatConvNet's .mat. The content decides.

    Raises:
        InputError: no such file, or nothing in it that VGG-19 could use.
        MachineError: the cache folder cannot be written, or a .pth is given and PyTorch is missing.
    """
    path = expand_home(path).absolute()
    check_file(path)
    if convert.kind_of(path) == "safetensors":
        return weights.describe(path)
    return weights.describe(convert.convert(path), path.stem)


def read_encoder(path: Path, name: str | None = None) -> Encoder:
    """The encoder that a safetensors file of ours describes; its tensors are not read yet.

    Raises:
        InputError: the file is missing, truncated, or has no first convolution.
    """
    return weights.describe(path, name)


def read_weights(encoder: Encoder, layers: Iterable[str], *, normalised: bool = False) -> Weights:
    """Kernels and biases of the trunk up to the deepest of `layers`, first kernel in RGB order.

    Args:
        encoder: from `find_encoder`.
        layers: the paper's names.
        normalised: scale the filters to a mean activation of 1, unless they are already.

    Returns:
        `{layer: (kernel (O, I, 3, 3), bias (O,))}`, float32.

    Raises:
        InputError: the file is corrupt or lacks a tensor.
    """
    return weights.read(encoder, trunk(layers), normalised=normalised)
