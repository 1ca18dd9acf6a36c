"""The built-in images, which need no download. Each has a credit and a description in words.

The content images are files of scikit-image and scikit-learn, read where those packages are installed. The style images
are the project's own. The credits are those that the two packages state.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from stylelab.base.course import ASSETS
from stylelab.errors import InputError, unknown

ALIASES = {"chelsea": "cat", "hubble-deep-field": "hubble", "stereo-motorcycle": "motorcycle"}


@dataclass(frozen=True)
class Item:
    """A built-in image.

    Attributes:
        kind: 'content', 'style' or 'texture'.
        package: the package that has the file: 'skimage', 'sklearn' or 'stylelab'.
        file: its path inside that package's folder, or inside assets/ for 'stylelab'.
        credit: author and licence, as the package states them.
        alt: what the image shows, for readers who cannot see it.
    """

    kind: str
    package: str
    file: str
    credit: str
    alt: str

    @property
    def path(self) -> Path:
        """Where the file should be on this machine; a package may have been installed without its images."""
        if self.package == "stylelab":
            return ASSETS / self.file
        spec = importlib.util.find_spec(self.package)  # finds the folder without importing the package
        return Path(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else self.package) / self.file


def _skimage(file: str, credit: str, alt: str, kind: str = "content") -> Item:
    return Item(kind, "skimage", f"data/{file}", f"{credit}; from scikit-image", alt)


def _sklearn(file: str, author: str, alt: str) -> Item:
    return Item("content", "sklearn", f"datasets/images/{file}", f"{author} on Flickr, CC BY 2.0; from scikit-learn", alt)


def _style(name: str, alt: str) -> Item:
    return Item("style", "stylelab", f"style/{name}.jpg", "drawn by assets/make/images.py, CC0", alt)


ITEMS = {
    "astronaut": _skimage(
        "astronaut.png",
        "NASA Great Images, public domain",
        "Portrait of the astronaut Eileen Collins in an orange suit, before a flag and a model of the shuttle",
    ),
    "camera": _skimage("camera.png", "Lav Varshney, CC0", "A man in a long coat behind a camera on a tripod, in shades of grey"),
    "cat": _skimage("chelsea.png", "Stefan van der Walt, CC0", "Face of Chelsea, a brown tabby cat with green eyes"),
    "china": _sklearn("china.jpg", "danielbuechele", "An eight-sided pagoda of four storeys above trees and a lake"),
    "coffee": _skimage(
        "coffee.png",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0",
        "A cup of espresso on a red saucer, on a wooden table",
    ),
    "coins": _skimage(
        "coins.png",
        "Brooklyn Museum Collection, no known copyright restrictions",
        "Greek coins from Pompeii in four rows, in shades of grey",
    ),
    "flower": _sklearn("flower.jpg", "vultilion", "An orange dahlia before dark leaves"),
    "hubble": _skimage(
        "hubble_deep_field.jpg", "NASA, public domain", "Hundreds of galaxies on a black sky: the Hubble deep field"
    ),
    "motorcycle": _skimage(
        "motorcycle_left.png",
        "Nesic, Westling, Wang, Kitajima, Krathwohl and Scharstein, Middlebury 2014 stereo benchmark",
        "A red motorcycle in a workshop, seen from the side",
    ),
    "retina": _skimage("retina.jpg", "Mikael Häggström, CC0", "The back of an eye: red vessels branch over an orange disc"),
    "rocket": _skimage(
        "rocket.jpg", "SpaceX, public domain", "A white rocket on its pad between towers, under a deep blue evening sky"
    ),
    "brick": _skimage("brick.png", "CC0Textures, CC0", "A brick wall, in shades of grey", "texture"),
    "grass": _skimage("grass.png", "linolafett, CC0", "Grass from above, in shades of grey", "texture"),
    "gravel": _skimage("gravel.png", "CC0Textures, CC0", "Gravel from above, in shades of grey", "texture"),
    "brushstrokes": _style("brushstrokes", "A night sky in thick brush strokes that swirl round glowing stars, above dark hills"),
    "ceramic": _style("ceramic", "Ceramic tiles: interlaced stars in blue, turquoise and gold"),
    "woodblock": _style("woodblock", "Towering waves and a red sun in the flat colours and dark outlines of a woodblock print"),
    "stained-glass": _style("stained-glass", "A stained-glass landscape: a tree, hills and poppies under a radiant sun"),
    "fluid": _style("fluid", "Blue, white and orange inks stirred into a turbulent fluid"),
    "pointillism": _style("pointillism", "A sailing boat on a lake at sunset, in dots of pure colour"),
}


def content_names() -> tuple[str, ...]:
    """The names of the built-in photographs that are installed.

    >>> {"cat", "china", "coffee"} <= set(images.content_names())
    True
    """
    return tuple(name for name, item in ITEMS.items() if item.kind == "content" and item.path.is_file())


def style_names() -> tuple[str, ...]:
    """The names of the built-in style images, which are the project's own.

    >>> images.style_names()
    ('brushstrokes', 'ceramic', 'woodblock', 'stained-glass', 'fluid', 'pointillism')
    """
    return tuple(name for name, item in ITEMS.items() if item.kind == "style")


def names() -> tuple[str, ...]:
    """The names of all built-in images: photographs, grey textures, style images.

    >>> {"cat", "brick", "fluid"} <= set(images.names())
    True
    """
    return tuple(name for name, item in ITEMS.items() if item.kind == "style" or item.path.is_file())


def find_item(name: str) -> Item | None:
    """The built-in image with this name, in upper or lower case, with '_' or '-'; None if there is none."""
    key = str(name).strip().lower().replace("_", "-")
    return ITEMS.get(ALIASES.get(key, key))


def find_built_in(name: str) -> Path | None:
    """The file of a built-in image; None if no built-in image has this name.

    >>> images.find_built_in("Stained_Glass").name
    'stained-glass.jpg'
    >>> images.find_built_in("holiday.jpg") is None
    True

    Raises:
        InputError: the image is built in, but its file is not on this machine.
    """
    item = find_item(name)
    if item and not item.path.is_file():
        raise InputError(f"built-in image '{name}' has no file {item.path}: reinstall {item.package}")
    return item.path if item else None


def credit(name: str) -> str:
    """The author and licence of a built-in image, as its package states them.

    >>> images.credit("cat")
    'Stefan van der Walt, CC0; from scikit-image'

    Raises:
        InputError: no built-in image has this name.
    """
    return _require_item(name).credit


def alt(name: str) -> str:
    """What a built-in image shows, in words that can serve as alt text.

    >>> images.alt("cat")
    'Face of Chelsea, a brown tabby cat with green eyes'

    Raises:
        InputError: no built-in image has this name.
    """
    return _require_item(name).alt


def _require_item(name: str) -> Item:
    item = find_item(name)
    if item is None:
        raise unknown("built-in image", name, ITEMS)
    return item
