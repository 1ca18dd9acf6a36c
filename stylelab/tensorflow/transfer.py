"""Style transfer in TensorFlow: a loss made of two pictures, and a loop that lowers it."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from tensorflow import Tensor

from stylelab import job as jobs
from stylelab.errors import InputError, NotFiniteError, unknown
from stylelab.recipes import OPTIMISERS, Optimiser, Recipe, Weights
from stylelab.result import Result, Step
from stylelab.tensorflow.features import Encoder, find_device, load_encoder
from stylelab.tensorflow.losses import content_loss, gram_matrix, style_layer_loss, total_variation

Loss = Callable[[Tensor], "Tensor | dict[str, Tensor]"]
MEMORY = 20  # past steps that L-BFGS remembers; each costs two pictures of memory


def to_tensor(picture: np.ndarray, device: str | None = None) -> Tensor:
    """A picture as an encoder takes it.

    Args:
        picture: `(H, W, 3)` array in 0..1; it is copied.
        device: where to put the tensor; by default the fastest there is, as for `load_encoder`.

    Returns:
        `(1, H, W, 3)` float32.

    Raises:
        InputError: another shape, or not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the seeds do it with their framework's image loaders.
    """
    array = np.array(picture, dtype=np.float32)
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(f"picture must be (H, W, 3); got {array.shape}")
    with tf.device(find_device(device)):
        return tf.constant(array[None])


def to_picture(tensor: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`, clipped.

    Args:
        tensor: `(1, H, W, 3)`, on any device.

    Returns:
        `(H, W, 3)` float32 array in 0..1.

    Raises:
        InputError: another shape.

    Source: ours; as `deprocess_img` of seeds/000, without the way through 8 bits.
    """
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.shape[3] != 3:
        raise InputError(f"tensor must be (1, H, W, 3); got {tuple(tensor.shape)}")
    return np.clip(np.array(tensor[0], dtype=np.float32), 0, 1)


def transfer_loss(encoder: Encoder, content: Tensor, style: Tensor, recipe: Recipe, weights: Weights | None = None) -> Loss:
    """The total loss of a recipe, in its parts. Targets are computed here, once.

    Args:
        encoder: must give the recipe's layers.
        content: `(1, H, W, 3)` in 0..1.
        style: `(1, H', W', 3)` in 0..1, of any size.
        recipe: layers and normalisations.
        weights: of the parts; by default the author's.

    Returns:
        A function: picture `(1, H, W, 3)` -> `{"content", "style", "tv"}`, weighted scalars.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or an unknown normalisation.

    Source: Gatys et al. 2016, equations 1 to 7.
    """
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    height, width = content.shape[1:3]
    content_targets, style_activations = encoder(content), encoder(style)
    places = {layer: int(tf.size(content_targets[layer][0, :, :, 0])) for layer in recipe.style}
    grams = {layer: _target_gram(style_activations[layer], recipe, places[layer]) for layer in recipe.style}
    content_targets = {layer: content_targets[layer] for layer in recipe.content}

    def loss(picture: Tensor) -> dict[str, Tensor]:
        activations = encoder(picture)
        content_part = sum(
            share * content_loss(activations[layer], content_targets[layer], recipe.content_loss)
            for layer, share in recipe.content.items()
        )
        style_part = sum(
            share * style_layer_loss(
                activations[layer], grams[layer], recipe.style_loss, gram=recipe.gram, picture_size=(height, width)
            )
            for layer, share in recipe.style.items()
        )
        parts = {"content": weights.content * content_part, "style": weights.style * style_part}
        if weights.tv:
            parts["tv"] = weights.tv * total_variation(picture, recipe.tv)
        return parts

    return loss


def _target_gram(activation: Tensor, recipe: Recipe, places: int) -> Tensor:
    """The style picture's Gram matrix, as if it had as many places as the picture being painted."""
    if recipe.style_loss == "mean":
        return gram_matrix(activation, recipe.gram)
    return gram_matrix(activation, "per_location") * places


