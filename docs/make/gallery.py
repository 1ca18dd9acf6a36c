"""The gallery page: content images in several styles by several recipes, painted by the kit's own gallery and kept in build/."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup
from PIL import Image

from docs.make import figures
from docs.make.source_folder import SourceFolder
from stylelab import images
from stylelab.images import builtin
from stylelab.recipes import RECIPES, scaled
from stylelab.tools.gallery.paint import paint as paint_plan
from stylelab.tools.gallery.plan import DONE, KEPT, WAITING, Pair, Plan
from stylelab.tools.gallery.plan import plan as plan_gallery

ENCODER = "mini"
MAX_STEPS = 100  # as in lesson 5; with more, the gallery would take a quarter of an hour on two cores
CAPTION = Template(
    "<b>{{ recipe }}</b><br>{{ facts.steps }} steps"
    "{% if facts.loss_start %}, {{ '{:.1%}'.format(facts.loss_end / facts.loss_start) }} of the loss left{% endif %}",
    autoescape=True,
)


@dataclass(frozen=True)
class Selection:
    """What the gallery shows.

    Attributes:
        contents, styles: names of built-in images.
        recipes: names.
        size: long side in pixels.
        preset: decides how many steps each recipe makes, at most MAX_STEPS.
    """

    contents: tuple[str, ...]
    styles: tuple[str, ...]
    recipes: tuple[str, ...]
    size: int
    preset: str


SELECTIONS = {
    "full": Selection(("china", "cat"), ("brushstrokes", "woodblock", "stained-glass"), tuple(RECIPES), 160, "cpu"),
    "tiny": Selection(("china",), ("fluid",), ("stylelab", "tf-tutorial"), 64, "ci"),
}

Painted = dict[tuple[str, str, str], Pair]  # (content, style, recipe) -> what was painted


def paint(selection: Selection, folder: Path, report: Callable[[str], object]) -> Painted:
    """Paint the images that are not in the folder yet; returns all of them.

    Args:
        folder: gets a folder for each recipe, `contents` and `styles`.
        report: called with a line about each image that is painted now.

    Raises:
        InputError, MachineError: as `stylelab.tools.gallery.paint.paint`.
    """
    plans = {recipe: _plan(selection, folder, recipe) for recipe in selection.recipes}
    waiting = [sum(pair.state == WAITING for pair in plan.pairs) for plan in plans.values()]
    if any(waiting):
        from stylelab.tools.cluster import connect

        # one recipe after another, on the same workers, because importing PyTorch is slow
        with connect(None, tasks=max(waiting), device="cpu") as client:
            for recipe, plan in plans.items():
                for pair in paint_plan(plan, scheduler=client.scheduler.address):
                    if pair.state == DONE:
                        report(f"{pair.name}, {recipe}: {pair.facts['seconds']:.0f} s")
    return {
        (pair.content, pair.style, recipe): pair
        for recipe, plan in plans.items()
        for pair in plan.pairs
        if pair.state in (DONE, KEPT)
    }


def _copy_images(names: tuple[str, ...], folder: Path) -> None:
    """Make a folder of the built-in images of these names, and of no others."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}{images.find_image(name).suffix}": images.find_image(name) for name in names}
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, path in files.items():
        if not (folder / name).is_file():
            shutil.copyfile(path, folder / name)


def _plan(selection: Selection, folder: Path, recipe: str) -> Plan:
    for kind, names in (("contents", selection.contents), ("styles", selection.styles)):
        _copy_images(names, folder / kind)
    return plan_gallery(
        str(folder / "contents"), str(folder / "styles"), folder / recipe, recipe=recipe, encoder=ENCODER,
        size=selection.size, steps=min(MAX_STEPS, scaled(recipe, selection.preset).steps), device="cpu",
    )  # fmt: skip


def page(selection: Selection, painted: Painted, folder: Path, source: SourceFolder) -> str:
    """The gallery in Markdown: a section for each content image, in it one for each style."""
    count = len(selection.contents) * len(selection.styles) * len(selection.recipes)
    parts = [
        f"{count} images: {len(selection.contents)} photographs in {len(selection.styles)} styles by {len(selection.recipes)} "
        f"recipes, {selection.size} pixels wide or high, painted on a CPU with the embedded encoder `{ENCODER}`. Below each image "
        "are its number of steps, and how much of the first step's loss was left after the last. Recipes compute their losses "
        f"differently: compare these percentages only within a recipe. No run is longer than {MAX_STEPS} steps; some authors' are: "
        f"`keras` takes {RECIPES['keras'].steps}, and stays close to the photograph here."
    ]
    for content in selection.contents:
        original = _thumbnail(content, source), f"The photograph. {builtin.credit(content)}."
        parts += [f"## {content.capitalize()}", figures.grid([original])]
        for style in selection.styles:
            row = [(_thumbnail(style, source), "The style image.")]
            for recipe in selection.recipes:
                if pair := painted.get((content, style, recipe)):
                    alt = f"{builtin.alt(content)}, in the style of {style}, by recipe {recipe}"
                    with Image.open(folder / recipe / pair.file) as image:
                        figure = figures.add_image(source, f"gallery/{content}-{style}-{recipe}", image, alt)
                    row.append((figure, Markup(CAPTION.render(recipe=recipe, facts=pair.facts))))
            parts += [f"### {content.capitalize()} in {style}", figures.grid(row)]
    credits = [f"- {name}: {builtin.credit(name)}" for name in (*selection.contents, *selection.styles)]
    return "\n\n".join([*parts, "## Credits", "\n".join(credits)])


def _thumbnail(name: str, source: SourceFolder, size: int = 224) -> figures.Figure:
    small = Image.fromarray((images.open_image(name, size=size) * 255 + 0.5).astype("uint8"))
    return figures.add_image(source, f"gallery/{name}", small, builtin.alt(name))
