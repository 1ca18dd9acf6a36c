"""The gallery: every content image in every style by every recipe, painted by the kit's own gallery and kept in build/."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from docs.make import figures
from docs.make.stage import Stage
from stylelab import images
from stylelab.images import builtin
from stylelab.recipes import RECIPES, scaled
from stylelab.tools.gallery.paint import paint as paint_gallery
from stylelab.tools.gallery.plan import DONE, KEPT, WAITING, Pair, Plan
from stylelab.tools.gallery.plan import plan as plan_gallery

ENCODER = "mini"
LONGEST = 100  # steps, as in lesson 5: with more, a gallery would take a quarter of an hour on two cores


@dataclass(frozen=True)
class Wall:
    """What is hung.

    Attributes:
        contents, styles: names of built-in images.
        recipes: names.
        size: long side in pixels.
        preset: decides how many steps each recipe makes, LONGEST at most.
    """

    contents: tuple[str, ...]
    styles: tuple[str, ...]
    recipes: tuple[str, ...]
    size: int
    preset: str


WALLS = {
    "full": Wall(("china", "cat", "rocket"), ("brushstrokes", "woodblock", "stained-glass", "fluid"), tuple(RECIPES), 160, "cpu"),
    "tiny": Wall(("china",), ("fluid", "ceramic"), ("gatys", "tf-tutorial"), 64, "ci"),
}

Painted = dict[tuple[str, str, str], Pair]  # (content, style, recipe) -> what was painted


def paint(wall: Wall, folder: Path, say: Callable[[str], object]) -> Painted:
    """Paint what is not in the folder yet; returns all of it.

    Args:
        folder: a folder for each recipe, `contents` and `styles`.
        say: told about each image that is painted now.

    Raises:
        InputError, MachineError: as `stylelab.tools.gallery.paint.paint`.
    """
    plans = {recipe: _plan(wall, folder, recipe) for recipe in wall.recipes}
    waiting = sum(pair.state == WAITING for plan in plans.values() for pair in plan.pairs)
    if waiting:
        from stylelab.tools.cluster import connect

        with connect(None, tasks=waiting, device="cpu") as client:  # one set of workers, which import PyTorch once
            for recipe, plan in plans.items():
                for pair in paint_gallery(plan, scheduler=client.scheduler.address):
                    if pair.state == DONE:
                        say(f"{pair.name}, {recipe}: {pair.facts['seconds']:.0f} s")
    return {
        (pair.content, pair.style, recipe): pair
        for recipe, plan in plans.items()
        for pair in plan.pairs
        if pair.state in (DONE, KEPT)
    }


def _plan(wall: Wall, folder: Path, recipe: str) -> Plan:
    for kind, names in (("contents", wall.contents), ("styles", wall.styles)):
        _copy(names, folder / kind)
    steps = min(LONGEST, scaled(recipe, wall.preset).steps)
    return plan_gallery(
        str(folder / "contents"), str(folder / "styles"), folder / recipe,
        recipe=recipe, encoder=ENCODER, size=wall.size, steps=steps, device="cpu",
    )  # fmt: skip


def _copy(names: tuple[str, ...], folder: Path) -> None:
    """The built-in images of these names, and no others, as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}{images.find_image(name).suffix}": images.find_image(name) for name in names}
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, path in files.items():
        if not (folder / name).is_file():
            shutil.copyfile(path, folder / name)


def page(wall: Wall, painted: Painted, folder: Path, stage: Stage) -> str:
    """The gallery in Markdown: a section for each content image, in it one for each style."""
    parts = [_told(wall)]
    for content in wall.contents:
        parts += [f"## {content.capitalize()}", _original(content, stage)]
        for style in wall.styles:
            parts += [f"### {content.capitalize()} in {style}", _figures(_row(content, style, wall, painted, folder, stage))]
    return "\n\n".join([*parts, "## Credits", _credits(wall)])


def _told(wall: Wall) -> str:
    count = len(wall.contents) * len(wall.styles) * len(wall.recipes)
    return (
        f"{count} images: {len(wall.contents)} photographs in {len(wall.styles)} styles by {len(wall.recipes)} recipes, "
        f"{wall.size} pixels wide or high, painted on a CPU with the embedded encoder `{ENCODER}`. Under each stand the number of "
        "steps, and how much of the first step's loss was left after the last. Recipes count their losses differently: compare "
        f"these shares within one recipe only. No run is longer than {LONGEST} steps, and the authors' are: `keras` makes "
        f"{RECIPES['keras'].steps}, and here hardly leaves the photograph."
    )


def _original(name: str, stage: Stage) -> str:
    caption = f"The photograph. {escape(builtin.credit(name))}."
    return _figures([_figure(_thumbnail(name, stage), caption)])


def _thumbnail(name: str, stage: Stage, size: int = 224) -> figures.Figure:
    small = Image.fromarray((images.open_image(name, size=size) * 255 + 0.5).astype("uint8"))
    return figures.add_image(stage, f"gallery/{name}", small, builtin.alt(name))


def _row(content: str, style: str, wall: Wall, painted: Painted, folder: Path, stage: Stage) -> Iterator[str]:
    yield _figure(_thumbnail(style, stage), "The style image.")
    for recipe in wall.recipes:
        if pair := painted.get((content, style, recipe)):
            with Image.open(folder / recipe / pair.file) as image:
                alt = f"{builtin.alt(content)}, in the style of {style}, by recipe {recipe}"
                yield _figure(figures.add_image(stage, f"gallery/{content}-{style}-{recipe}", image, alt), _caption(recipe, pair))


def _caption(recipe: str, pair: Pair) -> str:
    facts = pair.facts
    left = f", {facts['loss_end'] / facts['loss_start']:.1%} of the loss left" if facts.get("loss_start") else ""
    return f"<b>{recipe}</b><br>{facts['steps']} steps{left}"


def _figure(figure: figures.Figure, caption: str) -> str:
    return f"<figure>{figure.html()}<figcaption>{caption}</figcaption></figure>"


def _figures(found: "list[str] | Iterator[str]") -> str:
    return '<div class="wall">\n' + "\n".join(found) + "\n</div>"


def _credits(wall: Wall) -> str:
    lines = [f"- {name}: {builtin.credit(name)}" for name in (*wall.contents, *wall.styles)]
    return "\n".join(lines)
