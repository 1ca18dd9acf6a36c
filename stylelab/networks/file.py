"""The safetensors file of a network that paints in one pass, and where the embedded ones are."""

import difflib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from stylelab.base.course import ASSETS
from stylelab.base.files import error_text, expand_home, file_kind, printable, write_file
from stylelab.base.values import instance
from stylelab.encoders.file import check_file, digest, serialise
from stylelab.errors import InputError, unknown
from stylelab.networks.spec import Network, Shape, Weights

NAMES = ("six", "any")
READER = ("white", "hidden", "codes")  # the layers that read a code from the statistics of a style image
FORMAT = "stylelab network 1"


def find_network(name: "str | os.PathLike[str] | Network") -> Network:
    """Find a network by name or by path.

    >>> from stylelab import networks
    >>> networks.find_network("six").styles[:2]
    ('brushstrokes', 'ceramic')

    Args:
        name: 'six' for the six built-in styles, 'any' for any style image, or the path of a file that `stylelab train` wrote.
            A `Network` is returned as it is.

    Raises:
        InputError: an unknown name, no such file, or a file of something else.
    """
    if isinstance(name, Network):
        return name
    text = os.fspath(instance("network", name, str, os.PathLike, words="a name, a path or a Network"))
    if text in NAMES:
        return replace(read_network(ASSETS / f"network-{text}.safetensors")[0], name=text)
    if os.sep in text or "." in text or file_kind(text):
        return read_network(text)[0]
    raise unknown("network", text, NAMES)


def load_weights(name: "str | os.PathLike[str] | Network") -> tuple[Network, Weights]:
    """A network by name or by path, and its weights: `find_network` and `read_network` in one."""
    network = find_network(name)
    if network.path is None:
        raise InputError("this network has no file yet: save it, and give its path")
    return network, read_network(network.path)[1]


def read_network(path: "str | os.PathLike[str]") -> tuple[Network, Weights]:
    """A network and its weights, float32.

    >>> from stylelab import networks
    >>> network, weights = networks.read_network(networks.find_network("six").path)
    >>> weights["first.weight"].shape, weights["codes"].shape == (6, network.shape.code)
    ((32, 16, 3, 3), True)

    Returns:
        The description, and `{convolution}.weight` `(filters, channels, side, side)` for each; `codes` `(styles, N)`, or the
        weights and biases of `white`, `hidden` and `codes`, which read a code from a style image.

    Raises:
        InputError: no such file, a damaged one, or one of something else.
    """
    path = expand_home(path).absolute()
    check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"'{printable(path)}' is not a complete network file ({error_text(error)}): train or copy it again"
        ) from None
    if about.get("format") != FORMAT:
        raise InputError(f"'{printable(path)}' is not a network that paints in one pass: `stylelab train` makes one")
    try:
        sizes = json.loads(about["shape"])
        fold, blocks, kernel = (int(sizes[name]) for name in ("fold", "blocks", "kernel"))
        waves = tuple(map(float, sizes.get("waves", ())))
        shape = Shape(fold, tuple(map(int, sizes["widths"])), blocks, kernel, waves)
        network = Network(about["name"], shape, tuple(json.loads(about["styles"])), path, about["source"])
        weights = {name: array.astype(np.float32) for name, array in stored.items()}
        if about["sha256"] != digest(stored):
            raise ValueError("its numbers have changed")
        _check(network, weights)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{printable(path)}' is damaged ({error_text(error)}): train or copy it again") from None
    return network, weights


def save_network(path: "str | os.PathLike[str]", network: Network, weights: Weights, dtype: Any = np.float16) -> Path:
    """Write a network's file, completely or not at all.

    >>> from stylelab import networks
    >>> network, weights = networks.read_network(networks.find_network("six").path)
    >>> print(networks.save_network("copy.safetensors", network, weights))
    copy.safetensors

    Args:
        path: where to write it, ending in .safetensors.
        network: its description.
        weights: as `read_network` returns them.
        dtype: float16 halves the file.

    Raises:
        InputError: another ending, weights that do not belong to such a network or are not finite, or the folder is missing.
        MachineError: the disk is full.
    """
    path = check_name(path)
    try:
        _check(network, weights)
    except ValueError as error:
        raise InputError(f"this network cannot be saved: {error}") from None
    with np.errstate(over="ignore"):
        stored = {name: np.ascontiguousarray(array, dtype) for name, array in weights.items()}
    for name, array in stored.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN, infinity or too large a number for {np.dtype(dtype)}: not saved")
    about = {
        "format": FORMAT,
        "name": network.name,
        "shape": json.dumps(asdict(network.shape)),
        "styles": json.dumps(network.styles),
        "source": network.source,
        "sha256": digest(stored),
    }
    write_file(path, lambda stream: stream.write(serialise(stored, about)))
    return path


def check_name(path: "str | os.PathLike[str]") -> Path:
    """The path, if it is one for a network's file."""
    path = expand_home(path)
    if path.suffix != ".safetensors":
        raise InputError(f"'{printable(path)}' must end in .safetensors, as the file of a network does")
    return path


def check_style(network: Network, style: Any) -> str:
    """The name of a style, if it is one that a network has learned.

    Raises:
        InputError: it is not; the nearest one is suggested.
    """
    style = os.fspath(instance("style", style, str, os.PathLike, words="a name; the network 'any' reads images"))
    if style not in network.styles:
        near = difflib.get_close_matches(style, network.styles, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(network.styles)}; the network 'any' reads any image"
        raise InputError(f"network '{printable(network.name)}' has not learned the style '{printable(style)}': {hint}")
    return style


def _check(network: Network, weights: Weights) -> None:
    """Raise ValueError unless the weights are those of such a network."""
    shape = network.shape
    wanted: dict[str, tuple[int | None, ...]] = {
        f"{name}.weight": (filters, channels, side, side) for name, (filters, channels, side) in shape.convolutions.items()
    }
    if network.styles:
        wanted["codes"] = (len(network.styles), shape.code)
    else:
        sizes = [weights[f"{name}.bias"].size if f"{name}.bias" in weights else 0 for name in READER]
        sizes[-1] = shape.code - 12
        for name, size, before in zip(READER, sizes, [None, *sizes], strict=False):
            wanted |= {f"{name}.weight": (size, before), f"{name}.bias": (size,)}
    if wanted.keys() != weights.keys():
        raise ValueError(f"its arrays are {', '.join(sorted(weights))[:200]}")
    for name, sides in wanted.items():
        given = weights[name].shape
        if len(given) != len(sides) or any(want not in (None, side) for want, side in zip(sides, given, strict=True)):
            raise ValueError(f"{name} is {given}")
