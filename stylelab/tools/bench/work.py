"""What every contender is given: the same images, the same filters, the same weights of the losses."""

from dataclasses import dataclass, replace

from stylelab import encoders
from stylelab.recipes import Recipe, find_recipe
from stylelab.run.prepare import Job, prepare


@dataclass(frozen=True)
class Work:
    """A job with its filters.

    Attributes:
        job: images, recipe and weights of the losses.
        filters: layer -> (kernel (O, I, 3, 3), bias (O,)), up to the deepest layer that is looked at.
        factor, offset: (3,) each: image * factor + offset is what the first convolution expects.
    """

    job: Job
    filters: encoders.Weights
    factor: object
    offset: object


def recipe_of(name: str) -> Recipe:
    """A recipe as its author has it: without what we add for the embedded encoder."""
    return replace(find_recipe(name), mini=None)


def make_ready(settings: dict) -> Work:
    """Read images and filters."""
    job = job_of(settings)
    filters = encoders.read_weights(job.encoder, job.recipe.layers, normalised=job.normalised)
    return Work(job, filters, *encoders.input_transform(job.encoder))


def job_of(settings: dict) -> Job:
    """The job that the settings describe."""
    return prepare(
        settings["content"], settings["style"], recipe=recipe_of(settings["recipe"]), encoder=settings["encoder"],
        size=settings["size"], steps=settings["total_steps"],
    )  # fmt: skip
