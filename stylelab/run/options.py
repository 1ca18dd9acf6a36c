"""What a transfer may be told beside two images, as types: one list for both frameworks and for `stylelab.transfer`.

For type checkers and editors: nothing here is run, and nothing heavy is imported. `stylelab.torch.transfer` says what
each option means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypedDict

if TYPE_CHECKING:
    from stylelab.encoders import EncoderName
    from stylelab.errors import NotFiniteError
    from stylelab.recipes import Recipe
    from stylelab.result import Step

Watch: TypeAlias = "Callable[[Step], object]"
WatchBatch: TypeAlias = "Callable[[list[Step | NotFiniteError]], object]"


class LayerOptions(TypedDict, total=False):
    """Of one image or of a batch: what is compared, how much it weighs, and at how many sizes."""

    content_layers: Sequence[str] | None
    style_layers: Sequence[str] | None
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    scales: int


class PairOptions(LayerOptions, total=False):
    """All that is the same for the pairs of a batch."""

    recipe: str | Recipe
    encoder: EncoderName
    size: int | None
    steps: int | None
    seed: int


class TransferOptions(LayerOptions, total=False):
    """What `stylelab.transfer` hands on to the framework."""

    precision: str
    tile: int | None
    watch: Watch | None
    snapshots: Sequence[int] | None


class BatchOptions(PairOptions, total=False):
    """What `stylelab.transfer_batch` hands on to the framework."""

    device: str | None
    precision: str
    tile: int | None
    watch: WatchBatch | None
    snapshots: Sequence[int] | None
