"""stylelab: a course kit on neural style transfer, in PyTorch and in TensorFlow.

`import stylelab` imports neither framework; `import stylelab.torch as sl` or `import stylelab.tensorflow as sl` does.
"""

import importlib

from stylelab.errors import InputError, MachineError, NotFiniteError, StylelabError, unknown

__version__ = "0.1.0"
__all__ = ["BACKENDS", "InputError", "MachineError", "NotFiniteError", "StylelabError", "transfer", "transfer_batch"]

BACKENDS = ("torch", "tensorflow")


def transfer(
    content,
    style,
    *,
    recipe="gatys",
    backend="torch",
    encoder="auto",
    size=None,
    steps=None,
    seed=0,
    device=None,
    **options,
):
    """Paint one picture's content in another's style, in the framework named.

    Args:
        backend: 'torch' or 'tensorflow'; a process holds one of them.
        content, style, recipe, encoder, size, steps, seed, device: see `stylelab.torch.transfer`.
        options: content_layers, style_layers, content_weight, style_weight, tv_weight, precision, scales, tile, watch, snapshots,
            likewise.

    Returns:
        `stylelab.result.Result`.

    Raises:
        InputError: the input is at fault; one line says how.
        MachineError: the framework is not installed, or a GPU asked for by name is not there.
    """
    half = load_backend(backend)
    return half.transfer(
        content, style, recipe=recipe, encoder=encoder, size=size, steps=steps, seed=seed, device=device, **options
    )


def transfer_batch(contents, styles, *, backend="torch", **options):
    """Paint several pairs in one run, in the framework named.

    Args:
        backend: 'torch' or 'tensorflow'; a process holds one of them.
        contents, styles, options: see `stylelab.torch.transfer_batch`.

    Returns:
        A `stylelab.result.Result` for each pair.

    Raises:
        InputError: the input is at fault; one line says how.
        MachineError: the framework is not installed, or a GPU asked for by name is not there.
    """
    return load_backend(backend).transfer_batch(contents, styles, **options)


def load_backend(name: str):
    """The module `stylelab.torch` or `stylelab.tensorflow`.

    Raises:
        InputError: another name.
        MachineError: the framework is not installed, or this process already holds the other one.
    """
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    try:
        return importlib.import_module(f"stylelab.{name}")
    except ImportError as error:
        raise MachineError(f"cannot use {name}: {error}") from error
