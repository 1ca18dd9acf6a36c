"""Style transfer in TensorFlow: prepare a run, load the encoder, lower the loss step by step, collect the result."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from stylelab.base.files import error_text
from stylelab.errors import MachineError
from stylelab.images import Source
from stylelab.result import Result
from stylelab.run.collect import collect
from stylelab.run.options import CallOptions, keywords
from stylelab.run.prepare import Run, prepare_run
from stylelab.run.resume import keep
from stylelab.tensorflow.engine.graph import placed
from stylelab.tensorflow.engine.plan import make_plan
from stylelab.tensorflow.features import load_encoder
from stylelab.tensorflow.loop import paint_stages
from stylelab.tensorflow.tensors import find_device, find_precision


@keywords(CallOptions)
def transfer(content: Source, style: "Source | Sequence[Source]", options: CallOptions) -> Result:
    """Paint one image's content in another's style.

    >>> sl.transfer("cat", "fluid", size=48, steps=2)
    Result(stylelab, 48 x 32, History(2 steps, total ... -> ...), ... s on ...)

    Args:
        content, style: path, built-in name, PIL image, or float array `(H, W, 3)` in 0..1. A list of several styles is blended.
        options: the fields of `stylelab.run.options.CallOptions`, as keywords.

    Returns:
        Result: image, history, snapshots, seconds, device. After Ctrl-C it has the best image so far, after a loss that is
        not finite the last good one, and `stopped` gives the reason.

    Raises:
        InputError: an image, a name or a number is wrong.
        MachineError: a GPU asked for by name that is not there.

    Source: Gatys, Ecker and Bethge 2016; from coarse to fine: Gatys et al. 2017.
    """
    watch = options.watch
    watch_batch = None if watch is None else lambda steps: watch(steps[0])
    run = keep(prepare_run([content], [style], options), options.resume, "tensorflow")
    return paint(run, watch=watch_batch, snapshots=options.snapshots)[0]


@keywords(CallOptions)
def transfer_batch(
    contents: Sequence[Source], styles: "Sequence[Source | Sequence[Source]]", options: CallOptions
) -> list[Result]:
    """Paint several pairs in one run, which a GPU does faster than one after the other. Each comes out as if alone.

    >>> results = sl.transfer_batch(["cat", "coffee"], ["fluid", "fluid"], size=48, steps=2)
    >>> [result.image.shape for result in results]
    [(32, 48, 3), (32, 48, 3)]

    Args:
        contents, styles: as many of the one as of the other, each as for `transfer`; the content images have one size
            when they are resized.
        options: as for `transfer`, the same for all pairs. `watch` is called with the list of all pairs' Steps; a
            NotFiniteError stands for a pair that has failed, None for one that has settled.

    Returns:
        A Result for each pair.

    Raises:
        InputError: as `transfer`, or the images do not fit into a batch.
        MachineError: a GPU asked for by name that is not there.

    Source: as `transfer`.
    """
    run = keep(prepare_run(contents, styles, options), options.resume, "tensorflow")
    return paint(run, watch=options.watch, snapshots=options.snapshots)


def paint(
    run: Run, *, watch: Callable[[list[Any]], object] | None = None, snapshots: Sequence[int] | None = None
) -> list[Result]:  # fmt: skip
    """Paint a run that `stylelab.run.prepare.prepare_run` has made ready.

    Args:
        run: pairs of images, recipe, encoder and sizes.
        watch: called with the list of all pairs' Steps; a NotFiniteError stands for a pair that has failed,
            None for one that has settled.
        snapshots: the steps whose images are kept; by default eight, closer together at the start.

    Returns:
        A Result for each pair.

    Raises:
        InputError: the image does not fit into memory.
        MachineError: a GPU asked for by name that is not there, or one that lacks an operation.

    Source: as `transfer`.
    """
    job, device = run.job, run.device(find_device)
    height, width = job.content.shape[:2]
    precision = find_precision(run.precision, device, height * width)
    encoder = load_encoder(
        job.encoder, job.recipe.layers, pooling=job.recipe.pooling, normalised=job.normalised, device=device,
        precision=precision,
    )  # fmt: skip
    plan = make_plan(run, encoder.widths, device, precision)
    steps = placed(device, paint_stages(run.stages, encoder, device, plan.side, run.progress))
    try:
        return collect(
            steps, run, backend="tensorflow", device=str(device), precision=precision, tile=plan.tile, notes=plan.notes,
            watch=watch, snapshots=snapshots,
        )  # fmt: skip
    except (tf.errors.NotFoundError, tf.errors.UnimplementedError) as error:
        raise MachineError(f"{device} cannot do all that a run needs ({error_text(error)}): choose the device 'cpu'") from None
