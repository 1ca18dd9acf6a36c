"""The contact sheet of a gallery: one accessible HTML page in the gallery's folder, with a small copy of every input image."""

import base64
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from stylelab import images
from stylelab.errors import StylelabError
from stylelab.tools import encode
from stylelab.tools.gallery.plan import Plan

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def page(plan: Plan) -> str:
    """The page's HTML: a table with a row for each content image and a column for each style. Pairs may still be waiting."""
    settings = plan.settings
    facts = [f"Recipe {settings['recipe']}", f"encoder {settings['encoder']}", f"{settings['steps']} steps", settings["backend"]]
    facts += [f"precision {settings['precision']}"]  # what 'auto' was resolved to is in the captions
    if settings["scales"] != 1:
        facts += ["from coarse to fine" + (f" in {settings['scales']} sizes" if settings["scales"] else "")]
    facts += [f"in tiles of {settings['tile']} pixels"] if settings["tile"] else []
    facts += [f"the photographs' colours kept by {settings['keep_colours']}"] if settings["keep_colours"] else []
    facts += [f"strength {settings['strength']:g}"] if settings["strength"] != 1 else []
    facts += [f"style images at {settings['style_scale']:g} of their size"] if settings["style_scale"] != 1 else []
    rows: dict[str, list] = {content: [] for content in plan.contents}
    for pair in plan.pairs:
        facts_of, caption = pair.facts, []  # how the image was painted, unless an earlier version did not record it
        if "seconds" in facts_of:
            of_a_batch = f" of a batch of {facts_of['batch']}" if facts_of.get("batch", 1) > 1 else ""
            caption = [f"{facts_of['seconds']:.1f} s{of_a_batch}"]
            caption += [str(facts_of[name]) for name in ("precision", "device") if name in facts_of]
            caption += [f"tiles of {facts_of['tile']} pixels"] if facts_of.get("tile") else []
        rows[pair.content].append((pair, (plan.folder / pair.file).is_file(), ", ".join(caption)))
    inputs = {("content", name): path for name, path in plan.contents.items()}
    inputs |= {("style", name): path for name, path in plan.styles.items()}
    built_in = set(images.names())
    return TEMPLATES.get_template("contact_sheet.html.j2").render(
        title=f"{_count(plan.contents, 'image')} in {_count(plan.styles, 'style')}",
        settings=f"{', '.join(facts)}.",
        plan=plan,
        rows=rows.items(),
        thumbnails={key: _thumbnail(path) for key, path in inputs.items()},
        credits={  # their licences ask for it
            name: images.credit(name)
            for (_, name), path in inputs.items()
            if name in built_in and images.find_image(name) == path
        },
    )


def _count(things: dict, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


@lru_cache(maxsize=256)
def _thumbnail(path: Path) -> str:
    """A small JPEG in base64; '' for an image that cannot be opened."""
    try:
        return base64.b64encode(encode.jpeg(images.resize(images.open_with_notes(path).image, 160), 160)).decode()
    except StylelabError:
        return ""
