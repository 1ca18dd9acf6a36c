"""The recipes and the encoders as Markdown, from the data that the kit itself reads."""

from stylelab import encoders
from stylelab.recipes import RECIPES, Recipe, Weights

START = {"content": "the content image", "noise": "noise"}


def recipes() -> str:
    """A table of all recipes, then a section for each."""
    heads = ("recipe", "content", "style", "total variation", "optimiser", "start", "size", "steps")
    rows = [[f"[`{name}`](#{name})", *_row(recipe)] for name, recipe in RECIPES.items()]
    return "\n\n".join([table(heads, rows), *map(_section, RECIPES.values())])


def table(heads, rows) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _row(recipe: Recipe) -> list[str]:
    return [
        f"{', '.join(recipe.content)}; `{recipe.content_loss}`", f"{len(recipe.style)} layers; `{recipe.style_loss}`",
        f"`{recipe.tv}`" if recipe.weights.tv else "none", recipe.optimiser.name, _start(recipe), _size(recipe), str(recipe.steps),
    ]  # fmt: skip


def _start(recipe: Recipe) -> str:
    return START.get(recipe.start) or f"{recipe.noise:g} noise + {1 - recipe.noise:g} content"


def _size(recipe: Recipe) -> str:
    return f"{recipe.size} px {'long side' if recipe.side == 'long' else 'height'}"


def _section(recipe: Recipe) -> str:
    facts = [
        ("from", recipe.source),
        ("content", f"{_shares(recipe.content)}; loss `{recipe.content_loss}`"),
        ("style", f"{_shares(recipe.style)}; loss `{recipe.style_loss}`"),
        ("author's weights", f"{_weights(recipe.weights)}; for activations of `{recipe.weights_for}`"),
        ("on normalised filters", _weights(recipe.normalised)),
    ]
    facts += [("on the embedded encoder", _weights(recipe.mini))] if recipe.mini else []
    facts += [
        ("optimiser", _optimiser(recipe)),
        ("start", _start(recipe)),
        ("size, steps", f"{_size(recipe)}, {recipe.steps} steps"),
    ]
    facts += [("pooling", recipe.pooling)] if recipe.pooling else []
    parts = [f"({recipe.name})=\n## `{recipe.name}`", table(("setting", "value"), facts)]
    if recipe.differs:
        parts.append("Where it departs from its source:\n\n" + "\n".join(f"- {each}" for each in recipe.differs))
    return "\n\n".join(parts)


def _shares(layers) -> str:
    """'conv4_2', or 'conv1_1, conv2_1, each 0.2'."""
    shares = set(layers.values())
    each = f", {'each ' if len(layers) > 1 else ''}{shares.pop():g}" if len(shares) == 1 else ""
    return ", ".join(layers) + each


def _weights(weights: Weights) -> str:
    text = f"content {weights.content:g}, style {weights.style:g}, total variation {weights.tv:g}"
    return text + (f" (at {weights.pixels} pixels)" if weights.pixels and weights.tv else "")


def _optimiser(recipe: Recipe) -> str:
    method = recipe.optimiser
    told = [method.name] + ([f"learning rate {method.learning_rate:.3g}"] if method.name != "lbfgs" else [])
    told += [f"beta1 {method.beta1:g}"] if method.name == "adam" else []
    told += [f"{method.decay:g} of it after every 100 steps"] if method.decay != 1 else []
    told += ["clipped to 0..1 after every step"] if method.clip else []
    told += [f"softness {method.softness:g}"] if method.softness else []
    return ", ".join(told)


def encoder_table() -> str:
    """What has a name, what it is, and how to get it. What this machine happens to have is left out."""
    from stylelab.cli.listings import encoder_states

    states = encoder_states()
    get = {name: f"`stylelab encoders download {name}`" for name in encoders.DOWNLOADS}
    get |= {"mini": "nothing to do: it ships with the kit", "random": "nothing to do: it is computed"}
    return table(
        ("encoder", "what it is", "how to get it"), [[f"`{name}`", states[name][1], get[name]] for name in encoders.NAMES]
    )


def layers() -> str:
    """The names of the layers, block by block."""
    blocks = [[layer for layer in encoders.LAYERS if layer[4] == str(block)] for block in encoders.CONVOLUTIONS]
    return table(("block", "layers"), [[number, ", ".join(block)] for number, block in enumerate(blocks, 1)])