def optimise(picture: Tensor, loss: Loss, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing a picture, one step at a time. The reader of the iterator may stop whenever it likes.

    Args:
        picture: `(1, H, W, 3)` in 0..1, where to start; it is not changed.
        loss: picture -> a scalar, or a dict of named scalars whose sum is lowered.
        optimiser: 'lbfgs', 'adam', 'sgd', or an `Optimiser` with its settings.
        steps: how many.

    Yields:
        Step(index from 1, the loss that the step started from, its parts, the picture after the step).

    Raises:
        InputError: an unknown optimiser.
        NotFiniteError: the loss is NaN or infinite; it carries the last good picture.

    Source: Gatys et al. 2016 for L-BFGS; Liu and Nocedal 1989; Kingma and Ba 2015 for Adam.
    """
    settings = optimiser if isinstance(optimiser, Optimiser) else Optimiser(optimiser, *_LEARNING_RATES.get(optimiser, ()))
    if settings.name not in OPTIMISERS:
        raise unknown("optimiser", settings.name, OPTIMISERS)
    run = _lbfgs_steps if settings.name == "lbfgs" else _gradient_steps
    return run(tf.identity(picture), loss, settings, steps)


_LEARNING_RATES = {"adam": (0.02,), "sgd": (0.1,)}


def _gradient_steps(picture: Tensor, loss: Loss, settings: Optimiser, steps: int) -> Iterator[Step]:
    with tf.device(picture.device):
        variable = tf.Variable(picture)
    method = _method(settings)
    method.build([variable])

    @tf.function(autograph=False)
    def step() -> dict[str, Tensor]:
        parts, gradient = _value_and_gradient(loss, variable)
        method.apply([gradient], [variable])
        if settings.clip:
            variable.assign(tf.clip_by_value(variable, 0.0, 1.0))
        return parts

    good = before = picture
    for index in range(1, steps + 1):
        parts = {name: float(part) for name, part in step().items()}
        _check_finite(index, parts, good)
        good, before = before, tf.identity(variable)
        yield _step(index, parts, before)


def _method(settings: Optimiser) -> tf.keras.optimizers.Optimizer:
    rate = tf.keras.optimizers.schedules.ExponentialDecay(settings.learning_rate, 100, settings.decay)
    if settings.name == "adam":
        # the frameworks put epsilon in two different places: so small that neither is felt, the steps are the same
        return tf.keras.optimizers.Adam(rate, beta_1=settings.beta1, epsilon=1e-12)
    return tf.keras.optimizers.SGD(rate)


def _lbfgs_steps(picture: Tensor, loss: Loss, settings: Optimiser, steps: int) -> Iterator[Step]:
    """SciPy's L-BFGS-B calls back; a thread turns that into an iterator, one step for each one asked for."""
    run = _Minimisation(picture, loss, steps)
    thread = threading.Thread(target=run.work, daemon=True)
    thread.start()
    before = picture
    try:
        for index in range(1, steps + 1):
            after, parts = run.next_step()
            if parts is not None:
                _check_finite(index, parts, before)
            if after is None:  # converged as far as float32 can tell
                return
            before = after
            yield _step(index, parts, after)
    finally:
        run.stop()
        thread.join()


class _Minimisation:
    """One L-BFGS-B run in a thread of its own, which waits after each step until the reader wants the next."""

    def __init__(self, picture: Tensor, loss: Loss, steps: int):
        self.picture, self.steps = picture, steps
        self.evaluate = tf.function(lambda variable: _value_and_gradient(loss, variable), autograph=False)
        self.handed, self.wanted = queue.Queue(), threading.Semaphore(0)
        self.stopped = False
        self.parts = self.before = None  # of the last evaluation, and of the picture that the next step starts from

    def next_step(self) -> tuple[Tensor | None, dict[str, float] | None]:
        """The picture after the step and the parts before it; no picture when there is no further step."""
        self.wanted.release()
        item = self.handed.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def stop(self) -> None:
        self.stopped = True
        self.wanted.release()

    def work(self) -> None:
        self.wanted.acquire()
        flat = np.array(self.picture, dtype=np.float64).ravel()
        options = dict(maxiter=self.steps, maxfun=20 * self.steps, maxcor=MEMORY, ftol=0.0, gtol=0.0)
        try:
            minimize(self._value, flat, jac=True, method="L-BFGS-B", callback=self._report, options=options)
            self.handed.put((None, None))
        except FloatingPointError:
            self.handed.put((None, self.parts))
        except BaseException as error:  # handed over, raised again where the reader is
            self.handed.put(error)

    def _value(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        if self.stopped:
            raise StopIteration
        parts, gradient = self.evaluate(self._tensor(flat))
        self.parts = {name: float(part) for name, part in parts.items()}
        self.before = self.before or self.parts
        total = sum(self.parts.values())
        if not np.isfinite(total):
            raise FloatingPointError
        return total, np.array(gradient, dtype=np.float64).ravel()

    def _report(self, intermediate_result) -> None:
        self.handed.put((self._tensor(intermediate_result.x), self.before))
        self.before = self.parts
        self.wanted.acquire()
        if self.stopped:
            raise StopIteration

    def _tensor(self, flat: np.ndarray) -> Tensor:
        with tf.device(self.picture.device):
            return tf.constant(flat.reshape(self.picture.shape), tf.float32)


def _value_and_gradient(loss: Loss, picture: "Tensor | tf.Variable") -> tuple[dict[str, Tensor], Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(picture)
        parts = _named(loss(picture))
        total = tf.add_n(list(parts.values()))
    return parts, tape.gradient(total, picture)


def _check_finite(index: int, parts: dict[str, float], good: Tensor) -> None:
    total = sum(parts.values())
    if not np.isfinite(total):
        raise NotFiniteError(index, total, to_picture(good))


def _step(index: int, parts: dict[str, float], after: Tensor) -> Step:
    return Step(index, sum(parts.values()), parts, lambda: to_picture(after))


def _named(loss: "Tensor | dict[str, Tensor]") -> dict[str, Tensor]:
    return loss if isinstance(loss, dict) else {"loss": loss}


def transfer(
    content,
    style,
    *,
    recipe: "str | Recipe" = "gatys",
    encoder="auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    content_layers: Sequence[str] | None = None,
    style_layers: Sequence[str] | None = None,
    watch: jobs.Watch | None = None,
    snapshots: Sequence[int] | None = None,
) -> Result:
    """Paint one picture's content in another's style.

    Args:
        content, style: path, built-in name, PIL image, or float array `(H, W, 3)` in 0..1.
        recipe: a name of `stylelab.recipes.RECIPES`, or a Recipe.
        encoder: 'auto' (`vgg19` when it is in the cache, else `mini`), another name, or a path.
        size: long side in pixels; by default the recipe's.
        steps: by default the recipe's.
        seed: of the noise that some recipes start from.
        device: 'cpu', 'gpu', 'cuda', 'mps'; by default the fastest there is.
        content_layers, style_layers: instead of the recipe's, for an encoder that stops early, say.
        watch: called with every Step.
        snapshots: the steps whose pictures are kept.

    Returns:
        Result: picture, history, snapshots, seconds, device. On Ctrl-C the best picture so far, at a loss that is
        not finite the last good one; `stopped` says so.

    Raises:
        InputError: something about the pictures, names or numbers given.
        MachineError: a GPU asked for by name that is not there.

    Source: Gatys, Ecker and Bethge 2016.
    """
    job = jobs.prepare(
        content, style, recipe=recipe, encoder=encoder, size=size, steps=steps, seed=seed,
        content_layers=content_layers, style_layers=style_layers,
    )  # fmt: skip
    recipe = job.recipe
    network = load_encoder(
        job.encoder, recipe.layers, pooling=recipe.pooling, normalised=job.normalised, device=device
    )
    where = network.device
    loss = transfer_loss(network, to_tensor(job.content, where), to_tensor(job.style, where), recipe, job.weights)
    run = optimise(to_tensor(job.start, where), loss, optimiser=recipe.optimiser, steps=recipe.steps)
    return jobs.collect(run, job, device=where, watch=watch, snapshots=snapshots)
