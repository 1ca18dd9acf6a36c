"""stylelab: a course kit on neural style transfer, in PyTorch and in TensorFlow.

`import stylelab` imports neither framework; `import stylelab.torch as sl` or `import stylelab.tensorflow as sl` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylelab.errors import InputError, MachineError, NotFiniteError, StylelabError
from stylelab.run.backends import BACKENDS
from stylelab.run.backends import __version__ as __version__
from stylelab.run.backends import load_backend as load_backend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from stylelab.encoders import EncoderName
    from stylelab.images import Source
    from stylelab.recipes import Recipe
    from stylelab.result import Result
    from stylelab.run.options import BatchOptions, TransferOptions
    from stylelab.tools.studio.widget import Studio

__all__ = [
    "BACKENDS", "InputError", "MachineError", "NotFiniteError", "StylelabError", "studio", "transfer", "transfer_batch",
]  # fmt: skip


def transfer(
    content: Source,
    style: Source,
    *,
    recipe: str | Recipe = "gatys",
    backend: str = "torch",
    encoder: EncoderName = "auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    **options: Unpack[TransferOptions],
) -> Result:
    """Paint one image's content in another's style, in the framework named.

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


def transfer_batch(
    contents: Sequence[Source], styles: Sequence[Source], *, backend: str = "torch", **options: Unpack[BatchOptions]
) -> list[Result]:
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


def studio() -> Studio:
    """A page in the notebook on which images are chosen, painted step by step, compared and saved.

    Returns:
        `stylelab.tools.studio.widget.Studio`, a widget that a notebook shows.
    """
    from stylelab.tools.studio.widget import Studio

    return Studio()
