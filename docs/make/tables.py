"""The recipes and the encoders as Markdown tables, from the data that the kit itself uses."""

from stylelab import encoders
from stylelab.recipes import LOSSES, RECIPES, Recipe, Weights


def table(heads, rows) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def escape(text: str) -> str:
    """Plain text as Markdown without accidental emphasis or HTML. Backticks stay: they mean code."""
    return "".join(f"\\{character}" if character in "*_<>[]$" else character for character in text)


def recipes() -> str:
    """A table of all recipes, then a section for each."""
    heads = ("recipe", "content", "style", "total variation", "optimiser", "start", "size", "steps")
    rows = [
        [
            f"[`{name}`](#{name})", f"{', '.join(recipe.content)}; `{recipe.content_loss}`",
            f"{len(recipe.style)} layers; `{recipe.style_loss}`", f"`{recipe.tv}`" if recipe.weights.tv else "none",
            recipe.optimiser.name, _start(recipe), _size(recipe), recipe.steps,
        ]
        for name, recipe in RECIPES.items()
    ]  # fmt: skip
    return "\n\n".join([table(heads, rows), *map(_section, RECIPES.values())])


def losses() -> str:
    """A table of all losses."""
    rows = [[f"`{loss}`", f"`{about.function}`", *map(escape, (about.sees, about.blind, about.cost, about.source))]
            for loss, about in LOSSES.items()]  # fmt: skip
    return table(("loss", "function", "sees", "is blind to", "cost", "from"), rows)


def _start(recipe: Recipe) -> str:
    names = {"content": "the content image", "noise": "noise"}
    return names.get(recipe.start) or f"{recipe.noise:g} noise + {1 - recipe.noise:g} content"


def _size(recipe: Recipe) -> str:
    return f"{recipe.size} px {'long side' if recipe.side == 'long' else 'height'}"


def _section(recipe: Recipe) -> str:
    facts = [
        ("from", recipe.source),
        ("content", f"{_layer_weights(recipe.content)}; loss `{recipe.content_loss}`"),
        ("style", f"{_layer_weights(recipe.style)}; loss `{recipe.style_loss}`"),
        ("author's weights", f"{_loss_weights(recipe.weights)}; for activations of `{recipe.weights_for}`"),
        ("on normalised filters", _loss_weights(recipe.normalised)),
    ]
    facts += [("on the embedded encoder", _loss_weights(recipe.mini))] if recipe.mini else []
    facts += [
        ("optimiser", _optimiser(recipe)),
        ("start", _start(recipe)),
        ("size, steps", f"{_size(recipe)}, {recipe.steps} steps"),
    ]
    facts += [("pooling", recipe.pooling)] if recipe.pooling else []
    parts = [f"({recipe.name})=\n## `{recipe.name}`", table(("setting", "value"), facts)]
    if recipe.differs:
        parts.append("Where it departs from its source:\n\n" + "\n".join(f"- {difference}" for difference in recipe.differs))
    return "\n\n".join(parts)


def _layer_weights(layers) -> str:
    """'conv4_2 1', or 'conv1_1, conv2_1, each 0.2'; only the names if the weights differ."""
    weights = set(layers.values())
    weight = f", {'each ' if len(layers) > 1 else ''}{weights.pop():g}" if len(weights) == 1 else ""
    return ", ".join(layers) + weight


def _loss_weights(weights: Weights) -> str:
    text = f"content {weights.content:g}, style {weights.style:g}, total variation {weights.tv:g}"
    return text + (f" (at {weights.pixels} pixels)" if weights.pixels and weights.tv else "")


def _optimiser(recipe: Recipe) -> str:
    method = recipe.optimiser
    facts = [method.name] + ([f"learning rate {method.learning_rate:.3g}"] if method.name != "lbfgs" else [])
    facts += [f"beta1 {method.beta1:g}"] if method.name == "adam" else []
    facts += [f"multiplied by {method.decay:g} every 100 steps"] if method.decay != 1 else []
    facts += ["clipped to 0..1 after every step"] if method.clip else []
    facts += [f"softness {method.softness:g}"] if method.softness else []
    return ", ".join(facts)


def encoder_table() -> str:
    """Every named encoder, what it is and how to get it, whether or not this machine has it."""
    from stylelab.cli.listings import encoder_states

    states = encoder_states()
    get = {name: f"`stylelab encoders download {name}`" for name in encoders.DOWNLOADS}
    get |= {"mini": "nothing to do: it ships with the kit", "random": "nothing to do: it is computed"}
    rows = [[f"`{name}`", states[name][1], get[name]] for name in encoders.NAMES]
    return table(("encoder", "what it is", "how to get it"), rows)


def layers() -> str:
    """The names of the layers, block by block."""
    blocks = [[layer for layer in encoders.LAYERS if layer[4] == str(block)] for block in encoders.CONVOLUTIONS]
    return table(("block", "layers"), [[number, ", ".join(block)] for number, block in enumerate(blocks, 1)])
