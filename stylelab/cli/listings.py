"""The tables that the commands `encoders`, `recipes`, `losses` and `doctor` print."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from stylelab.errors import InputError, MachineError, unknown
from stylelab.languages import say


def _console() -> Console:
    """The terminal, or 140 columns for a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def _print(*columns: str, rows: Sequence[tuple[str, ...]], first: str = "bold") -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(say(column), style=first if index == 0 else None, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(say, row))
    _console().print(table, markup=False)


def encoders() -> None:
    """Print a table of the encoders: name, where it is or how to get it, what it is."""
    _print("encoder", "state", "what", rows=[(name, *state) for name, state in encoder_states().items()])


def encoder_states() -> dict[str, tuple[str, str]]:
    """`{name: (state, what it is)}` of every encoder that has a name."""
    from stylelab.encoders import DOWNLOADS, NAMES, find_encoder

    about = {
        "mini": "all 16 layers of VGG-19, narrower, trained on the built-in images; ships with stylelab",
        "vgg19": "the network of Gatys et al., trained by Simonyan and Zisserman on ImageNet; 80 MB",
        "vgg19-torchvision": "torchvision's VGG-19, IMAGENET1K_V1; 80 MB",
        "random": "seeded random weights; 'random-7' for another seed",
    }
    chosen, states = find_encoder_name(), {}
    for name in NAMES:
        try:
            found = find_encoder(name)
            state = "computed" if found.path is None else "ready"
            state += " (auto)" if name == chosen else ""
        except InputError:
            state = f"run `stylelab encoders download {name}`" if name in DOWNLOADS else "missing: install stylelab again"
        states[name] = (state, about.get(name, ""))
    return states


def find_encoder_name() -> str | None:
    """The name of the encoder that 'auto' stands for now; None if there is none."""
    from stylelab.encoders import find_encoder

    try:
        return find_encoder("auto").name
    except InputError:
        return None


def download(name: str) -> None:
    """Download an encoder and print where it is.

    Raises:
        InputError: not the name of an encoder that can be downloaded.
        MachineError: no network, or a file whose hash is wrong.
    """
    from stylelab.encoders import DOWNLOADS, NAMES

    if name in NAMES and name not in DOWNLOADS:
        raise InputError(f"encoder '{name}' needs no download: use it as it is")
    if name not in DOWNLOADS:
        raise unknown("encoder to download", name, DOWNLOADS)
    from stylelab.encoders import download

    path = download.download(name, say=_say)
    _say(f"{name} is ready: {path}")


def _say(line: str) -> None:
    _console().print(say(line), markup=False, highlight=False, soft_wrap=True)


def recipes() -> None:
    """Print a table of the recipes."""
    from stylelab.recipes import RECIPES

    _print("recipe", "size", "settings", "from", rows=[
        (name, f"{recipe.size} px {recipe.side}", recipe.summary, recipe.source) for name, recipe in RECIPES.items()
    ])  # fmt: skip


def losses() -> None:
    """Print a table of the losses."""
    from stylelab.recipes import LOSSES

    _print("loss", "sees", "is blind to", "cost", "from", rows=[
        (loss, about.sees, about.blind, about.cost, about.source) for loss, about in LOSSES.items()
    ])  # fmt: skip


def recipe(name: str) -> None:
    """Print one recipe in full, and how it differs from its author's code.

    Raises:
        InputError: no such recipe.
    """
    from stylelab.recipes import find_recipe

    found = find_recipe(name)
    shares = {layer: f"{share:.3g}" for layer, share in (*found.content.items(), *found.style.items())}
    rows: list[tuple[str, ...]] = [
        ("from", found.source),
        ("settings", found.summary),
        ("size", f"{found.size} pixels, {found.side}"),
    ]
    rows += [("content", ", ".join(f"{layer} x {shares[layer]}" for layer in found.content))]
    rows += [("style", ", ".join(f"{layer} x {shares[layer]}" for layer in found.style))]
    for encoder, weights in weights_of(found).items():
        at = f" at {weights.pixels} pixels, half of it at twice as many" if weights.pixels else ""
        numbers = f"content {weights.content:.3g}, style {weights.style:.3g}, total variation {weights.tv:.3g}"
        rows += [(f"weights, {encoder}", say(numbers) + say(at))]
    rows += [("differs", sentence) for sentence in found.differs]
    _print("recipe", found.name, rows=rows)


def weights_of(found) -> dict:
    """`{encoder: Weights}` of a recipe: for its author's network, for the others, and for 'mini' if it has its own."""
    weights = {} if found.weights_for == "normalised" else {found.weights_for: found.weights}
    weights["any" if not weights else "others"] = found.normalised
    return weights | ({"mini": found.mini} if found.mini else {})


def doctor() -> int:
    """Print a table of what this machine has.

    Raises:
        MachineError: something is missing that nothing works without.
    """
    from stylelab.cli.doctor import report

    findings = report()
    _print("what", "state", "what to do", rows=[tuple(finding[:3]) for finding in findings])
    broken = [finding.what for finding in findings if finding.broken]
    if broken:
        raise MachineError(f"missing here: {', '.join(broken)}; see the last column")
    return 0
