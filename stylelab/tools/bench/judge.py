"""One and the same loss for everybody's images: ours, in float32, of the recipe that is compared."""

import numpy as np

from stylelab import load_backend
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import job_of


def run(settings: dict, turns: Turns) -> None:
    """Answer each order `{"judge": [files of images]}` with their losses."""
    loss = loss_of(settings)
    order = turns.order
    while True:
        turns.answer({"losses": [loss(np.load(path)) for path in order["judge"]]})
        order = turns.wait()


def loss_of(settings: dict):
    """A function: image `(H, W, 3)` in 0..1 -> the total loss of the recipe, computed in float32."""
    half, job = load_backend(settings["backend"]), job_of(settings)
    device = half.find_device(settings["device"])
    encoder = half.load_encoder(
        job.encoder, job.recipe.layers, pooling=job.recipe.pooling, normalised=job.normalised, device=device
    )
    content, style = (half.to_tensor(image, device) for image in (job.content, job.style))
    loss = half.transfer_loss(encoder, content, style, job.recipe, job.weights)
    return lambda image: float(sum(float(part) for part in loss(half.to_tensor(image, device)).values()))
